"""Calls that stream at little cost to who makes them, on both wires; and what the server says of the packets it got.

Owns the set-up of such a call and one step of its sound. Must not know when it is due, nor verdicts.

What is sent is the faint noise of a quiet line. On the WebSocket each message is the same frame, made once; packets of
RTP are numbered. Both leave by the bare socket, at once or not at all: what finds no room counts as broken.
"""

import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any, Protocol

import numpy as np
import trio
from attrs import define, field, frozen
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage

from h2b.asr.base import Samples
from h2b.cli.bench_caller import Recording, WebSocketCaller
from h2b.cli.bench_mrcp import MRCP, calling, recognize
from h2b.cli.bench_server import Server
from h2b.cli.client import Client, connect
from h2b.cli.mrcp_client import MrcpClient
from h2b.cli.mrcp_session import Call
from h2b.model.errors import H2BError
from h2b.model.formats import FRAME_SAMPLES
from h2b.model.messages import Close, GetParams, Open
from h2b.model.names import EventName
from h2b.telephony.rtp import RtpSender, parse_packet
from h2b.wire.vocabulary import JSON

NOISE = 16
"""Standard deviation of the samples of a quiet line."""
SETTLING_S = 10.0
"""Longest wait for what the server says of calls that are over."""


class Stream(Protocol):
    """One call that streams."""

    def send(self) -> None:
        """The next message or packet, now."""
        ...

    async def ask(self) -> None:
        """Ask the server something, and wait for the answer. Raises H2BError."""
        ...

    async def over(self) -> None:
        """Wait until cancelled. Raises H2BError when the call breaks off."""
        ...


@frozen
class Streams:
    """What sets calls up. `dial` takes whether a recognition is to be in progress."""

    dial: Callable[[bool], AbstractAsyncContextManager[Stream]]


@asynccontextmanager
async def open_streams(wire: str, server: Server, chunk: int, recording: Recording) -> AsyncIterator[Streams]:
    """Calls to a server during the block, whose grammar and language are those of the recording."""
    if wire == MRCP:
        async with calling(server) as client:
            yield Streams(partial(_dial_mrcp, client, recording))
    else:
        yield Streams(partial(_dial_websocket, server.url, _frame(chunk), recording))


def quiet_line(samples: int) -> Samples:
    """So much of a line on which nobody speaks."""
    return np.random.default_rng(1).normal(0, NOISE, samples).astype(np.int16)


# The JSON WebSocket


def _frame(chunk: int) -> bytes:
    return Connection(ConnectionType.CLIENT).send(BytesMessage(data=quiet_line(chunk).astype("<i2").tobytes()))


@asynccontextmanager
async def _dial_websocket(url: str, frame: bytes, recording: Recording, waiting: bool) -> AsyncIterator[Stream]:
    try:
        async with connect(url) as client:
            opened = await client.ask(Open)
            if opened.name is not EventName.OPENED:
                raise H2BError(f"{JSON.events[opened.name]}: {opened.reason}")
            if waiting:
                await WebSocketCaller(client).recognize(recording)
            with socket.socket(fileno=os.dup(client.file)) as own:
                yield _WebSocketStream(client, own, frame)
            with trio.move_on_after(1):
                await client.send(Close)
    except (OSError, trio.BrokenResourceError) as error:
        raise H2BError(f"{url}: {error}") from error


@define
class _WebSocketStream:
    client: Client
    own: socket.socket
    frame: bytes
    rest: bytes = b""
    """Of a frame that was sent in part."""
    stuck: trio.Event = field(factory=trio.Event)

    def send(self) -> None:
        octets = self.rest + self.frame
        try:
            self.rest = octets[self.own.send(octets) :]
        except OSError:
            self.stuck.set()

    async def ask(self) -> None:
        await self.client.ask(GetParams)

    async def over(self) -> None:
        await self.stuck.wait()
        raise H2BError("a call could not send its sound")


# MRCPv2


@asynccontextmanager
async def _dial_mrcp(client: MrcpClient, recording: Recording, waiting: bool) -> AsyncIterator[Stream]:
    async with client.call() as call:
        if waiting:
            await recognize(call, recording)
        else:
            # A channel that never speaks is hung up.
            await call.ask("GET-PARAMS")
        ((_, packet),) = call.sound(quiet_line(FRAME_SAMPLES))
        assert call.sender is not None
        parsed = parse_packet(packet)
        assert parsed is not None
        with socket.socket(fileno=os.dup(call.sound_file)) as own:
            yield _MrcpStream(call, own, call.sender, parsed.payload)


@define
class _MrcpStream:
    call: Call
    own: socket.socket
    sender: RtpSender
    payload: bytes

    def send(self) -> None:
        sender, grant = self.sender, self.call.grant
        packet = sender.number(sender.payload_type, sender.timestamp, self.payload, False)
        sender.timestamp = sender.timestamp + FRAME_SAMPLES & 0xFFFFFFFF
        # A packet that finds no room is one that the server does not get.
        with suppress(BlockingIOError):
            self.own.sendto(packet, (grant.audio_address, grant.audio_port))

    async def ask(self) -> None:
        await self.call.ask("GET-PARAMS")

    async def over(self) -> None:
        await trio.sleep_forever()


# What the server says


@frozen
class Heard:
    """Packets of calls that are over, as the server counted them; `jitter_s` is the largest of any call."""

    received: int = 0
    late: int = 0
    jitter_s: float = 0.0
    calls: int = 0

    def and_a_call(self, packets: Mapping[str, Any]) -> "Heard":
        """With those of one call more."""
        return Heard(
            self.received + int(packets.get("received", 0)),
            self.late + int(packets.get("late", 0)),
            max(self.jitter_s, float(packets.get("jitter_seconds", 0.0))),
            self.calls + 1,
        )


@define
class PacketLog:
    """Reads it from what the server logs at the end of each call."""

    _heard: Heard = field(factory=Heard)
    _pending: bytes = b""
    _news: trio.Event = field(factory=trio.Event)

    def feed(self, piece: bytes) -> None:
        """What was logged, cut anywhere."""
        *lines, self._pending = (self._pending + piece).split(b"\n")
        for line in lines:
            if b'"rtp_ended"' in line:
                self._heard = self._heard.and_a_call(json.loads(line)["packets"])
        self._news.set()
        self._news = trio.Event()

    async def take(self, calls: int) -> Heard:
        """What was heard of so many calls, once they are over. Raises H2BError when the server does not tell."""
        with trio.move_on_after(SETTLING_S):
            while self._heard.calls < calls:
                await self._news.wait()
        heard, self._heard = self._heard, Heard()
        if heard.calls < calls:
            raise H2BError(f"the server told of {heard.calls} of {calls} calls what packets came")
        return heard
