"""`h2b bench latency`: how long after the caller's last word the result comes, beyond the silence that was asked for.

Owns the verb and the counting. Pace and measure are those of `h2b.cli.bench_caller`.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import trio

from h2b.cli.bench_caller import Dial, Recording, Turn, dial_websocket, on_the_line, take_turn
from h2b.cli.bench_progress import counted
from h2b.cli.bench_ready import read_waits, ready_since
from h2b.cli.bench_recordings import Calling, calling_options
from h2b.cli.bench_result import conclude, json_option
from h2b.cli.bench_scores import percentile, spread
from h2b.cli.main import FAILED, Verb
from h2b.model.formats import SAMPLE_RATE

QUIET_S = (0.5, 1.5)
"""Before each recording, between these: so that its end falls anywhere in a chunk."""
WARM_UPS = 2
SLOWEST = 3
CURVE = range(101)


@click.command(
    "latency",
    cls=Verb,
    help="""Measure the delay from the last word to the result, less the silence asked for.

    Each AUDIO file is spoken over a real WebSocket at the pace of a call, a few calls at once; without files the caller
    of h2b demo speaks. The delay counts from the end of the silence (speech_complete_timeout, 800 ms here) after the
    last sample of speech until RECOGNITION-COMPLETE is there. Only complete answers count. A part of it is the
    caller's: the server hears the end of the silence with the chunk it is in. One recording of each grammar is spoken
    beforehand and does not count. Exit code 1 when no such result came.
    """,
    example="""
    h2b bench latency
    h2b bench latency code.wav -g "builtin:speech/spelling/digits?length=4" --rounds 20
    h2b bench latency --manifest speech/manifest.tsv --every 5 --calls 2 --json latency.json
    """,
)
@calling_options
@click.option("--calls", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Calls at once.")
@click.option(
    "--rounds", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="How often each is spoken."
)
@json_option
def latency(
    calling: Calling,
    calls: int,
    rounds: int,
    json_file: Path | None,
) -> int:
    what = [recording for _ in range(rounds) for recording in calling.recordings]

    async def measure() -> dict[str, Any]:
        async with calling.server() as server:
            dial = partial(dial_websocket, server.url)
            await warm_up(dial, calling.recordings, calling.chunk)
            before = await read_waits(server.http)
            with counted("calling", len(what)) as step:
                turns, late_ms = await converse(dial, what, calls, calling.chunk, step)
            ready = await ready_since(server.http, before)
            return {**account_of(turns, late_ms), "ready": ready, "server": server.told}

    found = {"calls": calls, "chunk_ms": calling.chunk * 1000 // SAMPLE_RATE, **trio.run(measure)}
    conclude("latency", found, json_file)
    return 0 if found["groups"] else FAILED


async def converse(
    dial: Dial,
    recordings: Sequence[Recording],
    calls: int,
    chunk: int,
    step: Callable[[float], None] = lambda steps: None,
) -> tuple[list[Turn], list[float]]:
    """Speak the recordings, shared among so many calls. Gives the turns and how late chunks left, in milliseconds."""
    left: Iterator[Recording] = iter(recordings)
    turns: list[Turn] = []
    late_ms: list[float] = []

    async def call(number: int) -> None:
        quiet = random.Random(number)
        async with on_the_line(dial, chunk) as line:
            for recording in left:
                turns.append(await take_turn(line, recording, quiet.uniform(*QUIET_S)))
                step(1)
            late_ms.extend(line.late_ms)

    async with trio.open_nursery() as nursery:
        for number in range(calls):
            nursery.start_soon(call, number)
    return turns, late_ms


async def warm_up(dial: Dial, recordings: Sequence[Recording], chunk: int) -> None:
    """Call with one recording of each grammar, at once, twice: a worker compiles a grammar when it meets it first."""
    firsts = list({(each.language, each.grammar): each for each in reversed(recordings)}.values())
    for _ in range(WARM_UPS):
        await converse(dial, firsts, len(firsts), chunk)


def account_of(turns: Sequence[Turn], late_ms: Sequence[float]) -> dict[str, Any]:
    """Delays by language and engine, as plain values of JSON."""
    groups: dict[tuple[str, str], list[Turn]] = {}
    for turn in sorted(turns, key=lambda turn: (turn.language, turn.engine)):
        if turn.added_ms is not None:
            groups.setdefault((turn.language, turn.engine), []).append(turn)
    return {
        "causes": dict(Counter(turn.cause for turn in turns).most_common()),
        "pacing_ms": spread(late_ms),
        "slowest": slowest(turns),
        "groups": [
            {
                "language": language,
                "engine": engine,
                "added_ms": spread(added := _all(turn.added_ms for turn in group)),
                "server_ms": spread(_all(turn.server_ms for turn in group)),
                "curve_ms": curve(added),
            }
            for (language, engine), group in groups.items()
        ],
    }


def curve(values: Sequence[float]) -> list[float]:
    """The distribution in 101 percentiles; empty of nothing."""
    return [round(percentile(values, share), 1) for share in CURVE] if values else []


def slowest(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The recordings whose results came last, to be looked at."""
    ranked = sorted(turns, key=lambda turn: -(turn.added_ms or 0.0))[:SLOWEST]
    return [{"recording": t.recording, "added_ms": round(t.added_ms, 1)} for t in ranked if t.added_ms is not None]


def _all(values: Iterator[float | None]) -> list[float]:
    return [value for value in values if value is not None]
