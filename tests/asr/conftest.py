"""A Ray cluster for the tests that want one: started once, by the first of them."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_cluster import RayCluster

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed: it has no wheel for this Python, or the extra is missing")
    folder = tmp_path_factory.mktemp("ray")
    patch = pytest.MonkeyPatch()
    # Of those who connect too.
    patch.setenv("RAY_AUTH_MODE", "disabled")
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Actors inherit this from their node; they find the engines of these tests.
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "H2B_TEST_GATE": str(folder / "gate")}
    command = [sys.executable, str(HERE / "ray_nodes.py")]
    pipe = subprocess.PIPE
    with (
        (folder / "stderr").open("w") as told,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=told, text=True, env=environment) as process,
    ):
        cluster = RayCluster(folder, process)
        yield cluster
        left = cluster.end()
    patch.undo()
    assert left == 0


@pytest.fixture(scope="module")
def ray_namespace(request: pytest.FixtureRequest, ray_cluster: RayCluster) -> Iterator[str]:
    """For the actors of one module of tests, which then make room for others. So do those of NAME-other."""
    namespace = request.module.__name__
    yield namespace
    ray_cluster.end_actors(namespace, f"{namespace}-other")
