"""What results of benches look like to people: the same facts and tables in a terminal and in a report.

Owns words and columns. Reads results as plain values of JSON; must not know how they were made.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from h2b.cli.bench_compare_view import compare
from h2b.cli.bench_parts import NOTHING, Grid, Part, percent, times
from h2b.cli.bench_plot import draw_calibration, draw_delays, draw_load
from h2b.cli.terminal import fields, table
from h2b.model.errors import H2BError


def parts_of(result: Mapping[str, Any]) -> list[Part]:
    """All that there is to tell of a result.

    Raises:
        H2BError: a bench of this kind is unknown, or something is missing.
    """
    view = VIEWS.get(result["kind"])
    if view is None:
        raise H2BError(f"a result of kind '{result['kind']}', expected any of {', '.join(VIEWS)}")
    try:
        return view(result["results"])
    except (KeyError, TypeError, IndexError) as error:
        raise H2BError(f"a result of kind '{result['kind']}' lacks {error}") from error


def facts_of(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a result comes from."""
    machine, versions = result["machine"], result["packages"]
    return [
        ("command", result["command"]),
        ("when", result["at"]),
        ("machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"),
        ("load before", f"{machine['load_before']} (of one minute; what else the machine was doing)"),
        ("versions", ", ".join([f"h2b {result['h2b']}", f"Python {machine['python']}"])),
        ("packages", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]


def print_parts(parts: Sequence[Part], out: Console) -> None:
    """Tell a person at a terminal; pictures are for reports."""
    for part in parts:
        for grid in part.grids:
            out.print(f"\n{grid.title}", style="bold")
            drawn = table(*grid.head)
            for row in grid.rows:
                drawn.add_row(*row)
            out.print(drawn)
        out.print()
        listed = fields()
        for name, words in part.facts:
            listed.add_row(name, words)
        out.print(listed)


# Accuracy


def _accuracy(found: Mapping[str, Any]) -> list[Part]:
    right, count = found["right"], found["recordings"]
    facts = [("question", _question(found)), ("right", f"{right} of {count}, {right / count:.1%}")]
    if found["need"] is not None:
        met = "met" if right >= found["need"] * count else "not met"
        facts.append(("needed", f"{found['need']:.1%}: {met}"))
    facts += [("threshold", f"{found['threshold']:g}"), ("peak memory", f"{found['peak_memory_mb']} MB")]
    counted = found.get("ready")
    if counted:
        before = f"half of them at least {counted['median_ms']} ms before it, the last {counted['least_ms']} ms"
        facts.append(("ready when the timer fired", f"{ready(counted)}, on a core of its own; {before}"))
    grids = [_groups(found["groups"]), _thresholds(found["thresholds"]), _reliability(found["calibration"])]
    plots = [draw_calibration(found["calibration"])] if found["calibration"] else []
    return [Part("Accuracy", facts, grids, plots)]


def _question(found: Mapping[str, Any]) -> str:
    if found["out_of_grammar"]:
        asked = "speech that holds no answer: what is accepted is wrong"
    elif found["carriers"]:
        asked = "answers that end a sentence"
    else:
        asked = "answers before the grammars of their kinds"
    return asked + (", whole calls with endpoints and timers" if found["session"] else ", recordings as they are")


def _groups(groups: Sequence[Mapping[str, Any]]) -> Grid:
    head = (
        "language",
        "kind",
        "source",
        "right",
        "share",
        "accepts",
        "rejects",
        "WER",
        "CER",
        "seconds",
        "CPU s",
    )
    rows = [
        (
            each["language"],
            each["kind"],
            each["source"],
            f"{each['right']}/{each['recordings']}",
            f"{each['right'] / each['recordings']:.1%}",
            str(each["false_accepts"]),
            str(each["false_rejects"]),
            percent(each["wer"]),
            percent(each["cer"]),
            _known(each.get("audio_s"), ".1f"),
            f"{each['cpu_s']:.3f}",
        )
        for each in groups
    ]
    return Grid("Values, whole; accepts and rejects that are false", head, rows)


def _thresholds(counts: Sequence[Mapping[str, Any]]) -> Grid:
    """One row for each kind, one column for each threshold."""
    levels = sorted({each["threshold"] for each in counts})
    rows: dict[tuple[str, str], list[str]] = {}
    for each in counts:
        row = rows.setdefault((each["language"], each["kind"]), [])
        row.append(f"{each['false_accepts']}/{each['false_rejects']}")
    head = ("language", "kind", *(f"{level:g}" for level in levels))
    listed = [(*key, *cells) for key, cells in sorted(rows.items(), key=lambda item: (item[0][0], item[0][1] == "all"))]
    return Grid("False accepts / false rejects, by threshold", head, listed)


def _reliability(languages: Sequence[Mapping[str, Any]]) -> Grid:
    head = ("language", "confidence", "answers", "mean confidence", "right")
    rows = []
    for each in languages:
        for one in each["bins"]:
            between = f"{one['low']:.1f} to {one['high']:.1f}"
            measured = (str(one["count"]), f"{one['confidence']:.3f}", f"{one['right']:.1%}")
            rows.append((each["language"], between, *measured))
        rows.append((each["language"], "all", str(each["answers"]), "", f"ECE {each['ece']:.3f}"))
    return Grid("Calibration", head, rows)


# Delays


def _latency(found: Mapping[str, Any]) -> list[Part]:
    head = ("language", "engine", "of it", "results", "p50", "p90", "p95", "p99", "max")
    rows = [
        (each["language"], each["engine"], what, str(spread["count"]), *times(spread))
        for each in found["groups"]
        for what, spread in (("all", each["added_ms"]), ("without the chunk", each["server_ms"]))
        if spread
    ]
    facts = [
        ("calls at once", str(found["calls"])),
        ("chunks", f"{found['chunk_ms']} ms"),
        ("recognitions", _causes(found["causes"])),
        ("ready when the timer fired", ready(found.get("ready"))),
        ("late chunks", _pacing(found["pacing_ms"])),
        ("slowest", _slowest(found["slowest"])),
        ("server", found["server"]),
    ]
    plots = [draw_delays({f"{each['language']} {each['engine']}": each["curve_ms"] for each in found["groups"]})]
    return [Part("Delay", facts, [Grid("Milliseconds added to the silence", head, rows)], plots if rows else [])]


# Load


def _load(found: Mapping[str, Any]) -> list[Part]:
    trials = found["trials"]
    delays = Grid(
        "Milliseconds added to the silence",
        ("calls", "results", "p50", "p90", "p95", "p99", "max", "ready", "speech", "late p95", "verdict"),
        [
            (
                str(each["calls"]),
                str(each["turns"]),
                *times(each["added_ms"]),
                ready_share(each.get("ready")),
                f"{each['speech_share']:.1%}",
                f"{each['pacing_ms'].get('p95', 0):.0f}",
                "passed" if each["passed"] else "failed",
            )
            for each in trials
        ],
    )
    cost = Grid(
        "Cores used and memory",
        ("calls", "server", "workers", "callers", "calls a core", "server MB", "a worker MB", "completions"),
        [_cost(each) for each in trials],
    )
    facts = [
        ("wire", found["wire"]),
        ("speech", f"{found['duty']:.0%} of the time, {found['chunk_ms']} ms chunks, {found['seconds']:g} s a trial"),
        ("server", found["server"]),
        ("allowed", f"p95 of the added delay below {found['limit_ms']:g} ms, and nothing lost"),
    ]
    if found["largest"] is not None:
        facts.append(("largest", f"{found['largest']} calls at once"))
    facts.append(("slowest", _slowest(trials[-1]["slowest"]) if trials else NOTHING))
    facts += [(f"{each['calls']} calls", why) for each in trials for why in each["why_not"]]
    plots = [draw_load(trials, found["limit_ms"])] if len(trials) > 1 else []
    plots += [draw_delays({f"{each['calls']} calls": each["curve_ms"] for each in trials[-3:] if each["curve_ms"]})]
    return [Part("Load", facts, [delays, cost], plots)]


def _cost(trial: Mapping[str, Any]) -> tuple[str, ...]:
    cores = trial["cores_used"]
    known = [cores.get(name) for name in ("server", "workers", "callers")]
    busy = sum(value or 0.0 for value in known[:2])
    memory = trial["memory_mb"]
    return (
        str(trial["calls"]),
        *(NOTHING if value is None else f"{value:.2f}" for value in known),
        # A server that does not follow uses little for each call.
        f"{trial['calls'] / busy:.0f}" if busy and None not in known[:2] and trial["passed"] else NOTHING,
        str(memory.get("server", NOTHING)),
        str(memory.get("worker", NOTHING)),
        _causes(trial["causes"]),
    )


# Calls that only stream


def _idle(found: Mapping[str, Any]) -> list[Part]:
    head = (
        "calls",
        "CPU of a core",
        "µs a message",
        "calls a core",
        "KB a call",
        "answer p50",
        "p95",
        "lost",
        "late",
        "",
    )
    rows = [
        (
            str(each["calls"]),
            percent(each["cores"]),
            _known(each["us_each"], ".1f"),
            _known(each["calls_a_core"] if each["passed"] else None, "d"),
            _known(each["kb_a_call"], "d"),
            *(f"{each['answers_ms'][name]:.1f}" if each["answers_ms"] else NOTHING for name in ("p50", "p95")),
            _known(each["lost"], "d"),
            _known(each["late"], "d"),
            "passed" if each["passed"] else "failed",
        )
        for each in found["trials"]
    ]
    doing = "in a recognition that hears nobody" if found["waiting"] else "in no recognition"
    facts = [
        ("wire", found["wire"]),
        ("calls", f"stream a quiet line in messages of {found['chunk_ms']} ms, {doing}"),
        ("server", found["server"]),
        ("allowed", f"p95 of the time to an answer below {found['answer_ms']:g} ms, and nothing lost"),
    ]
    if found["largest"] is not None:
        facts.append(("largest", f"{found['largest']} calls at once"))
    facts += [(f"callers of {each['calls']}", _pacing(each["pacing_ms"])) for each in found["trials"][-1:]]
    facts += [(f"{each['calls']} calls", why) for each in found["trials"] for why in each["why_not"]]
    return [Part("Calls that only stream", facts, [Grid("Server, and what it adds to an answer, ms", head, rows)])]


def _known(value: float | None, form: str) -> str:
    return NOTHING if value is None else f"{value:{form}}"


# Words


def _pacing(spread: Mapping[str, float]) -> str:
    """How late the callers themselves were."""
    return f"p95 {spread['p95']:.0f} ms, at most {spread['max']:.0f} ms" if spread else NOTHING


def ready_share(counted: Mapping[str, Any] | None) -> str:
    return f"{counted['ready'] / counted['results']:.0%}" if counted and counted["results"] else NOTHING


def ready(counted: Mapping[str, Any] | None) -> str:
    """Which share of the results did not have to be waited for; older results of benches do not tell."""
    if not counted or not counted["results"]:
        return NOTHING
    told = f"{counted['ready']} of {counted['results']}, {ready_share(counted)}"
    late = counted.get("late_mean_ms")
    return told if late is None else f"{told}; the others {late:.0f} ms late on average"


def _slowest(turns: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{each['recording']} {each['added_ms']:.0f} ms" for each in turns) or NOTHING


def _causes(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in causes.items()) or NOTHING


VIEWS: Mapping[str, Callable[[Mapping[str, Any]], list[Part]]] = {
    "accuracy": _accuracy,
    "compare": compare,
    "idle": _idle,
    "latency": _latency,
    "load": _load,
}
"""Kind of bench -> what is told of its results."""
