"""Clients' regexes as automata: RE2 judges what they match, and nothing hostile takes long or grows."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from h2b.grammar.pattern import MAXIMUM_NESTING, MAXIMUM_NFA_STATES, PatternError, parse_pattern
from h2b.grammar.shape import (
    DIGITS,
    LETTERS,
    MAXIMUM_STATES,
    Shape,
    ShapeError,
    of_length,
    of_pattern,
    of_steps,
)
from h2b.model.errors import ClientError

NOTHING = "nothing a caller can say matches it"
TOO_MANY = f"the regex needs more than {MAXIMUM_STATES} states: simplify it or lower its counts"
TOO_LONG = f"the regex needs more than {MAXIMUM_NFA_STATES} states: lower its counts"
TOO_SLOW = "the regex takes too long to compile: simplify it or lower its counts"

SMALL = "ab1-"
"""Few characters, so that every short text can be tried."""
SHORT_TEXTS = ["".join(text) for length in range(5) for text in itertools.product(SMALL, repeat=length)]

signs = st.sampled_from(["a", "b", "A", "1", "c", "-", "\\-", "\\.", "\\\\", "\\d", "\\w", ".", "é"])
items = st.sampled_from(["a", "b", "B", "1", "a-c", "A-C", "0-9", "\\d", "\\w", "\\-", ".", "z", "é"])
classes = st.builds(
    "[{}{}{}]".format, st.sampled_from(["", "^"]), st.lists(items, min_size=1).map("".join), st.just("")
)
dashed = st.sampled_from(["[-a]", "[a-]", "[]a]", "[^]a]", "[a^]", "[^-]", "[b1-]"])
counts = st.sampled_from(
    ["", "", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{2,}", "{0}", "??", "*?", "+?", "{1,2}?"]
)


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeated = st.builds(str.__add__, inner, counts)
    sequences = st.lists(repeated, max_size=3).map("".join)
    alternatives = st.lists(sequences, min_size=1, max_size=3).map("|".join)
    return st.builds("{}{})".format, st.sampled_from(["(", "(?:"]), alternatives)


atoms = st.recursive(st.one_of(signs, classes, dashed), combined, max_leaves=5)
sequences = st.lists(st.builds(str.__add__, atoms, counts), min_size=1, max_size=4).map("".join)
regexes = st.one_of(
    st.lists(sequences, min_size=1, max_size=3).map("|".join),
    st.builds("{}{}{}".format, st.sampled_from(["", "^"]), sequences, st.sampled_from(["", "$"])),
)


def shape_of(make: Callable[..., Shape], *arguments: Any) -> Shape | None:
    """None where nothing matches. What asks for more than the limits allow is no example."""
    try:
        return make(*arguments)
    except (PatternError, ShapeError) as error:
        assert error.reason in (NOTHING, TOO_MANY, TOO_LONG, TOO_SLOW)
        assume(error.reason == NOTHING)
        return None


def strings_of(shape: Shape, chance: random.Random, count: int) -> list[str]:
    """Random strings a shape accepts."""
    texts = []
    for _ in range(count):
        state, text = 0, ""
        while not shape.accepts(state) or (shape.arcs[state] and chance.random() < 0.7 and len(text) < 30):
            character, state = chance.choice(sorted(shape.arcs[state].items()))
            text += character
        texts.append(text)
    return texts


@settings(max_examples=300, deadline=None)
@given(regexes, st.lists(st.text(SMALL, min_size=5, max_size=12), max_size=8), st.integers(0, 2**32))
def test_a_shape_matches_what_re2_matches(regex: str, longer: list[str], seed: int) -> None:
    judge = re2.compile(f"(?i:{regex})")
    matched = [text for text in SHORT_TEXTS + longer if text and judge.fullmatch(text)]
    shape = shape_of(of_pattern, SMALL, regex)
    if shape is None:
        assert matched == []
        return
    assert [text for text in SHORT_TEXTS + longer if shape.matches(text)] == matched
    for text in strings_of(shape, random.Random(seed), 5):
        assert judge.fullmatch(text), text


@settings(max_examples=100, deadline=None)
@given(regexes)
def test_a_prefix_can_be_walked_exactly_when_some_text_completes_it(regex: str) -> None:
    shape = shape_of(of_pattern, SMALL, regex)
    assume(shape is not None)
    judge = re2.compile(f"(?i:{regex})")
    for text in SHORT_TEXTS:
        if text and judge.fullmatch(text):
            assert all(shape.walk(0, text[:end]) is not None for end in range(len(text)))
    for text in SHORT_TEXTS:
        state = shape.walk(0, text)
        assert state is None or judge.fullmatch(text + completion(shape, state) or "-")


def completion(shape: Shape, state: int) -> str:
    """A shortest text that leads from a state to acceptance; from the start never the empty one."""
    ways = {state: ""}
    for reached in ways_onward(shape, ways):
        if shape.accepts(reached):
            return ways[reached]
    raise AssertionError(f"state {state} leads nowhere")


def ways_onward(shape: Shape, ways: dict[int, str]) -> Iterator[int]:
    pending = list(ways)
    for state in pending:
        yield state
        for character, after in shape.arcs[state].items():
            if after not in ways:
                ways[after] = ways[state] + character
                pending.append(after)


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("[A-Z]{2}7", "ab7"),
        ("é", "é"),
        ("[à-ÿ]", "é"),
        ("(?:a|b)??c", "c"),
        ("\\.\\-", ".-"),
        ("\\w\\d", "z9"),
        ("[.]", "."),
        ("[^a-z0-9é-]", "."),
        ("a{1000}", "a" * 1000),
        ("^ab$", "ab"),
        ("a{ 2 , 3 }", "aaa"),
    ],
)
def test_what_re2_takes_in_codes_is_taken(regex: str, text: str) -> None:
    assert of_pattern(DIGITS + LETTERS + "é.-", regex).matches(text)


def test_the_empty_string_is_never_a_value() -> None:
    shape = of_pattern(DIGITS, "[0-9]*")
    assert not shape.matches("")
    assert shape.matches("1234567")
    with pytest.raises(ShapeError):
        of_pattern(DIGITS, "")


REFUSED = {
    "(a": "regex, position 3: got the end, expected ')'",
    "a)": "regex, position 2: got ')', expected the end or an opening '('",
    "a**": "regex, position 3: got '*', expected one repeat only",
    "a{2}+": "regex, position 5: got '+', expected one repeat only",
    "a{2}{3}": "regex, position 5: got '{', expected something to repeat before it, or a backslash",
    "*a": "regex, position 1: got '*', expected something to repeat before it, or a backslash",
    "a|+": "regex, position 3: got '+', expected something to repeat before it, or a backslash",
    "]": "regex, position 1: got ']', expected something to repeat before it, or a backslash",
    "(?=a)": "regex, position 3: got '=', expected '(?:' or '(': other groups are not supported",
    "(?i)a": "regex, position 3: got 'i', expected '(?:' or '(': other groups are not supported",
    "(?P<x>a)": "regex, position 3: got 'P', expected '(?:' or '(': other groups are not supported",
    "(" * (MAXIMUM_NESTING + 1): "regex, position 52: got the end, expected at most 50 nested groups",
    "[a": "regex, position 3: got the end, expected ']'",
    "[": "regex, position 2: got the end, expected ']'",
    "[]": "regex, position 3: got the end, expected ']'",
    "[z-a]": "regex, position 5: got ']', expected a range from a lower to a higher character",
    "[a-\\d]": "regex, position 6: got ']', expected a range from a lower to a higher character",
    "a{2000}": "regex, position 2: got '{', expected counts from 0 to 1000, the lower first",
    "a{3,2}": "regex, position 2: got '{', expected counts from 0 to 1000, the lower first",
    "a{x}": "regex, position 2: got '{', expected {n}, {n,} or {n,m}",
    "a{,3}": "regex, position 2: got '{', expected {n}, {n,} or {n,m}",
    "a{1,2,3}": "regex, position 2: got '{', expected {n}, {n,} or {n,m}",
    "a{": "regex, position 2: got '{', expected {n}, {n,} or {n,m}",
    "\\b": "regex, position 2: got 'b', expected \\d, \\w or an escaped sign",
    "\\D": "regex, position 2: got 'D', expected \\d, \\w or an escaped sign",
    "\\1": "regex, position 2: got '1', expected \\d, \\w or an escaped sign",
    "[\\s]": "regex, position 3: got 's', expected \\d, \\w or an escaped sign",
    "a\\": "regex, position 3: got the end, expected \\d, \\w or an escaped sign",
    "a$b": "regex, position 2: got '$', expected '$' only at the end",
    "(a$)": "regex, position 3: got '$', expected '$' only at the end",
    "a^": "regex, position 2: got '^', expected '^' only at the beginning",
    "a|^b": "regex, position 3: got '^', expected '^' only at the beginning",
}


@pytest.mark.parametrize(("regex", "text"), REFUSED.items())
def test_other_syntax_is_refused_with_its_position(regex: str, text: str) -> None:
    with pytest.raises(PatternError) as caught:
        of_pattern(DIGITS + LETTERS, regex)
    assert caught.value.reason == text


HOSTILE = {
    "(a|b)*a(a|b){20}": TOO_MANY,
    "(((((((a{9}){9}){9}){9}){9}){9}){9})": TOO_LONG,
    "((((a{1000}){1000}){1000}){1000})": TOO_LONG,
    "(((()){1000}){1000}){1000}": TOO_LONG,
    "(" * 49 + "a" + "){2}" * 49: TOO_LONG,
    "(" * 49 + "a" + ")*" * 49: TOO_LONG,
    "([a-z0-9]{0,60}){0,30}": TOO_SLOW,
    "(\\w?){500}": TOO_SLOW,
    "(\\w*){400}": TOO_SLOW,
    "(a?){400}a{400}": TOO_SLOW,
    "(.*a.*b.*)" * 40: None,
    "|".join(["a*b*c*d*"] * 50): None,
    "a" * 500: None,
    "[a-z]" * 100: None,
    "[\u0000-\U0010ffff]{99}": None,
}
"""Regexes and what they are refused with; None for those that only look bad."""


@pytest.mark.parametrize(("regex", "text"), HOSTILE.items(), ids=[regex[:25] for regex in HOSTILE])
def test_a_hostile_regex_is_decided_in_bounded_time_and_space(regex: str, text: str | None) -> None:
    begin = time.process_time()
    try:
        shape = of_pattern(DIGITS + LETTERS, regex)
    except ClientError as error:
        assert error.reason == text
    else:
        assert text is None
        assert len(shape.arcs) <= MAXIMUM_STATES + 1
    assert time.process_time() - begin < 2


def test_a_class_is_read_once_however_wide_it_is_and_often_repeated() -> None:
    """Counted out, this class is a million characters, and its copies a thousand million: minutes of work."""
    anything = of_pattern(DIGITS + LETTERS, "[!-\U0010ffff]{1000}")
    assert anything.matches("a1" * 500)
    assert not anything.matches("a1" * 499)
    assert of_pattern(DIGITS + LETTERS, f"[{'ab' * 1900}]{{1000}}").matches("ba" * 500)


def test_a_range_takes_both_cases() -> None:
    for regex in ("[b-d]", "[B-D]", "[A-z]", "[^e-z0-9]"):
        assert of_pattern(DIGITS + LETTERS, regex).matches("c"), regex
    for regex in ("[D-F]", "[0-9]", "[^C]"):
        with pytest.raises(ShapeError):
            of_pattern("c", regex)


@settings(max_examples=150, deadline=None)
@given(st.text("ab1[](){}*+?|^$\\-,:09.é", max_size=500))
def test_any_text_is_a_bounded_automaton_or_a_client_error(regex: str) -> None:
    try:
        pattern = parse_pattern(regex, SMALL)
        shape = of_pattern(SMALL, regex)
    except (PatternError, ShapeError) as error:
        assert error.reason
    else:
        assert pattern.start
        assert 0 < len(shape.arcs) <= MAXIMUM_STATES + 1


@settings(max_examples=100, deadline=None)
@given(sequences, sequences)
def test_both_shapes_must_match(left: str, right: str) -> None:
    one, other = shape_of(of_pattern, SMALL, left), shape_of(of_pattern, SMALL, right)
    assume(one is not None and other is not None)
    expected = {text for text in SHORT_TEXTS if one.matches(text) and other.matches(text)}
    both = shape_of(one.both, other)
    assert {text for text in SHORT_TEXTS if both and both.matches(text)} == expected


def test_a_length_and_a_regex_together() -> None:
    shape = of_length(DIGITS, 4, 4).both(of_pattern(DIGITS, "0.*"))
    assert shape.matches("0123")
    assert not shape.matches("1123")
    assert not shape.matches("01234")
    assert shape.walk(0, "01") is not None
    assert shape.walk(0, "1") is None


@given(st.integers(1, 20), st.integers(0, 20), st.booleans(), st.text(DIGITS, max_size=50))
def test_a_length_is_all_a_shape_of_a_length_asks(shortest: int, more: int, bounded: bool, text: str) -> None:
    longest = shortest + more if bounded else None
    shape = of_length(DIGITS, shortest, longest)
    assert shape.matches(text) is (shortest <= len(text) <= (longest or 50))
    assert (shape.walk(0, text) is not None) is (len(text) <= (longest or 50))


@pytest.mark.parametrize(
    ("shortest", "longest", "text"),
    [
        (0, 4, "length: got 0 to 4, expected 1 to 1999"),
        (5, 4, "length: got 5 to 4, expected 1 to 1999"),
        (1, 2000, "length: got 1 to 2000, expected 1 to 1999"),
        (2000, None, "length: got 2000 to 2000, expected 1 to 1999"),
    ],
)
def test_a_length_nobody_can_say_is_refused(shortest: int, longest: int | None, text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        of_length(DIGITS, shortest, longest)
    assert caught.value.reason == text


def test_a_shape_nobody_can_say_is_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        of_pattern(DIGITS, "[a-z]+")
    assert caught.value.reason == NOTHING


@given(st.integers(0, 10**7))
def test_steps_tell_what_no_length_can(number: int) -> None:
    shape = of_steps(0, DIGITS, lambda rest, digit: (rest * 10 + int(digit)) % 7, lambda rest: rest == 0)
    assert shape.matches(str(number)) is (number % 7 == 0)
    assert len(shape.arcs) == 7
