"""kill -9 of a real server in the middle of recognitions, again and again, with one file of records.

Who has seen the end of a recognition finds its record; no recognition has two.
"""

import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio
from attrs import define, field, frozen
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from h2b.asr.background import background_tasks
from h2b.model.messages import Command, Event, Open, Recognize, Stop
from h2b.model.names import EventName
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, Row
from h2b.wire.json import decode_event, encode_command
from tests.protocol.line import silence, voice
from tests.usage.made import ALWAYS

RUNS = 20
CLIENTS = 10
LIMIT_S = 600
"""A machine that is busy with other work needs ten seconds to start a server."""
SERVER = Path(__file__).with_name("serving.py")
WORD = silence(0.2) + voice(0.5) + silence(0.8)
NOTHING = silence(0.1)
CHANGES = {"speech_language": "en", "speech_complete_timeout": 300, "no_input_timeout": 60}
ENDS = {EventName.RECOGNITION_COMPLETE, EventName.STOPPED}


@define
class Observed:
    """What all clients have seen."""

    begun: set[tuple[str, str]] = field(factory=set)
    """Channel id and request id of each recognition."""
    ended: set[tuple[str, str]] = field(factory=set)
    callers: int = 0
    """Clients of this run that have a session."""
    kill_after: int = 0
    """Ends to see, once all clients are there, before the server is killed."""
    enough: trio.Event = field(factory=trio.Event)
    away: bool = False
    """Whether the database is away, where there is one."""
    waits: list[tuple[bool, float]] = field(factory=list)
    """Seconds from the last thing a client did to the end of its recognition, and whether the database was away."""
    _ended_one: trio.Event = field(factory=trio.Event)

    def end(self, channel_id: str, request_id: int, waited_s: float) -> None:
        self.ended.add((channel_id, str(request_id)))
        self.waits.append((self.away, waited_s))
        self._ended_one.set()
        self._ended_one = trio.Event()
        self.kill_after -= self.callers == CLIENTS
        if self.kill_after == 0:
            self.enough.set()

    async def see(self, ends: int) -> None:
        """Wait until so many more recognitions have ended."""
        until = len(self.ended) + ends
        while len(self.ended) < until:
            await self._ended_one.wait()


@define
class Caller:
    """One client: recognitions one after the other, each ended in one of three ways, until the server is gone."""

    port: int
    observed: Observed
    choices: random.Random
    _requests: Iterator[int] = field(factory=lambda: iter(range(1, 10**9)))

    async def call(self) -> None:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", self.port)
            # The library does not close the stream of a client whose server is gone.
            async with stream, background_tasks() as machinery:
                await self._converse(await wrap_client_stream(machinery, stream, "localhost", "/bots"))
        except* (ConnectionClosed, HandshakeError, trio.BrokenResourceError, OSError):
            pass

    async def _converse(self, socket: WebSocketConnection) -> None:
        channel_id = (await self._ask(socket, Open(request_id=next(self._requests)))).channel_id
        self.observed.callers += 1
        while True:
            recognize = Recognize(
                request_id=next(self._requests), grammars=("builtin:speech/boolean",), changes=CHANGES
            )
            self.observed.begun.add((channel_id, str(recognize.request_id)))
            answer = await self._ask(socket, recognize)
            assert answer.name is EventName.RECOGNITION_IN_PROGRESS, answer
            how = self.choices.choice(["word", "nothing", "stop"])
            asked = trio.current_time()
            if how == "stop":
                await socket.send_message(encode_command(Stop(request_id=next(self._requests)), ""))
            else:
                await socket.send_message(WORD if how == "word" else NOTHING)
            while decode_event(str(await socket.get_message())).name not in ENDS:
                pass
            self.observed.end(channel_id, recognize.request_id, trio.current_time() - asked)

    async def _ask(self, socket: WebSocketConnection, command: Command) -> Event:
        await socket.send_message(encode_command(command, ""))
        return decode_event(str(await socket.get_message()))


@frozen
class Lines:
    """What a server prints."""

    process: trio.Process

    async def next(self) -> str:
        assert self.process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            received = await self.process.stdout.receive_some(1)
            assert received, "the server ended"
            line += received
        return line.decode().strip()


@asynccontextmanager
async def a_server(*arguments: str) -> AsyncIterator[tuple[trio.Process, Lines, int]]:
    """A server process, its lines after the first, and its port. It is killed at the end of the block."""
    process = await trio.lowlevel.open_process([sys.executable, str(SERVER), *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with process.stdout:
        try:
            lines = Lines(process)
            while not (ready := await lines.next()).startswith("ready "):
                pass
            yield process, lines, int(ready.split()[1].removesuffix("/bots").rpartition(":")[2])
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def run_and_kill(observed: Observed, seed: int, *arguments: str) -> None:
    """Start a server on its files, call it from many sides, and kill it in the middle."""
    choices = random.Random(seed)
    observed.callers, observed.kill_after, observed.enough = 0, choices.randint(1, 60), trio.Event()
    async with a_server(*arguments) as (process, _, port), trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(Caller(port, observed, choices).call)
        await observed.enough.wait()
        process.kill()


def check(observed: Observed, kept: list[tuple[str, str]]) -> None:
    """The promise, for the channel id and request id of each record."""
    assert len(set(kept)) == len(kept), "none is doubled"
    assert observed.ended <= set(kept), "none that was seen to end is missing"
    assert set(kept) <= observed.begun
    cut_off = observed.begun - observed.ended
    assert len(cut_off) >= RUNS * CLIENTS * 3 // 4, "the kills did come in the middle of recognitions"


def recognitions(rows: Iterator[Row]) -> list[tuple[str, str]]:
    return [(str(row["channel_id"]), str(row["request_id"])) for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.db"


async def test_who_saw_the_end_of_a_recognition_finds_one_record_after_any_kill(path: Path) -> None:
    observed = Observed()
    with trio.fail_after(LIMIT_S):
        for seed in range(RUNS):
            await run_and_kill(observed, seed, str(path))
    with closing(SqliteStore(path)) as store:
        check(observed, recognitions(store.rows(RECOGNITIONS, ALWAYS)))
