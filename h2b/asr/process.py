"""One worker process, as the pool sees it: spawned, spoken to, killed.

Owns descriptors and the process. Must not know what the orders mean or when a process is replaced.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import trio
from cattrs.errors import BaseValidationError

from h2b.asr.base import Samples
from h2b.asr.messages import Deframer, Order, Report, decode_report, encode_order
from h2b.model.errors import EngineError

RECEIVE_BYTES = 65536
GRACE_S = 1.0
"""Between hanging up and ending a process takes no longer."""


class WorkerDied(Exception):
    """The process is gone or as good as gone; the text says how, for a completion reason."""


class WorkerProcess:
    """A running process and the way to talk to it. Everything that waits raises WorkerDied when it waits in vain."""

    def __init__(self, process: trio.Process, control: trio.SocketStream, audio: int) -> None:
        self._process = process
        self._control = control
        self._audio = audio
        self._deframer = Deframer()
        self._received: deque[bytes] = deque()

    @property
    def pid(self) -> int:
        return self._process.pid

    def show(self, samples: Samples) -> None:
        """Put audio where the process will look for it."""
        os.pwrite(self._audio, samples.tobytes(), 0)

    async def tell(self, order: Order) -> None:
        """Give an order."""
        try:
            await self._control.send_all(encode_order(order))
        except trio.BrokenResourceError:
            raise WorkerDied(await self._ending()) from None

    async def hear(self) -> Report:
        """The next report."""
        try:
            while not self._received:
                self._received.extend(self._deframer.feed(await self._receive()))
            return decode_report(self._received.popleft())
        except (EngineError, ValueError, KeyError, TypeError, BaseValidationError) as error:
            raise WorkerDied(f"the recogniser's process sent nonsense: {error}") from error

    async def watch(self) -> None:
        """Wait for the death of an idle process, which has nothing to say."""
        await self._receive()
        raise WorkerDied("the recogniser's process spoke without being asked")

    async def _receive(self) -> bytes:
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
                return f"the recogniser's process was ended by signal {-status} ({signal.strsignal(-status)})"
            return f"the recogniser's process ended with exit status {status}"
        return "the recogniser's process hung up"


@asynccontextmanager
async def open_worker(engine: str, niceness: int, samples: int) -> AsyncIterator[WorkerProcess]:
    """A fresh process with shared memory for so many samples.

    When the block ends the process is killed and reaped, and its descriptors are closed.

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
                process = await _spawn(engine, niceness, theirs.fileno(), audio)
        except OSError as error:
            raise WorkerDied(f"the recogniser's process cannot be started: {error}") from error
        stack.push_async_callback(_end, process)
        yield WorkerProcess(process, control, audio)


async def _end(process: trio.Process) -> None:
    process.kill()
    with trio.CancelScope(shield=True):
        await process.wait()


async def _spawn(engine: str, niceness: int, control: int, audio: int) -> trio.Process:
    command = [sys.executable, "-m", "h2b.asr.worker", "--engine", engine, "--nice", str(niceness)]
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return await trio.lowlevel.open_process(
        [*command, "--control", str(control), "--audio", str(audio)],
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
