"""What a grammar holds beside its words, grammars of the server inside it, keys, and the price of large ones."""

import time
from collections.abc import Iterator, Sequence

import pytest

from h2b.grammar.srgs.conformance import logical_parse
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import ExternalParse, Parse, Progress, match, match_keys
from h2b.grammar.srgs.model import Alternatives, External, Grammar, Token
from h2b.model.errors import GrammarDefinitionError

from .written import token_languages

XML = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r"'


def xml(body: str, more: str = "") -> Grammar:
    return load(f'{XML} {more}><rule id="r">{body}</rule></grammar>'.encode())


def abnf(rules: str) -> Grammar:
    return load(f"#ABNF 1.0;\nlanguage en;\nroot $r;\n{rules}\n".encode())


def keys(rules: str) -> Grammar:
    return load(f"#ABNF 1.0;\nmode dtmf;\nroot $r;\n{rules}\n".encode())


def numbers(uri: str, words: Sequence[str], at: int) -> Iterator[tuple[int, object]]:
    """One or two digits, the longer first; `many` says that more can come."""
    end = at
    while end < len(words) and words[end].isdigit() and end < at + 2:
        end += 1
    if "many" in uri and end == len(words):
        yield end + 1, None
    for length in range(end - at, 0, -1):
        yield at + length, int("".join(words[at : at + length]))


def test_a_builtin_grammar_keeps_its_uri_in_both_syntaxes() -> None:
    uri = "builtin:speech/keywords?x=a|b&y=ô c~d"
    for grammar in (xml(f'<ruleref uri="{uri.replace("&", "&amp;")}"/>'), abnf(f"$r = $<{uri}>;")):
        node = grammar.rules["inline#r"].body
        assert isinstance(node, External)
        assert (node.uri, node.label) == (uri, f"<{uri}>")


def test_a_builtin_grammar_gives_words_and_a_value() -> None:
    grammar = abnf("$r = room $n; $n = $<builtin:number> {out = rules.latest();};")
    parse = match(grammar, ["Room", "4", "2"], external=numbers).parse
    assert parse is not None
    room, inner = parse.children
    assert isinstance(room, Token)
    assert isinstance(inner, Parse)
    assert inner.children[0] == ExternalParse("<builtin:number>", "", ("4", "2"), 42)
    assert logical_parse(parse) == '$r["room",$n[$<builtin:number>["4 2"],{!{out = rules.latest();}!}]]'


def test_a_builtin_grammar_is_tried_at_each_of_its_ends() -> None:
    parse = match(abnf("$r = $<builtin:number> $<builtin:number> 3;"), ["1", "2", "3"], external=numbers).parse
    assert parse is not None
    assert [child.value for child in parse.children if isinstance(child, ExternalParse)] == [1, 2]


def test_words_as_given_reach_a_builtin_grammar() -> None:
    asked: list[tuple[str, Sequence[str], int]] = []

    def external(uri: str, words: Sequence[str], at: int) -> list[tuple[int, object]]:
        asked.append((uri, words, at))
        return []

    assert match(abnf("$r = a $<builtin:x?y>;"), ["A", "Bé"], external=external).progress is Progress.DEAD
    assert asked == [("builtin:x?y", ("A", "Bé"), 1)]


@pytest.mark.parametrize(
    ("rules", "said", "progress", "extensible"),
    [
        ("$r = a $<builtin:n>;", "a", Progress.CAN_CONTINUE, True),
        ("$r = a $<builtin:n>;", "a 1", Progress.COMPLETE, False),
        ("$r = a $<builtin:many>;", "a 1", Progress.COMPLETE, True),
        ("$r = a $<builtin:many>;", "a x", Progress.DEAD, False),
        ("$r = a [$<builtin:n>];", "a", Progress.COMPLETE, True),
    ],
)
def test_a_builtin_grammar_says_whether_more_could_match(
    rules: str, said: str, progress: Progress, extensible: bool
) -> None:
    found = match(abnf(rules), said.split(), external=numbers)
    assert (found.progress, found.extensible) == (progress, extensible)


def test_a_builtin_grammar_nobody_knows_is_an_error() -> None:
    with pytest.raises(GrammarDefinitionError, match="'builtin:n' is not known here"):
        match(abnf("$r = $<builtin:n>;"), ["1"])


def test_a_session_alias_is_a_document() -> None:
    documents = {"session:names": b"#ABNF 1.0; language en; root $n; $n = Ann;"}
    for source in (
        b"#ABNF 1.0; language en; root $r; $r = call $<session:names>;",
        f"""{XML}>
        <rule id="r">call <ruleref uri="session:names"/></rule></grammar>""".encode(),
    ):
        assert match(load(source, "session:menu", documents.get), ["call", "ann"]).parse is not None


def test_tokens_know_the_language_around_them() -> None:
    grammar = xml(
        'a <item xml:lang="fr">b <token xml:lang="de">c</token>'
        '<one-of><item xml:lang="EN">d</item><item>e</item></one-of></item> f'
    )
    assert token_languages(grammar) == {"a": "", "b": "fr", "c": "de", "d": "", "e": "fr", "f": ""}


def test_tokens_of_a_document_in_another_language_say_so() -> None:
    other = b"#ABNF 1.0; language fr-CA; root $o; $o = b c!en d!fr;"
    grammar = load(f'{XML}><rule id="r">a <ruleref uri="o"/></rule></grammar>'.encode(), "i", {"o": other}.get)
    assert token_languages(grammar) == {"a": "", "b": "fr-CA", "c": "", "d": "fr"}


def test_tags_of_the_headers_come_in_order_of_reference() -> None:
    documents = {
        "b": b"#ABNF 1.0; language en; root $x; {b1}; {b2}; $x = $<d>;",
        "c": b'<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="x">'
        b'<tag>c1</tag><rule id="x"><ruleref uri="b"/></rule></grammar>',
        "d": b"#ABNF 1.0; language en; root $x; {d1}; $x = y; ",
    }
    source = f'{XML}><tag>a1</tag><rule id="r"><ruleref uri="c"/><ruleref uri="b"/></rule><tag>a2</tag></grammar>'
    assert load(source.encode(), "a", documents.get).tags == ("a1", "a2", "c1", "b1", "b2", "d1")


def test_examples_are_those_of_the_root_rule() -> None:
    source = (
        f'{XML}><rule id="r"><example> open\n it</example>open it<example>"no"</example></rule>'
        '<rule id="s">b<example>b</example></rule></grammar>'
    )
    assert load(source.encode()).examples == ("open it", '"no"')


def test_a_lexicon_is_noticed() -> None:
    assert not xml("a").lexicon
    assert load(f'{XML}><lexicon uri="x"/><rule id="r">a</rule></grammar>'.encode()).lexicon


@pytest.mark.parametrize(
    ("pressed", "progress", "extensible"),
    [
        ("", Progress.CAN_CONTINUE, True),
        ("1", Progress.CAN_CONTINUE, True),
        ("12", Progress.COMPLETE, True),
        ("123", Progress.COMPLETE, True),
        ("1234", Progress.COMPLETE, False),
        ("12#", Progress.COMPLETE, False),
        ("*d", Progress.COMPLETE, False),
        ("9", Progress.DEAD, False),
        ("12x", Progress.DEAD, False),
    ],
)
def test_keys_say_when_the_answer_is_due(pressed: str, progress: Progress, extensible: bool) -> None:
    grammar = keys("$r = (1 | 2 | 3 | 4)<2-4> | (1 | 2)<2> # | star D;")
    found = match_keys(grammar, pressed)
    assert (found.progress, found.extensible) == (progress, extensible)
    assert (found.parse is not None) is (progress is Progress.COMPLETE)


def test_keys_are_not_matched_by_a_voice_grammar() -> None:
    with pytest.raises(GrammarDefinitionError, match="its mode is voice"):
        match_keys(abnf("$r = 1;"), "1")


@pytest.mark.parametrize("words", ["12", "one", "E", "star!"])
def test_what_is_no_key_does_not_stand_in_a_dtmf_grammar(words: str) -> None:
    with pytest.raises(GrammarDefinitionError, match="is no key"):
        xml(words, 'mode="dtmf"')


def test_alternatives_are_found_by_their_first_word() -> None:
    body = (
        abnf('$r = "New York" | {t} new /* */ (deal) | [a] b | new<2> | $s | /9/ old; $s = c;').rules["inline#r"].body
    )
    assert isinstance(body, Alternatives)
    assert body.by_word == {"old": (0,), "new": (1, 2, 4)}
    assert body.by_anything == (3, 5)
    assert list(body.starting_with("new")) == [body.preferred[index] for index in (1, 2, 3, 4, 5)]
    assert list(body.starting_with("x")) == [body.preferred[3], body.preferred[5]]


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("syntax", ["xml", "abnf"])
def test_twenty_thousand_alternatives_take_little_time(syntax: str, optional: bool) -> None:
    start = time.process_time()
    if syntax == "xml":
        the = '<item repeat="0-1">the</item>' if optional else ""
        grammar = xml("<one-of>" + "".join(f"<item>{the} name{n}</item>" for n in range(20_000)) + "</one-of>")
    else:
        the = "[the]" if optional else ""
        grammar = abnf("$r = " + "|".join(f"{the} name{n}" for n in range(20_000)) + ";")
    assert match(grammar, ["name19999"]).progress is Progress.COMPLETE
    assert match(grammar, ["no", "name"]).progress is Progress.DEAD
    # Two seconds are the aim, a fifth of a core the worst machine.
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "rules",
    [
        "$r = ((a<0-1000000>)<0-1000000>)<0-1000000>;",
        "$r = (((a<0->)<0->)<0->)<0->;",
        "$r = (a | a | a a)<0->;",
        "$r = (($NULL<1000>)<1000>)<1000> a<0->;",
        "$r = ($GARBAGE a)<0->;",
        "$r = a $r | a;",
    ],
)
def test_one_match_keeps_to_its_budgets(rules: str) -> None:
    grammar = abnf(rules)
    start = time.process_time()
    for count in (1, 40, 400):
        try:
            assert match(grammar, ["a"] * count).progress is Progress.COMPLETE
        except GrammarDefinitionError as refused:
            assert count == 400
            assert "more than" in refused.reason or "deeper than" in refused.reason
    assert time.process_time() - start < 10
