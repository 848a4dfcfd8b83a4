"""The picture of usage: the minutes billed each day, a bar for a day, a part of it for each tenant.

Owns the layout. Reads summary lines and nothing else.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from h2b.cli.svg import Drawing, cut_to_width, words_width
from h2b.usage.summary import SummaryLine

WIDTH = 1000.0
LEFT, RIGHT = 70.0, 980.0
TOP, BOTTOM = 90.0, 380.0
WORDS = 12.0
GRID_LINES = 5
MAXIMUM_BARS = 120
"""Days drawn, the last ones: more would be thinner than a line."""
PARTS = 6
"""Tenants with a colour of their own; the rest share one."""
REST = "all others"

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
.paper { fill: #ffffff; }
.quiet { fill: #66717d; }
.head { font-weight: 700; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
.axis { stroke: #9aa5b1; stroke-width: 1; }
.part0 { fill: #2b7bbd; } .part1 { fill: #2f8f5b; } .part2 { fill: #c2570c; }
.part3 { fill: #7a55c7; } .part4 { fill: #b08800; } .part5 { fill: #c2386b; } .part6 { fill: #8b97a3; }
@media (prefers-color-scheme: dark) {
text { fill: #e7eaee; }
.paper { fill: #14181d; }
.quiet { fill: #98a3af; }
.grid { stroke: #2a3138; }
.axis { stroke: #66717d; }
}
"""


def draw_usage(lines: Sequence[SummaryLine]) -> str:
    """The picture as the text of an SVG file, readable on light and on dark pages."""
    minutes, tenants = _minutes(lines)
    drawing = Drawing(WIDTH)
    drawing.words(LEFT, 40, "Minutes billed each day (UTC)", "head", 20)
    if not minutes:
        drawing.words(LEFT, TOP, "no recognitions", "quiet", 14)
        return drawing.finish(TOP + 30, STYLE, "Usage", "no recognitions")
    days = _days(min(minutes), max(minutes))
    step = _step(max(sum(minutes.get(day, {}).values()) for day in days))
    _grid(drawing, step)
    _legend(drawing, tenants)
    _bars(drawing, days, minutes, tenants, step)
    # Of the days that are drawn: the title and the bars tell the same.
    total = sum(sum(minutes.get(day, {}).values()) for day in days)
    told = f"{total:.1f} minutes from {days[0]} to {days[-1]}"
    drawing.words(RIGHT, 40, told, "quiet", 14, "end")
    return drawing.finish(BOTTOM + 40, STYLE, "Usage", told)


def _minutes(lines: Sequence[SummaryLine]) -> tuple[dict[date, dict[str, float]], list[str]]:
    """Minutes by day and tenant, and the tenants in the order of their use; the smallest are put together."""
    use: dict[str, int] = {}
    for line in lines:
        use[line.tenant] = use.get(line.tenant, 0) + line.billed_ms
    ranked = sorted(use, key=lambda tenant: (-use[tenant], tenant))
    own = set(ranked[:PARTS])
    minutes: dict[date, dict[str, float]] = {}
    for line in lines:
        parts = minutes.setdefault(line.day, {})
        name = (line.tenant or "-") if line.tenant in own else REST
        parts[name] = parts.get(name, 0.0) + max(line.billed_ms, 0) / 60_000
    return minutes, [tenant or "-" for tenant in ranked[:PARTS]] + [REST] * (len(ranked) > PARTS)


def _days(first: date, last: date) -> list[date]:
    count = (last - first).days + 1
    return [first + timedelta(days=number) for number in range(max(0, count - MAXIMUM_BARS), count)]


def _step(most: float) -> float:
    """Minutes between two lines of the grid: 1, 2 or 5 times a power of ten, with all bars below the last line."""
    size = 0.001
    while True:
        for factor in (1, 2, 5):
            if size * factor * GRID_LINES >= most:
                return size * factor
        size *= 10


def _y(minutes: float, step: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * minutes / (step * GRID_LINES)


def _grid(drawing: Drawing, step: float) -> None:
    for number in range(GRID_LINES + 1):
        y = _y(number * step, step)
        drawing.line(LEFT, y, RIGHT, y, "grid" if number else "axis")
        drawing.words(LEFT - 8, y + 4, f"{number * step:g}", "quiet", WORDS, "end")


def _legend(drawing: Drawing, tenants: Sequence[str]) -> None:
    x = LEFT
    for number, tenant in enumerate(tenants):
        name = cut_to_width(tenant, WORDS, 110)
        drawing.rect(x, 58, 10, 10, f"part{number}")
        drawing.words(x + 15, 67, name, "quiet", WORDS)
        x += 15 + words_width(name, WORDS) + 20


def _bars(
    drawing: Drawing,
    days: Sequence[date],
    minutes: dict[date, dict[str, float]],
    tenants: Sequence[str],
    step: float,
) -> None:
    room = (RIGHT - LEFT) / len(days)
    width = min(room * 0.8, 60.0)
    every = max(1, round(len(days) / 10))
    for number, day in enumerate(days):
        middle = LEFT + room * (number + 0.5)
        below = 0.0
        for part, tenant in enumerate(tenants):
            used = minutes.get(day, {}).get(tenant, 0.0)
            if used:
                top = _y(below + used, step)
                tip = f"{day} {tenant}: {used:.1f} min"
                drawing.rect(middle - width / 2, top, width, _y(below, step) - top, f"part{part}", tip)
                below += used
        if number % every == 0:
            drawing.words(middle, BOTTOM + 20, f"{day:%m-%d}", "quiet", WORDS, "middle")
