"""A call's RTP through a network that loses, delays, doubles and reorders: one span a tick, in the order of speech."""

import random
import time
from collections.abc import Iterable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.rtp import (
    COMFORT_NOISE,
    PCMA,
    PCMU,
    Encoding,
    Packet,
    PayloadFormat,
    RtpSender,
    encode_packet,
    parse_packet,
)
from h2b.telephony.rtp_events import KeyPressed, KeyReleased, key_packets
from h2b.telephony.rtp_playout import Depth, PlayoutBuffer
from h2b.telephony.rtp_receiver import Address, RtpReceiver

EVENTS = PayloadFormat(Encoding.TELEPHONE_EVENT)
WIDE = PayloadFormat(Encoding.L16, 16000)
FORMATS = {0: PCMU, 8: PCMA, 13: COMFORT_NOISE, 96: WIDE, 101: EVENTS}
CALLER = ("192.0.2.1", 4000)
OTHER = ("198.51.100.9", 4000)
PHASE = 0.007
"""When, between two of our ticks, the caller's packets are sent."""

Timed = tuple[float, bytes]


def numbered(count: int, *, skew: float = 0.0, first: int = 1) -> list[Timed]:
    """Packets of 20 ms at the times they are sent; each says its number, from `first`, all over its payload."""
    sender = RtpSender(0, PCMU, ssrc=7, sequence=65_500, timestamp=2**32 - 800)
    payloads = [number.to_bytes(4, "big") * 40 for number in range(first, first + count)]
    return [(PHASE + at * 0.02 * (1 + skew), sender.packets(each)[0]) for at, each in enumerate(payloads)]


def number_of(span: bytes) -> int | None:
    """Which packet a span is from; None for silence."""
    return None if span == PCMU.silent_span else int.from_bytes(span[:4], "big")


def numbers(spans: Iterable[int | None]) -> list[int]:
    return [each for each in spans if each is not None]


def play(receiver: RtpReceiver, packets: list[Timed], seconds: float, source: Address = CALLER) -> list[int | None]:
    """What is heard at each tick when packets come at these times and sockets are swept every 20 ms."""
    waiting = sorted(packets, key=lambda each: each[0])
    played = []
    at = 0
    for tick in range(1, round(seconds * 50) + 1):
        now = tick * 0.02
        while at < len(waiting) and waiting[at][0] <= now:
            receiver.receive(waiting[at][1], source, now)
            at += 1
        span = receiver.pop(now)
        assert span is not None
        assert len(span) == 160
        assert receiver.pop(now) is None
        played.append(number_of(span))
    return played


def test_audio_comes_after_the_depth_and_then_without_a_hole() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, numbered(100), 2.5)
    assert played == [None] * 3 + list(range(1, 101)) + [None] * 22
    counts = receiver.statistics
    assert (counts.received, counts.lost, counts.late, counts.duplicates, counts.sources) == (100, 0, 0, 0, 1)
    assert counts.jitter_seconds < 0.001


def test_one_span_is_due_every_20_ms_whatever_comes() -> None:
    receiver = RtpReceiver(FORMATS, 10.0)
    assert receiver.pop(10.0) is None
    assert receiver.pop(10.019) is None
    assert receiver.pop(10.02) == PCMU.silent_span
    assert receiver.pop(10.02) is None
    late = [receiver.pop(11.0) for _ in range(50)]
    assert late == [PCMU.silent_span] * 49 + [None]


def test_lost_packets_are_silence_of_their_length() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    packets = numbered(60)
    del packets[50], packets[20:25]
    played = play(receiver, packets, 1.5)
    first = played.index(1)
    assert played[first : first + 60] == [*range(1, 21), *[None] * 5, *range(26, 51), None, *range(52, 61)]
    assert receiver.statistics.lost == 6


def test_a_hole_is_where_the_delay_comes_down_from_that_of_the_start() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    packets = numbered(600)
    # By then no transit of the start, with its doubts, is remembered any more.
    del packets[550], packets[520:525]
    played = play(receiver, packets, 12.5)
    assert played.index(520) - 520 == 2
    assert played.index(526) - 526 == 1
    assert played.index(560) - 560 == 1
    assert (receiver.statistics.lost, receiver.statistics.cut) == (6, 1)


def test_duplicates_and_reordering_leave_no_trace() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    packets = numbered(100)
    swapped = [(packets[n ^ 1][0], packets[n][1]) for n in range(100)]
    assert numbers(play(receiver, swapped + swapped[5:], 2.5)) == list(range(1, 101))
    counts = receiver.statistics
    assert (counts.received, counts.lost, counts.duplicates, counts.reordered) == (100, 0, 95, 50)


def test_a_packet_that_comes_too_late_is_dropped() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    packets = numbered(100)
    packets[50] = (packets[50][0] + 0.4, packets[50][1])
    played = numbers(play(receiver, packets, 2.5))
    assert played == [each for each in range(1, 101) if each != 51]
    assert receiver.statistics.late == 1
    assert receiver.statistics.lost == 0


@pytest.mark.parametrize("seed", range(5))
def test_100_ms_of_jitter_and_30_percent_loss_cost_only_what_was_lost(seed: int) -> None:
    chance = random.Random(seed)
    packets = [(at + chance.random() * 0.1, each) for at, each in numbered(3000) if chance.random() >= 0.3]
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, packets, 60.5)
    heard = numbers(played)
    assert heard == sorted(set(heard))
    # While the spread of the network is learnt, a few may come too late.
    assert len(packets) - len(heard) <= 5
    latencies = [tick - number for tick, number in enumerate(played) if number is not None]
    assert max(latencies) <= 8
    assert abs(receiver.statistics.lost + len(packets) - 3000) <= 5


def test_a_network_that_calms_down_is_played_with_little_delay_again() -> None:
    chance = random.Random(1)
    packets = [(at + (chance.random() * 0.1 if n < 500 else 0), each) for n, (at, each) in enumerate(numbered(2000))]
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, packets, 41)
    assert len(numbers(played)) >= 1990
    assert max(tick - each for tick, each in enumerate(played[:500]) if each) >= 4
    assert max(tick - each for tick, each in enumerate(played[1500:], start=1500) if each) <= 2


@pytest.mark.parametrize("skew", [200e-6, -200e-6, 50e-6])
def test_clocks_that_drift_apart_cost_one_span_now_and_then(skew: float) -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, numbered(30_000, skew=skew), 600)
    heard = numbers(played)
    drifted = round(600 * abs(skew) * 50)
    assert 30_000 - len(heard) <= drifted + 5
    assert heard == sorted(set(heard))
    counts = receiver.statistics
    assert counts.late == 0
    assert counts.held + counts.cut <= drifted + 2
    sent = PHASE + (heard[-1] - 1) * 0.02 * (1 + skew)
    assert (played.index(heard[-1]) + 1) * 0.02 - sent < 0.09


@pytest.mark.parametrize("stall", [0.1, 0.3, 0.5, 0.9])
def test_what_a_stalled_network_kept_is_played_and_the_delay_comes_down_again(stall: float) -> None:
    packets = [(max(at, 4 + stall) if at >= 4 else at, each) for at, each in numbered(2000)]
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, packets, 41)
    heard = numbers(played)
    assert heard == sorted(set(heard))
    assert receiver.statistics.late == 0
    assert 2000 - len(heard) <= receiver.statistics.cut <= stall * 50 + 2
    assert max(tick - each for tick, each in enumerate(played[1500:], start=1500) if each) <= 2


def test_a_stall_of_our_own_loses_nothing() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    played: list[int | None] = []
    waiting = numbered(400)
    for tick in range(1, 420):
        if 100 <= tick < 250:
            continue
        now = tick * 0.02
        while waiting and waiting[0][0] <= now:
            receiver.receive(waiting.pop(0)[1], CALLER, now)
        while (span := receiver.pop(now)) is not None:
            played.append(number_of(span))
    assert len(played) == 419
    assert numbers(played) == list(range(1, 401))
    assert receiver.statistics.held == receiver.statistics.cut == 0


def test_silence_suppression_keeps_each_talkspurt_in_its_place() -> None:
    sender = RtpSender(0, PCMU, ssrc=7)
    packets: list[Timed] = []
    at = PHASE
    for spurt in range(1, 6):
        for datagram in sender.packets(spurt.to_bytes(4, "big") * 40 * 50):
            packets.append((at, datagram))
            at += 0.02
        packets.append((at, sender.number(13, sender.timestamp, b"\x40", False)))
        sender.pause(8000 * 3)
        at += 3
    receiver = RtpReceiver(FORMATS, 0.0)
    played = play(receiver, packets, 21)
    assert receiver.statistics.received == 255
    assert receiver.statistics.late == 0
    for spurt in range(1, 6):
        assert played.count(spurt) >= 48
        assert abs(played.index(spurt) - (spurt - 1) * 200) <= 4


def test_a_second_talkspurt_whose_time_did_not_go_on_is_heard() -> None:
    # A client that plays files counts samples, not time: after a pause the timestamps go on where they were.
    packets = numbered(100)
    later = [(at + 5, each) for at, each in packets[50:]]
    receiver = RtpReceiver(FORMATS, 0.0)
    assert numbers(play(receiver, packets[:50] + later, 9)) == list(range(1, 101))


def test_a_jump_of_the_senders_time_costs_at_most_two_packets() -> None:
    packets = numbered(50)
    jumped = []
    for at, datagram in numbered(50, first=51):
        packet = parse_packet(datagram)
        assert packet is not None
        moved = evolve(
            packet,
            timestamp=(packet.timestamp + 123_456_789) % 2**32,
            sequence=(packet.sequence + 50) % 2**16,
            marker=False,
        )
        jumped.append((at + 1, encode_packet(moved)))
    receiver = RtpReceiver(FORMATS, 0.0)
    heard = numbers(play(receiver, packets + jumped, 3))
    assert heard == [*range(1, 51), *range(53, 101)]


@pytest.mark.parametrize(("units", "name"), [(80, "10 ms"), (240, "30 ms"), (320, "40 ms"), (133, "odd")])
def test_packets_of_any_length_give_the_same_audio(units: int, name: str) -> None:
    audio = bytes(n % 200 + 1 for n in range(160 * 101))
    sender = RtpSender(0, PCMU, ssrc=7, packet_units=units)
    receiver = RtpReceiver(FORMATS, 0.0)
    spans = []
    datagrams = sender.packets(audio)
    for tick in range(1, 120):
        now = tick * 0.02
        while datagrams and (len(audio) - sum(map(len, datagrams)) + 12 * len(datagrams)) / 8000 + units / 8000 <= now:
            receiver.receive(datagrams.pop(0), CALLER, now)
        spans.append(receiver.pop(now))
    heard = b"".join(span for span in spans if span and span != PCMU.silent_span)
    assert heard.strip(b"\xff") == audio


def test_wide_and_linear_audio_is_given_out_as_it_came() -> None:
    sender = RtpSender(96, WIDE, ssrc=7, packet_units=320)
    receiver = RtpReceiver({96: WIDE, 101: EVENTS}, 0.0)
    spans = []
    datagrams = sender.packets(bytes(range(1, 201)) * 32)
    for tick in range(1, 16):
        if datagrams:
            receiver.receive(datagrams.pop(0), CALLER, tick * 0.02)
        spans.append(receiver.pop(tick * 0.02) or b"")
    assert receiver.format == WIDE
    assert {len(span) for span in spans} == {640}
    assert b"".join(spans[3:13]) == bytes(range(1, 201)) * 32


def test_the_format_follows_the_caller() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    assert receiver.format == PCMU
    receiver.receive(RtpSender(8, PCMA, ssrc=7).packets(bytes(160))[0], CALLER, 0.01)
    assert receiver.format == PCMA
    assert [receiver.pop(tick * 0.02) for tick in range(1, 5)] == [PCMA.silent_span] * 3 + [bytes(160)]


def test_formats_without_audio_are_a_slip_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^formats: got no audio, expected at least one$"):
        RtpReceiver({101: EVENTS}, 0.0)


# Whose packets count


def speak(receiver: RtpReceiver, sender: RtpSender, source: Address, start: float, count: int) -> None:
    for n, datagram in enumerate(sender.packets(bytes(160 * count))):
        receiver.receive(datagram, source, start + n * 0.02)


def test_the_first_source_counts_and_others_are_ignored() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    caller, other = RtpSender(0, PCMU, 7), RtpSender(0, PCMU, 8)
    for second in range(5):
        speak(receiver, caller, CALLER, second, 50)
        speak(receiver, other, OTHER, second, 50)
    assert receiver.source == CALLER
    assert (receiver.statistics.received, receiver.statistics.foreign) == (250, 250)


def test_another_source_takes_over_when_the_first_is_silent() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    speak(receiver, RtpSender(0, PCMU, 7), CALLER, 0.0, 50)
    speak(receiver, RtpSender(0, PCMU, 8), OTHER, 1.0, 50)
    assert receiver.source == CALLER
    speak(receiver, RtpSender(0, PCMU, 8), OTHER, 3.0, 50)
    assert receiver.source == OTHER
    assert receiver.statistics.sources == 2


def test_a_stream_that_moves_to_another_address_is_followed_soon() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    sender = RtpSender(0, PCMU, 7)
    speak(receiver, sender, CALLER, 0.0, 50)
    sender.pause(0)
    speak(receiver, sender, OTHER, 1.1, 10)
    assert receiver.source == OTHER
    # Those that came within 0.2 s of the last one from the old address.
    assert receiver.statistics.foreign == 4
    assert receiver.statistics.sources == 1


def test_the_announced_address_takes_over_at_once() -> None:
    receiver = RtpReceiver(FORMATS, 0.0, announced=CALLER)
    speak(receiver, RtpSender(0, PCMU, 8), OTHER, 0.0, 10)
    assert receiver.source == OTHER
    speak(receiver, RtpSender(0, PCMU, 7), CALLER, 0.2, 10)
    assert receiver.source == CALLER
    receiver.announce(None)
    speak(receiver, RtpSender(0, PCMU, 8), OTHER, 0.4, 10)
    assert receiver.source == OTHER


def test_a_new_source_of_synchronisation_counts_from_its_second_packet() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    speak(receiver, RtpSender(0, PCMU, 7), CALLER, 0.0, 10)
    stray = encode_packet(Packet(0, 1, 1, 9, bytes(160)))
    receiver.receive(stray, CALLER, 0.2)
    receiver.receive(stray, CALLER, 0.2)
    assert (receiver.statistics.sources, receiver.statistics.unknown) == (1, 2)
    speak(receiver, RtpSender(0, PCMU, 8, timestamp=99_999), CALLER, 0.2, 10)
    assert (receiver.statistics.sources, receiver.statistics.unknown) == (2, 3)
    assert receiver.statistics.received == 19


def test_a_change_of_source_plays_on_without_losing_what_waits() -> None:
    packets = numbered(50)
    sender = RtpSender(0, PCMU, ssrc=8, timestamp=5)
    payloads = [number.to_bytes(4, "big") * 40 for number in range(51, 101)]
    later = [(PHASE + 1 + n * 0.02, sender.packets(each)[0]) for n, each in enumerate(payloads)]
    receiver = RtpReceiver(FORMATS, 0.0)
    assert numbers(play(receiver, packets + later, 3)) == [*range(1, 51), *range(52, 101)]


def test_what_waits_is_played_when_a_new_source_begins_with_silence() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    speak(receiver, RtpSender(0, PCMU, 7), CALLER, 0.0, 3)
    noise = RtpSender(13, PCMU, 8)
    receiver.receive(noise.packets(b"x")[0], CALLER, 0.05)
    receiver.receive(noise.packets(b"x")[0], CALLER, 0.05)
    assert receiver.statistics.sources == 2
    assert [receiver.pop(tick * 0.02) for tick in range(1, 7)].count(bytes(160)) == 3


def test_what_is_no_audio_is_counted_and_dropped() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    for datagram in (b"", b"TEST", b"\r\n\r\n"):
        receiver.receive(datagram, CALLER, 0.0)
    receiver.receive(bytes.fromhex("80 c8 0006 00000007") + bytes(20), CALLER, 0.0)
    receiver.receive(RtpSender(99, PCMU, 7).packets(bytes(160))[0], CALLER, 0.0)
    counts = receiver.statistics
    assert (counts.malformed, counts.rtcp, counts.unknown, counts.received) == (3, 1, 1, 0)
    assert receiver.source is None


def test_loss_is_counted_over_the_wrap_of_the_sequence() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    packets = numbered(200)
    play(receiver, [each for n, each in enumerate(packets) if n % 4], 4.1)
    assert (receiver.statistics.received, receiver.statistics.lost) == (150, 49)


def test_jitter_is_that_of_rfc_3550() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    expected = 0.0
    arrivals = [at + (n * 7 % 5) * 0.003 for n, (at, _) in enumerate(numbered(200))]
    for n, (_, datagram) in enumerate(numbered(200)):
        receiver.receive(datagram, CALLER, arrivals[n])
        if n:
            expected += (abs(arrivals[n] - arrivals[n - 1] - 0.02) - expected) / 16
    assert receiver.statistics.jitter_seconds == pytest.approx(expected, abs=1e-6)


# Keys


def test_keys_come_without_any_audio_and_in_time() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    sender = RtpSender(0, PCMU, ssrc=7)
    packets: list[Timed] = []
    at = PHASE
    for key in "1234":
        packets += [(at + n * 0.01, each) for n, each in enumerate(key_packets(sender, 101, key, 560, step_units=80))]
        sender.pause(400)
        at += 0.14
    told = []
    for tick in range(1, 60):
        now = tick * 0.02
        while packets and packets[0][0] <= now:
            receiver.receive(packets.pop(0)[1], CALLER, now)
        assert receiver.pop(now) == PCMU.silent_span
        told += [(tick, each.key) for each in receiver.keys(now) if isinstance(each, KeyPressed)]
    assert [key for _, key in told] == list("1234")
    assert told[0][0] == 4


def test_a_key_under_way_when_the_source_changes_is_one_key() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    for datagram in list(key_packets(RtpSender(0, PCMU, 7), 101, "5", 1600))[:3]:
        receiver.receive(datagram, CALLER, 0.1)
    speak(receiver, RtpSender(0, PCMU, 8), CALLER, 0.15, 3)
    assert receiver.keys(0.2) == [KeyPressed("5")]
    assert receiver.keys(0.4) == [KeyReleased("5", 0.06)]


def test_keys_with_a_source_of_their_own_beside_the_audio_are_heard_once() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    voice, keypad = RtpSender(0, PCMU, 7), RtpSender(0, PCMU, 8, sequence=500)
    keys = [each for key in "123" for each in [*key_packets(keypad, 101, key, 800), b""]]
    told = []
    for tick in range(1, 60):
        now = tick * 0.02
        receiver.receive(voice.packets(bytes(160))[0], CALLER, now)
        receiver.receive(keys.pop(0) if keys else b"", CALLER, now)
        receiver.pop(now)
        told += receiver.keys(now)
    assert [each.key for each in told if isinstance(each, KeyPressed)] == list("123")
    assert receiver.statistics.sources == 1
    assert receiver.statistics.lost == 0


def test_sources_of_keys_are_bounded_and_none_is_left_pressed() -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    for ssrc in range(20):
        receiver.receive(next(key_packets(RtpSender(0, PCMU, ssrc), 101, "5", 800)), CALLER, 0.0)
    told = receiver.keys(0.1) + receiver.keys(1.0)
    assert sum(isinstance(each, KeyPressed) for each in told) == 20
    assert sum(isinstance(each, KeyReleased) for each in told) == 20


# Properties

DELAYS = st.lists(
    st.none() | st.tuples(st.floats(0, 0.5), st.integers(1, 3)) | st.just((0.0, 1)), min_size=1, max_size=120
)
"""For each packet: lost, or how long it takes and how often it comes."""


@given(DELAYS, st.sampled_from([Depth(), Depth(start=1, minimum=1, maximum=1), Depth(start=2, minimum=2, maximum=10)]))
def test_any_schedule_gives_audio_of_the_right_length_in_the_right_order(
    delays: list[tuple[float, int] | None], depth: Depth
) -> None:
    sent = numbered(len(delays))
    came: list[Timed] = []
    for (at, datagram), delay in zip(sent, delays, strict=True):
        if delay is not None:
            came += [(at + delay[0] * (n + 1), datagram) for n in range(delay[1])]
    receiver = RtpReceiver(FORMATS, 0.0, depth=depth)
    seconds = len(delays) * 0.02 + 3
    played = play(receiver, came, seconds)
    heard = numbers(played)
    assert heard == sorted(set(heard))
    assert set(heard) <= {n for n, delay in enumerate(delays, start=1) if delay}
    counts = receiver.statistics
    assert counts.received == sum(delay is not None for delay in delays)
    assert len(heard) + counts.late + counts.cut >= counts.received
    assert bool(heard) == any(delays)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=30)
            | st.builds(
                Packet,
                st.sampled_from([0, 8, 13, 96, 101]),
                st.integers(0, 65535) | st.integers(0, 30),
                st.integers(0, 2**32 - 1) | st.integers(0, 9000),
                st.integers(1, 2),
                st.binary(max_size=8) | st.sampled_from([bytes(160), bytes(320), bytes(2000)]),
                st.booleans(),
            ).map(encode_packet),
            st.sampled_from([CALLER, OTHER]),
            st.sampled_from([0.0, 0.001, 0.02, 0.3, 5.0]),
        ),
        max_size=60,
    )
)
def test_any_packets_at_all_leave_one_span_a_tick(packets: list[tuple[bytes, Address, float]]) -> None:
    receiver = RtpReceiver(FORMATS, 0.0)
    now, spans = 0.0, 0
    for datagram, source, wait in packets:
        now += wait
        receiver.receive(datagram, source, now)
        while (span := receiver.pop(now)) is not None:
            spans += 1
            assert len(span) == len(receiver.format.silent_span)
        receiver.keys(now)
    assert abs(spans - now * 50) < 1.001
    counts = receiver.statistics
    dropped = counts.rtcp + counts.malformed + counts.foreign + counts.unknown + counts.duplicates
    assert len(packets) <= counts.received + dropped <= len(packets) + counts.received


class ByTheLongWay(RtpReceiver):
    """Expects nothing: it looks at each packet as if it were the first."""

    def _hear_next(self, datagram: bytes, now: float) -> bool:
        return False


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.02, 0.02, 0.02, 0.04, 0.09, 0.3]),
            st.sampled_from([1, 1, 1, 1, 1, 0, 2, -1, 200, 4000]),
            st.sampled_from([0, 0, 0, 0, 0, 8, 13, 101]),
            st.sampled_from([160, 160, 160, 160, 80, 161, 0, 4]),
            st.sampled_from([7, 7, 7, 7, 8]),
            st.sampled_from([CALLER, CALLER, CALLER, OTHER]),
            st.booleans() | st.just(False),
        ),
        max_size=80,
    )
)
def test_an_expected_packet_does_what_any_other_would(
    steps: list[tuple[float, int, int, int, int, Address, bool]],
) -> None:
    quick, thorough = RtpReceiver(FORMATS, 0.0), ByTheLongWay(FORMATS, 0.0)
    now, number = 0.0, 65_500
    for wait, step, payload_type, size, ssrc, source, marker in steps:
        now, number = now + wait, number + step
        packet = Packet(payload_type, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc, bytes([number % 200]) * size)
        for receiver in (quick, thorough):
            receiver.receive(encode_packet(evolve(packet, marker=marker)), source, now)
        while (span := quick.pop(now)) is not None:
            assert span == thorough.pop(now)
        assert quick.keys(now) == thorough.keys(now)
        assert (quick.statistics, quick.source, quick.empty) == (
            thorough.statistics,
            thorough.source,
            thorough.empty,
        )


def test_a_buffer_is_bounded_whatever_comes() -> None:
    chance = random.Random(3)
    buffer = PlayoutBuffer(PCMU, Depth())
    most = 0
    for _ in range(20_000):
        buffer.put(
            chance.choice((chance.randrange(2**32), chance.randrange(20_000))), bytes(160), fresh=chance.random() < 0.1
        )
        if chance.random() < 0.05:
            buffer.take()
        most = max(most, len(buffer._waiting))
    assert most <= 160


def test_a_packet_costs_little() -> None:
    datagrams = [each for _, each in numbered(5000)]
    receiver = RtpReceiver(FORMATS, 0.0)
    started = time.process_time()
    for tick, datagram in enumerate(datagrams, start=1):
        now = tick * 0.02
        receiver.receive(datagram, CALLER, now)
        receiver.pop(now)
        receiver.keys(now)
    # 6 µs where this was written: 100 channels are 5000 packets a second.
    assert (time.process_time() - started) / len(datagrams) < 50e-6
