"""The short way of audio: it takes what the library would have given out, in its turn, and nothing else."""

import struct
from collections.abc import Iterator

import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage

from h2b.server.audiotap import AudioTap, unmask

REQUEST = b"GET /bots HTTP/1.1\r\nHost: x\r\n\r\n"
MASK = b"\x01\x82\x33\xf4"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = MASK, length: bytes | None = None) -> bytes:
    """A frame as a client sends it; `length` is written in place of the shortest form."""
    if length is None:
        size = len(payload)
        if size < 126:
            length = bytes([0x80 | size])
        else:
            length = b"\xfe" + struct.pack("!H", size) if size <= 0xFFFF else b"\xff" + struct.pack("!Q", size)
    return bytes([opcode | (0x80 if final else 0)]) + length + mask + unmask(payload, mask)


@define
class Ear:
    """Hears, and writes down."""

    heard: list[str | bytes] = field(factory=list)
    ready: bool = True
    listening: bool = True

    def hear(self, audio: bytes) -> None:
        self.heard.append(audio)


class Wire(trio.abc.Stream):
    """A connection on which given octets come, and nothing can be sent."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return next(self.chunks, b"")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        raise NotImplementedError

    async def wait_send_all_might_not_block(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def opened(ear: Ear, *chunks: bytes, request: bytes = REQUEST) -> AudioTap:
    """A tap whose request was accepted."""
    tap = AudioTap(Wire(iter([request, *chunks])))
    assert await tap.receive_some() == request
    tap.expect_frames()
    tap.open(ear)
    return tap


async def what_goes_on(tap: AudioTap) -> bytes:
    octets = b""
    while more := await tap.receive_some():
        octets += more
    return octets


async def test_a_whole_binary_message_is_heard_and_does_not_go_on() -> None:
    ear = Ear()
    tap = await opened(ear, frame(BINARY, b"sound") + frame(BINARY, bytes(320)))
    assert await what_goes_on(tap) == b""
    assert ear.heard == [b"sound", bytes(320)]


async def test_octets_of_audio_nobody_listens_to_are_not_unmasked() -> None:
    ear = Ear(listening=False)
    await what_goes_on(await opened(ear, frame(BINARY, b"sound")))
    assert ear.heard == [unmask(b"sound", MASK)]


async def test_nothing_is_taken_while_a_message_is_not_dealt_with() -> None:
    ear = Ear()
    asked, sound = frame(TEXT, b"RECOGNIZE"), frame(BINARY, b"sound")
    tap = await opened(ear, asked + sound, sound, sound)
    assert await tap.receive_some() == asked + sound
    tap.dealt_with()
    assert await tap.receive_some() == sound
    tap.dealt_with()
    tap.dealt_with()
    assert await tap.receive_some() == b""
    assert ear.heard == [b"sound"]


async def test_nothing_is_taken_without_room_for_what_follows_from_it() -> None:
    ear = Ear(ready=False)
    assert await what_goes_on(await opened(ear, frame(BINARY, b"sound"))) == frame(BINARY, b"sound")
    assert ear.heard == []


@pytest.mark.parametrize(
    "octets",
    [
        frame(BINARY, bytes(16_001)),
        frame(BINARY, b"so", final=False) + frame(0, b"und"),
        frame(BINARY, b"so", final=False) + frame(BINARY, b"und"),
        frame(CLOSE, b"\x03\xe8") + frame(BINARY, b"sound"),
        frame(BINARY, b"sound", length=b"\xfe\x00\x05"),
        frame(BINARY, b"sound", length=b"\xff" + bytes(7) + b"\x05"),
        frame(BINARY, bytes(200), length=b"\xff" + bytes(7) + b"\xc8"),
        frame(BINARY, b"sound", mask=b"", length=b"\x05"),
        b"\xc2" + frame(BINARY, b"sound")[1:],
        frame(BINARY, b"sound")[:-1],
        frame(BINARY, b"")[:1],
    ],
    ids=[
        *("too long", "in fragments", "inside of fragments", "after the close", "length in 16 bits for 7"),
        *(
            "length in 64 bits for 7",
            "length in 64 bits for 16",
            "not masked",
            "with an extension",
            "cut",
            "cut at once",
        ),
    ],
)
async def test_what_is_not_plain_audio_goes_on_as_it_came(octets: bytes) -> None:
    ear = Ear()
    assert await what_goes_on(await opened(ear, octets)) == octets
    assert ear.heard == []


@pytest.mark.parametrize("octets", [b"\x81", b"\x81\xfe\x00", b"\xff", b"\x82\x05", b"\x89\x80\x01\x02"])
async def test_what_can_be_no_audio_goes_on_before_its_head_is_whole(octets: bytes) -> None:
    ear = Ear()
    rest = bytes(3) + frame(BINARY, b"sound")
    tap = await opened(ear, octets, rest)
    assert await tap.receive_some() == octets
    await tap.receive_some()


@pytest.mark.parametrize("request_", [REQUEST + b"\x82", REQUEST[:-2], REQUEST.replace(b"\r", b"") + REQUEST])
async def test_without_knowing_where_frames_begin_nothing_is_taken(request_: bytes) -> None:
    ear = Ear()
    sound = frame(BINARY, b"sound")
    assert await what_goes_on(await opened(ear, sound, request=request_)) == sound
    assert ear.heard == []


async def test_a_closed_tap_gives_back_what_it_held() -> None:
    ear = Ear()
    sound = frame(BINARY, b"sound")
    chunks = iter([REQUEST, sound[:5], sound[5:]])
    wire = Wire(chunks)
    tap = AudioTap(wire)
    await tap.receive_some()
    tap.expect_frames()
    tap.open(ear)
    with trio.CancelScope() as scope:

        async def receive_some(max_bytes: int | None = None) -> bytes:
            tap.close()
            return next(chunks)

        wire.receive_some = receive_some  # type: ignore[method-assign]
        assert await tap.receive_some() == sound[:5]
        assert await tap.receive_some() == sound[5:]
    assert not scope.cancelled_caught
    assert ear.heard == []


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(BINARY), st.binary(max_size=400)),
        st.tuples(st.just(BINARY), st.sampled_from([125, 126, 127, 15_999, 16_000, 16_001, 65_535, 65_536]).map(bytes)),
        st.tuples(st.just(TEXT), st.text(max_size=20).map(str.encode)),
        st.tuples(st.just(PING), st.binary(max_size=20)),
    ),
    max_size=12,
)


@given(MESSAGES, st.lists(st.integers(1, 20_000), max_size=20), st.data())
def test_the_client_is_heard_in_its_order_however_the_octets_are_cut(
    messages: list[tuple[int, bytes]], cuts: list[int], data: st.DataObject
) -> None:
    octets = b"".join(
        frame(opcode, payload[:3], final=False) + frame(0, payload[3:])
        if opcode != PING and data.draw(st.booleans())
        else frame(opcode, payload)
        for opcode, payload in messages
    )
    chunks = []
    for size in cuts:
        chunks.append(octets[:size])
        octets = octets[size:]
    sent = [payload if opcode == BINARY else payload.decode() for opcode, payload in messages if opcode != PING]
    assert trio.run(hear_all, [chunk for chunk in [*chunks, octets] if chunk]) == sent


async def hear_all(chunks: list[bytes]) -> list[str | bytes]:
    """What is heard, by whichever way, when the library's messages are dealt with at once."""
    ear = Ear()
    tap = await opened(ear, *chunks)
    library = Connection(ConnectionType.SERVER)
    parts: list[str | bytes] = []
    while octets := await tap.receive_some():
        library.receive_data(octets)
        for event in library.events():
            if isinstance(event, BytesMessage | TextMessage):
                parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    ear.heard.append(parts[0][:0].join(parts))  # type: ignore[arg-type]
                    parts.clear()
                    tap.dealt_with()
    return ear.heard
