"""Pages of usage records: what is asked of a store, and the SQL that both databases understand.

Owns what a page is and its order. Must not know connections, HTTP or who asks.

 1. A page goes on after a place, and a place is the time and `record_id` of a row, never a count of rows: rows that
    are added meanwhile shift nothing. A row that is there when the first page is read comes on exactly one page.
 2. Every question names one tenant. There is none about all of them.
 3. A question has a time limit: `TooSlow` means that it was given up.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias, TypeVar

from attrs import frozen

from h2b.model.errors import H2BError
from h2b.usage.store import Period, Row, Table
from h2b.usage.summary import DAY_MS, SummaryLine

ALWAYS = Period(0, 253_402_300_800_000)
"""Up to the year 10000."""

ITEMS_AT_ONCE = 20
"""Rows between two pauses: a fraction of a millisecond."""
PAUSE_S = 0.0001

T = TypeVar("T")
Value: TypeAlias = str | int


class TooSlow(H2BError):
    """A question that took longer than it may."""


@frozen(kw_only=True)
class Selection:
    """Which rows: of one tenant and a time, and of one reference or session where these are given."""

    tenant: str
    period: Period = ALWAYS
    custom_id: str | None = None
    channel_id: str | None = None


@frozen
class Place:
    """Where a page ends. For rows `moment` is the time of the last one and `name` its `record_id`; for sums, the day
    counted from 1970-01-01 and the `custom_id`."""

    moment: int
    name: str


class UsageReader(Protocol):
    """An open store that can only be read. For one thread; its calls block, for a limited time."""

    def page(self, table: Table, selection: Selection, after: Place | None, limit: int) -> list[Row]:
        """The first rows after a place, oldest first. Raises TooSlow, StoreUnavailable."""

    def sums(self, selection: Selection, after: Place | None, limit: int) -> list[SummaryLine]:
        """What each reference used on each day, by day and `custom_id`. Raises TooSlow, StoreUnavailable."""

    def close(self) -> None:
        """Let go of it."""


def unhurried(items: Iterable[T]) -> Iterator[T]:
    """The same, with pauses. The interpreter takes itself from a busy thread only after 5 ms, and from one that lets go
    of it for microseconds not even then; the loop that serves calls has no such time."""
    for number, item in enumerate(items):
        if number % ITEMS_AT_ONCE == 0:
            time.sleep(PAUSE_S)
        yield item


@frozen
class Dialect:
    """Where two databases differ."""

    prefix: str
    """Of the names of tables."""
    octets: str
    """The collation that compares texts by their octets."""


@frozen
class Query:
    """A statement whose values stand in it as `:name`."""

    text: str
    values: dict[str, Value]


def page_query(dialect: Dialect, table: Table, selection: Selection, after: Place | None, limit: int) -> Query:
    """The rows of a page, all columns."""
    where, values = _conditions(table, selection)
    if after is not None:
        where += f" AND ({table.time}, record_id) > (:moment, :name)"
        values |= {"moment": after.moment, "name": after.name}
    return Query(
        f"SELECT {', '.join(table.names)} FROM {dialect.prefix}{table.name} WHERE {where}"
        f" ORDER BY {table.time}, record_id LIMIT :limit",
        values | {"limit": limit},
    )


def sums_query(dialect: Dialect, table: Table, selection: Selection, after: Place | None, limit: int) -> Query:
    """Rows of day, custom_id, and the three sums of a line."""
    day, reference = f"{table.time} / {DAY_MS}", f"custom_id COLLATE {dialect.octets}"
    where, values = _conditions(table, selection)
    if after is not None:
        # The first condition says nothing new, but an index knows it.
        where += f" AND {table.time} >= :day_start AND ({day} > :moment OR {reference} > :name)"
        values |= {"day_start": after.moment * DAY_MS, "moment": after.moment, "name": after.name}
    return Query(
        f"SELECT {day}, custom_id, count(*) FILTER (WHERE corrects = ''), CAST(sum(listened_ms) AS bigint),"
        f" CAST(sum(billed_ms) AS bigint) FROM {dialect.prefix}{table.name} WHERE {where}"
        f" GROUP BY {day}, custom_id ORDER BY {day}, {reference} LIMIT :limit",
        values | {"limit": limit},
    )


def _conditions(table: Table, selection: Selection) -> tuple[str, dict[str, Value]]:
    where = f"tenant = :tenant AND {table.time} >= :start AND {table.time} < :end"
    period = selection.period
    values: dict[str, Value] = {"tenant": selection.tenant, "start": period.start_ms, "end": period.end_ms}
    for name, wanted in (("custom_id", selection.custom_id), ("channel_id", selection.channel_id)):
        if wanted is not None:
            where += f" AND {name} = :{name}"
            values[name] = wanted
    return where, values
