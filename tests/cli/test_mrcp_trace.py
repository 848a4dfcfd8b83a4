"""`h2b mrcp trace` and what is under it: capture files of every kind, damaged ones, and lost and repeated packets."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.cli.mrcp_capture import Capture, CapturedPacket, CaptureError, read_capture
from h2b.cli.mrcp_ladder import Run, watch
from h2b.cli.mrcp_packets import (
    ETHERNET,
    LOOPBACK,
    RAW_IP,
    Stream,
    Transfer,
    checksum,
    ip_packet,
    taken_apart,
    tcp_segment,
    udp_datagram,
)
from h2b.telephony.rtp import Encoding, PayloadFormat, RtpSender, encode_packet, parse_packet
from h2b.telephony.rtp_events import key_packets
from h2b.telephony.sdp import write_sdp
from h2b.telephony.sdp_client import OfferSettings, make_offer
from tests.cli.mrcp_peer import RESULT, message
from tests.cli.running import run

CALLER, SERVER = ("192.0.2.1", 5070), ("192.0.2.2", 8060)
CONTROL = ("192.0.2.1", 40_000), ("192.0.2.2", 1544)
SOUND = ("192.0.2.1", 4000), ("192.0.2.2", 5000)
CHANNEL = "17201cd9ef7d4942@speechrecog"
ID = f"Channel-Identifier: {CHANNEL}"
ANSWER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=application 1544 TCP/MRCPv2 1\r\n"
    b"a=setup:passive\r\na=connection:new\r\na=channel:17201cd9ef7d4942@speechrecog\r\na=cmid:1\r\n"
    b"m=audio 5000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\na=mid:1\r\n"
)


def sip(start: str, method: str, body: bytes = b"", call_id: str = "abc@192.0.2.1") -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\n"
        f"To: <sip:b@192.0.2.2>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


INVITE = sip("INVITE sip:192.0.2.2:8060 SIP/2.0", "INVITE", write_sdp(make_offer(OfferSettings("192.0.2.1", 4000))))
OK = sip("SIP/2.0 200 OK", "INVITE", ANSWER)
RECOGNIZE = message("RECOGNIZE 1", ID, "Content-Type: text/uri-list", "No-Input-Timeout: 5000", body=b"builtin:a\r\n")
IN_PROGRESS = message("1 200 IN-PROGRESS", ID)
COMPLETE = message(
    "RECOGNITION-COMPLETE 1 COMPLETE",
    ID,
    "Completion-Cause: 000 success",
    "Content-Type: application/nlsml+xml",
    body=RESULT,
)


def the_call() -> list[tuple[float, bytes]]:
    """Packets of a call with 50 packets of sound, of which two are lost and two change places, and two keys."""
    packets = [(0.0, udp(CALLER, SERVER, INVITE)), (0.5, udp(CALLER, SERVER, INVITE)), (0.51, udp(SERVER, CALLER, OK))]
    packets.append((0.52, tcp(*CONTROL, 1, RECOGNIZE)))
    packets.append((0.53, tcp(*reversed(CONTROL), 1, IN_PROGRESS)))
    sender = RtpSender(0, PayloadFormat(Encoding.PCMU), 7)
    audio = list(enumerate(sender.packets(bytes(50 * 160))))
    del audio[20:22]
    audio[5], audio[6] = audio[6], audio[5]
    packets += [(0.6 + place * 0.02, udp(*SOUND, packet)) for place, (_, packet) in enumerate(audio)]
    keys = [packet for key in "4#" for packet in key_packets(sender, 101, key, 800)]
    packets += [(1.8 + place * 0.02, udp(*SOUND, packet)) for place, packet in enumerate(keys)]
    packets.append((2.5, tcp(*reversed(CONTROL), 1 + len(IN_PROGRESS), COMPLETE)))
    packets.append((2.6, udp(CALLER, SERVER, sip("BYE sip:192.0.2.2 SIP/2.0", "BYE"))))
    packets.append((2.61, udp(SERVER, CALLER, sip("SIP/2.0 200 OK", "BYE"))))
    return packets


def udp(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    return ip_packet(source, destination, udp_datagram(source, destination, payload))


def tcp(source: tuple[str, int], destination: tuple[str, int], sequence: int, payload: bytes) -> bytes:
    return ip_packet(source, destination, tcp_segment(source, destination, sequence, 1, payload))


def pcap(packets: list[tuple[float, bytes]], link: int = RAW_IP, order: str = "<", nano: bool = False) -> bytes:
    magic, parts = (0xA1B23C4D, 1_000_000_000) if nano else (0xA1B2C3D4, 1_000_000)
    octets = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, link)
    for at, packet in packets:
        seconds, rest = divmod(round(at * parts), parts)
        octets += struct.pack(f"{order}IIII", seconds, rest, len(packet), len(packet)) + packet
    return octets


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(packets: list[tuple[float, bytes]], link: int = RAW_IP, order: str = "<") -> bytes:
    """With times in units of 2**-20 s, a comment and a block that nobody knows."""
    octets = block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack(f"{order}HH", 1, 3) + b"abc\0" + struct.pack(f"{order}HHI", 9, 1, 0)
    options = options[:-4] + bytes([0x80 | 20, 0, 0, 0])
    octets += block(order, 1, struct.pack(f"{order}HHI", link, 0, 0) + options)
    octets += block(order, 0x0BAD, b"who knows")
    for at, packet in packets:
        ticks = round(at * 2**20)
        head = struct.pack(f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
        octets += block(order, 6, head + packet)
    return octets


def ethernet(packet: bytes, *tags: bytes) -> bytes:
    return bytes(12) + b"".join(tags) + b"\x08\x00" + packet


def traced(tmp_path: Path, octets: bytes, *arguments: str) -> tuple[int, str]:
    (tmp_path / "call.pcap").write_bytes(octets)
    result = run("mrcp", "trace", str(tmp_path / "call.pcap"), *arguments)
    return result.exit_code, result.output


LADDER = """\
call     abc@192.0.2.1
caller   192.0.2.1:5070  →  server 192.0.2.2:8060
channel  17201cd9ef7d4942@speechrecog
began    1970-01-01 00:00:00.000 UTC

    0.000 s  →  SIP   INVITE sip:192.0.2.2:8060
                        TCP/MRCPv2 port 9, new connection, speechrecog
                        RTP/AVP 192.0.2.1:4000, sendonly, PCMU PCMA telephone-event
    0.500 s  →  SIP   INVITE sip:192.0.2.2:8060  (again)
                        TCP/MRCPv2 port 9, new connection, speechrecog
                        RTP/AVP 192.0.2.1:4000, sendonly, PCMU PCMA telephone-event
    0.510 s  ←  SIP   200 OK (INVITE)
                        TCP/MRCPv2 port 1544, new connection, 17201cd9ef7d4942@speechrecog
                        RTP/AVP 192.0.2.2:5000, recvonly, PCMU telephone-event
    0.520 s  →  MRCP  RECOGNIZE 1
                        No-Input-Timeout: 5000
                        builtin:a
    0.530 s  ←  MRCP  1 200 IN-PROGRESS
    0.600 s  →  RTP   PCMU, 48 packets in 0.94 s, 2 lost, 1 late
    1.800 s  →  RTP   telephone-event, 14 packets in 0.26 s, keys 4#
    2.500 s  ←  MRCP  RECOGNITION-COMPLETE 1 COMPLETE
                        Completion-Cause: 000 success
                        value "4712" 0.97, “four seven one two”
    2.600 s  →  SIP   BYE sip:192.0.2.2
    2.610 s  ←  SIP   200 OK (BYE)
"""


def test_a_call_is_a_ladder(tmp_path):
    assert traced(tmp_path, pcap(the_call())) == (0, LADDER)


def test_addresses_of_ipv6_stand_in_brackets(tmp_path):
    packets = [(0.0, udp(("::1", 5070), ("::2", 5060), INVITE))]
    status, ladder = traced(tmp_path, pcap(packets))
    assert status == 0
    assert "caller   [::1]:5070  →  server [::2]:5060\n" in ladder


VLAN = b"\x81\x00\x00\x05"
CAPTURES = {
    "big end first": pcap(the_call(), order=">"),
    "nanoseconds": pcap(the_call(), nano=True),
    "pcapng": pcapng(the_call()),
    "pcapng, big end first": pcapng(the_call(), order=">"),
    "Ethernet": pcap([(at, ethernet(packet)) for at, packet in the_call()], ETHERNET),
    "VLAN": pcap([(at, ethernet(packet, VLAN, VLAN)) for at, packet in the_call()], ETHERNET),
    "BSD loopback": pcap([(at, b"\x02\0\0\0" + packet) for at, packet in the_call()], LOOPBACK),
    "Linux cooked": pcap([(at, bytes(14) + b"\x08\0" + packet) for at, packet in the_call()], 113),
    "filled to 60 octets": pcap([(at, ethernet(packet) + bytes(9)) for at, packet in the_call()], ETHERNET),
    "cut off at the end": pcap([*the_call(), (9.0, b"abcdef")])[:-3],
}


@pytest.mark.parametrize("name", CAPTURES)
def test_every_kind_of_capture_gives_the_same_ladder(tmp_path, name):
    assert traced(tmp_path, CAPTURES[name]) == (0, LADDER)


def test_our_own_captures_come_back(tmp_path):
    path = tmp_path / "own.pcap"
    with Capture.open(path) as capture:
        capture.udp(12.25, CALLER, SERVER, INVITE)
        capture.tcp(12.5, ("::1", 1), ("::1", 2), b"x" * 70_000)
        capture.tcp(12.75, ("::1", 1), ("::1", 2), b"y")
    packets = list(read_capture(path))
    assert [packet.at for packet in packets] == [12.25, 12.5, 12.5, 12.5, 12.75]
    transfers = [taken_apart(packet.link, packet.octets) for packet in packets]
    assert transfers[0] == Transfer(CALLER, SERVER, INVITE)
    stream = Stream()
    assert b"".join(stream.take(each) for each in transfers[1:] if each) == b"x" * 70_000 + b"y"


def test_checksums_are_those_of_the_standard():
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == bytes.fromhex("220d")
    packet = udp(CALLER, SERVER, b"abc")
    assert checksum(packet[:20]) == bytes(2)
    pseudo = packet[12:20] + struct.pack("!II", len(packet) - 20, 17)
    assert checksum(pseudo + packet[20:]) == bytes(2)


def test_several_calls_are_listed_and_one_is_chosen(tmp_path):
    other = sip("INVITE sip:192.0.2.2 SIP/2.0", "INVITE", call_id="def@192.0.2.9")
    octets = pcap([*the_call(), (3.0, udp(("192.0.2.9", 5060), SERVER, other))])
    code, output = traced(tmp_path, octets)
    assert code == 0
    assert "abc@192.0.2.1" in output
    assert "def@192.0.2.9" in output
    assert output.endswith("Show one with --call-id.\n")
    assert traced(tmp_path, octets, "--call-id", "abc") == (0, LADDER)
    assert traced(tmp_path, octets, "--call-id", CHANNEL[:6]) == (0, LADDER)
    code, output = traced(tmp_path, octets, "--call-id", "xyz")
    assert code == 1
    assert output.endswith("call.pcap: no call 'xyz' among 2 in 71 packets\n")


def test_mrcp_without_its_sip_is_a_call_by_the_name_of_its_channel(tmp_path):
    code, output = traced(tmp_path, pcap([packet for packet in the_call() if b"SIP/2.0" not in packet[1]]))
    assert code == 0
    assert output.startswith(f"call     {CHANNEL}\ncaller   192.0.2.1:40000  →  server 192.0.2.2:1544\n")
    assert "→  MRCP  RECOGNIZE 1" in output
    assert "←  MRCP  RECOGNITION-COMPLETE 1 COMPLETE" in output


def test_mrcp_that_cannot_be_read_is_shown_as_it_is(tmp_path):
    packets = the_call()
    packets.insert(-2, (2.55, tcp(*reversed(CONTROL), 1 + len(IN_PROGRESS + COMPLETE), b"what is this?\r\n\r\n")))
    _, output = traced(tmp_path, pcap(packets))
    assert "←  MRCP  unreadable: message: got 'w', expected it to begin with 'MRCP/2.0'" in output


def test_many_fields_stand_on_lines_of_bounded_length(tmp_path):
    fields = [f"No-Input-Timeout-{number}: {'x' * 20}" for number in range(6)]
    packets = [(0.0, tcp(*CONTROL, 1, message("SET-PARAMS 1", ID, *fields, "Logging-Tag: " + "y" * 500)))]
    _, output = traced(tmp_path, pcap(packets))
    details = [line.strip() for line in output.splitlines() if line.startswith(" " * 24)]
    assert details[:3] == ["  ".join(fields[at : at + 2]) for at in (0, 2, 4)]
    assert details[3] == "Logging-Tag: " + "y" * 186 + "…"


def test_sip_over_tcp_is_found(tmp_path):
    ends = ("192.0.2.1", 40_001), SERVER
    packets = [(0.0, tcp(*ends, 1, INVITE[:100])), (0.1, tcp(*ends, 101, INVITE[100:]))]
    packets.append((0.2, tcp(*reversed(ends), 1, OK)))
    _, output = traced(tmp_path, pcap(packets))
    assert "0.000 s  →  SIP   INVITE" in output
    assert "0.100 s  ←  SIP   200 OK (INVITE)" in output


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "not a capture; expected a pcap or pcapng file"),
        (b"RIFF" + bytes(40), "not a capture; expected a pcap or pcapng file"),
        (pcap([]), "no SIP and no MRCP in 0 packets"),
        (pcap([(0.0, b"x")])[:24] + struct.pack("<IIII", 0, 0, 1 << 30, 1), "damaged: a packet of 1073741824 octets"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 7), "damaged: a section without byte order"),
        (pcapng([]) + struct.pack("<II", 6, 13), "damaged: a block of 13 octets"),
    ],
)
def test_files_that_hold_no_call_are_told_in_one_line(tmp_path, octets, why):
    code, output = traced(tmp_path, octets)
    assert code == 1
    assert why in output
    assert output.count("\n") == 1


@given(st.binary(max_size=400), st.sampled_from(["pcap", "pcapng"]), st.integers(0, 300), st.binary(max_size=8))
def test_damage_is_an_error_or_passed_over(tmp_path_factory, tail: bytes, kind: str, place: int, damage: bytes):
    whole = pcap(the_call()[:3]) if kind == "pcap" else pcapng(the_call()[:3])
    path = tmp_path_factory.getbasetemp() / "damaged.pcap"
    path.write_bytes(whole[:place] + damage + whole[place + len(damage) :] + tail)
    try:
        watch(read_capture(path))
    except CaptureError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 113, 276, 147]))
def test_any_octets_are_a_transfer_or_nothing(octets: bytes, link: int):
    found = taken_apart(link, octets)
    assert found is None or isinstance(found.payload, bytes)


@given(
    st.binary(min_size=1, max_size=200), st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 2**32)
)
def test_segments_in_any_order_and_twice_give_the_octets(content: bytes, sizes: list[int], start: int):
    segments, at = [], 0
    while at < len(content):
        size = sizes[len(segments) % len(sizes)]
        piece = content[at : at + size]
        segments.append(Transfer(CALLER, SERVER, piece, True, (start + 1 + at) % 2**32))
        at += size
    shuffled = segments + segments[:3]
    random.Random(start).shuffle(shuffled)
    stream = Stream()
    stream.take(Transfer(CALLER, SERVER, b"", True, start % 2**32, opens=True))
    assert b"".join(stream.take(each) for each in shuffled) == content
    assert stream.lost == 0


def test_a_hole_for_good_is_leapt_over_and_counted():
    stream = Stream()
    stream.take(Transfer(CALLER, SERVER, b"ab", True, 1))
    octets = b""
    for number in range(1100):
        octets += stream.take(Transfer(CALLER, SERVER, b"cd", True, 13 + 2 * number))
    assert octets == b"cd" * 1100
    assert stream.lost == 10


def test_a_run_counts_across_the_wrap_of_its_numbers():
    run_of = Run(0.0, None)
    sender = RtpSender(0, PayloadFormat(Encoding.PCMU), 7, sequence=65_530)
    packets = [parse_packet(packet) for packet in sender.packets(bytes(160 * 12))]
    for place, packet in enumerate(packets):
        assert packet is not None
        if place != 7:
            run_of.take(packet, place * 0.02)
    assert (run_of.packets, run_of.lost, run_of.reordered, run_of.again) == (11, 1, 0, 0)
    assert packets[3] is not None
    run_of.take(packets[3], 1.0)
    assert run_of.again == 1
    assert encode_packet(packets[3])


def test_sound_to_places_no_description_names_is_left_out():
    stray = udp(("192.0.2.7", 1), ("192.0.2.8", 2), encode_packet(parse_packet(bytes([0x80]) + bytes(20))))
    watcher = watch(CapturedPacket(at, RAW_IP, packet) for at, packet in [*the_call(), (3.0, stray)])
    (call,) = watcher.calls.values()
    assert len(call.rows) == 10
