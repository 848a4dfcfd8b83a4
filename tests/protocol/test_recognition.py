"""When a recognition ends, and why: numbers in, events out."""

import pytest

from h2b.audio.endpoint import EndpointSettings
from h2b.model.causes import CompletionCause
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Hypothesis, Recognised
from tests.protocol.line import Line, silence, voice, words

TOLERANCE = 0.06
"""Events leave with the chunk of 60 ms in which they were decided."""

FOUR_DIGITS = "builtin:speech/spelling/digits?length=4"


def spoken(line: Line, seconds: float = 1.5, before: float = 1.0, after: float = 8.0) -> Line:
    line.stream(silence(before) + voice(seconds) + silence(after))
    return line


def ended_after_speech(line: Line) -> float:
    """Silence, in seconds, between the last speech and RECOGNITION-COMPLETE."""
    result = line.completion.result
    assert result is not None
    assert result.span is not None
    end = result.span.end_ms / 1000 - 1_700_000_000
    return line.time_of(EventName.RECOGNITION_COMPLETE) - 100.0 - end


@pytest.fixture
def line() -> Line:
    line = Line()
    line.open()
    return line


def test_a_full_match_ends_after_speech_complete_timeout(line: Line) -> None:
    line.recognize(speech_complete_timeout=700, speech_incomplete_timeout=2000, speech_nomatch_timeout=3000)
    spoken(line)
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.completion.reason == "success"
    assert ended_after_speech(line) == pytest.approx(0.7, abs=TOLERANCE)


def test_a_partial_match_ends_after_speech_incomplete_timeout(line: Line) -> None:
    line.recognize(FOUR_DIGITS, speech_complete_timeout=500, speech_incomplete_timeout=1700)
    spoken(line)
    assert line.completion.cause is CompletionCause.PARTIAL_MATCH
    assert ended_after_speech(line) == pytest.approx(1.7, abs=TOLERANCE)


def test_no_match_ends_after_speech_nomatch_timeout(line: Line) -> None:
    line.answers = lambda seconds: words("hello there")
    line.recognize(speech_nomatch_timeout=3000)
    spoken(line)
    assert line.completion.cause is CompletionCause.NO_MATCH
    assert line.completion.reason == "unable to match grammar"
    assert ended_after_speech(line) == pytest.approx(3.0, abs=TOLERANCE)
    result = line.completion.result
    assert result is not None
    assert result.best is not None
    assert result.best.hypothesis.transcript == "hello there"
    assert result.best.interpretation is None


def test_low_confidence_is_no_match_and_says_so(line: Line) -> None:
    line.answers = lambda seconds: words("one two six", confidence=0.3)
    line.recognize(confidence_threshold=0.4)
    spoken(line)
    assert line.completion.cause is CompletionCause.NO_MATCH
    assert line.completion.reason == "confidence too low"
    assert line.completion.result is not None
    assert line.completion.result.best is not None
    assert line.completion.result.best.interpretation is None
    assert line.completion.result.best.grammar_uri == ""


def test_start_of_input_comes_once_and_before_the_completion(line: Line) -> None:
    line.recognize()
    line.stream(silence(1) + voice(0.8) + silence(0.4) + voice(0.8) + silence(2))
    names = line.names()
    assert names.count(EventName.START_OF_INPUT) == 1
    assert names.index(EventName.START_OF_INPUT) < names.index(EventName.RECOGNITION_COMPLETE)


def test_speech_that_resumes_discards_the_hypothesis_of_the_pause(line: Line) -> None:
    line.answers = lambda seconds: words("one two" if seconds < 1.8 else "one two three four")
    line.recognize(FOUR_DIGITS)
    line.stream(silence(1) + voice(0.8) + silence(0.5) + voice(0.8) + silence(3))
    assert line.completion.cause is CompletionCause.SUCCESS
    assert [decode.generation for _, decode in line.decodes] == [1, 2]


def test_decoding_starts_at_the_pause_and_not_at_the_timeout(line: Line) -> None:
    line.recognize(speech_complete_timeout=1200)
    spoken(line)
    asked = line.decodes[0][0] - 100.0
    assert asked == pytest.approx(1.0 + 1.5 + EndpointSettings().pause_ms / 1000, abs=TOLERANCE)


def test_nobody_speaking_is_no_input_after_no_input_timeout(line: Line) -> None:
    line.recognize(no_input_timeout=2000)
    line.stream(silence(5))
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert line.completion.reason == "no voice"
    assert line.time_of(EventName.RECOGNITION_COMPLETE) - 100.0 == pytest.approx(2.0, abs=TOLERANCE)
    assert EventName.START_OF_INPUT not in line.names()
    assert line.completion.result is not None
    assert line.completion.result.best is None


def test_held_timers_start_with_start_input_timers(line: Line) -> None:
    line.recognize(start_input_timers=False, no_input_timeout=2000)
    line.stream(silence(6))
    assert EventName.RECOGNITION_COMPLETE not in line.names()
    assert line.start_timers().name is EventName.INPUT_TIMERS_STARTED
    line.stream(silence(6))
    assert line.time_of(EventName.RECOGNITION_COMPLETE) - 106.0 == pytest.approx(2.0, abs=TOLERANCE)


def test_speech_while_the_timers_are_held_is_a_barge_in(line: Line) -> None:
    line.recognize(start_input_timers=False)
    spoken(line)
    assert line.names()[2:] == [EventName.START_OF_INPUT, EventName.RECOGNITION_COMPLETE]


def test_a_client_that_stops_sending_is_taken_as_silent(line: Line) -> None:
    line.recognize(no_input_timeout=2000)
    line.wait(10)
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert line.time_of(EventName.RECOGNITION_COMPLETE) == 102.0


def test_a_client_that_stops_sending_after_speech_gets_its_answer(line: Line) -> None:
    line.recognize(speech_complete_timeout=800)
    line.stream(silence(1) + voice(1.5))
    line.wait(10)
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.time_of(EventName.RECOGNITION_COMPLETE) - 102.5 == pytest.approx(0.8, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("transcript", "cause"),
    [
        ("one two three four", CompletionCause.SUCCESS_MAXTIME),
        ("one two", CompletionCause.PARTIAL_MATCH_MAXTIME),
        ("hello", CompletionCause.NO_MATCH_MAXTIME),
    ],
)
def test_recognition_timeout_ends_speech_that_does_not(line: Line, transcript: str, cause: CompletionCause) -> None:
    line.answers = lambda seconds: words(transcript)
    line.recognize(FOUR_DIGITS, recognition_timeout=3000)
    line.stream(silence(1) + voice(8))
    assert line.completion.cause is cause
    assert line.time_of(EventName.RECOGNITION_COMPLETE) - 100.0 == pytest.approx(4.0, abs=2 * TOLERANCE)


def test_recognition_timeout_in_a_pause_uses_the_hypothesis_at_hand(line: Line) -> None:
    line.recognize(recognition_timeout=2000, speech_complete_timeout=3000)
    spoken(line)
    assert line.completion.cause is CompletionCause.SUCCESS_MAXTIME
    assert len(line.decodes) == 1


def test_hotword_mode_is_silent_until_the_match(line: Line) -> None:
    line.recognize(recognition_mode="hotword")
    spoken(line)
    assert line.names()[1:] == [EventName.RECOGNITION_IN_PROGRESS, EventName.RECOGNITION_COMPLETE]
    assert line.completion.cause is CompletionCause.SUCCESS
    assert ended_after_speech(line) == pytest.approx(0.8, abs=TOLERANCE)


def test_hotword_mode_ignores_other_speech_and_forgets_it(line: Line) -> None:
    answers = iter([words("hello there"), words("one two six")])
    line.answers = lambda seconds: next(answers)
    line.recognize(recognition_mode="hotword", hotword_max_duration=20000)
    line.stream(silence(1) + voice(1) + silence(3) + voice(1) + silence(3))
    assert line.completion.cause is CompletionCause.SUCCESS
    first, second = line.listened
    assert first in line.cancelled
    assert line.fed[second] == pytest.approx(line.fed[first], abs=0.2)


@pytest.mark.parametrize("transcript", ["hello there", "one two"])
def test_hotword_mode_ends_with_hotword_maxtime_without_a_complete_match(line: Line, transcript: str) -> None:
    line.answers = lambda seconds: words(transcript)
    line.recognize(FOUR_DIGITS, recognition_mode="hotword", hotword_max_duration=4000)
    line.stream(silence(1) + voice(1) + silence(1) + voice(1) + silence(4))
    assert line.completion.cause is CompletionCause.HOTWORD_MAXTIME
    assert line.time_of(EventName.RECOGNITION_COMPLETE) - 101.0 == pytest.approx(4.0, abs=2 * TOLERANCE)


def test_hotword_mode_without_speech_is_no_input(line: Line) -> None:
    line.recognize(recognition_mode="hotword", no_input_timeout=3000)
    line.stream(silence(5))
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT


def test_hotword_min_duration_lets_no_short_speech_match(line: Line) -> None:
    line.recognize(recognition_mode="hotword", hotword_min_duration=2000, hotword_max_duration=5000)
    spoken(line, seconds=0.8)
    assert line.completion.cause is CompletionCause.HOTWORD_MAXTIME


def test_a_failing_engine_ends_only_its_own_recognition(line: Line) -> None:
    line.answers = lambda seconds: "the recogniser process died"
    line.recognize()
    spoken(line)
    assert line.completion.cause is CompletionCause.ERROR
    assert line.completion.reason == "the recogniser process died"
    line.answers = lambda seconds: words("one two six")
    line.recognize()
    spoken(line)
    assert line.events[-1][1].cause is CompletionCause.SUCCESS


def test_a_late_engine_delays_the_decision_but_does_not_change_it(line: Line) -> None:
    """Audio that arrives faster than the engine answers is kept back, not judged without the answer."""
    line.answers = lambda seconds: None
    line.recognize(speech_complete_timeout=800)
    line.stream(silence(1) + voice(1) + silence(1.5) + voice(1) + silence(3))
    assert EventName.RECOGNITION_COMPLETE not in line.names()
    (decode,) = line.unanswered
    line.answer(decode, words("one two six"))
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.completion.result is not None
    assert line.completion.result.span is not None
    assert line.completion.result.span.end_ms - 1_700_000_000_000 == pytest.approx(2000, abs=100)


def test_a_late_answer_to_a_stopped_recognition_is_dropped(line: Line) -> None:
    line.answers = lambda seconds: None
    line.recognize()
    line.stream(silence(1) + voice(1) + silence(0.5))
    (decode,) = line.unanswered
    assert line.stop().name is EventName.STOPPED
    line.answer(decode, words("one two six"))
    assert EventName.RECOGNITION_COMPLETE not in line.names()


def test_n_best_alternatives_come_best_first(line: Line) -> None:
    line.answers = lambda seconds: Recognised(
        hypotheses=(
            Hypothesis(transcript="one two six", confidence=0.9),
            Hypothesis(transcript="one two five", confidence=0.7),
            Hypothesis(transcript="one two nine", confidence=0.6),
        )
    )
    line.recognize(n_best_list_length=2)
    spoken(line)
    result = line.completion.result
    assert result is not None
    assert result.n_best
    assert [entry.interpretation and entry.interpretation.value for entry in result.alternatives] == ["126", "125"]


def test_several_grammars_the_first_listed_wins_a_tie() -> None:
    line = Line(answers=lambda seconds: words("yes one two"), parameters=Parameters(speech_language="en"))
    line.open()
    line.recognize("builtin:speech/boolean", "builtin:speech/spelling/digits")
    spoken(line)
    assert line.completion.result is not None
    assert line.completion.result.best is not None
    assert line.completion.result.best.grammar_uri == "builtin:speech/boolean"


def test_a_click_after_speech_does_not_restart_the_silence(line: Line) -> None:
    line.recognize(speech_complete_timeout=1200)
    line.stream(silence(1) + voice(1.5) + silence(0.6) + voice(0.02) + silence(3))
    assert len(line.decodes) == 1
    assert ended_after_speech(line) == pytest.approx(1.2, abs=TOLERANCE)
