"""What callers say, and what the kinds of grammar find in it."""

import random
from collections.abc import Mapping
from typing import Any

from h2b.grammar.kinds import KINDS, Found
from h2b.grammar.spoken import Acceptor
from h2b.language import Language, language, normalise

CODES = ("en", "fr", "es", "de")
ALWAYS_READ = 8
"""Forms of every number that the search knows in every language."""


def found(kind: str, code: str, said: str, **arguments: Any) -> list[Found]:
    return KINDS[kind].find(normalise(said).split(), arguments, language(code))


def values(kind: str, code: str, said: str, **arguments: Any) -> list[Any]:
    """Complete values, best first."""
    return [match.value for match in found(kind, code, said, **arguments) if match.complete]


def acceptor_of(kind: str, code: str, arguments: Mapping[str, Any]) -> Acceptor:
    acceptor = KINDS[kind].acceptor(arguments, language(code))
    assert acceptor is not None
    return acceptor


def writes(acceptor: Acceptor, text: str) -> bool:
    """Whether a decoder held to the grammar may write the whole text."""
    positions = acceptor.start()
    for byte in text.encode():
        positions = acceptor.arcs(positions).get(byte, frozenset())
    return acceptor.accepts(positions)


def spell_in_groups(value: str, spoken: Language, chance: random.Random, forms: int = ALWAYS_READ) -> str:
    """Digits as a caller says them: zeros alone, the others one by one or up to four as one number."""
    said = []
    at = 0
    while at < len(value):
        size = 1 if value[at] == "0" else chance.randint(1, 4)
        group = value[at : at + size]
        said.append(chance.choice(spoken.number_forms(int(group))[:forms]))
        at += len(group)
    return " ".join(said)
