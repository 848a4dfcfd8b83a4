"""Whose fault it is, which event answers it, and in which words."""

import pytest

from h2b.model.causes import CompletionCause
from h2b.model.errors import (
    EVENT_OF_ERROR,
    ClientError,
    ConfigurationError,
    EngineError,
    GrammarDefinitionError,
    H2BError,
    InvalidParameter,
    LanguageUnsupported,
    MalformedMessage,
    MethodFailed,
    MethodNotAllowed,
    MissingParameter,
    NoSuchGrammar,
    event_of,
    nearest,
    shorten,
)
from h2b.model.names import EventName

ROWS = [
    (
        MalformedMessage("message: got the end at character 0, expected a JSON object", 7),
        EventName.METHOD_NOT_VALID,
        None,
        "message: got the end at character 0, expected a JSON object",
    ),
    (
        MethodNotAllowed("STOP", "outside a session", "expected OPEN first"),
        EventName.METHOD_NOT_ALLOWED,
        None,
        "STOP is not allowed outside a session: expected OPEN first",
    ),
    (
        InvalidParameter("confidence_threshold", 40, "a number from 0.0 to 1.0"),
        EventName.INVALID_PARAM_VALUE,
        None,
        "confidence_threshold: got 40, expected a number from 0.0 to 1.0",
    ),
    (
        MissingParameter("content_id", "DEFINE-GRAMMAR", "an alias"),
        EventName.MISSING_PARAM,
        None,
        "content_id is missing in DEFINE-GRAMMAR: expected an alias",
    ),
    (MethodFailed("no engine is ready"), EventName.METHOD_FAILED, None, "no engine is ready"),
    (
        NoSuchGrammar("toto"),
        EventName.METHOD_FAILED,
        CompletionCause.GRAMMAR_LOAD_FAILURE,
        "unknown grammar 'toto'",
    ),
    (
        NoSuchGrammar("builtin:speech/bolean", ["builtin:speech/boolean", "builtin:speech/date"]),
        EventName.METHOD_FAILED,
        CompletionCause.GRAMMAR_LOAD_FAILURE,
        "unknown grammar 'builtin:speech/bolean' (nearest: 'builtin:speech/boolean')",
    ),
    (
        GrammarDefinitionError("builtin:speech/spelling/digits?regex=[", "the class at character 0 is not closed"),
        EventName.METHOD_FAILED,
        CompletionCause.GRAMMAR_DEFINITION_FAILURE,
        "grammar 'builtin:speech/spelling/digits?regex=[': the class at character 0 is not closed",
    ),
    (
        LanguageUnsupported("builtin:speech/date", "es", ["fr", "en"]),
        EventName.METHOD_FAILED,
        CompletionCause.LANGUAGE_UNSUPPORTED,
        "builtin:speech/date is not available in 'es': expected one of en, fr",
    ),
    (
        LanguageUnsupported("speech", "it", []),
        EventName.METHOD_FAILED,
        CompletionCause.LANGUAGE_UNSUPPORTED,
        "speech is not available in 'it': expected one of none",
    ),
    (
        ClientError("something else", CompletionCause.ERROR),
        EventName.METHOD_FAILED,
        CompletionCause.ERROR,
        "something else",
    ),
]


@pytest.mark.parametrize(("error", "event", "cause", "reason"), ROWS, ids=lambda value: type(value).__name__)
def test_a_client_error_has_its_event_its_cause_and_its_words(
    error: ClientError, event: EventName, cause: CompletionCause | None, reason: str
) -> None:
    assert event_of(error) is event
    assert error.cause is cause
    assert error.reason == str(error) == reason


def test_every_client_error_is_in_the_rows_above_and_in_the_table() -> None:
    def below(kind: type[ClientError]) -> set[type[ClientError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__() if child.__module__ == kind.__module__))

    assert {type(row[0]) for row in ROWS} == below(ClientError)
    assert EVENT_OF_ERROR[-1][0] is ClientError


def test_the_table_has_every_error_event_and_its_special_rows_first() -> None:
    kinds = [kind for kind, _ in EVENT_OF_ERROR]
    for index, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[index + 1 :])
    assert {event for _, event in EVENT_OF_ERROR} == {
        EventName.METHOD_NOT_VALID,
        EventName.METHOD_FAILED,
        EventName.INVALID_PARAM_VALUE,
        EventName.MISSING_PARAM,
        EventName.METHOD_NOT_ALLOWED,
    }


def test_faults_of_client_engine_and_operator_are_kept_apart() -> None:
    kinds = (ClientError, EngineError, ConfigurationError)
    assert all(issubclass(kind, H2BError) for kind in kinds)
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)


def test_a_malformed_message_carries_the_request_id_if_it_could_be_read() -> None:
    assert MalformedMessage("?", 7).request_id == 7
    assert MalformedMessage("?").request_id == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConfigurationError("port: got 'x', expected a number", "h2b.toml", 3),
            "h2b.toml:3: port: got 'x', expected a number",
        ),
        (ConfigurationError("no such file", "h2b.toml"), "h2b.toml: no such file"),
        (ConfigurationError("nothing to serve"), "nothing to serve"),
    ],
)
def test_a_configuration_error_begins_with_its_place(error: ConfigurationError, text: str) -> None:
    assert str(error) == text


def test_the_nearest_name_is_told_only_when_it_is_near() -> None:
    assert nearest("RECOGNISE", ["RECOGNIZE", "STOP"]) == " (nearest: 'RECOGNIZE')"
    assert nearest("PING", ["RECOGNIZE", "STOP"]) == ""
    assert nearest("PING", []) == ""


def test_a_shortened_value_is_one_line_of_bounded_length() -> None:
    assert shorten("a\nb") == "'a\\nb'"
    assert shorten("x" * 78) == f"'{'x' * 78}'"
    assert shorten("x" * 79) == f"'{'x' * 78}…"
    assert shorten([1, 2, 3], limit=5) == "[1, …"
