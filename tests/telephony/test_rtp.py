"""RTP packets as octets, and the sender of our own client."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.rtp import (
    COMFORT_NOISE,
    MAXIMUM_PACKET,
    PCMA,
    PCMU,
    STATIC_FORMATS,
    Encoding,
    Packet,
    PayloadFormat,
    RtpSender,
    encode_packet,
    is_rtcp,
    parse_packet,
)

PACKET = Packet(
    payload_type=0, sequence=0x1234, timestamp=0x89ABCDEF, ssrc=0xDEADBEEF, payload=b"\x01\x02", marker=True
)


def test_a_packet_has_the_header_of_rfc_3550() -> None:
    octets = bytes.fromhex("80 80 1234 89abcdef deadbeef 0102")
    assert encode_packet(PACKET) == octets
    assert parse_packet(octets) == PACKET


def test_padding_extension_and_contributing_sources_are_left_out() -> None:
    octets = encode_packet(PACKET, padding=4, extension=(0xBEDE, b"12345678"), sources=(1, 2, 3))
    assert octets[0] == 0xB3
    assert octets.endswith(b"\x01\x02\0\0\0\x04")
    assert parse_packet(octets) == PACKET
    assert parse_packet(encode_packet(PACKET, extension=(0, b""))) == PACKET


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"TEST",
        b"\r\n\r\n",
        bytes(12),
        bytes.fromhex("80 00 1234 89abcdef deadbe"),
        bytes.fromhex("40 00 1234 89abcdef deadbeef"),
        bytes.fromhex("81 00 1234 89abcdef deadbeef"),
        bytes.fromhex("90 00 1234 89abcdef deadbeef"),
        bytes.fromhex("90 00 1234 89abcdef deadbeef bede 0002 00000000"),
        bytes.fromhex("a0 00 1234 89abcdef deadbeef 00"),
        bytes.fromhex("a0 00 1234 89abcdef deadbeef 02"),
        encode_packet(PACKET) + bytes(MAXIMUM_PACKET),
    ],
)
def test_what_is_no_packet_is_none(octets: bytes) -> None:
    assert parse_packet(octets) is None
    assert not is_rtcp(octets)


@pytest.mark.parametrize("kind", range(200, 208))
def test_rtcp_on_the_same_port_is_told_apart(kind: int) -> None:
    octets = struct.pack("!BBHI", 0x80, kind, 1, 7) + bytes(8)
    assert is_rtcp(octets)
    assert parse_packet(octets) is None


PACKETS = st.builds(
    Packet,
    st.integers(0, 63) | st.integers(96, 127),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=400),
    st.booleans(),
)


@given(
    PACKETS,
    st.integers(0, 255),
    st.none()
    | st.tuples(st.integers(0, 65535), st.binary(max_size=40).map(lambda words: words[: len(words) // 4 * 4])),
    st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
)
def test_a_packet_survives_the_way(
    packet: Packet, padding: int, extension: tuple[int, bytes] | None, sources: tuple[int, ...]
) -> None:
    octets = encode_packet(packet, padding=padding, extension=extension, sources=sources)
    assert parse_packet(octets) == packet
    assert not is_rtcp(octets)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: b"\xbf" + rest))
def test_no_octets_are_more_than_no_packet(octets: bytes) -> None:
    packet = parse_packet(octets)
    assert packet is None or len(packet.payload) <= len(octets) - 12


def test_formats_know_their_silence_and_their_span() -> None:
    assert STATIC_FORMATS == {0: PCMU, 8: PCMA, 13: COMFORT_NOISE}
    assert PCMU.silent_span == b"\xff" * 160
    assert PCMA.silent_span == b"\xd5" * 160
    wide = PayloadFormat(Encoding.L16, 16000)
    assert (wide.silent_span, wide.span_units, wide.octets_per_sample) == (bytes(640), 320, 2)
    assert [each.is_audio for each in (PCMU, PCMA, wide, COMFORT_NOISE)] == [True, True, True, False]


def test_a_sender_numbers_and_times_its_packets() -> None:
    sender = RtpSender(8, PCMA, ssrc=7, sequence=65535, timestamp=2**32 - 160)
    packets = [parse_packet(each) for each in sender.packets(bytes(400))]
    assert packets == [
        Packet(8, 65535, 2**32 - 160, 7, bytes(160), marker=True),
        Packet(8, 0, 0, 7, bytes(160)),
        Packet(8, 1, 160, 7, bytes(80)),
    ]
    sender.pause(1000)
    assert parse_packet(sender.packets(b"x")[0]) == Packet(8, 2, 1240, 7, b"x", marker=True)


def test_a_sender_counts_samples_not_octets() -> None:
    sender = RtpSender(96, PayloadFormat(Encoding.L16, 16000), ssrc=7, packet_units=320)
    packets = [parse_packet(each) for each in sender.packets(bytes(1280))]
    assert [(each.timestamp, len(each.payload)) for each in packets if each] == [(0, 640), (320, 640)]
