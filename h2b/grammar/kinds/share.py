"""How much of an utterance is about the value found in it.

"I want three, please" is an answer; "press three for sales" holds the same number, and means something else. What tells
them apart are strangers: words that are neither the value's, nor fillers, nor carriers ("i want", "please").
"""

from collections.abc import Iterable, Sequence
from typing import Final

from h2b.grammar.spoken import Reading
from h2b.language import Language
from h2b.language.carriers import carriers

LEAST_WEIGHT: Final = 2
"""In words, of any value: one stranger beside a short value ("three dogs") leaves two thirds, two leave half."""
CHARACTER_WEIGHT: Final = 2
"""In words, of each character of a code: nobody says four digits in a row by chance."""


def strangers(words: Iterable[str], language: Language) -> int:
    """How many words say something of their own."""
    return sum(word not in language.fillers and word not in carriers(language) for word in words)


def share_of(reading: Reading, words: Sequence[str], language: Language, weight: int = 0) -> float:
    """0 to 1: the share of the value's words among its own and the strangers around it.

    `weight` is the value's in words; without one, its words as callers say them: "2552" is seven.
    """
    around = strangers((*words[: reading.start], *words[reading.end :]), language)
    if not around:
        return 1.0
    said = weight or len(language.spell_out(" ".join(words[reading.start : reading.end])).split())
    own = max(LEAST_WEIGHT, said)
    return own / (own + around)
