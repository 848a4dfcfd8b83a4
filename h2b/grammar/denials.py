"""Answers that callers deny: "not an agent", "don't transfer me", "anything but billing".

Owns the one rule for kinds of grammar whose values do not tell where they were said; kinds that weigh the words around
a value do it there (`kinds.share`). Where a value is said is found by leaving words out, which costs a few searches,
and only where there is a negation. A value with a negation of its own (the keyword "don't know") is not denied by it,
and nor is a keyword that the caller lacks or fails at: "I don't have internet" is about the internet.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from h2b.grammar.kinds.base import Arguments, Found, Kind
from h2b.grammar.kinds.share import DENIED, negations, reached
from h2b.language import Language
from h2b.language.denials import denials

KINDS_WITHOUT_PLACES: Final = frozenset(
    {"keywords", "country", "phone", "identifier", "license_plate", "name", "email"}
)
MOST_NEGATIONS: Final = 3
"""Looked at, from the first one on."""
BESIDE: Final = 2
"""Words before a negation, and of the value behind it, that tell what it negates: "ich habe kein internet"."""


def heeded(
    kind: Kind, words: Sequence[str], arguments: Arguments, language: Language, values: list[Found]
) -> list[Found]:
    """The values that `kind` found in normalised words; at most DENIED of them where the best one is denied."""
    if kind.name not in KINDS_WITHOUT_PLACES or not values:
        return values
    value = values[0].value

    def says_it(said: Sequence[str]) -> bool:
        found = kind.find(said, arguments, language) if said else []
        return bool(found) and found[0].value == value

    for at, end in list(negations(words, language))[:MOST_NEGATIONS]:
        before, behind = words[:at], words[end:]
        said_behind = says_it(behind)
        if said_behind is says_it(before):
            continue
        if said_behind:
            topic = kind.name == "keywords" and _lacked(words, at, end, language)
            near = not topic and not says_it(behind[reached(behind, language) + 1 :])
        else:
            # "The internet doesn't work" is about the internet.
            last = kind.name != "keywords" and reached(behind, language) == len(behind)
            near = last and not says_it(before[: max(at - reached(before[::-1], language) - 1, 0)])
        if near:
            return [evolve(found, quality=min(found.quality, DENIED)) for found in values]
    return values


def _lacked(words: Sequence[str], at: int, end: int, language: Language) -> bool:
    """Whether the negation words[at:end] says that something is missing or fails, not that it is not wanted."""
    table = denials(language)
    first, last = max(at - BESIDE, 0), end + reached(words[end:], language)
    return not set(table.lacking).isdisjoint(words[first:last]) and set(table.refusing).isdisjoint(
        words[first : last + BESIDE]
    )
