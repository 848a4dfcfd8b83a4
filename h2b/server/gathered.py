"""The metrics and the readiness of several processes as those of one server.

Owns how numbers are added up. Must not know where they come from.

 1. Counters, histograms and most gauges are sums. What each process says of the same thing is told once: the largest.
 2. A process that is gone takes its gauges with it; what it counted stays, so that no counter ever goes back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, field, frozen
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from h2b.server.http import Readiness
from h2b.server.metrics import Metrics

SAME = frozenset({"h2b_build", "h2b_draining"})
"""Gauges of which all processes tell the same."""
OF_SHARED_POOL = frozenset(
    {"h2b_workers", "h2b_workers_alive", "h2b_workers_busy", "h2b_utterances_waiting", "h2b_worker_deaths"}
)
"""What all tell of a pool that they share."""
STAYING = ("counter", "histogram")
"""Types of metrics that outlive their process."""
WHEN_MADE = "_created"

Family: TypeAlias = list[Any]
"""Name, type, meaning and samples of a metric, as plain values of JSON; of a sample its name, labels and value."""


def snapshot(collector: Collector) -> list[Family]:
    """All metrics at this moment."""
    return [
        [
            metric.name,
            metric.type,
            metric.documentation,
            [
                [each.name, dict(each.labels), each.value]
                for each in metric.samples
                if not each.name.endswith(WHEN_MADE)
            ],
        ]
        for metric in collector.collect()
    ]


@frozen
class Report:
    """What one process says of itself."""

    metrics: Sequence[Family] = ()
    reasons: Sequence[str] = ("it is not ready",)
    """Why it takes no more calls; nothing when it does."""
    facts: Mapping[str, int] = field(factory=dict)


def can_be_added(report: Report) -> bool:
    """Whether a report that came from elsewhere has the shape of one, all through."""
    try:
        _added([report.metrics], SAME)
        texts, numbers = [*report.reasons], [*report.facts.values()]
    except (TypeError, ValueError, AttributeError):
        return False
    return all(isinstance(each, str) for each in texts) and all(isinstance(each, int) for each in numbers)


@define(eq=False)
class Gathered(Collector):
    """The reports of all processes, by their number."""

    own: Collector
    """Metrics of this process."""
    same: frozenset[str] = SAME
    reports: dict[int, Report] = field(factory=dict)
    _departed: list[Sequence[Family]] = field(factory=list)

    def leave(self, number: int) -> None:
        """A process is gone. Safe to call again."""
        gone = self.reports.pop(number, None)
        if gone is not None:
            staying = [family for family in gone.metrics if family[1] in STAYING]
            self._departed = [_listed(_added([*self._departed, staying], self.same))]

    def collect(self) -> Iterator[Metric]:
        """For the registry of this server, at each look."""
        live = [report.metrics for report in self.reports.values()]
        for name, kind, meaning, samples in _listed(_added([snapshot(self.own), *self._departed, *live], self.same)):
            metric = Metric(name, meaning, kind)
            for sample, labels, value in samples:
                metric.add_sample(sample, labels, value)
            yield metric

    def readiness(self, draining: bool) -> Readiness:
        """Whether one process at least takes calls."""
        able = [report for report in self.reports.values() if not report.reasons]
        told = [f"front end {n}: {why}" for n, report in sorted(self.reports.items()) for why in report.reasons]
        reasons = [] if able else told or ["no front end is alive"]
        if draining:
            reasons.insert(0, "the server is shutting down")
        facts: dict[str, int] = {"front_ends": len(self.reports), "front_ends_ready": len(able)}
        for report in self.reports.values():
            for name, value in report.facts.items():
                joined = max if f"h2b_{name}" in self.same else int.__add__
                facts[name] = joined(facts.get(name, 0), value)
        return Readiness(tuple(reasons), facts)


@define(eq=False)
class GatheredMetrics(Metrics):
    """The metrics of the process that answers for all: its own are a part of them."""

    gathered: Gathered | None = None

    def text(self) -> bytes:
        """What is gathered, in the text format."""
        everything = CollectorRegistry(auto_describe=False)
        if self.gathered is not None:
            everything.register(self.gathered)
        return generate_latest(everything)


_Sums: TypeAlias = dict[str, tuple[str, str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]]


def _added(sources: Iterable[Sequence[Family]], same: frozenset[str]) -> _Sums:
    sums: _Sums = {}
    for source in sources:
        for name, kind, meaning, samples in source:
            _, _, values = sums.setdefault(name, (kind, meaning, {}))
            for sample, labels, value in samples:
                key = sample, tuple(labels.items())
                before = values.get(key, 0.0)
                values[key] = max(before, value) if name in same else before + value
    return sums


def _listed(sums: _Sums) -> list[Family]:
    return [
        [name, kind, meaning, [[sample, dict(labels), value] for (sample, labels), value in values.items()]]
        for name, (kind, meaning, values) in sums.items()
    ]
