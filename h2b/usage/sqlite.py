"""Usage records in an SQLite file: the store of one server, and the spool from which other stores are filled.

Owns the file. Must not know the other stores. Source: the SQLite documentation, pages "Write-Ahead Logging", "PRAGMA
synchronous" and "STRICT Tables".

 1. WAL and synchronous=FULL: what `add` returned from survives the end of the process and of the machine's power.
 2. `sequence` grows in the order in which rows become safe, since SQLite has one writer at a time. So one number says
    how far the rows were shipped, whoever adds some meanwhile.
 3. The file must not lie on a network file system: its locks do not hold there.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from h2b.usage.reading import Dialect, Place, Query, Selection, TooSlow, page_query, sums_query, unhurried
from h2b.usage.schema import missing
from h2b.usage.store import RECOGNITIONS, TABLES, Cell, Period, Row, StoreUnavailable, Table
from h2b.usage.summary import SummaryLine, date_of

INSERTED_ROWS = 50
"""Rows of one statement."""
FORGOTTEN_ROWS = 1000
"""Rows deleted in one transaction."""
BUSY_S = 1.0
"""Longest wait for another process that writes, within one call."""
STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""
DIALECT = Dialect(prefix="", octets="BINARY")

_FAULTS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
"""Errors that come again however often one tries."""


class SqliteStore:
    """An open file of usage records. For one thread, the one that opened it."""

    def __init__(self, path: Path, *, create: bool = True, read_only: bool = False) -> None:
        """Open a file, and bring its tables to the version of this program.

        Args:
            read_only: change nothing, so that a file one may only read will do; but for tables of an older program,
                which are brought up to date all the same.

        Raises:
            StoreUnavailable: it cannot be opened, or, without `create`, is not there or has no tables.
            H2BError: a newer program has made its tables.
        """
        self.path = path
        if read_only and self._open_to_read():
            return
        with _told(path):
            if create:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
            elif not path.is_file():
                raise StoreUnavailable(f"{path}: no usage records there")
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            with _told(path):
                self._write_ahead()
                self._connection.execute("PRAGMA synchronous = FULL")
                self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def add(self, rows: Sequence[Row]) -> None:
        """Make these rows safe: all, or none and StoreUnavailable."""
        inserts = [_insert(some) for table in TABLES for some in _slices([row for row in rows if row.table is table])]
        if len(inserts) == 1:
            # A transaction by itself.
            with _told(self.path):
                self._connection.execute(*inserts[0])
            return
        with self._writing():
            for statement, cells in inserts:
                self._connection.execute(statement, cells)

    def rows(self, table: Table, period: Period, tenant: str | None = None) -> Iterator[Row]:
        """The rows of a time, oldest first, of one tenant or of all."""
        query = f"SELECT {', '.join(table.names)} FROM {table.name} WHERE {table.time} >= ? AND {table.time} < ?"
        values: list[str | int] = [period.start_ms, period.end_ms]
        if tenant is not None:
            query += " AND tenant = ?"
            values.append(tenant)
        with _told(self.path):
            for values_found in self._connection.execute(f"{query} ORDER BY {table.time}, record_id", values):
                yield Row(table, values_found)

    def find(self, record_id: str) -> list[Row]:
        """The recognition of this id and the rows that correct it."""
        columns = ", ".join(RECOGNITIONS.names)
        query = f"SELECT {columns} FROM recognitions WHERE record_id = ?1 OR (corrects = ?1 AND corrects <> '')"
        with _told(self.path):
            return [Row(RECOGNITIONS, found) for found in self._connection.execute(query, (record_id,))]

    def close(self) -> None:
        self._connection.close()

    # As a spool

    def unshipped(self, table: Table, limit: int) -> tuple[list[Row], int]:
        """Rows that are still to be copied, in the order in which they became safe, and the number to mark then."""
        columns = ", ".join(table.names)
        query = f"SELECT sequence, {columns} FROM {table.name} WHERE sequence > ? ORDER BY sequence LIMIT ?"
        with _told(self.path):
            shipped = self._shipped(table)
            found = self._connection.execute(query, (shipped, limit)).fetchall()
        return [Row(table, values[1:]) for values in found], found[-1][0] if found else shipped

    def count_unshipped(self) -> int:
        """How many rows are still to be copied."""
        with _told(self.path):
            counted = [
                self._connection.execute(
                    f"SELECT count(*) FROM {table.name} WHERE sequence > ?", (self._shipped(table),)
                )
                for table in TABLES
            ]
            return sum(found.fetchone()[0] for found in counted)

    def mark_shipped(self, table: Table, up_to: int) -> None:
        """Remember how far the table was copied."""
        with self._writing():
            mark = "INSERT INTO shipped VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET up_to = excluded.up_to"
            self._connection.execute(mark, (table.name, up_to))

    def forget(self, before_ms: int, *, only_shipped: bool) -> int:
        """Delete what is older than a moment, and with `only_shipped` copied too; tells how many rows went."""
        return sum(self._forget(table, before_ms, only_shipped) for table in TABLES)

    def _forget(self, table: Table, before_ms: int, only_shipped: bool) -> int:
        """In small steps: new records wait for each of them."""
        old = f"SELECT sequence FROM {table.name} WHERE {table.time} < ? AND sequence <= ? LIMIT {FORGOTTEN_ROWS}"
        gone = 0
        while True:
            with self._writing():
                last = self._shipped(table) if only_shipped else 2**63 - 1
                delete = f"DELETE FROM {table.name} WHERE sequence IN ({old})"
                count = self._connection.execute(delete, (before_ms, last)).rowcount
            gone += count
            if count < FORGOTTEN_ROWS:
                return gone

    def _shipped(self, table: Table) -> int:
        found = self._connection.execute("SELECT up_to FROM shipped WHERE source = ?", (table.name,)).fetchone()
        return int(found[0]) if found else 0

    # The file

    def _open_to_read(self) -> bool:
        """Whether the file is open for reading; False where its tables are those of an older program."""
        with _told(self.path):
            if not self.path.is_file():
                raise StoreUnavailable(f"{self.path}: no usage records there")
        with _told(self.path):
            self._connection = connect_to_read(self.path)
            version = self._version()
        if version and not missing("sqlite", version, str(self.path)):
            return True
        self._connection.close()
        if not version:
            raise StoreUnavailable(f"{self.path}: no usage records there")
        return False

    def _write_ahead(self) -> None:
        """Turn the write-ahead log on: the one statement with which SQLite does not wait for others by itself.

        The first process of a new file changes the file's header, and one that asks meanwhile is refused at once,
        whatever the connection's timeout. A transaction does wait, so an empty one is our place in the queue.
        """
        give_up_at = time.monotonic() + BUSY_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                    raise
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("ROLLBACK")

    def _migrate(self) -> None:
        if not missing("sqlite", self._version(), str(self.path)):
            return
        with self._writing():
            # Another process may have been quicker.
            for step in missing("sqlite", self._version(), str(self.path)):
                for statement in statements(step.script):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {step.number}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction."""
        with _told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, timeout=BUSY_S, uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        # A reader wants a file of shared memory beside a database in WAL mode, and may not make one here. Without a log
        # nobody is writing.
        connection = sqlite3.connect(f"{uri}&immutable=1", timeout=BUSY_S, uri=True, isolation_level=None)
    return connection


def _slices(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[first : first + INSERTED_ROWS] for first in range(0, len(rows), INSERTED_ROWS))


def _insert(rows: Sequence[Row]) -> tuple[str, list[Cell]]:
    """One statement for rows of one table: after each the thread must get the interpreter back from a busy server."""
    return _statement(rows[0].table, len(rows)), [cell for row in rows for cell in row.values]


@cache
def _statement(table: Table, rows: int) -> str:
    marks = f"({', '.join('?' for _ in table.names)})"
    values = ", ".join([marks] * rows)
    return f"INSERT INTO {table.name} ({', '.join(table.names)}) VALUES {values} ON CONFLICT (record_id) DO NOTHING"


class SqliteReader:
    """A file of usage records, open for reading only: who reads keeps nobody from writing. For one thread."""

    def __init__(self, path: Path, patience_s: float) -> None:
        """Open a file whose tables have the version of this program; whoever writes it sees to that.

        Args:
            patience_s: time for all questions together.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        self.path = path
        self._give_up_at = time.monotonic() + patience_s
        with _told(path):
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=BUSY_S, uri=True)
            self._connection.set_progress_handler(self._late, STEPS)

    def page(self, table: Table, selection: Selection, after: Place | None, limit: int) -> list[Row]:
        """The first rows after a place, oldest first."""
        return [Row(table, found) for found in self._ask(page_query(DIALECT, table, selection, after, limit))]

    def sums(self, selection: Selection, after: Place | None, limit: int) -> list[SummaryLine]:
        """What each reference used on each day."""
        found = self._ask(sums_query(DIALECT, RECOGNITIONS, selection, after, limit))
        return [SummaryLine(selection.tenant, custom_id, date_of(day), *sums) for day, custom_id, *sums in found]

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: Query) -> list[tuple[Any, ...]]:
        with _told(self.path):
            try:
                return list(unhurried(self._connection.execute(query.text, query.values)))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooSlow("the question took too long") from error
                raise

    def _late(self) -> bool:
        return time.monotonic() >= self._give_up_at


def statements(script: str) -> Iterator[str]:
    """The statements of a script: the library runs several at once only outside a transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tells what may go away by itself from faults of ours."""
    try:
        yield
    except _FAULTS:
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}") from error
