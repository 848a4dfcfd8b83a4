"""The messages of the JSON WebSocket: text frame to command, event to text frame, and the same seen by a client.

Owns the order in which a message is judged. `h2b.wire.jsontext` reads the text, `h2b.wire.jsonfields` the fields, and
the spellings stand in `h2b.wire.vocabulary`. Must not know states, grammars or sockets. Source: H2B reference
sections 2.1 to 2.5.

What a client may leave out is read kindly: headers, body and every header of OPEN; unknown headers are ignored.
What could be misread is refused: a wrong type, a value out of range, a doubtful JSON text.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from attrs import evolve

from h2b.model.causes import CompletionCause
from h2b.model.errors import (
    ClientError,
    H2BError,
    InvalidParameter,
    MalformedMessage,
    MissingParameter,
    nearest,
    shorten,
)
from h2b.model.formats import GrammarFormat
from h2b.model.messages import Command, DefineGrammar, Event, Open, Recognize
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Alternative, Hypothesis, Interpretation, Result, Span
from h2b.wire.jsonfields import (
    CONVERTER,
    Absent,
    Body,
    Entry,
    EventFrame,
    Heard,
    Meant,
    Rejection,
    Unexpected,
    definition,
    read_changes,
    structure,
    write_changes,
)
from h2b.wire.jsontext import MAXIMUM_REQUEST_ID, read_object, refuse_flaws, request_id_of
from h2b.wire.vocabulary import JSON, Key

Member = TypeVar("Member")

_COMMANDS: Mapping[str, type[Command]] = {spelling: kind for kind, spelling in JSON.commands.items()}
_HEADERS = (Key.CUSTOM_ID, Key.SESSION_ID, Key.AUDIO_CODEC, Key.CONTENT_ID)
"""Headers that become fields; absent, null and empty are one."""
_GRAMMAR_FORMATS: Mapping[type[Command], tuple[GrammarFormat, ...]] = {
    DefineGrammar: tuple(GrammarFormat),
    Recognize: (GrammarFormat.URI_LIST,),
}
"""How the body of a command may be written. What is long is defined once, and then recognised by its alias."""
_PARTIAL = (CompletionCause.PARTIAL_MATCH, CompletionCause.PARTIAL_MATCH_MAXTIME)


class Unreadable(H2BError):
    """A frame that is no command. `error` says why; `request_id` is what the answer must echo, 0 if unreadable;
    `method` is which command it was to be, as the client wrote it, where that could be read."""

    def __init__(self, request_id: int, error: ClientError, method: str = "") -> None:
        super().__init__(error.reason)
        self.request_id = request_id
        self.error = error
        self.method = method


def decode(text: str) -> Command:
    """The command in a text frame from a client.

    Raises:
        Unreadable: with a `MalformedMessage`, `InvalidParameter` or `MissingParameter` inside. Nothing is kept of the
            frame: the session stays as it was.
    """
    request_id = 0
    try:
        message = read_object(text)
        request_id = request_id_of(message) or 0
        refuse_flaws(message)
        return _read_command(message)
    except MalformedMessage as error:
        error.request_id = error.request_id or request_id
        raise Unreadable(error.request_id, error) from None
    except ClientError as error:
        raise Unreadable(request_id, error, str(message.get(Key.COMMAND, ""))) from None


def encode(event: Event) -> str:
    """The text frame of an event: compact JSON with all seven keys of the envelope."""
    complete = event.name is EventName.RECOGNITION_COMPLETE
    parameters = event.parameters if event.name is EventName.DEFAULT_PARAMS else None
    frame = EventFrame(
        name=event.name,
        request_id=event.request_id,
        channel_id=event.channel_id,
        parameters=write_changes(parameters.as_mapping()) if parameters else {},
        cause=event.cause,
        reason=event.reason or None,
        body=_body_of(event.result or Result()) if complete else None,
    )
    return _text(CONVERTER.unstructure(frame))


def encode_command(command: Command, channel_id: str = "") -> str:
    """The text frame a client sends; `channel_id` is the session's. OPEN sends its prefix in that place."""
    fields = {Key.CHANNEL_ID: channel_id, Key.BODY: "", Key.HEADERS: {}} | CONVERTER.unstructure(command)
    headers = {key: fields[key] for key in _HEADERS if key in fields}
    if type(command) in _GRAMMAR_FORMATS:
        headers[Key.CONTENT_TYPE] = fields.get(Key.CONTENT_TYPE, JSON.grammar_formats[GrammarFormat.URI_LIST])
    return _text(
        {
            Key.COMMAND: JSON.commands[type(command)],
            Key.REQUEST_ID: command.request_id,
            Key.CHANNEL_ID: fields[Key.CHANNEL_ID],
            Key.HEADERS: headers | fields[Key.HEADERS],
            Key.BODY: fields[Key.BODY],
        }
    )


def decode_event(text: str) -> Event:
    """The event in a text frame from a server.

    What the wire does not carry has the model's defaults; an interpretation is complete unless the cause is partial.

    Raises:
        MalformedMessage: the frame is no event.
    """
    message = read_object(text)
    refuse_flaws(message)
    try:
        frame = structure(message, EventFrame)
        headers = read_changes(frame.parameters)
    except (Rejection, InvalidParameter) as error:
        raise MalformedMessage(error.reason, request_id_of(message) or 0) from None
    complete = frame.name is EventName.RECOGNITION_COMPLETE
    return Event(
        name=frame.name,
        request_id=frame.request_id,
        channel_id=frame.channel_id,
        parameters=Parameters().with_changes(headers) if frame.name is EventName.DEFAULT_PARAMS else None,
        cause=frame.cause,
        reason=frame.reason or "",
        result=_result_of(frame.body, frame.cause) if complete else None,
    )


def _text(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


# Commands


def _read_command(message: Mapping[str, Any]) -> Command:
    if request_id_of(message) is None:
        raise _wrong(message, Key.REQUEST_ID, f"an integer from 0 to {MAXIMUM_REQUEST_ID}")
    kind = _kind_of(message)
    headers: dict[str, Any] = _member(message, Key.HEADERS, {}, "an object")
    body = _member(message, Key.BODY, "", "a string")
    # Only OPEN gives the channel id a meaning: elsewhere it is the client's own note and is not looked at.
    prefix = _member(message, Key.CHANNEL_ID, "", "a string") if kind is Open else ""
    fields: dict[str, Any] = {key: "" if headers.get(key) is None else headers[key] for key in _HEADERS}
    fields |= {Key.REQUEST_ID: message[Key.REQUEST_ID], Key.CHANNEL_ID: prefix, Key.BODY: body, Key.HEADERS: headers}
    if kind in _GRAMMAR_FORMATS:
        fields[Key.CONTENT_TYPE] = _grammar_format(headers.get(Key.CONTENT_TYPE), _GRAMMAR_FORMATS[kind])
    try:
        command = structure(fields, kind)
        if isinstance(command, DefineGrammar):
            return evolve(command, body=definition(command.body, command.format))
        return command
    except Rejection as rejection:
        raise _client_error(rejection, JSON.commands[kind]) from None


def _kind_of(message: Mapping[str, Any]) -> type[Command]:
    name = message.get(Key.COMMAND)
    if isinstance(name, str) and name in _COMMANDS:
        return _COMMANDS[name]
    hint = nearest(name.upper(), _COMMANDS) if isinstance(name, str) else ""
    raise _wrong(message, Key.COMMAND, f"one of {', '.join(_COMMANDS)}{hint}")


def _member(message: Mapping[str, Any], key: Key, default: Member, expected: str) -> Member:
    value = message.get(key)
    if value is None:
        return default
    if not isinstance(value, type(default)):
        raise _wrong(message, key, expected)
    return value


def _wrong(message: Mapping[str, Any], key: Key, expected: str) -> MalformedMessage:
    if key not in message:
        return MalformedMessage(f"{key} is missing: expected {expected}")
    return MalformedMessage(f"{key}: got {shorten(message[key])}, expected {expected}")


def _grammar_format(raw: Any, allowed: Sequence[GrammarFormat]) -> GrammarFormat:
    if raw is None or raw == "":
        return GrammarFormat.URI_LIST
    spelled = {JSON.grammar_formats[kind]: kind for kind in allowed}
    # A media type is compared without case, and may have parameters such as a charset.
    name = raw.partition(";")[0].strip().lower() if isinstance(raw, str) else ""
    if name not in spelled:
        raise InvalidParameter(Key.CONTENT_TYPE, raw, " or ".join(f"'{media_type}'" for media_type in spelled))
    return spelled[name]


def _client_error(rejection: Rejection, command: str) -> ClientError:
    match rejection.problem:
        case Unexpected(value=value, expected=expected):
            return InvalidParameter(rejection.path, value, expected)
        case Absent(expected=expected):
            return MissingParameter(rejection.path, command, expected)
        case ClientError() as error:
            return error
    raise rejection.problem


# Results


def _body_of(result: Result) -> Body:
    if result.best is None:
        # Clients look at the words of every end but that of nobody's speech.
        span = result.span
        heard = Heard(transcript="", confidence=0.0, start_ms=span.start_ms, end_ms=span.end_ms) if span else None
        return Body(
            heard=heard,
            meant=None,
            grammar_uri="",
            asr_model=result.asr_model,
            version=result.version,
            others=[] if result.n_best else None,
        )
    best, *others = (_entry_of(alternative, result) for alternative in result.alternatives)
    return Body(
        heard=best.heard,
        meant=best.meant,
        grammar_uri=best.grammar_uri,
        asr_model=best.asr_model,
        version=best.version,
        others=others if result.n_best else None,
    )


def _entry_of(alternative: Alternative, result: Result) -> Entry:
    hypothesis, interpretation, span = alternative.hypothesis, alternative.interpretation, result.span
    heard = meant = None
    if span is not None:
        heard = Heard(
            transcript=hypothesis.transcript,
            confidence=hypothesis.confidence,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
        )
    if interpretation is not None:
        meant = Meant(type=interpretation.type, value=interpretation.value, confidence=interpretation.confidence)
    return Entry(
        heard=heard,
        meant=meant,
        grammar_uri=alternative.grammar_uri,
        asr_model=result.asr_model,
        version=result.version,
    )


def _result_of(body: Body | None, cause: CompletionCause | None) -> Result:
    if body is None:
        return Result()
    complete = cause not in _PARTIAL
    alternatives = [
        _alternative_of(entry, entry.heard, complete)
        for entry in (body, *(body.others or ()))
        if entry.heard and (entry.heard.transcript or entry.meant)
    ]
    return Result(
        alternatives=tuple(alternatives),
        span=Span(start_ms=body.heard.start_ms, end_ms=body.heard.end_ms) if body.heard else None,
        asr_model=body.asr_model,
        version=body.version,
        n_best=body.others is not None,
    )


def _alternative_of(entry: Entry, heard: Heard, complete: bool) -> Alternative:
    meant = entry.meant
    interpretation = None
    if meant is not None:
        interpretation = Interpretation(
            type=meant.type, value=meant.value, confidence=meant.confidence, complete=complete
        )
    return Alternative(
        hypothesis=Hypothesis(transcript=heard.transcript, confidence=heard.confidence),
        interpretation=interpretation,
        grammar_uri=entry.grammar_uri,
    )
