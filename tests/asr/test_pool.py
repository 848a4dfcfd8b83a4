"""The pool over real processes with a tiny engine: real time, every wait bounded by LIMIT_S."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing
from fake_engine import Fate

from h2b.asr.base import UtteranceRequest
from h2b.asr.pool import MAXIMUM_SAMPLES, Pool, PoolUtterance, open_pool
from h2b.config import AsrSettings
from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError
from h2b.model.results import Recognised

LIMIT_S = 30
REQUEST = UtteranceRequest("en")


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


class Asked:
    """A decode and its answers."""

    def __init__(self, pool: Pool, fate: int, length: int = 160, request: UtteranceRequest = REQUEST) -> None:
        self.answers: list[tuple[int, Recognised | EngineError]] = []
        self._answered = trio.Event()
        self.utterance: PoolUtterance = pool.listen(request, self._take)
        self.utterance.feed(np.array([fate, *[0] * (length - 1)], np.int16))
        self.utterance.decode(1)

    def _take(self, generation: int, answer: Recognised | EngineError) -> None:
        self.answers.append((generation, answer))
        self._answered.set()

    async def answer(self) -> Recognised | EngineError:
        await self._answered.wait()
        assert len(self.answers) == 1
        return self.answers[0][1]

    async def transcript(self) -> str:
        answer = await self.answer()
        assert isinstance(answer, Recognised), answer
        return answer.hypotheses[0].transcript

    async def error(self) -> str:
        answer = await self.answer()
        assert isinstance(answer, EngineError), answer
        return str(answer)


@contextmanager
def the_engine_held_at(gate: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(gate)


async def when_reached(gate: Path) -> int:
    """Wait until the engine stands at the gate; closing the descriptor lets it through."""
    return await trio.to_thread.run_sync(os.open, gate, os.O_WRONLY, abandon_on_cancel=True)


def pid_of(transcript: str) -> int:
    return int(transcript.split()[0])


# Answers


async def test_hears_all_that_was_fed_before_the_decode() -> None:
    async with a_ready_pool() as pool:
        asked = Asked(pool, Fate.LENGTH, length=100)
        asked.utterance.feed(np.zeros(60, np.int16))
        assert await asked.transcript() == "100"
        answer = await asked.answer()
        assert isinstance(answer, Recognised)
        assert answer.asr_model == "fake"
        assert answer.cpu_seconds > 0
        asked.answers.clear()
        asked.utterance.decode(2)
        asked._answered = trio.Event()
        assert await asked.transcript() == "160"


async def test_an_answer_comes_later_never_inside_the_call() -> None:
    async with a_ready_pool(queue_utterances=1) as pool:
        asked = [Asked(pool, Fate.LENGTH) for _ in range(3)]
        assert all(not one.answers for one in asked)
        assert await asked[0].transcript() == "160"


async def test_the_longest_utterance_is_bounded() -> None:
    async with a_ready_pool() as pool:
        utterance = pool.listen(REQUEST, lambda generation, answer: None)
        utterance.feed(np.zeros(MAXIMUM_SAMPLES, np.int16))
        with pytest.raises(OverflowError):
            utterance.feed(np.zeros(1, np.int16))


async def test_grammars_reach_the_engine_with_their_arguments() -> None:
    grammar = ActiveGrammar(
        uri="session:x",
        type="builtin:speech/y",
        kind="y",
        arguments={"a": ["é", 1.5, None, {"b": True}]},
        language="fr",
    )
    async with a_ready_pool() as pool:
        assert await Asked(pool, Fate.LENGTH, request=UtteranceRequest("fr", (grammar,), 3)).transcript() == "160"


# The process


async def test_a_worker_is_niced_single_threaded_and_deaf_to_the_servers_signals() -> None:
    async with a_ready_pool(niceness=7) as pool:
        pid, nice, threads, deaf = (await Asked(pool, Fate.PROCESS).transcript()).split()
        assert int(pid) != os.getpid()
        assert int(nice) == os.nice(0) + 7
        assert (threads, deaf) == ("1", "True")


async def test_an_idle_process_prepares_a_request_before_its_decode() -> None:
    async with a_ready_pool() as pool:
        assert await Asked(pool, Fate.PREPARED).transcript() == "1"


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


async def test_a_request_that_cannot_be_prepared_is_not_the_end_of_the_process() -> None:
    async with a_ready_pool() as pool:
        assert await Asked(pool, Fate.LENGTH, request=UtteranceRequest("xx")).transcript() == "160"
        assert pool.statistics().deaths == 0


# Failures


@pytest.mark.parametrize(
    ("fate", "error"),
    [
        (Fate.ENGINE_ERROR, "the model is tired"),
        (Fate.BUG, "the engine failed: ValueError: two lines"),
        (Fate.NOT_JSON, "the engine failed: TypeError: Object of type ndarray is not JSON serializable"),
    ],
)
async def test_an_engine_that_raises_fails_its_utterance_and_nothing_else(fate: Fate, error: str) -> None:
    async with a_ready_pool() as pool:
        before = pid_of(await Asked(pool, Fate.PROCESS).transcript())
        assert await Asked(pool, fate).error() == error
        assert pid_of(await Asked(pool, Fate.PROCESS).transcript()) == before


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


async def test_the_death_of_one_process_leaves_the_others_alone(gate: Path) -> None:
    async with a_ready_pool(workers=2) as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            assert "signal 9" in await Asked(pool, Fate.KILL).error()
            assert not held.answers
        assert await held.transcript() == "through the gate"


async def test_an_idle_process_that_is_killed_is_replaced_before_anyone_asks() -> None:
    async with a_ready_pool() as pool:
        os.kill(pid_of(await Asked(pool, Fate.PROCESS).transcript()), signal.SIGKILL)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


async def test_a_decode_that_takes_too_long_ends_with_its_process(gate: Path) -> None:
    async with a_ready_pool(decode_deadline_s=0.2) as pool:
        assert await Asked(pool, Fate.GATE).error() == "the recogniser took longer than 0.2 s"
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


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


async def test_a_full_queue_answers_at_once_that_it_is_full(gate: Path) -> None:
    async with a_ready_pool(queue_utterances=1) as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            waiting = Asked(pool, Fate.LENGTH)
            assert await Asked(pool, Fate.LENGTH).error() == "the recogniser is overloaded: 1 utterances are waiting"
        assert await held.transcript() == "through the gate"
        assert await waiting.transcript() == "160"


async def test_cancelled_utterances_and_stale_generations_leave_the_queue_unanswered(gate: Path) -> None:
    async with a_ready_pool() as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            cancelled, resumed = Asked(pool, Fate.LENGTH), Asked(pool, Fate.LENGTH)
            cancelled.utterance.cancel()
            cancelled.utterance.cancel()
            resumed.utterance.feed(np.zeros(40, np.int16))
            resumed.utterance.decode(2)
            assert pool.statistics().waiting == 1
            held.utterance.cancel()
        assert await resumed.transcript() == "200"
        assert [generation for generation, _ in resumed.answers] == [2]
        assert not cancelled.answers
        assert not held.answers


async def test_utterances_are_served_in_the_order_in_which_they_asked(gate: Path) -> None:
    order: list[int] = []

    def open_and_decode(number: int) -> None:
        pool.listen(REQUEST, lambda generation, answer: order.append(generation)).decode(number)

    async with a_ready_pool() as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            for number in range(5):
                open_and_decode(number)
            last = Asked(pool, Fate.LENGTH)
        await held.transcript()
        await last.transcript()
    assert order == [0, 1, 2, 3, 4]


async def test_a_receiver_that_raises_hurts_nobody_else() -> None:
    def refuse(generation: int, answer: Recognised | EngineError) -> None:
        raise RuntimeError("not today")

    async with a_ready_pool() as pool:
        utterance = pool.listen(REQUEST, refuse)
        utterance.decode(1)
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


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


async def test_an_error_inside_the_block_comes_out_as_it_is() -> None:
    with trio.fail_after(LIMIT_S), pytest.raises(EngineError, match="mine"):
        async with a_pool():
            raise EngineError("mine")


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
