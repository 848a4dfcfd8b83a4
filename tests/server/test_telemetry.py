"""Traces: what is in them and what is not, and collectors that answer, refuse, or are not there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from attrs import define, field
from mrcpclient import a_phone
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from operating import a_server
from sound import UTTERANCE, silence
from structlog.testing import capture_logs
from wsclient import Client, a_client

from h2b.asr.scripted import ScriptedRecogniser, open_scripted
from h2b.config import Configuration, MrcpSettings, TelemetrySettings
from h2b.configfile import parse_configuration
from h2b.model.errors import ConfigurationError, EngineError
from h2b.model.formats import GrammarFormat
from h2b.model.messages import Close, DefineGrammar, Open, Recognize
from h2b.protocol.session import Setting
from h2b.server import telemetry
from h2b.server.channel import Channel
from h2b.server.scripts import open_scripts
from h2b.server.telemetry import open_telemetry, tracing_to
from h2b.server.telephone import open_telephone

SECRET = "0612345678"
WORD = UTTERANCE + silence(0.5)


@asynccontextmanager
async def traced(
    setting: Setting, recogniser: ScriptedRecogniser, spans: InMemorySpanExporter
) -> AsyncIterator[Channel]:
    """A channel whose trace is finished when the block ends."""
    async with tracing_to(spans) as trace, open_scripts() as scripts:
        own = trace(recogniser, lambda effect: None)
        channel = Channel(setting, own.recogniser, scripts, lambda record: None, 256, observe=own.observe)
        yield channel
        channel.abandon()


def open_session(channel: Channel) -> None:
    channel.receive(Open(request_id=1, custom_id=SECRET, session_id=SECRET, channel_prefix="bot-"))


def recognise(channel: Channel, recogniser: ScriptedRecogniser, grammar: str = "builtin:speech/boolean") -> None:
    channel.receive(Recognize(request_id=2, grammars=(grammar,), changes={"speech_complete_timeout": 300}))
    channel.receive_audio(WORD)
    recogniser.release()


def finished(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_session_is_a_span_and_its_recognitions_are_inside(setting: Setting) -> None:
    spans, recogniser = InMemorySpanExporter(), ScriptedRecogniser(["yes", "yes"])
    async with traced(setting, recogniser, spans) as channel:
        open_session(channel)
        for _ in range(2):
            recognise(channel, recogniser)
        channel.receive(Close(request_id=3))
    (session,), recognitions = finished(spans, "session"), finished(spans, "recognition")
    assert len(recognitions) == 2
    assert session.attributes is not None
    assert session.parent is None
    assert (session.attributes["h2b.recognitions"], session.attributes["h2b.ended_by"]) == (2, "close")
    for span in recognitions:
        assert span.parent is not None
        assert span.attributes is not None
        assert span.parent.span_id == session.context.span_id
        assert span.attributes["h2b.completion_cause"] == "Success"
        assert span.attributes["h2b.grammar"] == "builtin:speech/boolean"
        assert span.attributes["h2b.channel_id"] == session.attributes["h2b.channel_id"]
        assert span.status.status_code is StatusCode.OK
        assert [event.name for event in span.events] == ["START-OF-INPUT", "decode"]
        decode = span.events[1].attributes
        assert decode is not None
        assert set(decode) == {"h2b.decode_s", "h2b.cpu_s"}


async def test_what_callers_say_and_who_they_are_is_in_no_span(setting: Setting) -> None:
    spans, recogniser = InMemorySpanExporter(), ScriptedRecogniser(["yes"])
    async with traced(setting, recogniser, spans) as channel:
        open_session(channel)
        alias = DefineGrammar(request_id=5, alias=SECRET, body="builtin:speech/boolean", format=GrammarFormat.URI_LIST)
        channel.receive(alias)
        recognise(channel, recogniser, f"session:{SECRET}")
        channel.receive(Close(request_id=3))
    assert len(spans.get_finished_spans()) == 2
    for span in spans.get_finished_spans():
        told = span.to_json()
        assert SECRET not in told
        assert "yes" not in told
        assert "True" not in told


async def test_an_error_is_the_status_of_its_span_and_a_no_match_is_none(setting: Setting) -> None:
    spans, recogniser = InMemorySpanExporter(), ScriptedRecogniser([EngineError("broken"), "perhaps"])
    async with traced(setting, recogniser, spans) as channel:
        open_session(channel)
        for _ in range(2):
            recognise(channel, recogniser)
    failed, unmatched = finished(spans, "recognition")
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description == "Error"
    assert unmatched.status.status_code is StatusCode.UNSET
    assert finished(spans, "session")[0].attributes["h2b.ended_by"] == "disconnect"


async def test_a_call_by_mrcp_is_traced_too(setting: Setting) -> None:
    spans = InMemorySpanExporter()
    configuration = Configuration(mrcp=MrcpSettings(sip="127.0.0.1:0", mrcp="127.0.0.1:0", tenant="acme"))
    shutdown = trio.Event()
    with trio.fail_after(20):
        async with (
            tracing_to(spans) as trace,
            open_scripted(lambda request, samples: "yes", delay_s=0.01) as scripted,
            open_scripts() as scripts,
        ):
            own = trace(scripted, lambda effect: None)
            make = partial(Channel, setting, own.recogniser, scripts, lambda record: None, 256, observe=own.observe)
            async with open_telephone(configuration, setting, make, shutdown) as telephone:
                assert telephone is not None
                async with a_phone(telephone.addresses["sip"]) as phone:
                    call = await phone.dial()
                    await call.recognise()
                    call.speak()
                    await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
                    await call.hang_up()
                shutdown.set()
    (session,), (recognition,) = finished(spans, "session"), finished(spans, "recognition")
    assert (session.attributes["h2b.wire"], session.attributes["h2b.tenant"]) == ("mrcp", "acme")
    assert recognition.parent.span_id == session.context.span_id
    assert next(event.name for event in recognition.events) == "START-OF-INPUT"


async def test_a_trace_that_fails_ends_no_call(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, effect: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(telemetry.Trace, "_observe", broken)
    spans, recogniser = InMemorySpanExporter(), ScriptedRecogniser(["yes"])
    with capture_logs() as logs:
        async with traced(setting, recogniser, spans) as channel:
            open_session(channel)
            recognise(channel, recogniser)
            assert [(await channel.events.get()).name.name for _ in range(4)][-1] == "RECOGNITION_COMPLETE"
    assert [line["event"] for line in logs] == ["trace_failed"]


# Collectors


@define
class Collector:
    """What a collector was sent."""

    url: str = ""
    paths: list[bytes] = field(factory=list)
    requests: list[ExportTraceServiceRequest] = field(factory=list)

    async def take(self, stream: trio.SocketStream) -> None:
        octets = b""
        while b"\r\n\r\n" not in octets:
            octets += await stream.receive_some()
        head, _, body = octets.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += await stream.receive_some()
        self.paths.append(head.split(b"\r\n")[0])
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async def never_answer(self, stream: trio.SocketStream) -> None:
        await trio.sleep_forever()


@asynccontextmanager
async def listening(serve: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def a_call(client: Client) -> None:
    await client.begin(speech_complete_timeout=300)
    await client.websocket.send_message(WORD)
    event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
    assert event["completion_cause"] == "Success"
    await client.ask("CLOSE", "CLOSED")


async def test_a_collector_receives_the_spans_of_a_server(setting: Setting) -> None:
    collector = Collector()
    async with (
        listening(collector.take) as url,
        open_scripted(["yes"]) as recogniser,
        a_server(setting, recogniser, collector=url) as server,
        a_client(server.websocket) as client,
    ):
        await a_call(client)
    assert set(collector.paths) == {b"POST /v1/traces HTTP/1.1"}
    (resource,) = collector.requests[0].resource_spans
    named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert named["service.name"] == "h2b"
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert names == ["recognition", "session"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a server does not wait long for its spans to be sent."""
    monkeypatch.setattr(telemetry, "FLUSH_S", 0.5)
    monkeypatch.setattr(telemetry, "EXPORT_S", 0.2)


@pytest.mark.usefixtures("impatient")
async def test_calls_do_not_notice_a_collector_that_is_not_there(setting: Setting) -> None:
    with capture_logs() as logs:
        nobody = "http://127.0.0.1:9"
        async with (
            open_scripted(["yes", "yes"]) as recogniser,
            a_server(setting, recogniser, collector=nobody) as server,
        ):
            for _ in range(2):
                async with a_client(server.websocket) as client:
                    await a_call(client)
    told = [line for line in logs if line["event"] == "spans_not_sent"]
    assert [line["spans"] for line in told] == [4]


@pytest.mark.usefixtures("impatient")
async def test_the_end_does_not_wait_for_a_collector_that_never_answers(setting: Setting) -> None:
    collector = Collector()
    async with listening(collector.never_answer) as url, open_scripted(["yes"]) as recogniser:
        async with a_server(setting, recogniser, collector=url) as server, a_client(server.websocket) as client:
            await a_call(client)
        assert server.ended.is_set()


# Settings


async def test_without_a_collector_nothing_is_added(setting: Setting) -> None:
    recogniser = ScriptedRecogniser()
    async with open_telemetry(TelemetrySettings()) as trace:
        own = trace(recogniser, print)
    assert own.recogniser is recogniser
    assert own.observe is print


async def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"run: pip install /path/to/clone\[telemetry\]"):
        async with open_telemetry(TelemetrySettings(endpoint="http://127.0.0.1:4318")):
            raise AssertionError


def test_an_endpoint_that_is_no_url_is_told() -> None:
    with pytest.raises(ConfigurationError, match="endpoint in \\[telemetry\\]: got 'collector:4318', expected a URL"):
        parse_configuration('[telemetry]\nendpoint = "collector:4318"\n', "h2b.toml")
