"""Quantities: numbers, sums of money, ages.

A quantity is a string over private characters (a number below thousand, thousands, "million", "point", a currency),
so that one `Shape` says in which order they may come, to the search and to the decoder alike. Digits are themselves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Final

from attrs import frozen

from h2b.grammar.kinds.base import Arguments, Found
from h2b.grammar.kinds.share import share_of
from h2b.grammar.shape import DIGITS, Shape, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Reading, search
from h2b.language import Language, fold_accents
from h2b.language.amounts import amounts
from h2b.language.calendar import calendar
from h2b.language.carriers import carriers
from h2b.model.errors import InvalidParameter

OLDEST: Final = 130
DECODED_FORMS: Final = 4
HUNDREDS: Final = (*range(1100, 2000), *range(2000, 10_000, 100))
"""Numbers also said in hundreds: "nineteen hundred and five"."""

# Each part is one character: its place in the private alphabet plus a number.
_BELOW_THOUSAND: Final = 0xF0000
_THOUSANDS: Final = 0xF0400
_MILLION: Final = chr(0xF0800)
_POINT: Final = chr(0xF0801)
_MINUS: Final = chr(0xF0802)
_HALF: Final = chr(0xF0803)
_JOIN: Final = chr(0xF0804)
_ZERO: Final = chr(0xF0805)
_CENT: Final = chr(0xF0806)
_BEFORE: Final = chr(0xF0807)
_AFTER: Final = chr(0xF0808)
_CURRENCY: Final = 0xF0900
_IN_HUNDREDS: Final = 0xF1000
_CODES: Final = ("EUR", "USD", "GBP", "CHF", "JPY")


_ARTICLES: Final = frozenset(("un", "une", "una", "ein", "eine"))
"""Words for one that mostly are none: alone they count only where nothing else was said."""


class Number:
    """A JSON number, whole or with decimals, bounded by `min` and `max`."""

    name = "number"

    def check(self, arguments: Arguments) -> None:
        low, high = arguments.get("min"), arguments.get("max")
        if low is not None and high is not None and float(low) > float(high):
            raise InvalidParameter("max", high, f"at least min, which is {low}")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        low, high = float(arguments.get("min", "-inf")), float(arguments.get("max", "inf"))
        best = _best(words, language, _number_shape())
        value = _quantity(best.value) if best else None
        if best is None or value is None or not low <= value <= high:
            return []
        return [Found(value=_plain(value), quality=best.share)]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _number_shape())


class Age:
    """Whole years, 0 to 130."""

    name = "age"

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        best = _best(words, language, _age_shape(999))
        years = int(_quantity(best.value.strip(_BEFORE + _AFTER))) if best else None
        if best is None or years is None or years > OLDEST:
            return []
        return [Found(value=years, quality=best.share)]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _age_shape(OLDEST))


class Currency:
    """`{"amount": 12.5, "currency": "EUR"}`; partial, with null, where no currency is said or given."""

    name = "currency"

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong: the preset lists the currencies."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        assumed = arguments.get("currency")
        best = _best(words, language, _currency_shape())
        return [_sum(best, None if assumed is None else str(assumed))] if best else []

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _currency_shape())


@frozen
class _Quantity:
    """The parts of a value, and which share of the utterance is about it."""

    value: str
    share: float


def _best(words: Sequence[str], language: Language, shape: Shape) -> _Quantity | None:
    """The best quantity in the words, of equal ones the last; none that is cut out of a row of numbers."""
    heard = list(_apart(words, language))
    alone = [
        reading
        for reading in search(heard, _lexicon(language), shape, language.fillers)
        if reading.complete
        and _counts(reading.value)
        and not in_a_row(reading, heard, language)
        and not _figures(reading, heard)
        and not _article(reading, heard, language)
    ]
    best = max(alone, key=lambda reading: (round(reading.score, 3), reading.end), default=None)
    return _Quantity(best.value, share_of(best, heard, language)) if best else None


def _counts(value: str) -> bool:
    return any(c.isdigit() or ord(c) < ord(_MILLION) or ord(c) >= _IN_HUNDREDS for c in value)


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


@cache
def _number_words(language: Language) -> frozenset[str]:
    forms = {form for n in range(100) for form in language.number_forms(n)}
    forms |= {form for day in range(1, 32) for form in calendar(language).ordinals(day)}
    return frozenset(form for form in forms if " " not in form) - _ARTICLES


@cache
def _months(language: Language) -> frozenset[str]:
    """Names of months, without those that mean little, such as "may"."""
    return frozenset(name for names in calendar(language).months for name in names) - carriers(language)


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


def _quantity(value: str) -> Decimal:
    """The number that a string of parts comes to."""
    sign = -1 if value.startswith(_MINUS) else 1
    half = Decimal("0.5") if value.endswith(_HALF) else Decimal(0)
    whole, _, fraction = value.strip(_MINUS + _HALF).partition(_POINT)
    factor = 1_000_000 if fraction.endswith(_MILLION) else 1
    digits = "".join(_figure(character) for character in fraction.rstrip(_MILLION))
    total = _whole(whole) + (Decimal(f"0.{digits}") if digits else 0)
    return sign * (total * factor + half)


def _figure(character: str) -> str:
    return "0" if character == _ZERO else character if character.isdigit() else str(ord(character) - _BELOW_THOUSAND)


def _whole(value: str) -> Decimal:
    total = 0
    literal = ""
    for character in value:
        code = ord(character)
        if character.isdigit():
            literal += character
        elif character == _MILLION:
            total, literal = (total + int(literal or 0)) * 1_000_000, ""
        elif code >= _IN_HUNDREDS:
            total += code - _IN_HUNDREDS
        elif _THOUSANDS <= code < ord(_MILLION):
            total += 1000 * (code - _THOUSANDS)
        elif code < _THOUSANDS:
            total += code - _BELOW_THOUSAND
    return Decimal(total + int(literal or 0))


def _sum(said: _Quantity, assumed: str | None) -> Found:
    """A sum of money from its parts."""
    value = said.value
    split = next((i for i, c in enumerate(value) if ord(c) & ~0xFF == _CURRENCY), None)
    if split is None and value.endswith(_CENT):
        amount, currency = _quantity(value[:-1]) / 100, assumed
    elif split is None:
        amount, currency = _quantity(value), assumed
    else:
        currency = _CODES[ord(value[split]) - _CURRENCY]
        rest = value[split + 1 :].strip(_JOIN + _CENT)
        amount = _quantity(value[:split].rstrip(_JOIN))
        amount += Decimal("0.5") if rest == _HALF else _quantity(rest) / 100 if rest else 0
    return Found(
        value={"amount": _plain(amount), "currency": currency}, quality=said.share, complete=currency is not None
    )


def _span(place: int, first: int, last: int) -> str:
    return f"[{chr(place + first)}-{chr(place + last)}]"


def _whole_pattern() -> str:
    below, thousands = _span(_BELOW_THOUSAND, 0, 999), _span(_THOUSANDS, 1, 999)
    counted, in_hundreds = _span(_BELOW_THOUSAND, 1, 999), _span(_IN_HUNDREDS, 1100, 9999)
    small = f"({thousands}({_JOIN}?{counted})?|{below}|{in_hundreds})"
    return f"({counted}{_MILLION}({_JOIN}?{small})?|{small}|[0-9]{{1,9}}|[0-9]{{1,3}}{_MILLION})"


def _decimal_pattern() -> str:
    below = _span(_BELOW_THOUSAND, 0, 999)
    return f"{_whole_pattern()}({_POINT}({below}|{_ZERO}|[0-9]){{1,6}}{_MILLION}?)?"


def _alphabet() -> str:
    parts = [chr(_BELOW_THOUSAND + n) for n in range(1000)] + [chr(_THOUSANDS + n) for n in range(1, 1000)]
    parts += [chr(_IN_HUNDREDS + n) for n in HUNDREDS]
    parts += [chr(_CURRENCY + n) for n in range(len(_CODES))]
    signs = (_MILLION, _POINT, _MINUS, _HALF, _JOIN, _ZERO, _CENT, _BEFORE, _AFTER)
    return "".join([*parts, *signs, *DIGITS])


@cache
def _number_shape() -> Shape:
    return of_pattern(_alphabet(), f"{_MINUS}?({_decimal_pattern()}|{_whole_pattern()}{_HALF})")


@cache
def _age_shape(oldest: int) -> Shape:
    years = f"({_span(_BELOW_THOUSAND, 0, oldest)}|[0-9]{{1,3}})"
    return of_pattern(_alphabet(), f"{_BEFORE}?{years}{_AFTER}?")


@cache
def _currency_shape() -> Shape:
    currency = _span(_CURRENCY, 0, len(_CODES) - 1)
    cents = f"({_span(_BELOW_THOUSAND, 1, 99)}|[0-9]{{1,2}})"
    amount = f"({_decimal_pattern()}|{_whole_pattern()}{_HALF})"
    return of_pattern(_alphabet(), f"{amount}({_JOIN}?{currency}({_JOIN}?{cents}{_CENT}?|{_HALF})?)?|{cents}{_CENT}")


@cache
def _lexicon(language: Language) -> Lexicon:
    entries = [*_number_entries(language), *_sign_entries(language)]
    entries += [
        Entry(bare, entry.value, decoded=False)
        for entry in entries
        if (bare := fold_accents(entry.phrase)) != entry.phrase
    ]
    unique = {(entry.phrase, entry.value): entry for entry in sorted(entries, key=lambda entry: entry.decoded)}
    return Lexicon(unique.values())


_UNCUT_THOUSANDS: Final = {"es": " mil", "de": "tausend"}


def uncut_thousands(language: Language, count: int) -> tuple[str, ...]:
    """Thousands behind the whole form, by those who do not shorten it: "cincuenta y uno mil", "hunderteinstausend"."""
    ending = _UNCUT_THOUSANDS.get(language.code)
    return tuple(form + ending for form in language.number_forms(count)) if ending else ()


def _number_entries(language: Language) -> Iterator[Entry]:
    zero, *other_zeros = language.digits["0"]
    yield Entry(zero, chr(_BELOW_THOUSAND))
    for form in other_zeros:
        yield Entry(form, _ZERO)
    for n in range(1, 1000):
        for rank, form in enumerate(language.number_forms(n)):
            yield Entry(form, chr(_BELOW_THOUSAND + n), decoded=n < 100 or rank < DECODED_FORMS)
        for rank, form in enumerate(language.number_forms(1000 * n)):
            yield Entry(form, chr(_THOUSANDS + n), decoded=rank < DECODED_FORMS)
        for form in uncut_thousands(language, n):
            yield Entry(form, chr(_THOUSANDS + n), decoded=False)
    for n in HUNDREDS:
        for rank, form in enumerate(language.number_forms(n)):
            yield Entry(form, chr(_IN_HUNDREDS + n), decoded=rank < DECODED_FORMS)


def _sign_entries(language: Language) -> Iterator[Entry]:
    said = amounts(language)
    named: Mapping[str, tuple[str, ...]] = {
        _MILLION: said.million,
        _POINT: tuple(language.notation.decimal_words.values()),
        _MINUS: said.minus,
        _HALF: said.half,
        _JOIN: said.joins,
        _CENT: said.cents,
        _BEFORE: said.age_before,
        _AFTER: said.age_after,
        **{chr(_CURRENCY + n): said.currencies[code] for n, code in enumerate(_CODES)},
    }
    for value, phrases in named.items():
        for phrase in phrases:
            yield Entry(phrase, value)
