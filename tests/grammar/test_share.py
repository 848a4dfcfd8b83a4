"""Answers wrapped in a sentence count; sentences that only hold the words of an answer do not."""

from typing import Any

import pytest

from h2b.language import LANGUAGES, normalise
from h2b.language.carriers import carriers
from tests.grammar.saying import found

THRESHOLD = 0.5
HEARD = 0.9
"""What a recogniser is usually sure of words that were said well."""

ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    "number": {
        "en": (
            "i want three",
            "about twenty",
            "it's forty two please",
            "i'd say around fifteen",
            "there are four of us",
            "um well i think it was two hundred and six",
            "a table for six please",
            "three dogs",
            "i would like to have two of them",
            "no sorry i meant eleven",
            "just the one hundred and five please thank you",
            "my answer is minus twelve degrees",
        ),
        "fr": (
            "j'en voudrais trois",
            "environ vingt",
            "c'est quarante-deux s'il vous plaît",
            "nous serons quatre",
            "euh je dirais une quinzaine non seize",
            "on est six personnes",
            "je vais en prendre deux",
            "pour cinq merci",
        ),
        "es": (
            "quiero tres",
            "unos veinte",
            "son cuarenta y dos por favor",
            "somos cuatro",
            "creo que eran quince",
            "una mesa para seis",
            "póngame dos por favor gracias",
        ),
        "de": (
            "ich möchte drei",
            "ungefähr zwanzig",
            "es sind zweiundvierzig bitte",
            "wir sind vier personen",
            "ich glaube es waren fünfzehn",
            "für sechs bitte",
            "ich hätte gerne zwei davon",
        ),
    },
    "age": {
        "en": ("i am forty two years old", "i'm going to be thirty", "my daughter is seven", "she turned nine in may"),
        "fr": ("j'ai trente ans", "il va avoir douze ans", "ma fille a sept ans"),
        "es": ("tengo treinta años", "mi hija tiene siete años", "voy a cumplir cuarenta"),
        "de": ("ich bin dreißig jahre alt", "meine tochter ist sieben", "sie wird im mai neun"),
    },
    "currency": {
        "en": ("i would like to pay twenty five dollars", "it was about twelve euros fifty i think"),
        "fr": ("je voudrais payer vingt euros", "ça m'a coûté douze euros cinquante"),
        "es": ("quiero pagar veinte euros", "me costó doce euros con cincuenta"),
        "de": ("ich möchte zwanzig euro zahlen", "das waren zwölf euro fünfzig"),
    },
    "time": {
        "en": ("i would like to come at half past two", "tomorrow at three pm please", "maybe around ten thirty"),
        "fr": ("plutôt à quatorze heures trente", "je peux venir vers neuf heures"),
        "es": ("mejor a las tres y media", "puedo venir a las nueve"),
        "de": ("lieber um halb drei", "ich kann um neun uhr kommen"),
    },
    "date": {
        "en": ("i was born on the third of may nineteen eighty", "the appointment was for july fourth 2026"),
        "fr": ("je suis né le trois mai mille neuf cent quatre-vingts", "mon rendez-vous est le quatre juillet 2026"),
        "es": ("nací el tres de mayo de mil novecientos ochenta", "mi cita es el cuatro de julio de 2026"),
        "de": ("ich bin am dritten mai neunzehnhundertachtzig geboren", "der termin ist am vierten juli 2026"),
    },
    "boolean": {
        "en": (
            "yes i would like to speak to somebody about my last bill",
            "no i have already paid that invoice",
            "um well i think yes",
            "to be honest no",
        ),
        "fr": ("oui je voudrais parler à un conseiller", "non j'ai déjà payé cette facture", "euh je crois que oui"),
        "es": ("sí quisiera hablar con un agente", "no ya he pagado esa factura", "pues creo que sí"),
        "de": ("ja ich möchte mit einem berater sprechen", "nein ich habe schon bezahlt", "ich glaube ja"),
    },
}
OTHERS: dict[str, dict[str, tuple[str, ...]]] = {
    "number": {
        "en": (
            "press three for sales",
            "please hold one of our agents will answer your call shortly",
            "the ratio of this picture divided by twelve gives the simplest fraction",
            "k seven v",
            "the twenty third",
            "four two seven one",
            "4 2 7 1",
        ),
        "fr": ("tapez deux pour joindre le service commercial", "k sept v", "quatre deux sept un"),
        "es": ("pulse dos para hablar con el departamento comercial", "k siete v", "cuatro dos siete uno"),
        "de": ("drücken sie zwei um mit dem vertrieb verbunden zu werden", "k sieben v", "vier zwei sieben eins"),
    },
    "age": {
        "en": ("september twenty seventh", "june nineteen"),
        "fr": ("le vingt-trois mai",),
        "es": ("el veintitrés de mayo de dos mil",),
        "de": ("dreiundzwanzig mai",),
    },
    "boolean": {
        "en": (
            "at the sound of the tone the hour will be exactly",
            "s a y b r o o k",
            "login incorrect enter your pin",
        ),
        "fr": ("le mot de passe saisi est incorrect",),
        "es": ("la contraseña introducida es incorrecta",),
        "de": ("das eingegebene passwort ist falsch",),
    },
}


def confidence(kind: str, code: str, said: str) -> float:
    arguments: dict[str, Any] = {"today": "2026-11-21"} if kind == "date" else {}
    values = [match for match in found(kind, code, said, **arguments) if match.complete]
    return HEARD * values[0].quality if values else 0.0


def rows(table: dict[str, dict[str, tuple[str, ...]]]) -> list[tuple[str, str, str]]:
    return [(kind, code, text) for kind, codes in table.items() for code, said in codes.items() for text in said]


@pytest.mark.parametrize(("kind", "code", "said"), rows(ANSWERS))
def test_an_answer_wrapped_in_a_sentence_counts(kind: str, code: str, said: str) -> None:
    assert confidence(kind, code, said) >= THRESHOLD


@pytest.mark.parametrize(("kind", "code", "said"), rows(OTHERS))
def test_a_sentence_about_something_else_is_no_answer(kind: str, code: str, said: str) -> None:
    assert confidence(kind, code, said) < THRESHOLD


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("my order number is four two seven one and i still have not received anything", True),
        ("press three for advanced options", False),
        ("three", True),
    ],
)
def test_a_longer_code_bears_more_words_around_it(said: str, counts: bool) -> None:
    values = found("spelling", "en", said, alphabet="digits")
    assert (HEARD * values[0].quality >= THRESHOLD) is counts


@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)
def test_carriers_are_words_in_normal_form_and_no_numbers(spoken: Any) -> None:
    words = carriers(spoken)
    assert [word for word in words if normalise(word) != word or " " in word] == []
    numbers = {form for n in range(2, 1000) for form in spoken.number_forms(n)}
    assert words & numbers == set()
