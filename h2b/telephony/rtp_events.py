"""Telephone keys in RTP: named events read into keys pressed and released, and written for our own client.

Owns RFC 4733's payload and the rule for when packets speak of one press. Must not know sequence numbers, sockets or
what a key means to a grammar. Source: RFC 4733 sections 2.3 and 2.5.

The code of an event is the place of its key in `KEYS` (RFC 4733 section 3.2).
A press is known by its timestamp alone: markers and end packets get lost. Presses are given out in the order of their
timestamps, so the first packet of each waits a little for one that should come before it.
"""

import struct
from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import define, frozen

from h2b.model.params import KEYS
from h2b.telephony.rtp import RtpSender

END_PACKETS: Final = 3
"""How often a sender repeats the end of an event (RFC 4733 section 2.5.1.4)."""
REORDER_SECONDS: Final = 0.06
"""How long a press waits for an earlier one. With pauses of 40 ms between keys, it bears 100 ms of jitter."""
RELEASE_SECONDS: Final = 0.25
"""A key nothing is heard of for so long is released: its end packets were lost."""
FULL_SEGMENT: Final = 0x8000
"""Units after which an event may go on under a new timestamp: the duration has 16 bits (section 2.5.1.3)."""
SEGMENT_GAP_SECONDS: Final = 0.2
"""Longest hole between two segments of one event, for packets that were lost there."""
MAXIMUM_DURATION: Final = 0xFFFF
LATE_SECONDS: Final = 2.0
"""A press this much older than one given out is late."""
MAXIMUM_PENDING: Final = 32
"""Presses that may wait; no caller is that fast."""
REMEMBERED: Final = 64
"""Presses whose late packets are still known as theirs."""

_PAYLOAD: Final = struct.Struct("!BBH")
_END: Final = 0x80
_VOLUME: Final = 0x3F
_HALF: Final = 1 << 31
_WRAP: Final = 1 << 32


@frozen
class TelephoneEvent:
    """The payload of one packet. `duration` in timestamp units since the event's timestamp, 16 bits."""

    code: int
    ended: bool
    volume: int
    """Of the tone, in dB below 0 dBm0: 0 is the loudest, 63 the faintest."""
    duration: int


@frozen
class KeyPressed:
    """A key went down: once for each press, in order. One of 0-9, *, #, A-D."""

    key: str


@frozen
class KeyReleased:
    """The key last pressed is up again, or its end was never told; `seconds` is how long it was down."""

    key: str
    seconds: float


KeyEvent: TypeAlias = KeyPressed | KeyReleased


def parse_event(payload: bytes) -> TelephoneEvent | None:
    """The event of a payload, None when it is too short to hold one. What follows the first event is not looked at.

    Every volume is taken: that a tone was loud enough was the sender's to judge.
    """
    if len(payload) < _PAYLOAD.size:
        return None
    code, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(code, bool(flags & _END), flags & _VOLUME, duration)


def encode_event(event: TelephoneEvent) -> bytes:
    """Inverse of `parse_event`."""
    return _PAYLOAD.pack(event.code, event.volume | (_END if event.ended else 0), event.duration)


@define(eq=False)
class _Press:
    key: str
    start: int
    """Timestamp, unwrapped."""
    arrived: float
    heard: float
    segment: int
    """Timestamp of the segment under way; the start, but for long events."""
    duration: int = 0
    ended: bool = False


class KeyReader:
    """Keys of one stream. `read` what comes, then ask `keys` at each tick."""

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._latest = 0
        """Unwrapped timestamp of the newest press seen."""
        self._pending: list[_Press] = []
        """Not yet given out, by timestamp."""
        self._down: _Press | None = None
        self._given = -_WRAP
        """Timestamp of the press last given out."""
        self._by_timestamp: dict[int, _Press | None] = {}
        """Each segment's press by unwrapped timestamp; None for one that was refused."""
        self.late = 0
        """Presses that came after a later one was given out: a wrong order is worse than a key less."""

    @property
    def idle(self) -> bool:
        """Whether no key is down or waiting: then `keys` has nothing to say."""
        return not self._pending and self._down is None

    def read(self, timestamp: int, payload: bytes, now: float, *, marker: bool = False) -> bool:
        """Take a packet in, in any order and any number of times; False when it holds no key."""
        event = parse_event(payload)
        if event is None or event.code >= len(KEYS):
            return False
        at = self._unwrap(timestamp)
        if at not in self._by_timestamp:
            self._remember(at, self._continued(at, event, marker) or self._pressed(at, event, now))
        press = self._by_timestamp[at]
        if press is not None and press.key == KEYS[event.code] and not press.ended:
            press.duration = max(press.duration, at - press.start + event.duration)
            press.segment = max(press.segment, at)
            press.ended = event.ended
            press.heard = now
        return True

    def keys(self, now: float) -> list[KeyEvent]:
        """Presses and releases since the last call, a press always before its release."""
        given: list[KeyEvent] = []
        if self._down is not None and self._is_over(self._down, now):
            given.append(self._release(self._down))
        while self._pending and now - self._pending[0].arrived >= REORDER_SECONDS:
            if self._down is not None:
                given.append(self._release(self._down))
            self._down = self._pending.pop(0)
            self._given = self._down.start
            given.append(KeyPressed(self._down.key))
            if self._is_over(self._down, now):
                given.append(self._release(self._down))
        return given

    def _unwrap(self, timestamp: int) -> int:
        return self._latest + (timestamp - self._latest + _HALF) % _WRAP - _HALF

    def _continued(self, at: int, event: TelephoneEvent, marker: bool) -> _Press | None:
        """The press of which this is a further segment."""
        press = self._pending[-1] if self._pending else self._down
        if press is None or press.ended or marker or press.key != KEYS[event.code]:
            return None
        end = press.start + press.duration
        full = end - press.segment >= FULL_SEGMENT
        return press if full and abs(at - end) <= SEGMENT_GAP_SECONDS * self._rate else None

    def _pressed(self, at: int, event: TelephoneEvent, now: float) -> _Press | None:
        # A timestamp from long before is no late packet but a sender that began to count anew.
        too_late = 0 < self._given - at <= LATE_SECONDS * self._rate
        if too_late or len(self._pending) == MAXIMUM_PENDING:
            self.late += 1
            return None
        press = _Press(KEYS[event.code], at, now, now, at)
        self._pending.append(press)
        self._pending.sort(key=lambda each: each.start)
        return press

    def _remember(self, at: int, press: _Press | None) -> None:
        self._latest = at
        self._by_timestamp[at] = press
        if len(self._by_timestamp) > REMEMBERED:
            del self._by_timestamp[next(iter(self._by_timestamp))]

    def _is_over(self, press: _Press, now: float) -> bool:
        return press.ended or now - press.heard >= RELEASE_SECONDS

    def _release(self, press: _Press) -> KeyReleased:
        # Packets that still come, after a gap or late, belong to this press and change nothing any more.
        press.ended = True
        self._down = None
        return KeyReleased(press.key, press.duration / self._rate)


def key_packets(
    sender: RtpSender, payload_type: int, key: str, units: int, *, step_units: int = 160, volume: int = 10
) -> Iterator[bytes]:
    """Datagrams of one press that lasts `units`, one for each `step_units` of time; the end three times.

    The stream's time goes on by the length of the press, and the next audio begins a talkspurt.
    """
    code = KEYS.index(key)
    segment = elapsed = 0
    while elapsed < units:
        elapsed = min(elapsed + step_units, units)
        if elapsed - segment > MAXIMUM_DURATION:
            full = encode_event(TelephoneEvent(code, False, volume, MAXIMUM_DURATION))
            yield sender.number(payload_type, sender.timestamp + segment, full, False)
            segment += MAXIMUM_DURATION
        ended = elapsed == units
        payload = encode_event(TelephoneEvent(code, ended, volume, elapsed - segment))
        for _ in range(END_PACKETS if ended else 1):
            first = elapsed <= step_units and not ended
            yield sender.number(payload_type, sender.timestamp + segment, payload, first)
    sender.pause(units)
