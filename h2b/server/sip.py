"""SIP on sockets: datagrams and connections in, the effects of the SIP machine out.

Owns the sockets, the connections and the one clock of the machine. Must not know what a call is for: news about calls
go to whoever was given.

Sending a datagram never waits: one that the kernel has no room for is lost, and SIP sends it again.

Connections that no call uses give way: when all places are taken, or the share of an address, the oldest of the host
that has the most of them is closed for the next. Whatever goes wrong with one message or one connection is told in
the log, and ends no other.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from itertools import count
from typing import TypeAlias

import structlog
import trio
from attrs import define, evolve, field

from h2b.server.channel import ClientTooSlow
from h2b.server.door import costing_one_connection
from h2b.server.limits import Place, Tally, first_of_the_crowd, origin, share
from h2b.server.outbox import Outbox
from h2b.server.seldom import Seldom
from h2b.telephony.sip_effects import (
    CallChanged,
    CallConfirmed,
    CallEnded,
    CallForbidden,
    CallOffered,
    CloseConnection,
    Effect,
    Peer,
    SendMessage,
    Transport,
)
from h2b.telephony.sip_server import SipServer

_log = structlog.get_logger("h2b.server.sip")

News: TypeAlias = CallOffered | CallConfirmed | CallChanged | CallEnded

MAXIMUM_DATAGRAM = 65_535
UNSENT_BYTES = 1 << 18
"""Octets that may wait for one connection."""
MAXIMUM_CONNECTIONS = 1000
CHUNK_BYTES = 1 << 16
CONNECT_S = 5.0
"""Time for opening a connection to a client, or for a client's TLS handshake."""
UNREACHABLE = (OSError, trio.TooSlowError, ValueError)
"""What opening a connection raises, or asking for an address; the last one for a name such as a..b, which is none."""
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A client whose machine is gone is noticed after a minute and a half (seconds, seconds, attempts)."""


@define(eq=False)
class _Connection:
    peer: Peer
    place: Place | None = None
    """Among those of its address; none for a connection of ours."""
    outbox: Outbox = field(factory=lambda: Outbox(UNSENT_BYTES))
    scope: trio.CancelScope = field(factory=trio.CancelScope)


class SipEndpoint:
    """A SIP server on its sockets. What `accept` and the like send is sent when they return."""

    def __init__(
        self,
        server: SipServer,
        datagrams: socket.socket,
        news: Callable[[News], None],
        admits: Callable[[str], bool] = lambda host: True,
    ) -> None:
        """`datagrams` is bound and does not block; it is closed by whoever opened it. `admits` tells whether a host may
        connect."""
        self.server = server
        self._admits = admits
        self._datagrams = datagrams
        self._news = news
        self._numbers = count(1)
        self._connections: dict[int, _Connection] = {}
        self._opened: dict[Peer, int] = {}
        """Connections opened by us, by what was asked for."""
        self._hosts = Tally()
        """Connections opened by clients, by address."""
        self._seldom = Seldom()
        self._alarm = trio.CancelScope()
        self._nursery: trio.Nursery | None = None
        self._turned = trio.Event()

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    # What the owner of calls says

    def accept(self, call: str, answer: bytes) -> None:
        """See `SipServer.accept`."""
        self._perform(self.server.accept(call, answer, trio.current_time()))

    def reject(self, call: str, status: int, reason: str, retry_after: int | None = None) -> None:
        """See `SipServer.reject`."""
        self._perform(self.server.reject(call, status, reason, trio.current_time(), retry_after))

    def hang_up(self, call: str) -> None:
        """See `SipServer.hang_up`."""
        self._perform(self.server.hang_up(call, trio.current_time()))

    async def settled(self) -> None:
        """Wait until every BYE of ours is answered or given up."""
        while self.server.unanswered:
            await self._turned.wait()

    # Life

    async def run(self, listeners: list[trio.SocketListener], tls: list[trio.SSLListener[trio.SocketStream]]) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._seldom.run)
            self._nursery.start_soon(self._keep_time)
            self._nursery.start_soon(self._read_datagrams)
            self._nursery.start_soon(trio.serve_listeners, self._serve_tcp, listeners)
            if tls:
                self._nursery.start_soon(trio.serve_listeners, self._serve_tls, tls)

    async def _keep_time(self) -> None:
        while True:
            with trio.CancelScope() as self._alarm:
                self._set_alarm()
                await trio.sleep_forever()
            try:
                self._perform(self.server.advance(trio.current_time()))
            except Exception:
                _log.exception("sip_failed", peer="")

    def _set_alarm(self) -> None:
        due = self.server.next_timer()
        self._alarm.deadline = float("inf") if due is None else due

    async def _read_datagrams(self) -> None:
        receiver = trio.socket.from_stdlib_socket(self._datagrams)
        while True:
            try:
                octets, (host, port, *_) = await receiver.recvfrom(MAXIMUM_DATAGRAM)
            except OSError as error:
                # What was sent before could not be delivered: nothing is wrong with the socket.
                _log.debug("sip_not_sent", peer="", error=str(error))
                continue
            self._receive(octets, Peer(Transport.UDP, host, port))

    def _receive(self, octets: bytes, peer: Peer) -> None:
        try:
            self._perform(self.server.receive(octets, peer, trio.current_time()))
        except Exception:
            # Whatever a stranger sends, it must not end the calls of others.
            _log.exception("sip_failed", peer=peer.host)

    # Connections

    async def _serve_tcp(self, stream: trio.SocketStream) -> None:
        with costing_one_connection(_log):
            await self._serve(stream, stream, Transport.TCP)

    async def _serve_tls(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        with costing_one_connection(_log):
            await self._serve(stream, stream.transport_stream, Transport.TLS)
        await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream, transport: trio.SocketStream, kind: Transport) -> None:
        """Serve a connection that a client opened."""
        with suppress(OSError):
            host, port = transport.socket.getpeername()[:2]
            place = Place(self._hosts, origin(host), share(0, MAXIMUM_CONNECTIONS))
            if not self._admits(host) or not self._has_room(place):
                taken = len(self._connections)
                self._seldom.tell(_log.warning, "sip_connection_refused", peer=host, connections=taken)
                return
            number = next(self._numbers)
            self._connections[number] = connection = _Connection(Peer(kind, host, port, number), place)
            with connection.scope:
                await self._converse(stream, transport, connection)

    def _has_room(self, place: Place) -> bool:
        """Whether one more connection may be served, its place taken, after making room for it if need be."""
        crowded = not place.take()
        if not crowded and len(self._connections) < MAXIMUM_CONNECTIONS:
            return True
        used = self.server.connections_of_calls
        # An address that has its share makes room itself.
        unused = [
            own
            for number, own in self._connections.items()
            if number not in used and (not crowded or (own.place is not None and own.place.key == place.key))
        ]
        if not unused:
            place.leave()
            return False
        oldest = first_of_the_crowd(unused, lambda own: own.peer.host)
        taken = len(self._connections)
        self._seldom.tell(_log.warning, "sip_connection_evicted", peer=oldest.peer.host, connections=taken)
        self._forget(oldest)
        oldest.scope.cancel()
        return place.take()

    def _forget(self, connection: _Connection) -> None:
        """It is not there any more, whether or not it ever was open. Safe to call again."""
        number = connection.peer.connection
        if self._connections.pop(number, None) is None:
            return
        connection.outbox.close()
        if connection.place is not None:
            connection.place.leave()
        self._opened = {peer: own for peer, own in self._opened.items() if own != number}
        self.server.connection_lost(number)

    async def _converse(self, stream: trio.abc.Stream, transport: trio.SocketStream, connection: _Connection) -> None:
        """Read and write until either end closes. Whatever goes wrong ends this connection and no other."""
        try:
            keep_alive(transport)
            if isinstance(stream, trio.SSLStream):
                with trio.fail_after(CONNECT_S):
                    await stream.do_handshake()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, stream, connection.peer, nursery.cancel_scope)
                await connection.outbox.send_to(stream)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.TooSlowError, OSError, ClientTooSlow) as gone:
            _log.debug("sip_connection_lost", peer=connection.peer.host, error=repr(gone.exceptions[0]))
        finally:
            self._forget(connection)

    async def _read(self, stream: trio.abc.Stream, peer: Peer, conversation: trio.CancelScope) -> None:
        while octets := await stream.receive_some(CHUNK_BYTES):
            self._receive(bytes(octets), peer)
        conversation.cancel()

    async def _connect(self, connection: _Connection) -> None:
        peer = connection.peer
        with costing_one_connection(_log), connection.scope:
            try:
                with trio.fail_after(CONNECT_S):
                    stream = await trio.open_tcp_stream(peer.host, peer.port)
                async with stream:
                    await self._converse(stream, stream, connection)
            except UNREACHABLE as error:
                _log.debug("sip_not_sent", peer=peer.host, error=str(error))
            finally:
                self._forget(connection)

    # Effects

    def _perform(self, effects: list[Effect]) -> None:
        try:
            for effect in effects:
                self._do(effect)
        finally:
            self._set_alarm()
            self._turned.set()
            self._turned = trio.Event()

    def _do(self, effect: Effect) -> None:
        match effect:
            case SendMessage():
                self._send(effect.destination, effect.payload)
            case CloseConnection():
                known = self._connections.get(effect.connection.connection)
                if known is not None:
                    known.outbox.close()
            case CallForbidden():
                call_id, peer, status = effect.call_id, effect.peer.host, effect.status
                self._seldom.tell(
                    _log.warning,
                    "call_refused",
                    status,
                    call_id=call_id,
                    peer=peer,
                    status=status,
                    reason=effect.reason,
                )
            case CallOffered() | CallConfirmed() | CallChanged() | CallEnded():
                self._news(effect)
            case _:
                raise AssertionError(f"a server has no {effect}")

    def _send(self, peer: Peer, octets: bytes) -> None:
        if peer.transport is Transport.UDP:
            self._send_datagram(peer, octets)
            return
        number = peer.connection or self._opened.get(peer, 0)
        connection = self._connections.get(number)
        if connection is None and not peer.connection and peer.transport is Transport.TCP:
            connection = self._open(peer)
        if connection is None:
            _log.debug("sip_not_sent", peer=peer.host, error="its connection is closed")
            return
        try:
            connection.outbox.put(octets)
        except ClientTooSlow:
            connection.outbox.close()

    def _open(self, peer: Peer) -> _Connection:
        """A connection of ours to a client that has none: it is opened while the message waits."""
        assert self._nursery is not None
        number = next(self._numbers)
        connection = _Connection(evolve(peer, connection=number))
        self._connections[number] = connection
        self._opened[peer] = number
        self._nursery.start_soon(self._connect, connection)
        return connection

    def _send_datagram(self, peer: Peer, octets: bytes) -> None:
        try:
            ip_address(peer.host)
        except ValueError:
            assert self._nursery is not None
            self._nursery.start_soon(self._resolve_and_send, peer, octets)
            return
        try:
            self._datagrams.sendto(octets, (peer.host, peer.port))
        except UNREACHABLE as error:
            _log.debug("sip_not_sent", peer=peer.host, error=str(error))

    async def _resolve_and_send(self, peer: Peer, octets: bytes) -> None:
        with costing_one_connection(_log):
            try:
                with trio.fail_after(CONNECT_S):
                    found = await trio.socket.getaddrinfo(
                        peer.host, peer.port, family=self._datagrams.family, type=socket.SOCK_DGRAM
                    )
            except UNREACHABLE as error:
                _log.debug("sip_not_sent", peer=peer.host, error=str(error))
                return
            self._send_datagram(evolve(peer, host=str(found[0][4][0])), octets)


def keep_alive(stream: trio.SocketStream) -> None:
    """Have the kernel ask a silent client whether it still is there."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
