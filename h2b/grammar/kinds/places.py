"""Where in French words numbers, postcodes and towns lie: all readings, none chosen.

Owns the reading of single parts of an address. Must not know how they make one: that is `postal_address`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache

from attrs import evolve, frozen
from rapidfuzz import fuzz, process

from h2b.grammar.gazetteer import LARGE_CITIES, Commune, gazetteer, spelling_key
from h2b.language import Language, normalise
from h2b.language.sounds import french_sound, joined_sound
from h2b.language.streets import LEADS, ORDINALS

LONGEST_NUMBER_WORDS = 6
"""Of a number below a thousand: "deux cent quatre vingt dix sept"."""
LONGEST_TOWN_WORDS = 8
POSTCODES_KEPT = 500
"""Postcodes whose names are kept ready: callers say the same ones in all hypotheses of an utterance, and in a town."""
LONGEST_DISTRICT_WORDS = 6
"""Of "dans le dix huitième arrondissement de"."""
ALIKE = 74.0
"""Per cent of likeness from which sounds near a postcode name one of its communes."""
SHORTEST_BEGINNING = 3
"""Letters from which the first words of a name stand for all of it: "aix" in 13100."""
SPELLED, SOUNDED, BEGUN, AGREEING = 1.0, 0.95, 0.9, 0.85
"""How sure a town is by how it was found; AGREEING is the most that likeness alone is worth."""


@frozen
class Number:
    value: int
    start: int
    end: int


@frozen
class Postcode:
    code: str
    start: int
    end: int


@frozen
class Town:
    """A commune in words[start:end]. With an arrondissement, `postcodes` is that one's alone."""

    commune: Commune
    start: int
    end: int
    strength: float
    led: bool = False
    """Whether "à", "au" or the like stands before it; then that is in the span too."""
    postcodes: tuple[str, ...] = ()
    arrondissement: bool = False
    namesakes: int = 0
    """Other communes of the same spelling, or sound."""


# Numbers


@cache
def _below_thousand(language: Language) -> Mapping[str, int]:
    return {form: number for number in range(1000) for form in language.number_forms(number)}


class Numbers:
    """The numbers in words, from every place on."""

    def __init__(self, words: Sequence[str], language: Language) -> None:
        self._words = words
        known = _below_thousand(language)
        self.small: list[list[Number]] = []
        for start, word in enumerate(words):
            ends = range(start + 1, min(start + LONGEST_NUMBER_WORDS, len(words)) + 1)
            phrases = ((" ".join(words[start:end]), end) for end in ends)
            found = [Number(known[phrase], start, end) for phrase, end in phrases if phrase in known]
            if word.isdecimal() and len(word) <= 4:
                found.append(Number(int(word), start, start + 1))
            self.small.append(found)
        self.large = [list(self._thousands(start)) for start in range(len(words))]
        both = (small + large for small, large in zip(self.small, self.large, strict=True))
        self._from = [sorted(found, key=lambda number: -number.end) for found in both]
        self._to: list[list[Number]] = [[] for _ in range(len(words) + 1)]
        for number in (number for found in self._from for number in found if 0 < number.value < 10_000):
            self._to[number.end].append(number)

    def _thousands(self, start: int) -> Iterator[Number]:
        heads = [Number(1, start, start), *self.small[start]]
        for head in heads:
            if 0 < head.value < 1000 and head.end < len(self._words) and self._words[head.end] == "mille":
                yield Number(head.value * 1000, start, head.end + 1)
                for rest in self.small[head.end + 1] if head.end + 1 < len(self._words) else ():
                    if 0 < rest.value < 1000:
                        yield Number(head.value * 1000 + rest.value, start, rest.end)

    def at(self, start: int) -> list[Number]:
        """Those that begin at a place, the longest first."""
        return self._from[start] if start < len(self._from) else []

    def before(self, end: int, since: int = 0) -> Number | None:
        """The longest one from 1 to 9999 that ends at a place and begins at `since` or later."""
        return next((number for number in self._to[end] if number.start >= since), None)


# Postcodes


def postcodes(words: Sequence[str], numbers: Numbers) -> list[Postcode]:
    """Every reading of words as a postcode that exists; before "cedex" also one that serves no commune."""
    found = {}
    for start in range(len(words)):
        for code, end in _digits(words, numbers, start, ""):
            if gazetteer().exists(code) or "cedex" in words[end : end + 4]:
                found[code, start, end] = Postcode(code, start, end)
    return list(found.values())


def _digits(words: Sequence[str], numbers: Numbers, at: int, read: str) -> Iterator[tuple[str, int]]:
    """Five digits from a place on, said in any groups: "soixante douze mille", "zéro six deux cents", "7 5 0 1 1"."""
    if len(read) == 5:
        yield read, at
    if len(read) >= 5 or at >= len(words):
        return
    for digits, end in _groups(words, numbers, at, read):
        if len(read) + len(digits) <= 5:
            yield from _digits(words, numbers, end, read + digits)


def _groups(words: Sequence[str], numbers: Numbers, at: int, read: str) -> Iterator[tuple[str, int]]:
    word = words[at]
    if word.isdecimal():
        yield word, at + 1
        if not read and len(word) == 4:
            # A figure loses its zero: "6 000 nice".
            yield "0" + word, at + 1
        if not read and len(word) == 1 and at + 1 < len(words) and words[at + 1].isdecimal():
            yield "0" + word, at + 1
    else:
        for number in numbers.small[at]:
            yield str(number.value), number.end
    if read in ("", "0"):
        for number in numbers.large[at]:
            if number.value < 10 ** (5 - len(read)):
                yield f"{number.value:0{5 - len(read)}}", number.end
    zeros = _zeros(words, at)
    if zeros:
        yield "0" * zeros[0], zeros[1]


_REPEATED = {"double": 2, "triple": 3, "deux": 2, "trois": 3}


def _zeros(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """ "trois zéros", "triple zéro", "trois fois zéro": how many, and the place after them."""
    if words[at] not in _REPEATED:
        return None
    after = at + 1 + (words[at + 1 : at + 2] == ["fois"])
    if tuple(words[after : after + 1]) not in (("zéro",), ("zéros",)):
        return None
    plain = after == at + 1 and words[at] in ("deux", "trois") and words[after] == "zéro"
    return None if plain else (_REPEATED[words[at]], after + 1)


# Towns


class Towns:
    """The towns in words. Sounds and spellings of each word are worked out once."""

    def __init__(self, words: Sequence[str], numbers: Numbers) -> None:
        self._words = words
        self._numbers = numbers
        text = "\n".join(words)
        self._keys = spelling_key(text).split("\n")
        self._sounds = french_sound(text).split("\n")

    def everywhere(self) -> list[Town]:
        """Names of communes, spelled or sounding like them, wherever they are said."""
        spans = [
            (start, end)
            for start in range(len(self._words))
            for end in range(start + 1, min(start + LONGEST_TOWN_WORDS, len(self._words)) + 1)
        ]
        spelled = gazetteer().spelled([self._spelling(start, end) for start, end in spans])
        sounding = gazetteer().sounding([self._sound(start, end) for start, end in spans])
        found: list[Town] = []
        for (start, end), exact, alike in zip(spans, spelled, sounding, strict=True):
            others = [commune for commune in alike if commune not in exact]
            found += (self._town(commune, start, end, SPELLED, len(exact) - 1) for commune in exact)
            found += (self._town(commune, start, end, SOUNDED, len(alike) - 1) for commune in others)
        return found + [with_district for town in found for with_district in self._districts(town)]

    def near(self, postcode: Postcode) -> list[Town]:
        """Towns of a postcode right before or after it that are not said quite as they are spelled."""
        communes, keys, sounds = _names_of(postcode.code)
        found = []
        for start, end in self._windows(postcode):
            key, sound = self._spelling(start, end), self._sound(start, end)
            for heard, names in ((sound, sounds), (key, keys)):
                alike = process.extractOne(heard, names, scorer=fuzz.ratio, score_cutoff=ALIKE)
                if alike:
                    found.append(self._town(communes[alike[2]], start, end, alike[1] / 100 * AGREEING))
            begun = [at for at, name in enumerate(keys) if len(key) >= SHORTEST_BEGINNING and name.startswith(key)]
            if len(begun) == 1:
                found.append(self._town(communes[begun[0]], start, end, BEGUN))
        return found

    def _windows(self, postcode: Postcode) -> Iterator[tuple[int, int]]:
        for start in (postcode.end, postcode.end + 1):
            for end in range(start + 1, min(start + LONGEST_TOWN_WORDS, len(self._words)) + 1):
                yield start, end
        for start in range(max(0, postcode.start - LONGEST_TOWN_WORDS), postcode.start):
            yield start, postcode.start

    def _spelling(self, start: int, end: int) -> str:
        return _contraction(self._words[start], _ARTICLE_KEYS, self._keys[start]) + "".join(self._keys[start + 1 : end])

    def _sound(self, start: int, end: int) -> str:
        first = _contraction(self._words[start], _ARTICLE_SOUNDS, self._sounds[start])
        return joined_sound((first, *self._sounds[start + 1 : end]))

    def _town(self, commune: Commune, start: int, end: int, strength: float, namesakes: int = 0) -> Town:
        """With "à" before it in its span; "au" and "aux" hold the first word of "le mans"."""
        led = self._words[start] in ("au", "aux")
        if not led and start and self._words[start - 1] in LEADS:
            start, led = start - 1, True
        return Town(commune, start, end, strength, led, commune.postcodes, namesakes=namesakes)

    def _districts(self, town: Town) -> Iterator[Town]:
        """The same with its arrondissement: "paris vingtième", "paris vingt", "dans le vingtième à paris"."""
        codes = LARGE_CITIES.get(town.commune.name, ())
        for number, end in self._arrondissements(town.end, self._numbers.at(town.end)) if codes else ():
            if number <= len(codes):
                yield evolve(town, end=end, postcodes=codes[number - 1 : number], arrondissement=True)
        for start in range(max(0, town.start - LONGEST_DISTRICT_WORDS), town.start) if codes else ():
            for number, end in self._arrondissements(start):
                linked = end == town.start or (end == town.start - 1 and self._words[end] == "de")
                if linked and number <= len(codes):
                    yield evolve(town, start=start, postcodes=codes[number - 1 : number], arrondissement=True)

    def _arrondissements(self, at: int, cardinals: Sequence[Number] = ()) -> Iterator[tuple[int, int]]:
        """Numbers of arrondissements from a place on, and the places after them."""
        article = self._words[at : at + 2] == ["dans", "le"]
        first = at + 2 * article
        said = [(ORDINALS.get(" ".join(self._words[first : first + size]), 0), first + size) for size in (1, 2)]
        said += [(cardinal.value, cardinal.end) for cardinal in cardinals]
        for number, end in said:
            if number and end <= len(self._words):
                yield number, end + (self._words[end : end + 1] == ["arrondissement"])


@lru_cache(POSTCODES_KEPT)
def _names_of(postcode: str) -> tuple[tuple[Commune, ...], tuple[str, ...], tuple[str, ...]]:
    """The communes of a postcode, how they are spelled and how they sound."""
    communes = gazetteer().of_postcode(postcode)
    names = "\n".join(normalise(commune.name) for commune in communes)
    return communes, tuple(spelling_key(names).split("\n")), tuple(french_sound(names).split("\n"))


_ARTICLE_KEYS = {"au": "le", "aux": "les"}
_ARTICLE_SOUNDS = {word: french_sound(article) for word, article in _ARTICLE_KEYS.items()}


def _contraction(word: str, articles: Mapping[str, str], key: str) -> str:
    """ "au mans" is "à le mans"."""
    return articles.get(word, key)
