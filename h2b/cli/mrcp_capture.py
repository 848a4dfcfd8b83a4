"""Capture files: our own calls written as packets, and the packets of any capture read.

Owns the pcap and pcapng formats. Must not know what packets hold: `mrcp_packets` takes them apart. Sources:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

A file is read packet by packet; what is larger than `MAXIMUM_PACKET` is no packet of a call.
"""

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Final, TypeAlias

from attrs import define, field, frozen

from h2b.cli.mrcp_packets import RAW_IP, ip_packet, tcp_segment, udp_datagram
from h2b.model.errors import H2BError

Address: TypeAlias = tuple[str, int]

MAXIMUM_PACKET: Final = 1 << 18
"""Octets: what tcpdump takes at most."""
MAXIMUM_INTERFACES: Final = 256
SEGMENT: Final = 32_000
"""Octets of one written TCP segment; an IPv4 packet holds 65,535."""

_LITTLE: Final = 0xA1B2C3D4
_LITTLE_NANO: Final = 0xA1B23C4D
_SECTION: Final = 0x0A0D0D0A
_BYTE_ORDER: Final = 0x1A2B3C4D
_INTERFACE, _SIMPLE, _ENHANCED = 1, 3, 6
_RESOLUTION_OPTION: Final = 9


class CaptureError(H2BError):
    """A file that is no capture, or is damaged; the text names it."""


@frozen
class CapturedPacket:
    """One packet as its link carried it. `at` in seconds since the Unix epoch; `link` is the type of the link."""

    at: float
    link: int
    octets: bytes


# Writing


@define
class Capture(AbstractContextManager["Capture"]):
    """Writes what one end of a call sent and took, with IP headers made up for it: readers of captures need them."""

    _file: IO[bytes]
    _sequences: dict[tuple[Address, Address], int] = field(factory=dict)

    @classmethod
    def open(cls, path: Path) -> "Capture":
        """A new file. Raises CaptureError."""
        try:
            file = path.open("wb")
        except OSError as error:
            raise CaptureError(f"{path}: cannot be written ({error.strerror})") from error
        file.write(struct.pack("<IHHiIII", _LITTLE, 2, 4, 0, 0, MAXIMUM_PACKET, RAW_IP))
        return cls(file)

    def udp(self, at: float, source: Address, destination: Address, payload: bytes) -> None:
        """One datagram."""
        self._write(at, ip_packet(source, destination, udp_datagram(source, destination, payload)))

    def tcp(self, at: float, source: Address, destination: Address, payload: bytes) -> None:
        """The next octets of a connection, acknowledging all that came."""
        for start in range(0, len(payload), SEGMENT):
            piece = payload[start : start + SEGMENT]
            sequence = self._sequences.get((source, destination), 1)
            acknowledged = self._sequences.get((destination, source), 1)
            segment = tcp_segment(source, destination, sequence, acknowledged, piece)
            self._write(at, ip_packet(source, destination, segment))
            self._sequences[source, destination] = sequence + len(piece) & 0xFFFFFFFF

    def _write(self, at: float, packet: bytes) -> None:
        seconds, rest = divmod(round(at * 1_000_000), 1_000_000)
        self._file.write(struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


# Reading


def read_capture(path: Path) -> Iterator[CapturedPacket]:
    """The packets of a pcap or pcapng file, in its order. A last packet that is cut off is left out.

    Raises CaptureError.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic == struct.pack("<I", _SECTION):
                yield from _read_blocks(file, str(path))
            else:
                yield from _read_records(file, str(path))
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror})") from error


def _read_records(file: IO[bytes], path: str) -> Iterator[CapturedPacket]:
    head = file.read(24)
    for order in "<>":
        magic = struct.unpack(f"{order}I", head[:4])[0] if len(head) == 24 else 0
        if magic in (_LITTLE, _LITTLE_NANO):
            break
    else:
        raise CaptureError(f"{path}: not a capture; expected a pcap or pcapng file")
    link = struct.unpack(f"{order}I", head[20:])[0] & 0xFFFF
    parts = 1_000_000_000 if magic == _LITTLE_NANO else 1_000_000
    while len(record := file.read(16)) == 16:
        seconds, rest, size, _ = struct.unpack(f"{order}IIII", record)
        octets = _taken(file, size, path)
        if len(octets) < size:
            return
        yield CapturedPacket(seconds + rest / parts, link, octets)


@define
class _Interface:
    link: int
    ticks: float
    """In a second."""


def _read_blocks(file: IO[bytes], path: str) -> Iterator[CapturedPacket]:
    order = "<"
    interfaces: list[_Interface] = []
    while len(head := file.read(8)) == 8:
        kind = struct.unpack(f"{order}I", head[:4])[0]
        if kind == _SECTION:
            order, interfaces = _byte_order(file, path), []
        size = struct.unpack(f"{order}I", head[4:])[0]
        if size < 12 or size % 4:
            raise CaptureError(f"{path}: damaged: a block of {size} octets")
        body = _taken(file, size - 8 if kind != _SECTION else size - 12, path)[:-4]
        if kind == _INTERFACE and len(body) >= 8 and len(interfaces) < MAXIMUM_INTERFACES:
            interfaces.append(_Interface(struct.unpack(f"{order}H", body[:2])[0], _ticks(body[8:], order)))
        packet = _block_packet(kind, body, order, interfaces)
        if packet is not None:
            yield packet


def _byte_order(file: IO[bytes], path: str) -> str:
    octets = file.read(4)
    for order in "<>":
        if octets == struct.pack(f"{order}I", _BYTE_ORDER):
            return order
    raise CaptureError(f"{path}: damaged: a section without byte order")


def _block_packet(kind: int, body: bytes, order: str, interfaces: list[_Interface]) -> CapturedPacket | None:
    if kind == _ENHANCED and len(body) >= 20:
        number, high, low, size, _ = struct.unpack(f"{order}IIIII", body[:20])
        if number < len(interfaces) and len(body) >= 20 + size:
            found = interfaces[number]
            return CapturedPacket((high << 32 | low) / found.ticks, found.link, body[20 : 20 + size])
    if kind == _SIMPLE and len(body) >= 4 and interfaces:
        size = struct.unpack(f"{order}I", body[:4])[0]
        return CapturedPacket(0.0, interfaces[0].link, body[4 : 4 + size])
    return None


def _ticks(options: bytes, order: str) -> float:
    """Units of an interface's times in a second: microseconds unless an option says otherwise."""
    while len(options) >= 4:
        code, size = struct.unpack(f"{order}HH", options[:4])
        if code == _RESOLUTION_OPTION and size >= 1 and len(options) > 4:
            power = options[4] & 0x7F
            return float((2 if options[4] & 0x80 else 10) ** min(power, 64))
        options = options[4 + size + -size % 4 :]
    return 1e6


def _taken(file: IO[bytes], size: int, path: str) -> bytes:
    if size > MAXIMUM_PACKET + 64:
        raise CaptureError(f"{path}: damaged: a packet of {size} octets, expected at most {MAXIMUM_PACKET}")
    return file.read(size)
