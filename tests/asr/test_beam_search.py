"""The decoder over a model made of tables: what it writes, when it ends, what it gives up."""

from collections.abc import Sequence

import numpy as np
import pytest

from h2b.asr.base import UtteranceRequest
from h2b.asr.confidence import CALIBRATIONS
from h2b.asr.decoding import DecodingEngine, levelled, without_loop, words_of
from h2b.grammar.catalogue import load_catalogue
from h2b.model.errors import EngineError
from h2b.model.results import Path

PIECES = ["", " one", " two", " six", " four", " hello", " there", ",", " for"]
END = len(PIECES)
REGISTRY = load_catalogue()
SOUND = np.full(16000, 100, np.int16)


class TableModel:
    """Hears a fixed sequence of tokens; each column gives the chances of some tokens, the rest share a thousandth."""

    name = "table"
    family = "moonshine"
    languages = ("en", "fr")
    pieces = (*(piece.encode() for piece in PIECES), b"")
    end_token = END
    tokens_per_second = 6.0

    def __init__(self, heard: Sequence[dict[str, float]]) -> None:
        self.heard = heard
        self.steps = 0

    def encode(self, samples, language, constrained):
        return None

    def begin(self, encoding):
        return self._logits([()]), [()]

    def step(self, cache, tokens, parents):
        self.steps += 1
        rows = [(*cache[parent], int(token)) for token, parent in zip(tokens, parents, strict=True)]
        return self._logits(rows), rows

    def _logits(self, rows):
        logits = np.full((len(rows), END + 1), np.log(0.001), np.float32)
        for index, row in enumerate(rows):
            column = self.heard[len(row)] if len(row) < len(self.heard) else {"END": 1.0}
            for piece, chance in column.items():
                logits[index, END if piece == "END" else PIECES.index(piece)] = np.log(chance)
        return logits


def recognise(model: TableModel, uri: str | None = "builtin:speech/spelling/digits", n_best: int = 1):
    grammars = (REGISTRY.activate(uri, "en"),) if uri else ()
    engine = DecodingEngine({"en": lambda: model})
    hypotheses = engine.recognise(UtteranceRequest("en", grammars, n_best), SOUND).hypotheses
    return {path: [h for h in hypotheses if h.path is path] for path in Path}


def test_the_free_words_are_the_likeliest() -> None:
    found = recognise(TableModel([{" hello": 0.9, " one": 0.1}, {" there": 0.9}, {"END": 0.9}]), None)
    assert [h.transcript for h in found[Path.FREE]] == ["hello there"]
    assert found[Path.GRAMMAR] == []


def test_an_end_counts_only_where_it_is_the_likeliest() -> None:
    """The end after one word costs 2 nats; the four words that follow cost more together, and are right."""
    heard = [{" one": 0.5, " hello": 0.4}] + [{" two": 0.6, "END": 0.2}] * 4 + [{"END": 0.9}]
    assert recognise(TableModel(heard), None)[Path.FREE][0].transcript == "one two two two two"


def test_an_empty_answer_is_never_given() -> None:
    found = recognise(TableModel([{"END": 0.9, " one": 0.05}, {"END": 0.9}]), None)
    assert found[Path.FREE][0].transcript == "one"


def test_a_grammar_hears_what_greed_misses() -> None:
    heard = [{" for": 0.5, " four": 0.4}, {" one": 0.9}, {"END": 0.9}]
    found = recognise(TableModel(heard))
    assert found[Path.FREE][0].transcript == "for one"
    assert found[Path.GRAMMAR][0].transcript == "four one"
    assert found[Path.GRAMMAR][0].confidence > 0.9


def test_a_length_is_kept() -> None:
    heard = [{" one": 0.9}, {" two": 0.9}, {"END": 0.6, " six": 0.3}, {"END": 0.9}]
    found = recognise(TableModel(heard), "builtin:speech/spelling/digits?length=3")
    assert [h.transcript for h in found[Path.GRAMMAR]] == ["one two six"]


def test_speech_outside_the_grammar_has_no_confidence_in_it() -> None:
    found = recognise(TableModel([{" hello": 0.95}, {" there": 0.95}, {"END": 0.95}]))
    assert all(h.confidence < 0.05 for h in found[Path.GRAMMAR])
    assert found[Path.FREE][0].confidence > 0.9


def test_alternatives_differ_in_words_and_come_best_first() -> None:
    heard = [{" one": 0.6, " two": 0.3}, {" six": 0.6, ",": 0.3}, {"END": 0.9}]
    found = recognise(TableModel(heard), "builtin:speech/spelling/digits?length=2", n_best=3)[Path.GRAMMAR]
    assert found[0].transcript == "one six"
    assert found[1].transcript == "two six"
    assert len({h.transcript for h in found}) == len(found) == 3
    assert [h.log_probability for h in found] == sorted((h.log_probability for h in found), reverse=True)


def test_a_hopeless_grammar_is_given_up() -> None:
    model = TableModel([{" hello": 0.999}] + [{" there": 0.999}] * 2 + [{"END": 0.999}])
    recognise(model, "builtin:speech/spelling/digits?length=60")
    assert model.steps < 10


def test_decoding_ends_although_the_model_does_not() -> None:
    model = TableModel([{" one": 0.5, " two": 0.5}] * 500)
    recognise(model)
    assert model.steps < 40


def test_a_loop_is_cut_after_its_first_round() -> None:
    assert without_loop((4, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2)) == (4, 1, 2)
    assert without_loop((1, 2, 1, 2, 1, 2)) is None


def test_languages_with_one_loader_share_one_model() -> None:
    loaded = []

    def load() -> TableModel:
        loaded.append(TableModel([{" one": 0.9}, {"END": 0.9}]))
        return loaded[-1]

    engine = DecodingEngine({"en": load, "fr": load})
    engine.prepare(UtteranceRequest("en-GB"))
    engine.prepare(UtteranceRequest("fr"))
    assert len(loaded) == 1


def test_a_model_that_does_not_know_its_language_is_an_engine_error_before_the_first_call() -> None:
    engine = DecodingEngine({"de": lambda: TableModel([])})
    with pytest.raises(EngineError, match=r"^the speech model table does not know de, only en, fr$"):
        engine.load()


def test_a_language_without_model_is_an_engine_error() -> None:
    with pytest.raises(EngineError) as caught:
        DecodingEngine({}).recognise(UtteranceRequest("it"), SOUND)
    assert str(caught.value).startswith("no model for language 'it'")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b" One, two... six.", "one two six"),
        (b"L-E-137-CN", "l e 137 c n"),
        (" C'est \u00e7a !".encode(), "c'est ça"),
        (b"\xff one", "one"),
    ],
)
def test_text_becomes_words(written: bytes, words: str) -> None:
    assert words_of(written).replace("\ufffd", "").strip() == words


@pytest.mark.parametrize("loudest", [20, 300, 9000, 32767])
def test_levels_are_evened_out_within_bounds(loudest: int) -> None:
    tone = (loudest * np.sin(np.arange(8000) / 3)).astype(np.int16)
    level = float(np.percentile(np.abs(levelled(tone)), 99.5))
    assert level <= 0.31
    assert level == pytest.approx(min(0.3, 20 * loudest / 32768), rel=0.05)
    assert np.abs(levelled(tone)).max() <= 1.0
    assert not levelled(np.zeros(100, np.int16)).any()


@pytest.mark.parametrize("family", CALIBRATIONS)
def test_confidence_falls_with_the_mean_and_the_gap(family: str) -> None:
    calibration = CALIBRATIONS[family]
    means = np.linspace(-4, 0, 30)
    assert all(np.diff([calibration.of_free_words(mean) for mean in means]) > 0)
    assert all(np.diff([calibration.of_grammar_words(mean, 1.0) for mean in means]) > 0)
    assert all(np.diff([calibration.of_grammar_words(-0.2, gap) for gap in np.linspace(0, 20, 30)]) < 0)
    assert calibration.of_grammar_words(-0.1, -5.0) == calibration.of_grammar_words(-0.1, 0.0)
    assert 0 <= calibration.of_grammar_words(-1e6, 1e6) <= calibration.of_free_words(0.0) <= 1
