"""One call's RTP as it comes from a socket: whose packets count, in which order, and one span of audio at each tick.

Owns the source's address, synchronisation source and sequence numbers, and the statistics of RFC 3550. Must not know
sockets, samples or grammars. What a span holds is raw: `format` says how it is coded, and whoever hears it converts.
Sources: RFC 3550 appendix A.1 (sequence numbers), A.3 (loss), A.8 (jitter); RFC 4961 for symmetric RTP.

Use, at each sweep of the sockets: `receive` all that came, then `pop` until it gives None, then `keys`. The clock is
the caller's: a span is due every 20 ms whatever comes, so a caller who stops sending is heard as silent.

- Packets count from the first address that sends a payload type of the call. Another takes over when the first one
  has been silent: soon if it goes on with the same stream (a NAT has moved), later if not. The address the caller
  announced takes over at once.
- A new synchronisation source, or a jump of the sequence, counts from its second packet on, so that one stray packet
  breaks nothing; at once when nothing has come for a while. Keys are known by their own time, and count in any case.
- Comfort noise is silence, and so is all that is missing.
- Nearly every packet is the one that was expected next. It is told by a few comparisons, and does what any other way of
  it would do: a front end reads a thousand such streams.
"""

import math
import struct
from collections.abc import Mapping
from typing import Final, TypeAlias

from attrs import define, evolve

from h2b.telephony.rtp import SPANS_PER_SECOND, Encoding, Packet, PayloadFormat, is_rtcp, parse_packet
from h2b.telephony.rtp_events import KeyEvent, KeyReader
from h2b.telephony.rtp_playout import Depth, PlayoutBuffer

Address: TypeAlias = tuple[str, int]
"""Host and port a datagram came from."""

FOLLOW_SECONDS: Final = 0.2
"""Silence of the known address, or source, after which the same stream may come from another, or another here."""
RELEARN_SECONDS: Final = 2.0
"""Silence of the known address after which any may take its place."""
MAXIMUM_DROPOUT: Final = 3000
"""Packets that may be missing between two of one stream (RFC 3550 appendix A.1)."""
MAXIMUM_MISORDER: Final = 100
"""Packets one may come behind another (same place)."""
MAXIMUM_READERS: Final = 4
"""Sources of keys that are known at a time."""
REMEMBERED: Final = 128
"""Sequence numbers kept to know duplicates by: more than MAXIMUM_MISORDER."""

_NEVER: Final = -1e9
_TICK_SLACK: Final = 1e-6
"""Sweeps come at sums of floats: a tick is due when it is this near."""
_SEEN: Final = (1 << REMEMBERED) - 1
_START: Final = struct.Struct("!HHII")
"""The header of a packet without extras: version and payload type in one, sequence number, timestamp, source."""
_PLAIN: Final = 0x8000
"""Version 2 and nothing else, above a payload type without marker."""
_MAXIMUM_OVERDUE: Final = 500
"""Ticks a stalled caller of `pop` may be behind with all audio kept: 10 s."""


@define
class RtpStatistics:
    """What came, over the whole call. Counts of packets, unless said otherwise."""

    received: int = 0
    """That counted: audio, comfort noise and keys, duplicates not among them."""
    lost: int = 0
    """Missing in the sequence; what comes late or out of order is not missing."""
    late: int = 0
    """Audio whose time was over."""
    duplicates: int = 0
    reordered: int = 0
    foreign: int = 0
    """From another address than the caller's."""
    rtcp: int = 0
    malformed: int = 0
    """No RTP at all."""
    unknown: int = 0
    """Of a payload type the call did not agree on, a stray source, or a key nobody knows."""
    sources: int = 0
    """Streams: synchronisation sources, and jumps of the sequence."""
    jitter_seconds: float = 0.0
    """Of the stream that counts now (RFC 3550 appendix A.8)."""
    held: int = 0
    """Spans of silence put in, to wait for a slower network or a slower clock."""
    cut: int = 0
    """Spans left out, to come back to a short delay or keep up with a faster clock."""


@define
class _Stream:
    """Numbers of one synchronisation source: which came, and how many are missing. Sequence numbers do not wrap."""

    ssrc: int
    first: int
    highest: int
    seen: int = 1
    """Bit n: whether `highest - n` came."""
    received: int = 1
    arrived: float = 0.0
    """When the last audio came, and its timestamp."""
    timestamp: int = -1
    jitter: float = 0.0
    """In timestamp units."""

    @property
    def lost(self) -> int:
        return max(self.highest - self.first + 1 - self.received, 0)

    def step(self, sequence: int) -> int:
        """How far a number lies after the highest, negative before it."""
        return (sequence - self.highest + 0x8000) % 0x10000 - 0x8000

    def goes_on_with(self, packet: Packet) -> bool:
        return packet.ssrc == self.ssrc and -MAXIMUM_MISORDER <= self.step(packet.sequence) <= MAXIMUM_DROPOUT


class RtpReceiver:
    """The receiving end of a call's audio.

    `formats` says what each payload type stands for, the preferred audio first: it is the format until audio comes.
    `announced` is the caller's address by its SDP, if it is known. Raises ValueError for formats without audio.
    """

    def __init__(
        self,
        formats: Mapping[int, PayloadFormat],
        now: float,
        *,
        announced: Address | None = None,
        depth: Depth | None = None,
    ) -> None:
        audio = [each for each in formats.values() if each.is_audio]
        if not audio:
            raise ValueError("formats: got no audio, expected at least one")
        self._formats = dict(formats)
        self._depth = depth or Depth()
        self._started = now
        self._ticks = 0
        self._format = audio[0]
        self._playout = PlayoutBuffer(self._format, self._depth)
        self._readers: dict[tuple[int, int], KeyReader] = {}
        """By source and clock rate: there are gateways whose keys have a source of their own beside the audio's."""
        self._flushed: list[KeyEvent] = []
        self._announced = announced
        self._source: Address | None = None
        self._heard = _NEVER
        self._stream: _Stream | None = None
        self._candidate = (-1, -1)
        """Source and number of the packet that would begin a new stream."""
        self._counts = RtpStatistics()
        self._usual = -1
        """First 16 bits of the audio packet last heard, if it was a span without extras."""
        self._usual_size = -1
        self._due = self._tick_time()

    @property
    def format(self) -> PayloadFormat:
        """How the spans of `pop` are coded. It changes only in `receive`."""
        return self._format

    @property
    def source(self) -> Address | None:
        """Where the caller's packets come from; None before the first."""
        return self._source

    @property
    def heard(self) -> float:
        """When the last packet came that counted as the caller's; long ago before the first."""
        return self._heard

    @property
    def statistics(self) -> RtpStatistics:
        """The counts up to now; what is returned changes no more."""
        counts, stream = self._counts, self._stream
        return evolve(
            counts,
            lost=counts.lost + (stream.lost if stream else 0),
            jitter_seconds=stream.jitter / self._format.clock_rate if stream else 0.0,
            held=counts.held + self._playout.held,
            cut=counts.cut + self._playout.cut,
        )

    @property
    def empty(self) -> bool:
        """Whether all that came has been given out: the next span is silence."""
        return self._playout.empty

    def announce(self, source: Address | None) -> None:
        """The caller gave a new address, by another offer: the next packet's is taken, from wherever."""
        self._announced = source
        self._source = None

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        """Take in whatever came to the port. Nothing in it is an error: it counts, or is counted."""
        if source == self._source and len(datagram) == self._usual_size and self._hear_next(datagram, now):
            return
        packet = parse_packet(datagram)
        if packet is None:
            if is_rtcp(datagram):
                self._counts.rtcp += 1
            else:
                self._counts.malformed += 1
            return
        payload_format = self._formats.get(packet.payload_type)
        if payload_format is None:
            self._counts.unknown += 1
        elif source != self._source and not self._accepts(source, packet, now):
            self._counts.foreign += 1
        elif payload_format.encoding is Encoding.TELEPHONE_EVENT:
            beside = self._stream is not None and self._stream.ssrc != packet.ssrc
            if beside or self._is_new(packet, now):
                self._count(now)
                self._read_key(packet, payload_format.clock_rate, now)
        elif self._is_new(packet, now):
            self._count(now)
            if payload_format.is_audio:
                self._hear(packet, payload_format, now)
                span = self._format.span_octets
                usual = len(packet.payload) == span and len(datagram) == _START.size + span
                self._usual = _PLAIN | packet.payload_type if usual else -1
                self._usual_size = len(datagram) if usual else -1

    def pop(self, now: float) -> bytes | None:
        """The next 20 ms of audio if they are due, coded as `format` says; None until then.

        Exactly one span for every 20 ms since the start, however late it is asked for: ask until None.
        """
        if now < self._due:
            return None
        self._ticks += 1
        self._due = self._tick_time()
        return self._playout.take()

    def keys(self, now: float) -> list[KeyEvent]:
        """Keys pressed and released since the last call, in the order of the caller's time."""
        if not self._readers and not self._flushed:
            return []
        given, self._flushed = self._flushed, []
        for reader in self._readers.values():
            if not reader.idle:
                given += reader.keys(now)
        return given

    def _tick_time(self) -> float:
        """When the next span is due."""
        return self._started + (self._ticks + 1) / SPANS_PER_SECOND - _TICK_SLACK

    def _hear_next(self, datagram: bytes, now: float) -> bool:
        """Hear a span like the one before it, if it is the next of its stream; False, and nothing is done, if not.

        It does no more and no less than `receive` would by the other way.
        """
        start, sequence, timestamp, ssrc = _START.unpack_from(datagram)
        stream = self._stream
        if start != self._usual or stream is None or ssrc != stream.ssrc or sequence != (stream.highest + 1) & 0xFFFF:
            return False
        stream.highest += 1
        stream.seen = (stream.seen << 1 | 1) & _SEEN
        stream.received += 1
        self._count(now)
        self._measure_jitter(timestamp, now)
        if not self._playout.put(timestamp, datagram[_START.size :], overdue=self._overdue(now)):
            self._counts.late += 1
        return True

    def _count(self, now: float) -> None:
        self._heard = now
        self._counts.received += 1

    def _accepts(self, source: Address, packet: Packet, now: float) -> bool:
        """Whether another address than the last one takes its place."""
        silence = now - self._heard
        follows = self._stream is not None and self._stream.goes_on_with(packet)
        if (
            self._source is None
            or source == self._announced
            or silence >= RELEARN_SECONDS
            or (follows and silence >= FOLLOW_SECONDS)
        ):
            self._source = source
            return True
        return False

    def _is_new(self, packet: Packet, now: float) -> bool:
        """Whether a packet belongs to the stream and came for the first time."""
        stream = self._stream
        if stream is None or not stream.goes_on_with(packet):
            return self._begins(packet, now)
        step = stream.step(packet.sequence)
        if step > 0:
            stream.highest += step
            stream.seen = (stream.seen << step | 1) & _SEEN
        elif stream.seen >> -step & 1:
            self._counts.duplicates += 1
            return False
        else:
            stream.seen |= 1 << -step
            stream.first = min(stream.first, stream.highest + step)
            self._counts.reordered += 1
        stream.received += 1
        return True

    def _begins(self, packet: Packet, now: float) -> bool:
        """Whether a packet that does not go on with the stream begins another."""
        old = self._stream
        awaited = self._candidate == (packet.ssrc, packet.sequence)
        if old is not None and not awaited and now - self._heard < FOLLOW_SECONDS:
            self._candidate = (packet.ssrc, packet.sequence + 1 & 0xFFFF)
            self._counts.unknown += 1
            return False
        self._counts.sources += 1
        self._stream = _Stream(packet.ssrc, packet.sequence, packet.sequence)
        if old is not None:
            self._counts.lost += old.lost
            if old.ssrc != packet.ssrc:
                # Each source counts its time from a number of its own.
                self._playout.restart()
        return True

    def _hear(self, packet: Packet, payload_format: PayloadFormat, now: float) -> None:
        if payload_format is not self._format and payload_format != self._format:
            self._counts.held += self._playout.held
            self._counts.cut += self._playout.cut
            self._format = payload_format
            self._playout = PlayoutBuffer(payload_format, self._depth)
        self._measure_jitter(packet.timestamp, now)
        if packet.payload and not self._playout.put(
            packet.timestamp, packet.payload, fresh=packet.marker, overdue=self._overdue(now)
        ):
            self._counts.late += 1

    def _overdue(self, now: float) -> int:
        """Ticks that `pop` is behind."""
        if now < self._due:
            return 0
        overdue = int((now - self._started) * SPANS_PER_SECOND + _TICK_SLACK) - self._ticks - 1
        return min(max(overdue, 0), _MAXIMUM_OVERDUE)

    def _measure_jitter(self, timestamp: int, now: float) -> None:
        stream = self._stream
        assert stream is not None
        if stream.timestamp >= 0:
            rate = self._format.clock_rate
            apart = (timestamp - stream.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            difference = abs((now - stream.arrived) * rate - apart)
            if difference < rate:
                # More than a second is no jitter but a jump of the sender's time.
                stream.jitter += (difference - stream.jitter) / 16
        stream.arrived = now
        stream.timestamp = timestamp

    def _read_key(self, packet: Packet, clock_rate: int, now: float) -> None:
        reader = self._readers.get((packet.ssrc, clock_rate))
        if reader is None:
            if len(self._readers) == MAXIMUM_READERS:
                oldest = self._readers.pop(next(iter(self._readers)))
                self._flushed += oldest.keys(math.inf)
            reader = self._readers[packet.ssrc, clock_rate] = KeyReader(clock_rate)
        if not reader.read(packet.timestamp, packet.payload, now, marker=packet.marker):
            self._counts.unknown += 1
