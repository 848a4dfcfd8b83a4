"""Telephone keys: each press exactly once and in order, whatever the network does to its packets."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.params import KEYS
from h2b.telephony.rtp import PCMU, Packet, RtpSender, parse_packet
from h2b.telephony.rtp_events import (
    REORDER_SECONDS,
    KeyEvent,
    KeyPressed,
    KeyReader,
    KeyReleased,
    TelephoneEvent,
    encode_event,
    key_packets,
    parse_event,
)

PT = 101
Timed = tuple[float, Packet]


def typed(keys: str, press: int = 800, gap: int = 400, start: int = 0) -> list[Timed]:
    """Packets of keys typed one after the other, each at the time it is sent; durations in units."""
    sender = RtpSender(0, PCMU, 7, timestamp=start)
    packets: list[Timed] = []
    elapsed = 0
    for key in keys:
        for each in key_packets(sender, PT, key, press):
            packet = parse_packet(each)
            assert packet is not None
            event = parse_event(packet.payload)
            assert event is not None
            packets.append(((elapsed + (packet.timestamp - sender.timestamp) % 2**32 + event.duration) / 8000, packet))
        sender.pause(gap)
        elapsed += press + gap
    return packets


def read(packets: list[Timed], until: float | None = None) -> list[KeyEvent]:
    """What a reader says of packets at the times they come, asked every 20 ms."""
    reader = KeyReader(8000)
    waiting = sorted(packets, key=lambda each: each[0])
    end = until if until is not None else waiting[-1][0] + 1
    events: list[KeyEvent] = []
    for tick in range(math.ceil(end * 50)):
        now = tick / 50
        while waiting and waiting[0][0] <= now:
            arrived, packet = waiting.pop(0)
            assert reader.read(packet.timestamp, packet.payload, arrived, marker=packet.marker)
        events += reader.keys(now)
    return events


def pressed(events: list[KeyEvent]) -> str:
    return "".join(each.key for each in events if isinstance(each, KeyPressed))


def alternate(events: list[KeyEvent]) -> bool:
    """Whether each press is followed by the release of its key, and nothing else."""
    pairs = zip(events[::2], events[1::2], strict=False)
    return all(isinstance(a, KeyPressed) and isinstance(b, KeyReleased) and a.key == b.key for a, b in pairs)


def test_an_event_has_the_payload_of_rfc_4733() -> None:
    event = TelephoneEvent(code=11, ended=True, volume=10, duration=0x1234)
    assert encode_event(event) == bytes.fromhex("0b 8a 1234")
    assert parse_event(bytes.fromhex("0b 8a 1234 ff")) == event
    assert parse_event(bytes.fromhex("0b ca 1234")) == event
    assert parse_event(b"\x01\x0a\x00") is None


def test_each_key_is_pressed_once_and_released() -> None:
    events = read(typed(KEYS))
    assert pressed(events) == KEYS
    assert events[:2] == [KeyPressed("0"), KeyReleased("0", 0.1)]
    assert len(events) == 32
    assert alternate(events)


def test_the_packets_of_a_press_are_those_of_the_standard() -> None:
    packets = [packet for _, packet in typed("5", press=480, start=1000)]
    assert [each.timestamp for each in packets] == [1000] * 5
    assert [each.marker for each in packets] == [True, False, False, False, False]
    assert [parse_event(each.payload) for each in packets] == [
        TelephoneEvent(5, False, 10, 160),
        TelephoneEvent(5, False, 10, 320),
        *[TelephoneEvent(5, True, 10, 480)] * 3,
    ]


def test_a_press_is_told_after_the_time_an_earlier_one_may_need() -> None:
    reader = KeyReader(8000)
    (at, packet), *_ = typed("5")
    reader.read(packet.timestamp, packet.payload, at)
    assert not reader.idle
    assert reader.keys(at + REORDER_SECONDS - 0.001) == []
    assert reader.keys(at + REORDER_SECONDS) == [KeyPressed("5")]
    assert reader.keys(at + 0.2) == []


def test_the_same_key_twice_is_two_presses_even_without_markers() -> None:
    packets = [(at, Packet(PT, 0, each.timestamp, 7, each.payload)) for at, each in typed("55")]
    assert pressed(read(packets)) == "55"


def test_one_packet_of_a_press_is_enough() -> None:
    for each in range(len(typed("5"))):
        assert read([typed("5")[each]])[0] == KeyPressed("5")
    assert read([typed("5")[-1]]) == [KeyPressed("5"), KeyReleased("5", 0.1)]


def test_a_key_whose_end_is_lost_is_released_after_a_while_or_by_the_next() -> None:
    packets = typed("5")[:-3]
    assert read(packets, until=0.3) == [KeyPressed("5")]
    assert read(packets, until=0.4) == [KeyPressed("5"), KeyReleased("5", 0.08)]
    packets = [each for each in typed("56", press=1600) if not each[1].payload[1] & 0x80]
    assert read(packets)[:3] == [KeyPressed("5"), KeyReleased("5", 0.18), KeyPressed("6")]


def test_a_gap_in_a_long_press_makes_no_second_key() -> None:
    packets = [each for each in typed("5", press=16000) if not 0.5 < each[0] < 1.2]
    events = read(packets)
    assert pressed(events) == "5"
    assert len(events) == 2


@pytest.mark.parametrize("seconds", [8, 9, 17, 30])
def test_a_press_longer_than_its_duration_field_is_one_key(seconds: int) -> None:
    packets = typed("5", press=8000 * seconds)
    timestamps = {packet.timestamp for _, packet in packets}
    assert timestamps == {0xFFFF * segment for segment in range(-(-8000 * seconds // 0xFFFF))}
    assert read(packets) == [KeyPressed("5"), KeyReleased("5", float(seconds))]
    thinned = random.Random(seconds).sample(packets, len(packets) // 2)
    assert pressed(read(thinned)) == "5"


def test_a_press_after_a_long_one_whose_end_is_lost_is_another() -> None:
    packets = [each for each in typed("55", press=40_000) if not 4.9 < each[0] < 5.06]
    assert packets[-1][1].timestamp == 40_400
    assert pressed(read(packets)) == "55"


def test_timestamps_may_wrap() -> None:
    assert pressed(read(typed("0123456789", start=2**32 - 5000))) == "0123456789"


def test_a_sender_that_counts_its_time_anew_is_heard() -> None:
    later = [(at + 2, packet) for at, packet in typed("456", start=160)]
    assert pressed(read(typed("123", start=3_000_000_000) + later)) == "123456"
    later = [(at + 2, packet) for at, packet in typed("456", start=160)]
    assert pressed(read(typed("123", start=400_000) + later)) == "123456"


def test_a_press_out_of_order_beyond_hope_is_left_out_and_counted() -> None:
    reader = KeyReader(8000)
    reader.read(8000, encode_event(TelephoneEvent(2, False, 10, 160)), 0.0)
    assert reader.keys(0.1) == [KeyPressed("2")]
    assert reader.read(6000, encode_event(TelephoneEvent(1, True, 10, 800)), 0.1)
    assert reader.keys(0.2) == []
    assert reader.late == 1


def test_signals_that_are_no_keys_are_none() -> None:
    reader = KeyReader(8000)
    assert not reader.read(0, encode_event(TelephoneEvent(16, False, 10, 160)), 0.0)
    assert not reader.read(0, b"", 0.0)
    assert reader.keys(1.0) == []


def test_pending_presses_are_bounded() -> None:
    reader = KeyReader(8000)
    for each in range(1000):
        assert reader.read(each * 400, encode_event(TelephoneEvent(1, True, 10, 160)), 0.0)
    assert len(reader.keys(1.0)) == 64
    assert reader.idle


@given(
    st.text(KEYS, min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
    st.integers(400, 1600),
    st.integers(320, 2000),
    st.randoms(use_true_random=False),
    st.floats(0, 0.1),
    st.floats(0, 0.9),
)
def test_keys_come_exactly_once_and_in_order_through_loss_jitter_and_doubles(
    keys: str, start: int, press: int, gap: int, chance: random.Random, jitter: float, loss: float
) -> None:
    sent = typed(keys, press, gap, start)
    # Of each press one packet arrives at least: what is lost whole cannot be heard.
    safe = {packet.timestamp: chance.randrange(10**6) for _, packet in sent}
    came: list[Timed] = []
    for timestamp, number in safe.items():
        of_press = [each for each in sent if each[1].timestamp == timestamp]
        kept = {number % len(of_press)} | {n for n in range(len(of_press)) if chance.random() >= loss}
        for n in kept:
            at, packet = of_press[n]
            came += [(at + chance.random() * jitter, packet) for _ in range(chance.choice((1, 1, 2)))]
    chance.shuffle(came)
    events = read(came)
    assert pressed(events) == keys
    assert alternate(events)
    assert len(events) == 2 * len(keys)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1) | st.integers(0, 4000),
            st.binary(max_size=6)
            | st.builds(TelephoneEvent, st.integers(0, 17), st.booleans(), st.just(9), st.integers(0, 65535)).map(
                encode_event
            ),
            st.floats(0, 0.3),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_any_packets_give_presses_each_with_its_release(packets: list[tuple[int, bytes, float, bool]]) -> None:
    reader = KeyReader(8000)
    now = 0.0
    events: list[KeyEvent] = []
    for timestamp, payload, wait, marker in packets:
        now += wait
        reader.read(timestamp, payload, now, marker=marker)
        events += reader.keys(now)
    events += reader.keys(math.inf)
    assert alternate(events)
    assert len(events) % 2 == 0
    assert reader.idle
