"""The form in which words are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.language import fold_accents, language, normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        ("Hello,   World!", "hello world"),
        ("Quatre-vingt-dix-sept…", "quatre vingt dix sept"),
        ("D’ACCORD, c'est ça.", "d'accord c'est ça"),
        ("'quoted' ‘too’ dogs' rock 'n' roll", "quoted too dogs rock n roll"),
        ("ZÉRO\tZe\u0301ro\nzéro", "zéro zéro zéro"),
        ("Straße", "straße"),
        ("½ ﬁn ２", "1 2 fin 2"),
        ("jean_paul@exemple.fr", "jean paul exemple fr"),
        ("¿Sí? ¡No!", "sí no"),
        ("a\u00a0b\u202fc", "a b c"),
        ("— ' -", ""),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal
    assert language("fr").normalise(text) == normal


@given(st.text())
def test_normalise_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_what_is_normal_has_single_inner_spaces_only(text: str) -> None:
    normal = normalise(text)
    assert normal == " ".join(normal.split())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("zéro", "zero"),
        ("veintidós eñe", "veintidos ene"),
        ("fünf Übermut", "funf Ubermut"),
        ("dreißig", "dreissig"),
        ("cœur œufs", "coeur oeufs"),
        ("où ça", "ou ca"),
    ],
)
def test_fold_accents(text: str, folded: str) -> None:
    assert fold_accents(text) == folded


@given(st.text())
def test_fold_accents_is_idempotent(text: str) -> None:
    assert fold_accents(fold_accents(text)) == fold_accents(text)
