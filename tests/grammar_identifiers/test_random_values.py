"""Random right values, said in groups in four languages: always among the readings, nearly always the first."""

import random
from collections.abc import Callable, Sequence

import phonenumbers
import pytest
from stdnum import iban, luhn
from stdnum.fr import nir

from tests.grammar_identifiers.speech import LANGUAGES, spoken, understood, values

TRIES = 100
FIRST = 0.95


def digits(chance: random.Random, count: int, first: str = "0123456789") -> str:
    return chance.choice(first) + "".join(chance.choices("0123456789", k=count - 1))


def siren(chance: random.Random) -> str:
    number = digits(chance, 8, "3456789")
    return number + luhn.calc_check_digit(number)


def siret(chance: random.Random) -> str:
    number = siren(chance) + "000" + digits(chance, 1)
    return number + luhn.calc_check_digit(number)


def card(chance: random.Random) -> str:
    number = digits(chance, 15, "45")
    return number + luhn.calc_check_digit(number)


def nir_number(chance: random.Random) -> str:
    number = f"{chance.choice('12')}{digits(chance, 2)}{chance.randint(1, 12):02}{chance.randint(1, 95):02}"
    number += digits(chance, 6)
    return number + nir.calc_check_digits(number)


def iban_number(chance: random.Random) -> str:
    account = digits(chance, 18)
    return "de" + iban.calc_check_digits(f"DE00{account}") + account


def french_zipcode(chance: random.Random) -> str:
    return f"{chance.randint(1, 95):02}{digits(chance, 3)}"


SCHEMES: dict[str, tuple[Callable[[random.Random], str], Sequence[int]]] = {
    "siren": (siren, (3, 3, 3)),
    "siret": (siret, (3, 3, 3, 3, 2)),
    "card": (card, (2,) * 8),
    "nir": (nir_number, (1, 2, 2, 2, 3, 3, 2)),
    "iban": (iban_number, (1, 1, *(2,) * 10)),
    "zipcode?region=FR": (french_zipcode, (2, 3)),
}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("name", SCHEMES)
def test_a_right_value_is_found_whatever_its_words_could_mean_otherwise(name: str, code: str) -> None:
    make, sizes = SCHEMES[name]
    chance = random.Random(f"{name} {code}")
    said = [(value, spoken(code, value, sizes, chance.randrange(3))) for value in (make(chance) for _ in range(TRIES))]
    check(f"builtin:speech/{name}", code, said)


@pytest.mark.parametrize(
    ("tag", "prefix", "sizes"),
    [
        ("fr-FR", "06", (2,) * 5),
        ("fr-BE", "047", (1, 3, 2, 2, 2)),
        ("en-US", "212", (1, 1, 1, 1, 1, 1, 2, 2)),
        ("en-GB", "079", (1, 2, 2, 2, 2, 2)),
        ("es-ES", "6", (3, 2, 2, 2)),
        ("de-DE", "0171", (4, 2, 2, 2, 1)),
    ],
)
def test_a_phone_number_is_found_whatever_its_words_could_mean_otherwise(
    tag: str, prefix: str, sizes: Sequence[int]
) -> None:
    chance = random.Random(tag)
    said: list[tuple[str, str]] = []
    while len(said) < TRIES:
        number = prefix + digits(chance, sum(sizes) - len(prefix))
        parsed = phonenumbers.parse(number, tag[-2:])
        if phonenumbers.is_valid_number(parsed):
            written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
            said.append((written, spoken(tag[:2], number, sizes, chance.randrange(3))))
    check("builtin:speech/spelling/phone_number", tag, said)


def check(uri: str, tag: str, said: Sequence[tuple[str, str]]) -> None:
    found = [(value, words, values(understood(uri, tag, words, 64))) for value, words in said]
    missing = [(value, words, readings) for value, words, readings in found if value not in readings]
    assert not missing
    first = [value == readings[0] for value, _, readings in found]
    second = [(value, words, readings[0]) for value, words, readings in found if value != readings[0]]
    assert sum(first) >= FIRST * len(first), second
