"""The tables around yes and no, and those of what is denied."""

from collections.abc import Iterator

import pytest

from h2b.language import LANGUAGES, Language, normalise
from h2b.language.answers import answers
from h2b.language.denials import denials

each_language = pytest.mark.parametrize("known", LANGUAGES, ids=lambda known: known.code)


def tables(known: Language) -> Iterator[tuple[str, tuple[str, ...]]]:
    for record in (answers(known), denials(known)):
        for name in type(record).__slots__:
            if name != "__weakref__":
                yield name, getattr(record, name)


@each_language
def test_every_entry_is_in_its_normal_form_and_stands_there_once(known: Language) -> None:
    for name, table in tables(known):
        assert [phrase for phrase in table if not phrase or normalise(phrase) != phrase] == [], name
        assert sorted(set(table)) == sorted(table), name


@each_language
def test_what_is_said_of_answers_is_said_of_answers_that_there_are(known: Language) -> None:
    table, all_answers = answers(known), {*known.yes, *known.no}
    assert set(table.alone) <= all_answers
    assert set(table.wishes) <= set(known.no)
    assert set(table.content) <= set(known.yes)
    assert set(table.plain) & set(known.yes)
    assert set(table.plain) & set(known.no)


@each_language
def test_doubt_is_no_answer(known: Language) -> None:
    table = answers(known)
    assert set(table.doubts) & {*known.yes, *known.no} == set()
    assert set(table.neutral) & {*known.yes, *known.no} == set()


@each_language
def test_every_language_can_deny_and_compare(known: Language) -> None:
    assert [name for name, table in tables(known) if not table and name not in ("content", "wishes")] == []
