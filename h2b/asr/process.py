"""Processes at the other end of a socket, as a pool sees them: spawned, spoken to, killed.

Owns descriptors and the process. Must not know what the orders mean or when a process is replaced.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, TypeAlias

import numpy as np
import trio
from cattrs.errors import BaseValidationError

from h2b.asr.base import Samples
from h2b.asr.messages import Deframer, Order, Report, decode_report, encode_order
from h2b.loglines import settings_in_use
from h2b.model.errors import EngineError

RECEIVE_BYTES = 65536
GRACE_S = 1.0
"""Between hanging up and ending a process takes no longer."""


class WorkerDied(Exception):
    """The process is gone or as good as gone; the text says how, for a completion reason."""


class Worker(Protocol):
    """A process with an engine, wherever it runs. All that waits raises WorkerDied when the process is gone."""

    @property
    def pid(self) -> int: ...

    @property
    def occupied(self) -> bool:
        """Whether it is at work for another server."""
        ...

    def show(self, samples: Samples) -> None:
        """The audio of the order that comes next."""
        ...

    async def tell(self, order: Order) -> None:
        """Give an order; one at a time."""
        ...

    async def hear(self) -> Report:
        """The next report."""
        ...

    async def watch(self) -> None:
        """Wait for the death of an idle process."""
        ...


OpenWorker: TypeAlias = Callable[[int, Callable[[], None]], AbstractAsyncContextManager[Worker]]
"""Gives the place of this number a process for the time of the block, and calls back when `occupied` has changed."""


class ControlledProcess:
    """A running process at the other end of a socket. What waits raises WorkerDied when it waits in vain."""

    def __init__(self, process: trio.Process, control: trio.SocketStream, called: str) -> None:
        self._process = process
        self._control = control
        self._called = called
        self._deframer = Deframer()
        self._received: deque[bytes] = deque()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, message: bytes) -> None:
        """Send a message that has its length before it."""
        try:
            await self._control.send_all(message)
        except trio.BrokenResourceError:
            raise WorkerDied(await self._ending()) from None

    async def receive(self) -> bytes:
        """The next message, without its length."""
        try:
            while not self._received:
                self._received.extend(self._deframer.feed(await self._receive_some()))
        except EngineError as error:
            raise self.nonsense(error) from error
        return self._received.popleft()

    async def watch(self) -> None:
        """Wait for the death of a process that has nothing to say."""
        await self._receive_some()
        raise WorkerDied(f"{self._called} spoke without being asked")

    def nonsense(self, error: Exception) -> WorkerDied:
        """What to raise for a message that cannot be understood."""
        return WorkerDied(f"{self._called} sent nonsense: {error}")

    async def _receive_some(self) -> bytes:
        try:
            received = await self._control.receive_some(RECEIVE_BYTES)
        except trio.BrokenResourceError:
            received = b""
        if not received:
            raise WorkerDied(await self._ending())
        return bytes(received)

    async def _ending(self) -> str:
        with trio.move_on_after(GRACE_S):
            status = await self._process.wait()
            if status < 0:
                return f"{self._called} was ended by signal {-status} ({signal.strsignal(-status)})"
            return f"{self._called} ended with exit status {status}"
        return f"{self._called} hung up"


class WorkerProcess:
    """A process with an engine. Everything that waits raises WorkerDied when it waits in vain."""

    occupied = False
    """Nobody else gives it work."""

    def __init__(self, process: ControlledProcess, audio: int) -> None:
        self._process = process
        self._audio = audio

    @property
    def pid(self) -> int:
        return self._process.pid

    def show(self, samples: Samples) -> None:
        """Put audio where the process will look for it."""
        os.pwrite(self._audio, samples.tobytes(), 0)

    async def tell(self, order: Order) -> None:
        """Give an order."""
        await self._process.send(encode_order(order))

    async def hear(self) -> Report:
        """The next report."""
        message = await self._process.receive()
        try:
            return decode_report(message)
        except (ValueError, KeyError, TypeError, BaseValidationError) as error:
            raise self._process.nonsense(error) from error

    async def watch(self) -> None:
        """Wait for the death of an idle process."""
        await self._process.watch()


@asynccontextmanager
async def open_worker(engine: str, niceness: int, samples: int) -> AsyncIterator[WorkerProcess]:
    """A fresh process with shared memory for so many samples.

    When the block ends the process is killed and reaped, and its descriptors are closed.

    Raises:
        WorkerDied: it cannot even be started.
    """
    arguments = ["-m", "h2b.asr.worker", "--engine", engine, "--nice", str(niceness), "--log", settings_in_use()]
    async with open_process("the recogniser's process", arguments, samples) as (process, audio):
        yield WorkerProcess(process, audio)


@asynccontextmanager
async def open_process(
    called: str, arguments: Sequence[str], samples: int
) -> AsyncIterator[tuple[ControlledProcess, int]]:
    """A Python process with a control socket, and the descriptor of memory for so many samples.

    Args:
        called: what it is, for reasons of failures.
        arguments: of Python; the two descriptors are added as `--control` and `--audio`.

    Raises:
        WorkerDied: it cannot even be started.
    """
    async with AsyncExitStack() as stack:
        try:
            audio = _shared_memory(samples * np.dtype(np.int16).itemsize)
            stack.callback(os.close, audio)
            ours, theirs = socket.socketpair()
            with theirs:
                control = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
                stack.callback(control.socket.close)
                process = await _spawn(arguments, theirs.fileno(), audio)
        except OSError as error:
            raise WorkerDied(f"{called} cannot be started: {error}") from error
        stack.push_async_callback(_end, process)
        yield ControlledProcess(process, control, called), audio


async def _end(process: trio.Process) -> None:
    process.kill()
    with trio.CancelScope(shield=True):
        await process.wait()


async def _spawn(arguments: Sequence[str], control: int, audio: int) -> trio.Process:
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return await trio.lowlevel.open_process(
        [sys.executable, *arguments, "--control", str(control), "--audio", str(audio)],
        stdin=subprocess.DEVNULL,
        # Libraries that print must not disturb what the server itself prints.
        stdout=subprocess.DEVNULL,
        pass_fds=(control, audio),
        # Read by numerical libraries when they are imported: one process, one core.
        env={**os.environ, **one_thread},
        process_group=0,
    )


def _shared_memory(size: int) -> int:
    """Descriptor of memory of this many bytes; callers' speech touches no disk where the system can do so."""
    if hasattr(os, "memfd_create"):
        audio = os.memfd_create("h2b-utterance")
    else:
        with tempfile.TemporaryFile() as unlinked:
            audio = os.dup(unlinked.fileno())
    os.truncate(audio, size)
    return audio
