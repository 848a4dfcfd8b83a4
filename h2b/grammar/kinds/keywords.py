"""One of a list of words or phrases: `alternatives=agent|allo\\-media|arrêt`.

The list is regex-like: `|` separates, a backslash escapes (H2B reference, section 5.2). The value is the
alternative as it was declared, whatever case or accents were heard.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from attrs import define, frozen
from rapidfuzz.distance import DamerauLevenshtein
from text_to_num import Token, find_numbers

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import of_length
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor
from h2b.language import LANGUAGES, Language, fold_accents, normalise
from h2b.model.errors import InvalidParameter, MissingParameter, shorten

MAXIMUM_ALTERNATIVES = 500
NEAR_ENOUGH = 0.78
"""Similarity from which a misheard phrase counts (nlu-scale reference, section 2.4)."""
MAXIMUM_WORDS = 80
"""Words of a transcript that near matches are looked for in: their cost grows with words times alternatives."""

IN_A_ROW = 0.4
"""Quality of a number beside others that are no alternatives: "two" of "two five" is a digit of a code."""

_FIRST_CODE = 0xE000  # private use: each alternative is one character of a value


class Keywords:
    """The first alternative said exactly, else the one most like what was said."""

    name = "keywords"
    takes = taking(
        PresetParameter(
            name="alternatives",
            type="string",
            required=True,
            doc="words or phrases separated by a bar, as `agent|billing`",
        ),
    )

    def check(self, arguments: Arguments) -> None:
        given = str(arguments.get("alternatives", ""))
        expected = f"1 to {MAXIMUM_ALTERNATIVES} words or phrases separated by '|'"
        alternatives = split_alternatives(given)
        if not any(map(normalise, alternatives)):
            raise MissingParameter("alternatives", "the keywords grammar", expected)
        if len(alternatives) > MAXIMUM_ALTERNATIVES:
            raise InvalidParameter("alternatives", len(alternatives), expected)
        for unheard, instead in _unheard(given):
            other = f"other words than those of {shorten(instead)}" if instead else "words that can be said"
            raise InvalidParameter("alternatives", unheard, other)

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        spoken = _spoken_forms(str(arguments["alternatives"]), language)
        said = language.spell_out(" ".join(words)).split()[:MAXIMUM_WORDS]
        heard = [fold_accents(word) for word in said]
        numbers = _numbers(said, language)
        return _exact(heard, spoken, numbers) or _near(heard, spoken, numbers)

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        spoken = _spoken_forms(str(arguments["alternatives"]), language, folded=False)
        codes = {value: chr(_FIRST_CODE + index) for index, value in enumerate(dict.fromkeys(spoken.values()))}
        entries = [Entry(phrase, codes[value]) for phrase, value in spoken.items()]
        return LexiconAcceptor(Lexicon(entries), of_length("".join(codes.values()), 1, 1))


def split_alternatives(text: str) -> list[str]:
    """The phrases of an `alternatives` argument, unescaped, empty ones left out."""
    parts = re.findall(r"(?:\\.|[^|\\])+", text, re.DOTALL)
    return [phrase for part in parts if (phrase := re.sub(r"\\(.)", r"\1", part).strip())]


@lru_cache(maxsize=256)
def _unheard(alternatives: str) -> tuple[tuple[str, str], ...]:
    """Alternatives that no caller can choose: each with the one before it that has the same words, or with nothing.

    "2" is "two" in one language only, so that is not told; and "5 %" is more than "5" in all of them.
    """
    known: dict[str, list[str]] = {}
    found: list[tuple[str, str]] = []
    for phrase in split_alternatives(alternatives):
        words = fold_accents(normalise(phrase))
        before = known.setdefault(words, [])
        same = next((other for other in before if other != phrase and _said_alike(other, phrase)), "")
        if same or not words:
            found.append((phrase, same))
        before.append(phrase)
    return tuple(found)


def _said_alike(one: str, other: str) -> bool:
    """Whether phrases of the same words are the same with their numbers and signs read aloud, in every language."""
    return all(_folded(one, spoken) == _folded(other, spoken) for spoken in LANGUAGES)


def _folded(phrase: str, language: Language) -> str:
    return fold_accents(normalise(language.spell_out(phrase)))


@lru_cache(maxsize=256)
def _spoken_forms(alternatives: str, language: Language, folded: bool = True) -> Mapping[str, str]:
    """Phrase as a recogniser writes it -> alternative as declared; without accents when folded."""
    spoken: dict[str, str] = {}
    for phrase in split_alternatives(alternatives):
        words = normalise(language.spell_out(phrase))
        spoken.setdefault(fold_accents(words) if folded else words, phrase)
    return {words: phrase for words, phrase in spoken.items() if words}


@define
class _Word:
    """A word as `find_numbers` asks for it."""

    said: str

    def text(self) -> str:
        return self.said

    def nt_separated(self, previous: Token) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


@frozen
class _Numbers:
    """Which words are numbers: a keyword is no part of one."""

    spans: tuple[tuple[int, int], ...]
    """Start and end of each number."""
    rows: tuple[tuple[int, int], ...]
    """The same for several of them with nothing between."""

    def cut_by(self, at: int, end: int) -> bool:
        """Whether words begin or end inside a number: "two" in "twenty two"."""
        return any(start < end and at < after and not at <= start <= after <= end for start, after in self.spans)

    def row_around(self, at: int, end: int) -> Iterable[int]:
        """The words of all rows that some words have a part in."""
        return [place for start, after in self.rows if start < end and at < after for place in range(start, after)]


def _numbers(said: Sequence[str], language: Language) -> _Numbers:
    found = find_numbers([_Word(word) for word in said], language.code, 0)
    rows: list[tuple[int, int]] = []
    # "The second one" is no row.
    for start, end in ((number.start, number.end) for number in found if not number.is_ordinal):
        if rows and rows[-1][1] == start:
            start, _ = rows.pop()
        rows.append((start, end))
    return _Numbers(tuple((number.start, number.end) for number in found), tuple(rows))


def _exact(heard: Sequence[str], spoken: Mapping[str, str], numbers: _Numbers) -> list[Found]:
    """Alternatives said word for word: the longest first, of equal ones the first said."""
    windows = [
        (at, at + len(words), value)
        for words, value in ((phrase.split(), value) for phrase, value in spoken.items())
        for at in range(len(heard) - len(words) + 1)
        if list(heard[at : at + len(words)]) == words and not numbers.cut_by(at, at + len(words))
    ]
    chosen = {place for at, end, _ in windows for place in range(at, end)}
    found: dict[str, tuple[float, int, int]] = {}
    for at, end, value in windows:
        alone = chosen.issuperset(numbers.row_around(at, end))
        rank = (-1.0 if alone else -IN_A_ROW, at - end, at)
        found[value] = min(rank, found.get(value, rank))
    ranked = sorted(found.items(), key=lambda item: item[1])
    return [Found(value=value, quality=-rank[0]) for value, rank in ranked]


def _near(heard: Sequence[str], spoken: Mapping[str, str], numbers: _Numbers) -> list[Found]:
    """Alternatives almost said: windows one word shorter to one word longer, compared without spaces."""
    best: dict[str, float] = {}
    for phrase, value in spoken.items():
        target = phrase.replace(" ", "")
        length = len(phrase.split())
        for size in range(max(1, length - 1), length + 2):
            for at in range(len(heard) - size + 1):
                window = "".join(heard[at : at + size])
                likeness = DamerauLevenshtein.normalized_similarity(target, window, score_cutoff=NEAR_ENOUGH)
                if likeness >= NEAR_ENOUGH and not numbers.cut_by(at, at + size):
                    best[value] = max(best.get(value, 0.0), likeness)
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return [Found(value=value, quality=likeness) for value, likeness in ranked]
