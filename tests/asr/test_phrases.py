"""What grammars allow as plain words, for engines that take lists."""

from collections.abc import Mapping

import pytest

from h2b.asr.phrases import MAXIMUM_WORDS, PhraseLists, phrases_of
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds.base import TODAY
from h2b.grammar.registry import ActiveGrammar, Registry
from h2b.grammar.shape import of_length
from h2b.grammar.spoken import Entry, Lexicon, LexiconAcceptor, Positions
from h2b.model.formats import GrammarFormat

REGISTRY = load_catalogue()
DIGITS = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}


def phrases(*uris: str, language: str = "en", registry: Registry = REGISTRY) -> tuple[str, ...]:
    return PhraseLists().of([registry.activate(uri, language) for uri in uris])


def test_few_answers_are_given_whole() -> None:
    uri = "builtin:speech/keywords?alternatives=billing|talk to an agent|No"

    assert phrases(uri) == ("billing", "no", "talk to an agent")


def test_answers_without_number_give_their_words() -> None:
    given = set(phrases("builtin:speech/spelling/digits"))

    assert given >= DIGITS
    assert all(" " not in phrase for phrase in given)


@pytest.mark.parametrize(
    ("language", "uri", "some"),
    [
        ("en", "builtin:speech/spelling/mixed", DIGITS | {"a", "b", "z", "double", "bravo"}),
        ("en", "builtin:speech/boolean", {"yes", "no", "sure", "okay", "don't"}),
        ("en", "builtin:speech/date", {"january", "twenty", "third", "tomorrow", "nineteen"}),
        ("fr", "builtin:speech/spelling/digits", {"zéro", "neuf", "vingt", "soixante"}),
        ("fr", "builtin:speech/boolean", {"oui", "non", "d'accord"}),
        ("de", "builtin:speech/zipcode", {"null", "neun"}),
        ("es", "builtin:speech/boolean", {"sí", "no", "claro"}),
    ],
)
def test_the_words_of_shipped_grammars_are_found(language: str, uri: str, some: set[str]) -> None:
    assert set(phrases(uri, language=language)) >= some


def test_signs_of_digits_are_no_words() -> None:
    for phrase in phrases("builtin:speech/spelling/mixed", "builtin:speech/date"):
        assert not any(character.isdigit() for character in phrase)


def test_several_grammars_are_one_list() -> None:
    yes_or_agent = phrases("builtin:speech/keywords?alternatives=yes|no", "builtin:speech/keywords?alternatives=agent")

    assert yes_or_agent == ("agent", "no", "yes")


def test_a_grammar_that_takes_anything_has_no_list() -> None:
    assert phrases("builtin:speech/transcribe") == ()


def test_a_grammar_of_the_session_gives_its_literals() -> None:
    body = "#ABNF 1.0 UTF-8;\nlanguage en;\nroot $order;\n$order = [a] (small | large) pizza;\n"
    registry = REGISTRY.define("order", body, GrammarFormat.SRGS_ABNF)

    assert phrases("session:order", registry=registry) == (
        "a large pizza",
        "a small pizza",
        "large pizza",
        "small pizza",
    )


def test_recursion_without_end_is_cut_off_at_its_words() -> None:
    body = "#ABNF 1.0 UTF-8;\nlanguage en;\nroot $so;\n$so = (very | rather) ($so | good);\n"
    registry = REGISTRY.define("so", body, GrammarFormat.SRGS_ABNF)

    assert phrases("session:so", registry=registry) == ("good", "rather", "very")


class Endless:
    """An acceptor of one word that never ends."""

    def start(self) -> Positions:
        return frozenset({(0, 0)})

    def arcs(self, positions: Positions) -> Mapping[int, Positions]:
        return {ord("a"): positions}

    def accepts(self, positions: Positions) -> bool:
        return False


def test_a_word_without_end_costs_a_bounded_number_of_steps() -> None:
    assert phrases_of([Endless()]) == ()


def test_a_list_too_long_to_rule_anything_out_is_none() -> None:
    names = [f"x{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(MAXIMUM_WORDS + 1)]
    lexicon = Lexicon(Entry(name, "1") for name in names)

    assert phrases_of([LexiconAcceptor(lexicon, of_length("1", 1, 1))]) == ()


def test_a_day_that_passes_makes_no_new_list() -> None:
    lists = PhraseLists()
    first, second = (
        ActiveGrammar(uri="d", type="d", kind="date", arguments={TODAY: day}, language="en")
        for day in ("2026-11-21", "2026-11-22")
    )

    assert lists.of([first]) is lists.of([second])
