"""The test's end of `ray_nodes`: a Ray cluster of two nodes on this machine."""

import subprocess
import sys
from pathlib import Path

from attrs import define, field
from processes import parent_of

NODE_CPUS = 4


@define(eq=False)
class RayCluster:
    """A cluster of two nodes: the head's own, to which servers connect, and another."""

    folder: Path
    """Where its engines look for files of tests: `gate`."""
    _process: "subprocess.Popen[str]"
    address: str = field(init=False)
    head: int = field(init=False)
    """Process id of the head's raylet, the parent of all actors of its node."""
    other: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.address = self._answer()
        self.head = int(self._answer())
        self.other = self.add()

    def add(self) -> int:
        """One more node: its raylet."""
        return int(self._ask(f"add {NODE_CPUS}"))

    def kill(self, raylet: int) -> None:
        """SIGKILL a node: its raylet, and all that runs on it."""
        assert self._ask(f"kill {raylet}") == str(raylet)

    def node_of(self, actor: int) -> int:
        """The raylet of the node an actor runs on."""
        return parent_of(actor)

    def end_actors(self, *namespaces: str) -> str:
        """As an operator does. What was printed."""
        code = "from h2b.asr.raylink import *; import sys; [print(end_actors(sys.argv[1], n)) for n in sys.argv[2:]]"
        command = [sys.executable, "-c", code, self.address, *namespaces]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def end(self) -> int:
        """How many processes are left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return int(self._answer())

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the cluster has ended"
        return line
