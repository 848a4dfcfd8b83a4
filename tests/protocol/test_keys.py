"""Answers by keys: which key counts, when an input is over, how keys and speech live together."""

import pytest

from h2b.model.causes import CompletionCause
from h2b.model.formats import GrammarFormat
from h2b.model.messages import DefineGrammar
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import InputMode, Interpretation
from h2b.protocol.keyentry import KeyEntry
from tests.protocol.line import Line, silence, voice

FOUR = "builtin:dtmf/digits?length=4"
ANY = "builtin:dtmf/digits"
START, COMPLETE = EventName.START_OF_INPUT, EventName.RECOGNITION_COMPLETE
EXTENSION = """#ABNF 1.0;
mode dtmf;
root $extension;
tag-format <semantics/1.0-literals>;
public $extension = 0 {operator} | 1 2 {sales} | 1 2 3 {support};
"""


def line_with(*grammars: str, **changes: object) -> Line:
    line = Line()
    line.open()
    line.recognize(*grammars, **changes)
    return line


def meant(line: Line) -> Interpretation:
    best = line.completion.result.best
    assert best.interpretation is not None
    assert best.hypothesis.mode is InputMode.DTMF
    return best.interpretation


def test_a_whole_answer_ends_at_its_last_key() -> None:
    line = line_with(FOUR)
    line.press("4712")
    assert line.completion.cause is CompletionCause.SUCCESS
    assert meant(line).value == "4712"
    assert line.completion.result.best.hypothesis.transcript == "4 7 1 2"
    assert line.time_of(COMPLETE) == line.now
    assert line.names().count(START) == 1
    assert len(line.records) == 1


def test_the_first_key_tells_the_barge_in_and_its_mode() -> None:
    line = line_with(FOUR)
    line.press("4")
    (event,) = [event for _, event in line.events if event.name is START]
    assert event.input_mode is InputMode.DTMF
    assert line.time_of(START) == line.now


@pytest.mark.parametrize(
    ("grammar", "keys", "changes", "cause", "after"),
    [
        (ANY, "471", {"dtmf_interdigit_timeout": 2000}, CompletionCause.SUCCESS, 2.0),
        (FOUR, "47", {"dtmf_interdigit_timeout": 2000}, CompletionCause.PARTIAL_MATCH, 2.0),
        (FOUR, "4712", {"dtmf_term_char": "#", "dtmf_term_timeout": 3000}, CompletionCause.SUCCESS, 3.0),
        (FOUR, "4712#", {"dtmf_term_char": "#"}, CompletionCause.SUCCESS, 0.0),
        (ANY, "471#", {"dtmf_term_char": "#"}, CompletionCause.SUCCESS, 0.0),
        (FOUR, "47#", {"dtmf_term_char": "#"}, CompletionCause.PARTIAL_MATCH, 0.0),
        (FOUR, "4*", {}, CompletionCause.NO_MATCH, 0.0),
        (FOUR, "#", {"dtmf_term_char": "#"}, CompletionCause.NO_MATCH, 0.0),
        (ANY, "1", {"recognition_timeout": 1000}, CompletionCause.SUCCESS_MAXTIME, 1.0),
        (FOUR, "1", {"recognition_timeout": 1000}, CompletionCause.PARTIAL_MATCH_MAXTIME, 1.0),
    ],
)
def test_an_input_ends_by_a_key_or_by_the_timer_that_waits_for_one(
    grammar: str, keys: str, changes: dict[str, object], cause: CompletionCause, after: float
) -> None:
    line = line_with(grammar, **changes)
    line.press(keys)
    pressed = line.now
    line.stream(silence(12), chunk_ms=20)
    assert line.completion.cause is cause
    assert line.time_of(COMPLETE) - pressed == pytest.approx(after, abs=0.021)


def test_timers_run_on_when_the_client_sends_no_audio_at_all() -> None:
    line = line_with(ANY, dtmf_interdigit_timeout=2000)
    line.perform(line.session.receive_key("7", line.now))
    pressed = line.now
    line.wait(5)
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.time_of(COMPLETE) - pressed == pytest.approx(2.0, abs=0.021)


def test_nobody_who_presses_no_key_of_a_grammar_interrupts() -> None:
    line = line_with("builtin:dtmf/boolean", no_input_timeout=3000)
    line.press("9")
    assert START not in line.names()
    line.stream(silence(4))
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert line_with("builtin:speech/boolean").session.receive_key("1", 100.0) == []


def test_a_grammar_of_keys_hears_no_speech() -> None:
    line = line_with(FOUR, no_input_timeout=2000)
    line.stream(voice(3))
    assert START not in line.names()
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert not line.listened


def test_speech_and_keys_may_answer_the_same_question() -> None:
    said = line_with("builtin:speech/spelling/digits", FOUR)
    said.stream(silence(0.5) + voice(1) + silence(2))
    assert said.completion.result.best.interpretation.value == "126"
    typed = line_with("builtin:speech/spelling/digits", FOUR)
    typed.press("4712")
    assert (meant(typed).value, typed.completion.result.best.grammar_uri) == ("4712", FOUR)
    assert typed.cancelled


def test_keys_after_a_beginning_of_speech_win_and_interrupt_once() -> None:
    line = line_with("builtin:speech/spelling/digits", FOUR)
    line.stream(silence(0.5) + voice(0.6))
    assert line.names().count(START) == 1
    line.press("4712")
    assert meant(line).value == "4712"
    assert line.names().count(START) == 1


def test_hotword_mode_sends_no_start_of_input() -> None:
    line = line_with(FOUR, recognition_mode="hotword")
    line.press("4712")
    assert START not in line.names()
    assert line.completion.cause is CompletionCause.SUCCESS


@pytest.mark.parametrize(("keys", "value"), [("0", "operator"), ("12", "sales"), ("123", "support")])
def test_a_client_sends_a_grammar_of_keys(keys: str, value: str) -> None:
    line = Line()
    line.open()
    line.command(DefineGrammar, alias="menu", body=EXTENSION, format=GrammarFormat.SRGS_ABNF)
    line.recognize("session:menu", dtmf_interdigit_timeout=1000)
    line.press(keys)
    line.stream(silence(2))
    assert (line.completion.cause, meant(line).value) == (CompletionCause.SUCCESS, value)


def test_keys_outside_a_recognition_are_dropped() -> None:
    line = Line()
    assert line.session.receive_key("1", line.now) == []
    line.open()
    assert line.session.receive_key("1", line.now) == []


def test_the_first_key_keeps_its_time_though_it_was_the_very_beginning() -> None:
    line = line_with(FOUR)
    grammars = line.session.registry.activate_all([FOUR], "en")
    entry = KeyEntry(Parameters(), grammars)
    entry.press("4", 0.0)
    entry.press("7", 3.0)
    assert (entry.first_at, entry.last_at) == (0.0, 3.0)
