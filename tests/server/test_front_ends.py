"""Several front ends as one server: shares, sums, and real processes that are killed and drained."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
from attrs import asdict, define, evolve, field
from mrcpserver import open_files
from operating import ask
from sound import UTTERANCE
from structlog.testing import capture_logs
from trio_websocket import ConnectionClosed
from wsclient import Client, a_client

from h2b.cli.bench_server import descendants
from h2b.config import AsrSettings, Configuration, MrcpSettings, ServerSettings
from h2b.model.errors import ConfigurationError, H2BError
from h2b.server.frontend import LONGEST_LINE, Order
from h2b.server.frontends import House, _spawned, front_ends, share_of
from h2b.server.gathered import OF_SHARED_POOL, SAME, Gathered, GatheredMetrics, Report, snapshot
from h2b.server.metrics import Gauges, Metrics
from h2b.server.sharedport import held_port, shared_listeners
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, SESSIONS, Period, Table

HERE = Path(__file__).parent
LIMIT_S = 110
CALLS = 16
"""So many that both front ends have some: the kernel spreads them by their ports."""


# Shares


def test_workers_are_shared_out_and_each_front_end_has_one() -> None:
    def workers(everyone: int, count: int) -> list[int]:
        whole = Configuration(asr=AsrSettings(workers=everyone))
        return [share_of(whole, number, count).asr.workers for number in range(1, count + 1)]

    assert workers(5, 2) == [3, 2]
    assert workers(4, 2) == [2, 2]
    assert workers(1, 3) == [1, 1, 1]


def test_the_processes_of_a_cluster_are_not_shared_out() -> None:
    whole = Configuration(asr=AsrSettings(workers=5, pool="ray"))
    assert share_of(whole, 2, 2).asr.workers == 5


def test_each_front_end_has_telephone_ports_of_its_own() -> None:
    telephone = MrcpSettings(sip="192.0.2.1:5060", sip_tls="192.0.2.1:5061", rtp_ports="20000-20999")
    second = share_of(Configuration(mrcp=telephone), 2, 2).mrcp
    assert (second.sip, second.sip_tls, second.mrcp) == ("192.0.2.1:5070", "192.0.2.1:5071", "192.0.2.1:1554")
    assert second.rtp_ports == "20500-20999"
    free = share_of(Configuration(mrcp=MrcpSettings(sip="[::1]:0", mrcp="[::1]:0")), 2, 2).mrcp
    assert (free.sip, free.mrcp) == ("[::1]:0", "[::1]:0")


def test_too_few_ports_for_sound_are_told() -> None:
    telephone = MrcpSettings(sip="127.0.0.1:0", rtp_ports="20000-20002")
    with pytest.raises(ConfigurationError, match="20000-20002 is not enough for 2 front ends"):
        share_of(Configuration(mrcp=telephone), 1, 2)


def test_a_front_end_leaves_http_and_old_records_to_the_process_that_started_it() -> None:
    share = share_of(Configuration(server=ServerSettings(http="127.0.0.1:1", front_ends=2)), 1, 2)
    assert (share.server.http, share.server.front_ends, share.usage.retention_days) == ("", 1, 0)


def test_the_number_of_front_ends_can_follow_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.server.frontends.usable_cores", lambda: 9)
    assert [front_ends(ServerSettings(front_ends=wanted)) for wanted in (0, 1, 3)] == [4, 1, 3]


async def test_one_port_is_shared() -> None:
    with held_port("127.0.0.1:0", "websocket") as address:
        first, second = shared_listeners(address, "websocket"), shared_listeners(address, "websocket")
        ports = {each.socket.getsockname()[1] for each in (*first, *second)}
        assert ports == {int(address.rpartition(":")[2])}
        for each in (*first, *second):
            each.socket.close()


async def test_a_port_that_is_not_shared_cannot_be_held() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        told = f"websocket in .server.: cannot listen on {address}"
        with pytest.raises(ConfigurationError, match=told), held_port(address, "websocket"):
            pass


# Sums


def told(refused: int, connections: int) -> Report:
    metrics = Metrics(Gauges(connections=lambda: connections))
    for _ in range(refused):
        metrics.refused("token")
    return Report(snapshot(metrics.registry), (), {"connections": connections})


def values(gathered: Gathered) -> dict[str, float]:
    metrics = GatheredMetrics(gathered=gathered)
    lines = [line.rpartition(" ") for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_metrics_are_sums_and_what_is_the_same_is_told_once() -> None:
    gathered = Gathered(Metrics().registry, reports={1: told(2, 3), 2: told(1, 4)})
    found = values(gathered)
    assert found['h2b_refusals_total{why="token"}'] == 3
    assert found["h2b_connections"] == 7
    assert [value for name, value in found.items() if name.startswith("h2b_build{")] == [1]


def test_no_counter_goes_back_when_a_process_is_gone() -> None:
    gathered = Gathered(Metrics().registry, reports={1: told(2, 3), 2: told(1, 4)})
    gathered.leave(1)
    gathered.leave(1)
    found = values(gathered)
    assert (found['h2b_refusals_total{why="token"}'], found["h2b_connections"]) == (3, 4)
    gathered.reports[1] = told(5, 1)
    gathered.leave(1)
    assert values(gathered)['h2b_refusals_total{why="token"}'] == 8


def test_the_processes_of_a_cluster_are_counted_once() -> None:
    report = Report([["h2b_workers", "gauge", "", [["h2b_workers", {}, 6]]]], (), {"workers": 6})
    gathered = Gathered(Metrics().registry, SAME | OF_SHARED_POOL, {1: report, 2: report})
    assert values(gathered)["h2b_workers"] == 6
    assert gathered.readiness(False).facts["workers"] == 6


def test_a_server_is_ready_as_long_as_one_front_end_is() -> None:
    full = evolve(told(0, 9), reasons=("too many connections",))
    gathered = Gathered(Metrics().registry, reports={1: full, 2: told(0, 1)})
    ready = gathered.readiness(False)
    assert (ready.reasons, ready.facts) == ((), {"front_ends": 2, "front_ends_ready": 1, "connections": 10})
    assert gathered.readiness(True).reasons == ("the server is shutting down",)
    gathered.reports[2] = full
    assert gathered.readiness(False).reasons == (
        "front end 1: too many connections",
        "front end 2: too many connections",
    )
    gathered.reports.clear()
    assert gathered.readiness(False).reasons == ("no front end is alive",)


# Processes that are no good


@define
class Child:
    """What stands for a process; it is gone when its socket is."""

    returncode: int = 0

    async def wait(self) -> int:
        return self.returncode


Life: TypeAlias = bytes | OSError
"""What a front end says, or why there is none."""


@asynccontextmanager
async def a_house(lives: list[Life], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[dict[str, Any]]]:
    """One front end in the given lives, one after the other; the last one stays. Gives the log."""
    spawned = 0

    @asynccontextmanager
    async def spawn() -> AsyncIterator[tuple[Any, trio.SocketStream]]:
        nonlocal spawned
        spawned += 1
        said = lives[spawned - 1]
        if isinstance(said, OSError):
            raise said
        own, theirs = (trio.SocketStream(each) for each in trio.socket.socketpair())
        async with own, theirs:
            nursery.start_soon(say, theirs, said, spawned == len(lives))
            yield Child(), own

    async def say(theirs: trio.SocketStream, said: bytes, stays: bool) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await theirs.send_all(said)
            if not stays:
                await theirs.send_eof()

    monkeypatch.setattr("h2b.server.frontends._spawned", spawn)
    monkeypatch.setattr("h2b.server.frontends.FIRST_PAUSE_S", 0.0)
    order = Order(number=1, configuration=Configuration(), engine="", languages=None, insecure=False)
    house = House([order], Gathered(Metrics().registry))
    with capture_logs() as lines, trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.live, lambda announced: None)
            while spawned < len(lives) or 1 not in house.gathered.reports:
                await trio.sleep(0.01)
            yield lines
            nursery.cancel_scope.cancel()


def line(**said: object) -> bytes:
    return json.dumps(said).encode() + b"\n"


CANNOT_BE_ADDED = "it reported what nobody can add up"
READY = line(ready="ready websocket=ws://x") + line(report=asdict(Report()))


@pytest.mark.parametrize(
    ("life", "reason"),
    [
        (OSError(11, "Resource temporarily unavailable"), "it cannot be started: [Errno 11] Resource temporarily"),
        (READY + b'{"repo{"failed":"x"}\n', "it said what is no JSON: "),
        (READY + b"\xff\n", "it said what is no JSON: "),
        (READY + b"[" * 100_000 + b"\n", "it said what is no JSON: "),
        (READY + b"[1]\n", "it said what nobody understands"),
        (READY + line(other=1), "it said what nobody understands"),
        (READY + line(report={"weather": "fine"}), "it reported what nobody understands: "),
        (READY + line(report={"metrics": [["h2b_x", "counter", "", [["h2b_x", {}, "1"]]]]}), CANNOT_BE_ADDED),
        (READY + line(report={"metrics": [["h2b_x", "counter"]]}), CANNOT_BE_ADDED),
        (READY + line(report={"facts": {"sessions": "1"}}), CANNOT_BE_ADDED),
        (READY + line(report={"reasons": 1}), CANNOT_BE_ADDED),
        (READY + b"x" * (LONGEST_LINE + 1), f"it said a line of more than {LONGEST_LINE} octets"),
    ],
    ids=[
        *("no process", "torn", "no text", "deep", "no object", "unknown", "no report"),
        *("no number", "no samples", "no count", "no reasons", "endless"),
    ],
)
async def test_a_front_end_that_is_no_good_is_replaced(
    life: Life, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house([READY, life, READY], monkeypatch) as lines:
        deaths = [each["reason"] for each in lines if each["event"] == "front_end_died"]
    assert deaths[0] == "exit status 0"
    assert deaths[1].startswith(reason)
    assert len(deaths) == 2


async def test_one_that_cannot_be_started_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExceptionGroup) as failed:
        async with a_house([OSError(12, "no memory"), READY], monkeypatch):
            pass
    assert failed.group_contains(H2BError, match="it cannot be started: .Errno 12. no memory")


async def test_a_process_that_cannot_be_started_leaves_no_socket_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("trio.lowlevel.open_process", fail)
    before = open_files()
    with pytest.raises(OSError, match="Too many open files"):
        async with _spawned():
            pass
    assert open_files() == before


# Processes


@define
class Server:
    """A running server of two front ends."""

    process: trio.Process
    url: str
    http: str
    log: list[dict[str, object]] = field(factory=list)

    def front_ends(self) -> list[int]:
        """Process ids."""
        own = [pid for pid in descendants(self.process.pid) if b"h2b.server.frontend" in command(pid)]
        return sorted(own)

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        host, _, port = self.http.removeprefix("http://").partition(":")
        answer = await ask((host, int(port)), b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = answer.body.decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (.*)$", text, re.MULTILINE))

    def told(self, event: str) -> int:
        """How often something is in the log."""
        return sum(line["event"] == event for line in self.log)


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def until(true: Callable[[], object]) -> None:
    while not true():
        await trio.sleep(0.05)


@asynccontextmanager
async def a_server(usage: Path) -> AsyncIterator[Server]:
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent.parent}", "XDG_STATE_HOME": str(usage.parent)}
    with trio.fail_after(LIMIT_S):
        process = await trio.lowlevel.open_process(
            [sys.executable, str(HERE / "fronting.py"), str(usage)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        assert process.stdout is not None
        try:
            async with trio.open_nursery() as nursery, process.stdout:
                log: list[dict[str, object]] = []
                nursery.start_soon(read_log, process, log)
                line = b""
                while not line.endswith(b"\n"):
                    more = await process.stdout.receive_some()
                    assert more, log
                    line += more
                found = re.fullmatch(r"ready websocket=(\S+) http=(\S+)\n", line.decode())
                assert found, line
                yield Server(process, found[1], found[2], log)
                nursery.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def read_log(process: trio.Process, log: list[dict[str, object]]) -> None:
    assert process.stderr is not None
    pending = b""
    async for piece in process.stderr:
        *lines, pending = (pending + piece).split(b"\n")
        log += [json.loads(line) for line in lines if line.startswith(b"{")]


def ids(path: Path, table: Table) -> list[str]:
    store = SqliteStore(path)
    try:
        return [str(row["record_id"]) for row in store.rows(table, Period(0, 1 << 62))]
    finally:
        store.close()


async def recognise(client: Client) -> None:
    await client.begin()
    await client.websocket.send_message(UTTERANCE)
    await client.expect("START-OF-INPUT")
    await client.expect("RECOGNITION-COMPLETE")
    await client.ask("CLOSE", "CLOSED")


async def test_calls_of_all_front_ends_are_billed_once_and_counted_together(tmp_path: Path) -> None:
    async with a_server(tmp_path / "usage.db") as server:
        for _ in range(CALLS):
            async with a_client(server.url) as client:
                await recognise(client)
        while await server.metric("h2b_recognitions_total") < CALLS:
            await trio.sleep(0.05)
        spread = {line["front_end"] for line in server.log if line["event"] == "recognition_billed"}
        os.kill(server.front_ends()[0], signal.SIGKILL)
        await until(lambda: server.told("front_end_died") == 1)
        assert await server.metric("h2b_recognitions_total") == CALLS
        await until(lambda: server.told("front_end_ready") == 3)
        assert await server.metric("h2b_recognitions_total") == CALLS
        server.process.terminate()
        assert await server.process.wait() == 0
        assert len(spread) == 2
    for table in (RECOGNITIONS, SESSIONS):
        found = ids(tmp_path / "usage.db", table)
        assert len(found) == len(set(found)) == CALLS


async def test_a_front_end_that_is_killed_takes_its_own_calls_and_no_others(tmp_path: Path) -> None:
    async with a_server(tmp_path / "usage.db") as server, AsyncExitStack() as calls:
        clients = [await calls.enter_async_context(a_client(server.url)) for _ in range(CALLS)]
        for client in clients:
            await client.ask("OPEN", "OPENED")
        os.kill(server.front_ends()[1], signal.SIGKILL)
        alive = [client for client in clients if await answers(client)]
        assert 0 < len(alive) < CALLS
        # What is left is drained: sessions end when their clients say so.
        server.process.terminate()
        await until(lambda: server.told("draining") >= 1)
        for client in alive:
            await client.ask("CLOSE", "CLOSED")
        assert await server.process.wait() == 0
    assert len(ids(tmp_path / "usage.db", SESSIONS)) == len(alive)


async def answers(client: Client) -> bool:
    try:
        await client.ask("GET-PARAMS", "DEFAULT-PARAMS")
    except ConnectionClosed:
        return False
    return True


async def test_front_ends_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    async with a_server(tmp_path / "usage.db") as server:
        left = server.front_ends()
        server.process.kill()
        await until(lambda: not any(b"h2b.server.frontend" in command(pid) for pid in left))


async def test_a_hangup_without_a_certificate_ends_no_front_end() -> None:
    house = House([], Gathered(Metrics().registry))
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            await nursery.start(house.obey_hangups, None)
            signal.raise_signal(signal.SIGHUP)
            while not lines or lines[-1]["event"] != "hangup_ignored":
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert not house.closing.is_set()
