"""Grammars that a client sends: defined, recognised by alias or rule, evaluated by scripts."""

import time

import pytest

from h2b.grammar import registry
from h2b.grammar.registry import compile_grammar
from h2b.model.causes import CompletionCause
from h2b.model.errors import ScriptError
from h2b.model.formats import GrammarFormat
from h2b.model.messages import DefineGrammar, SetParams
from h2b.model.names import EventName
from tests.protocol.line import REGISTRY, Line, silence, voice, words

HEAD = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0"'
MENU = f"""{HEAD} xml:lang="en-US" root="menu" tag-format="semantics/1.0-literals">
<rule id="menu" scope="public"><one-of>
  <item>a pizza<tag>pizza</tag></item>
  <item>table <ruleref uri="builtin:speech/spelling/digits?length=2"/></item>
</one-of></rule>
<rule id="drink" scope="public"><one-of><item>a beer</item><item>a wine</item></one-of></rule>
<rule id="secret">none</rule>
</grammar>"""
COUNTED = f"""{HEAD} xml:lang="en-US" root="count" tag-format="semantics/1.0">
<rule id="count" scope="public">pizza<tag>out = 1</tag></rule>
</grammar>"""


def answering(said: str) -> Line:
    line = Line(answers=lambda seconds: words(said))
    line.open()
    return line


def define(line: Line, text: str, alias: str = "menu", kind: GrammarFormat = GrammarFormat.SRGS_XML) -> EventName:
    (event,) = line.command(DefineGrammar, alias=alias, body=text, format=kind)
    return event.name


@pytest.mark.parametrize(
    ("uri", "said", "value"),
    [
        ("session:menu", "a pizza", "pizza"),
        ("session:menu", "table forty two", "42"),
        ("session:menu", "table 42", "42"),
        ("session:menu#drink", "a wine", "a wine"),
        ("session:menu#menu", "a pizza", "pizza"),
    ],
)
def test_a_grammar_is_recognised_by_its_alias_or_a_rule_of_it(uri: str, said: str, value: str) -> None:
    line = answering(said)
    assert define(line, MENU) is EventName.GRAMMAR_DEFINED
    line.recognize(uri)
    line.stream(silence(0.5) + voice(1) + silence(2))
    assert line.completion.cause is CompletionCause.SUCCESS
    best = line.completion.result.best
    assert (best.grammar_uri, best.interpretation.type, best.interpretation.value) == (uri, "session:menu", value)


def test_an_utterance_must_match_whole_and_the_beginning_of_a_match_is_partial() -> None:
    for said, cause in [("a pizza and more", CompletionCause.NO_MATCH), ("table", CompletionCause.PARTIAL_MATCH)]:
        line = answering(said)
        define(line, MENU)
        line.recognize("session:menu")
        line.stream(silence(0.5) + voice(1) + silence(6))
        assert line.completion.cause is cause


@pytest.mark.parametrize(
    ("text", "cause", "reason"),
    [
        (
            MENU.replace("</rule>", "", 1),
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            "grammar 'session:menu': line 8: not well-formed XML",
        ),
        (
            MENU.replace("builtin:speech/spelling/digits", "builtin:speech/digit"),
            CompletionCause.GRAMMAR_LOAD_FAILURE,
            "unknown grammar 'builtin:speech/digit?length=2'",
        ),
        (
            MENU.replace("en-US", "it-IT"),
            CompletionCause.LANGUAGE_UNSUPPORTED,
            "grammar 'session:menu' is not available in 'it-IT': expected one of de, en, es, fr",
        ),
        (
            MENU.replace("1.0-literals", "7"),
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            "grammar 'session:menu': tag-format: got 'semantics/7', "
            "expected 'semantics/1.0-literals' or 'semantics/1.0'",
        ),
        (
            f"<!--{'x' * 300_000}-->{MENU}",
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            "grammar 'session:menu': 300",
        ),
    ],
)
def test_a_grammar_that_cannot_be_used_is_refused_when_it_is_defined(
    text: str, cause: CompletionCause, reason: str
) -> None:
    line = answering("")
    (event,) = line.command(DefineGrammar, alias="menu", body=text, format=GrammarFormat.SRGS_XML)
    assert (event.name, event.cause) == (EventName.METHOD_FAILED, cause)
    assert event.reason.startswith(reason)
    assert line.recognize("session:menu").cause is CompletionCause.GRAMMAR_LOAD_FAILURE


def test_a_lexicon_is_ignored_with_a_notice() -> None:
    line = answering("")
    text = MENU.replace("<rule ", '<lexicon uri="http://example.com/words.pls"/><rule ', 1)
    (event,) = line.command(DefineGrammar, alias="menu", body=text, format=GrammarFormat.SRGS_XML)
    assert event.name is EventName.GRAMMAR_DEFINED
    assert event.reason == "the lexicon is not read: words are heard as they are spelled"


def test_a_private_rule_cannot_be_recognised() -> None:
    line = answering("")
    define(line, MENU)
    refused = line.recognize("session:menu#secret")
    assert refused.cause is CompletionCause.GRAMMAR_DEFINITION_FAILURE
    assert refused.reason == "grammar 'session:menu#secret': no public rule 'secret'"


def test_a_grammar_may_refer_to_another_of_the_session() -> None:
    line = answering("two beers")
    define(line, MENU.replace("<item>a beer</item>", "<item>two beers</item>"), "drinks")
    text = f'{HEAD} xml:lang="en" root="r"><rule id="r"><ruleref uri="session:drinks#drink"/></rule></grammar>'
    assert define(line, text, "bar") is EventName.GRAMMAR_DEFINED
    line.recognize("session:bar")
    line.stream(silence(0.5) + voice(1) + silence(2))
    assert line.completion.result.best.interpretation.value == "two beers"


def test_abnf_is_taken_too() -> None:
    line = answering("a wine")
    text = "#ABNF 1.0;\nlanguage en-GB;\nmode voice;\nroot $drink;\npublic $drink = a beer | a wine;\n"
    assert define(line, text, "bar", GrammarFormat.SRGS_ABNF) is EventName.GRAMMAR_DEFINED
    line.recognize("session:bar")
    line.stream(silence(0.5) + voice(1) + silence(2))
    assert line.completion.result.best.interpretation.value == "a wine"


def test_a_grammar_says_its_language_itself_and_a_request_hears_one() -> None:
    line = answering("a pizza")
    line.command(SetParams, changes={"speech_language": "fr"})
    define(line, MENU)
    line.recognize("session:menu")
    assert next(iter(line.listened.values())).language == "en-US"
    line.stop()
    refused = line.recognize("session:menu", "builtin:speech/boolean")
    assert refused.cause is CompletionCause.LANGUAGE_UNSUPPORTED
    assert refused.reason == (
        "grammar 'builtin:speech/boolean' is not available in 'fr': expected one of en-US "
        "('session:menu' is in 'en-US': one request hears one language)"
    )


def test_the_grammars_of_a_request_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    line = answering("a pizza")
    define(line, MENU, "menu")
    define(line, MENU, "other")
    assert line.recognize("session:menu").name is EventName.RECOGNITION_IN_PROGRESS
    line.stop()
    monkeypatch.setattr(registry, "MAXIMUM_TOGETHER", round(1.7 * len(MENU)))
    assert line.recognize("session:menu").name is EventName.RECOGNITION_IN_PROGRESS
    line.stop()
    refused = line.recognize("session:menu", "session:other")
    assert refused.cause is CompletionCause.GRAMMAR_DEFINITION_FAILURE
    assert "characters together, expected at most" in refused.reason


def test_the_result_waits_for_the_script() -> None:
    line = answering("pizza")
    define(line, COUNTED)
    line.recognize("session:menu")
    line.stream(silence(0.5) + voice(1) + silence(3))
    (evaluate,) = line.evaluations
    assert EventName.RECOGNITION_COMPLETE not in line.names()
    line.evaluated(evaluate, {"pizzas": 1})
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.completion.result.best.interpretation.value == {"pizzas": 1}
    assert len(line.records) == 1


def test_a_script_that_fails_ends_the_recognition_with_its_error() -> None:
    line = answering("pizza")
    define(line, COUNTED)
    line.recognize("session:menu")
    line.stream(silence(0.5) + voice(1) + silence(3))
    line.evaluated(line.evaluations[0], ScriptError("ReferenceError: x is not defined"))
    assert line.completion.cause is CompletionCause.ERROR
    assert line.completion.reason == "grammar 'session:menu': ReferenceError: x is not defined"
    assert len(line.records) == 1


def test_a_script_that_fails_before_the_end_of_an_utterance_changes_nothing() -> None:
    line = answering("pizza")
    define(line, COUNTED)
    line.recognize("session:menu")
    line.stream(silence(0.5) + voice(1) + silence(0.5))
    line.evaluated(line.evaluations[0], ScriptError("ReferenceError: x is not defined"))
    assert EventName.RECOGNITION_COMPLETE not in line.names()
    line.stream(voice(1) + silence(3))
    line.evaluated(line.evaluations[-1], 7)
    assert line.completion.result.best.interpretation.value == 7
    assert len(line.records) == 1


def test_keys_answer_though_a_script_failed_on_what_was_said_before() -> None:
    line = answering("pizza")
    define(line, COUNTED)
    line.recognize("session:menu", "builtin:dtmf/digits?length=2")
    line.stream(silence(0.5) + voice(1) + silence(0.5))
    line.evaluated(line.evaluations[0], ScriptError("ReferenceError: x is not defined"))
    line.press("47")
    assert line.completion.cause is CompletionCause.SUCCESS
    assert line.completion.result.best.interpretation.value == "47"


def test_results_that_nobody_waits_for_any_more_change_nothing() -> None:
    line = answering("pizza")
    define(line, COUNTED)
    line.recognize("session:menu")
    line.stream(silence(0.5) + voice(1) + silence(0.5) + voice(1) + silence(3))
    first, second = line.evaluations
    line.evaluated(first, 1)
    assert EventName.RECOGNITION_COMPLETE not in line.names()
    line.evaluated(second, 2)
    assert line.completion.result.best.interpretation.value == 2
    line.evaluated(second, 3)
    assert line.names().count(EventName.RECOGNITION_COMPLETE) == 1


def test_many_grammars_and_hypotheses_share_one_budget() -> None:
    inner = "<item repeat='0-'>" * 8 + "a" + "</item>" * 8
    text = f'{HEAD} xml:lang="en" root="r"><rule id="r"><item repeat="1-">{inner}</item> b</rule></grammar>'
    line = Line(answers=lambda seconds: words(" ".join(["a"] * 90)))
    line.open()
    names = [f"g{number}" for number in range(16)]
    for name in names:
        assert define(line, text, name) is EventName.GRAMMAR_DEFINED
    line.recognize(*(f"session:{name}" for name in names))
    began = time.process_time()
    line.stream(silence(0.5) + voice(1) + silence(6))
    assert line.completion.cause in (CompletionCause.ERROR, CompletionCause.NO_MATCH, CompletionCause.PARTIAL_MATCH)
    assert time.process_time() - began < 5


def test_matching_that_takes_too_long_ends_the_recognition_with_its_reason() -> None:
    nested = "".join(f'<rule id="r{n}"><item repeat="0-">a<ruleref uri="#r{n + 1}"/></item></rule>' for n in range(300))
    text = f'{HEAD} xml:lang="en" root="r0">{nested}<rule id="r300">a</rule></grammar>'
    line = Line(answers=lambda seconds: words(" ".join(["a"] * 90)))
    line.open()
    assert define(line, text) is EventName.GRAMMAR_DEFINED
    line.recognize("session:menu")
    line.stream(silence(0.5) + voice(1) + silence(6))
    assert line.completion.cause is CompletionCause.ERROR
    assert "deeper than" in line.completion.reason or "steps" in line.completion.reason


def test_only_grammars_that_are_not_ready_are_compiled_ahead() -> None:
    registry = REGISTRY.define("rare", MENU.replace("a pizza", "a rare pizza"), GrammarFormat.SRGS_XML)
    uris = ["builtin:speech/boolean", "session:rare"]
    (grammar,) = registry.unready(uris, "en")
    assert grammar.uri == "session:rare"
    compile_grammar(grammar)
    assert registry.unready(uris, "en") == []
    assert registry.unready(["session:nothing", "builtin:nothing", "nonsense"], "en") == []
