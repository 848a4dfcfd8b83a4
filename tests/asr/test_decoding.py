"""The beam search, on models whose every chance is known: which words it finds, what it gives up, when it ends.

`test_beam_search` goes through whole answers; here are the rules of the search, one by one, with the steps they take.
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from prefix_model import END, PrefixModel, pieces

from h2b.asr import decoding
from h2b.asr.automaton import TokenAutomaton
from h2b.asr.base import SpeechModel, UtteranceRequest
from h2b.asr.decoding import (
    FREE,
    LOOP_TOKENS,
    MAXIMUM_GAIN,
    USUAL_LOUDNESS,
    Beam,
    DecodingEngine,
    Search,
    levelled,
    transcript_of,
    without_loop,
    words_of,
)
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.model.errors import EngineError
from h2b.model.results import Hypothesis, Path

REGISTRY = load_catalogue()
PIECES = pieces(" one", " two", " six", " four", " for", " hello", " there", " please", " yes", " YES", ",", " thanks")
DIGITS = "builtin:speech/spelling/digits"
TWO_DIGITS = f"{DIGITS}?length=2"


def sound(seconds: float) -> NDArray[np.int16]:
    return np.full(round(seconds * 8000), 100, np.int16)


def heard(
    model: SpeechModel,
    uris: Sequence[str] = (),
    n_best: int = 1,
    seconds: float = 2.0,
    search: Search | None = None,
    code: str = "en",
) -> dict[Path, list[Hypothesis]]:
    """The hypotheses of both paths."""
    engine = DecodingEngine({"en": lambda: model}, search)
    grammars = tuple(REGISTRY.activate(uri, code) for uri in uris)
    hypotheses = engine.recognise(UtteranceRequest(code, grammars, n_best), sound(seconds)).hypotheses
    return {path: [h for h in hypotheses if h.path is path] for path in Path}


def words(hypotheses: list[Hypothesis]) -> list[str]:
    return [hypothesis.transcript for hypothesis in hypotheses]


# The free words


def test_free_words_go_on_while_anything_is_likelier_than_the_end() -> None:
    model = PrefixModel(PIECES, {0: {" hello": 0.9}, 1: {END: 0.45, " there": 0.5}, 2: {END: 0.9}})

    assert words(heard(model)[Path.FREE]) == ["hello there"]
    assert model.steps == [[" hello"], [" hello there"]]


def test_free_words_end_where_the_end_is_likeliest() -> None:
    model = PrefixModel(PIECES, {0: {" hello": 0.9}, 1: {END: 0.5, " there": 0.45}})

    assert words(heard(model)[Path.FREE]) == ["hello"]
    assert model.steps == [[" hello"]]


def test_an_empty_answer_is_forbidden_to_both_paths() -> None:
    model = PrefixModel(PIECES, {0: {END: 0.99, " one": 0.005, " hello": 0.003}, 1: {END: 0.99}})

    found = heard(model, [DIGITS])

    assert words(found[Path.FREE]) == words(found[Path.GRAMMAR]) == ["one"]


def test_tokens_that_write_nothing_are_never_chosen() -> None:
    model = PrefixModel((b" one", b"", b" hello", b""), {0: {" hello": 0.1, " one": 0.01}, 1: {END: 0.9}})

    assert words(heard(model, [DIGITS])[Path.FREE]) == ["hello"]
    assert words(heard(model, [DIGITS])[Path.GRAMMAR]) == ["one"]


def test_without_grammar_there_is_one_row_a_step_and_no_grammar_path() -> None:
    model = PrefixModel(PIECES, {0: {" one": 0.6, " two": 0.3}, 1: {" six": 0.6}, 2: {END: 0.9}})

    found = heard(model)

    assert found[Path.GRAMMAR] == []
    assert [len(rows) for rows in model.steps] == [1, 1]


# The grammar's words


def test_a_wrong_first_word_is_left_for_what_comes_after_the_right_one() -> None:
    """Greed, also inside the grammar, would take "one" and then find nothing likely behind it."""
    table = {
        "": {" one": 0.5, " two": 0.3, " hello": 0.2},
        " one": {" six": 0.02, " four": 0.02, " hello": 0.95},
        " two": {" six": 0.9},
        " two six": {END: 0.9},
        " one six": {END: 0.9},
    }

    found = heard(PrefixModel(PIECES, table), [TWO_DIGITS])

    assert words(found[Path.GRAMMAR]) == ["two six"]
    assert found[Path.GRAMMAR][0].log_probability == pytest.approx(np.log(0.3 * 0.9 * 0.9), abs=1e-4)
    assert found[Path.GRAMMAR][0].tokens == 3


def test_an_early_end_does_not_win_over_words_that_are_likelier_step_by_step() -> None:
    """Four further words cost more than the end after the first one; the end was never among the best of a step."""
    table: dict[str | int, dict[str, float]] = {0: {" one": 0.9}}
    table |= {n: {" two": 0.4, " six": 0.3, " four": 0.2, END: 0.1} for n in range(1, 5)}
    table[5] = {END: 0.9}

    assert words(heard(PrefixModel(PIECES, table), [DIGITS])[Path.GRAMMAR]) == ["one two two two two"]


def test_an_end_counts_where_fewer_words_than_beams_may_follow() -> None:
    """ "yes" is likelier than "yes please" as a whole, though its end is less likely than "please"."""
    table = {0: {" yes": 0.9}, " yes": {" please": 0.55, END: 0.4}, " yes please": {END: 0.3, " hello": 0.7}}
    model = PrefixModel(pieces(" yes", " please", " hello"), table)
    uri = "builtin:speech/keywords?alternatives=yes|yes please"

    assert words(heard(model, [uri], n_best=2)[Path.GRAMMAR]) == ["yes", "yes please"]
    assert words(heard(model, [uri])[Path.GRAMMAR]) == ["yes"]


def test_a_family_whose_wrong_answers_have_the_right_one_near_tells_the_rivals_of_an_answer() -> None:
    table = {0: {" one": 0.5, " two": 0.3, " six": 0.01}, 1: {" six": 0.9}, 2: {END: 0.9}}

    def answers(family: str) -> list[str]:
        return words(heard(PrefixModel(PIECES, table, family=family), [TWO_DIGITS])[Path.GRAMMAR])

    assert answers("moonshine") == ["one six"]
    assert answers("whisper") == ["one six", "two six"]


def test_a_word_in_capitals_that_the_grammar_took_is_a_word() -> None:
    """Free words in capitals may be spelled letters; those the grammar allowed are what it allowed."""
    table = {"": {" YES": 0.9}, " YES": {END: 0.9}}

    found = heard(PrefixModel(PIECES, table), ["builtin:speech/boolean"])

    assert words(found[Path.FREE]) == ["y e s"]
    assert words(found[Path.GRAMMAR]) == ["yes"]


def test_n_best_lists_are_in_order_and_without_the_same_words_twice() -> None:
    table = {
        0: {" one": 0.5, " two": 0.3, " six": 0.1},
        1: {" six": 0.5, ",": 0.3, " four": 0.15},
        " one,": {" six": 0.9},
        " two,": {" six": 0.9},
    }

    found = heard(PrefixModel(PIECES, table), [TWO_DIGITS], n_best=4)

    for path in Path:
        scores = [hypothesis.log_probability for hypothesis in found[path]]
        assert scores == sorted(scores, reverse=True)
        assert len(set(words(found[path]))) == len(found[path])
    assert words(found[Path.GRAMMAR])[:3] == ["one six", "two six", "one four"]
    assert len(found[Path.GRAMMAR]) == 4


def test_free_words_have_alternatives_in_an_n_best_list_but_at_most_four() -> None:
    table = {0: {" one": 0.4, " two": 0.2, " six": 0.15, " four": 0.1, " for": 0.05}, 1: {END: 0.9}}

    found = heard(PrefixModel(PIECES, table), n_best=20)[Path.FREE]

    assert words(found) == ["one", "two", "six", "four"]


# What is given up


def test_a_hopeless_grammar_is_dropped_once_the_free_words_have_ended() -> None:
    table: dict[str | int, dict[str, float]] = {0: {" hello": 0.999}, 1: {END: 0.999}}
    model = PrefixModel(PIECES, table)

    found = heard(model, [f"{DIGITS}?length=30"], search=Search(hopeless_nats=15.0))

    assert words(found[Path.FREE]) == ["hello"]
    assert found[Path.GRAMMAR] == []
    # A word outside the table costs 9.2 nats: two of them are within 15 nats only for one step.
    assert [len(rows) for rows in model.steps] == [4]


def test_free_words_that_the_grammar_has_overtaken_are_given_up() -> None:
    """The grammar's answer has ended likelier than the free words, which go on, can become."""
    table: dict[str | int, dict[str, float]] = {
        "": {" one": 0.55, " two": 0.45},
        " one": dict.fromkeys((" one", " six", " four", " for", " hello", " there", " please"), 0.09),
        " two": {" six": 0.9},
        " two six": {END: 0.9},
    }
    table |= {n: {" hello": 0.5, " there": 0.4} for n in range(2, 40)}
    model = PrefixModel(PIECES, table)

    found = heard(model, [TWO_DIGITS])

    assert words(found[Path.GRAMMAR]) == ["two six"]
    assert found[Path.FREE][0].log_probability < found[Path.GRAMMAR][0].log_probability
    assert len(model.steps) == 2


def test_a_grammar_goes_on_alone_when_the_free_words_have_ended() -> None:
    table = {"": {" hello": 0.5, " one": 0.3}, " hello": {END: 0.9}, " one": {" six": 0.9}, " one six": {END: 0.9}}
    model = PrefixModel(PIECES, table)

    assert words(heard(model, [TWO_DIGITS])[Path.GRAMMAR]) == ["one six"]
    assert " hello" in model.steps[0]
    assert all("hello" not in row for row in model.steps[1])


def test_beams_of_the_same_words_are_one_row() -> None:
    """The free words and the best of the grammar's agree: the model is asked about them once."""
    table = {
        0: {" one": 0.6, " two": 0.3, " hello": 0.1},
        1: {" six": 0.6, " four": 0.3, " there": 0.1},
        2: {END: 0.9},
    }
    model = PrefixModel(PIECES, table)

    found = heard(model, [TWO_DIGITS], search=Search(beams=2))

    assert model.steps == [[" one", " two"], [" one six", " one four"]]
    assert words(found[Path.FREE]) == words(found[Path.GRAMMAR]) == ["one six"]
    assert found[Path.FREE][0].log_probability == found[Path.GRAMMAR][0].log_probability


def test_beams_below_an_ended_answer_are_dropped_though_others_go_on() -> None:
    """ "yes please" may still win over "yes", and "no thanks" no more."""
    table = {
        "": {" yes": 0.7, " no": 0.25},
        " yes": {END: 0.4, " please": 0.6},
        " no": {" thanks": 0.99},
        " yes please": {END: 0.6, " thanks": 0.4},
    }
    model = PrefixModel(pieces(" yes", " please", " no", " thanks"), table)

    found = heard(model, ["builtin:speech/keywords?alternatives=yes|yes please|no thanks"])

    assert words(found[Path.GRAMMAR]) == ["yes"]
    assert model.steps == [[" yes", " no"], [" yes please"]]


# Loops and limits


def test_a_model_that_has_lost_its_place_is_stopped_and_its_loop_cut() -> None:
    model = PrefixModel(PIECES, {0: {" hello": 0.9}}, otherwise={" there": 0.999})

    (found,) = heard(model, seconds=20.0)[Path.FREE]

    assert found.transcript == "hello there"
    assert len(model.steps) == LOOP_TOKENS
    # As likely as to end there, which is not likely: words said once in a loop are no sure words.
    end = 0.001 / (len(PIECES) - 1)
    assert found.log_probability == pytest.approx(np.log(0.9 * 0.999 * end), rel=1e-4)


def test_a_grammar_whose_words_never_come_to_an_end_answers_with_the_likeliest_end_passed_over() -> None:
    otherwise = {" one": 0.5, " two": 0.3, " six": 0.15, END: 0.02}
    model = PrefixModel(PIECES, {0: {" six": 0.9}}, otherwise=otherwise)

    (found,) = heard(model, [DIGITS])[Path.GRAMMAR]

    assert found.transcript == "six"
    assert found.log_probability == pytest.approx(np.log(0.9) + np.log(0.02), rel=1e-4)


def test_a_loop_of_an_unlikely_beam_does_not_end_the_others() -> None:
    """The worst of the free beams repeats itself; the best one still has words to say."""
    long = [" one", " two", " six", " four", " for", " hello", " there", " please", " yes", " one", " six", " two"]
    long += [" four", " there"]
    table: dict[str | int, dict[str, float]] = {"": {long[0]: 0.8, " thanks": 0.1}}
    for count in range(1, len(long)):
        table["".join(long[:count])] = {long[count]: 0.95}
    table["".join(long)] = {END: 0.95}
    for count in range(1, 30):
        table[" thanks" * count] = {" thanks": 0.99}

    found = heard(PrefixModel(PIECES, table), n_best=2, seconds=5.0)[Path.FREE]

    assert found[0].transcript == "".join(long).strip()


@pytest.mark.parametrize(
    ("tokens", "cut"),
    [
        ((7,) * 12, (7,)),
        ((7,) * 11, None),
        ((5, 7, *(1, 2, 3) * 4), (5, 7, 1, 2, 3)),
        ((1, 2, 3) * 3, None),
        ((9, *range(1, 17), *range(1, 17), *range(1, 17)), (9, *range(1, 17))),
        ((*range(1, 18), *range(1, 18), *range(1, 18)), None),
        ((1, 2) * 6 + (3,), None),
        ((), None),
    ],
)
def test_only_three_rounds_and_twelve_tokens_are_a_loop(tokens: tuple[int, ...], cut: tuple[int, ...] | None) -> None:
    assert without_loop(tokens) == cut


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 8), (2.0, 17), (4.0, 29)])
def test_free_words_end_after_their_time(seconds: float, steps: int) -> None:
    """Six tokens a second and six more; the last of them is chosen, but nothing is asked about what follows it."""
    chance = random.Random(1)
    some = [" one", " two", " six", " four", " for", " hello", " there"]
    model = PrefixModel(PIECES, {n: {chance.choice(some): 0.9} for n in range(60)})

    (found,) = heard(model, seconds=seconds)[Path.FREE]

    assert len(model.steps) == steps
    assert len(found.transcript.split()) == steps


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 12), (2.0, 27)])
def test_a_grammar_without_end_is_left_after_its_time(seconds: float, steps: int) -> None:
    """Ten tokens a second and eight more, whatever the grammar still wants."""
    table: dict[str | int, dict[str, float]] = {0: {" hello": 0.5, " one": 0.4}, " hello": {END: 0.9}}
    model = PrefixModel(PIECES, table, otherwise={" one": 0.5, " two": 0.4})

    found = heard(model, [f"{DIGITS}?length=60"], seconds=seconds, search=Search(hopeless_nats=1e9))

    assert found[Path.GRAMMAR] == []
    assert len(model.steps) == steps


# The engine


def test_the_model_is_told_language_and_whether_a_grammar_holds_it() -> None:
    model = PrefixModel(PIECES, {0: {" one": 0.9}})
    engine = DecodingEngine({"en": lambda: model})

    engine.recognise(UtteranceRequest("en-GB", (REGISTRY.activate(DIGITS, "en-GB"),)), sound(1.0))
    engine.recognise(UtteranceRequest("EN", (REGISTRY.activate("builtin:speech/transcribe", "en"),)), sound(0.5))

    assert model.encoded == [(16000, "en", True), (8000, "en", False)]


def test_languages_with_one_loader_share_one_model_and_others_have_their_own() -> None:
    loaded: list[PrefixModel] = []

    def one() -> SpeechModel:
        loaded.append(PrefixModel(PIECES, {0: {" one": 0.9}}, languages=("en", "fr", "es")))
        return loaded[-1]

    def other() -> SpeechModel:
        return one()

    engine = DecodingEngine({"en": one, "fr": one, "es": other})

    for code in ("en", "fr", "en-US", "es"):
        engine.prepare(UtteranceRequest(code))

    assert len(loaded) == 2
    assert engine.languages == ("en", "fr", "es")


def test_an_unknown_language_is_an_engine_error_that_names_the_known_ones() -> None:
    engine = DecodingEngine({"en": lambda: PrefixModel(PIECES, {}), "fr": lambda: PrefixModel(PIECES, {})})

    for call in (engine.prepare, lambda request: engine.recognise(request, sound(1.0))):
        with pytest.raises(EngineError) as raised:
            call(UtteranceRequest("it-CH"))
        assert str(raised.value) == "no model for language 'it-CH': expected one of en, fr"


def test_what_was_prepared_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = count_compilations(monkeypatch)
    engine = DecodingEngine({"en": lambda: PrefixModel(PIECES, {0: {" one": 0.9}})})
    request = UtteranceRequest("en", (REGISTRY.activate(DIGITS, "en"),))

    engine.prepare(request)
    engine.recognise(request, sound(1.0))
    engine.prepare(UtteranceRequest("en", (REGISTRY.activate(f"{DIGITS}?length=3", "en"),)))

    assert compiled == [{"alphabet": "digits"}, {"alphabet": "digits", "length": 3}]


def test_what_may_be_said_first_is_known_before_the_caller_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    explored: list[int] = []
    options = TokenAutomaton.options

    def counted(automaton: TokenAutomaton, state: int) -> Any:
        explored.append(state)
        return options(automaton, state)

    monkeypatch.setattr(TokenAutomaton, "options", counted)
    engine = DecodingEngine({"en": lambda: PrefixModel(PIECES, {})})

    engine.prepare(UtteranceRequest("en", (REGISTRY.activate(DIGITS, "en"),)))

    assert explored == [0]


def test_the_grammars_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = count_compilations(monkeypatch)
    monkeypatch.setattr(decoding, "MAXIMUM_GRAMMARS_KEPT", 2)
    engine = DecodingEngine({"en": lambda: PrefixModel(PIECES, {})})

    for length in (1, 2, 1, 3, 1, 2):
        engine.prepare(UtteranceRequest("en", (REGISTRY.activate(f"{DIGITS}?length={length}", "en"),)))

    assert [arguments["length"] for arguments in compiled] == [1, 2, 3, 2]


def test_large_grammars_are_kept_as_long_as_there_is_room_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = count_compilations(monkeypatch)
    monkeypatch.setattr(decoding, "MAXIMUM_CHARACTERS_KEPT", 50)
    engine = DecodingEngine({"en": lambda: PrefixModel(PIECES, {})})

    for regex in (
        "[0-9]{20}",
        "[1-9]{20}",
        "[2-9]{20}",
        "[2-9]{20}",
        "[1-9]{20}",
        "[0-9]{20}",
        "[0-9]{4}[0-9]{20}[0-9]{5}",
    ):
        engine.prepare(UtteranceRequest("en", (REGISTRY.activate(f"{DIGITS}?regex={regex}", "en"),)))

    # Three have room, with the name of their alphabet, and a longer one beside the latest of them.
    assert [arguments["regex"] for arguments in compiled] == [
        *("[0-9]{20}", "[1-9]{20}", "[2-9]{20}"),
        "[0-9]{4}[0-9]{20}[0-9]{5}",
    ]


def count_compilations(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of every acceptor of the kind `spelling` made from now on."""
    compiled: list[dict[str, Any]] = []
    make = KINDS["spelling"].acceptor

    def counted(arguments: Any, known: Any) -> Any:
        compiled.append(dict(arguments))
        return make(arguments, known)

    monkeypatch.setattr(KINDS["spelling"], "acceptor", counted)
    return compiled


# Texts and levels


@pytest.mark.parametrize(
    ("written", "free", "held"),
    [
        (" One, TWO... six.", "one t w o six", "one two six"),
        ("L-E-137-CN", "l e 137 c n", "l e 137 cn"),
        (" I am OK", "i am o k", "i am ok"),
        ("ABCDEFG h", "abcdefg h", "abcdefg h"),
        (" C’est ça !", "c'est ça", "c'est ça"),
        ("É-T-É", "é t é", "é t é"),
        ("  ", "", ""),
    ],
)
def test_a_text_becomes_words_and_only_free_capitals_are_spelled(written: str, free: str, held: str) -> None:
    model = PrefixModel(pieces(written), {})

    assert words_of(written.encode()) == free
    assert transcript_of(model, Beam((1,), 0.0, FREE)) == free
    assert transcript_of(model, Beam((1,), 0.0, 5)) == held


def test_octets_that_are_no_text_do_not_stop_the_words_around_them() -> None:
    assert words_of(b" one \xff\xc3 two").replace("\N{REPLACEMENT CHARACTER}", "").split() == ["one", "two"]


@given(st.lists(st.integers(-32768, 32767), max_size=400))
def test_levelled_audio_is_within_full_scale_and_amplified_by_a_bounded_gain(values: list[int]) -> None:
    samples = np.array(values, np.int16)

    level = levelled(samples)

    assert level.dtype == np.float32
    assert len(level) == len(samples)
    assert not len(level) or np.abs(level).max() <= 1.0
    assert np.all(np.abs(level) <= np.abs(samples / 32768) * MAXIMUM_GAIN * (1 + 1e-6))
    assert np.all((level > 0) == (samples > 0))
    assert np.all((level < 0) == (samples < 0))


def test_one_loud_click_does_not_make_the_speech_beside_it_quiet() -> None:
    speech = (3000 * np.sin(np.arange(8000) / 3)).astype(np.int16)
    clicked = speech.copy()
    clicked[4000:4010] = 32767

    assert np.percentile(levelled(clicked)[:4000], 99.5) == pytest.approx(USUAL_LOUDNESS, rel=0.05)
