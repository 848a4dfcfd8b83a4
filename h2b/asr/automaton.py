"""Grammars over token pieces: which tokens a decoder may write next, and whether it may stop.

Owns the step from text to a model's vocabulary. An `Acceptor` of the grammar says which bytes may follow; the
trie of all pieces is walked along with it, so each state yields its tokens at once, and every state is computed
once per grammar and kept. Text is compared without case; punctuation and spaces are separators.
"""

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.grammar.flattrie import FlatTrie
from h2b.grammar.spoken import SPACE, Acceptor, Positions

MAXIMUM_STATES = 20_000
"""States whose options one grammar keeps; those of the oldest are dropped and computed again when needed."""

PUNCTUATION = 0x2C
_SEPARATING = frozenset(b",.-:;!?/")


def folded(piece: bytes) -> bytes:
    """A piece as grammars see it: lower case, every punctuation sign the same one.

    Pieces may cut a character in two; bytes outside ASCII then stay as they are, and so does their case.
    """
    try:
        piece = piece.decode().lower().encode()
    except UnicodeDecodeError:
        piece = piece.lower()
    return bytes(PUNCTUATION if byte in _SEPARATING else byte for byte in piece.replace("’".encode(), b"'"))


class Vocabulary(FlatTrie):
    """A trie of a model's pieces: its texts are the tokens."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__([folded(piece) for piece in pieces])


@frozen
class Place:
    """Where a hypothesis stands in a grammar's text: positions, and what separates them from the text before."""

    positions: Positions
    separator: int
    """0 inside or after a word, SPACE or PUNCTUATION after one of these."""


class TokenAutomaton:
    """One grammar, or several side by side, over one vocabulary. States are small integers; 0 is the start."""

    def __init__(self, acceptors: Iterable[Acceptor], vocabulary: Vocabulary) -> None:
        self._acceptors = tuple(acceptors)
        self._vocabulary = vocabulary
        self._numbers: dict[tuple[Place, ...], int] = {}
        self._places: list[tuple[Place, ...]] = []
        self._ends: dict[int, bool] = {}
        self._arcs: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._options: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._kept: deque[int] = deque()
        self._number(tuple(Place(acceptor.start(), PUNCTUATION) for acceptor in self._acceptors))

    def _number(self, places: tuple[Place, ...]) -> int:
        number = self._numbers.get(places)
        if number is None:
            number = self._numbers[places] = len(self._places)
            self._places.append(places)
        return number

    def may_end(self, state: int) -> bool:
        """Whether the text so far is a whole answer to one of the grammars."""
        known = self._ends.get(state)
        if known is None:
            places = zip(self._acceptors, self._places[state], strict=True)
            known = self._ends[state] = any(acceptor.accepts(place.positions) for acceptor, place in places)
        return known

    def options(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids that may follow, and the state each one leads to."""
        known = self._options.get(state)
        if known is None:
            known = self._options[state] = self._explore(state)
            self._kept.append(state)
            if len(self._kept) > MAXIMUM_STATES:
                del self._options[self._kept.popleft()]
        return known

    def _explore(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        tokens: list[NDArray[np.int64]] = []
        after: list[NDArray[np.int64]] = []
        for nodes, states in self._vocabulary.walk(state, self._arcs_of):
            # Tokens of no text end at the root.
            ending, counts = self._vocabulary.ending_at(nodes[nodes > 0])
            tokens.append(ending)
            after.append(np.repeat(states[nodes > 0], counts))
        return np.concatenate(tokens), np.concatenate(after)

    def _arcs_of(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The bytes some grammar takes in a state, and where they lead.

        Kept, because words share their ends: tokens of many states lead over the same states of the grammar.
        """
        known = self._arcs.get(state)
        if known is None:
            if len(self._arcs) > MAXIMUM_STATES:
                self._arcs.clear()
            moves = sorted(self._moves(self._places[state]).items())
            known = self._arcs[state] = (
                np.array([byte for byte, _ in moves], np.int64),
                np.array([self._number(moved) for _, moved in moves], np.int64),
            )
        return known

    def _moves(self, places: tuple[Place, ...]) -> dict[int, tuple[Place, ...]]:
        """Every byte that some grammar takes here; a grammar that does not take it is out of the running."""
        each = [_moves_of(acceptor, place) for acceptor, place in zip(self._acceptors, places, strict=True)]
        if len(each) == 1:
            return {byte: (place,) for byte, place in each[0].items()}
        dead = Place(frozenset(), 0)
        every = {byte for moves in each for byte in moves}
        return {byte: tuple(moves.get(byte, dead) for moves in each) for byte in every}


def _moves_of(acceptor: Acceptor, place: Place) -> dict[int, Place]:
    """A separator is punctuation, a space, or punctuation and then a space; nothing longer."""
    if not place.positions:
        return {}
    moves: dict[int, Place] = {}
    for byte, after in acceptor.arcs(place.positions).items():
        if byte != SPACE:
            moves[byte] = Place(after, 0)
        elif place.separator == 0:
            moves[SPACE] = Place(after, SPACE)
            moves[PUNCTUATION] = Place(after, PUNCTUATION)
    if place.separator == PUNCTUATION:
        moves[SPACE] = Place(place.positions, SPACE)
    return moves
