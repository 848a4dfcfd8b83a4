"""The JSON WebSocket: from an accepted TCP stream to a channel and back.

Owns the handshake, the frames and how a connection closes. Must not know what a command means. This is the only module
that knows trio-websocket, except for the tests, which use its client.

Close codes: 1001 the server shuts down; 1008 the client does not read; 1009 a message is too large; 1011 our fault.
"""

import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import structlog
import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from h2b.config import ServerSettings
from h2b.model.messages import Event
from h2b.server.channel import Channel, ClientTooSlow
from h2b.wire.json import Unreadable, decode, encode

_log = structlog.get_logger("h2b.server.websocket")

PATH = "/bots"
CLOSE_S = 1.0
"""Time a client gets to take part in the closing handshake."""
RETRY_AFTER_S = 5
SLICE_BYTES = 16_000
"""Audio judged at a stretch: one second. Between slices of a larger message other clients have their turn."""
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


@frozen
class WebSocketServer:
    """What every connection of one server shares."""

    settings: ServerSettings
    open_channel: Callable[[], Channel]
    draining: trio.Event
    """Set when the server shuts down."""
    places: trio.Semaphore
    """One for each connection that may be open."""

    async def serve_stream(self, stream: trio.SocketStream) -> None:
        """Serve one client until it leaves. Whatever goes wrong ends this connection and no other."""
        try:
            _keep_alive(stream)
            await self._serve(stream)
        except* (ConnectionClosed, trio.BrokenResourceError, OSError) as gone:
            _log.debug("client_gone", error=repr(gone.exceptions[0]))
        except* Exception:
            _log.exception("connection_failed")

    async def _serve(self, stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as machinery:
            with ExitStack() as permits:
                websocket = await self._shake_hands(stream, machinery, permits)
                if websocket is not None:
                    await self._converse(websocket)
            machinery.cancel_scope.cancel()
        await _linger(stream)

    async def _shake_hands(
        self, stream: trio.SocketStream, machinery: trio.Nursery, permits: ExitStack
    ) -> WebSocketConnection | None:
        """The connection, with its place among `permits`; None for a client that is refused or too slow."""
        settings = self.settings
        with trio.CancelScope(deadline=trio.current_time() + settings.handshake_s) as handshake:
            machinery.start_soon(_cancel_after, self.draining, handshake)
            request = await wrap_server_stream(
                machinery, stream, settings.message_queue, settings.maximum_message_bytes
            )
            if request.path.partition("?")[0] != PATH:
                await request.reject(404, body=f"no such path, expected {PATH}\n".encode())
                return None
            try:
                self.places.acquire_nowait()
            except trio.WouldBlock:
                retry = [(b"Retry-After", str(RETRY_AFTER_S).encode())]
                await request.reject(503, extra_headers=retry, body=b"too many connections\n")
                return None
            permits.callback(self.places.release)
            return await request.accept()
        return None

    async def _converse(self, websocket: WebSocketConnection) -> None:
        channel = self.open_channel()
        ending = SHUTTING_DOWN
        try:
            ending = await self._run(websocket, channel)
        finally:
            # Also when the time for draining is over: the bill is written, the client is told.
            channel.abandon()
            with trio.CancelScope(deadline=trio.current_time() + CLOSE_S, shield=True):
                await websocket.aclose(ending.code, ending.reason)

    async def _run(self, websocket: WebSocketConnection, channel: Channel) -> Ending:
        """Let the client and its channel talk; returns how it ended."""
        ending = SHUTTING_DOWN
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.keep_time)
                nursery.start_soon(_write, websocket, channel, nursery.cancel_scope)
                nursery.start_soon(_drain_after, self.draining, channel)
                await _read(websocket, channel, self.settings.unread_s)
                ending = LEFT
                nursery.cancel_scope.cancel()
        except* ConnectionClosed:
            ending = LEFT
        except* ClientTooSlow:
            _log.warning("client_too_slow", channel_id=channel.id)
            ending = TOO_SLOW
        except* Exception:
            _log.exception("channel_failed", channel_id=channel.id)
            ending = FAULT
        return ending


async def _read(websocket: WebSocketConnection, channel: Channel, unread_s: float) -> None:
    """Hand over what the client sends until it leaves."""
    while True:
        message = await websocket.get_message()
        if isinstance(message, bytes):
            await _hear(channel, message)
        else:
            await _obey(channel, message)
        # A client that asks and does not read the answers waits for itself, not for anyone else.
        with trio.move_on_after(unread_s) as patience:
            await channel.events.room()
        if patience.cancelled_caught:
            raise ClientTooSlow


async def _hear(channel: Channel, audio: bytes) -> None:
    for start in range(0, len(audio), SLICE_BYTES):
        if start:
            await trio.lowlevel.checkpoint()
        channel.receive_audio(audio[start : start + SLICE_BYTES])


async def _obey(channel: Channel, text: str) -> None:
    try:
        command = decode(text)
    except Unreadable as unreadable:
        channel.refuse(unreadable.error, unreadable.request_id)
    else:
        await channel.read_ahead(command)
        channel.receive(command)


async def _write(websocket: WebSocketConnection, channel: Channel, conversation: trio.CancelScope) -> None:
    """Send events in order; when there will be no more, the conversation is over."""
    while isinstance(event := await channel.events.get(), Event):
        await websocket.send_message(encode(event))
    conversation.cancel()


async def _drain_after(event: trio.Event, channel: Channel) -> None:
    await event.wait()
    channel.drain()


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


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
