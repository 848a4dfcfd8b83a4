"""A stream of octets becomes whole SIP messages (RFC 3261, section 18.3).

Owns the buffer of one connection and the keep-alives between messages (RFC 5626, section 4.4.1). Must not know what a
message says beyond its Content-Length. Chunking leaves no trace.
"""

from h2b.telephony.sip_message import (
    MAXIMUM_BODY_BYTES,
    MAXIMUM_HEAD_BYTES,
    Headers,
    MalformedRequest,
    Request,
    content_length,
    split_head,
)
from h2b.telephony.sip_syntax import SipSyntaxError

_END = b"\r\n\r\n"
PONG = b"\r\n"
"""The answer to a keep-alive."""


class Deframer:
    """Cuts one connection's octets into messages.

    After an error it gives nothing more: the end of a message is lost.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._needed = 0
        self._broken = False
        self.pings = 0
        """Keep-alives (CR LF CR LF) that came since somebody set this to zero."""

    @property
    def pending(self) -> int:
        """Octets of a message that is not whole yet."""
        return len(self._buffer)

    def receive(self, chunk: bytes) -> None:
        """Takes what the connection brought."""
        if not self._broken:
            self._buffer += chunk

    def next_message(self) -> bytes | None:
        """The octets of the next whole message, or None until more arrive.

        Raises SipSyntaxError, after which the connection cannot be read on; a MalformedRequest may be answered first.
        """
        try:
            return self._next_message()
        except SipSyntaxError:
            self._broken = True
            self._buffer.clear()
            raise

    def _next_message(self) -> bytes | None:
        if not self._needed:
            self._skip_keep_alives()
            self._needed = self._length()
        if not self._needed or len(self._buffer) < self._needed:
            return None
        message = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _skip_keep_alives(self) -> None:
        while self._buffer.startswith(_END):
            del self._buffer[:4]
            self.pings += 1
        # One CR LF may be half a keep-alive: it goes only when something else follows.
        if self._buffer.startswith(PONG) and not _END.startswith(self._buffer[:4]):
            del self._buffer[:2]

    def _length(self) -> int:
        """Octets of the message at hand with its body; 0 while its headers are not whole."""
        if _END.startswith(self._buffer[:4]):
            return 0
        # The blank line may lie across two chunks.
        end = self._buffer.find(_END, max(self._searched - 3, 0))
        self._searched = len(self._buffer)
        if (end if end >= 0 else self._searched) > MAXIMUM_HEAD_BYTES:
            raise SipSyntaxError("framing", f"headers longer than {MAXIMUM_HEAD_BYTES} octets")
        if end < 0:
            return 0
        start, fields = split_head(bytes(self._buffer[:end]))
        try:
            body = content_length(fields) or 0
        except SipSyntaxError as error:
            raise _refusal(error, start, fields) from None
        return end + len(_END) + body


def _refusal(error: SipSyntaxError, start: str, fields: list[tuple[str, str]]) -> SipSyntaxError:
    method, _, rest = start.partition(" ")
    if method.upper().startswith("SIP/") or method == "ACK":
        return error
    return MalformedRequest(error.where, error.why, Request(method, rest.partition(" ")[0], Headers(tuple(fields))))


MAXIMUM_PENDING_BYTES = MAXIMUM_HEAD_BYTES + MAXIMUM_BODY_BYTES + len(_END)
"""No connection holds more than this, beside the chunk it just received."""
