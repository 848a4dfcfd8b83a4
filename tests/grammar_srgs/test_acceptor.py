"""What a decoder may write for a grammar is what the grammar matches."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.kinds import KINDS
from h2b.grammar.spoken import SPACE, Acceptor
from h2b.grammar.srgs import acceptor as module
from h2b.grammar.srgs.acceptor import Network, NetworkAcceptor, has_garbage
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import match
from h2b.grammar.srgs.model import Grammar, Token
from h2b.language import language
from h2b.model.errors import GrammarDefinitionError

HEAD = "#ABNF 1.0;\nlanguage en;\nmode voice;\nroot $r;\n"
WORDS = ("a", "b", "ab")
SHORT = [list(said) for n in range(1, 5) for said in itertools.product(WORDS, repeat=n)]


def grammar_of(rules: str) -> Grammar:
    return load((HEAD + rules).encode())


def as_written(token: Token) -> Iterable[str]:
    return (" ".join(token.words),)


def acceptor_of(grammar: Grammar) -> NetworkAcceptor:
    return NetworkAcceptor(Network(grammar, [grammar.root or ""], as_written), grammar.root or "", {})


def accepts(acceptor: Acceptor, text: str) -> bool:
    positions = acceptor.start()
    for byte in text.encode():
        positions = acceptor.arcs(positions).get(byte, frozenset())
    return acceptor.accepts(positions)


atoms = st.sampled_from(["a", "b", "ab", '"a b"', "$NULL", "$VOID", "$s", "{tag}"])


def grown(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(" ".join),
        st.lists(parts, min_size=1, max_size=3).map(" | ".join).map("({})".format),
        st.builds("({}) <{}>".format, parts, st.sampled_from(["0-1", "0-", "1-", "2", "1-3", "2-"])),
    )


expansions = st.recursive(atoms, grown, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(expansions, expansions)
def test_a_decoder_may_write_what_the_grammar_matches_and_nothing_else(first: str, second: str) -> None:
    try:
        grammar = grammar_of(f"$r = {first};\n$s = {second.replace('$s', 'b')};\n")
    except GrammarDefinitionError:
        return
    acceptor = acceptor_of(grammar)
    for said in SHORT:
        matched = match(grammar, said).parse is not None
        assert accepts(acceptor, " ".join(said)) is matched, said


def test_recursion_is_followed_as_deep_as_people_speak() -> None:
    acceptor = acceptor_of(grammar_of("$r = a [$r] b;"))
    for depth in (1, 2, 15):
        assert accepts(acceptor, " ".join("a" * depth + "b" * depth))
        assert not accepts(acceptor, " ".join("a" * depth + "b" * (depth - 1)))
    assert not accepts(acceptor, " ".join("a" * 50 + "b" * 50))


def test_long_repetitions_are_no_longer_counted() -> None:
    acceptor = acceptor_of(grammar_of("$r = a <3-1000000>;"))
    for times in (2, 3, 16, 17, 500):
        assert accepts(acceptor, " ".join(["a"] * times)) is (times >= 3)


def test_words_stand_apart_and_digits_may_touch() -> None:
    grammar = grammar_of("$r = (one | two) <2>;")
    spoken = {"one": ("one", "1"), "two": ("two", "2")}
    acceptor = NetworkAcceptor(
        Network(grammar, [grammar.root or ""], lambda token: spoken[token.text]), grammar.root or "", {}
    )
    for text in ("one two", "12", "1 2", "one 2", "2 one"):
        assert accepts(acceptor, text), text
    for text in ("onetwo", "1two", "one2", "123", "1"):
        assert not accepts(acceptor, text), text


def test_a_builtin_grammar_stands_where_it_is_referred_to() -> None:
    grammar = grammar_of("$r = code $<builtin:speech/boolean> [please];")
    yes_or_no = KINDS["boolean"].acceptor({}, language("en"))
    assert yes_or_no is not None
    network = Network(grammar, [grammar.root or ""], as_written)
    acceptor = NetworkAcceptor(network, grammar.root or "", {"builtin:speech/boolean": yes_or_no})
    for text in ("code yes", "code no please"):
        assert accepts(acceptor, text), text
    for text in ("code", "code please", "code yesplease", "yes"):
        assert not accepts(acceptor, text), text
    assert SPACE in acceptor.arcs(after(acceptor, "code no"))


def after(acceptor: Acceptor, text: str) -> frozenset[tuple[int, int]]:
    positions = acceptor.start()
    for byte in text.encode():
        positions = acceptor.arcs(positions)[byte]
    return positions


def test_garbage_is_seen_in_every_rule_that_is_reached() -> None:
    reached = grammar_of("$r = a $s;\n$s = [$GARBAGE] b;")
    unreached = grammar_of("$r = a;\n$s = [$GARBAGE] b;")
    assert has_garbage(reached, reached.root or "")
    assert not has_garbage(unreached, unreached.root or "")


def test_a_grammar_larger_than_a_decoder_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_STATES", 100)
    grammar = grammar_of("$r = ((a b) <16>) <16>;")
    with pytest.raises(GrammarDefinitionError) as caught:
        acceptor_of(grammar)
    assert caught.value.reason == "grammar 'inline': larger than the decoder takes: more than 100 states"


def test_a_long_list_repeated_is_counted_by_its_arcs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_ARCS", 1000)
    with pytest.raises(GrammarDefinitionError, match="larger than the decoder takes: more than 1000 arcs"):
        acceptor_of(grammar_of("$r = ((a | b | ab) <16>) <16>;"))


def ways_multiplied(ways: int, deep: int) -> str:
    """Rules that each begin with the next one in several ways."""
    rules = [f"$r{n} = {' | '.join(f'$r{n + 1} w{way}' for way in range(ways))};" for n in range(deep)]
    return "\n".join(("$r = $r0;", *rules, f"$r{deep} = a;"))


def test_ways_to_begin_that_multiply_end_at_a_limit() -> None:
    acceptor = acceptor_of(grammar_of(ways_multiplied(10, 15)))
    with pytest.raises(GrammarDefinitionError, match="larger than the decoder takes: more than 200000 ways to go on"):
        acceptor.arcs(acceptor.start())


def test_many_optional_words_end_at_a_limit() -> None:
    acceptor = acceptor_of(grammar_of(f"$r = {'[a] ' * 3000} b;"))
    with pytest.raises(GrammarDefinitionError, match="ways to go on"):
        accepts(acceptor, "a a b")


def test_what_is_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_CLOSED", 3)
    acceptor = acceptor_of(grammar_of(ways_multiplied(3, 2)))
    for _ in range(2):
        for first, second in itertools.product(range(3), repeat=2):
            assert accepts(acceptor, f"a w{first} w{second}")
            assert not accepts(acceptor, f"a w{first}")
