"""Names of persons: introductions and politeness go, a spelling wins, and other answers are no names."""

from typing import Any

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.spelled import Run, spelled_runs
from h2b.language import LANGUAGES, Language, language, normalise
from h2b.language.persons import persons
from h2b.model.errors import GrammarDefinitionError, InvalidParameter
from tests.grammar.saying import found, values

each_language = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)


def full(first: str, last: str) -> dict[str, Any]:
    return {"first": first, "last": last}


FULL = {
    ("en", "John Smith"): full("john", "smith"),
    ("en", "yes hello, my name is John Smith please"): full("john", "smith"),
    ("en", "it's Jay Smith"): full("jay", "smith"),
    ("en", "John Smith, s m y t h"): full("john", "smyth"),
    ("en", "John, j o h n, Smyth, s m y t h"): full("john", "smyth"),
    ("en", "my first name is John and my last name is Smith"): full("john", "smith"),
    ("en", "last name Smith first name John"): full("john", "smith"),
    ("en", "Ludwig van Beethoven"): full("ludwig", "van beethoven"),
    ("en", "Mary Jane Watson"): full("mary jane", "watson"),
    ("en", "Doctor Mary O'Brien"): full("mary", "o'brien"),
    ("en", "hi, this is Sarah Connor speaking"): full("sarah", "connor"),
    ("en", "my name is Wayne, w a y n e, last name Rooney, r o o n e y"): full("wayne", "rooney"),
    ("fr", "je m'appelle Jean-Pierre Martin"): full("jean pierre", "martin"),
    ("fr", "oui bonjour, je suis madame Nathalie Lefèvre"): full("nathalie", "lefèvre"),
    ("fr", "alors c'est Lucas Moreau, m o r e a u"): full("lucas", "moreau"),
    ("fr", "monsieur Luc trait d'union Antoine de la Fontaine"): full("luc-antoine", "de la fontaine"),
    ("es", "me llamo María del Carmen García López"): full("maría del carmen", "garcía lópez"),
    ("es", "Juan García López"): full("juan", "garcía lópez"),
    ("es", "José Luis García López"): full("josé luis", "garcía lópez"),
    ("es", "Ana García"): full("ana", "garcía"),
    ("es", "José Ángel de la Torre Ruiz"): full("josé ángel", "de la torre ruiz"),
    ("es", "mi nombre es Lucía y mi apellido es Fernández"): full("lucía", "fernández"),
    ("de", "Vorname Jens, Nachname Köhler"): full("jens", "köhler"),
    ("de", "ich heiße Hans Müller"): full("hans", "müller"),
    ("de", "guten Tag, hier ist Ursula von der Leyen"): full("ursula", "von der leyen"),
}


@pytest.mark.parametrize(("code", "said"), FULL)
def test_a_full_name_has_two_parts(code: str, said: str) -> None:
    assert values("name", code, said) == [FULL[code, said]]


LAST = {
    ("en", "Smith, s m y t h"): "smyth",
    ("en", "s as in sam m as in mary i t h"): "smith",
    ("en", "sierra mike india tango hotel"): "smith",
    ("en", "m a double t h e w s"): "matthews",
    ("en", "my last name is Smith"): "smith",
    ("en", "it's spelled k a t h r y n"): "kathryn",
    ("en", "Jon without an h, j o n"): "jon",
    ("en", "Brown with an e at the end, b r o w n e"): "browne",
    ("fr", "ça s'écrit l e r o u x"): "leroux",
    ("es", "se escribe g u t i é r r e z"): "gutiérrez",
    ("de", "das schreibt sich m e y e r"): "meyer",
    ("fr", "Leroy, l e r o y"): "leroy",
    ("fr", "le roi l e r o y"): "leroy",
    ("fr", "bé o double enne e té"): "bonnet",
    ("fr", "b comme Bernard o deux n e t"): "bonnet",
    ("fr", "Dupont avec un t"): "dupont",
    ("es", "Ibáñez, i b a ñ e z"): "ibáñez",
    ("es", "be de Barcelona a ese"): "bas",
    ("es", "García López"): "garcía lópez",
    ("de", "Meier, m wie Martha a i e r"): "maier",
    ("de", "m u umlaut doppel l e r"): "müller",
    ("de", "von der Leyen"): "von der leyen",
}


@pytest.mark.parametrize(("code", "said"), LAST)
def test_a_last_name_is_text_and_its_spelling_wins(code: str, said: str) -> None:
    assert values("name", code, said, part="last") == [LAST[code, said]]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", ""),
        ("en", "forty two"),
        ("en", "one two three"),
        ("en", "john 42"),
        ("en", "I don't know"),
        ("en", "I want to speak to an agent"),
        ("en", "what"),
        ("en", "a very long list of words here"),
        ("fr", "je ne sais pas"),
        ("fr", "vingt-deux"),
        ("fr", "d'accord"),
        ("es", "no lo sé"),
        ("es", "por supuesto"),
        ("de", "ich weiß es nicht"),
        ("de", "keine Ahnung"),
    ],
)
def test_other_answers_are_no_names(code: str, said: str) -> None:
    assert found("name", code, said) == []


@each_language
def test_no_yes_and_no_no_is_a_name(spoken: Language) -> None:
    assert [phrase for phrase in (*spoken.yes, *spoken.no) if found("name", spoken.code, phrase)] == []


def test_one_part_of_a_full_name_is_partial() -> None:
    (only,) = found("name", "en", "smith")
    assert (only.value, only.complete) == (full("", "smith"), False)
    (only,) = found("name", "fr", "mon prénom c'est zoé")
    assert (only.value, only.complete) == (full("zoé", ""), False)


def test_a_spelling_that_has_only_begun_is_partial() -> None:
    for said in ("smith s", "smith s m", "smith s m i"):
        (begun,) = found("name", "en", said, part="last")
        assert (begun.value, begun.complete) == ("smith", False)


def test_the_other_part_alone_is_no_answer() -> None:
    assert found("name", "en", "my last name is smith", part="first") == []


def test_a_spelled_name_is_surer_than_an_introduced_one_and_that_than_a_bare_one() -> None:
    said = ("smith s m i t h", "my name is smith", "smith")
    assert [found("name", "en", words, part="last")[0].quality for words in said] == [1.0, 0.8, 0.7]


@pytest.mark.parametrize(
    ("code", "said", "letters"),
    [
        ("en", "john s m y t h please", [Run("smyth", 1, 6)]),
        ("en", "jay s m i t h", [Run("smith", 1, 6)]),
        ("en", "a man i know", []),
        ("en", "john q public", []),
        ("en", "mike oscar", []),
        ("fr", "effe zède ka", [Run("fzk", 0, 3)]),
        ("es", "uve doble a ene", [Run("wan", 0, 4)]),
        ("de", "anna maria sophie", []),
    ],
)
def test_runs_of_letters_among_words(code: str, said: str, letters: list[Run]) -> None:
    assert spelled_runs(said.split(), language(code)) == letters


@each_language
def test_the_tables_are_in_normal_form_and_no_introduction_is_lost(spoken: Language) -> None:
    table = persons(spoken)
    phrases = (*table.whole, *table.first, *table.last, *table.joins, *table.titles, *table.notes, *table.never)
    assert [phrase for phrase in phrases if normalise(phrase) != phrase] == []
    for phrase in (*table.whole, *table.last):
        assert values("name", spoken.code, f"{phrase} karlsson", part="last") == ["karlsson"], phrase
    for phrase in table.first:
        assert values("name", spoken.code, f"{phrase} karlsson", part="first") == ["karlsson"], phrase


def test_another_part_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"expected one of full, first, last"):
        KINDS["name"].check({"part": "middle"})
    with pytest.raises(GrammarDefinitionError, match=r"expected one of full, first, last"):
        load_catalogue().activate("builtin:speech/name?part=middle", "en")


def test_a_decoder_may_write_anything() -> None:
    assert KINDS["name"].acceptor({}, language("en")) is None
