"""Whether words that can be read as a code were meant as one.

"I don't know" holds an i, "why" sounds like y, and of two codes said one after the other nobody knows which counts.
What is known of that for letters and digits is here; how much of a sentence is about other things is `share`'s.
"""

from collections.abc import Callable, Sequence
from typing import Final

from h2b.grammar.kinds.share import strangers
from h2b.grammar.shape import Shape
from h2b.grammar.spoken import STEP_COST, Lexicon, Reading, steps_from
from h2b.language import Language
from h2b.language.carriers import carriers

UNSURE: Final = 0.4
"""The most that an answer deserves beside another one, or beside a correction that is only a part."""
CODE_WORD: Final = 0.5
"""What a word that stands for a letter says of a code: one of them is an ordinary word, two are none."""
ENOUGH: Final = 1.0


def doubt(
    best: Reading,
    words: Sequence[str],
    around: Sequence[str],
    readings_of: Callable[[Sequence[str]], list[Reading]],
    lexicon: Lexicon,
    shape: Shape,
    language: Language,
) -> float:
    """The part of its confidence that the best reading keeps: 1, UNSURE, or 0 where it is no code at all.

    `around` is what was said before and after it.
    """
    if not best.complete:
        return 1.0
    around = [word for word in around if word not in language.fillers]
    if around and len(best.value) == 1 and best.value.isalpha() and strangers(around, language):
        return 0.0
    if _evidence(best, words, lexicon, language, bool(around)) < ENOUGH:
        if around:
            return 0.0
        return 1.0 if shape.remaining is not None and shape.remaining[0] == 0b10 else UNSURE
    return UNSURE if rivalled(best, words, readings_of) else 1.0


def rivalled(best: Reading, words: Sequence[str], readings_of: Callable[[Sequence[str]], list[Reading]]) -> bool:
    """Whether another whole value, not much shorter, was said before or after the best one."""
    if not best.complete:
        return False
    for part in (words[: best.start], words[best.end :]):
        for other in readings_of(part)[:1] if part else ():
            near = other.complete and other.score > 0 and 2 * len(other.value) >= len(best.value)
            if near and other.value != best.value:
                return True
    return False


def _evidence(reading: Reading, words: Sequence[str], lexicon: Lexicon, language: Language, wrapped: bool) -> float:
    """The most that the words of a value say of a code, in characters that mean little else."""
    best = {(reading.start, 0): 0.0}
    links = tuple(tuple(link.split()) for link in language.links)
    for at in range(reading.start, reading.end):
        for (place, read), known in list(best.items()):
            if place != at:
                continue
            if words[at] in language.fillers:
                best[at + 1, read] = max(known, best.get((at + 1, read), 0.0))
            for end, value, gain, _ in steps_from(words, at, lexicon, links):
                if end <= reading.end and reading.value.startswith(value, read):
                    key = (end, read + len(value))
                    says = _says(words, at, end, value, gain, language, wrapped)
                    best[key] = max(known + says, best.get(key, 0.0))
    return best.get((reading.end, len(reading.value)), 0.0)


def _says(words: Sequence[str], at: int, end: int, value: str, gain: float, language: Language, wrapped: bool) -> float:
    word = words[at]
    if end - at == 1 and word in language.alphabets and len(word) > 1:
        return CODE_WORD
    homophone = end - at - gain - STEP_COST > ENOUGH
    if homophone:
        return 0.0
    if end - at == 1 and wrapped and word in carriers(language):
        # "I" and "a" are words in a sentence; "un" is an article before a noun.
        noun = bool(strangers(words[end : end + 1], language))
        return 0.0 if value.isalpha() or noun else ENOUGH
    return ENOUGH
