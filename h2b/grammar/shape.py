"""Shapes of values: which strings of characters a grammar accepts, as small deterministic automata.

A `Shape` comes from a length, a client's regex, or both; it decides whether a value is right, whether a prefix
can still become right (a partial match), and which characters may follow: the search for a value in words and
the decoder walk the same automaton. Regexes are compiled here and never backtrack: time is linear, sizes are bounded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from attrs import frozen

from h2b.grammar.pattern import Pattern, parse_pattern
from h2b.model.errors import ClientError

_Key = TypeVar("_Key")

MAXIMUM_STATES = 2000
"""States of one shape; a code of 64 characters has 65."""

MAXIMUM_WORK = 3_000_000
"""Set elements handled while a regex is compiled: some tens of milliseconds. The caller reads the network."""

DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ShapeError(ClientError):
    """A regex or length no shape can be made of; the caller adds which grammar asked."""


@frozen
class Shape:
    """A trimmed automaton: from every state an accepted string can be reached. State 0 is the start."""

    arcs: tuple[Mapping[str, int], ...]
    accepting: frozenset[int]

    def walk(self, state: int, text: str) -> int | None:
        """The state after `text`, or None when no accepted string continues that way."""
        current: int | None = state
        for character in text:
            current = self.arcs[state].get(character)
            if current is None:
                return None
            state = current
        return current

    def accepts(self, state: int) -> bool:
        return state in self.accepting

    def matches(self, text: str) -> bool:
        state = self.walk(0, text)
        return state is not None and self.accepts(state)

    @cached_property
    def alphabet(self) -> frozenset[str]:
        """The characters of accepted strings."""
        return frozenset().union(*self.arcs)

    @cached_property
    def remaining(self) -> tuple[int, ...] | None:
        """For each state how many characters can still come, as bits: bit 3 is set where three can. None: no end."""
        nexts = [frozenset(row.values()) for row in self.arcs]
        before: dict[int, list[int]] = {}
        for state, reached in enumerate(nexts):
            for after in reached:
                before.setdefault(after, []).append(state)
        waiting = [len(reached) for reached in nexts]
        left = [int(self.accepts(state)) for state in range(len(nexts))]
        ready = [state for state, count in enumerate(waiting) if not count]
        for state in ready:
            for earlier in before.get(state, ()):
                left[earlier] |= left[state] << 1
                waiting[earlier] -= 1
                if not waiting[earlier]:
                    ready.append(earlier)
        # What waits for itself is a loop.
        return tuple(left) if len(ready) == len(nexts) else None

    def both(self, other: "Shape") -> "Shape":
        """The strings that both shapes accept. Raises ShapeError when there are none or too many states."""
        numbers = {(0, 0): 0}
        arcs: list[dict[str, int]] = []
        for left, right in _growing(numbers):
            here: dict[str, int] = {}
            for character, after_left in self.arcs[left].items():
                after_right = other.arcs[right].get(character)
                if after_right is not None:
                    here[character] = numbers.setdefault((after_left, after_right), len(numbers))
            arcs.append(here)
        accepting = {n for (left, right), n in numbers.items() if left in self.accepting and right in other.accepting}
        return _trimmed(arcs, accepting)


def of_length(alphabet: str, shortest: int, longest: int | None) -> Shape:
    """Strings over `alphabet` of `shortest` to `longest` characters; None for no upper end."""
    last = shortest if longest is None else longest
    if not 1 <= shortest <= last < MAXIMUM_STATES:
        raise ShapeError(f"length: got {shortest} to {last}, expected 1 to {MAXIMUM_STATES - 1}")
    arcs = [dict.fromkeys(alphabet, state + 1) for state in range(last)]
    arcs.append(dict.fromkeys(alphabet, last) if longest is None else {})
    return Shape(tuple(arcs), frozenset(range(shortest, last + 1)))


def of_pattern(alphabet: str, regex: str) -> Shape:
    """Non-empty strings over `alphabet` that a regex matches whole, upper and lower case being the same.

    Raises:
        PatternError, ShapeError: syntax, or a regex that would need too many states or too much work.
    """
    pattern = parse_pattern(regex, alphabet)
    numbers: dict[frozenset[int], int] = {pattern.start: 0}
    arcs: list[dict[str, int]] = []
    work = 0
    for states in _growing(numbers):
        moves: dict[str, set[int]] = {}
        for characters, after in (pattern.move(state) for state in states):
            work += 1 + len(after) * len(characters)
            for character in characters:
                moves.setdefault(character, set()).update(after)
            if work > MAXIMUM_WORK:
                raise ShapeError("the regex takes too long to compile: simplify it or lower its counts")
        arcs.append({c: numbers.setdefault(frozenset(after), len(numbers)) for c, after in moves.items()})
    return _without_empty(_trimmed(arcs, _accepting(pattern, numbers)))


def of_steps(
    start: _Key, alphabet: str, step: Callable[[_Key, str], _Key | None], accepts: Callable[[_Key], bool]
) -> Shape:
    """Strings that `step` leads from `start` to a state that `accepts`: for sums and structures no regex can tell.

    The caller's states are finite and few: their number is not bounded here.
    """
    numbers = {start: 0}
    arcs: list[dict[str, int]] = []
    pending = deque([start])
    while pending:
        state = pending.popleft()
        here: dict[str, int] = {}
        for character in alphabet:
            after = step(state, character)
            if after is None:
                continue
            if after not in numbers:
                numbers[after] = len(numbers)
                pending.append(after)
            here[character] = numbers[after]
        arcs.append(here)
    return _trimmed(arcs, {number for state, number in numbers.items() if accepts(state)})


def _accepting(pattern: Pattern, numbers: Mapping[frozenset[int], int]) -> set[int]:
    return {number for states, number in numbers.items() if pattern.final in states}


def _growing(numbers: dict[_Key, int]) -> Iterable[_Key]:
    """The keys of a dictionary that grows while it is read, in the order they came."""
    done = 0
    while done < len(numbers):
        if len(numbers) > MAXIMUM_STATES:
            raise ShapeError(f"the regex needs more than {MAXIMUM_STATES} states: simplify it or lower its counts")
        fresh = list(numbers)[done:]
        done += len(fresh)
        yield from fresh


def _without_empty(shape: Shape) -> Shape:
    """The same shape without the empty string: nobody can say it."""
    if 0 not in shape.accepting:
        return shape
    start = len(shape.arcs)
    arcs = [dict(row) for row in shape.arcs] + [dict(shape.arcs[0])]
    order = [start, *range(start)]
    renumber = {old: new for new, old in enumerate(order)}
    moved = [{c: renumber[after] for c, after in arcs[old].items()} for old in order]
    return _trimmed(moved, {renumber[state] for state in shape.accepting})


def _trimmed(arcs: list[dict[str, int]], accepting: set[int]) -> Shape:
    """Only the states on a way from the start to acceptance; the start stays number 0."""
    before: dict[int, set[int]] = {}
    for state, row in enumerate(arcs):
        for after in row.values():
            before.setdefault(after, set()).add(state)
    useful = set(accepting)
    pending = list(accepting)
    while pending:
        for state in before.get(pending.pop(), set()) - useful:
            useful.add(state)
            pending.append(state)
    if 0 not in useful:
        raise ShapeError("nothing a caller can say matches it")
    renumber = {old: new for new, old in enumerate(sorted(useful))}
    return Shape(
        tuple({c: renumber[after] for c, after in arcs[old].items() if after in useful} for old in sorted(useful)),
        frozenset(renumber[state] for state in accepting if state in useful),
    )
