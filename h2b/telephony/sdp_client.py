"""The client's half of an MRCP session: an offer made, an answer read (RFC 6787, section 4). For tests and load.

Owns one shape of offer, that of the open clients: each resource a control line, all listening to one audio line. Must
not know SIP or sockets.
"""

from attrs import frozen

from h2b.telephony.sdp import Attributes, Media, Origin, SessionDescription, parse_sdp
from h2b.telephony.sdp_crypto import Crypto
from h2b.telephony.sdp_offer import (
    AUDIO_PROTOCOL,
    CONTROL_PLAIN,
    CONTROL_TLS,
    SECURE_AUDIO_PROTOCOL,
    PayloadFormat,
    read_offer,
)

DISCARD_PORT = 9
"""What a side that will connect writes for its own port (RFC 4145, section 4.1)."""

PCMU = PayloadFormat(0, "PCMU", 8000)
PCMA = PayloadFormat(8, "PCMA", 8000)
EVENTS = PayloadFormat(101, "telephone-event", 8000)


@frozen
class OfferSettings:
    """What the client has and wants."""

    address: str
    audio_port: int
    resources: tuple[str, ...] = ("speechrecog",)
    formats: tuple[PayloadFormat, ...] = (PCMU, PCMA, EVENTS)
    reuse_connection: bool = False
    tls: bool = False
    fingerprint: str = ""
    ptime_ms: int = 20
    version: int = 1
    crypto: tuple[Crypto, ...] = ()
    """With what the client may protect its sound, the best first; empty for plain sound."""


@frozen
class Granted:
    """A resource the server gave: its Channel-Identifier, and where to connect for it."""

    channel: str
    resource: str
    address: str
    port: int
    new_connection: bool
    tls: bool


@frozen
class Grant:
    """What an answer gives. `audio_port` is 0 and `payload` None where no audio is wanted.

    `crypto` is with what the server would protect sound of its own; its tag says which of the client's was taken.
    """

    resources: tuple[Granted, ...]
    audio_address: str
    audio_port: int
    payload: PayloadFormat | None
    event: PayloadFormat | None
    crypto: Crypto | None = None


def make_offer(settings: OfferSettings) -> SessionDescription:
    """An offer as the open clients make it."""
    connection = "existing" if settings.reuse_connection else "new"
    control = []
    for resource in settings.resources:
        attributes: list[tuple[str, str | None]] = [("setup", "active"), ("connection", connection)]
        attributes += [("resource", resource), ("cmid", "1")]
        if settings.fingerprint:
            attributes.append(("fingerprint", settings.fingerprint))
        protocol = CONTROL_TLS if settings.tls else CONTROL_PLAIN
        control.append(Media("application", DISCARD_PORT, protocol, ("1",), attributes=Attributes(tuple(attributes))))
    maps: list[tuple[str, str | None]] = [("rtpmap", own.rtpmap) for own in settings.formats]
    others: list[tuple[str, str | None]] = [("sendonly", None), ("ptime", str(settings.ptime_ms)), ("mid", "1")]
    others += [("crypto", str(own)) for own in settings.crypto]
    numbers = tuple(str(own.number) for own in settings.formats)
    protocol = SECURE_AUDIO_PROTOCOL if settings.crypto else AUDIO_PROTOCOL
    audio = Media("audio", settings.audio_port, protocol, numbers, attributes=Attributes((*maps, *others)))
    origin = Origin("-", "1", str(settings.version), settings.address)
    return SessionDescription(origin, settings.address, media=(*control, audio))


def read_grant(octets: bytes) -> Grant:
    """What the answer in these octets gives. Raises SdpError."""
    description = parse_sdp(octets)
    found = read_offer(description)
    resources = []
    for control in found.control:
        media = description.media[control.index]
        channel = media.attributes.get("channel") or ""
        if not control.port or "@" not in channel:
            continue
        granted = Granted(
            channel=channel,
            resource=channel.partition("@")[2],
            address=media.address or description.address,
            port=control.port,
            new_connection=control.connection == "new",
            tls=control.tls,
        )
        resources.append(granted)
    heard = next((audio for audio in found.audio if audio.port), None)
    if heard is None:
        return Grant(tuple(resources), "", 0, None, None)
    events = [own for own in heard.formats if own.encoding.lower() == EVENTS.encoding]
    sounds = [own for own in heard.formats if own not in events]
    return Grant(
        tuple(resources),
        heard.address,
        heard.port,
        next(iter(sounds), None),
        next(iter(events), None),
        next(iter(heard.crypto), None),
    )
