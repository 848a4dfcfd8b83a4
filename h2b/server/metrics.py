"""What operators can measure: counters of a registry of our own, in the text format of Prometheus.

Owns names, labels and buckets: they are interface. Must not know sockets. No label has more values than the server has
grammars and causes: never a caller, a session, a client's id or words.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import trio
from attrs import define, field, frozen
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import h2b
from h2b.asr.pool import PoolStatistics
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.model.usage import RecognitionRecord
from h2b.protocol.effects import Bill, Effect, Listen, Measure, Send
from h2b.wire.vocabulary import JSON

LAG_EVERY_S = 0.5
"""How often the loop is asked how late it is."""
DELAYS_S = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 1.0, 1.2, 1.5, 1.6, 2.0, 3.0, 5.0, 6.0, 8.0, 12.0)
"""Close together around the silences that end an utterance: 0.8 s, 1.5 s and 5 s by default."""
WAITS_S = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""The first one holds the results that were ready."""
LAGS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BUILTIN = "builtin:"
NO_CAUSE = "none"
"""Label of a recognition that the client ended."""


@frozen
class CallStatistics:
    """Calls by MRCPv2, as they are counted."""

    calls: int = 0
    connections: int = 0
    """Control connections."""
    ended: Mapping[str, int] = field(factory=dict)
    """By how they ended."""
    refused: Mapping[int, int] = field(factory=dict)
    """INVITEs, by SIP status."""
    packets: Mapping[str, int] = field(factory=dict)
    """RTP of calls that are over, by what became of it."""


@define
class Gauges:
    """What is asked for at each look. Functions, because others own the numbers."""

    connections: Callable[[], int] = lambda: 0
    sessions: Callable[[], int] = lambda: 0
    draining: Callable[[], bool] = lambda: False
    pool: Callable[[], PoolStatistics | None] = lambda: None
    usage_spool: Callable[[], int | None] = lambda: None
    """Usage records that wait to be written."""
    usage_copying: Callable[[], tuple[int, float] | None] = lambda: None
    """Usage records that could not be copied to the database, and for how many seconds that has been so."""
    calls: Callable[[], CallStatistics | None] = lambda: None
    busy: Callable[[], bool] = lambda: False
    """Whether no sessions may begin because the recogniser is busy."""


@define(eq=False)
class Metrics(Collector):
    """The metrics of one server."""

    gauges: Gauges = field(factory=Gauges)
    wall_time: Callable[[], float] = time.time
    """Seconds since the Unix epoch."""
    now: Callable[[], float] = trio.current_time
    """The clock of the sessions."""
    registry: CollectorRegistry = field(factory=lambda: CollectorRegistry(auto_describe=False))
    lag_s: float = 0.0
    """How late the loop was when it was last asked."""
    _active: Gauge = field(init=False)
    _recognitions: Counter = field(init=False)
    _delay: Histogram = field(init=False)
    _wait: Histogram = field(init=False)
    _refusals: Counter = field(init=False)
    _requests: Counter = field(init=False)
    _tokens: Counter = field(init=False)
    _lag: Histogram = field(init=False)

    def __attrs_post_init__(self) -> None:
        where = self.registry
        self._active = Gauge("h2b_recognitions_active", "Recognitions in progress.", registry=where)
        self._recognitions = Counter(
            "h2b_recognitions", "Recognitions that are over.", ("grammar", "cause", "ended_by"), registry=where
        )
        self._delay = Histogram(
            "h2b_result_delay_seconds",
            "From the end of speech to the result, the silence the grammar asks for included.",
            ("grammar",),
            buckets=DELAYS_S,
            registry=where,
        )
        self._wait = Histogram(
            "h2b_result_wait_seconds",
            "What a result came later than its timer, as the answer of the engine was awaited; 0 where it was ready.",
            buckets=WAITS_S,
            registry=where,
        )
        self._refusals = Counter("h2b_refusals", "Clients refused or disconnected.", ("why",), registry=where)
        self._requests = Counter(
            "h2b_requests_refused", "Requests of sessions that were refused.", ("method", "cause"), registry=where
        )
        self._tokens = Counter("h2b_token_requests", "Requests for tokens.", ("outcome",), registry=where)
        self._lag = Histogram(
            "h2b_loop_lag_seconds", "How late a timer of the server was.", buckets=LAGS_S, registry=where
        )
        where.register(self)

    def observer(self) -> Callable[[Effect], None]:
        """Is to be shown each effect of one session machine, whatever its wire."""
        listening = False

        def observe(effect: Effect) -> None:
            nonlocal listening
            match effect:
                case Listen():
                    # A recognition listens to one phrase after the other, and is billed once.
                    self._active.inc(not listening)
                    listening = True
                case Send(event=Event(name=EventName.RECOGNITION_COMPLETE) as event):
                    self._completed(event)
                case Measure(due):
                    self._wait.observe(0.0 if due is None else max(0.0, self.now() - due))
                case Bill(record=RecognitionRecord() as record):
                    self._active.dec(listening)
                    listening = False
                    self._billed(record)

        return observe

    def refused(self, why: str) -> None:
        """A client was refused or disconnected; `why` is one of few words."""
        self._refusals.labels(why).inc()

    def request_refused(self, method: str, cause: str) -> None:
        """A request was refused: both are words of the protocols, never of clients."""
        self._requests.labels(method, cause).inc()

    def token_request(self, outcome: str) -> None:
        """A request for a token was answered: `granted`, or an error of RFC 6749."""
        self._tokens.labels(outcome).inc()

    async def measure_lag(self) -> None:
        """Ask the loop how late it is, for ever."""
        while True:
            due = trio.current_time() + LAG_EVERY_S
            await trio.sleep_until(due)
            self.lag_s = max(0.0, trio.current_time() - due)
            self._lag.observe(self.lag_s)

    def text(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """What others own; called by the registry at each look."""
        gauges = self.gauges
        build = GaugeMetricFamily("h2b_build", "The version that runs.", labels=("version",))
        build.add_metric((h2b.__version__,), 1)
        yield build
        yield GaugeMetricFamily("h2b_connections", "Clients connected over WebSocket.", gauges.connections())
        yield GaugeMetricFamily("h2b_sessions", "Sessions open over WebSocket.", gauges.sessions())
        yield GaugeMetricFamily("h2b_draining", "1 when the server shuts down.", int(gauges.draining()))
        yield GaugeMetricFamily("h2b_busy", "1 when no session may begin, by `busy_s`.", int(gauges.busy()))
        spool = gauges.usage_spool()
        if spool is not None:
            yield GaugeMetricFamily("h2b_usage_spool_records", "Usage records that wait to be written.", spool)
        uncopied = gauges.usage_copying()
        if uncopied is not None:
            yield from _copy_metrics(*uncopied)
        pool, calls = gauges.pool(), gauges.calls()
        if pool is not None:
            yield from _pool_metrics(pool)
        if calls is not None:
            yield from _call_metrics(calls)

    def _completed(self, event: Event) -> None:
        result = event.result
        if result is None or result.span is None:
            return
        named = result.best.grammar_uri if result.best else ""
        self._delay.labels(grammar_label(named)).observe(max(0.0, self.wall_time() - result.span.end_ms / 1000))

    def _billed(self, record: RecognitionRecord) -> None:
        named = record.matched_grammar or next(iter(record.grammars), "")
        cause = JSON.causes[record.cause] if record.cause is not None else NO_CAUSE
        self._recognitions.labels(grammar_label(named), cause, record.ended_by).inc()


def _copy_metrics(records: int, seconds: float) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "h2b_usage_uncopied_records", "Usage records that could not be copied to the database yet.", records
    )
    yield GaugeMetricFamily(
        "h2b_usage_uncopied_seconds", "For how long copying has failed; 0 when all is copied.", seconds
    )


def _pool_metrics(pool: PoolStatistics) -> Iterator[Metric]:
    yield GaugeMetricFamily("h2b_workers", "Recognising processes.", pool.workers)
    yield GaugeMetricFamily("h2b_workers_alive", "Recognising processes that have loaded their models.", pool.alive)
    yield GaugeMetricFamily("h2b_workers_busy", "Recognising processes at work.", pool.alive - pool.free)
    yield GaugeMetricFamily("h2b_utterances_waiting", "Utterances that wait for a process.", pool.waiting)
    yield CounterMetricFamily("h2b_worker_deaths", "Processes that died or were replaced.", pool.deaths)
    yield CounterMetricFamily("h2b_decodes_unanswered", "Decodes no process was free for.", pool.unanswered)
    yield CounterMetricFamily("h2b_decode_seconds", "Time spent decoding.", pool.decode_s)
    yield CounterMetricFamily(
        "h2b_decoded_audio_seconds", "Speech decoded: decoding divided by it is the real-time factor.", pool.audio_s
    )


def _call_metrics(calls: CallStatistics) -> Iterator[Metric]:
    yield GaugeMetricFamily("h2b_calls", "Calls by MRCPv2 that are not over.", calls.calls)
    yield GaugeMetricFamily("h2b_control_connections", "Control connections of MRCPv2 clients.", calls.connections)
    counted: tuple[tuple[str, str, str, Mapping[Any, int]], ...] = (
        ("h2b_calls_ended", "Calls by MRCPv2 that are over.", "how", calls.ended),
        ("h2b_call_refusals", "INVITEs refused; 401 is a wrong user or password.", "status", calls.refused),
        ("h2b_rtp_packets", "RTP of calls that are over: packets received, lost, and too late.", "kind", calls.packets),
    )
    for name, meaning, label, counts in counted:
        family = CounterMetricFamily(name, meaning, labels=(label,))
        for value, count in sorted(counts.items()):
            family.add_metric((str(value),), count)
        yield family


def grammar_label(uri: str) -> str:
    """A grammar as a label: `builtin:` paths are ours and few, aliases are the clients' and all one."""
    if uri.startswith(BUILTIN):
        return uri.partition("?")[0].partition("#")[0]
    return "session" if uri else "-"
