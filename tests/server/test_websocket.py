"""The server over real localhost sockets: port 0, every wait bounded by LIMIT_S, the scripted recogniser in-loop."""

import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, evolve, field
from sound import UTTERANCE, silence
from wsclient import a_client, address_of

from h2b.asr.base import Recogniser
from h2b.asr.scripted import ScriptedRecogniser, open_scripted
from h2b.config import Configuration, ServerSettings
from h2b.model.errors import ConfigurationError
from h2b.model.results import Hypothesis
from h2b.model.usage import RecognitionRecord, SessionRecord, UsageRecord
from h2b.protocol.session import Setting
from h2b.server.app import serve

LIMIT_S = 20


@define
class Running:
    """A server under test."""

    url: str
    shutdown: trio.Event
    records: list[RecognitionRecord] = field(factory=list)
    announced: list[str] = field(factory=list)
    ended: trio.Event = field(factory=trio.Event)
    sessions: list[SessionRecord] = field(factory=list)

    def keep(self, record: UsageRecord) -> None:
        if isinstance(record, SessionRecord):
            self.sessions.append(record)
        else:
            self.records.append(record)

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.url)


@asynccontextmanager
async def a_server(setting: Setting, recogniser: Recogniser | None = None, **settings: Any) -> AsyncIterator[Running]:
    """Started, and shut down and drained when the block ends."""
    configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0", **settings))
    running = Running("", trio.Event())

    async def run(task_status: trio.TaskStatus[str]) -> None:
        await serve(
            configuration,
            setting,
            recogniser or ScriptedRecogniser(),
            running.shutdown,
            announce=running.announced.append,
            write_record=running.keep,
            task_status=task_status,
        )
        running.ended.set()

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            running.url = await nursery.start(run)
            yield running
            running.shutdown.set()


# Sessions


async def test_the_ready_line_names_the_url_clients_connect_to(setting: Setting) -> None:
    async with a_server(setting) as server:
        host, port = server.address
        assert server.announced == [f"ready websocket=ws://{host}:{port}/bots"]


async def test_a_whole_session_and_another_on_the_same_connection(setting: Setting) -> None:
    async with (
        open_scripted(["yes", "no"]) as recogniser,
        a_server(setting, recogniser) as server,
        a_client(server.url) as client,
    ):
        for value in (True, False):
            opened = await client.ask("OPEN", "OPENED", audio_codec="linear")
            await client.ask("SET-PARAMS", "PARAMS-SET", speech_complete_timeout=300)
            await client.ask("DEFINE-GRAMMAR", "GRAMMAR-DEFINED", "builtin:speech/boolean", content_id="yesno")
            await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "session:yesno")
            await client.websocket.send_message(UTTERANCE + silence(0.5))
            event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert event["completion_cause"] == "Success"
            assert event["channel_id"] == opened["channel_id"]
            assert event["body"]["nlu"]["value"] is value
            await client.websocket.send_message(silence(1.0))
            await client.ask("CLOSE", "CLOSED")
            await client.websocket.send_message(silence(1.0))
    assert [record.matched_grammar for record in server.records] == ["session:yesno"] * 2


async def test_answers_keep_the_order_of_the_commands(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.url) as client:
        sent = [await client.send("GET-PARAMS" if number else "OPEN") for number in range(500)]
        assert [(await client.event())["request_id"] for _ in sent] == sent


async def test_clients_do_not_share_anything(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.url) as one, a_client(server.url) as other:
        for client in (one, other):
            await client.ask("OPEN", "OPENED")
        await one.ask("DEFINE-GRAMMAR", "GRAMMAR-DEFINED", "builtin:speech/boolean", content_id="mine")
        await one.ask("SET-PARAMS", "PARAMS-SET", no_input_timeout=1)
        refused = await other.ask("RECOGNIZE", "METHOD-FAILED", "session:mine")
        assert refused["completion_cause"] == "GramLoadFailure"
        assert (await other.ask("GET-PARAMS", "DEFAULT-PARAMS"))["headers"]["no_input_timeout"] == 5000


# Abuse


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"command":"SING","request_id":1}',
        '{"command":5}',
        "\x00",
        "é" * 10_000,
        "[" * 9000,
    ],
)
async def test_a_malformed_message_is_answered_and_the_connection_lives(setting: Setting, text: str) -> None:
    async with a_server(setting) as server, a_client(server.url) as client:
        await client.websocket.send_message(text)
        assert (await client.event())["event"] in ("METHOD-NOT-VALID", "MISSING-PARAM")
        await client.ask("OPEN", "OPENED")


async def test_a_storm_of_malformed_messages_from_a_client_that_reads_is_answered_in_full(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.url) as client, trio.open_nursery() as nursery:

        async def storm() -> None:
            for number in range(5000):
                await client.websocket.send_message("{" * (number % 7))

        nursery.start_soon(storm)
        for _ in range(5000):
            await client.expect("METHOD-NOT-VALID")
        await client.ask("OPEN", "OPENED")


async def test_a_client_that_never_reads_is_closed_and_its_recognition_billed(setting: Setting) -> None:
    async with a_server(setting, unread_s=0.2, event_queue=8) as server, a_client(server.url) as polite:
        stream = await raw_websocket(server)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        recognize = {"command": "RECOGNIZE", "request_id": 2, "body": "builtin:speech/boolean"}
        storm = frame(text='{"command":"GET-PARAMS","request_id":3}') * 1000
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012  # the loop is what breaks it
            await stream.send_all(frame(text='{"command":"OPEN","request_id":1}') + frame(text=json.dumps(recognize)))
            while True:
                await stream.send_all(storm)
        await stream.aclose()
        await polite.ask("OPEN", "OPENED")
    assert [record.ended_by for record in server.records] == ["disconnect"]


async def test_a_message_larger_than_allowed_closes_with_1009(setting: Setting) -> None:
    async with a_server(setting, maximum_message_bytes=2000) as server, a_client(server.url) as client:
        await client.begin()
        await client.websocket.send_message(bytes(2000))
        await client.websocket.send_message(bytes(2001))
        assert await client.closed_with() == 1009
    assert [record.ended_by for record in server.records] == ["disconnect"]


async def test_a_minute_of_audio_in_one_message_is_taken(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.url) as client:
        await client.begin(no_input_timeout=50_000)
        await client.websocket.send_message(silence(32.0))
        await client.websocket.send_message(silence(32.0))
        event = await client.expect("RECOGNITION-COMPLETE")
        assert event["completion_cause"] == "NoInputTimeout"


@pytest.mark.parametrize("path", ["/", "/bot", "/bots/", "/bots/x"])
async def test_another_path_is_not_found(setting: Setting, path: str) -> None:
    async with a_server(setting) as server, await knock(server, path) as stream:
        answer = b"".join([part async for part in stream])
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert answer.endswith(b"\r\n\r\nno such path, expected /bots\n")


async def test_one_client_too_many_is_told_to_come_back(setting: Setting) -> None:
    async with a_server(setting, maximum_connections=1) as server:
        async with a_client(server.url) as client:
            async with await knock(server) as stream:
                answer = b"".join([part async for part in stream])
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nRetry-After: 5\r\n" in answer
            await client.ask("OPEN", "OPENED")
        async with a_client(server.url) as client:
            await client.ask("OPEN", "OPENED")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /bots HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /b\xffts HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        b"POST / HTTP/1.0\r\n\r\n",
        b"\r\n" * 1000,
        b"x" * 100_000,
    ],
)
async def test_who_speaks_no_websocket_is_let_go_and_others_are_served(setting: Setting, said: bytes) -> None:
    async with a_server(setting, handshake_s=0.2) as server:
        stream = await trio.open_tcp_stream(*server.address)
        async with stream:
            try:
                await stream.send_all(said)
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        async with a_client(server.url) as client:
            await client.ask("OPEN", "OPENED")


@pytest.mark.parametrize(
    "said",
    [
        b"\x81\x05hello",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x83\x80\x00\x00\x00\x00",
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",
        b"\x88\x81\x00\x00\x00\x00\x01",
        b"\x80\x80\x00\x00\x00\x00",
    ],
    ids=["unmasked", "reserved", "unknown opcode", "not UTF-8", "bad close", "continuation of nothing"],
)
async def test_broken_frames_end_their_connection_only(setting: Setting, said: bytes) -> None:
    async with a_server(setting) as server, a_client(server.url) as client:
        stream = await raw_websocket(server)
        async with stream:
            await stream.send_all(said)
            try:
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        await client.ask("OPEN", "OPENED")


async def test_pings_are_answered_during_a_recognition(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.url) as client:
        await client.begin()
        await client.websocket.ping(b"are you there")


async def test_a_client_that_vanishes_is_billed_as_disconnected(setting: Setting) -> None:
    recogniser = ScriptedRecogniser()
    async with a_server(setting, recogniser) as server, a_client(server.url) as client:
        await client.begin()
        await client.websocket.send_message(UTTERANCE)
        await client.expect("START-OF-INPUT")
        await client.stream.aclose()
    assert [record.ended_by for record in server.records] == ["disconnect"]
    assert all(utterance.cancelled for utterance in recogniser.utterances)


async def test_a_fault_of_ours_closes_with_1011_and_others_are_served(setting: Setting) -> None:
    nonsense = Hypothesis(transcript=None, confidence=1.0)  # type: ignore[arg-type]  # no session can take it
    async with (
        open_scripted([nonsense]) as recogniser,
        a_server(setting, recogniser) as server,
        a_client(server.url) as client,
        a_client(server.url) as other,
    ):
        await client.begin()
        await client.websocket.send_message(UTTERANCE)
        assert await client.closed_with() == 1011
        await other.ask("OPEN", "OPENED")
    assert [record.ended_by for record in server.records] == ["disconnect"]


# The end


async def test_draining_closes_clients_outside_a_session_and_lets_calls_end(setting: Setting) -> None:
    recogniser = ScriptedRecogniser(["yes", "yes"])
    async with a_server(setting, recogniser) as server, a_client(server.url) as none, a_client(server.url) as call:
        await call.begin(speech_complete_timeout=300)
        await call.websocket.send_message(UTTERANCE + silence(1.0))
        await call.expect("START-OF-INPUT")
        server.shutdown.set()
        assert await none.closed_with() == 1001
        with pytest.raises(OSError):
            await trio.open_tcp_stream(*server.address)
        recogniser.release()
        assert (await call.expect("RECOGNITION-COMPLETE"))["completion_cause"] == "Success"
        # The caller is still on the line: the next question is asked and answered.
        await call.ask("GET-PARAMS", "DEFAULT-PARAMS")
        await call.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_complete_timeout=300)
        await call.websocket.send_message(UTTERANCE + silence(1.0))
        await call.expect("START-OF-INPUT")
        recogniser.release()
        assert (await call.expect("RECOGNITION-COMPLETE"))["completion_cause"] == "Success"
        await call.ask("CLOSE", "CLOSED")
        assert await call.closed_with() == 1001
        await server.ended.wait()
    assert [record.ended_by for record in server.records] == ["result", "result"]


async def test_until_balancers_had_time_to_notice_new_clients_are_taken(setting: Setting) -> None:
    async with a_server(setting, drain_notice_s=1.5) as server:
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        async with a_client(server.url) as late, a_client(server.url) as later:
            await late.ask("OPEN", "OPENED")
            assert await later.closed_with() == 1001
            with pytest.raises(OSError):
                await trio.open_tcp_stream(*server.address)
            await late.ask("CLOSE", "CLOSED")
            assert await late.closed_with() == 1001
        await server.ended.wait()


async def test_a_recognition_that_outlasts_the_drain_is_cut_off_and_billed(setting: Setting) -> None:
    async with a_server(setting, drain_s=0.2) as server, a_client(server.url) as client:
        await client.begin(no_input_timeout=600_000)
        server.shutdown.set()
        assert await client.closed_with() == 1001
        await server.ended.wait()
    assert [record.ended_by for record in server.records] == ["disconnect"]


async def test_half_a_handshake_does_not_hold_up_the_end(setting: Setting) -> None:
    async with a_server(setting) as server:
        stream = await trio.open_tcp_stream(*server.address)
        await stream.send_all(b"GET /bots HTTP/1.1\r\n")
        await trio.testing.wait_all_tasks_blocked()
        server.shutdown.set()
        with trio.fail_after(5):
            await server.ended.wait()
        await stream.aclose()


async def test_nothing_is_left_behind(setting: Setting) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    async with a_server(setting) as server:
        for _ in range(20):
            async with a_client(server.url) as client:
                await client.begin()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert len(server.records) == 20


async def test_an_address_in_use_is_the_operators_to_mend(setting: Setting) -> None:
    async with a_server(setting) as server:
        host, port = server.address
        taken = Configuration(server=ServerSettings(websocket=f"{host}:{port}"))
        with pytest.raises(ConfigurationError, match=rf"^websocket in \[server\]: cannot listen on {host}:{port}: "):
            await serve(taken, setting, ScriptedRecogniser(), trio.Event())


async def test_a_name_with_several_addresses_gets_one_port(setting: Setting) -> None:
    shutdown = trio.Event()
    configuration = evolve(Configuration(), server=ServerSettings(websocket="localhost:0"))
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[str]) -> None:
                await serve(configuration, setting, ScriptedRecogniser(), shutdown, task_status=task_status)

            url = await nursery.start(run)
            async with a_client(url) as client:
                await client.ask("OPEN", "OPENED")
            shutdown.set()


# A client by hand, for what a proper one would not do


async def knock(server: Running, path: str = "/bots") -> trio.SocketStream:
    """A stream on which the client's half of the handshake is done."""
    stream = await trio.open_tcp_stream(*server.address)
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return stream


async def raw_websocket(server: Running) -> trio.SocketStream:
    """A stream on which the handshake is done."""
    stream = await knock(server)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += await stream.receive_some(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return stream


def frame(text: str) -> bytes:
    """A masked text frame, with a mask that changes nothing."""
    payload = text.encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return b"\x81" + length + bytes(4) + payload
