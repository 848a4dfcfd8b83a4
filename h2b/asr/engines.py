"""Which engine serves which language, from the operator's options.

Owns the choice: a model that the operator names for a language replaces our own. `load_engine` runs in a worker
process, `available_languages` in the server: the second only looks whether the weights are there and loads nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from h2b.asr.base import Engine, Samples, SpeechModel, UtteranceRequest
from h2b.asr.decoding import DecodingEngine
from h2b.grammar.kinds import warm_up_decoder
from h2b.grammar.registry import primary_subtag
from h2b.language import language
from h2b.model.errors import ConfigurationError, EngineError
from h2b.model.results import Recognised

ENGLISH = "en"
MULTILINGUAL = ("fr", "es", "de")
"""Languages of the multilingual model that the grammars know too."""
KNOWN = (ENGLISH, *MULTILINGUAL)
"""Languages of the grammars: no model helps in another one."""
VOSK = "vosk"
SHERPA = "sherpa"

Report = Callable[[str], None]
"""Takes one line of progress for people."""


def available_languages(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Primary subtag -> "" where it can be recognised, else why not and what to install.

    Raises:
        ConfigurationError: the options name a language no engine has.
    """
    found: dict[str, str] = {}
    for code in _wanted(options):
        try:
            _locate(code, options)
        except EngineError as error:
            found[code] = str(error)
        else:
            found[code] = ""
    return found


def load_engine(options: Mapping[str, Any], report: Report) -> Engine:
    """The engine of a worker. Models are loaded here, so that no caller waits for one.

    Raises:
        EngineError: no language at all can be recognised; says what to install.
    """
    available = available_languages(options)
    usable = [code for code, why_not in available.items() if not why_not]
    if not usable:
        # Languages of one model share one reason.
        raise EngineError("; ".join(dict.fromkeys(available.values())))
    named = _operators_models(options)
    engines: list[Engine] = []
    ours = [code for code in usable if code not in named]
    if ours:
        english = partial(_load_english, report)
        multilingual = partial(_load_multilingual, options, report)
        decoding = DecodingEngine({code: english if code == ENGLISH else multilingual for code in ours})
        decoding.load()
        engines.append(decoding)
    engines += _load_operators({code: named[code] for code in usable if code in named}, report)
    return engines[0] if len(engines) == 1 else EngineByLanguage(usable, engines)


class EngineByLanguage:
    """An `Engine` of several, each for languages of its own."""

    def __init__(self, languages: Iterable[str], engines: Iterable[Engine]) -> None:
        self.languages = tuple(languages)
        self._engines = {code: engine for engine in engines for code in engine.languages}

    def prepare(self, request: UtteranceRequest) -> None:
        self._engine(request).prepare(request)

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        return self._engine(request).recognise(request, samples)

    def _engine(self, request: UtteranceRequest) -> Engine:
        engine = self._engines.get(primary_subtag(request.language))
        if engine is None:
            expected = ", ".join(self.languages)
            raise EngineError(f"no model for language '{request.language}': expected one of {expected}")
        return engine


def _wanted(options: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = tuple(options.get("languages") or KNOWN)
    for code in wanted:
        if code not in KNOWN:
            raise ConfigurationError(f"asr.languages: got '{code}', expected any of {', '.join(KNOWN)}")
    return wanted


def _operators_models(options: Mapping[str, Any]) -> Mapping[str, tuple[str, Path]]:
    """By language: the engine of the operator's model and its folder."""
    named: dict[str, tuple[str, Path]] = {}
    for engine in (VOSK, SHERPA):
        for code, folder in (options.get(engine) or {}).items():
            if code not in KNOWN:
                raise ConfigurationError(
                    f"asr.{engine}: got a model for '{code}', expected any of {', '.join(KNOWN)}: "
                    "grammars are in no other language"
                )
            if code in named:
                raise ConfigurationError(f"asr.{engine}: '{code}' has a model in asr.{named[code][0]} already")
            named[code] = engine, Path(str(folder))
    return named


def _load_operators(named: Mapping[str, tuple[str, Path]], report: Report) -> Iterable[Engine]:
    """An engine for each sort of model that is named."""
    for sort in (VOSK, SHERPA):
        folders = {code: folder for code, (engine, folder) in named.items() if engine == sort}
        if folders and sort == VOSK:
            from h2b.asr.backends.vosk_engine import VoskEngine

            yield VoskEngine(folders, report)
        elif folders:
            from h2b.asr.backends.sherpa_engine import SherpaEngine

            yield SherpaEngine(folders, report)
        for code in folders:
            warm_up_decoder(language(code))


def _whisper_directory(options: Mapping[str, Any]) -> Path | None:
    directory = options.get("whisper_directory")
    return Path(str(directory)) if directory else None


def _locate(code: str, options: Mapping[str, Any]) -> None:
    sort, folder = _operators_models(options).get(code, ("", Path()))
    if sort == VOSK:
        from h2b.asr.backends import vosk_engine

        vosk_engine.locate(folder)
    elif sort == SHERPA:
        from h2b.asr.backends import sherpa_models

        sherpa_models.locate(folder)
    elif code == ENGLISH:
        from h2b.asr.backends import moonshine

        moonshine.locate()
    else:
        from h2b.asr.backends import whisper

        whisper.locate(_whisper_directory(options))


# The backends are imported where they are used: a server of one language need not pay for the other model's code.


def _load_english(report: Report) -> SpeechModel:
    from h2b.asr.backends import moonshine

    return moonshine.load(report)


def _load_multilingual(options: Mapping[str, Any], report: Report) -> SpeechModel:
    from h2b.asr.backends import whisper

    return whisper.load(report, _whisper_directory(options))
