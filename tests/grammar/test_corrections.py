"""Which of two answers counts: one rule for every kind, and what it must leave alone."""

import time

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.language import language, normalise
from h2b.language.corrections import corrections
from h2b.model.results import Hypothesis, MatchClass
from tests.grammar.saying import CODES

REGISTRY = load_catalogue()
THRESHOLD = 0.5


def judged(uri: str, code: str, said: str) -> Verdict:
    heard = Hypothesis(transcript=normalise(said), confidence=1.0)
    return interpret([heard], [REGISTRY.activate(f"builtin:speech/{uri}", code)])


def sure(uri: str, code: str, said: str) -> object:
    """The value of a complete match that counts, else None."""
    verdict = judged(uri, code, said)
    if verdict.match is not MatchClass.COMPLETE or verdict.confidence < THRESHOLD:
        return None
    found = verdict.alternatives[0].interpretation
    assert found is not None
    return found.value


FOUR = "spelling/digits?length=4"
PHONE = "spelling/phone_number"
MARCH_4 = {"day": 4, "month": 3, "year": 1980, "valid": True}
CORRECTED = (
    (FOUR, "en", "four seven one two no four seven one three", "4713"),
    (FOUR, "en", "four seven one no wait sorry i mean four seven one three", "4713"),
    (FOUR, "fr", "quatre sept un deux non pardon quatre sept un trois", "4713"),
    (FOUR, "es", "cuatro siete uno dos mejor dicho cuatro siete uno tres", "4713"),
    (FOUR, "de", "vier sieben eins zwei quatsch vier sieben eins drei", "4713"),
    ("spelling/letters", "en", "a b c scratch that a b d", "abd"),
    ("spelling/digits", "fr", "douze enfin treize", "13"),
    ("spelling/digits", "en", "four seven one two three no four seven one two", "4712"),
    ("zipcode", "en", "nine oh two one oh no nine oh two one one", "90211"),
    ("keywords?alternatives=billing|sales", "en", "billing no sales", "sales"),
    ("keywords?alternatives=billing|sales", "en", "billing no sorry sales please no thanks", "sales"),
    ("country", "en", "france no germany", "DE"),
    ("country", "es", "francia digo alemania", "DE"),
    ("email", "en", "john at gmail dot com no jane at gmail dot com", "jane@gmail.com"),
    ("email", "en", "john sorry i mean jane at gmail dot com", "jane@gmail.com"),
    ("license_plate", "en", "a b one two c d e make that a b one two c d f", "ab12cdf"),
    ("number", "en", "three no four", 4),
    ("currency", "en", "twelve dollars no thirteen dollars", {"amount": 13, "currency": "USD"}),
    ("time", "en", "three pm sorry four pm", "16:00"),
    ("age", "fr", "trente ans non trente et un ans", 31),
    ("date", "en", "march third nineteen eighty no march fourth nineteen eighty", MARCH_4),
    ("name", "en", "john smith no jane smith", {"first": "jane", "last": "smith"}),
    (
        PHONE,
        "fr",
        "zéro six douze trente quatre cinquante six soixante dix neuf "
        "non zéro six douze trente quatre cinquante six soixante dix huit",
        "+33612345678",
    ),
)


@pytest.mark.parametrize(("uri", "code", "said", "value"), CORRECTED)
def test_a_whole_answer_behind_a_correction_takes_the_place_of_the_first(
    uri: str, code: str, said: str, value: object
) -> None:
    assert sure(uri, code, said) == value


ONLY_A_PART = (
    (PHONE, "fr", "zéro six douze trente quatre cinquante six soixante dix neuf non soixante dix huit"),
    (PHONE, "en", "two one two five five five oh one nine nine sorry eight"),
    (FOUR, "en", "four seven one two no wait three"),
    (FOUR, "es", "cuatro siete uno dos no tres"),
    (FOUR, "de", "eins zwei drei nein vier"),
    ("spelling/digits", "fr", "zéro six douze non treize"),
    ("date", "en", "the third of may nineteen eighty no nineteen eighty one"),
    ("email", "en", "john at gmail dot com sorry jane"),
    ("email", "en", "my name is john no jane at gmail dot com"),
    ("keywords?alternatives=billing|sales", "en", "billing no marketing"),
    ("spelling/mixed", "en", "flight b a no twelve thirty"),
)


@pytest.mark.parametrize(("uri", "code", "said"), ONLY_A_PART)
def test_a_part_behind_a_correction_leaves_no_sure_answer(uri: str, code: str, said: str) -> None:
    assert sure(uri, code, said) is None


UNTOUCHED = (
    (FOUR, "en", "no sorry four seven one three", "4713"),
    (FOUR, "en", "sorry four seven one three", "4713"),
    (FOUR, "en", "four seven one two no thanks", "4712"),
    (FOUR, "fr", "quatre sept enfin un deux", "4712"),
    (PHONE, "fr", "zéro six douze enfin trente quatre cinquante six soixante dix neuf", "+33612345679"),
    ("email", "en", "my email address is no reply at gmail dot com", "noreply@gmail.com"),
    ("email", "en", "no dot reply at gmail dot com", "no.reply@gmail.com"),
    ("email", "es", "juan punto no punto perez arroba gmail punto com", "juan.no.perez@gmail.com"),
    ("keywords?alternatives=no|yes", "en", "no", "no"),
    ("keywords?alternatives=york|new york", "en", "to new york please", "new york"),
    ("country", "en", "no germany", "DE"),
    ("keywords?alternatives=internet|sales", "en", "my internet is no good", "internet"),
    ("keywords?alternatives=internet|factura", "es", "la factura no está bien", "factura"),
    ("keywords?alternatives=internet|facture", "fr", "il y a sur ma facture une erreur de calcul", "facture"),
    ("keywords?alternatives=internet|rechnung", "de", "meine rechnung ist falsch berechnet", "rechnung"),
    ("boolean", "en", "yes no", False),
    ("transcribe", "en", "billing no sales", "billing no sales"),
)


@pytest.mark.parametrize(("uri", "code", "said", "value"), UNTOUCHED)
def test_a_no_or_sorry_beside_or_inside_the_only_answer_corrects_nothing(
    uri: str, code: str, said: str, value: object
) -> None:
    assert sure(uri, code, said) == value


@pytest.mark.parametrize("code", CODES)
def test_every_correction_of_a_language_corrects(code: str) -> None:
    spoken = language(code)
    first, second = ("".join(f"{spoken.digits[digit][0]} " for digit in value) for value in ("4712", "4713"))
    assert [phrase for phrase in corrections(spoken) if sure(FOUR, code, f"{first}{phrase} {second}") != "4713"] == []


TWO_ANSWERS = (
    ("country", "en", "from france to spain"),
    (FOUR, "en", "ninety oh two and eleven fifty"),
    ("spelling/letters", "en", "my name is j o h n and i live in p a r i s"),
    ("zipcode", "en", "nine oh two one oh or nine oh two one one"),
    ("email", "en", "john at gmail dot com and jane at gmail dot com"),
    ("license_plate", "en", "a b one two c d e or a b one two c d f"),
    (PHONE, "en", "two one two five five five oh one nine nine or two one two five five five oh one nine eight"),
)


@pytest.mark.parametrize(("uri", "code", "said"), TWO_ANSWERS)
def test_of_two_answers_without_a_correction_none_is_sure(uri: str, code: str, said: str) -> None:
    assert sure(uri, code, said) is None


@pytest.mark.parametrize(
    "said", ["four seven one two i repeat four seven one two", "four seven one two four seven one two"]
)
def test_the_same_answer_said_again_is_sure(said: str) -> None:
    assert sure(FOUR, "en", said) == "4712"


@pytest.mark.parametrize(
    ("code", "said"),
    [("fr", "le quinze non le seize mai"), ("es", "el quince no el dieciséis de mayo")],
)
def test_a_partial_date_takes_the_place_of_a_part_of_one(code: str, said: str) -> None:
    verdict = judged("date", code, said)
    found = verdict.alternatives[0].interpretation
    assert found is not None
    assert found.value == {"day": 16, "month": 5, "year": None, "valid": False}
    assert verdict.match is MatchClass.PARTIAL
    assert verdict.confidence >= THRESHOLD


def test_many_corrections_take_no_long_time() -> None:
    said = "four seven one two no " * 20 + "four seven one three"
    judged(FOUR, "en", said)
    begun = time.process_time()
    for _ in range(10):
        assert sure(FOUR, "en", said) == "4713"
    assert time.process_time() - begun < 10 * 0.05
