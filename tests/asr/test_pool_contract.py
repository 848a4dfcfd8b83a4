"""What every pool keeps to, over local processes and over a Ray cluster: real time, every wait bounded by LIMIT_S."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import trio
import trio.testing
from asking import REQUEST, Asked, pid_of, the_engine_held_at, when_reached
from attrs import evolve
from fake_engine import Fate

from h2b.asr.base import UtteranceRequest
from h2b.asr.pool import MAXIMUM_SAMPLES, Pool, open_pool
from h2b.asr.raypool import open_ray_pool
from h2b.config import AsrSettings
from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError
from h2b.model.results import Recognised

LIMIT_S = 120

OpenReady: TypeAlias = Callable[..., AbstractAsyncContextManager[Pool]]


@pytest.fixture
def gate(open_ready: OpenReady) -> Path:
    return Path(os.environ["H2B_TEST_GATE"])


@pytest.fixture(params=["local", "ray"])
def open_ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenReady:
    """Opens a pool of either kind, with one worker where nothing else is said, and waits until it is ready."""
    opens, folder, settings = open_pool, tmp_path, AsrSettings(workers=1, queue_s=60, decode_deadline_s=60)
    if request.param == "ray":
        cluster = request.getfixturevalue("ray_cluster")
        opens, folder = open_ray_pool, cluster.folder
        settings = evolve(
            settings, pool="ray", ray_address=cluster.address, ray_namespace=request.getfixturevalue("ray_namespace")
        )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("H2B_TEST_GATE", str(folder / "gate"))
    (folder / "gate").unlink(missing_ok=True)
    os.mkfifo(folder / "gate")

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Pool]:
        with trio.fail_after(LIMIT_S):
            async with opens(evolve(settings, **changes), engine="fake_engine:load") as pool:
                await pool.ready()
                yield pool

    return opened


async def test_hears_all_that_was_fed_before_the_decode(open_ready: OpenReady) -> None:
    async with open_ready() as pool:
        asked = Asked(pool, Fate.LENGTH, length=100)
        asked.utterance.feed(np.zeros(60, np.int16))
        assert await asked.transcript() == "100"
        answer = await asked.answer()
        assert isinstance(answer, Recognised)
        assert answer.asr_model == "fake"
        assert answer.cpu_seconds > 0
        asked.again(2)
        assert await asked.transcript() == "160"


async def test_an_answer_comes_later_never_inside_the_call(open_ready: OpenReady) -> None:
    async with open_ready(queue_utterances=1) as pool:
        asked = [Asked(pool, Fate.LENGTH) for _ in range(3)]
        assert all(not one.answers for one in asked)
        assert await asked[0].transcript() == "160"


async def test_the_longest_utterance_is_bounded(open_ready: OpenReady) -> None:
    async with open_ready() as pool:
        utterance = pool.listen(REQUEST, lambda generation, answer: None)
        utterance.feed(np.zeros(MAXIMUM_SAMPLES, np.int16))
        with pytest.raises(OverflowError):
            utterance.feed(np.zeros(1, np.int16))


async def test_grammars_reach_the_engine_with_their_arguments(open_ready: OpenReady) -> None:
    grammar = ActiveGrammar(
        uri="session:x",
        type="builtin:speech/y",
        kind="y",
        arguments={"a": ["é", 1.5, None, {"b": True}]},
        language="fr",
    )
    async with open_ready() as pool:
        assert await Asked(pool, Fate.LENGTH, request=UtteranceRequest("fr", (grammar,), 3)).transcript() == "160"


async def test_an_idle_process_prepares_a_request_before_its_decode(open_ready: OpenReady) -> None:
    async with open_ready() as pool:
        before = int(await Asked(pool, Fate.PREPARED).transcript())
        other = UtteranceRequest("fr", n_best=5)
        assert await Asked(pool, Fate.PREPARED, request=other).transcript() == str(before + 1)


async def test_a_request_that_cannot_be_prepared_is_not_the_end_of_the_process(open_ready: OpenReady) -> None:
    async with open_ready() as pool:
        assert await Asked(pool, Fate.LENGTH, request=UtteranceRequest("xx")).transcript() == "160"
        assert pool.statistics().deaths == 0


async def test_an_engine_that_raises_fails_its_utterance_and_nothing_else(open_ready: OpenReady) -> None:
    errors = {
        Fate.ENGINE_ERROR: "the model is tired",
        Fate.BUG: "the engine failed: ValueError: two lines",
        Fate.NOT_JSON: "the engine failed: TypeError: Object of type ndarray is not JSON serializable",
    }
    async with open_ready() as pool:
        before = pid_of(await Asked(pool, Fate.PROCESS).transcript())
        assert {fate: await Asked(pool, fate).error() for fate in errors} == errors
        assert pid_of(await Asked(pool, Fate.PROCESS).transcript()) == before


async def test_a_process_that_dies_fails_its_utterance_alone_and_is_replaced(open_ready: OpenReady, gate: Path) -> None:
    async with open_ready(workers=2) as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            assert "process" in await Asked(pool, Fate.KILL).error()
            assert not held.answers
            assert await Asked(pool, Fate.LENGTH).transcript() == "160"
            assert pool.statistics().deaths == 1
        assert await held.transcript() == "through the gate"


async def test_an_idle_process_that_is_killed_is_replaced_before_anyone_asks(open_ready: OpenReady) -> None:
    async with open_ready() as pool:
        os.kill(pid_of(await Asked(pool, Fate.PROCESS).transcript()), signal.SIGKILL)
        while not pool.statistics().deaths:
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


async def test_a_decode_that_takes_too_long_ends_with_its_process(open_ready: OpenReady, gate: Path) -> None:
    async with open_ready(decode_deadline_s=2.0) as pool:
        assert await Asked(pool, Fate.GATE).error() == "the recogniser took longer than 2 s"
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


async def test_a_full_queue_answers_at_once_that_it_is_full(open_ready: OpenReady, gate: Path) -> None:
    async with open_ready(queue_utterances=1) as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            assert pool.statistics().waited_s == 0
            waiting = Asked(pool, Fate.LENGTH)
            assert await Asked(pool, Fate.LENGTH).error() == "the recogniser is overloaded: 1 utterances are waiting"
            assert pool.statistics().waited_s > 0
        assert await held.transcript() == "through the gate"
        assert await waiting.transcript() == "160"
        assert pool.statistics().waited_s == 0


async def test_cancelled_utterances_and_stale_generations_leave_the_queue_unanswered(
    open_ready: OpenReady, gate: Path
) -> None:
    async with open_ready() as pool:
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


async def test_utterances_are_served_in_the_order_in_which_they_asked(open_ready: OpenReady, gate: Path) -> None:
    order: list[int] = []

    def open_and_decode(number: int) -> None:
        pool.listen(REQUEST, lambda generation, answer: order.append(generation)).decode(number)

    async with open_ready() as pool:
        held = Asked(pool, Fate.GATE)
        with the_engine_held_at(await when_reached(gate)):
            for number in range(5):
                open_and_decode(number)
            last = Asked(pool, Fate.LENGTH)
        await held.transcript()
        await last.transcript()
    assert order == [0, 1, 2, 3, 4]


async def test_a_receiver_that_raises_hurts_nobody_else(open_ready: OpenReady) -> None:
    def refuse(generation: int, answer: Recognised | EngineError) -> None:
        raise RuntimeError("not today")

    async with open_ready() as pool:
        utterance = pool.listen(REQUEST, refuse)
        utterance.decode(1)
        assert await Asked(pool, Fate.LENGTH).transcript() == "160"


async def test_an_error_inside_the_block_comes_out_as_it_is(open_ready: OpenReady) -> None:
    with pytest.raises(EngineError, match="mine"):
        async with open_ready():
            raise EngineError("mine")
