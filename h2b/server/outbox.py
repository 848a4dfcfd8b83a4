"""Octets that wait to be written to one connection, bounded.

Owns the bound and the patience with a client that does not read. Must not know messages.
"""

from collections import deque

import trio

from h2b.server.channel import ClientTooSlow

UNREAD_S = 10.0
"""Time a client may leave what was sent unread."""


class Outbox:
    """What one connection is to send, in order. Putting never waits."""

    def __init__(self, limit: int) -> None:
        """`limit` in octets; one message may be longer when nothing else waits."""
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._sending = False
        self._closed = False
        self._changed = trio.Event()

    def put(self, octets: bytes) -> None:
        """Add a message; dropped when the connection is closing. Raises ClientTooSlow when there is no room."""
        if self._closed:
            return
        if self._size and self._size + len(octets) > self._limit:
            raise ClientTooSlow
        self._waiting.append(octets)
        self._size += len(octets)
        self._wake()

    def close(self) -> None:
        """Nothing more is taken; what waits is still sent."""
        self._closed = True
        self._wake()

    async def room(self) -> None:
        """Wait until no more than half the room is taken, or the connection is closing."""
        while self._size > self._limit // 2 and not self._closed:
            await self._changed.wait()

    async def flushed(self) -> None:
        """Wait until all was sent."""
        while self._waiting or self._sending:
            await self._changed.wait()

    async def send_to(self, stream: trio.abc.Stream) -> None:
        """Send until closed and empty.

        Raises:
            ClientTooSlow: the client did not read for UNREAD_S.
            trio.BrokenResourceError: the connection is gone.
        """
        while self._waiting or not self._closed:
            if not self._waiting:
                await self._changed.wait()
                continue
            octets = b"".join(self._waiting)
            self._waiting.clear()
            self._sending = True
            with trio.move_on_after(UNREAD_S) as patience:
                await stream.send_all(octets)
            if patience.cancelled_caught:
                raise ClientTooSlow
            self._sending = False
            self._size -= len(octets)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
