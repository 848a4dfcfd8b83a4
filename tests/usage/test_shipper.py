"""From the file of one server to the store of all: whatever happens on the way, each record arrives once."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.usage.shipper import BATCH_ROWS, ship
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, SESSIONS, Period, Row, StoreUnavailable, Table, row_of
from tests.usage.made import ALWAYS, a_row, a_session


class Flaky:
    """A store that fails before or after it has taken what it was given, as the script says."""

    def __init__(self, script: Iterator[str]) -> None:
        self._script = script
        self.kept: dict[str, Row] = {}

    def open(self) -> "Flaky":
        if next(self._script, "") == "no connection":
            raise StoreUnavailable("no connection")
        return self

    def add(self, rows: Sequence[Row]) -> None:
        how = next(self._script, "")
        if how == "before":
            raise StoreUnavailable("gone before")
        for row in rows:
            self.kept.setdefault(str(row["record_id"]), row)
        if how == "after":
            raise StoreUnavailable("gone after")

    def rows(self, table: Table, period: Period, tenant: str | None = None) -> Iterator[Row]:
        return iter(())

    def find(self, record_id: str) -> list[Row]:
        return []

    def close(self) -> None:
        pass


@settings(max_examples=40, deadline=None)
@given(
    script=st.lists(st.sampled_from(["", "no connection", "before", "after"]), max_size=12),
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=6),
)
def test_whatever_fails_each_row_arrives_once(
    script: list[str], counts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    destination = Flaky(iter(script))
    rows: list[Row] = []
    with closing(SqliteStore(tmp_path_factory.mktemp("spool") / "usage.db")) as spool:
        for count in counts:
            new = [row_of(a_session()) if number else a_row() for number in range(count)]
            spool.add(new)
            rows += new
            try:
                ship(spool, destination.open)
            except StoreUnavailable:
                continue
            assert list(destination.kept.values()) == [] or set(destination.kept.values()) == set(rows)
        for _ in script:
            try:
                ship(spool, destination.open)
            except StoreUnavailable:
                continue
        ship(spool, destination.open)
    assert set(destination.kept.values()) == set(rows)


def test_nothing_to_copy_asks_for_no_connection(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "usage.db")) as spool:
        assert ship(spool, Flaky(iter(["no connection"])).open) == 0


def test_many_rows_go_in_batches_and_only_once(tmp_path: Path) -> None:
    destination = Flaky(iter(()))
    with closing(SqliteStore(tmp_path / "usage.db")) as spool:
        spool.add([a_row() for _ in range(2 * BATCH_ROWS + 1)])
        assert ship(spool, destination.open) == 2 * BATCH_ROWS + 1
        spool.add([a_row()])
        assert ship(spool, destination.open) == 1
    assert len(destination.kept) == 2 * BATCH_ROWS + 2


def test_an_outage_of_the_database_loses_and_doubles_nothing(postgres: Any, tmp_path: Path) -> None:
    from h2b.usage.postgres import PostgresStore

    url = postgres.new_database()
    recognitions, sessions = [a_row() for _ in range(6)], [row_of(a_session()) for _ in range(4)]
    with closing(SqliteStore(tmp_path / "usage.db")) as spool:
        spool.add(recognitions[:3] + sessions[:2])
        assert ship(spool, lambda: PostgresStore(url)) == 5
        postgres.stop()
        try:
            spool.add(recognitions[3:] + sessions[2:])
            with pytest.raises(StoreUnavailable):
                ship(spool, lambda: PostgresStore(url))
        finally:
            postgres.start()
        assert ship(spool, lambda: PostgresStore(url)) == 5
    with closing(PostgresStore(url)) as store:
        assert list(store.rows(RECOGNITIONS, ALWAYS)) == recognitions
        assert list(store.rows(SESSIONS, ALWAYS)) == sessions
