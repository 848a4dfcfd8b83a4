"""MRCPv2 messages as text: start line, header fields, body, and how they are told apart in a stream of octets.

Owns the outer form of messages, for both ends. Must not know what a method or a header means, nor what a body holds:
`h2b.wire.mrcpbody` reads bodies. Source: RFC 6787 sections 5 and 6.2, and section 15 for the grammar.

Of the two lengths a message carries, Content-Length decides. The message-length in the start line counts itself, and
widespread servers never look at it, so clients that have it wrong are in use unnoticed. It still serves: where it is
the Content-Length that is wrong, it shows where the next message begins.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

from h2b.model.errors import MalformedMessage, shorten
from h2b.wire.vocabulary import Header

MAXIMUM_HEAD: Final = 65_536
"""Octets of a start line and its header fields."""
MAXIMUM_BODY: Final = 1_048_576
MAXIMUM_FIELDS: Final = 256
MAXIMUM_REQUEST_ID: Final = 2**32 - 1
LONGEST_LINE: Final = 1000
"""Octets of a header line we send: a widespread client waits for ever for the end of one above 1024."""

LENGTH: Final = "Content-Length"


class RequestState(StrEnum):
    """How far a request is, at the end of responses and events (RFC 6787 section 5.3)."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN-PROGRESS"
    COMPLETE = "COMPLETE"


@frozen
class Headers:
    """Header fields in their order. Names are compared without case and may be repeated; Content-Length is not kept."""

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, **fields: str) -> "Headers":
        """Fields by keywords, with `_` for `-`: `Headers.of(Content_Type="text/plain")`."""
        return cls(tuple((name.replace("_", "-"), value) for name, value in fields.items()))

    def get(self, name: str, default: str = "") -> str:
        """The value of the first field of this name."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every field of this name, in order."""
        wanted = name.lower()
        return tuple(value for each, value in self.fields if each.lower() == wanted)

    def with_field(self, name: str, value: str) -> "Headers":
        """These fields and one more."""
        return Headers((*self.fields, (name, value)))

    def without(self, name: str) -> "Headers":
        """These fields but those of this name."""
        unwanted = name.lower()
        return Headers(tuple(each for each in self.fields if each[0].lower() != unwanted))

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)


@frozen
class MrcpRequest:
    """What a client sends. The method's name is in capitals, whatever the client wrote."""

    method: str
    request_id: int
    headers: Headers = field(factory=Headers)
    body: bytes = b""

    @property
    def start(self) -> str:
        """The start line without version and length."""
        return f"{self.method} {self.request_id}"


@frozen
class MrcpResponse:
    """The one answer to a request."""

    request_id: int
    status: int
    state: RequestState
    headers: Headers = field(factory=Headers)
    body: bytes = b""

    @property
    def start(self) -> str:
        """The start line without version and length."""
        return f"{self.request_id} {self.status} {self.state}"


@frozen
class MrcpEvent:
    """What happens to a request after its response. The name is in capitals."""

    name: str
    request_id: int
    state: RequestState
    headers: Headers = field(factory=Headers)
    body: bytes = b""

    @property
    def start(self) -> str:
        """The start line without version and length."""
        return f"{self.name} {self.request_id} {self.state}"


MrcpMessage: TypeAlias = MrcpRequest | MrcpResponse | MrcpEvent


class UnreadableMessage(MalformedMessage):
    """A message that cannot be read. `channel` and `request_id` are empty and 0 where they could not be either.

    `fatal` says that the place of the next message is unknown: answer, then close the connection.
    """

    def __init__(self, reason: str, request_id: int = 0, channel: str = "", fatal: bool = False) -> None:
        super().__init__(reason, request_id)
        self.channel = channel
        self.fatal = fatal


class UnsupportedVersion(UnreadableMessage):
    """Another version of the protocol: status 502."""


class MessageTooLarge(UnreadableMessage):
    """More than this server takes: status 504."""


_VERSION: Final = "MRCP/2.0"
_START = re.compile(rb"MRCP/([0-9]{1,3})\.([0-9]{1,3})[ \t]+([0-9]{1,19})[ \t]+(.*)", re.DOTALL | re.IGNORECASE)
_PREFIX: Final = b"MRCP/"
_BEGINNING = re.compile(rb"MRCP/", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NUMBER = re.compile(r"[0-9]{1,10}")
_STATUS = re.compile(r"[0-9]{3}")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH_FIELD = re.compile(rb"^Content-Length[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_CHANNEL_FIELD = re.compile(
    rb"^" + Header.CHANNEL.encode() + rb"[ \t]*:[ \t]*([!-~]{1,256})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_REQUEST_ID = re.compile(rb"[A-Z-]+[ \t]+([0-9]{1,10})(?![0-9])", re.IGNORECASE)
_METHOD = re.compile(r"[A-Z][A-Z-]{0,63}")
_CUT: Final = frozenset(
    header.lower() for header in (Header.COMPLETION_REASON, Header.FAILED_URI, Header.FAILED_URI_CAUSE)
)
"""Fields for people to read, which serve cut as well; any other that is too long serves better empty."""


class Deframer:
    """Cuts a stream of octets into messages, however it was split: the same octets give the same messages.

    An unreadable message takes its place in the list as an error, to be answered in order. After a fatal one nothing
    more is read.
    """

    def __init__(self, maximum_body: int = MAXIMUM_BODY) -> None:
        self._maximum_body = maximum_body
        self._pending = bytearray()
        self._searched = 0
        """Octets at the front in which no head ends."""
        self._size = 0
        """Octets of the message whose head is read; 0 before that."""
        self._shorter = 0
        """Its octets by message-length, when that is less; 0 otherwise."""
        self._leftover = 0
        """Octets that may follow a message whose Content-Length was too short, by its message-length."""
        self.broken = False
        """Whether the stream was lost: what comes is dropped."""
        self.wrong_lengths = 0
        """Messages whose message-length contradicted their Content-Length."""

    def feed(self, octets: bytes) -> list[MrcpMessage | UnreadableMessage]:
        """What the octets complete; never raises."""
        self._pending += octets
        found: list[MrcpMessage | UnreadableMessage] = []
        while not self.broken:
            try:
                message = self._next()
            except UnreadableMessage as error:
                self.broken = error.fatal
                found.append(error)
                continue
            if message is None:
                return found
            found.append(message)
        self._pending.clear()
        return found

    def _next(self) -> MrcpMessage | None:
        if not self._size and not self._read_head():
            return None
        self._end_early()
        if len(self._pending) < self._size:
            return None
        octets = bytes(self._pending[: self._size])
        self._drop(self._size)
        self._size = 0
        return parse_message(octets)

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._searched = 0

    def _read_head(self) -> bool:
        """Find the size of the next message; False while its head is not all there."""
        if not self._find_beginning():
            return False
        end = _HEAD_END.search(self._pending, max(self._searched - 3, 0))
        size = end.end() if end else len(self._pending)
        if size > MAXIMUM_HEAD:
            head = bytes(self._pending[:MAXIMUM_HEAD])
            raise _unreadable(MessageTooLarge, f"start line and header fields: at most {MAXIMUM_HEAD} octets", head)
        if end is None:
            self._searched = size
            return False
        self._measure(bytes(self._pending[:size]))
        return True

    def _find_beginning(self) -> bool:
        """Bring the start line to the front. Empty lines before it keep connections alive and mean nothing."""
        if self._leftover:
            begins = _BEGINNING.search(self._pending, 0, self._leftover + len(_PREFIX))
            # as many octets stay as may yet turn out to be the beginning
            skipped = begins.start() if begins else max(len(self._pending) - len(_PREFIX) + 1, 0)
            skipped = min(skipped, self._leftover)
            self._leftover = 0 if begins else self._leftover - skipped
            self._drop(skipped)
            if self._leftover:
                return False
        if not self._searched and self._pending.startswith((b"\r", b"\n")):
            self._drop(len(self._pending) - len(self._pending.lstrip(b"\r\n")))
        if self._searched < len(_PREFIX):
            front = bytes(self._pending[: len(_PREFIX)])
            same = next((i for i, octet in enumerate(front.upper()) if octet != _PREFIX[i]), len(front))
            if same < len(front):
                got = shorten(front[: same + 1].decode("latin-1"))
                raise UnreadableMessage(f"message: got {got}, expected it to begin with '{_VERSION}'", fatal=True)
        return bool(self._pending)

    def _measure(self, head: bytes) -> None:
        declared = int(_start_of(head)[0])
        body = _content_length(head)
        if body > self._maximum_body:
            raise _unreadable(MessageTooLarge, f"{LENGTH}: got {body}, expected at most {self._maximum_body}", head)
        self._size = len(head) + body
        self._shorter = 0
        if declared != self._size:
            self.wrong_lengths += 1
            self._leftover = min(max(declared - self._size, 0), self._maximum_body)
            self._shorter = declared if len(head) <= declared <= self._size - len(_PREFIX) else 0

    def _end_early(self) -> None:
        """If a message begins where, by message-length, this one ends, its body is shorter than announced."""
        after = self._pending[self._shorter : self._shorter + len(_PREFIX)] if self._shorter else b""
        if after.upper() == _PREFIX:
            self._size = self._shorter


def parse_message(octets: bytes) -> MrcpMessage:
    """The one message in `octets`; its body is whatever follows the empty line. Lengths are not looked at.

    Raises:
        UnreadableMessage: with what could be read of request id and channel.
    """
    end = _HEAD_END.search(octets)
    if end is None:
        raise _unreadable(UnreadableMessage, "message: got no end of the header fields, expected an empty line", octets)
    head, body = octets[: end.end()], octets[end.end() :]
    rest = _start_of(head)[1]
    try:
        return _typed(rest.split(), _headers(_text(head[: end.start()])), body)
    except MalformedMessage as error:
        raise _unreadable(UnreadableMessage, error.reason, head, fatal=False) from None


def encode(message: MrcpMessage) -> bytes:
    """The octets of a message, with both lengths right. Names and values lose whatever would begin a line of its own.

    What a server sends has no line that a client could not take: see `LONGEST_LINE`.
    """
    fits = isinstance(message, MrcpRequest)
    lines = [_line(name, value, fits) for name, value in message.headers.without(LENGTH)]
    if message.body:
        lines.append(f"{LENGTH}: {len(message.body)}")
    rest = f" {message.start}\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode(errors="replace")
    length = len(_VERSION) + 1 + len(rest) + len(message.body)
    # The length counts its own digits; adding those can make one more.
    while len(_VERSION) + 1 + len(str(length)) + len(rest) + len(message.body) != length:
        length = len(_VERSION) + 1 + len(str(length)) + len(rest) + len(message.body)
    return f"{_VERSION} {length}".encode() + rest + message.body


def _line(name: str, value: str, fits: bool) -> str:
    name, value = _CONTROL.sub("", name), _CONTROL.sub(" ", value).strip()
    room = LONGEST_LINE - len(name) - 2
    octets = value.encode(errors="replace")
    if not fits and len(octets) > room:
        quote = '"' if value.endswith('"') else ""
        kept = octets[: room - len(quote)].decode(errors="ignore") + quote
        value = kept if name.lower() in _CUT else ""
    return f"{name}: {value}" if value else f"{name}:"


def _start_of(head: bytes) -> tuple[str, str]:
    """Message-length and what follows it in the start line."""
    line = head.split(b"\n", 1)[0].rstrip(b"\r")
    start = _START.fullmatch(line)
    if start is None:
        got = shorten(line.decode("latin-1"))
        raise _unreadable(UnreadableMessage, f"start line: got {got}, expected '{_VERSION} length …'", head)
    if (start[1], start[2]) != (b"2", b"0"):
        version = f"MRCP/{start[1].decode()}.{start[2].decode()}"
        raise _unreadable(UnsupportedVersion, f"version: got '{version}', expected '{_VERSION}'", head)
    return start[3].decode(), _text(start[4])


def _content_length(head: bytes) -> int:
    found = set(_LENGTH_FIELD.findall(head))
    if not found:
        return 0
    text = found.pop().decode("latin-1").strip()
    if found or not _NUMBER.fullmatch(text):
        got = "different values" if found else shorten(text)
        raise _unreadable(UnreadableMessage, f"{LENGTH}: got {got}, expected the octets of the body", head)
    return int(text)


def _typed(words: list[str], headers: Headers, body: bytes) -> MrcpMessage:
    """The message whose start line goes on with `words`; each kind has words of its own number and form."""
    match words:
        case [number, status, state] if number.isdigit():
            if not _STATUS.fullmatch(status):
                raise MalformedMessage(f"status: got {shorten(status)}, expected three digits")
            return MrcpResponse(_request_id(number), int(status), _state(state), headers, body)
        case [name, number]:
            return MrcpRequest(_method(name), _request_id(number), headers, body)
        # The RFC's own examples of INTERPRETATION-COMPLETE have a status, its grammar has none.
        case [name, number, state] | [name, number, "200", state]:
            return MrcpEvent(_method(name), _request_id(number), _state(state), headers, body)
    got = shorten(" ".join(words))
    raise MalformedMessage(f"start line: got {got}, expected a request, a response or an event")


def _method(name: str) -> str:
    if not _METHOD.fullmatch(name.upper()):
        raise MalformedMessage(f"method: got {shorten(name)}, expected letters and hyphens")
    return name.upper()


def _request_id(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAXIMUM_REQUEST_ID:
        raise MalformedMessage(f"request-id: got {shorten(text)}, expected an integer from 0 to {MAXIMUM_REQUEST_ID}")
    return int(text)


def _state(text: str) -> RequestState:
    try:
        return RequestState(text.upper())
    except ValueError:
        expected = ", ".join(RequestState)
        raise MalformedMessage(f"request-state: got {shorten(text)}, expected one of {expected}") from None


def _headers(head: str) -> Headers:
    return read_fields(_LINE_END.split(_FOLD.sub(" ", head))[1:]).without(LENGTH)


def read_fields(lines: Iterable[str]) -> Headers:
    """Header fields of lines that are no longer folded (RFC 5322 section 2.2).

    Raises:
        MalformedMessage: a line is no field, or there are too many.
    """
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name.rstrip()):
            raise MalformedMessage(f"header field: got {shorten(line)}, expected 'Name: value'")
        if _CONTROL.search(value):
            raise MalformedMessage(f"{name.rstrip()}: got {shorten(value)}, expected text without control characters")
        fields.append((name.rstrip(), value.strip()))
    if len(fields) > MAXIMUM_FIELDS:
        raise MalformedMessage(f"header fields: got {len(fields)}, expected at most {MAXIMUM_FIELDS}")
    return Headers(tuple(fields))


def _text(octets: bytes) -> str:
    """UTF-8 as the RFC has it; what is not can still be told apart, and sent back, as Latin-1."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _unreadable(kind: type[UnreadableMessage], reason: str, head: bytes, *, fatal: bool = True) -> UnreadableMessage:
    """An error with what can still be read of whom it concerns."""
    line = head.split(b"\n", 1)[0]
    number = _REQUEST_ID.search(line, len(_VERSION))
    request_id = int(number[1]) if number else 0
    channel = _CHANNEL_FIELD.search(head)
    return kind(
        reason,
        request_id if request_id <= MAXIMUM_REQUEST_ID else 0,
        channel[1].decode() if channel else "",
        fatal,
    )
