"""Scripts of grammars, run in threads that wait for killable processes: values come back later, in the trio thread.

Owns the waiting and its bound. Must not know engines of scripts or sessions.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias

import trio

from h2b.grammar.sisr.process import ScriptProcesses
from h2b.model.errors import ScriptError
from h2b.model.results import Value

Results: TypeAlias = list[Value | ScriptError]
Run: TypeAlias = Callable[[str], Value]
"""Runs one program to its value, in a thread of its own. Raises ScriptError."""

MAXIMUM_WAITING = 200
"""Requests that wait for a process; more of them are refused at once."""


PROCESSES = 2
"""Scripts that run at once. The processes are started when the first script comes."""


class Scripts(Protocol):
    """What a channel needs."""

    def evaluate(self, programs: Sequence[str], answer: Callable[[Results], None]) -> None:
        """Run programs and answer once, later: a value or a ScriptError for each. Returns at once."""
        ...


class ScriptRunner:
    """Programs in threads, as many at once as there are processes to run them."""

    def __init__(self, run: Run, at_once: int, nursery: trio.Nursery) -> None:
        self._run = run
        self._limiter = trio.CapacityLimiter(at_once)
        self._nursery = nursery
        self._waiting = 0

    def evaluate(self, programs: Sequence[str], answer: Callable[[Results], None]) -> None:
        self._nursery.start_soon(self._evaluate, tuple(programs), answer)

    async def _evaluate(self, programs: Sequence[str], answer: Callable[[Results], None]) -> None:
        if self._waiting >= MAXIMUM_WAITING:
            answer([ScriptError("too many scripts are waiting")] * len(programs))
            return
        self._waiting += 1
        try:
            results: Results = []
            for program in programs:
                results.append(await trio.to_thread.run_sync(self._result, program, limiter=self._limiter))
        finally:
            self._waiting -= 1
        answer(results)

    def _result(self, program: str) -> Value | ScriptError:
        try:
            return self._run(program)
        except ScriptError as error:
            return error


@asynccontextmanager
async def open_scripts() -> AsyncIterator[ScriptRunner]:
    """A runner with processes of its own; what runs at the end is waited for, no longer than it may take."""
    processes = ScriptProcesses(PROCESSES)
    try:
        async with trio.open_nursery() as nursery:
            yield ScriptRunner(processes.evaluate, PROCESSES, nursery)
    finally:
        processes.close()
