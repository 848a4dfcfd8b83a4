"""One thread that writes usage records, so that nobody who makes them waits for a disk.

Owns the queue and the thread. Must not know which store it writes to, nor who waits for a record.

Theory of operation
 1. `write` only puts a row into the queue. The thread takes all that wait and adds them together: one transaction, and
    one wait for the disk, whatever the number. So the busier the server, the larger the groups.
 2. Order is kept: when a row is told to be safe, all before it are.
 3. A store that cannot be written is tried again and again, with longer and longer pauses: nothing is dropped while the
    process lives. `write` then says that nobody should wait.
 4. What the queue cannot hold, what no store takes and what is left at the end goes to the log, whole.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog
from attrs import frozen

from h2b.model.errors import H2BError
from h2b.usage.store import Row, StoreUnavailable, UsageStore

_log = structlog.get_logger("h2b.usage.writer")

QUEUE_ROWS = 100_000
"""Rows that may wait, some 100 MB: hours of a busy server without a disk."""
GROUP_ROWS = 1000
"""Rows of one transaction, at most."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class UsageQueueFull(H2BError):
    """Too many rows wait for a store that cannot be written."""


@frozen
class _Waiting:
    row: Row
    when_safe: Callable[[], None]


class UsageWriter:
    """Writes rows in the order in which they come. `write` may be called by any thread."""

    def __init__(self, open_store: Callable[[], UsageStore], *, queue_rows: int = QUEUE_ROWS) -> None:
        """`open_store` is called in the writer's thread, again after each failure."""
        self._open_store = open_store
        self._queue_rows = queue_rows
        self._store: UsageStore | None = None
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._give_up_at: float | None = None
        self._writing = 0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="usage-writer", daemon=True)
        self._thread.start()

    def write(self, row: Row, when_safe: Callable[[], None]) -> bool:
        """Queue a row; the writer's thread calls `when_safe` once it is safe, or nothing more can be done for it.

        Returns whether that is a matter of milliseconds; False while the store cannot be written.

        Raises:
            UsageQueueFull: the row was not taken.
        """
        with self._changed:
            if len(self._queue) >= self._queue_rows:
                raise UsageQueueFull(f"{len(self._queue)} usage records wait to be written")
            self._queue.append(_Waiting(row, when_safe))
            self._changed.notify_all()
            return not self._failing

    @property
    def waiting(self) -> int:
        """Rows that are not safe yet."""
        with self._changed:
            return len(self._queue) + self._writing

    def close(self, patience_s: float) -> None:
        """Write what waits, for no longer than this; what is left then goes to the log."""
        with self._changed:
            self._give_up_at = time.monotonic() + patience_s
            self._changed.notify_all()
        self._thread.join()

    # In the thread

    def _run(self) -> None:
        while group := self._next_group():
            self._keep(group)
            for waiting in group:
                waiting.when_safe()
        if self._store is not None:
            self._store.close()

    def _next_group(self) -> list[_Waiting]:
        """All that wait; nothing when that is the end."""
        with self._changed:
            self._writing = 0
            while not self._queue and self._give_up_at is None:
                self._changed.wait()
            self._writing = min(len(self._queue), GROUP_ROWS)
            return [self._queue.popleft() for _ in range(self._writing)]

    def _keep(self, group: list[_Waiting]) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                self._add(group)
                break
            except StoreUnavailable as error:
                self._failing = True
                waiting = len(group) + len(self._queue)
                _log.error("usage_not_written", error=str(error), waiting=waiting, retry_s=pause)
                if not self._pause(pause):
                    self._leave_to_the_log(group, str(error))
                    return
                pause = min(2 * pause, LONGEST_PAUSE_S)
            except Exception as error:
                # One bad row must not take the good ones with it, nor stop those to come.
                if len(group) == 1:
                    self._leave_to_the_log(group, str(error))
                else:
                    for waiting_row in group:
                        self._keep([waiting_row])
                return
        if self._failing:
            self._failing = False
            _log.info("usage_written_again", waiting=len(self._queue))

    def _add(self, group: list[_Waiting]) -> None:
        if self._store is None:
            self._store = self._open_store()
        try:
            self._store.add([waiting.row for waiting in group])
        except StoreUnavailable:
            self._store.close()
            self._store = None
            raise

    def _pause(self, seconds: float) -> bool:
        """Wait before the next attempt; False when there is no time for one."""
        until = time.monotonic() + seconds
        with self._changed:
            while (now := time.monotonic()) < until:
                if self._give_up_at is not None and self._give_up_at <= now:
                    return False
                end = until if self._give_up_at is None else min(until, self._give_up_at)
                self._changed.wait(end - now)
        return True

    def _leave_to_the_log(self, group: list[_Waiting], reason: str) -> None:
        """The log is then the only place that knows. What callers said is not for it."""
        for waiting in group:
            fields = {name: cell for name, cell in waiting.row.fields.items() if name not in ("transcript", "value")}
            _log.error("usage_row_lost", reason=reason, table=waiting.row.table.name, row=fields)
