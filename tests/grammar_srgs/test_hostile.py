"""Grammars that mean harm, and text that is none: nothing but our own error leaves the loader or the matcher."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.srgs.conformance import inside_folders
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import match
from h2b.model.errors import GrammarDefinitionError

PAIRS = Path(__file__).parent.parent / "vectors" / "srgs"
VALID = {path.name: path.read_bytes() for path in sorted(PAIRS.iterdir())}
TYPES = st.sampled_from((None, "application/srgs", "application/srgs+xml"))
XML = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r">'
ABNF = "#ABNF 1.0;\nlanguage en;\nroot $r;\n"


def read_or_refused(source: bytes, media_type: str | None = None) -> str:
    """What was wrong, or nothing."""
    try:
        match(load(source, "x", inside_folders(PAIRS), media_type), ["a"])
    except GrammarDefinitionError as error:
        assert error.reason.startswith("grammar '")
        return error.reason
    return ""


ABNF_SIGNS = st.sampled_from(
    (
        *(
            "$r",
            "$s",
            "$NULL",
            "$VOID",
            "$GARBAGE",
            "$",
            "$$",
            "$<",
            "$<o.gram#x>",
            "$<builtin:x>",
            "<o>~<application/srgs>",
        ),
        *("=", ";", "|", "(", ")", "[", "]", "{", "}", "{!{", "}!}", "<0-1>", "<2->", "<0-1 /0.5/>", "<", ">"),
        *(
            "/0.5/",
            "/",
            "//",
            "/*",
            "*/",
            "/**",
            "@example a\n",
            "!fr",
            "!",
            '"',
            "'",
            '"a b"',
            "a",
            "*",
            "\n",
            "\0",
            "é",
        ),
        *(
            "public",
            "private",
            "language en;",
            "mode voice;",
            "root $r;",
            "base <b/>;",
            "meta 'a' is 'b';",
            "lexicon <x>;",
        ),
    )
)
XML_SIGNS = st.sampled_from(
    (
        *("<item>", "</item>", "<one-of>", "</one-of>", "<rule id='s'>", "</rule>", "<tag>", "</tag>", "<?x?>", "<!--"),
        *("<token>", "</token>", "<example>", "</example>", "<lexicon/>", "<![CDATA[", "]]>", "<x:y xmlns:x='z'/>"),
        *("<ruleref uri='#r'/>", "<ruleref uri='//[/'/>", "<ruleref uri='sizes.gram'/>", "<ruleref special='VOID'/>"),
        *("<item repeat='2-1'/>", "<item weight='x'/>", "<item repeat='0-' repeat-prob='.1'>", "<item xml:lang='_'>"),
        *("a", '"', "&x;", "&#0;", "&amp;", "\0", "é"),
    )
)


@given(st.lists(ABNF_SIGNS, max_size=20).map(" ".join))
def test_random_signs_of_abnf(signs: str) -> None:
    for text in (signs, ABNF + signs, f"{ABNF}$r = {signs};"):
        read_or_refused(text.encode(), "application/srgs")


@given(st.lists(XML_SIGNS, max_size=15).map("".join))
def test_random_signs_of_xml(signs: str) -> None:
    for text in (f"{XML}{signs}</grammar>", f"{XML}<rule id='r'>{signs}</rule></grammar>"):
        read_or_refused(text.encode())


@given(
    st.binary(max_size=80),
    st.sampled_from((b"", b"#ABNF 1.0;", b"#ABNF 1.0 latin-1;", b"\xff\xfe#\0", b"<?xml ")),
    TYPES,
)
def test_bytes_of_any_kind(noise: bytes, head: bytes, media_type: str | None) -> None:
    read_or_refused(head + noise, media_type)


@given(st.text(max_size=60))
def test_text_of_any_kind(text: str) -> None:
    read_or_refused((ABNF + text).encode("utf-8", "surrogatepass"))
    read_or_refused(f"{ABNF}$r = {text};".encode("utf-16", "surrogatepass"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid document with pieces cut out, doubled, moved or overwritten."""
    source = draw(st.sampled_from(sorted(VALID.values())))
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(source))] * 2)))
        piece = draw(
            st.sampled_from((b"", source[start:end] * 2, source[end:], b"<", b'"', b";", b"\0", b"&", b"\xff"))
        )
        source = source[:start] + piece + source[end:]
    return source


@given(mutated(), TYPES)
def test_valid_documents_that_were_damaged(source: bytes, media_type: str | None) -> None:
    read_or_refused(source, media_type)


@pytest.mark.parametrize("name", sorted(VALID))
def test_valid_documents_cut_short(name: str) -> None:
    for length in range(0, len(VALID[name]), 7):
        read_or_refused(VALID[name][:length])


def laughs(count: int) -> str:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, count))
    return f'<!DOCTYPE g [<!ENTITY e0 "ha">{entities}]>{XML}<rule id="r">&e{count - 1};</rule></grammar>'


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (laughs(12), "line 1: "),
        (laughs(12).replace('id="r">', 'id="r"><item weight="&e11;"/>'), "line 1: "),
        (
            f'<!DOCTYPE g [<!ENTITY a "{"a" * 100_000}">]>{XML}<rule id="r">{"&a;" * 10_000}</rule></grammar>',
            "line 1: ",
        ),
        (
            f'<!DOCTYPE g [<!ENTITY f SYSTEM "file:///etc/passwd">]>{XML}<rule id="r">&f;</rule></grammar>',
            "entities and processing instructions are not read inside a rule",
        ),
        (
            f'<!DOCTYPE g [<!ENTITY f SYSTEM "file:///etc/passwd">]>{XML}<rule id="r"><tag>&f;</tag></rule></grammar>',
            "<tag> holds text alone",
        ),
        (
            f'<!DOCTYPE g SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]>{XML}</grammar>',
            "",
        ),
        (f"{XML}<rule id='r'>{'<item>' * 100}a{'</item>' * 100}</rule></grammar>", "more than 64 parts inside"),
        (f"{XML}<rule id='r'>{'<item>' * 9000}a{'</item>' * 9000}</rule></grammar>", ""),
        (f"{XML}<rule id='r'>{'a ' * 1_000_000}</rule></grammar>", "more than 100000 parts"),
        (f"{ABNF}$r = {'(' * 100}a{')' * 100};", "more than 64 parts inside one another"),
        (f"{ABNF}$r = {'[' * 1_000_000};", "more than 64 parts inside one another"),
        (f"{ABNF}$r = {'a|' * 1_000_000}a;", "more than 100000 parts"),
        (f"{ABNF}$r = {'{!{' * 1_000_000};", "expected a tag that ends"),
        (f"{ABNF}$r = a {'/* ' * 1_000_000};", "a comment does not end"),
        (f"{ABNF}$r = a {'/* */' * 500_000}(;", "expected a token, tag, rule or group"),
        (f"{ABNF}$r = {'/ ' * 1_000_000};", "expected a token, tag, rule or group"),
        (f"{ABNF}$r = a <{'0' * 1_000_000}>;", "expected n, m-n or m-"),
        (f"{ABNF}$r = a < {' ' * 1_000_000}x>;", "expected a repeat"),
        (f"{ABNF}{chr(10) * 3_000_000}", "no rules"),
        (f"{ABNF}$r = {'(' * 60}{'w ' * 20_000}{')!fr' * 60};", ""),
        (f"{ABNF}$r = {'(' * 60}{'w | ' * 60_000}w{')!fr' * 60};", ""),
        (f"{ABNF}// {'/** ' * 100_000}\n$r = a;", ""),
        (f"{ABNF}$r = $<builtin:speech/date\nbuiltin:speech/boolean>;", "a URI stands on one line"),
        (f"{XML}<rule id='r'><ruleref uri='builtin:x&#x2028;builtin:y'/></rule></grammar>", "a URI stands on one line"),
        ("#ABNF 1.0;\nmode dtmf;\nroot $r;\n$r = 1 $<builtin:speech/date>;", "a grammar of keys refers to no"),
        (ABNF + "$r = $e0 " + " ".join(f"$e{n}<30>" for n in range(1999)) + ";"
         + "".join(f"$e{n} = $e{n - 1};" if n else "$e0 = $NULL;" for n in range(1999)), ""),
    ],
)  # fmt: skip
def test_bombs_are_refused_in_little_time(source: str, why: str) -> None:
    start = time.process_time()
    assert why in read_or_refused(source.encode())
    assert time.process_time() - start < 10


def test_documents_that_refer_without_end_are_refused() -> None:
    def resolve(uri: str) -> bytes:
        return f"#ABNF 1.0; language en; root $r; $r = a $<{uri}x>;".encode()

    with pytest.raises(GrammarDefinitionError, match="line 1: more than 20 documents"):
        load(resolve("o"), "o", resolve)


def test_documents_that_are_large_together_are_refused() -> None:
    large = "#ABNF 1.0; language en; root $r; $r = " + "a " * 60_000

    def resolve(uri: str) -> bytes:
        return f"{large} [$<{uri}x>];".encode()

    with pytest.raises(GrammarDefinitionError, match="more than 200000 parts in all documents"):
        load(resolve("o"), "o", resolve)
