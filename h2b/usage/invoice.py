"""Invoices: the recognitions of a month under a tariff, a line for each reference of each tenant.

Owns what a line sums. Must not know stores or how an invoice is shown. Integers only, and nothing but the rows and the
tariff decides: the same month gives the same invoice, until rows come late or are corrected.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from h2b.model.errors import H2BError, shorten
from h2b.usage.store import Period, Row
from h2b.usage.summary import whole
from h2b.usage.tariff import Tariff


@frozen(kw_only=True)
class InvoiceLine:
    """What one reference of one tenant pays. `amount` is in the tariff's smallest amounts, such as cents."""

    tenant: str
    custom_id: str
    recognitions: int
    billed_ms: int
    units: int
    amount: int


@frozen(kw_only=True)
class Invoice:
    """One month."""

    month: str
    tariff: Tariff
    lines: tuple[InvoiceLine, ...]

    @property
    def total(self) -> int:
        """The sum of the lines as they are shown, in the tariff's smallest amounts."""
        return sum(line.amount for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """All of it in plain values; amounts as text, with their decimal point."""
        shown = self.tariff.shown
        lines = [
            {
                "tenant": line.tenant,
                "custom_id": line.custom_id,
                "recognitions": line.recognitions,
                "billed_ms": line.billed_ms,
                "units": line.units,
                "amount": shown(line.amount),
            }
            for line in self.lines
        ]
        return {
            "month": self.month,
            "tariff": self.tariff.version,
            "currency": self.tariff.currency,
            "unit_ms": self.tariff.unit_ms,
            "price_micros": self.tariff.price_micros,
            "lines": lines,
            "total": shown(self.total),
        }


@define
class _Sum:
    recognitions: int = 0
    billed_ms: int = 0
    units: int = 0


@define
class _Sums:
    """What is summed up on the way through the rows."""

    tariff: Tariff
    changes: dict[str, int]
    """Of a corrected recognition: what its corrections add to it."""
    lines: dict[tuple[str, str], _Sum] = field(factory=dict)

    def add(self, row: Row) -> None:
        billed_ms = max(0, whole(row, "billed_ms") + self.changes.get(str(row["record_id"]), 0))
        line = self.lines.setdefault((str(row["tenant"]), str(row["custom_id"])), _Sum())
        line.recognitions += 1
        if row["cause"] not in self.tariff.free_causes:
            line.billed_ms += billed_ms
            line.units += self.tariff.units(billed_ms)


def make_invoice(month: str, tariff: Tariff, rows: Callable[[], Iterable[Row]]) -> Invoice:
    """The invoice of a month, `2026-11`, from its recognitions; `rows` gives them each time it is called."""
    changes: dict[str, int] = {}
    for row in rows():
        if row["corrects"]:
            corrected = str(row["corrects"])
            changes[corrected] = changes.get(corrected, 0) + whole(row, "billed_ms")
    sums = _Sums(tariff, changes)
    for row in rows():
        if not row["corrects"]:
            sums.add(row)
    lines = []
    for (tenant, custom_id), line in sorted(sums.lines.items()):
        units = line.units if tariff.units_of == "recognition" else tariff.units(line.billed_ms)
        lines.append(
            InvoiceLine(
                tenant=tenant,
                custom_id=custom_id,
                recognitions=line.recognitions,
                billed_ms=line.billed_ms,
                units=units,
                amount=tariff.amount(units),
            )
        )
    return Invoice(month=month, tariff=tariff, lines=tuple(lines))


def period_of(month: str) -> Period:
    """A month of UTC, `2026-11`. Raises H2BError."""
    written = re.fullmatch(r"([0-9]{4})-([0-9]{2})", month)
    try:
        if written is None:
            raise ValueError(month)
        first = datetime(int(written[1]), int(written[2]), 1, tzinfo=UTC)
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    except ValueError as error:
        raise H2BError(f"month: got {shorten(month)}, expected one such as 2026-11") from error
    return Period(round(first.timestamp() * 1000), round(following.timestamp() * 1000))
