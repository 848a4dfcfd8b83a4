"""A client's end of the JSON WebSocket, for tests: commands out, events in."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from h2b.asr.background import background_tasks


def address_of(url: str) -> tuple[str, int]:
    """Host and port of `ws://host:port/bots`."""
    host, port = url.removeprefix("ws://").removesuffix("/bots").rsplit(":", 1)
    return host, int(port)


class Client:
    """A client's end: commands out, events in."""

    def __init__(self, websocket: WebSocketConnection, stream: trio.SocketStream) -> None:
        self.websocket = websocket
        self.stream = stream
        self._request_id = 0

    async def send(self, command: str, body: str = "", **headers: Any) -> int:
        self._request_id += 1
        message = {
            "command": command,
            "request_id": self._request_id,
            "channel_id": "",
            "headers": headers,
            "body": body,
        }
        await self.websocket.send_message(json.dumps(message))
        return self._request_id

    async def event(self) -> dict[str, Any]:
        message = await self.websocket.get_message()
        assert isinstance(message, str), "the server never sends binary"
        event: dict[str, Any] = json.loads(message)
        return event

    async def expect(self, *names: str) -> dict[str, Any]:
        event: dict[str, Any] = {}
        for name in names:
            event = await self.event()
            assert event["event"] == name, event
        return event

    async def ask(self, command: str, answer: str, body: str = "", **headers: Any) -> dict[str, Any]:
        request_id = await self.send(command, body, **headers)
        event = await self.expect(answer)
        assert event["request_id"] == request_id
        return event

    async def begin(self, **headers: Any) -> None:
        await self.ask("OPEN", "OPENED")
        await self.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", **headers)

    async def closed_with(self) -> int:
        """Read until the server closes; the close code."""
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012  # which of the messages is the last is open
            while True:
                await self.websocket.get_message()
        assert closed.value.reason is not None
        return closed.value.reason.code


@asynccontextmanager
async def a_client(
    url: str, headers: list[tuple[bytes, bytes]] | None = None, local_address: str | None = None
) -> AsyncIterator[Client]:
    stream = await trio.open_tcp_stream(*address_of(url), local_address=local_address)
    # The library does not close the stream of a client whose server closed first.
    async with stream, background_tasks() as machinery:
        websocket = await wrap_client_stream(machinery, stream, "localhost", "/bots", extra_headers=headers)
        yield Client(websocket, stream)
        await websocket.aclose()
