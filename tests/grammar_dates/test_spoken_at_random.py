"""Random dates, times and amounts, spoken by the language tables and by num2words: what was said is heard."""

import datetime
import random

import pytest
from num2words import num2words

from h2b.language import language
from h2b.language.calendar import calendar, year_forms
from tests.grammar_dates.understanding import CODES, values_of, verdict_on

TRIALS = 300
FIRST = {"en": 0.98, "fr": 0.95, "es": 0.95, "de": 0.95}


def share_first(name: str, code: str, spoken: list[tuple[str, object]]) -> float:
    """The share of values that come first; each must be among the five best."""
    first = 0
    for said, value in spoken:
        values = values_of(verdict_on(name, code, said, n_best=5))
        assert value in values, f"{said}: {values}"
        first += values[0] == value
    return first / len(spoken)


def random_days() -> list[datetime.date]:
    chance = random.Random(7)
    start, end = datetime.date(1900, 1, 1).toordinal(), datetime.date(2099, 12, 31).toordinal()
    return [datetime.date.fromordinal(chance.randint(start, end)) for _ in range(TRIALS)]


def in_words(day: datetime.date, code: str) -> str:
    """With the numbers of num2words."""
    month = calendar(language(code)).months[day.month - 1][0]
    year = num2words(day.year, to="year", lang=code)
    if code == "en":
        return f"{month} {num2words(day.day, to='ordinal', lang='en')} {year}"
    if code == "de":
        return f"der {num2words(day.day, to='ordinal', lang='de')} {month} {year}"
    number = num2words(day.day, lang=code)
    return f"le {number} {month} {year}" if code == "fr" else f"el {number} de {month} de {year}"


def as_value(day: datetime.date) -> dict[str, object]:
    return {"day": day.day, "month": day.month, "year": day.year, "valid": True}


@pytest.mark.parametrize("code", CODES)
def test_dates_in_the_numbers_of_num2words(code):
    spoken = [(in_words(day, code), as_value(day)) for day in random_days()]
    assert share_first("date", code, spoken) >= FIRST[code]


@pytest.mark.parametrize("code", CODES)
def test_dates_in_every_form_of_the_tables(code):
    chance = random.Random(8)
    spoken_language = language(code)
    tables = calendar(spoken_language)
    spoken = []
    for day in random_days():
        number = chance.choice((*tables.ordinals(day.day), *spoken_language.number_forms(day.day)))
        month = chance.choice(tables.months[day.month - 1])
        spoken.append((f"{number} {month} {chance.choice(year_forms(spoken_language, day.year))}", as_value(day)))
    assert share_first("date", code, spoken) >= FIRST[code]


@pytest.mark.parametrize("code", CODES)
def test_times_on_the_clock_of_twenty_four_hours(code):
    template = {"en": "{0} {1}", "fr": "{0} heures {1}", "es": "{0} horas {1}", "de": "{0} Uhr {1}"}[code]
    chance = random.Random(9)
    spoken = []
    for _ in range(TRIALS):
        hour, minute = chance.randint(13, 23), chance.randint(10, 59)
        said = template.format(num2words(hour, lang=code), num2words(minute, lang=code))
        spoken.append((said, f"{hour:02}:{minute:02}"))
    assert share_first("time", code, spoken) >= FIRST[code]


@pytest.mark.parametrize("code", CODES)
def test_numbers_whole_decimal_and_negative(code):
    chance = random.Random(10)
    minus = {"en": "minus", "fr": "moins", "es": "menos", "de": "minus"}[code]
    spoken: list[tuple[str, object]] = []
    for _ in range(TRIALS):
        whole = chance.randrange(chance.choice((100, 10_000, 3_000_000)))
        spoken.append((num2words(whole, lang=code), whole))
        spoken.append((f"{minus} {num2words(whole + 1, lang=code)}", -whole - 1))
        decimal = chance.randrange(1_000_000) / 100
        spoken.append((num2words(decimal, lang=code), decimal))
    assert share_first("number", code, spoken) >= FIRST[code]


@pytest.mark.parametrize("code", CODES)
def test_sums_of_money(code):
    euros = "Euro" if code == "de" else "euros"
    chance = random.Random(11)
    spoken = []
    for _ in range(TRIALS):
        whole, cents = chance.randrange(2, 100_000), chance.randrange(100)
        said = f"{num2words(whole, lang=code)} {euros} {num2words(cents, lang=code) if cents else ''}"
        spoken.append((said, {"amount": (whole * 100 + cents) / 100, "currency": "EUR"}))
    assert share_first("currency", code, spoken) >= FIRST[code]


@pytest.mark.parametrize("code", CODES)
def test_every_age(code):
    spoken = [(num2words(age, lang=code), age) for age in range(131)]
    assert share_first("age", code, spoken) == 1
