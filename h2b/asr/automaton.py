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


class Vocabulary:
    """A trie of a model's pieces: arcs by (node, byte), token ids at nodes."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.arcs: dict[int, int] = {}
        self.tokens: dict[int, list[int]] = {}
        nodes = 1
        for token, piece in enumerate(pieces):
            if not piece:
                continue
            node = 0
            for byte in folded(piece):
                key = node << 8 | byte
                child = self.arcs.get(key)
                if child is None:
                    child = self.arcs[key] = nodes
                    nodes += 1
                node = child
            self.tokens.setdefault(node, []).append(token)


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
        return any(a.accepts(place.positions) for a, place in zip(self._acceptors, self._places[state], strict=True))

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
        tokens: list[int] = []
        after: list[int] = []
        vocabulary = self._vocabulary
        pending = [(0, self._places[state])]
        while pending:
            node, places = pending.pop()
            for byte, moved in self._moves(places).items():
                child = vocabulary.arcs.get(node << 8 | byte)
                if child is None:
                    continue
                here = vocabulary.tokens.get(child)
                if here:
                    number = self._number(moved)
                    tokens += here
                    after += [number] * len(here)
                pending.append((child, moved))
        return np.array(tokens, np.int64), np.array(after, np.int64)

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
