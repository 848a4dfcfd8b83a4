"""A compiled SRGS grammar, byte by byte, for a decoder.

Owns the network of states made from the rules. A reference is a call that returns, so the network is as small as the
grammar however often a rule is used, and recursion costs nothing until it is spoken. What the decoder may write is
at least what the grammar matches, rarely more: repetitions are counted up to `COUNTED` only, and the matcher has the
last word. Must not know how tokens are spoken: whoever asks says it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import define, field, frozen

from h2b.grammar.spoken import AFTER_DIGIT, AFTER_WORD, SPACE, Acceptor, Position, Positions
from h2b.grammar.srgs.model import (
    Alternatives,
    External,
    Grammar,
    Node,
    Reference,
    Repeat,
    Sequence,
    Special,
    Tag,
    Token,
    parts_of,
)
from h2b.model.errors import GrammarDefinitionError

MAXIMUM_STATES = 200_000
"""Of the network of one grammar."""
MAXIMUM_ARCS = 1_000_000
"""Of the same: a long list that is repeated has few states and many of these."""
MAXIMUM_REACHED = 200_000
"""Places met at one byte of an utterance without a word. Rules that begin with one another in several ways multiply
them; what people write has hundreds."""
MAXIMUM_CLOSED = 300_000
"""Places remembered as what others are as good as: about a hundred megabytes."""
MAXIMUM_CALLS = 20
"""Rules inside one another while speaking: deeper recursion than people can say."""
COUNTED = 16
"""Repetitions told apart; a seventeenth is as good as any more."""

Spoken: TypeAlias = Callable[[Token], Iterable[str]]
"""The ways to write a token: lower-case words and single spaces, or digits alone."""

Stack: TypeAlias = tuple[int, ...]
"""States to return to, the innermost last."""


@define
class _Trie:
    """The tokens that leave one state: node 0 is its root."""

    children: list[dict[int, int]] = field(factory=lambda: [{}])
    targets: dict[int, list[int]] = field(factory=dict)
    digits: set[int] = field(factory=set)

    def insert(self, text: str, target: int) -> None:
        node = 0
        number = text.isdigit()
        for byte in text.encode():
            child = self.children[node].get(byte)
            if child is None:
                child = self.children[node][byte] = len(self.children)
                self.children.append({})
            node = child
            if number:
                self.digits.add(node)
        there = self.targets.setdefault(node, [])
        if target not in there:
            there.append(target)


@frozen
class _Between:
    """Before or after words: what follows leaves `state`."""

    state: int
    stack: Stack


@frozen
class _Inside:
    """In the middle of a token that leaves `state`."""

    state: int
    node: int
    stack: Stack


@frozen
class _Embedded:
    """In the middle of what another grammar accepts."""

    uri: str
    positions: Positions
    target: int
    stack: Stack


_Place: TypeAlias = _Between | _Inside | _Embedded


class Network:
    """The states of every rule that some rules, by their keys, can reach."""

    def __init__(self, grammar: Grammar, roots: Iterable[str], spoken: Spoken) -> None:
        self._uri = grammar.uri
        self._spoken = spoken
        self._arcs = 0
        self.moves: list[list[int]] = []
        """By state: states reached without a word."""
        self.calls: list[list[tuple[str, int]]] = []
        """By state: rules, and the state after each."""
        self.embedded: list[list[tuple[str, int]]] = []
        """By state: URIs of other grammars, and the state after each."""
        self.tokens: dict[int, list[tuple[Token, int]]] = {}
        """By state: tokens that leave it, and the state after each."""
        self._tries: dict[int, _Trie] = {}
        self.rules: dict[str, tuple[int, int]] = {}
        """First and last state of each rule."""
        pending = list(roots)
        while pending:
            key = pending.pop()
            if key not in self.rules:
                first, last = self._state(), self._state()
                self.rules[key] = first, last
                pending += self._add(grammar.rules[key].body, first, last)
        self.ends = frozenset(last for _, last in self.rules.values())

    def _state(self) -> int:
        if len(self.moves) == MAXIMUM_STATES:
            raise self.larger(f"{MAXIMUM_STATES} states")
        self.moves.append([])
        self.calls.append([])
        self.embedded.append([])
        return len(self.moves) - 1

    def larger(self, most: str) -> GrammarDefinitionError:
        return GrammarDefinitionError(self._uri, f"larger than the decoder takes: more than {most}")

    def _add(self, node: Node, first: int, last: int) -> list[str]:
        """Join two states by a node; returns the rules it refers to."""
        self._arcs += 1
        if self._arcs > MAXIMUM_ARCS:
            raise self.larger(f"{MAXIMUM_ARCS} arcs")
        if isinstance(node, Token):
            self.tokens.setdefault(first, []).append((node, last))
        elif isinstance(node, Reference):
            self.calls[first].append((node.key, last))
            return [node.key]
        elif isinstance(node, External):
            self.embedded[first].append((node.uri, last))
        elif isinstance(node, Alternatives):
            return [key for choice in node.choices for key in self._add(choice, first, last)]
        elif isinstance(node, Sequence):
            return self._add_in_turn(node.parts, first, last)
        elif isinstance(node, Repeat):
            return self._add_repeat(node, first, last)
        elif isinstance(node, Tag) or node is Special.NULL:
            self.moves[first].append(last)
        # VOID joins nothing, and whoever builds a network has seen that there is no GARBAGE.
        return []

    def trie(self, state: int) -> _Trie:
        """The tokens that leave a state, letter by letter: made when a caller may first say them."""
        trie = self._tries.get(state)
        if trie is None:
            trie = self._tries[state] = _Trie()
            for token, target in self.tokens.get(state, ()):
                for text in self._spoken(token):
                    trie.insert(text, target)
        return trie

    def _add_in_turn(self, parts: Iterable[Node], first: int, last: int) -> list[str]:
        rules: list[str] = []
        at = first
        for part in parts:
            after = self._state()
            rules += self._add(part, at, after)
            at = after
        self.moves[at].append(last)
        return rules

    def _add_repeat(self, node: Repeat, first: int, last: int) -> list[str]:
        counted = min(node.minimum, COUNTED)
        # The loop's own state: what comes before the repetition must not be part of it.
        at = self._state()
        rules = self._add_in_turn([node.part] * counted, first, at)
        self.moves[at].append(last)
        if node.maximum is None or node.maximum > COUNTED:
            rules += self._add(node.part, at, at)
            return rules
        for _ in range(node.maximum - counted):
            after = self._state()
            rules += self._add(node.part, at, after)
            self.moves[after].append(last)
            at = after
        return rules


class NetworkAcceptor:
    """What may be written next. Places are numbered as they are met, so that positions are pairs of numbers."""

    def __init__(self, network: Network, root: str, others: Mapping[str, Acceptor]) -> None:
        self._network = network
        self._start = network.rules[root][0]
        self._others = others
        self._places: list[_Place] = []
        self._numbers: dict[_Place, int] = {}
        self._closures: dict[_Between, tuple[list[_Between], bool]] = {}
        self._closed = 0
        """Places in all closures that are remembered."""
        self._reached = 0
        """Places met since `arcs` or `accepts` was asked."""

    def start(self) -> Positions:
        return frozenset({(self._number(_Between(self._start, ())), 0)})

    def arcs(self, positions: Positions) -> Mapping[int, Positions]:
        """Raises GrammarDefinitionError when there are too many ways to go on from here, as `accepts` does."""
        self._reached = 0
        reached: dict[int, set[Position]] = {}
        for position in positions:
            for byte, after in self._arcs(position):
                reached.setdefault(byte, set()).add(after)
        return {byte: frozenset(after) for byte, after in reached.items()}

    def accepts(self, positions: Positions) -> bool:
        self._reached = 0
        return any(self._accepts(self._places[number]) for number, _ in positions)

    def _accepts(self, place: _Place) -> bool:
        if isinstance(place, _Between):
            return self._closure(place)[1]
        if isinstance(place, _Embedded):
            done = self._others[place.uri].accepts(place.positions)
            return done and self._closure(_Between(place.target, place.stack))[1]
        return False

    def _number(self, place: _Place) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self._places)
            self._places.append(place)
        return number

    def _arcs(self, position: Position) -> Iterator[tuple[int, Position]]:
        number, said = position
        place = self._places[number]
        if isinstance(place, _Embedded):
            yield from self._inside_other(place)
        elif isinstance(place, _Inside):
            yield from self._inside_token(place.state, place.node, place.stack, said)
        else:
            if said:
                yield SPACE, (number, 0)
            if said != AFTER_WORD:
                for between in self._closure(place)[0]:
                    yield from self._inside_token(between.state, 0, between.stack, said)
                    for uri, target in self._network.embedded[between.state] if not said else ():
                        start = self._others[uri].start()
                        yield from self._inside_other(_Embedded(uri, start, target, between.stack))

    def _inside_token(self, state: int, node: int, stack: Stack, said: int) -> Iterator[tuple[int, Position]]:
        if state not in self._network.tokens:
            return
        trie = self._network.trie(state)
        for byte, child in trie.children[node].items():
            digit = child in trie.digits
            if said == AFTER_DIGIT and not digit:
                continue
            if trie.children[child]:
                yield byte, (self._number(_Inside(state, child, stack)), said)
            for target in trie.targets.get(child, ()):
                yield byte, (self._number(_Between(target, stack)), AFTER_DIGIT if digit else AFTER_WORD)

    def _inside_other(self, place: _Embedded) -> Iterator[tuple[int, Position]]:
        other = self._others[place.uri]
        for byte, after in other.arcs(place.positions).items():
            yield byte, (self._number(_Embedded(place.uri, after, place.target, place.stack)), 0)
        # Behind a separator both may go on: the other grammar, and what follows it here.
        if other.accepts(place.positions):
            yield SPACE, (self._number(_Between(place.target, place.stack)), 0)

    def _closure(self, place: _Between) -> tuple[list[_Between], bool]:
        """The places that a place is as good as, with words to leave them, and whether all may end here."""
        known = self._closures.get(place)
        if known is None:
            known = self._explore(place)
            if self._closed > MAXIMUM_CLOSED:
                self._closures.clear()
                self._closed = 0
            self._closures[place] = known
            self._closed += 1 + len(known[0])
        return known

    def _explore(self, place: _Between) -> tuple[list[_Between], bool]:
        network = self._network
        seen = {place}
        pending = [place]
        found: list[_Between] = []
        ends = False
        while pending:
            here = pending.pop()
            if here.state in network.tokens or network.embedded[here.state]:
                found.append(here)
            onward = [_Between(after, here.stack) for after in network.moves[here.state]]
            for key, back in network.calls[here.state]:
                if len(here.stack) < MAXIMUM_CALLS:
                    onward.append(_Between(network.rules[key][0], (*here.stack, back)))
            if here.state in network.ends:
                if here.stack:
                    onward.append(_Between(here.stack[-1], here.stack[:-1]))
                else:
                    ends = True
            for after in onward:
                if after not in seen:
                    seen.add(after)
                    pending.append(after)
            self._reached += 1
            if self._reached > MAXIMUM_REACHED:
                raise network.larger(f"{MAXIMUM_REACHED} ways to go on")
        return found, ends


def has_garbage(grammar: Grammar, root: str) -> bool:
    """Whether any words at all may stand somewhere in what a rule matches."""
    seen: set[str] = set()
    pending = [root]
    while pending:
        key = pending.pop()
        if key in seen:
            continue
        seen.add(key)
        nodes = [grammar.rules[key].body]
        while nodes:
            node = nodes.pop()
            if node is Special.GARBAGE:
                return True
            if isinstance(node, Reference):
                pending.append(node.key)
            nodes += parts_of(node)
    return False
