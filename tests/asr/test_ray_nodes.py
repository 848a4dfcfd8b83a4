"""The pool on a Ray cluster of two nodes, and what it does when one of them dies. Real time, bounded by LIMIT_S."""

import importlib.util
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from asking import Asked, pid_of, when_reached
from processes import children_of
from ray_cluster import RayCluster
from structlog.testing import capture_logs

import h2b
from h2b.asr.pool import Pool
from h2b.asr.raypool import open_ray_pool
from h2b.config import AsrSettings
from h2b.model.errors import EngineError

LIMIT_S = 120

pytestmark = pytest.mark.usefixtures("ray_namespace")


@asynccontextmanager
async def a_pool(cluster: RayCluster, engine: str = "ray_engine:load", **settings: Any) -> AsyncIterator[Pool]:
    given = {"ray_address": cluster.address, "ray_namespace": __name__, "queue_s": 60.0, "decode_deadline_s": 60.0}
    with trio.fail_after(LIMIT_S):
        async with open_ray_pool(AsrSettings(pool="ray", **{**given, **settings}), engine=engine) as pool:
            yield pool


async def when_alive(pool: Pool, count: int) -> None:
    while pool.statistics().alive != count:
        await trio.testing.wait_all_tasks_blocked(0.01)


class Held:
    """An utterance in work at a gate of its own."""

    def __init__(self, cluster: RayCluster, pool: Pool, number: int) -> None:
        self._gate = cluster.folder / f"gate-{number}"
        self._told = cluster.folder / f"held-{number}"
        os.mkfifo(self._gate)
        self.asked = Asked(pool, number)
        self.actor = 0
        self._descriptor = -1

    async def when_in_work(self) -> None:
        self._descriptor = await when_reached(self._gate)
        self.actor = int(self._told.read_text())

    def let_go(self) -> None:
        os.close(self._descriptor)
        self._gate.unlink()


async def test_a_node_that_dies_fails_its_utterances_and_no_others(ray_cluster: RayCluster) -> None:
    async with a_pool(ray_cluster, workers=4) as pool:
        await when_alive(pool, 4)
        held = [Held(ray_cluster, pool, number) for number in range(1, 5)]
        for one in held:
            await one.when_in_work()
        waiting = Asked(pool, 10)
        there = {one.actor: ray_cluster.node_of(one.actor) for one in held}
        assert set(there.values()) == {ray_cluster.head, ray_cluster.other}

        ray_cluster.kill(ray_cluster.other)
        lost = [one for one in held if there[one.actor] == ray_cluster.other]
        kept = [one for one in held if one not in lost]
        for one in lost:
            assert "was lost on" in await one.asked.error()
        # They are on the node that is left, still in work, and nobody has answered for them.
        assert not any(one.asked.answers for one in kept)
        assert not waiting.answers
        assert pool.statistics().alive == len(kept)
        assert pool.statistics().deaths == len(lost)

        for one in held:
            one.let_go()
        for number, one in enumerate(held, 1):
            if one in kept:
                assert await one.asked.transcript() == f"{one.actor} {number}"
        assert pid_of(await waiting.transcript()) in {one.actor for one in kept}

        # The node that is left has CPUs for all four: Ray starts the lost ones there.
        await when_alive(pool, 4)
        assert pool.statistics().deaths == len(lost)
        again = [Held(ray_cluster, pool, number) for number in range(11, 15)]
        for one in again:
            await one.when_in_work()
            one.let_go()
        for number, one in enumerate(again, 11):
            assert await one.asked.transcript() == f"{one.actor} {number}"
        assert {ray_cluster.node_of(one.actor) for one in again} == {ray_cluster.head}
        assert not {one.actor for one in again} & {one.actor for one in lost}
    ray_cluster.other = ray_cluster.add()


async def test_servers_share_actors_which_keep_nothing_waiting(ray_cluster: RayCluster) -> None:
    async with a_pool(ray_cluster, workers=2) as first, a_pool(ray_cluster, workers=2) as second:
        await when_alive(first, 2)
        await when_alive(second, 2)
        held = Held(ray_cluster, first, 21)
        await held.when_in_work()
        # The other server goes to the other actor, even where it has not heard yet that this one is at work.
        elsewhere = {pid_of(await Asked(second, 30).transcript()) for _ in range(4)}
        assert len(elsewhere) == 1
        assert held.actor not in elsewhere
        while second.statistics().free != 1:
            await trio.testing.wait_all_tasks_blocked(0.01)

        also_held = Held(ray_cluster, first, 22)
        await also_held.when_in_work()
        waiting = Asked(second, 30)
        while second.statistics().free or not second.statistics().waiting:
            await trio.testing.wait_all_tasks_blocked(0.01)
        also_held.let_go()
        assert pid_of(await waiting.transcript()) == also_held.actor
        held.let_go()
        assert await held.asked.transcript() == f"{held.actor} 21"


def process_of_the_link() -> int:
    (link,) = [child for child in children_of(os.getpid()) if "raylink" in Path(f"/proc/{child}/cmdline").read_text()]
    return link


async def test_a_link_that_dies_fails_what_is_in_work_and_is_replaced(
    ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_pool(ray_cluster, workers=2) as pool:
        await when_alive(pool, 2)
        held = Held(ray_cluster, pool, 41)
        await held.when_in_work()
        with capture_logs() as logged, monkeypatch.context() as patch:
            # For a while no other link can be made, as when the head is gone.
            patch.setattr(sys, "executable", "false")
            os.kill(process_of_the_link(), signal.SIGKILL)
            assert await held.asked.error() == "the link to the Ray cluster was ended by signal 9 (Killed)"
            while sum(line["event"] == "cluster_lost" for line in logged) < 3:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert pool.statistics().alive == 0
        held.let_go()
        # The actors have lived on.
        assert await Asked(pool, 40).transcript()
        await when_alive(pool, 2)
        assert pool.statistics().deaths == 2


async def test_actors_outlive_the_server_and_keep_their_engines(ray_cluster: RayCluster) -> None:
    async with a_pool(ray_cluster, workers=1) as pool:
        await pool.ready()
        actor = pid_of(await Asked(pool, 30).transcript())
    async with a_pool(ray_cluster, workers=1) as pool:
        await pool.ready()
        assert pid_of(await Asked(pool, 30).transcript()) == actor


async def test_an_operator_ends_actors(ray_cluster: RayCluster) -> None:
    namespace = f"{__name__}-ended"
    async with a_pool(ray_cluster, workers=1, ray_namespace=namespace) as pool:
        await pool.ready()
        actor = os.pidfd_open(pid_of(await Asked(pool, 30).transcript()))
    with trio.fail_after(LIMIT_S):
        assert await trio.to_thread.run_sync(ray_cluster.end_actors, namespace) == "['h2b-asr-1']\n"
        await trio.lowlevel.wait_readable(actor)
    os.close(actor)


async def test_a_server_with_other_models_is_refused(ray_cluster: RayCluster) -> None:
    async with a_pool(ray_cluster, workers=1) as pool:
        await pool.ready()
        async with a_pool(ray_cluster, workers=1, languages=("fr",)) as other:
            with pytest.raises(EngineError, match=r"have loaded other models.*a namespace of its own"):
                await other.ready()
        assert pid_of(await Asked(pool, 30).transcript())


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        ("fake_engine:refuse", "weights are missing: install them"),
        ("fake_engine:break_down", "the engine could not be loaded: RuntimeError: no such thing"),
    ],
)
async def test_an_engine_that_does_not_load_is_told_by_ready(ray_cluster: RayCluster, engine: str, error: str) -> None:
    async with a_pool(ray_cluster, engine, workers=1, ray_namespace=f"{__name__}-other") as pool:
        with pytest.raises(EngineError) as caught:
            await pool.ready()
        assert str(caught.value) == error


OLDER = """
import ray, sys
class Older:
    async def hello(self):
        return {"h2b": "0.0.1", "Python": "3.11.0", "pid": "1", "node": "vm"}
ray.init(address=sys.argv[1], namespace=sys.argv[2], log_to_driver=False, configure_logging=False)
ray.get(ray.remote(Older).options(name="h2b-asr-1", lifetime="detached", num_cpus=0).remote().hello.remote())
"""


async def test_an_actor_of_another_version_is_not_used(ray_cluster: RayCluster) -> None:
    namespace = f"{__name__}-older"
    await trio.run_process([sys.executable, "-c", OLDER, ray_cluster.address, namespace])
    async with a_pool(ray_cluster, workers=1, ray_namespace=namespace) as pool:
        with pytest.raises(EngineError) as caught:
            await pool.ready()
        assert str(caught.value) == (
            f"the recogniser's process h2b-asr-1 runs h2b 0.0.1, and this server h2b {h2b.__version__}:"
            " end it, or give this server another ray_namespace"
        )


async def test_no_cluster_is_told_by_ready_in_one_line(ray_cluster: RayCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with trio.fail_after(LIMIT_S):
        async with open_ray_pool(AsrSettings(pool="ray", ray_address=address)) as pool:
            with pytest.raises(EngineError) as caught:
                await pool.ready()
    assert str(caught.value) == f"no Ray cluster can be used at {address}: [Errno 111] Connection refused"


async def test_without_the_package_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError) as caught:
        async with open_ray_pool(AsrSettings(pool="ray")):
            pass
    assert str(caught.value).endswith("the package ray is not installed, run: pip install /path/to/clone[ray]")
