"""Where speech starts, pauses, resumes: endpointing.

Owns the rules by which votes become events, and the audio from just before speech to just after it. Must not know how
votes were made, nor what a pause means: the timers that end an utterance, no-input and maxtime belong to `protocol`.

Every decision counts frames, never a clock's ticks, and is made frame by frame: however the audio arrives, and however
late, the events are the same. Both changes must persist (after UniMRCP's activity detector, whose two transition
states do the same):

=========  =================================================================  ========================
state      leaves it when                                                     events
=========  =================================================================  ========================
SILENCE    `start_voiced_ms` of the last `window_ms` voted for speech   SpeechStarted, SpeechAudio
SPEECH     a frame votes for silence: TRAILING                                SpeechAudio
TRAILING   more than `click_ms` of votes for speech: SPEECH; or               SpeechAudio
           `pause_ms` after the last frame of speech: PAUSED                  SpeechPaused
PAUSED     `resume_voiced_ms` of the last `window_ms` voted: SPEECH    SpeechResumed, SpeechAudio
=========  =================================================================  ========================
"""

from collections import deque
from enum import Enum, auto
from typing import assert_never

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from h2b.audio.framing import Frame, same_samples
from h2b.model.formats import FRAME_SAMPLES, milliseconds_to_samples


@frozen(kw_only=True)
class EndpointSettings:
    """Times in milliseconds; each counts in whole frames of 20 ms, rounded."""

    window_ms: int = 240
    """Start and resumption of speech are decided on the votes of this time."""
    start_voiced_ms: int = 160
    """Voiced time in the window that starts speech: longer than a bang or the noise of picking up, shorter than a
    hasty 'no'."""
    resume_voiced_ms: int = 160
    """Voiced time in the window that resumes speech after a pause."""
    pitched_ms: int = 60
    """Voiced time with pitch in the window, without which nothing starts or resumes: there is no word without vowel."""
    click_ms: int = 40
    """Voiced time in the window that does not yet interrupt a silence before it has become a pause."""
    pause_ms: int = 200
    """Silence after which a pause is declared."""
    pre_roll_ms: int = 200
    """Audio given from before the first voiced frame: a word's soft beginning does not vote."""
    hangover_ms: int = 200
    """Audio given after the last voiced frame: a word's soft end does not vote."""
    gap_ms: int = 500
    """Audio given of a silence inside speech, at most: its first `hangover_ms`, and of the rest what came last."""

@frozen
class SpeechStarted:
    """Speech began: its first voiced sample, and the end of the frame that decided so."""

    start_sample: int
    at_sample: int


@frozen
class SpeechAudio:
    """The next int16 samples of the utterance.

    From SpeechStarted on they join up, pre-roll included. Silence after speech is given for `hangover_ms`, and longer
    silence inside speech is shortened to `gap_ms`: positions cannot be had by counting these samples.
    """

    samples: NDArray[np.int16] = field(eq=same_samples)


@frozen
class SpeechPaused:
    """Speech has been silent long enough to call it a pause: the end of its last voiced frame, and of the deciding one.

    All the audio of the utterance up to here has been given.
    """

    end_sample: int
    at_sample: int


@frozen
class SpeechResumed:
    """Speech went on after a pause: its first voiced sample, and the end of the frame that decided so."""

    start_sample: int
    at_sample: int


EndpointEvent = SpeechStarted | SpeechAudio | SpeechPaused | SpeechResumed


class EndpointState(Enum):
    """The rows of the table above."""

    SILENCE = auto()
    SPEECH = auto()
    TRAILING = auto()
    PAUSED = auto()


LONGEST_ONSET_FRAMES = 25

def frames_in(milliseconds: int) -> int:
    """How many frames this time makes, rounded."""
    return round(milliseconds_to_samples(milliseconds) / FRAME_SAMPLES)


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
        self._settings = settings = settings or EndpointSettings()
        self._pre_roll = frames_in(settings.pre_roll_ms)
        self._hangover = frames_in(settings.hangover_ms)
        self._gap_end = max(frames_in(settings.gap_ms) - self._hangover, 0)
        window = frames_in(settings.window_ms)
        self._state = EndpointState.SILENCE
        self._window: deque[VotedFrame] = deque(maxlen=window)
        self._held: deque[VotedFrame] = deque(maxlen=max(self._pre_roll, self._gap_end) + LONGEST_ONSET_FRAMES)
        self._recent: deque[VotedFrame] = deque(maxlen=self._pre_roll)
        self._end_sample = 0
        self._silent_frames = 0

    @property
    def state(self) -> EndpointState:
        """Which row of the table it is in."""
        return self._state

    def reset(self) -> None:
        """Makes ready for a new recognition.

        The last `pre_roll_ms` of audio stay, so that a word begun just before the recognition is whole. Of their
        votes those count that were not part of an utterance: the tail of the last one starts nothing.
        """
        self._state = EndpointState.SILENCE
        self._window.clear()
        self._window.extend(self._recent)
        self._held.clear()
        self._held.extend(self._recent)

    def remember(self, frame: Frame, voiced: bool, pitched: bool = True) -> None:
        """Takes a frame heard while nothing is being recognised, as pre-roll of the next recognition."""
        if self._recent and self._recent[-1].frame.end != frame.start:
            self._recent.clear()
        self._recent.append(VotedFrame(frame, voiced, voiced and pitched))

    def push(self, frame: Frame, voiced: bool, pitched: bool = True) -> list[EndpointEvent]:
        """What the next frame of the recognition, and the vote on it, change. Mostly one SpeechAudio, or nothing."""
        self._window.append(VotedFrame(frame, voiced, voiced and pitched))
        match self._state:
            case EndpointState.SILENCE:
                self.remember(frame, voiced, pitched)
                return self._in_silence(frame)
            case EndpointState.SPEECH:
                events = self._in_speech(frame, voiced)
            case EndpointState.TRAILING:
                events = self._in_trailing(frame)
            case EndpointState.PAUSED:
                events = self._in_pause(frame)
            case _:
                assert_never(self._state)
        self.remember(frame, voiced=False, pitched=False)
        return events

    def _in_silence(self, frame: Frame) -> list[EndpointEvent]:
        self._held.append(self._window[-1])
        if not self._speech_persists(self._settings.start_voiced_ms):
            return []
        onset = self._onset()
        self._enter_speech(frame)
        return [SpeechStarted(onset, frame.end), *self._release(onset, self._pre_roll)]

    def _in_speech(self, frame: Frame, voiced: bool) -> list[EndpointEvent]:
        if voiced:
            self._end_sample = frame.end
            return [SpeechAudio(frame.samples)]
        self._state = EndpointState.TRAILING
        self._silent_frames = 0
        self._window.clear()
        self._window.append(VotedFrame(frame, voiced=False, pitched=False))
        return self._in_trailing(frame)

    def _in_trailing(self, frame: Frame) -> list[EndpointEvent]:
        events = self._hear_silence(frame)
        if self._voiced_frames() > frames_in(self._settings.click_ms):
            onset = self._onset()
            self._enter_speech(frame)
            events += self._release(onset, self._gap_end)
        elif self._silent_frames >= frames_in(self._settings.pause_ms):
            self._state = EndpointState.PAUSED
            events.append(SpeechPaused(self._end_sample, frame.end))
        return events

    def _in_pause(self, frame: Frame) -> list[EndpointEvent]:
        events = self._hear_silence(frame)
        if self._voiced_frames() >= frames_in(self._settings.resume_voiced_ms):
            onset = self._onset()
            self._enter_speech(frame)
            events += [SpeechResumed(onset, frame.end), *self._release(onset, self._gap_end)]
        return events

    def _hear_silence(self, frame: Frame) -> list[EndpointEvent]:
        """One more frame after speech: given while the hangover lasts, held from then on."""
        self._silent_frames += 1
        if self._silent_frames <= self._hangover:
            return [SpeechAudio(frame.samples)]
        self._held.append(self._window[-1])
        return []

    def _enter_speech(self, frame: Frame) -> None:
        self._state = EndpointState.SPEECH
        self._end_sample = frame.end

    def _voiced_frames(self) -> int:
        return sum(voted.voiced for voted in self._window)

    def _speech_persists(self, voiced_ms: int) -> bool:
        pitched = sum(voted.pitched for voted in self._window)
        return self._voiced_frames() >= frames_in(voiced_ms) and pitched >= frames_in(self._settings.pitched_ms)

    def _onset(self) -> int:
        """Where the run of votes begins that reaches into the window: a long 's' before the first vowel."""
        onset = next(voted.frame.start for voted in self._window if voted.voiced)
        for voted in reversed(self._held):
            if voted.voiced:
                onset = min(onset, voted.frame.start)
            elif onset - voted.frame.end >= 2 * FRAME_SAMPLES:
                break
        return onset

    def _release(self, onset: int, frames_before: int) -> list[EndpointEvent]:
        """The held audio from `onset` on, and no more than so many frames of what came before it."""
        earliest = onset - frames_before * FRAME_SAMPLES
        samples = [voted.frame.samples for voted in self._held if voted.frame.start >= earliest]
        self._held.clear()
        return [SpeechAudio(np.concatenate(samples))] if samples else []
