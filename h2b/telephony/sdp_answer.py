"""An offer judged and answered, line by line (RFC 6787, section 4; RFC 3264, section 6).

Owns which media are taken, why others are not, and the answer that mirrors the offer. Must not know SIP, sockets, or
where ports come from.

Ports are the shell's, so there are two steps: `accept_offer` says what can be had, and `answer` writes it down once
each accepted audio has a port.
"""

from collections.abc import Mapping
from enum import Enum

from attrs import evolve, field, frozen

from h2b.model.errors import H2BError, shorten
from h2b.telephony.sdp import Attributes, Media, Origin, SessionDescription
from h2b.telephony.sdp_crypto import Crypto, Suite
from h2b.telephony.sdp_offer import (
    AUDIO_PROTOCOL,
    CONTROL_PLAIN,
    CONTROL_TLS,
    EVENT,
    SECURE_AUDIO_PROTOCOL,
    SENDING,
    STATIC_PAYLOADS,
    AudioMedia,
    ControlMedia,
    Offer,
    PayloadFormat,
)

EVENTS_HEARD = "0-15"
"""Digits, star, pound and A to D (RFC 4733, section 3.2)."""

RESOURCES = ("speechrecog", "dtmfrecog")
FORMATS = (("PCMU", 8000), ("PCMA", 8000), ("L16", 8000), ("L16", 16000))
PTIMES_MS = range(10, 101)
MAXIMUM_SECURE_PAYLOAD = 1400
"""Octets of a protected packet's sound: there are libraries that take no packet larger than Ethernet's."""


class Srtp(Enum):
    """Whether audio may be, or must be, protected (RFC 4568)."""

    OFF = "off"
    ALLOWED = "allowed"
    REQUIRED = "required"

    @property
    def protocols(self) -> tuple[str, ...]:
        """What audio lines may say."""
        plain = () if self is Srtp.REQUIRED else (AUDIO_PROTOCOL,)
        return plain if self is Srtp.OFF else (*plain, SECURE_AUDIO_PROTOCOL)


class OfferNotAcceptable(H2BError):
    """Nothing of an offer can be had: SIP answers 488. `reasons` has one line for each m= line, for people."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons) or "the offer has no media")
        self.reasons = reasons


@frozen
class AnswerSettings:
    """What the server can do, and what this session has."""

    address: str
    """Advertised in c= lines: behind NAT the outer one."""
    channel: str
    """First part of every Channel-Identifier of the session: hexadecimal, hard to guess."""
    control_port: int
    tls_port: int = 0
    """0 if the server has no TLS for MRCP."""
    fingerprint: str = ""
    """Of our certificate, as `sha-256 AB:CD:…` (RFC 4572), for clients that check no authority."""
    session_id: str = "1"
    version: int = 1
    """Grows with each answer of a session (RFC 3264, section 8)."""
    resources: tuple[str, ...] = RESOURCES
    formats: tuple[tuple[str, int], ...] = FORMATS
    ptime_ms: int = 20
    reuse_connection: bool = True
    """Whether `connection:existing` may be answered so: no, if the client has no connection to us."""
    established: bool = False
    """Whether this changes a session, so that an offer may also take all away."""
    audio_address: str = ""
    """Where sound is heard, if elsewhere than `address`."""
    srtp: Srtp = Srtp.OFF
    keys: Mapping[int, bytes] = field(factory=dict, repr=False)
    """Our SRTP key and salt for each protected audio line, by index. Nobody else may have them."""


@frozen
class AcceptedAudio:
    """Audio that can be had: what it will be coded in, and the telephone-event that goes with it, if any.

    `crypto` is what the client protects it with; None for plain audio.
    """

    media: AudioMedia
    payload: PayloadFormat
    event: PayloadFormat | None
    crypto: Crypto | None = None


@frozen
class Acceptance:
    """What of an offer can be had; in `refused`, by index, why not the rest (empty: the client disabled it itself)."""

    offer: Offer
    control: tuple[tuple[ControlMedia, AcceptedAudio | None], ...]
    audio: tuple[AcceptedAudio, ...]
    refused: Mapping[int, str] = field(factory=dict)


def accept_offer(offer: Offer, settings: AnswerSettings) -> Acceptance:
    """Judges each line; raises OfferNotAcceptable if nothing is left of an offer that wanted something."""
    refused = dict.fromkeys(range(len(offer.description.media)), "not a kind this server knows")
    hearing: dict[int, AcceptedAudio] = {}
    for audio in offer.audio:
        judged = _judge_audio(audio, settings)
        if isinstance(judged, str):
            refused[audio.index] = judged
        else:
            hearing[audio.index] = judged
    control = _judge_controls(offer, settings, hearing, refused)
    used = {own.media.index for _, own in control if own is not None}
    for index in hearing:
        refused[index] = "no accepted resource listens to it"
    for index in (*used, *(own.index for own, _ in control)):
        del refused[index]
    disabled = [index for index, media in enumerate(offer.description.media) if media.port == 0]
    for index in disabled:
        refused[index] = ""
    if not control and not (settings.established and len(disabled) == len(offer.description.media)):
        raise OfferNotAcceptable(_reasons(offer, refused))
    return Acceptance(offer, tuple(control), tuple(hearing[index] for index in sorted(used)), refused)


def _judge_controls(
    offer: Offer, settings: AnswerSettings, hearing: Mapping[int, AcceptedAudio], refused: dict[int, str]
) -> list[tuple[ControlMedia, AcceptedAudio | None]]:
    """The control lines that can be had; why not, for the others, goes into `refused`."""
    accepted: list[tuple[ControlMedia, AcceptedAudio | None]] = []
    for control in offer.control:
        why = _why_not_control(control, settings)
        if not why and control.resource in [other.resource for other, _ in accepted]:
            # A second one would have the same Channel-Identifier (RFC 6787, section 4.1).
            why = f"a second {control.resource} in one session"
        audio = offer.audio_of(control)
        if not why and audio is None and control.cmid and offer.audio:
            why = f"cmid {shorten(control.cmid)} names no audio"
        if audio is not None and audio.port == 0:
            # The client took it away itself: the resource can do without.
            audio = None
        if not why and audio is not None and audio.index not in hearing:
            why = f"its audio is refused: {refused[audio.index]}"
        if why:
            refused[control.index] = why
        else:
            accepted.append((control, hearing[audio.index] if audio is not None else None))
    return accepted


def _why_not_control(control: ControlMedia, settings: AnswerSettings) -> str:
    if control.port == 0:
        return "disabled"
    if control.protocol.upper() not in (CONTROL_PLAIN.upper(), CONTROL_TLS.upper()):
        return f"got protocol {shorten(control.protocol)}, expected {CONTROL_PLAIN} or {CONTROL_TLS}"
    if control.tls and not settings.tls_port:
        return f"got protocol {CONTROL_TLS}, but this server has no TLS for MRCP"
    if "1" not in control.formats:
        return f"got format {shorten(' '.join(control.formats))}, expected 1"
    if control.setup not in ("active", "actpass"):
        return f"got setup:{shorten(control.setup)}, expected active: the client connects"
    if control.connection not in ("new", "existing"):
        return f"got connection:{shorten(control.connection)}, expected new or existing"
    if control.resource not in settings.resources:
        return f"got resource {shorten(control.resource)}, expected one of {', '.join(settings.resources)}"
    return ""


def _judge_audio(audio: AudioMedia, settings: AnswerSettings) -> AcceptedAudio | str:
    """What can be had of an audio line, or why nothing."""
    if audio.port == 0:
        return "disabled"
    if audio.protocol.upper() not in settings.srtp.protocols:
        return f"got protocol {shorten(audio.protocol)}, expected {' or '.join(settings.srtp.protocols)}"
    crypto = next(iter(audio.crypto), None) if audio.secure else None
    if audio.secure and crypto is None:
        # Not the line itself: this is logged, and keys are in it.
        suites = " or ".join(suite.value for suite in Suite)
        return f"no crypto that can be taken: expected {suites}, one inline key, no MKI"
    if not audio.address:
        return "no c= line holds for it"
    events = [own for own in audio.formats if own.encoding.lower() == EVENT]
    for own in audio.formats:
        if own.channels == 1 and (own.encoding.upper(), own.rate) in settings.formats:
            # Events count time by their own clock, best that of the audio (RFC 4733, section 2.1).
            event = next((event for event in events if event.rate == own.rate), next(iter(events), None))
            return AcceptedAudio(audio, own, event, crypto)
    offered = ", ".join(f"{own.encoding}/{own.rate}" for own in audio.formats) or "none"
    expected = ", ".join(f"{name}/{rate}" for name, rate in settings.formats)
    return f"got formats {shorten(offered)}, expected one of {expected}"


def _reasons(offer: Offer, refused: Mapping[int, str]) -> tuple[str, ...]:
    media = offer.description.media
    return tuple(
        f"m={shorten(media[index].kind)} (line {index + 1}): {why or 'disabled'}"
        for index, why in sorted(refused.items())
    )


@frozen
class AgreedControl:
    """A resource of the session. `channel` is its whole Channel-Identifier; `audio` the index of what it listens to."""

    index: int
    channel: str
    resource: str
    tls: bool
    audio: int | None
    fingerprint: str
    """Of the client's certificate, if it offered one (RFC 4572)."""


@frozen
class AgreedAudio:
    """Audio of the session: where it comes in, from whom, as what."""

    index: int
    port: int
    remote_address: str
    remote_port: int
    payload: PayloadFormat
    event: PayloadFormat | None
    ptime_ms: int
    receiving: bool
    """Whether the client sends at all now."""
    crypto: Crypto | None = None
    """What the client protects its packets with; None for plain audio."""


@frozen
class Answer:
    """The answer to write, and what was agreed on by it."""

    description: SessionDescription
    control: tuple[AgreedControl, ...]
    audio: tuple[AgreedAudio, ...]


def answer(acceptance: Acceptance, settings: AnswerSettings, ports: Mapping[int, int]) -> Answer:
    """The answer, in the order and number of the offer's lines (RFC 3264, section 6).

    `ports` has our RTP port for the index of each accepted audio, `settings.keys` our key where it is protected.
    """
    media = list(acceptance.offer.description.media)
    lines = [Media(own.kind, 0, own.protocol, own.formats) for own in media]
    control, audio = [], []
    for own, hearing in acceptance.control:
        agreed = AgreedControl(
            index=own.index,
            channel=f"{settings.channel}@{own.resource}",
            resource=own.resource,
            tls=own.tls,
            audio=hearing.media.index if hearing is not None else None,
            fingerprint=own.fingerprint,
        )
        control.append(agreed)
        lines[own.index] = _control_line(own, agreed, settings)
    for accepted in acceptance.audio:
        heard = _agree_audio(accepted, ports[accepted.media.index], settings)
        audio.append(heard)
        lines[heard.index] = _audio_line(accepted.media, heard, settings)
    origin = Origin("h2b", settings.session_id, str(settings.version), settings.address)
    description = SessionDescription(origin, settings.address, media=tuple(lines))
    return Answer(description, tuple(control), tuple(audio))


def _control_line(own: ControlMedia, agreed: AgreedControl, settings: AnswerSettings) -> Media:
    reused = own.connection == "existing" and settings.reuse_connection
    attributes: list[tuple[str, str | None]] = [
        ("setup", "passive"),
        ("connection", "existing" if reused else "new"),
        ("channel", agreed.channel),
    ]
    if own.cmid:
        attributes.append(("cmid", own.cmid))
    if own.tls and settings.fingerprint:
        attributes.append(("fingerprint", settings.fingerprint))
    port = settings.tls_port if own.tls else settings.control_port
    return Media("application", port, own.protocol, ("1",), attributes=Attributes(tuple(attributes)))


def _agree_audio(accepted: AcceptedAudio, port: int, settings: AnswerSettings) -> AgreedAudio:
    own = accepted.media
    return AgreedAudio(
        index=own.index,
        port=port,
        remote_address=own.address,
        remote_port=own.port,
        payload=accepted.payload,
        event=accepted.event,
        ptime_ms=own.ptime_ms if _is_ptime(accepted) else settings.ptime_ms,
        receiving=own.direction in SENDING,
        crypto=accepted.crypto,
    )


def _is_ptime(accepted: AcceptedAudio) -> bool:
    """Whether the offer's ptime can be had."""
    ptime_ms, payload = accepted.media.ptime_ms, accepted.payload
    octets = ptime_ms * payload.rate // 1000 * (2 if payload.encoding.upper() == "L16" else 1)
    return ptime_ms in PTIMES_MS and (accepted.crypto is None or octets <= MAXIMUM_SECURE_PAYLOAD)


def _audio_line(own: AudioMedia, heard: AgreedAudio, settings: AnswerSettings) -> Media:
    formats = [heard.payload] if heard.event is None else [heard.payload, heard.event]
    attributes: list[tuple[str, str | None]] = [("rtpmap", payload.rtpmap) for payload in formats]
    if heard.event is not None:
        attributes.append(("fmtp", f"{heard.event.number} {EVENTS_HEARD}"))
    attributes += [("recvonly" if heard.receiving else "inactive", None), ("ptime", str(heard.ptime_ms))]
    if own.mid:
        attributes.append(("mid", own.mid))
    if heard.crypto is not None:
        # Tag and suite of the line that was taken, and a key of our own (RFC 4568, section 5.1.2).
        attributes.append(("crypto", str(evolve(heard.crypto, key=settings.keys[own.index]))))
    numbers = tuple(str(payload.number) for payload in formats)
    elsewhere = settings.audio_address if settings.audio_address != settings.address else ""
    return Media("audio", heard.port, own.protocol, numbers, elsewhere, Attributes(tuple(attributes)))


def capabilities(settings: AnswerSettings) -> SessionDescription:
    """What OPTIONS is told: each resource, each format, all ports 0 (RFC 6787, section 7)."""
    resources: list[tuple[str, str | None]] = [("resource", resource) for resource in settings.resources]
    protocols = [CONTROL_PLAIN, *([CONTROL_TLS] if settings.tls_port else [])]
    control = [Media("application", 0, own, ("1",), attributes=Attributes(tuple(resources))) for own in protocols]
    static = {meaning: number for number, meaning in STATIC_PAYLOADS.items()}
    meanings = [*settings.formats, (EVENT, 8000)]
    payloads = [PayloadFormat(static.get(own, 96 + place), *own) for place, own in enumerate(meanings)]
    maps: list[tuple[str, str | None]] = [("rtpmap", own.rtpmap) for own in payloads]
    numbers = tuple(str(own.number) for own in payloads)
    audio = [Media("audio", 0, own, numbers, attributes=Attributes(tuple(maps))) for own in settings.srtp.protocols]
    origin = Origin("h2b", settings.session_id, "0", settings.address)
    return SessionDescription(origin, settings.address, media=(*control, *audio))
