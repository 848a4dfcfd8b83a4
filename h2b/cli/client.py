"""A client of the JSON WebSocket, as small as one can be: commands out, events in, a recording at the pace of a call.

Owns the connection and its counters. Must not know servers; what the events mean is the caller's business.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import trio
from attrs import define
from numpy.typing import NDArray
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, open_websocket_url

from h2b.model.errors import H2BError, MalformedMessage
from h2b.model.formats import SAMPLE_RATE
from h2b.model.messages import Command, Event
from h2b.wire.json import decode_event, encode_command

CHUNK_SAMPLES = 480
"""60 ms, as voicebots send it."""


class CallEnded(H2BError):
    """The server closed the connection."""


@define
class Client:
    """One connection; made by `connect`."""

    _socket: WebSocketConnection
    channel_id: str = ""
    _requests: int = 0

    @property
    def file(self) -> int:
        """Descriptor of the socket, for those who write frames by themselves. Raises H2BError where there is TLS."""
        stream = self._socket._stream
        if not isinstance(stream, trio.SocketStream):
            raise H2BError("frames cannot be written by hand to a connection with TLS")
        return stream.socket.fileno()

    async def send(self, command: type[Command], **fields: Any) -> None:
        """Send a command under the next request id."""
        self._requests += 1
        request = command(request_id=self._requests, **fields)
        await self._socket.send_message(encode_command(request, self.channel_id))

    async def next_event(self) -> Event:
        """Wait for the server's next event. Raises CallEnded, and MalformedMessage for what is none."""
        try:
            message = await self._socket.get_message()
        except ConnectionClosed as closed:
            raise CallEnded(f"the server closed the connection: {closed.reason}") from closed
        if not isinstance(message, str):
            raise MalformedMessage(f"got {len(message)} bytes in a binary frame, expected an event")
        event = decode_event(message)
        self.channel_id = event.channel_id or self.channel_id
        return event

    async def ask(self, command: type[Command], **fields: Any) -> Event:
        """Send a command and wait for its answer."""
        await self.send(command, **fields)
        return await self.next_event()

    async def send_audio(self, samples: NDArray[np.int16]) -> None:
        """Send 8 kHz samples now. Raises CallEnded."""
        try:
            await self._socket.send_message(samples.astype("<i2").tobytes())
        except ConnectionClosed as closed:
            raise CallEnded(f"the server closed the connection: {closed.reason}") from closed

    async def speak(self, samples: NDArray[np.int16]) -> None:
        """Stream 8 kHz samples as they are spoken, then silence until cancelled."""
        began = trio.current_time()
        at = 0
        while True:
            chunk = samples[at : at + CHUNK_SAMPLES]
            at += CHUNK_SAMPLES
            await trio.sleep_until(began + at / SAMPLE_RATE)
            silence = bytes(2 * (CHUNK_SAMPLES - len(chunk)))
            await self._socket.send_message(chunk.astype("<i2").tobytes() + silence)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Client]:
    """A client of the server at a WebSocket URL, as long as the block. Raises CallEnded when the server refuses it."""
    opened: WebSocketConnection | None = None
    try:
        async with open_websocket_url(url) as opened:
            yield Client(opened)
    except HandshakeError as refused:
        raise CallEnded(f"{url}: the connection was refused ({refused!r})") from refused
    finally:
        # The library leaves the stream open of a connection that the server ended first, and gives no way to it.
        if opened is not None:
            await trio.aclose_forcefully(opened._stream)
