"""Where speech starts, pauses and resumes: endpointing.

Owns the rules by which votes become events, and the audio from just before speech to just after it. Must not know how
votes are made, nor what a pause means: the silences that end an utterance, no-input and maxtime belong to `protocol`.

Every decision counts frames, never a clock's ticks, and is made frame by frame: however the audio is cut, and however
late it comes, the events are the same. A change must persist to count (as in UniMRCP's activity detector, whose two
transition states serve the same end):

========  ==============================================================  ==========================
state     leaves it when                                                  events
========  ==============================================================  ==========================
SILENCE   enough votes, some with pitch, in the window: SPEECH            SpeechStarted, SpeechAudio
SPEECH    a frame is not voiced: TRAILING                                 SpeechAudio
TRAILING  more votes than a click makes: SPEECH                           SpeechAudio
          silent, and `pause_ms` since the last frame of speech: PAUSED   SpeechPaused
PAUSED    enough votes in the window: SPEECH                              SpeechResumed, SpeechAudio
========  ==============================================================  ==========================

The defaults were set on recorded telephone speech, level steps, breath, clicks, hum and comfort noise.
"""

from collections import deque
from enum import Enum, auto
from typing import assert_never

import numpy as np
from attrs import Attribute, field, frozen, validators
from numpy.typing import NDArray

from h2b.audio.framing import Frame, same_samples
from h2b.model.formats import FRAME_SAMPLES, milliseconds_to_samples

RUN_GAP_FRAMES = 1
"""A run of votes survives this many frames without one."""


def frames_in(milliseconds: int) -> int:
    """How many frames this time makes, rounded."""
    return round(milliseconds_to_samples(milliseconds) / FRAME_SAMPLES)


def fits_window(settings: "EndpointSettings", attribute: "Attribute[int]", milliseconds: int) -> None:
    """More votes than the window holds frames would never come together."""
    if milliseconds > settings.start_window_ms:
        raise ValueError(f"{attribute.name} is {milliseconds}, expected at most start_window_ms")


def time_ms(default: int) -> int:
    """A setting in milliseconds that may be zero."""
    return field(default=default, validator=validators.ge(0))


@frozen(kw_only=True)
class EndpointSettings:
    """Times in milliseconds; each counts in whole frames of 20 ms, rounded. ValueError if one makes no sense."""

    start_window_ms: int = field(default=240, validator=validators.ge(20))
    """Starts and resumptions are decided by the votes of this time."""
    start_voiced_ms: int = field(default=160, validator=[validators.ge(20), fits_window])
    """Voiced time in the window that starts speech: more than a bang or the noise of picking up, less than a 'no'."""
    start_pitched_ms: int = field(default=40, validator=[validators.ge(0), fits_window])
    """Voiced time with pitch that must be part of it: every word has a vowel, breath has none."""
    resume_voiced_ms: int = field(default=160, validator=[validators.ge(20), fits_window])
    """Voiced time in the window that resumes speech without any pitch: a last "s" or "f" counts."""
    resume_pitched_ms: int = field(default=60, validator=[validators.ge(20), fits_window])
    """Voiced time with pitch that resumes speech sooner: a lost word costs more than noise, clicks have none."""
    click_ms: int = time_ms(40)
    """Voiced time in the window that does not yet interrupt a silence on its way to a pause."""
    pause_ms: int = field(default=300, validator=validators.ge(20))
    """Silence after which a pause is declared and decoding starts: at 200 ms 1.1 hypotheses
    an utterance were made in vain on the recordings, at 300 ms 0.25."""
    pre_roll_ms: int = time_ms(300)
    """Audio given from before the first voiced frame: a word's soft beginning does not vote."""
    onset_ms: int = time_ms(500)
    """How far before the window votes in a run still belong to the start: a long 's' before its vowel."""
    hangover_ms: int = time_ms(200)
    """Audio given after the last voiced frame: a word's soft end does not vote."""
    gap_ms: int = time_ms(500)
    """Audio given of a silence inside speech, at most: its first `hangover_ms`, and of the rest what came last."""


@frozen
class SpeechStarted:
    """Speech began: index of its first voiced sample, and of the first sample after the frame that decided so.

    With pre-roll, `start_sample` can lie before the recognition began.
    """

    start_sample: int
    at_sample: int


@frozen
class SpeechAudio:
    """The next int16 samples of the utterance.

    From SpeechStarted on they join up, pre-roll included. Silence after speech is given for `hangover_ms`, and longer
    silence inside speech is shortened to `gap_ms`: counting these samples does not give positions in the call.
    """

    samples: NDArray[np.int16] = field(eq=same_samples)


@frozen
class SpeechPaused:
    """Speech has been silent for `pause_ms`: index after its last voiced sample, and after the deciding frame.

    All the audio of the utterance so far has been given. Only SpeechResumed brings more.
    """

    end_sample: int
    at_sample: int


@frozen
class SpeechResumed:
    """Speech goes on after a pause: index of its first voiced sample, and after the frame that decided so."""

    start_sample: int
    at_sample: int


EndpointEvent = SpeechStarted | SpeechAudio | SpeechPaused | SpeechResumed


class EndpointState(Enum):
    """The rows of the table above."""

    SILENCE = auto()
    SPEECH = auto()
    TRAILING = auto()
    PAUSED = auto()


@frozen
class VotedFrame:
    """A frame and the vote on it."""

    frame: Frame
    voiced: bool
    pitched: bool


class Endpointer:
    """Turns the voted frames of a recognition into events; `reset` makes it ready for the next recognition.

    Speech starts once in a recognition; then it pauses and resumes until someone else ends the utterance.
    """

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        settings = settings or EndpointSettings()
        self._start_voiced = frames_in(settings.start_voiced_ms)
        self._start_pitched = frames_in(settings.start_pitched_ms)
        self._resume_voiced = frames_in(settings.resume_voiced_ms)
        self._resume_pitched = frames_in(settings.resume_pitched_ms)
        self._click = frames_in(settings.click_ms)
        self._pause = frames_in(settings.pause_ms)
        self._pre_roll = frames_in(settings.pre_roll_ms)
        self._hangover = frames_in(settings.hangover_ms)
        self._gap_end = max(frames_in(settings.gap_ms) - self._hangover, 0)
        self._onset_frames = frames_in(settings.onset_ms)
        window = frames_in(settings.start_window_ms)
        self._state = EndpointState.SILENCE
        self._window: deque[VotedFrame] = deque(maxlen=window)
        self._voiced = self._pitched = 0
        """Votes in the window: counted as they come and go."""
        before = max(self._pre_roll, self._gap_end)
        self._held: deque[VotedFrame] = deque(maxlen=before + self._onset_frames + window)
        self._recent: deque[VotedFrame] = deque(maxlen=self._pre_roll)
        self._end_sample = 0
        self._silent_frames = 0

    @property
    def state(self) -> EndpointState:
        """Which row of the table it is in."""
        return self._state

    def reset(self) -> None:
        """Makes ready for the next utterance.

        The last `pre_roll_ms` of audio stay, so that a word already begun is whole. Of their votes those count that
        were not part of an utterance: the tail of the last one starts nothing.
        """
        self._state = EndpointState.SILENCE
        self._clear_window()
        for voted in self._recent:
            self._vote(voted)
        self._held.clear()
        self._held.extend(self._recent)

    def push(self, frame: Frame, voiced: bool, pitched: bool = True) -> list[EndpointEvent]:
        """What the next frame of the recognition, and the vote on it, change: one SpeechAudio, nothing, or more.

        `voiced` and `pitched` are `VoiceActivity`'s; without its test for pitch every voiced frame counts as pitched.
        """
        voted = VotedFrame(frame, voiced, voiced and pitched)
        match self._state:
            case EndpointState.SILENCE:
                self._recent.append(voted)
                return self._in_silence(voted)
            case EndpointState.SPEECH:
                events = self._in_speech(voted)
            case EndpointState.TRAILING:
                events = self._in_trailing(voted)
            case EndpointState.PAUSED:
                events = self._in_pause(voted)
            case _:
                assert_never(self._state)
        self._recent.append(VotedFrame(frame, voiced=False, pitched=False))
        return events

    def _in_silence(self, voted: VotedFrame) -> list[EndpointEvent]:
        self._vote(voted)
        self._held.append(voted)
        if self._voiced < self._start_voiced or self._pitched < self._start_pitched:
            return []
        onset = self._onset()
        self._enter_speech(voted)
        return [SpeechStarted(onset, voted.frame.end), *self._release(onset, self._pre_roll)]

    def _in_speech(self, voted: VotedFrame) -> list[EndpointEvent]:
        if voted.voiced:
            self._end_sample = voted.frame.end
            return [SpeechAudio(voted.frame.samples)]
        self._state = EndpointState.TRAILING
        self._silent_frames = 0
        self._clear_window()
        return self._in_trailing(voted)

    def _in_trailing(self, voted: VotedFrame) -> list[EndpointEvent]:
        events = self._hear_silence(voted)
        if self._voiced > self._click:
            onset = self._onset()
            self._enter_speech(voted)
            events += self._release(onset, self._gap_end)
        elif self._silent_frames >= self._pause and not voted.voiced:
            self._state = EndpointState.PAUSED
            events.append(SpeechPaused(self._end_sample, voted.frame.end))
        return events

    def _in_pause(self, voted: VotedFrame) -> list[EndpointEvent]:
        events = self._hear_silence(voted)
        if self._voiced >= self._resume_voiced or self._pitched >= self._resume_pitched:
            onset = self._onset()
            self._enter_speech(voted)
            events += [SpeechResumed(onset, voted.frame.end), *self._release(onset, self._gap_end)]
        return events

    def _hear_silence(self, voted: VotedFrame) -> list[EndpointEvent]:
        """One more frame after speech: given while the hangover lasts, held from then on."""
        self._vote(voted)
        self._silent_frames += 1
        if self._silent_frames <= self._hangover:
            return [SpeechAudio(voted.frame.samples)]
        self._held.append(voted)
        return []

    def _enter_speech(self, voted: VotedFrame) -> None:
        self._state = EndpointState.SPEECH
        self._end_sample = voted.frame.end

    def _vote(self, voted: VotedFrame) -> None:
        window = self._window
        if len(window) == window.maxlen:
            gone = window[0]
            self._voiced -= gone.voiced
            self._pitched -= gone.pitched
        window.append(voted)
        self._voiced += voted.voiced
        self._pitched += voted.pitched

    def _clear_window(self) -> None:
        self._window.clear()
        self._voiced = self._pitched = 0

    @property
    def may_start(self) -> bool:
        """Whether the last two frames hold a vote for speech: it may be starting, or resuming, at this moment."""
        window = self._window
        return bool(self._voiced) and (window[-1].voiced or (len(window) > 1 and window[-2].voiced))

    def _onset(self) -> int:
        """First sample of the run of votes that reaches into the window."""
        onset = next(voted.frame.start for voted in self._window if voted.voiced)
        earliest = onset - self._onset_frames * FRAME_SAMPLES
        for voted in reversed(self._held):
            if voted.voiced and voted.frame.start >= earliest:
                onset = min(onset, voted.frame.start)
            elif onset - voted.frame.start > RUN_GAP_FRAMES * FRAME_SAMPLES:
                break
        return onset

    def _release(self, onset: int, frames_before: int) -> list[EndpointEvent]:
        """The held audio from `onset` on, and at most so many frames of what came before it."""
        earliest = onset - frames_before * FRAME_SAMPLES
        samples = [voted.frame.samples for voted in self._held if voted.frame.start >= earliest]
        self._held.clear()
        return [SpeechAudio(np.concatenate(samples))] if samples else []
