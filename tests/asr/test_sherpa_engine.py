"""Models of sherpa-onnx: which folders are taken for what, and what the real package makes of real files.

The files are a transducer of a few kilobytes written here, and Moonshine's where they are installed.
"""

import base64
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from toy_transducer import write_transducer

from h2b.asr.backends import folders, moonshine
from h2b.asr.backends.sherpa_engine import UNSURE, SherpaEngine
from h2b.asr.backends.sherpa_models import MOONSHINE, MOONSHINE_V1, ONE_FILE, TRANSDUCER, WHISPER, locate
from h2b.asr.base import Samples, UtteranceRequest
from h2b.asr.weights import WeightsMissing
from h2b.audio.files import read_audio
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.model.errors import EngineError
from h2b.model.results import MatchClass
from h2b.model.results import Path as SearchPath

REGISTRY = load_catalogue()
YES_OR_MAYBE = REGISTRY.activate("builtin:speech/keywords?alternatives=yes|maybe|ñandú", "en")
NO_OR_MAYBE = REGISTRY.activate("builtin:speech/keywords?alternatives=no|maybe", "en")
LEAD = 1 / (1 + np.exp(-0.5))
"""What the toy gives its likelier word, the other one aside."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the presence of sherpa-onnx is feigned."""
    monkeypatch.setattr(folders, "find_spec", lambda module: module)


@pytest.fixture
def real() -> None:
    if find_spec("sherpa_onnx") is None:
        pytest.skip("sherpa-onnx is not installed: pip install /path/to/clone[sherpa]")


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


def speech() -> Samples:
    noise = np.random.default_rng(1).normal(0, 3000, 8000)
    return np.concatenate([np.zeros(2400), noise, np.zeros(4000)]).astype(np.int16)


def engine(folder: Path) -> SherpaEngine:
    return SherpaEngine({"en": folder}, lambda line: None)


# Folders


def test_without_the_package_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_spec", lambda module: None)

    with pytest.raises(EngineError) as raised:
        locate(tmp_path)
    told = "the speech engine sherpa_onnx is not installed, run: pip install /path/to/clone[sherpa]"
    assert str(raised.value) == told


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("names", "kind", "parts"),
    [
        (
            [
                "encoder-epoch-9-avg-1.int8.onnx",
                "encoder-epoch-9-avg-1.onnx",
                "decoder-epoch-9-avg-1.onnx",
                "joiner-epoch-9-avg-1.onnx",
                "tokens.txt",
                "bpe.model",
            ],
            TRANSDUCER,
            {"encoder": "encoder-epoch-9-avg-1.int8.onnx", "joiner": "joiner-epoch-9-avg-1.onnx"},
        ),
        (
            ["encoder_model.ort", "decoder_model_merged.ort", "tokens.txt"],
            MOONSHINE,
            {"encoder": "encoder_model.ort", "decoder": "decoder_model_merged.ort"},
        ),
        (
            [
                "preprocess.onnx",
                "encode.int8.onnx",
                "uncached_decode.int8.onnx",
                "cached_decode.int8.onnx",
                "tokens.txt",
            ],
            MOONSHINE_V1,
            {"preprocessor": "preprocess.onnx", "cached_decoder": "cached_decode.int8.onnx"},
        ),
        (
            ["base-encoder.onnx", "base-decoder.int8.onnx", "base-decoder.onnx", "base-tokens.txt"],
            WHISPER,
            {"encoder": "base-encoder.onnx", "decoder": "base-decoder.int8.onnx", "tokens": "base-tokens.txt"},
        ),
        (["model.onnx", "model.int8.onnx", "tokens.txt"], ONE_FILE, {"model": "model.int8.onnx"}),
    ],
    ids=[TRANSDUCER, MOONSHINE, MOONSHINE_V1, WHISPER, ONE_FILE],
)
def test_a_model_is_known_by_its_files(tmp_path: Path, names: list[str], kind: str, parts: dict[str, str]) -> None:
    files = locate(touched(tmp_path, *names))

    assert files.kind == kind
    assert {part: files.parts[part].name for part in parts} == parts


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("names", [["readme"], ["encoder.onnx", "decoder.onnx", "tokens.txt"], ["model.onnx"]])
def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(EngineError) as raised:
        locate(touched(tmp_path, *names))
    assert str(raised.value) == (
        f"asr.sherpa: {tmp_path} has no model of a known kind: expected tokens.txt with encoder, decoder and joiner "
        "(transducer), with one model*.onnx, or the files of Moonshine or Whisper, as sherpa-onnx offers them"
    )


@pytest.mark.usefixtures("installed")
def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"asr\.sherpa: .*nowhere is not a folder: expected tokens\.txt with"):
        locate(tmp_path / "nowhere")


# The real package


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
def test_a_transducer_writes_what_it_hears(tmp_path: Path, streaming: bool) -> None:
    sherpa = engine(write_transducer(tmp_path / "zipformer-toy", streaming=streaming))

    recognised = sherpa.recognise(UtteranceRequest("en-GB", (YES_OR_MAYBE,)), speech())

    (hypothesis,) = recognised.hypotheses
    assert hypothesis.transcript == "no"
    assert hypothesis.path is SearchPath.FREE
    assert hypothesis.confidence == pytest.approx(LEAD, abs=0.1)
    assert hypothesis.log_probability == pytest.approx(np.log(hypothesis.confidence))
    assert recognised.asr_model == "zipformer-toy"
    assert recognised.cpu_seconds > 0


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("capitals", [False, True], ids=["small letters", "capitals"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
def test_the_words_of_the_grammar_are_hotwords(
    tmp_path: Path, streaming: bool, capitals: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    sherpa = engine(write_transducer(tmp_path, streaming=streaming, hotwords=True, capitals=capitals))

    heard = {
        grammar.uri: sherpa.recognise(UtteranceRequest("en", (grammar,)), speech()).hypotheses[0].transcript
        for grammar in (YES_OR_MAYBE, NO_OR_MAYBE)
    }

    assert heard == {YES_OR_MAYBE.uri: "yes", NO_OR_MAYBE.uri: "no"}
    # A word that the model cannot write is left out, and costs no complaint.
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("samples", [np.zeros(8000, np.int16), np.zeros(0, np.int16)], ids=["silence", "nothing"])
def test_silence_is_no_hypothesis(tmp_path: Path, samples: Samples) -> None:
    sherpa = engine(write_transducer(tmp_path))

    assert sherpa.recognise(UtteranceRequest("en"), samples).hypotheses == ()


@pytest.mark.usefixtures("real")
def test_languages_of_one_folder_share_a_model(tmp_path: Path) -> None:
    told: list[str] = []
    folder = write_transducer(tmp_path)

    sherpa = SherpaEngine({"en": folder, "de": folder}, told.append)

    assert sherpa.languages == ("en", "de")
    assert told == [f"loading the sherpa-onnx model {folder}"]
    for language in ("en", "de-AT"):
        assert sherpa.recognise(UtteranceRequest(language), speech()).hypotheses[0].transcript == "no"
    with pytest.raises(EngineError, match="no model for language 'fr': expected one of en, de"):
        sherpa.prepare(UtteranceRequest("fr"))


@pytest.mark.usefixtures("real")
def test_files_that_are_no_onnx_are_refused(tmp_path: Path) -> None:
    folder = write_transducer(tmp_path)
    (folder / "decoder.onnx").write_bytes(b"<html>")

    with pytest.raises(EngineError) as raised:
        engine(folder)
    assert str(raised.value).startswith(f"asr.sherpa: {folder / 'decoder.onnx'} cannot be read as ONNX: ")
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("real")
def test_a_transducer_of_another_toolkit_is_refused_before_it_ends_the_process(tmp_path: Path) -> None:
    folder = write_transducer(tmp_path)
    decoder = onnx.load(str(folder / "decoder.onnx"))
    del decoder.metadata_props[:]
    onnx.save(decoder, str(folder / "decoder.onnx"))

    with pytest.raises(EngineError) as raised:
        engine(folder)
    assert str(raised.value) == (
        f"asr.sherpa: {folder / 'decoder.onnx'} has no 'vocab_size' in its metadata: it was not made for sherpa-onnx"
    )


@pytest.mark.usefixtures("real")
def test_a_single_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    write_transducer(tmp_path / "toy")
    (tmp_path / "toy" / "joiner.onnx").rename(tmp_path / "model.onnx")
    (tmp_path / "tokens.txt").write_text("<blk> 0\n")

    with pytest.raises(EngineError, match="has model_type '' in its metadata, expected one of sense_voice_ctc, "):
        engine(tmp_path)


@pytest.fixture(scope="module")
def moonshine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moonshine's files as sherpa-onnx wants them: its tokens as base64 in a text."""
    if find_spec("sherpa_onnx") is None:
        pytest.skip("sherpa-onnx is not installed: pip install /path/to/clone[sherpa]")
    try:
        located = moonshine.locate()
    except WeightsMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("models") / "moonshine-base-en"
    folder.mkdir()
    for path in located:
        os.symlink(path, folder / path.name)
    pieces = tokens_of((folder / "tokenizer.bin").read_bytes())
    lines = [f"{base64.b64encode(piece).decode()} {number}\n" for number, piece in enumerate(pieces)]
    (folder / "tokens.txt").write_text("".join(lines))
    return folder


def tokens_of(table: bytes) -> Iterator[bytes]:
    """Each piece after its length: one byte, or two where the first has its highest bit set."""
    at = 0
    while at < len(table):
        length, at = table[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * table[at], at + 1
        yield table[at : at + length]
        at += length


@pytest.mark.parametrize(
    ("name", "uri", "value"),
    [
        ("fsdd_george_0", "builtin:speech/spelling/digits", "260181"),
        ("asts_en_8", "builtin:speech/spelling/mixed", "1am4uv"),
        ("an4train_an159-mjes-b", "builtin:speech/keywords?alternatives=stop|start|help", "stop"),
    ],
)
def test_real_speech_through_a_real_model_is_understood(
    speech_folder: Path, moonshine_folder: Path, name: str, uri: str, value: str
) -> None:
    grammar = REGISTRY.activate(uri, "en")
    samples = read_audio(speech_folder / "wav" / f"{name}.wav")

    recognised = engine(moonshine_folder).recognise(UtteranceRequest("en", (grammar,)), samples)

    assert recognised.asr_model == "moonshine-base-en"
    verdict = interpret(recognised.hypotheses, [grammar])
    assert verdict.match is MatchClass.COMPLETE
    best = verdict.alternatives[0]
    assert best.interpretation is not None
    assert best.interpretation.value == value
    assert best.hypothesis.confidence == UNSURE
