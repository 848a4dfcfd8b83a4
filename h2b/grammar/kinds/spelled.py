"""Letters said one by one among other words: "john smith s m y t h", "b comme bernard", "double t".

Owns where such runs are and what they spell. What a run means, a name or part of an address, is the caller's
business; codes of letters and digits alone are `h2b.grammar.kinds.spelling`'s.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from attrs import frozen
from rapidfuzz.distance import DamerauLevenshtein

from h2b.language import Language, fold_accents
from h2b.language.base import NATO

ALIKE = 0.5
"""Similarity from which letters spell the word before them: recognisers write names as they please."""
CODE_WORDS = 3
"""Words of the radiotelephony alphabet in a row that are letters."""
CODE_NAMES = 4
"""The same for words of any alphabet: most are first names, and callers have two or three of those."""

_SURE, _NAMED, _ALIKE = 2, 1, 0
"""A bare letter, doubled or illustrated; a word that names a letter; a word that sounds like such a name."""
_COUNTING = ("fr", "de")
"""Languages that double by a plain number: "deux t", "zwei t". In others a digit there is a digit."""
_VOWELS = "aeiouy"
"""Their names are the letters themselves: how they are written tells nothing of how others are."""


@frozen
class Run:
    """Letters in words[start:end]."""

    letters: str
    start: int
    end: int


@frozen
class _Letter:
    text: str
    grade: int
    start: int
    end: int

    @property
    def bare(self) -> bool:
        """Written as the letter itself."""
        return self.grade == _SURE and self.end - self.start == 1


@frozen
class _Name:
    words: tuple[str, ...]
    text: str
    grade: int


def spelled_runs(words: Sequence[str], language: Language, counted: bool = False) -> list[Run]:
    """Runs of two letters or more, or of one that was doubled or illustrated; in order, none overlapping.

    With `counted`, digits have no place between the letters: "deux t" after a letter is "tt", in the languages
    that say so.
    """
    runs: list[Run] = []
    at = 0
    while at < len(words):
        code = _code_run(words, at, language)
        letters = [] if code is not None else list(_letters_from(words, at, language, counted))
        run = code if code is not None else _run_of(letters)
        if run is not None:
            runs.append(run)
        at = max(at + 1, run.end if run is not None else at, letters[-1].end if letters else at)
    return runs


def alike(word: str, letters: str) -> bool:
    """Whether the letters may spell the word."""
    return likeness(word, letters) >= ALIKE


def likeness(word: str, letters: str) -> float:
    """From 0 to 1, accents left aside."""
    return float(DamerauLevenshtein.normalized_similarity(fold_accents(word), fold_accents(letters)))


def _letters_from(words: Sequence[str], at: int, language: Language, counted: bool) -> Iterator[_Letter]:
    """Everything from `at` on that may be a letter, up to the first word that cannot."""
    begun = False
    while (letter := _letter_at(words, at, language, counted and begun)) is not None:
        yield letter
        begun, at = True, letter.end


def _run_of(letters: list[_Letter]) -> Run | None:
    kept = _trimmed(letters)
    sure = sum(letter.grade == _SURE for letter in kept)
    wordy = any(letter.end - letter.start > 1 for letter in kept)
    if (sure and (len(kept) > 1 or wordy)) or sum(letter.grade > _ALIKE for letter in kept) >= 3:
        return Run("".join(letter.text for letter in kept), kept[0].start, kept[-1].end)
    return None


def _trimmed(letters: list[_Letter]) -> list[_Letter]:
    """Without words at the ends that only sound like letters, nor names of letters next to bare ones.

    Recognisers write one run in one way: in "jay s m i t h" the first word is a name.
    """
    bare = sum(letter.bare and letter.text not in _VOWELS for letter in letters)
    lowest = _SURE if bare > sum(letter.grade == _NAMED for letter in letters) else _NAMED
    kept = list(letters)
    while kept and kept[0].grade < lowest:
        kept.pop(0)
    while kept and kept[-1].grade < lowest:
        kept.pop()
    return kept


def _letter_at(words: Sequence[str], at: int, language: Language, counted: bool) -> _Letter | None:
    if at >= len(words):
        return None
    if counted:
        times = counts(language).get(words[at], 0)
        letter = _letter_at(words, at + 1, language, False) if times else None
        if letter is not None and len(letter.text) == 1 and letter.grade > _ALIKE:
            return _Letter(letter.text * times, _SURE, at, letter.end)
    for name in _names(language).get(words[at], ()):
        end = at + len(name.words)
        if tuple(words[at:end]) == name.words:
            after = _after_illustration(words, end, name.text, language)
            return _Letter(name.text, _SURE if after > end else name.grade, at, after)
    bare = len(words[at]) == 1 and words[at].isalpha()
    return _Letter(words[at], _SURE, at, at + 1) if bare else None


def _after_illustration(words: Sequence[str], end: int, letter: str, language: Language) -> int:
    """The place after "as in bravo", or after a bare code word of the same letter."""
    if len(letter) > 1:
        return end
    for link in _links(language):
        place = end + len(link)
        said = place < len(words) and len(words[place]) > 1 and tuple(words[end:place]) == link
        if said and fold_accents(words[place])[0] == fold_accents(letter):
            return place + 1
    if end < len(words) and NATO.get(words[end]) == letter and len(words[end]) > 1:
        return end + 1
    return end


def _code_run(words: Sequence[str], at: int, language: Language) -> Run | None:
    letters: list[str] = []
    radio = True
    for word in words[at:]:
        letter = language.alphabets.get(word)
        if letter is None:
            break
        radio = radio and word in NATO
        letters.append(letter)
    enough = len(letters) >= (CODE_WORDS if radio else CODE_NAMES)
    return Run("".join(letters), at, at + len(letters)) if enough else None


@cache
def _links(language: Language) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(link.split()) for link in language.links)


@cache
def counts(language: Language) -> Mapping[str, int]:
    """Numbers that repeat the letter after them, where digits have no place: "deux t"."""
    if language.code not in _COUNTING:
        return {}
    return {word: int(digit) for digit in "23" for word in language.digits[digit]}


@cache
def _names(language: Language) -> Mapping[str, tuple[_Name, ...]]:
    """Names of letters by their first word, longest first."""
    names: dict[tuple[str, ...], _Name] = {}
    for name in _all_names(language):
        if name.words not in names or name.grade > names[name.words].grade:
            names[name.words] = name
    by_first: dict[str, list[_Name]] = {}
    for name in sorted(names.values(), key=lambda name: -len(name.words)):
        by_first.setdefault(name.words[0], []).append(name)
    return {first: tuple(group) for first, group in by_first.items()}


def _all_names(language: Language) -> Iterator[_Name]:
    for letter, phrases in language.letters.items():
        for phrase in phrases:
            words = tuple(phrase.split())
            yield _Name(words, letter, _SURE if len(phrase) == 1 or len(words) > 1 else _NAMED)
            yield _Name((f"{phrase}'s",), letter, _NAMED)
            for doubling, times in language.doubling.items():
                if not language.names_a_letter(f"{doubling} {phrase}"):
                    yield _Name((*doubling.split(), *words), letter * times, _SURE)
    for phrase, letters in language.letter_homophones.items():
        yield _Name(tuple(phrase.split()), letters, _ALIKE)
