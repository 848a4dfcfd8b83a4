"""How each field of a command or an event stands in JSON: one cattrs converter, read and written from one table.

Owns `RECORDS`, the rows of that table, and the way from a cattrs error to the path of the value that caused it. Must
not know JSON text or the order in which a message is judged. Source: H2B reference sections 2.1 to 2.5.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import frozen
from cattrs import Converter, override
from cattrs.errors import AttributeValidationNote, BaseValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from h2b.model.causes import CompletionCause
from h2b.model.errors import nearest, shorten
from h2b.model.formats import AudioFormat, GrammarFormat
from h2b.model.messages import (
    Close,
    DefineGrammar,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.model.names import EventName
from h2b.model.params import MAXIMUM_TEXT, ParameterValue, parse_parameter
from h2b.wire.vocabulary import JSON, Key

MAXIMUM_GRAMMARS = 16
"""Grammars of one RECOGNIZE: each costs search, and grammars worth mixing are few."""
MAXIMUM_URI_LIST = 100_000
"""Characters of their list: as many URIs as may be given, each of the longest, fill less."""
MAXIMUM_ALIAS = 200
"""Characters of an alias."""
CONFIDENCE_DIGITS = 6

Record = TypeVar("Record")
Spelled = TypeVar("Spelled")


class Unexpected(ValueError):
    """A value that is not what its field takes."""

    def __init__(self, value: object, expected: str, hint: str = "") -> None:
        super().__init__(value, expected)
        self.value = value
        self.expected = expected + hint


class Absent(ValueError):
    """A field without which the record means nothing."""

    def __init__(self, expected: str = "") -> None:
        super().__init__(expected)
        self.expected = expected


class Rejection(Exception):
    """Why a record could not be read: `path` in wire keys, and the `Unexpected`, `Absent` or model error there."""

    def __init__(self, path: str, problem: Exception) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    @property
    def reason(self) -> str:
        """One line that names what was got, where, and what was expected."""
        match self.problem:
            case Unexpected(value=value, expected=expected):
                return f"{self.path}: got {shorten(value)}, expected {expected}"
            case Absent(expected=expected):
                return f"{self.path} is missing" + (f": expected {expected}" if expected else "")
        return str(self.problem)


# The shapes events have on the wire and nowhere else


@frozen(kw_only=True)
class Heard:
    """The words of an alternative. Times are milliseconds since the Unix epoch."""

    transcript: str
    confidence: float
    start_ms: int
    end_ms: int


@frozen(kw_only=True)
class Meant:
    """The value a grammar found."""

    type: str
    value: Any
    confidence: float


@frozen(kw_only=True)
class Entry:
    """One entry of an n-best list; entries do not nest."""

    heard: Heard | None
    meant: Meant | None
    grammar_uri: str
    asr_model: str = ""
    version: str = ""


@frozen(kw_only=True)
class Body(Entry):
    """The best entry, and the others if the request asked for more than one."""

    others: list[Entry] | None = None


@frozen(kw_only=True)
class EventFrame:
    """The envelope of an event, key by key."""

    name: EventName
    request_id: int
    channel_id: str
    parameters: dict[str, Any]
    cause: CompletionCause | None
    reason: str | None
    body: Body | None


# Readers: from a JSON value to the field, or Unexpected, or Absent


def _integer(raw: Any) -> int:
    if type(raw) is not int:
        raise Unexpected(raw, "an integer")
    return raw


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Unexpected(raw, "a number")
    return float(raw)


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Unexpected(raw, "a string")
    return raw


def _short_text(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) > MAXIMUM_TEXT:
        raise Unexpected(raw, f"a string of at most {MAXIMUM_TEXT} characters")
    return raw


def _alias(raw: Any) -> str:
    if raw == "":
        raise Absent("an alias for the grammar")
    if not isinstance(raw, str) or len(raw) > MAXIMUM_ALIAS:
        raise Unexpected(raw, f"a string of at most {MAXIMUM_ALIAS} characters")
    return raw


def _one_of(spellings: Mapping[Spelled, str]) -> Callable[[Any], Spelled]:
    meanings = {spelling: meaning for meaning, spelling in spellings.items()}

    def read(raw: Any) -> Spelled:
        if not isinstance(raw, str) or raw not in meanings:
            hint = nearest(raw, meanings) if isinstance(raw, str) else ""
            raise Unexpected(raw, f"one of {', '.join(meanings)}", hint)
        return meanings[raw]

    return read


_audio_format_of = _one_of(JSON.audio_formats)
_cause_of = _one_of(JSON.causes)


def _audio_format(raw: Any) -> AudioFormat:
    return Open(request_id=0).audio_format if raw == "" else _audio_format_of(raw)


def _optional_cause(raw: Any) -> CompletionCause | None:
    return _cause_of(raw) if raw else None


def _grammars(body: str) -> tuple[str, ...]:
    """The lines of a `text/uri-list` (RFC 2483 section 5), without blank lines and comments."""
    if len(body) > MAXIMUM_URI_LIST:
        raise Unexpected(len(body), f"at most {MAXIMUM_URI_LIST} characters")
    lines = (line.strip(" \t") for line in re.split(r"\r?\n", body))
    uris = tuple(line for line in lines if line and not line.startswith("#"))
    if not uris:
        raise Absent("one grammar URI per line")
    if len(uris) > MAXIMUM_GRAMMARS:
        raise Unexpected(len(uris), f"at most {MAXIMUM_GRAMMARS} grammar URIs")
    return uris


def definition(body: str, written: GrammarFormat) -> str:
    """The body of a DEFINE-GRAMMAR: a grammar, or the URI of a list of one. Raises Rejection."""
    try:
        if written is not GrammarFormat.URI_LIST:
            if not body.strip():
                raise Absent("a grammar")
            return body
        uris = _grammars(body)
        if len(uris) > 1:
            raise Unexpected(len(uris), "one grammar URI")
        return uris[0]
    except (Absent, Unexpected) as problem:
        raise Rejection(Key.BODY, problem) from None


def read_changes(headers: Mapping[str, Any]) -> dict[str, ParameterValue]:
    """The parameters among the headers; other names are ignored. Raises InvalidParameter."""
    names = {spelling: name for name, spelling in JSON.parameters.items()}
    return {names[key]: parse_parameter(names[key], raw) for key, raw in headers.items() if key in names}


def _headers(raw: Any) -> dict[str, Any]:
    if raw is not None and not isinstance(raw, dict):
        raise Unexpected(raw, "an object")
    return raw or {}


def _body(raw: Any) -> Body | None:
    return CONVERTER.structure(raw, Body) if raw else None


def _others(raw: Any) -> list[Entry]:
    if not isinstance(raw, list):
        raise Unexpected(raw, "a list")
    return CONVERTER.structure(raw, list[Entry])


# Writers: from the field to a JSON value


def write_changes(changes: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    """Parameters as headers."""
    return {JSON.parameters[name]: value for name, value in changes.items() if name in JSON.parameters}


def _confidence(value: float) -> float:
    return round(float(value), CONFIDENCE_DIGITS)


@frozen
class Row:
    """One field: its key, and how it is read and written where its type does not say so."""

    key: Key
    read: Callable[[Any], Any] | None = None
    write: Callable[[Any], Any] | None = None
    omit_if_default: bool = False


_REQUEST = {"request_id": Row(Key.REQUEST_ID)}
_CHANGES = {"changes": Row(Key.HEADERS, read_changes, write_changes)}
_ENTRY = {
    "heard": Row(Key.ASR),
    "meant": Row(Key.NLU),
    "grammar_uri": Row(Key.GRAMMAR_URI),
    "asr_model": Row(Key.ASR_MODEL),
    "version": Row(Key.VERSION),
}
RECORDS: dict[type[Any], Mapping[str, Row]] = {
    Open: {
        **_REQUEST,
        "channel_prefix": Row(Key.CHANNEL_ID, _short_text),
        "audio_format": Row(Key.AUDIO_CODEC, _audio_format, JSON.audio_formats.__getitem__),
        "custom_id": Row(Key.CUSTOM_ID, _short_text),
        "session_id": Row(Key.SESSION_ID, _short_text),
    },
    SetParams: {**_REQUEST, **_CHANGES},
    GetParams: _REQUEST,
    DefineGrammar: {
        **_REQUEST,
        "alias": Row(Key.CONTENT_ID, _alias),
        "body": Row(Key.BODY),
        "format": Row(Key.CONTENT_TYPE, write=JSON.grammar_formats.__getitem__),
    },
    Recognize: {**_REQUEST, "grammars": Row(Key.BODY, _grammars, "\n".join), **_CHANGES},
    StartInputTimers: _REQUEST,
    Stop: _REQUEST,
    Close: _REQUEST,
    EventFrame: {
        "name": Row(Key.EVENT, _one_of(JSON.events), JSON.events.__getitem__),
        "request_id": Row(Key.REQUEST_ID),
        "channel_id": Row(Key.CHANNEL_ID),
        "parameters": Row(Key.HEADERS, _headers),
        "cause": Row(Key.COMPLETION_CAUSE, _optional_cause, JSON.causes.get),
        "reason": Row(Key.COMPLETION_REASON),
        "body": Row(Key.BODY, _body),
    },
    Body: {**_ENTRY, "others": Row(Key.ALTERNATIVES, _others, omit_if_default=True)},
    Entry: _ENTRY,
    Heard: {
        "transcript": Row(Key.TRANSCRIPT),
        "confidence": Row(Key.CONFIDENCE, write=_confidence),
        "start_ms": Row(Key.START),
        "end_ms": Row(Key.END),
    },
    Meant: {
        "type": Row(Key.TYPE),
        "value": Row(Key.VALUE),
        "confidence": Row(Key.CONFIDENCE, write=_confidence),
    },
}
"""Every record and each of its fields, in the order of the keys in a frame; a record stands before those it holds."""


def _reader(kind: type[Record], overrides: Mapping[str, Any], converter: Converter) -> Callable[[Any, Any], Record]:
    from_mapping = make_dict_structure_fn(kind, converter, **overrides)

    def read(raw: Any, _: Any) -> Record:
        if not isinstance(raw, dict):
            raise Unexpected(raw, "an object")
        return from_mapping(raw, kind)

    return read


def _override(row: Row) -> Any:
    read = row.read
    return override(
        rename=row.key.value,
        struct_hook=None if read is None else lambda raw, _: read(raw),
        unstruct_hook=row.write,
        omit_if_default=row.omit_if_default,
    )


def _make_converter() -> Converter:
    """Strict about primitive types, where cattrs by itself would convert."""
    converter = Converter()
    converter.register_structure_hook(int, lambda raw, _: _integer(raw))
    converter.register_structure_hook(float, lambda raw, _: _number(raw))
    converter.register_structure_hook(str, lambda raw, _: _string(raw))
    # Innermost first: a record's functions are made of those of the records it holds.
    for kind in reversed(RECORDS):
        overrides: dict[str, Any] = {name: _override(row) for name, row in RECORDS[kind].items()}
        converter.register_structure_hook(kind, _reader(kind, overrides, converter))
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **overrides))
    return converter


CONVERTER = _make_converter()


def structure(value: Mapping[str, Any], kind: type[Record]) -> Record:
    """The record that `value` spells.

    Raises:
        Rejection: the first field, in the order of the table, that cannot be read.
    """
    try:
        return CONVERTER.structure(value, kind)
    except BaseValidationError as errors:
        raise _first_rejection(errors) from None


def _first_rejection(error: BaseException) -> Rejection:
    path = ""
    while isinstance(error, BaseValidationError):
        kind, error = error.cl, error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                key = RECORDS[kind][note.name].key
                path = f"{path}.{key}" if path else key.value
            elif isinstance(note, IterableValidationNote):
                path += f"[{note.index}]"
    if isinstance(error, KeyError):
        return Rejection(path, Absent())
    assert isinstance(error, Exception)
    return Rejection(path, error)
