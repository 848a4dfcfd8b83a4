"""The endpointer's rules, on votes written out frame by frame.

In these strings `#` is a voiced frame with pitch, `+` a voiced one without, `.` a silent one: 20 ms each.
Frame n holds only the number n, so the audio given can be read off. Spaces are for the reader.
"""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.audio.endpoint import (
    Endpointer,
    EndpointEvent,
    EndpointSettings,
    EndpointState,
    SpeechAudio,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from h2b.audio.framing import Frame, Framer, encode_samples
from h2b.audio.vad import VoiceActivity
from h2b.model.formats import AudioFormat

from .signals import clicks, comfort_noise, cut, frames, hum, joined, noise, silence, vowel

DRAWN = EndpointSettings(pause_ms=200, pre_roll_ms=200)
"""The times the lines below are drawn for: a pause after ten frames, ten frames of pre-roll."""


def numbered(index: int) -> Frame:
    return Frame(np.full(160, index, np.int16), index * 160)


class Line:
    """An endpointer, and what came out of it."""

    def __init__(self, settings: EndpointSettings = DRAWN) -> None:
        self.endpointer = Endpointer(settings)
        self.events: list[EndpointEvent] = []
        self.next_frame = 0

    def hear(self, votes: str) -> "Line":
        for vote in votes.replace(" ", ""):
            self.events += self.endpointer.push(numbered(self.next_frame), vote in "#+", vote == "#")
            self.next_frame += 1
        return self

    @property
    def turns(self) -> list[tuple[str, float, float]]:
        """Events but audio, positions in frames."""
        return [
            (type(event).__name__, where(event) / 160, event.at_sample / 160)
            for event in self.events
            if not isinstance(event, SpeechAudio)
        ]

    @property
    def audio(self) -> list[int]:
        """Numbers of the frames given."""
        given = [event.samples for event in self.events if isinstance(event, SpeechAudio)]
        return np.concatenate(given)[::160].tolist() if given else []


def where(event: EndpointEvent) -> int:
    match event:
        case SpeechStarted(start_sample=start) | SpeechResumed(start_sample=start):
            return start
        case SpeechPaused(end_sample=end):
            return end
    raise AssertionError(event)


QUIET = "." * 20
WORD = "#" * 12
PAUSE = "." * 10


def test_a_word_starts_speech_once_and_silence_pauses_it() -> None:
    line = Line().hear(QUIET + WORD + PAUSE + QUIET)
    assert line.turns == [("SpeechStarted", 20, 28), ("SpeechPaused", 32, 42)]
    assert line.endpointer.state is EndpointState.PAUSED


def test_the_audio_runs_from_the_pre_roll_to_the_end_of_the_hangover() -> None:
    assert Line().hear(QUIET + WORD + PAUSE + QUIET).audio == list(range(10, 42))


def test_pre_roll_stops_where_the_call_begins() -> None:
    assert Line().hear("..." + WORD).audio == list(range(15))


@pytest.mark.parametrize("voiced", ["#" * 8, "++++##++", "##.####.##", "##+...##+##"])
def test_a_short_word_starts_speech(voiced: str) -> None:
    assert [name for name, *_ in Line().hear(QUIET + voiced + QUIET).turns] == ["SpeechStarted", "SpeechPaused"]


@pytest.mark.parametrize(
    "sound",
    ["#", "#######", "+" * 40, "#" + "+" * 40, "#....." * 10, "##......" * 10, "####........" * 5],
    ids=["click", "140 ms of noise", "breath", "breath with a pop", "clicks", "long clicks", "bangs"],
)
def test_noise_starts_nothing(sound: str) -> None:
    assert Line().hear(QUIET + sound + QUIET).events == []


def test_the_fricative_before_the_first_vowel_belongs_to_the_word() -> None:
    line = Line().hear(QUIET + "+++++ ++.++ +++++ + ###")
    assert line.turns == [("SpeechStarted", 20, 38)]
    assert line.audio == list(range(10, 39))


def test_noise_long_before_a_word_does_not() -> None:
    line = Line().hear("+" * 60 + "###")
    assert line.turns == [("SpeechStarted", 25, 62)]


def test_a_burst_apart_from_the_word_does_not() -> None:
    assert Line().hear(QUIET + "+++++...." + "." * 12 + WORD).turns == [("SpeechStarted", 41, 49)]


def test_gaps_in_speech_shorter_than_a_pause_are_given_whole() -> None:
    line = Line().hear(QUIET + WORD + "." * 9 + "###" + "." * 9 + WORD)
    assert [name for name, *_ in line.turns] == ["SpeechStarted"]
    assert line.audio == list(range(10, line.next_frame))


def test_a_word_that_begins_when_the_pause_is_due_prevents_it() -> None:
    assert [name for name, *_ in Line().hear(QUIET + WORD + "." * 9 + "###").turns] == ["SpeechStarted"]
    assert Line().hear(QUIET + WORD + "." * 9 + "##.").turns[-1] == ("SpeechPaused", 32, 44)


def test_a_click_does_not_delay_the_pause() -> None:
    line = Line().hear(QUIET + WORD + "....##......")
    assert line.turns[-1] == ("SpeechPaused", 32, 42)


def test_a_short_sound_within_the_silence_is_speech_and_delays_the_pause() -> None:
    line = Line().hear(QUIET + WORD + "....###" + PAUSE)
    assert line.turns[-1] == ("SpeechPaused", 39, 49)


def test_speech_resumes_after_a_pause_as_often_as_it_likes() -> None:
    line = Line().hear(QUIET + (WORD + PAUSE) * 3)
    assert [name for name, *_ in line.turns] == [
        "SpeechStarted",
        "SpeechPaused",
        *["SpeechResumed", "SpeechPaused"] * 2,
    ]
    assert line.turns[2] == ("SpeechResumed", 42, 45)


def test_a_short_pause_is_given_whole_once_speech_resumes() -> None:
    line = Line().hear(QUIET + WORD + "." * 15)
    assert line.audio == list(range(10, 42))
    line.hear(WORD)
    assert line.audio == list(range(10, line.next_frame))


def test_of_a_long_pause_the_first_and_last_part_is_given() -> None:
    line = Line().hear(QUIET + WORD + "." * 100 + WORD)
    assert line.audio == [*range(10, 32), *range(32, 42), *range(117, 132), *range(132, 144)]


@pytest.mark.parametrize("sound", ["#", "##", "+" * 7, "#....." * 10])
def test_noise_after_a_pause_does_not_resume_speech(sound: str) -> None:
    line = Line().hear(QUIET + WORD + PAUSE + "....." + sound + QUIET)
    assert [name for name, *_ in line.turns] == ["SpeechStarted", "SpeechPaused"]
    assert line.audio == list(range(10, 42))


def test_a_last_sound_without_vowel_does_resume_it() -> None:
    assert Line().hear(QUIET + WORD + PAUSE + "+" * 8).turns[-1] == ("SpeechResumed", 42, 50)


def test_a_longer_pause_than_hangover_holds_the_rest_back() -> None:
    line = Line(evolve(DRAWN, pause_ms=400)).hear(QUIET + WORD + "." * 15)
    assert line.audio == list(range(10, 42))
    assert line.hear("###").audio == list(range(10, 50))
    assert line.hear("." * 20).turns[-1] == ("SpeechPaused", 50, 70)


def test_without_pre_roll_and_hangover_only_speech_is_given() -> None:
    settings = EndpointSettings(pre_roll_ms=0, hangover_ms=0, gap_ms=0)
    line = Line(settings).hear(QUIET + WORD + "." * 30 + WORD + PAUSE)
    assert line.audio == [*range(20, 32), *range(62, 74)]


def test_a_new_recognition_starts_anew() -> None:
    line = Line().hear(QUIET + WORD + PAUSE + QUIET)
    line.endpointer.reset()
    line.events.clear()
    line.hear(WORD + PAUSE)
    assert line.turns == [("SpeechStarted", 62, 70), ("SpeechPaused", 74, 84)]
    assert line.audio == list(range(52, 84))


def test_the_tail_of_one_recognition_does_not_start_the_next() -> None:
    line = Line().hear(QUIET + WORD)
    line.endpointer.reset()
    line.events.clear()
    assert line.hear("..." + QUIET).events == []


def test_without_a_test_for_pitch_every_voiced_frame_counts() -> None:
    endpointer = Endpointer()
    events = [event for index in range(8) for event in endpointer.push(numbered(index), True)]
    assert isinstance(events[0], SpeechStarted)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ({"start_voiced_ms": 300}, "start_voiced_ms is 300, expected at most start_window_ms"),
        ({"resume_voiced_ms": 260}, "resume_voiced_ms is 260, expected at most start_window_ms"),
        ({"start_pitched_ms": 260}, "start_pitched_ms is 260, expected at most start_window_ms"),
    ],
)
def test_votes_that_cannot_come_together_are_refused(times: dict[str, int], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        EndpointSettings(**times)
    assert str(caught.value) == text


@given(st.text("#+.", max_size=400))
def test_events_alternate_and_the_audio_is_in_order_and_never_given_twice(votes: str) -> None:
    line = Line().hear(votes)
    names = [name for name, *_ in line.turns]
    assert names == ["SpeechStarted", *["SpeechPaused", "SpeechResumed"] * len(names)][: len(names)]
    assert line.audio == sorted(set(line.audio))
    positions = [position for _, *both in line.turns for position in both[:1]]
    assert positions == sorted(positions)
    assert all(position < at for _, position, at in line.turns)


@given(st.text("#+.", max_size=300))
def test_every_voiced_frame_of_speech_is_given(votes: str) -> None:
    line = Line()
    for vote in votes:
        line.hear(vote)
        if line.endpointer.state is EndpointState.SPEECH:
            assert line.audio[-1] == line.next_frame - 1


def heard(chunks: list[bytes]) -> list[EndpointEvent]:
    framer, voice_activity, endpointer = Framer(AudioFormat.G711A), VoiceActivity(), Endpointer()
    return [
        event
        for chunk in chunks
        for frame in framer.feed(chunk)
        for event in endpointer.push(frame, voice_activity.is_voiced(frame), voice_activity.is_pitched)
    ]


CALL = joined(noise(0.8, 8), vowel(0.3), noise(0.4, 8), vowel(0.25, hertz=200), clicks(0.8, every=0.3))


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=10))
def test_chunking_does_not_change_events(lengths: list[int]) -> None:
    octets = encode_samples(CALL, AudioFormat.G711A)
    assert heard(list(cut(octets, lengths))) == heard([octets])


def test_the_call_of_that_test_has_two_words() -> None:
    names = [type(event).__name__ for event in heard([encode_samples(CALL, AudioFormat.G711A)])]
    turns = [name for name in names if name != "SpeechAudio"]
    assert turns == ["SpeechStarted", "SpeechPaused", "SpeechResumed", "SpeechPaused"]


@pytest.mark.parametrize(
    "sound",
    [
        silence(20),
        noise(20, 20),
        noise(20, 400),
        hum(20, 100),
        hum(20, 100, hertz=60),
        comfort_noise(20, 60),
        clicks(20, every=0.1),
        clicks(20, every=0.25, length=0.005),
        clicks(20, every=1, length=0.12),
        joined(silence(5), noise(5, 60), silence(5), noise(5, 600)),
    ],
    ids=["digital", "line", "loud", "hum 50", "hum 60", "comfort", "clicks", "ticks", "bangs", "noise in steps"],
)
def test_a_line_without_speech_starts_nothing(sound) -> None:
    endpointer, voice_activity = Endpointer(), VoiceActivity()
    for frame in frames(sound):
        assert endpointer.push(frame, voice_activity.is_voiced(frame), voice_activity.is_pitched) == []


@pytest.mark.parametrize("words_frames", [8, 10, 12])
def test_a_hasty_word_is_heard(words_frames: int) -> None:
    sound = joined(noise(1, 8), vowel(words_frames * 0.02), noise(1, 8))
    events = heard([encode_samples(sound, AudioFormat.G711A)])
    end = 8000 + words_frames * 160
    turns = [event for event in events if not isinstance(event, SpeechAudio)]
    assert turns == [SpeechStarted(8000, 8000 + 8 * 160), SpeechPaused(end, end + 15 * 160)]
