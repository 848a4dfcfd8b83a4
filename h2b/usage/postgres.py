"""Usage records in PostgreSQL: the store of many servers.

Owns the connection and its time limits. Must not know where rows come from. Calls block, for `STATEMENT_S` at most: in
threads they cannot be cancelled otherwise.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from h2b.usage.reading import Dialect, Place, Query, Selection, TooSlow, page_query, sums_query
from h2b.usage.schema import missing
from h2b.usage.store import RECOGNITIONS, Period, Row, StoreUnavailable, Table
from h2b.usage.summary import SummaryLine, date_of

CONNECT_S = 5
"""Also the longest wait for the network to take what was sent."""
STATEMENT_S = 10
FETCH_ROWS = 2000
MIGRATION_LOCK = 0x683262
"""Number of the advisory lock that servers starting together take in turns."""
DIALECT = Dialect(prefix="h2b_", octets='"C"')


class PostgresStore:
    """An open connection. For one thread at a time."""

    def __init__(self, url: str) -> None:
        """Connect, and bring the tables to the version of this program.

        Raises:
            StoreUnavailable: no connection, or no right to make the tables.
            H2BError: a newer program has made the tables.
        """
        with _told():
            self._connection = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                tcp_user_timeout=CONNECT_S * 1000,
                application_name="h2b",
                options=f"-c statement_timeout={STATEMENT_S * 1000} -c lock_timeout={STATEMENT_S * 1000}",
            )
        try:
            with _told():
                self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def add(self, rows: Sequence[Row]) -> None:
        """Make these rows safe: all, or none and StoreUnavailable."""
        by_table: dict[Table, list[Row]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append(row)
        with _told(), self._connection.transaction(), self._connection.cursor() as cursor:
            for table, some in by_table.items():
                insert = SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (record_id) DO NOTHING").format(
                    _name(table), _columns(table), SQL(", ").join(Placeholder() * len(table.names))
                )
                cursor.executemany(insert, [row.values for row in some])

    def rows(self, table: Table, period: Period, tenant: str | None = None) -> Iterator[Row]:
        """The rows of a time, oldest first, of one tenant or of all."""
        query = SQL(
            "SELECT {} FROM {} WHERE {time} >= %(start)s AND {time} < %(end)s AND tenant = coalesce(%(tenant)s, tenant)"
            " ORDER BY {time}, record_id"
        ).format(_columns(table), _name(table), time=Identifier(table.time))
        values = {"start": period.start_ms, "end": period.end_ms, "tenant": tenant}
        with _told(), self._connection.transaction(), self._connection.cursor(name="rows") as cursor:
            cursor.itersize = FETCH_ROWS
            for found in cursor.execute(query, values):
                yield _row(table, found)

    def find(self, record_id: str) -> list[Row]:
        """The recognition of this id and the rows that correct it."""
        query = SQL(
            "SELECT {} FROM {} WHERE record_id = %(id)s::uuid OR (corrects = %(id)s::text AND corrects <> '')"
        ).format(_columns(RECOGNITIONS), _name(RECOGNITIONS))
        with _told():
            found = self._connection.execute(query, {"id": record_id}).fetchall()
        return [_row(RECOGNITIONS, cells) for cells in found]

    def close(self) -> None:
        self._connection.close()

    def _migrate(self) -> None:
        connection = self._connection
        if self._version() == 0 or missing("postgres", self._version(), "postgres"):
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
                connection.execute("CREATE TABLE IF NOT EXISTS h2b_migrations (number integer PRIMARY KEY)")
                for step in missing("postgres", self._version(), "postgres"):
                    connection.execute(step.script.encode())
                    connection.execute("INSERT INTO h2b_migrations VALUES (%s)", (step.number,))

    def _version(self) -> int:
        found = self._connection.execute("SELECT to_regclass('h2b_migrations') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            return 0
        number = self._connection.execute("SELECT coalesce(max(number), 0) FROM h2b_migrations").fetchone()
        return int(number[0]) if number else 0


class PostgresReader:
    """A connection that can only read. For one thread at a time."""

    def __init__(self, url: str, patience_s: float) -> None:
        """Connect. The servers that copy their records there make the tables.

        Args:
            patience_s: time for each question.

        Raises:
            StoreUnavailable: no connection.
        """
        limit_ms = round(patience_s * 1000)
        with _told():
            self._connection = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                tcp_user_timeout=CONNECT_S * 1000,
                application_name="h2b",
                options=f"-c statement_timeout={limit_ms} -c default_transaction_read_only=on",
            )

    def page(self, table: Table, selection: Selection, after: Place | None, limit: int) -> list[Row]:
        """The first rows after a place, oldest first."""
        return [_row(table, found) for found in self._ask(page_query(DIALECT, table, selection, after, limit))]

    def sums(self, selection: Selection, after: Place | None, limit: int) -> list[SummaryLine]:
        """What each reference used on each day."""
        found = self._ask(sums_query(DIALECT, RECOGNITIONS, selection, after, limit))
        return [SummaryLine(selection.tenant, custom_id, date_of(day), *sums) for day, custom_id, *sums in found]

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: Query) -> list[tuple[Any, ...]]:
        text = re.sub(r":(\w+)", r"%(\1)s", query.text)
        with _told():
            try:
                return self._connection.execute(text.encode(), query.values).fetchall()
            except psycopg.errors.QueryCanceled as error:
                raise TooSlow("the question took too long") from error


def is_url(text: str) -> bool:
    """Whether the library can read it: a URL, or pairs such as 'host=db dbname=usage'."""
    try:
        conninfo_to_dict(text)
    except psycopg.Error:
        return False
    return True


def _name(table: Table) -> Identifier:
    return Identifier(f"h2b_{table.name}")


def _row(table: Table, cells: Sequence[Any]) -> Row:
    place = table.place["record_id"]
    return Row(table, (*cells[:place], str(cells[place]), *cells[place + 1 :]))


def _columns(table: Table) -> Composed:
    return SQL(", ").join(map(Identifier, table.names))


@contextmanager
def _told() -> Iterator[None]:
    """Any error of the database: its operator can mend them all, and the rows wait in the file of their server."""
    try:
        yield
    except psycopg.Error as error:
        # A password never stands in the library's texts; their first line says it all.
        raise StoreUnavailable(f"postgres: {str(error).partition(chr(10))[0]}") from error
