"""vosk with a model directory of the operator's, `model` in the options. It takes 8 kHz as it is."""

import json
from collections.abc import Mapping
from typing import Any

from vosk import KaldiRecognizer, Model, SetLogLevel

PACKAGES = ("vosk",)
QUIET = -1


class Vosk:
    """One model; each recording has a recogniser of its own."""

    def __init__(self, directory: str) -> None:
        SetLogLevel(QUIET)
        self._model = Model(directory)

    def prepare(self, question: Mapping[str, Any]) -> None:
        """It is asked without a list of phrases."""

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """Its words: a pause in the recording ends one result and begins the next."""
        recogniser = KaldiRecognizer(self._model, rate)
        pieces = [samples[start : start + rate] for start in range(0, len(samples), rate)]
        told = [recogniser.Result() for piece in pieces if recogniser.AcceptWaveform(piece)]
        said = [json.loads(result)["text"] for result in [*told, recogniser.FinalResult()]]
        return {"text": " ".join(words for words in said if words)}


def load(options: Mapping[str, Any]) -> Vosk:
    """See `answering`."""
    return Vosk(options["model"])
