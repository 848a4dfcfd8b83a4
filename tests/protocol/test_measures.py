"""What operators are told of a result: whether the answer of the engine was there when the timer fired."""

from collections.abc import Sequence

import pytest
from attrs import define, field

from h2b.protocol.effects import Effect, Measure
from tests.protocol.line import Line, silence, voice, words

SILENCE_S = 0.8
"""After a complete answer, by default."""


@define
class MeasuredLine(Line):
    """A line that keeps what operators are told, and when."""

    measured: list[tuple[float, Measure]] = field(factory=list)

    def perform(self, effects: Sequence[Effect]) -> None:
        self.measured += [(self.now, effect) for effect in effects if isinstance(effect, Measure)]
        super().perform(effects)


def asked(answers, **changes: object) -> MeasuredLine:
    line = MeasuredLine(answers)
    line.open()
    line.recognize(**changes)
    return line


def test_an_answer_that_comes_within_the_silence_was_ready():
    line = asked(lambda seconds: words("one two six"))
    line.stream(silence(0.5) + voice(1.0) + silence(2.0))
    assert [measure for _, measure in line.measured] == [Measure(due=None)]


@pytest.mark.parametrize("chunk_ms", [20, 60, 100])
def test_a_result_that_is_waited_for_was_due_at_the_end_of_the_silence(chunk_ms):
    ready = asked(lambda seconds: words("one two six"))
    ready.stream(silence(0.5) + voice(1.0) + silence(2.0), chunk_ms=20)
    due = ready.measured[0][0]
    late = asked(lambda seconds: None)
    late.stream(silence(0.5) + voice(1.0) + silence(2.0), chunk_ms)
    late.answer(late.unanswered.pop(), words("one two six"))
    ((_, measure),) = late.measured
    assert measure.due == pytest.approx(due)
    assert measure.due < late.now - 1


def test_an_answer_that_comes_late_for_a_short_silence_may_be_ready_for_a_long_one():
    line = asked(lambda seconds: None)
    line.stream(silence(0.5) + voice(1.0) + silence(1.2))
    line.answer(line.unanswered.pop(), words("good morning everybody"))
    assert line.measured == []
    line.stream(silence(5.0))
    assert [measure for _, measure in line.measured] == [Measure(due=None)]


def test_nothing_is_measured_where_no_engine_decided():
    quiet = asked(lambda seconds: words("one"), no_input_timeout=1000)
    quiet.stream(silence(2.0))
    failed = asked(lambda seconds: "out of order")
    failed.stream(silence(0.5) + voice(1.0) + silence(2.0))
    stopped = asked(lambda seconds: words("one"))
    stopped.stream(silence(0.5) + voice(1.0))
    stopped.stop()
    assert [line.measured for line in (quiet, failed, stopped)] == [[], [], []]
