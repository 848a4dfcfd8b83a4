"""What is told of a bench: facts, tables and pictures, before anybody decides whether a terminal or a page shows them.

Owns these three and the words for numbers that are missing.
"""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

NOTHING = "-"


@frozen
class Grid:
    """A table of words."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@frozen
class Part:
    """What is told of one thing."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    grids: Sequence[Grid] = ()
    plots: Sequence[str] = field(default=(), repr=False)
    """Texts of SVG files."""


def percent(rate: float | None) -> str:
    return NOTHING if rate is None else f"{rate:.1%}"


def times(spread: Mapping[str, float]) -> tuple[str, ...]:
    """Percentiles of milliseconds, and the most."""
    return tuple(f"{spread[name]:.0f}" if spread else NOTHING for name in ("p50", "p90", "p95", "p99", "max"))
