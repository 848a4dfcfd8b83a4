"""Clients that mean harm, each beside a call that must not notice: who is refused, how, and that the call goes on."""

import math
import os
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from operating import Server, a_server, ask, upgrade
from sound import UTTERANCE, silence
from wsclient import Client, a_client

from h2b.asr.scripted import open_scripted
from h2b.protocol.session import Setting
from h2b.server.channel import Channel

GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
DELAY_S = 1.0
"""Longest wait of the good call for an answer that takes milliseconds, on a machine that is busy with other things."""


@asynccontextmanager
async def a_good_call(setting: Setting, **settings: object) -> AsyncIterator[tuple[Server, Client]]:
    """A server and a call on it, which is answered in time while the block runs and recognised at its end."""
    late: list[float] = []
    async with (
        open_scripted(["yes"]) as recogniser,
        a_server(setting, recogniser, **settings) as server,
        a_client(server.websocket) as client,
        trio.open_nursery() as nursery,
    ):
        await client.ask("OPEN", "OPENED")

        async def go_on() -> None:
            while True:
                asked = trio.current_time()
                await client.ask("GET-PARAMS", "DEFAULT-PARAMS")
                late.append(trio.current_time() - asked)
                await trio.sleep(0.02)

        nursery.start_soon(go_on)
        yield server, client
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(10):
            # An answer may still be on its way.
            await client.send("RECOGNIZE", "builtin:speech/boolean", speech_complete_timeout=300)
            while (await client.event())["event"] != "RECOGNITION-IN-PROGRESS":
                pass
            await client.websocket.send_message(UTTERANCE + silence(0.5))
            done = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert done["completion_cause"] == "Success"
    assert max(late, default=0.0) < DELAY_S


async def shaken(server: Server) -> trio.SocketStream:
    """A stream on which the handshake is done."""
    stream = await trio.open_tcp_stream(*server.address)
    await stream.send_all(upgrade())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += await stream.receive_some(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in answer.lower(), "compression is never agreed on"
    return stream


async def rest(stream: trio.SocketStream) -> bytes:
    """All that still comes; the stream is closed then."""
    received = b""
    async with stream:
        with suppress(*GONE):
            async for part in stream:
                received += part
    return received


def close_of(octets: bytes) -> tuple[int, str]:
    """Code and reason of the close frame at the end of what came."""
    at = octets.rindex(b"\x88")
    length = octets[at + 1]
    assert at + 2 + length == len(octets)
    return int.from_bytes(octets[at + 2 : at + 4], "big"), octets[at + 4 :].decode()


def frame(opcode: int, payload: bytes, first: int = 0x80) -> bytes:
    """A frame with a mask that changes nothing."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
    return bytes([first | opcode]) + size + bytes(4) + payload


# Sockets that do nothing, or little


async def test_half_open_sockets_drive_out_one_another_and_no_client(setting: Setting) -> None:
    async with a_good_call(setting, limits={"handshakes": 4}) as (server, _):
        slow = [await trio.open_tcp_stream(*server.address) for _ in range(30)]
        async with a_client(server.websocket) as late:
            await late.ask("OPEN", "OPENED")
        # The first ones are gone though nobody waited for their time to be over.
        for stream in slow[:20]:
            assert await stream.receive_some() == b""
        for stream in slow:
            await stream.aclose()


async def test_a_slow_loris_has_its_time_and_no_more(setting: Setting) -> None:
    async with a_good_call(setting, handshake_s=0.5) as (server, _):
        stream = await trio.open_tcp_stream(*server.address)
        began = trio.current_time()
        with suppress(*GONE):
            for octet in upgrade()[:-1] * 100:
                await stream.send_all(bytes([octet]))
                with trio.move_on_after(0.05) as waiting:
                    if await stream.receive_some() == b"":
                        break
                assert waiting.cancelled_caught
        assert trio.current_time() - began < 10
        await stream.aclose()


async def test_many_connections_from_one_address_are_told_429(setting: Setting) -> None:
    async with a_good_call(setting, limits={"connections_per_address": 3}) as (server, _):
        held = [await shaken(server), await shaken(server)]
        for _ in range(5):
            answer = await ask(server.address, upgrade())
            assert (answer.status, answer.body) == (429, b"too many connections from your address\n")
            assert answer.headers["retry-after"] == "5"
        await held[0].aclose()
        # There is room again when the server has noticed.
        while (await first_line(server)) != b"HTTP/1.1 101":
            pass
        await held[1].aclose()


async def first_line(server: Server) -> bytes:
    async with await trio.open_tcp_stream(*server.address) as stream:
        await stream.send_all(upgrade())
        return bytes(await stream.receive_some(12))


# Frames


async def test_a_frame_that_says_it_is_a_gigabyte_costs_what_it_sends(setting: Setting) -> None:
    async with a_good_call(setting, maximum_message_bytes=65536) as (server, _):
        stream = await shaken(server)
        await stream.send_all(b"\x82\xff" + struct.pack("!Q", 1 << 30) + bytes(4))
        await stream.send_all(bytes(65537))
        assert close_of(await rest(stream)) == (1009, "Exceeded maximum message size: 65536 bytes")


async def test_a_message_of_endless_fragments_has_an_end(setting: Setting) -> None:
    async with a_good_call(setting, maximum_message_bytes=65536) as (server, _):
        stream = await shaken(server)
        with suppress(*GONE):
            await stream.send_all(frame(2, bytes(1000), first=0))
            while True:
                await stream.send_all(frame(0, bytes(1000), first=0))
        await stream.aclose()


async def test_a_compression_bomb_is_a_broken_frame(setting: Setting) -> None:
    bomb = zlib.compress(bytes(100_000_000))[2:-4]
    async with a_good_call(setting) as (server, _):
        stream = await trio.open_tcp_stream(*server.address)
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
        await stream.send_all(upgrade(**offer))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"deflate" not in answer
        # A megabyte of silence.
        await stream.send_all(frame(2, bomb[:1000], first=0xC0))
        assert await rest(stream) == b""


async def test_what_is_not_utf_8_ends_its_connection(setting: Setting) -> None:
    async with a_good_call(setting) as (server, _):
        for text in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf"):
            stream = await shaken(server)
            await stream.send_all(frame(1, text))
            assert await rest(stream) == b""


@pytest.mark.parametrize("trailing", [b"x", b"\x00", frame(1, b"{}"), b"GET / HTTP/1.1\r\n\r\n", bytes(5000)])
async def test_bytes_after_an_upgrade_harm_nobody(setting: Setting, trailing: bytes) -> None:
    async with a_good_call(setting) as (server, _):
        for request in (upgrade(), upgrade("/nowhere")):
            async with await trio.open_tcp_stream(*server.address) as stream:
                await stream.send_all(request + trailing)
                with suppress(*GONE):
                    await stream.send_eof()
                    await rest(stream)


# Too much of what is allowed


async def closed_for(server: Server, flood: Callable[[Client], Awaitable[None]]) -> tuple[int, str]:
    """Open a session and do something; the code and reason of the end."""
    stream = await shaken(server)
    await stream.send_all(frame(1, b'{"command":"OPEN","request_id":1}'))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood, stream)
        octets = await rest(stream)
        nursery.cancel_scope.cancel()
    return close_of(octets)


async def test_a_flood_of_commands_closes_with_1008(setting: Setting) -> None:
    async def flood(stream: trio.SocketStream) -> None:
        with suppress(*GONE):
            while True:
                await stream.send_all(frame(1, b'{"command":"GET-PARAMS","request_id":2}') * 10)

    async with a_good_call(setting, limits={"commands_per_second": 60}) as (server, _):
        assert await closed_for(server, flood) == (1008, "more than 60 commands a second")


async def test_audio_far_ahead_of_real_time_closes_with_1008(setting: Setting) -> None:
    async def flood(stream: trio.SocketStream) -> None:
        with suppress(*GONE):
            while True:
                await stream.send_all(frame(2, bytes(32_000)))

    async with a_good_call(setting, limits={"audio_ahead_s": 5.0}) as (server, _):
        assert await closed_for(server, flood) == (1008, "audio is more than 5 s ahead of real time")


async def test_a_client_that_sends_nothing_is_let_go(setting: Setting) -> None:
    async def wait(stream: trio.SocketStream) -> None:
        await trio.sleep(math.inf)

    async with a_good_call(setting, limits={"idle_s": 0.3}) as (server, _):
        assert await closed_for(server, wait) == (1008, "nothing was sent for 0.3 s")


async def test_a_session_has_its_longest_time(setting: Setting) -> None:
    async def talk(stream: trio.SocketStream) -> None:
        with suppress(*GONE):
            while True:
                await stream.send_all(frame(2, bytes(320)))
                await trio.sleep(0.02)

    async with a_server(setting, limits={"session_s": 0.3}) as server:
        assert await closed_for(server, talk) == (1008, "the session is longer than 0.3 s")


async def test_one_session_too_many_is_refused_and_the_connection_lives(setting: Setting) -> None:
    async with (
        a_good_call(setting, limits={"sessions_per_tenant": 2}) as (server, _),
        a_client(server.websocket) as two,
    ):
        await two.ask("OPEN", "OPENED")
        async with a_client(server.websocket) as three:
            refused = await three.ask("OPEN", "METHOD-FAILED")
            assert refused["completion_reason"] == "2 sessions are open: expected CLOSE of one first"
            assert refused["completion_cause"] is None
            await two.ask("CLOSE", "CLOSED")
            await three.ask("OPEN", "OPENED")
            refused = await two.ask("OPEN", "METHOD-FAILED")


async def test_a_fault_at_the_end_of_a_connection_gives_its_place_back(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def abandon(channel: Channel) -> None:
        raise RuntimeError("nobody expected this")

    async with a_server(setting, limits={"sessions_per_tenant": 1}) as server:
        with monkeypatch.context() as faulty:
            faulty.setattr(Channel, "abandon", abandon)
            async with a_client(server.websocket) as client:
                await client.ask("OPEN", "OPENED")
        async with a_client(server.websocket) as client:
            await client.ask("OPEN", "OPENED")


async def test_a_reader_that_never_reads_is_closed_and_costs_nobody_anything(setting: Setting) -> None:
    async with a_good_call(setting, unread_s=0.2, event_queue=8) as (server, _):
        stream = await shaken(server)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        storm = frame(1, b'{"command":"GET-PARAMS","request_id":3}') * 100
        with suppress(*GONE):
            while True:
                await stream.send_all(storm)
        await stream.aclose()


@pytest.mark.parametrize("said", [b"", upgrade()[:20]])
@pytest.mark.parametrize("reset", [True, False])
async def test_who_goes_before_the_request_is_whole_leaves_a_place_at_once(
    setting: Setting, said: bytes, reset: bool
) -> None:
    async with a_server(setting, handshake_s=300) as server:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            stream = await trio.open_tcp_stream(*server.address)
            if said:
                await stream.send_all(said)
            if reset:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()
        with trio.fail_after(10):
            while len(os.listdir("/proc/self/fd")) > before:
                await trio.sleep(0.01)


async def test_nothing_is_left_of_any_of_them(setting: Setting) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with a_server(setting, handshake_s=0.1) as server:
        for said in (b"", upgrade()[:20], upgrade("/x"), upgrade() + b"x" * 100):
            async with await trio.open_tcp_stream(*server.address) as stream:
                await stream.send_all(said)
                with suppress(*GONE):
                    await stream.send_eof()
                    await rest(stream)
    assert len(os.listdir("/proc/self/fd")) == before
