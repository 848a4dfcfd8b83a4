"""The region of a language tag chooses the plan; a client's own choice goes before it."""

import pytest

from h2b.model.results import MatchClass
from tests.grammar_identifiers.speech import REGISTRY, understood, values

PHONE = "builtin:speech/spelling/phone_number"
ZIPCODE = "builtin:speech/zipcode"


@pytest.mark.parametrize(
    ("tag", "region"), [("fr", None), ("fr-BE", "BE"), ("en-gb", "GB"), ("fr-Latn-CH", "CH"), ("es-419", None)]
)
def test_the_region_of_a_tag_is_an_argument_of_every_grammar(tag: str, region: str | None) -> None:
    assert REGISTRY.activate("builtin:speech/boolean", tag).arguments.get("region") == region


@pytest.mark.parametrize(
    ("tag", "say", "value"),
    [
        ("fr-FR", "zéro six douze trente-quatre cinquante-six soixante-dix-huit", "+33612345678"),
        ("fr", "zéro six un deux trois quatre cinq six sept huit", "+33612345678"),
        ("fr-FR", "zéro zéro trente-trois six douze trente-quatre cinquante-six soixante-dix-huit", "+33612345678"),
        ("fr-FR", "plus trente-trois un quarante-deux soixante-huit cinquante-trois zéro zéro", "+33142685300"),
        ("fr-FR", "+33 6 12 34 56 78", "+33612345678"),
        ("fr-FR", "06 12 34 56 78", "+33612345678"),
        ("fr-FR", "0612345678", "+33612345678"),
        ("fr-FR", "0 4 58 80 9 19 20 9", "+33458891929"),
        ("fr-FR", "0 1 53 11 23 4 23", "+33153112383"),
        ("fr-FR", "zéro six zéro six douze trente-quatre cinquante-six soixante-dix-huit", "+33612345678"),
        ("fr-BE", "zéro quatre cent septante douze trente-quatre cinquante-six", "+32470123456"),
        ("fr-CH", "zéro septante-neuf deux cent treize quarante-cinq soixante-sept", "+41792134567"),
        ("fr-CA", "cinq un quatre deux sept six trente quarante-quatre", "+15142763044"),
        ("en-US", "one eight hundred two two one twelve twelve", "+18002211212"),
        ("en-GB", "oh seven nine double one one two three four five six", "+447911123456"),
        ("en-US", "plus four four two oh seven nine four six oh nine five eight", "+442079460958"),
        ("es-ES", "seis uno dos treinta y cuatro cincuenta y seis setenta y ocho", "+34612345678"),
        ("es-MX", "cincuenta y cinco doce treinta y cuatro cincuenta y seis setenta y ocho", "+525512345678"),
        ("de-DE", "null eins sieben eins zwei drei vier fünf sechs sieben acht", "+491712345678"),
        ("de-AT", "null sechs sechs vier eins zwei drei vier fünf sechs sieben", "+436641234567"),
    ],
)
def test_phone_numbers_of_a_region(tag: str, say: str, value: str) -> None:
    assert values(understood(PHONE, tag, say))[0] == value


@pytest.mark.parametrize(
    ("say", "value"),
    [
        ("quatre-vingt-dix-sept mille quatre cent", "97400"),
        ("neuf sept un zéro zéro", "97100"),
        ("neuf cent soixante-seize zéro zéro", "97600"),
        ("quatre-vingt-dix-huit mille", "98000"),
        ("neuf huit sept un quatre", "98714"),
        ("quatre-vingt-quinze mille cent", "95100"),
    ],
)
def test_postcodes_overseas_and_of_monaco_are_those_of_france(say: str, value: str) -> None:
    assert values(understood(ZIPCODE, "fr-FR", say))[0] == value


@pytest.mark.parametrize(
    ("tag", "say"),
    [
        ("en-US", "nine oh two one oh million"),
        ("en-US", "nine nine oh two one oh"),
        ("fr-FR", "quatre-vingt-dix-neuf mille"),
        ("fr-FR", "quatre-vingt-seize mille"),
    ],
)
def test_what_is_no_postcode_has_none(tag: str, say: str) -> None:
    assert understood(ZIPCODE, tag, say).match is not MatchClass.COMPLETE


@pytest.mark.parametrize(
    ("tag", "say"),
    [
        ("fr-FR", "un deux trois quatre cinq six sept huit neuf dix"),
        ("fr-FR", "zéro zéro zéro zéro zéro zéro zéro zéro zéro zéro"),
        ("fr-FR", "zéro six douze trente-quatre cinquante-six soixante-dix-huit neuf"),
        ("en-US", "one one one five five five one two three four"),
        ("es-ES", "uno dos tres"),
    ],
)
def test_what_no_plan_has_is_no_phone_number(tag: str, say: str) -> None:
    assert understood(PHONE, tag, say).match is MatchClass.NONE


@pytest.mark.parametrize(
    ("tag", "say", "value"),
    [
        ("fr-FR", "soixante-douze mille", "72000"),
        ("fr-FR", "soixante douze mille cent", "72100"),
        ("fr-BE", "mille cinquante", "1050"),
        ("fr-CH", "douze cent un", "1201"),
        ("fr-CA", "h deux x un y quatre", "h2x1y4"),
        ("en-GB", "e c one a one b b", "ec1a1bb"),
        ("en-GB", "m one one a e", "m11ae"),
        ("en-AU", "two thousand", "2000"),
        ("de-CH", "achttausend", "8000"),
        ("de-AT", "zehn zehn", "1010"),
        ("es-MX", "cero seis seis cero cero", "06600"),
        ("fr-XK", "soixante-douze mille", "72000"),
    ],
)
def test_postcodes_of_a_region(tag: str, say: str, value: str) -> None:
    assert values(understood(ZIPCODE, tag, say))[0] == value


def test_a_client_chooses_another_region_than_that_of_the_language() -> None:
    said = "zéro quatre sept zéro douze trente-quatre cinquante-six"
    assert values(understood(f"{PHONE}?region=BE", "fr-FR", said)) == ["+32470123456"]
    assert REGISTRY.activate(f"{PHONE}?region=BE", "fr-FR").arguments["region"] == "BE"
