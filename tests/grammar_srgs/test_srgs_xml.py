"""SRGS in XML: what matches, what it means, what is refused."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.cli.conformance import conformance
from h2b.grammar.srgs.conformance import SUPPLIED, inside_folders, run_folder
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import Match, Progress, match
from h2b.grammar.srgs.semantics import literal_value
from h2b.model.errors import GrammarDefinitionError

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
HEADER = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r"'


def document(rules: str, more: str = "") -> bytes:
    return f"{HEADER} {more}>{rules}</grammar>".encode()


def matched(body: str, said: str, more: str = "") -> Match:
    return match(load(document(f'<rule id="r">{body}</rule>', more)), said.split())


def refusal(source: bytes) -> str:
    with pytest.raises(GrammarDefinitionError) as refused:
        load(source)
    return refused.value.reason


def test_our_own_cases_are_right() -> None:
    cases = list(run_folder(VECTORS))
    assert len(cases) == 3
    assert [case for case in cases if not case.right] == []


def test_the_test_set_of_the_w3c() -> None:
    folder = os.environ.get("H2B_CONFORMANCE", "")
    if not folder:
        pytest.skip("H2B_CONFORMANCE does not name the folder of the W3C's SRGS files")
    wrong = {(case.file, case.number) for case in run_folder(Path(folder), SUPPLIED) if not case.right}
    assert wrong == {("conformance-5.grxml", 1), ("lang-ruleref.grxml", 1)}


def test_the_command_tells_enough_from_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main([str(VECTORS)], standalone_mode=False) == 0
    assert capsys.readouterr().out.endswith("3/3\n")
    assert conformance.main([str(SUPPLIED)], standalone_mode=False) == 1


@pytest.mark.parametrize(
    ("said", "progress", "extensible"),
    [
        ("", Progress.CAN_CONTINUE, True),
        ("go", Progress.CAN_CONTINUE, True),
        ("GO home", Progress.COMPLETE, True),
        ("go home now", Progress.COMPLETE, False),
        ("go now", Progress.DEAD, False),
    ],
)
def test_words_are_complete_can_continue_or_are_dead(said: str, progress: Progress, extensible: bool) -> None:
    found = matched('go home <item repeat="0-1">now</item>', said)
    assert (found.progress, found.extensible) == (progress, extensible)


def test_keys_match_a_dtmf_grammar() -> None:
    assert matched('<item repeat="2">1</item> pound', "1 1 #", 'mode="dtmf"').parse is not None


def test_the_last_tag_is_the_literal_value() -> None:
    parse = match(load((VECTORS / "order.grxml").read_bytes()), ["a", "large", "tea"]).parse
    assert parse is not None
    assert literal_value(parse) == "TEA"


def test_words_are_the_value_of_a_rule_without_tags() -> None:
    parse = matched("<one-of><item>yes</item></one-of> sir", "yes sir").parse
    assert parse is not None
    assert literal_value(parse) == "yes sir"


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ('<rule id="r"><ruleref uri="#s"/></rule>', "line 1: rule 'r' refers to 's', which is not defined"),
        ('<rule id="r"><item repeat="9999"/></rule>', "line 1: repeat: got '9999', expected m-n with m up to 1000"),
        ('<rule id="r"><ruleref uri="#r"/> a</rule>', "line 1: rule 'r' is left-recursive"),
        ('<rule id="r"><item repeat="0-1">a</item><ruleref uri="#r"/></rule>', "line 1: rule 'r' is left-recursive"),
        ('<rule id="r"><ruleref uri="http://[x/"/></rule>', "'http://[x/'"),
        ('<rule id="r"><ruleref uri="file:///etc/passwd"/></rule>', "cannot read 'file:///etc/passwd'"),
        ('<rule id="r">' + "<item>" * 100 + "a" + "</item>" * 100 + "</rule>", "64 parts inside one another"),
        ('<rule id="s">a</rule>', "line 1: the root rule 'r' is not defined"),
        ('<rule id="r"/>', "line 1: rule 'r' is empty"),
        ('<rule id="r"> <example>a</example> </rule>', "line 1: rule 'r' is empty"),
        ('<rule id="r-s">a</rule>', "line 1: 'r-s' cannot be the name of a rule"),
        ('<rule id="r" scope="Public">a</rule>', "line 1: scope: got 'Public', expected public or private"),
        ('<rule id="r"><ruleref uri="#a#b"/></rule>', "line 1: 'a#b' cannot be the name of a rule"),
        ('<rule id="r"><ruleref uri="x#a#b"/></rule>', "line 1: 'a#b' cannot be the name of a rule"),
        ('<rule id="r"><ruleref uri="#r">a</ruleref></rule>', "line 1: ruleref: expected nothing inside"),
        ('<rule id="r"><ruleref special="ANY"/></rule>', "line 1: ruleref: expected a uri, or special NULL"),
        ('<rule id="r"><ruleref uri="x" type="text/plain"/></rule>', "line 1: cannot read 'x'"),
        ('<rule id="r"><one-of/></rule>', "line 1: one-of without items"),
        ('<rule id="r"><one-of>a<item/></one-of></rule>', "line 1: one-of holds items alone"),
        ('<rule id="r"><one-of><token>a</token></one-of></rule>', "line 1: one-of holds items alone"),
        ('<rule id="r"><one-of><item weight="-1">a</item></one-of></rule>', "line 1: weight: got '-1'"),
        ('<rule id="r"><item repeat="0-1" repeat-prob="2">a</item></rule>', "line 1: probability: got '2'"),
        ('<rule id="r"><token>a<tag/></token></rule>', "line 1: <token> holds text alone"),
        ('<rule id="r"><item xml:lang="e_n">a</item></rule>', "line 1: language: got 'e_n', expected a tag such as"),
        ('<rule id="r">"a</rule>', "line 1: a quoted token does not end"),
        ('<rule id="r"><grammar/></rule>', "line 1: <grammar> does not stand inside a rule"),
        ('<item/><rule id="r">a</rule>', "line 1: <item> does not stand beside rules"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(rules: str, why: str) -> None:
    assert why in refusal(document(rules))


def test_documents_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.grxml"
    secret.write_bytes(document('<rule id="r" scope="public">a</rule>'))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.grxml").symlink_to(secret)
    resolve = inside_folders(inside)
    assert [resolve(uri) for uri in ("../secret.grxml", str(secret), "link.grxml", "\0", "x" * 5000)] == [None] * 5


def test_entities_are_never_expanded() -> None:
    bomb = '<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    for entity in ("b", "f"):
        assert "entities" in refusal(bomb.encode() + document(f'<rule id="r">&{entity};</rule>'))


def test_twenty_thousand_alternatives_match() -> None:
    items = "".join(f"<item>word{number}</item>" for number in range(20_000))
    assert matched(f"<one-of>{items}</one-of>", "word19999").progress is Progress.COMPLETE


def test_two_thousand_rules_in_a_chain_are_read_and_more_refused() -> None:
    chain = "".join(f'<rule id="r{n}"><ruleref uri="#r{n + 1}"/></rule>' for n in range(1998))
    ends = '<rule id="r"><ruleref uri="#r0"/></rule>' + chain + '<rule id="r1998"><ruleref special="NULL"/></rule>'
    assert len(load(document(ends)).rules) == 2000
    assert "more than 2000 rules" in refusal(document(ends + '<rule id="more">a</rule>'))


def test_nested_repeats_end_within_the_budget() -> None:
    nested = '<item repeat="0-">' * 3 + "a" + "</item>" * 3
    assert matched(f"{nested} b", "a " * 40).progress is Progress.CAN_CONTINUE
    empty = '<item repeat="1000">' * 5 + "<tag>t</tag>" + "</item>" * 5
    assert matched(empty, "").progress is Progress.COMPLETE


def test_recursion_without_end_is_refused_while_matching() -> None:
    with pytest.raises(GrammarDefinitionError, match="deeper than 200"):
        matched('a <item repeat="0-1"><ruleref uri="#r"/></item>', "a " * 500)


FRAGMENTS = st.sampled_from(
    (
        *("<item>", "</item>", "<one-of>", "</one-of>", "<rule id='r'>", "</rule>", "<tag>", "</tag>", "<?x?>", "<!--"),
        *("<ruleref uri='#r'/>", "<ruleref uri='//[/'/>", "<item repeat='2-1'/>", "<item weight='x'/>"),
        *("a", '"', "&x;", "\0"),
    )
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_only_our_own_error_leaves_the_loader(rules: str) -> None:
    for source in (document(rules), document(f"<rule id='r'>{rules}</rule>")):
        try:
            match(load(source), ["a"])
        except GrammarDefinitionError:
            continue


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(source: bytes) -> None:
    with pytest.raises(GrammarDefinitionError):
        load(source)
