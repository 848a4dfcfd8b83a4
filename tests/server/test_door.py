"""The door with real sockets: who is let in, in which order, and who is sent away unheard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs

from h2b.server import door as door_module
from h2b.server.door import BURST, COURTESY_PER_SECOND, Door
from h2b.server.limits import Place

LIMIT_S = 20
FAST = 1_000_000


@define
class Served:
    """What was served, and the sockets that are told to stay open."""

    port: int = 0
    hosts: list[str] = field(factory=list)
    crowded: int = 0
    refused: int = 0
    leave: trio.Event = field(factory=trio.Event)
    changed: trio.Event = field(factory=trio.Event)

    async def serve(self, stream: trio.SocketStream, place: Place) -> None:
        if not place.take():
            self.crowded += 1
            return
        self.hosts.append(stream.socket.getpeername()[0])
        self._change()
        await self.leave.wait()

    def count_refused(self) -> None:
        self.refused += 1
        self._change()

    async def until(self, served: int) -> None:
        while len(self.hosts) < served:
            await self.changed.wait()

    def _change(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def connect(self, host: str = "127.0.0.1") -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port, local_address=host)


@asynccontextmanager
async def a_door(per_address: int = 100, begun_per_second: float = FAST) -> AsyncIterator[tuple[Door, Served]]:
    served = Served()
    door = Door(served.serve, per_address, begun_per_second, served.count_refused)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    served.port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
            await accepting.start(door.run, listeners, connections)
            yield door, served
            served.leave.set()
            accepting.cancel_scope.cancel()
    assert door.addresses.total == 0


async def test_those_who_come_one_by_one_are_served_one_by_one() -> None:
    async with a_door() as (door, served):
        for number in range(5):
            async with await served.connect():
                await served.until(number + 1)
        assert door.addresses.total == 5


async def test_an_address_with_too_many_is_sent_away_and_a_few_of_them_are_told_why() -> None:
    with capture_logs() as lines:
        async with a_door(per_address=3) as (_, served):
            held = [await served.connect() for _ in range(3)]
            await served.until(3)
            for _ in range(COURTESY_PER_SECOND + 20):
                async with await served.connect() as stream:
                    assert await stream.receive_some() == b""
            assert served.crowded >= COURTESY_PER_SECOND
            assert served.refused >= 10
            assert served.crowded + served.refused == COURTESY_PER_SECOND + 20
            async with await served.connect("127.0.0.2"):
                await served.until(4)
            for stream in held:
                await stream.aclose()
    told = [line for line in lines if line["event"] == "address_refused"]
    assert told[0] == {"event": "address_refused", "log_level": "warning", "address": "127.0.0.1", "connections": 3}
    assert sum(line.get("count", 1) for line in told) == served.refused
    assert len(told) < served.refused


async def test_addresses_take_turns_however_many_connections_one_of_them_has() -> None:
    async with a_door(begun_per_second=5) as (_, served):
        crowd = [await served.connect() for _ in range(BURST + 10)]
        await served.until(BURST)
        async with await served.connect("127.0.0.2"):
            while "127.0.0.2" not in served.hosts:
                await served.until(len(served.hosts) + 1)
            assert len(served.hosts) < len(crowd), "it did not wait for all who came before it"
        for stream in crowd:
            await stream.aclose()


async def test_what_goes_wrong_with_one_ends_no_other() -> None:
    with capture_logs() as lines:
        async with a_door() as (door, served), await served.connect() as good:
            await served.until(1)
            door.serve = faulty
            async with await served.connect() as bad:
                assert await bad.receive_some() == b""
            door.serve = served.serve
            async with await served.connect():
                await served.until(2)
            assert door.addresses.total == 2
            served.leave.set()
            assert await good.receive_some() == b""
    (line,) = lines
    assert (line["event"], line["log_level"], line["exc_info"]) == ("connection_failed", "error", True)


async def faulty(stream: trio.SocketStream, place: Place) -> None:
    async with trio.open_nursery():
        raise RuntimeError("nobody expected this")


async def test_those_who_wait_when_the_server_leaves_are_closed() -> None:
    async with a_door(begun_per_second=0.01) as (door, served):
        held = [await served.connect() for _ in range(BURST + 3)]
        while door.addresses.total < BURST + 3:
            await trio.lowlevel.checkpoint()
    for stream in held:
        assert await stream.receive_some() == b""
        await stream.aclose()


async def test_when_too_many_wait_the_kernel_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "MAXIMUM_WAITING", 2)
    async with a_door(begun_per_second=50) as (_, served):
        held = [await served.connect() for _ in range(20)]
        await served.until(20)
        for stream in held:
            await stream.aclose()


async def test_a_system_without_sockets_is_no_end(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OSError(24, "Too many open files")] * 3)

    class Listener:
        socket: Any

        async def accept(self) -> Any:
            error = next(failures, None)
            if error is None:
                await trio.sleep_forever()
            raise error

        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *args: object) -> None:
            pass

    listener: Any = Listener()
    listener.socket = listener
    served = Served()
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            await nursery.start(Door(served.serve, 1, 1, served.count_refused).run, [listener], nursery)
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
    assert [(line["error"], line.get("count")) for line in lines] == [
        ("[Errno 24] Too many open files", None),
        ("[Errno 24] Too many open files", 2),
    ]
