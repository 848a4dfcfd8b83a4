"""The pictures of benches: calibration, delays, and delay by calls.

Owns their layout. Reads results as plain values of JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen

from h2b.cli.svg import Drawing, words_width

WIDTH, HEIGHT = 720.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 690.0, 80.0, 360.0
WORDS = 12.0
LINES = 5
ROUND = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8)
SERIES = 6
"""Lines with a colour of their own; more of them share these."""
DOT = 4.0

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
.paper { fill: #ffffff; }
.quiet { fill: #66717d; }
.head { font-weight: 700; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
.axis { stroke: #9aa5b1; stroke-width: 1; }
.ideal { stroke: #9aa5b1; stroke-width: 1.5; stroke-dasharray: 5 4; }
.line0 { stroke: #2b7bbd; } .line1 { stroke: #2f8f5b; } .line2 { stroke: #c2570c; }
.line3 { stroke: #7a55c7; } .line4 { stroke: #b08800; } .line5 { stroke: #c2386b; }
.line0, .line1, .line2, .line3, .line4, .line5 { stroke-width: 2; }
.dot0 { fill: #2b7bbd; } .dot1 { fill: #2f8f5b; } .dot2 { fill: #c2570c; }
.dot3 { fill: #7a55c7; } .dot4 { fill: #b08800; } .dot5 { fill: #c2386b; }
@media (prefers-color-scheme: dark) {
text { fill: #e7eaee; }
.paper { fill: #14181d; }
.quiet { fill: #98a3af; }
.grid { stroke: #2a3138; }
.axis, .ideal { stroke: #66717d; }
}
"""


@frozen
class Axes:
    """Where values are drawn: both axes begin at zero."""

    drawing: Drawing
    x_end: float
    y_end: float

    def x(self, value: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(value, self.x_end) / self.x_end

    def y(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * min(value, self.y_end) / self.y_end

    def rule(self, title: str, x_words: str, y_words: str) -> None:
        """The grid, its numbers and what they are."""
        self.drawing.words(LEFT, 32, title, "head", 18)
        for number in range(LINES + 1):
            across, up = self.x_end * number / LINES, self.y_end * number / LINES
            self.drawing.line(LEFT, self.y(up), RIGHT, self.y(up), "grid" if number else "axis")
            self.drawing.line(self.x(across), TOP, self.x(across), BOTTOM, "grid" if number else "axis")
            self.drawing.words(LEFT - 8, self.y(up) + 4, f"{up:g}", "quiet", WORDS, "end")
            self.drawing.words(self.x(across), BOTTOM + 18, f"{across:g}", "quiet", WORDS, "middle")
        self.drawing.words(RIGHT, BOTTOM + 38, x_words, "quiet", WORDS, "end")
        self.drawing.words(LEFT, TOP - 10, y_words, "quiet", WORDS)

    def trace(self, points: Sequence[tuple[float, float]], series: int, dots: Iterable[str] = ()) -> None:
        """A line through points, and dots that say what they are when they are pointed at."""
        for (x1, y1), (x2, y2) in pairwise(points):
            self.drawing.line(self.x(x1), self.y(y1), self.x(x2), self.y(y2), f"line{series % SERIES}")
        for (x, y), tip in zip(points, dots, strict=False):
            corner = self.x(x) - DOT, self.y(y) - DOT
            self.drawing.rect(*corner, 2 * DOT, 2 * DOT, f"dot{series % SERIES}", tip)

    def legend(self, names: Sequence[str]) -> None:
        """On the right of the title."""
        x = RIGHT
        for number, name in reversed(list(enumerate(names))):
            x -= words_width(name, WORDS)
            self.drawing.words(x, TOP - 10, name, "", WORDS)
            self.drawing.rect(x - 15, TOP - 19, 10, 10, f"dot{number % SERIES}")
            x -= 30


def draw_calibration(languages: Sequence[Mapping[str, Any]]) -> str:
    """The share of right answers by their confidence, for each language; a dashed line shows where both are equal."""
    axes = Axes(Drawing(WIDTH), 1.0, 1.0)
    axes.rule("Can the confidence be believed?", "mean confidence", "share of right answers")
    axes.drawing.line(axes.x(0), axes.y(0), axes.x(1), axes.y(1), "ideal")
    for number, each in enumerate(languages):
        points = [(one["confidence"], one["right"]) for one in each["bins"]]
        tips = [f"{one['count']} answers, {one['right']:.0%} right" for one in each["bins"]]
        axes.trace(points, number, tips)
    axes.legend([f"{each['language']}, ECE {each['ece']:.3f}" for each in languages])
    told = "; ".join(f"{each['language']}: {each['answers']} answers, ECE {each['ece']:.3f}" for each in languages)
    return axes.drawing.finish(HEIGHT, STYLE, "Calibration of confidences", told or "no answers")


def draw_delays(curves: Mapping[str, Sequence[float]]) -> str:
    """How many of 100 results came within a time, for each curve: its values at 0 to 100 percent, in milliseconds."""
    longest = max((curve[-1] for curve in curves.values() if curve), default=1.0)
    axes = Axes(Drawing(WIDTH), end_of(longest), 100.0)
    axes.rule("Delay added to the silence", "milliseconds", "percent of results that came within it")
    for number, curve in enumerate(curves.values()):
        axes.trace([(max(0.0, value), share) for share, value in enumerate(curve)], number)
    axes.legend(list(curves))
    return axes.drawing.finish(HEIGHT, STYLE, "Delays", f"{len(curves)} distributions, longest {longest:.0f} ms")


def draw_load(trials: Sequence[Mapping[str, Any]], limit_ms: float) -> str:
    """The added delay (p95) by calls at once; a dashed line shows how much is allowed."""
    points = sorted((trial["calls"], trial["added_ms"]["p95"]) for trial in trials if trial["added_ms"])
    most = max([limit_ms * 1.2, *(delay for _, delay in points if delay <= 4 * limit_ms)])
    axes = Axes(Drawing(WIDTH), end_of(max([1, *(calls for calls, _ in points)])), end_of(most))
    axes.rule("Delay by calls at once", "calls", "added delay, p95, milliseconds")
    axes.drawing.line(axes.x(0), axes.y(limit_ms), axes.x(axes.x_end), axes.y(limit_ms), "ideal")
    axes.trace(points, 0, [f"{calls} calls: {delay:.0f} ms" for calls, delay in points])
    told = "; ".join(f"{calls} calls {delay:.0f} ms" for calls, delay in points)
    return axes.drawing.finish(HEIGHT, STYLE, "Delay by calls at once", told or "no results")


def end_of(most: float) -> float:
    """A round end of an axis: a part of the grid is one of few factors times a power of ten."""
    size = 0.001
    while True:
        for factor in ROUND:
            if size * factor * LINES >= most:
                return size * factor * LINES
        size *= 10
