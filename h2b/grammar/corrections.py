"""Answers that callers take back: "nine oh two one oh, no, nine oh two one one".

Owns the one rule for every kind of grammar that has none of its own. Where a correction of the language stands
between two stretches of an answer, what is behind the last one counts if it is a whole answer by itself. If it is only
a part ("… seventy nine, no, seventy eight") nobody knows what it replaces, so whatever was understood is unsure. Words
such as "no" and "sorry" that stand before or behind the only answer correct nothing. Nor does a hesitation ("enfin")
inside of one answer.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from attrs import evolve

from h2b.grammar.kinds.base import Arguments, Found, Kind
from h2b.grammar.kinds.evidence import UNSURE
from h2b.grammar.kinds.share import strangers
from h2b.language import Language
from h2b.language.answers import answers
from h2b.language.carriers import carriers
from h2b.language.corrections import corrections

OWN_RULE: Final = frozenset({"boolean", "transcribe", "text2num", "srgs"})
"""Kinds that take all words as they come: "no" is an answer there, or a part of the document's own phrases."""
JOINING: Final = frozenset({"email"})
"""Kinds that make a value of any words, a "no" among them: there the words before need not be an answer."""
OPEN: Final = frozenset({"spelling"})
"""Kinds whose values may have any length."""
WORDED: Final = frozenset({"email", "keywords", "country"})
"""Kinds whose answers are words: what is said behind a correction and is no answer may have been meant as one."""
MOST_CORRECTIONS: Final = 3
"""Looked at, from the last one back: each costs two searches."""


def find(kind: Kind, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
    """What `kind` finds in normalised words, corrections heeded; best first, as `Kind.find` gives it."""
    if kind.name in OWN_RULE:
        return kind.find(words, arguments, language)
    for start, end in list(_corrections(words, language))[: -MOST_CORRECTIONS - 1 : -1]:
        behind = kind.find(words[end:], arguments, language)
        if not behind and not _says_a_part(kind, words, start, end, language):
            continue
        before = kind.find(words[:start], arguments, language)
        if not before and not (kind.name in JOINING and _inside(words, start, end, language)):
            continue
        if _complete(behind):
            sure = not _abbreviates(words, start, end, language) and (before or end - start > 1)
            return behind if sure and not _ending(kind, before, behind) else _unsure(behind)
        everything = kind.find(words, arguments, language)
        if not _complete(everything):
            return behind if before and behind and _replaces(before[0], behind[0]) else _unsure(behind or everything)
        hesitation = language.fillers.issuperset(words[start:end]) and not _complete(before)
        return everything if hesitation else _unsure(everything)
    return kind.find(words, arguments, language)


def _ending(kind: Kind, before: Sequence[Found], behind: Sequence[Found]) -> bool:
    """Whether what is behind may only be the corrected end of a code: "0 6 12 no 13", where the length is open."""
    if kind.name not in OPEN or not before:
        return False
    old, new = str(before[0].value), str(behind[0].value)
    return len(new) < len(old) and new[0] != old[0]


def _replaces(before: Found, behind: Found) -> bool:
    """Whether parts of an answer take the place of others whole: a day and month that of those, or of a day alone."""
    old, new = before.value, behind.value
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    return {name for name, part in old.items() if part} <= {name for name, part in new.items() if part}


def _complete(values: Sequence[Found]) -> bool:
    return any(found.complete for found in values)


def _unsure(values: Sequence[Found]) -> list[Found]:
    return [evolve(found, quality=found.quality * UNSURE) for found in values]


def _corrections(words: Sequence[str], language: Language) -> Iterator[tuple[int, int]]:
    """Where the corrections inside the words begin and end, in order; several in a row ("no sorry i mean") are one."""
    begun: int | None = None
    at = 0
    while at < len(words):
        size = _correction_at(words, at, language)
        if size and begun is None:
            begun = at
        elif not size and begun is not None and words[at] not in language.fillers:
            if begun:
                yield begun, at
            begun = None
        at += size or 1


def _correction_at(words: Sequence[str], at: int, language: Language) -> int:
    """How many words the longest correction that begins at `at` has; 0 where none does."""
    longest, known = _phrases(language)
    return next((size for size in range(longest, 0, -1) if tuple(words[at : at + size]) in known), 0)


def _abbreviates(words: Sequence[str], start: int, end: int, language: Language) -> bool:
    """Whether a "no" may be a "number": "flight b a no 12", but not "b 12 no b 13"."""
    if list(words[start:end]) != ["no"] or words[end] in words[:start]:
        return False
    letter = len(words[start - 1]) == 1 and words[start - 1].isalpha()
    return letter and _is_character(words[end], language)


def _inside(words: Sequence[str], start: int, end: int, language: Language) -> bool:
    """Whether a correction stands among words of a value: in "john no jane at gmail", but not in "is no reply at"."""
    signs = {name for names in language.symbols.values() for name in names}
    beside = (words[start - 1], words[end])
    return bool(strangers(beside[:1], language)) and not signs.intersection(beside)


def _says_a_part(kind: Kind, words: Sequence[str], start: int, end: int, language: Language) -> bool:
    """Whether something of which a whole answer could be made is behind: most often a number or a letter."""
    # A Spanish "no" negates what is behind it ("internet no funciona"); "my internet is no good" takes nothing back.
    goes_on = " ".join(words[start:end]) in language.negators or words[start - 1] in _inner_carriers(language)
    if kind.name in WORDED and not goes_on and strangers(words[end:], language):
        return True
    return any(_is_character(word, language) for word in words[end:])


def _is_character(word: str, language: Language) -> bool:
    return word.isdigit() or word in _characters(language)


@cache
def _phrases(language: Language) -> tuple[int, frozenset[tuple[str, ...]]]:
    """The words of the longest correction, and all corrections."""
    known = frozenset(tuple(phrase.split()) for phrase in corrections(language))
    return max(map(len, known)), known


@cache
def _characters(language: Language) -> frozenset[str]:
    """Words for numbers and letters that are not said for much else."""
    numbers = {word for number in range(100) for form in language.number_forms(number) for word in form.split()}
    letters = {phrase for phrases in language.letters.values() for phrase in phrases if len(phrase) == 1}
    return frozenset(numbers | letters) - carriers(language) - language.fillers


@cache
def _inner_carriers(language: Language) -> frozenset[str]:
    """Carriers that end no sentence: none of thanks and the like."""
    return carriers(language) - {word for phrase in answers(language).polite for word in phrase.split()}
