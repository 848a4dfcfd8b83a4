"""`h2b bench load`: many calls at once, and the largest number of them that a server bears.

Owns trials, their verdict and the search. Pace and measure are those of `h2b.cli.bench_caller`.

Theory of operation
 1. Every call streams from its beginning to its end. A caller speaks so that speech is `duty` of the time; where in the
    period each begins is chosen at random, the same way in each run.
 2. A recognition is in progress nearly all the time, as a bot's is that lets callers interrupt its prompt: the server
    listens to every frame. This costs it more than bots that listen after the prompt only.
 3. What a trial measures begins when all calls are up. Calls stream until its end; recognitions that began end.
 4. A trial fails when results are late, when one is lost or ends with cause Error (an overflow does), and when the
    callers themselves cannot keep the pace: then it says nothing of the server.
"""

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click
import trio
from attrs import define, field, frozen

from h2b.cli.bench_caller import LOST, Dial, Line, Recording, Turn, on_the_line, take_turn
from h2b.cli.bench_latency import curve, slowest, warm_up
from h2b.cli.bench_mrcp import MRCP, TOLD, chunk_of, dialling, wire_option
from h2b.cli.bench_progress import counted
from h2b.cli.bench_ready import read_waits, ready_since
from h2b.cli.bench_recordings import Calling, calling_options
from h2b.cli.bench_result import conclude, json_option
from h2b.cli.bench_scores import spread
from h2b.cli.bench_server import Server, Usage
from h2b.cli.main import FAILED, Verb
from h2b.model.causes import CompletionCause
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.server.operations import raise_file_limit
from h2b.wire.vocabulary import JSON

LIMIT_MS = 200.0
"""What the p95 of the added delay must stay below."""
LATE_MS = 30.0
"""What the p95 of the callers' own lateness must stay below."""
SHORTEST_QUIET_S = 0.5
MOST_CALLS = 2000
ERROR = JSON.causes[CompletionCause.ERROR]


@frozen(kw_only=True)
class Plan:
    """How calls are made."""

    dial: Dial
    recordings: Sequence[Recording]
    duty: float
    seconds: float
    chunk: int


@define
class Trial:
    """Calls at once, and what came of them."""

    calls: int
    turns: list[Turn] = field(factory=list)
    late_ms: list[float] = field(factory=list)
    spoken_s: float = 0.0
    seconds: float = 0.0
    broken: list[str] = field(factory=list)
    """Calls that could not be placed, and why."""
    callers_cpu_s: float = 0.0
    before: dict[str, Usage] = field(factory=dict)
    after: dict[str, Usage] = field(factory=dict)

    @property
    def added_ms(self) -> list[float]:
        return [turn.added_ms for turn in self.turns if turn.added_ms is not None]

    @property
    def why_not(self) -> list[str]:
        """What speaks against it; empty when it passed."""
        found = []
        delays, pacing = spread(self.added_ms), spread(self.late_ms)
        if not delays:
            found.append("no complete answer came")
        elif delays["p95"] >= LIMIT_MS:
            found.append(f"p95 of the added delay is {delays['p95']:.0f} ms")
        lost = sum(turn.cause.startswith(LOST) for turn in self.turns)
        errors = sum(turn.cause == ERROR for turn in self.turns)
        found += [f"{count} {what}" for count, what in ((lost, "lost"), (errors, "ended with cause Error")) if count]
        found += sorted(set(self.broken))
        if pacing and pacing["p95"] >= LATE_MS:
            found.append(
                f"the callers were late themselves (p95 {pacing['p95']:.0f} ms): this says nothing of the server"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """All of it, as plain values of JSON."""
        why_not = self.why_not
        return {
            "calls": self.calls,
            "turns": len(self.turns),
            "causes": dict(Counter(turn.cause for turn in self.turns).most_common()),
            "added_ms": spread(self.added_ms),
            "server_ms": spread([turn.server_ms for turn in self.turns if turn.server_ms is not None]),
            "curve_ms": curve(self.added_ms),
            "slowest": slowest(self.turns),
            "pacing_ms": spread(self.late_ms),
            "speech_share": round(self.spoken_s / (self.calls * self.seconds), 4) if self.seconds else 0.0,
            "seconds": round(self.seconds, 1),
            "cores_used": {name: round(value, 3) for name, value in self._cores_used().items()},
            "memory_mb": self._memory_mb(),
            "passed": not why_not,
            "why_not": why_not,
        }

    def _cores_used(self) -> dict[str, float]:
        if not self.seconds:
            return {}
        used = {name: self.after[name].cpu_s - self.before[name].cpu_s for name in self.after}
        return {name: cpu_s / self.seconds for name, cpu_s in {**used, "callers": self.callers_cpu_s}.items()}

    def _memory_mb(self) -> dict[str, int]:
        server, workers = self.after.get("server"), self.after.get("workers")
        if server is None or workers is None:
            return {}
        worker = {"worker": round(workers.memory / workers.processes / 2**20)} if workers.processes else {}
        return {"server": round(server.memory / 2**20), **worker}


@click.command(
    "load",
    cls=Verb,
    help="""Make many calls at once and measure what they add to the delay.

    Every call is a real one, over WebSocket or by MRCPv2 (--wire), that streams all the time, at the pace of a call;
    its caller speaks so that speech is --duty of it. Reported are the delay from the end of the silence to the result,
    how recognitions ended, what was lost, and the processor time and memory of a server of its own. With --find the
    number of calls grows from --calls until a trial fails, and the largest that passes is found to a tenth. A trial
    passes when the p95 of the added delay is below 200 ms and nothing is lost. Exit code 1 when none passes.
    """,
    example="""
    h2b bench load --calls 20 --seconds 60
    h2b bench load --manifest speech/manifest.tsv --calls 10 --find --json load.json
    h2b bench load --url ws://127.0.0.1:8080/bots --calls 50
    h2b bench load --wire mrcp --calls 20
    """,
)
@calling_options
@wire_option
@click.option(
    "--calls", type=click.IntRange(1, MOST_CALLS), default=10, show_default=True, metavar="N", help="At once."
)
@click.option(
    "--duty",
    type=click.FloatRange(0.01, 0.9),
    default=0.15,
    show_default=True,
    metavar="SHARE",
    help="Share of the time that is speech.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How long the calls of a trial last.",
)
@click.option("--find", is_flag=True, help="Search the largest number of calls that passes.")
@json_option
def load(
    calling: Calling,
    wire: str,
    calls: int,
    json_file: Path | None,
    find: bool,
    duty: float,
    seconds: float,
) -> int:
    raise_file_limit()
    trials: list[dict[str, Any]] = []
    chunk = chunk_of(wire, calling.chunk)

    async def measure() -> tuple[str, int | None]:
        async with calling.server(mrcp=wire == MRCP) as server, dialling(wire, server) as dial:
            await warm_up(dial, calling.recordings, chunk)
            plan = Plan(dial=dial, recordings=calling.recordings, chunk=chunk, duty=duty, seconds=seconds)

            async def attempt(number: int) -> bool:
                before = await read_waits(server.http)
                trial = await run_trial(plan, server, number)
                trials.append({**trial.as_json(), "ready": await ready_since(server.http, before)})
                return bool(trials[-1]["passed"])

            if find:
                return server.told, await search_largest(attempt, calls)
            return server.told, calls if await attempt(calls) else None

    told, largest = trio.run(measure)
    found = {
        "wire": TOLD[wire],
        "chunk_ms": chunk * 1000 // SAMPLE_RATE,
        "limit_ms": LIMIT_MS,
        "server": told,
        "duty": duty,
        "seconds": seconds,
        "trials": trials,
        "largest": largest if find else None,
    }
    conclude("load", found, json_file)
    return FAILED if largest is None else 0


async def search_largest(attempt: Callable[[int], Awaitable[bool]], first: int, most: int = MOST_CALLS) -> int | None:
    """The largest number for which an attempt succeeds, to a tenth: doubled until one fails, then halved between.

    None where even `first` fails.
    """
    good, bad = None, first
    while bad <= most and await attempt(bad):
        good, bad = bad, bad * 2
    if good is None:
        return None
    bad = min(bad, most + 1)
    while bad - good > max(1, good // 10):
        middle = (good + bad) // 2
        if await attempt(middle):
            good = middle
        else:
            bad = middle
    return good


async def run_trial(plan: Plan, server: Server, calls: int) -> Trial:
    """So many calls at once, from the moment when all are up."""
    trial = Trial(calls)
    all_up = trio.Event()
    with counted(f"{calls} calls", round(plan.seconds)) as step:
        async with trio.open_nursery() as nursery:
            for number in range(calls):
                await nursery.start(_call, plan, trial, number, all_up)
            trial.before, cpu_s, began = server.usage(), time.process_time(), trio.current_time()
            all_up.set()
            for _ in range(round(plan.seconds)):
                await trio.sleep(1)
                step(1)
            trial.seconds = trio.current_time() - began
            trial.after, trial.callers_cpu_s = server.usage(), time.process_time() - cpu_s
    return trial


async def _call(plan: Plan, trial: Trial, number: int, all_up: trio.Event, task_status: trio.TaskStatus[None]) -> None:
    up = False
    try:
        async with on_the_line(plan.dial, plan.chunk) as line:
            up = True
            task_status.started()
            await all_up.wait()
            line.late_ms.clear()
            await _talk(plan, trial, line, number)
            trial.late_ms.extend(line.late_ms)
    except H2BError as error:
        trial.broken.append(str(error))
        if not up:
            task_status.started()


async def _talk(plan: Plan, trial: Trial, line: Line, number: int) -> None:
    """The recordings one after the other, beginning with another one in each call."""
    chance = random.Random(number)
    end = trio.current_time() + plan.seconds
    turn = number
    recording = plan.recordings[turn % len(plan.recordings)]
    quiet_s = chance.uniform(0, recording.seconds / plan.duty - recording.seconds)
    while trio.current_time() + quiet_s < end:
        speech_end = trio.current_time() + quiet_s + recording.seconds
        trial.turns.append(await take_turn(line, recording, quiet_s))
        trial.spoken_s += recording.seconds
        if trial.turns[-1].cause.startswith(LOST):
            return
        turn += 1
        recording = plan.recordings[turn % len(plan.recordings)]
        quiet_s = recording.seconds / plan.duty - recording.seconds - (trio.current_time() - speech_end)
        quiet_s = max(SHORTEST_QUIET_S, quiet_s)
    await trio.sleep_until(end)
