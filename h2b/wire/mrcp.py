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
from h2b.model.params import Parameters, ParameterValue, parse_parameter
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
    unknown: tuple[str, ...]
    """Names of fields that mean nothing here."""


_NAMES = {spelling.lower(): name for name, spelling in MRCP_PARAMETERS.items()}
_VENDOR = {spelling.lower(): name for name, spelling in MRCP_VENDOR.items()}
_ATTRIBUTES = ("custom_id", "session_id")
_OTHERS = frozenset(header.lower() for header in Header)
_PAIR = re.compile(r'([^=;]*+)(?:=\s*+("(?:[^"\\]|\\.?)*+(?:"[^;]*+)?|[^;]*+))?(?:;|$)', re.DOTALL)
"""Matches at any place and never goes back, so that the longest field is read in linear time."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)


def read_given(headers: Headers) -> Given:
    """Parameters and attributes among header fields.

    Raises Refused, status 404, for a value of the wrong form, with the field as it came.
    """
    changes: dict[str, ParameterValue] = {}
    attributes: dict[str, str] = {}
    unknown: list[str] = []
    for spelling, raw in headers:
        lower = spelling.lower()
        if lower in _NAMES:
            changes[_NAMES[lower]] = _parsed(_NAMES[lower], raw, spelling, raw)
        elif lower == Header.VENDOR_SPECIFIC.lower():
            for vendor, value in vendor_pairs(raw):
                name = _VENDOR.get(vendor.lower())
                if name in _ATTRIBUTES:
                    attributes[str(name)] = value
                elif name is not None:
                    changes[name] = _parsed(name, value, spelling, raw)
        elif lower not in _OTHERS and lower not in MRCP_ACCEPTED:
            unknown.append(spelling)
    return Given(changes=changes, attributes=attributes, unknown=tuple(unknown))


def vendor_pairs(raw: str) -> Iterable[tuple[str, str]]:
    """Names and values of a Vendor-Specific-Parameters field; quotes are taken off."""
    for before, after in _PAIR.findall(raw):
        name, value = before.strip(), after.strip()
        quoted = _QUOTED.fullmatch(value)
        if name:
            yield name, re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else value


def _parsed(name: str, value: str, spelling: str, raw: str) -> ParameterValue:
    try:
        return parse_parameter(name, value.strip())
    except InvalidParameter as error:
        fields = Headers().with_field(spelling, raw[:LONGEST_REASON])
        raise Refused(Status.ILLEGAL_VALUE, error.reason, fields) from None


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


def parameter_fields(parameters: Parameters, attributes: Mapping[str, str], asked: Headers) -> Headers:
    """The answer to GET-PARAMS: the fields asked for, or all; names that mean nothing here come back in no field."""
    values = parameters.as_mapping()
    known = {spelling.lower(): (spelling, text(values[name])) for name, spelling in MRCP_PARAMETERS.items()}
    vendor = {**{name: text(value) for name, value in values.items()}, **attributes}
    pairs = ";".join(f"{spelling}={vendor.get(name, '')}" for name, spelling in MRCP_VENDOR.items())
    known[Header.VENDOR_SPECIFIC.lower()] = (Header.VENDOR_SPECIFIC, pairs)
    wanted = [name.lower() for name, _ in asked if name.lower() in known]
    others = [name for name, _ in asked if name.lower() not in (Header.CHANNEL.lower(), *wanted)]
    return Headers(tuple(known[name] for name in wanted or ([] if others else known)))


def text(value: ParameterValue) -> str:
    """A value as a header field spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def cause_fields(cause: CompletionCause | str, reason: str = "") -> Headers:
    """Completion-Cause and, unless it says no more, Completion-Reason (RFC 6787 sections 9.4.11 and 9.4.12)."""
    spelled = f"{cause.value:03} {MRCP_CAUSES[cause]}" if isinstance(cause, CompletionCause) else cause
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
