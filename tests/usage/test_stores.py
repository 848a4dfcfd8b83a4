"""What every store keeps to, tried on each of them."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from h2b.model.errors import H2BError
from h2b.usage import schema
from h2b.usage.schema import Migration
from h2b.usage.sqlite import SqliteStore, statements
from h2b.usage.store import (
    RECOGNITIONS,
    SESSIONS,
    TABLES,
    Period,
    Row,
    StoreUnavailable,
    UsageStore,
    correction,
    row_of,
)
from tests.cli.running import run
from tests.usage.made import ALWAYS, NOON_MS, a_recognition, a_row, a_session

Open = Callable[[], UsageStore]


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store, empty at first, each time it is called."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "deep" / "usage.db")
    from h2b.usage.postgres import PostgresStore

    url = request.getfixturevalue("postgres").new_database()
    return lambda: PostgresStore(url)


@pytest.fixture
def store(open_store: Open) -> Iterator[UsageStore]:
    opened = open_store()
    yield opened
    opened.close()


def test_what_was_added_is_read_back_as_it_was(store: UsageStore) -> None:
    recognition = row_of(a_recognition(transcript="um, 'quoted' — ünïcode\n", value=["x", 1.5]))
    session = row_of(a_session())
    store.add([recognition, session])
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [recognition]
    assert list(store.rows(SESSIONS, ALWAYS)) == [session]


def test_the_same_record_is_kept_once_however_often_it_comes(store: UsageStore) -> None:
    row, other = a_row(), a_row()
    store.add([row, row])
    store.add([other, row])
    assert len(list(store.rows(RECOGNITIONS, ALWAYS))) == 2


def test_what_is_there_already_is_not_changed(store: UsageStore) -> None:
    row = a_row()
    store.add([row])
    store.add([a_row(record_id=row["record_id"], billed_ms=0)])
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [row]


def test_rows_come_in_order_of_time_from_the_first_moment_up_to_the_last(store: UsageStore) -> None:
    late, early, middle = (a_row(started_ms=NOON_MS + seconds * 1000) for seconds in (9, 1, 5))
    store.add([late, early, middle])
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [early, middle, late]
    assert list(store.rows(RECOGNITIONS, Period(NOON_MS + 1000, NOON_MS + 9000))) == [early, middle]


def test_a_tenant_sees_its_own_only_and_no_name_is_a_name(store: UsageStore) -> None:
    north, nobody = a_row(), a_row(tenant="")
    store.add([north, nobody])
    assert list(store.rows(RECOGNITIONS, ALWAYS, "north")) == [north]
    assert list(store.rows(RECOGNITIONS, ALWAYS, "")) == [nobody]
    assert list(store.rows(RECOGNITIONS, ALWAYS, "%' OR '1'='1")) == []


def test_a_row_is_found_with_its_corrections(store: UsageStore) -> None:
    row, other = a_row(), a_row()
    corrected = correction(row, str(a_row()["record_id"]), -100)
    store.add([row, other, corrected])
    found = store.find(str(row["record_id"]))
    assert sorted(found, key=lambda each: str(each["corrects"])) == [row, corrected]
    assert store.find(str(a_row()["record_id"])) == []


def test_a_store_opened_again_has_its_rows_and_its_tables(open_store: Open) -> None:
    first = open_store()
    rows = [a_row() for _ in range(3000)]
    first.add(rows)
    second = open_store()
    first.close()
    assert len(list(second.rows(RECOGNITIONS, ALWAYS))) == 3000
    second.close()


def test_stores_opened_at_the_same_time_make_their_tables_once(open_store: Open) -> None:
    failures: list[Exception] = []

    def use() -> None:
        try:
            store = open_store()
            store.add([a_row()])
            store.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = open_store()
    assert len(list(store.rows(RECOGNITIONS, ALWAYS))) == 6
    store.close()


def test_a_newer_program_brings_the_tables_up_to_date_once(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_store()
    name = "recognitions" if isinstance(first, SqliteStore) else "h2b_recognitions"
    row = a_row()
    first.add([row])
    first.close()
    step = Migration(3, f"ALTER TABLE {name} ADD COLUMN later integer;\nCREATE INDEX later ON {name} (later);\n")
    known = schema.migrations
    monkeypatch.setattr(schema, "migrations", lambda database: (*known(database), step))
    for _ in range(2):
        store = open_store()
        store.add([row, a_row()])
        store.close()
    monkeypatch.undo()
    with pytest.raises(H2BError, match=r"its tables have version 3, expected at most 2: use a newer h2b$"):
        open_store()


def test_the_columns_of_the_tables_are_those_that_are_told(open_store: Open, tmp_path: Path, request: Any) -> None:
    store = open_store()
    connection = store._connection  # type: ignore[attr-defined]  # of either library: nothing else tells columns
    for table in TABLES:
        name = table.name if isinstance(store, SqliteStore) else f"h2b_{table.name}"
        cursor = connection.execute(f"SELECT * FROM {name}")
        columns = {entry[0] for entry in cursor.description} - {"sequence", "received_at"}
        assert columns == set(table.names)
    store.close()


# SQLite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.db"


def test_each_addition_is_on_the_disk_when_it_is_done(path: Path) -> None:
    store = SqliteStore(path)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_rows_cannot_be_changed(path: Path) -> None:
    store = SqliteStore(path)
    store.add([a_row(), row_of(a_session())])
    for table in TABLES:
        with pytest.raises(sqlite3.IntegrityError, match="usage records are never changed"):
            store._connection.execute(f"UPDATE {table.name} SET billed_ms = 0")
    store.close()


def test_all_rows_of_an_addition_are_kept_or_none(path: Path) -> None:
    store = SqliteStore(path)
    wrong = Row(RECOGNITIONS, (*a_row().values[:-3], None, None, None))
    with pytest.raises(sqlite3.IntegrityError):
        store.add([a_row(), wrong])
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == []
    store.add([a_row()])
    store.close()


def test_a_file_that_is_locked_is_unavailable_until_it_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.usage.sqlite.BUSY_S", 0.0)
    store, other = SqliteStore(path), sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"database is locked$"):
        store.add([a_row()])
    other.execute("COMMIT")
    other.close()
    store.add([a_row()])
    store.close()


def test_a_new_file_that_another_process_prepares_is_waited_for(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    done.start()
    store = SqliteStore(path)
    done.join()
    store.add([a_row()])
    store.close()
    other.close()


def test_a_full_disk_is_unavailable_until_it_is_not(path: Path) -> None:
    store = SqliteStore(path)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    rows = [a_row() for _ in range(100)]
    with pytest.raises(StoreUnavailable, match=r"database or disk is full$"):
        store.add(rows)
    store._connection.execute("PRAGMA max_page_count = 100000")
    store.add(rows)
    assert len(list(store.rows(RECOGNITIONS, ALWAYS))) == 100
    store.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text(
        "not a database, but long enough to have a head of a hundred octets, which is what is looked at " * 9
    )
    with pytest.raises(StoreUnavailable, match=r"file is not a database$"):
        SqliteStore(path)


def test_a_file_that_is_not_there_is_not_made_for_readers(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"no usage records there$"):
        SqliteStore(path, create=False)
    assert not path.exists()


def test_a_file_is_for_its_owner(path: Path) -> None:
    SqliteStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_much_is_forgotten_in_small_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.usage.sqlite.FORGOTTEN_ROWS", 10)
    store = SqliteStore(path)
    store.add([a_row(started_ms=1000) for _ in range(35)])
    store.add([a_row()])
    assert store.forget(NOON_MS, only_shipped=False) == 35
    assert len(list(store.rows(RECOGNITIONS, ALWAYS))) == 1
    store.close()


def test_readers_take_no_lock_of_writers(path: Path) -> None:
    store = SqliteStore(path)
    store.add([a_row()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    reader = SqliteStore(path, create=False)
    assert len(list(reader.rows(RECOGNITIONS, ALWAYS))) == 1
    assert len(reader.unshipped(RECOGNITIONS, 10)[0]) == 1
    reader.close()
    other.close()
    store.close()


def test_tables_of_a_newer_program_are_refused(path: Path) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(H2BError, match=r"its tables have version 99, expected at most 2: use a newer h2b$"):
        SqliteStore(path)


def test_a_script_is_cut_where_statements_end() -> None:
    trigger = "CREATE TRIGGER t BEFORE UPDATE ON a BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n"
    assert list(statements(f"CREATE TABLE a (b);\n\n-- a; b\n{trigger}")) == [
        "CREATE TABLE a (b);\n",
        f"\n-- a; b\n{trigger}",
    ]


def test_what_is_still_to_be_copied_is_counted(path: Path) -> None:
    store = SqliteStore(path)
    store.add([a_row(), a_row(), row_of(a_session())])
    assert store.count_unshipped() == 3
    _, last = store.unshipped(RECOGNITIONS, 1)
    store.mark_shipped(RECOGNITIONS, last)
    assert store.count_unshipped() == 2
    store.close()


def test_only_what_is_old_is_forgotten_and_only_what_was_copied(path: Path) -> None:
    store = SqliteStore(path)
    old, copied, new = a_row(started_ms=1000), a_row(started_ms=2000), a_row(started_ms=NOON_MS)
    store.add([copied])
    _, last = store.unshipped(RECOGNITIONS, 10)
    store.mark_shipped(RECOGNITIONS, last)
    store.add([old, new])
    assert store.forget(NOON_MS, only_shipped=True) == 1
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [old, new]
    assert store.forget(NOON_MS, only_shipped=False) == 1
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [new]
    # The number of what was forgotten is not used again.
    assert store.unshipped(RECOGNITIONS, 10)[0] == [new]
    store.close()


# PostgreSQL


def test_no_connection_is_told_in_one_line_without_the_password() -> None:
    from h2b.usage.postgres import PostgresStore

    with pytest.raises(StoreUnavailable) as refused:
        PostgresStore("postgresql://me:secret@127.0.0.1:1/none")
    assert str(refused.value).startswith("postgres: connection ")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_command_line_reads_the_database_of_all_unless_it_is_told_not_to(postgres: Any, tmp_path: Path) -> None:
    from h2b.usage.postgres import PostgresStore

    url = postgres.new_database()
    store, local = PostgresStore(url), SqliteStore(tmp_path / "usage.db")
    row = a_row()
    store.add([row, a_row()])
    local.add([a_row()])
    store.close()
    local.close()
    config = tmp_path / "h2b.toml"
    config.write_text(f'[usage]\npath = "usage.db"\npostgres = "{url}"\n')
    export = ["usage", "export", "--format", "jsonl", "--config", str(config)]
    assert len(run(*export).output.splitlines()) == 2
    assert len(run(*export, "--local").output.splitlines()) == 1
    assert run("usage", "correct", str(row["record_id"]), "--billed-ms", "0", "--config", str(config)).exit_code == 0
    assert len(run(*export).output.splitlines()) == 3


def test_a_statement_has_a_time_limit(postgres: Any) -> None:
    from h2b.usage.postgres import STATEMENT_S, PostgresStore

    store = PostgresStore(postgres.new_database())
    assert store._connection.execute("SHOW statement_timeout").fetchone() == (f"{STATEMENT_S}s",)
    assert store._connection.execute("SHOW lock_timeout").fetchone() == (f"{STATEMENT_S}s",)
    store.close()


def test_a_file_of_an_older_program_is_brought_up_to_date_by_whoever_reads_it_first(path: Path) -> None:
    with sqlite3.connect(path) as database:
        first = schema.migrations("sqlite")[0]
        database.executescript(first.script)
        database.execute(f"PRAGMA user_version = {first.number}")
    store = SqliteStore(path, create=False, read_only=True)
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == []
    assert store._version() == len(schema.migrations("sqlite"))
    store.close()
