"""A client's half of MRCPv2, and a strict judge of the server's half (RFC 6787, sections 5 and 9).

Owns the messages of one channel as a client sees them: what was asked, what may be answered now. Must not know sockets,
SIP, audio or clocks. `h2b.wire.mrcptext` reads what people's clients send and forgives; this forgives nothing, because
clients in use hang or crash on what it refuses: they see it first here.

What is a violation
 1. A message-length that is not the octets of the message, a line that ends in anything but CR LF, or one that is
    longer than `LONGEST_LINE`; a Content-Length without a body.
 2. A Channel-Identifier that is missing, or none of this connection's.
 3. A response to a request that was not sent, or a second one; a state its method and status cannot have.
 4. An event before the response to its request, after its end, or after the STOP that ended it.
 5. START-OF-INPUT twice, in hotword mode, or without Input-Type and Proxy-Sync-Id.
 6. RECOGNITION-COMPLETE without Completion-Cause, without the Waveform-URI that Save-Waveform asks for, or a success
    without a result.
 7. A result that is no NLSML, or whose interpretations lack grammar or confidence.
"""

import re
from typing import Final

from attrs import define, field

from h2b.model.errors import H2BError, MalformedMessage, shorten
from h2b.wire.mrcptext import (
    LENGTH,
    LONGEST_LINE,
    MAXIMUM_BODY,
    MAXIMUM_HEAD,
    Headers,
    MrcpEvent,
    MrcpMessage,
    MrcpRequest,
    MrcpResponse,
    RequestState,
    encode,
    parse_message,
)
from h2b.wire.nlsml import Flavour, Reading, decode
from h2b.wire.vocabulary import Header, Notice

LASTING: Final = {"RECOGNIZE": Notice.RECOGNITION_COMPLETE, "INTERPRET": "INTERPRETATION-COMPLETE"}
"""Methods whose end is an event, and that event."""
START_OF_INPUT: Final = Notice.START_OF_INPUT
SUCCESSES: Final = ("000", "008")
RESULT_TYPES: Final = tuple(flavour.value for flavour in Flavour)

_START = re.compile(rb"MRCP/2\.0 ([0-9]{1,19}) [^\r\n]+")
_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,10})[ \t]*(?=\r\n)", re.IGNORECASE)
_CAUSE = re.compile(r"([0-9]{3}) [a-z]+(-[a-z]+)*")
_BARE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")


class Violation(H2BError):
    """The server did what the protocol forbids; the text says what."""


class StrictReader:
    """Cuts a connection's octets into messages. Any split gives the same messages, and the same violation."""

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def pending(self) -> int:
        """Octets of a message that is not whole yet."""
        return len(self._pending)

    def feed(self, octets: bytes) -> list[MrcpMessage]:
        """The messages these octets complete. Raises Violation."""
        self._pending += octets
        found = []
        while (size := self._size()) and len(self._pending) >= size:
            message = bytes(self._pending[:size])
            del self._pending[:size]
            try:
                found.append(parse_message(message))
            except MalformedMessage as error:
                raise Violation(f"unreadable message: {error.reason}") from None
        return found

    def _size(self) -> int:
        """Octets of the message at hand; 0 while its head is not whole."""
        end = self._pending.find(b"\r\n\r\n", 0, MAXIMUM_HEAD)
        if end < 0:
            if len(self._pending) >= MAXIMUM_HEAD:
                raise Violation(f"no end of the header fields within {MAXIMUM_HEAD} octets")
            if not b"MRCP/2.0 ".startswith(self._pending[:9]):
                raise Violation(f"got {_shown(self._pending[:40])}, expected a message that begins with 'MRCP/2.0'")
            return 0
        head = bytes(self._pending[: end + 4])
        start = _START.match(head)
        if start is None:
            raise Violation(f"start line: got {_first_line(head)}, expected 'MRCP/2.0 length …'")
        if bare := _BARE_END.search(head):
            raise Violation(f"a line ends without CR LF at octet {bare.start()} of {_shown(head)}")
        for line in head.split(b"\r\n"):
            if len(line) > LONGEST_LINE:
                raise Violation(f"a header line of {len(line)} octets, expected at most {LONGEST_LINE}: {_shown(line)}")
        return _checked_length(head, int(start[1]))


def _checked_length(head: bytes, stated: int) -> int:
    lengths = _CONTENT_LENGTH.findall(head)
    if len(lengths) > 1:
        raise Violation(f"{LENGTH} stands twice in {_shown(head)}")
    size = len(head) + (int(lengths[0]) if lengths else 0)
    if size - len(head) > MAXIMUM_BODY:
        raise Violation(f"{LENGTH}: got {size - len(head)}, expected at most {MAXIMUM_BODY}")
    if stated != size:
        raise Violation(f"message-length: got {stated}, expected {size} (head and {LENGTH}) in {_first_line(head)}")
    return size


def _first_line(head: bytes) -> str:
    return _shown(head.split(b"\r")[0])


def _shown(octets: bytes | bytearray) -> str:
    return shorten(bytes(octets).decode("utf-8", "replace"))


@define
class Asked:
    """A request of ours and what came of it."""

    request: MrcpRequest
    response: MrcpResponse | None = None
    started: MrcpEvent | None = None
    """Its START-OF-INPUT."""
    ended: MrcpEvent | None = None
    stopped: bool = False

    @property
    def active(self) -> bool:
        """Whether events may come."""
        answered = self.response is not None and self.response.state is not RequestState.COMPLETE
        return answered and self.ended is None and not self.stopped

    @property
    def hotword(self) -> bool:
        return self.request.headers.get("Recognition-Mode").lower() == "hotword"


@define
class ClientChannel:
    """One channel. `ask` makes requests, `take` judges what comes for it."""

    channel: str
    """Channel-Identifier."""
    hotword: bool = False
    """Whether the session's own mode, by SET-PARAMS, is hotword."""
    asked: dict[int, Asked] = field(factory=dict)
    _last: int = 0

    def ask(self, method: str, headers: Headers | None = None, body: bytes = b"") -> tuple[int, bytes]:
        """The next request: its id, and its octets."""
        self._last += 1
        fields = Headers(((Header.CHANNEL.value, self.channel), *(headers or ())))
        request = MrcpRequest(method, self._last, fields, body)
        self.asked[self._last] = Asked(request)
        return self._last, encode(request)

    def take(self, message: MrcpMessage) -> MrcpResponse | MrcpEvent:
        """The message, if the protocol allows it now. Raises Violation."""
        named = message.headers.all(Header.CHANNEL)
        if named != (self.channel,):
            raise Violation(f"{message.start}: {Header.CHANNEL} is {', '.join(named) or 'missing'}, not {self.channel}")
        if isinstance(message, MrcpRequest):
            raise Violation(f"the server sent a request: {message.start}")
        asked = self.asked.get(message.request_id)
        if asked is None:
            raise Violation(f"{message.start}: request-id {message.request_id} was never sent")
        if isinstance(message, MrcpResponse):
            self._response(asked, message)
        else:
            self._event(asked, message)
        return message

    def _response(self, asked: Asked, response: MrcpResponse) -> None:
        method = asked.request.method
        if asked.response is not None:
            raise Violation(f"{response.start}: a second response to {asked.request.start}")
        if response.status >= 300 and response.state is not RequestState.COMPLETE:
            raise Violation(f"{response.start}: a failed {method} is COMPLETE")
        if response.status < 300 and (response.state is not RequestState.COMPLETE) != (method in LASTING):
            raise Violation(f"{response.start}: no state for the response to {method}")
        # What failed says why: dialplans act on it (RFC 6787 section 9.4.11).
        if response.status == 407 and method in ("RECOGNIZE", "DEFINE-GRAMMAR", "INTERPRET"):
            _cause(response)
        asked.response = response
        if method == "STOP" and response.status < 300:
            self._stopped(asked, response)
        if method == "SET-PARAMS" and response.status < 300 and "Recognition-Mode" in asked.request.headers:
            self.hotword = asked.hotword

    def _stopped(self, stop: Asked, response: MrcpResponse) -> None:
        """Every active request the STOP named is listed as stopped, and no other."""
        wanted = _ids(stop.request.headers.get(Header.ACTIVE_REQUESTS))
        active = {number for number, each in self.asked.items() if each.active and (not wanted or number in wanted)}
        listed = _ids(response.headers.get(Header.ACTIVE_REQUESTS))
        if active != listed:
            got = ", ".join(map(str, sorted(listed))) or "nothing"
            expected = ", ".join(map(str, sorted(active))) or "nothing"
            raise Violation(f"response to STOP: {Header.ACTIVE_REQUESTS} holds {got}, expected {expected}")
        for number in active:
            self.asked[number].stopped = True

    def _event(self, asked: Asked, event: MrcpEvent) -> None:
        method = asked.request.method
        if asked.response is None:
            raise Violation(f"{event.start} before the response to {asked.request.start}")
        if asked.stopped:
            raise Violation(f"{event.start} after the STOP that ended request {event.request_id}")
        if not asked.active:
            raise Violation(f"{event.start} for {asked.request.start}, which was over")
        if event.name == START_OF_INPUT and method == "RECOGNIZE":
            self._start_of_input(asked, event)
        elif event.name == LASTING.get(method):
            self._complete(asked, event)
        else:
            raise Violation(f"{event.start}: no event of {method}")

    def _start_of_input(self, asked: Asked, event: MrcpEvent) -> None:
        if asked.started is not None:
            raise Violation(f"{event.start}: a second {START_OF_INPUT}")
        if asked.hotword or (self.hotword and "Recognition-Mode" not in asked.request.headers):
            raise Violation(f"{event.start} in hotword mode")
        if event.state is not RequestState.IN_PROGRESS:
            raise Violation(f"{event.start}: expected state {RequestState.IN_PROGRESS}")
        for name in (Header.INPUT_TYPE, Header.PROXY_SYNC_ID):
            if not event.headers.get(name):
                raise Violation(f"{event.start} without {name}")
        asked.started = event

    def _complete(self, asked: Asked, event: MrcpEvent) -> None:
        if event.state is not RequestState.COMPLETE:
            raise Violation(f"{event.start}: expected state {RequestState.COMPLETE}")
        cause = _cause(event)
        if cause[:3] in SUCCESSES and not event.body:
            raise Violation(f"{event.start}: {cause} without a result")
        saves = asked.request.headers.get(Header.SAVE_WAVEFORM).lower() == "true"
        if saves and Header.WAVEFORM_URI not in event.headers:
            raise Violation(f"{event.start} without {Header.WAVEFORM_URI}, which {Header.SAVE_WAVEFORM} asks for")
        if event.body:
            reading(event)
        asked.ended = event


def _cause(message: MrcpResponse | MrcpEvent) -> str:
    cause = message.headers.get(Header.COMPLETION_CAUSE)
    if not _CAUSE.fullmatch(cause):
        got = shorten(cause) if cause else "nothing"
        raise Violation(f"{message.start}: {Header.COMPLETION_CAUSE}: got {got}, expected a number and a name")
    return cause


def reading(event: MrcpEvent) -> Reading:
    """What the result of an event says. Raises Violation unless it is NLSML that names grammar and confidence."""
    media_type = event.headers.get(Header.CONTENT_TYPE).partition(";")[0].strip().lower()
    if media_type not in RESULT_TYPES:
        expected = " or ".join(RESULT_TYPES)
        raise Violation(f"{event.start}: {Header.CONTENT_TYPE}: got {shorten(media_type)}, expected {expected}")
    try:
        read = decode(event.body)
    except MalformedMessage as error:
        raise Violation(f"{event.start}: {error.reason}") from None
    for interpretation in re.findall(rb"<interpretation\b([^>]*)>", event.body) if read.result.alternatives else ():
        for name in (b"confidence=",) if b"<nomatch" in event.body else (b"grammar=", b"confidence="):
            if name not in interpretation:
                raise Violation(f"{event.start}: an interpretation without {name.decode().rstrip('=')}")
    return read


def _ids(listed: str) -> set[int]:
    parts = [part.strip() for part in listed.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise Violation(f"{Header.ACTIVE_REQUESTS}: got {shorten(listed)}, expected request-ids")
    return {int(part) for part in parts}
