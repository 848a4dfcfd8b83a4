"""The street of an address, the number in it and what completes it, in the words that no postcode or town takes.

Owns where these begin and end, and how they are written. Must not know postcodes, towns or what a whole address is.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from attrs import frozen

from h2b.grammar.kinds.places import Numbers
from h2b.language import Language
from h2b.language.sounds import french_sound
from h2b.language.streets import (
    ARTICLES,
    FAMOUS,
    FLOORS,
    LEADS,
    MONTHS,
    NUMBERED_ONLY,
    ORDINALS,
    PARTS,
    POLITE,
    ROADS,
    RULERS,
    SETTINGS,
    SIDES,
    SUFFIXES,
    SURNAMES,
    TITLES,
    WAYS,
    WHOSE,
)

NUMBERED: Final = ARTICLES | ROADS | RULERS | frozenset(MONTHS)
"""What a number after it belongs to, or stands for its name: no house has it."""
YEARS: Final = range(1000, 2100)
LONGEST_NAME: Final = 8
"""Words of a street after its kind: more are rarely one."""


@frozen
class Part:
    """Words start to end are this, written so."""

    start: int
    end: int
    text: str


@frozen
class Layout:
    """What lies around a postcode and a town."""

    number: Part | None = None
    street: Part | None = None
    complements: tuple[Part, ...] = ()
    cut: bool = False
    """Whether the street ends in a number that is none of its name."""

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for part in (self.number, self.street, *self.complements) if part)

    @property
    def number_first(self) -> bool:
        """Whether the number stands where most do."""
        return bool(self.number and self.street and self.number.start < self.street.start)

    @property
    def complement(self) -> str:
        return " ".join(part.text for part in self.complements)


class Outline:
    """Where in words streets and complements may begin: found once, used for every choice of postcode and town."""

    def __init__(self, words: Sequence[str], numbers: Numbers, language: Language) -> None:
        self._words = words
        self._numbers = numbers
        self._language = language
        self._ways = {at: end for at, end in _phrases_at(words, WAYS) if self._is_way(at, end)}
        self._settings = {at: end for at, end in _phrases_at(words, SETTINGS) if self._is_way(at, end)}
        self._whose = dict(_phrases_at(words, WHOSE))
        self._fixed = list(self._fixed_complements())
        self._layouts: dict[frozenset[int], Layout] = {}

    def layout(self, taken: frozenset[int]) -> Layout:
        """The street, number and complements outside the taken places."""
        known = self._layouts.get(taken)
        if known is None:
            known = self._layouts[taken] = self._layout(taken)
        return known

    def _layout(self, taken: Container[int]) -> Layout:
        fixed = [part for part in self._fixed if not any(at in taken for at in range(part.start, part.end))]
        closed = {at for part in fixed for at in range(part.start, part.end)}
        closed.update(at for at in range(len(self._words)) if at in taken)
        street = self._street(self._ways, closed) or self._street(self._settings, closed)
        number = None
        if street:
            begun = (street.start, *(at for at in sorted(self._ways, reverse=True) if at < street.start))
            before = (self._number_before(at, closed) for at in begun)
            number = next(filter(None, before), None) or self._number_after(street, closed)
            if number and number.start >= street.start:
                text = self._written(street.start, number.start, {**self._settings, **self._ways})
                street = Part(street.start, number.start, text)
            closed.update(range(street.start, street.end))
            closed.update(range(number.start, number.end) if number else ())
        complements = sorted([*fixed, *self._open_complements(closed)], key=lambda part: part.start)
        return Layout(number, street, tuple(complements), street is not None and self._ends_in_a_number(street))

    # Streets

    def _is_way(self, at: int, end: int) -> bool:
        """Whether a word such as "cours" is the kind of a street here."""
        return " ".join(self._words[at:end]) not in NUMBERED_ONLY or at == 0 or self._numbers.before(at) is not None

    def _street(self, kinds: Mapping[int, int], closed: Container[int]) -> Part | None:
        """The first street; the last one where the caller begins again."""
        chosen: Part | None = None
        for start, after in kinds.items():
            if start in closed or after in kinds or (chosen and start < chosen.end):
                continue
            end = self._name_end(kinds, start, after, closed)
            named = any(word not in ARTICLES for word in self._words[after:end]) or self._words[start] == "le"
            if named and (chosen is None or self._numbers.before(self._before_suffix(start)[0])):
                chosen = Part(start, end, self._written(start, end, kinds))
        return chosen

    def _name_end(self, kinds: Mapping[int, int], start: int, after: int, closed: Container[int]) -> int:
        end = after
        while end < len(self._words) and end not in closed and end not in self._whose:
            named = end > after and self._words[end - 1] not in ARTICLES
            if end in kinds and self._begins_again(kinds, start, end):
                break
            if named and end in self._settings and end not in self._ways:
                break
            end += 1
        while end > after + 1 and (self._words[end - 1] in POLITE or self._words[end - 1] in LEADS):
            end -= 1
        number = self._numbers.before(end, after)
        if end in kinds and number is not None and number.start > after:
            end = number.start
        return end

    def _ends_in_a_number(self, street: Part) -> bool:
        """Then a part of the postcode that follows may have been taken for its name."""
        number = self._numbers.before(street.end, street.start + 2)
        first = number.start if number else street.end - self._words[street.end - 1].isdecimal()
        return first < street.end and self._words[first - 1] not in NUMBERED

    def _begins_again(self, kinds: Mapping[int, int], start: int, at: int) -> bool:
        """Whether the street at a place is another one: after a number, or said to correct the first."""
        same = self._words[start : kinds[start]] == self._words[at : kinds[at]]
        return same or self._numbers.before(self._before_suffix(at)[0]) is not None

    def _before_suffix(self, at: int) -> tuple[int, str]:
        """The place before "bis" or a letter that stands before a place, and how it is written."""
        word = self._words[at - 1] if at > 1 else ""
        if word in SUFFIXES:
            return at - 1, " " + SUFFIXES[word]
        if len(word) == 1 and "a" <= word <= "h" and self._numbers.before(at - 1):
            return at - 1, " " + word
        return at, ""

    def _number_before(self, start: int, closed: Container[int]) -> Part | None:
        end, suffix = self._before_suffix(start)
        since = max((at + 1 for at in range(end) if at in closed), default=0)
        number = self._numbers.before(end, since)
        if number is None:
            return None
        first = number.start - (self._words[number.start - 1 : number.start] == ["numéro"])
        return Part(first, start, f"{number.value}{suffix}")

    def _number_after(self, street: Part, closed: Container[int]) -> Part | None:
        """ "rue des lilas numéro douze", "rue des lilas au douze bis"."""
        before, suffix = self._before_suffix(street.end)
        number = self._numbers.before(before, street.start + 2)
        if number is None:
            return None
        first = number.start - (self._words[number.start - 1] in ("numéro", "au"))
        if first - street.start < 2 or self._words[first - 1] in NUMBERED:
            return None
        return Part(first, street.end, f"{number.value}{suffix}")

    # Complements

    def _fixed_complements(self) -> Iterator[Part]:
        """Those whose end is known: "bâtiment b", "troisième étage"."""
        at = 0
        while at < len(self._words):
            part = self._floor(at) or self._part_of_building(at)
            if part:
                yield part
            at = part.end if part else at + 1

    def _floor(self, at: int) -> Part | None:
        for phrase in FLOORS:
            end = at + len(phrase.split())
            if " ".join(self._words[at:end]) == phrase:
                return Part(at, end, phrase)
        for size in (1, 2):
            number = ORDINALS.get(" ".join(self._words[at : at + size]))
            if number and self._words[at + size : at + size + 1] == ["étage"]:
                side = [word for word in self._words[at + size + 1 : at + size + 2] if word in SIDES]
                text = " ".join([f"{number}{'er' if number == 1 else 'e'} étage", *side])
                return Part(at, at + size + 1 + len(side), text)
        return None

    def _part_of_building(self, at: int) -> Part | None:
        of_a_name = self._words[at - 1 : at] == ["du"] or self._words[max(at - 2, 0) : at] == ["de", "la"]
        if self._words[at] not in PARTS or of_a_name:
            return None
        text, end = [self._words[at]], at + 1 + (self._words[at + 1 : at + 2] == ["numéro"])
        letter = self._words[end : end + 1]
        if letter and ((len(letter[0]) == 1 and letter[0].isalpha() and letter[0] != "à") or letter[0] in SIDES):
            text, end = [*text, letter[0]], end + 1
        numbers = self._numbers.at(end)
        if numbers and not (len(text) == 2 and self._way_after(numbers[0].end)):
            text, end = [*text, str(numbers[0].value)], numbers[0].end
        return Part(at, end, " ".join(text)) if len(text) > 1 else None

    def _way_after(self, at: int) -> bool:
        return at in self._ways or self._words[at : at + 1] in (["bis"], ["ter"], ["mille"])

    def _open_complements(self, closed: set[int]) -> Iterator[Part]:
        """Those that end where something else begins: "chez madame petit", "résidence les lilas"."""
        starts = {**self._settings, **self._whose}
        done = 0
        for start, after in sorted(starts.items()):
            if start < done or start in closed:
                continue
            end = after
            while end < len(self._words) and end not in closed:
                if end in starts and self._words[end - 1] not in ARTICLES:
                    break
                end += 1
            while end > after and (self._words[end - 1] in POLITE | LEADS) and self._words[end - 1] != "madame":
                end -= 1
            if any(word not in ARTICLES for word in self._words[after:end]) or self._words[start] in ("le", "les"):
                yield Part(start, end, self._written(start, end, starts))
                done = end

    # Writing

    def _written(self, start: int, end: int, kinds: Mapping[int, int]) -> str:
        """Words as they are written on a letter: dates and roads in figures, other numbers in words, names right."""
        text: list[str] = []
        at = start
        while at < end:
            part = self._date(at, end) or self._figure(at, end, kinds)
            text.append(part.text if part else self._words[at])
            at = part.end if part else at + 1
        after = kinds.get(start, start) - start
        return " ".join([*text[:after], *_names_right(text[after:])])

    def _date(self, at: int, end: int) -> Part | None:
        """ "huit mai mille neuf cent quarante cinq"."""
        days = [(number.value, number.end) for number in self._numbers.at(at)]
        if self._words[at] == "premier":
            days = [(1, at + 1)]
        for day, month in days:
            if not 0 < day < 32 or month >= end or self._words[month] not in MONTHS:
                continue
            written = f"{'1er' if day == 1 else day} {self._words[month]}"
            for year in self._numbers.at(month + 1):
                if year.end <= end and year.value in YEARS:
                    return Part(at, year.end, f"{written} {year.value}")
            return Part(at, month + 1, written)
        return None

    def _figure(self, at: int, end: int, kinds: Mapping[int, int]) -> Part | None:
        """Figures right after the kind of a street or the class of a road; elsewhere words, whatever was heard."""
        named = at > 0 and (at in kinds.values() or self._words[at - 1] in ROADS)
        last = next((number for number in self._numbers.at(at) if number.end == end), None)
        if named and last:
            return Part(at, end, str(last.value))
        if self._words[at].isdecimal() and int(self._words[at]) < YEARS.start:
            return Part(at, at + 1, self._language.number_forms(int(self._words[at]))[0])
        return None


def _phrases_at(words: Sequence[str], phrases: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Every place where one of the phrases stands, with the place after the longest one there."""
    known = _set_of(tuple(phrases))
    for start in range(len(words)):
        for size in (3, 2, 1):
            if start + size <= len(words) and " ".join(words[start : start + size]) in known:
                yield start, start + size
                break


@cache
def _set_of(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(phrases)


# Names


def _names_right(name: Sequence[str]) -> list[str]:
    """The name of a street with that of a famous person, or a surname after a title, spelled the way it is."""
    for start in range(len(name)):
        tail = list(name[start:])
        before = name[start - 1] if start else "de"
        if len(tail) <= 4 and (before in ("de", "du") or before in TITLES):
            sound = french_sound(" ".join(tail))
            # Some surnames are an article and a noun, and are heard as such: "le roi".
            split = len(tail) > 1 and tail[0] in ARTICLES and any(word in TITLES for word in name[:start])
            right = _by_sound(FAMOUS).get(sound) or (_by_sound(SURNAMES).get(sound) if split else None)
            if right:
                return [*name[:start], right]
    return list(name)


@cache
def _by_sound(names: tuple[str, ...]) -> Mapping[str, str]:
    """The first name of each sound."""
    sounds = french_sound("\n".join(names)).split("\n")
    return dict(reversed(list(zip(sounds, names, strict=True))))
