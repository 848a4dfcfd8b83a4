"""Quantities: how numbers, sums of money and ages are put together, and what they come to.

A quantity is a string over private characters (a number below thousand, thousands, "million", "point", a currency),
so that one `Shape` says in which order they may come, to the search and to the decoder alike. Digits are themselves.
Owns the characters, the shapes, the lexicons and the values. Must not know which reading of an utterance counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Final

from h2b.grammar.shape import DIGITS, Shape, of_pattern
from h2b.grammar.spoken import Entry, Lexicon
from h2b.language import Language, fold_accents
from h2b.language.amounts import amounts
from h2b.language.base import pairs

OLDEST: Final = 130
DECODED_FORMS: Final = 4
HUNDREDS: Final = (*range(1100, 2000), *range(2000, 10_000, 100))
"""Numbers also said in hundreds: "nineteen hundred and five"."""
CODES: Final = ("EUR", "USD", "GBP", "CHF", "JPY")
COUNTS: Final = (10, 12, 15, 20, 30, 40, 50, 60, 100, 1000)
"""What languages have collectives for."""
FRACTIONS: Final = ("0.5", "0.25", "0.75")
APPROXIMATE_COST: Final = 1.0
"""Of a collective: "une quinzaine, non, seize" is sixteen."""

# Each part is one character: its place in the private alphabet plus a number.
_BELOW_THOUSAND: Final = 0xF0000
_THOUSANDS: Final = 0xF0400
_SIGNS: Final = 0xF0800
SIGNS: Final = 13
_CURRENCY: Final = 0xF0900
_COLLECTIVE: Final = 0xF0A00
_AND_FRACTION: Final = 0xF0B00
_FRACTION_ALONE: Final = 0xF0B10
_FRACTION_OF: Final = 0xF0B20
_IN_HUNDREDS: Final = 0xF1000
_MILLION, _POINT, _MINUS, _JOIN, _ZERO, _CENT, _BEFORE, _AFTER, _THOUSAND, _FIRST_POINT, _WITH, _MONTHS, _PERCENT = (
    chr(_SIGNS + n) for n in range(SIGNS)
)


def is_part(value: str) -> bool:
    """Whether a piece is of a number: a figure, a magnitude, a fraction or a point, not what is said around it."""
    around = (_JOIN, _CENT, _BEFORE, _AFTER, _WITH, _MONTHS)
    return value not in around and not any(ord(c) & ~0xFF == _CURRENCY for c in value)


def is_price(value: str) -> bool:
    """Whether a string of parts is a sum without its unit: "twelve fifty"."""
    return _price(value) is not None


# Values


def number(value: str) -> Decimal:
    """The number that a string of parts comes to.

    A fraction behind a magnitude is a part of it, "a million and a half"; before one it is multiplied with the rest,
    "one and a half million".
    """
    total, count, figures, scale = Decimal(0), Decimal(0), "", 1
    for character in value.strip(_MINUS + _PERCENT):
        code = ord(character)
        if character.isdigit():
            figures += character
        elif character in (_POINT, _FIRST_POINT):
            figures = f"{figures or int(count)}."
            count = Decimal(0)
        elif (magnitude := _magnitude(character)) is not None:
            total += (count + Decimal(figures or 0)) * magnitude
            count, figures, scale = Decimal(0), "", magnitude
        elif _AND_FRACTION <= code < _IN_HUNDREDS:
            part = Decimal(FRACTIONS[code & 0xF])
            count, total = (count + part, total) if scale == 1 else (count, total + part * scale)
        elif "." in figures:
            figures += "0" if character == _ZERO else str(code - _BELOW_THOUSAND)
        else:
            count += _count(code)
    return (-1 if value.startswith(_MINUS) else 1) * (total + count + Decimal(figures.rstrip(".") or 0))


def _magnitude(character: str) -> int | None:
    if character in (_MILLION, _THOUSAND):
        return 1_000_000 if character == _MILLION else 1000
    index = ord(character) - _COLLECTIVE
    return COUNTS[index] if 0 <= index < len(COUNTS) else None


def _count(code: int) -> int:
    """What a part that is a whole number adds; signs between numbers add nothing."""
    if code >= _IN_HUNDREDS:
        return code - _IN_HUNDREDS
    if code >= _SIGNS:
        return 0
    return 1000 * (code - _THOUSANDS) if code >= _THOUSANDS else code - _BELOW_THOUSAND


def years(value: str) -> int:
    """Whole years of an age: "eighteen months" is one, "two years and six months" two."""
    if value.endswith(_MONTHS) and _AFTER not in value:
        return int(number(value.strip(_BEFORE + _MONTHS))) // 12
    return int(number(value.strip(_BEFORE).partition(_AFTER)[0]))


def sum_of_money(value: str) -> tuple[Decimal, str | None, bool]:
    """Amount, currency where one was said, and whether "two fifty" may as well have meant two hundred and fifty."""
    split = next((i for i, c in enumerate(value) if ord(c) & ~0xFF == _CURRENCY), None)
    said, currency = (value, None) if split is None else (value[:split], CODES[ord(value[split]) - _CURRENCY])
    rest = "" if split is None else value[split + 1 :].strip(_JOIN + _CENT)
    said = said.rstrip(_JOIN)
    if said.endswith(_CENT):
        return number(said[:-1]) / 100, currency, False
    price = _price(said)
    if price is not None:
        return number(price[0]) + number(price[1]) / 100, currency, len(said) == 2 and number(price[0]) < 10
    if _AND_FRACTION <= ord(rest[:1] or "0") < _FRACTION_ALONE:
        return number(said) + number(rest), currency, False
    return number(said) + number(rest) / 100, currency, False


def _price(said: str) -> tuple[str, str] | None:
    """A sum without its unit in its two halves: "twelve fifty", "twelve oh five"."""
    head, _, cents = said.partition(_WITH)
    if cents:
        return head, cents
    small = all(ord(c) < _THOUSANDS or c == _ZERO for c in said) and not said.isdigit()
    return (said[0], said[1:]) if small and len(said) > 1 else None


# Shapes


def _members() -> Iterator[str]:
    """Characters that may stand in the same places, a class at a time; the first of a class is its name in patterns."""
    others = tuple(n for n in range(OLDEST + 1, 1000) if n % 100)
    rows: tuple[tuple[int, Sequence[int]], ...] = (
        *((_BELOW_THOUSAND, range(first, end)) for first, end in ((0, 1), (1, 10), (10, 100), (100, 101))),
        *((_BELOW_THOUSAND, numbers) for numbers in (range(101, OLDEST + 1), range(200, 1000, 100), others)),
        (_THOUSANDS, range(1, 1000)),
        (_IN_HUNDREDS, HUNDREDS),
        (_CURRENCY, range(len(CODES))),
        (_COLLECTIVE, range(len(COUNTS))),
        *((place, range(len(FRACTIONS))) for place in (_AND_FRACTION, _FRACTION_ALONE, _FRACTION_OF)),
    )
    yield from ("".join(chr(place + n) for n in numbers) for place, numbers in rows)
    yield from (chr(_SIGNS + n) for n in range(SIGNS))
    yield DIGITS


_NOUGHT, _UNITS, _TENS, _HUNDRED, _OLD, _ROUND, _OTHERS, _OF_THOUSAND, _HUNDREDS, *_PLACES = (m[0] for m in _members())
_ANY_CURRENCY, _BY, _AND_PART, _ALONE, _OF = _PLACES[:5]
_BELOW_HUNDRED: Final = f"[{_UNITS}{_TENS}]"
_NOT_ROUND: Final = f"[{_UNITS}{_TENS}{_OLD}{_OTHERS}]"
"""A half behind two hundred may be fifty or a half: nobody can tell."""
_COUNTED: Final = f"[{_UNITS}{_TENS}{_HUNDRED}{_OLD}{_ROUND}{_OTHERS}]"
_BELOW: Final = f"[{_NOUGHT}{_COUNTED[1:]}"
_SMALL: Final = f"({_OF_THOUSAND}({_JOIN}?{_COUNTED})?|{_BELOW}|{_HUNDREDS})"
_DIGIT: Final = DIGITS[0]
_FIGURES: Final = f"({_BELOW}|{_ZERO}|{_DIGIT}){{1,6}}"


def _of_classes(pattern: str) -> Shape:
    """The shape of a pattern over classes, for all their members."""
    classes = {members[0]: members for members in _members()}
    shape = of_pattern("".join(classes), pattern)
    arcs = ({c: after for name, after in row.items() for c in classes[name]} for row in shape.arcs)
    return Shape(tuple(arcs), shape.accepting)


def _quantity_pattern() -> str:
    """Numbers without a sign."""
    mixed = f"(({_OF_THOUSAND}{_JOIN}?)?{_NOT_ROUND}|{_NOUGHT}|{_DIGIT}{{1,9}}){_AND_PART}"
    broken = f"((({_SMALL}|{_DIGIT}{{1,9}}|{_ZERO}){_POINT}|{_FIRST_POINT}){_FIGURES}|{mixed}|{_ALONE})"
    thousands = f"{_DIGIT}{{1,3}}{_THOUSAND}({_JOIN}?({_BELOW}|{_DIGIT}{{1,3}}))?"
    after_million = f"({_JOIN}?({_SMALL}|{_DIGIT}{{1,6}}|{thousands})|{_AND_PART})"
    millions = f"({_COUNTED}|{_DIGIT}{{1,3}}){_MILLION}{after_million}?"
    counted = f"({_COUNTED}|{_DIGIT}{{1,3}}){_BY}{_AND_PART}?"
    scale = f"({_MILLION}|{_THOUSAND}|{_BY})"
    return f"({_SMALL}|{_DIGIT}{{1,9}}|{millions}|{broken}{scale}?|{_OF}{scale}|{thousands}|{counted})"


@cache
def number_shape() -> Shape:
    """Numbers, with a sign or without."""
    return _of_classes(f"{_MINUS}?{_quantity_pattern()}{_PERCENT}?")


@cache
def age_shape(bounded: bool) -> Shape:
    """Ages in years, or in months; `bounded` to what is one, else to find also what is none."""
    more = "" if bounded else _ROUND + _OTHERS
    said = f"([{_NOUGHT}{_UNITS}{_TENS}{_HUNDRED}{_OLD}{more}]|{_DIGIT}{{1,3}})"
    months = f"({_BELOW_HUNDRED}|{_DIGIT}{{1,2}}){_MONTHS}"
    in_years = f"{said}{_AND_PART}?({_AFTER}({_AND_PART}|{_JOIN}?{months})?)?"
    return _of_classes(f"{_BEFORE}?({in_years}|{months})")


@cache
def currency_shape(priced: bool) -> Shape:
    """Sums of money; `priced` also without their unit: "twelve fifty"."""
    zero = f"[{_ZERO}{_NOUGHT}]"
    cents = f"({_BELOW_HUNDRED}|{zero}({_UNITS}|{zero})|{_DIGIT}{{1,2}})"
    halves = f"({_TENS}|{zero}{_UNITS})"
    amount = f"({_quantity_pattern()}|{_NOT_ROUND}{_WITH}{halves})"
    after_unit = f"({_JOIN}?({cents}{_CENT}?|{zero}{_CENT})|{_AND_PART})"
    in_cents = f"({_COUNTED}|{_DIGIT}{{1,3}}){_CENT}"
    price = f"|{_NOT_ROUND}{halves}" if priced else ""
    return _of_classes(f"{amount}|({amount}|{_OF}){_JOIN}?{_ANY_CURRENCY}{after_unit}?|{in_cents}{price}")


# Lexicons


@cache
def lexicon(language: Language) -> Lexicon:
    """The phrases of every part in one language."""
    entries = [*_number_entries(language), *_sign_entries(language), *_undecoded_entries(language)]
    entries += [
        Entry(bare, entry.value, entry.cost, decoded=False)
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
    """What a decoder may write around numbers."""
    said = amounts(language)
    yield from _named(
        {
            _MILLION: said.million,
            _POINT: tuple(language.notation.decimal_words.values()),
            _MINUS: said.minus,
            chr(_AND_FRACTION): said.half,
            _JOIN: said.joins,
            _CENT: said.cents,
            _BEFORE: said.age_before,
            _AFTER: said.age_after,
            **{chr(_CURRENCY + n): said.currencies[code] for n, code in enumerate(CODES)},
        }
    )


def _undecoded_entries(language: Language) -> Iterator[Entry]:
    """What is only understood."""
    said = amounts(language)
    points = tuple(language.notation.decimal_words.values())
    named: dict[str, Sequence[str]] = {
        _THOUSAND: said.thousand,
        _FIRST_POINT: points,
        _WITH: said.before_cents,
        _MONTHS: said.months,
        _PERCENT: said.percent,
        chr(_BELOW_THOUSAND): said.zeros,
    }
    for index, decimal in enumerate(FRACTIONS):
        fraction = said.fractions[decimal]
        named[chr(_AND_FRACTION + index)] = fraction.after
        named[chr(_FRACTION_ALONE + index)] = fraction.alone
        named[chr(_FRACTION_OF + index)] = fraction.of
        for n in range(1, 100) if fraction.joined else ():
            forms = (form + ending for form in language.number_forms(n) for ending in fraction.joined)
            named[chr(_BELOW_THOUSAND + n) + chr(_AND_FRACTION + index)] = [form for form in forms if " " not in form]
    yield from _named(named, decoded=False)
    yield from _named({chr(_BELOW_THOUSAND + 1) + chr(_AND_FRACTION): said.one_and_a_half}, decoded=False)
    by_count = {chr(_COLLECTIVE + COUNTS.index(count)): names for count, names in said.collectives.items()}
    yield from _named(by_count, decoded=False, cost=APPROXIMATE_COST)
    yield from _named(_of_one(language, by_count), decoded=False)


def _of_one(language: Language, by_count: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """One of something with the article: "a million", "a dollar"."""
    said = amounts(language)
    nouns = {_MILLION: said.million, _CENT: said.cents, **by_count}
    nouns |= {chr(_CURRENCY + n): said.currencies[code] for n, code in enumerate(CODES)}
    return {chr(_BELOW_THOUSAND + 1) + value: pairs(said.articles, names) for value, names in nouns.items()}


def _named(phrases: Mapping[str, Sequence[str]], decoded: bool = True, cost: float = 0.0) -> Iterator[Entry]:
    for value, forms in phrases.items():
        for phrase in forms:
            yield Entry(phrase, value, cost, decoded)
