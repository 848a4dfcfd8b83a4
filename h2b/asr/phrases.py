"""What a grammar allows as plain words: for engines that take lists of phrases and no automaton.

Owns the walk through an acceptor, word by word and within bounds. Must not know any engine's vocabulary: who knows it
leaves out what it lacks.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from attrs import define, field

from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.base import TODAY
from h2b.grammar.registry import ActiveGrammar
from h2b.grammar.spoken import SPACE, Acceptor, Positions
from h2b.language import language

MAXIMUM_SENTENCES = 300
"""A grammar with no more answers than this gives them whole; one with more gives the words they are made of."""
MAXIMUM_STEPS = 30_000
"""Bytes tried in one grammar: a tenth of a second, one or two for codes with a checksum, once. The words of numbers,
dates and codes are all met before."""
MAXIMUM_WORDS = 3_000
"""Of one list: with more there is little left that a list could rule out."""
MAXIMUM_LISTS_KEPT = 200

_DIGITS = range(ord("0"), ord("9") + 1)
"""Signs of digits are no words: engines that take lists write numbers out."""

_Next: TypeAlias = tuple[str, Positions | None]
"""A word that may follow, and the positions after it; None where the answer may end with it."""


@define
class PhraseLists:
    """The lists of the grammars asked for most recently."""

    _lists: OrderedDict[object, tuple[str, ...]] = field(factory=OrderedDict)

    def of(self, grammars: Sequence[ActiveGrammar]) -> tuple[str, ...]:
        """Phrases of all the grammars together; empty where none of them says what may be spoken.

        A phrase is one or more normalised words. Long lists and recursive rules may be cut off: a caller of this
        must listen for other words too.
        """
        key = tuple((g.kind, g.primary_language, _told(g)) for g in grammars)
        if key not in self._lists:
            acceptors = [KINDS[g.kind].acceptor(g.arguments, language(g.language)) for g in grammars]
            self._lists[key] = phrases_of([acceptor for acceptor in acceptors if acceptor is not None])
        self._lists.move_to_end(key)
        if len(self._lists) > MAXIMUM_LISTS_KEPT:
            self._lists.popitem(last=False)
        return self._lists[key]


def phrases_of(acceptors: Sequence[Acceptor]) -> tuple[str, ...]:
    """Each acceptor's answers if they are few, else its words; sorted. Empty for more than `MAXIMUM_WORDS`."""
    phrases: set[str] = set()
    for acceptor in acceptors:
        phrases |= _sentences(acceptor) or _words(acceptor)
    return tuple(sorted(phrases)) if len(phrases) <= MAXIMUM_WORDS else ()


def _told(grammar: ActiveGrammar) -> tuple[tuple[str, object], ...]:
    """The arguments that what may be spoken depends on."""
    return tuple(sorted((name, value) for name, value in grammar.arguments.items() if name != TODAY))


def _sentences(acceptor: Acceptor) -> set[str] | None:
    """Every answer, or None where they are too many or without end."""
    budget = iter(range(MAXIMUM_STEPS))
    found: set[str] = set()
    pending = deque([(acceptor.start(), "")])
    while pending:
        positions, before = pending.popleft()
        for word, after in _next_words(acceptor, positions, budget):
            said = f"{before} {word}".strip()
            if after is None:
                found.add(said)
            else:
                pending.append((after, said))
        if len(found) + len(pending) > MAXIMUM_SENTENCES or next(budget, None) is None:
            return None
    return found


def _words(acceptor: Acceptor) -> set[str]:
    """The words of answers, nearest to their beginning first, as far as the bounds allow."""
    budget = iter(range(MAXIMUM_STEPS))
    found: set[str] = set()
    met = {acceptor.start()}
    pending = deque(met)
    while pending:
        for word, after in _next_words(acceptor, pending.popleft(), budget):
            found.add(word)
            if after is not None and after not in met:
                met.add(after)
                pending.append(after)
    return found


def _next_words(acceptor: Acceptor, positions: Positions, budget: Iterator[int]) -> Iterator[_Next]:
    """The words that may come at these positions, while the budget of steps lasts."""
    pending = deque([(positions, b"")])
    while pending:
        place, spelled = pending.popleft()
        if next(budget, None) is None:
            return
        if spelled and acceptor.accepts(place):
            yield spelled.decode(), None
        for byte, after in acceptor.arcs(place).items():
            if byte != SPACE and byte not in _DIGITS:
                pending.append((after, spelled + bytes([byte])))
            elif byte == SPACE and spelled:
                yield spelled.decode(), after
