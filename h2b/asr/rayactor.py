"""An engine as an actor of a Ray cluster, shared by several servers.

Owns what happens in the actor's process. Must not know Ray, sockets or trio: Ray calls its methods in one event loop,
and `h2b.asr.raylink` is who calls. All that passes is bytes and plain values, for servers and actors may be of
different versions of this package; `hello` tells.

Theory of operation
 1. One utterance at a time, in a thread, so that the loop can always answer. An actor that is at work keeps nothing
    waiting: it answers `Occupied`, so that its death takes no utterance but the one in work.
 2. `watch` returns when the actor begins or ends work for others: the load table of each server is made of that. Ray
    ends the call with an error when the process dies: so servers hear of that too, at once.
 3. A process that is caught in its engine ends itself at the deadline, by a timer that needs no Python to run. Ray then
    starts it again; the engine is loaded when a server asks for it.
"""

import asyncio
import faulthandler
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import structlog

import h2b
from h2b.asr.base import Engine
from h2b.asr.messages import (
    LENGTH_BYTES,
    Failed,
    Load,
    Occupied,
    Prepare,
    Progress,
    Ready,
    Recognise,
    Refused,
    Report,
    decode_order,
    encode_report,
)
from h2b.asr.worker import carry_out, load_engine
from h2b.config import LogSettings
from h2b.loglines import configure_log

STDERR = 2
NOBODY, LOADER = "", "loader"

VERSIONS = {"h2b": h2b.__version__, "Python": platform.python_version()}
"""What must be the same in a server and in an actor."""

T = TypeVar("T")


class RecogniserActor:
    """One engine. Servers are told apart by names of their own choice."""

    def __init__(self) -> None:
        if not structlog.is_configured():
            # The process is of no server in particular: what it says has the form that says least of callers.
            configure_log(LogSettings())
        self._engine: Engine | None = None
        self._loaded = ("", b"")
        """Name and order that gave the engine."""
        self._occupant = NOBODY
        self._working: asyncio.Future[Any] | None = None
        """The work in the thread, until it is done."""
        self._changed = asyncio.Event()
        # The engine always finds itself in the same thread.
        self._thread = ThreadPoolExecutor(1)

    async def hello(self) -> dict[str, str]:
        """Who is there, and in which versions; never waits for the engine."""
        return {**VERSIONS, "pid": str(os.getpid()), "node": platform.node()}

    async def load(self, engine: str, order: bytes, deadline_s: float) -> list[bytes]:
        """Load the engine, once for all servers. Gives the reports.

        Args:
            engine: `module:function`, see `h2b.asr.worker.LoadEngine`.
            order: `Load`.
        """
        while self._working is not None:
            # Servers that come together find what the first of them has loaded, or try in turn.
            await asyncio.wait({self._working})
        if self._engine is not None:
            return [_bytes(self._met(engine, order))]
        task = decode_order(order)
        assert isinstance(task, Load)
        lines: list[bytes] = []

        def load() -> Ready | Refused:
            loaded = load_engine(engine, task.options, lambda line: lines.append(_bytes(Progress(line))))
            if isinstance(loaded, Refused):
                return loaded
            self._engine, self._loaded = loaded, (engine, order)
            return self._met(engine, order)

        outcome = await self._work(LOADER, load, deadline_s)
        return [*lines, _bytes(outcome)]

    async def carry_out(self, server: str, order: bytes, audio: bytes, deadline_s: float) -> bytes:
        """The report on `Prepare` or `Recognise`; `Occupied` where the engine is at work."""
        engine, task = self._engine, decode_order(order)
        assert isinstance(task, Prepare | Recognise)
        if engine is None:
            return _bytes(Failed("the recogniser's process was started again"))
        if self._occupant != NOBODY:
            return _bytes(Occupied())
        samples = np.frombuffer(audio, np.int16)
        return _unframed(await self._work(server, lambda: carry_out(engine, task, lambda n: samples[:n]), deadline_s))

    async def watch(self, server: str, seen: bool) -> bool:
        """Whether the engine is at work for another server, as soon as that is not what this server has seen."""
        while (occupied := self._occupant not in (NOBODY, server)) == seen:
            await self._changed.wait()
        return occupied

    def _occupy(self, server: str) -> None:
        self._occupant = server
        self._changed.set()
        self._changed = asyncio.Event()

    def _met(self, engine: str, order: bytes) -> Ready | Refused:
        if self._engine is not None and self._loaded == (engine, order):
            return Ready(tuple(self._engine.languages))
        return Refused(
            "the processes of this ray_namespace have loaded other models, for a server whose [asr] has other settings:"
            " give this server a namespace of its own, or end them"
        )

    async def _work(self, server: str, work: Callable[[], T], deadline_s: float) -> T:
        """What the work gives. The engine is occupied until then, even if the server goes away meanwhile."""

        def done(_: object) -> None:
            faulthandler.cancel_dump_traceback_later()
            self._working = None
            self._occupy(NOBODY)

        self._occupy(server)
        # A process has one such timer: only one piece of work is ever in the thread, or on its way there.
        faulthandler.dump_traceback_later(deadline_s, exit=True, file=STDERR)
        self._working = working = asyncio.get_running_loop().run_in_executor(self._thread, work)
        working.add_done_callback(done)
        return await asyncio.shield(working)


def _bytes(report: Report) -> bytes:
    return _unframed(encode_report(report))


def _unframed(message: bytes) -> bytes:
    """Without its length: here every message comes in one piece."""
    return message[LENGTH_BYTES:]
