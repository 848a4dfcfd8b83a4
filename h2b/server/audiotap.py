"""The short way of a client's audio: whole binary messages are taken before the WebSocket library sees them.

Owns the layout of a frame (RFC 6455 section 5.2) as far as that needs it. Must not know the library, nor what audio is
for. Nearly all that clients send is audio, in fifty messages a second or less: by the library's way each of them costs
several times what it costs to hear it, and more than that while nobody listens.

 1. Only what can be nothing else is taken: a binary message in one masked frame, its length in the shortest form, no
    longer than is allowed, whole. All else goes on to the library octet by octet, and is for the library to judge.
 2. The order stays: nothing is taken while a message that went on has not been dealt with.
 3. Audio is heard before more is read, so a client that is too quick waits for itself.
 4. Frames begin where the request ends. A client that sends some before it has the answer goes the library's way.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

LARGEST = 16_000
"""Octets of a message that is taken: one second. Between slices of a larger one other clients must have their turn."""

_AUDIO = 0x82
"""First octet of a frame that is a whole binary message."""
_MASKED = 0x80
_FINAL = 0x80
_OPCODE = 0x0F
_CLOSE = 0x8
_LENGTH = 0x7F
_BY_16_BITS = 126
_SIZES = {_BY_16_BITS: 2, 127: 8}
"""Octets of a length that does not fit the second octet of the frame."""
_MASK_SIZE = 4
_BLANK_LINE = re.compile(rb"\n\r?\n")


class Hearer(Protocol):
    """Who takes audio."""

    @property
    def ready(self) -> bool:
        """Whether there is room for what may follow from more audio."""
        ...

    @property
    def listening(self) -> bool:
        """Whether it is of any interest what the audio holds. If not, any octets will do."""
        ...

    def hear(self, audio: bytes) -> None:
        """Take a message. Must not raise: who reads the network could do nothing about it."""
        ...


class AudioTap(trio.abc.Stream):
    """A client's connection, between the network and the library."""

    def __init__(self, stream: trio.abc.Stream, largest: int = LARGEST) -> None:
        """`largest`: octets of the largest message that may be taken."""
        self.on_end: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        """Awaited when the client is gone, before the library hears of it."""
        self._stream = stream
        self._largest = min(largest, LARGEST)
        self._request: bytearray | None = bytearray()
        """What came before the first frame."""
        self._follows = False
        """Whether it is known where frames begin and end."""
        self._hearer: Hearer | None = None
        self._held = b""
        """The beginning of a frame of which more must come."""
        self._told = 0
        """Octets of it that went on already: those that can be no audio, for the library to judge at once."""
        self._passing = 0
        """Octets of a frame under way that still go on."""
        self._fragmented = False
        """Whether a message is under way of which more frames must come."""
        self._over = False
        """Whether the client closed: what follows means nothing."""
        self._unanswered = 0
        """Messages that went on and were not dealt with."""

    def expect_frames(self) -> None:
        """The library is about to accept the request: what comes from now on are frames."""
        request, self._request = self._request or b"", None
        blank = _BLANK_LINE.search(request)
        self._follows = blank is not None and blank.end() == len(request)

    def open(self, hearer: Hearer) -> None:
        """From now on audio is the hearer's."""
        self._hearer = hearer

    def close(self) -> None:
        """From now on all goes on to the library. Safe to call again."""
        self._follows = False
        self._hearer = None

    def dealt_with(self) -> None:
        """A message that the library gave out was dealt with."""
        self._unanswered -= 1

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What goes on to the library, as `trio.abc.ReceiveStream` wants it."""
        while True:
            try:
                octets = bytes(await self._stream.receive_some(max_bytes))
            except trio.BrokenResourceError:
                await self.on_end()
                raise
            if not octets:
                await self.on_end()
            if self._request is not None:
                self._request += octets
            if not self._follows or not octets:
                octets, self._held, self._told = self._held[self._told :] + octets, b"", 0
                return octets
            octets = self._sift(self._held + octets if self._held else octets)
            if octets:
                return octets

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As it is."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As it is."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As it is."""
        await self._stream.aclose()

    def _sift(self, octets: bytes) -> bytes:
        """Take what may be taken; what goes on of the rest, while the beginning of a frame may be held."""
        told, self._held, self._told = self._told, b"", 0
        going_on = []
        at, size = 0, len(octets)
        while at < size:
            if self._passing or self._over:
                end = size if self._over else min(at + self._passing, size)
                self._passing -= min(self._passing, end - at)
                going_on.append(octets[max(at, told) : end])
                at = end
                continue
            frame = _read_frame(octets, at)
            if frame is None:
                self._held = octets[at:]
                if not _may_be_audio(self._held):
                    going_on.append(octets[max(at, told) :])
                    self._told = size - at
                break
            start, end = frame
            hearer = self._hearer_of(octets[at], octets[at + 1], end - start)
            if hearer is None:
                self._note(octets[at])
                self._passing = end - at
            elif end > size:
                self._held = octets[at:]
                break
            else:
                audio = octets[start:end]
                hearer.hear(unmask(audio, octets[start - _MASK_SIZE : start]) if hearer.listening else audio)
                at = end
        return b"".join(going_on)

    def _hearer_of(self, first: int, second: int, length: int) -> Hearer | None:
        """Who takes a frame; None when it goes on."""
        if first != _AUDIO or second < _MASKED or length > self._largest:
            return None
        # A length that would have fitted in fewer octets is an error, and the library's to tell.
        if second & _LENGTH != min(length, _BY_16_BITS):
            return None
        if self._fragmented or self._unanswered or not self._follows or self._hearer is None:
            return None
        return self._hearer if self._hearer.ready else None

    def _note(self, first: int) -> None:
        """A frame goes on: what it says of those that follow."""
        opcode = first & _OPCODE
        if opcode == _CLOSE:
            self._over = True
        elif opcode < _CLOSE:
            self._fragmented = first < _FINAL
            self._unanswered += first >= _FINAL


def _may_be_audio(beginning: bytes) -> bool:
    return beginning[0] == _AUDIO and (len(beginning) == 1 or beginning[1] >= _MASKED)


def _read_frame(octets: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of a frame begins and ends; None while its head is not whole."""
    start = at + 2
    if len(octets) < start:
        return None
    second = octets[at + 1]
    length = second & _LENGTH
    more = _SIZES.get(length, 0)
    if more:
        start += more
        if len(octets) < start:
            return None
        length = int.from_bytes(octets[at + 2 : start], "big")
    if second >= _MASKED:
        start += _MASK_SIZE
        if len(octets) < start:
            return None
    return start, start + length


def unmask(payload: bytes, mask: bytes) -> bytes:
    """The payload of a frame as it was before its client masked it, or the other way round (RFC 6455 section 5.3)."""
    size = len(payload)
    pattern = mask * (size // _MASK_SIZE + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern[:size], "big")).to_bytes(size, "big")
