"""The door: whoever connects is let in one after the other, and who has too many connections is sent away unheard.

Owns accepting. Must not know what is said on a connection, nor encryption: both cost more than accepting does.

Theory of operation
 1. One socket at a time is taken from the kernel's queue, and between two of them all that waits has its turn. What a
    connection costs before anything is read of it is some tens of microseconds, and no task.
 2. An address that has all the connections it may have is sent away by closing the socket. A few each second are
    served to be told why; one of them may find that there is a place again.
 3. The others wait, for a handshake costs a millisecond: only so many are begun in a second, and addresses take turns.
    Who opens a thousand connections at once waits for their own, and nobody else does.
 4. When too many wait, no more are accepted: the kernel's queue takes the rest, and then the network.
 5. Whatever goes wrong in serving a connection ends that connection and no other.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import trio
from attrs import define, field

from h2b.server.limits import Bucket, Place, Tally, Turns, origin
from h2b.server.seldom import Seldom

_log = structlog.get_logger("h2b.server.door")

MAXIMUM_WAITING = 1000
"""Accepted sockets whose turn has not come."""
BURST = 4
"""Handshakes that may begin together."""
COURTESY_PER_SECOND = 10
"""Connections of too many that are told why."""
OUT_OF_SOCKETS_S = 0.1
"""Pause when the system has no socket for us."""

Serve = Callable[[trio.SocketStream, Place], Awaitable[None]]
"""Serves a connection. Its place is taken, unless there was none when it came; it is left at the end at the latest."""


@contextmanager
def costing_one_connection(log: Any) -> Iterator[None]:
    """What nobody expected in serving a connection is logged: it ends this one, and not the server with all others."""
    try:
        yield
    except* Exception:
        log.exception("connection_failed")


@define(eq=False)
class Door:
    """Where the connections of one service come in."""

    serve: Serve
    per_address: int
    """Connections of one address at once."""
    begun_per_second: float
    """Connections that may begin to be served in a second."""
    on_refused: Callable[[], None]
    """Called for each connection that is sent away unheard."""
    seldom: Seldom = field(factory=Seldom)
    addresses: Tally = field(factory=Tally)
    _turns: Turns[tuple[trio.socket.SocketType, Place]] = field(factory=Turns, init=False)
    _courtesy: Bucket = field(factory=lambda: Bucket(COURTESY_PER_SECOND, COURTESY_PER_SECOND), init=False)
    _moved: trio.Event = field(factory=trio.Event, init=False)
    """Set when somebody came to wait, or waits no more."""

    async def run(
        self,
        listeners: list[trio.SocketListener],
        connections: trio.Nursery,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept until cancelled; those who were let in live on in `connections`."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.seldom.run)
                nursery.start_soon(self._let_in, connections)
                for listener in listeners:
                    nursery.start_soon(self._accept, listener, connections)
                task_status.started()
        finally:
            while self._turns:
                _, (socket, place) = self._turns.next()
                socket.close()
                place.leave()

    async def _accept(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        async with listener:
            while True:
                while len(self._turns) >= MAXIMUM_WAITING:
                    await self._moved.wait()
                try:
                    socket, peer = await listener.socket.accept()
                except OSError as error:
                    # Out of files or memory, or the client is gone already: neither is the end of a server.
                    self.seldom.tell(_log.warning, "accept_failed", error=str(error))
                    await trio.sleep(OUT_OF_SOCKETS_S)
                else:
                    self._receive(socket, str(peer[0]), connections)

    def _receive(self, socket: trio.socket.SocketType, host: str, connections: trio.Nursery) -> None:
        place = Place(self.addresses, origin(host), self.per_address)
        if place.take():
            self._turns.add(place.key, (socket, place))
            self._move()
        elif self._courtesy.take(1, trio.current_time()):
            connections.start_soon(self._serve, socket, place)
        else:
            socket.close()
            self.on_refused()
            self.seldom.tell(_log.warning, "address_refused", address=host, connections=self.per_address)

    async def _let_in(self, connections: trio.Nursery) -> None:
        pace = Bucket(self.begun_per_second, BURST)
        while True:
            while not self._turns:
                await self._moved.wait()
            await trio.sleep(pace.wait(1, trio.current_time()))
            _, (socket, place) = self._turns.next()
            self._move()
            connections.start_soon(self._serve, socket, place)

    async def _serve(self, socket: trio.socket.SocketType, place: Place) -> None:
        stream = trio.SocketStream(socket)
        try:
            with costing_one_connection(_log):
                await self.serve(stream, place)
        finally:
            place.leave()
            await trio.aclose_forcefully(stream)

    def _move(self) -> None:
        self._moved.set()
        self._moved = trio.Event()
