"""The one value that words were meant to say, and what else the same words may be: a search from the best on.

`spoken.search` looks at every reading of every stretch of words. A code of many characters has thousands ("soixante
dix huit" is 78, 6018, 708 or 60108), and only the best few of one stretch count. Here readings come out in the order of
their scores, since what the rest of the words can add at best is known beforehand; so a few dozen are made, not all.

Owns the order and the bounds. What may be said and what it costs is `spoken`'s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Final, TypeAlias

from attrs import evolve, frozen

from h2b.grammar.shape import Shape
from h2b.grammar.spoken import (
    MAXIMUM_READINGS,
    SKIP_COST,
    SWITCH_COST,
    Lexicon,
    Places,
    Reading,
    Step,
    steps_from,
)

MOST_PATHS: Final = 400
"""Paths to a whole value looked at, at most: a millisecond. Beyond it the readings found so far count."""
MOST_UNFINISHED: Final = 200
"""The same where values may stay unfinished: nothing leads astray there."""
MOST_TIES: Final = 8
"""Readings of equal score that are compared for the one that ends first."""

_Bests: TypeAlias = Sequence[tuple[Mapping[int, int], Mapping[int, int]]]
"""For each place, behind a letter and behind a digit: characters still to come -> the best that so many can add."""
_ANY: Final = -1
"""Instead of a number of characters, where a shape is open-ended or may stay unfinished."""
_MICRO: Final = 1_000_000
"""Scores are whole millionths of a word here: equal ones are equal, whatever the order they were added in."""
_SKIP: Final = round(SKIP_COST * _MICRO)
_SWITCH: Final = round(SWITCH_COST * _MICRO)
_NEVER: Final = -(1 << 62)
_Item: TypeAlias = tuple[int, int, tuple[int, ...], bool, str, int, int, int]
"""Minus the score it may reach, start, its pieces (longer first), whether it goes on, value, place, state, score."""


@frozen(eq=False)
class _Lattice:
    """Everything that was said, as steps between places."""

    words: Sequence[str]
    steps: Sequence[Sequence[tuple[int, str, int, bool]]]
    """`spoken.Step` with its gain in millionths."""
    shape: Shape
    fillers: frozenset[str]
    places: Places

    @property
    def one_stretch(self) -> bool:
        return len(self.places.starts) == len(self.places.ends) == 1


def best_readings(
    words: Sequence[str],
    lexicon: Lexicon,
    shape: Shape,
    fillers: frozenset[str] = frozenset(),
    links: Sequence[tuple[str, ...]] = (),
    valid: Callable[[str], bool] | None = None,
    kept: int = MAXIMUM_READINGS,
    places: Places | None = None,
) -> list[Reading]:
    """Readings of the words that hold the best value, best first: all complete, or all partial where none is.

    The arguments are those of `spoken.search`; `kept` is how many readings are tried.
    """
    anywhere = frozenset(range(len(words) + 1))
    steps = [_possible(steps_from(words, at, lexicon, links), shape) for at in range(len(words))]
    lattice = _Lattice(words, steps, shape, fillers, places or Places(anywhere, anywhere))
    for complete in (True, False):
        narrowed = lattice if lattice.one_stretch else _best_stretch(lattice, complete, valid, kept)
        readings = list(_tried(narrowed, complete, valid, kept)) if narrowed else []
        if readings:
            return readings
    return []


def _possible(steps: Sequence[Step], shape: Shape) -> list[tuple[int, str, int, bool]]:
    """Those that some value of the shape may hold: hopes must not be built on others."""
    return [
        (end, value, round(gain * _MICRO), digit)
        for end, value, gain, digit in steps
        if shape.alphabet.issuperset(value)
    ]


def _best_stretch(lattice: _Lattice, complete: bool, valid: Callable[[str], bool] | None, kept: int) -> _Lattice | None:
    """The same lattice between the ends of the best reading; of equal ones the one that ends first."""
    best: Reading | None = None
    for reading in islice(_tried(lattice, complete, valid, kept), MOST_TIES):
        if best is not None and reading.score < best.score:
            break
        if best is None or reading.end < best.end:
            best = reading
    if best is None:
        return None
    return evolve(lattice, places=Places(frozenset((best.start,)), frozenset((best.end,))))


def _tried(lattice: _Lattice, complete: bool, valid: Callable[[str], bool] | None, kept: int) -> Iterator[Reading]:
    """Readings that are evidence and valid, best first; at most `kept` values are tried for each stretch of words."""
    tried: dict[tuple[int, int], int] = {}
    for score, value, start, end in _Paths(lattice, complete).ordered():
        others = (*lattice.words[:start], *lattice.words[end:])
        # Homophones alone are no evidence, unless they are all that was said.
        if score <= 0 and not all(word in lattice.fillers for word in others):
            continue
        count = tried[start, end] = tried.get((start, end), 0) + 1
        if count > kept:
            if lattice.one_stretch:
                return
            continue
        if valid is None or not complete or valid(value):
            yield Reading(value, start, end, score / _MICRO, complete)


class _Paths:
    """Ways through a lattice, best first."""

    def __init__(self, lattice: _Lattice, complete: bool) -> None:
        """`complete`: values must be whole; else they reach the last word and can go on."""
        self._lattice = lattice
        self._shape = lattice.shape
        self._complete = complete
        self._ends = lattice.places.ends if complete else lattice.places.ends & {len(lattice.words)}
        self._remaining = lattice.shape.remaining if complete else None
        self._heap: list[_Item] = []
        self._hopes: dict[tuple[int, int, bool], int | None] = {}
        self._bests = self._suffixes()

    def ordered(self) -> Iterator[tuple[int, str, int, int]]:
        """Score, value, start and end of every distinct value, up to a bound of work."""
        for start in self._lattice.places.starts:
            if start < len(self._lattice.words):
                self._push(0, (), "", start, start, 0)
        seen: set[tuple[str, int, int, bool]] = set()
        for _ in range(MOST_PATHS if self._complete else MOST_UNFINISHED):
            if not self._heap:
                return
            _, start, pieces, goes_on, value, at, state, score = heappop(self._heap)
            key = (value, start, at, goes_on)
            if key in seen:
                continue
            seen.add(key)
            if goes_on:
                self._expand(pieces, value, start, at, state, score)
            else:
                yield score, value, start, at

    def _suffixes(self) -> _Bests:
        """What the words from each place on can add at best behind a digit or a letter, backwards from the ends."""
        words, fillers = self._lattice.words, self._lattice.fillers
        counted = self._remaining is not None
        bests: list[tuple[dict[int, int], dict[int, int]]] = [({}, {}) for _ in range(len(words) + 1)]
        for at in reversed(range(len(bests))):
            for behind_digit in (False, True):
                here = bests[at][behind_digit]
                if at in self._ends:
                    here[0 if counted else _ANY] = 0
                if at < len(words) and words[at] in fillers:
                    for left, score in bests[at + 1][behind_digit].items():
                        here[left] = max(here.get(left, _NEVER), score - _SKIP)
            for end, value, gain, digit in self._lattice.steps[at] if at < len(words) else ():
                more = len(value) if counted else 0
                for left, score in bests[end][value[-1].isdigit()].items():
                    for behind_digit in (False, True):
                        here = bests[at][behind_digit]
                        reached = score + gain - (_SWITCH if behind_digit is not digit else 0)
                        if reached > here.get(left + more, _NEVER):
                            here[left + more] = reached
        return bests

    def _hope(self, at: int, state: int, behind_digit: bool) -> int | None:
        """The most that can be added from a place in a state; None where no end can be reached."""
        bests = self._bests[at][behind_digit]
        if self._remaining is None:
            return bests.get(_ANY)
        left = self._remaining[state]
        return max((score for more, score in bests.items() if left >> more & 1), default=None)

    def _push(self, score: int, pieces: tuple[int, ...], value: str, start: int, at: int, state: int) -> None:
        digit = value[-1:].isdigit()
        key = (at, state, digit)
        hope = self._hopes[key] if key in self._hopes else self._hopes.setdefault(key, self._hope(at, state, digit))
        if hope is not None:
            # Nothing goes before the first character: the cost of a change that is not there is given back.
            best = score + hope + (0 if value else _SWITCH)
            heappush(self._heap, (-best, start, pieces, True, value, at, state, score))

    def _expand(self, pieces: tuple[int, ...], value: str, start: int, at: int, state: int, score: int) -> None:
        lattice, row, walk = self._lattice, self._shape.arcs[state], self._shape.walk
        if value and at in self._ends and (state in self._shape.accepting if self._complete else row):
            heappush(self._heap, (-score, start, pieces, False, value, at, state, score))
        if at == len(lattice.words):
            return
        if value and lattice.words[at] in lattice.fillers:
            self._push(score - _SKIP, pieces, value, start, at + 1, state)
        ends_in_digit = value[-1:].isdigit()
        for end, more, gain, digit in lattice.steps[at]:
            reached = row.get(more) if len(more) == 1 else walk(state, more)
            if reached is not None:
                switch = _SWITCH if value and digit is not ends_in_digit else 0
                self._push(score + gain - switch, (*pieces, at - end), value + more, start, end, reached)
