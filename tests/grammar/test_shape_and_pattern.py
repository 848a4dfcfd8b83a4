"""Clients' regexes as automata: RE2 is the judge of what they match, and nothing hostile takes long."""

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.pattern import PatternError
from h2b.grammar.shape import DIGITS, LETTERS, ShapeError, of_length, of_pattern

ALPHABET = DIGITS + LETTERS

atoms = st.sampled_from(["a", "b", "1", "[ab]", "[^a]", "[0-9]", "\\d", ".", "(?:ab|1)", "(a|b1)", "[a-c1]"])
counts = st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{2,}"])
branches = st.lists(st.builds(str.__add__, atoms, counts), min_size=1, max_size=4).map("".join)
regexes = st.lists(branches, min_size=1, max_size=3).map("|".join)
values = st.text(alphabet="ab1c2", min_size=1, max_size=7)


@settings(max_examples=500, deadline=None)
@given(regexes, st.lists(values, min_size=1, max_size=12))
def test_a_shape_matches_what_re2_matches(regex: str, texts: list[str]) -> None:
    shape, judge = of_pattern(ALPHABET, regex), re2.compile(f"(?:{regex})")
    for text in texts:
        assert shape.matches(text) is (judge.fullmatch(text) is not None)


@settings(max_examples=200, deadline=None)
@given(regexes, values)
def test_a_live_prefix_can_be_completed(regex: str, text: str) -> None:
    shape = of_pattern(ALPHABET, regex)
    state = shape.walk(0, text)
    seen = set()
    while state is not None and not shape.accepts(state):
        assert state not in seen or shape.arcs[state], "a live state leads somewhere"
        seen.add(state)
        onward = [after for after in shape.arcs[state].values() if after not in seen]
        assert onward, "every live state reaches acceptance"
        state = onward[0] if len(onward) == 1 else min(onward, key=lambda s: _distance(shape, s))


def _distance(shape, state: int) -> int:
    reached, steps = {state}, 0
    while not any(shape.accepts(s) for s in reached):
        reached = {after for s in reached for after in shape.arcs[s].values()}
        steps += 1
    return steps


def test_case_does_not_matter() -> None:
    assert of_pattern(ALPHABET, "[A-Z]{2}7").matches("ab7")


def test_the_empty_string_is_never_a_value() -> None:
    assert not of_pattern(DIGITS, "[0-9]*").matches("")


def test_both_a_length_and_a_regex() -> None:
    shape = of_length(DIGITS, 4, 4).both(of_pattern(DIGITS, "0.*"))
    assert shape.matches("0123")
    assert not shape.matches("1123")
    assert not shape.matches("01234")


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("(a", "regex, position 3: got the end, expected ')'"),
        ("a**", "regex, position 3: got '*', expected one repeat only"),
        ("(?=a)", "regex, position 3: got '=', expected '(?:' or '(': other groups are not supported"),
        ("[z-a]", "regex, position 5: got ']', expected a range from a lower to a higher character"),
        ("a{2000}", "regex, position 2: got '{', expected counts from 0 to 1000, the lower first"),
        ("\\b", "regex, position 2: got 'b', expected \\d, \\w or an escaped sign"),
        ("a$b", "regex, position 2: got '$', expected '$' only at the end"),
    ],
)
def test_a_regex_it_cannot_take_is_refused_with_its_position(regex: str, text: str) -> None:
    with pytest.raises(PatternError) as caught:
        of_pattern(ALPHABET, regex)
    assert caught.value.reason == text


@pytest.mark.parametrize(
    "regex",
    ["(a|b)*a(a|b){20}", "([a-z0-9]{0,60}){0,30}", "([a-z0-9]?){500}", "(((((((a{9}){9}){9}){9}){9}){9}){9})"],
)
def test_hostile_regexes_are_refused(regex: str) -> None:
    with pytest.raises((ShapeError, PatternError)):
        of_pattern(ALPHABET, regex)


def test_a_shape_nobody_can_say_is_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        of_pattern(DIGITS, "[a-z]+")
    assert caught.value.reason == "nothing a caller can say matches it"
