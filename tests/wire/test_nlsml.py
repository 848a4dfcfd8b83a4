"""NLSML: both flavours as text, the way there and back, and documents that mean harm."""

from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from h2b.model.causes import CompletionCause
from h2b.model.errors import MalformedMessage
from h2b.model.results import Alternative, Hypothesis, InputMode, Interpretation, Result, Span
from h2b.wire.nlsml import (
    ITEM,
    NAMESPACE,
    VALUE_NAMESPACE,
    Flavour,
    Reading,
    decode,
    element_name,
    encode,
    scalar_text,
)
from tests.strategies import results

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
SUCCESS = CompletionCause.SUCCESS
PARIS = timezone(timedelta(hours=1))
SPOKEN = Span(start_ms=1_709_366_401_100, end_ms=1_709_366_402_040)


def alternative(words: str, value: Any, *, confidence: float = 0.93, grammar: str = "session:g0") -> Alternative:
    return Alternative(
        hypothesis=Hypothesis(transcript=words, confidence=0.95),
        interpretation=Interpretation(type="builtin:x", value=value, confidence=confidence),
        grammar_uri=grammar,
    )


def unmatched(words: str) -> Alternative:
    return Alternative(hypothesis=Hypothesis(transcript=words, confidence=0.31), interpretation=None, grammar_uri="")


def spoken(*alternatives: Alternative) -> Result:
    return Result(alternatives=alternatives, span=SPOKEN, asr_model="fr.basic", version="1.32.0")


def text(result: Result, cause: CompletionCause, flavour: Flavour, **others: Any) -> str:
    document = encode(result, cause, flavour, **others).decode()
    assert document.startswith(DECLARATION)
    return document.removeprefix(DECLARATION)


# What is written


def test_a_match_in_the_flavour_of_the_rfc() -> None:
    assert text(spoken(alternative("oui merci", "oui")), SUCCESS, Flavour.RFC) == (
        '<result xmlns="urn:ietf:params:xml:ns:mrcpv2"><interpretation grammar="session:g0" confidence="0.93">'
        '<instance>oui</instance><input mode="speech" confidence="0.95">oui merci</input></interpretation></result>'
    )


def test_a_match_in_the_flavour_without_namespace() -> None:
    assert text(spoken(alternative("oui merci", True)), SUCCESS, Flavour.H2B, zone=PARIS) == (
        '<result version="1.32.0"><interpretation grammar="session:g0" confidence="0.93">'
        '<instance>true</instance><input mode="speech" timestamp-start="2024-03-02T09:00:01.100+01:00"'
        ' timestamp-end="2024-03-02T09:00:02.040+01:00" confidence="0.95" asr-model="fr.basic">oui merci</input>'
        "</interpretation></result>"
    )


def test_several_alternatives_each_name_their_grammar_and_confidence() -> None:
    both = spoken(alternative("oui", True), alternative("ouïe", "x", confidence=0.5, grammar="session:g1"))
    written = text(both, SUCCESS, Flavour.RFC)
    assert '<interpretation grammar="session:g0" confidence="0.93">' in written
    assert '<interpretation grammar="session:g1" confidence="0.50">' in written


def test_no_match_tells_the_best_guess() -> None:
    assert text(spoken(unmatched("euh")), CompletionCause.NO_MATCH, Flavour.RFC) == (
        f'<result xmlns="{NAMESPACE}"><interpretation confidence="0.31"><instance/>'
        '<input mode="speech" confidence="0.31"><nomatch>euh</nomatch></input></interpretation></result>'
    )
    assert text(Result(), CompletionCause.NO_MATCH, Flavour.RFC) == (
        f'<result xmlns="{NAMESPACE}"><interpretation><instance/>'
        '<input mode="speech"><nomatch/></input></interpretation></result>'
    )


def test_no_input() -> None:
    silent = Result(asr_model="en.basic")
    assert text(silent, CompletionCause.NO_INPUT_TIMEOUT, Flavour.H2B) == (
        '<result><interpretation><instance/><input asr-model="en.basic"><noinput/></input></interpretation></result>'
    )
    assert text(silent, CompletionCause.NO_INPUT_TIMEOUT, Flavour.RFC) == (
        f'<result xmlns="{NAMESPACE}"><interpretation><instance/><input><noinput/></input></interpretation></result>'
    )


def test_keys_are_written_apart_from_one_another() -> None:
    document = encode(spoken(alternative("1234", "1234")), SUCCESS, mode=InputMode.DTMF)
    assert b'<instance>1234</instance><input mode="dtmf" confidence="0.95">1 2 3 4</input>' in document
    reading = decode(document)
    assert reading.mode is InputMode.DTMF
    assert reading.result.alternatives[0].hypothesis.transcript == "1 2 3 4"


ADDRESS: dict[str, Any] = {
    "number": 12,
    "street name": "rue de l'Été",
    "2nd": None,
    "item": False,
    "lines": ["a", ["b"], {"c": 1.5}],
    "empty": {},
}


def test_a_structured_value_stands_as_elements_named_like_its_keys() -> None:
    assert (
        "<instance><number>12</number><street_name>rue de l'Été</street_name><_2nd></_2nd><_item>false</_item>"
        "<lines><item>a</item><item><item>b</item></item><item><c>1.5</c></item></lines><empty/></instance>"
    ) in text(spoken(alternative("x", ADDRESS)), SUCCESS, Flavour.H2B)


def test_elements_of_a_value_have_a_namespace_of_their_own_and_no_prefix() -> None:
    document = encode(spoken(alternative("x", ADDRESS)), SUCCESS, Flavour.RFC)
    assert b"<instance><number xmlns=" in document
    root = etree.fromstring(document)
    instance = root[0][0]
    assert {etree.QName(each).namespace for each in root.iter()} == {NAMESPACE, VALUE_NAMESPACE}
    assert {etree.QName(each).namespace for each in instance.iterdescendants()} == {VALUE_NAMESPACE}
    assert all(each.prefix is None for each in root.iter())


@pytest.mark.parametrize(
    ("key", "name"),
    [("a", "a"), ("a b", "a_b"), ("", "_"), ("7", "_7"), ("é-.1", "é-.1"), ("-", "_-"), ("a:b", "a_b"), ("日", "_")],
)
def test_any_key_can_be_a_name(key: str, name: str) -> None:
    assert element_name(key) == name


def test_characters_that_xml_cannot_hold_are_replaced_and_all_others_survive() -> None:
    strange = "a\0\x0b\ud800\uffff<&>\"']]>\r\n\té\U0001f600"
    result = Result(
        alternatives=(alternative(strange, {strange: strange}, grammar=strange),), asr_model=strange, version=strange
    )
    for flavour in Flavour:
        read = decode(encode(result, SUCCESS, flavour)).result.alternatives[0]
        legal = "a\ufffd\ufffd\ufffd\ufffd<&>\"']]>\r\n\té\U0001f600"
        assert read.hypothesis.transcript == legal
        assert read.grammar_uri == legal
        assert read.interpretation is not None
        assert read.interpretation.value == {element_name(strange): legal}


def test_a_confidence_is_never_taken_for_hundredths() -> None:
    document = encode(spoken(alternative("x", "x", confidence=1.000001)), SUCCESS)
    assert b'confidence="1.00"' in document


# There and back


def carried_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {element_name(key): carried_value(inner) for key, inner in value.items()} or ""
    if isinstance(value, list):
        return [carried_value(inner) for inner in value] or ""
    return legal(scalar_text(value))


def legal(words: str) -> str:
    return "".join(
        each if each in "\t\n\r" or (each >= " " and each not in "\ufffe\uffff") else "\ufffd" for each in words
    )


def carried(result: Result, flavour: Flavour, mode: InputMode) -> Result:
    """What of a result a document can say."""
    alternatives = []
    for each in result.alternatives:
        hypothesis, meant = each.hypothesis, each.interpretation
        words = " ".join("".join(hypothesis.transcript.split())) if mode is InputMode.DTMF else hypothesis.transcript
        if meant is not None:
            confidence = float(f"{meant.confidence:.2f}")
            meant = evolve(meant, type="", value=carried_value(meant.value), confidence=confidence)
        alternatives.append(
            Alternative(
                hypothesis=Hypothesis(transcript=legal(words), confidence=float(f"{hypothesis.confidence:.2f}")),
                interpretation=meant,
                grammar_uri=legal(each.grammar_uri),
            )
        )
    extra = flavour is Flavour.H2B
    return Result(
        alternatives=tuple(alternatives),
        span=result.span if extra else None,
        asr_model=legal(result.asr_model) if extra else "",
        version=legal(result.version) if extra else "",
        n_best=len(alternatives) > 1,
    )


@given(st.data(), st.sampled_from(Flavour), st.sampled_from(InputMode), st.integers(-14 * 60, 14 * 60))
def test_what_a_flavour_can_carry_survives_the_way(
    data: st.DataObject, flavour: Flavour, mode: InputMode, offset_minutes: int
) -> None:
    cause = data.draw(st.sampled_from(CompletionCause))
    result = data.draw(results(cause))
    document = encode(result, cause, flavour, mode, timezone(timedelta(minutes=offset_minutes)))
    if not result.alternatives and cause is CompletionCause.NO_INPUT_TIMEOUT and mode is InputMode.SPEECH:
        assert b"<noinput/>" in document
    assert decode(document, cause) == Reading(carried(result, flavour, mode), mode)


def test_a_list_of_one_stays_a_list_and_a_partial_match_partial() -> None:
    document = encode(spoken(alternative("x", {"a": ["b"]})), CompletionCause.PARTIAL_MATCH)
    meant = decode(document, CompletionCause.PARTIAL_MATCH).result.alternatives[0].interpretation
    assert meant is not None
    assert meant.value == {"a": ["b"]}
    assert not meant.complete
    assert ITEM not in meant.value


@pytest.mark.parametrize("flavour", Flavour)
def test_a_value_with_a_member_called_input_is_no_input(flavour: Flavour) -> None:
    value = {"input": "x", "interpretation": {"input": "y", "instance": "z"}, "nomatch": "", "noinput": ""}
    reading = decode(encode(spoken(alternative("oui", value)), SUCCESS, flavour, InputMode.DTMF))
    assert reading.mode is InputMode.DTMF
    assert reading.result.asr_model == ("fr.basic" if flavour is Flavour.H2B else "")
    assert reading.result.span == (SPOKEN if flavour is Flavour.H2B else None)
    assert reading.result.best is not None
    assert reading.result.best.interpretation is not None
    assert reading.result.best.interpretation.value == value


# Others' documents


def test_the_mode_of_a_part_of_an_input_is_read() -> None:
    parts = '<input>1 2<input mode="speech">one</input><input mode="dtmf">2</input></input>'
    document = f"<result><interpretation><instance/>{parts}</interpretation></result>".encode()
    assert decode(document).mode is InputMode.DTMF


def test_a_document_of_the_standard_is_read() -> None:
    reading = decode(
        b"""<?xml version="1.0"?>
        <!-- as others write it -->
        <result xmlns="urn:ietf:params:xml:ns:mrcpv2" xmlns:ex="http://www.example.com/example"
                grammar="session:request1@form-level.store">
            <interpretation>
                <instance name="Person"><ex:Person><ex:Name> Andre Roy </ex:Name></ex:Person></instance>
                <input>may I speak to Andre Roy</input>
            </interpretation>
        </result>"""
    )
    assert reading == Reading(
        Result(
            alternatives=(
                Alternative(
                    hypothesis=Hypothesis(transcript="may I speak to Andre Roy", confidence=1.0),
                    interpretation=Interpretation(type="", value={"Person": {"Name": " Andre Roy "}}, confidence=1.0),
                    grammar_uri="session:request1@form-level.store",
                ),
            )
        )
    )


def test_a_confidence_in_hundredths_is_one_of_an_older_document() -> None:
    document = (
        b'<result><interpretation confidence="97"><instance/><input confidence="1">x</input></interpretation></result>'
    )
    best = decode(document).result.best
    assert best is not None
    assert best.interpretation is not None
    assert (best.interpretation.confidence, best.hypothesis.confidence) == (0.97, 1.0)


def test_times_in_any_offset_are_the_same_moment() -> None:
    def document(start: str) -> bytes:
        times = f'timestamp-start="{start}" timestamp-end="2024-03-02T08:00:02.040Z"'
        return f"<result><interpretation><instance/><input {times}/></interpretation></result>".encode()

    for start in ("2024-03-02T08:00:01.100Z", "2024-03-02T09:00:01.100+01:00", "20240302T080001.1+00:00"):
        assert decode(document(start)).result.span == SPOKEN
    with pytest.raises(MalformedMessage, match=r"^timestamp: got '2024-03-02T08:00:01', expected a date and time with"):
        decode(document("2024-03-02T08:00:01"))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<nlsml/>", "NLSML: got 'nlsml', expected 'result'"),
        (b"<!DOCTYPE result><result/>", "NLSML: got a document type, expected none"),
        (
            b'<result><interpretation confidence="high"><input/></interpretation></result>',
            "confidence: got 'high', expected a number from 0.0 to 1.0",
        ),
        (
            b"<result>" + b"<a>" * 32 + b"</a>" * 32 + b"</result>",
            "NLSML: expected at most 20000 elements, 32 of them inside one another",
        ),
        (
            b"<result>" + b"<a/>" * 20_000 + b"</result>",
            "NLSML: expected at most 20000 elements, 32 of them inside one another",
        ),
        (b" " * 1_000_001, "NLSML: got 1000001 octets, expected at most 1000000"),
    ],
    ids=["other", "doctype", "confidence", "deep", "many", "large"],
)
def test_what_is_no_result_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(document)
    assert caught.value.reason == reason


BOMB = b"""<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>
<result><interpretation><instance>&b;&c;</instance><input>x</input></interpretation></result>"""


@pytest.mark.parametrize("document", [b"", b"<", b"<result>", b"\xff\xfe", b"<result>\0</result>", BOMB])
def test_no_document_does_harm(document: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"^NLSML: "):
        decode(document)


def test_a_value_of_any_depth_can_be_written_and_read() -> None:
    value: Any = "x"
    for _ in range(60):
        value = {"a": [value]}
    for flavour in Flavour:
        assert decode(encode(spoken(alternative("x", value)), SUCCESS, flavour)).result.best is not None


SAMPLE = encode(spoken(alternative("oui merci", ADDRESS), unmatched("euh")), SUCCESS, Flavour.H2B, zone=UTC)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 9), st.binary(max_size=6))
def test_a_document_with_anything_changed_is_read_or_malformed(at: int, cut: int, put: bytes) -> None:
    try:
        decode(SAMPLE[:at] + put + SAMPLE[at + cut :])
    except MalformedMessage as error:
        error.reason.encode()
