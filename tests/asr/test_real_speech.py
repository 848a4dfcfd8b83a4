"""Real telephone speech through the real English model and the grammars: the values a client gets."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2b.asr import weights
from h2b.asr.backends import moonshine
from h2b.asr.base import Engine, UtteranceRequest
from h2b.asr.engines import load_engine
from h2b.audio.files import read_audio
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.model.results import Hypothesis, MatchClass
from h2b.model.results import Path as SearchPath

REGISTRY = load_catalogue()
DIGITS = "builtin:speech/spelling/digits"
BOOLEAN = "builtin:speech/boolean"
MIXED = "builtin:speech/spelling/mixed"
KEYWORDS = "builtin:speech/keywords?alternatives=go|help|stop|start|repeat|erase|enter|rubout|yes|no"
DATE = "builtin:speech/date"

RECORDINGS = [
    ("fsdd_george_0", DIGITS, "260181"),
    ("fsdd_jackson_5", f"{DIGITS}?length=10", "2524273167"),
    ("fsdd_lucas_10", DIGITS, "930666"),
    ("astd_en_4", f"{DIGITS}?minlength=4", "4848968"),
    ("an4train_an254-fash-b", BOOLEAN, True),
    ("an4train_an230-msjm-b", KEYWORDS, "stop"),
    ("an4train_an223-fwxs-b", KEYWORDS, "help"),
    ("an4train_cen8-mrcb-b", DATE, {"day": 30, "month": 10, "year": 1961, "valid": True}),
    ("asts_en_12", MIXED, "r29054n7"),
    ("asts_en_24", f"{MIXED}?regex=[a-z][0-9][a-z][0-9][a-z]", "r5k7h"),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    try:
        moonshine.locate()
    except weights.WeightsMissing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2B_CACHE", str(folder))
        yield load_engine({"languages": ["en"]}, lambda line: None)
    shutil.rmtree(folder)


def understood(engine: Engine, file: Path, uri: str) -> tuple[Verdict, tuple[Hypothesis, ...]]:
    grammar = REGISTRY.activate(uri, "en-US")
    hypotheses = engine.recognise(UtteranceRequest("en-US", (grammar,)), read_audio(file)).hypotheses
    return interpret(hypotheses, [grammar]), hypotheses


@pytest.mark.parametrize(("name", "uri", "value"), RECORDINGS, ids=[name for name, *_ in RECORDINGS])
def test_what_was_said_is_understood(speech_folder: Path, engine: Engine, name: str, uri: str, value: object) -> None:
    verdict, hypotheses = understood(engine, speech_folder / "wav" / f"{name}.wav", uri)

    assert verdict.match is MatchClass.COMPLETE
    best = verdict.alternatives[0].interpretation
    assert best is not None
    assert best.value == value
    assert best.confidence > 0.5
    assert {hypothesis.path for hypothesis in hypotheses} >= {SearchPath.FREE}


@pytest.mark.parametrize(
    ("name", "uri"), [("an4train_an230-msjm-b", DIGITS), ("fsdd_george_0", BOOLEAN), ("an4train_an223-fwxs-b", BOOLEAN)]
)
def test_what_the_grammar_does_not_hold_is_no_match(speech_folder: Path, engine: Engine, name: str, uri: str) -> None:
    verdict, _ = understood(engine, speech_folder / "wav" / f"{name}.wav", uri)

    assert verdict.match is MatchClass.NONE or verdict.confidence < 0.5
