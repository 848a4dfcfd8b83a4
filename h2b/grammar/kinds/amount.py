"""Numbers, sums of money, ages: which quantity of an utterance is the answer.

Owns the choice among readings. What quantities are made of is `quantity`'s.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Final

from attrs import frozen

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.quantity import (
    CODES,
    OLDEST,
    age_shape,
    currency_shape,
    is_part,
    is_price,
    lexicon,
    number,
    number_shape,
    sum_of_money,
    years,
)
from h2b.grammar.kinds.share import share_of
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import Shape
from h2b.grammar.spoken import Acceptor, LexiconAcceptor, Reading, search
from h2b.language import Language, fold_accents
from h2b.language.amounts import amounts
from h2b.language.calendar import calendar
from h2b.language.carriers import carriers
from h2b.model.errors import InvalidParameter

DOUBTFUL: Final = 0.45
"""Share of a sum such as "two fifty": 2.50, or 250."""

_ARTICLES: Final = frozenset(("un", "une", "una", "ein", "eine"))
"""Words for one that mostly are none: alone they count only where nothing else was said."""


class Number:
    """A JSON number, whole or with decimals, bounded by `min` and `max`."""

    name = "number"
    takes = taking(
        PresetParameter(name="min", type="number", doc="the smallest number that matches"),
        PresetParameter(name="max", type="number", doc="the largest one"),
    )

    def check(self, arguments: Arguments) -> None:
        low, high = arguments.get("min"), arguments.get("max")
        if low is not None and high is not None and float(low) > float(high):
            raise InvalidParameter("max", high, f"at least min, which is {low}")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        low, high = float(arguments.get("min", "-inf")), float(arguments.get("max", "inf"))
        best = _best(words, language, number_shape())
        value = number(best.value) if best else None
        if best is None or value is None or not low <= value <= high:
            return []
        return [Found(value=_plain(value), quality=best.share)]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(lexicon(language), number_shape())


class Age:
    """Whole years, 0 to 130."""

    name = "age"
    takes = taking()

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        best = _best(words, language, age_shape(bounded=False), _no_ages(language))
        age = years(best.value) if best else None
        if best is None or age is None or age > OLDEST:
            return []
        return [Found(value=age, quality=best.share)]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(lexicon(language), age_shape(bounded=True))


class Currency:
    """`{"amount": 12.5, "currency": "EUR"}`; partial, with null, where no currency is said or given."""

    name = "currency"
    takes = taking(
        PresetParameter(name="currency", type="choice", choices=CODES, doc="the one meant where none is said"),
    )

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong: the preset lists the currencies."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        assumed = arguments.get("currency")
        best = _best(words, language, currency_shape(priced=assumed is not None), _units(language))
        if best is None:
            return []
        amount, said, doubtful = sum_of_money(best.value)
        currency = said or assumed
        share = best.share * DOUBTFUL if doubtful else best.share
        value = {"amount": _plain(amount), "currency": currency}
        return [Found(value=value, quality=share, complete=currency is not None)]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(lexicon(language), currency_shape(priced=False))


@frozen
class _Quantity:
    """The parts of a value, and which share of the utterance is about it."""

    value: str
    share: float


def _best(
    words: Sequence[str], language: Language, shape: Shape, touching: frozenset[str] = frozenset()
) -> _Quantity | None:
    """The best quantity in the words, of equal ones the last; none that is cut out of a longer one.

    `touching` are further words beside which a reading is none.
    """
    heard = list(_apart(words, language))
    signed = _no_minus(language).sub(lambda match: _unsigned(match[0], language), " ".join(heard)).split()
    alone = [
        reading
        for reading in search(signed, lexicon(language), shape, language.fillers)
        if reading.complete
        and not in_a_row(reading, signed, language)
        and not _cut(reading, signed, language, touching)
        and not _at_this_point(reading, signed, language)
        and not _dated(reading, signed, language)
        and not _figures(reading, signed)
        and not _article(reading, signed, language)
    ]
    best = max(alone, key=lambda reading: (round(reading.score, 3), reading.end), default=None)
    return _Quantity(best.value, share_of(best, heard, language)) if best else None


def _article(reading: Reading, words: Sequence[str], language: Language) -> bool:
    """Whether a reading is one article in a sentence."""
    others = (*words[: reading.start], *words[reading.end :])
    said = words[reading.start : reading.end]
    return len(said) == 1 and said[0] in _ARTICLES and any(word not in language.fillers for word in others)


def _figures(reading: Reading, words: Sequence[str]) -> bool:
    """Whether figures stand one after another inside a reading: "1 5 2" is a code and not 152."""
    return any(one.isdigit() and other.isdigit() for one, other in pairwise(words[reading.start : reading.end]))


def in_a_row(reading: Reading, words: Sequence[str], language: Language) -> bool:
    """Whether numbers, letters or a month stand right beside a reading: then it is cut out of a code or of a date."""
    before = words[max(reading.start - 1, 0) : reading.start]
    after = words[reading.end : reading.end + 1]
    months = (*after, *before) if calendar(language).month_first else after
    return any(_of_a_row(word, language) for word in (*before, *after)) or any(m in _months(language) for m in months)


def _of_a_row(word: str, language: Language) -> bool:
    return word.isdigit() or word in _number_words(language) or (len(word) == 1 and word not in carriers(language))


def _cut(reading: Reading, words: Sequence[str], language: Language, touching: frozenset[str]) -> bool:
    """Whether what stands beside a reading makes another quantity of it: "three | billion", "two to | three"."""
    around = (words[reading.end :], words[: reading.start][::-1])
    nearest = (next((word for word in side if word not in _steps(language)), "") for side in around)
    return any(word.isdigit() or word in _quantity_words(language) or word in touching for word in nearest)


def _at_this_point(reading: Reading, words: Sequence[str], language: Language) -> bool:
    """Whether a reading begins with a point that leads no decimals."""
    pointed = words[reading.start] in language.notation.decimal_words.values()
    return pointed and any(
        word in amounts(language).no_point_after for word in words[max(reading.start - 1, 0) : reading.start]
    )


def _dated(reading: Reading, words: Sequence[str], language: Language) -> bool:
    """Whether a price is the year behind a month: "may nineteen forty four"."""
    names = {name for month in calendar(language).months for name in month}
    return is_price(reading.value) and not names.isdisjoint(words[max(reading.start - 1, 0) : reading.start])


@cache
def _units(language: Language) -> frozenset[str]:
    """Currencies and cents: a sum beside one has lost its own, or is of a currency that is not read."""
    said = amounts(language)
    names = {name for names in (*said.currencies.values(), said.cents, said.other_currencies) for name in names}
    return frozenset(name for name in names | set(map(fold_accents, names)) if " " not in name)


@cache
def _no_ages(language: Language) -> frozenset[str]:
    """What a number counts that is no age."""
    return _units(language) - carriers(language) | set(amounts(language).shorter_times)


@cache
def _steps(language: Language) -> frozenset[str]:
    """Words that may stand between the parts of a quantity, or between two of them."""
    said = amounts(language)
    return language.fillers | _ARTICLES | {said.about, *said.articles, *said.joins, *said.between}


@cache
def _quantity_words(language: Language) -> frozenset[str]:
    """Words that are part of a quantity, or make another one of it."""
    said = amounts(language)
    parts = {word for e in lexicon(language).entries if is_part(e.value) for word in e.phrase.split()}
    parts -= carriers(language) | _steps(language)
    others = {*said.unread, *language.magnitudes, *said.minus, *language.doubling}
    return _number_words(language) | parts | others | {fold_accents(word) for word in others}


@cache
def _number_words(language: Language) -> frozenset[str]:
    forms = {form for n in range(100) for form in language.number_forms(n)}
    forms |= {form for day in range(1, 32) for form in calendar(language).ordinals(day)}
    return frozenset(form for form in forms if " " not in form) - _ARTICLES


@cache
def _months(language: Language) -> frozenset[str]:
    """Names of months, without those that mean little, such as "may"."""
    return frozenset(name for names in calendar(language).months for name in names) - carriers(language)


@cache
def _no_minus(language: Language) -> re.Pattern[str]:
    """Where the word for minus means less: "au moins", "menos de"."""
    said = amounts(language)
    behind = "|".join(re.escape(fold) for word in said.no_minus_after for fold in {word, fold_accents(word)})
    before = "|".join(map(re.escape, said.no_minus_before)) or "(?!)"
    sign = "|".join(map(re.escape, said.minus))
    return re.compile(rf"(?<!\S)(?:(?:{behind}) (?:{sign})(?: (?:{before}))?|(?:{sign}) (?:{before}))(?!\S)")


def _unsigned(phrase: str, language: Language) -> str:
    """As many words, with none for minus."""
    said = amounts(language)
    return " ".join(said.about if word in said.minus else word for word in phrase.split())


_COMPOUND: Final = re.compile(r"(\w*tausend)(?:und(?!zwanzig|dreißig|dreissig|\w+zig))?(\w+)")


def _apart(words: Sequence[str], language: Language) -> Iterator[str]:
    """Words with German thousands parted, digits in groups of three joined, and the point between others put back.

    Normal forms have lost the signs inside figures: "12.345" is "12 345" and "3.14" is "3 14".
    """
    point = next(iter(language.notation.decimal_words.values()))
    parted = " ".join(words)
    if language.code == "de":
        parted = _COMPOUND.sub(r"\1 \2", parted)
    parted = re.sub(r"\b([1-9][0-9]{0,2})((?: [0-9]{3})+)\b", lambda m: m[1] + m[2].replace(" ", ""), parted)
    yield from re.sub(r"(?<![0-9] )\b([0-9]+) ([0-9]{1,2})\b(?! [0-9])", rf"\1 {point} \2", parted).split()


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
