"""Where usage records go: to the log, to a file, and from there to a database.

Owns the tasks that keep, copy and delete records while the server runs. Must not know who makes them.

Theory of operation
 1. Opening the file is part of starting: a server that cannot keep records says so before it serves.
 2. `WriteRecord` never waits. It gives an event that the writer's thread sets once the record is on the disk.
 3. Copying to a database has its own connection to the file, in threads: an outage of the database delays nobody.
 4. At the end, what waits is written, whatever is cancelled; and copied, if that is quick.
"""

import importlib.util
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import define, field

from h2b.asr.background import background_tasks
from h2b.config import UsageSettings
from h2b.model.errors import ConfigurationError, H2BError
from h2b.model.usage import UsageRecord
from h2b.server.channel import WriteRecord
from h2b.server.log import log_record
from h2b.usage.reading import UsageReader
from h2b.usage.shipper import ship
from h2b.usage.sqlite import SqliteReader, SqliteStore
from h2b.usage.store import StoreUnavailable, UsageStore, row_of
from h2b.usage.writer import UsageWriter

_log = structlog.get_logger("h2b.server.usage")

FLUSH_S = 10.0
"""Longest time at the end for a file that cannot be written; then what is left goes to the log."""
LAST_COPY_S = 5.0
COPY_EVERY_S = 2.0
LONGEST_PAUSE_S = 60.0
READING_S = 5.0
"""Time for one question about records."""
FORGET_EVERY_S = 6 * 3600.0
DAY_MS = 24 * 3600 * 1000


OpenReader = Callable[[], UsageReader]
"""Opens the records for reading, in a thread. Raises StoreUnavailable."""


@define
class Copying:
    """How far the database is behind the file."""

    rows: int = 0
    """Records that could not be copied, when this was last tried."""
    _since: float | None = field(default=None, init=False)

    @property
    def late_s(self) -> float:
        """For how long records have waited; 0 when none do."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def went_well(self) -> None:
        """All was copied."""
        self.rows, self._since = 0, None

    def failed(self, rows: int) -> None:
        """So many records are still to be copied."""
        self.rows = rows
        if self._since is None:
            self._since = time.monotonic()


class KeptRecords:
    """A `WriteRecord` that keeps records in a store."""

    def __init__(self, writer: UsageWriter, open_reader: OpenReader, copying: Copying | None = None) -> None:
        self.open_reader = open_reader
        self.copying = copying
        """Only where there is a database."""
        self._writer = writer
        self._token = trio.lowlevel.current_trio_token()

    def __call__(self, record: UsageRecord) -> trio.Event | None:
        safe = trio.Event()
        waits = self._writer.write(row_of(record), partial(_tell, self._token, safe))
        # After it is kept: a bill does not depend on the log.
        log_record(record)
        return safe if waits else None

    @property
    def waiting(self) -> int:
        """Records that are not safe yet."""
        return self._writer.waiting


def waiting_records(write: WriteRecord) -> int | None:
    """Records that wait to be written; None where none ever waits."""
    return write.waiting if isinstance(write, KeptRecords) else None


def uncopied_records(write: WriteRecord) -> tuple[int, float] | None:
    """Records that could not be copied, and for how many seconds; None where there is no database."""
    copying = write.copying if isinstance(write, KeptRecords) else None
    return None if copying is None else (copying.rows, copying.late_s)


def reader_of(write: WriteRecord) -> OpenReader | None:
    """What opens the kept records for reading; None where none are kept."""
    return write.open_reader if isinstance(write, KeptRecords) else None


@asynccontextmanager
async def open_usage(settings: UsageSettings) -> AsyncIterator[WriteRecord]:
    """A place for the records of one server, as configured.

    Raises:
        ConfigurationError: records cannot be kept there.
    """
    path = settings.file
    if path is None:
        yield log_record
        return
    await trio.to_thread.run_sync(_check, path, settings)
    writer = UsageWriter(partial(SqliteStore, path))
    copying = Copying() if settings.postgres else None
    try:
        async with background_tasks() as tasks:
            tasks.start_soon(_forget_old, path, settings)
            if copying is not None:
                tasks.start_soon(_copy, path, settings.postgres, copying)
            yield KeptRecords(writer, _reading(path, settings.postgres), copying)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(writer.close, FLUSH_S)
            if settings.postgres:
                # What is not copied now is copied after the next start.
                with trio.move_on_after(LAST_COPY_S), suppress(H2BError):
                    await _copy_once(path, settings.postgres)


def _tell(token: trio.lowlevel.TrioToken, safe: trio.Event) -> None:
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(safe.set)


def _check(path: Path, settings: UsageSettings) -> None:
    """Raises ConfigurationError where the settings cannot work."""
    try:
        SqliteStore(path).close()
    except H2BError as error:
        raise ConfigurationError(f"path in [usage]: {error}") from error
    if settings.postgres and importlib.util.find_spec("psycopg") is None:
        lacking = "postgres in [usage]: needs the package psycopg"
        raise ConfigurationError(f"{lacking}, run: pip install /path/to/clone[postgres]")
    if settings.postgres and not _is_postgres_url(settings.postgres):
        # It may hold a password: it is not shown.
        raise ConfigurationError("postgres in [usage]: expected a URL such as postgresql://user@host/database")


# The database


async def _copy(path: Path, url: str, copying: Copying) -> None:
    """Copy for ever, with longer and longer pauses while the database is away."""
    pause = COPY_EVERY_S
    while True:
        try:
            rows = await _copy_once(path, url)
        except H2BError as error:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            waiting = await _uncopied(path, copying)
            _log.warning("usage_not_copied", error=str(error), waiting=waiting, retry_s=pause)
        except Exception:
            # A fault of ours in copying must not end calls; the records stay where they are.
            pause = LONGEST_PAUSE_S
            await _uncopied(path, copying)
            _log.exception("usage_copy_failed", retry_s=pause)
        else:
            copying.went_well()
            if rows and pause > COPY_EVERY_S:
                _log.info("usage_copied_again", rows=rows)
            pause = COPY_EVERY_S
        await trio.sleep(pause)


async def _uncopied(path: Path, copying: Copying) -> int:
    """Note how many records are still to be copied; as many as before where the file cannot be asked either."""
    with suppress(H2BError):
        copying.failed(await trio.to_thread.run_sync(_count, path, abandon_on_cancel=True))
    return copying.rows


def _count(path: Path) -> int:
    with closing(SqliteStore(path)) as spool:
        return spool.count_unshipped()


async def _copy_once(path: Path, url: str) -> int:
    """Copy what is there. May be given up at any time: what is copied twice is kept once."""
    return await trio.to_thread.run_sync(_copy_rows, path, url, abandon_on_cancel=True)


def _copy_rows(path: Path, url: str) -> int:
    open_postgres: Callable[[], UsageStore] = partial(_open_postgres, url)
    with closing(SqliteStore(path)) as spool:
        return ship(spool, open_postgres)


def _reading(path: Path, url: str) -> OpenReader:
    """The database of all servers where there is one, else the file of this one."""
    if not url:
        return partial(SqliteReader, path, READING_S)
    from h2b.usage.postgres import PostgresReader

    return partial(PostgresReader, url, READING_S)


def _open_postgres(url: str) -> UsageStore:
    from h2b.usage.postgres import PostgresStore

    return PostgresStore(url)


def _is_postgres_url(url: str) -> bool:
    from h2b.usage.postgres import is_url

    return is_url(url)


# Retention


async def _forget_old(path: Path, settings: UsageSettings) -> None:
    if not settings.retention_days:
        return
    while True:
        before_ms = round(time.time() * 1000) - settings.retention_days * DAY_MS
        try:
            gone = await trio.to_thread.run_sync(_forget, path, before_ms, bool(settings.postgres))
        except StoreUnavailable as error:
            _log.warning("usage_not_deleted", error=str(error))
        else:
            _log.info("usage_deleted", rows=gone, retention_days=settings.retention_days)
        await trio.sleep(FORGET_EVERY_S)


def _forget(path: Path, before_ms: int, only_copied: bool) -> int:
    with closing(SqliteStore(path)) as store:
        return store.forget(before_ms, only_shipped=only_copied)
