"""Flat tries: the same prefixes and ends as any trie, and the walk along with an automaton."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.flattrie import FlatTrie

TEXTS = st.lists(st.binary(max_size=6), max_size=20)
LETTERS = st.lists(st.text("abc", max_size=4), max_size=12)


def paths(trie: FlatTrie) -> list[bytes]:
    """What leads to each node."""
    found = [b""]
    for parent, symbol in zip(trie.parents[1:], trie.symbols[1:], strict=True):
        found.append(found[parent] + bytes([symbol]))
    return found


@given(TEXTS)
def test_there_is_one_node_for_each_prefix(texts: list[bytes]) -> None:
    found = paths(FlatTrie(texts))

    assert len(set(found)) == len(found)
    assert set(found) == {b"", *(text[:length] for text in texts for length in range(len(text) + 1))}


@given(TEXTS)
def test_children_are_those_whose_parent_a_node_is(texts: list[bytes]) -> None:
    trie = FlatTrie(texts)

    for node in range(len(trie.parents)):
        children = range(trie.children[node], trie.children[node + 1])
        assert list(children) == [child for child in range(1, len(trie.parents)) if trie.parents[child] == node]
        symbols = trie.symbols[trie.children[node] : trie.children[node + 1]].tolist()
        assert symbols == sorted(set(symbols))


@given(TEXTS)
def test_texts_end_where_they_lead_and_equal_ones_together(texts: list[bytes]) -> None:
    trie = FlatTrie(texts)
    found = paths(trie)

    assert [found[node] for node in trie.node_of] == texts
    ending, counts = trie.ending_at(np.arange(len(found)))
    assert sorted(ending.tolist()) == list(range(len(texts)))
    assert counts.tolist() == [texts.count(path) for path in found]


@given(LETTERS, st.integers(0, 3))
def test_a_walk_reaches_the_prefixes_an_automaton_takes(texts: list[str], limit: int) -> None:
    """The automaton counts: it takes at most `limit` of the letter a, and no c."""
    trie = FlatTrie([text.encode("utf-32-be") for text in texts], ">u4")

    def arcs(state: int) -> tuple[np.ndarray, np.ndarray]:
        letters = [(ord("a"), state + 1)] * (state < limit) + [(ord("b"), state)]
        return np.array([letter for letter, _ in letters]), np.array([after for _, after in letters])

    reached = {}
    for nodes, states in trie.walk(0, arcs):
        reached |= dict(zip(nodes.tolist(), states.tolist(), strict=True))

    prefixes = {"", *(text[:length] for text in texts for length in range(len(text) + 1))}
    taken = [prefix for prefix in prefixes if "c" not in prefix and prefix.count("a") <= limit]
    assert sorted(reached.values()) == sorted(prefix.count("a") for prefix in taken)
    ended = [text for text in texts if text in taken]
    assert sorted(texts[i] for i in trie.ending_at(np.array(list(reached)))[0]) == sorted(ended)


def test_an_automaton_that_takes_nothing_stays_at_the_root() -> None:
    nothing = np.array([], np.int64)

    walked = list(FlatTrie([b"one", b"two"]).walk(7, lambda state: (nothing, nothing)))

    assert [(nodes.tolist(), states.tolist()) for nodes, states in walked] == [([0], [7])]
