"""Vosk models: which folders are taken, what Vosk is asked, and what becomes of its scores.

Against a stand-in for the package, and against the real one with the model that H2B_VOSK names, if any.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import fake_vosk
import numpy as np
import pytest

from h2b.asr.backends import folders, vosk_engine
from h2b.asr.backends.vosk_engine import VoskEngine, locate
from h2b.asr.base import UtteranceRequest
from h2b.audio.files import read_audio
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError
from h2b.model.results import Hypothesis, MatchClass, Recognised
from h2b.model.results import Path as SearchPath

REGISTRY = load_catalogue()
SAMPLES = np.zeros(8000, np.int16)
KEYWORDS = REGISTRY.activate("builtin:speech/keywords?alternatives=yes|no|call me", "en")
DIGITS = REGISTRY.activate("builtin:speech/spelling/digits", "en")
WORDS = ["<eps>", "yes", "no", "one", "two", "call", "[unk]", "hello"]


def model_folder(folder: Path, *files: str, words: list[str] | None = None, rate: str = "") -> Path:
    for name in files or ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if words is not None:
        (folder / "words.json").write_text(json.dumps(words))
    if rate:
        (folder / "conf/mfcc.conf").write_text(f"--use-energy=false\n--sample-frequency={rate}\n")
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the presence of Vosk is feigned."""
    monkeypatch.setattr(folders, "find_spec", lambda module: module)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, installed: None) -> None:
    monkeypatch.setitem(sys.modules, "vosk", fake_vosk)
    monkeypatch.setattr(fake_vosk.KaldiRecognizer, "made", [])
    monkeypatch.setattr(fake_vosk.Model, "loaded", [])


def script(monkeypatch: pytest.MonkeyPatch, free: list[tuple[str, float]], held: list[tuple[str, float]]) -> None:
    monkeypatch.setattr(fake_vosk.KaldiRecognizer, "script", {False: free, True: held})


def engine(folder: Path) -> VoskEngine:
    return VoskEngine({"en": folder}, lambda line: None)


def heard(recognised: Recognised, path: SearchPath) -> list[Hypothesis]:
    return [hypothesis for hypothesis in recognised.hypotheses if hypothesis.path is path]


# Folders


def test_without_the_package_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_spec", lambda module: None)

    with pytest.raises(EngineError) as raised:
        locate(model_folder(tmp_path))
    assert str(raised.value) == "the speech engine vosk is not installed, run: pip install /path/to/clone[vosk]"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["readme"], "has no am/final.mdl: expected an unpacked Vosk model"),
        (
            ["am/final.mdl"],
            "has no conf/mfcc.conf: expected a Vosk model with am/final.mdl, conf/mfcc.conf and a graph",
        ),
        (
            ["am/final.mdl", "conf/mfcc.conf", "graph/Gr.fst"],
            "has no HCLr.fst and Gr.fst, nor HCLG.fst, in graph: "
            "expected a Vosk model with am/final.mdl, conf/mfcc.conf and a graph",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path, files: list[str], reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        locate(model_folder(tmp_path, *files))
    assert str(raised.value) == f"asr.vosk: {tmp_path} {reason}"


@pytest.mark.usefixtures("installed")
def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nowhere is not a folder: expected an unpacked Vosk model$"):
        locate(tmp_path / "nowhere")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("files", "composes"),
    [
        (["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst"], True),
        (["am/final.mdl", "conf/mfcc.conf", "graph/HCLG.fst"], False),
        (["final.mdl", "mfcc.conf", "HCLr.fst", "Gr.fst"], True),
        (["final.mdl", "mfcc.conf", "HCLG.fst"], False),
    ],
)
def test_models_of_both_layouts_are_taken(tmp_path: Path, files: list[str], composes: bool) -> None:
    assert locate(model_folder(tmp_path, *files)).composes is composes


@pytest.mark.usefixtures("installed")
def test_a_model_says_at_which_rate_it_was_trained(tmp_path: Path) -> None:
    assert locate(model_folder(tmp_path / "usual")).rate == 16000
    assert locate(model_folder(tmp_path / "telephone", rate="8000")).rate == 8000


# Against the stand-in


@pytest.mark.usefixtures("fake")
def test_a_model_that_vosk_refuses_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        engine(model_folder(tmp_path))
    assert str(raised.value) == f"asr.vosk: {tmp_path} cannot be loaded by Vosk: Failed to create a model"


@pytest.mark.usefixtures("fake")
def test_both_searches_hear_the_utterance_at_the_models_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, free=[("yes please", 51.0)], held=[("yes", 50.0)])
    vosk = engine(model_folder(tmp_path / "vosk-model-small", words=WORDS))

    recognised = vosk.recognise(UtteranceRequest("en-GB", (KEYWORDS,)), SAMPLES)

    assert [(h.transcript, h.path) for h in recognised.hypotheses] == [
        ("yes", SearchPath.GRAMMAR),
        ("yes please", SearchPath.FREE),
    ]
    assert recognised.asr_model == "vosk-model-small"
    for recogniser in fake_vosk.KaldiRecognizer.made:
        assert recogniser.rate == 16000.0
        assert [len(sound) for sound in recogniser.heard] == [2 * 2 * len(SAMPLES)]


@pytest.mark.usefixtures("fake")
def test_a_telephone_model_gets_the_samples_as_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, free=[("yes", 1.0)], held=[])
    samples = np.arange(-400, 400, dtype=np.int16)

    engine(model_folder(tmp_path, words=WORDS, rate="8000")).recognise(UtteranceRequest("en"), samples)

    (recogniser,) = fake_vosk.KaldiRecognizer.made
    assert recogniser.rate == 8000.0
    assert recogniser.heard == [samples.tobytes()]


@pytest.mark.usefixtures("fake")
def test_the_list_holds_what_the_model_knows_and_its_word_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, free=[("one", 1.0)], held=[("one", 1.0)])
    vosk = engine(model_folder(tmp_path, words=WORDS))

    vosk.recognise(UtteranceRequest("en", (KEYWORDS,)), SAMPLES)
    vosk.recognise(UtteranceRequest("en", (DIGITS,)), SAMPLES)

    lists = [recogniser.phrases for recogniser in fake_vosk.KaldiRecognizer.made if recogniser.phrases is not None]
    assert lists == [["no", "yes", "[unk]"], ["one", "two", "[unk]"]]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("files", "words", "grammars"),
    [
        (("am/final.mdl", "conf/mfcc.conf", "graph/HCLG.fst"), WORDS, (KEYWORDS,)),
        ((), ["ja", "nein"], (KEYWORDS,)),
        ((), WORDS, (REGISTRY.activate("builtin:speech/transcribe", "en"),)),
        ((), WORDS, ()),
    ],
    ids=["a graph that is fixed", "no word known", "any words", "no grammar"],
)
def test_where_no_list_can_be_given_the_free_words_are_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    words: list[str],
    grammars: tuple[ActiveGrammar, ...],
) -> None:
    script(monkeypatch, free=[("one", 1.0)], held=[("never", 1.0)])

    vosk = engine(model_folder(tmp_path, *files, words=words))
    recognised = vosk.recognise(UtteranceRequest("en", grammars), SAMPLES)

    assert [hypothesis.transcript for hypothesis in recognised.hypotheses] == ["one"]


@pytest.mark.usefixtures("fake")
def test_the_free_recogniser_is_kept_until_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, free=[("yes", 1.0)], held=[("yes", 1.0)])
    vosk = engine(model_folder(tmp_path, words=WORDS))
    request = UtteranceRequest("en", (KEYWORDS,))

    def free() -> int:
        return sum(recogniser.phrases is None for recogniser in fake_vosk.KaldiRecognizer.made)

    vosk.recognise(request, SAMPLES)
    vosk.recognise(request, SAMPLES)
    assert free() == 1
    with pytest.raises(EngineError, match="cannot take the utterance: Failed to process waveform"):
        vosk.recognise(request, SAMPLES[:0])
    vosk.recognise(request, SAMPLES)
    assert free() == 2


@pytest.mark.usefixtures("fake")
def test_another_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no model for language 'de-AT': expected one of en"):
        engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("de-AT"), SAMPLES)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("behind", "low", "high"), [(-5.0, 0.9, 0.95), (0.0, 0.9, 0.95), (7.0, 0.4, 0.6), (28.0, 0.0, 0.01)]
)
def test_words_of_the_list_are_sure_as_far_as_free_words_are_no_likelier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: float, low: float, high: float
) -> None:
    script(monkeypatch, free=[("what else", 80.0)], held=[("yes", 80.0 - behind)])

    recognised = engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("en", (KEYWORDS,)), SAMPLES)

    (held,) = heard(recognised, SearchPath.GRAMMAR)
    assert low < held.confidence < high
    assert held.log_probability == 80.0 - behind


@pytest.mark.usefixtures("fake")
def test_alternatives_share_their_confidence_and_come_best_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, free=[("one", 3.0), ("two", 3.0 - np.log(3)), ("[noise] one", -90.0)], held=[])

    recognised = engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("en", n_best=2), SAMPLES)

    assert [(h.transcript, round(h.confidence, 6)) for h in recognised.hypotheses] == [("one", 0.75), ("two", 0.25)]


@pytest.mark.usefixtures("fake")
def test_equal_words_are_one_alternative() -> None:
    alternatives = list(vosk_engine._shared_out([("one", 1.0), ("one", 1.0), ("two", 1.0)]))

    assert [(alternative.words, round(alternative.share, 3)) for alternative in alternatives] == [
        (("one",), 0.667),
        (("two",), 0.333),
    ]


@pytest.mark.usefixtures("fake")
def test_unknown_speech_is_no_word_and_takes_from_the_confidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, free=[("hello [unk] yes", 10.0)], held=[("[unk] [unk] yes", 10.0)])

    recognised = engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("en", (KEYWORDS,)), SAMPLES)

    (held,) = heard(recognised, SearchPath.GRAMMAR)
    (free,) = heard(recognised, SearchPath.FREE)
    assert held.transcript == "yes"
    assert held.confidence == pytest.approx(0.924 / 3, abs=0.001)
    assert free.transcript == "hello yes"


@pytest.mark.usefixtures("fake")
def test_nothing_but_unknown_speech_is_no_hypothesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, free=[("", 10.0)], held=[("[unk] [unk]", 10.0)])

    recognised = engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("en", (KEYWORDS,)), SAMPLES)

    assert recognised.hypotheses == ()


@pytest.mark.usefixtures("fake")
def test_a_grammar_finds_its_value_in_what_vosk_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, free=[("want two", 61.0), ("one two", 60.5)], held=[("one two", 60.5), ("two", 52.0)])

    recognised = engine(model_folder(tmp_path, words=WORDS)).recognise(UtteranceRequest("en", (DIGITS,)), SAMPLES)

    verdict = interpret(recognised.hypotheses, [DIGITS])
    assert verdict.match is MatchClass.COMPLETE
    best = verdict.alternatives[0].interpretation
    assert best is not None
    assert best.value == "12"
    assert best.confidence > 0.5


# Against the real package


@pytest.fixture
def real() -> None:
    if find_spec("vosk") is None:
        pytest.skip("vosk is not installed: pip install /path/to/clone[vosk]")


@pytest.mark.usefixtures("real")
def test_the_real_vosk_refuses_empty_files(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot be loaded by Vosk: Failed to create a model$"):
        engine(model_folder(tmp_path))


@pytest.fixture(scope="module")
def real_engine() -> VoskEngine:
    folder = os.environ.get("H2B_VOSK", "")
    if not folder or find_spec("vosk") is None:
        pytest.skip("H2B_VOSK does not name the folder of a Vosk model, or vosk is not installed")
    return engine(Path(folder))


def test_the_kept_recogniser_begins_each_utterance_anew(speech_folder: Path, real_engine: VoskEngine) -> None:
    """Kaldi adds faint noise of its own: likelihoods differ a little each time."""
    first, second = (read_audio(speech_folder / "wav" / f"{name}.wav") for name in ("fsdd_george_0", "asts_en_12"))
    request = UtteranceRequest("en")

    before = real_engine.recognise(request, first).hypotheses[0].log_probability
    real_engine.recognise(request, second)
    after = real_engine.recognise(request, first).hypotheses[0].log_probability

    assert after == pytest.approx(before, rel=0.05)


def test_a_list_of_the_models_own_words_holds_it_to_them(speech_folder: Path, real_engine: VoskEngine) -> None:
    samples = read_audio(speech_folder / "wav" / "fsdd_george_0.wav")
    free = real_engine.recognise(UtteranceRequest("en"), samples).hypotheses[0].transcript
    words = [word for word in free.split() if not any(map(str.isdigit, word))]
    grammar = REGISTRY.activate(f"builtin:speech/keywords?alternatives={'|'.join(words)}", "en")

    recognised = real_engine.recognise(UtteranceRequest("en", (grammar,)), samples)

    (held,) = heard(recognised, SearchPath.GRAMMAR)
    assert set(held.transcript.split()) <= set(words)
