"""Bodies of MRCPv2 messages: lists of grammars, and parts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.errors import MalformedMessage
from h2b.wire.mrcpbody import (
    Part,
    WeightedGrammar,
    encode_multipart,
    parse_grammar_list,
    parse_multipart,
    parse_uri_list,
)
from h2b.wire.mrcptext import Headers, parse_message

VECTORS = Path(__file__).parent.parent / "vectors" / "mrcp"


def body(name: str) -> bytes:
    return parse_message((VECTORS / f"{name}.txt").read_bytes()).body


def refusal(parse: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(MalformedMessage) as caught:
        parse(*arguments)
    return caught.value.reason


def test_a_uri_list_has_one_uri_a_line_and_comments() -> None:
    assert parse_uri_list(body("recognize")) == ("session:place@form-level", "builtin:speech/boolean")
    assert parse_uri_list(b"") == ()
    assert parse_uri_list(b" a \n\n#b\r\nc#d?e=,f g") == ("a", "c#d?e=,f g")


def test_a_grammar_list_has_weights() -> None:
    assert parse_grammar_list(body("recognize_weights")) == (
        WeightedGrammar("session:place@form-level", 2.0),
        WeightedGrammar("http://grammars.example/a,b.grxml", 0.75),
        WeightedGrammar("builtin:speech/boolean"),
    )
    assert parse_grammar_list(b'<a> ; Weight = ".5" ,\nb,c\n\n<d>,') == (
        WeightedGrammar("a", 0.5),
        WeightedGrammar("b,c"),
        WeightedGrammar("d"),
    )


@pytest.mark.parametrize("rest", [";weight=", ";weight=.", ";weight=-1", ';weight="1', ";weight=nan", ";heavy", "x"])
def test_what_is_no_weight_is_refused(rest: str) -> None:
    assert refusal(parse_grammar_list, f"<a>{rest}".encode()) == (
        f'grammar list: got {rest!r}, expected weight="0.8" or the like'
    )


def test_lists_are_bounded() -> None:
    assert refusal(parse_uri_list, b"a\n" * 65) == "grammar list: got 65 lines, expected at most 64"
    assert refusal(parse_uri_list, b"a" * 8193) == (
        f"grammar list: got '{'a' * 78}…, expected a URI of at most 8192 characters"
    )
    assert refusal(parse_grammar_list, b"<>") == "grammar list: got '', expected a URI of at most 8192 characters"
    assert refusal(parse_uri_list, b"a\0b") == (
        "grammar list: got 'a\\x00b', expected a URI of at most 8192 characters"
    )
    assert refusal(parse_uri_list, b"caf\xe9") == "body: got octet 0xe9, expected UTF-8"
    assert len(parse_uri_list(b"#\n\n" * 1000 + b"a\n" * 64)) == 64


def test_parts_have_headers_and_bodies() -> None:
    assert parse_multipart('multipart/mixed; boundary="next"', body("recognize_parts")) == (
        Part(Headers.of(Content_Type="text/uri-list"), b"builtin:speech/boolean"),
        Part(Headers.of(Content_Type="application/srgs+xml", Content_ID="<pin@form-level>"), b"<grammar/>"),
    )


def test_what_stands_around_the_parts_is_left_out() -> None:
    text = b"for people\n--a \n\nbare\n--ab\n--a-- \nthe end\n--a\n\nno part"
    assert parse_multipart("multipart/mixed;charset=x; Boundary = a;y", text) == (Part(body=b"bare\n--ab"),)


def test_a_missing_last_boundary_is_forgiven() -> None:
    parts = parse_multipart("multipart/mixed;boundary=a", b"--a\r\nX:\r\n y\r\n\r\none\r\n--a\r\n\r\ntwo")
    assert parts == (Part(Headers.of(X="y"), b"one"), Part(body=b"two"))


@pytest.mark.parametrize(
    ("content_type", "content", "reason"),
    [
        (
            "multipart/mixed",
            b"--a\r\n\r\n\r\n--a--",
            "Content-Type: got 'multipart/mixed', expected multipart/mixed with a boundary",
        ),
        (
            'multipart/mixed; boundary="[a]"',
            b"",
            "Content-Type: got 'multipart/mixed; boundary=\"[a]\"', expected multipart/mixed with a boundary",
        ),
        ("m;boundary=a", b"", "multipart body: got no line '--a', expected one before each part"),
        ("m;boundary=a", b"--a--", "multipart body: got no line '--a', expected one before each part"),
        ("m;boundary=a", b"--a\r\nno part\r\n--a--", "header field: got 'no part', expected 'Name: value'"),
        ("m;boundary=a", b"--a\nX\n\n--a--", "header field: got 'X', expected 'Name: value'"),
        ("m;boundary=a", b"--a\n\n\n" * 33, "multipart body: expected at most 32 parts"),
    ],
)
def test_what_has_no_parts_is_refused(content_type: str, content: bytes, reason: str) -> None:
    assert refusal(parse_multipart, content_type, content) == reason


PARTS = st.builds(
    Part,
    st.lists(st.tuples(st.sampled_from(["Content-ID", "X"]), st.text("aé <>", max_size=5).map(str.strip)), max_size=3)
    .map(tuple)
    .map(Headers),
    st.binary(max_size=40).filter(lambda content: b"--next" not in content),
)


@given(st.lists(PARTS, min_size=1, max_size=4).map(tuple))
def test_parts_survive_the_way(parts: tuple[Part, ...]) -> None:
    assert parse_multipart("multipart/mixed; boundary=next", encode_multipart(parts, "next")) == parts


PIECES = st.sampled_from([b"--a", b"--a--", b"\r\n", b"\n", b"<a>", b";weight=", b"1", b"#", b"X: y", b" ", b"\xff"])


@given(st.lists(PIECES | st.binary(max_size=4), max_size=12).map(b"".join), st.text(max_size=20))
def test_no_body_raises_anything_but_malformed(content: bytes, content_type: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: parse_uri_list(content),
        lambda: parse_grammar_list(content),
        lambda: parse_multipart("multipart/mixed;boundary=a", content),
        lambda: parse_multipart(content_type, content),
    ]
    for attempt in attempts:
        try:
            attempt()
        except MalformedMessage as error:
            assert len(error.reason) < 300
