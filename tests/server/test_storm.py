"""Ten thousand connections from one address, and a call from another one that must not notice.

What is measured is the server's: of each wait for an answer those times are taken off in which it or the caller could
have gone on, and the machine, busy with the attacker, gave them no core.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import define, field
from sound import UTTERANCE, silence
from wsclient import Client, a_client

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
"""For the modules of this folder."""
LIMIT_S = 480
ADDED_S = 0.05
"""What an attack may add to the time of an answer."""
CALM = 200
"""Answers before the storm."""
CPU_S = 0.0008
"""Processor time of the server for one of many connections, most of them sent away. To serve it takes twice that."""
LINES = 100
"""Of the log about a storm."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="the system does not tell how long processes wait for a core"
)


def scheduled(process: int) -> tuple[float, float]:
    """Seconds that the main thread of a process had a core, and that it waited for one."""
    ran, waited, _ = Path(f"/proc/{process}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


@asynccontextmanager
async def a_program(log: Path) -> AsyncIterator[tuple[int, str]]:
    """A server as a process with its workers, as in production: its process id, and the URL clients connect to."""
    command = [sys.executable, str(HERE / "serving.py"), "telling_engine:load", "1", "0"]
    with log.open("wb") as errors:
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=errors, env=ENVIRONMENT)
    assert process.stdout is not None
    async with process.stdout:
        try:
            line = b""
            while not line.endswith(b"\n"):
                received = await process.stdout.receive_some(1)
                assert received, log.read_text()
                line += received
            yield process.pid, line.decode().split("websocket=")[1].strip()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


@define
class Call:
    """A call that asks all the time, and how long it waited."""

    client: Client
    server: int

    async def ask_while(self, goes_on: Callable[[int], bool]) -> list[float]:
        waits: list[float] = []
        while goes_on(len(waits)):
            asked, idle = trio.current_time(), self._idle()
            await self.client.ask("GET-PARAMS", "DEFAULT-PARAMS")
            waits.append(max(0.0, trio.current_time() - asked - (self._idle() - idle)))
            await trio.sleep(0.01)
        return waits

    def _idle(self) -> float:
        return scheduled(self.server)[1] + scheduled(os.getpid())[1]


@define
class Attack:
    """One storm, in the background."""

    kind: str
    url: str
    count: int
    seconds: float
    over: bool = False
    came_of_it: dict[str, int] = field(factory=dict)

    async def run(self) -> None:
        port = self.url.removesuffix("/bots").rpartition(":")[2]
        command = [sys.executable, str(HERE / "stormer.py"), self.kind, port, str(self.count), str(self.seconds)]
        done = await trio.run_process(command, capture_stdout=True, env=ENVIRONMENT)
        self.came_of_it = json.loads(done.stdout)
        self.over = True


def worst(waits: list[float]) -> float:
    """Of a hundred answers the latest but one: what happens once in a second is not missed."""
    return sorted(waits)[len(waits) * 99 // 100]


async def test_a_call_does_not_notice_ten_thousand_connections(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with trio.fail_after(LIMIT_S):
        async with a_program(log) as (server, url), a_client(url, local_address="127.0.0.2") as client:
            await client.ask("OPEN", "OPENED")
            call = Call(client, server)
            calm = await call.ask_while(lambda answers: answers < CALM)
            for kind, count, seconds in (("upgrade", 10_000, 5.0), ("leave", 3000, 1.5), ("nothing", 3000, 1.5)):
                attack = Attack(kind, url, count, seconds)
                ran, lines = scheduled(server)[0], len(log.read_bytes().splitlines())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(attack.run)
                    waits = await call.ask_while(lambda answers, attack=attack: not attack.over)
                took, lines = scheduled(server)[0] - ran, len(log.read_bytes().splitlines()) - lines
                print(
                    f"\n{count} connections that say {kind}: {attack.came_of_it}; {len(waits)} answers after"
                    f" {sorted(waits)[len(waits) // 2] * 1000:.1f} ms, {worst(waits) * 1000:.1f} ms (p99),"
                    f" {max(waits) * 1000:.1f} ms at most; before it {worst(calm) * 1000:.1f} ms (p99),"
                    f" {max(calm) * 1000:.1f} ms at most; {took:.2f} s of processor time, {lines} lines of the log"
                )
                assert worst(waits) - worst(calm) < ADDED_S
                # Also when they all go at once, which is one moment of the storm.
                assert max(waits) - worst(calm) < 2 * ADDED_S
                assert took < max(count * CPU_S, attack.seconds)
                assert lines < LINES
            await client.send("RECOGNIZE", "builtin:speech/boolean", speech_language="en", speech_complete_timeout=300)
            await client.expect("RECOGNITION-IN-PROGRESS")
            await client.websocket.send_message(UTTERANCE + silence(0.5))
            done = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert done["completion_cause"] == "Success"
