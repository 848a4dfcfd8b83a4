"""The pool over local processes with a tiny engine: real time, every wait bounded by LIMIT_S.

What it has in common with the pool on Ray is in test_pool_contract.
"""

import gc
import os
import select
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from asking import Asked, pid_of, the_engine_held_at, when_reached
from fake_engine import Fate

from h2b.asr.base import UtteranceRequest
from h2b.asr.messages import MAXIMUM_MESSAGE_BYTES
from h2b.asr.pool import Pool, open_pool
from h2b.config import AsrSettings
from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError

LIMIT_S = 30


@pytest.fixture(autouse=True)
def _engine_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    monkeypatch.setenv("H2B_TEST_GATE", str(path))
    return path


def a_pool(engine: str = "fake_engine:load", workers: int = 1, **settings: Any) -> AbstractAsyncContextManager[Pool]:
    return open_pool(AsrSettings(workers=workers, **settings), engine=engine)


@asynccontextmanager
async def a_ready_pool(**settings: Any) -> AsyncIterator[Pool]:
    with trio.fail_after(LIMIT_S):
        async with a_pool(**settings) as pool:
            await pool.ready()
            yield pool


# The process


async def test_a_worker_is_niced_single_threaded_and_deaf_to_the_servers_signals() -> None:
    async with a_ready_pool(niceness=7) as pool:
        pid, nice, threads, deaf = (await Asked(pool, Fate.PROCESS).transcript()).split()
        assert int(pid) != os.getpid()
        assert int(nice) == os.nice(0) + 7
        assert (threads, deaf) == ("1", "True")


async def test_a_process_that_knows_the_request_is_preferred_to_the_first_free_one(gate: Path) -> None:
    french, english = UtteranceRequest("fr"), UtteranceRequest("en")
    async with a_ready_pool(workers=2) as pool:
        pool.listen(french, lambda generation, answer: None)
        held = Asked(pool, Fate.GATE, request=english)
        with the_engine_held_at(await when_reached(gate)):
            assert await Asked(pool, Fate.PREPARED, request=french).transcript() == "1"
        assert await held.transcript() == "through the gate"
        assert await Asked(pool, Fate.PREPARED, request=english).transcript() == "0"
        assert await Asked(pool, Fate.PREPARED, request=english).transcript() == "0"
        assert await Asked(pool, Fate.PREPARED, request=french).transcript() == "1"


# Failures


@pytest.mark.parametrize(
    ("fate", "error"),
    [
        (Fate.EXIT, "the recogniser's process ended with exit status 3"),
        (Fate.KILL, "the recogniser's process was ended by signal 9 (Killed)"),
    ],
)
async def test_a_process_that_dies_fails_its_utterance_and_is_replaced(fate: Fate, error: str) -> None:
    async with a_ready_pool() as pool:
        assert await Asked(pool, fate).error() == error
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"
        assert pool.statistics().deaths == 1


def a_grammar(argument: str) -> ActiveGrammar:
    return ActiveGrammar(
        uri="session:a", type="session:a", kind="srgs", arguments={"documents": argument}, language="en"
    )


@pytest.mark.parametrize(
    ("argument", "why"),
    [("x" * (MAXIMUM_MESSAGE_BYTES + 1), "expected at most 16777216"), ("\ud800", "UnicodeEncodeError")],
    ids=["too long", "unwritable"],
)
async def test_a_request_that_cannot_be_told_to_a_process_fails_alone(argument: str, why: str) -> None:
    async with a_ready_pool() as pool:
        untold = Asked(pool, Fate.LENGTH, request=UtteranceRequest("en", (a_grammar(argument),)))
        reason = await untold.error()
        assert reason.startswith("the request cannot be given to the recogniser: ")
        assert reason.endswith(why)
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"
        assert pool.statistics().deaths == 0


async def test_what_a_pool_remembers_of_requests_does_not_grow_with_them() -> None:
    async with a_ready_pool() as pool:
        tracemalloc.start()
        try:
            for number in range(20):
                request = UtteranceRequest("en", (a_grammar(f"{number}" + "x" * 1_000_000),))
                assert await Asked(pool, Fate.LENGTH, request=request).transcript() == "160"
                del request
            # An utterance and who asked for it refer to one another.
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 8_000_000
        finally:
            tracemalloc.stop()


async def test_without_any_process_a_decode_is_answered_after_the_longest_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("H2B_TEST_LOADED", str(tmp_path / "loaded"))
    async with a_ready_pool(engine="fake_engine:load_once", queue_s=0.3) as pool:
        assert "signal 9" in await Asked(pool, Fate.KILL).error()
        asked = [Asked(pool, Fate.LENGTH) for _ in range(2)]
        overloaded = "the recogniser is overloaded: no process was free for 0.3 s"
        assert [await one.error() for one in asked] == [overloaded] * 2
        assert pool.statistics().unanswered == 2


# The queue


# Start and end


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        ("fake_engine:refuse", "weights are missing: install them"),
        ("fake_engine:break_down", "the engine could not be loaded: RuntimeError: no such thing"),
        ("fake_engine:vanish", "the recogniser's process ended with exit status 7"),
        ("fake_engine:nothing", "no function 'nothing' in module 'fake_engine'"),
        (
            "no_such_module:load",
            "the engine could not be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
async def test_an_engine_that_does_not_load_is_told_by_ready_in_one_line(engine: str, error: str) -> None:
    with trio.fail_after(LIMIT_S):
        async with a_pool(engine=engine) as pool:
            with pytest.raises(EngineError) as caught:
                await pool.ready()
            assert str(caught.value) == error


async def test_loading_has_a_deadline() -> None:
    with trio.fail_after(LIMIT_S):
        async with a_pool(engine="fake_engine:hang", load_deadline_s=0.5) as pool:
            with pytest.raises(EngineError, match="loading the recogniser took longer than"):
                await pool.ready()


async def test_nothing_is_left_behind(gate: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    async with a_ready_pool(workers=2) as pool:
        pid = pid_of(await Asked(pool, Fate.PROCESS).transcript())
        Asked(pool, Fate.GATE)
        held = await when_reached(gate)
    os.close(held)
    assert sorted(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_server_leaves_no_process_behind_even_a_busy_one() -> None:
    script = Path(__file__).parent / "orphans.py"
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        worker = os.pidfd_open(next(int(line) for line in server.stdout if line.strip().isdecimal()))
        server.kill()
    poll = select.poll()
    poll.register(worker, select.POLLIN)
    ended = poll.poll(LIMIT_S * 1000)
    os.close(worker)
    assert ended
