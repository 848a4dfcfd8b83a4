"""Pages of records, read from each database while others write."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from h2b.config import UsageSettings
from h2b.server.usage import open_usage, reader_of
from h2b.usage.reading import Place, Selection, TooSlow, UsageReader, page_query
from h2b.usage.sqlite import DIALECT, SqliteReader, SqliteStore
from h2b.usage.store import RECOGNITIONS, SESSIONS, Period, Row, StoreUnavailable, UsageStore, correction, row_of
from h2b.usage.summary import DAY_MS, summarise
from tests.usage.made import NOON_MS, a_row, a_session, an_id

PATIENCE_S = 20.0
NORTH = Selection(tenant="north")


@frozen
class Kept:
    """A store, and what opens it for reading."""

    store: UsageStore
    open_reader: Callable[[float], UsageReader]

    def page(self, selection: Selection = NORTH, after: Place | None = None, limit: int = 10) -> list[Row]:
        reader = self.open_reader(PATIENCE_S)
        try:
            return reader.page(RECOGNITIONS, selection, after, limit)
        finally:
            reader.close()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """An empty store of either kind."""
    if request.param == "sqlite":
        path = tmp_path / "usage # 1?.db"
        made = Kept(SqliteStore(path), lambda patience_s: SqliteReader(path, patience_s))
    else:
        from h2b.usage.postgres import PostgresReader, PostgresStore

        url = request.getfixturevalue("postgres").new_database()
        made = Kept(PostgresStore(url), lambda patience_s: PostgresReader(url, patience_s))
    yield made
    made.store.close()


def place(row: Row) -> Place:
    return Place(int(row["started_ms"] or 0), str(row["record_id"]))


def test_pages_have_each_row_once_in_order_though_times_are_equal(kept: Kept) -> None:
    rows = [a_row(started_ms=NOON_MS + number // 3) for number in range(11)]
    kept.store.add(rows[::-1])
    found: list[Row] = []
    while some := kept.page(after=place(found[-1]) if found else None, limit=2):
        found += some
    assert found == rows


def test_only_what_is_selected_is_told(kept: Kept) -> None:
    mine = a_row(custom_id="a", started_ms=NOON_MS + 5)
    others = [a_row(tenant="south"), a_row(tenant="", custom_id="a"), a_row(custom_id="", started_ms=NOON_MS + 10)]
    session = row_of(a_session())
    kept.store.add([mine, *others, session])
    assert kept.page() == [mine, others[2]]
    assert kept.page(Selection(tenant="north", custom_id="a")) == [mine]
    assert kept.page(Selection(tenant="north", custom_id="")) == [others[2]]
    assert kept.page(Selection(tenant="north", channel_id="test1")) == [mine, others[2]]
    assert kept.page(Selection(tenant="north", channel_id="test2")) == []
    assert kept.page(Selection(tenant="north", period=Period(NOON_MS + 5, NOON_MS + 10))) == [mine]
    reader = kept.open_reader(PATIENCE_S)
    assert reader.page(SESSIONS, NORTH, None, 10) == [session]
    reader.close()


def test_sums_are_those_of_the_summary_page_by_page(kept: Kept) -> None:
    names = ("", "B", "a", "é")
    rows = [
        a_row(custom_id=name, started_ms=NOON_MS + day * DAY_MS) for day in range(3) for name in names for _ in range(2)
    ]
    rows.append(correction(rows[0], an_id(), -2500))
    kept.store.add([*rows, a_row(tenant="south")])
    expected = sorted(summarise(rows), key=lambda line: (line.day, line.custom_id))
    reader = kept.open_reader(PATIENCE_S)
    assert reader.sums(NORTH, None, 100) == expected
    for number, line in enumerate(expected, start=1):
        after = Place((line.day - expected[0].day).days + NOON_MS // DAY_MS, line.custom_id)
        assert reader.sums(NORTH, after, 2) == expected[number : number + 2]
    reader.close()


def test_a_question_to_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    store = SqliteStore(path)
    store.add([a_row() for _ in range(1000)])
    reader = SqliteReader(path, 0.0)
    with pytest.raises(TooSlow, match=r"^the question took too long$"):
        reader.sums(NORTH, None, 1)
    reader.close()
    store.close()


def test_a_question_to_a_database_that_takes_too_long_is_given_up(postgres: Any) -> None:
    from h2b.usage.postgres import PostgresReader, PostgresStore

    url = postgres.new_database()
    store = PostgresStore(url)
    reader = PostgresReader(url, 0.05)
    with store._connection.transaction():
        store._connection.execute("LOCK TABLE h2b_recognitions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TooSlow, match=r"^the question took too long$"):
            reader.sums(NORTH, None, 1)
    assert reader.sums(NORTH, None, 1) == []
    reader.close()
    store.close()


def test_a_reader_changes_nothing(kept: Kept) -> None:
    kept.store.add([a_row()])
    reader = kept.open_reader(PATIENCE_S)
    name = "recognitions" if isinstance(reader, SqliteReader) else "h2b_recognitions"
    with pytest.raises(Exception, match=r"readonly database|read-only transaction"):
        reader._connection.execute(f"DELETE FROM {name}")  # type: ignore[attr-defined]  # of either library
    reader.close()


def test_a_file_is_read_while_another_process_writes_and_after_all_closed_it(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    store = SqliteStore(path)
    row = a_row()
    store.add([row])
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    reader = SqliteReader(path, PATIENCE_S)
    assert reader.page(RECOGNITIONS, NORTH, None, 10) == [row]
    reader.close()
    writing.close()
    store.close()
    reader = SqliteReader(path, PATIENCE_S)
    assert reader.page(RECOGNITIONS, NORTH, None, 10) == [row]
    reader.close()


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        SqliteReader(path, PATIENCE_S)
    assert not path.exists()


def test_a_page_of_a_tenant_is_found_by_an_index(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "usage.db")
    query = page_query(DIALECT, RECOGNITIONS, NORTH, Place(NOON_MS, "x"), 10)
    plan = store._connection.execute(f"EXPLAIN QUERY PLAN {query.text}", query.values).fetchall()
    store.close()
    assert "USING INDEX recognitions_by_tenant" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


async def test_the_database_of_all_servers_is_read_where_there_is_one(tmp_path: Path, postgres: Any) -> None:
    from h2b.usage.postgres import PostgresReader

    settings = UsageSettings(path=str(tmp_path / "usage.db"))
    for url, expected in (("", SqliteReader), (postgres.new_database(), PostgresReader)):
        async with open_usage(evolve(settings, postgres=url)) as write:
            open_reader = reader_of(write)
            assert open_reader is not None
            reader = open_reader()
            assert isinstance(reader, expected)
            reader.close()
    async with open_usage(UsageSettings(path=":none:")) as write:
        assert reader_of(write) is None


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_sql_of_the_page_sums_the_month(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "read-usage.md").read_text("utf-8")
    of_postgres, of_sqlite = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    # The last millisecond before the month, its first and last one, and the first one after it.
    moments = (1_793_491_199_999, 1_793_491_200_000, 1_796_083_199_999, 1_796_083_200_000)
    rows = [a_row(started_ms=moment, billed_ms=10**number) for number, moment in enumerate(moments)]
    if database == "sqlite":
        SqliteStore(tmp_path / "usage.db").add(rows)
        with sqlite3.connect(tmp_path / "usage.db") as connection:
            found = connection.execute(of_sqlite).fetchall()
    else:
        from h2b.usage.postgres import PostgresStore

        store = PostgresStore(request.getfixturevalue("postgres").new_database())
        store.add(rows)
        found = store._connection.execute(of_postgres.encode()).fetchall()
        store.close()
    assert [(*names, int(count), int(billed)) for *names, count, billed in found] == [("north", "acme", 2, 110)]
