"""The part of the package `vosk` that the engine uses, as version 0.3.45 has it, without its library.

A model's folder holds `words.json` with its vocabulary. What a recogniser hears is scripted, by whether it has a list.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

Script = Mapping[bool, list[tuple[str, float]]]
"""By whether a list of phrases is given: alternatives with their log-likelihoods."""


def SetLogLevel(level: int) -> None:
    """Nothing is logged."""


class Model:
    loaded: ClassVar[list[str]] = []

    def __init__(self, model_path: str) -> None:
        try:
            self.words: list[str] = json.loads((Path(model_path) / "words.json").read_text())
        except FileNotFoundError:
            raise Exception("Failed to create a model") from None
        Model.loaded.append(model_path)

    def vosk_model_find_word(self, word: str) -> int:
        return self.words.index(word) if word in self.words else -1


class KaldiRecognizer:
    script: ClassVar[Script] = {}
    made: ClassVar[list["KaldiRecognizer"]] = []

    def __init__(self, model: Model, rate: float, grammar: str = "") -> None:
        self.rate = rate
        self.phrases: list[str] | None = json.loads(grammar) if grammar else None
        self.wanted = 0
        self.heard: list[Any] = []
        KaldiRecognizer.made.append(self)

    def SetMaxAlternatives(self, max_alternatives: int) -> None:
        self.wanted = max_alternatives

    def AcceptWaveform(self, sound: bytes) -> int:
        if not sound:
            raise Exception("Failed to process waveform")
        self.heard.append(sound)
        return 0

    def FinalResult(self) -> str:
        alternatives = KaldiRecognizer.script[self.phrases is not None][: self.wanted]
        return json.dumps({"alternatives": [{"text": f" {text}", "confidence": score} for text, score in alternatives]})
