"""The server a bench calls: one of its own in a process of its own, or somebody's; and what its processes use.

Owns the process and the reading of /proc. Must not know calls.

The server runs apart from the callers, as a real one does: neither holds up the other's timers, and the time each uses
can be told apart. Its records go to a folder that ends with it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import click
import trio
from attrs import field, frozen

from h2b.model.errors import H2BError

READY = "ready "
WORKER = b"h2b.asr.worker"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LOG = '[log]\nlevel = "{level}"\nformat = "json"\n'
MANY = """
[server]
maximum_connections = 5000
[limits]
connections_per_address = 5000
sessions_per_tenant = 5000
calls_per_address = 2500
[mrcp]
maximum_calls = 2500
rtp_ports = "20000-29999"
"""
"""All callers come from one address, and are as many as asked for."""

Hear: TypeAlias = Callable[[bytes], None]
"""Takes what the server logs, in pieces."""


@frozen
class Usage:
    """What processes have used so far: seconds of a core, and the memory they hold now, in bytes."""

    cpu_s: float = 0.0
    memory: int = 0
    processes: int = 0


@frozen
class Server:
    """A server to be called; `pid` is 0 where its processes cannot be looked at."""

    url: str
    """Of its WebSocket, or `sip:HOST:PORT`."""
    pid: int = 0
    told: str = field(default="")
    """What it is, for people."""
    http: str = ""
    """URL of its HTTP side; empty of a server that is not ours."""

    def usage(self) -> dict[str, Usage]:
        """Of the server and of its workers; empty of a server that is not ours."""
        if not self.pid:
            return {}
        family = descendants(self.pid)
        workers = [pid for pid in family if WORKER in _command(pid)]
        return {
            "server": used_by([self.pid, *(pid for pid in family if pid not in workers)]),
            "workers": used_by(workers),
        }


def descendants(pid: int) -> list[int]:
    """Processes a process started, and those they started."""
    found = []
    for thread in _listed(Path(f"/proc/{pid}/task")):
        try:
            children = (thread / "children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def used_by(pids: Sequence[int]) -> Usage:
    """What these processes have used; those that are gone count nothing."""
    cpu_s, memory, processes = 0.0, 0, 0
    for pid in pids:
        try:
            # The name of a program stands in brackets and may hold anything: counting begins after it.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        cpu_s += (int(fields[11]) + int(fields[12])) / TICKS
        memory += int(fields[21]) * PAGE_BYTES
        processes += 1
    return Usage(cpu_s, memory, processes)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@asynccontextmanager
async def open_server(
    url: str | None,
    *,
    languages: Sequence[str],
    workers: int,
    configuration_file: Path | None,
    mrcp: bool = False,
    hear: Hear | None = None,
) -> AsyncIterator[Server]:
    """The server at a URL, or one that lives as long as the block.

    Args:
        mrcp: one of its own is to be called by MRCPv2.
        hear: is told what one of its own logs, from level info on.

    Raises:
        click.UsageError: the URL is none of such a server.
        H2BError: the server of our own did not come up; says its last words.
    """
    if url is not None:
        _check_url(url, mrcp)
        yield Server(url, told=url)
        return
    with tempfile.TemporaryDirectory(prefix="h2b-bench-") as folder:
        level = "warning" if hear is None else "info"
        configuration = configuration_file or _own_configuration(Path(folder), languages, level)
        options = ["--config", str(configuration), "--websocket", "127.0.0.1:0", "--workers", str(workers)]
        options += ["--http", "127.0.0.1:0"]
        if mrcp:
            options += ["--sip", "127.0.0.1:0", "--mrcp", "127.0.0.1:0"]
        click.echo("starting a server: the first time on a machine this converts weights", err=True)
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "h2b", "serve", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "XDG_STATE_HOME": folder},
        )
        complaints: list[bytes] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_gather, process, complaints, hear)
            try:
                found = await _ready(process)
                if not found:
                    await process.wait()
                    last = b"".join(complaints).decode(errors="replace").strip().splitlines()[-1:]
                    raise H2BError(f"the server did not start: {last[0] if last else 'it said nothing'}")
                told = f"one of its own, {workers or 'as many as cores'} workers, languages {' '.join(languages)}"
                yield Server(
                    f"sip:{found['sip']}" if mrcp else found["websocket"], process.pid, told, found.get("http", "")
                )
            finally:
                process.terminate()
                with trio.CancelScope(shield=True):
                    await process.wait()
                nursery.cancel_scope.cancel()


def _check_url(url: str, mrcp: bool) -> None:
    """Raises click.UsageError."""
    schemes, example = (("sip", "sips"), "sip:127.0.0.1:8060") if mrcp else (("ws", "wss"), "ws://127.0.0.1:8080/bots")
    try:
        parts = urlsplit(url)
        right = parts.scheme in schemes and (mrcp or (bool(parts.hostname) and parts.port != 0))
    except ValueError:
        right = False
    if not right:
        raise click.UsageError(f"--url: got '{url}', expected one such as {example}")


def _own_configuration(folder: Path, languages: Sequence[str], level: str) -> Path:
    path = folder / "h2b.toml"
    listed = ", ".join(f'"{code}"' for code in languages)
    path.write_text(f"{LOG.format(level=level)}[asr]\nlanguages = [{listed}]\n{MANY}", encoding="utf-8")
    return path


async def _ready(process: trio.Process) -> dict[str, str]:
    """What the ready line tells; nothing when the server ended before it."""
    assert process.stdout is not None
    received = b""
    async for piece in process.stdout:
        received += piece
        line, end, _ = received.decode(errors="replace").partition("\n")
        if end and line.startswith(READY):
            fields = (word.partition("=") for word in line.removeprefix(READY).split())
            return {name: address for name, _, address in fields}
    return {}


async def _gather(process: trio.Process, complaints: list[bytes], hear: Hear | None) -> None:
    """Read what the server logs, so that it never waits for a reader; the last of it is kept."""
    assert process.stderr is not None
    async for piece in process.stderr:
        complaints.append(bytes(piece))
        del complaints[:-20]
        if hear is not None:
            hear(bytes(piece))
