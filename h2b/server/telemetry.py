"""Traces: a span for each session, in it one for each recognition, sent to a collector by OTLP over HTTP.

Owns what spans are called and hold, and the exporter. Must not know sockets or wires. The only place that knows
OpenTelemetry, which is an extra: it is loaded where a collector is configured. What callers say, its value, and the
words of clients' grammars are in no span.

Theory of operation
 1. A trace looks on: it is shown the effects of one channel, and the recogniser's answers go through it. It decides
    nothing, and what goes wrong in it is logged and ends that trace alone.
 2. Spans that are over wait in a queue, bounded, and a thread of the exporter's own sends them: a collector that is
    slow or gone costs spans, and no call any time. That it is gone is told once, and once that it is back.
"""

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog
import trio
from attrs import define, field, frozen

import h2b
from h2b.asr.base import Answer, Recogniser, Utterance, UtteranceRequest
from h2b.config import TelemetrySettings
from h2b.model.causes import CompletionCause
from h2b.model.errors import ConfigurationError, EngineError
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.model.results import Recognised
from h2b.model.usage import RecognitionRecord, SessionRecord
from h2b.protocol.effects import Bill, Decode, Effect, Listen, Send
from h2b.server.metrics import grammar_label
from h2b.wire.mrcptext import MrcpEvent, MrcpResponse
from h2b.wire.vocabulary import JSON, Notice

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span, Tracer

_log = structlog.get_logger("h2b.server.telemetry")

PATH = "/v1/traces"
"""Of a collector (OTLP/HTTP)."""
QUEUE_SPANS = 4096
"""Spans that wait to be sent; when more come, the oldest are dropped."""
EXPORT_S = 5.0
"""Time for sending a batch."""
FLUSH_S = 5.0
"""Time at the end for what still waits."""
SESSION, RECOGNITION = "session", "recognition"
Observe = Callable[[Effect], None]


@frozen
class Traced:
    """What a channel is given: a recogniser, and who looks at its effects."""

    recogniser: Recogniser
    observe: Observe


Tracing = Callable[[Recogniser, Observe], Traced]
"""Adds a trace to what a channel is given."""


@asynccontextmanager
async def open_telemetry(settings: TelemetrySettings) -> AsyncIterator[Tracing]:
    """Traces for the time of the block, none where no collector is configured.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """
    if not settings.endpoint:
        yield Traced
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        lacking = "endpoint in [telemetry] needs OpenTelemetry"
        raise ConfigurationError(f"{lacking}, run: pip install /path/to/clone[telemetry]")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # A failure of each batch would be told each time: we tell of the first one.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(endpoint=settings.endpoint.rstrip("/") + PATH, timeout=EXPORT_S)
    async with tracing_to(exporter) as tracing:
        yield tracing


@asynccontextmanager
async def tracing_to(exporter: "SpanExporter") -> AsyncIterator[Tracing]:
    """Traces that go to an exporter; what waits at the end of the block is sent, if that takes no long time."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "h2b", "service.version": h2b.__version__}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    batches = BatchSpanProcessor(_telling(exporter), max_queue_size=QUEUE_SPANS)
    provider.add_span_processor(batches)
    tracer = provider.get_tracer("h2b", h2b.__version__)
    try:
        yield lambda recogniser, observe: _traced(Trace(tracer, recogniser), observe)
    finally:
        with trio.move_on_after(FLUSH_S, shield=True):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _traced(trace: "Trace", observe: Observe) -> Traced:
    def look(effect: Effect) -> None:
        observe(effect)
        trace.observe(effect)

    return Traced(trace, look)


@define(eq=False)
class Trace:
    """The spans of one channel. A recogniser in front of the real one, to see its answers."""

    _tracer: "Tracer"
    _recogniser: Recogniser
    _session: "Span | None" = None
    _recognition: "Span | None" = None
    _asked: dict[int, float] = field(factory=dict)
    """When a decode was asked for, by generation."""
    _broken: bool = False

    @property
    def languages(self) -> Mapping[str, str]:
        return self._recogniser.languages

    def listen(self, request: UtteranceRequest, answer: Answer) -> Utterance:
        return self._recogniser.listen(request, partial(self._answered, answer))

    def observe(self, effect: Effect) -> None:
        """See an effect before it is performed."""
        self._safely(self._observe, effect)

    def _answered(self, answer: Answer, generation: int, told: Recognised | EngineError) -> None:
        self._safely(self._decoded, generation, told)
        answer(generation, told)

    def _safely(self, look: Callable[..., None], *seen: Any) -> None:
        if self._broken:
            return
        try:
            look(*seen)
        except Exception:
            self._broken = True
            _log.exception("trace_failed")

    def _observe(self, effect: Effect) -> None:
        match effect:
            case Send(event=Event(name=EventName.OPENED) | MrcpResponse()):
                self._begin_session()
            case Send(event=Event(name=EventName.START_OF_INPUT) | MrcpEvent(name=Notice.START_OF_INPUT)):
                if self._recognition is not None:
                    self._recognition.add_event(Notice.START_OF_INPUT.value)
            case Listen():
                self._begin_recognition(effect)
            case Decode():
                self._asked[effect.generation] = time.monotonic()
            case Bill(record=RecognitionRecord() as record):
                self._end_recognition(record)
            case Bill(record=SessionRecord() as session):
                self._end_session(session)

    def _begin_session(self) -> "Span":
        if self._session is None:
            self._session = self._tracer.start_span(SESSION)
        return self._session

    def _begin_recognition(self, listen: Listen) -> None:
        # A recognition listens to one phrase after the other.
        if self._recognition is None:
            from opentelemetry.trace import set_span_in_context

            inside = set_span_in_context(self._begin_session())
            self._recognition = self._tracer.start_span(RECOGNITION, inside)

    def _decoded(self, generation: int, told: Recognised | EngineError) -> None:
        asked = self._asked.pop(generation, None)
        if self._recognition is None or asked is None:
            return
        seen: dict[str, Any] = {"h2b.decode_s": round(time.monotonic() - asked, 4)}
        if isinstance(told, Recognised):
            seen["h2b.cpu_s"] = round(told.cpu_seconds, 4)
        self._recognition.add_event("decode", seen)

    def _end_recognition(self, record: RecognitionRecord) -> None:
        from opentelemetry.trace import Status, StatusCode

        span, self._recognition = self._recognition, None
        self._asked.clear()
        if span is None:
            return
        named = record.matched_grammar or next(iter(record.grammars), "")
        cause = JSON.causes[record.cause] if record.cause is not None else ""
        span.set_attributes(
            {
                "h2b.record_id": record.record_id,
                "h2b.request_id": str(record.request_id),
                "h2b.channel_id": record.session.channel_id,
                "h2b.language": record.language,
                "h2b.grammar": grammar_label(named),
                "h2b.completion_cause": cause,
                "h2b.ended_by": record.ended_by,
                "h2b.listened_ms": record.listened_ms,
                "h2b.billed_ms": record.billed_ms,
                "h2b.asr_model": record.asr_model,
            }
        )
        if record.cause is CompletionCause.SUCCESS:
            span.set_status(Status(StatusCode.OK))
        elif record.cause is CompletionCause.ERROR:
            span.set_status(Status(StatusCode.ERROR, cause))
        span.end()

    def _end_session(self, record: SessionRecord) -> None:
        span = self._begin_session()
        self._session = None
        span.set_attributes(
            {
                "h2b.record_id": record.record_id,
                "h2b.channel_id": record.session.channel_id,
                "h2b.tenant": record.tenant,
                "h2b.wire": record.wire,
                "h2b.ended_by": record.ended_by,
                "h2b.recognitions": record.recognitions,
                "h2b.billed_ms": record.billed_ms,
            }
        )
        span.end()


def _telling(exporter: "SpanExporter") -> "SpanExporter":
    """An exporter that tells when spans can no longer be sent, and when they can again. Called in its own thread."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Telling(SpanExporter):
        failing = False

        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            try:
                result = exporter.export(spans)
            except Exception as error:
                reason, result = repr(error), SpanExportResult.FAILURE
            else:
                reason = "the collector did not take them"
            failed = result is not SpanExportResult.SUCCESS
            if failed and not self.failing:
                _log.warning("spans_not_sent", spans=len(spans), reason=reason)
            elif self.failing and not failed:
                _log.info("spans_sent_again")
            self.failing = failed
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Telling()
