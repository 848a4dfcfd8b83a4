"""What tags make of utterances: a table of grammars, and what does not fit into it."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.sisr.process import ScriptProcess
from h2b.grammar.sisr.program import program_of
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import ExternalParse, Parse, match
from h2b.grammar.srgs.model import Grammar, Tag, Token
from h2b.grammar.srgs.semantics import literal_value
from h2b.model.errors import ScriptError
from tests.grammar_sisr.grammars import program, program_of_document, tagged

VECTORS = Path(__file__).parents[1] / "vectors" / "sisr" / "values.toml"
CASES = tomllib.loads(VECTORS.read_text(encoding="utf-8"))["case"]
GRAMMAR = Grammar("inline", {}, None, "en", False, "semantics/1.0")
XML = """<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r" tag-format="{}">
<tag>var start = 'S'</tag>{}</grammar>"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_value_is_the_one_of_the_table(case: dict[str, Any], scripts: ScriptProcess) -> None:
    wanted = program(case["rules"], case["say"], case.get("header", ()))
    if "error" in case:
        with pytest.raises(ScriptError) as raised:
            scripts.evaluate(wanted)
        assert str(raised.value) == case["error"]
    else:
        value = scripts.evaluate(wanted)
        expected = json.loads(case["value"])
        assert (value, type(value)) == (expected, type(expected))


def test_names_of_cases_differ() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("tag_format", ["semantics/1.0", "semantics/1.0.2006"])
def test_a_grammar_in_xml_has_the_same_tags(tag_format: str, scripts: ScriptProcess) -> None:
    rules = """<rule id="r">go <ruleref uri="#c"/><tag>out.to = start + rules.c &amp;&amp; start + rules.c</tag></rule>
    <rule id="c"><one-of><item>rome<tag><![CDATA[out = 1 < 2 ? "ROM" : ""]]></tag></item></one-of></rule>"""
    assert scripts.evaluate(program_of_document(XML.format(tag_format, rules).encode(), "go rome")) == {"to": "SROM"}


def test_a_rule_of_another_document_is_known_by_its_name(scripts: ScriptProcess) -> None:
    head = "#ABNF 1.0;\nlanguage en;\ntag-format <semantics/1.0>;\n"
    documents = {"cities.gram": f'{head}{{var land = "IT"}};\npublic $city = rome {{out = land}};'.encode()}
    grammar = load(f"{head}root $r;\n$r = $<cities.gram#city> {{out.a = rules.city}};".encode(), "", documents.get)
    parse = match(grammar, ["rome"]).parse
    assert parse is not None
    assert scripts.evaluate(program_of(parse, grammar)) == {"a": "IT"}


def date(uri: str, words: Sequence[str], at: int) -> Iterator[tuple[int, object]]:
    yield at + 2, {"day": 4, "__proto__": "kept"}


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ("$r = on $<builtin:speech/date>;", {"day": 4, "__proto__": "kept"}),
        ("$r = on $<builtin:speech/date> {out = rules.latest().day};", 4),
        ("$r = on $<builtin:speech/date> {out = meta.latest().text};", "may fourth"),
        ("$r = on $<builtin:speech/date> {out = meta.current().text};", "on may fourth"),
    ],
)
def test_a_grammar_of_the_server_has_a_value_too(rules: str, value: object, scripts: ScriptProcess) -> None:
    assert scripts.evaluate(program(rules, "on may fourth", external=date)) == value


@pytest.mark.parametrize(
    ("rules", "say", "value"),
    [
        ("$r = yes {Y} | no;", "yes", "Y"),
        ("$r = yes {Y} | no;", "no", "no"),
        ("$r = a {one} b {two};", "a b", "two"),
        ("$r = please $s; $s = large {L};", "please large", "L"),
        ("$r = $s $s; $s = large {L} | small {S};", "large small", "S"),
        ("$r = yes {out = 1};", "yes", "out = 1"),
    ],
)
def test_literals_need_no_scripts(rules: str, say: str, value: str) -> None:
    grammar = load(f"#ABNF 1.0;\nlanguage en;\ntag-format <semantics/1.0-literals>;\nroot $r;\n{rules}".encode())
    parse = match(grammar, say.split()).parse
    assert parse is not None
    assert literal_value(parse) == value


def test_the_value_of_a_grammar_of_the_server_is_a_text_among_literals() -> None:
    head = "#ABNF 1.0;\nlanguage en;\ntag-format <semantics/1.0-literals>;\nroot $r;\n"
    grammar = load(f"{head}$r = on $<builtin:speech/date>;".encode())

    def found(value: object) -> str:
        parse = match(grammar, ["on", "may", "fourth"], external=lambda uri, words, at: [(at + 2, value)]).parse
        assert parse is not None
        return literal_value(parse)

    assert found("2026-05-04") == "2026-05-04"
    assert found({"day": 4}) == '{"day": 4}'


def test_the_same_parse_is_the_same_program() -> None:
    assert tagged("out = 1") == tagged("out = 1")


def test_the_example_of_the_reference_has_the_value_it_names(scripts: ScriptProcess) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "sisr.md").read_text(encoding="utf-8")
    _, grammar, rest = page.split("```", 2)
    said, value = rest.split('"', 2)[1], rest.split("`", 2)[1]
    assert scripts.evaluate(program_of_document(grammar.lstrip().encode(), said)) == json.loads(value)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_words_and_values_arrive_as_they_were_written(scripts: ScriptProcess, texts: list[str]) -> None:
    tokens = tuple(Token(text, (text,)) for text in texts)
    assert scripts.evaluate(program_of(Parse("r", "r", tokens), GRAMMAR)) == " ".join(texts)
    outside = ExternalParse("<builtin:x>", "", ("x",), {text: [text] for text in texts})
    assert scripts.evaluate(program_of(Parse("r", "r", (outside,)), GRAMMAR)) == outside.value


@settings(deadline=None)
@given(st.text())
def test_no_text_of_a_tag_is_anything_but_a_tag(scripts: ScriptProcess, text: str) -> None:
    tags = Tag(text), Tag("out = typeof headers")
    try:
        value = scripts.evaluate(program_of(Parse("r", "r", tags), GRAMMAR))
    except ScriptError as error:
        assert str(error).startswith("rule 'r': ")
    else:
        assert value == "undefined"
