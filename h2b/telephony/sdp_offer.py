"""What a client wants of an MRCP session: its offer, read (RFC 6787, section 4; RFC 3264; RFC 4145).

Owns the records of control and audio media, and the defaults of what clients leave out. Must not know what the server
can do: `sdp_answer` judges.
"""

from attrs import frozen

from h2b.telephony.sdp import Media, SessionDescription
from h2b.telephony.sdp_crypto import Crypto, parse_crypto

CONTROL_PLAIN = "TCP/MRCPv2"
CONTROL_TLS = "TCP/TLS/MRCPv2"
AUDIO_PROTOCOL = "RTP/AVP"
SECURE_AUDIO_PROTOCOL = "RTP/SAVP"
EVENT = "telephone-event"

STATIC_PAYLOADS = {0: ("PCMU", 8000), 3: ("GSM", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 18: ("G729", 8000)}
"""Payload types that need no rtpmap (RFC 3551, table 4). Those of no use to a telephone are left out."""

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
SENDING = ("sendrecv", "sendonly")
"""Directions in which the offerer sends, so that there is something to recognise."""


@frozen
class PayloadFormat:
    """An RTP payload type by its number and its meaning. The number is the offerer's, the answer keeps it."""

    number: int
    encoding: str
    rate: int
    channels: int = 1

    @property
    def rtpmap(self) -> str:
        channels = "" if self.channels == 1 else f"/{self.channels}"
        return f"{self.number} {self.encoding}/{self.rate}{channels}"


@frozen
class ControlMedia:
    """An m=application line: one MRCP resource. `index` is its place among all m= lines."""

    index: int
    port: int
    protocol: str
    formats: tuple[str, ...]
    resource: str
    setup: str
    connection: str
    cmid: str = ""
    fingerprint: str = ""

    @property
    def tls(self) -> bool:
        return self.protocol.upper() == CONTROL_TLS.upper()


@frozen
class AudioMedia:
    """An m=audio line. `ptime_ms` is 0 where the client says none; `crypto` has what can be taken, in order."""

    index: int
    port: int
    protocol: str
    address: str
    formats: tuple[PayloadFormat, ...]
    direction: str
    mid: str = ""
    ptime_ms: int = 0
    crypto: tuple[Crypto, ...] = ()

    @property
    def secure(self) -> bool:
        return self.protocol.upper() == SECURE_AUDIO_PROTOCOL


@frozen
class Offer:
    """What a client wants. Lines of other kinds are in `description` alone."""

    description: SessionDescription
    control: tuple[ControlMedia, ...]
    audio: tuple[AudioMedia, ...]

    def audio_of(self, control: ControlMedia) -> AudioMedia | None:
        """The audio a resource listens to (RFC 6787, section 4.4).

        By cmid and mid; a client with one audio line alone may leave out either. None for a resource without media.
        """
        named = [audio for audio in self.audio if control.cmid and audio.mid == control.cmid]
        if named:
            return named[0]
        only = self.audio[0] if len(self.audio) == 1 else None
        return only if only is not None and not (control.cmid and only.mid) else None


def read_offer(description: SessionDescription) -> Offer:
    """The control and audio media of a description. What cannot be understood is left to `accept_offer` to refuse."""
    control, audio = [], []
    for index, media in enumerate(description.media):
        if media.kind == "application":
            control.append(_control(index, media, description))
        elif media.kind == "audio":
            audio.append(_audio(index, media, description))
    return Offer(description, tuple(control), tuple(audio))


def _control(index: int, media: Media, description: SessionDescription) -> ControlMedia:
    own, common = media.attributes, description.attributes
    return ControlMedia(
        index=index,
        port=media.port,
        protocol=media.protocol,
        formats=media.formats,
        resource=(own.get("resource") or "").lower(),
        # Defaults of RFC 4145, sections 4 and 5.
        setup=(own.get("setup") or common.get("setup") or "active").lower(),
        connection=(own.get("connection") or common.get("connection") or "new").lower(),
        cmid=own.get("cmid") or "",
        fingerprint=own.get("fingerprint") or common.get("fingerprint") or "",
    )


def _audio(index: int, media: Media, description: SessionDescription) -> AudioMedia:
    ptime = media.attributes.get("ptime") or ""
    named = (direction for direction in DIRECTIONS if media.attributes.has(direction))
    common = (direction for direction in DIRECTIONS if description.attributes.has(direction))
    return AudioMedia(
        index=index,
        port=media.port,
        protocol=media.protocol,
        address=media.address or description.address,
        formats=_payload_formats(media),
        direction=next(named, next(common, "sendrecv")),
        mid=media.attributes.get("mid") or "",
        ptime_ms=int(ptime) if ptime.isascii() and ptime.isdigit() and len(ptime) < 4 else 0,
        crypto=tuple(filter(None, map(parse_crypto, media.attributes.all("crypto")))),
    )


def _payload_formats(media: Media) -> tuple[PayloadFormat, ...]:
    """Formats in the offerer's order, as far as their numbers have a meaning."""
    maps = {number: (name, rate) for number, (name, rate) in STATIC_PAYLOADS.items()}
    channels: dict[int, int] = {}
    for value in media.attributes.all("rtpmap"):
        number, _, meaning = value.partition(" ")
        encoding, *rest = meaning.strip().split("/")
        if _payload_type(number) is None or not 1 <= len(rest) <= 2 or not all(_small_number(part) for part in rest):
            continue
        if not int(rest[0]):
            # Nothing can be timed by such a clock.
            continue
        maps[int(number)] = (encoding, int(rest[0]))
        channels[int(number)] = int(rest[1]) if len(rest) == 2 else 1
    numbers = [_payload_type(text) for text in media.formats]
    known = [number for number in dict.fromkeys(numbers) if number is not None and number in maps]
    return tuple(PayloadFormat(number, *maps[number], channels.get(number, 1)) for number in known)


def _small_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


def _payload_type(text: str) -> int | None:
    return int(text) if _small_number(text) and int(text) <= 127 else None
