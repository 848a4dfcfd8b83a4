"""Registration plates: what a law gives out is found however it is said, what it does not is not."""

import random
from itertools import pairwise

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.license_plate import PLATES
from h2b.language import language
from h2b.model.errors import GrammarDefinitionError, InvalidParameter
from tests.grammar.saying import acceptor_of, found, spell_in_groups, values, writes

NEW = {
    "fr": ("LL000LL", "abcdefghjklmnpqrtvwxyz"),
    "es": ("0000LLL", "bcdfghjklmnprstvwxyz"),
    "de": ("LLL000", "abkmx"),
}
"""The form of each country's new plates, and letters that may stand anywhere in it."""


@pytest.mark.parametrize("code", NEW)
def test_random_plates_come_out_as_they_were_said(code: str) -> None:
    chance = random.Random(11)
    spoken = language(code)
    form, letters = NEW[code]
    for _ in range(40):
        plate = "".join(chance.choice(letters) if place == "L" else str(chance.randint(1, 9)) for place in form)
        said = []
        for run in _runs(plate):
            said += [spell_in_groups(run, spoken, chance, 2)] if run.isdigit() else list(run)
        assert plate in values("license_plate", code, " ".join(said)), said


def _runs(plate: str) -> list[str]:
    runs = [plate[0]]
    for before, character in pairwise(plate):
        if before.isdigit() is character.isdigit():
            runs[-1] += character
        else:
            runs.append(character)
    return runs


SAID = {
    ("en", "a b one two c d e"): "ab12cde",
    ("en", "it's alpha bravo twelve, charlie delta echo"): "ab12cde",
    ("en", "AB12 CDE"): "ab12cde",
    ("en", "p one two three a b c"): "p123abc",
    ("en", "a b c one two three d"): "abc123d",
    ("en", "j i z four two one"): None,
    ("en", "a i z four two one"): None,
    ("en", "x i four two one"): "xi421",
    ("en", "a i one two c d e"): None,
    ("en", "a b zero one c d e"): None,
    ("en", "one two three four"): None,
    ("fr", "euh alors a a deux cent vingt-neuf a a"): "aa229aa",
    ("fr", "ab tiret cent vingt-trois tiret cd"): "ab123cd",
    ("fr", "a comme anatole b zéro zéro un c d"): "ab001cd",
    ("fr", "a b zéro zéro zéro c d"): None,
    ("fr", "s s cent vingt-trois a a"): None,
    ("fr", "a a cent vingt-trois s s"): None,
    ("fr", "a i cent vingt-trois c d"): None,
    ("fr", "quatre cent cinquante a b c soixante-quinze"): "450abc75",
    ("fr", "douze a b deux a"): "12ab2a",
    ("fr", "douze a b zéro zéro"): None,
    ("es", "doce treinta y cuatro be ce de"): "1234bcd",
    ("es", "uno dos tres cuatro a b c"): None,
    ("es", "m doce treinta y cuatro a b"): "m1234ab",
    ("es", "x doce treinta y cuatro a b"): None,
    ("de", "b bindestrich a b eins zwei drei"): "bab123",
    ("de", "m ü a b zwölf"): "müab12",
    ("de", "München a b zwölf h"): "mab12h",
    ("de", "h wie Hamburg a b zwölf"): "hab12",
    ("de", "m a b null zwölf"): None,
    ("de", "a b c d e eins zwei drei vier"): None,
}


@pytest.mark.parametrize(("code", "said"), SAID)
def test_plates_of_the_language_that_names_no_region(code: str, said: str) -> None:
    expected = SAID[code, said]
    assert values("license_plate", code, said)[:1] == ([] if expected is None else [expected])


ELSEWHERE = {
    ("en", "US", "seven a b c one two three"): "7abc123",
    ("en", "US", "one two three four five six"): None,
    ("en", "IE", "one six one d one two three"): "161d123",
    ("fr", "BE", "un a b c cent vingt-trois"): "1abc123",
    ("fr", "CH", "v d douze trois cent quarante-cinq"): "vd12345",
    ("fr", "CH", "z z douze"): None,
    ("de", "AT", "w zwölf drei vier fünf a"): "w12345a",
    ("en", "IT", "a b one two three c d"): "ab123cd",
    ("es", "MX", "a b c uno dos tres"): "abc123",
}


@pytest.mark.parametrize(("code", "region", "said"), ELSEWHERE)
def test_plates_of_other_regions(code: str, region: str, said: str) -> None:
    expected = ELSEWHERE[code, region, said]
    assert values("license_plate", code, said, region=region)[:1] == ([] if expected is None else [expected])


def test_the_region_of_the_call_decides() -> None:
    registry = load_catalogue()
    assert registry.activate("builtin:speech/license_plate", "fr-BE").arguments == {"region": "BE"}
    assert registry.activate("builtin:speech/license_plate?region=FR", "fr-BE").arguments == {"region": "FR"}


def test_a_beginning_is_partial() -> None:
    (begun,) = found("license_plate", "fr", "a b cent vingt")
    assert (begun.value, begun.complete) == ("ab120", False)
    assert found("license_plate", "fr", "je ne sais pas") == []


@pytest.mark.parametrize("region", PLATES)
def test_a_decoder_is_held_to_the_form(region: str) -> None:
    acceptor = acceptor_of("license_plate", "en", {"region": region})
    assert not writes(acceptor, "hello")
    assert not writes(acceptor, "one two three")


def test_a_decoder_may_write_a_plate_whole() -> None:
    assert writes(acceptor_of("license_plate", "fr", {}), "a b cent vingt trois c d")
    assert not writes(acceptor_of("license_plate", "fr", {}), "s s cent vingt trois c d")


def test_a_region_without_known_plates_is_refused_from_a_client() -> None:
    with pytest.raises(InvalidParameter, match=r"expected one of AT, BE, CH, DE, ES, FR, GB, IE, IT, US"):
        KINDS["license_plate"].check({"region": "MX"})
    with pytest.raises(GrammarDefinitionError, match=r"expected one of AT, BE"):
        load_catalogue().activate("builtin:speech/license_plate?region=MX", "es")
