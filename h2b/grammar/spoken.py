"""Lexicons: how the parts of a value are spoken, and the two things done with them.

A `Lexicon` maps phrases to pieces of a value ("forty two" -> "42", "double t" -> "tt"). With a `Shape` it gives
`search`, which finds the value in the words a caller said, and `LexiconAcceptor`, which tells a decoder, byte by
byte, which text can still become such a value. One table serves both, so what the decoder may write is exactly
what the search can read.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from h2b.grammar.flattrie import Arcs, FlatTrie
from h2b.grammar.shape import DIGITS, Shape
from h2b.language import fold_accents

SPACE = 0x20
MAXIMUM_READINGS = 8
"""Readings kept for each (position, state) of a search: more than any n-best list shows."""
STEP_COST = 0.05
"""What a further entry costs, in words: of two readings the one with fewer pieces wins."""
SWITCH_COST = 0.02
"""What a change between letters and digits costs: codes come in runs, so "eight o seven" is 807 and "b o x" box."""
SKIP_COST = 0.3
"""What a filler inside a value costs, in words."""


@frozen
class Entry:
    """One phrase and what it adds to the value."""

    phrase: str
    """Lower-case words separated by single spaces."""
    value: str
    cost: float = 0.0
    """In words: a word covered gains one. Above 1 the entry only helps where the shape needs it."""
    decoded: bool = True
    """False for phrases found in free speech only: homophones would let a decoder write what nobody said."""
    initial: str = ""
    """The letter it names where the value is not one: "ü" of "ue". Illustrations begin with it."""


@define
class Node:
    """Of the trie over words."""

    after: dict[str, "Node"] = field(factory=dict)
    entries: list[Entry] = field(factory=list)


class Lexicon:
    """An immutable set of entries; each trie is built when first needed, and once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    @cached_property
    def words(self) -> Node:
        """The phrases word by word, for a search in what was said."""
        root = Node()
        for entry in self.entries:
            node = root
            for word in entry.phrase.split():
                node = node.after.setdefault(word, Node())
            node.entries.append(entry)
        return root

    @cached_property
    def trie(self) -> "PhraseTrie":
        """The phrases byte by byte, for a decoder."""
        return PhraseTrie(self)


@frozen
class Reading:
    """A value found in words[start:end]. `score` is in words covered, less costs; only for ranking."""

    value: str
    start: int
    end: int
    score: float
    complete: bool


@frozen
class _Path:
    score: float
    value: str
    start: int
    spans: tuple[int, ...]
    """Words of each piece: of equal scores the reading that takes more words first wins."""

    @property
    def rank(self) -> tuple[float, tuple[int, ...]]:
        return (round(self.score, 6), self.spans)


@frozen
class Places:
    """Where a value may begin and end that is not cut out of a longer run: part of a number means nothing."""

    starts: frozenset[int]
    ends: frozenset[int]


def search(
    words: Sequence[str],
    lexicon: Lexicon,
    shape: Shape,
    fillers: frozenset[str] = frozenset(),
    links: Sequence[tuple[str, ...]] = (),
    valid: Callable[[str], bool] | None = None,
    kept: int = MAXIMUM_READINGS,
    places: Places | None = None,
) -> list[Reading]:
    """Readings of a value anywhere in the words, complete ones first, then by score.

    A value may begin anywhere, so carrier phrases and false starts are stepped over; inside it only fillers
    are, and illustrations ("b as in bravo": a link, then a word that begins with the letter).
    Partial readings are those that reach the last word and can still become complete.

    What a shape cannot tell, such as a checksum, `valid` decides on whole values: those it refuses are not complete.
    Then `kept`, the readings of each (position, state), should be larger: the right one need not rank high.
    With `places`, values begin and end only there.
    """
    paths: list[dict[int, list[_Path]]] = [{} for _ in range(len(words) + 1)]
    found: list[Reading] = []
    for at in range(len(words) + 1):
        here = paths[at]
        for state, readings in here.items() if places is None or at in places.ends else ():
            found += _readings(state, readings, at, at == len(words), shape, valid)
        if at == len(words):
            break
        if places is None or at in places.starts:
            here.setdefault(0, []).append(_Path(0.0, "", at, ()))
        if words[at] in fillers:
            _skip_filler(here, paths[at + 1], kept)
        for entry, end in _entries_at(words, at, lexicon, links):
            _extend(here, entry, end - at, shape, paths[end], kept)
    # Homophones alone are no evidence, unless they are all that was said.
    solid = [r for r in found if r.score > 0 or all(w in fillers for w in (*words[: r.start], *words[r.end :]))]
    return sorted(solid, key=lambda reading: (reading.complete, reading.score), reverse=True)


def _readings(
    state: int, paths: list[_Path], at: int, last: bool, shape: Shape, valid: Callable[[str], bool] | None
) -> Iterable[Reading]:
    accepted = shape.accepts(state)
    unfinished = last and bool(shape.arcs[state])
    if not accepted and not unfinished:
        return
    for order, path in enumerate(sorted(paths, key=lambda path: path.rank, reverse=True)):
        complete = accepted and (valid is None or valid(path.value))
        if path.value and (complete or unfinished):
            # The rank among equals is kept in the score, so that a later sort cannot lose it.
            yield Reading(path.value, path.start, at, path.score - order * 1e-6, complete)


def _skip_filler(here: Mapping[int, list[_Path]], after: dict[int, list[_Path]], kept: int) -> None:
    for state, paths in here.items():
        for path in paths:
            if path.value:
                skipped = _Path(path.score - SKIP_COST, path.value, path.start, path.spans)
                _keep(after.setdefault(state, []), skipped, kept)


def _extend(
    here: Mapping[int, list[_Path]], entry: Entry, length: int, shape: Shape, after: dict[int, list[_Path]], kept: int
) -> None:
    for state, paths in list(here.items()):
        reached = shape.walk(state, entry.value)
        if reached is None:
            continue
        gain = length - entry.cost - STEP_COST
        for path in paths:
            switched = bool(path.value) and path.value[-1].isdigit() is not entry.value[0].isdigit()
            extended = _Path(
                path.score + gain - SWITCH_COST * switched, path.value + entry.value, path.start, (*path.spans, length)
            )
            _keep(after.setdefault(reached, []), extended, kept)


def _keep(paths: list[_Path], path: _Path, kept: int) -> None:
    """Add a path, unless its value is there with a better rank; the worst goes when there are too many."""
    for index, other in enumerate(paths):
        if other.value == path.value and other.start == path.start:
            if path.rank > other.rank:
                paths[index] = path
            return
    paths.append(path)
    if len(paths) > kept:
        paths.remove(min(paths, key=lambda path: path.rank))


def _entries_at(
    words: Sequence[str], at: int, lexicon: Lexicon, links: Sequence[tuple[str, ...]]
) -> Iterable[tuple[Entry, int]]:
    """Every entry whose phrase begins at `at`, with the position after it, illustration included."""
    node: Node | None = lexicon.words
    for end in range(at, len(words)):
        node = node.after.get(words[end]) if node else None
        if node is None:
            break
        for entry in node.entries:
            yield entry, end + 1
            letter = entry.initial or entry.value
            if len(letter) == 1 and letter.isalpha():
                for link in links:
                    illustrated = end + 1 + len(link)
                    if tuple(words[end + 1 : illustrated]) == link and _begins(words, illustrated, letter):
                        yield entry, illustrated + 1
    if words[at].isdigit():
        yield Entry(words[at], words[at]), at + 1


Step: TypeAlias = tuple[int, str, float, bool]
"""The place after a phrase, what it adds to the value, what it gains, whether its first character is a digit."""


def steps_from(words: Sequence[str], at: int, lexicon: Lexicon, links: Sequence[tuple[str, ...]]) -> list[Step]:
    """Every phrase that begins at `at`, as a step of a search."""
    return [
        (end, entry.value, end - at - entry.cost - STEP_COST, entry.value[0].isdigit())
        for entry, end in _entries_at(words, at, lexicon, links)
    ]


def _begins(words: Sequence[str], at: int, letter: str) -> bool:
    return at < len(words) and len(words[at]) > 1 and fold_accents(words[at][0]) == fold_accents(letter)


def unmixed(words: Sequence[str]) -> list[str]:
    """The words with digits and letters that a recogniser wrote as one apart: "fr76" is "f r 76"."""
    apart: list[str] = []
    for word in words:
        if word.isalpha() or word.isdigit() or not word.isalnum():
            apart.append(word)
        else:
            apart += [part for run in re.findall("[0-9]+|[^0-9]+", word) for part in ([run] if run.isdigit() else run)]
    return apart


def places_of(
    words: Sequence[str],
    lexicon: Lexicon,
    others: frozenset[str] = frozenset(),
    halts: frozenset[int] | None = None,
) -> Places:
    """The places between words that no number or letter of the lexicon touches on the outer side.

    What is said again from the start ("zero six, zero six twelve …") is no part of the value; one word twice is.
    `others` are words that belong to a longer value, too, though the lexicon has none of them: "million". With `halts`,
    the places where the speaker hesitated, a value is begun again only there; elsewhere only whole ones are repeated.
    """
    spoken = [(at, at + 1) for at, word in enumerate(words) if word in others]
    spoken += [
        (start, end)
        for start in range(len(words))
        for entry, end in _entries_at(words, start, lexicon, ())
        if not entry.cost and (entry.value[-1].isdigit() or len(words[start]) == 1)
    ]
    before = {place for start, end in spoken for place in range(start + 1, end + 1)}
    after = {place for start, end in spoken for place in range(start, end)}
    starts: set[int] = set()
    run = 0
    for place in range(len(words)):
        run = run if place in before else place
        if place == run or _said_again(words, run, place, halts, after):
            starts.add(place)
    return Places(frozenset(starts), frozenset(range(len(words) + 1)) - after)


def _said_again(words: Sequence[str], run: int, place: int, halts: frozenset[int] | None, after: set[int]) -> bool:
    """Whether the speaker starts again at `place` what was begun at `run`; `after` are the places that go on."""
    length = place - run
    if halts is None:
        return length > 1 and list(words[run:place]) == list(words[place : place + length])
    if place in halts:
        return list(words[run:place]) == list(words[place : place + length])
    end = next(at for at in range(place, len(words) + 1) if at not in after)
    periods = (k for k in range(2, length + 1) if not length % k and not (end - run) % k)
    return any(list(words[run : end - k]) == list(words[run + k : end]) for k in periods)


# The same lexicon, byte by byte, for a decoder

Position: TypeAlias = tuple[int, int]
"""(state of the shape, node of the byte trie); negative nodes are the two boundaries below."""
Positions: TypeAlias = frozenset[Position]

AFTER_WORD = -1
"""A phrase ended: a separator must come before the next one."""
AFTER_DIGIT = -2
"""A digit written as a sign ended: another such digit may follow at once."""


class Acceptor(Protocol):
    """Text a grammar can still accept, explored byte by byte; sets of positions are its states."""

    def start(self) -> Positions: ...

    def arcs(self, positions: Positions) -> Mapping[int, Positions]:
        """For every byte that may come next, the positions after it. A separator is SPACE."""
        ...

    def accepts(self, positions: Positions) -> bool: ...


class PhraseTrie:
    """The phrases of a lexicon a decoder may write, byte by byte; built once and shared by every shape."""

    def __init__(self, lexicon: Lexicon) -> None:
        decoded = [entry for entry in lexicon.entries if entry.decoded]
        self._phrases = FlatTrie([entry.phrase.encode() for entry in decoded] + [digit.encode() for digit in DIGITS])
        self._values = (*(entry.value for entry in decoded), *DIGITS)
        # By value, too: that tells quickly which phrases a shape can take.
        self._by_value = FlatTrie([value.encode("utf-32-be") for value in self._values], ">u4")
        self.digits = frozenset(self._phrases.node_of[-len(DIGITS) :].tolist())
        """Nodes of digits written as signs."""

    def children(self, node: int, among: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
        """The nodes that follow one, of those that are told, each after its byte."""
        first, end = self._phrases.children[node : node + 2]
        found = np.flatnonzero(among[first:end]) + first
        return zip(self._phrases.symbols[found].tolist(), found.tolist(), strict=True)

    def is_leaf(self, node: int) -> bool:
        return bool(self._phrases.children[node] == self._phrases.children[node + 1])

    def values(self, node: int) -> Iterable[str]:
        """What the phrases that end at a node add to the value."""
        first, end = self._phrases.ends[node : node + 2]
        return (self._values[text] for text in self._phrases.texts[first:end])

    def leading_to(self, state: int, arcs: Arcs) -> NDArray[np.bool_]:
        """Which nodes lead to a phrase whose value a shape can take in this state."""
        viable = np.zeros(len(self._phrases.parents), np.bool_)
        for places, _ in self._by_value.walk(state, arcs):
            texts, _ = self._by_value.ending_at(places)
            nodes = self._phrases.node_of[texts]
            while len(nodes):
                viable[nodes] = True
                nodes = np.unique(self._phrases.parents[nodes])
                nodes = nodes[~viable[nodes]]
        return viable


class LexiconAcceptor:
    """Phrases of a lexicon, one after another, whose values together have a shape."""

    def __init__(self, lexicon: Lexicon, shape: Shape) -> None:
        self._shape = shape
        self._trie = lexicon.trie
        self._viable: dict[int, NDArray[np.bool_]] = {}

    def _viable_nodes(self, state: int) -> NDArray[np.bool_]:
        """Which nodes of the trie lead to a phrase the shape can take in this state."""
        viable = self._viable.get(state)
        if viable is None:
            viable = self._viable[state] = self._trie.leading_to(state, self._arcs_of_shape)
        return viable

    def _arcs_of_shape(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        arcs = sorted(self._shape.arcs[state].items())
        return (
            np.array([ord(character) for character, _ in arcs], np.int64),
            np.array([after for _, after in arcs], np.int64),
        )

    def start(self) -> Positions:
        return frozenset({(0, 0)})

    def arcs(self, positions: Positions) -> Mapping[int, Positions]:
        reached: dict[int, set[Position]] = {}
        for state, node in positions:
            if node < 0:
                reached.setdefault(SPACE, set()).add((state, 0))
            if node == AFTER_WORD:
                continue
            for byte, child in self._trie.children(max(node, 0), self._viable_nodes(state)):
                if node != AFTER_DIGIT or child in self._trie.digits:
                    reached.setdefault(byte, set()).update(self._entered(state, child, node == AFTER_DIGIT))
        return {byte: frozenset(after) for byte, after in reached.items() if after}

    def _entered(self, state: int, node: int, inside_number: bool) -> Iterable[Position]:
        """Positions at a node; inside a number written in digits no phrase begins: "180 5" is never 1 and "80 5"."""
        if not inside_number and not self._trie.is_leaf(node):
            yield state, node
        for value in self._trie.values(node):
            after = self._shape.walk(state, value)
            if after is not None:
                yield after, AFTER_DIGIT if node in self._trie.digits else AFTER_WORD

    def accepts(self, positions: Positions) -> bool:
        return any(node <= 0 and self._shape.accepts(state) for state, node in positions)
