"""Scripts evaluated in processes that are killed when they take too long, and replaced.

Owns the clock that holds and the processes. Must not know grammars: a program is a text that gives JSON text.
"""

import json
import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from h2b.model.errors import ScriptError
from h2b.model.results import Value

LIMIT_SECONDS = 0.2
"""Wall clock, for one program."""
START_SECONDS = 5.0
"""For a process to be ready. It has to be waited for only when one script after another is killed."""
MAXIMUM_PROGRAM = 1_000_000
"""Bytes."""
MAXIMUM_ANSWER = 300_000
"""Bytes: 64 Ki characters of at most four, and a sign."""
MAXIMUM_DEPTH = 32
"""Of objects and arrays inside one another in a value."""

SANDBOX = Path(__file__).with_name("sandbox.py")
_HEADER = struct.Struct(">I")


class _Ended(Exception):
    """The process closed its output, or said what it never says."""


class _Late(Exception):
    """The deadline passed."""


class _Sandbox:
    """One process, from its start to its end. Deadlines are of the monotonic clock."""

    def __init__(self) -> None:
        # Of the environment scripts get nothing. Without `site` a start takes a fraction of the time.
        engine = find_spec("_quickjs")
        if engine is None or engine.origin is None:
            raise OSError("quickjs-ng is not installed")
        environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        environment["PYTHONPATH"] = str(Path(engine.origin).parent)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-S", "-B", str(SANDBOX)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            cwd="/",
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)
        self.ready = False

    def wait_ready(self, deadline: float) -> None:
        if not self.ready:
            self.receive(deadline)
            self.ready = True

    def send(self, message: bytes, deadline: float) -> None:
        rest = memoryview(_HEADER.pack(len(message)) + message)
        while rest:
            _wait(self.input, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self.input, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _Ended from None

    def receive(self, deadline: float) -> bytes:
        (length,) = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if length > MAXIMUM_ANSWER:
            raise _Ended
        return self._read(length, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        found = bytearray()
        while len(found) < count:
            _wait(self.output, select.POLLIN, deadline)
            try:
                chunk = os.read(self.output, count - len(found))
            except BlockingIOError:
                continue
            if not chunk:
                raise _Ended
            found += chunk
        return bytes(found)

    def end(self) -> None:
        """At once; nothing of the process is left."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _Late


class ScriptProcess:
    """Evaluates one program at a time, from any thread; a second process waits warm to take over from a killed one."""

    def __init__(self, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()
        self._current: _Sandbox | None = None
        self._spare: _Sandbox | None = None
        self._closed = False

    def __enter__(self) -> Self:
        with self._lock:
            self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes; a program that runs is waited for, no longer than it may take."""
        with self._lock:
            self._closed = True
            for sandbox in (self._current, self._spare):
                if sandbox is not None:
                    sandbox.end()
            self._current = self._spare = None

    def evaluate(self, program: str) -> Value:
        """The value of a program of `program_of`.

        Raises:
            ScriptError: the program failed, took too long or too much, or its value is too large; or no process
                could be started. The next program is not affected.
        """
        message = program.encode(errors="replace")
        if len(message) > MAXIMUM_PROGRAM:
            raise ScriptError(f"the script has {len(message)} bytes, at most {MAXIMUM_PROGRAM}")
        with self._lock:
            return _value(self._answer(message))

    def _answer(self, message: bytes) -> bytes:
        sandbox = self._started()
        try:
            sandbox.wait_ready(time.monotonic() + START_SECONDS)
        except (_Ended, _Late):
            self._replace(sandbox)
            raise ScriptError("no process for scripts could be started") from None
        deadline = time.monotonic() + self._limit_seconds
        try:
            sandbox.send(message, deadline)
            return sandbox.receive(deadline)
        except _Late:
            self._replace(sandbox)
            raise ScriptError(f"the script took longer than {self._limit_seconds * 1000:.0f} ms") from None
        except _Ended:
            self._replace(sandbox)
            raise ScriptError("the script ended its process") from None

    def _started(self) -> _Sandbox:
        """The process to use. Both are started where they are missing."""
        if self._closed:
            raise ScriptError("scripts are no longer evaluated")
        try:
            if self._current is None:
                self._current, self._spare = self._spare or _Sandbox(), None
            if self._spare is None:
                self._spare = _Sandbox()
        except OSError as error:
            if self._current is None:
                raise ScriptError(f"no process for scripts could be started: {error}") from error
        return self._current

    def _replace(self, sandbox: _Sandbox) -> None:
        sandbox.end()
        self._current, self._spare = self._spare, None
        try:
            self._spare = _Sandbox()
        except OSError:
            # The next program tries again, and says so if it fails.
            self._spare = None


def _value(answer: bytes) -> Value:
    text = answer.decode(errors="replace")
    if not text.startswith("="):
        raise ScriptError(text[1:])
    try:
        value: Value = json.loads(text[1:], parse_constant=_no_constant)
    except RecursionError:
        raise ScriptError(_too_deep()) from None
    except ValueError:
        raise ScriptError("the program gave no JSON text") from None
    if _deeper(value, MAXIMUM_DEPTH):
        raise ScriptError(_too_deep())
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _too_deep() -> str:
    return f"the value: more than {MAXIMUM_DEPTH} objects inside one another"


def _deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


class ScriptProcesses:
    """Some processes for many threads: who finds none free waits for one. Each has a limit, so no wait is endless."""

    def __init__(self, count: int, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._all = tuple(ScriptProcess(limit_seconds) for _ in range(count))
        # The one used last is the one in the caches.
        self._free: queue.LifoQueue[ScriptProcess] = queue.LifoQueue()
        for process in self._all:
            self._free.put(process)

    def __enter__(self) -> Self:
        for process in self._all:
            process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for process in self._all:
            process.close()

    def evaluate(self, program: str) -> Value:
        """As `ScriptProcess.evaluate`."""
        process = self._free.get()
        try:
            return process.evaluate(program)
        finally:
            self._free.put(process)
