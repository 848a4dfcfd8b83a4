"""Session descriptions, from octets and back (RFC 8866). Syntax alone: what an offer means is `sdp_offer`'s.

Owns the lines that matter to an answer: origin, connection, media, attributes. Others (b=, i=, k= and so on) are read
over, and not written again. Must not know SIP, MRCP or RTP.

Lenient where clients differ: lines may end in LF alone, s= and t= may be missing, the order of lines within a section
is free. Not lenient in numbers and sizes.
"""

import re
from collections.abc import Iterator
from typing import TypeVar

from attrs import evolve, field, frozen

from h2b.model.errors import H2BError, shorten

MAXIMUM_BYTES = 64 * 1024
MAXIMUM_MEDIA = 32
MAXIMUM_ATTRIBUTES = 256
"""In one section."""
MAXIMUM_LINES = 4096
MAXIMUM_PORT = 65535

_LINE = re.compile(r"([a-z])=(.*)")
_ADDRESS = re.compile(r"[0-9A-Za-z.:\-_]{1,255}")


_Section = TypeVar("_Section", "SessionDescription", "Media")


class SdpError(H2BError, ValueError):
    """Octets that are no session description; the text says in which line, counted from 1, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"SDP line {line}: {why}")
        self.line = line


@frozen
class Origin:
    """o=: who made the description. Its address is no address to send to (clients write any interface there)."""

    username: str
    session_id: str
    version: str
    address: str


@frozen
class Attributes:
    """a= lines in order: names with values, None for a name alone. Names are compared as written (RFC 8866, 5.13)."""

    items: tuple[tuple[str, str | None], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of this name, stripped; None if there is none, or no value."""
        return next((value.strip() for own, value in self.items if own == name and value is not None), None)

    def all(self, name: str) -> list[str]:
        """Every value of this name."""
        return [value.strip() for own, value in self.items if own == name and value is not None]

    def has(self, name: str) -> bool:
        """Whether the name stands, with a value or without."""
        return any(own == name for own, _ in self.items)


@frozen
class Media:
    """One m= section. `address` is that of its own c= line, or empty where the session's holds."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str = ""
    attributes: Attributes = Attributes()


@frozen
class SessionDescription:
    """A whole description. `address` is that of the session's c= line, or empty."""

    origin: Origin
    address: str = ""
    attributes: Attributes = Attributes()
    media: tuple[Media, ...] = field(default=())
    name: str = "-"


def parse_sdp(octets: bytes) -> SessionDescription:
    """The description in these octets. Raises SdpError."""
    if len(octets) > MAXIMUM_BYTES:
        raise SdpError(1, f"{len(octets)} octets, expected at most {MAXIMUM_BYTES}")
    lines = _lines(octets)
    number, kind, value = next(lines, (1, "", ""))
    if (kind, value.strip()) != ("v", "0"):
        raise SdpError(number, "expected v=0")
    found = SessionDescription(Origin("-", "0", "0", "")), False
    for number, kind, value in lines:
        found = _session_or_media(found, number, kind, value)
    description, has_origin = found
    if not has_origin:
        raise SdpError(number, "no o= line")
    return description


def _lines(octets: bytes) -> Iterator[tuple[int, str, str]]:
    """Number, letter and value of each line. Clients pad descriptions with blank lines, or with a NUL at the end."""
    text = octets.decode("utf-8", "surrogateescape").rstrip("\0\r\n")
    for number, line in enumerate(text.split("\n"), 1):
        if number > MAXIMUM_LINES:
            raise SdpError(number, f"more than {MAXIMUM_LINES} lines")
        if not line.strip("\r \t"):
            continue
        parts = _LINE.fullmatch(line.removesuffix("\r"))
        if parts is None or "\r" in line[:-1] or "\0" in line:
            raise SdpError(number, f"got {shorten(line)}, expected a letter, '=' and a value")
        yield number, parts.group(1), parts.group(2)


def _session_or_media(
    found: tuple[SessionDescription, bool], number: int, kind: str, value: str
) -> tuple[SessionDescription, bool]:
    """The description with one line more, and whether o= was there."""
    description, has_origin = found
    if kind == "o":
        return evolve(description, origin=_origin(value, number)), True
    if kind == "m":
        if len(description.media) >= MAXIMUM_MEDIA:
            raise SdpError(number, f"more than {MAXIMUM_MEDIA} media")
        return evolve(description, media=(*description.media, _media(value, number))), has_origin
    if not description.media:
        if kind == "s":
            return evolve(description, name=value), has_origin
        return _with_line(description, number, kind, value), has_origin
    last = description.media[-1]
    changed = _with_line(last, number, kind, value)
    if changed is last:
        return found
    return evolve(description, media=(*description.media[:-1], changed)), has_origin


def _with_line(section: _Section, number: int, kind: str, value: str) -> _Section:
    if kind == "c":
        return evolve(section, address=_connection(value, number))
    if kind != "a":
        return section
    if len(section.attributes.items) >= MAXIMUM_ATTRIBUTES:
        raise SdpError(number, f"more than {MAXIMUM_ATTRIBUTES} attributes")
    name, colon, own = value.partition(":")
    return evolve(section, attributes=Attributes((*section.attributes.items, (name.strip(), own if colon else None))))


def _origin(value: str, number: int) -> Origin:
    parts = value.split()
    if len(parts) != 6:
        raise SdpError(number, f"got o={shorten(value)}, expected six words")
    username, session_id, version, _, _, address = parts
    if not (session_id.isascii() and session_id.isdigit() and version.isascii() and version.isdigit()):
        raise SdpError(number, f"got o={shorten(value)}, expected numbers for session and version")
    return Origin(username, session_id, version, address)


def _connection(value: str, number: int) -> str:
    """The address of `IN IP4 address`; a multicast address may be followed by /ttl."""
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise SdpError(number, f"got c={shorten(value)}, expected IN IP4 or IN IP6 and an address")
    address = parts[2].partition("/")[0]
    if not _ADDRESS.fullmatch(address):
        raise SdpError(number, f"got address {shorten(address)}")
    return address


def _media(value: str, number: int) -> Media:
    parts = value.split()
    if len(parts) < 4:
        raise SdpError(number, f"got m={shorten(value)}, expected media, port, protocol and formats")
    kind, port, protocol, *formats = parts
    return Media(kind, _port(port.partition("/")[0], number), protocol, tuple(formats))


def _port(text: str, number: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= MAXIMUM_PORT):
        raise SdpError(number, f"got port {shorten(text)}, expected 0 to {MAXIMUM_PORT}")
    return int(text)


def write_sdp(description: SessionDescription) -> bytes:
    """The octets of a description, in the order RFC 8866, section 5, wants."""
    origin = description.origin
    lines = [
        "v=0",
        f"o={origin.username} {origin.session_id} {origin.version} IN {_family(origin.address)} {origin.address}",
        f"s={description.name}",
        *_address_lines(description.address),
        "t=0 0",
        *_attribute_lines(description.attributes),
    ]
    for media in description.media:
        lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
        lines += [*_address_lines(media.address), *_attribute_lines(media.attributes)]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")


def _address_lines(address: str) -> list[str]:
    return [f"c=IN {_family(address)} {address}"] if address else []


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes.items]


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"
