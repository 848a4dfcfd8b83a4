"""Random values spoken by num2words and understood again: the true value is always found, and nearly always first.

Whole numbers, one digit at a time, by pairs or by triples, as people of each language read such values out. Every row
of `pytest -s` is one kind and language: how many were first of the n-best list, and how many in it.
"""

import calendar as months
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import phonenumbers
import pytest
from attrs import frozen
from num2words import num2words
from stdnum import iban, luhn

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.language import language as language_of
from h2b.language import normalise
from h2b.language.calendar import calendar
from h2b.model.results import Hypothesis, MatchClass

REGISTRY = load_catalogue()
COUNT = 240
N_BEST = 20
FIRST = {"en": 0.98, "fr": 0.95, "es": 0.95, "de": 0.95}
"""Share of values that are the first of their list, at least."""


@frozen
class Said:
    """One value as a caller says it."""

    words: str
    value: object
    query: str = ""


def number(value: int, code: str) -> str:
    return str(num2words(value, lang=code))


def in_groups(digits: str, code: str, sizes: Sequence[int]) -> str:
    """Each group as a number, the zeros it begins with said one by one; the last size goes on."""
    said = []
    sizes = list(sizes)
    while digits:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        group, digits = digits[:size], digits[size:]
        bare = group.lstrip("0")
        said += [number(0, code)] * (len(group) - len(bare))
        said += [number(int(bare), code)] if bare else []
    return " ".join(said)


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def with_luhn(body: str) -> str:
    return body + str(luhn.calc_check_digit(body))


def digit_strings(code: str, chance: random.Random) -> Said:
    value = digits(chance, chance.randint(4, 12))
    return Said(in_groups(value, code, [chance.choice((1, 2, 3))]), value, f"?length={len(value)}")


REGIONS = {"en": "US", "fr": "FR", "es": "ES", "de": "DE"}
READ_OUT = {"en": ([1], [3, 3, 2, 2]), "fr": ([2], [1]), "es": ([3], [3, 2], [1]), "de": ([1], [2])}
"""The groups in which telephone numbers are read out."""


def phone_numbers(code: str, chance: random.Random) -> Said:
    region = REGIONS[code]
    while True:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        assert example is not None
        national = phonenumbers.national_significant_number(example)
        parsed = phonenumbers.parse(national[:3] + digits(chance, len(national) - 3), region)
        if phonenumbers.is_valid_number(parsed):
            break
    dialled = "".join(c for c in phonenumbers.format_number(parsed, 2) if c.isdigit())
    value = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Said(in_groups(dialled, code, chance.choice(READ_OUT[code])), value)


def sirens(code: str, chance: random.Random) -> Said:
    value = with_luhn(digits(chance, 8))
    return Said(in_groups(value, code, [chance.choice((1, 3))]), value)


def cards(code: str, chance: random.Random) -> Said:
    value = with_luhn(chance.choice("45") + digits(chance, 14))
    return Said(in_groups(value, code, [chance.choice((1, 2))]), value)


IBANS = {"en": ("DE", 18), "fr": ("FR", 23), "es": ("ES", 20), "de": ("DE", 18)}


def accounts(code: str, chance: random.Random) -> Said:
    country, length = IBANS[code]
    body = digits(chance, length)
    value = f"{country}{iban.calc_check_digits(f'{country}00{body}')}{body}".lower()
    size = chance.choice((1, 2, 3) if code == "fr" else (1, 2))
    return Said(f"{value[0]} {value[1]} {in_groups(value[2:], code, [size])}", value)


DEPARTMENTS = {"en": range(100), "fr": range(1, 96), "es": range(1, 53), "de": range(1, 100)}


def postcodes(code: str, chance: random.Random) -> Said:
    department = chance.choice([n for n in DEPARTMENTS[code] if (code, n) != ("fr", 20)])
    value = f"{department:02}{digits(chance, 3)}"
    styles = {"fr": ([1], [2, 3], [5]), "es": ([1], [2, 3], [5]), "en": ([1],), "de": ([1], [2, 3])}
    return Said(in_groups(value, code, chance.choice(styles[code])), value)


def dates(code: str, chance: random.Random) -> Said:
    year, month = chance.randint(1930, 2029), chance.randint(1, 12)
    day = chance.randint(1, months.monthrange(year, month)[1])
    name = calendar(language_of(code)).months[month - 1][0]
    spoken_year = num2words(year, lang=code, to="year" if code in ("en", "de") else "cardinal")
    templates = {
        "en": f"{name} {num2words(day, to='ordinal', lang='en')} {spoken_year}",
        "fr": f"le {'premier' if day == 1 else number(day, code)} {name} {spoken_year}",
        "es": f"el {number(day, code)} de {name} de {spoken_year}",
        "de": f"der {num2words(day, to='ordinal', lang='de')} {name} {spoken_year}",
    }
    return Said(templates[code], {"day": day, "month": month, "year": year, "valid": True})


def sums(code: str, chance: random.Random) -> Said:
    whole, cents = chance.choice((chance.randint(2, 99), chance.randint(100, 99_999))), chance.randint(0, 99)
    euros = {"en": "euros", "fr": "euros", "es": "euros", "de": "euro"}[code]
    said = f"{number(whole, code)} {euros}"
    if cents:
        unit = {"en": " cents", "fr": "", "es": " céntimos", "de": ""}[code]
        said += f"{' and' if code == 'en' else ' con' if code == 'es' else ''} {number(cents, code)}{unit}"
    value = float(f"{whole}.{cents:02}") if cents else whole
    return Said(said, {"amount": value, "currency": "EUR"})


def numbers(code: str, chance: random.Random) -> Said:
    top = chance.choice((99, 999, 9_999, 999_999, 9_999_999))
    value = chance.randint(0, top)
    return Said(number(value, code), value)


KINDS: Mapping[str, tuple[str, Callable[[str, random.Random], Said]]] = {
    "digits": ("spelling/digits", digit_strings),
    "phone": ("spelling/phone_number", phone_numbers),
    "siren": ("siren", sirens),
    "card": ("card", cards),
    "iban": ("iban", accounts),
    "zipcode": ("zipcode", postcodes),
    "date": ("date", dates),
    "currency": ("currency", sums),
    "number": ("number", numbers),
}


def values(path: str, code: str, said: Said) -> list[Any]:
    """The complete values of an n-best list."""
    grammar = REGISTRY.activate(f"builtin:speech/{path}{said.query}", code)
    verdict = interpret([Hypothesis(transcript=normalise(said.words), confidence=0.9)], [grammar], n_best=N_BEST)
    if verdict.match is not MatchClass.COMPLETE:
        return []
    return [found.interpretation.value for found in verdict.alternatives if found.interpretation]


@pytest.mark.parametrize("code", FIRST)
@pytest.mark.parametrize("kind", KINDS)
def test_the_true_value_is_always_found_and_nearly_always_first(kind: str, code: str) -> None:
    path, make = KINDS[kind]
    chance = random.Random(zlib.crc32(f"{kind} {code}".encode()))
    said = [make(code, chance) for _ in range(COUNT)]
    heard = [values(path, code, one) for one in said]
    first = [found[:1] == [one.value] for one, found in zip(said, heard, strict=True)]
    missing = [(one, found[:3]) for one, found in zip(said, heard, strict=True) if one.value not in found]
    print(f"\n{kind:10} {code}  first {sum(first):>3}/{COUNT} {sum(first) / COUNT:>6.1%}", end="")
    print(f"  found {COUNT - len(missing):>3}/{COUNT}", end="")
    assert not missing, missing[:5]
    wrong = [(one, found[:2]) for one, found, right in zip(said, heard, first, strict=True) if not right]
    assert sum(first) >= FIRST[code] * COUNT, wrong[:8]
