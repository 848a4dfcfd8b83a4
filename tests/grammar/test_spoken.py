"""Values found in words, and the decoder's acceptor: what the one may write is what the other reads."""

import itertools
import random
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.kinds.spelling import lexicon_of
from h2b.grammar.shape import DIGITS, LETTERS, Shape, of_length, of_pattern
from h2b.grammar.spoken import (
    MAXIMUM_READINGS,
    Acceptor,
    Entry,
    Lexicon,
    LexiconAcceptor,
    Reading,
    places_of,
    search,
    unmixed,
)
from h2b.language import language
from tests.grammar.saying import CODES, acceptor_of, found, spell_in_groups, values, writes

each_language = pytest.mark.parametrize("code", CODES)

# Language, words, arguments of the spelling kind, value.
HEARD: dict[str, tuple[tuple[str, str, dict[str, Any], str], ...]] = {
    "numbers": (
        ("en", "one two six", {}, "126"),
        ("en", "forty two", {}, "42"),
        ("en", "nineteen eighty four", {}, "1984"),
        ("en", "one hundred and five", {"length": 3}, "105"),
        ("en", "a hundred five twelve", {}, "10512"),
        ("en", "oh seven zero", {"length": 3}, "070"),
        ("en", "42 seven", {}, "427"),
        ("fr", "zéro six douze trente quatre", {}, "061234"),
        ("fr", "mille neuf cent quatre vingt quatre", {}, "1984"),
        ("fr", "dix neuf cent quatre vingt quatre", {"length": 4}, "1984"),
        ("fr", "septante deux nonante neuf", {}, "7299"),
        ("fr", "cent trente sept cent trente sept", {}, "137137"),
        ("es", "dos mil doce", {}, "2012"),
        ("es", "veintiuno treinta y dos", {}, "2132"),
        ("es", "cero seis uno", {}, "061"),
        ("de", "zweitausendzwölf", {}, "2012"),
        ("de", "die zwo drei vier", {"length": 3}, "234"),
        ("de", "einundzwanzig vier und dreißig", {}, "2134"),
        ("de", "neunzehnhundert vierundachtzig", {"length": 4}, "1984"),
    ),
    "one reading of several, by length": (
        ("fr", "soixante douze", {}, "72"),
        ("fr", "soixante douze", {"length": 2}, "72"),
        ("fr", "soixante douze", {"length": 4}, "6012"),
        ("fr", "quatre vingt douze", {"length": 2}, "92"),
        ("fr", "quatre vingt douze", {"length": 4}, "8012"),
        ("fr", "quatre vingt douze", {"length": 5}, "42012"),
        ("fr", "mille deux cents", {"length": 4}, "1200"),
        ("fr", "mille deux cents", {"length": 7}, "1000200"),
        ("en", "twenty one", {"length": 3}, "201"),
        ("en", "one hundred five", {"length": 4}, "1005"),
        ("es", "treinta y dos", {"length": 2}, "32"),
        ("es", "ciento veinte", {"length": 3}, "120"),
        ("de", "hundert zwölf", {"length": 5}, "10012"),
    ),
    "letters and both mixed": (
        ("en", "a b c", {"alphabet": "letters"}, "abc"),
        ("en", "alpha bravo zulu", {"alphabet": "letters"}, "abz"),
        ("en", "b as in bravo nine", {"alphabet": "mixed"}, "b9"),
        ("en", "b o x", {"alphabet": "mixed"}, "box"),
        ("en", "eight o seven", {"alphabet": "mixed"}, "807"),
        ("en", "eight o seven", {"alphabet": "mixed", "regex": "[0-9][a-z][0-9]"}, "8o7"),
        ("fr", "e l e cent trente sept c", {"alphabet": "mixed", "regex": "[a-z]{2}[0-9]{3}[a-z]"}, "le137c"),
        ("fr", "b comme bernard deux", {"alphabet": "mixed"}, "b2"),
        ("es", "hache dos efe", {"alphabet": "mixed"}, "h2f"),
        ("es", "b de barcelona", {"alphabet": "letters"}, "b"),
        ("de", "a wie anton sieben", {"alphabet": "mixed"}, "a7"),
        ("de", "ypsilon zwei", {"alphabet": "mixed"}, "y2"),
    ),
    "doubled": (
        ("en", "double seven four", {}, "774"),
        ("en", "triple oh seven", {}, "0007"),
        ("en", "double t o", {"alphabet": "letters"}, "tto"),
        ("fr", "double zéro sept", {}, "007"),
        ("fr", "double l e", {"alphabet": "letters"}, "lle"),
        ("es", "el doble siete cuatro", {}, "774"),
        ("de", "doppel sieben vier", {}, "774"),
    ),
    "words around and between": (
        ("en", "um it is four seven uh double one thanks", {"length": 4}, "4711"),
        ("fr", "alors mon code c'est euh douze euh trente quatre voilà", {}, "1234"),
        ("es", "pues mi código es cuatro eh cinco seis gracias", {}, "456"),
        ("de", "also meine nummer ist vier äh fünf sechs danke", {}, "456"),
        ("en", "four two no sorry four two seven", {"length": 3}, "427"),
        ("en", "one two three no wait four five six seven", {"length": 4}, "4567"),
        ("fr", "douze trente non pardon douze trente quatre", {"length": 4}, "1234"),
        ("de", "vier zwei nein vier zwei sieben", {"length": 3}, "427"),
    ),
    "homophones, where needed": (
        ("en", "for seven one two", {"length": 4}, "4712"),
        ("en", "four to seven", {}, "427"),
        ("en", "i am waiting for you at seven", {}, "7"),
        ("en", "for", {}, "4"),
        ("fr", "cette deux", {"length": 2}, "72"),
        ("fr", "je suis à cette adresse deux", {}, "2"),
    ),
}
CASES = [(name, *case) for name, cases in HEARD.items() for case in cases]


@pytest.mark.parametrize(("name", "code", "said", "arguments", "value"), CASES, ids=[" ".join(c[1:3]) for c in CASES])
def test_a_value_is_found_in_what_was_said(
    name: str, code: str, said: str, arguments: Mapping[str, Any], value: str
) -> None:
    assert values("spelling", code, said, **{"alphabet": "digits", **arguments})[:1] == [value], name


@pytest.mark.parametrize(
    ("code", "said", "arguments"),
    [
        ("en", "hello there", {}),
        ("en", "i am waiting for you", {}),
        ("en", "one two three", {"length": 4, "regex": "9.*"}),
        ("en", "twelve", {"length": 1}),
        ("fr", "oui merci", {}),
        ("fr", "je voudrais un rendez vous", {"length": 3}),
        ("es", "sí claro", {}),
        ("de", "ja genau", {}),
    ],
)
def test_words_without_a_value_have_none(code: str, said: str, arguments: Mapping[str, Any]) -> None:
    assert values("spelling", code, said, **{"alphabet": "digits", **arguments}) == []


@pytest.mark.parametrize(
    ("code", "said", "arguments", "expected"),
    [
        ("fr", "soixante douze", {}, ["72", "6012"]),
        ("fr", "quatre vingt douze", {}, ["92", "8012", "42012", "4212"][:3]),
        ("en", "twenty one", {}, ["21", "201"]),
        ("en", "one hundred five", {}, ["105", "1005"]),
        ("en", "eight o seven", {"alphabet": "mixed"}, ["807", "8o7"]),
    ],
)
def test_other_readings_follow_the_best(
    code: str, said: str, arguments: Mapping[str, Any], expected: list[str]
) -> None:
    listed = found("spelling", code, said, **{"alphabet": "digits", **arguments})
    assert [match.value for match in listed][: len(expected)] == expected
    qualities = [match.quality for match in listed]
    assert qualities[0] == 1.0
    assert qualities == sorted(qualities, reverse=True)
    assert len({match.value for match in listed}) == len(listed)
    assert len(listed) <= MAXIMUM_READINGS


# The same on a lexicon one can oversee


TINY = Lexicon(
    [
        Entry("one", "1"),
        Entry("two", "2"),
        Entry("twenty", "20"),
        Entry("twenty one", "21"),
        Entry("hundred", "100"),
        Entry("hundred one", "101"),
        Entry("double two", "22"),
        Entry("to", "2", cost=1.2, decoded=False),
        Entry("b", "b"),
    ]
)
FILLERS = frozenset({"uh"})
LINKS = (("like",), ("as", "in"))
ANY = of_length(DIGITS, 1, None)


def read(said: str, shape: Shape = ANY, lexicon: Lexicon = TINY, **options: Any) -> list[Reading]:
    return search(said.split(), lexicon, shape, FILLERS, LINKS, **options)


def test_a_reading_tells_its_value_its_place_and_whether_it_is_complete() -> None:
    best = read("well uh two one then", of_length(DIGITS, 2, 2))[0]
    assert (best.value, best.start, best.end, best.complete) == ("21", 2, 4, True)
    assert best.score == pytest.approx(2 - 2 * 0.05)


def test_fewer_pieces_win_and_fillers_inside_cost() -> None:
    whole, pieces = read("twenty one")[:2]
    assert (whole.value, pieces.value) == ("21", "201")
    assert whole.score - pieces.score == pytest.approx(0.05, abs=1e-5)
    assert read("twenty uh one")[0].value == "201"
    assert read("twenty one")[0].score - read("twenty uh one")[0].score == pytest.approx(0.05 + 0.3, abs=1e-5)


def test_of_equal_scores_the_reading_whose_first_piece_has_more_words_wins() -> None:
    assert [r.value for r in read("hundred one", of_length(DIGITS, 3, 4))][:2] == ["101", "1001"]
    lexicon = Lexicon([Entry("a", "1"), Entry("b c", "45"), Entry("a b", "23"), Entry("c", "6")])
    assert [r.value for r in read("a b c", lexicon=lexicon) if r.start == 0][:2] == ["236", "145"]


def test_partial_readings_reach_the_last_word_and_stand_behind_complete_ones() -> None:
    shape = of_length(DIGITS, 3, 3)
    listed = read("two hundred", shape)
    assert [(r.value, r.complete) for r in listed] == [("100", True)]
    assert [(r.value, r.complete) for r in read("well two one", shape)] == [("21", False), ("1", False)]
    assert read("two one well", shape) == []


def test_a_homophone_is_no_evidence_by_itself_unless_nothing_else_was_said() -> None:
    assert [r.value for r in read("to")] == ["2"]
    assert {r.value for r in read("uh to uh")} == {"2"}
    assert read("to me") == []
    assert read("one to one", of_length(DIGITS, 3, 3))[0].value == "121"


def test_a_letter_may_be_illustrated_by_a_word_that_begins_with_it() -> None:
    shape = of_pattern(DIGITS + LETTERS, "[a-z][0-9]")
    assert read("b like bertha one", shape)[0].value == "b1"
    assert read("b as in bravo one", shape)[0].value == "b1"
    assert not any(r.complete for r in read("b as in anna one", shape))
    assert not any(r.complete for r in read("b as bravo one", shape))


def test_what_no_shape_can_tell_decides_on_whole_values() -> None:
    even = read("one two one", of_length(DIGITS, 1, 2), valid=lambda value: int(value) % 2 == 0)
    assert [r.value for r in even if r.complete] == ["12", "2"]


def test_values_are_not_cut_out_of_longer_runs_where_places_forbid_it() -> None:
    said = "it is one two one two then two"
    places = places_of(said.split(), TINY)
    two = read(said, of_length(DIGITS, 2, 2), places=places)
    assert [(r.value, r.start) for r in two if r.complete] == [("12", 4)]  # said again, so it may begin there
    assert [r for r in read(said, of_length(DIGITS, 3, 3), places=places) if r.complete] == []
    assert len([r for r in read(said, of_length(DIGITS, 3, 3)) if r.complete]) == 2


@pytest.mark.parametrize(
    ("words", "apart"),
    [("fr76 x", "f r 76 x"), ("a1b22", "a 1 b 22"), ("l'an 12", "l'an 12"), ("abc", "abc"), ("été9", "é t é 9")],
)
def test_digits_and_letters_written_as_one_are_taken_apart(words: str, apart: str) -> None:
    assert unmixed(words.split()) == apart.split()


# The decoder


DECODED = Lexicon(entry for entry in TINY.entries if entry.decoded)
VOCABULARY = ("one", "two", "twenty", "hundred", "double", "b", "12", "7", "to")
SHAPES = (
    of_length(DIGITS, 3, 3),
    of_length(DIGITS, 1, None),
    of_pattern(DIGITS, "1?2{1,3}|7.*"),
    of_pattern(DIGITS + LETTERS, "(b[0-9]{2})+"),
)


def reads_all(words: list[str], lexicon: Lexicon, shape: Shape) -> bool:
    return any(r.complete and (r.start, r.end) == (0, len(words)) for r in search(words, lexicon, shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_decoder_may_write_exactly_what_the_search_reads(shape: Shape) -> None:
    acceptor = LexiconAcceptor(DECODED, shape)
    for length in (1, 2, 3, 4):
        for words in itertools.product(VOCABULARY, repeat=length):
            assert writes(acceptor, " ".join(words)) is reads_all(list(words), DECODED, shape), words


@pytest.mark.parametrize(
    "text", ["", " ", "one  two one", " one two one", "onetwo one", "one two on", "1 2 1x", "one,two"]
)
def test_a_decoder_writes_words_with_single_spaces(text: str) -> None:
    assert not writes(LexiconAcceptor(DECODED, of_length(DIGITS, 3, 3)), text)


def test_homophones_are_never_written_by_a_decoder() -> None:
    assert not writes(LexiconAcceptor(TINY, of_length(DIGITS, 3, 3)), "one to one")
    assert writes(LexiconAcceptor(TINY, of_length(DIGITS, 3, 3)), "one two one")


def test_every_arc_of_an_acceptor_leads_on_to_acceptance() -> None:
    acceptor = LexiconAcceptor(TINY, of_length(DIGITS, 3, 3))
    seen = {acceptor.start()}
    before: dict[Any, set[Any]] = {}
    pending = list(seen)
    for positions in pending:
        for after in acceptor.arcs(positions).values():
            before.setdefault(after, set()).add(positions)
            if after not in seen:
                seen.add(after)
                pending.append(after)
    alive = {positions for positions in seen if acceptor.accepts(positions)}
    pending = list(alive)
    for positions in pending:
        fresh = before.get(positions, set()) - alive
        alive |= fresh
        pending += fresh
    assert alive == seen


# Random values of every language

codes = st.sampled_from(CODES)
seeds = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(codes, st.text(DIGITS, min_size=1, max_size=12))
def test_digits_said_one_by_one_are_the_first_reading(code: str, value: str) -> None:
    said = " ".join(language(code).number_forms(int(digit))[0] for digit in value)
    assert value in values("spelling", code, said, alphabet="digits", length=len(value))
    assert writes(digits_acceptor(code), said)


@settings(max_examples=300, deadline=None)
@given(codes, st.text(DIGITS, min_size=1, max_size=8) | st.text("012", min_size=1, max_size=8), seeds)
def test_digits_said_in_any_groups_are_among_the_readings_of_their_length(code: str, value: str, seed: int) -> None:
    said = spell_in_groups(value, language(code), random.Random(seed))
    assert value in values("spelling", code, said, alphabet="digits", length=len(value)), said


@cache
def digits_acceptor(code: str, length: int | None = None) -> Acceptor:
    return acceptor_of("spelling", code, {"alphabet": "digits"} | ({"length": length} if length else {}))


@settings(max_examples=100, deadline=None)
@given(codes, st.sampled_from([4, 7]), seeds)
def test_a_decoder_may_write_the_first_forms_of_every_value(code: str, length: int, seed: int) -> None:
    chance = random.Random(seed)
    value = "".join(chance.choice(DIGITS) for _ in range(length))
    said = spell_in_groups(value, language(code), chance, forms=3)
    assert writes(digits_acceptor(code, length), said), said
    assert not writes(digits_acceptor(code, length), f"{said} {said}")


@settings(max_examples=100, deadline=None)
@given(codes, st.sampled_from([None, 4, 7]), seeds)
def test_what_a_decoder_writes_is_read_as_a_whole(code: str, length: int | None, seed: int) -> None:
    chance = random.Random(seed)
    acceptor = digits_acceptor(code, length)
    positions, text = acceptor.start(), b""
    while not acceptor.accepts(positions) or (length is None and chance.random() < 0.9):
        byte, positions = chance.choice(sorted(acceptor.arcs(positions).items()))
        text += bytes([byte])
    words = text.decode().split()
    shape = of_length(DIGITS, length or 1, length)
    assert reads_all(words, lexicon_of(language(code), "digits", ()), shape), words


@each_language
def test_no_words_have_no_value(code: str) -> None:
    assert found("spelling", code, "", alphabet="digits") == []
