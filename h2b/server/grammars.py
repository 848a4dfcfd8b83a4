"""Grammars that change while the server runs: the operator's folder, looked at every few seconds.

Owns when presets are read again and which set new sessions get. Must not know sessions or messages.

Theory of operation
 1. A look compares names, times and sizes of files; only a difference reads anything, in a thread of its own.
 2. A new set is loaded whole or not at all: while one file is wrong the last good set serves on, and the log says why
    once for each change.
 3. A set never changes. Whoever took one keeps it, so a session knows the same grammars from its OPEN to its CLOSE.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import structlog
import trio
from attrs import define, evolve, field

from h2b.grammar.catalogue import load_catalogue, preset_files
from h2b.grammar.registry import Registry
from h2b.model.errors import ConfigurationError

_log = structlog.get_logger("h2b.server.grammars")

Traces: TypeAlias = tuple[tuple[str, int, int], ...]
"""Path, time of the last change in nanoseconds, and size of every preset file."""


@define
class WatchedGrammars:
    """The newest good set of grammars. Nothing is missed that changes after this object is made."""

    registry: Registry
    """The set for whoever comes next."""
    folders: Sequence[Path]
    """The operator's, in the order of `load_catalogue`."""
    _seen: Traces = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seen = traces(self.folders)

    async def watch(self, seconds: float) -> None:
        """Look every so many seconds, for ever; not at all where there is no folder or `seconds` is 0."""
        while seconds and self.folders:
            await trio.sleep(seconds)
            await self.scan()

    async def scan(self) -> bool:
        """Look once. True if there is a new set now."""
        now = await trio.to_thread.run_sync(traces, self.folders)
        if now == self._seen:
            return False
        # Before reading: a file that changes meanwhile differs from what was seen, and is read at the next look.
        self._seen = now
        try:
            loaded = await trio.to_thread.run_sync(load_catalogue, self.folders)
        except ConfigurationError as error:
            _log.error("grammars_refused", reason=str(error))
            return False
        self.registry = evolve(self.registry, presets=loaded.presets)
        _log.info("grammars_reloaded", grammars=len({preset.path for preset in loaded.presets.values()}))
        return True


def traces(folders: Sequence[Path]) -> Traces:
    """What tells one state of the folders from another. A folder that is gone has no files."""
    found = []
    for path in (path for folder in folders for path in preset_files(folder)):
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed: the next look will not list it.
            continue
        found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)
