"""A Ray cluster on this machine, for tests: a process that owns all of it, obeys lines on stdin and leaves nothing.

    add N        a node with N CPUs                     -> the process id of its raylet
    kill PID     SIGKILL a raylet and all that it runs  -> PID

The first two lines it writes are the address of the head and the raylet of its own node. When stdin ends, so do the
cluster and all its processes, and the last line says how many of them could not be ended.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from typing import Any

from processes import children_of

PR_SET_CHILD_SUBREAPER = 36
HEAD_CPUS = 4
SMALL = {"object_store_memory": 80 << 20}
# A dead node is known as such after two seconds; one that answers, however late, is alive.
HEALTH = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


def say(text: object) -> None:
    sys.__stdout__.write(f"{text}\n")
    sys.__stdout__.flush()


def kill(pid: int) -> None:
    """It and its children: first the parent, which would start them again."""
    children = children_of(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for child in children:
        kill(child)


def raylet(node: Any) -> int:
    return node.all_processes["raylet"][0].process.pid


def end_all(deadline_s: float = 20.0) -> int:
    """Whatever descends from this process comes to it when its parent ends."""
    end = time.monotonic() + deadline_s
    while (left := children_of(os.getpid())) and time.monotonic() < end:
        for pid in left:
            kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return len(left)


def make_cluster() -> Any:
    # Ray reads its environment when it is imported.
    from ray._private.node import Node
    from ray.cluster_utils import Cluster

    # The dashboard takes longer to start than all the rest, and no recogniser needs it.
    Node.start_api_server = lambda self, **settings: None
    head = {"no_monitor": True, "include_log_monitor": False, "_system_config": HEALTH, **SMALL}
    return Cluster(initialize_head=True, head_node_args={"num_cpus": HEAD_CPUS, **head})


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Paths of sockets must be short.
    folder = tempfile.mkdtemp(prefix="h2b-", dir="/tmp")
    os.mkdir(f"{folder}/ray")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": folder}
    try:
        cluster = make_cluster()
        say(cluster.address)
        say(raylet(cluster.head_node))
        for line in sys.stdin:
            match line.split():
                case ["add", cpus]:
                    say(raylet(cluster.add_node(num_cpus=int(cpus), **SMALL)))
                case ["kill", pid]:
                    kill(int(pid))
                    say(pid)
    finally:
        left = end_all()
        shutil.rmtree(folder, ignore_errors=True)
        say(left)
    # Ray would look for its processes once more.
    os._exit(0)


main()
