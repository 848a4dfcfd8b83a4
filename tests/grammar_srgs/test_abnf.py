"""SRGS in ABNF: each construct, what it becomes, and what is refused with its line."""

import codecs

import pytest

from h2b.grammar.srgs.conformance import logical_parse
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import match
from h2b.grammar.srgs.model import Alternatives, Grammar, Reference, Repeat, Token, parts_of
from h2b.model.errors import GrammarDefinitionError

from .written import token_languages

HEADER = "#ABNF 1.0 UTF-8;\nlanguage en;\nroot $r;\n"


def grammar(rules: str) -> Grammar:
    return load((HEADER + rules).encode())


def parsed(rules: str, said: str) -> str:
    parse = match(grammar(rules), said.split()).parse
    return logical_parse(parse) if parse else "REJECT"


def refusal(source: bytes) -> str:
    with pytest.raises(GrammarDefinitionError) as refused:
        load(source, "x.gram", media_type="application/srgs")
    assert refused.value.reason.startswith("grammar 'x.gram': line ")
    return refused.value.reason.removeprefix("grammar 'x.gram': ")


@pytest.mark.parametrize(
    ("rules", "said", "expected"),
    [
        ("$r = a b;", "a b", '$r["a","b"]'),
        ("$r=a;", "A", '$r["a"]'),
        ("$r = a | b c;", "b c", '$r["b","c"]'),
        ("$r = a b | c d | e;", "a d", "REJECT"),
        ("$r = /2/ a | /0.5/ b | c;", "c", '$r["c"]'),
        ("$r = / 1. / a {x} | /.5/ a {y};", "a", '$r["a",{!{x}!}]'),
        ("$r = (a | b) c;", "b c", '$r["b","c"]'),
        ("$r = a [b | c] d;", "a d", '$r["a","d"]'),
        ("$r = a [b | c] d;", "a c d", '$r["a","c","d"]'),
        ("$r = a<2>;", "a a", '$r["a","a"]'),
        ("$r = a<2>;", "a", "REJECT"),
        ("$r = a<0-1> b;", "b", '$r["b"]'),
        ("$r = a < 1- > b;", "a a a b", '$r["a","a","a","b"]'),
        ("$r = a <0-1/0.6/> b;", "a b", '$r["a","b"]'),
        ("$r = a<1- /.4/>;", "a a", '$r["a","a"]'),
        ("$r = (a b)<2>;", "a b a b", '$r["a","b","a","b"]'),
        ("$r = a $x<2>; $x = b;", "a b b", '$r["a",$x["b"],$x["b"]]'),
        ("$r = a {tag} {!{ {x} }!};", "a", '$r["a",{!{tag}!},{!{{x}}!}]'),
        ("$r = {only};", "", "$r[{!{only}!}]"),
        ('$r = "New York" "x";', "new york x", '$r["New York","x"]'),
        ("$r = a $NULL;", "a", '$r["a"]'),
        ("$r = a | $VOID b;", "b", "REJECT"),
        ("$r = $GARBAGE a;", "x y a", '$r["a"]'),
        ("$r = a ();", "a", '$r["a"]'),
        ("$r = don't stop, it's no. 1;", "don't stop, it's no. 1", '$r["don\'t","stop,","it\'s","no.","1"]'),
        ("$r = language mode public root;", "language mode public root", '$r["language","mode","public","root"]'),
        ("$r = $public; $public = a;", "a", '$r[$public["a"]]'),
        ("$r = $<#x>; $x = a;", "a", '$r[$x["a"]]'),
        ("$r = a // b\n | /* c | */ d;", "d", '$r["d"]'),
        ("$r = a/*none*/b;", "a b", '$r["a","b"]'),
        ("$r = $règle; private $règle = été;", "été", '$r[$règle["été"]]'),
        ('$r = "{" "very*" "//";', "{ very* //", '$r["{","very*","//"]'),
        ("$r = (((a)));", "a", '$r["a"]'),
    ],
)
def test_what_is_said_has_its_parse(rules: str, said: str, expected: str) -> None:
    assert parsed(rules, said) == expected


def test_weights_order_equal_matches() -> None:
    body = grammar("$r = /0.5/ a | /10/ b | c;").rules["inline#r"].body
    assert isinstance(body, Alternatives)
    assert body.weights == (0.5, 10, 1)
    assert [choice.text for choice in body.preferred if isinstance(choice, Token)] == ["b", "c", "a"]


def test_an_attachment_binds_to_the_part_before_it_and_the_inner_one_wins() -> None:
    found = token_languages(grammar('$r = a b!fr (c "d e"!de | f)!es-MX [g]!fr<0-1> $x!fr h!EN; $x = i;'))
    expected = {"a": "", "b": "fr", "c": "es-MX", "d e": "de", "f": "es-MX", "g": "fr", "h": "", "i": ""}
    assert found == expected


def test_an_attachment_comes_before_a_repeat() -> None:
    body = grammar("$r = oui!fr<1-2>;").rules["inline#r"].body
    assert isinstance(body, Repeat)
    assert isinstance(body.part, Token)
    assert body.part.language == "fr"


def test_the_header_says_all_it_can() -> None:
    source = """#ABNF 1.0;
/* in any order */
{var a = 1;};
tag-format <semantics/1.0>;
root $r;
lexicon <http://example.com/names.pls>~<application/pls+xml>; // not read
meta 'Author' is "O'Hara";
http-equiv "Expires" is '0';
mode voice;
base <http://example.com/>;
language fr-CA;
{!{var b = {};}!};
public $r = oui;"""
    found = load(source.encode())
    assert (found.language, found.dtmf, found.tag_format, found.root) == ("fr-CA", False, "semantics/1.0", "inline#r")
    assert found.tags == ("var a = 1;", "var b = {};")
    assert found.lexicon
    assert found.rules["inline#r"].public
    assert found.rules["inline#r"].line == 13


def test_a_tag_format_without_brackets_is_read_too() -> None:
    assert load(b"#ABNF 1.0; language en; tag-format semantics/1.0-literals; $r = a;").tag_format.endswith("-literals")


def test_a_base_goes_before_one_of_a_meta_declaration() -> None:
    asked: list[str] = []

    def resolve(uri: str) -> bytes:
        asked.append(uri)
        return b"#ABNF 1.0; language en; root $o; $o = a;"

    meta = 'meta "base" is "http://meta.example/";'
    for header in (meta + "base <http://base.example/>;", "base <http://base.example/>;" + meta, meta):
        load(f"#ABNF 1.0; language en; {header} $r = $<o.gram>;".encode(), "x.gram", resolve)
    assert asked == ["http://base.example/o.gram"] * 2 + ["http://meta.example/o.gram"]


def test_a_dtmf_grammar_needs_no_language_and_has_none() -> None:
    found = load(b"#ABNF 1.0; mode dtmf; language en; root $r; $r = 1!fr;")
    assert (found.language, token_languages(found)) == ("", {"1": ""})


@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        ("utf-8", b"", ""),
        ("utf-8", codecs.BOM_UTF8, " UTF-8"),
        ("utf-8", codecs.BOM_UTF8, " ISO-8859-1"),
        ("latin-1", b"", " ISO-8859-1"),
        ("latin-1", b"", " ISO8859-1"),
        ("cp1252", b"", " windows-1252"),
        ("utf-16-le", codecs.BOM_UTF16_LE, " UTF-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, " UTF-16"),
        ("utf-16-be", codecs.BOM_UTF16_BE, ""),
        ("utf-16-le", b"", " UTF-16LE"),
    ],
)
@pytest.mark.parametrize("media_type", [None, "application/srgs", "Application/SRGS; charset=x"])
def test_a_document_is_read_in_its_encoding(encoding: str, mark: bytes, name: str, media_type: str | None) -> None:
    source = mark + f"#ABNF 1.0{name};\nlanguage fr;\nroot $r;\n$r = été;\n".encode(encoding)
    assert match(load(source, media_type=media_type), ["été"]).parse is not None


def test_lines_end_in_any_way() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert refusal(end.join(("#ABNF 1.0;", "language en;", "", "$r = ;")).encode()).startswith("line 4: ")


def test_examples_of_documentation_comments_are_kept() -> None:
    found = grammar("""
/** Not of this rule.
 * @example no */
$x = a;
/**
 * Opens.
 * @example open  the window
 * @see nothing
 * @example   close the door */
/* plain */
$r = $x;
""")
    assert found.examples == ("open the window", "close the door")
    assert grammar("/** @example first */ $r = a;").examples == ("first",)
    assert grammar("$x = a; /* @example no */ $r = a;").examples == ()


def test_references_name_documents_rules_and_types() -> None:
    asked: list[str] = []
    other = {
        "t/o": b"#ABNF 1.0; language en; root $o; $o = a; public $p = b;",
        "x": b'<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="q">'
        b'<rule id="q">c</rule></grammar>',
    }

    def resolve(uri: str) -> bytes | None:
        asked.append(uri)
        return other.get(uri)

    rules = "$r = $<t/o> $<t/o#p~application/srgs> $<t/o#p>~<application/srgs> $<x>~<application/srgs+xml> $<~u/v#w>;"
    with pytest.raises(GrammarDefinitionError, match="cannot read '~u/v'"):
        load((HEADER + rules).encode(), "i", resolve)
    assert asked == ["t/o", "x", "~u/v"]
    found = load((HEADER + rules.replace(" $<~u/v#w>", "")).encode(), "i", resolve)
    labels = [part.label for part in parts_of(found.rules["i#r"].body) if isinstance(part, Reference)]
    assert labels == ["<t/o>", "<t/o#p>", "<t/o#p>", "<x>"]
    assert match(found, ["a", "b", "b", "c"]).parse is not None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "line 1: the first line must be '#ABNF 1.0;' or '#ABNF 1.0 ENCODING;'"),
        ("#ABNF 1.0", "line 1: the first line must be"),
        ("#ABNF 2.0;", "line 1: the first line must be"),
        ("#abnf 1.0;", "line 1: the first line must be"),
        (" #ABNF 1.0;", "line 1: the first line must be"),
        ("#ABNF 1.0 klingon;", "line 1: encoding 'klingon' is not known"),
        ("#ABNF 1.0 zlib;", "line 1: encoding 'zlib' is not known"),
        ("#ABNF 1.0 ascii;\nlanguage en;\n$r = é;", "line 1: not text in ascii: "),
        ("#ABNF 1.0;\n$r = a;", "line 2: the language is missing: a voice grammar needs it"),
        ("#ABNF 1.0;\nlanguage en_GB;\n$r = a;", "line 3: language: got 'en_GB', expected a tag such as en-GB"),
        ("#ABNF 1.0;\nmode talk;", "line 2: mode: got 'talk', expected voice or dtmf"),
        ("#ABNF 1.0;\nmode voice;\nmode voice;", "line 3: a second 'mode'"),
        ("#ABNF 1.0;\nlanguage en\n$r = a;", "line 3: got '$r = a;', expected ';'"),
        ("#ABNF 1.0;\nmeta author is 'x';", "line 2: got 'author is 'x';', expected a quoted string"),
        ("#ABNF 1.0;\nbase folder/;", "line 2: got 'folder/;', expected a URI in < and >"),
        ("#ABNF 1.0;\nroot r;", "line 2: got 'r;', expected a rule such as $name"),
        ("#ABNF 1.0;\nlanguage en;", "line 2: no rules"),
        ("#ABNF 1.0;\nlanguage en;\nroot $s;\n$r = a;", "line 4: the root rule 's' is not defined"),
        ("#ABNF 1.0;\nlanguage en;\n$r = \0;", "line 3: character U+0000 does not stand in a grammar"),
        ("#ABNF 1.0;\nmode dtmf;\n$r = 12;", "line 3: '12' is no key: expected 0 to 9, *, #, A to D, with spaces"),
    ],
)
def test_a_header_that_cannot_be_is_refused(source: str, why: str) -> None:
    assert refusal(source.encode()).startswith(why)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("$r = ;", "got ';', expected a token, tag, rule or group"),
        ("$r = a", "got the end, expected ';'"),
        ("$r a;", "got 'a;', expected '='"),
        ("r = a;", "got 'r = a;', expected a rule such as $name = …"),
        ("$r = a | ;", "got ';', expected a token, tag, rule or group"),
        ("$r = | a;", "got '| a;', expected a token, tag, rule or group"),
        ("$r = a || b;", "got '| b;', expected a token, tag, rule or group"),
        ("$r = (a;", "got ';', expected ')'"),
        ("$r = a);", "got ');', expected ';'"),
        ("$r = [a);", "got ');', expected ']'"),
        ("$r = [];", "got '];', expected a token, tag, rule or group"),
        ("$r = /x/ a;", "weight: got 'x', expected a number"),
        ("$r = /-1/ a | b;", "weight: got '-1', expected a number"),
        ("$r = /1/;", "got ';', expected a token, tag, rule or group"),
        ("$r = a /1/;", "got '/1/;', expected ';'"),
        ("$r = a<2-1>;", "repeat: got '2-1', expected m-n with m up to 1000 and n >= m"),
        ("$r = a<1001>;", "repeat: got '1001', expected m-n with m up to 1000 and n >= m"),
        ("$r = a<1-2-3>;", "repeat: got '1-2-3', expected n, m-n or m-"),
        ("$r = a<-1>;", "got '<-1>;', expected a repeat such as <0-1>, <3>, <1-> or <0-1 /0.6/>"),
        ("$r = a<0-1 /2/>;", "probability: got '2', expected 0 to 1"),
        ("$r = a<2><2>;", "got '<2>;', expected ';'"),
        ("$r = <2> a;", "got '<2> a;', expected a token, tag, rule or group"),
        ("$r = a*;", "'a*': repeats are written <0-> and <1->; else quote it"),
        ("$r = a +;", "'+': repeats are written <0-> and <1->; else quote it"),
        ('$r = "a;', "got '\"a;', expected a quoted token that ends"),
        ("$r = {a;", "got '{a;', expected a tag that ends"),
        ("$r = {!{a};", "got '{!{a};', expected a tag that ends"),
        ("$r = {a {b} };", "got '};', expected ';'; a tag with } inside is written {!{ … }!}"),
        ("$r = a!;", "got '!;', expected a language"),
        ("$r = a!fr!de;", "got '!de;', expected ';'"),
        ("$r = a!123456789;", "language: got '123456789', expected a tag such as en-GB"),
        ("$r = $$;", "got '$$;', expected a rule such as $name"),
        ("$r = $;", "got '$;', expected a rule such as $name"),
        ("$r = $a-b;", "'a-b' cannot be the name of a rule"),
        ("$r = $1;", "'1' cannot be the name of a rule"),
        ("$NULL = a;", "'NULL' cannot be the name of a rule"),
        ("$r = $s;", "rule 'r' refers to 's', which is not defined"),
        ("$r = $<>;", "a reference without a URI"),
        ("$r = $<a;", "got '<a;', expected a URI in < and >"),
        ("$r = $<http://[x/>;", "'http://[x/': Invalid IPv6 URL"),
        ("$r = $<o.gram>;", "cannot read 'o.gram'"),
        ("$r = $r a;", "rule 'r' is left-recursive"),
        ("$r = a; $r = b;", "a second rule 'r'"),
        ("$r = a; mode voice;", "declarations stand before the rules"),
        ("$r = a /* b;", "a comment does not end"),
        ("$r = " + "(" * 100 + "a" + ")" * 100 + ";", "more than 64 parts inside one another"),
        ("$r = " + "a " * 100_001 + ";", "more than 100000 parts"),
        ("".join(f"$r{n} = a;" for n in range(2001)), "more than 2000 rules"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules: str, why: str) -> None:
    assert refusal((HEADER.replace("root $r;", "") + rules).encode()).startswith(f"line 4: {why}")


def test_documents_too_large_and_types_unknown_are_refused() -> None:
    assert "4000001 bytes, at most 4000000 are read" in refusal(b"x" * 4_000_001)
    with pytest.raises(GrammarDefinitionError, match=r"line 1: type 'text/html' is not read"):
        load(b"#ABNF 1.0;", media_type="text/html")


def test_the_type_goes_before_the_looks() -> None:
    with pytest.raises(GrammarDefinitionError, match="not well-formed XML"):
        load((HEADER + "$r = a;").encode(), media_type="application/srgs+xml")
