"""Two servers as operators start them, behind HAProxy with the configuration that is shipped, and bots that call.

Owns processes and the count of what the bots saw. What is changed of the shipped files are addresses and the language.
"""

import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import trio
import trustme
from attrs import define, field, frozen
from numpy.typing import NDArray
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream
from uhlive.stream.recognition import Closed, Event, Opened, RecognitionComplete, RecognitionInProgress, Recognizer

from h2b.asr.background import background_tasks
from h2b.model.formats import SAMPLE_RATE
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, Period, Row, Table
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
HAPROXY = shutil.which("haproxy") or next(
    (str(path) for path in [Path("/usr/sbin/haproxy"), Path("/usr/local/sbin/haproxy")] if path.exists()), ""
)
SERVE = "import sys, h2b; h2b.__version__ = sys.argv.pop(1); from h2b.cli.main import main; main()"
"""`h2b` as if it were of another version."""
CHUNK_SAMPLES = 480
QUIET_S = 0.4
"""Between the answer to a question and the next one."""
EVER = Period(0, 1 << 62)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does in its own time; the test's limit bounds it."""
    while not condition():
        await trio.sleep(0.02)


# Servers


@define(eq=False)
class Node:
    """One server, which may be started again."""

    folder: Path
    websocket: int = field(factory=free_port)
    http: int = field(factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def configure(self, access: Path) -> None:
        """The shipped configuration at these ports; `access` is the file of clients that all servers have."""
        text = (DEPLOY / "h2b.toml").read_text("utf-8")
        for port, own in (("8080", self.websocket), ("8081", self.http)):
            assert text.count(f'"0.0.0.0:{port}"') == 1
            text = text.replace(f'"0.0.0.0:{port}"', f'"127.0.0.1:{own}"')
        # Few clients run here, and a machine that is busy with other tests must not be what refuses them.
        assert text.count("[limits]\n") == 1
        text = text.replace("[limits]\n", "[limits]\nbusy_s = 0\n")
        text += '\n[asr]\nworkers = 1\nlanguages = ["en"]\nniceness = 0\nqueue_s = 120\ndecode_deadline_s = 120\n'
        text += f'[access]\nstore = "{access}"\n[usage]\npath = "{self.usage}"\n'
        self.folder.mkdir()
        (self.folder / "h2b.toml").write_text(text, "utf-8")

    @property
    def usage(self) -> Path:
        return self.folder / "usage.db"

    async def start(self, version: str) -> None:
        """Start, and wait for the ready line."""
        command = [sys.executable, "-c", SERVE, version, "serve", "--config", str(self.folder / "h2b.toml")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = await trio.to_thread.run_sync(self.process.stdout.readline, abandon_on_cancel=True)
        assert line.startswith(b"ready "), (self.folder / "log").read_text()

    async def upgrade(self, version: str) -> None:
        """SIGTERM, wait for its end, and start another version in its place."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        with self.process.stdout:
            assert await trio.to_thread.run_sync(self.process.wait, abandon_on_cancel=True) == 0
        await self.start(version)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Entries of the log so far."""
        entries = (json.loads(line) for line in (self.folder / "log").read_text().splitlines() if line.startswith("{"))
        return [entry for entry in entries if entry["event"] == event]

    async def until_a_call_begins(self) -> None:
        """Wait until the balancer sends one here."""

        def sessions() -> int:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=30) as answer:
                return int(json.load(answer)["sessions"])

        before = now = await trio.to_thread.run_sync(sessions, abandon_on_cancel=True)
        while now <= before:
            await trio.sleep(0.1)
            before, now = now, await trio.to_thread.run_sync(sessions, abandon_on_cancel=True)

    def records(self, table: Table) -> list[Row]:
        store = SqliteStore(self.usage)
        try:
            return list(store.rows(table, EVER))
        finally:
            store.close()

    def begun_while_draining(self) -> list[Row]:
        """Recognitions that calls began after their server had stopped accepting."""
        stops = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in self.lines("draining")]
        rows = [row for row in self.records(RECOGNITIONS) if row["version"] == "1.0"] if stops else []
        return [row for row in rows if int(str(row["started_ms"])) > 1000 * stops[0]]


@contextmanager
def ended(processes: Callable[[], list[subprocess.Popen[bytes]]]) -> Iterator[None]:
    """Whatever happens in the block, none of these processes outlives it."""
    try:
        yield
    finally:
        for process in processes():
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def haproxy_configuration(nodes: list[Node], certificate: Path, port: int) -> str:
    """The shipped file for these servers."""
    text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    changes = {
        "bind :8443": f"bind 127.0.0.1:{port}",
        "/usr/local/etc/haproxy/server.pem": str(certificate),
    }
    for shipped, own in changes.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, own)
    kinds: list[tuple[str, Callable[[Node], int]]] = [
        ("8080", lambda own: own.websocket),
        ("8081", lambda own: own.http),
    ]
    for shipped_port, of in kinds:
        line = re.compile(rf"^( *)server h2b-1 h2b:{shipped_port}$", re.MULTILINE)
        assert len(line.findall(text)) == 1
        # The health of the first backend is at another port, which is the same for all servers where each has a host.
        ports = [f" port {own.http}" for own in nodes]
        lines = [f"server h2b-{at} 127.0.0.1:{of(own)}{ports[at]}" for at, own in enumerate(nodes)]
        text = line.sub("\n".join(f"    {each}" for each in lines), text)
    return text


@asynccontextmanager
async def a_balancer(nodes: list[Node], folder: Path, authority: trustme.CA) -> AsyncIterator[int]:
    """HAProxy as long as the block; its port."""
    issued, port = authority.issue_cert("localhost", "127.0.0.1"), free_port()
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    path = folder / "haproxy.cfg"
    path.write_text(haproxy_configuration(nodes, folder / "server.pem", port), "utf-8")
    subprocess.run([HAPROXY, "-c", "-q", "-f", str(path)], check=True)
    with (folder / "haproxy.log").open("wb") as log:
        balancer = subprocess.Popen([HAPROXY, "-db", "-f", str(path)], stdout=log, stderr=log)
    with ended(lambda: [balancer]):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                break
            except OSError:
                await trio.sleep(0.02)
        yield port


def tried_again(folder: Path) -> int:
    """Connections that HAProxy could not make at once, by its log: the last of five counts of a line."""
    found = re.findall(r' (?:\d+/){4}\+?(\d+) \d+/\d+ "GET /bots', (folder / "haproxy.log").read_text("utf-8"))
    return sum(map(int, found))


# Bots


@frozen
class Phrase:
    """A recording, the grammar it is an answer to, and the value it has."""

    samples: NDArray[np.int16]
    grammar: str
    value: object


@define(eq=False)
class Count:
    """What all bots have seen."""

    calls: int = 0
    """Sessions that were opened and ended in order."""
    recognitions: list[tuple[str, int]] = field(factory=list)
    """Channel and request of each that was complete."""
    wrong: list[str] = field(factory=list)
    """Recognitions that ended otherwise than expected."""
    lost: list[str] = field(factory=list)
    """Calls that ended otherwise than by CLOSE."""
    refused: list[str] = field(factory=list)
    """Connections that could not be made."""
    hanging_up: bool = False

    @property
    def told(self) -> str:
        """The figures."""
        kinds = {"calls": self.calls, "recognitions": len(self.recognitions), "wrong": len(self.wrong)}
        kinds |= {"lost": len(self.lost), "refused": len(self.refused)}
        return ", ".join(f"{number} {kind}" for kind, number in kinds.items())


@frozen
class Bot:
    """Calls without pause, each time with some questions, until it is to hang up."""

    port: int
    authority: trustme.CA
    token: str
    count: Count

    async def run(self, phrases: list[Phrase], questions: int) -> None:
        turns = cycle(phrases)
        while not self.count.hanging_up:
            try:
                async with self._connected() as websocket:
                    await self._call(websocket, [next(turns) for _ in range(questions)])
            except* (HandshakeError, OSError) as error:
                self.count.refused.append(repr(error))
            except* (ConnectionClosed, trio.BrokenResourceError) as error:
                self.count.lost.append(repr(error))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[WebSocketConnection]:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with stream, background_tasks() as machinery:
            trust = ssl.create_default_context()
            self.authority.configure_trust(trust)
            wrapped = trio.SSLStream(stream, trust, server_hostname="127.0.0.1", https_compatible=True)
            shown = [(b"Authorization", f"bearer {self.token}".encode())]
            websocket = await wrap_client_stream(machinery, wrapped, "localhost", "/bots", extra_headers=shown)
            yield websocket
            await websocket.aclose()

    async def _call(self, websocket: WebSocketConnection, phrases: list[Phrase]) -> None:
        line = _Line(websocket)
        async with trio.open_nursery() as tasks:
            assert isinstance(await line.ask(line.sdk.open("upgrade")), Opened)
            tasks.start_soon(line.stream)
            for phrase in phrases:
                await self._question(line, phrase)
                # The bot speaks meanwhile: a session rests between two recognitions.
                await trio.sleep(QUIET_S)
            # Not cancelled: half a TLS record would be the end of the connection.
            line.over = True
        assert isinstance(await line.ask(line.sdk.close()), Closed)
        self.count.calls += 1

    async def _question(self, line: "_Line", phrase: Phrase) -> None:
        asked = line.sdk.recognize(phrase.grammar, speech_language="en", no_input_timeout=8000)
        begun = await line.ask(asked)
        assert isinstance(begun, RecognitionInProgress), begun
        line.say(phrase.samples)
        event = await line.next_event()
        while not isinstance(event, RecognitionComplete):
            event = await line.next_event()
        heard = event.body.nlu.value if event.body is not None and event.body.nlu is not None else None
        if heard != phrase.value:
            self.count.wrong.append(f"{event.completion_cause}: {heard!r} for {phrase.value!r}")
        self.count.recognitions.append((event.channel_id, event.request_id))


@define(eq=False)
class _Line:
    """The SDK's machine on a connection, and what is still to be said."""

    websocket: WebSocketConnection
    sdk: Recognizer = field(factory=Recognizer)
    over: bool = False
    _left: NDArray[np.int16] = field(factory=lambda: np.zeros(0, np.int16))

    def say(self, samples: NDArray[np.int16]) -> None:
        self._left = samples

    async def ask(self, frame: str) -> Event:
        await self.websocket.send_message(frame)
        return await self.next_event()

    async def next_event(self) -> Event:
        return self.sdk.receive(await self.websocket.get_message())

    async def stream(self) -> None:
        """60 ms of sound every 60 ms, silence where nothing is said."""
        due = trio.current_time()
        while not self.over:
            chunk, self._left = self._left[:CHUNK_SAMPLES], self._left[CHUNK_SAMPLES:]
            await self.websocket.send_message(chunk.tobytes() + bytes(2 * (CHUNK_SAMPLES - len(chunk))))
            due += CHUNK_SAMPLES / SAMPLE_RATE
            await trio.sleep_until(due)


def recognition_keys(rows: list[Row]) -> list[tuple[str, int]]:
    """What each record is of."""
    return [(str(row["channel_id"]), int(str(row["request_id"]))) for row in rows]


def counts(rows: list[Row], column: str) -> dict[str, int]:
    """How many rows have each value."""
    return dict(Counter(str(row[column]) for row in rows))
