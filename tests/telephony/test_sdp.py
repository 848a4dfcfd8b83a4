"""Session descriptions: each vector read, each refusal in its own words, none but our own error for random octets."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2b.telephony.sdp import (
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_BYTES,
    MAXIMUM_LINES,
    MAXIMUM_MEDIA,
    Attributes,
    Media,
    Origin,
    SdpError,
    SessionDescription,
    parse_sdp,
    write_sdp,
)
from tests.telephony.vectors import names, octets

INVALID = {
    "version_invalid": "SDP line 1: expected v=0",
    "origin_missing_invalid": "SDP line 3: no o= line",
    "origin_words_invalid": "SDP line 2: got o='- 1 1 IN IP4', expected six words",
    "origin_numbers_invalid": "SDP line 2: got o='- one 1 IN IP4 192.0.2.2', expected numbers for session and version",
    "port_invalid": "SDP line 4: got port '65536', expected 0 to 65535",
    "port_words_invalid": "SDP line 4: got port 'none', expected 0 to 65535",
    "media_words_invalid": "SDP line 4: got m='audio 4000 RTP/AVP', expected media, port, protocol and formats",
    "connection_invalid": "SDP line 4: got c='IN IP5 192.0.2.2', expected IN IP4 or IN IP6 and an address",
    "connection_address_invalid": "SDP line 4: got address '192.0.2.2;rm'",
    "line_invalid": "SDP line 4: got 'this is no line', expected a letter, '=' and a value",
    "carriage_return_invalid": "SDP line 3: got 'a=x\\ry', expected a letter, '=' and a value",
    "empty_invalid": "SDP line 1: expected v=0",
    "new_connection_truncated": "SDP line 6: got m='application ', expected media, port, protocol and formats",
}

ORIGIN = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\n"
WORDS = st.text(st.sampled_from("abcXYZ019-./"), min_size=1, max_size=12)
ADDRESSES = st.sampled_from(["192.0.2.7", "2001:db8::7", "host.example.com"])
ATTRIBUTES = st.lists(st.tuples(WORDS, st.none() | WORDS), max_size=4).map(lambda items: Attributes(tuple(items)))
MEDIA = st.builds(
    Media,
    kind=WORDS,
    port=st.integers(0, 65535),
    protocol=WORDS,
    formats=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    address=st.just("") | ADDRESSES,
    attributes=ATTRIBUTES,
)
NUMBERS = st.integers(0, 2**64).map(str)
DESCRIPTIONS = st.builds(
    SessionDescription,
    origin=st.builds(Origin, username=WORDS, session_id=NUMBERS, version=NUMBERS, address=ADDRESSES),
    address=st.just("") | ADDRESSES,
    attributes=ATTRIBUTES,
    media=st.lists(MEDIA, max_size=4).map(tuple),
    name=WORDS,
)


@pytest.mark.parametrize("name", sorted(names("sdp")))
def test_each_file_is_read_or_refused_as_its_name_says(name: str) -> None:
    if not name.endswith(("_invalid", "_truncated")):
        description = parse_sdp(octets("sdp", name))
        assert parse_sdp(write_sdp(description)) == description
        return
    with pytest.raises(SdpError) as refusal:
        parse_sdp(octets("sdp", name))
    assert str(refusal.value) == INVALID[name]


def test_a_line_has_its_own_address_and_attributes() -> None:
    control, audio = parse_sdp(octets("sdp", "connection_per_media")).media
    assert control == Media(
        "application",
        9,
        "TCP/MRCPv2",
        ("1",),
        attributes=Attributes((("setup", "active"), ("connection", "new"), ("resource", "speechrecog"), ("cmid", "1"))),
    )
    assert (audio.port, audio.address, audio.formats) == (4000, "192.0.2.3", ("0", "8", "9", "96", "101"))
    assert audio.attributes.get("ptime") == "20"
    assert audio.attributes.has("sendonly")
    assert len(audio.attributes.all("rtpmap")) == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ORIGIN + b"m=audio 1 RTP/AVP 0\r\n" * (MAXIMUM_MEDIA + 1), f"more than {MAXIMUM_MEDIA} media"),
        (ORIGIN + b"a=x\r\n" * (MAXIMUM_ATTRIBUTES + 1), f"more than {MAXIMUM_ATTRIBUTES} attributes"),
        (ORIGIN + b"b=x\n" * MAXIMUM_LINES, f"more than {MAXIMUM_LINES} lines"),
        (b"v" * (MAXIMUM_BYTES + 1), f"{MAXIMUM_BYTES + 1} octets, expected at most {MAXIMUM_BYTES}"),
    ],
)
def test_size_has_bounds(text: bytes, why: str) -> None:
    with pytest.raises(SdpError, match=why):
        parse_sdp(text)


@given(DESCRIPTIONS)
def test_what_is_written_reads_as_the_same(description: SessionDescription) -> None:
    assert parse_sdp(write_sdp(description)) == description


@given(st.binary(max_size=300) | st.lists(st.sampled_from(octets("sdp", "two_pairs").split(b"\r\n"))).map(b"\r\n".join))
@example(ORIGIN + b"m=audio 4000 RTP/AVP \xff\xfe\r\n")
def test_octets_at_random_raise_nothing_but_our_error(text: bytes) -> None:
    for candidate in (text, b"v=0\r\n" + text, ORIGIN + text):
        try:
            description = parse_sdp(candidate)
        except SdpError:
            continue
        assert parse_sdp(write_sdp(description)) == description
