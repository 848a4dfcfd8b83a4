"""What the header fields of the recognizer resource mean: fields to parameters, events to messages.

Owns the reading and writing of header fields and results. `h2b.wire.mrcptext` has the outer form, the spellings stand
in `h2b.wire.vocabulary`. Must not know states or sockets. Source: RFC 6787 sections 6.2 and 9; H2B reference section 3.
"""

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum

from attrs import frozen

from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, InvalidParameter, LanguageUnsupported, MethodFailed, MissingParameter
from h2b.model.params import MAXIMUM_TEXT, PARAMETERS, Parameters, ParameterValue, parse_parameter
from h2b.model.results import InputMode, Result
from h2b.wire import nlsml
from h2b.wire.mrcptext import Headers, MrcpResponse, RequestState
from h2b.wire.nlsml import Flavour
from h2b.wire.vocabulary import MRCP_ACCEPTED, MRCP_CAUSES, MRCP_PARAMETERS, MRCP_VENDOR, Header

LONGEST_REASON = 400
"""Characters of a Completion-Reason: some clients read no header line above a thousand octets."""


class Status(IntEnum):
    """RFC 6787 section 5.4."""

    SUCCESS = 200
    SUCCESS_SOME_IGNORED = 201
    METHOD_NOT_ALLOWED = 401
    METHOD_NOT_VALID = 402
    UNSUPPORTED_HEADER = 403
    ILLEGAL_VALUE = 404
    RESOURCE_NOT_ALLOCATED = 405
    MISSING_HEADER = 406
    METHOD_FAILED = 407
    UNSUPPORTED_ENTITY = 408
    UNSUPPORTED_VALUE = 409
    OUT_OF_ORDER = 410
    SERVER_ERROR = 501
    UNSUPPORTED_VERSION = 502
    TOO_LARGE = 504


class Refused(ClientError):
    """A request that gets one of the statuses above, with the header fields it is about."""

    def __init__(
        self, status: Status, why: str, headers: Headers | None = None, completion: CompletionCause | str | None = None
    ) -> None:
        super().__init__(why, completion if isinstance(completion, CompletionCause) else None)
        self.status = status
        self.headers = headers or Headers()
        self.completion = completion


@frozen(kw_only=True)
class Given:
    """What a request's header fields say."""

    changes: Mapping[str, ParameterValue]
    attributes: Mapping[str, str]
    """Of the session: custom_id, session_id."""


@frozen
class _Fault:
    """A field that cannot be taken."""

    status: Status
    field: tuple[str, str]
    why: str


_NAMES = {spelling.lower(): name for name, spelling in MRCP_PARAMETERS.items()}
_VENDOR = {spelling.lower(): name for name, spelling in MRCP_VENDOR.items()}
_ATTRIBUTES = ("custom_id", "session_id")
_BY_WEIGHT = (Status.ILLEGAL_VALUE, Status.UNSUPPORTED_HEADER, Status.UNSUPPORTED_VALUE)
"""Of several faults the first of these is told (MRCP reference section 5.2)."""
MAXIMUM_FAULTS = 10
"""Fields that are told."""
_OTHERS = frozenset(header.lower() for header in Header)
_PAIR = re.compile(r'([^=;]*+)(?:=\s*+("(?:[^"\\]|\\.?)*+(?:"[^;]*+)?|[^;]*+))?(?:;|$)', re.DOTALL)
"""Matches at any place and never goes back, so that the longest field is read in linear time."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~:/@-]*")
"""Values of pairs that need no quotes."""
_NUMBERS = {int: re.compile(r"[0-9]{1,19}"), float: re.compile(r"[0-9]{1,19}(\.[0-9]{0,19})?|\.[0-9]{1,19}")}
"""What the RFC takes for a number; whether it is in range is another matter."""


def read_given(headers: Headers, *, strict: bool = False) -> Given:
    """Parameters and attributes among header fields.

    Raises Refused with the fields as they came: status 404 for values of the wrong form, 403 for fields that mean
    nothing here, if `strict`, and 409 for values out of range.
    """
    changes: dict[str, ParameterValue] = {}
    attributes: dict[str, str] = {}
    faults: list[_Fault] = []
    for spelling, raw in headers:
        if strict and not _means_something(spelling):
            faults.append(_Fault(Status.UNSUPPORTED_HEADER, (spelling, raw[:100]), f"unknown header {spelling[:100]}"))
        for name, value in _named(spelling, raw):
            try:
                if name in _ATTRIBUTES:
                    attributes[name] = _attribute(name, value)
                else:
                    changes[name] = parse_parameter(name, value.strip())
            except InvalidParameter as error:
                faults.append(_Fault(_status_of(name, value.strip()), (spelling, raw[:LONGEST_REASON]), error.reason))
    for status in _BY_WEIGHT:
        found = [fault for fault in faults if fault.status is status]
        if found:
            fields = dict.fromkeys(fault.field for fault in found)
            raise Refused(status, found[0].why, Headers(tuple(fields)[:MAXIMUM_FAULTS]))
    return Given(changes=changes, attributes=attributes)


def _means_something(spelling: str) -> bool:
    lower = spelling.lower()
    return lower in _NAMES or lower in _OTHERS or lower in MRCP_ACCEPTED


def _named(spelling: str, raw: str) -> Iterable[tuple[str, str]]:
    """Parameters and attributes of one field, with their values."""
    name = _NAMES.get(spelling.lower())
    if name is not None:
        # A string in the RFC's grammar is the same in any case.
        yield name, raw.lower() if name == "recognition_mode" else raw
    elif spelling.lower() == Header.VENDOR_SPECIFIC.lower():
        for vendor, value in vendor_pairs(raw):
            if vendor.lower() in _VENDOR:
                yield _VENDOR[vendor.lower()], value


def _attribute(name: str, value: str) -> str:
    if len(value) > MAXIMUM_TEXT:
        raise InvalidParameter(name, value, f"a string of at most {MAXIMUM_TEXT} characters")
    return value


def _status_of(name: str, value: str) -> Status:
    """The status of a value that is refused: what has the right form is out of range."""
    kind = str if name in _ATTRIBUTES else type(PARAMETERS[name].default)
    number = _NUMBERS.get(kind)
    right = number.fullmatch(value) if number else name in _ATTRIBUTES or name == "logging_tag"
    return Status.UNSUPPORTED_VALUE if right else Status.ILLEGAL_VALUE


def vendor_pairs(raw: str) -> Iterable[tuple[str, str]]:
    """Names and values of a Vendor-Specific-Parameters field; quotes are taken off."""
    for before, after in _PAIR.findall(raw):
        name, value = before.strip(), after.strip()
        quoted = _QUOTED.fullmatch(value)
        if name:
            yield name, re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else value


def read_request_ids(headers: Headers) -> set[int]:
    """The Active-Request-Id-List, empty where there is none. Raises Refused, status 404."""
    listed = headers.get(Header.ACTIVE_REQUESTS)
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        why = f"{Header.ACTIVE_REQUESTS}: got '{listed[:80]}', expected request-ids with commas between"
        raise Refused(Status.ILLEGAL_VALUE, why, Headers().with_field(Header.ACTIVE_REQUESTS, listed[:LONGEST_REASON]))
    return {int(part) for part in parts}


def flag(headers: Headers, header: Header, default: bool = False) -> bool:
    """A field of `true` or `false`. Raises Refused, status 404."""
    raw = headers.get(header)
    if not raw:
        return default
    if raw.lower() not in ("true", "false"):
        why = f"{header}: got '{raw[:80]}', expected true or false"
        raise Refused(Status.ILLEGAL_VALUE, why, Headers().with_field(header, raw[:LONGEST_REASON]))
    return raw.lower() == "true"


def parameter_fields(parameters: Parameters, attributes: Mapping[str, str], save: bool, asked: Headers) -> Headers:
    """The answer to GET-PARAMS: the fields asked for, or all; names that mean nothing here come back in no field.

    `save`: what the session says of Save-Waveform.
    """
    values = parameters.as_mapping()
    known = {spelling.lower(): (spelling, text(values[name])) for name, spelling in MRCP_PARAMETERS.items()}
    known[Header.SAVE_WAVEFORM.lower()] = (Header.SAVE_WAVEFORM, text(save))
    vendor = {**{name: text(value) for name, value in values.items()}, **attributes}
    pairs = ";".join(f"{spelling}={_quoted(vendor.get(name, ''))}" for name, spelling in MRCP_VENDOR.items())
    known[Header.VENDOR_SPECIFIC.lower()] = (Header.VENDOR_SPECIFIC, pairs)
    wanted = [name.lower() for name, _ in asked if name.lower() in known]
    others = [name for name, _ in asked if name.lower() not in (Header.CHANNEL.lower(), *wanted)]
    return Headers(tuple(known[name] for name in wanted or ([] if others else known)))


def _quoted(value: str) -> str:
    """A value of a pair as `vendor_pairs` reads it: in quotes where it must be."""
    return value if _PLAIN.fullmatch(value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def text(value: ParameterValue) -> str:
    """A value as a header field spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def cause_fields(cause: CompletionCause | str, reason: str = "") -> Headers:
    """Completion-Cause and, unless it says no more, Completion-Reason (RFC 6787 sections 9.4.11 and 9.4.12)."""
    spelled = MRCP_CAUSES[cause] if isinstance(cause, CompletionCause) else cause
    fields = Headers().with_field(Header.COMPLETION_CAUSE, spelled)
    if not reason:
        return fields
    short = " ".join(reason.split())[:LONGEST_REASON].replace("\\", "\\\\").replace('"', '\\"')
    return fields.with_field(Header.COMPLETION_REASON, f'"{short}"')


def refusal(error: ClientError, request_id: int) -> MrcpResponse:
    """The response to a request that was refused, by whatever part of the server."""
    headers = Headers()
    status = Status.METHOD_FAILED
    if isinstance(error, Refused):
        status, headers = error.status, error.headers
        if error.completion is not None:
            headers = Headers((*headers, *cause_fields(error.completion, error.reason)))
    elif isinstance(error, MethodFailed | LanguageUnsupported) and error.cause is not None:
        headers = cause_fields(error.cause, error.reason)
    elif isinstance(error, MissingParameter):
        status = Status.MISSING_HEADER
    elif isinstance(error, InvalidParameter):
        status = Status.UNSUPPORTED_VALUE
    if Header.COMPLETION_REASON not in headers:
        headers = Headers((*headers, *(pair for pair in cause_fields("", error.reason) if pair[1])))
    return MrcpResponse(request_id, status, RequestState.COMPLETE, headers)


def result_body(result: Result, cause: CompletionCause, flavour: Flavour, mode: InputMode) -> tuple[Headers, bytes]:
    """Content-Type and NLSML of a result. The RFC's flavour has no body where nobody answered."""
    if flavour is Flavour.RFC and not result.alternatives:
        return Headers(), b""
    body = nlsml.encode(result, cause, flavour, mode)
    return Headers().with_field(Header.CONTENT_TYPE, flavour.value), body


def flavour_of(headers: Headers, otherwise: Flavour) -> Flavour:
    """The result document a request accepts, where it says so and it is one of ours."""
    for accepted in ",".join(headers.all(Header.ACCEPT)).lower().split(","):
        media_type = accepted.partition(";")[0].strip()
        for flavour in Flavour:
            if flavour.value == media_type:
                return flavour
    return otherwise
