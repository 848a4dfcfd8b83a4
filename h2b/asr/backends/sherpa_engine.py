"""Models of sherpa-onnx that an operator names, each for one language or more.

Owns one utterance's way through such a model. Which model a folder holds is the business of `sherpa_models`. No model
of sherpa-onnx can be held to a grammar. Transducers can be inclined to its words (hotwords): what they write is still
free words, and the grammar finds its value in them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soxr
from attrs import define, frozen
from numpy.typing import NDArray

from h2b.asr.backends import sherpa_models
from h2b.asr.backends.folders import model_name
from h2b.asr.backends.sherpa_models import Files, Loaded
from h2b.asr.base import Samples, UtteranceRequest
from h2b.asr.decoding import MODEL_RATE, levelled, words_of
from h2b.asr.phrases import PhraseLists
from h2b.grammar.registry import primary_subtag
from h2b.language import normalise
from h2b.model.errors import EngineError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, Recognised

UNSURE = 0.75
"""The confidence of words whose model tells none: above the usual threshold, below what is sure."""
SHORTEST_SAMPLES = MODEL_RATE // 2
"""Shorter audio is lengthened by silence: some models have no output for it, or fail."""
TAIL_SAMPLES = MODEL_RATE * 2 // 3
"""Silence after an utterance that a streaming model needs to write its last word."""


@define
class _Model:
    name: str
    files: Files
    loaded: Loaded


@frozen
class _Heard:
    text: str
    log_probabilities: Sequence[float]
    """Of each token; empty where the model tells none."""

    @property
    def confidence(self) -> float:
        """The geometric mean of the tokens' probabilities."""
        if not self.log_probabilities:
            return UNSURE
        return min(1.0, math.exp(sum(self.log_probabilities) / len(self.log_probabilities)))


class SherpaEngine:
    """An `Engine` of the models in these folders, by language. Languages of one folder share a model if they can."""

    def __init__(self, folders: Mapping[str, Path], report: Callable[[str], None]) -> None:
        """Loads all of them. Raises EngineError."""
        self.languages = tuple(folders)
        self._phrases = PhraseLists()
        self._models: dict[str, _Model] = {}
        shared: dict[tuple[Path, str], _Model] = {}
        for code, folder in folders.items():
            files = sherpa_models.locate(folder)
            key = (folder, code if files.hears_one_language else "")
            if key not in shared:
                report(f"loading the sherpa-onnx model {folder}")
                shared[key] = _Model(model_name(folder), files, sherpa_models.load(files, code))
            self._models[code] = shared[key]

    def prepare(self, request: UtteranceRequest) -> None:
        """Make the list of hotwords."""
        self._hotwords(self._model(request), request)

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        """The model's words: one hypothesis, or none where it heard nothing.

        Raises:
            EngineError: no model of the request's language, or sherpa-onnx cannot take the audio.
        """
        began = time.process_time()
        model = self._model(request)
        audio = soxr.resample(levelled(samples), SAMPLE_RATE, MODEL_RATE)
        audio = np.pad(audio, (0, max(0, SHORTEST_SAMPLES - len(audio))))
        hear = _hear_streaming if model.loaded.streaming else _hear_whole
        try:
            heard = hear(model.loaded, audio, self._hotwords(model, request))
        except RuntimeError as error:
            raise EngineError(f"the sherpa-onnx model {model.name} cannot take the utterance: {error}") from error
        return Recognised(
            hypotheses=_hypotheses(heard, model.files.capitals),
            asr_model=model.name,
            cpu_seconds=time.process_time() - began,
        )

    def _model(self, request: UtteranceRequest) -> _Model:
        model = self._models.get(primary_subtag(request.language))
        if model is None:
            expected = ", ".join(self.languages)
            raise EngineError(f"no model for language '{request.language}': expected one of {expected}")
        return model

    def _hotwords(self, model: _Model, request: UtteranceRequest) -> str | None:
        """What sherpa-onnx takes as hotwords: phrases with slashes between; None for none."""
        if not model.loaded.hotwords:
            return None
        phrases = self._phrases.of(request.grammars)
        if model.files.capitals:
            phrases = tuple(phrase.upper() for phrase in phrases)
        # One that the model cannot write would be a complaint in the log for every utterance.
        written = set("".join(model.files.symbols)) | {" "}
        return "/".join(phrase for phrase in phrases if written.issuperset(phrase)) or None


def _hear_whole(loaded: Loaded, audio: NDArray[np.float32], hotwords: str | None) -> _Heard:
    stream = loaded.recogniser.create_stream(hotwords)
    stream.accept_waveform(MODEL_RATE, audio)
    loaded.recogniser.decode_stream(stream)
    return _Heard(stream.result.text, tuple(stream.result.ys_log_probs))


def _hear_streaming(loaded: Loaded, audio: NDArray[np.float32], hotwords: str | None) -> _Heard:
    """All of an utterance through a model that could take it piece by piece."""
    recogniser = loaded.recogniser
    stream = recogniser.create_stream(hotwords)
    stream.accept_waveform(MODEL_RATE, np.pad(audio, (0, TAIL_SAMPLES)))
    stream.input_finished()
    while recogniser.is_ready(stream):
        recogniser.decode_stream(stream)
    result = recogniser.get_result_all(stream)
    return _Heard(result.text, tuple(result.ys_probs))


def _hypotheses(heard: _Heard, capitals: bool) -> tuple[Hypothesis, ...]:
    words = normalise(heard.text) if capitals else words_of(heard.text.encode())
    if not words:
        return ()
    return (
        Hypothesis(
            transcript=words,
            confidence=heard.confidence,
            log_probability=sum(heard.log_probabilities),
            tokens=len(heard.log_probabilities) + 1,
        ),
    )
