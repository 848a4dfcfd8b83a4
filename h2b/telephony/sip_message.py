"""SIP requests and responses, from octets and back (RFC 3261, section 7).

Owns start lines, header fields (compact names, folding, lists), what every message must carry, and the bounds on all
of it. Must not know transactions, dialogs or transports; streams are cut into messages by `sip_framing`.

Header values are text: UTF-8, with octets that are none kept by surrogates, so that what is echoed is what came. Text
for people comes from `readable`. Content-Length belongs to the framing: it is checked and dropped on the way in,
written on the way out.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

from attrs import evolve, field, frozen

from h2b.model.errors import shorten
from h2b.telephony.sip_headers import (
    Address,
    CSeq,
    Via,
    check_uri,
    parse_address,
    parse_cseq,
    parse_uri,
    parse_via,
    scheme_of,
)
from h2b.telephony.sip_syntax import SipSyntaxError, is_token, parse_number, split_outside

VERSION = "SIP/2.0"

MAXIMUM_HEAD_BYTES = 32 * 1024
MAXIMUM_BODY_BYTES = 64 * 1024
MAXIMUM_FIELDS = 256
MAXIMUM_HOPS = 70
"""As many hops as Max-Forwards allows (RFC 3261, section 8.1.1.6)."""

COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""Header names of one letter (IANA registry of SIP header fields)."""

SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Content-Length")
"""Headers that stand at most once."""

MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
"""What every message carries (RFC 3261, section 8.1.1). Max-Forwards too, but clients of RFC 2543 had none."""

CONTACT_MAKERS = ("INVITE", "UPDATE")
"""Requests whose Contact becomes the target of a dialog, so it has to be readable."""


class MalformedRequest(SipSyntaxError):
    """A request that is wrong, yet says enough to be answered with `status` by its raw headers."""

    def __init__(self, where: str, why: str, request: "Request", status: int = 400) -> None:
        super().__init__(where, why)
        self.request = request
        self.status = status


@frozen
class Headers:
    """Header fields in order, names in their long form. Names are compared without regard to case."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Every field of this name, as written."""
        sought = name.lower()
        return [value for own, value in self.fields if own.lower() == sought]

    def listed(self, name: str) -> list[str]:
        """Every value of this name: fields, and in each the values between commas (RFC 3261, section 7.3.1)."""
        return [item for value in self.all(name) for item in split_outside(value, ",", name)]

    def tokens(self, name: str) -> list[str]:
        """The option tags or methods a list holds; empty items are left out, as in `Supported:` alone."""
        return [item for item in self.listed(name) if item]

    def adding(self, *fields: tuple[str, str]) -> "Headers":
        """These fields after the own ones."""
        return Headers(self.fields + fields)

    def replacing(self, name: str, value: str) -> "Headers":
        """The first field of this name takes a new value and loses its later namesakes; a missing one is added."""
        sought = name.lower()
        kept = [own for own in self.fields if own[0].lower() != sought]
        places = [place for place, own in enumerate(self.fields) if own[0].lower() == sought]
        kept.insert(places[0] if places else len(kept), (name, value))
        return Headers(tuple(kept))


class _Message:
    """What requests and responses share: readings of their headers, made once and kept."""

    headers: Headers
    body: bytes

    @cached_property
    def vias(self) -> tuple[Via, ...]:
        """The hops, nearest first."""
        return tuple(parse_via(value) for value in self.headers.listed("Via"))

    @cached_property
    def sender(self) -> Address:
        """From."""
        return parse_address(self.headers.get("From") or "", "From")

    @cached_property
    def recipient(self) -> Address:
        """To."""
        return parse_address(self.headers.get("To") or "", "To")

    @cached_property
    def cseq(self) -> CSeq:
        return parse_cseq(self.headers.get("CSeq") or "")

    @property
    def call_id(self) -> str:
        return self.headers.get("Call-ID") or ""

    @cached_property
    def contact(self) -> Address | None:
        """The first Contact, or None: REGISTER may carry `*`, other methods none at all."""
        values = [value for value in self.headers.listed("Contact") if value != "*"]
        return parse_address(values[0], "Contact") if values else None


@frozen
class Request(_Message):
    """A request. Built by hand it is not checked; `parse_message` gives only what passed `check`."""

    method: str
    uri: str
    headers: Headers = field(factory=Headers)
    body: bytes = b""

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} {VERSION}"


@frozen
class Response(_Message):
    """A response; a `reason` may be empty."""

    status: int
    reason: str = ""
    headers: Headers = field(factory=Headers)
    body: bytes = b""

    @property
    def start_line(self) -> str:
        return f"{VERSION} {self.status} {self.reason}"


Message = Request | Response


def parse_message(octets: bytes) -> Message:
    """The message `octets` begin with; what follows its Content-Length is ignored (RFC 3261, section 18.3).

    Without Content-Length the body is all the rest. Raises SipSyntaxError, which is a MalformedRequest where an
    answer is possible.
    """
    head, separator, rest = octets.partition(b"\r\n\r\n")
    if not separator:
        raise SipSyntaxError("framing", "no blank line ends the headers")
    start, fields = split_head(head)
    headers = Headers(tuple(own for own in fields if own[0] != "Content-Length"))
    message, fault = _start(start, headers)
    try:
        if fault:
            raise fault
        length = content_length(fields)
        if length is not None and length > len(rest):
            raise SipSyntaxError("Content-Length", f"got {length}, but only {len(rest)} octets follow")
        if len(rest) > MAXIMUM_BODY_BYTES and length is None:
            raise SipSyntaxError("framing", f"body of {len(rest)} octets, expected at most {MAXIMUM_BODY_BYTES}")
        check(message)
    except SipSyntaxError as error:
        raise _answerable(error, message) from None
    return evolve(message, body=bytes(rest[:length]))


def split_head(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Start line, and the fields with folds undone and names in their long form. `head` ends before the blank line."""
    if len(head) > MAXIMUM_HEAD_BYTES:
        raise SipSyntaxError("framing", f"headers of {len(head)} octets, expected at most {MAXIMUM_HEAD_BYTES}")
    start, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    fields: list[tuple[str, list[str]]] = []
    for line in lines:
        if "\r" in line or "\n" in line:
            raise SipSyntaxError("framing", "a line must end with CR LF")
        if line[:1] in (" ", "\t"):
            if not fields:
                raise SipSyntaxError("framing", "the first header begins with a blank")
            fields[-1][1].append(line.strip(" \t"))
            continue
        fields.append(_field(line))
        if len(fields) > MAXIMUM_FIELDS:
            raise SipSyntaxError("framing", f"more than {MAXIMUM_FIELDS} header fields")
    return start, [(name, " ".join(parts).strip(" \t")) for name, parts in fields]


def _field(line: str) -> tuple[str, list[str]]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not is_token(name):
        raise SipSyntaxError("framing", f"got {shorten(line)}, expected a header")
    return long_name(name), [value.strip(" \t")]


_SPELLINGS = {name.lower(): name for name in (*SINGLE, *MANDATORY, "Contact", "Route", "Record-Route")}


def long_name(name: str) -> str:
    """The long form of a compact name, in its usual spelling where the parser itself asks for the header."""
    lower = name.lower()
    return COMPACT.get(lower) or _SPELLINGS.get(lower) or name


def content_length(fields: Iterable[tuple[str, str]]) -> int | None:
    """What Content-Length says, or None. Raises SipSyntaxError if it says it twice, or more than a body may have."""
    values = [value for name, value in fields if name == "Content-Length"]
    if len(values) > 1:
        raise SipSyntaxError("Content-Length", "stands twice")
    return parse_number(values[0], MAXIMUM_BODY_BYTES, "Content-Length") if values else None


def _start(line: str, headers: Headers) -> tuple[Message, SipSyntaxError | None]:
    """The message a start line opens, and what is wrong with the line, if a request can be answered all the same."""
    first, *rest = line.split(" ", 2)
    if first.upper() == VERSION:
        status = parse_number(rest[0] if rest else "", 699, "start line")
        if status < 100 or len(rest[0]) != 3:
            raise SipSyntaxError("start line", f"got status {shorten(rest[0])}, expected 100 to 699")
        return Response(status, rest[1] if len(rest) == 2 else "", headers), None
    method, *uri = line.split(" ")
    version = uri.pop() if uri else ""
    if not is_token(method):
        raise SipSyntaxError("start line", f"got {shorten(line)}, expected a SIP message")
    request = Request(method, " ".join(uri), headers)
    if not version.upper().startswith("SIP/"):
        return request, SipSyntaxError("start line", f"got {shorten(line)}, expected METHOD URI {VERSION}")
    if version.upper() != VERSION:
        return request, MalformedRequest("start line", f"got {shorten(version)}, expected {VERSION}", request, 505)
    if len(uri) != 1:
        return request, SipSyntaxError("start line", f"got {shorten(line)}, expected one URI")
    return request, None


def check(message: Message) -> None:
    """Raises SipSyntaxError unless what every message carries is there once and readable (RFC 3261, section 8.1.1)."""
    for name in MANDATORY:
        if not message.headers.get(name):
            raise SipSyntaxError(name, "is missing")
    for name in SINGLE:
        if len(message.headers.all(name)) > 1:
            raise SipSyntaxError(name, "stands twice")
    if len(message.vias) > MAXIMUM_HOPS:
        raise SipSyntaxError("Via", f"{len(message.vias)} hops, expected at most {MAXIMUM_HOPS}")
    _ = message.sender, message.recipient, message.cseq
    if len(message.call_id.split()) != 1:
        raise SipSyntaxError("Call-ID", f"got {shorten(message.call_id)}, expected one word")
    if isinstance(message, Request):
        _check_request(message)


def _check_request(request: Request) -> None:
    if request.cseq.method != request.method:
        raise SipSyntaxError("CSeq", f"method {shorten(request.cseq.method)} in a {shorten(request.method)}")
    if request.uri.startswith("<"):
        raise SipSyntaxError("start line", "the URI stands in angle brackets")
    check_uri(request.uri, "start line")
    if scheme_of(request.uri) in ("sip", "sips") and parse_uri(request.uri, "start line").headers:
        raise SipSyntaxError("start line", "the URI carries headers")
    hops = request.headers.get("Max-Forwards")
    if hops is not None:
        parse_number(hops, 255, "Max-Forwards")
    if request.method in CONTACT_MAKERS:
        _ = request.contact
    for name in ("Route", "Record-Route"):
        routes = request.headers.listed(name)
        if len(routes) > MAXIMUM_HOPS:
            raise SipSyntaxError(name, f"{len(routes)} hops, expected at most {MAXIMUM_HOPS}")
        for value in routes:
            parse_address(value, name)


def _answerable(error: SipSyntaxError, message: Message) -> SipSyntaxError:
    """The error as a MalformedRequest if a response would find its way; ACK is never answered."""
    if isinstance(error, MalformedRequest) or isinstance(message, Response) or message.method == "ACK":
        return error
    return MalformedRequest(error.where, error.why, message)


def write_message(message: Message) -> bytes:
    """The octets of a message, with Content-Length. Raises SipSyntaxError if a text would break a line."""
    return b"".join(_pieces(message))


def _pieces(message: Message) -> Iterator[bytes]:
    lines = [message.start_line, *(f"{name}: {value}" for name, value in message.headers.fields)]
    for line in [*lines, f"Content-Length: {len(message.body)}"]:
        if "\r" in line or "\n" in line:
            raise SipSyntaxError("framing", f"a line break inside {shorten(line)}")
        yield line.encode("utf-8", "surrogateescape") + b"\r\n"
    yield b"\r\n"
    yield message.body


def readable(text: str) -> str:
    """Text for people and logs: octets that were no UTF-8, and control characters, become a question mark."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "?" for sign in decoded)
