"""`h2b bench idle`: what calls cost a server that only stream, and how many of them it bears.

Owns the verb, the pace of many calls in one task, and the verdict. How a call is set up is the business of `Streams`.

Theory of operation
 1. Most of the time of a call nobody speaks to the server: a bot talks, or waits. Such calls stream all the same, and
    what they cost decides how many a front end bears.
 2. A task for each caller would cost the callers more than the server: one task sends for all of them, a part of the
    calls at a time, so that the sound comes spread over the period as it does from a network.
 3. Beside them is one call without sound that asks for its parameters again and again: how long the answer takes
    tells how late everything is that the server does.
 4. A trial fails when such answers are late, when packets are lost or late in the server, when calls break off, and
    when the callers themselves cannot keep the pace.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import trio
from attrs import define, field, frozen

from h2b.cli.bench_load import MOST_CALLS, search_largest
from h2b.cli.bench_mrcp import MRCP, TOLD, chunk_of, wire_option
from h2b.cli.bench_progress import counted
from h2b.cli.bench_recordings import Calling, calling_options
from h2b.cli.bench_result import conclude, json_option
from h2b.cli.bench_scores import spread
from h2b.cli.bench_server import Server, Usage
from h2b.cli.bench_streams import Heard, PacketLog, Stream, Streams, open_streams
from h2b.cli.main import FAILED, Verb
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.server.operations import raise_file_limit

ANSWER_MS = 50.0
"""What the p95 of the answers must stay below."""
LATE_MS = 10.0
"""What the p95 of the callers' own lateness must stay below."""
LATE_SHARE = 0.001
"""Of the packets, that may come too late to be heard in their turn."""
PARTS = 10
"""A period is sent in so many parts, each with as many of the calls."""
ASKING_S = 0.1
"""Between two questions of the call that asks."""
SETTLE_S = 2.0
"""After the last call came, before anything counts."""


@frozen(kw_only=True)
class Plan:
    """What calls do. `period_s`: how long the sound lasts that is sent at a time."""

    waiting: bool
    seconds: float
    period_s: float


@define
class Trial:
    """Calls at once, and what came of them."""

    calls: int
    plan: Plan
    seconds: float = 0.0
    sent: int = 0
    """Messages or packets, while it counted."""
    sent_in_all: int = 0
    late_ms: list[float] = field(factory=list)
    answers_ms: list[float] = field(factory=list)
    broken: list[str] = field(factory=list)
    heard: Heard | None = None
    """What the server says it heard; None where it does not say."""
    callers_cpu_s: float = 0.0
    before: dict[str, Usage] = field(factory=dict)
    after: dict[str, Usage] = field(factory=dict)

    @property
    def why_not(self) -> list[str]:
        """What speaks against it; empty when it passed."""
        found = sorted(set(self.broken))
        answers, pacing = spread(self.answers_ms), spread(self.late_ms)
        if not answers:
            found.append("no answer came")
        elif answers["p95"] >= ANSWER_MS:
            found.append(f"p95 of the time to an answer is {answers['p95']:.0f} ms")
        if self.heard is not None:
            lost = self.sent_in_all - self.heard.received
            if lost > 0:
                found.append(f"{lost} of {self.sent_in_all} packets were lost")
            if self.heard.late > LATE_SHARE * self.sent_in_all:
                found.append(f"{self.heard.late} of {self.sent_in_all} packets came too late")
        if pacing and pacing["p95"] >= LATE_MS:
            found.append(
                f"the callers were late themselves (p95 {pacing['p95']:.0f} ms): this says nothing of the server"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """All of it, as plain values of JSON."""
        why_not = self.why_not
        cores, callers = self._cores()
        return {
            "calls": self.calls,
            "seconds": round(self.seconds, 1),
            "sent": self.sent,
            "cores": None if cores is None else round(cores, 4),
            "callers_cores": round(callers, 3),
            "us_each": round(cores * self.seconds / self.sent * 1e6, 1) if cores and self.sent else None,
            "calls_a_core": round(self.calls / cores) if cores else None,
            "kb_a_call": self._kb_a_call(),
            "answers_ms": spread(self.answers_ms),
            "pacing_ms": spread(self.late_ms),
            "lost": None if self.heard is None else self.sent_in_all - self.heard.received,
            "late": None if self.heard is None else self.heard.late,
            "jitter_ms": None if self.heard is None else round(self.heard.jitter_s * 1000, 1),
            "passed": not why_not,
            "why_not": why_not,
        }

    def _cores(self) -> tuple[float | None, float]:
        seconds = self.seconds or 1.0
        callers = self.callers_cpu_s / seconds
        if "server" not in self.after:
            return None, callers
        return (self.after["server"].cpu_s - self.before["server"].cpu_s) / seconds, callers

    def _kb_a_call(self) -> int | None:
        if "empty" not in self.before or "server" not in self.after:
            return None
        return round((self.after["server"].memory - self.before["empty"].memory) / self.calls / 1024)


@click.command(
    "idle",
    cls=Verb,
    help="""Measure what calls cost that stream and are in no recognition, or wait in one.

    Every call is a real one, over WebSocket or by MRCPv2 (--wire), that streams a quiet line at the pace of a call and
    does nothing else; with --waiting a recognition is in progress, and the server listens to every frame. Reported are
    the processor time of the server for a call and for each message or packet, its memory, how long it takes to answer
    another call meanwhile, and by MRCPv2 what packets it missed. With --find the number of calls grows from --calls
    until a trial fails, and the largest that passes is found to a tenth. Exit code 1 when none passes.
    """,
    example="""
    h2b bench idle --calls 100 --wire mrcp
    h2b bench idle --calls 150 --chunk 20 --waiting
    h2b bench idle --calls 200 --wire mrcp --find --json idle.json
    """,
)
@calling_options
@wire_option
@click.option(
    "--calls", type=click.IntRange(1, MOST_CALLS), default=100, show_default=True, metavar="N", help="At once."
)
@click.option("--waiting", is_flag=True, help="With a recognition in progress that hears nobody speak.")
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=20.0,
    show_default=True,
    metavar="S",
    help="How long the calls of a trial last.",
)
@click.option("--find", is_flag=True, help="Search the largest number of calls that passes.")
@json_option
def idle(
    calling: Calling,
    wire: str,
    calls: int,
    waiting: bool,
    seconds: float,
    find: bool,
    json_file: Path | None,
) -> int:
    chunk = chunk_of(wire, calling.chunk)
    plan = Plan(waiting=waiting, seconds=seconds, period_s=chunk / SAMPLE_RATE)
    raise_file_limit()
    log = PacketLog()
    trials: list[dict[str, Any]] = []

    async def measure() -> tuple[str, int | None]:
        opened = calling.server(mrcp=wire == MRCP, hear=log.feed)
        async with opened as server, open_streams(wire, server, chunk, calling.recordings[0]) as streams:
            tells = bool(server.pid) and wire == MRCP and calling.configuration_file is None

            # Once: what a large trial has freed is still there when the next one begins.
            empty = server.usage().get("server")

            async def attempt(number: int) -> bool:
                trial = await run_trial(plan, streams, server, number, log if tells else None)
                trial.before |= {"empty": empty} if empty is not None else {}
                trials.append(trial.as_json())
                return bool(trials[-1]["passed"])

            if find:
                return server.told, await search_largest(attempt, calls)
            return server.told, calls if await attempt(calls) else None

    told, largest = trio.run(measure)
    found = {
        "wire": TOLD[wire],
        "chunk_ms": chunk * 1000 // SAMPLE_RATE,
        "waiting": waiting,
        "server": told,
        "answer_ms": ANSWER_MS,
        "trials": trials,
        "largest": largest if find else None,
    }
    conclude("idle", found, json_file)
    return FAILED if largest is None else 0


async def run_trial(plan: Plan, streams: Streams, server: Server, calls: int, log: PacketLog | None) -> Trial:
    """So many calls at once; `log` is where the server says what it heard."""
    trial = Trial(calls, plan)
    lines: list[Stream] = []
    with counted(f"{calls} calls", round(plan.seconds)) as step:
        async with trio.open_nursery() as nursery:
            for _ in range(calls):
                await nursery.start(_call, plan, trial, streams, lines)
            async with trio.open_nursery() as under_way:
                under_way.start_soon(_pace, trial, lines)
                under_way.start_soon(_ask, streams, trial)
                await trio.sleep(SETTLE_S)
                _begin(trial, server)
                await _wait(plan.seconds, step)
                _end(trial, server)
                under_way.cancel_scope.cancel()
            nursery.cancel_scope.cancel()
    if log is not None:
        try:
            # The call that asks is over too, and got nothing.
            trial.heard = await log.take(len(lines) + 1)
        except H2BError as error:
            trial.broken.append(str(error))
    return trial


def _begin(trial: Trial, server: Server) -> None:
    """From now on it counts."""
    trial.before = server.usage()
    trial.callers_cpu_s, trial.seconds, trial.sent_in_all = time.process_time(), trio.current_time(), trial.sent
    trial.sent = 0
    trial.late_ms.clear()
    trial.answers_ms.clear()


def _end(trial: Trial, server: Server) -> None:
    trial.after = server.usage()
    trial.callers_cpu_s = time.process_time() - trial.callers_cpu_s
    trial.seconds = trio.current_time() - trial.seconds
    trial.sent_in_all += trial.sent


async def _wait(seconds: float, step: Callable[[float], None]) -> None:
    for _ in range(round(seconds)):
        await trio.sleep(1)
        step(1)


async def _call(
    plan: Plan, trial: Trial, streams: Streams, lines: list[Stream], task_status: trio.TaskStatus[None]
) -> None:
    up = False
    try:
        async with streams.dial(plan.waiting) as line:
            up = True
            lines.append(line)
            task_status.started()
            await line.over()
    except H2BError as error:
        trial.broken.append(str(error))
        if not up:
            task_status.started()


async def _pace(trial: Trial, lines: list[Stream]) -> None:
    """Send for all calls, each part of them in its part of the period."""
    part_s = trial.plan.period_s / PARTS
    due = trio.current_time()
    while True:
        for part in range(PARTS):
            due += part_s
            await trio.sleep_until(due)
            trial.late_ms.append((trio.current_time() - due) * 1000)
            for line in lines[part::PARTS]:
                line.send()
                trial.sent += 1


async def _ask(streams: Streams, trial: Trial) -> None:
    """Ask again and again, as a call of its own."""
    try:
        async with streams.dial(False) as line:
            while True:
                began = trio.current_time()
                await line.ask()
                trial.answers_ms.append((trio.current_time() - began) * 1000)
                await trio.sleep(ASKING_S)
    except H2BError as error:
        trial.broken.append(f"the call that asks: {error}")
