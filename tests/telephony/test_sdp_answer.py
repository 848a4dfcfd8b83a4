"""Offers judged and answered: a file of each kind of client, the answer beside it (RFC 6787, section 4)."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.sdp import SdpError, parse_sdp, write_sdp
from h2b.telephony.sdp_answer import (
    AgreedAudio,
    AgreedControl,
    Answer,
    AnswerSettings,
    OfferNotAcceptable,
    accept_offer,
    answer,
    capabilities,
)
from h2b.telephony.sdp_client import PCMA, PCMU, Granted, OfferSettings, make_offer, read_grant
from h2b.telephony.sdp_offer import PayloadFormat, read_offer
from tests.telephony.vectors import names, octets

SETTINGS = AnswerSettings(
    address="192.0.2.1",
    channel="c0ffee",
    control_port=1544,
    tls_port=1545,
    fingerprint="sha-256 12:34",
    session_id="77",
)
EVENTS = PayloadFormat(101, "telephone-event", 8000)
FORMATS = "PCMU/8000, PCMA/8000, L16/8000, L16/16000"

ANSWERED = sorted(name.removesuffix(".answer") for name in names("sdp") if name.endswith(".answer"))

REFUSED = {
    "refused_no_common_format": (
        "m='application' (line 1): its audio is refused: "
        f"got formats 'G729/8000, GSM/8000', expected one of {FORMATS}; "
        f"m='audio' (line 2): got formats 'G729/8000, GSM/8000', expected one of {FORMATS}"
    ),
    "refused_secure_audio": (
        "m='application' (line 1): its audio is refused: got protocol 'RTP/SAVP', expected RTP/AVP; "
        "m='audio' (line 2): got protocol 'RTP/SAVP', expected RTP/AVP"
    ),
    "refused_client_waits": (
        "m='application' (line 1): got setup:'passive', expected active: the client connects; "
        "m='audio' (line 2): no accepted resource listens to it"
    ),
    "refused_unknown_resource": (
        "m='application' (line 1): got resource 'speakverify', expected one of speechrecog, dtmfrecog; "
        "m='audio' (line 2): no accepted resource listens to it"
    ),
    "refused_cmid_names_nothing": (
        "m='application' (line 1): cmid '5' names no audio; m='audio' (line 2): no accepted resource listens to it"
    ),
    "refused_tls": (
        "m='application' (line 1): got protocol TCP/TLS/MRCPv2, but this server has no TLS for MRCP; "
        "m='audio' (line 2): no accepted resource listens to it"
    ),
    "refused_all_disabled": "m='application' (line 1): disabled; m='audio' (line 2): disabled",
    "refused_no_media": "the offer has no media",
    "refused_no_address": (
        "m='application' (line 1): its audio is refused: no c= line holds for it; "
        "m='audio' (line 2): no c= line holds for it"
    ),
    "refused_plain_call": "m='audio' (line 1): no accepted resource listens to it",
    "refused_mrcp_version_one": (
        "m='application' (line 1): got protocol 'TCP', expected TCP/MRCPv2 or TCP/TLS/MRCPv2; "
        "m='audio' (line 2): no accepted resource listens to it"
    ),
}


def answered(offer: bytes, settings: AnswerSettings = SETTINGS) -> Answer:
    """The answer, with RTP ports 5000, 5002 and so on."""
    acceptance = accept_offer(read_offer(parse_sdp(offer)), settings)
    ports = {audio.media.index: 5000 + 2 * place for place, audio in enumerate(acceptance.audio)}
    return answer(acceptance, settings, ports)


@pytest.mark.parametrize("name", ANSWERED)
def test_an_offer_gets_its_answer(name: str) -> None:
    assert write_sdp(answered(octets("sdp", name)).description) == octets("sdp", f"{name}.answer")


@pytest.mark.parametrize("name", sorted(name for name in names("sdp") if name.startswith("refused_")))
def test_an_offer_nothing_can_be_had_of_is_refused_line_by_line(name: str) -> None:
    settings = evolve(SETTINGS, tls_port=0)
    with pytest.raises(OfferNotAcceptable) as refusal:
        answered(octets("sdp", name), settings)
    assert str(refusal.value) == REFUSED[name]


def test_the_answer_says_what_was_agreed() -> None:
    agreed = answered(octets("sdp", "two_pairs"))
    assert agreed.control == (
        AgreedControl(0, "c0ffee@speechrecog", "speechrecog", tls=False, audio=1, fingerprint=""),
        AgreedControl(2, "c0ffee@dtmfrecog", "dtmfrecog", tls=False, audio=3, fingerprint=""),
    )
    assert agreed.audio == (
        AgreedAudio(1, 5000, "192.0.2.2", 4000, PCMU, EVENTS, ptime_ms=20, receiving=True),
        AgreedAudio(3, 5002, "192.0.2.2", 4002, PCMU, EVENTS, ptime_ms=20, receiving=True),
    )


def test_the_fingerprint_of_the_client_is_handed_on() -> None:
    (control,) = answered(octets("sdp", "tls")).control
    assert (control.tls, control.fingerprint) == (True, "sha-256 AB:CD")


def test_an_existing_connection_nobody_knows_becomes_a_new_one() -> None:
    """RFC 6787, section 4.2: existing may be answered by existing or new; the client obeys."""
    agreed = answered(octets("sdp", "existing_connection"), evolve(SETTINGS, reuse_connection=False))
    assert agreed.description.media[0].attributes.get("connection") == "new"


def test_an_established_session_may_take_all_away() -> None:
    agreed = answered(octets("sdp", "refused_all_disabled"), evolve(SETTINGS, established=True, version=2))
    assert [media.port for media in agreed.description.media] == [0, 0]
    assert agreed.description.origin.version == "2"
    assert agreed.control == agreed.audio == ()


def test_a_resource_whose_sound_the_client_took_away_goes_on_without() -> None:
    agreed = answered(octets("sdp", "audio_disabled"), evolve(SETTINGS, established=True))
    assert [own.audio for own in agreed.control] == [None]
    assert agreed.audio == ()


def test_sound_that_comes_elsewhere_has_an_address_of_its_own() -> None:
    agreed = answered(octets("sdp", "new_connection"), evolve(SETTINGS, audio_address="192.0.2.8"))
    assert [media.address for media in agreed.description.media] == ["", "192.0.2.8"]
    grant = read_grant(write_sdp(agreed.description))
    assert (grant.resources[0].address, grant.audio_address) == ("192.0.2.1", "192.0.2.8")
    agreed = answered(octets("sdp", "new_connection"), evolve(SETTINGS, audio_address=SETTINGS.address))
    assert [media.address for media in agreed.description.media] == ["", ""]


def test_an_established_session_refuses_what_it_cannot_have() -> None:
    with pytest.raises(OfferNotAcceptable):
        answered(octets("sdp", "refused_no_common_format"), evolve(SETTINGS, established=True))


def test_a_second_resource_of_one_kind_is_refused() -> None:
    offer = octets("sdp", "two_resources_one_audio").replace(b"dtmfrecog", b"speechrecog")
    assert [media.port for media in answered(offer).description.media] == [1544, 0, 5000]


@pytest.mark.parametrize(
    ("formats", "maps"),
    [
        ("0", ["0 PCMU/many"]),
        ("0", ["0 PCMU/8000/1/1"]),
        ("0", ["0 PCMU/0"]),
        ("0 101", ["101 telephone-event/0"]),
        ("0 0", ["900 PCMU/8000"]),
        ("x 0", ["- -"]),
        ("200 0", ["0"]),
    ],
)
def test_a_map_that_says_nothing_leaves_a_static_payload_as_it_is(formats: str, maps: list[str]) -> None:
    lines = "".join(f"a=rtpmap:{own}\r\n" for own in maps)
    text = f"v=0\r\no=- 1 1 IN IP4 a\r\nc=IN IP4 a\r\nm=audio 4000 RTP/AVP {formats}\r\n{lines}"
    (audio,) = read_offer(parse_sdp(text.encode())).audio
    assert audio.formats == (PCMU,)


def test_two_channels_are_not_telephone_audio() -> None:
    offer = octets("sdp", "wideband_linear").replace(b"L16/16000", b"L16/16000/2")
    with pytest.raises(OfferNotAcceptable):
        answered(offer)


@pytest.mark.parametrize(
    ("offered", "agreed"), [(b"0", 20), (b"9", 20), (b"10", 10), (b"100", 100), (b"2000", 20), (b"x", 20)]
)
def test_a_ptime_out_of_range_becomes_ours(offered: bytes, agreed: int) -> None:
    (audio,) = answered(octets("sdp", "new_connection").replace(b"ptime:20", b"ptime:" + offered)).audio
    assert audio.ptime_ms == agreed


def test_options_are_told_what_the_server_can_do() -> None:
    lines = write_sdp(capabilities(SETTINGS)).decode().split("\r\n")
    assert lines[5:-1] == [
        "m=application 0 TCP/MRCPv2 1",
        "a=resource:speechrecog",
        "a=resource:dtmfrecog",
        "m=application 0 TCP/TLS/MRCPv2 1",
        "a=resource:speechrecog",
        "a=resource:dtmfrecog",
        "m=audio 0 RTP/AVP 0 8 98 99 100",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:98 L16/8000",
        "a=rtpmap:99 L16/16000",
        "a=rtpmap:100 telephone-event/8000",
    ]


def test_a_client_reads_what_its_offer_got() -> None:
    wanted = OfferSettings("192.0.2.2", 4000, ("speechrecog", "dtmfrecog"), (PCMA, EVENTS), reuse_connection=True)
    agreed = answered(write_sdp(make_offer(wanted)))
    grant = read_grant(write_sdp(agreed.description))
    assert grant.resources == tuple(
        Granted(f"c0ffee@{resource}", resource, "192.0.2.1", 1544, new_connection=False, tls=False)
        for resource in wanted.resources
    )
    assert (grant.audio_address, grant.audio_port, grant.payload, grant.event) == ("192.0.2.1", 5000, PCMA, EVENTS)


def test_a_client_reads_where_to_connect_by_tls_and_skips_what_was_refused() -> None:
    wanted = OfferSettings("192.0.2.2", 4000, ("speechsynth", "speechrecog"), tls=True, fingerprint="sha-256 AB")
    agreed = answered(write_sdp(make_offer(wanted)))
    assert agreed.control[0].fingerprint == "sha-256 AB"
    (granted,) = read_grant(write_sdp(agreed.description)).resources
    assert (granted.port, granted.tls, granted.new_connection) == (1545, True, True)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"MRCPv2 1", b"MRCPv2 2", "got format '2', expected 1"),
        (b"connection:new", b"connection:old", "got connection:'old', expected new or existing"),
    ],
)
def test_a_control_line_says_what_is_wrong_with_it(old: bytes, new: bytes, why: str) -> None:
    with pytest.raises(OfferNotAcceptable) as refusal:
        answered(octets("sdp", "new_connection").replace(old, new))
    assert refusal.value.reasons[0] == f"m='application' (line 1): {why}"


def test_a_client_reads_an_answer_without_audio() -> None:
    grant = read_grant(octets("sdp", "control_alone.answer"))
    assert (len(grant.resources), grant.audio_port, grant.payload) == (1, 0, None)


LINES = sorted({line for name in names("sdp") for line in octets("sdp", name).split(b"\r\n")})


@given(st.lists(st.sampled_from(LINES), max_size=30))
def test_lines_in_any_order_are_answered_in_the_order_of_the_offer_or_refused(lines: list[bytes]) -> None:
    try:
        description = parse_sdp(b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\n" + b"\r\n".join(lines))
        agreed = answered(write_sdp(description))
    except (SdpError, OfferNotAcceptable):
        return
    offered = [(media.kind, media.protocol) for media in description.media]
    assert [(media.kind, media.protocol) for media in agreed.description.media] == offered
    assert all(
        own.port == 0 for own, wish in zip(agreed.description.media, description.media, strict=True) if not wish.port
    )
    assert len({control.channel for control in agreed.control}) == len(agreed.control)
