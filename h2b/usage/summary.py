"""Sums of usage by client, reference and day.

Owns the sums and what a day is: one of UTC. Must not know stores or how sums are shown. Integers only.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from attrs import frozen

from h2b.usage.store import Row

DAY_MS = 24 * 3600 * 1000
EPOCH = date(1970, 1, 1)


@frozen(order=True)
class SummaryLine:
    """What one reference of one tenant used on one day."""

    tenant: str
    custom_id: str
    day: date
    recognitions: int
    listened_ms: int
    billed_ms: int


def summarise(rows: Iterable[Row]) -> list[SummaryLine]:
    """One line for each tenant, custom_id and day with recognitions, in this order. A correction adds to the time
    billed and is no recognition."""
    sums: dict[tuple[str, str, int], list[int]] = {}
    for row in rows:
        key = (str(row["tenant"]), str(row["custom_id"]), whole(row, "started_ms") // DAY_MS)
        sum_ = sums.setdefault(key, [0, 0, 0])
        sum_[0] += not row["corrects"]
        sum_[1] += whole(row, "listened_ms")
        sum_[2] += whole(row, "billed_ms")
    return [
        SummaryLine(tenant, custom_id, date_of(day), *sum_) for (tenant, custom_id, day), sum_ in sorted(sums.items())
    ]


def date_of(day: int) -> date:
    """The date of a day counted from 1970-01-01."""
    return EPOCH + timedelta(days=day)


def whole(row: Row, name: str) -> int:
    """A cell that is an integer."""
    cell = row[name]
    assert isinstance(cell, int)
    return cell
