"""Regexes of clients, parsed into a nondeterministic automaton over a given alphabet.

The syntax is the part of RE2's that describes codes: literals, classes, groups, alternatives, counted repeats,
`^` and `$` at the ends, \\d \\w and escaped signs. Whatever else is written is refused with its position, never
guessed. Nothing here backtracks; the number of states is bounded while parsing.
"""

import re
from collections.abc import Iterable

from attrs import define, field

from h2b.model.errors import ClientError

MAXIMUM_NFA_STATES = 5000
MAXIMUM_NESTING = 50
_COUNT = re.compile("[0-9]{0,9}")
_CLASSES = {"d": "0123456789", "w": "abcdefghijklmnopqrstuvwxyz0123456789_"}


class PatternError(ClientError):
    """A regex this parser does not take; says what and where."""


@define
class Pattern:
    """Thompson's construction: `move` follows characters, empty moves are closed over."""

    alphabet: str
    _characters: list[frozenset[str]] = field(factory=list)
    """What state i reads to reach state i + 1; empty for states without such a move."""
    _empty: list[list[int]] = field(factory=list)
    _closures: dict[int, frozenset[int]] = field(factory=dict)
    """What each state reaches by reading: computed once."""
    start: frozenset[int] = frozenset()
    final: int = 0

    def new_state(self) -> int:
        if len(self._empty) >= MAXIMUM_NFA_STATES:
            raise PatternError(f"the regex needs more than {MAXIMUM_NFA_STATES} states: lower its counts")
        self._characters.append(frozenset())
        self._empty.append([])
        return len(self._empty) - 1

    def link(self, before: int, after: int) -> None:
        self._empty[before].append(after)

    def read(self, characters: frozenset[str]) -> tuple[int, int]:
        """A fragment that reads one of the characters."""
        first = self.new_state()
        last = self.new_state()
        self._characters[first] = characters
        return first, last

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        reached = set()
        pending = list(states)
        while pending:
            state = pending.pop()
            if state not in reached:
                reached.add(state)
                pending.extend(self._empty[state])
        return frozenset(reached)

    def move(self, state: int) -> tuple[frozenset[str], frozenset[int]]:
        """The characters a state reads, and the states after any of them."""
        characters = self._characters[state]
        if not characters:
            return characters, frozenset()
        after = self._closures.get(state)
        if after is None:
            after = self._closures[state] = self.closure([state + 1])
        return characters, after


def parse_pattern(regex: str, alphabet: str) -> Pattern:
    """The automaton of a regex; characters outside the alphabet can never be read.

    Raises:
        PatternError: syntax outside what the module describes, or too many states.
    """
    parser = _Parser(regex, Pattern(alphabet))
    first, last = parser.whole()
    parser.pattern.start = parser.pattern.closure([first])
    parser.pattern.final = last
    return parser.pattern


class _Parser:
    """Recursive descent over the text; every method returns the ends of a fragment."""

    def __init__(self, text: str, pattern: Pattern) -> None:
        self.text = text
        self.at = 0
        self.pattern = pattern
        self.depth = 0
        self.classes: dict[int, tuple[frozenset[str], int]] = {}
        """Position after `[` -> the characters of the class and the position after `]`."""

    def whole(self) -> tuple[int, int]:
        fragment = self.alternatives()
        if self.at < len(self.text):
            raise self.error("expected the end or an opening '('")
        return fragment

    def error(self, expected: str) -> PatternError:
        got = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
        return PatternError(f"regex, position {self.at + 1}: got {got}, {expected}")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, sign: str) -> bool:
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def alternatives(self) -> tuple[int, int]:
        branches = [self.sequence()]
        while self.take("|"):
            branches.append(self.sequence())
        if len(branches) == 1:
            return branches[0]
        first, last = self.pattern.new_state(), self.pattern.new_state()
        for begin, end in branches:
            self.pattern.link(first, begin)
            self.pattern.link(end, last)
        return first, last

    def sequence(self) -> tuple[int, int]:
        first = last = self.pattern.new_state()
        while self.peek() not in ("", "|", ")"):
            if self.take("^"):
                if self.at != 1:
                    self.at -= 1
                    raise self.error("expected '^' only at the beginning")
                continue
            if self.peek() == "$":
                if self.at + 1 != len(self.text):
                    raise self.error("expected '$' only at the end")
                self.at += 1
                continue
            begin, end = self.repeated()
            self.pattern.link(last, begin)
            last = end
        return first, last

    def repeated(self) -> tuple[int, int]:
        start = self.at
        fragment = self.atom()
        counts = self.counts()
        if counts is None:
            return fragment
        after = self.at
        lowest, highest = counts
        first = last = self.pattern.new_state()
        for _ in range(lowest):
            last = self.follow(last, self.again(start))
        if highest is None:
            begin, end = self.again(start)
            self.pattern.link(last, begin)
            self.pattern.link(end, last)
        else:
            exits = [last]
            for _ in range(highest - lowest):
                last = self.follow(last, self.again(start))
                exits.append(last)
            # A state of its own: the last copy may end in a loop, which who leaves before it must not enter.
            last = self.pattern.new_state()
            for state in exits:
                self.pattern.link(state, last)
        self.at = after
        if self.peek() in ("*", "+", "?") and self.peek():
            if self.take("?"):
                return first, last
            raise self.error("expected one repeat only")
        return first, last

    def follow(self, last: int, fragment: tuple[int, int]) -> int:
        self.pattern.link(last, fragment[0])
        return fragment[1]

    def again(self, start: int) -> tuple[int, int]:
        """A fresh copy of the atom that begins at `start`: repeats are copies, and copies are counted."""
        self.at = start
        return self.atom()

    def counts(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if self.peek() != "{":
            return None
        close = self.text.find("}", self.at)
        parts = self.text[self.at + 1 : close].split(",") if close > 0 else []
        numbers = [part.strip() for part in parts]
        if not (1 <= len(numbers) <= 2 and numbers[0] and all(_COUNT.fullmatch(number) for number in numbers)):
            raise self.error("expected {n}, {n,} or {n,m}")
        lowest = int(numbers[0])
        highest = lowest if len(numbers) == 1 else int(numbers[1]) if numbers[1] else None
        if lowest > 1000 or (highest is not None and not lowest <= highest <= 1000):
            raise self.error("expected counts from 0 to 1000, the lower first")
        self.at = close + 1
        return lowest, highest

    def atom(self) -> tuple[int, int]:
        if self.take("("):
            return self.group()
        if self.take("["):
            return self.pattern.read(self.bracket())
        if self.take("."):
            return self.pattern.read(frozenset(self.pattern.alphabet))
        if self.take("\\"):
            return self.pattern.read(self.within(self.escaped()))
        if self.peek() in ("*", "+", "?", "{", "}", "]"):
            raise self.error("expected something to repeat before it, or a backslash")
        self.at += 1
        return self.pattern.read(self.within(frozenset(self.text[self.at - 1])))

    def group(self) -> tuple[int, int]:
        if self.take("?") and not self.take(":"):
            raise self.error("expected '(?:' or '(': other groups are not supported")
        self.depth += 1
        if self.depth > MAXIMUM_NESTING:
            raise self.error(f"expected at most {MAXIMUM_NESTING} nested groups")
        fragment = self.alternatives()
        if not self.take(")"):
            raise self.error("expected ')'")
        self.depth -= 1
        return fragment

    def bracket(self) -> frozenset[str]:
        """The characters of a class. It is read once, however often a repeat copies it."""
        start = self.at
        if start not in self.classes:
            characters = self.class_items()
            self.classes[start] = characters, self.at
        characters, self.at = self.classes[start]
        return characters

    def class_items(self) -> frozenset[str]:
        inverted = self.take("^")
        found: set[str] = set()
        first = True
        while first or self.peek() != "]":
            first = False
            if not self.peek():
                raise self.error("expected ']'")
            low = self.class_item()
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.class_item()
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    raise self.error("expected a range from a lower to a higher character")
                # Not by counting from low to high: a client's range may be all of Unicode.
                found |= {c for c in self.pattern.alphabet if min(low) <= c <= min(high)}
                found |= {c for c in self.pattern.alphabet if min(low) <= c.upper() <= min(high)}
            else:
                found |= low
        self.at += 1
        within = self.within(frozenset(found))
        return frozenset(self.pattern.alphabet) - within if inverted else within

    def class_item(self) -> frozenset[str]:
        if self.take("\\"):
            return self.escaped()
        self.at += 1
        return frozenset(self.text[self.at - 1])

    def escaped(self) -> frozenset[str]:
        sign = self.peek()
        self.at += 1
        if sign in _CLASSES:
            return frozenset(_CLASSES[sign])
        if not sign or sign.isalnum():
            self.at -= 1
            raise self.error("expected \\d, \\w or an escaped sign")
        return frozenset(sign)

    def within(self, characters: frozenset[str]) -> frozenset[str]:
        """Case folded: values are lower-case whatever case a client's regex is in."""
        return frozenset(c.lower() for c in characters) & frozenset(self.pattern.alphabet)
