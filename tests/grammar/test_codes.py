"""Codes of letters and digits that must not be cut, guessed or told wrong; each language has its own traps."""

from typing import Any

import pytest

from tests.grammar.saying import found, values

THRESHOLD = 0.5


def code(alphabet: str, spoken: str, said: str, **arguments: Any) -> list[Any]:
    return values("spelling", spoken, said, alphabet=alphabet, **arguments)


def sure(alphabet: str, spoken: str, said: str, **arguments: Any) -> list[Any]:
    """Complete values that count."""
    matches = found("spelling", spoken, said, alphabet=alphabet, **arguments)
    return [match.value for match in matches if match.complete and match.quality >= THRESHOLD]


@pytest.mark.parametrize(
    ("alphabet", "spoken", "said", "length"),
    [
        ("digits", "en", "one two three four five", 4),
        ("digits", "en", "one two three four five six", 4),
        ("digits", "en", "two one two five five five oh one nine nine", 4),
        ("digits", "en", "four seven one two uh three", 4),
        ("digits", "en", "four four seven one two", 4),
        ("digits", "en", "four seven four seven one two", 4),
        ("digits", "fr", "soixante dix douze treize", 2),
        ("digits", "de", "eins zwei drei vier fünf", 4),
        ("mixed", "en", "a b c d one two three", 6),
        ("mixed", "es", "a be uno dos tres", 4),
        ("letters", "en", "a b c d", 3),
    ],
)
def test_a_code_is_not_cut_out_of_a_longer_run(alphabet: str, spoken: str, said: str, length: int) -> None:
    assert code(alphabet, spoken, said, length=length) == []


def test_a_false_start_is_no_part_of_the_run() -> None:
    assert code("digits", "en", "four seven one two um four seven one two", length=4) == ["4712"]
    assert code("digits", "en", "four seven one two four seven one two four seven one two", length=4) == ["4712"]
    assert code("digits", "en", "four seven um four seven one two", length=4) == ["4712"]
    assert code("digits", "en", "four uh four seven one two", length=4) == ["4712"]
    assert code("mixed", "fr", "e l e cent trente sept c", regex="[a-z]{2}[0-9]{3}[a-z]")[:1] == ["le137c"]
    assert code("mixed", "fr", "e l e cent trente sept c", length=6) == []


@pytest.mark.parametrize(
    ("spoken", "said", "value"),
    [
        ("de", "m ü l l e r", "mueller"),
        ("de", "m u umlaut doppel l e r", "mueller"),
        ("de", "s t r a ß e", "strasse"),
        ("de", "s t r a eszett e", "strasse"),
        ("de", "ü wie übermut b", "ueb"),
        ("es", "g a r c í a", "garcia"),
        ("es", "g a r c i con acento a", "garcia"),
        ("es", "n u eñe e z", "nunez"),
        ("fr", "r e n é", "rene"),
        ("fr", "r e n e accent aigu", "rene"),
        ("fr", "f r a n ç o i s", "francois"),
        ("fr", "n o ë l", "noel"),
        ("fr", "v o i l à", "voila"),
        ("fr", "b r u deux l é", "brulle"),
        ("de", "m u zwei l e r", "muller"),
        ("en", "r e n é", "rene"),
    ],
)
def test_no_letter_is_left_out_and_accented_ones_are_plain(spoken: str, said: str, value: str) -> None:
    assert sure("letters", spoken, said)[:1] == [value]


def test_a_letter_that_takes_two_places_counts_as_two() -> None:
    assert code("mixed", "de", "ü l a b eins zwei drei", length=7) == []
    assert code("mixed", "de", "ü l a b eins zwei drei", length=8)[:1] == ["uelab123"]


@pytest.mark.parametrize(("spoken", "said"), [("fr", "b r u sept l"), ("en", "a b ж c"), ("en", "a b seven c d")])
def test_a_letter_or_digit_that_cannot_be_written_leaves_no_match(spoken: str, said: str) -> None:
    assert sure("letters", spoken, said) == []


def test_an_article_before_letters_is_no_digit() -> None:
    assert code("letters", "fr", "c'est un b c d")[:1] == ["bcd"]
    assert code("letters", "de", "das ist ein b c d")[:1] == ["bcd"]
    assert code("mixed", "fr", "c'est à b douze")[:1] == ["b12"]


@pytest.mark.parametrize(
    ("spoken", "said", "value"),
    [
        ("en", "b o double u", "bow"),
        ("en", "double v", "vv"),
        ("en", "triple w", "www"),
        ("fr", "b o double v", "bow"),
        ("fr", "double vé double v", "ww"),
        ("fr", "double l", "ll"),
        ("es", "b o doble uve", "bow"),
        ("es", "uve doble doble be", "wbb"),
        ("es", "doble ve doble u", "ww"),
    ],
)
def test_the_name_of_a_letter_comes_before_doubling(spoken: str, said: str, value: str) -> None:
    assert code("letters", spoken, said)[:1] == [value]


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        ("fr", "double v point dupont arobase gmail point com"),
        ("es", "doble uve punto dupont arroba gmail punto com"),
        ("en", "double u dot dupont at gmail dot com"),
    ],
)
def test_an_address_with_a_w_has_one(spoken: str, said: str) -> None:
    assert values("email", spoken, said) == ["w.dupont@gmail.com"]


ORDINARY = (
    ("en", "i don't know"),
    ("en", "why"),
    ("en", "apple"),
    ("en", "you are"),
    ("en", "the hotel is nice"),
    ("en", "i love you"),
    ("en", "can you help me"),
    ("fr", "il y a"),
    ("fr", "c'est bon"),
    ("fr", "je voudrais parler à un conseiller"),
    ("es", "no lo sé"),
    ("es", "a ver"),
    ("de", "ich gehe weg"),
    ("de", "ich weiß es nicht"),
)


@pytest.mark.parametrize(("spoken", "said"), ORDINARY)
@pytest.mark.parametrize("alphabet", ["mixed", "letters"])
def test_ordinary_words_are_no_codes(alphabet: str, spoken: str, said: str) -> None:
    assert sure(alphabet, spoken, said) == []


@pytest.mark.parametrize(
    ("said", "value"),
    [("it's b", "b"), ("i", "i"), ("alpha bravo", "ab"), ("my code is alpha seven", "a7")],
)
def test_short_codes_are_codes_still(said: str, value: str) -> None:
    assert sure("mixed", "en", said)[:1] == [value]


def test_where_one_letter_is_asked_for_its_code_word_is_enough() -> None:
    assert sure("letters", "en", "apple", length=1) == ["a"]


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        ("de", "nein"),
        ("en", "no one"),
        ("en", "one moment please"),
        ("en", "one million"),
        ("en", "three hundred thousand"),
        ("fr", "une minute"),
        ("fr", "trois millions"),
        ("fr", "je voudrais un rendez vous"),
        ("es", "un millón"),
        ("es", "un momento"),
        ("de", "drei milliarden"),
        ("de", "ich habe eine frage"),
    ],
)
def test_what_is_no_digit_is_none(spoken: str, said: str) -> None:
    assert code("digits", spoken, said) == []


def test_no_before_a_row_of_digits_is_a_no() -> None:
    assert sure("digits", "en", "no one two three") == ["123"]
    assert sure("digits", "de", "neun nein fünf") == []


@pytest.mark.parametrize(
    ("spoken", "said", "value"),
    [
        ("de", "zweimal die eins", "11"),
        ("de", "drei mal die vier zwei", "4442"),
        ("fr", "deux fois le sept quatre", "774"),
        ("es", "dos veces el siete cuatro", "774"),
    ],
)
def test_a_doubled_digit_may_have_its_article(spoken: str, said: str, value: str) -> None:
    assert code("digits", spoken, said)[:1] == [value]


def test_homophones_are_letters_where_the_length_needs_them() -> None:
    assert sure("mixed", "en", "see are bee", length=3)[:1] == ["crb"]
