"""What an actor does, without Ray: its methods are called as Ray calls them, in one event loop."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest
import structlog
from fake_engine import Fate

import h2b
from h2b.asr import rayactor
from h2b.asr.base import UtteranceRequest
from h2b.asr.messages import (
    LENGTH_BYTES,
    Failed,
    Heard,
    Load,
    Occupied,
    Order,
    Prepare,
    Prepared,
    Progress,
    Ready,
    Recognise,
    Refused,
    Report,
    decode_report,
    encode_order,
)
from h2b.asr.rayactor import RecogniserActor

ENGINE = "fake_engine:load"


@pytest.fixture(autouse=True)
def _log_of_the_tests() -> Iterator[None]:
    yield
    structlog.reset_defaults()


REQUEST = UtteranceRequest("en")
LONG_S = 60.0


def coded(order: Order) -> bytes:
    return encode_order(order)[LENGTH_BYTES:]


async def load(actor: RecogniserActor, engine: str = ENGINE, **options: object) -> list[Report]:
    return [decode_report(report) for report in await actor.load(engine, coded(Load(options)), LONG_S)]


async def recognise(actor: RecogniserActor, fate: Fate, server: str = "a", length: int = 160) -> Report:
    audio = bytes([fate, 0]) + bytes(2 * (length - 1))
    return decode_report(await actor.carry_out(server, coded(Recognise(REQUEST, length)), audio, LONG_S))


def heard(report: Report) -> str:
    assert isinstance(report, Heard), report
    return report.recognised.hypotheses[0].transcript


def with_an_actor(test: Callable[[RecogniserActor], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        await test(RecogniserActor())

    asyncio.run(run())


def test_an_actor_tells_its_versions_and_where_it_runs() -> None:
    async def test(actor: RecogniserActor) -> None:
        told = await actor.hello()
        assert told["h2b"] == h2b.__version__
        assert told["pid"] == str(os.getpid())

    with_an_actor(test)


def test_the_engine_is_loaded_once_for_all_servers() -> None:
    async def test(actor: RecogniserActor) -> None:
        ready = Ready(("en", "fr"))
        together = await asyncio.gather(load(actor), load(actor))
        assert together == [[Progress("converting weights"), ready], [ready]]
        assert await load(actor) == [ready]
        assert heard(await recognise(actor, Fate.LENGTH)) == "160"

    with_an_actor(test)


def test_a_server_with_other_settings_or_another_engine_is_refused() -> None:
    async def test(actor: RecogniserActor) -> None:
        await load(actor, languages=["en"])
        for reports in (await load(actor, languages=["fr"]), await load(actor, "fake_engine:refuse", languages=["en"])):
            assert len(reports) == 1
            assert isinstance(reports[0], Refused)
            assert "have loaded other models" in reports[0].reason

    with_an_actor(test)


def test_an_engine_that_cannot_be_loaded_may_be_tried_again() -> None:
    async def test(actor: RecogniserActor) -> None:
        assert await load(actor, "fake_engine:refuse") == [Refused("weights are missing: install them")]
        assert await recognise(actor, Fate.LENGTH) == Failed("the recogniser's process was started again")
        assert (await load(actor))[-1] == Ready(("en", "fr"))

    with_an_actor(test)


def test_servers_that_load_at_once_load_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the process's one timer to itself, and the actor is at work until the last has done."""
    timer: list[str] = []
    monkeypatch.setattr(rayactor.faulthandler, "dump_traceback_later", lambda *_, **__: timer.append("armed"))
    monkeypatch.setattr(rayactor.faulthandler, "cancel_dump_traceback_later", lambda: timer.append("disarmed"))

    async def test(actor: RecogniserActor) -> None:
        refused, loaded, met = await asyncio.gather(load(actor, "fake_engine:refuse"), load(actor), load(actor))
        assert refused == [Refused("weights are missing: install them")]
        assert loaded == [Progress("converting weights"), Ready(("en", "fr"))]
        assert met == [Ready(("en", "fr"))]
        assert timer == ["armed", "disarmed"] * 2

    with_an_actor(test)


def test_an_actor_at_work_keeps_nothing_waiting_and_tells_other_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("H2B_TEST_GATE", str(gate))

    async def test(actor: RecogniserActor) -> None:
        await load(actor)
        own, other = (asyncio.create_task(actor.watch(server, False)) for server in "ab")
        working = asyncio.create_task(recognise(actor, Fate.GATE, "a"))
        held = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
        assert await other is True
        assert not own.done()
        assert await recognise(actor, Fate.LENGTH, "b") == Occupied()
        assert decode_report(await actor.carry_out("b", coded(Prepare(REQUEST)), b"", LONG_S)) == Occupied()
        until_free = asyncio.create_task(actor.watch("b", True))
        os.close(held)
        assert await until_free is False
        assert heard(await working) == "through the gate"
        assert decode_report(await actor.carry_out("b", coded(Prepare(REQUEST)), b"", LONG_S)) == Prepared()
        own.cancel()

    with_an_actor(test)


def test_an_actor_is_at_work_until_its_engine_is_done_even_if_the_server_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("H2B_TEST_GATE", str(gate))

    async def test(actor: RecogniserActor) -> None:
        await load(actor)
        working = asyncio.create_task(recognise(actor, Fate.GATE, "a"))
        held = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
        working.cancel()
        assert await recognise(actor, Fate.LENGTH, "b") == Occupied()
        os.close(held)
        assert await actor.watch("b", True) is False
        assert heard(await recognise(actor, Fate.LENGTH, "b")) == "160"

    with_an_actor(test)
