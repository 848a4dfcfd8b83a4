"""Values found in words, and the decoder's acceptor, which must read and write the same language."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.best_first import best_readings
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.spelling import lexicon_of
from h2b.grammar.shape import DIGITS, LETTERS, Shape, of_length, of_pattern
from h2b.grammar.spoken import SPACE, Acceptor, Reading, search
from h2b.language import LANGUAGES, Language, language, normalise

SPELLING = KINDS["spelling"]


def values(words: str, code: str, **arguments: object) -> list[object]:
    found = SPELLING.find(normalise(words).split(), {"alphabet": "digits", **arguments}, language(code))
    return [entry.value for entry in found if entry.complete]


@pytest.mark.parametrize(
    ("words", "code", "arguments", "value"),
    [
        ("one two six", "en", {}, "126"),
        ("um it is four seven uh double one thanks", "en", {"length": 4}, "4711"),
        ("for seven one two", "en", {"length": 4}, "4712"),
        ("four to seven", "en", {}, "427"),
        ("eight o seven", "en", {"alphabet": "mixed"}, "807"),
        ("b o x", "en", {"alphabet": "mixed"}, "box"),
        ("o neuf un j", "fr", {"alphabet": "mixed"}, "o91j"),
        ("uno o siete", "es", {"alphabet": "mixed"}, "1o7"),
        ("o fünf q", "de", {"alphabet": "mixed"}, "o5q"),
        ("deux o trois", "fr", {"alphabet": "digits", "length": 3}, "203"),
        ("b as in bravo nine", "en", {"alphabet": "mixed"}, "b9"),
        ("soixante douze", "fr", {"length": 2}, "72"),
        ("soixante douze", "fr", {"length": 4}, "6012"),
        ("quatre vingt douze", "fr", {"length": 5}, "42012"),
        ("e l e cent trente sept c", "fr", {"alphabet": "mixed", "regex": "[a-z]{2}[0-9]{3}[a-z]"}, "le137c"),
        ("el doble siete cuatro", "es", {}, "774"),
        ("die zwo drei vier", "de", {"length": 3}, "234"),
    ],
)
def test_a_value_is_found_in_what_was_said(words: str, code: str, arguments: dict[str, object], value: str) -> None:
    assert values(words, code, **arguments)[0] == value


@pytest.mark.parametrize("words", ["hello there", "for", "i am waiting for you"])
def test_homophones_alone_are_no_number_inside_a_sentence(words: str) -> None:
    assert values(words, "en") == (["4"] if words == "for" else [])


def spoken(value: str, known: Language, chance: random.Random) -> str:
    """The digits read out in random groups; a group begins with a zero only where it is a zero alone."""
    said, at = [], 0
    while at < len(value):
        size = 1 if value[at] == "0" else chance.choice([1, 1, 2, 3])
        group = value[at : at + size]
        said.append(chance.choice(known.number_forms(int(group))[:2]))
        at += len(group)
    return " ".join(said)


@settings(max_examples=150, deadline=None)
@given(st.text("0123456789", min_size=2, max_size=10), st.sampled_from(LANGUAGES), st.integers(0, 10**6))
def test_the_true_value_is_among_the_readings_of_its_length(value: str, known: Language, seed: int) -> None:
    said = spoken(value, known, random.Random(seed))
    assert value in values(said, known.code, length=len(value)), said


def accepts(acceptor: Acceptor, text: str) -> bool:
    positions = acceptor.start()
    for byte in text.encode():
        positions = acceptor.arcs(positions).get(byte, frozenset())
        if not positions:
            return False
    return acceptor.accepts(positions)


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789", min_size=2, max_size=8), st.sampled_from(LANGUAGES), st.integers(0, 10**6))
def test_a_decoder_may_write_every_spoken_form_of_a_right_value(value: str, known: Language, seed: int) -> None:
    said = spoken(value, known, random.Random(seed))
    acceptor = SPELLING.acceptor({"alphabet": "digits", "length": len(value)}, known)
    assert acceptor is not None
    assert accepts(acceptor, said), said
    longer = SPELLING.acceptor({"alphabet": "digits", "length": 60}, known)
    assert longer is not None
    assert not accepts(longer, said)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LANGUAGES), st.integers(1, 5), st.integers(0, 10**6))
def test_what_a_decoder_may_write_is_a_value_of_the_shape(known: Language, length: int, seed: int) -> None:
    chance = random.Random(seed)
    acceptor = SPELLING.acceptor({"alphabet": "digits", "length": length}, known)
    assert acceptor is not None
    positions, text = acceptor.start(), b""
    while not acceptor.accepts(positions) or chance.random() < 0.3:
        arcs = acceptor.arcs(positions)
        if not arcs:
            break
        byte = chance.choice(sorted(arcs))
        text += bytes([byte])
        positions = arcs[byte]
    if acceptor.accepts(positions) and text[-1] != SPACE:
        found = values(text.decode(), known.code, length=length)
        assert found, text
        assert all(len(str(value)) == length for value in found)


# The search from the best on, beside the one that looks at everything

SHAPES = (
    of_length(DIGITS, 1, None),
    of_length(DIGITS + LETTERS, 1, None),
    of_length(DIGITS, 4, 4),
    of_length(DIGITS, 6, 9),
    of_pattern(DIGITS + LETTERS, "[a-z]{2}[0-9]{3}[a-z]{0,2}"),
)
AROUND = {
    "en": "my number is uh please for to",
    "fr": "alors mon numéro c'est euh non",
    "es": "pues mi número es eh",
    "de": "also meine nummer äh ist",
}


def utterance(known: Language, chance: random.Random) -> list[str]:
    """Numbers, letters and other words in any order."""
    parts = []
    for _ in range(chance.randint(1, 7)):
        number = chance.choice(known.number_forms(chance.choice((chance.randrange(100), chance.randrange(3000))))[:3])
        letter = chance.choice(known.letters[chance.choice(LETTERS)])
        parts.append(chance.choice((number, number, number, letter, chance.choice(AROUND[known.code].split()))))
    return " ".join(parts).split()


def both(words: list[str], known: Language, shape: Shape) -> tuple[list[Reading], list[Reading]]:
    lexicon = lexicon_of(known, "mixed" if "a" in shape.arcs[0] or shape is SHAPES[1] else "digits", ())
    return best_readings(words, lexicon, shape, known.fillers), search(words, lexicon, shape, known.fillers)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LANGUAGES), st.sampled_from(SHAPES), st.integers(0, 10**6))
def test_the_best_reading_is_what_a_look_at_all_readings_finds(known: Language, shape: Shape, seed: int) -> None:
    best, every = both(utterance(known, random.Random(seed)), known, shape)
    assert bool(best) == bool(every)
    if every:
        assert best[0].complete == every[0].complete
        assert best[0].score == pytest.approx(every[0].score, abs=1e-4)
        stretch = (best[0].start, best[0].end, best[0].complete)
        assert {(reading.start, reading.end, reading.complete) for reading in best} == {stretch}
        scores = [round(reading.score, 6) for reading in best]
        assert scores == sorted(scores, reverse=True)
        assert len({reading.value for reading in best}) == len(best)


def test_letters_that_a_shape_has_not_do_not_lead_astray() -> None:
    said = (
        "quarante sept mille six cent septante un quatre vingt quinze mille neuf cent huitante huit quatre vingts cinq"
    )
    assert values(f"{said} ù vingt", "fr", alphabet="mixed") != []


def test_what_can_still_come_is_known_for_every_state_unless_there_is_no_end() -> None:
    shape = of_pattern(DIGITS, "1|2[0-9]{2}")
    assert shape.remaining is not None
    state = shape.walk(0, "2")
    assert state is not None
    assert (shape.remaining[0], shape.remaining[state]) == (0b1010, 0b100)
    assert of_length(DIGITS, 2, None).remaining is None


@pytest.mark.parametrize("scheme", ["iban", "card", "nir", "siret"])
def test_long_ambiguous_codes_do_not_take_long(scheme: str) -> None:
    said = "f r " + "soixante dix huit quatre vingt dix neuf cent quatre vingt douze " * 4
    arguments = {"scheme": scheme}
    KINDS["identifier"].find(said.split(), arguments, language("fr"))
    began = time.process_time()
    for _ in range(10):
        KINDS["identifier"].find(said.split(), arguments, language("fr"))
    # Some 2 ms each; a look at all readings takes half a second.
    assert (time.process_time() - began) / 10 < 0.05
