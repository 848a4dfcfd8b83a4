"""Packets taken apart and made: links, IPv4 and IPv6, UDP and TCP, and the octets of TCP connections in their order.

Owns the headers of these. Must not know files, nor what is inside. Sources: the list of link types at tcpdump.org,
RFC 791, 768, 8200, 9293, IEEE 802.1Q.

Fragments of IP are left out: what calls send fits a packet. Checksums are written and never looked at, because network
cards fill them in after the capture.
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from attrs import define, field, frozen

Address: TypeAlias = tuple[str, int]

LOOPBACK, ETHERNET, RAW_IP, COOKED, COOKED_2 = 0, 1, 101, 113, 276
"""Link types of captures. Loopback is that of BSD and macOS; on Linux it looks like Ethernet."""
LINK_HEADERS: Final = {
    LOOPBACK: 4,
    108: 4,
    ETHERNET: 14,
    12: 0,
    14: 0,
    RAW_IP: 0,
    COOKED: 16,
    COOKED_2: 20,
    228: 0,
    229: 0,
}
"""Octets before the IP header, by link type."""

UDP, TCP = 17, 6
_VLAN: Final = (0x8100, 0x88A8)
_EXTENSIONS: Final = (0, 43, 60)
"""IPv6 headers that may stand before UDP or TCP: hop-by-hop, routing, destination options."""
_SYN, _RESET, _PUSH, _ACK = 0x02, 0x04, 0x08, 0x10
_WRAP: Final = 1 << 32

MAXIMUM_WAITING: Final = 1 << 20
"""Octets of a connection that may wait for a segment the capture does not have."""
MAXIMUM_SEGMENTS: Final = 1024


@frozen
class Transfer:
    """What one UDP datagram or TCP segment brought from one address to another."""

    source: Address
    destination: Address
    payload: bytes
    tcp: bool = False
    sequence: int = 0
    opens: bool = False
    """SYN: `sequence` is one below that of the first octet."""


def taken_apart(link: int, octets: bytes) -> Transfer | None:
    """The UDP or TCP in a packet of a link; None when there is something else in it, or nothing whole."""
    start = LINK_HEADERS.get(link)
    if start is None:
        return None
    if link == ETHERNET:
        while octets[start - 2 : start] and int.from_bytes(octets[start - 2 : start], "big") in _VLAN:
            start += 4
    packet = octets[start:]
    version = packet[0] >> 4 if packet else 0
    try:
        if version == 4:
            return _of_ipv4(packet)
        return _of_ipv6(packet) if version == 6 else None
    except struct.error:
        return None


def _of_ipv4(packet: bytes) -> Transfer | None:
    size, fragment, protocol = struct.unpack("!2xH2xHxB", packet[:10])
    start = 4 * (packet[0] & 15)
    if fragment & 0x3FFF or start < 20:
        return None
    # Zero where the card cuts large packets only after the capture
    octets = packet[start : size or len(packet)]
    return _transfer(protocol, str(IPv4Address(packet[12:16])), str(IPv4Address(packet[16:20])), octets)


def _of_ipv6(packet: bytes) -> Transfer | None:
    size, following = struct.unpack("!4xHB", packet[:7])
    octets = packet[40 : 40 + size] if size else packet[40:]
    while following in _EXTENSIONS and len(octets) >= 8:
        following, octets = octets[0], octets[8 + 8 * octets[1] :]
    if len(packet) < 40:
        return None
    return _transfer(following, str(IPv6Address(packet[8:24])), str(IPv6Address(packet[24:40])), octets)


def _transfer(protocol: int, source: str, destination: str, octets: bytes) -> Transfer | None:
    if protocol == UDP:
        near, far, size = struct.unpack("!HHH", octets[:6])
        return Transfer((source, near), (destination, far), octets[8 : size or len(octets)])
    if protocol == TCP:
        near, far, sequence, offset, flags = struct.unpack("!HHI4xBB", octets[:14])
        payload = octets[4 * (offset >> 4) :]
        return Transfer((source, near), (destination, far), payload, True, sequence, bool(flags & _SYN))
    return None


# Making


def udp_datagram(source: Address, destination: Address, payload: bytes) -> tuple[int, bytes]:
    """Protocol number, and header and payload."""
    head = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    return UDP, _summed(head, payload, 6, UDP, source, destination)


def tcp_segment(
    source: Address, destination: Address, sequence: int, acknowledged: int, payload: bytes
) -> tuple[int, bytes]:
    """Protocol number, and header and payload."""
    flags = _PUSH | _ACK
    head = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence, acknowledged, 5 << 4, flags, 0xFFFF, 0, 0)
    return TCP, _summed(head, payload, 16, TCP, source, destination)


def ip_packet(source: Address, destination: Address, inner: tuple[int, bytes]) -> bytes:
    """The packet that carries a datagram or segment."""
    protocol, octets = inner
    near, far = _packed(source[0]), _packed(destination[0])
    if len(near) == 16:
        return struct.pack("!IHBB", 6 << 28, len(octets), protocol, 64) + near + far + octets
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(octets), 0, 0x4000, 64, protocol, 0) + near + far
    return head[:10] + checksum(head) + head[12:] + octets


def _summed(head: bytes, payload: bytes, place: int, protocol: int, source: Address, destination: Address) -> bytes:
    near, far = _packed(source[0]), _packed(destination[0])
    pseudo = near + far + struct.pack("!II", len(head) + len(payload), protocol)
    found = checksum(pseudo + head + payload)
    return head[:place] + found + head[place + 2 :] + payload


def _packed(host: str) -> bytes:
    """An address in octets; that of no machine for a name, which no packet can hold."""
    try:
        return ip_address(host).packed
    except ValueError:
        return bytes(4)


def checksum(octets: bytes) -> bytes:
    """The internet checksum (RFC 1071)."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


# Connections


@define
class Stream:
    """One direction of a TCP connection: segments in, octets in order out.

    The first segment seen is the beginning. When a segment is missing for good, the stream goes on behind the hole and
    `lost` says how many octets it swallowed.
    """

    _next: int | None = None
    _waiting: dict[int, bytes] = field(factory=dict)
    lost: int = 0

    def take(self, segment: Transfer) -> bytes:
        """The octets that this segment makes whole."""
        if segment.opens:
            self._next, self._waiting = (segment.sequence + 1) % _WRAP, {}
            return b""
        if not segment.payload:
            return b""
        if self._next is None:
            self._next = segment.sequence
        known = self._waiting.get(segment.sequence, b"")
        self._waiting[segment.sequence] = max(known, segment.payload, key=len)
        found = b"".join(self._joined())
        if len(self._waiting) > MAXIMUM_SEGMENTS or sum(map(len, self._waiting.values())) > MAXIMUM_WAITING:
            found += self._leap()
        return found

    def _joined(self) -> Iterator[bytes]:
        """The segments that follow on one another; parts that came before are left out."""
        assert self._next is not None
        joined = True
        while joined:
            joined = False
            for sequence, payload in list(self._waiting.items()):
                known = (self._next - sequence) % _WRAP
                if known >= _WRAP // 2:
                    continue
                del self._waiting[sequence]
                if known < len(payload):
                    yield payload[known:]
                    self._next = (self._next + len(payload) - known) % _WRAP
                joined = True

    def _leap(self) -> bytes:
        assert self._next is not None
        start = self._next
        nearest = min(self._waiting, key=lambda sequence: (sequence - start) % _WRAP)
        self.lost += (nearest - start) % _WRAP
        self._next = nearest
        return b"".join(self._joined())
