"""Commands, events, causes, formats and results as values."""

import pytest
from attrs.exceptions import FrozenInstanceError

from h2b.model.causes import CompletionCause
from h2b.model.formats import (
    FRAME_SAMPLES,
    FRAME_SECONDS,
    SAMPLE_RATE,
    AudioFormat,
    milliseconds_to_samples,
    seconds_to_samples,
)
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
from h2b.model.results import Alternative, Hypothesis, Result

METHODS = [
    (Open(request_id=1), "OPEN"),
    (SetParams(request_id=1), "SET-PARAMS"),
    (GetParams(request_id=1), "GET-PARAMS"),
    (DefineGrammar(request_id=1, alias="pin", body="builtin:x"), "DEFINE-GRAMMAR"),
    (Recognize(request_id=1, grammars=("builtin:x",)), "RECOGNIZE"),
    (StartInputTimers(request_id=1), "START-INPUT-TIMERS"),
    (Stop(request_id=1), "STOP"),
    (Close(request_id=1), "CLOSE"),
]


@pytest.mark.parametrize(("command", "method"), METHODS)
def test_a_command_knows_its_method(command: Command, method: str) -> None:
    assert command.method == method


def test_every_command_is_in_the_rows_above() -> None:
    assert {type(command) for command, _ in METHODS} == set(Command.__subclasses__())


def test_messages_are_values() -> None:
    assert Open(request_id=1) == Open(request_id=1, audio_format=AudioFormat.LINEAR)
    assert Event(name=EventName.OPENED, request_id=1) != Event(name=EventName.CLOSED, request_id=1)
    with pytest.raises(FrozenInstanceError):
        Open(request_id=1).request_id = 2  # type: ignore[misc]  # the attempt is what is tested


def test_causes_have_the_numbers_of_rfc_6787() -> None:
    assert {cause.name: cause.value for cause in CompletionCause} == {
        "SUCCESS": 0,
        "NO_MATCH": 1,
        "NO_INPUT_TIMEOUT": 2,
        "HOTWORD_MAXTIME": 3,
        "GRAMMAR_LOAD_FAILURE": 4,
        "ERROR": 6,
        "SUCCESS_MAXTIME": 8,
        "LANGUAGE_UNSUPPORTED": 10,
        "PARTIAL_MATCH": 13,
        "PARTIAL_MATCH_MAXTIME": 14,
        "NO_MATCH_MAXTIME": 15,
        "GRAMMAR_DEFINITION_FAILURE": 16,
    }


def test_a_frame_is_twenty_milliseconds() -> None:
    assert FRAME_SECONDS == 0.02
    assert milliseconds_to_samples(20) == seconds_to_samples(0.02) == FRAME_SAMPLES
    assert seconds_to_samples(1) == SAMPLE_RATE


@pytest.mark.parametrize(
    ("audio_format", "width"), [(AudioFormat.LINEAR, 2), (AudioFormat.G711A, 1), (AudioFormat.G711U, 1)]
)
def test_a_format_knows_the_bytes_of_a_sample(audio_format: AudioFormat, width: int) -> None:
    assert audio_format.bytes_per_sample == width


def test_the_best_alternative_is_the_first() -> None:
    first, second = (
        Alternative(hypothesis=Hypothesis(transcript=word, confidence=0.5), interpretation=None, grammar_uri="")
        for word in ("oui", "non")
    )
    assert Result(alternatives=(first, second)).best is first
    assert Result().best is None
