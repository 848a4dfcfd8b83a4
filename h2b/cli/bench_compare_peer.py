"""Recognisers of others in processes of their own: the environment each is installed into, and the lines to it.

Owns virtual environments and processes. Must not know what is asked or what counts as right; the lines themselves are
told in `h2b.cli.peers.answering`. Whatever goes wrong with a peer is a `PeerFailed` with the reason: a comparison goes
on without it and says so.
"""

import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from attrs import define, field

from h2b.model.errors import H2BError

START_S = 600.0
"""Longest wait for a peer to be ready: a first start may convert weights."""
ANSWER_S = 120.0
INSTALL_S = 1800.0
LONGEST_LINE = 1 << 20
LAST_WORDS = 300
"""Characters of what a peer said last that are told."""
INSTALLED = "installed"
"""File of an environment that is complete; it holds what was installed."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""For libraries that count the cores themselves."""
SCRIPTS = Path(__file__).parent / "peers"


class PeerFailed(H2BError):
    """A peer cannot be installed, does not start, or gives no answer; says why."""


def environment(folder: Path, requirement: str, report: Callable[[str], None]) -> Path:
    """The interpreter of a virtual environment that holds a package; makes it the first time, with pip.

    `folder` holds one environment for each requirement. `report` is told before it takes long.

    Raises:
        PeerFailed: the environment cannot be made or the package cannot be installed.
    """
    place = folder / re.sub(r"[^A-Za-z0-9.]+", "-", requirement)
    python = place / "bin" / "python"
    if (place / INSTALLED).is_file() and python.exists():
        return python
    report(f"installing {requirement} in {place} (once)")
    # What an interrupted installation left is not trusted.
    shutil.rmtree(place, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(place)], f"{requirement}: no virtual environment")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
    _run(install, f"{requirement} cannot be installed")
    (place / INSTALLED).write_text(f"{requirement}\n", encoding="utf-8")
    return python


def _run(command: Sequence[str], complaint: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerFailed(f"{complaint}: {error}") from error
    if done.returncode:
        raise PeerFailed(f"{complaint}: {_last_line(done.stderr or done.stdout)}")


@define
class Peer:
    """A recogniser that runs; use it as a context. What it says beside its answers goes to a file."""

    command: Sequence[str]
    options: Mapping[str, Any]
    variables: Mapping[str, str] = field(factory=dict)
    """Of its environment, beside those of ours."""
    versions: Mapping[str, str] = field(factory=dict, init=False)
    load_cpu_s: float = field(default=0.0, init=False)
    _process: "subprocess.Popen[bytes]" = field(init=False)
    _complaints: IO[bytes] = field(init=False)
    _received: bytes = field(default=b"", init=False)

    def start(self) -> None:
        """Start it and wait until it is ready. Raises PeerFailed."""
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115, as `stop` closes it
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env={**os.environ, **ONE_THREAD, **self.variables},
                bufsize=0,
            )
        except OSError as error:
            self._complaints.close()
            raise PeerFailed(f"{self.command[0]} cannot be started: {error.strerror}") from error
        try:
            ready = self._exchange(self.options, START_S)
            self.versions = {str(name): str(version) for name, version in dict(ready["versions"]).items()}
            self.load_cpu_s = float(ready["load_cpu_s"])
        except (KeyError, TypeError, ValueError) as error:
            self.stop()
            raise PeerFailed(f"it said something else than that it is ready: {error}") from error
        except PeerFailed:
            self.stop()
            raise

    def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its answer: `text` or `error`, and `cpu_s`.

        Raises:
            PeerFailed: it ended, took too long, or said something else.
        """
        answer = self._exchange(question, ANSWER_S)
        spoken = isinstance(answer.get("text"), str) or isinstance(answer.get("error"), str)
        if not spoken or not isinstance(answer.get("cpu_s"), int | float):
            raise PeerFailed(f"no answer with text and cpu_s: {json.dumps(answer)[:LAST_WORDS]}")
        return answer

    def peak_memory_mb(self) -> int | None:
        """The most memory it held so far; None where the system does not tell."""
        # Not getrusage: a child's begins with the memory of its parent.
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
        return round(int(found[1]) / 1024) if found else None

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._complaints):
            assert pipe is not None
            pipe.close()

    def _exchange(self, told: Mapping[str, Any], patience_s: float) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
        except BrokenPipeError:
            raise PeerFailed(self._how_it_ended()) from None
        line = self._line(time.monotonic() + patience_s)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise PeerFailed(f"an answer that is no JSON object: {line[:LAST_WORDS].decode(errors='replace')!r}")
        return answer

    def _line(self, until: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise PeerFailed("it gave no answer in time")
                piece = os.read(descriptor, 65536)
                if not piece:
                    raise PeerFailed(self._how_it_ended())
                self._received += piece
                if len(self._received) > LONGEST_LINE:
                    raise PeerFailed(f"an answer of more than {LONGEST_LINE} bytes")
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        self._complaints.seek(0)
        return f"it ended with code {code}: {_last_line(self._complaints.read())}"


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:LAST_WORDS] if lines else "it said nothing"
