"""Values that callers deny, and numbers that are only a bound, are not what was asked for."""

from typing import Any

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.model.results import Hypothesis, Path

REGISTRY = load_catalogue()
THRESHOLD = 0.5
HEARD = 0.9

DENIED: dict[str, dict[str, tuple[str, ...]]] = {
    "date": {
        "en": ("not monday", "I can't do monday", "monday is not possible", "any day except monday"),
        "fr": ("pas lundi", "lundi je ne peux pas", "lundi ne me convient pas"),
        "es": ("no puedo el lunes", "el lunes nunca"),
        "de": ("nicht am montag", "am montag kann ich nicht", "montag passt mir nicht"),
    },
    "number": {
        "en": ("not three", "less than three", "more than three", "at least three", "three or more", "under three"),
        "fr": ("pas trois", "moins de trois", "plus de vingt", "au moins vingt", "je n'en veux pas trois"),
        "es": ("no son tres", "menos de tres", "más de tres", "por lo menos tres"),
        "de": ("nicht drei", "mehr als drei", "unter drei", "mindestens drei"),
    },
    "currency": {"en": ("less than twenty dollars",), "fr": ("pas vingt euros",)},
    "time": {"en": ("not at three pm",), "de": ("nicht um drei uhr",)},
    "spelling/digits": {"en": ("not four two seven one",)},
    "spelling/phone_number": {"fr": ("ce n'est pas le 06 12 34 56 78",)},
    "country": {"en": ("not france", "anything but france"), "fr": ("pas la france",)},
    "keywords?alternatives=agent|transfer|billing": {
        "en": ("not an agent", "don't transfer", "I don't want an agent", "anything but billing"),
    },
    "keywords?alternatives=berater|rechnung|agente|agent|facture": {
        "de": ("keinen berater", "ich habe nicht rechnung gesagt"),
        "es": ("no quiero un agente",),
        "fr": ("je n'ai pas besoin d'un agent", "je n'ai pas dit facture"),
    },
}
MEANT: dict[str, dict[str, tuple[str, ...]]] = {
    "date": {
        "en": (
            "why not monday",
            "monday works for me",
            "I don't mind monday",
            "no monday",
            "monday without a problem",
            "I don't know maybe friday",
        ),
        "fr": ("pourquoi pas lundi", "lundi me convient", "lundi sans problème"),
        "es": ("no el lunes", "el lunes sin problema"),
        "de": ("warum nicht montag", "montag passt mir", "am montag ohne probleme"),
    },
    "currency": {
        "en": ("fifty dollars not more",),
        "fr": ("vingt euros pas plus",),
        "de": ("zwanzig euro mehr nicht",),
    },
    "number": {
        "en": ("more or less three", "three more or less", "no three", "no sorry I meant eleven"),
        "fr": ("plus ou moins vingt", "à peu près vingt", "moins trois", "non trois"),
        "es": ("más o menos tres", "no tres"),
        "de": ("mehr oder weniger drei", "nein drei"),
    },
    "spelling/digits": {"en": ("my order number is four two seven one and i still have not received anything",)},
    "country": {"en": ("france",)},
    "keywords?alternatives=agent|billing|internet": {
        "en": ("agent not billing", "my internet doesn't work", "I don't have a card give me an agent"),
    },
    "keywords?alternatives=agent|don't know": {"en": ("I don't know",)},
    "keywords?alternatives=agent|internet|cancel": {
        "en": (
            "I don't have internet",
            "I can't get on the internet",
            "why can't I get an agent",
            "can you not give me an agent",
            "I can't cancel",
            "my internet is no good",
        ),
    },
    "keywords?alternatives=internet|facture|résilier": {
        "fr": (
            "je n'ai pas internet",
            "sans internet depuis lundi",
            "je ne comprends pas ma facture",
            "je ne peux pas résilier",
            "il y a sur ma facture une erreur de calcul",
        ),
    },
    "keywords?alternatives=internet|cancelar": {
        "es": ("no tengo internet", "no hay internet", "internet no funciona", "no puedo cancelar"),
    },
    "keywords?alternatives=internet|rechnung|kündigen": {
        "de": (
            "ich habe kein internet",
            "ich habe keine rechnung bekommen",
            "ich kann nicht kündigen",
            "meine rechnung ist falsch berechnet",
        ),
    },
}


def rows(table: dict[str, dict[str, tuple[str, ...]]]) -> list[tuple[str, str, str]]:
    return [(uri, code, text) for uri, codes in table.items() for code, said in codes.items() for text in said]


def confidence(uri: str, code: str, said: str) -> float:
    grammar: Any = REGISTRY.activate(f"builtin:speech/{uri}", code)
    heard = Hypothesis(transcript=said.lower(), confidence=HEARD, path=Path.FREE, log_probability=-1.0)
    alternatives = interpret([heard], [grammar]).alternatives
    found = alternatives[0].interpretation if alternatives else None
    return found.confidence if found is not None and found.complete else 0.0


@pytest.mark.parametrize(("uri", "code", "said"), rows(DENIED))
def test_what_is_denied_or_only_a_bound_is_no_answer(uri: str, code: str, said: str) -> None:
    assert confidence(uri, code, said) < THRESHOLD


@pytest.mark.parametrize(("uri", "code", "said"), rows(MEANT))
def test_a_negation_of_something_else_takes_nothing_from_an_answer(uri: str, code: str, said: str) -> None:
    assert confidence(uri, code, said) >= THRESHOLD
