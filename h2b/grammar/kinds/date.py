"""Dates: said in full, in part, in numbers, or from today on.

The parts of a date are single characters of a private alphabet ("the" "3rd" "of" "March"), so one `Shape` over them
says in which order they may come, to the search and to the decoder alike. What day it is comes in as the argument
`today`; nothing here reads a clock.
"""

import datetime
import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from attrs import frozen

from h2b.grammar.kinds.amount import in_a_row
from h2b.grammar.kinds.base import TODAY, Arguments, Found, regional, taking
from h2b.grammar.kinds.share import share_of
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import Shape, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Reading, search
from h2b.language import Language
from h2b.language.calendar import Calendar, calendar, with_bare, year_forms
from h2b.model.errors import InvalidParameter

YEARS: Final = range(1850, 2150)
"""Years that are understood when said in full."""
RECENT: Final = range(1900, 2100)
"""Years a decoder may write."""
PIVOT_YEARS: Final = 20
"""Without a hint, a year of two digits lies at most so many years ahead."""
COUNTED: Final = 60
"""Up to so many days, weeks, months or years ahead or ago."""
MONTH_FIRST: Final = ("US", "CA", "PH")
"""English speaking regions where "three four eighty four" is the fourth of March."""
DECODED_FORMS: Final = 6
SECOND_BEST: Final = 0.9
COMPLETE_GAIN: Final = 0.5
"""In words: of two readings of the same words the one that is a whole date wins."""

_WRITTEN: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

# Each part of a date is one character: its place in the private alphabet plus a number.
_DAY: Final = 0xF0000
_MONTH: Final = 0xF0100
_MONTH_NUMBER: Final = 0xF0120
_ARTICLE: Final = chr(0xF0200)
_JOIN: Final = chr(0xF0201)
_WEEKDAY: Final = 0xF0210
_COMING: Final = 0xF0220
_NEAREST: Final = 0xF0230
_GONE: Final = 0xF0240
_FROM_TODAY: Final = 0xF0300
_MOST_DAYS: Final = 100
_AHEAD: Final = {"day": 0xF0400, "week": 0xF0500, "month": 0xF0600, "year": 0xF0700}
_AGO: Final = {"day": 0xF0800, "week": 0xF0900, "month": 0xF0A00, "year": 0xF0B00}
_YEAR: Final = 0xF1000


@frozen
class _Parts:
    """What was said of a date; two-digit years stay as they are."""

    day: int | None = None
    month: int | None = None
    year: int | None = None
    weekday: int | None = None
    relative: str = ""


class Date:
    """`{"day": 14, "month": 7, "year": 2025, "valid": true}`; missing parts of a partial date are null."""

    name = "date"
    takes = taking(
        PresetParameter(
            name="when",
            type="choice",
            choices=("past", "future"),
            doc="`past` or `future`, for two-digit years and weekdays",
        ),
        PresetParameter(
            name=TODAY, type="string", doc="the day relative dates count from; the server's where it is left out"
        ),
        regional("two letters, where the language tag names none, for the order of English dates in numbers"),
    )

    def check(self, arguments: Arguments) -> None:
        today = arguments.get(TODAY)
        if today is not None:
            _day_of(str(today))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        spoken = calendar(language)
        readings = search(words, _lexicon(language), _shape(spoken.month_first), language.fillers)
        month_first = spoken.month_first and arguments.get("region", "US") in MONTH_FIRST
        today = _day_of(str(arguments[TODAY]))
        when = str(arguments.get("when", ""))
        meant = []
        for reading in readings:
            whole = len(reading.value) > 1 or reading.end == len(words) or _relative(reading.value)
            if reading.complete and whole and not (_numeric(reading.value) and in_a_row(reading, words, language)):
                found = _meaning(_parts(reading.value), today, when)
                meant.append((reading, found, _rank(reading, found, month_first)))
        meant.sort(key=lambda item: item[2], reverse=True)
        if not meant:
            return []
        share = share_of(meant[0][0], words, language)
        return list(_distinct([(reading, found) for reading, found, _ in meant], share))

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _shape(calendar(language).month_first))


def _day_of(text: str) -> datetime.date:
    try:
        # Python also reads weeks and dates without hyphens.
        day = datetime.date.fromisoformat(text if _WRITTEN.fullmatch(text) else "")
    except ValueError:
        day = datetime.date.min
    if day.year not in YEARS:
        raise InvalidParameter(TODAY, text, f"a date such as 2026-11-21, from {YEARS[0]} to {YEARS[-1]}")
    return day


def _rank(reading: Reading, found: Found, month_first: bool) -> tuple[float, bool, bool]:
    """Words covered first; of numbers alone those that make a date, in the order of the region."""
    assert isinstance(found.value, dict)
    numeric = _numeric(reading.value)
    day = next((c for c in reading.value if ord(c) & ~0x1F == _DAY), "")
    usual = not numeric or (reading.value.index(numeric) < reading.value.index(day)) is month_first
    gain = COMPLETE_GAIN if found.complete else 0.0
    return round(reading.score + gain, 3), bool(found.value["valid"]) or not numeric, usual


def _distinct(meant: Sequence[tuple[Reading, Found]], quality: float) -> Iterator[Found]:
    """The best, which deserves `quality`, and what else the same words may mean."""
    seen: list[object] = []
    for reading, found in meant:
        first = meant[0][0]
        if (reading.start, reading.end) == (first.start, first.end) and found.value not in seen:
            seen.append(found.value)
            if found.complete is meant[0][1].complete:
                yield Found(value=found.value, quality=quality, complete=found.complete)
                quality *= SECOND_BEST


def _numeric(value: str) -> str:
    """The month where it was said as a number, else nothing."""
    return next((c for c in value if ord(c) & ~0x1F == _MONTH_NUMBER), "")


def _relative(value: str) -> bool:
    """Whether the one part is a day by itself."""
    return _WEEKDAY <= ord(value[0]) < _YEAR


def _parts(value: str) -> _Parts:
    day = month = year = weekday = None
    for character in value:
        code = ord(character)
        if code >= _YEAR:
            year = code - _YEAR
        elif code >= _COMING:
            return _Parts(relative=character)
        elif code >= _WEEKDAY:
            weekday = code - _WEEKDAY
        elif _MONTH < code < ord(_ARTICLE):
            month = (code - _MONTH) % (_MONTH_NUMBER - _MONTH)
        elif code < _MONTH:
            day = code - _DAY
    return _Parts(day, month, year, weekday)


def _meaning(parts: _Parts, today: datetime.date, when: str) -> Found:
    if parts.relative:
        return _found(_relative_day(parts.relative, today))
    if parts.weekday is not None and parts.day is None:
        if when == "past":
            return _found(today - datetime.timedelta((today.weekday() - parts.weekday - 1) % 7 + 1))
        return _found(today + datetime.timedelta((parts.weekday - today.weekday() - 1) % 7 + 1))
    year = parts.year
    if parts.day and parts.month and year is None and when:
        year = _nearest_year(parts.day, parts.month, today, when)
    elif year is not None and year < 100:
        year = _full_year(year, parts, today, when)
    usable = parts.month is not None and year is not None
    valid = usable and (parts.day is None or parts.day <= monthrange(year or 1, parts.month or 1)[1])
    return Found(
        value={"day": parts.day, "month": parts.month, "year": year, "valid": valid},
        complete=parts.day is not None and usable,
    )


def _found(day: datetime.date) -> Found:
    return Found(value={"day": day.day, "month": day.month, "year": day.year, "valid": True})


def _nearest_year(day: int, month: int, today: datetime.date, when: str) -> int:
    """The year that puts a day of the year on the right side of today: 29 February waits for its year."""
    step = -1 if when == "past" else 1
    for year in range(today.year, today.year + 9 * step, step):
        side = (month, day) <= (today.month, today.day) if when == "past" else (month, day) >= (today.month, today.day)
        if (year != today.year or side) and day <= monthrange(year, month)[1]:
            return year
    return today.year


def _full_year(two_digits: int, parts: _Parts, today: datetime.date, when: str) -> int:
    """The century of a year of two digits."""
    latest = today.year + (PIVOT_YEARS if not when else 99 if when == "future" else 0)
    year = latest - (latest - two_digits) % 100
    said = (year, parts.month or today.month, parts.day or today.day)
    now = (today.year, today.month, today.day)
    if when == "past" and said > now:
        return year - 100
    if when == "future" and said < now:
        return year + 100
    return year


def _relative_day(part: str, today: datetime.date) -> datetime.date:
    code = ord(part)
    for places, sign in ((_AHEAD, 1), (_AGO, -1)):
        for unit, place in places.items():
            if place <= code < place + 0x100:
                return _moved(today, unit, sign * (code - place))
    if code >= _FROM_TODAY:
        return today + datetime.timedelta(code - _FROM_TODAY - _MOST_DAYS)
    weekday = (code & 0xF) - today.weekday()
    if code >= _GONE:
        return today - datetime.timedelta((-weekday - 1) % 7 + 1)
    if code >= _NEAREST:
        return today + datetime.timedelta(weekday % 7)
    return today + datetime.timedelta((weekday - 1) % 7 + 1)


def _moved(today: datetime.date, unit: str, count: int) -> datetime.date:
    if unit in ("day", "week"):
        return today + datetime.timedelta(count * (7 if unit == "week" else 1))
    months = today.year * 12 + today.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return today.replace(year=year, month=month + 1, day=min(today.day, monthrange(year, month + 1)[1]))


@cache
def _shape(month_first: bool) -> Shape:
    """The orders of parts that are dates, or parts of one."""
    day, month, number = (_span(_DAY, 1, 31), _span(_MONTH, 1, 12), _span(_MONTH_NUMBER, 1, 12))
    year, weekday = _span(_YEAR, 0, YEARS.stop), _span(_WEEKDAY, 0, 6)
    by_itself = f"[{chr(_COMING)}-{chr(_YEAR - 1)}]"
    a, j = _ARTICLE, _JOIN
    begin = f"{weekday}?{a}?"
    orders = [
        f"{begin}{day}{j}?{a}?{month}({j}?{year})?",
        f"{begin}{day}{j}?{a}?{number}{j}?{year}",
        f"{weekday}?{a}{day}",
        f"{month}({j}?{year})?",
        weekday,
        by_itself,
        f"{a}{by_itself}",
    ]
    if month_first:
        orders += [f"{begin}{month}{a}?{day}({j}?{year})?", f"{begin}{number}{day}{year}"]
    alphabet = {c for row in _alphabet() for c in row}
    return of_pattern("".join(sorted(alphabet)), "|".join(orders))


def _span(place: int, first: int, last: int) -> str:
    return f"[{chr(place + first)}-{chr(place + last)}]"


def _alphabet() -> Iterator[str]:
    yield _ARTICLE + _JOIN
    yield "".join(chr(_DAY + day) for day in range(1, 32))
    yield "".join(chr(place + month) for place in (_MONTH, _MONTH_NUMBER) for month in range(1, 13))
    yield "".join(chr(place + day) for place in (_WEEKDAY, _COMING, _NEAREST, _GONE) for day in range(7))
    yield "".join(chr(_FROM_TODAY + days) for days in range(2 * _MOST_DAYS))
    yield "".join(chr(p + n) for places in (_AHEAD, _AGO) for p in places.values() for n in range(1, COUNTED + 1))
    yield "".join(chr(_YEAR + year) for year in (*range(100), *YEARS))


@cache
def _lexicon(language: Language) -> Lexicon:
    spoken = calendar(language)
    entries = [*_day_entries(language, spoken), *_year_entries(language), *_relative_entries(language, spoken)]
    for index, names in enumerate(spoken.months):
        entries += _named(names, chr(_MONTH + index + 1))
    for index, names in enumerate(spoken.weekdays):
        entries += _named(names, chr(_WEEKDAY + index))
    entries += _named(spoken.articles, _ARTICLE)
    entries += _named(spoken.joins, _JOIN)
    unique = {(entry.phrase, entry.value): entry for entry in sorted(entries, key=lambda entry: entry.decoded)}
    return Lexicon(unique.values())


def _named(forms: tuple[str, ...], value: str) -> Iterator[Entry]:
    for form, written in with_bare(forms):
        yield Entry(form, value, decoded=written)


def _day_entries(language: Language, spoken: Calendar) -> Iterator[Entry]:
    for day in range(1, 32):
        numbers = (*language.number_forms(day), str(day), f"{day:02}")
        if day < 10:
            numbers += (f"{language.digits['0'][0]} {language.digits[str(day)][0]}",)
        yield from _named((*spoken.ordinals(day), *numbers), chr(_DAY + day))
        if day <= 12:
            ordinals = spoken.ordinals(day) if spoken.ordinal_months else ()
            yield from _named((*ordinals, *numbers), chr(_MONTH_NUMBER + day))


def _year_entries(language: Language) -> Iterator[Entry]:
    for year in YEARS:
        digits = " ".join(language.digits[digit][0] for digit in str(year))
        yield Entry(digits, chr(_YEAR + year), decoded=False)
        for rank, form in enumerate((str(year), *year_forms(language, year))):
            yield Entry(form, chr(_YEAR + year), decoded=year in RECENT and rank < DECODED_FORMS)
    for year in range(100):
        forms = list(language.number_forms(year)) if year >= 10 else []
        if year < 10:
            forms = [f"{zero} {language.digits[str(year)][0]}" for zero in language.digits["0"]]
        if year < 10 and language.code == "en":
            forms.append(f"o {language.digits[str(year)][0]}")
        for form in (*forms, f"{year:02}"):
            yield Entry(form, chr(_YEAR + year))


def _relative_entries(language: Language, spoken: Calendar) -> Iterator[Entry]:
    for phrase, days in spoken.relative.items():
        yield from _named((phrase,), chr(_FROM_TODAY + _MOST_DAYS + days))
    said = frozenset(spoken.relative)
    for places, templates in ((_AHEAD, spoken.ahead), (_AGO, spoken.ago)):
        for unit, place in places.items():
            for count in range(1, COUNTED + 1):
                numbers = (*spoken.one, "1") if count == 1 else (*language.number_forms(count)[:3], str(count))
                counted = (
                    template.format(f"{number} {name}")
                    for template in templates
                    for number in numbers
                    for name in spoken.units[unit]
                )
                yield from _named(tuple(form for form in counted if form not in said), chr(place + count))
    for place, templates in ((_COMING, spoken.coming), (_NEAREST, spoken.nearest), (_GONE, spoken.gone)):
        for index, names in enumerate(spoken.weekdays):
            forms = tuple(template.format(name) for template in templates for name in names)
            yield from _named(forms, chr(place + index))
