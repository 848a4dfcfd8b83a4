"""Tries of many texts in flat arrays, and the walk over one along with an automaton.

Owns the layout. Knows nothing of phrases, values or tokens. A trie of dictionaries took 180 bytes a node, 170 MB for
the spoken numbers of four languages; these arrays take 17, and are walked a level at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

SYMBOL_BITS = 21
"""Enough for a byte and for a code point."""

Integers: TypeAlias = NDArray[np.int64]

Arcs: TypeAlias = Callable[[int], tuple[Integers, Integers]]
"""From a state of an automaton: the symbols it takes, ascending, and the state each leads to."""


class FlatTrie:
    """The prefixes of some texts, nodes numbered level by level; 0 is the root.

    So the children of a node have consecutive numbers, and those of the next node follow.
    A text is given as its symbols' bytes: `bytes` as they are, or code points as big-endian integers.
    """

    def __init__(self, texts: Sequence[bytes], symbol: DTypeLike = np.uint8) -> None:
        size = np.dtype(symbol).itemsize
        order = np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
        lengths = np.array([len(texts[index]) // size for index in order], np.int64)
        longest = int(lengths.max(initial=0))
        written = np.zeros((len(texts), longest), symbol)
        if longest:
            together = b"".join(texts[index].ljust(longest * size, b"\0") for index in order)
            written = np.frombuffer(together, symbol).reshape(written.shape)
        reached = np.zeros(len(texts), np.int64)
        parents = [np.zeros(1, np.int64)]
        symbols = [np.zeros(1, written.dtype)]
        nodes = 1
        for depth in range(longest):
            # In order, texts of one prefix stand together, and parents ascend.
            longer = np.flatnonzero(lengths > depth)
            parent, last = reached[longer], written[longer, depth]
            fresh = np.ones(len(longer), np.bool_)
            fresh[1:] = (parent[1:] != parent[:-1]) | (last[1:] != last[:-1])
            reached[longer] = nodes - 1 + np.cumsum(fresh)
            parents.append(parent[fresh])
            symbols.append(last[fresh])
            nodes += int(fresh.sum())
        self.parents = np.concatenate(parents).astype(np.int32)
        self.symbols = np.concatenate(symbols).astype(np.dtype(symbol).newbyteorder("="))
        """That lead to each node."""
        every = np.arange(nodes + 1)
        self.children = (np.searchsorted(self.parents[1:], every) + 1).astype(np.int32)
        """Those of node i are children[i] to children[i + 1]."""
        self.node_of = np.empty(len(texts), np.int32)
        """Where each text ends."""
        self.node_of[order] = reached
        self.texts = np.argsort(self.node_of, kind="stable").astype(np.int32)
        self.ends = np.searchsorted(self.node_of[self.texts], every).astype(np.int32)
        """The texts that end at node i are texts[ends[i]] to texts[ends[i + 1]]."""

    def ending_at(self, nodes: Integers) -> tuple[Integers, Integers]:
        """The texts that end at these nodes, node by node, and how many each has."""
        places, counts = _spans(self.ends, nodes)
        return self.texts[places].astype(np.int64), counts

    def walk(self, state: int, arcs: Arcs) -> Iterator[tuple[Integers, Integers]]:
        """From the root down, a level at a time: the nodes an automaton in `state` can reach, and its states there."""
        nodes, states = np.zeros(1, np.int64), np.array([state], np.int64)
        while len(nodes):
            yield nodes, states
            children, counts = _spans(self.children, nodes)
            keys = np.repeat(states, counts) << SYMBOL_BITS | self.symbols[children]
            each = [(number, *arcs(number)) for number in sorted(set(states.tolist()))]
            taken = np.concatenate([number << SYMBOL_BITS | symbols for number, symbols, _ in each])
            if not len(taken):
                return
            targets = np.concatenate([after for _, _, after in each])
            found = np.minimum(np.searchsorted(taken, keys), len(taken) - 1)
            hit = taken[found] == keys
            nodes, states = children[hit], targets[found[hit]]


def _spans(bounds: NDArray[np.int32], nodes: Integers) -> tuple[Integers, Integers]:
    """The numbers from bounds[i] to bounds[i + 1], node after node, and how many each has."""
    first = bounds[nodes].astype(np.int64)
    counts = bounds[nodes + 1] - first
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts), counts
