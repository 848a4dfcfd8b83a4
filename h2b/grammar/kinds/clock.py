"""Times of day: "half past two pm", "quatorze heures trente", "halb drei".

A time is a string over private characters (an hour, minutes, "past", a part of the day), so that one `Shape` says in
which order they may come, to the search and to the decoder alike. The value is "HH:MM", 00:00 to 23:59.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from h2b.grammar.kinds.amount import in_a_row
from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.share import share_of
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import Shape, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, search
from h2b.language import Language, fold_accents
from h2b.language.clock import Clock, clock

OTHER_HALF: Final = 0.9
"""What an hour without its half of the day deserves as the other half's."""
MINUTES_A_DAY: Final = 24 * 60

# Each part is one character: its place in the private alphabet plus a number.
_HOUR: Final = 0xF0000
_HOUR_SAID: Final = 0xF0020
_EXACT: Final = 0xF0040
_MINUTES: Final = 0xF0080
_PLUS: Final = 0xF0100
_MINUS: Final = 0xF0140
_PAST: Final = 0xF0180
_TO: Final = 0xF01C0
_AT: Final = chr(0xF0200)
_MORNING: Final = chr(0xF0201)
_AFTERNOON: Final = chr(0xF0202)
_NIGHT: Final = chr(0xF0203)
_HALVES: Final = (_MORNING, _AFTERNOON, _NIGHT)


class Time:
    """A time of day as "14:30"."""

    name = "time"
    takes = taking(
        PresetParameter(
            name="earliest",
            type="integer",
            minimum=0,
            maximum=12,
            doc='the first hour that "half past two" may mean, 0 to 12',
        ),
    )

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong: the preset bounds `earliest`."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        readings = [
            r
            for r in search(words, _lexicon(language), _shape(clock(language).bare), language.fillers)
            if r.complete
            and not in_a_row(r, words, language)
            and " ".join(words[r.start : r.end]) not in _numbers(language)
        ]
        if not readings:
            return []
        best = max(readings, key=lambda reading: (round(reading.score, 3), reading.end))
        minutes, certain = _meaning(best.value)
        earliest = int(arguments.get("earliest", 0))
        if not certain and minutes // 60 < earliest:
            minutes += MINUTES_A_DAY // 2
        share = share_of(best, words, language)
        found = [Found(value=_written(minutes), quality=share)]
        if not certain:
            found.append(Found(value=_written(minutes + MINUTES_A_DAY // 2), quality=share * OTHER_HALF))
        return found

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _shape(clock(language).bare))


@cache
def _numbers(language: Language) -> frozenset[str]:
    """Numbers that are no times, though they look like two: "quatre vingt"."""
    return frozenset(form for number in range(100) for form in language.number_forms(number))


def _written(minutes: int) -> str:
    hour, minute = divmod(minutes % MINUTES_A_DAY, 60)
    return f"{hour:02}:{minute:02}"


def _meaning(value: str) -> tuple[int, bool]:
    """Minutes since midnight, and whether the half of the day was said; else the hour is as it was said."""
    hour = shift = 0
    exact = False
    half = value[-1] if value[-1] in _HALVES else ""
    for character in value:
        code = ord(character)
        if code < _MINUTES:
            exact = code >= _EXACT
            hour = code & 0x1F
        elif code < ord(_AT):
            before = _MINUS <= code < _PAST or code >= _TO
            shift = -(code & 0x3F) if before else code & 0x3F
    certain = exact or bool(half) or not 1 <= hour <= 12
    if half and not exact:
        hour = _in_half(hour, half)
    minutes = hour * 60 + shift
    if not certain and minutes < 60:
        minutes += MINUTES_A_DAY // 2
    return minutes % MINUTES_A_DAY, certain


def _in_half(hour: int, half: str) -> int:
    """The hour of the day; after a long evening twelve and the first hours belong to the night."""
    if hour > 12:
        return hour
    if half == _MORNING:
        return hour % 12
    if half == _AFTERNOON:
        return hour % 12 + 12
    return hour % 12 if hour == 12 or hour < 6 else hour + 12


@cache
def _shape(bare: bool) -> Shape:
    """`bare`: "at three" is a time."""
    hour, said, exact = _span(_HOUR, 0, 24), _span(_HOUR_SAID, 0, 24), _span(_EXACT, 0, 24)
    minutes, plus, minus = _span(_MINUTES, 0, 59), _span(_PLUS, 1, 59), _span(_MINUS, 1, 59)
    past, to = _span(_PAST, 1, 59), _span(_TO, 1, 59)
    half = f"[{''.join(_HALVES)}]"
    after = f"({minutes}|{plus}|{minus})"
    orders = (
        f"({said}|{exact}){after}?",
        f"{hour}{after}",
        f"({past}|{to})({hour}|{said}|{exact})",
    )
    alphabet = "".join(chr(code) for code in range(_HOUR, ord(_NIGHT) + 1))
    optional = "?" if bare else ""
    return of_pattern(alphabet, f"{_AT}?({'|'.join(orders)}){half}?|{_AT}{hour}{half}{optional}|{hour}{half}")


def _span(place: int, first: int, last: int) -> str:
    return f"[{chr(place + first)}-{chr(place + last)}]"


@cache
def _lexicon(language: Language) -> Lexicon:
    spoken = clock(language)
    entries = [*_hour_entries(language, spoken), *_minute_entries(language, spoken), *_written_entries()]
    for phrases, value in (
        (spoken.at, _AT),
        (spoken.morning, _MORNING),
        (spoken.afternoon, _AFTERNOON),
        (spoken.night, _NIGHT),
    ):
        entries += [Entry(phrase, value) for phrase in phrases]
    entries += [
        Entry(bare, entry.value, decoded=False)
        for entry in entries
        if (bare := fold_accents(entry.phrase)) != entry.phrase
    ]
    unique = {(entry.phrase, entry.value): entry for entry in sorted(entries, key=lambda entry: entry.decoded)}
    return Lexicon(unique.values())


def _hour_entries(language: Language, spoken: Clock) -> Iterator[Entry]:
    for hour in range(25):
        zero = language.digits["0"][0]
        numbers = language.number_forms(hour)[: 1 if hour == 0 else None]
        if 0 < hour < 10:
            numbers += (f"{zero} {language.digits[str(hour)][0]}", f"{hour:02}")
        for number in (*numbers, str(hour)):
            yield Entry(number, chr(_HOUR + hour))
            for template in spoken.hours:
                yield Entry(template.format(number), chr(_HOUR_SAID + hour))
    for phrase, hour in spoken.exact.items():
        yield Entry(phrase, chr(_EXACT + hour))


def _minute_entries(language: Language, spoken: Clock) -> Iterator[Entry]:
    templates = {
        _MINUTES: spoken.minutes,
        _PLUS: spoken.plus,
        _MINUS: spoken.minus,
        _PAST: spoken.past,
        _TO: spoken.to,
    }
    for minute in range(1, 60):
        numbers = (*language.number_forms(minute), str(minute))
        for place, shapes in templates.items():
            for number in numbers:
                yield from (Entry(shape.format(number), chr(place + minute)) for shape in shapes)
        for bare in _bare_minutes(language, minute):
            yield Entry(bare, chr(_MINUTES + minute))
    yield Entry("00", chr(_MINUTES))
    for place, parts in (
        (_PLUS, spoken.plus_parts),
        (_MINUS, spoken.minus_parts),
        (_PAST, spoken.past_parts),
        (_TO, spoken.to_parts),
    ):
        yield from (Entry(phrase, chr(place + minute)) for phrase, minute in parts.items())


def _bare_minutes(language: Language, minute: int) -> tuple[str, ...]:
    """Minutes right behind the hour: below ten a zero comes first, or "three four" would be a time."""
    if minute >= 10:
        return (*language.number_forms(minute), str(minute))
    zeros = (*language.digits["0"], "o") if language.code == "en" else language.digits["0"]
    return (*(f"{zero} {language.digits[str(minute)][0]}" for zero in zeros), f"{minute:02}")


def _written_entries() -> Iterator[Entry]:
    """As recognisers write them: "14h30", "2pm", and "30pm" of "2:30pm"."""
    for half, value in (("am", _MORNING), ("pm", _AFTERNOON)):
        yield from (Entry(f"{hour}{half}", chr(_HOUR + hour) + value) for hour in range(1, 13))
        yield from (Entry(f"{minute:02}{half}", chr(_MINUTES + minute) + value) for minute in range(60))
    for hour in range(25):
        yield Entry(f"{hour}h", chr(_HOUR_SAID + hour))
        for minute in range(60):
            yield Entry(f"{hour}h{minute:02}", chr(_HOUR_SAID + hour) + chr(_MINUTES + minute))
