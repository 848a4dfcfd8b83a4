"""MRCPv2 messages in a stream of octets: every vector whole, octet by octet and with more behind it."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.errors import ClientError, MalformedMessage
from h2b.wire.mrcptext import (
    LONGEST_LINE,
    MAXIMUM_BODY,
    MAXIMUM_HEAD,
    Deframer,
    Headers,
    MessageTooLarge,
    MrcpEvent,
    MrcpMessage,
    MrcpRequest,
    MrcpResponse,
    RequestState,
    UnreadableMessage,
    UnsupportedVersion,
    encode,
    parse_message,
)

VECTORS = Path(__file__).parent.parent / "vectors" / "mrcp"
CHANNEL = ("Channel-Identifier", "4f1d9c27a0b35e68@speechrecog")
URI_LIST = ("Content-Type", "text/uri-list")
TWINS = ("_invalid", "_truncated")


def octets(name: str) -> bytes:
    return (VECTORS / f"{name}.txt").read_bytes()


def body(name: str) -> bytes:
    return octets(name).split(b"\r\n\r\n", 1)[1]


def headers(*fields: tuple[str, str]) -> Headers:
    return Headers((CHANNEL, *fields))


EXPECTED: dict[str, MrcpMessage] = {
    "define_grammar": MrcpRequest(
        "DEFINE-GRAMMAR",
        1,
        headers(("Content-Type", "application/srgs+xml"), ("Content-Id", "place@form-level")),
        body("define_grammar"),
    ),
    "define_grammar_by_reference": MrcpRequest(
        "DEFINE-GRAMMAR",
        2,
        headers(URI_LIST, ("Content-ID", "<pin@form-level>")),
        b"builtin:speech/spelling/digits?regex=[0-9]{4}\r\n",
    ),
    "recognize": MrcpRequest(
        "RECOGNIZE",
        3,
        headers(
            URI_LIST,
            ("Cancel-If-Queue", "false"),
            ("No-Input-Timeout", "5000"),
            ("Recognition-Timeout", "10000"),
            ("Start-Input-Timers", "true"),
            ("Confidence-Threshold", "0.5"),
            ("Save-Waveform", "true"),
        ),
        b"session:place@form-level\r\n# the other one\r\n\r\nbuiltin:speech/boolean\r\n",
    ),
    "recognize_weights": MrcpRequest(
        "RECOGNIZE", 4, headers(("Content-Type", "text/grammar-ref-list")), body("recognize_weights")
    ),
    "recognize_parts": MrcpRequest(
        "RECOGNIZE", 5, headers(("Content-Type", 'multipart/mixed; boundary="next"')), body("recognize_parts")
    ),
    "set_params": MrcpRequest(
        "SET-PARAMS",
        6,
        headers(
            ("Sensitivity-Level", "0.20"),
            ("Recognition-Timeout", "9000"),
            ("Speech-Language", "fr-FR"),
            ("Vendor-Specific-Parameters", "Speech-Nomatch-Timeout=3000"),
            ("Vendor-Specific-Parameters", 'com.example.note="à;b"'),
        ),
    ),
    "get_params": MrcpRequest("GET-PARAMS", 7, headers(("No-Input-Timeout", ""), ("Speech-Language", ""))),
    "get_params_all": MrcpRequest("GET-PARAMS", 8, headers()),
    "start_input_timers": MrcpRequest("START-INPUT-TIMERS", 9, headers()),
    "stop": MrcpRequest("STOP", 10, headers(("Active-Request-Id-List", "3"))),
    "response_complete": MrcpResponse(1, 200, RequestState.COMPLETE, headers(("Completion-Cause", "000 success"))),
    "response_in_progress": MrcpResponse(3, 200, RequestState.IN_PROGRESS, headers()),
    "response_failed": MrcpResponse(
        2,
        407,
        RequestState.COMPLETE,
        headers(
            ("Completion-Cause", "016 grammar-definition-failure"),
            ("Completion-Reason", "\"grammar 'builtin:speech/spelling/digits': regex: got '[0-9', expected ']'\""),
        ),
    ),
    "start_of_input": MrcpEvent(
        "START-OF-INPUT",
        3,
        RequestState.IN_PROGRESS,
        headers(("Input-Type", "speech"), ("Proxy-Sync-Id", "987654321")),
    ),
    "recognition_complete": MrcpEvent(
        "RECOGNITION-COMPLETE",
        3,
        RequestState.COMPLETE,
        headers(("Completion-Cause", "000 success"), ("Waveform-URI", ""), ("Content-Type", "application/nlsml+xml")),
        body("recognition_complete"),
    ),
    "recognition_complete_no_input": MrcpEvent(
        "RECOGNITION-COMPLETE",
        3,
        RequestState.COMPLETE,
        headers(
            ("Completion-Cause", "002 no-input-timeout"),
            ("Completion-Reason", "no voice"),
            ("Content-Type", "application/x-nlsml"),
        ),
        body("recognition_complete_no_input"),
    ),
}

LENIENT: dict[str, tuple[MrcpMessage, int]] = {
    "lenient_zero_padded_length": (MrcpRequest("STOP", 10, headers()), 0),
    "lenient_length_too_short": (MrcpRequest("RECOGNIZE", 3, headers(URI_LIST), b"builtin:speech/boolean\r\n"), 1),
    "lenient_length_too_long": (MrcpRequest("RECOGNIZE", 3, headers(URI_LIST), b"builtin:speech/boolean\r\n"), 1),
    "lenient_length_of_nothing": (MrcpRequest("STOP", 10, headers()), 1),
    "lenient_lower_case": (
        MrcpRequest(
            "STOP",
            10,
            Headers((("channel-identifier", "4F1d9c27a0b35e68@speechrecog"), ("active-request-id-list", "3"))),
        ),
        0,
    ),
    "lenient_folded": (
        MrcpRequest(
            "RECOGNIZE",
            3,
            headers(URI_LIST, ("Vendor-Specific-Parameters", "a=1; b=2"), ("No-Input-Timeout", "700")),
            b"builtin:speech/boolean",
        ),
        0,
    ),
    "lenient_bare_line_feeds": (MrcpRequest("RECOGNIZE", 3, headers(URI_LIST), b"builtin:speech/boolean\n"), 0),
    "lenient_empty_lines_before": (MrcpRequest("STOP", 10, headers()), 0),
    "lenient_event_with_status": (
        MrcpEvent("INTERPRETATION-COMPLETE", 12, RequestState.COMPLETE, headers(("Completion-Cause", "000 success"))),
        0,
    ),
    "lenient_latin_1": (MrcpRequest("SET-PARAMS", 6, headers(("Logging-Tag", "é"))), 0),
}
"""What real clients send, and how many wrong lengths are in it."""

IDS = "an integer from 0 to 4294967295"
REFUSED: dict[str, tuple[type[UnreadableMessage], str, int, bool]] = {
    "define_grammar": (UnreadableMessage, f"request-id: got '4294967296', expected {IDS}", 0, False),
    "define_grammar_by_reference": (
        UnreadableMessage,
        "Content-Length: got '4x', expected the octets of the body",
        2,
        True,
    ),
    "recognize": (
        UnreadableMessage,
        "header field: got 'Save-Waveform true', expected 'Name: value'",
        3,
        False,
    ),
    "recognize_weights": (
        UnreadableMessage,
        "start line: got 'RECOGNIZE', expected a request, a response or an event",
        0,
        False,
    ),
    "recognize_parts": (
        UnreadableMessage,
        "start line: got 'RECOGNIZE 5 at once please', expected a request, a response or an event",
        5,
        False,
    ),
    "set_params": (
        UnreadableMessage,
        "Speech-Language: got ' fr\\x00FR', expected text without control characters",
        6,
        False,
    ),
    "get_params": (UnsupportedVersion, "version: got 'MRCP/3.1', expected 'MRCP/2.0'", 7, True),
    "get_params_all": (
        UnreadableMessage,
        "start line: got 'MRCP/2.0 -78 GET-PARAMS 8', expected 'MRCP/2.0 length …'",
        8,
        True,
    ),
    "start_input_timers": (
        UnreadableMessage,
        "method: got 'START_INPUT_TIMERS', expected letters and hyphens",
        9,
        False,
    ),
    "stop": (
        UnreadableMessage,
        "header field: got 'Active Request-Id-List: 3', expected 'Name: value'",
        10,
        False,
    ),
    "response_complete": (UnreadableMessage, "status: got '2OO', expected three digits", 0, False),
    "response_in_progress": (
        UnreadableMessage,
        "request-state: got 'RUNNING', expected one of PENDING, IN-PROGRESS, COMPLETE",
        0,
        False,
    ),
    "response_failed": (UnreadableMessage, "message: got 'H', expected it to begin with 'MRCP/2.0'", 0, True),
    "start_of_input": (UnreadableMessage, f"request-id: got 'three', expected {IDS}", 0, False),
    "recognition_complete": (
        MessageTooLarge,
        f"Content-Length: got 9999236, expected at most {MAXIMUM_BODY}",
        3,
        True,
    ),
    "recognition_complete_no_input": (
        UnreadableMessage,
        "header field: got ': no voice', expected 'Name: value'",
        3,
        False,
    ),
}

Told = MrcpMessage | tuple[type[UnreadableMessage], str, int, str, bool]


def told(found: list[MrcpMessage | UnreadableMessage]) -> list[Told]:
    """Messages as they are, errors as what they tell."""
    return [
        (type(each), each.reason, each.request_id, each.channel, each.fatal)
        if isinstance(each, UnreadableMessage)
        else each
        for each in found
    ]


def whole(stream: bytes) -> list[Told]:
    return told(Deframer().feed(stream))


def octet_by_octet(stream: bytes) -> list[Told]:
    deframer = Deframer()
    return told([each for at in range(len(stream)) for each in deframer.feed(stream[at : at + 1])])


def test_every_vector_has_a_row_here_and_every_message_its_twins() -> None:
    assert EXPECTED.keys() == REFUSED.keys()
    expected = {*EXPECTED, *LENIENT, *(name + twin for name in EXPECTED for twin in TWINS)}
    assert {path.stem for path in VECTORS.glob("*.txt")} == expected


@pytest.mark.parametrize("name", [*EXPECTED, *LENIENT])
def test_a_vector_is_the_message_it_spells_however_it_arrives(name: str) -> None:
    message, wrong = LENIENT.get(name) or (EXPECTED[name], 0)
    stream = octets(name)
    deframer = Deframer()
    assert deframer.feed(stream) == [message]
    assert (deframer.wrong_lengths, deframer.broken) == (wrong, False)
    assert octet_by_octet(stream) == [message]
    assert whole(stream * 3) == octet_by_octet(stream * 3) == [message] * 3
    for trailing in (b"\r\n", b"M", b"MRCP/2.0 90 STOP 7\r\n"):
        assert whole(stream + trailing) == octet_by_octet(stream + trailing) == [message]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_vector_is_refused_with_what_could_be_read(name: str) -> None:
    kind, reason, request_id, fatal = REFUSED[name]
    channel = "" if name == "response_failed" else CHANNEL[1]
    refused = (kind, reason, request_id, channel, fatal)
    stream = octets(f"{name}_invalid")
    assert whole(stream) == octet_by_octet(stream) == [refused]
    following = [] if fatal else [EXPECTED["stop"]]
    stream += octets("stop")
    assert whole(stream) == octet_by_octet(stream) == [refused, *following]
    assert issubclass(kind, MalformedMessage)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_truncated_vector_is_awaited(name: str) -> None:
    stream = octets(f"{name}_truncated")
    assert octets(name).startswith(stream)
    assert whole(stream) == octet_by_octet(stream) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_is_what_the_serialiser_writes(name: str) -> None:
    written = encode(EXPECTED[name])
    assert whole(written) == [EXPECTED[name]]
    assert int(written.split()[1]) == len(written)


# The length that counts itself


@pytest.mark.parametrize("size", [*range(12), *range(20, 110), *range(890, 1010), 9_950, 99_949, 99_950, 99_951])
def test_the_message_length_counts_its_own_digits(size: int) -> None:
    written = encode(MrcpRequest("RECOGNIZE", 1, headers(), b"x" * size))
    assert int(written.split()[1]) == len(written)
    deframer = Deframer()
    assert len(deframer.feed(written)) == 1
    assert deframer.wrong_lengths == 0


def with_lengths(message_length: int, content_length: int, content: bytes) -> bytes:
    head = (
        f"MRCP/2.0 {message_length:05} RECOGNIZE 3\r\n{': '.join(CHANNEL)}\r\nContent-Length: {content_length}\r\n\r\n"
    )
    return head.encode() + content


def test_a_content_length_that_is_too_long_is_found_out_by_the_message_length() -> None:
    right = len(with_lengths(0, 30, b"builtin:speech/boolean"))
    stream = with_lengths(right, 30, b"builtin:speech/boolean") + octets("stop")
    found = [MrcpRequest("RECOGNIZE", 3, headers(), b"builtin:speech/boolean"), EXPECTED["stop"]]
    assert whole(stream) == octet_by_octet(stream) == found


def test_a_content_length_in_characters_loses_the_end_of_the_body_but_not_the_next_message() -> None:
    content = "<item>là-bas, près, été</item>".encode()
    right = len(with_lengths(0, 26, content))
    stream = with_lengths(right, 26, content) + octets("stop")
    found = [MrcpRequest("RECOGNIZE", 3, headers(), content[:26]), EXPECTED["stop"]]
    assert whole(stream) == octet_by_octet(stream) == found


def test_only_as_much_is_skipped_as_the_message_length_covers() -> None:
    stream = with_lengths(len(with_lengths(0, 4, b"four")) + 3, 4, b"four") + b"abc" + octets("stop")
    assert (
        whole(stream) == octet_by_octet(stream) == [MrcpRequest("RECOGNIZE", 3, headers(), b"four"), EXPECTED["stop"]]
    )
    stream = with_lengths(len(with_lengths(0, 4, b"four")) + 3, 4, b"four") + b"abcd" + octets("stop")
    found = whole(stream)
    assert found == octet_by_octet(stream)
    assert found[1:] == [(UnreadableMessage, "message: got 'd', expected it to begin with 'MRCP/2.0'", 0, "", True)]


def test_a_huge_message_length_is_no_reason_to_wait() -> None:
    stream = b"MRCP/2.0 9999999999999999999 STOP 10\r\n" + f"{': '.join(CHANNEL)}\r\n\r\n".encode()
    assert whole(stream + stream) == octet_by_octet(stream + stream) == [MrcpRequest("STOP", 10, headers())] * 2


def test_two_content_lengths_that_differ_are_refused() -> None:
    stream = b"MRCP/2.0 90 STOP 10\r\nContent-Length: 2\r\ncontent-length:3\r\n\r\nabc"
    reason = "Content-Length: got different values, expected the octets of the body"
    assert whole(stream) == octet_by_octet(stream) == [(UnreadableMessage, reason, 10, "", True)]


# Bounds


def test_a_head_without_end_is_too_large() -> None:
    stream = b"MRCP/2.0 90 STOP 10\r\n" + b"X: y\r\n" * 20_000
    deframer = Deframer()
    found = [each for at in range(0, len(stream), 1000) for each in deframer.feed(stream[at : at + 1000])]
    reason = f"start line and header fields: at most {MAXIMUM_HEAD} octets"
    assert told(found) == whole(stream) == [(MessageTooLarge, reason, 10, "", True)]
    assert deframer.feed(octets("stop")) == []


def test_many_header_fields_are_refused_and_the_stream_lives() -> None:
    stream = encode(MrcpRequest("STOP", 10, Headers((("X", "y"),) * 257)))
    reason = "header fields: got 257, expected at most 256"
    assert whole(stream + octets("stop")) == [(UnreadableMessage, reason, 10, "", False), EXPECTED["stop"]]


def test_the_largest_body_is_the_callers_choice() -> None:
    message = MrcpRequest("RECOGNIZE", 3, headers(), b"12345")
    assert Deframer(5).feed(encode(message)) == [message]
    refused = Deframer(4).feed(encode(message))
    assert told(refused) == [
        (MessageTooLarge, "Content-Length: got 5, expected at most 4", 3, CHANNEL[1], True),
    ]


def test_octets_of_another_protocol_are_refused_at_the_first_that_differs() -> None:
    for stream, got in ((b"GET / HTTP/1.1\r\n\r\n", "'G'"), (b"MRCQ", "'MRCQ'"), (b"\x16\x03\x01", "'\\x16'")):
        reason = f"message: got {got}, expected it to begin with 'MRCP/2.0'"
        assert whole(stream) == octet_by_octet(stream) == [(UnreadableMessage, reason, 0, "", True)]


def test_keeping_alive_costs_nothing() -> None:
    deframer = Deframer()
    for _ in range(3):
        assert deframer.feed(b"\r\n\r\n") == []
    assert deframer.feed(octets("stop")) == [EXPECTED["stop"]]


# Header fields


def test_names_are_compared_without_case_and_may_be_repeated() -> None:
    fields = Headers((("Content-Id", "a"), ("X", "1"), ("CONTENT-ID", "b")))
    assert fields.get("content-id") == "a"
    assert fields.all("Content-ID") == ("a", "b")
    assert fields.get("y") == ""
    assert fields.get("y", "z") == "z"
    assert "x" in fields
    assert "y" not in fields
    assert fields.without("content-ID") == Headers.of(X="1")
    assert fields.without("content-ID").with_field("A-B", "2") == Headers.of(X="1", A_B="2")
    assert list(Headers.of(X="1")) == [("X", "1")]


def test_no_value_can_begin_a_line_of_its_own() -> None:
    written = encode(MrcpResponse(1, 200, RequestState.COMPLETE, Headers.of(Completion_Reason="a\r\nX: y\0b\ud800")))
    assert written.endswith(b"Completion-Reason: a  X: y b?\r\n\r\n")


LONG = Headers.of(
    Completion_Reason='"' + "é" * 700 + '"',
    Failed_URI="http://" + "x" * 2000,
    Waveform_URI="<http://" + "x" * 2000 + ">;size=1",
    Vendor_Specific_Parameters="a=" + "b" * 981,
)


@pytest.mark.parametrize(
    "message",
    [
        MrcpResponse(1, 407, RequestState.COMPLETE, LONG),
        MrcpEvent("RECOGNITION-COMPLETE", 1, RequestState.COMPLETE, LONG),
    ],
)
def test_a_server_writes_no_line_longer_than_a_client_can_take(message: MrcpMessage) -> None:
    written = encode(message)
    assert max(map(len, written.split(b"\r\n"))) <= LONGEST_LINE
    read = parse_message(written).headers
    assert read.get("Completion-Reason") == '"' + "é" * 489 + '"'
    assert read.get("Failed-URI") == "http://" + "x" * (LONGEST_LINE - 12 - 7)
    assert read.all("Waveform-URI") == ("",)
    assert read.get("Vendor-Specific-Parameters") == ""


def test_a_client_may_write_long_lines() -> None:
    message = MrcpRequest("SET-PARAMS", 1, Headers.of(Vendor_Specific_Parameters="a=" + "b" * 5000))
    assert parse_message(encode(message)) == message


# Properties

TOKENS = st.text("abcXYZ019-!#$%&'*+.^_`|~", min_size=1, max_size=12).filter(
    lambda name: name.lower() != "content-length"
)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(lambda value: value.strip())
FIELDS = st.lists(st.tuples(TOKENS, VALUES), max_size=6).map(lambda fields: Headers(tuple(fields)))
NAMES = st.text("ABCXYZ-", max_size=10).map(lambda rest: "M" + rest)
IDENTIFIERS = st.integers(0, 2**32 - 1)
STATES = st.sampled_from(RequestState)
BODIES = st.binary(max_size=80) | st.just(b"MRCP/2.0 76 STOP 10\r\n\r\n")
MESSAGES = (
    st.builds(MrcpRequest, NAMES, IDENTIFIERS, FIELDS, BODIES)
    | st.builds(MrcpResponse, IDENTIFIERS, st.integers(100, 999), STATES, FIELDS, BODIES)
    | st.builds(MrcpEvent, NAMES, IDENTIFIERS, STATES, FIELDS, BODIES)
)


def in_pieces(stream: bytes, cuts: list[int]) -> list[Told]:
    deframer = Deframer()
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(ends)]
    return told([each for piece in pieces for each in deframer.feed(piece)])


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 1500), max_size=6))
def test_messages_survive_the_way_in_any_pieces(messages: list[MrcpMessage], cuts: list[int]) -> None:
    stream = b"".join(map(encode, messages))
    assert in_pieces(stream, cuts) == messages
    for message in messages:
        assert parse_message(encode(message)) == message


PIECES = st.sampled_from(
    [octets(name) for name in EXPECTED]
    + [b"MRCP/2.0 ", b"mrcp/2.0 5 ", b"STOP 1", b"\r\n", b"\r\n\r\n", b"\n\n", b" ", b": ", b"Content-Length: 7\r\n"]
)


@given(st.lists(PIECES | st.binary(max_size=8), max_size=8).map(b"".join), st.lists(st.integers(0, 1500), max_size=6))
def test_any_octets_in_any_pieces_give_the_same_messages_and_no_other_error(stream: bytes, cuts: list[int]) -> None:
    found = whole(stream)
    assert in_pieces(stream, cuts) == found
    for each in found:
        if isinstance(each, tuple):
            assert len(each[1]) < 300
            each[1].encode()


@given(st.sampled_from([*EXPECTED]), st.data())
def test_a_vector_with_any_octet_changed_raises_nothing(name: str, data: st.DataObject) -> None:
    stream = bytearray(octets(name))
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    assert whole(bytes(stream)) == octet_by_octet(bytes(stream))
    try:
        parse_message(bytes(stream))
    except ClientError as error:
        assert isinstance(error, UnreadableMessage)


@given(st.binary(max_size=200))
def test_no_octets_are_more_than_unreadable(stream: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        parse_message(stream)
