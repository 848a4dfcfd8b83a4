"""The two syntaxes are two spellings: twins in XML and in ABNF say the same."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.srgs.conformance import SUPPLIED, inside_folders, run_folder
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import match
from h2b.grammar.srgs.model import Grammar, rule_key
from h2b.model.errors import GrammarDefinitionError

from .written import abnf_twin, rules_of, tree

HERE = Path(__file__).parent
PAIRS = HERE.parent / "vectors" / "srgs"
STEMS = sorted(path.stem for path in PAIRS.glob("*.grxml"))


def loaded(name: str) -> Grammar | str:
    """The grammar of a file, or what is wrong with it."""
    try:
        return load((PAIRS / name).read_bytes(), name, inside_folders(PAIRS))
    except GrammarDefinitionError as error:
        return error.reason.partition(": ")[2].partition(": ")[2]


def without_suffix(text: str) -> str:
    return text.replace(".grxml", "").replace(".gram", "")


def test_every_file_has_a_twin() -> None:
    assert len(STEMS) >= 20
    assert sorted(path.stem for path in PAIRS.glob("*.gram")) == STEMS


def test_the_cases_of_twins_are_the_same_and_right() -> None:
    cases = list(run_folder(PAIRS))
    assert [case for case in cases if not case.right] == []

    def of(suffix: str) -> list[tuple[str, str, str]]:
        there = [case for case in cases if case.file.endswith(suffix)]
        return [(without_suffix(case.file), case.said, without_suffix(case.expected)) for case in there]

    assert of(".grxml") == of(".gram")
    assert {name for name, _, _ in of(".gram")} == set(STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_twins_become_the_same_grammar(stem: str) -> None:
    xml, abnf = loaded(f"{stem}.grxml"), loaded(f"{stem}.gram")
    if isinstance(xml, str) or isinstance(abnf, str):
        assert isinstance(xml, str)
        assert isinstance(abnf, str)
        assert without_suffix(xml) == without_suffix(abnf)
        return
    assert without_suffix(xml.root or "") == without_suffix(abnf.root or "")
    assert (xml.language, xml.dtmf, xml.tag_format) == (abnf.language, abnf.dtmf, abnf.tag_format)
    assert (xml.tags, xml.examples, xml.lexicon) == (abnf.tags, abnf.examples, abnf.lexicon)
    shared = ((x.name, x.public) for x in xml.rules.values()), ((a.name, a.public) for a in abnf.rules.values())
    assert sorted(shared[0]) == sorted(shared[1])


def test_the_grammars_of_the_w3c_say_the_same_in_abnf() -> None:
    written = os.environ.get("H2B_CONFORMANCE", "")
    if not written:
        pytest.skip("H2B_CONFORMANCE does not name the folder of the W3C's SRGS files")
    folder = Path(written)
    resolve = inside_folders(folder, SUPPLIED)
    compared = 0
    for case in run_folder(folder, SUPPLIED):
        try:
            xml = load((folder / case.file).read_bytes(), case.file, resolve)
        except GrammarDefinitionError:
            # What is no grammar has no twin.
            continue
        named = case.expected.partition("[")[0].removeprefix("$")
        # A case may be about a rule that is active beside the root rule.
        rule = named if rule_key(xml.uri, named) in xml.rules else None
        if rule or xml.root:
            assert _answer(abnf_twin(xml), case.said, rule) == _answer(xml, case.said, rule), case
            compared += 1
    assert compared >= 125


def _answer(grammar: Grammar, said: str, rule: str | None) -> tuple[object, ...]:
    try:
        found = match(grammar, said.split(), rule)
    except GrammarDefinitionError as error:
        return (error.reason,)
    return found.progress, found.extensible, found.parse and tree(found.parse)


WORDS = st.sampled_from(("a", "b", "New York"))
LEAVES = st.one_of(
    WORDS.map(lambda word: (f"<token>{word}</token>", f'"{word}"')),
    st.just(('<ruleref special="NULL"/>', "$NULL")),
    st.just(('<ruleref special="GARBAGE"/>', "$GARBAGE")),
    st.just(('<ruleref uri="#s"/>', "$s")),
    st.just(('<ruleref uri="builtin:x?a=1&amp;b=2"/>', "$<builtin:x?a=1&b=2>")),
    st.just(("<tag>t</tag>", "{t}")),
    st.just(('<token xml:lang="fr">c</token>', "c!fr")),
)
Pair = tuple[str, str]


def in_turn(parts: list[Pair]) -> Pair:
    return f"<item>{''.join(x for x, _ in parts)}</item>", f"({' '.join(a for _, a in parts)})"


def either(parts: list[Pair]) -> Pair:
    items = "".join(f'<item weight="{n + 1}">{x}</item>' for n, (x, _) in enumerate(parts))
    return f"<one-of>{items}</one-of>", "(" + " | ".join(f"/{n + 1}/ {a}" for n, (_, a) in enumerate(parts)) + ")"


def repeated(part: Pair, times: str) -> Pair:
    return f'<item repeat="{times}">{part[0]}</item>', f"({part[1]})<{times}>"


EXPANSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(in_turn),
        st.lists(inner, min_size=1, max_size=3).map(either),
        st.builds(repeated, inner, st.sampled_from(("0-1", "1-2", "0-", "2", "1-"))),
    ),
    max_leaves=8,
)


@given(EXPANSIONS, st.lists(st.sampled_from(("a", "b", "c", "new", "york", "z")), max_size=6))
def test_random_twins_match_the_same(expansion: Pair, words: list[str]) -> None:
    xml, abnf = expansion
    head = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r">'
    one = load(f'{head}<rule id="r">{xml}</rule><rule id="s">a<tag>u</tag></rule></grammar>'.encode())
    two = load(f"#ABNF 1.0;\nlanguage en;\nroot $r;\n$r = {abnf};\n$s = a {{u}};\n".encode())
    assert rules_of(one) == rules_of(two)

    def external(uri: str, given: object, at: int) -> list[tuple[int, object]]:
        assert uri == "builtin:x?a=1&b=2"
        return [(at + 1, at)]

    twins = one, two, abnf_twin(two)
    found = [match(grammar, words, external=external) for grammar in twins]
    assert len({(one.progress, one.extensible) for one in found}) == 1
    assert len({one.parse and tree(one.parse) for one in found}) == 1
