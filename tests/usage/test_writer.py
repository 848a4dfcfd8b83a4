"""The writer's thread: nothing is lost, nothing is doubled, order is kept, nobody waits."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from attrs import define, field
from structlog.testing import capture_logs

from h2b.usage import writer
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, Period, Row, StoreUnavailable, Table
from h2b.usage.writer import UsageQueueFull, UsageWriter
from tests.usage.made import ALWAYS, a_row

LIMIT_S = 30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.01)


@define
class FakeStore:
    """A store that does what the test says."""

    groups: list[list[Row]] = field(factory=list)
    opened: int = 0
    closed: int = 0
    failures: list[Exception] = field(factory=list)
    """Raised one after the other before anything is taken."""
    bad: set[Row] = field(factory=set)
    free: threading.Event = field(factory=threading.Event)
    """`add` waits for it."""
    entered: threading.Event = field(factory=threading.Event)

    def open(self) -> "FakeStore":
        self.opened += 1
        return self

    def add(self, rows: Sequence[Row]) -> None:
        self.entered.set()
        assert self.free.wait(LIMIT_S)
        if self.failures:
            raise self.failures.pop(0)
        if self.bad & set(rows):
            raise ValueError("a bad row")
        self.groups.append(list(rows))

    def rows(self, table: Table, period: Period, tenant: str | None = None) -> Iterator[Row]:
        return iter(())

    def find(self, record_id: str) -> list[Row]:
        return []

    def close(self) -> None:
        self.closed += 1

    @property
    def taken(self) -> list[Row]:
        return [row for group in self.groups for row in group]


@pytest.fixture
def store() -> FakeStore:
    fake = FakeStore()
    fake.free.set()
    return fake


def test_rows_are_written_in_order_and_told_to_be_safe_in_order(store: FakeStore) -> None:
    rows = [a_row() for _ in range(2500)]
    told: list[int] = []
    safe_when_told: list[bool] = []
    writing = UsageWriter(store.open)
    for number, row in enumerate(rows):

        def tell(number: int = number, row: Row = row) -> None:
            told.append(number)
            safe_when_told.append(row in store.groups[-1])

        assert writing.write(row, tell)
    writing.close(LIMIT_S)
    assert store.taken == rows
    assert told == list(range(2500))
    assert all(safe_when_told)
    assert max(map(len, store.groups)) <= writer.GROUP_ROWS
    assert (store.opened, store.closed) == (1, 1)


def test_all_that_wait_are_written_together(store: FakeStore) -> None:
    store.free.clear()
    writing = UsageWriter(store.open)
    writing.write(a_row(), lambda: None)
    assert store.entered.wait(LIMIT_S)
    for _ in range(200):
        writing.write(a_row(), lambda: None)
    assert writing.waiting == 201
    store.free.set()
    writing.close(LIMIT_S)
    assert writing.waiting == 0
    assert [len(group) for group in store.groups] == [1, 200]


def test_nothing_waits_any_more_once_all_is_written(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = threading.Event()
    writing = UsageWriter(store.open)
    wait = writing._changed.wait

    def tell_and_wait(timeout: float | None = None) -> bool:
        if store.taken:
            idle.set()
        return wait(timeout)

    monkeypatch.setattr(writing._changed, "wait", tell_and_wait)
    writing.write(a_row(), lambda: None)
    assert idle.wait(LIMIT_S)
    assert writing.waiting == 0
    writing.close(LIMIT_S)


def test_a_store_that_is_away_loses_nothing_and_says_so(store: FakeStore) -> None:
    store.failures = [StoreUnavailable("locked"), StoreUnavailable("locked"), StoreUnavailable("full")]
    rows = [a_row() for _ in range(10)]
    told = threading.Event()
    with capture_logs() as logs:
        writing = UsageWriter(store.open)
        for row in rows[:-1]:
            writing.write(row, lambda: None)
        writing.write(rows[-1], told.set)
        assert told.wait(LIMIT_S)
        assert writing.write(a_row(), lambda: None), "it is back: one may wait again"
        writing.close(LIMIT_S)
    assert store.taken[:10] == rows
    assert len(store.taken) == 11
    failed = [line for line in logs if line["event"] == "usage_not_written"]
    assert [line["error"] for line in failed] == ["locked", "locked", "full"]
    assert [line["retry_s"] for line in failed] == [0.001, 0.002, 0.004]
    assert [line["event"] for line in logs][-1] == "usage_written_again"
    assert store.opened == 4, "it is opened anew after each failure"


def test_nobody_is_told_to_wait_for_a_store_that_is_away(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.failures = [StoreUnavailable("locked")] * 1_000_000
    failed = threading.Event()
    monkeypatch.setattr(writer._log, "error", lambda event, **fields: failed.set())
    writing = UsageWriter(store.open)
    assert writing.write(a_row(), lambda: None)
    assert failed.wait(LIMIT_S)
    assert not writing.write(a_row(), lambda: None)
    store.failures.clear()
    writing.close(LIMIT_S)
    assert len(store.taken) == 2


def test_a_row_that_no_store_takes_goes_to_the_log_and_the_others_are_written(store: FakeStore) -> None:
    rows = [a_row(transcript="secret") for _ in range(5)]
    store.bad = {rows[2]}
    store.free.clear()
    told: list[int] = []
    with capture_logs() as logs:
        writing = UsageWriter(store.open)
        writing.write(a_row(), lambda: None)
        assert store.entered.wait(LIMIT_S)
        for number, row in enumerate(rows):
            writing.write(row, lambda number=number: told.append(number))
        store.free.set()
        writing.close(LIMIT_S)
    assert store.taken[1:] == [row for row in rows if row is not rows[2]]
    assert told == [0, 1, 2, 3, 4]
    (lost,) = logs
    assert (lost["event"], lost["reason"], lost["table"]) == ("usage_row_lost", "a bad row", "recognitions")
    assert lost["row"]["record_id"] == rows[2]["record_id"]
    assert "secret" not in str(lost)


def test_what_is_left_at_the_end_goes_to_the_log(store: FakeStore) -> None:
    store.failures = [StoreUnavailable("locked")] * 1_000_000
    rows = [a_row() for _ in range(3)]
    with capture_logs() as logs:
        writing = UsageWriter(store.open)
        for row in rows:
            writing.write(row, lambda: None)
        writing.close(0.05)
    lost = [line["row"]["record_id"] for line in logs if line["event"] == "usage_row_lost"]
    assert lost == [row["record_id"] for row in rows]


def test_a_queue_that_is_full_takes_no_more(store: FakeStore) -> None:
    store.free.clear()
    writing = UsageWriter(store.open, queue_rows=3)
    writing.write(a_row(), lambda: None)
    assert store.entered.wait(LIMIT_S)
    for _ in range(3):
        writing.write(a_row(), lambda: None)
    with pytest.raises(UsageQueueFull, match=r"^3 usage records wait to be written$"):
        writing.write(a_row(), lambda: None)
    store.free.set()
    writing.close(LIMIT_S)
    assert len(store.taken) == 4


def test_writing_never_waits_for_the_disk(store: FakeStore) -> None:
    store.free.clear()
    writing = UsageWriter(store.open)
    rows = [a_row() for _ in range(1000)]
    began = time.process_time()
    for row in rows:
        writing.write(row, lambda: None)
    assert time.process_time() - began < 0.5
    store.free.set()
    writing.close(LIMIT_S)


def test_a_lock_of_another_process_delays_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.usage.sqlite.BUSY_S", 0.0)
    path = tmp_path / "usage.db"
    SqliteStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    failed = threading.Event()
    rows = [a_row() for _ in range(50)]
    monkeypatch.setattr(writer._log, "error", lambda event, **fields: failed.set())
    writing = UsageWriter(lambda: SqliteStore(path))
    for row in rows:
        writing.write(row, lambda: None)
    assert failed.wait(LIMIT_S)
    other.execute("COMMIT")
    other.close()
    writing.close(LIMIT_S)
    store = SqliteStore(path)
    assert sorted(store.rows(RECOGNITIONS, ALWAYS), key=lambda row: str(row["record_id"])) == rows
    store.close()
