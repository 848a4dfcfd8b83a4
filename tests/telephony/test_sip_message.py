"""SIP messages: every vector (after the cases RFC 4475 collects) read or refused, in datagrams and in streams."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2b.telephony.sip_effects import CallOffered, Effect, Peer, SendMessage, Transport
from h2b.telephony.sip_framing import MAXIMUM_PENDING_BYTES, Deframer
from h2b.telephony.sip_headers import Address, CSeq, SipUri, Via, parse_address, parse_uri
from h2b.telephony.sip_message import (
    MAXIMUM_BODY_BYTES,
    MAXIMUM_FIELDS,
    MAXIMUM_HEAD_BYTES,
    Headers,
    Message,
    Request,
    Response,
    parse_message,
    readable,
    write_message,
)
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_syntax import SipSyntaxError
from tests.telephony.network import tokens
from tests.telephony.vectors import names, octets

PEER = Peer(Transport.UDP, "192.0.2.40", 5070)

READ: dict[str, list[str]] = {
    "accept_unacceptable": ["406 Not Acceptable"],
    "answer_with_broadcast_via": [],
    "authorization_unknown": ["100 Trying", "CallOffered"],
    "branch_of_cookie_alone": ["200 OK"],
    "content_encoded": ["415 Unsupported Media Type"],
    "content_type_unknown": ["415 Unsupported Media Type"],
    "date_in_no_zone": ["100 Trying", "CallOffered"],
    "empty_reason": [],
    "escaped_nulls": ["405 Method Not Allowed"],
    "extensions_unknown": ["420 Bad Extension"],
    "invite_of_an_mrcp_client": ["100 Trying", "CallOffered"],
    "latin_display_name": ["200 OK"],
    "long_values": ["100 Trying", "CallOffered"],
    "multipart_body": ["405 Method Not Allowed"],
    "no_blank_before_bracket": ["200 OK"],
    "no_hops_left": ["200 OK"],
    "no_reason_at_all": [],
    "older_syntax": ["100 Trying", "CallOffered"],
    "percent_escapes": ["100 Trying", "CallOffered"],
    "percent_that_escapes_nothing": ["405 Method Not Allowed"],
    "semicolon_in_user": ["200 OK"],
    "session_expires_unreadable": ["400 Session-Expires: got 'soon', expected a number"],
    "short_tortuous_invite": ["100 Trying", "CallOffered"],
    "supported_unterminated": ["400 Supported: a quoted string never ends: '\"timer'"],
    "trailing_octets": ["405 Method Not Allowed"],
    "unknown_schemes_in_headers": ["200 OK"],
    "unknown_transports": ["200 OK"],
    "unusual_reason": [],
    "uri_of_another_scheme": ["416 Unsupported URI Scheme"],
    "uri_of_unknown_scheme": ["416 Unsupported URI Scheme"],
    "wide_range_of_characters": ["405 Method Not Allowed"],
}
"""Well-formed messages, and what a server without credentials does with each."""

ANSWERED_400: dict[str, str] = {
    "blanks_in_brackets_invalid": "To: got ' sip:t.watson@example.org ', expected a URI",
    "bracket_unopened_invalid": "To: got 'sip:voice@h2b.example.com>', expected '<' before '>'",
    "contact_without_brackets_invalid": (
        "Contact: URI 'sip:ada@example.com?Route=%3Csip:example.com%3E' must stand in angle brackets"
    ),
    "display_with_comma_invalid": "From: display name 'Lovelace, Ada' must stand in quotes",
    "extra_separators_in_contact_invalid": "Contact: got '', expected a parameter",
    "extra_separators_invalid": "Via: got '', expected a parameter",
    "headers_doubled_invalid": "From: stands twice",
    "headers_missing_invalid": "From: is missing",
    "hops_overlarge_invalid": "Max-Forwards: got '300', expected at most 255",
    "length_beyond_message_invalid": "Content-Length: got 9999, but only 97 octets follow",
    "length_doubled_invalid": "Content-Length: stands twice",
    "length_negative_invalid": "Content-Length: got '-999', expected a number",
    "method_mismatch_invalid": "CSeq: method 'INVITE' in a 'OPTIONS'",
    "method_unknown_mismatch_invalid": "CSeq: method 'INVITE' in a 'NEWMETHOD'",
    "numbers_overlarge_invalid": "CSeq: got '36893488147419103232', expected at most 2147483647",
    "port_overlarge_invalid": "Via: got '65536', expected at most 65535",
    "quote_unterminated_invalid": "To: a quoted string never ends: '\"Voice of <sip:voice@h2b.example.com>'",
    "record_route_invalid": "Record-Route: got 'proxy', expected a URI",
    "start_line_blank_at_end_invalid": (
        "start line: got 'OPTIONS sip:voice@h2b.example.com SIP/2.0  ', expected METHOD URI SIP/2.0"
    ),
    "start_line_two_blanks_invalid": ("start line: got 'INVITE  sip:voice@h2b.example.com  SIP/2.0', expected one URI"),
    "tag_twice_invalid": "From: parameter 'tag' stands twice",
    "uri_in_brackets_invalid": "start line: the URI stands in angle brackets",
    "uri_with_blank_invalid": "start line: got 'INVITE sip:voice@h2b.example.com; lr SIP/2.0', expected one URI",
    "uri_with_headers_invalid": "start line: the URI carries headers",
}
"""Requests that are wrong, yet can be answered; the error is the reason phrase."""

DROPPED: dict[str, str] = {
    "answer_numbers_overlarge_invalid": "CSeq: got '9292394834772304023312', expected at most 2147483647",
    "carriage_return_invalid": "framing: a line must end with CR LF",
    "first_header_folded_invalid": "framing: the first header begins with a blank",
    "header_name_with_blank_invalid": "framing: got 'X Y: nothing', expected a header",
    "header_without_name_invalid": "framing: got ': nothing', expected a header",
    "line_feeds_alone_invalid": "framing: no blank line ends the headers",
    "short_tortuous_truncated": "framing: no blank line ends the headers",
    "status_overlarge_invalid": "start line: got '4294967301', expected at most 699",
    "status_two_digits_invalid": "start line: got status '42', expected 100 to 699",
}
"""What no answer would help."""


def told(effects: list[Effect]) -> list[str]:
    """Status lines of responses, and the names of other effects."""
    return [
        effect.payload.split(b"\r\n")[0].decode().removeprefix("SIP/2.0 ")
        if isinstance(effect, SendMessage)
        else type(effect).__name__
        for effect in effects
    ]


def server() -> SipServer:
    return SipServer(SipSettings("192.0.2.1"), token=tokens("s"))


def test_every_file_has_its_verdict() -> None:
    assert {*READ, *ANSWERED_400, *DROPPED, "version_unknown_invalid"} == names("sip")


@pytest.mark.parametrize("name", READ)
def test_a_well_formed_message_is_read_and_written_again(name: str) -> None:
    message = parse_message(octets("sip", name))
    assert parse_message(write_message(message)) == message
    assert told(server().receive(octets("sip", name), PEER, 0.0)) == READ[name]


@pytest.mark.parametrize("name", [*ANSWERED_400, *DROPPED])
def test_a_wrong_message_is_refused_where_it_is_wrong(name: str) -> None:
    with pytest.raises(SipSyntaxError) as refusal:
        parse_message(octets("sip", name))
    assert str(refusal.value) == {**ANSWERED_400, **DROPPED}[name]
    answers = told(server().receive(octets("sip", name), PEER, 0.0))
    assert answers == ([f"400 {ANSWERED_400[name]}"] if name in ANSWERED_400 else [])


def test_another_version_is_answered_505() -> None:
    """RFC 4475, section 3.1.2.16."""
    assert told(server().receive(octets("sip", "version_unknown_invalid"), PEER, 0.0)) == ["505 Version Not Supported"]


def test_folds_compact_names_and_blanks_change_nothing() -> None:
    """RFC 4475, section 3.1.1.1."""
    message = parse_message(octets("sip", "short_tortuous_invite"))
    assert isinstance(message, Request)
    assert message.call_id == "tortuous.1@caller.example.com"
    assert message.cseq == CSeq(9, "INVITE")
    assert message.sender == Address("sip:ada@example.com", 'A. Lovelace \\"', {"tag": "77aa"})
    assert message.recipient == Address("sip:voice@h2b.example.com")
    assert message.vias == (
        Via("UDP", "192.0.2.40", None, {"branch": "older-than-cookies"}),
        Via("TCP", "proxy.example.com", None, {"branch": "z9hG4bK.1"}),
        Via("UDP", "198.51.100.7", 5080, {"branch": "z9hG4bK.2"}),
    )
    contact = Address("sip:ada@192.0.2.40", 'A quoted "name"', {"strange": "value", "alone": None, "q": "0.33"})
    assert message.contact == contact
    assert message.headers.get("never-heard-of") == "some value that goes on here"
    assert message.headers.get("Max-Forwards") == "0068"


def test_control_characters_may_be_escaped_in_a_display_name() -> None:
    """RFC 4475, section 3.1.1.2."""
    message = parse_message(octets("sip", "wide_range_of_characters"))
    assert message.recipient.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert readable(message.recipient.display) == "BEL:? NUL:? DEL:?"
    assert message.sender.params["odd''~+*_!.-%"] == '"раб"'


def test_octets_that_are_no_utf8_go_back_as_they_came() -> None:
    (sent,) = server().receive(octets("sip", "latin_display_name"), PEER, 0.0)
    assert isinstance(sent, SendMessage)
    assert b'From: "Jos\xe9 \xff" <sip:jose@example.com>;tag=1\r\n' in sent.payload


def test_octets_after_the_message_are_another_matter() -> None:
    """RFC 4475, section 3.1.1.8."""
    message = parse_message(octets("sip", "trailing_octets"))
    assert isinstance(message, Request)
    assert (message.method, message.body) == ("REGISTER", b"")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:h", SipUri("sip", "h")),
        ("SIPS:a;b=c@H:5061;lr;x=%20?to=a", SipUri("sips", "H", "a;b=c", 5061, {"lr": None, "x": "%20"}, "to=a")),
        ("sip:[2001:db8::1]:5060;transport=TCP", SipUri("sip", "2001:db8::1", port=5060, params={"transport": "TCP"})),
    ],
)
def test_a_uri_is_read_and_written(text: str, expected: SipUri) -> None:
    assert parse_uri(text, "URI") == expected
    assert parse_uri(str(expected), "URI") == expected


@pytest.mark.parametrize(
    "text", ["", "sip:", "sip:@h", "sip:a@b@c", "sip:h:x", "sip:h h", "sip:h;;lr", "tel:1", "sip:<h>"]
)
def test_a_wrong_uri_is_refused(text: str) -> None:
    with pytest.raises(SipSyntaxError):
        parse_uri(text, "URI")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "example.com>;tag",
            "example.com;tag",
            "From: an angle bracket never closes: '\"Ada\" <sip:ada@example.com;tag=77aa'",
        ),
        (";tag=77aa", " x;tag=77aa", "From: URI '\"Ada\" <sip:ada@example.com> x' must stand in angle brackets"),
        (";tag=77aa", ";tag=77 aa", "From: parameter 'tag' has the value '77 aa'"),
        (";branch", " x;branch", "Via: got '5070 x', expected a number"),
        (":5070;branch", "/5070;branch", "Via: got 'caller.example.com/5070', expected host:port"),
        ("caller.example.com:5070", "?", "Via: got '?', expected a host"),
        (
            "SIP/2.0/UDP ",
            "SIP/2.0 ",
            "Via: got 'SIP/2.0 caller.example.com:5070;branch=z9hG4bK.4d1f', expected SIP/2.0/transport host",
        ),
        ("CSeq: 1 OPTIONS", "CSeq: 1", "CSeq: got '1', expected a number and a method"),
        ("CSeq: 1 OPTIONS", "CSeq: +1 OPTIONS", "CSeq: got '+1', expected a number"),
        ("Call-ID: ", "Call-ID: two ", "Call-ID: got 'two torture.options@caller.example.com', expected one word"),
        ("Call-ID: ", "Call-ID:\r\nX: ", "Call-ID: is missing"),
        ("OPTIONS sip:voice@h2b.example.com", "OPTIONS 7", "start line: got '7', expected a URI"),
    ],
)
def test_a_refusal_names_the_header_and_what_stood_there(old: str, new: str, why: str) -> None:
    text = octets("sip", "no_hops_left").decode()
    assert old in text
    with pytest.raises(SipSyntaxError) as refusal:
        parse_message(text.replace(old, new, 1).encode())
    assert str(refusal.value) == why


HUGE = b"OPTIONS sip:h SIP/2.0\r\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HUGE + b"X: y\r\n" * (MAXIMUM_FIELDS + 1) + b"\r\n", f"more than {MAXIMUM_FIELDS} header fields"),
        (HUGE + b"X: " + b"y" * MAXIMUM_HEAD_BYTES + b"\r\n\r\n", f"expected at most {MAXIMUM_HEAD_BYTES}"),
        (octets("sip", "older_syntax").replace(b"Content-Length: 97", b"X: y") + b"y" * MAXIMUM_BODY_BYTES, "body of"),
        (octets("sip", "older_syntax").replace(b": 97", b": 65537"), "expected at most 65536"),
        (octets("sip", "older_syntax").replace(b": 97", b": " + b"9" * 5000), "expected at most 65536"),
        (octets("sip", "no_hops_left").replace(b"tag=77aa", b";".join(b"p%d" % i for i in range(65))), "65 parameters"),
        (octets("sip", "no_hops_left").replace(b"To:", b"Via: SIP/2.0/UDP h\r\n" * 70 + b"To:"), "71 hops"),
        (octets("sip", "no_hops_left").replace(b"To:", b"Route: " + b"<sip:h>," * 70 + b"<sip:h>\r\nTo:"), "71 hops"),
    ],
)
def test_size_has_bounds(text: bytes, why: str) -> None:
    with pytest.raises(SipSyntaxError, match=why):
        parse_message(text)


@pytest.mark.parametrize("field", [("X", "a\r\nInjected: yes"), ("X\n", "a")])
def test_nobody_writes_a_line_break_into_a_header(field: tuple[str, str]) -> None:
    with pytest.raises(SipSyntaxError):
        write_message(Response(200, "OK", Headers((field,))))


# Streams


def deframed(chunks: list[bytes]) -> list[bytes]:
    deframer, found = Deframer(), []
    for chunk in chunks:
        deframer.receive(chunk)
        while (message := deframer.next_message()) is not None:
            found.append(message)
    assert deframer.pending <= MAXIMUM_PENDING_BYTES
    return found


@pytest.mark.parametrize("name", sorted(READ))
def test_a_stream_gives_the_same_messages_however_it_is_cut(name: str) -> None:
    whole = octets("sip", name)
    other = octets("sip", "no_hops_left")
    expected = deframed([whole])
    assert parse_message(expected[0]) == parse_message(whole)
    assert deframed([whole[at : at + 1] for at in range(len(whole))]) == expected
    assert deframed([whole + other]) == [*expected, other]
    assert deframed([b"\r\n\r\n" + whole, b"\r\n", other[:7], other[7:]]) == [*expected, other]


def test_keep_alives_are_counted_however_they_are_cut() -> None:
    """RFC 5626, section 4.4.1: CR LF CR LF asks for CR LF."""
    for chunks in ([b"\r\n\r\n" * 3], [b"\r", b"\n", b"\r", b"\n\r\n\r\n\r\n\r\n"]):
        deframer = Deframer()
        for chunk in chunks:
            deframer.receive(chunk)
            assert deframer.next_message() is None
        assert deframer.pings == 3


@pytest.mark.parametrize(
    "text",
    [
        b"x" * (MAXIMUM_HEAD_BYTES + 1),
        HUGE + b"X: " + b"y" * MAXIMUM_HEAD_BYTES + b"\r\n\r\n",
        octets("sip", "length_negative_invalid"),
        octets("sip", "length_doubled_invalid"),
        HUGE + b"Content-Length: 99999999999\r\n\r\n",
        HUGE + b"no header\r\n\r\n",
    ],
)
def test_a_stream_whose_messages_have_no_end_is_given_up(text: bytes) -> None:
    deframer = Deframer()
    deframer.receive(text)
    with pytest.raises(SipSyntaxError):
        deframer.next_message()
    deframer.receive(octets("sip", "no_hops_left"))
    assert deframer.next_message() is None
    assert deframer.pending == 0


# Octets at random

PIECES = sorted({line for name in names("sip") for line in octets("sip", name).split(b"\r\n")})
MUTATED = st.tuples(
    st.sampled_from(sorted(names("sip"))), st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=12)
).map(lambda made: octets("sip", made[0])[: made[1]] + made[3] + octets("sip", made[0])[made[1] + made[2] :])
SOUP = st.lists(st.sampled_from(PIECES), max_size=20).map(lambda lines: b"\r\n".join(lines) + b"\r\n\r\n")
RANDOM = st.binary(max_size=200) | MUTATED | SOUP


def parsed(text: bytes) -> Message | None:
    try:
        return parse_message(text)
    except SipSyntaxError:
        return None


@given(RANDOM)
@example(b"SIP/2.0 \r\n\r\n")
@example(b" \r\n\r\n")
def test_octets_at_random_raise_nothing_but_our_error(text: bytes) -> None:
    message = parsed(text)
    if message is not None:
        assert parsed(write_message(message)) == message


@given(st.lists(RANDOM, max_size=6), st.sampled_from(Transport), st.integers(1, 40))
def test_a_server_survives_octets_at_random(texts: list[bytes], transport: Transport, step: int) -> None:
    """It raises nothing, and once every timer has passed, only what its owner holds is left."""
    own, peer = server(), Peer(transport, "192.0.2.40", 5070, 1 if transport.reliable else 0)
    effects: list[Effect] = []
    for text in texts:
        chunks = [text[at : at + step] for at in range(0, len(text), step)] if transport.reliable else [text]
        for chunk in chunks:
            effects += own.receive(chunk, peer, 0.0)
    for effect in list(effects):
        if isinstance(effect, CallOffered):
            own.accept(effect.call, b"v=0\r\n", 0.0)
    while (at := own.next_timer()) is not None:
        own.advance(at)
    assert own.idle


@given(st.text(max_size=30), st.text(max_size=10))
def test_an_address_is_read_as_it_was_written(display: str, tag: str) -> None:
    plain = readable(display)
    address = Address("sip:ada@example.com", plain.strip(), {"x": None})
    assert parse_address(str(address), "To") == address
