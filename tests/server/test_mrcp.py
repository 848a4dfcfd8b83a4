"""MRCPv2 over real localhost sockets: every wait bounded by LIMIT_S, the scripted recogniser in-loop."""

import itertools
import re
import socket
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
import trio
from mrcpclient import Call, a_phone, until
from mrcpserver import a_server, open_files
from sound import silence, vowel
from structlog.testing import capture_logs

from h2b.asr.scripted import ScriptedRecogniser
from h2b.protocol.session import Setting
from h2b.telephony.sip_effects import EndReason, Transport
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpRequest, MrcpResponse, encode

GRAMMAR = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="answer">
  <rule id="answer" scope="public"><one-of><item>yes</item><item>no</item></one-of></rule>
</grammar>"""


async def hear_a_word(call: Call) -> MrcpEvent:
    await call.recognise()
    call.speak()
    return await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")


# Connections


@pytest.mark.parametrize("at", ["sip", "mrcp"])
async def test_what_goes_wrong_with_a_connection_ends_no_other(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with a_server(setting) as server, a_phone(server.sip, Transport.TCP) as phone:
        call = await phone.dial()
        with monkeypatch.context() as broken, capture_logs() as lines:
            broken.setattr(f"h2b.server.{at}.keep_alive", broken_down)
            host, _, port = server.telephone.addresses[at].rpartition(":")
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                assert await stream.receive_some() == b""
        assert "connection_failed" in {line["event"] for line in lines}
        await hear_a_word(call)


def broken_down(stream: trio.SocketStream) -> None:
    raise RuntimeError("nobody expected this")


# Recognitions


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_word_is_recognised_and_the_call_leaves_nothing_behind(setting: Setting, transport: Transport) -> None:
    async with a_server(setting) as server:
        files = open_files()
        async with a_phone(server.sip, transport) as phone:
            call = await phone.dial()
            done = await hear_a_word(call)
            assert done.headers.get("Completion-Cause") == "000 success"
            assert done.headers.get("Content-Type") == "application/nlsml+xml"
            assert b"true" in done.body
            await call.hang_up()
        await until(lambda: server.idle and open_files() == files)
        recognition, session = server.records
        assert (recognition.ended_by, session.ended_by) == ("result", "close")
        assert {record.wire for record in server.records} == {"mrcp"}
        assert recognition.session.session_id == call.name
        # Of the silence that followed the word, nobody sent more than the playout kept.
        assert 0 < recognition.billed_ms <= 700 < recognition.listened_ms


async def test_a_name_of_a_call_is_bounded_in_its_records(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.server.calls.MAXIMUM_TEXT", 5)
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await hear_a_word(call)
        assert server.records[0].session.session_id == call.name[:5]


async def test_the_other_result_document_can_be_the_default(setting: Setting) -> None:
    async with a_server(setting, result="h2b") as server, a_phone(server.sip) as phone:
        done = await hear_a_word(await phone.dial())
        assert done.headers.get("Content-Type") == "application/x-nlsml"


async def test_a_grammar_is_defined_and_recognised_by_its_name(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("DEFINE-GRAMMAR", GRAMMAR, Content_Type="application/srgs+xml", Content_Id="request1@form-level")
        await call.recognise("session:request1@form-level")
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert b"session:request1@form-level" in done.body


async def test_keys_alone_are_recognised_without_any_sound(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise("builtin:dtmf/digits?length=4")
        call.press("1234")
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        assert b"1234" in done.body


async def test_two_resources_share_one_line_of_sound(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial(resources=("speechrecog", "dtmfrecog"))
        by_voice, by_keys = call.grant.resources
        assert by_voice.channel.partition("@")[0] == by_keys.channel.partition("@")[0]
        call.granted = by_keys
        await call.recognise("builtin:dtmf/digits?length=2")
        call.press("42")
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert b"42" in done.body
        call.granted = by_voice
        assert (await hear_a_word(call)).headers.get("Completion-Cause") == "000 success"


async def test_a_caller_who_sends_nothing_at_all_is_heard_as_silent(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(No_Input_Timeout="200")
        done = await call.expect("RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "002 no-input-timeout"


async def test_sound_that_stops_in_the_middle_of_a_word_ends_the_recognition(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        call.speak(silence(0.1) + vowel(0.5))
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_stop_in_the_middle_of_a_word(setting: Setting) -> None:
    async with a_server(setting, ScriptedRecogniser()) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        call.speak()
        await call.expect("START-OF-INPUT")
        stopped = await call.ask("STOP")
        assert stopped.headers.get("Active-Request-Id-List") == "1"
        await call.hang_up()
        assert server.records[0].ended_by == "stop"


async def test_a_stop_whose_list_cannot_be_read_is_refused_and_nothing_more(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        refused = await call.ask("STOP", status=404, Active_Request_Id_List="one")
        assert refused.headers.get("Active-Request-Id-List") == "one"
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_parameters_are_set_and_told(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("SET-PARAMS", No_Input_Timeout="7000", Confidence_Threshold="0.4")
        told = await call.ask("GET-PARAMS", No_Input_Timeout="", Confidence_Threshold="")
        assert told.headers.get("No-Input-Timeout") == "7000"
        assert told.headers.get("Confidence-Threshold") == "0.4"


async def test_a_client_that_asks_for_the_sound_gets_an_empty_address(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(Save_Waveform="true")
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.all("Waveform-URI") == ("",)


async def test_the_sound_is_kept_where_the_operator_says(setting: Setting, tmp_path: Path) -> None:
    settings = {"waveform_folder": str(tmp_path), "waveform_url": "https://sound.example.com/kept/"}
    async with a_server(setting, **settings) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        for _ in range(2):
            await call.recognise(Save_Waveform="true")
            call.speak()
            done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            told = re.fullmatch(
                r"<https://sound\.example\.com/kept/([0-9a-f]{32}\.wav)>;size=(\d+);duration=(\d+)",
                done.headers.get("Waveform-URI"),
            )
            assert told is not None
            file = tmp_path / told[1]
            assert file.stat().st_size == int(told[2])
            with wave.open(str(file)) as kept:
                assert (kept.getnchannels(), kept.getsampwidth(), kept.getframerate()) == (1, 2, 8000)
                assert kept.getnframes() == int(told[3]) * 8 > 4000
                assert np.abs(np.frombuffer(kept.readframes(kept.getnframes()), "<i2")).max() > 5000
        assert len(list(tmp_path.iterdir())) == 2


async def test_sound_that_cannot_be_kept_costs_the_address_alone(setting: Setting, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    async with a_server(setting, waveform_folder=str(folder)) as server, a_phone(server.sip) as phone:
        folder.rmdir()
        call = await phone.dial()
        await call.recognise(Save_Waveform="true")
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.all("Waveform-URI") == ("",)
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_a_recording_is_recognised_in_place_of_the_line(setting: Setting, tmp_path: Path) -> None:
    settings = {"waveform_folder": str(tmp_path), "waveform_url": "https://sound.example.com/kept/"}
    async with a_server(setting, **settings) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(Save_Waveform="true")
        call.speak()
        kept = (await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")).headers.get("Waveform-URI")
        await call.recognise(Input_Waveform_URI=kept)
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        for wrong in (
            "<https://sound.example.com/kept/../h2b.toml>",
            "file:///etc/passwd",
            "<https://elsewhere/a.wav>",
        ):
            refused = await call.ask(
                "RECOGNIZE",
                "builtin:speech/boolean",
                status=407,
                Content_Type="text/uri-list",
                Input_Waveform_URI=wrong,
            )
            assert refused.headers.get("Completion-Cause") == "009 uri-failure"
            assert refused.headers.get("Failed-URI") == wrong


def a_recording(folder: Path, sound: bytes) -> str:
    """A file of the operator's, and its address."""
    with wave.open(str(folder / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound)
    return (folder / "a.wav").as_uri()


async def test_a_long_recording_is_given_no_faster_than_it_is_judged(setting: Setting, tmp_path: Path) -> None:
    address = a_recording(tmp_path, silence(0.3) + vowel(0.5) + silence(299))
    recogniser = ScriptedRecogniser(["yes"])
    async with (
        a_server(setting, recogniser, waveform_folder=str(tmp_path)) as server,
        a_phone(server.sip) as phone,
    ):
        call = await phone.dial()
        await call.recognise(Input_Waveform_URI=address)
        await until(lambda: bool(recogniser.waiting))
        call.speak(silence(0.3))
        (port,) = server.telephone.media._open
        await until(lambda: port.receiver.statistics.received == 15 and port.receiver.empty)
        recogniser.release()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"


async def test_what_the_line_has_meanwhile_is_no_part_of_a_recording(setting: Setting, tmp_path: Path) -> None:
    sound = silence(0.3) + vowel(0.5) + silence(10)
    address = a_recording(tmp_path, sound)
    recogniser = ScriptedRecogniser(["yes"])
    async with (
        a_server(setting, recogniser, waveform_folder=str(tmp_path)) as server,
        a_phone(server.sip) as phone,
    ):
        call = await phone.dial()
        await call.recognise(Input_Waveform_URI=address, Save_Waveform="true")
        await until(lambda: bool(recogniser.waiting))
        call.speak(vowel(0.8))
        (port,) = server.telephone.media._open
        await until(lambda: port.receiver.statistics.received == 40 and port.receiver.empty)
        recogniser.release()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        (kept,) = [file for file in tmp_path.iterdir() if file.name != "a.wav"]
        with wave.open(str(kept)) as file:
            heard = file.readframes(file.getnframes())
        assert len(heard) >= 16_000
        assert sound.startswith(heard)
        assert server.records[0].billed_ms == server.records[0].listened_ms


async def test_who_waits_behind_a_recording_hears_the_line(setting: Setting, tmp_path: Path) -> None:
    address = a_recording(tmp_path, silence(0.2))
    async with a_server(setting, waveform_folder=str(tmp_path)) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(Input_Waveform_URI=address, No_Input_Timeout="400")
        queued = await call.ask(
            "RECOGNIZE", "builtin:speech/boolean", Content_Type="text/uri-list", Save_Waveform="true"
        )
        assert queued.state == "PENDING"
        assert (await call.expect("RECOGNITION-COMPLETE")).headers.get("Completion-Cause") == "002 no-input-timeout"
        call.speak()
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        assert re.search(r"\.wav>;size=\d+;duration=\d+", done.headers.get("Waveform-URI"))


async def test_sound_of_a_request_that_was_stopped_is_kept_no_longer(setting: Setting, tmp_path: Path) -> None:
    async with a_server(setting, waveform_folder=str(tmp_path)) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        (channel,) = server.telephone.control.channels.values()
        await call.recognise(Save_Waveform="true")
        await until(lambda: bool(channel._tapes))
        await call.ask("STOP")
        assert not channel._tapes
        await call.recognise(No_Input_Timeout="300")
        await call.expect("RECOGNITION-COMPLETE")
        assert not channel._tapes
        assert not list(tmp_path.iterdir())


# Connections


async def test_a_second_call_speaks_by_the_same_connection(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        first = await phone.dial()
        await first.recognise(No_Input_Timeout="20000")
        second = await phone.dial(link=first.link)
        assert not second.grant.resources[0].new_connection
        assert (await hear_a_word(second)).headers.get("Completion-Cause") == "000 success"
        assert server.telephone.control.connections == 1
        await second.hang_up()
        first.speak()
        done = await first.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        await first.hang_up()


async def test_existing_is_answered_new_to_a_client_without_a_connection(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial(reuse_connection=True)
        assert call.granted.new_connection


async def test_messages_in_segments_of_one_octet(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        call.byte_by_byte = True
        assert (await hear_a_word(call)).headers.get("Completion-Cause") == "000 success"


async def test_a_grammar_that_takes_long_to_read_holds_up_no_other_channel(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = threading.Event()
    monkeypatch.setattr(type(setting.registry), "read_ahead", lambda *_: reading.wait(20))
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        slow = await phone.dial()
        await slow.send("DEFINE-GRAMMAR", GRAMMAR, Content_Type="application/srgs+xml", Content_Id="slow")
        await slow.send("GET-PARAMS")
        quick = await phone.dial(link=slow.link)
        await quick.ask("GET-PARAMS")
        reading.set()
        answers = [await slow.message(), await slow.message()]
        assert [answer.request_id for answer in answers] == [1, 2]
        assert all(isinstance(answer, MrcpResponse) and answer.status == 200 for answer in answers)


async def test_a_grammar_of_a_request_that_waits_is_read_before_its_turn_and_not_in_the_loop(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise(No_Input_Timeout="20000")
        keep = lambda *_: bool(threads.append(threading.current_thread())) or True  # noqa: E731
        monkeypatch.setattr(type(setting.registry), "read_ahead", keep)
        queued = await call.ask("RECOGNIZE", GRAMMAR, Content_Type="application/srgs+xml")
        assert queued.state == "PENDING"
        assert len(threads) == 1
        assert threads[0] is not threading.current_thread()


@pytest.mark.parametrize("uris", ["session:menu", "builtin:digits\nsession:menu"])
async def test_a_grammar_long_unused_is_compiled_before_the_recognition_and_not_in_the_loop(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, uris: str
) -> None:
    threads: list[threading.Thread] = []
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("DEFINE-GRAMMAR", GRAMMAR, Content_Type="application/srgs+xml", Content_Id="menu")
        monkeypatch.setattr("h2b.grammar.kinds.srgs.Srgs.is_ready", lambda *_: False)
        monkeypatch.setattr("h2b.server.channel.compile_grammar", lambda _: threads.append(threading.current_thread()))
        await call.ask("RECOGNIZE", uris, Content_Type="text/uri-list", Cancel_If_Queue="false")
        assert len(threads) == 1
        assert threads[0] is not threading.current_thread()


async def test_a_channel_nobody_has_is_answered_with_405(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("GET-PARAMS")
        other = await phone.dial()
        other.granted = call.granted
        await other.send("GET-PARAMS", request_id=9)
        refused = await other.message(call.granted.channel)
        assert (refused.request_id, getattr(refused, "status", 0)) == (9, 405)
        await call.hang_up()
        await until(lambda: server.telephone.board.calls == 1)
        await call.send("STOP", request_id=12)
        assert getattr(await call.message(), "status", 0) == 405


async def test_what_is_no_message_closes_the_connection_and_the_call(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.ask("GET-PARAMS")
        assert call.link is not None
        await call.link.stream.send_all(b"MRCP/3.0 70 STOP 8\r\nChannel-Identifier: x@speechrecog\r\n\r\n")
        answer = await call.message("x@speechrecog")
        assert (answer.request_id, getattr(answer, "status", 0)) == (8, 502)
        await call.link.closed.wait()
        await call.ended()
        await until(lambda: server.idle)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (502, "MRCP/3.0 70 STOP 8\r\nChannel-Identifier: {}\r\n\r\n"),
        (504, "MRCP/2.0 2000000 DEFINE-GRAMMAR 8\r\nChannel-Identifier: {}\r\nContent-Length: 1500000\r\n\r\n"),
        (404, "MRCP/2.0 200 DEFINE-GRAMMAR 8\r\nChannel-Identifier: {}\r\nContent-Length: abc\r\n\r\n"),
    ],
)
async def test_the_last_answer_is_sent_in_its_turn_before_the_connection_is_closed(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, status: int, message: str
) -> None:
    reading = threading.Event()
    monkeypatch.setattr(type(setting.registry), "read_ahead", lambda *_: reading.wait(20))
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.send("DEFINE-GRAMMAR", GRAMMAR, Content_Type="application/srgs+xml", Content_Id="slow")
        assert call.link is not None
        await call.link.stream.send_all(message.format(call.granted.channel).encode())
        (channel,) = server.telephone.control.channels.values()
        await until(lambda: channel._parting is not None)
        reading.set()
        answers = [await call.message(), await call.message()]
        assert [(answer.request_id, getattr(answer, "status", 0)) for answer in answers] == [(1, 200), (8, status)]
        await call.link.closed.wait()


async def test_a_message_that_can_be_told_apart_costs_only_itself(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        assert call.link is not None
        head = f"MRCP/2.0 99 GET-PARAMS 1\r\nChannel-Identifier: {call.granted.channel}\r\nno field\r\n\r\n"
        await call.link.stream.send_all(head.encode())
        refused = await call.message()
        assert (refused.request_id, getattr(refused, "status", 0)) == (1, 404)
        await call.send("GET-PARAMS", request_id=2)
        assert getattr(await call.message(), "status", 0) == 200


async def test_a_client_that_does_not_read_is_hung_up_on_and_no_other(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h2b.server.outbox.UNREAD_S", 0.2)
    monkeypatch.setattr("h2b.server.calls.LINGER_S", 0.0)
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        deaf, other = await phone.dial(connect=False), await phone.dial()
        await other.ask("GET-PARAMS")
        stream = await trio.open_tcp_stream(deaf.granted.address, deaf.granted.port)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        fields = Headers((("Channel-Identifier", deaf.granted.channel),))
        with pytest.raises(trio.BrokenResourceError):
            await ask_for_ever(stream, fields)
        assert await deaf.ended() is EndReason.HUNG_UP
        await stream.aclose()
        await other.ask("GET-PARAMS")


async def ask_for_ever(stream: trio.SocketStream, fields: Headers) -> None:
    for number in itertools.count(1):
        await stream.send_all(encode(MrcpRequest("GET-PARAMS", number, fields)) * 100)


async def test_more_requests_than_may_wait_are_refused(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = threading.Event()
    monkeypatch.setattr(type(setting.registry), "read_ahead", lambda *_: reading.wait(20))
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.send("DEFINE-GRAMMAR", GRAMMAR, Content_Type="application/srgs+xml", Content_Id="slow")
        for _ in range(50):
            await call.send("GET-PARAMS")
        refused = await call.message()
        assert getattr(refused, "status", 0) == 407
        assert refused.headers.get("Completion-Reason") == '"32 requests wait already"'
        reading.set()
        statuses = [getattr(await call.message(), "status", 0) for _ in range(50)]
        assert statuses.count(200) >= 32
