"""`h2b serve` as an operator starts it for telephone systems: real sockets, the real English engine, one worker."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

from h2b.cli.mrcp_client import FORMATS, Destination, MrcpClient, open_client
from h2b.telephony.sip_effects import Transport

CONFIGURATION = """
[asr]
languages = ["en"]
workers = 1
[defaults]
speech_language = "en"
[log]
format = "json"
[mrcp]
rtp_ports = "43000-43999"
connect_s = 2
"""


@frozen
class Served:
    """A running server: its addresses and its log."""

    websocket: str
    host: str
    sip_port: int
    mrcp_port: int
    log: Path
    stop: Callable[[], None]
    """SIGTERM."""

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Entries of the log so far."""
        entries = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [entry for entry in entries if entry["event"] == event]

    async def lines_of(self, event: str, count: int = 1, **wanted: Any) -> list[dict[str, Any]]:
        """Entries with these values, once there are so many: the log is written a moment after the message."""
        with trio.fail_after(10):
            while True:
                found = [line for line in self.lines(event) if wanted.items() <= line.items()]
                if len(found) >= count:
                    return found
                await trio.sleep(0.01)

    @asynccontextmanager
    async def client(
        self, *, transport: Transport = Transport.UDP, codec: str | None = None, chop: bool = False
    ) -> AsyncIterator[MrcpClient]:
        """A client of this server."""
        destination = Destination(
            uri=f"sip:{self.host}:{self.sip_port}", host=self.host, port=self.sip_port, transport=transport
        )
        formats = (FORMATS[codec],) if codec else tuple(FORMATS.values())
        async with open_client(destination, formats=formats, chop=chop) as client:
            yield client


@contextmanager
def mrcp_server(folder: Path, more: str = "") -> Iterator[Served]:
    """A server as long as the block; it must end well. `more` is added to the configuration, in [mrcp] at first."""
    (folder / "h2b.toml").write_text(CONFIGURATION + more)
    command = [sys.executable, "-m", "h2b", "serve", "--config", str(folder / "h2b.toml")]
    addresses = [part for name in ("websocket", "sip", "mrcp") for part in (f"--{name}", "127.0.0.1:0")]
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    log = folder / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [*command, *addresses], stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        ) as process,
    ):
        assert process.stdout is not None
        ready = process.stdout.readline()
        found = re.match(r"ready websocket=(\S+) .*?sip=([^:]+):(\d+) mrcp=[^:]+:(\d+)", ready)
        stopped = threading.Event()

        def stop() -> None:
            """Once: a second signal may meet a process that has given its handlers up already."""
            if not stopped.is_set():
                stopped.set()
                process.terminate()

        try:
            assert found, f"{ready}{log.read_text()}"
            yield Served(found[1], found[2], int(found[3]), int(found[4]), log, stop)
        finally:
            stop()
            assert process.wait(timeout=60) == 0
