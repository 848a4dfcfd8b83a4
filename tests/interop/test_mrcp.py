"""Our own MRCPv2 client, which forgives nothing, against the real server: real sockets, real audio, real engine."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import trio
from attrs import evolve

from h2b.audio.files import read_audio
from h2b.cli.client import connect
from h2b.cli.mrcp_client import MrcpClient
from h2b.cli.mrcp_judge import reading
from h2b.cli.mrcp_recognition import Document, Outcome, Plan, define_grammars, parameter_fields, recognise
from h2b.cli.mrcp_session import Call, CallFailed
from h2b.model.messages import Event, Open, Recognize
from h2b.model.names import EventName
from h2b.telephony.sdp import write_sdp
from h2b.telephony.sdp_client import OfferSettings, make_offer, read_grant
from h2b.telephony.sdp_offer import PayloadFormat
from h2b.telephony.sip_effects import Transport
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpResponse, RequestState
from h2b.wire.vocabulary import MRCP_CAUSES, MRCP_PARAMETERS, Header
from tests.interop.mrcpserver import Served, mrcp_server

PIN = "builtin:speech/spelling/digits?length=4"
KEYS = "builtin:dtmf/digits?length=4"
MENU = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" xml:lang="en-US" version="1.0" mode="voice" root="pin">
  <rule id="pin"><ruleref special="GARBAGE"/> four seven one two <ruleref special="GARBAGE"/></rule>
</grammar>"""
PATIENCE_S = 20
GSM = PayloadFormat(3, "GSM", 8000)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    with mrcp_server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture(scope="module")
def code() -> np.ndarray:
    """The recording of the demo: a caller who says four seven one two in a sentence."""
    return read_audio(Path(str(files("h2b"))) / "demo" / "code.wav")


def value(outcome: Outcome) -> object:
    assert outcome.best is not None
    assert outcome.best.interpretation is not None
    return outcome.best.interpretation.value


async def begin(call: Call, *uris: str, **fields: str) -> MrcpResponse:
    """RECOGNIZE with these grammars."""
    headers = Headers((*Headers.of(Content_Type="text/uri-list", Cancel_If_Queue="false"), *Headers.of(**fields)))
    return await call.ask("RECOGNIZE", headers, "".join(f"{uri}\r\n" for uri in uris).encode())


async def ended(call: Call) -> MrcpEvent:
    _, arrival = await call.completion(PATIENCE_S)
    assert isinstance(arrival.message, MrcpEvent)
    return arrival.message


async def by_websocket(server: Served, samples: np.ndarray) -> Event:
    async with connect(server.websocket) as client:
        await client.ask(Open)
        await client.send(Recognize, grammars=(PIN,), changes={"speech_language": "en"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.speak, samples)
            while (event := await client.next_event()).name is not EventName.RECOGNITION_COMPLETE:
                pass
            nursery.cancel_scope.cancel()
        return event


async def test_both_wires_give_the_same_value_cause_and_record(server: Served, code: np.ndarray) -> None:
    async with server.client(codec="l16") as client:
        outcome = await recognise(client, Plan(grammars=(PIN,), samples=code))
    event = await by_websocket(server, code)
    assert event.result is not None
    assert event.result.best is not None
    assert outcome.best is not None
    assert value(outcome) == event.result.best.interpretation.value == "4712"
    assert event.cause is not None
    assert outcome.cause == MRCP_CAUSES[event.cause]
    assert outcome.reason == event.reason
    assert outcome.best.grammar_uri == event.result.best.grammar_uri
    assert outcome.best.hypothesis.transcript == event.result.best.hypothesis.transcript
    assert outcome.best.hypothesis.confidence == pytest.approx(event.result.best.hypothesis.confidence, abs=0.05)
    (by_mrcp,) = await server.lines_of("recognition_billed", channel_id=outcome.channel)
    (by_json,) = [
        line for line in await server.lines_of("recognition_billed") if line["channel_id"] == event.channel_id
    ]
    same = ("asr_model", "cause", "ended_by", "grammars", "matched_grammar", "language", "tenant", "version")
    assert {key: by_mrcp[key] for key in same} == {key: by_json[key] for key in same}
    assert (by_mrcp["wire"], by_json["wire"]) == ("mrcp", "websocket")
    assert by_mrcp["listened_ms"] == pytest.approx(by_json["listened_ms"], abs=200)


async def test_the_end_comes_soon_after_the_silence(server: Served, code: np.ndarray) -> None:
    async with server.client() as client:
        outcome = await recognise(client, Plan(grammars=(PIN,), samples=code))
    assert value(outcome) == "4712"
    assert outcome.added_ms is not None
    assert -20 < outcome.added_ms < 1000


async def test_keys_without_any_sound(server: Served) -> None:
    async with server.client() as client:
        outcome = await recognise(client, Plan(grammars=(KEYS,), keys="1234"))
    assert (outcome.cause, outcome.mode.value, value(outcome)) == ("000 success", "dtmf", "1234")
    assert outcome.best is not None
    assert outcome.best.hypothesis.transcript == "1 2 3 4"
    assert outcome.started_at > 0


async def test_keys_typed_ahead_count_for_the_next_recognition(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        await call.play(call.keys("12"))
        await call.play(call.sound(np.zeros(2400, np.int16)))
        await begin(call, KEYS)
        await call.play(call.keys("34"))
        assert reading(await ended(call)).result.best.interpretation.value == "1234"


@pytest.mark.parametrize("codec", ["pcma", "l16"])
async def test_each_format_and_sip_over_tcp(server: Served, code: np.ndarray, codec: str) -> None:
    async with server.client(transport=Transport.TCP, codec=codec) as client:
        outcome = await recognise(client, Plan(grammars=(PIN,), samples=code))
    assert outcome.encoding == codec.upper()
    assert value(outcome) == "4712"


async def test_a_grammar_of_the_client(server: Served, code: np.ndarray) -> None:
    menu = Document("menu@form-level", "application/srgs+xml", MENU)
    async with server.client() as client:
        outcome = await recognise(client, Plan(grammars=(menu,), samples=code))
    assert outcome.best is not None
    assert outcome.best.grammar_uri == "session:menu@form-level"
    assert outcome.cause == "000 success"


async def test_a_grammar_that_is_none_is_refused_with_its_cause(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        with pytest.raises(CallFailed, match="407"):
            await define_grammars(call, (Document("menu", "application/srgs+xml", "<grammar>"),))
        refused = await begin(call, "session:never-defined")
        assert refused.status == 407
        assert refused.headers.get(Header.COMPLETION_CAUSE)[:3] in ("004", "009")
        assert (await begin(call, "http://127.0.0.1:1/menu.grxml")).status == 407


async def test_every_parameter_is_set_and_read_back(server: Served) -> None:
    settings = {
        "speech_language": "en-GB",
        "confidence_threshold": "0.25",
        "sensitivity_level": "0.75",
        "no_input_timeout": "4001",
        "recognition_timeout": "15002",
        "speech_complete_timeout": "703",
        "speech_incomplete_timeout": "1204",
        "speech_nomatch_timeout": "2205",
        "start_input_timers": "false",
        "recognition_mode": "hotword",
        "hotword_max_duration": "9006",
        "hotword_min_duration": "107",
        "n_best_list_length": "4",
        "dtmf_interdigit_timeout": "3008",
        "dtmf_term_timeout": "1009",
        "dtmf_term_char": "#",
        "dtmf_buffer_time": "2510",
        "logging_tag": "a tag",
    }
    assert settings.keys() >= MRCP_PARAMETERS.keys()
    fields = parameter_fields(settings)
    async with server.client() as client, client.call() as call:
        defaults = await call.ask("GET-PARAMS")
        assert {name for name, _ in fields} <= {name for name, _ in defaults.headers}
        assert (await call.ask("SET-PARAMS", fields)).status == 200
        told = await call.ask("GET-PARAMS", Headers(tuple((name, "") for name, _ in fields)))
        for name, text in fields:
            if name != Header.VENDOR_SPECIFIC:
                assert told.headers.get(name) == text
        assert "Speech-Nomatch-Timeout=2205" in told.headers.get(Header.VENDOR_SPECIFIC)
        refused = await call.ask("SET-PARAMS", Headers.of(No_Input_Timeout="soon"))
        assert (refused.status, refused.headers.get("No-Input-Timeout")) == (404, "soon")
        refused = await call.ask("SET-PARAMS", Headers.of(Mood="good"))
        assert (refused.status, "Mood" in refused.headers) == (403, True)


async def test_stop_while_the_caller_speaks_and_the_next_recognition(server: Served, code: np.ndarray) -> None:
    async with server.client() as client, client.call() as call, trio.open_nursery() as nursery:
        await begin(call, PIN)
        nursery.start_soon(call.play, call.sound(code))
        started = await call.event(PATIENCE_S)
        assert started.message.name == "START-OF-INPUT"
        stopped = await call.ask("STOP")
        assert (stopped.status, stopped.headers.get(Header.ACTIVE_REQUESTS)) == (200, "1")
        nursery.cancel_scope.cancel()
    async with server.client() as client, client.call() as call:
        await begin(call, PIN)
        await call.ask("STOP")
        stopped = await call.ask("STOP")
        assert (stopped.status, Header.ACTIVE_REQUESTS in stopped.headers) == (200, False)
        await begin(call, KEYS)
        await call.play(call.keys("1234"))
        assert (await ended(call)).headers.get(Header.COMPLETION_CAUSE) == "000 success"
        await call.quiet()


async def test_no_input_needs_no_sound_to_be_noticed(server: Served) -> None:
    async with server.client() as client:
        quick = parameter_fields({"no_input_timeout": "500"})
        outcome = await recognise(client, Plan(grammars=(PIN,), samples=np.zeros(800, np.int16), fields=quick))
    assert outcome.cause == "002 no-input-timeout"
    assert outcome.started_at == 0
    assert 0.45 < outcome.ended_at - outcome.asked_at < 2


async def test_held_timers_start_when_they_are_told_to(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        assert (await call.ask("START-INPUT-TIMERS")).status == 402
        await begin(call, PIN, No_Input_Timeout="300", Start_Input_Timers="false", Save_Waveform="true")
        assert (await call.ask("START-INPUT-TIMERS")).status == 200
        event = await ended(call)
        assert event.headers.get(Header.COMPLETION_CAUSE) == "002 no-input-timeout"
        assert Header.WAVEFORM_URI in event.headers


async def test_hotword_mode_says_nothing_before_the_match(server: Served, code: np.ndarray) -> None:
    async with server.client() as client:
        fields = parameter_fields({"recognition_mode": "hotword", "hotword_max_duration": "15000"})
        outcome = await recognise(client, Plan(grammars=(PIN,), samples=code, fields=fields))
    assert (outcome.cause, value(outcome), outcome.started_at) == ("000 success", "4712", 0)


async def test_requests_wait_for_one_another(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        assert (await begin(call, KEYS)).state is RequestState.IN_PROGRESS
        assert (await begin(call, KEYS, No_Input_Timeout="200")).state is RequestState.PENDING
        await call.play(call.keys("1234"))
        first = await ended(call)
        assert (first.request_id, first.headers.get(Header.COMPLETION_CAUSE)) == (1, "000 success")
        second = await ended(call)
        assert (second.request_id, second.headers.get(Header.COMPLETION_CAUSE)) == (2, "002 no-input-timeout")
        await begin(call, KEYS, Cancel_If_Queue="true")


async def test_text_is_interpreted_and_a_result_kept(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        fields = Headers.of(Content_Type="text/uri-list", Interpret_Text="four seven one two")
        assert (await call.ask("INTERPRET", fields, PIN.encode())).state is RequestState.IN_PROGRESS
        arrival = await call.event(PATIENCE_S)
        assert reading(arrival.message).result.best.interpretation.value == "4712"
        assert (await call.ask("GET-RESULT")).status == 402
        assert (await call.ask("START-PHRASE-ENROLLMENT")).status == 401


async def test_sessions_share_a_connection(server: Served) -> None:
    async with server.client() as client, client.call() as first:
        # The server knows whose connection it is when the first message has come by it.
        await first.ask("GET-PARAMS")
        async with client.call(reuse=True) as second:
            assert second.control is first.control
            assert second.channel.channel != first.channel.channel
            await begin(first, KEYS)
            await begin(second, KEYS)
            await second.play(second.keys("1234"))
            await first.play(first.keys("5678"))
            assert reading(await ended(first)).result.best.interpretation.value == "5678"
            assert reading(await ended(second)).result.best.interpretation.value == "1234"
        await begin(first, KEYS)
        await first.play(first.keys("0000"))
        assert reading(await ended(first)).result.best.interpretation.value == "0000"


async def test_fifty_sessions_a_second_all_end(server: Served) -> None:
    before = len(server.lines("call_ended"))

    async def visit(client: MrcpClient, number: int) -> None:
        await trio.sleep(number / 50)
        async with client.call(reuse=number % 2 == 1) as call:
            assert (await begin(call, KEYS, PIN)).state is RequestState.IN_PROGRESS
            assert (await call.ask("STOP")).headers.get(Header.ACTIVE_REQUESTS) == "1"
            await call.quiet()

    async with server.client() as client, trio.open_nursery() as nursery:
        for number in range(80):
            nursery.start_soon(visit, client, number)
    await server.lines_of("call_ended", before + 80)


async def test_a_changed_offer_leaves_a_recognition_alone(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        await begin(call, KEYS)
        port = call.sound_port
        same = OfferSettings(address=server.host, audio_port=port, reuse_connection=True, version=2)
        answer = read_grant(await client.change(call, write_sdp(make_offer(same))))
        assert [granted.channel for granted in answer.resources] == [call.channel.channel]
        assert (answer.audio_address, answer.audio_port) == (call.grant.audio_address, call.grant.audio_port)
        with pytest.raises(CallFailed, match="the server refused the change: 488"):
            await client.change(call, write_sdp(make_offer(evolve(same, formats=(GSM,), version=3))))
        await call.play(call.keys("1234"))
        assert reading(await ended(call)).result.best.interpretation.value == "1234"


async def test_resources_that_are_there_and_one_that_is_not(server: Served) -> None:
    async with server.client() as client, client.call(resource="dtmfrecog") as call:
        assert call.channel.channel.endswith("@dtmfrecog")
        await begin(call, KEYS)
        await call.play(call.keys("1234"))
        assert (await ended(call)).headers.get(Header.COMPLETION_CAUSE) == "000 success"
    async with server.client() as client:
        with pytest.raises(CallFailed, match=r"refused the call: 488|grants no recognizer"):
            async with client.call(resource="speechsynth"):
                pass


async def test_orders_that_make_no_sense_are_answered(server: Served) -> None:
    async with server.client() as client, client.call() as call:
        assert (await call.ask("SPEAK")).status == 401
        assert (await begin(call)).status in (404, 406, 407)
        assert (
            await call.ask("DEFINE-GRAMMAR", Headers.of(Content_Type="image/png", Content_Id="a"), b"x")
        ).status in (
            407,
            408,
        )
        assert (await call.ask("DEFINE-GRAMMAR", Headers.of(Content_Type="text/uri-list"), b"x")).status in (406, 407)
        assert (await begin(call, KEYS)).state is RequestState.IN_PROGRESS
        assert (await call.ask("DEFINE-GRAMMAR", Headers.of(Content_Type="text/uri-list", Content_Id="a"), b"x")).status
