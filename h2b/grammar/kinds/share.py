"""How much of an utterance is about the value found in it.

"I want three, please" is an answer; "press three for sales" holds the same number, and means something else. What tells
them apart are strangers: words that are neither the value's, nor fillers, nor carriers ("i want", "please"). A value
that is denied ("not monday") or only a bound ("less than three") is not what the caller means, either.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from attrs import frozen

from h2b.grammar.spoken import Reading
from h2b.language import Language
from h2b.language.answers import answers
from h2b.language.carriers import carriers
from h2b.language.denials import denials

LEAST_WEIGHT: Final = 2
"""In words, of any value: one stranger beside a short value ("three dogs") leaves two thirds, two leave half."""
CHARACTER_WEIGHT: Final = 2
"""In words, of each character of a code: nobody says four digits in a row by chance."""
DENIED: Final = 0.4
"""The most that a value deserves which the caller denies, or which is only a bound."""
REACH: Final = 4
"""In carriers, how far a negation reaches: "I don't think it's gonna be three"."""


def strangers(words: Iterable[str], language: Language) -> int:
    """How many words say something of their own."""
    return sum(word not in language.fillers and word not in carriers(language) for word in words)


def share_of(reading: Reading, words: Sequence[str], language: Language, weight: int = 0) -> float:
    """0 to 1: the share of the value's words among its own and the strangers around it; where it is denied, less.

    `weight` is the value's in words; without one, its words as callers say them: "2552" is seven. Only values without
    one are quantities, which can be bounds.
    """
    unmeant = denied(words, reading.start, reading.end, language) or (
        not weight and compared(words, reading.start, reading.end, language)
    )
    most = DENIED if unmeant else 1.0
    proposed = {place for at, end in _harmless(words, language) for place in range(at, end)}
    others = [place for place in range(len(words)) if place not in proposed]
    around = strangers((words[at] for at in others if not reading.start <= at < reading.end), language)
    if not around:
        return most
    said = weight or len(language.spell_out(" ".join(words[reading.start : reading.end])).split())
    own = max(LEAST_WEIGHT, said)
    return most * own / (own + around)


def denied(words: Sequence[str], start: int, end: int, language: Language) -> bool:
    """Whether a negation before or behind words[start:end] is about them.

    One before reaches over some carriers ("I don't want the third"), one behind only where no more is said: in "three,
    not four" it denies what follows.
    """
    return any(
        _reaches(words[after:start], language)
        if after <= start
        else end <= at and _reaches(words[end:at], language) and _reaches(words[after:], language)
        for at, after in negations(words, language)
    )


def compared(words: Sequence[str], start: int, end: int, language: Language) -> bool:
    """Whether words[start:end] are only a bound: "less than three", "three or more"."""
    table = _table(language)
    return _says(words[:start][::-1], table.before) or _says(words[end:], table.after)


def negations(words: Sequence[str], language: Language) -> Iterator[tuple[int, int]]:
    """Where the negations in the words begin and end."""
    return ((at, end) for at, end, denies in _negative(words, language) if denies)


def _harmless(words: Sequence[str], language: Language) -> Iterator[tuple[int, int]]:
    """Where phrases with a negation that denies nothing begin and end: "why not"."""
    return ((at, end) for at, end, denies in _negative(words, language) if not denies)


def _negative(words: Sequence[str], language: Language) -> Iterator[tuple[int, int, bool]]:
    table = _table(language)
    at = 0
    while at < len(words):
        if words[at] not in table.begins:
            at += 1
            continue
        harmless, excluding = _longest(words, at, table.harmless), _longest(words, at, table.excluding)
        if harmless or excluding:
            yield at, at + max(harmless, excluding), excluding > harmless
        at += max(harmless, excluding, 1)


def reached(words: Sequence[str], language: Language) -> int:
    """How many of the words behind a negation it reaches over: few, and none that begins something else."""
    left = REACH
    for at, word in enumerate(words):
        filler = word in language.fillers
        if word in _table(language).contrasts or not (filler or (left and word in carriers(language))):
            return at
        left -= not filler
    return len(words)


def _reaches(words: Sequence[str], language: Language) -> bool:
    return reached(words, language) == len(words)


def _says(words: Sequence[str], phrases: frozenset[tuple[str, ...]]) -> bool:
    return _longest(words, 0, phrases) > 0


def _longest(words: Sequence[str], at: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """How many words the longest of the phrases that begins at `at` has; 0 where none does."""
    return next((size for size in range(LONGEST, 0, -1) if tuple(words[at : at + size]) in phrases), 0)


LONGEST: Final = 5
"""In words, of the phrases looked for."""


@frozen
class _Table:
    """The phrases of a language as sets, those before a value from their last word back."""

    excluding: frozenset[tuple[str, ...]]
    harmless: frozenset[tuple[str, ...]]
    begins: frozenset[str]
    """The first words of both."""
    contrasts: frozenset[str]
    before: frozenset[tuple[str, ...]]
    after: frozenset[tuple[str, ...]]


@cache
def _table(language: Language) -> _Table:
    said = denials(language)
    affirming = [phrase for phrase in language.yes if not set(phrase.split()).isdisjoint(language.negators)]
    # A Spanish "no" is an answer to what came before, unless a verb follows.
    negators = set(language.negators).difference(answers(language).plain)
    excluding, harmless = _parted((*negators, *said.excluding)), _parted((*said.harmless, *affirming))
    return _Table(
        excluding=excluding,
        harmless=harmless,
        begins=frozenset(phrase[0] for phrase in excluding | harmless),
        contrasts=frozenset(said.contrasts),
        before=frozenset(phrase[::-1] for phrase in _parted((*said.comparing, *said.comparing_before))),
        after=_parted((*said.comparing, *said.comparing_after)),
    )


def _parted(phrases: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(phrase.split()) for phrase in phrases)
