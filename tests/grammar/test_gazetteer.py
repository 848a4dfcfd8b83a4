"""The communes of France: what the file holds, how they are found, and how it is made."""

import gzip
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from h2b.grammar.gazetteer import LARGE_CITIES, Commune, Gazetteer, build, gazetteer, spelling_key
from h2b.language.sounds import french_sound

ACTUAL = "commune-actuelle"
MAXIMUM_BYTES = 300_000
COMMUNES = [
    {
        "code": "72181",
        "nom": "Le Mans",
        "type": "commune-actuelle",
        "codesPostaux": ["72100", "72000"],
        "population": 149016,
    },
    {"code": "74010", "nom": "Annecy", "type": "commune-actuelle", "codesPostaux": ["74000"], "population": 132117},
    {"code": "74011", "nom": "Annecy-le-Vieux", "type": "commune-deleguee", "chefLieu": "74010"},
    {"code": "74010", "nom": "Annecy", "type": "commune-deleguee", "chefLieu": "74010"},
    {
        "code": "16052",
        "nom": "Bors (Canton de Tude-et-Lavalette)",
        "type": "commune-actuelle",
        "codesPostaux": ["16190"],
    },
    {"code": "75101", "nom": "Paris 1er Arrondissement", "type": "arrondissement-municipal", "codesPostaux": ["75001"]},
]


def names(communes: list[Commune]) -> list[str]:
    return [commune.name for commune in communes]


def test_the_file_is_small_and_every_line_has_postcodes_magnitude_and_name() -> None:
    packed = files("h2b.grammar.gazetteer").joinpath("communes.txt.gz").read_bytes()
    assert len(packed) <= MAXIMUM_BYTES
    first, *lines = gzip.decompress(packed).decode().splitlines()
    assert first.startswith("# @etalab/decoupage-administratif")
    assert len(lines) > 35_000
    assert all(re.fullmatch(r"\d{5}( \d{5})*\|[1-8]\|[^|A-Z]+", line) for line in lines)


def test_the_licence_stands_beside_the_file() -> None:
    text = files("h2b.grammar.gazetteer").joinpath("LICENCE.md").read_text("utf-8")
    assert "Licence Ouverte" in text
    assert "INSEE" in text


def test_a_postcode_gives_its_communes_the_largest_first() -> None:
    assert names([*gazetteer().of_postcode("72000")]) == ["le mans"]
    assert gazetteer().of_postcode("13100")[0].name == "aix-en-provence"
    assert gazetteer().of_postcode("96000") == ()
    assert gazetteer().exists("06000")
    assert not gazetteer().exists("72037")


def test_the_arrondissements_are_postcodes_of_their_cities() -> None:
    for city, postcodes in LARGE_CITIES.items():
        for postcode in postcodes:
            assert city in names([*gazetteer().of_postcode(postcode)])


def test_a_name_is_found_without_accents_and_hyphens() -> None:
    texts = [spelling_key(text) for text in ("Saint-Étienne", "l hay les roses", "nowhere at all", "le mans")]
    found = [names(communes) for communes in gazetteer().spelled(texts)]
    assert found == [["saint-étienne"], ["l'haÿ-les-roses"], [], ["le mans"]]


def test_a_name_is_found_by_its_sound() -> None:
    found = gazetteer().sounding([french_sound(heard) for heard in ("lements", "bordo", "moulino", "x")])
    assert [names(communes)[:1] for communes in found] == [["le mans"], ["bordeaux"], ["moulineaux"], []]


@pytest.mark.parametrize(
    "alike",
    [
        "le mans, lements, le ment, le mant",
        "leroy, le roi, le roy",
        "leclerc, le clair, le clerc",
        "jaurès, jorès, jaurès",
        "foch, fauche, phoche",
        "issy les moulineaux, ici les moulinots",
        "rennes, renne, reine",
        "bordeaux, bordo, bordaux",
        "étienne, etienne",
        "épinay sur seine, épiné sur scène",
        "angers, angé, anger",
        "clermont ferrand, clairmon ferran",
        "boulogne, boulognes",
        "quimper, kimper",
        "philippe, filipe",
    ],
)
def test_words_that_sound_alike_have_one_key(alike: str) -> None:
    assert len({french_sound(words) for words in alike.split(", ")}) == 1


@pytest.mark.parametrize(
    "different", ["paris, pari six, parme", "lyon, laon, lens", "tours, tulle, toul", "vienne, vannes"]
)
def test_words_that_do_not_have_several(different: str) -> None:
    words = different.split(", ")
    assert len({french_sound(word) for word in words}) == len(words)


def test_sounds_of_lines_are_lines() -> None:
    assert french_sound("le mans\n\nle roi") == f"{french_sound('lements')}\n\n{french_sound('leroy')}"


def test_lines_are_made_of_communes_and_the_old_names_of_merged_ones() -> None:
    assert list(build.lines(COMMUNES)) == [
        "16190|1|bors",
        "72000 72100|6|le mans",
        "74000|6|annecy",
        "74000|1|annecy-le-vieux",
    ]


def test_the_same_communes_make_the_same_file(tmp_path: Path) -> None:
    source, first, second = tmp_path / "communes.json", tmp_path / "1.gz", tmp_path / "2.gz"
    source.write_text(json.dumps(COMMUNES), "utf-8")
    assert build.main([str(source), str(first)]) == 0
    source.write_text(json.dumps(COMMUNES[::-1]), "utf-8")
    assert build.main([str(source), str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    made = Gazetteer(gzip.decompress(first.read_bytes()).decode())
    assert made.of_postcode("74000") == (Commune("annecy", ("74000",), 6), Commune("annecy-le-vieux", ("74000",), 1))


def test_the_tool_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([]) == 2
    assert "usage: python -m h2b.grammar.gazetteer.build" in capsys.readouterr().err
