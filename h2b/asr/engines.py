"""Which engine serves which language, from the operator's options.

Owns the choice. `load_engine` runs in a worker process, `available_languages` in the server: the second only looks
whether the weights are there and loads nothing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from h2b.asr.base import Engine, SpeechModel
from h2b.asr.decoding import DecodingEngine
from h2b.model.errors import ConfigurationError, EngineError

ENGLISH = "en"
MULTILINGUAL = ("fr", "es", "de")
"""Languages of the multilingual model that the grammars know too."""

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
    english = partial(_load_english, report)
    multilingual = partial(_load_multilingual, options, report)
    engine = DecodingEngine({code: english if code == ENGLISH else multilingual for code in usable})
    engine.load()
    return engine


def _wanted(options: Mapping[str, Any]) -> tuple[str, ...]:
    known = (ENGLISH, *MULTILINGUAL)
    wanted = tuple(options.get("languages") or known)
    for code in wanted:
        if code not in known:
            raise ConfigurationError(f"asr.languages: got '{code}', expected any of {', '.join(known)}")
    return wanted


def _whisper_directory(options: Mapping[str, Any]) -> Path | None:
    directory = options.get("whisper_directory")
    return Path(str(directory)) if directory else None


def _locate(code: str, options: Mapping[str, Any]) -> None:
    if code == ENGLISH:
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
