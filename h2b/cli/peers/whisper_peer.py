"""faster-whisper with its defaults: beam 5, time stamps, 30 s at a time; it is told the language.

The options have `model`, a directory of CTranslate2. 8-bit weights, as its own manual advises for processors.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

PACKAGES = ("faster-whisper", "ctranslate2")
FULL_SCALE = 32768


class FasterWhisper:
    """One model, one thread."""

    def __init__(self, directory: str) -> None:
        self._model = WhisperModel(directory, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def prepare(self, question: Mapping[str, Any]) -> None:
        """It takes no grammar."""

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """The words of all its segments."""
        sound = np.frombuffer(samples, "<i2").astype(np.float32) / FULL_SCALE
        segments, _ = self._model.transcribe(sound, language=question["language"])
        return {"text": " ".join(segment.text.strip() for segment in segments)}


def load(options: Mapping[str, Any]) -> FasterWhisper:
    """See `answering`."""
    return FasterWhisper(options["model"])
