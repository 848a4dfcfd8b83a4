"""Grammars over token pieces: what a decoder may write, and that the search reads all of it."""

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.asr import automaton as automaton_module
from h2b.asr.automaton import TokenAutomaton, Vocabulary, folded
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.spelling import DECODED_FORMS, lexicon_of
from h2b.grammar.shape import DIGITS, of_length
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, search
from h2b.language import LANGUAGES, Language, language, normalise

REGISTRY = load_catalogue()

WORDS = (" one", " One", "one", " two", " ONE", " yes", " Yes", " no", " twenty", " forty", "teen", " dou", "ble")
SIGNS = (" ", ",", "-", ".", "!", "?", ", ", "1", "12", " 4", "80", " 5", " oui", " sí", " ja", " ei", "ns", "’", "'")
BYTES = tuple(bytes([byte]) for byte in range(256))
PIECES = (b"", *BYTES, *(piece.encode() for piece in (*WORDS, *SIGNS)))
VOCABULARY = Vocabulary(PIECES)
TOKENS = {piece: token for token, piece in enumerate(PIECES)}

COLOURS = Lexicon(
    [Entry("red", "r"), Entry("dark red", "R"), Entry("blue", "b"), Entry("grün", "g"), Entry("it's grey", "G")]
)
COLOUR = LexiconAcceptor(COLOURS, of_length("rRbgG", 1, 1))
TWO_COLOURS = LexiconAcceptor(COLOURS, of_length("rRbgG", 2, 2))


def acceptor(uri: str, code: str = "en") -> Acceptor:
    grammar = REGISTRY.activate(f"builtin:speech/{uri}", code)
    found = KINDS[grammar.kind].acceptor(grammar.arguments, language(code))
    assert found is not None
    return found


def over(*acceptors: Acceptor) -> TokenAutomaton:
    return TokenAutomaton(acceptors, VOCABULARY)


def after(automaton: TokenAutomaton, pieces: list[bytes]) -> int | None:
    """The state after these pieces, None where one of them is not allowed."""
    state = 0
    for piece in pieces:
        tokens, states = automaton.options(state)
        (found,) = (tokens == TOKENS[piece]).nonzero()
        assert len(found) <= 1
        if not len(found):
            return None
        state = int(states[found[0]])
    return state


def takes(automaton: TokenAutomaton, *pieces: str | bytes) -> bool:
    """Whether the pieces are a whole answer."""
    state = after(automaton, [piece.encode() if isinstance(piece, str) else piece for piece in pieces])
    return state is not None and automaton.may_end(state)


def takes_text(automaton: TokenAutomaton, text: str | bytes) -> bool:
    octets = text.encode() if isinstance(text, str) else text
    return takes(automaton, *(bytes([byte]) for byte in octets))


def test_tokens_without_text_are_never_allowed() -> None:
    tokens, _ = over(acceptor("spelling/digits")).options(0)

    assert TOKENS[b""] not in tokens


def test_digits_of_a_length_end_after_that_many() -> None:
    automaton = over(acceptor("spelling/digits?length=3"))

    assert takes(automaton, " one", " two", " One")
    assert takes(automaton, " one", " ", "12")
    assert takes(automaton, "12", "1")
    assert not takes(automaton, " one", "12")
    assert takes(automaton, " twenty", " One", " two")
    assert not takes(automaton, " one", " two")
    assert not takes(automaton, " one", " two", " one", " two")
    assert not takes(automaton, " yes")
    assert not takes(automaton)


def test_a_doubled_digit_is_two() -> None:
    automaton = over(acceptor("spelling/digits?length=3"))

    assert takes(automaton, " dou", "ble", " one", " two")
    assert not takes(automaton, " dou", "ble", " one")


def test_inside_a_number_in_digits_no_phrase_begins() -> None:
    """ "80 5" is also how recognisers write 85, but "180 5" is never 1 and 85."""
    automaton = over(acceptor("spelling/digits?length=3"))

    assert takes(automaton, "80", " 5")
    assert takes(automaton, "1", " ", "80", " 5")
    assert not takes(automaton, "1", "80", " 5")
    assert takes(over(acceptor("spelling/digits?length=4")), "1", "80", " 5")


@pytest.mark.parametrize("text", ["Red", "RED", " red", "red.", "It's GREY!", "It’s grey", "grün", "GRÜN"])
def test_case_and_punctuation_do_not_matter(text: str) -> None:
    whole = Vocabulary([text.encode()])

    tokens, states = (automaton := TokenAutomaton([COLOUR], whole)).options(0)

    assert list(tokens) == [0]
    assert automaton.may_end(int(states[0]))


def test_a_character_may_be_cut_between_tokens() -> None:
    automaton = over(COLOUR)

    assert takes(automaton, "g", "r", b"\xc3", b"\xbc", "n")
    assert not takes(automaton, "g", "r", b"\xc3", b"\xa9", "n")
    assert after(automaton, [b"g", b"r", b"\xc3"]) is not None


def test_a_capital_cut_in_two_keeps_its_case_and_is_another_letter() -> None:
    assert folded("Ü".encode()) == "ü".encode()
    assert folded(b"\xc3") == b"\xc3"
    assert folded(b"R\xc3") == b"r\xc3"
    assert not takes(over(COLOUR), "G", "R", b"\xc3", b"\x9c", "N")


@pytest.mark.parametrize("sign", [*",.-:;!?/"])
def test_every_sign_separates_alike(sign: str) -> None:
    assert folded(f"A{sign}b".encode()) == b"a,b"
    assert takes_text(over(TWO_COLOURS), f"red{sign}blue")


@pytest.mark.parametrize("separator", [" ", ",", ", ", "-", "; "])
def test_words_are_parted_by_a_sign_a_space_or_a_sign_and_a_space(separator: str) -> None:
    assert takes_text(over(TWO_COLOURS), f"red{separator}blue")


@pytest.mark.parametrize("separator", ["", "  ", " ,", ",,", ", ,", ",  ", "_", "\n"])
def test_nothing_else_parts_words(separator: str) -> None:
    assert not takes_text(over(TWO_COLOURS), f"red{separator}blue")


def test_only_a_space_may_come_first_and_a_separator_last() -> None:
    automaton = over(COLOUR)

    assert [takes_text(automaton, text) for text in (" red", "red ", "red.", "red. ")] == [True] * 4
    assert [takes_text(automaton, text) for text in (",red", "  red", "red..", "red  ", " ", "")] == [False] * 6


def test_words_of_one_phrase_are_parted_like_others() -> None:
    assert takes_text(over(COLOUR), "dark red")
    assert takes_text(over(COLOUR), "dark-red")
    assert not takes_text(over(COLOUR), "dark")
    assert not takes_text(over(COLOUR), "darkred")


def test_keywords_are_allowed_in_any_case_and_nothing_else_is() -> None:
    automaton = over(acceptor("keywords?alternatives=Agent|allo\\-media|café 24"))

    for text in (" agent", "AGENT", "Allo-Media", "allo media.", "café twenty four"):
        assert takes_text(automaton, text), text
    for text in ("agents", "agent agent", "allo", "cafe twenty four", "café 24"):
        assert not takes_text(automaton, text), text


def test_yes_may_be_said_again_but_not_for_ever_nor_with_no() -> None:
    automaton = over(acceptor("boolean"))

    assert takes(automaton, " yes", ",", " Yes", ",", " yes")
    assert not takes(automaton, *[" yes"] * 10)
    assert takes(automaton, " no", ".")
    assert not takes(automaton, " no", ",", " yes")


def test_grammars_side_by_side_take_what_either_takes_and_no_mixture() -> None:
    automaton = over(acceptor("spelling/digits?length=2"), acceptor("boolean"))

    assert takes(automaton, " one", " two")
    assert takes(automaton, " yes")
    assert not takes(automaton, " one", " yes")
    assert not takes(automaton, " one", " no")
    assert not takes(automaton, " yes", " one", " two")


def test_side_by_side_each_grammar_ends_by_itself() -> None:
    automaton = over(COLOUR, TWO_COLOURS)

    first = after(automaton, [b"r", b"e", b"d"])
    second = after(automaton, [*(bytes([byte]) for byte in b"red blue")])

    assert first is not None
    assert automaton.may_end(first)
    assert second is not None
    assert automaton.may_end(second)
    assert not len(automaton.options(second)[0]) or not takes_text(automaton, "red blue red")


def test_a_state_is_explored_once() -> None:
    automaton = over(COLOUR)

    assert automaton.options(0) is automaton.options(0)


def test_forgotten_states_are_explored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton_module, "MAXIMUM_STATES", 2)
    automaton = over(TWO_COLOURS)

    before = [list(part) for part in automaton.options(0)]
    assert takes_text(automaton, "red blue")
    assert takes_text(automaton, "blue red")

    assert [list(part) for part in automaton.options(0)] == before


# Written and read


def some_text(automaton: TokenAutomaton, chance: random.Random) -> bytes | None:
    """What a decoder might write: any allowed tokens until it may end; None where it wrote for too long."""
    state, text = 0, b""
    for _ in range(400):
        if text and automaton.may_end(state) and chance.random() < 0.5:
            return text
        tokens, states = automaton.options(state)
        if not len(tokens):
            assert automaton.may_end(state), f"no way on after {text!r}"
            return text
        chosen = chance.randrange(len(tokens))
        text += PIECES[tokens[chosen]]
        state = int(states[chosen])
    return None


GRAMMARS = (
    "spelling/digits?length=4",
    "spelling/digits",
    "spelling/mixed?regex=[a-z]{2}[0-9]{2}",
    "spelling/letters?length=3",
    "boolean",
    "keywords?alternatives=Agent|allo\\-media|numéro 7|l'été|grüß Gott",
)


@cache
def automaton_of(uri: str, code: str) -> TokenAutomaton:
    return over(acceptor(uri, code))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GRAMMARS), st.sampled_from(["en", "fr", "es"]), st.integers(0, 10**9))
def test_what_a_decoder_may_write_has_a_complete_value(uri: str, code: str, seed: int) -> None:
    text = some_text(automaton_of(uri, code), random.Random(seed))
    if text is None:
        return
    words = normalise(text.decode()).split()
    grammar = REGISTRY.activate(f"builtin:speech/{uri}", code)

    found = KINDS[grammar.kind].find(words, grammar.arguments, language(code))

    assert [entry for entry in found if entry.complete], text


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.sampled_from(["en", "fr", "es"]), st.integers(0, 10**9))
def test_all_that_was_written_belongs_to_a_value_of_the_length(length: int, code: str, seed: int) -> None:
    text = some_text(automaton_of(f"spelling/digits?length={length}", code), random.Random(seed))
    assert text is not None
    words = normalise(text.decode()).split()

    readings = search(words, lexicon_of(language(code), "digits", ()), of_length(DIGITS, length, length))

    assert any(r.complete and (r.start, r.end) == (0, len(words)) for r in readings), text


def said(value: str, known: Language, chance: random.Random) -> str:
    """Digits read out in groups, now and then in capitals or with signs between."""
    groups, at = [], 0
    while at < len(value):
        size = 1 if value[at] == "0" else chance.choice([1, 1, 2, 3])
        group = value[at : at + size]
        form = chance.choice((*known.number_forms(int(group))[:DECODED_FORMS], group))
        groups.append(chance.choice([form, form.capitalize(), form.upper().replace("ẞ", "ß")]))
        at += len(group)
    text = groups[0]
    for group in groups[1:]:
        text += chance.choice([" ", ", ", "-", ". "]) + group
    return text + chance.choice(["", ".", " "])


def cut(text: bytes, chance: random.Random) -> list[bytes]:
    """The text in pieces of the vocabulary, any of the ways to cut it; whole characters, whose case can be told."""
    pieces, at = [], 0
    while at < len(text):
        fitting = [piece for piece in PIECES if piece and text.startswith(piece, at)]
        pieces.append(chance.choice(fitting))
        at += len(pieces[-1])
    return pieces


@settings(max_examples=150, deadline=None)
@given(st.text(DIGITS, min_size=1, max_size=6), st.sampled_from(["en", "fr", "es"]), st.integers(0, 10**9))
def test_every_spoken_form_of_a_value_can_be_written_in_any_pieces(value: str, code: str, seed: int) -> None:
    chance = random.Random(seed)
    text = said(value, language(code), chance)
    if not text.isascii():
        text = text.lower()

    assert takes(automaton_of(f"spelling/digits?length={len(value)}", code), *cut(text.encode(), chance)), text


@pytest.mark.parametrize("known", LANGUAGES, ids=lambda known: known.code)
def test_every_yes_and_no_of_a_language_can_be_written_and_is_understood(known: Language) -> None:
    automaton = automaton_of("boolean", known.code)

    for phrases, value in ((known.yes, True), (known.no, False)):
        for phrase in phrases:
            assert takes_text(automaton, f" {phrase}."), phrase
            found = KINDS["boolean"].find(phrase.split(), {}, known)
            assert [entry.value for entry in found] == [value], phrase
            twice = KINDS["boolean"].find((f"{phrase} " * 2).split(), {}, known)
            assert [entry.value for entry in twice] == [value], phrase
