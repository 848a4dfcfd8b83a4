"""Who is whose parent, from /proc."""

from contextlib import suppress
from pathlib import Path


def parent_of(pid: int) -> int:
    """Raises OSError where there is no such process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(parent: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if parent_of(int(process.name)) == parent:
                found.append(int(process.name))
    return found
