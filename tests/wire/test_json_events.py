"""The way out: events to text frames, exactly as the reference draws them, and back as a client reads them."""

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from h2b.model.causes import CompletionCause
from h2b.model.errors import MalformedMessage
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Alternative, Hypothesis, Interpretation, Path, Result, Span
from h2b.wire.json import decode_event, encode
from tests.strategies import events
from tests.wire.vectors import frame, names

ENVELOPE = ["event", "request_id", "channel_id", "headers", "completion_cause", "completion_reason", "body"]
SPAN = Span(start_ms=1700000001230, end_ms=1700000003410)
HEARD = Alternative(
    hypothesis=Hypothesis(transcript="mon code c'est deux mille douze", confidence=0.912346),
    interpretation=Interpretation(type="builtin:speech/spelling/digits", value="2012", confidence=0.88),
    grammar_uri="session:pin",
)
OTHER = Alternative(
    hypothesis=Hypothesis(transcript="mon code c'est deux mille dix", confidence=0.5),
    interpretation=None,
    grammar_uri="",
)
ADDRESS = {"number": "37", "street": "rue du docteur leroy", "zipcode": "", "city": "", "complement": ""}


def event(name: EventName, request_id: int, **others: Any) -> Event:
    return Event(name=name, request_id=request_id, **{"channel_id": "acme-5f2c91"} | others)


def complete(cause: CompletionCause, reason: str, *alternatives: Alternative, **others: Any) -> Event:
    heard: dict[str, Any] = {"span": SPAN, "asr_model": "moonshine-base"} if alternatives else {}
    result = Result(alternatives=alternatives, **{"version": "0.1.0"} | heard | others)
    return event(EventName.RECOGNITION_COMPLETE, 6, cause=cause, reason=reason, result=result)


EXPECTED: dict[str, Event] = {
    "opened": event(EventName.OPENED, 1),
    "params_set": event(EventName.PARAMS_SET, 2),
    "default_params": event(
        EventName.DEFAULT_PARAMS, 3, parameters=Parameters(n_best_list_length=3, logging_tag="étape 2")
    ),
    "grammar_defined": event(EventName.GRAMMAR_DEFINED, 4),
    "recognition_in_progress": event(EventName.RECOGNITION_IN_PROGRESS, 6, cause=CompletionCause.SUCCESS),
    "input_timers_started": event(EventName.INPUT_TIMERS_STARTED, 8),
    "stopped": event(EventName.STOPPED, 9),
    "closed": event(EventName.CLOSED, 10),
    "start_of_input": event(EventName.START_OF_INPUT, 6),
    "recognition_complete": complete(CompletionCause.SUCCESS, "success", HEARD),
    "recognition_complete_n_best": complete(CompletionCause.SUCCESS, "success", HEARD, OTHER, n_best=True),
    "recognition_complete_partial": complete(
        CompletionCause.PARTIAL_MATCH,
        "only a part of the grammar was matched",
        Alternative(
            hypothesis=Hypothesis(transcript="trente-sept rue du docteur leroy", confidence=1.0),
            interpretation=Interpretation(
                type="builtin:speech/postal_address", value=ADDRESS, confidence=0.0, complete=False
            ),
            grammar_uri="builtin:speech/postal_address",
        ),
        span=Span(start_ms=0, end_ms=20),
    ),
    "recognition_complete_no_match": complete(
        CompletionCause.NO_MATCH,
        "confidence too low",
        Alternative(hypothesis=Hypothesis(transcript="euh", confidence=0.31), interpretation=None, grammar_uri=""),
        span=Span(start_ms=1700000001230, end_ms=1700000001500),
    ),
    "recognition_complete_no_input": complete(CompletionCause.NO_INPUT_TIMEOUT, "no voice"),
    "recognition_complete_no_input_n_best": complete(CompletionCause.NO_INPUT_TIMEOUT, "no voice", n_best=True),
    "method_not_valid": event(
        EventName.METHOD_NOT_VALID,
        0,
        channel_id="",
        reason="message: got the end at character 0, expected a JSON object",
    ),
    "method_failed": event(
        EventName.METHOD_FAILED,
        6,
        cause=CompletionCause.GRAMMAR_LOAD_FAILURE,
        reason="unknown grammar 'toto'",
    ),
    "invalid_param_value": event(
        EventName.INVALID_PARAM_VALUE, 2, reason="confidence_threshold: got 40, expected a number from 0.0 to 1.0"
    ),
    "missing_param": event(
        EventName.MISSING_PARAM, 6, reason="body is missing in RECOGNIZE: expected one grammar URI per line"
    ),
    "method_not_allowed": event(
        EventName.METHOD_NOT_ALLOWED,
        8,
        reason="START-INPUT-TIMERS is not allowed in an idle session: expected RECOGNIZE first",
    ),
}

REFUSED: dict[str, tuple[int, str]] = {
    "opened": (
        1,
        "event: got 'OPEN', expected one of OPENED, PARAMS-SET, DEFAULT-PARAMS, GRAMMAR-DEFINED, "
        "RECOGNITION-IN-PROGRESS, INPUT-TIMERS-STARTED, STOPPED, CLOSED, START-OF-INPUT, RECOGNITION-COMPLETE, "
        "METHOD-NOT-VALID, METHOD-FAILED, INVALID-PARAM-VALUE, MISSING-PARAM, METHOD-NOT-ALLOWED "
        "(nearest: 'OPENED')",
    ),
    "params_set": (0, "request_id: got '2', expected an integer"),
    "default_params": (3, "confidence_threshold: got 5, expected a number from 0.0 to 1.0"),
    "grammar_defined": (4, "headers: got [], expected an object"),
    "recognition_in_progress": (
        6,
        "completion_cause: got 'success', expected one of Success, NoMatch, NoInputTimeout, HotwordMaxtime, "
        "GramLoadFailure, Error, SuccessMaxtime, LanguageUnsupported, PartialMatch, PartialMatchMaxtime, "
        "NoMatchMaxtime, GramDefinitionFailure (nearest: 'Success')",
    ),
    "input_timers_started": (8, "event is missing"),
    "stopped": (9, "completion_reason is missing"),
    "closed": (10, "channel_id: got None, expected a string"),
    "start_of_input": (6, "completion_reason: got 5, expected a string"),
    "recognition_complete": (6, "body.asr.confidence: got 'high', expected a number"),
    "recognition_complete_n_best": (6, "body.alternatives[0].asr.start: got None, expected an integer"),
    "recognition_complete_partial": (6, "body.nlu.type is missing"),
    "recognition_complete_no_match": (6, "body.nlu: got 'null', expected an object"),
    "recognition_complete_no_input": (6, "body.asr is missing"),
    "recognition_complete_no_input_n_best": (6, "body.alternatives: got None, expected a list"),
    "method_failed": (6, "body: got 'no', expected an object"),
}


def test_speech_without_words_has_an_empty_transcript_and_its_times() -> None:
    heard = Result(span=Span(start_ms=1000, end_ms=2500), asr_model="m", version="v")
    sent = event(EventName.RECOGNITION_COMPLETE, 6, cause=CompletionCause.NO_MATCH, reason="", result=heard)
    body = json.loads(encode(sent))["body"]
    assert body["asr"] == {"transcript": "", "confidence": 0, "start": 1000, "end": 2500}
    assert body["nlu"] is None


def refusal(text: str) -> tuple[int, str]:
    with pytest.raises(MalformedMessage) as caught:
        decode_event(text)
    return caught.value.request_id, caught.value.reason


def test_every_vector_has_a_row_here_and_every_event_a_vector() -> None:
    twins = {f"{name}_invalid" for name in REFUSED} | {f"{name}_truncated" for name in EXPECTED}
    assert names("events") == EXPECTED.keys() | twins
    assert {each.name for each in EXPECTED.values()} == set(EventName)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_event_is_the_vector_byte_for_byte(name: str) -> None:
    assert encode(EXPECTED[name]) == frame("events", name)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_is_the_event_it_spells(name: str) -> None:
    assert decode_event(frame("events", name)) == EXPECTED[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_vector_is_refused_with_the_path_to_its_fault(name: str) -> None:
    assert refusal(frame("events", f"{name}_invalid")) == REFUSED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_truncated_vector_is_malformed(name: str) -> None:
    whole, cut = frame("events", name), frame("events", f"{name}_truncated")
    assert whole.startswith(cut)
    assert len(cut) < len(whole)
    request_id, reason = refusal(cut)
    assert request_id == EXPECTED[name].request_id
    assert reason.startswith("message: got ")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_cut_anywhere_or_followed_by_text_is_malformed(name: str) -> None:
    text = frame("events", name)
    for end in range(len(text)):
        assert refusal(text[:end])[0] in (0, EXPECTED[name].request_id)
    assert refusal(text + "{}")[1] == f"message: got '{{}}' at character {len(text)}, expected a JSON object"


@given(events())
def test_an_event_survives_the_way_to_the_client(sent: Event) -> None:
    assert decode_event(encode(sent)) == sent


@given(events())
def test_every_event_has_the_seven_keys_and_nothing_but_what_the_reference_draws(sent: Event) -> None:
    text = encode(sent)
    message = json.loads(text)
    assert list(message) == ENVELOPE
    assert bool(message["headers"]) is (sent.name is EventName.DEFAULT_PARAMS)
    assert message["completion_reason"] != ""
    if sent.result is None:
        assert message["body"] is None
    else:
        assert_body_has_the_shape_of(message["body"], sent.result)


def assert_body_has_the_shape_of(body: dict[str, Any], result: Result) -> None:
    keys = ["asr", "nlu", "grammar_uri", "asr_model", "version"]
    assert list(body) == keys + ["alternatives"] * result.n_best
    assert (body["asr"] is None) is (result.span is None)
    others = body.get("alternatives", [])
    assert len(others) == max(0, len(result.alternatives) - 1)
    for each in others:
        assert list(each) == keys
        assert list(each["asr"]) == ["transcript", "confidence", "start", "end"]


def test_the_text_is_compact_and_keeps_accents() -> None:
    assert encode(event(EventName.METHOD_FAILED, 1, reason="arrêt ‽")) == (
        '{"event":"METHOD-FAILED","request_id":1,"channel_id":"acme-5f2c91","headers":{},'
        '"completion_cause":null,"completion_reason":"arrêt ‽","body":null}'
    )


def test_confidences_have_at_most_six_decimals() -> None:
    third = evolve(HEARD, hypothesis=Hypothesis(transcript="oui", confidence=1 / 3))
    assert HEARD.interpretation is not None
    third = evolve(third, interpretation=evolve(HEARD.interpretation, confidence=2 / 3))
    body = json.loads(encode(complete(CompletionCause.SUCCESS, "success", third)))["body"]
    assert body["asr"]["confidence"] == 0.333333
    assert body["nlu"]["confidence"] == 0.666667


def test_the_others_are_sent_only_when_they_were_asked_for() -> None:
    assert encode(complete(CompletionCause.SUCCESS, "success", HEARD, OTHER)) == frame("events", "recognition_complete")


def test_a_completion_without_result_has_the_body_of_silence() -> None:
    sent = event(EventName.RECOGNITION_COMPLETE, 6, cause=CompletionCause.ERROR, reason="the engine died")
    body = {"asr": None, "nlu": None, "grammar_uri": "", "asr_model": "", "version": ""}
    assert json.loads(encode(sent))["body"] == body
    assert decode_event(encode(sent)) == evolve(sent, result=Result())


def test_what_only_the_server_knows_is_not_sent() -> None:
    inside = evolve(HEARD, hypothesis=evolve(HEARD.hypothesis, path=Path.GRAMMAR, log_probability=-12.5, tokens=9))
    assert encode(complete(CompletionCause.SUCCESS, "success", inside)) == frame("events", "recognition_complete")


def test_a_result_or_parameters_on_another_event_stay_here() -> None:
    sent = event(EventName.OPENED, 1, result=Result(alternatives=(HEARD,), span=SPAN))
    assert encode(sent) == frame("events", "opened")
    assert encode(event(EventName.OPENED, 1, parameters=Parameters())) == frame("events", "opened")


@pytest.mark.parametrize("empty", ['""', "{}", "null"])
def test_a_client_reads_every_empty_body_as_none(empty: str) -> None:
    assert decode_event(frame("events", "opened").replace('"body":null', f'"body":{empty}')) == EXPECTED["opened"]


def test_a_client_ignores_keys_and_headers_of_later_servers() -> None:
    text = frame("events", "recognition_complete")
    later = text.replace('"asr":{', '"mood":"calm","asr":{"phones":"m o",').replace('"headers":{}', '"headers":{"x":1}')
    assert later != text
    assert decode_event(later) == EXPECTED["recognition_complete"]


def test_a_value_json_cannot_say_is_a_fault_of_ours() -> None:
    broken = evolve(HEARD, interpretation=Interpretation(type="builtin:x", value=float("nan"), confidence=1.0))
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(complete(CompletionCause.SUCCESS, "success", broken))


def test_a_client_reads_servers_too_old_to_name_model_and_version() -> None:
    text = frame("events", "recognition_complete")
    older = text.replace(',"asr_model":"moonshine-base","version":"0.1.0"', "")
    assert older != text
    expected = EXPECTED["recognition_complete"]
    assert expected.result is not None
    assert decode_event(older) == evolve(expected, result=evolve(expected.result, asr_model="", version=""))
