"""The vendor's SDK at the far end: what it builds we read, what we build it reads. Its behaviour is law."""

from typing import Any

import pytest
import uhlive.stream.recognition as sdk
from hypothesis import given

from h2b.model.causes import CompletionCause
from h2b.model.errors import InvalidParameter, MissingParameter
from h2b.model.formats import AudioFormat
from h2b.model.messages import (
    Close,
    Command,
    DefineGrammar,
    Event,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Alternative, Span
from h2b.wire.json import Unreadable, decode, encode
from h2b.wire.jsonfields import write_changes
from h2b.wire.vocabulary import JSON
from tests.strategies import events
from tests.wire.test_json_events import EXPECTED, HEARD, OTHER, complete, event
from tests.wire.vectors import frame

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

SDK_CLASSES = {
    EventName.OPENED: sdk.Opened,
    EventName.PARAMS_SET: sdk.ParamsSet,
    EventName.DEFAULT_PARAMS: sdk.DefaultParams,
    EventName.GRAMMAR_DEFINED: sdk.GrammarDefined,
    EventName.RECOGNITION_IN_PROGRESS: sdk.RecognitionInProgress,
    EventName.INPUT_TIMERS_STARTED: sdk.InputTimersStarted,
    EventName.STOPPED: sdk.Stopped,
    EventName.CLOSED: sdk.Closed,
    EventName.START_OF_INPUT: sdk.StartOfInput,
    EventName.RECOGNITION_COMPLETE: sdk.RecognitionComplete,
    EventName.METHOD_NOT_VALID: sdk.MethodNotValid,
    EventName.METHOD_FAILED: sdk.MethodFailed,
    EventName.INVALID_PARAM_VALUE: sdk.InvalidParamValue,
    EventName.MISSING_PARAM: sdk.MissingParam,
    EventName.METHOD_NOT_ALLOWED: sdk.MethodNotAllowed,
}


def opened() -> sdk.Recognizer:
    """The SDK's client in an idle session; OPEN was its request 1."""
    client = sdk.Recognizer()
    client.open()
    client.receive(frame("events", "opened"))
    return client


def recognizing() -> sdk.Recognizer:
    """The SDK's client in a recognition; RECOGNIZE was its request 2."""
    client = opened()
    client.recognize("builtin:speech/boolean")
    client.receive(frame("events", "recognition_in_progress"))
    return client


def test_open_is_read_as_the_sdk_builds_it() -> None:
    assert decode(sdk.Recognizer().open()) == Open(request_id=1)
    built = sdk.Recognizer().open(custom_id="client-42", channel_id="acme", session_id="appel é", audio_codec="g711u")
    assert decode(built) == Open(
        request_id=1,
        channel_prefix="acme",
        audio_format=AudioFormat.G711U,
        custom_id="client-42",
        session_id="appel é",
    )


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (lambda: opened().get_params(), GetParams(request_id=2)),
        (lambda: opened().close(), Close(request_id=2)),
        (lambda: recognizing().start_input_timers(), StartInputTimers(request_id=3)),
        (lambda: recognizing().stop(), Stop(request_id=3)),
        (
            lambda: opened().define_grammar(r"speech/keywords?alternatives=arrêt|allo\-media", "mot clé"),
            DefineGrammar(
                request_id=2, alias="mot clé", body=r"builtin:speech/keywords?alternatives=arrêt|allo\-media"
            ),
        ),
        (
            lambda: opened().recognize("session:pin", "builtin:speech/boolean"),
            Recognize(
                request_id=2,
                grammars=("session:pin", "builtin:speech/boolean"),
                changes={"recognition_mode": "normal", "start_input_timers": True},
            ),
        ),
        (
            lambda: opened().recognize(
                "builtin:speech/boolean",
                start_timers=False,
                recognition_mode="hotword",
                hotword_max_duration=5000,
                confidence_threshold="0.4",
            ),
            Recognize(
                request_id=2,
                grammars=("builtin:speech/boolean",),
                changes={
                    "recognition_mode": "hotword",
                    "start_input_timers": False,
                    "hotword_max_duration": 5000,
                    "confidence_threshold": 0.4,
                },
            ),
        ),
        (
            lambda: opened().set_params(
                speech_language="fr", no_input_timeout=5000, logging_tag="step-2", hotword_max_time=3
            ),
            SetParams(
                request_id=2,
                changes={"speech_language": "fr", "no_input_timeout": 5000, "logging_tag": "step-2"},
            ),
        ),
    ],
)
def test_commands_are_read_as_the_sdk_builds_them(built: Any, expected: Command) -> None:
    assert decode(built()) == expected


@pytest.mark.parametrize(
    ("built", "error"),
    [
        (lambda: opened().recognize(), MissingParameter),
        (lambda: opened().define_grammar("speech/boolean", ""), MissingParameter),
        (lambda: opened().set_params(confidence_threshold=True), InvalidParameter),
        (lambda: sdk.Recognizer().open(audio_codec="pcm"), InvalidParameter),
    ],
)
def test_mistakes_the_sdk_lets_through_are_refused(built: Any, error: type[Exception]) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(built())
    assert type(caught.value.error) is error
    assert caught.value.request_id in (1, 2)


def test_the_sdk_knows_every_event_and_cause_and_no_other() -> None:
    assert SDK_CLASSES.keys() == set(EventName)
    assert {cause.value for cause in sdk.CompletionCause} == set(JSON.causes.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_the_sdk_reads_every_vector(name: str) -> None:
    assert_the_sdk_reads(EXPECTED[name])


@given(events())
def test_the_sdk_reads_every_event(sent: Event) -> None:
    assert_the_sdk_reads(sent)


def assert_the_sdk_reads(sent: Event) -> None:
    read = sdk.Recognizer().receive(encode(sent))
    assert type(read) is SDK_CLASSES[sent.name]
    assert read.request_id == sent.request_id
    assert read.channel_id == sent.channel_id
    assert read.headers == (write_changes(sent.parameters.as_mapping()) if sent.parameters else {})
    cause = read.completion_cause
    assert (cause.value if cause else None) == (JSON.causes[sent.cause] if sent.cause is not None else None)
    assert read.completion_reason == (sent.reason or None)
    if sent.result is None:
        assert read.body is None
        return
    assert read.body is not None
    if sent.result.best is None:
        assert (read.body.nlu, read.body.grammar_uri) == (None, "")
        assert (read.body.asr.transcript if read.body.asr else None) == ("" if sent.result.span else None)
        return
    assert sent.result.span is not None
    entries = [read.body, *read.body.alternatives]
    assert len(entries) == (len(sent.result.alternatives) if sent.result.n_best else 1)
    for entry, alternative in zip(entries, sent.result.alternatives, strict=False):
        assert_the_sdk_reads_alternative(entry, alternative, sent.result.span)


def assert_the_sdk_reads_alternative(entry: sdk.RecogResult, alternative: Alternative, span: Span) -> None:
    assert entry.grammar_uri == alternative.grammar_uri
    assert entry.asr is not None
    assert entry.asr.transcript == alternative.hypothesis.transcript
    assert entry.asr.confidence == alternative.hypothesis.confidence
    assert abs((entry.asr.end - entry.asr.start).total_seconds() * 1000 - (span.end_ms - span.start_ms)) < 0.5
    interpretation = alternative.interpretation
    if interpretation is None:
        assert entry.nlu is None
    else:
        assert entry.nlu is not None
        assert (entry.nlu.type, entry.nlu.value) == (interpretation.type, interpretation.value)
        assert entry.nlu.confidence == interpretation.confidence


def test_our_events_drive_the_sdk_through_a_whole_session() -> None:
    client = sdk.Recognizer()
    sent: list[Command] = [decode(client.open(channel_id="acme"))]
    client.receive(encode(event(EventName.OPENED, 1)))
    assert client.channel_id == "acme-5f2c91"
    sent.append(decode(client.get_params()))
    client.receive(encode(event(EventName.DEFAULT_PARAMS, 2, parameters=Parameters())))
    sent.append(decode(client.recognize("builtin:speech/boolean")))
    client.receive(encode(event(EventName.RECOGNITION_IN_PROGRESS, 3)))
    client.receive(encode(event(EventName.START_OF_INPUT, 3)))
    sent.append(decode(client.start_input_timers()))
    client.receive(encode(event(EventName.INPUT_TIMERS_STARTED, 4)))
    client.receive(encode(complete(CompletionCause.SUCCESS, "success", HEARD, OTHER, n_best=True)))
    sent.append(decode(client.close()))
    client.receive(encode(event(EventName.CLOSED, 5)))
    sent.append(decode(client.open()))
    assert [each.request_id for each in sent] == [1, 2, 3, 4, 5, 6]
    assert [type(each) for each in sent] == [Open, GetParams, Recognize, StartInputTimers, Close, Open]
