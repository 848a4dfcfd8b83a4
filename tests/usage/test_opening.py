"""The place of records in a running server: real files, real threads, real time."""

import inspect
import math
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from h2b.config import LogSettings, UsageSettings
from h2b.loglines import configure_log
from h2b.model.errors import ConfigurationError
from h2b.server import usage
from h2b.server.app import serve
from h2b.server.log import log_record
from h2b.server.usage import DAY_MS, open_usage, uncopied_records, waiting_records
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, SESSIONS, Row, Table, row_of
from tests.usage.made import ALWAYS, a_recognition, a_session

LIMIT_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "usage.db"


def rows(path: Path, table: Table = RECOGNITIONS) -> list[Row]:
    store = SqliteStore(path)
    found = list(store.rows(table, ALWAYS))
    store.close()
    return found


async def test_a_record_is_in_the_file_when_its_event_is_set(path: Path) -> None:
    record = a_recognition()
    with trio.fail_after(LIMIT_S):
        async with open_usage(UsageSettings(path=str(path))) as write:
            safe = write(record)
            assert safe is not None
            assert waiting_records(write) is not None
            await safe.wait()
            assert rows(path) == [row_of(record)]


async def test_what_waits_is_written_at_the_end_even_of_what_is_cancelled(path: Path) -> None:
    records = [a_recognition() for _ in range(300)]
    with trio.move_on_after(LIMIT_S) as scope:
        async with open_usage(UsageSettings(path=str(path))) as write:
            for record in records:
                write(record)
            write(a_session())
            scope.cancel()
            await trio.sleep(math.inf)
    assert rows(path) == [row_of(record) for record in records]
    assert len(rows(path, SESSIONS)) == 1


async def test_the_log_tells_every_record_without_what_was_said(path: Path) -> None:
    with capture_logs() as logs:
        async with open_usage(UsageSettings(path=str(path))) as write:
            write(a_recognition(transcript="secret words", value="secret"))
            write(a_session())
    assert [line["event"] for line in logs] == ["recognition_billed", "session_billed"]
    assert "secret" not in str(logs)
    assert rows(path)[0]["transcript"] == "secret words"


async def test_a_record_is_kept_though_the_log_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with open("/dev/full", "w") as full:
            monkeypatch.setattr("sys.stderr", full)
            configure_log(LogSettings())
            async with open_usage(UsageSettings(path=str(path))) as write:
                assert write(a_recognition()) is not None
    finally:
        structlog.reset_defaults()
    assert len(rows(path)) == 1


async def test_a_record_is_kept_before_it_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(record: object) -> None:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(usage, "log_record", fail)
    async with open_usage(UsageSettings(path=str(path))) as write:
        with pytest.raises(RuntimeError):
            write(a_recognition())
    assert len(rows(path)) == 1


async def test_records_may_be_kept_in_the_log_only(state_folder: Path) -> None:
    with capture_logs() as logs:
        async with open_usage(UsageSettings(path=":none:")) as write:
            assert write(a_recognition()) is None
            assert waiting_records(write) is None
    assert [line["event"] for line in logs] == ["recognition_billed"]


def test_a_server_that_is_not_told_to_keeps_no_file() -> None:
    # `h2b demo` and the tests of bots call `serve`; `h2b serve` calls `run`.
    assert inspect.signature(serve).parameters["write_record"].default is log_record


async def test_a_place_that_cannot_be_written_stops_the_server_before_it_serves(path: Path) -> None:
    path.parent.write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match=r"^path in \[usage\]: .*usage\.db: "):
        async with open_usage(UsageSettings(path=str(path))):
            raise AssertionError


async def test_a_database_without_its_package_stops_the_server_before_it_serves(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as refused:
        async with open_usage(UsageSettings(path=str(path), postgres="postgresql:///usage")):
            raise AssertionError
    told = "postgres in [usage]: needs the package psycopg, run: pip install /path/to/clone[postgres]"
    assert str(refused.value) == told


async def test_a_url_that_is_none_is_refused_and_not_shown(path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        async with open_usage(UsageSettings(path=str(path), postgres="postgres/secret")):
            raise AssertionError
    assert str(refused.value) == ("postgres in [usage]: expected a URL such as postgresql://user@host/database")


async def test_a_fault_in_copying_is_told_and_ends_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(spool: object, open_destination: object) -> int:
        raise ValueError("a fault")

    monkeypatch.setattr(usage, "ship", fail)
    monkeypatch.setattr(usage, "LAST_COPY_S", 0.0)
    told = trio.Event()
    monkeypatch.setattr(usage._log, "exception", lambda event, **fields: told.set())
    with trio.fail_after(LIMIT_S):
        async with open_usage(UsageSettings(path=str(path), postgres="postgresql:///none")) as write:
            await told.wait()
            write(a_recognition())
    assert len(rows(path)) == 1


async def test_old_records_go_and_others_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(path)
    old = row_of(a_recognition(started_ms=10 * DAY_MS))
    new = row_of(a_recognition(started_ms=13 * DAY_MS))
    store.add([old, new])
    store.close()
    monkeypatch.setattr("time.time", lambda: 20 * DAY_MS / 1000)
    gone = trio.Event()
    monkeypatch.setattr(usage._log, "info", lambda event, **fields: gone.set())
    with trio.fail_after(LIMIT_S):
        async with open_usage(UsageSettings(path=str(path), retention_days=8)):
            await gone.wait()
    assert rows(path) == [new]


async def test_records_reach_the_database_and_an_outage_is_made_good(
    path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from h2b.usage.postgres import PostgresStore

    monkeypatch.setattr(usage, "COPY_EVERY_S", 0.02)
    url = postgres.new_database()
    records = [a_recognition() for _ in range(20)]
    out = trio.Event()

    def tell(event: str, **fields: Any) -> None:
        if event == "usage_not_copied":
            out.set()

    monkeypatch.setattr(usage._log, "warning", tell)
    postgres.stop()
    try:
        with trio.fail_after(LIMIT_S):
            async with open_usage(UsageSettings(path=str(path), postgres=url)) as write:
                for record in records[:10]:
                    safe = write(record)
                    assert safe is not None
                    await safe.wait()
                await out.wait()
                behind, late_s = uncopied_records(write) or (0, 0.0)
                assert behind >= 1
                assert late_s > 0
                await trio.to_thread.run_sync(postgres.start)
                while uncopied_records(write) != (0, 0.0):
                    await trio.sleep(0.01)
                for record in records[10:]:
                    write(record)
    finally:
        if not out.is_set():
            postgres.start()
    store = PostgresStore(url)
    assert list(store.rows(RECOGNITIONS, ALWAYS)) == [row_of(record) for record in records]
    store.close()
