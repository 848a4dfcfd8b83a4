"""Calls end without leaving anything to the garbage collector, however they end."""

import gc
import mmap
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import trio
from operating import Server, a_server, upgrade
from sound import UTTERANCE, silence
from test_hostile_clients import frame, rest, shaken
from wsclient import a_client

from h2b.asr.scripted import open_scripted
from h2b.protocol.session import Setting
from h2b.server import garbage
from h2b.server.garbage import EVERY_S, GROWTH_BYTES, LOOK_EVERY_S, collect_seldom, memory_bytes

SERVERS = ("Channel", "Session", "Place", "Task", "SocketStream", "WebSocketConnection", "frame")
"""What a connection is made of. There may be garbage of others, the test's own among it."""


@contextmanager
def nothing_left() -> Iterator[None]:
    """The collector finds nothing of a connection in what the block leaves."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found = Counter(type(each).__name__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert {name: count for name, count in found.items() if name in SERVERS} == {}


async def a_call(server: Server) -> None:
    async with a_client(server.websocket) as client:
        await client.ask("OPEN", "OPENED")
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_complete_timeout=300)
        await client.websocket.send_message(UTTERANCE + silence(0.5))
        await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        await client.ask("CLOSE", "CLOSED")


async def one_who_is_gone(server: Server) -> None:
    stream = await shaken(server)
    await stream.aclose()


async def one_who_says_goodbye(server: Server) -> None:
    stream = await shaken(server)
    await stream.send_all(frame(8, b"\x03\xe8"))
    await rest(stream)


async def one_who_says_nothing(server: Server) -> None:
    await rest(await trio.open_tcp_stream(*server.address))


async def one_who_is_refused(server: Server) -> None:
    stream = await trio.open_tcp_stream(*server.address)
    await stream.send_all(upgrade("/nowhere"))
    await rest(stream)


@pytest.mark.parametrize(
    "who", [a_call, one_who_is_gone, one_who_says_goodbye, one_who_says_nothing, one_who_is_refused]
)
async def test_a_connection_leaves_nothing_to_the_collector(
    setting: Setting, who: Callable[[Server], Awaitable[None]]
) -> None:
    async with open_scripted(["yes", "yes"]) as recogniser, a_server(setting, recogniser, handshake_s=0.1) as server:
        await who(server)
        with nothing_left():
            await who(server)
            # The last of it is the server's waiting for the client to be gone.
            async with a_client(server.websocket) as client:
                await client.ask("OPEN", "OPENED")


async def test_everything_is_walked_over_when_memory_has_grown_or_after_an_hour(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, walks = [100 << 20], []
    monkeypatch.setattr(garbage, "memory_bytes", lambda: memory[0])
    monkeypatch.setattr(gc, "collect", lambda: walks.append(trio.current_time() - began))
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_seldom)
        await trio.sleep(10 * LOOK_EVERY_S + 1)
        assert walks == []
        memory[0] += GROWTH_BYTES
        await trio.sleep(2 * LOOK_EVERY_S)
        assert walks == [11 * LOOK_EVERY_S]
        await trio.sleep(EVERY_S)
        assert walks == [11 * LOOK_EVERY_S, 11 * LOOK_EVERY_S + EVERY_S]
        nursery.cancel_scope.cancel()


def test_a_server_that_has_settled_walks_over_the_young_only() -> None:
    program = (
        "import gc; from h2b.server.garbage import settle; settle(); print(gc.get_threshold(), gc.get_freeze_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    threshold, _, frozen = done.stdout.rpartition(" ")
    assert threshold == f"{(*gc.get_threshold()[:2], garbage.NEVER)}"
    assert int(frozen) > 10_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system does not tell how much memory there is")
def test_the_memory_of_this_process_is_known() -> None:
    before = memory_bytes()
    # Of the system, whatever memory the process has had before and not given back.
    with mmap.mmap(-1, 50 << 20) as held:
        held.write(b"x" * len(held))
        assert memory_bytes() - before > 40 << 20
