"""RTP packets: bytes to header and payload, and back; payload formats; a sender for our own client.

Owns the layout of a packet and the table of formats. Must not know sockets, calls or when a packet is due:
`h2b.telephony.rtp_receiver` puts packets in order. Sources: RFC 3550 section 5.1 (header), RFC 3551 section 6 (static
payload types and silence), RFC 5761 section 4 (how RTCP is told from RTP on one port).
"""

import struct
from enum import Enum
from typing import Final

from attrs import define, field, frozen

SPANS_PER_SECOND: Final = 50
SPAN_SECONDS: Final = 1 / SPANS_PER_SECOND
"""Length of a span, the unit audio is played out in: 20 ms, what a frame lasts."""

MAXIMUM_PACKET: Final = 4096
"""Octets of a datagram that is looked at: 60 ms of 16 kHz linear sound need half of it."""

_VERSION: Final = 0x80
_PADDING: Final = 0x20
_EXTENSION: Final = 0x10
_CSRC_COUNT: Final = 0x0F
_MARKER: Final = 0x80
_PAYLOAD_TYPE: Final = 0x7F
_HEADER: Final = struct.Struct("!BBHII")
_RTCP_TYPES: Final = range(192, 224)
"""Second octet of RTCP packets; an RTP packet with this octet would have a payload type nobody may assign."""


class Encoding(Enum):
    """What a payload holds. The value is the encoding name in SDP (RFC 3551 section 6, RFC 4733, RFC 3389)."""

    PCMU = "PCMU"
    PCMA = "PCMA"
    L16 = "L16"
    """16-bit linear in network order: the high octet first."""
    COMFORT_NOISE = "CN"
    TELEPHONE_EVENT = "telephone-event"


AUDIO: Final = frozenset({Encoding.PCMU, Encoding.PCMA, Encoding.L16})
_SILENCE: Final = {Encoding.PCMU: b"\xff", Encoding.PCMA: b"\xd5", Encoding.L16: b"\0\0"}
"""One sample of digital silence in each audio encoding."""


@frozen
class PayloadFormat:
    """What a payload type stands for in one call. `clock_rate`: units of the timestamp in a second."""

    encoding: Encoding
    clock_rate: int = 8000

    @property
    def is_audio(self) -> bool:
        return self.encoding in AUDIO

    @property
    def octets_per_sample(self) -> int:
        return len(_SILENCE[self.encoding])

    @property
    def span_units(self) -> int:
        """Timestamp units, and samples, of 20 ms."""
        return self.clock_rate // SPANS_PER_SECOND

    @property
    def span_octets(self) -> int:
        """Octets of 20 ms. Only for audio."""
        return self.octets_per_sample * self.span_units

    @property
    def silent_span(self) -> bytes:
        """20 ms of digital silence. Only for audio."""
        return _SILENCE[self.encoding] * self.span_units


PCMU: Final = PayloadFormat(Encoding.PCMU)
PCMA: Final = PayloadFormat(Encoding.PCMA)
COMFORT_NOISE: Final = PayloadFormat(Encoding.COMFORT_NOISE)
STATIC_FORMATS: Final = {0: PCMU, 8: PCMA, 13: COMFORT_NOISE}
"""Payload types that mean the same in every call (RFC 3551 table 4)."""


@frozen
class Packet:
    """One RTP packet without what only the network needed: padding, extension and contributing sources are gone."""

    payload_type: int
    sequence: int
    """16 bits, wraps."""
    timestamp: int
    """32 bits, wraps; units of the format's clock rate."""
    ssrc: int
    payload: bytes
    marker: bool = False


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram is RTCP that came to the port of RTP (RFC 5761 section 4)."""
    return len(datagram) >= 2 and datagram[0] >> 6 == 2 and datagram[1] in _RTCP_TYPES


def parse_packet(datagram: bytes) -> Packet | None:
    """The packet in a datagram; None when it is no RTP, is RTCP, or is larger than any audio is.

    Anything may come to an open port, so what cannot be read is no error.
    """
    size = len(datagram)
    if not _HEADER.size <= size <= MAXIMUM_PACKET:
        return None
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start, end = _HEADER.size, size
    if flags != _VERSION:
        if flags & 0xC0 != _VERSION:
            return None
        start += 4 * (flags & _CSRC_COUNT)
        if flags & _EXTENSION:
            # 16 bits of the profile's own, then the length in words of what follows (RFC 3550 section 5.3.1)
            start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
        if flags & _PADDING:
            padding = datagram[-1]
            if not padding:
                return None
            end -= padding
        if start > end:
            return None
    if kind in _RTCP_TYPES:
        return None
    return Packet(kind & _PAYLOAD_TYPE, sequence, timestamp, ssrc, datagram[start:end], kind >= _MARKER)


def encode_packet(
    packet: Packet, *, padding: int = 0, extension: tuple[int, bytes] | None = None, sources: tuple[int, ...] = ()
) -> bytes:
    """The datagram of a packet: inverse of `parse_packet`.

    `padding` counts octets at the end (0 to 255), `extension` is the profile's 16 bits and whole 32-bit words,
    `sources` are at most 15 contributing sources.
    """
    flags = _VERSION | len(sources) | (_EXTENSION if extension else 0) | (_PADDING if padding else 0)
    kind = packet.payload_type | (_MARKER if packet.marker else 0)
    parts = [_HEADER.pack(flags, kind, packet.sequence, packet.timestamp, packet.ssrc)]
    parts += [source.to_bytes(4, "big") for source in sources]
    if extension:
        profile, words = extension
        parts.append(struct.pack("!HH", profile, len(words) // 4) + words)
    parts.append(packet.payload)
    if padding:
        parts.append(bytes(padding - 1) + bytes([padding]))
    return b"".join(parts)


@define
class RtpSender:
    """Numbers the packets of one stream. The caller paces: a packet lasts as long as the audio it was made of."""

    payload_type: int
    audio_format: PayloadFormat
    ssrc: int
    sequence: int = 1
    timestamp: int = 0
    packet_units: int = 160
    """Samples in a packet (ptime)."""
    _fresh: bool = field(default=True, init=False)
    """Whether the next audio packet begins a talkspurt and so bears the marker."""

    def packets(self, audio: bytes) -> list[bytes]:
        """Datagrams for coded audio, `packet_units` samples in each; the last may be shorter."""
        size = self.packet_units * self.audio_format.octets_per_sample
        return [self._audio(audio[at : at + size]) for at in range(0, len(audio), size)]

    def pause(self, units: int) -> None:
        """Time passes without packets; the next one begins a talkspurt."""
        self.timestamp = self.timestamp + units & 0xFFFFFFFF
        self._fresh = True

    def number(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> bytes:
        """The next datagram of this stream, whatever it holds."""
        packet = Packet(payload_type, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc, payload, marker)
        self.sequence = self.sequence + 1 & 0xFFFF
        return encode_packet(packet)

    def _audio(self, payload: bytes) -> bytes:
        datagram = self.number(self.payload_type, self.timestamp, payload, self._fresh)
        self._fresh = False
        self.timestamp = self.timestamp + len(payload) // self.audio_format.octets_per_sample & 0xFFFFFFFF
        return datagram
