"""What clients send on the WebSocket and on MRCP's control channel, damaged."""

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.params import PARAMETERS
from h2b.telephony.sdp import parse_sdp
from h2b.telephony.sdp_answer import AnswerSettings, accept_offer, answer
from h2b.telephony.sdp_client import read_grant
from h2b.telephony.sdp_offer import read_offer
from h2b.wire import json as wire
from h2b.wire import nlsml
from h2b.wire.mrcp import flag, flavour_of, read_given
from h2b.wire.mrcpbody import parse_grammar_list, parse_multipart, parse_uri_list
from h2b.wire.mrcptext import Deframer, Headers, MrcpMessage
from h2b.wire.nlsml import Flavour
from h2b.wire.vocabulary import MRCP_PARAMETERS, MRCP_VENDOR, Header
from tests.fuzz.damage import cases, damaged, damaged_text, read_or_refused, vectors

COMMANDS, EVENTS = vectors("json/commands", ".json"), vectors("json/events", ".json")
JSON_SIGNS = (b"null", b"true", b"NaN", b'"\\ud800"', b'"\\u0000"', b"1.5", b"[]", b"{}", b'"a":1,', b"-0", b"1E400")


@cases()
@given(damaged_text(COMMANDS, JSON_SIGNS))
def test_damaged_commands(text: str) -> None:
    read_or_refused(lambda: wire.decode(text))


@cases()
@given(damaged_text(EVENTS, JSON_SIGNS))
def test_damaged_events(text: str) -> None:
    read_or_refused(lambda: wire.decode_event(text))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def whole(text: bytes) -> bool:
    try:
        return bool(places(json.loads(text)))
    except ValueError:
        return False


ODD = st.sampled_from(
    [None, True, 0, -1, 2**63, 10**30, 1e308, -0.0, "", "\ud800", "\0", "é" * 9000, [], {}, [[]], {"": None}]
).map(copy.deepcopy)


@cases()
@given(st.sampled_from([text for text in EVENTS + COMMANDS if whole(text)]), st.data())
def test_frames_with_other_values_in_any_place(text: bytes, data: st.DataObject) -> None:
    frame = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(frame)))
        container[key] = data.draw(ODD)
    odd = json.dumps(frame)
    read_or_refused(lambda: wire.decode(odd))
    read_or_refused(lambda: wire.decode_event(odd))


MRCP = vectors("mrcp", ".txt")
MRCP_SIGNS = (b"MRCP/2.0 ", b"Content-Length: ", b"Content-Type: multipart/mixed; boundary=", b"--", b"\r\n\r\n", b": ")


@cases()
@given(damaged(MRCP, MRCP_SIGNS), st.integers(1, 3000))
def test_damaged_streams_of_mrcp(stream: bytes, step: int) -> None:
    def read() -> None:
        deframer = Deframer()
        for at in range(0, len(stream), step):
            for message in deframer.feed(stream[at : at + step]):
                if isinstance(message, MrcpMessage):
                    read_or_refused(lambda message=message: read_given(message.headers))
                    for parse in (parse_uri_list, parse_grammar_list, nlsml.decode):
                        read_or_refused(lambda parse=parse, message=message: parse(message.body))

    read_or_refused(read)


VALUES = st.one_of(
    st.sampled_from(["true", "FALSE", "0.5", ".5", "1.", "5000", "en-US", "hotword", "#", "٣", "\ud7ff", "1e5", "+1"]),
    damaged_text([b'H2B-Custom-ID=a;b="c;\\"d";e=f', b"text/uri-list;q=1,application/nlsml+xml", b"5000", b"0.50"]),
    st.text(max_size=20),
)
NAMES = st.sampled_from(sorted({*map(str, Header), *MRCP_PARAMETERS.values(), *MRCP_VENDOR.values(), *PARAMETERS}))


@cases(400)
@given(st.lists(st.tuples(NAMES | st.text(max_size=8), VALUES), max_size=6))
def test_header_fields_of_any_value(fields: list[tuple[str, str]]) -> None:
    headers = Headers(tuple(fields))
    read_or_refused(lambda: read_given(headers))
    read_or_refused(lambda: flavour_of(headers, Flavour.RFC))
    for header in Header:
        read_or_refused(lambda header=header: flag(headers, header))


PART = b"--a\r\nContent-Type: text/uri-list\r\nContent-ID: <b>\r\n\r\nsession:x\r\n--a--\r\n"


@cases()
@given(damaged([PART]), damaged_text([b"multipart/mixed; boundary=a", b'multipart/mixed;boundary="a"']))
def test_damaged_parts(body: bytes, content_type: str) -> None:
    read_or_refused(lambda: parse_multipart("multipart/mixed; boundary=a", body))
    read_or_refused(lambda: parse_multipart(content_type, body))


RESULTS = [octets[octets.index(b"<?xml") :] for octets in MRCP if b"<?xml" in octets and b"<result" in octets]


@cases()
@given(
    damaged(
        RESULTS, (b"<input>", b"</input>", b"<!DOCTYPE a>", b"&a;", b"<![CDATA[", b"<nomatch/>", b"timestamp-end=")
    ),
    st.sampled_from([b"", b' timestamp-start="2021-01-01T00:00:00+00:00" timestamp-end="1999-01-01T00:00:00Z"']),
)
def test_damaged_results(document: bytes, times: bytes) -> None:
    document = document.replace(b"<input", b"<input" + times, 1)
    read_or_refused(lambda: nlsml.decode(document))


OFFERS = vectors("sdp", ".sdp")
ANSWERS = AnswerSettings(
    address="192.0.2.1", channel="c", control_port=1544, tls_port=1545, fingerprint="sha-256 12:34"
)


@cases()
@given(damaged(OFFERS, (b"a=rtpmap:", b"m=audio ", b"a=fmtp:", b"a=ptime:", b"m=application 9 TCP/MRCPv2 1\r\n", b"/")))
def test_damaged_offers_and_answers(octets: bytes) -> None:
    def answered() -> None:
        acceptance = accept_offer(read_offer(parse_sdp(octets)), ANSWERS)
        answer(acceptance, ANSWERS, {audio.index: 20_000 for audio in read_offer(parse_sdp(octets)).audio})

    read_or_refused(answered)
    read_or_refused(lambda: read_grant(octets))


# The longest input there can be

FIELD = 65_000
MESSAGE = 1_048_000


BLANKS = " " * FIELD
LONG = [BLANKS, "a" + BLANKS, f"a={BLANKS}x", 'a="' + '\\"' * (FIELD // 2), "=" * FIELD, ";" * FIELD, "a" * FIELD]
REPEATED = [piece * (FIELD // len(piece)) for piece in ('a="\\', "a=b;", "a =", 'a="b" ', 'a="b";', "\\")]


@pytest.mark.parametrize("raw", [*LONG, *REPEATED], ids=lambda raw: repr(raw[:6]))
def test_the_longest_field_of_a_vendor_is_read_at_once(raw: str) -> None:
    began = time.process_time()
    read_or_refused(lambda: read_given(Headers(((Header.VENDOR_SPECIFIC, raw),))))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("piece", ["[],", '{"a":[]},', '"",', "[[[[]]]],", "1,"])
def test_the_longest_message_costs_little(piece: str) -> None:
    text = f'{{"command":"OPEN","request_id":1,"headers":[{piece * (MESSAGE // len(piece))}0]}}'
    began = time.process_time()
    with pytest.raises(wire.Unreadable) as refused:
        wire.decode(text)
    assert time.process_time() - began < 2.5
    assert (refused.value.request_id, str(refused.value)) == (1, "message: got more than 50000 values, expected fewer")
