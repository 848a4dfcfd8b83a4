"""The JSON WebSocket: from an accepted TCP stream to a channel and back.

Owns the handshake, the frames and how a connection closes. Must not know what a command means. This is the only module
that knows trio-websocket, except for the tests, which use its client.

Close codes: 1001 the server shuts down; 1008 the client does not read, or takes more than `[limits]` allows; 1009 a
message is too large; 1011 our fault. Compression (RFC 7692) is never agreed on: a message is as large as its frames.
"""

import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

import structlog
import trio
from attrs import field, frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, wrap_server_stream

from h2b.access.keyset import IssuerUnreachable
from h2b.access.tokens import TokenRefused
from h2b.config import ServerSettings
from h2b.model.errors import ConfigurationError, MethodFailed
from h2b.model.formats import SAMPLE_RATE
from h2b.model.messages import Event, Open
from h2b.server.access import Access
from h2b.server.admission import Admission
from h2b.server.audiotap import AudioTap
from h2b.server.channel import Channel, ClientTooSlow
from h2b.server.limits import BUSY, LINEAR_BYTES_PER_SECOND, Allowance, Bucket, LimitExceeded, Place, Shared
from h2b.server.metrics import Metrics
from h2b.server.seldom import Seldom
from h2b.server.tls import Tls
from h2b.wire.json import Unreadable, decode, encode

_log = structlog.get_logger("h2b.server.websocket")

PATH = "/bots"
CLOSE_S = 1.0
"""Time a client gets to take part in the closing handshake."""
RETRY_AFTER_S = 5
SLICE_BYTES = 16_000
"""Audio judged at a stretch: one second. Between slices of a larger message other clients have their turn."""
PARTINGS_PER_SECOND = 1000.0
"""Clients gone without a word that are taken leave of in a second. One takes a third of a millisecond, in many small
steps: when a thousand went at once, everybody else waited for all of them."""
PARTINGS_AT_ONCE = 20.0
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A client whose machine is gone is noticed after a minute and a half (seconds, seconds, attempts)."""


@frozen
class Ending:
    """How the server closes a connection."""

    code: int
    reason: str


LEFT = Ending(1000, "")
SHUTTING_DOWN = Ending(1001, "the server is shutting down")
TOO_SLOW = Ending(1008, "events are not being read")
FAULT = Ending(1011, "internal error")


class Refused(Exception):
    """A client whose upgrade is refused with an HTTP status; `why` is the word for it in the metrics."""

    def __init__(self, status: int, why: str, text: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(text)
        self.status = status
        self.why = why
        self.text = text
        self.headers = headers


RETRY = (b"Retry-After", str(RETRY_AFTER_S).encode())
AUTHENTICATE = (b"WWW-Authenticate", b'Bearer realm="h2b"')


@frozen
class WebSocketServer:
    """What every connection of one server shares."""

    settings: ServerSettings
    open_channel: Callable[[str], Channel]
    """Makes the channel of a tenant; the tenant is empty where everybody may connect."""
    places: trio.Semaphore
    """One for each connection that may be open."""
    access: Access = field(factory=Access)
    shared: Shared = field(factory=Shared)
    metrics: Metrics = field(factory=Metrics)
    tls: Tls | None = None
    seldom: Seldom = field(factory=Seldom)
    admission: Admission = field(factory=Admission)
    _channels: set[Channel] = field(factory=set, init=False)
    _partings: Bucket = field(factory=lambda: Bucket(PARTINGS_PER_SECOND, PARTINGS_AT_ONCE), init=False)

    def drain(self) -> None:
        """No more clients come: those outside a session are closed now, the others at its end."""
        self.shared.handshakes.close()
        for channel in self._channels:
            channel.drain()

    async def serve_stream(self, stream: trio.SocketStream, place: Place) -> None:
        """Serve one client until it leaves its place. Whatever goes wrong ends this connection and no other."""
        try:
            _keep_alive(stream)
            await self._serve(stream, place)
        except* (ConnectionClosed, trio.BrokenResourceError, OSError) as gone:
            _log.debug("client_gone", error=repr(gone.exceptions[0]))
        except* Exception:
            _log.exception("connection_failed")

    async def _serve(self, stream: trio.SocketStream, place: Place) -> None:
        wrapped: trio.abc.Stream = stream
        if self.tls is not None:
            wrapped = trio.SSLStream(stream, self.tls.context, server_side=True, https_compatible=True)
        tap = AudioTap(wrapped, self.settings.maximum_message_bytes)
        async with trio.open_nursery() as machinery:
            with ExitStack() as permits:
                permits.callback(place.leave)
                opened = await self._shake_hands(tap, machinery, permits, place)
                if opened is not None:
                    await self._converse(*opened, tap)
            machinery.cancel_scope.cancel()
        await _linger(stream)

    async def _shake_hands(
        self, tap: AudioTap, machinery: trio.Nursery, permits: ExitStack, place: Place
    ) -> tuple[WebSocketConnection, str] | None:
        """The connection and its tenant, its place among `permits`; None for a client that is refused or too slow."""
        settings = self.settings
        scope = trio.CancelScope(deadline=trio.current_time() + settings.handshake_s)
        tap.on_end = partial(self._part, scope)
        with self.shared.handshakes.place(scope), scope:
            request = await wrap_server_stream(machinery, tap, settings.message_queue, settings.maximum_message_bytes)
            try:
                tenant = await self._admit(request, permits, place)
            except Refused as refused:
                status, why = refused.status, refused.text
                self.seldom.tell(_log.info, "client_refused", status, address=place.key, status=status, reason=why)
                self.metrics.refused(refused.why)
                await _reject(request, refused)
                return None
            tap.expect_frames()
            return await request.accept(), tenant
        self.metrics.refused("handshake")
        return None

    async def _part(self, handshake: trio.CancelScope) -> None:
        """A client is gone without a word. In a handshake the library would wait for the rest of the request."""
        await trio.sleep(self._partings.wait(1, trio.current_time()))
        handshake.cancel()

    async def _admit(self, request: WebSocketRequest, permits: ExitStack, place: Place) -> str:
        """The tenant of a client that may connect. Raises Refused."""
        if request.path.partition("?")[0] != PATH:
            raise Refused(404, "path", f"no such path, expected {PATH}")
        if not place.take() and self.places.value:
            raise Refused(429, "address", "too many connections from your address", RETRY)
        if self.admission.busy:
            raise Refused(503, "busy", BUSY, RETRY)
        shown = [value for name, value in request.headers if name.lower() == b"authorization"]
        try:
            # Two of them are none: who put the other one in?
            bearer = await self.access.bearer(shown[0].decode("latin-1") if len(shown) == 1 else "")
        except TokenRefused as error:
            raise Refused(401, "token", str(error), AUTHENTICATE) from error
        except (IssuerUnreachable, ConfigurationError) as error:
            _log.error("token_not_verified", reason=str(error))
            raise Refused(503, "issuer", "tokens cannot be verified at the moment", RETRY) from error
        try:
            self.places.acquire_nowait()
        except trio.WouldBlock:
            raise Refused(503, "connections", "too many connections", RETRY) from None
        permits.callback(self.places.release)
        return bearer.tenant if bearer else ""

    async def _converse(self, websocket: WebSocketConnection, tenant: str, tap: AudioTap) -> None:
        channel = self.open_channel(tenant)
        allowance = Allowance(self.shared, tenant, trio.current_time(), self.admission.may_begin)
        self._channels.add(channel)
        if self.shared.handshakes.closed:
            channel.drain()
        ending = SHUTTING_DOWN
        try:
            ending = await self._run(websocket, channel, allowance, tap)
        finally:
            # Also when the time for draining is over: the bill is written, the client is told.
            self._channels.discard(channel)
            try:
                channel.abandon()
            finally:
                allowance.leave()
                with trio.CancelScope(deadline=trio.current_time() + CLOSE_S, shield=True):
                    await websocket.aclose(ending.code, ending.reason)

    async def _run(
        self, websocket: WebSocketConnection, channel: Channel, allowance: Allowance, tap: AudioTap
    ) -> Ending:
        """Let the client and its channel talk; returns how it ended."""
        ending = SHUTTING_DOWN
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.keep_time)
                nursery.start_soon(_write, websocket, channel, nursery.cancel_scope)
                tap.open(_Ear(channel, allowance, tap, nursery))
                # How nearly all end: a group of exceptions would leave some hundred objects to the garbage collector.
                with suppress(ConnectionClosed):
                    await _read(websocket, channel, allowance, tap, self.settings.unread_s)
                ending = LEFT
                nursery.cancel_scope.cancel()
        except* ClientTooSlow:
            _log.warning("client_too_slow", channel_id=channel.id)
            self.metrics.refused("unread")
            ending = TOO_SLOW
        except* LimitExceeded as exceeded:
            reason = str(exceeded.exceptions[0])
            _log.warning("client_over_limit", channel_id=channel.id, reason=reason)
            self.metrics.refused("limit")
            ending = Ending(1008, reason)
        except* Exception:
            _log.exception("channel_failed", channel_id=channel.id)
            ending = FAULT
        finally:
            tap.close()
        return ending


@frozen
class _Ear:
    """Takes audio that comes the short way."""

    channel: Channel
    allowance: Allowance
    tap: AudioTap
    conversation: trio.Nursery

    @property
    def ready(self) -> bool:
        return not self.channel.events.crowded

    @property
    def listening(self) -> bool:
        return self.channel.recognising

    def hear(self, audio: bytes) -> None:
        try:
            self.allowance.audio(len(audio), trio.current_time())
            self.channel.receive_audio(audio)
        except Exception as error:
            # The conversation meets it, as if the audio had come the other way.
            self.tap.close()
            self.conversation.start_soon(_fail, error)


async def _fail(error: Exception) -> None:
    raise error


async def _read(
    websocket: WebSocketConnection, channel: Channel, allowance: Allowance, tap: AudioTap, unread_s: float
) -> None:
    """Hand over what the client sends until it leaves; of its audio what does not come the short way."""
    while True:
        message: str | bytes = b""
        with trio.move_on_at(allowance.deadline) as idling:
            message = await websocket.get_message()
        if idling.cancelled_caught:
            if trio.current_time() < allowance.deadline:
                # Audio came the short way.
                continue
            raise allowance.overdue()
        if isinstance(message, bytes):
            allowance.audio(len(message), trio.current_time())
            await _hear(channel, message)
        else:
            allowance.command(trio.current_time())
            await _obey(channel, allowance, message)
        if channel.events.crowded:
            # A client that asks and does not read the answers waits for itself, not for anyone else.
            with trio.move_on_after(unread_s) as patience:
                await channel.events.room()
            if patience.cancelled_caught:
                raise ClientTooSlow
        tap.dealt_with()


async def _hear(channel: Channel, audio: bytes) -> None:
    for start in range(0, len(audio), SLICE_BYTES):
        if start:
            await trio.lowlevel.checkpoint()
        channel.receive_audio(audio[start : start + SLICE_BYTES])


async def _obey(channel: Channel, allowance: Allowance, text: str) -> None:
    try:
        command = decode(text)
    except Unreadable as unreadable:
        channel.refuse(unreadable.error, unreadable.request_id, unreadable.method)
        return
    opens = isinstance(command, Open) and not channel.id
    no_place = allowance.may_open() if opens else ""
    if no_place:
        channel.refuse(MethodFailed(no_place), command.request_id, command.method)
        return
    await channel.read_ahead(command)
    channel.receive(command)
    width = command.audio_format.bytes_per_sample if isinstance(command, Open) else 0
    allowance.follow(bool(channel.id), width * SAMPLE_RATE or LINEAR_BYTES_PER_SECOND, trio.current_time())


async def _write(websocket: WebSocketConnection, channel: Channel, conversation: trio.CancelScope) -> None:
    """Send events in order; when there will be no more, the conversation is over."""
    with suppress(ConnectionClosed):
        while isinstance(event := await channel.events.get(), Event):
            await websocket.send_message(encode(event))
        conversation.cancel()


async def _reject(request: WebSocketRequest, refused: Refused) -> None:
    """Answer an upgrade with an error and its text."""
    body = f"{refused.text}\n".encode()
    headers = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", str(len(body)).encode())]
    await request.reject(refused.status, extra_headers=[*headers, *refused.headers], body=body)


async def _linger(stream: trio.SocketStream) -> None:
    """Let the last bytes arrive: closing on unread input would make the kernel take them back."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(CLOSE_S):
        await stream.send_eof()
        while await stream.receive_some():
            pass


def _keep_alive(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
