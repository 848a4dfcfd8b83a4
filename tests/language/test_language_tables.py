"""What holds for the word tables of every language, and a few entries each must have."""

import string
from collections.abc import Iterator
from typing import Any

import pytest

from h2b.language import LANGUAGES, Language, UnknownLanguage, language, normalise
from h2b.language.base import NATO
from h2b.language.corrections import corrections

each_language = pytest.mark.parametrize("known", LANGUAGES, ids=lambda known: known.code)


def digit_words(known: Language) -> set[str]:
    return {word for forms in known.digits.values() for word in forms}


def letter_names(known: Language) -> set[str]:
    return {name for forms in known.letters.values() for name in forms}


def every_phrase(known: Language) -> Iterator[str]:
    yield from digit_words(known) | letter_names(known) | known.fillers
    yield from known.digit_homophones
    yield from known.letter_homophones
    yield from known.alphabets
    yield from known.links
    yield from known.doubling
    yield from known.negators
    yield from known.no_digits
    yield from known.magnitudes
    yield from corrections(known)
    yield from known.yes
    yield from known.no
    for names in known.symbols.values():
        yield from names


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "en"), ("fr-BE", "fr"), ("ES-419", "es"), ("de-Latn-CH", "de"), ("en-US-x-ivr", "en")],
)
def test_a_language_is_found_by_its_primary_subtag(tag: str, code: str) -> None:
    assert language(tag).code == code


@pytest.mark.parametrize("tag", ["it-IT", "", "english", "-fr"])
def test_an_unknown_language_says_which_are_known(tag: str) -> None:
    with pytest.raises(UnknownLanguage) as caught:
        language(tag)
    assert str(caught.value) == f"no spoken forms for language '{tag}': expected one of de, en, es, fr"
    assert isinstance(caught.value, LookupError)


@each_language
def test_every_entry_is_in_its_normal_form(known: Language) -> None:
    assert [phrase for phrase in every_phrase(known) if not phrase or normalise(phrase) != phrase] == []


@each_language
def test_no_table_lists_a_phrase_twice(known: Language) -> None:
    tables = (*known.digits.values(), *known.letters.values(), *known.symbols.values())
    for table in (*tables, known.yes, known.no, known.links, known.negators):
        assert sorted(set(table)) == sorted(table)


@each_language
def test_tables_cannot_be_changed(known: Any) -> None:
    with pytest.raises(TypeError):
        known.digits["0"] = ("nil",)
    with pytest.raises(AttributeError):
        known.code = "xx"


@each_language
def test_digits_are_single_words_that_mean_one_digit(known: Language) -> None:
    assert list(known.digits) == list(string.digits)
    forms = [word for words in known.digits.values() for word in words]
    assert len(forms) == len(set(forms))
    assert all(" " not in word for word in forms)


@each_language
def test_every_letter_starts_with_itself_and_no_name_means_two_letters(known: Language) -> None:
    assert set(string.ascii_lowercase) <= set(known.letters)
    assert all(letter == names[0] for letter, names in known.letters.items())
    names = [name for forms in known.letters.values() for name in forms]
    assert len(names) == len(set(names))


@each_language
def test_homophones_are_not_the_names_themselves(known: Language) -> None:
    assert not digit_words(known) & set(known.digit_homophones)
    assert not letter_names(known) & set(known.letter_homophones)
    assert set(known.digit_homophones.values()) <= set(string.digits)
    assert all(set(letters) <= set(known.letters) for letters in known.letter_homophones.values())


@each_language
def test_a_filler_is_one_word_that_means_nothing_else(known: Language) -> None:
    assert all(" " not in word for word in known.fillers)
    for table in (
        digit_words(known),
        letter_names(known),
        known.digit_homophones,
        known.letter_homophones,
        known.alphabets,
        known.links,
        known.doubling,
        known.negators,
        known.yes,
        known.no,
    ):
        assert not known.fillers & set(table)


@each_language
def test_links_and_letters_are_told_apart(known: Language) -> None:
    assert not set(known.links) & letter_names(known)
    spanish_d = {"de"} if known.code == "es" else set()
    assert set(known.links) & set(known.letter_homophones) == spanish_d


@each_language
def test_code_words_stand_for_one_letter_and_cover_them_all(known: Language) -> None:
    assert set(string.ascii_lowercase) <= set(known.alphabets.values()) <= set(known.letters)
    assert NATO.items() <= known.alphabets.items()
    assert not set(known.alphabets) & (digit_words(known) | letter_names(known) - {"ypsilon", "eszett"})


@each_language
def test_yes_is_not_no(known: Language) -> None:
    assert not set(known.yes) & set(known.no)
    assert all(count in (2, 3) for count in known.doubling.values())


@each_language
def test_signs_have_names(known: Language) -> None:
    assert set("-_./@+") <= set(known.symbols)
    assert all(len(sign) == 1 and names for sign, names in known.symbols.items())


@pytest.mark.parametrize(
    ("code", "table", "key", "value"),
    [
        ("en", "letters", "w", "double u"),
        ("en", "letters", "z", "zed"),
        ("en", "digits", "0", "oh"),
        ("en", "symbols", "-", "dash"),
        ("fr", "letters", "w", "double vé"),
        ("fr", "letters", "y", "i grec"),
        ("fr", "letters", "z", "zède"),
        ("fr", "symbols", "@", "arobase"),
        ("es", "letters", "w", "uve doble"),
        ("es", "letters", "ñ", "eñe"),
        ("de", "letters", "y", "ypsilon"),
        ("de", "letters", "ß", "eszett"),
        ("de", "digits", "2", "zwo"),
    ],
)
def test_forms_a_recogniser_writes(code: str, table: str, key: str, value: str) -> None:
    assert value in getattr(language(code), table)[key]


@pytest.mark.parametrize(
    ("code", "table", "word", "value"),
    [
        ("en", "digit_homophones", "for", "4"),
        ("en", "digit_homophones", "o", "0"),
        ("en", "letter_homophones", "queue", "q"),
        ("en", "alphabets", "x ray", "x"),
        ("en", "alphabets", "adam", "a"),
        ("fr", "digit_homophones", "cette", "7"),
        ("fr", "letter_homophones", "haine", "n"),
        ("fr", "letter_homophones", "baissé", "bc"),
        ("fr", "alphabets", "célestin", "c"),
        ("fr", "alphabets", "édouard", "e"),
        ("es", "alphabets", "óscar", "o"),
        ("es", "doubling", "doble", 2),
        ("de", "alphabets", "ärger", "ä"),
        ("de", "alphabets", "wuppertal", "w"),
        ("de", "doubling", "dreimal", 3),
    ],
)
def test_words_have_their_meaning(code: str, table: str, word: str, value: str | int) -> None:
    assert getattr(language(code), table)[word] == value
