"""The playout buffer: audio by its place in the sender's time, given out one span at each tick of our clock.

Owns how deep audio is buffered, and what happens when the two clocks or the network's delay drift apart. Must not
know packets, sequence numbers or sockets. Time is counted in timestamp units of the stream, ours in ticks of 20 ms.

Each arrival has a *transit*: our time minus its place. Only differences between transits mean anything: the smallest
of the last seconds is the network at its fastest, the largest at its slowest. From them come

- the *delay*: how much later audio is played than the fastest arrivals could be;
- the *target*: the delay that waits for the slowest arrivals too, within bounds.

A place that is empty when its turn comes is where the delay changes at no cost: below the target it is waited for one
tick more, above the target it is left out. Only when nothing is missing for long, sound is cut to come back to the
target: one span in ten, which speech survives.
"""

from typing import Final

from attrs import frozen

from h2b.telephony.rtp import PayloadFormat

HORIZON_SPANS: Final = 50
"""Audio within this distance of the playout is believed; beyond it the sender's time has jumped."""
MISPLACED_IN_A_ROW: Final = 3
"""So many arrivals at an unlikely time are the stream's new time."""
TICKS_BETWEEN_CUTS: Final = 10
WINDOW_TICKS: Final = 250
"""Transits are remembered for one to two windows of 5 s."""

_HALF: Final = 1 << 31
_WRAP: Final = 1 << 32
_NEVER: Final = 1 << 62


@frozen(kw_only=True)
class Depth:
    """How long audio waits, in spans of 20 ms: at the start of a stream, and the bounds it adapts within."""

    start: int = 3
    minimum: int = 2
    maximum: int = 6


class PlayoutBuffer:
    """Audio of one stream in one format: `put` as it comes, `take` exactly one span at each tick."""

    def __init__(self, audio_format: PayloadFormat, depth: Depth) -> None:
        self._span = audio_format.span_units
        self._sample = audio_format.octets_per_sample
        self._silence = audio_format.silent_span
        self._depth = depth
        self._waiting: dict[int, bytes | bytearray] = {}
        """Spans by index; the one at `_next` plays at the next tick."""
        self._next = 0
        self._tick = 0
        self._base = -1
        """Timestamp of index 0; negative before the first audio."""
        self._target = depth.start * self._span
        self._floor = 0
        """Smallest transit known."""
        self._transits = self._transits_before = (_NEVER, -_NEVER)
        """Smallest and largest of this window, and of the one before."""
        self._played = 0
        """Index after the newest audio played. What is older never plays; what is newer may wait for its turn."""
        self._misplaced = 0
        self._last_cut = 0
        self.held = 0
        """Ticks that waited for late audio instead of going on."""
        self.cut = 0
        """Spans left out to come back to the target."""

    @property
    def delay(self) -> int:
        """How much later audio is played than the fastest arrivals could be, in timestamp units."""
        return (self._tick - self._next) * self._span - self._floor

    @property
    def target(self) -> int:
        """The delay aimed at, in timestamp units."""
        return self._target

    @property
    def empty(self) -> bool:
        """Whether nothing that came is still to be played."""
        return not self._waiting

    def put(self, timestamp: int, payload: bytes, *, fresh: bool = False, overdue: int = 0) -> bool:
        """Store audio; False when its time is over, or nowhere near.

        `fresh` says that the sender begins a talkspurt, so that its time may jump. `overdue` is how many ticks ours is
        behind, when `take` was not called in time.
        """
        span = self._span
        whole = len(payload) == len(self._silence)
        length = span if whole else len(payload) // self._sample
        if self._base < 0:
            self._start(timestamp)
        early = (timestamp - self._base - self._next * span + _HALF) % _WRAP - _HALF
        over = (self._played - self._next) * span if self._played > self._next else 0
        if early + length <= over or early > (HORIZON_SPANS + overdue) * span:
            if not self._relocate(timestamp, early, fresh):
                return False
            early = (timestamp - self._base - self._next * span + _HALF) % _WRAP - _HALF
        self._misplaced = 0
        place = self._next * span + early
        transit = self._tick * span - place
        low, high = self._transits
        if transit > high or transit + overdue * span < low:
            self._note(transit + overdue * span, transit)
        index, offset = divmod(place, span)
        if whole and not offset:
            self._waiting[index] = payload
        else:
            self._patch(index, offset, payload[: length * self._sample])
        return True

    def restart(self) -> None:
        """The next audio counts its time anew; what waits is played before it."""
        self._base = -1

    def take(self) -> bytes:
        """The span of this tick: silence where nothing came."""
        tick = self._tick
        self._tick = tick + 1
        if self._base < 0 and not self._waiting:
            return self._silence
        if not tick % WINDOW_TICKS:
            self._turn_window()
        excess = (tick - self._next) * self._span - self._floor - self._target
        span = self._waiting.pop(self._next, None)
        if span is None:
            return self._play_nothing(excess)
        if excess > self._span and tick - self._last_cut >= TICKS_BETWEEN_CUTS:
            self._last_cut = tick
            self.cut += 1
            self._next += 1
            span = self._waiting.pop(self._next, self._silence)
        self._next += 1
        self._played = self._next
        return bytes(span)

    def _play_nothing(self, excess: int) -> bytes:
        if excess < 0:
            self.held += 1
            return self._silence
        while excess > 0 and self._waiting and self._next not in self._waiting:
            self._next += 1
            self.cut += 1
            excess -= self._span
        span = self._waiting.pop(self._next, None)
        self._next += 1
        if span is None:
            return self._silence
        self._played = self._next
        return bytes(span)

    def _patch(self, index: int, offset: int, payload: bytes) -> None:
        """Lay a payload that is no whole span over the spans it touches."""
        at = 0
        while at < len(payload):
            start = offset * self._sample
            piece = payload[at : at + len(self._silence) - start]
            if index >= max(self._next, self._played):
                span = bytearray(self._waiting.get(index, self._silence))
                span[start : start + len(piece)] = piece
                self._waiting[index] = span
            at += len(piece)
            index, offset = index + 1, 0

    def _relocate(self, timestamp: int, early: int, fresh: bool) -> bool:
        """Whether audio at an unlikely time is where the stream goes on; then it will play after the target delay."""
        place = self._next * self._span + early
        if -HORIZON_SPANS <= early / self._span <= max(self._played - self._next, 0):
            self._note(_NEVER, self._tick * self._span - place)
            if place < self._played * self._span:
                return False
        else:
            place = -1
        self._misplaced += 1
        if self._waiting and not fresh and self._misplaced < MISPLACED_IN_A_ROW:
            return False
        if place < 0:
            self._start(timestamp)
        else:
            self._wait_for(place)
        return True

    def _wait_for(self, place: int) -> None:
        """The network has become slower: the audio at `place`, and all that waits, is to play as whole spans later."""
        shift = -(-(self._target + self._next * self._span - place) // self._span)
        last = self._next + HORIZON_SPANS
        self._base = (self._base - shift * self._span) % _WRAP
        self._played += shift
        self._waiting = {index + shift: span for index, span in self._waiting.items() if index + shift <= last}
        self._forget_transits(place + shift * self._span)

    def _start(self, timestamp: int) -> None:
        """A new time begins after the target delay, or after what still waits."""
        if self._waiting and max(self._waiting) > self._next + HORIZON_SPANS:
            self._waiting.clear()
        soonest = max(self._next + self._target // self._span, self._played)
        first = max(self._waiting, default=-1) + 1
        first = max(first, soonest)
        self._base = (timestamp - first * self._span) % _WRAP
        self._forget_transits(first * self._span)

    def _forget_transits(self, place: int) -> None:
        """The arrival at `place` is the only one known; of the network's spread the last target remains."""
        self._floor = self._tick * self._span - place
        self._transits = (self._floor, self._floor + self._target - self._span)
        self._transits_before = (_NEVER, -_NEVER)

    def _note(self, fastest: int, slowest: int) -> None:
        low, high = self._transits
        if fastest < low or slowest > high:
            self._transits = (min(low, fastest), max(high, slowest))
            self._aim()

    def _turn_window(self) -> None:
        if self._transits[0] < _NEVER:
            self._transits_before, self._transits = self._transits, (_NEVER, -_NEVER)
            self._aim()

    def _aim(self) -> None:
        """Delay for the spread of transits seen, rounded up to whole spans, and one for the phase of our ticks."""
        self._floor = min(self._transits[0], self._transits_before[0])
        spread = max(self._transits[1], self._transits_before[1]) - self._floor
        spans = -(-spread // self._span) + 1
        self._target = min(max(spans, self._depth.minimum), self._depth.maximum) * self._span
