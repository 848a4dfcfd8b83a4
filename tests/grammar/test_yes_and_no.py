"""Yes and no: what was said last counts, and a negation turns only the yes behind it."""

import pytest

from h2b.grammar.kinds import KINDS
from h2b.language import language


@pytest.mark.parametrize(
    ("words", "code", "value"),
    [
        ("yes", "en", True),
        ("no", "en", False),
        ("that is not correct", "en", False),
        ("why not yes", "en", True),
        ("no no no no no no", "en", False),
        ("no well yes", "en", True),
        ("non euh si oui", "fr", True),
        ("pourquoi pas oui", "fr", True),
        ("non non merci", "fr", False),
        ("pas d'accord", "fr", False),
        ("no no es correcto", "es", False),
        ("cómo no sí señor", "es", True),
        ("warum nicht ja", "de", True),
        ("nein nein danke", "de", False),
    ],
)
def test_the_last_clear_answer_counts(words: str, code: str, value: bool) -> None:
    found = KINDS["boolean"].find(words.split(), {}, language(code))

    assert [entry.value for entry in found] == [value]


@pytest.mark.parametrize("words", ["", "hello there", "what time is it"])
def test_what_is_neither_is_no_match(words: str) -> None:
    assert KINDS["boolean"].find(words.split(), {}, language("en")) == []
