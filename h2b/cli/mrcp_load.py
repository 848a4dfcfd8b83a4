"""Many calls at a steady rate, and what came of them all.

Owns counting. Must not know how it is told to people.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import trio
from attrs import define, field, frozen

from h2b.cli.mrcp_client import MrcpClient
from h2b.cli.mrcp_recognition import Outcome, Plan, recognise
from h2b.cli.terminal import shown
from h2b.model.errors import H2BError


@frozen
class Spread:
    """Of some times in milliseconds: the median, what 95 of 100 do not exceed, the longest, and how many there are."""

    p50: float = 0.0
    p95: float = 0.0
    longest: float = 0.0
    count: int = 0

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> "Spread":
        """The nearest rank: a time that was measured, none in between."""
        if not times_ms:
            return cls()
        ordered = sorted(times_ms)
        ranks = [-(-len(ordered) * share // 100) - 1 for share in (50, 95)]
        return cls(ordered[ranks[0]], ordered[ranks[1]], ordered[-1], len(ordered))


@define
class Summary:
    """Calls that were placed and how they ended."""

    calls: int
    outcomes: list[Outcome] = field(factory=list)
    """Of the calls that went as the protocol wants, whatever their cause."""
    failures: Counter[str] = field(factory=Counter)
    """Texts of the errors of the others."""
    seconds: float = 0.0
    at_once: int = 0

    @property
    def causes(self) -> Mapping[str, int]:
        """Completion causes, the most frequent first."""
        return dict(Counter(outcome.cause for outcome in self.outcomes).most_common())

    @property
    def values(self) -> Mapping[str, int]:
        """Recognised values as JSON, the most frequent first."""
        meant = [outcome.best.interpretation for outcome in self.outcomes if outcome.best]
        return dict(Counter(shown(each.value) for each in meant if each).most_common())

    @property
    def times(self) -> Mapping[str, Spread]:
        """How long clients waited, by what for."""
        outcomes = self.outcomes
        return {
            "INVITE to answer": Spread.of([(each.answered_at - each.invited_at) * 1000 for each in outcomes]),
            "last speech to end": Spread.of([each.waited_ms for each in outcomes if each.waited_ms is not None]),
            "added to the silence": Spread.of([each.added_ms for each in outcomes if each.added_ms is not None]),
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, as values of JSON."""
        return {
            "calls": self.calls,
            "completed": len(self.outcomes),
            "failed": sum(self.failures.values()),
            "seconds": round(self.seconds, 3),
            "at_once": self.at_once,
            "causes": dict(self.causes),
            "values": dict(self.values),
            "times_ms": {
                name: {"p50": round(found.p50, 1), "p95": round(found.p95, 1), "longest": round(found.longest, 1)}
                for name, found in self.times.items()
                if found.count
            },
            "failures": dict(self.failures.most_common()),
        }


async def place_calls(client: MrcpClient, plan: Plan, calls: int, rate: float, *, reuse: bool = False) -> Summary:
    """Begin `rate` calls a second until there were `calls`, and wait for the end of the last."""
    summary = Summary(calls)
    # Its first use takes a while, which would hold up the packets of the first calls.
    _ = plan.speech_end
    began = trio.current_time()
    under_way = 0

    async def place() -> None:
        nonlocal under_way
        under_way += 1
        summary.at_once = max(summary.at_once, under_way)
        try:
            summary.outcomes.append(await recognise(client, plan, reuse=reuse))
        except H2BError as error:
            summary.failures[str(error)] += 1
        finally:
            under_way -= 1

    async with trio.open_nursery() as nursery:
        for number in range(calls):
            await trio.sleep_until(began + number / rate)
            nursery.start_soon(place)
    summary.seconds = trio.current_time() - began
    return summary
