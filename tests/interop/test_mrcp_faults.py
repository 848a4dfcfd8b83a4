"""What networks and broken clients do, done to the real server: an answer or a clean close, and never a hang."""

import random
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import trio

from h2b.audio.files import read_audio
from h2b.cli.mrcp_client import MrcpClient
from h2b.cli.mrcp_judge import StrictReader, reading
from h2b.cli.mrcp_session import Call, CallFailed, Schedule, plain_nursery
from h2b.telephony.sip_message import Response, parse_message
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpResponse, RequestState
from h2b.wire.vocabulary import Header
from tests.interop.mrcpserver import Served, mrcp_server

PIN = "builtin:speech/spelling/digits?length=4"
KEYS = "builtin:dtmf/digits?length=4"
VECTORS = Path(__file__).parent.parent / "vectors"
PATIENCE_S = 20
CLOSE_S = 10
"""Longest time for an answer or the end of a connection."""
OPTIONS = (
    "OPTIONS sip:h2b@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number};rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@{host}>;tag=1\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: alive-{number}\r\n"
    "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)

Fault = Callable[[Schedule, random.Random], Schedule]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Served]:
    with mrcp_server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture(scope="module")
def code() -> np.ndarray:
    return read_audio(Path(str(files("h2b"))) / "demo" / "code.wav")


async def begin(call: Call, uri: str) -> None:
    # On a busy machine some time passes before the first sound.
    headers = Headers.of(Content_Type="text/uri-list", Cancel_If_Queue="false", No_Input_Timeout="60000")
    assert (await call.ask("RECOGNIZE", headers, uri.encode())).state is RequestState.IN_PROGRESS


async def heard(client: MrcpClient, samples: np.ndarray, fault: Fault) -> MrcpEvent:
    """The end of a recognition whose packets go through a bad network."""
    async with client.call() as call:
        await begin(call, PIN)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.play, fault(call.sound(samples), random.Random(1)))
            _, arrival = await call.completion(PATIENCE_S)
            nursery.cancel_scope.cancel()
    assert isinstance(arrival.message, MrcpEvent)
    return arrival.message


async def is_well(server: Served, client: MrcpClient) -> None:
    """A whole call with keys still works."""
    async with client.call() as call:
        await begin(call, KEYS)
        await call.play(call.keys("1234"))
        _, arrival = await call.completion(PATIENCE_S)
        assert arrival.message.headers.get(Header.COMPLETION_CAUSE) == "000 success"


def lost(schedule: Schedule, dice: random.Random) -> Schedule:
    return [each for each in schedule if dice.random() > 0.3]


def reordered(schedule: Schedule, dice: random.Random) -> Schedule:
    """One packet in five comes after the next one."""
    times = [at for at, _ in schedule]
    packets = [packet for _, packet in schedule]
    for place in range(0, len(packets) - 1, 5):
        packets[place], packets[place + 1] = packets[place + 1], packets[place]
    return list(zip(times, packets, strict=True))


def jittered(schedule: Schedule, dice: random.Random) -> Schedule:
    """Each packet comes up to 100 ms late."""
    return sorted((at + dice.random() * 0.1, packet) for at, packet in schedule)


def cut_off(schedule: Schedule, dice: random.Random) -> Schedule:
    """The sound ends with the last word: 3.4 s into the recording."""
    return schedule[:170]


def doubled(schedule: Schedule, dice: random.Random) -> Schedule:
    return [each for each in schedule for _ in range(2)]


async def test_a_bad_network_does_not_change_what_was_said(server: Served, code: np.ndarray) -> None:
    events: dict[str, MrcpEvent] = {}

    async def listen(client: MrcpClient, fault: Fault) -> None:
        events[fault.__name__] = await heard(client, code, fault)

    async with server.client() as client, trio.open_nursery() as nursery:
        for fault in (reordered, jittered, doubled):
            nursery.start_soon(listen, client, fault)
    values = {name: reading(event).result.best.interpretation.value for name, event in events.items()}
    assert values == {"reordered": "4712", "jittered": "4712", "doubled": "4712"}


async def test_a_network_that_loses_a_third_still_ends_in_a_result(server: Served, code: np.ndarray) -> None:
    async with server.client() as client:
        event = await heard(client, code, lost)
    assert event.headers.get(Header.COMPLETION_CAUSE)[:3] in ("000", "001", "013")


async def test_keys_come_through_a_bad_network_each_once(server: Served) -> None:
    values: dict[str, object] = {}

    async def press(client: MrcpClient, fault: Fault) -> None:
        async with client.call() as call:
            await begin(call, "builtin:dtmf/digits?length=8")
            await call.play(fault(call.keys("11223344"), random.Random(3)))
            _, arrival = await call.completion(PATIENCE_S)
            values[fault.__name__] = reading(arrival.message).result.best.interpretation.value

    async with server.client() as client, trio.open_nursery() as nursery:
        for fault in (lost, reordered, jittered, doubled):
            nursery.start_soon(press, client, fault)
    assert values == dict.fromkeys(("lost", "reordered", "jittered", "doubled"), "11223344")


async def test_sound_that_ends_without_silence_is_ended_by_the_clock(server: Served, code: np.ndarray) -> None:
    async with server.client() as client:
        event = await heard(client, code, cut_off)
    assert event.headers.get(Header.COMPLETION_CAUSE)[:3] in ("000", "001", "013")


async def test_one_segment_for_each_octet(server: Served) -> None:
    async with server.client(chop=True) as client:
        await is_well(server, client)


async def test_a_client_whose_connection_is_lost_in_mid_speech_is_hung_up_on(server: Served, code: np.ndarray) -> None:
    async def vanish(client: MrcpClient) -> None:
        async with client.call() as call, plain_nursery() as nursery:
            await begin(call, PIN)
            gone.append(call)
            nursery.start_soon(call.play, call.sound(code[:8000]))
            call.control.stream.socket.shutdown(trio.socket.SHUT_WR)
            await call.event(PATIENCE_S)

    gone: list[Call] = []
    async with server.client() as client:
        with pytest.raises(CallFailed):
            await vanish(client)
        (call,) = gone
        (record,) = await server.lines_of("recognition_billed", channel_id=call.channel.channel)
        assert record["ended_by"] in ("disconnect", "close")
        await server.lines_of("call_ended", call_id=call.name)
        await is_well(server, client)


async def test_a_client_that_never_connects_is_hung_up_on(server: Served, monkeypatch) -> None:
    ended = len(server.lines("call_ended"))
    async with server.client() as client:
        with monkeypatch.context() as patch:

            async def wait_for_the_end(*_: object) -> None:
                await server.lines_of("call_ended", ended + 1)
                raise CallFailed("the server gave up")

            patch.setattr(MrcpClient, "_connection", wait_for_the_end)
            with pytest.raises(CallFailed, match="gave up"):
                async with client.call():
                    pass
        await is_well(server, client)


async def answer_or_end(host: str, port: int, octets: bytes) -> bytes:
    """What a connection brings until the server closes it, after these octets and the end of ours."""
    stream = await trio.open_tcp_stream(host, port)
    answers = b""
    async with stream:
        with trio.fail_after(CLOSE_S):
            try:
                await stream.send_all(octets)
                await stream.send_eof()
                while answer := await stream.receive_some():
                    answers += answer
            except trio.BrokenResourceError:
                pass
    return answers


MRCP_VECTORS = sorted((VECTORS / "mrcp").glob("*.txt"))
SIP_VECTORS = sorted((VECTORS / "sip").glob("*.sip"))


async def test_every_mrcp_vector_is_answered_or_ends_the_connection(server: Served) -> None:
    assert MRCP_VECTORS
    async with server.client() as client:
        for path in MRCP_VECTORS:
            async with client.call() as call:
                octets = path.read_bytes()
                answers = await answer_or_end(server.host, server.mrcp_port, octets)
                own = octets.replace(b"4f1d9c27a0b35e68@speechrecog", call.channel.channel.encode())
                answers += await answer_or_end(server.host, server.mrcp_port, own)
            # What is answered is answered well.
            assert all(isinstance(each, MrcpResponse | MrcpEvent) for each in StrictReader().feed(answers)), path.name
        await is_well(server, client)


async def test_every_sip_vector_by_tcp_is_answered_or_ends_the_connection(server: Served) -> None:
    assert SIP_VECTORS
    async with server.client() as client:
        for path in SIP_VECTORS:
            await answer_or_end(server.host, server.sip_port, path.read_bytes())
        await is_well(server, client)


async def test_every_sip_vector_by_udp_leaves_the_server_alive(server: Served) -> None:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as line:
        await line.bind(("127.0.0.1", 0))
        host, port = line.getsockname()
        far = server.host, server.sip_port
        for number, path in enumerate(SIP_VECTORS):
            await line.sendto(path.read_bytes(), far)
            await line.sendto(OPTIONS.format(host=host, port=port, number=number).encode(), far)
            with trio.fail_after(CLOSE_S):
                while True:
                    octets = await line.recv(65_535)
                    if f"alive-{number}\r\n".encode() in octets:
                        break
            answer = parse_message(octets)
            assert isinstance(answer, Response)
            assert answer.status == 200, path.name
            assert b"m=application" in answer.body
    async with server.client() as client:
        await is_well(server, client)


async def test_noise_on_the_rtp_port_changes_nothing(server: Served) -> None:
    dice = random.Random(2)
    async with server.client() as client, client.call() as call:
        await begin(call, KEYS)
        noise = [(0.0, dice.randbytes(dice.randrange(0, 400))) for _ in range(300)]
        await call.play(noise)
        await call.play(call.keys("1234"))
        _, arrival = await call.completion(PATIENCE_S)
        assert reading(arrival.message).result.best.interpretation.value == "1234"


async def test_a_server_that_is_told_to_stop_lets_a_recognition_end(tmp_path: Path) -> None:
    with mrcp_server(tmp_path) as served:
        async with served.client() as client, client.call() as call:
            await begin(call, KEYS)
            served.stop()
            with pytest.raises(CallFailed, match=r"refused the call: 503"):
                await is_refused(client)
            await call.play(call.keys("1234"))
            _, arrival = await call.completion(PATIENCE_S)
            assert arrival.message.headers.get(Header.COMPLETION_CAUSE) == "000 success"


async def is_refused(client: MrcpClient) -> None:
    """Calls are refused from some moment on: the signal takes its time."""
    with trio.fail_after(CLOSE_S):
        while True:
            try:
                async with client.call():
                    pass
            except CallFailed as failed:
                # One that was just accepted may meet the server's own BYE.
                if "503" in str(failed):
                    raise
