"""Yes and no: the first clear answer counts until it is taken back, doubt is none, a negation turns what follows."""

import time

import pytest

from h2b.grammar.kinds.boolean import CONTRADICTION, RETHOUGHT
from tests.grammar.saying import found

SURE = 1.0

ANSWERS: dict[tuple[str, bool], tuple[str, ...]] = {
    ("en", True): (
        "yes",
        "yes I never received it",
        "yes but not today",
        "yes I don't have it",
        "yes, I said no to that offer",
        "yes no bill arrived",
        "yes I don't know my account number",
        "yes right now",
        "yes I don't want to pay that",
        "why not, yes",
        "no wait yes",
        "no... well, yes",
        "no, sorry, I think yes",
        "that's right I haven't got it",
        "I think so",
        "sounds good",
        "that works for me",
        "no problem",
        "sure, no problem",
        "um well I think yes",
    ),
    ("en", False): (
        "no no no no no no",
        "no it's fine",
        "no I'm fine thanks",
        "no that's okay",
        "no I'm good",
        "not today",
        "not today I am busy",
        "never",
        "that is not correct",
        "that's not the right one",
        "I don't think that is right",
        "I don't think so",
        "not yet",
        "I don't have it",
        "I don't want to talk to anybody",
        "I don't need that",
        "I have no questions",
        "yes wait that's not correct",
        "yes, er, I mean no",
        "no sorry it's fine",
    ),
    ("fr", True): (
        "oui je ne l'ai jamais reçu",
        "oui mais pas aujourd'hui",
        "non euh si oui",
        "non attendez oui",
        "pourquoi pas oui",
        "pas de souci",
        "il n'y a pas de problème",
        "oui ça ne marche pas",
        "je pense que oui",
    ),
    ("fr", False): (
        "non non merci",
        "pas d'accord",
        "non c'est parfait",
        "non c'est bon",
        "pas du tout",
        "je crois pas",
        "je ne pense pas que ce soit correct",
        "carrément pas",
        "ça marche pas",
        "oui enfin non",
        "oui je me suis trompé c'est non",
    ),
    ("es", True): (
        "sí no me ha llegado",
        "sí no puedo ahora",
        "sí no hay problema",
        "cómo no sí señor",
        "creo que sí",
        "no hay problema",
        "no tengo ningún problema",
        "no espera sí",
    ),
    ("es", False): (
        "no no es correcto",
        "no está bien",
        "no gracias está bien",
        "no creo que sea correcto",
        "creo que no",
        "sí digo no",
        "no me ha llegado",
    ),
    ("de", True): (
        "ja das ist nicht angekommen",
        "ja aber heute nicht",
        "ich glaube schon",
        "warum nicht ja",
        "nein moment ja",
        "das passt so",
    ),
    ("de", False): (
        "nein nein danke",
        "ja, nein, nicht richtig",
        "ich glaube nicht",
        "ich glaube nicht dass das stimmt",
        "das stimmt leider nicht",
        "das passt mir nicht",
        "absolut nicht",
        "nein danke passt schon",
        "das möchte ich nicht",
        "ich möchte keinen termin",
    ),
}


@pytest.mark.parametrize(
    ("code", "value", "said"), [(code, value, said) for (code, value), all_ in ANSWERS.items() for said in all_]
)
def test_an_answer_stands_whatever_explains_it(code: str, value: bool, said: str) -> None:
    assert [(match.value, match.quality) for match in found("boolean", code, said)] == [(value, SURE)]


NO_ANSWERS = {
    "en": (
        "",
        "hello there",
        "what time is it",
        "right now",
        "I don't know",
        "I'm not sure",
        "no, I'm not sure",
        "I don't understand",
        "I don't know if that's right",
        "no idea",
        "no question",
        "maybe",
        "yes and no",
        "I'm good",
        "I don't have my card",
        "I never received it",
        "that's not wrong",
    ),
    "fr": (
        "je ne sais pas",
        "je ne sais pas si c'est correct",
        "je suis pas sûr",
        "je ne comprends pas",
        "aucune idée",
    ),
    "es": (
        "no lo sé",
        "no no lo sé",
        "no sé si es correcto",
        "no entiendo",
        "no estoy seguro",
        "si no le importa",
        "quizás",
    ),
    "de": ("ich weiß nicht", "keine ahnung", "ich bin mir nicht sicher", "ich verstehe nicht", "na ja", "nicht wahr"),
}


@pytest.mark.parametrize(("code", "said"), [(code, said) for code, all_ in NO_ANSWERS.items() for said in all_])
def test_doubt_and_what_only_looks_like_an_answer_is_no_match(code: str, said: str) -> None:
    assert found("boolean", code, said) == []


@pytest.mark.parametrize(
    ("code", "said", "value", "quality"),
    [
        ("en", "yes no", False, RETHOUGHT),
        ("es", "no no sí", True, RETHOUGHT),
        ("de", "nein, ja", True, RETHOUGHT),
        ("fr", "non si", True, RETHOUGHT),
        ("en", "yes that's wrong", True, CONTRADICTION),
        ("en", "no that's correct", False, CONTRADICTION),
        ("fr", "non c'est exact", False, CONTRADICTION),
        ("de", "ja das ist falsch", True, CONTRADICTION),
        ("en", "no I have already paid it yes", False, CONTRADICTION),
        ("en", "maybe yes", True, CONTRADICTION),
        ("en", "yes I'm not sure", True, CONTRADICTION),
    ],
)
def test_a_contradiction_with_no_correction_is_not_sure_of_itself(
    code: str, said: str, value: bool, quality: float
) -> None:
    assert [(match.value, match.quality) for match in found("boolean", code, said)] == [(value, quality)]


def test_the_time_for_an_answer_grows_with_its_words_only() -> None:
    said = "no wait I mean I don't know maybe yes not today " * 40
    begun = time.process_time()
    for _ in range(10):
        found("boolean", "en", said)
    assert (time.process_time() - begun) / 10 < 0.1
