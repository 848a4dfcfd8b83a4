"""What a comparison looks like to people: tables by contestant and kind, and rightness by cost as a picture.

Owns its words, columns and layout. Reads results as plain values of JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from h2b.cli.bench_parts import NOTHING, Grid, Part, percent
from h2b.cli.bench_plot import LEFT, STYLE, WIDTH, WORDS, Axes, end_of
from h2b.cli.svg import Drawing, Ground, Label, words_width

HEIGHT = 420.0
MARK = 5.0
ROW = 15.0
GAP = 5.0
COLOURS = 6
ALL = "all"
"""Every kind that has values."""

Told = Mapping[str, Any]


def compare(found: Told) -> list[Part]:
    """The parts of a comparison: who took part, and for each what was right, at what cost."""
    groups = found["groups"]
    facts = [
        ("asked", _asked(found)),
        ("in turn", "all contestants in one run, recording by recording, one thread each, at the same priority"),
        ("values", "what the grammar of the kind finds: in h2b's result, or in the words of the others"),
        ("words", "WER compares words as they are written: “15217” for “one five two one seven” counts as wrong"),
    ]
    facts += [(f"without {each['name']}", each["left_out"]) for each in found["contestants"] if each["left_out"]]
    grids = [
        _contestants(found["contestants"]),
        _totals(groups),
        _by_kind("Values that are right, by kind", groups, _right),
        _by_kind("Word error rate, by kind", groups, lambda group: percent(group["wer"])),
        _by_kind("CPU seconds for a recording, by kind", groups, lambda group: f"{group['cpu_s']:.3f}"),
    ]
    languages = dict.fromkeys(group["language"] for group in groups)
    plots = [draw_comparison(code, [g for g in groups if g["language"] == code]) for code in languages]
    return [Part("Comparison", facts, grids, [plot for plot in plots if plot])]


def _asked(found: Told) -> str:
    rounds = f", {found['rounds']} times each" if found["rounds"] > 1 else ""
    sample = f", a sample of {found['chosen']}" if found["recordings"] < found["chosen"] else ""
    return f"{found['recordings']} recordings of {found['audio_s'] / 60:.1f} minutes{sample}{rounds}"


def _contestants(contestants: Sequence[Told]) -> Grid:
    head = ("contestant", "what it does", "version", "model", "to load, CPU s", "peak MB")
    rows = [
        (
            each["name"],
            each["about"],
            ", ".join(f"{name} {version}" for name, version in each["versions"].items()) or NOTHING,
            ", ".join(each["models"]) or NOTHING,
            f"{each['load_cpu_s']:.1f}",
            str(each["peak_memory_mb"] or NOTHING),
        )
        for each in contestants
        if not each["left_out"] or each["answers"]
    ]
    return Grid("Contestants", head, rows)


def _totals(groups: Sequence[Told]) -> Grid:
    """Over all kinds with values that a contestant can be asked."""
    head = ("language", "contestant", "values right", "share", "WER", "CPU s a recording", "real-time factor", "failed")
    rows = [
        (
            group["language"],
            group["contestant"],
            _right(group),
            f"{group['right'] / group['recordings']:.1%}",
            percent(group["wer"]),
            f"{group['cpu_s']:.3f}",
            f"{group['rtf']:.3f}",
            str(group["failed"]),
        )
        for group in groups
        if group["kind"] == ALL
    ]
    return Grid("All kinds with values", head, rows)


def _by_kind(title: str, groups: Sequence[Told], cell: Callable[[Told], str]) -> Grid:
    kinds = list(dict.fromkeys(group["kind"] for group in groups if group["kind"] != ALL))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for group in groups:
        rows.setdefault((group["language"], group["contestant"]), {})[group["kind"]] = cell(group)
    listed = [(*key, *(cells.get(kind, NOTHING) for kind in kinds)) for key, cells in rows.items()]
    return Grid(title, ("language", "contestant", *kinds), listed)


def _right(group: Told) -> str:
    """How many of how many; nothing where no value is right."""
    return NOTHING if group["right"] is None else f"{group['right']}/{group['recordings']}"


def draw_comparison(language: str, groups: Sequence[Told]) -> str:
    """The share of right values by processor time; up and left is better. Empty where nothing has values."""
    whole = [group for group in groups if group["kind"] == ALL]
    if not whole:
        return ""
    most = max(group["recordings"] for group in whole)
    points = [(_named(group, most), group["cpu_s"], 100 * group["right"] / group["recordings"]) for group in whole]
    axes = Axes(Drawing(WIDTH), end_of(max(cpu_s for _, cpu_s, _ in points)), 100.0)
    axes.rule(f"Right values by cost, {language}", "CPU seconds a recording", "percent of values that are right")
    for number, (name, cpu_s, share) in enumerate(points):
        corner = axes.x(cpu_s) - MARK, axes.y(share) - MARK
        tip = f"{name}: {share:.1f}% right, {cpu_s:.3f} s"
        axes.drawing.rect(*corner, 2 * MARK, 2 * MARK, f"dot{number % COLOURS}", tip)
    for label, y in _labels(axes, points):
        axes.drawing.words(label.x, y, label.words, "", WORDS, label.anchor)
    told = "; ".join(f"{name} {share:.1f}% in {cpu_s:.3f} s" for name, cpu_s, share in points)
    return axes.drawing.finish(HEIGHT, STYLE, f"Right values by cost, {language}", told)


def _named(group: Told, most: int) -> str:
    """A contestant, and how much of the whole it was asked where that is not all."""
    count = group["recordings"]
    return str(group["contestant"]) if count == most else f"{group['contestant']} ({count} of {most})"


def _labels(axes: Axes, points: Sequence[tuple[str, float, float]]) -> list[tuple[Label, float]]:
    """Names beside their marks, none on another: a name that has no room moves down."""
    ground = Ground(LEFT, WIDTH, WORDS, GAP)
    placed: list[tuple[Label, float]] = []
    for name, cpu_s, share in sorted(points, key=lambda point: -point[2]):
        x, y = axes.x(cpu_s), axes.y(share) + MARK
        (label,) = ground.place([Label(left=x - MARK, right=x + MARK, words=name)])
        while any(abs(y - height) < ROW and _meet(label, other) for other, height in placed):
            y += 1
        placed.append((label, y))
    return placed


def _meet(one: Label, other: Label) -> bool:
    """Whether the words or marks of two labels would cover one another at the same height."""
    (left, right), (others_left, others_right) = _span(one), _span(other)
    return left < others_right + GAP and others_left < right + GAP


def _span(label: Label) -> tuple[float, float]:
    width = words_width(label.words, WORDS)
    start = label.x if label.anchor == "start" else label.x - width
    return min(start, label.left), max(start + width, label.right)
