"""The MRCPv2 control channel: connections in, requests to channels, responses and events back.

Owns connections, which channel speaks by which, and the order of what is sent. Must not know SIP, RTP, or what a
request means. Source: RFC 6787 sections 4.2, 4.3 and 5.

Theory of operation
 1. A connection carries the messages of any number of channels, told apart by their Channel-Identifier. It says of
    itself nothing: a channel is bound to the connection of its first message, and known to no other from then on,
    until the client says by SIP that it will connect again. Those that never speak give way: when all places are
    taken, the oldest without a channel of the host that has the most of them is closed for the next.
 2. Each channel takes its requests in order, in a task of its own: one that waits, for a long grammar say, holds up no
    other.
 3. What is answered goes through the channel's events, so a response is sent before the events that follow from it.
"""

import socket
from collections import deque
from collections.abc import Callable

import structlog
import trio
from attrs import evolve

from h2b.server.channel import Channel, ClientTooSlow
from h2b.server.door import costing_one_connection
from h2b.server.limits import first_of_the_crowd, origin
from h2b.server.outbox import Outbox
from h2b.server.seldom import Seldom
from h2b.server.sip import keep_alive
from h2b.server.waveforms import NoWaveform, Tape, Waveforms
from h2b.telephony.rtp import SPAN_SECONDS
from h2b.wire.mrcp import Refused, Status, cause_fields, read_request_ids
from h2b.wire.mrcptext import (
    Deframer,
    Headers,
    MessageTooLarge,
    MrcpEvent,
    MrcpRequest,
    MrcpResponse,
    RequestState,
    UnreadableMessage,
    UnsupportedVersion,
    encode,
)
from h2b.wire.vocabulary import URI_FAILURE, Header, Method

_log = structlog.get_logger("h2b.server.mrcp")

UNSENT_BYTES = 1 << 21
"""Octets that may wait for one connection: two of the largest bodies."""
CHUNK_BYTES = 1 << 16
MAXIMUM_WAITING = 32
"""Requests of one channel that wait for one before them; one more is refused."""
HANDSHAKE_S = 10.0
RECORDED_BYTES = 16_000
"""Of a recording, judged at a stretch: one second."""
FAREWELL_S = 10.0
"""A connection that cannot be read any more stays so long for the answer that says so: requests before it may take
their time."""
IDLE_S = 600.0
"""A connection without a channel is closed after this time without a message."""


class ControlChannel:
    """A recognizer resource of a call, alive: its requests in order, its events to the connection it is bound to."""

    def __init__(
        self, identifier: str, channel: Channel, on_lost: Callable[[], None], waveforms: Waveforms | None = None
    ) -> None:
        self.identifier = identifier
        self.channel = channel
        self.scope = trio.CancelScope()
        self._on_lost = on_lost
        self._waveforms = waveforms
        self._tapes: dict[int, Tape] = {}
        """Sound that is to be kept, by request: until its end was told, or that it was stopped."""
        self._recorded: int | None = None
        """The request that hears a recording, and not the line."""
        self._feeding = False
        """Whether the recording goes on: what the line has in between is no part of it."""
        self._parting: tuple[MrcpResponse, trio.Event] | None = None
        """The last answer to a connection, and who waits for it to be said."""
        self._connection: _Connection | None = None
        self._movable = False
        self._waiting: deque[MrcpRequest | MrcpResponse] = deque()
        self._failure: Exception | None = None
        self._changed = trio.Event()

    @property
    def bound(self) -> bool:
        """Whether a connection is open for it."""
        return self._connection is not None

    # Sound, from the sweep: what goes wrong is raised in `run`

    @property
    def listening(self) -> bool:
        return self.channel.recognising

    def hear(self, sound: bytes) -> None:
        """Take 16-bit linear sound at 8 kHz; empty for 20 ms in which none came."""
        if self._feeding:
            return
        if self._of_recording:
            sound = b""
        self._record(sound)
        try:
            if sound:
                self.channel.receive_audio(sound)
            else:
                self.channel.receive_silence()
        except Exception as error:
            self.fail(error)

    @property
    def _of_recording(self) -> bool:
        active = self.channel.active
        return active is not None and active[0] == self._recorded

    def _record(self, sound: bytes) -> None:
        """Keep what a recognition hears, if its client wants that."""
        active = self.channel.active
        if active is not None and active[1] and self._waveforms is not None:
            self._tapes.setdefault(active[0], Tape()).add(sound)

    def press(self, key: str) -> None:
        """Take a key."""
        try:
            self.channel.receive_key(key)
        except Exception as error:
            self.fail(error)

    # Messages

    def bind(self, connection: "_Connection") -> bool:
        """Whether a message that came by this connection is the channel's."""
        if self._connection is None or (self._movable and self._connection is not connection):
            self.unbind()
            self._movable = False
            self._connection = connection
            connection.channels[self.identifier] = self
            self._wake()
        return self._connection is connection

    def let_move(self) -> None:
        """The client is about to connect again: it may go on by another connection. Until then this one serves."""
        self._movable = True

    def unbind(self, *, lost: bool = False) -> None:
        """The connection is gone, or not the channel's any more."""
        if self._connection is not None:
            self._connection.channels.pop(self.identifier, None)
            self._connection = None
        if lost:
            self._on_lost()

    def take(self, message: MrcpRequest | MrcpResponse) -> bool:
        """Take a request, or the answer to what was none, in its turn; False when too many wait."""
        if len(self._waiting) >= MAXIMUM_WAITING:
            return False
        self._waiting.append(message)
        self._wake()
        return True

    def take_last(self, answer: MrcpResponse) -> trio.Event | None:
        """Take the last answer to a connection; the event is set when it was said. None when too many wait."""
        if not self.take(answer):
            return None
        said = trio.Event()
        self._parting = answer, said
        return said

    async def run(self) -> None:
        """Live until cancelled.

        Raises:
            ClientTooSlow: nobody reads what is sent.
            Exception: whatever an answer of the recogniser met in the session.
        """
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.channel.keep_time)
                nursery.start_soon(self._obey)
                await self._tell()

    async def _obey(self) -> None:
        while True:
            if self._failure is not None:
                raise self._failure
            if not self._waiting:
                await self._changed.wait()
                continue
            message = self._waiting.popleft()
            if isinstance(message, MrcpResponse):
                self.channel.events.put(message)
            elif Header.INPUT_WAVEFORM_URI in message.headers and message.method == Method.RECOGNIZE:
                await self._recognise_recording(message)
            else:
                await self.channel.read_ahead(message)
                self.channel.receive(message)
            await self.channel.events.room()

    async def _recognise_recording(self, request: MrcpRequest) -> None:
        """Recognise a file of ours as if it were said now; after its end the line is silent."""
        uri = request.headers.get(Header.INPUT_WAVEFORM_URI)
        try:
            if self._waveforms is None:
                raise NoWaveform(f"{Header.INPUT_WAVEFORM_URI}: no recordings are kept here")
            busy = self.channel.recognising
            if busy:
                raise NoWaveform(f"{Header.INPUT_WAVEFORM_URI}: a recording cannot wait in the queue")
            sound = await self._waveforms.load(uri)
        except NoWaveform as error:
            failed = Headers().with_field(Header.FAILED_URI, uri[:300])
            refused = Refused(Status.METHOD_FAILED, str(error), failed, URI_FAILURE)
            self.channel.refuse(refused, request.request_id, request.method)
            return
        await self.channel.read_ahead(request)
        self._recorded = request.request_id
        self.channel.receive(request)
        self._feeding = True
        try:
            await self._feed(sound)
        finally:
            self._feeding = False

    async def _feed(self, sound: bytes) -> None:
        for start in range(0, len(sound), RECORDED_BYTES):
            while self.channel.holds:
                # More of it would only be held; that it goes on keeps silence from being put in for it.
                self.channel.receive_audio(b"")
                await trio.sleep(SPAN_SECONDS)
            if not self._of_recording:
                break
            piece = sound[start : start + RECORDED_BYTES]
            self._record(piece)
            self.channel.receive_audio(piece)
            # Other calls have their turn between seconds of it.
            await trio.lowlevel.checkpoint()

    async def _tell(self) -> None:
        while isinstance(event := await self.channel.events.get(), MrcpResponse | MrcpEvent):
            event = await self._with_waveform(event)
            connection = await self._bound()
            await connection.outbox.room()
            connection.outbox.put(encode(event))
            if self._parting is not None and event is self._parting[0]:
                self._parting[1].set()
                self._parting = None

    async def _with_waveform(self, event: MrcpResponse | MrcpEvent) -> MrcpResponse | MrcpEvent:
        """The event, with the address of the sound in the field for it."""
        if isinstance(event, MrcpResponse) and event.status == Status.SUCCESS:
            # A refusal shows the client's own list, whatever that is.
            for stopped in read_request_ids(event.headers):
                self._tapes.pop(stopped, None)
        if Header.WAVEFORM_URI not in event.headers:
            return event
        tape = self._tapes.pop(event.request_id, None)
        if tape is None or self._waveforms is None:
            return event
        value = await self._waveforms.keep(tape.sound)
        headers = event.headers.without(Header.WAVEFORM_URI).with_field(Header.WAVEFORM_URI, value)
        return evolve(event, headers=headers)

    async def _bound(self) -> "_Connection":
        while self._connection is None:
            await self._changed.wait()
        return self._connection

    def fail(self, error: Exception) -> None:
        """Raise this in `run`."""
        self._failure = error
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class ControlPort:
    """Where clients connect for MRCP, and the channels they may ask for."""

    def __init__(
        self,
        maximum_connections: int,
        admits: Callable[[str], bool] = lambda host: True,
        per_address: int | None = None,
    ) -> None:
        """`admits` tells whether a host may connect; `per_address` how often one may, by default as often as all."""
        self.channels: dict[str, ControlChannel] = {}
        self._maximum = maximum_connections
        self._per_address = per_address or maximum_connections
        self._seldom = Seldom()
        self._admits = admits
        self._connections: dict[_Connection, None] = {}
        """In the order they came."""

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    def connected_from(self, hosts: set[str]) -> bool:
        """Whether one of these hosts has a connection open."""
        return any(connection.host in hosts for connection in self._connections)

    def add(self, channel: ControlChannel) -> None:
        """From now on messages for this channel are taken."""
        self.channels[channel.identifier.lower()] = channel

    def remove(self, channel: ControlChannel) -> None:
        """Messages for this channel are answered with 405. The connection stays: others may use it."""
        self.channels.pop(channel.identifier.lower(), None)
        channel.unbind()

    async def flushed(self) -> None:
        """Wait until all that was said is sent."""
        for connection in list(self._connections):
            await connection.outbox.flushed()

    async def run(self, listeners: list[trio.SocketListener], tls: list[trio.SSLListener[trio.SocketStream]]) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._seldom.run)
            nursery.start_soon(trio.serve_listeners, self._serve_tcp, listeners)
            if tls:
                nursery.start_soon(trio.serve_listeners, self._serve_tls, tls)

    async def _serve_tcp(self, stream: trio.SocketStream) -> None:
        with costing_one_connection(_log):
            await self._serve(stream, stream)

    async def _serve_tls(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        with costing_one_connection(_log):
            await self._serve(stream, stream.transport_stream)
        await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream, transport: trio.SocketStream) -> None:
        """Serve a connection until either end closes. Whatever goes wrong ends this connection and no other."""
        try:
            host = transport.socket.getpeername()[0]
            keep_alive(transport)
            transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            return
        if not self._admits(host) or not self._has_room(host):
            taken = len(self._connections)
            self._seldom.tell(_log.warning, "mrcp_connection_refused", peer=host, connections=taken)
            return
        connection = _Connection(self, host)
        self._connections[connection] = None
        try:
            await connection.converse(stream)
        except* (trio.BrokenResourceError, trio.TooSlowError, ClientTooSlow) as gone:
            _log.debug("mrcp_connection_lost", peer=host, error=repr(gone.exceptions[0]))
        finally:
            self._connections.pop(connection, None)
            connection.outbox.close()
            for channel in list(connection.channels.values()):
                channel.unbind(lost=True)

    def _has_room(self, host: str) -> bool:
        """Whether one more connection of a host may be served, after making room for it if need be."""
        own = [connection for connection in self._connections if origin(connection.host) == origin(host)]
        crowded = len(own) >= self._per_address
        if not crowded and len(self._connections) < self._maximum:
            return True
        # An address that has its share makes room itself.
        silent = [connection for connection in (own if crowded else self._connections) if not connection.channels]
        if not silent:
            return False
        oldest = first_of_the_crowd(silent, lambda connection: connection.host)
        taken = len(self._connections)
        self._seldom.tell(_log.warning, "mrcp_connection_evicted", peer=oldest.host, connections=taken)
        del self._connections[oldest]
        oldest.scope.cancel()
        return True


class _Connection:
    """One connection of a client: what comes is handed on, what is to be sent waits in its outbox."""

    def __init__(self, port: ControlPort, host: str) -> None:
        self.host = host
        self.outbox = Outbox(UNSENT_BYTES)
        self.scope = trio.CancelScope()
        self.channels: dict[str, ControlChannel] = {}
        """Those that are bound to it."""
        self._port = port
        self._deframer = Deframer()

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Read and write until either end closes."""
        with self.scope:
            if isinstance(stream, trio.SSLStream):
                with trio.fail_after(HANDSHAKE_S):
                    await stream.do_handshake()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, stream, nursery.cancel_scope)
                await self.outbox.send_to(stream)
                nursery.cancel_scope.cancel()

    async def _read(self, stream: trio.abc.Stream, conversation: trio.CancelScope) -> None:
        while True:
            # A client that asks and does not read the answers waits for itself.
            await self.outbox.room()
            octets: bytes | bytearray = b""
            with trio.move_on_after(IDLE_S) as patience:
                octets = await stream.receive_some(CHUNK_BYTES)
            if patience.cancelled_caught and self.channels:
                continue
            if not octets:
                conversation.cancel()
                return
            said: trio.Event | None = None
            for message in self._deframer.feed(bytes(octets)):
                if isinstance(message, UnreadableMessage):
                    last = self._refuse(message)
                    said = said if last is None else last
                elif isinstance(message, MrcpRequest):
                    self._request(message)
            if self._deframer.broken:
                # The last answer is sent, then the connection ends.
                with trio.move_on_after(FAREWELL_S):
                    await (said.wait() if said is not None else trio.lowlevel.checkpoint())
                self.outbox.close()
                return

    def _refuse(self, message: UnreadableMessage) -> trio.Event | None:
        """Answer what cannot be read; the event is set when the answer was said, if a channel says it in its turn."""
        _log.warning("mrcp_unreadable", peer=self.host, channel_id=message.channel, reason=message.reason)
        if not message.request_id:
            # An answer that names no request of the client would confuse it for good.
            return None
        answer = _refused(_status(message), message.request_id, message.channel, message.reason)
        channel = self._channel(message.channel)
        said = channel.take_last(answer) if channel is not None else None
        if said is None:
            self._answer(answer)
        return said

    def _request(self, request: MrcpRequest) -> None:
        name = request.headers.get(Header.CHANNEL)
        _log.debug("mrcp_request", channel_id=name, method=request.method, request_id=request.request_id)
        channel = self._channel(name)
        if not name:
            why = f"{Header.CHANNEL} is missing: expected the one of the SDP answer"
            self._answer(_refused(Status.MISSING_HEADER, request.request_id, name, why))
        elif channel is None:
            why = f"{Header.CHANNEL}: no such channel on this connection"
            self._answer(_refused(Status.RESOURCE_NOT_ALLOCATED, request.request_id, name, why))
        elif not channel.take(request):
            why = f"{MAXIMUM_WAITING} requests wait already"
            self._answer(_refused(Status.METHOD_FAILED, request.request_id, name, why))

    def _channel(self, name: str) -> ControlChannel | None:
        channel = self._port.channels.get(name.lower())
        return channel if channel is not None and channel.bind(self) else None

    def _answer(self, response: MrcpResponse) -> None:
        self.outbox.put(encode(response))


def _status(message: UnreadableMessage) -> Status:
    if isinstance(message, UnsupportedVersion):
        return Status.UNSUPPORTED_VERSION
    return Status.TOO_LARGE if isinstance(message, MessageTooLarge) else Status.ILLEGAL_VALUE


def _refused(status: Status, request_id: int, channel: str, why: str) -> MrcpResponse:
    fields = [(Header.CHANNEL.value, channel)] if channel else []
    reason = [pair for pair in cause_fields("", why) if pair[1]]
    return MrcpResponse(request_id, status, RequestState.COMPLETE, Headers((*fields, *reason)))
