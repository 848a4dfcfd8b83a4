"""Vosk models (Kaldi) that an operator names, each for one language.

Owns a model's folder, its two searches and what becomes of their scores. Must not know our own models or their decoder.

Theory of operation
 1. Vosk takes a list of phrases in place of a grammar, on models whose graph is composed while decoding. Beside that
    search runs one with the model's own language model, as in `h2b.asr.decoding`: callers wrap their answers.
 2. A search held to a list is sure of itself whatever is said, and says so: its word confidences are 1.0 in the middle
    of other speech. So confidence is made of two likelihoods: how far an alternative is ahead of the others of its
    search, and how far the list's search lies behind the free one. Both searches score the same audio.
 3. Words outside the list come as the model's word for unknown speech, where it has one.
 4. The recogniser of the free search is kept: what it composed of the graph makes the next utterance several times
    cheaper. It begins each utterance anew after `FinalResult`, so nothing of one caller reaches another.
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

import soxr
from attrs import define, frozen

from h2b.asr.backends.folders import model_name, refusal, require_package
from h2b.asr.base import Samples, UtteranceRequest
from h2b.asr.phrases import PhraseLists
from h2b.grammar.registry import primary_subtag
from h2b.language import normalise
from h2b.model.errors import EngineError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, Path, Recognised

KEY = "asr.vosk"
USUAL_RATE = 16000
"""Of a model whose conf/mfcc.conf names none (Kaldi's default)."""
ALTERNATIVES = 5
"""Asked of each search at least: confidence is a share among them."""
UNKNOWN = "[unk]"

HELD_BIAS = 2.5
HELD_GAP = -0.35
"""Of the logistic that turns nats behind the free search into a confidence: 0.92 at none, 0.5 at seven, 0.06 at
fifteen. Set by hand, after what Moonshine's gaps are: models differ, and none was there to fit it on."""

_LAYOUTS = (("am/final.mdl", "conf/mfcc.conf", "graph"), ("final.mdl", "mfcc.conf", "."))
"""Acoustic model, features and folder of the graph: of today's models, and of those before 2020."""
_NOISE = re.compile(r"[\[<][A-Za-z_]+[\]>]")
"""What models write for sounds that are no words: "[noise]", "<unk>"."""
_RATE = re.compile(r"^\s*--sample-frequency\s*=\s*([0-9]+)", re.MULTILINE)


@frozen
class Files:
    """What a model's folder says before anything is loaded."""

    features: FilePath
    composes: bool
    """Whether the graph is composed while decoding, so that a list of phrases can replace the language model."""

    @property
    def rate(self) -> int:
        """Samples a second the model was trained on."""
        named = _RATE.search(self.features.read_text(encoding="utf-8", errors="replace"))
        return int(named[1]) if named else USUAL_RATE


def locate(folder: FilePath) -> Files:
    """The files of a model, looked for and not opened.

    Raises:
        EngineError: Vosk is not installed, or this is no folder of a model. One line.
    """
    require_package("vosk", "vosk")
    for acoustic, features, graph in _LAYOUTS:
        if not (folder / acoustic).is_file():
            continue
        expected = f"a Vosk model with {acoustic}, {features} and a graph"
        if not (folder / features).is_file():
            raise refusal(KEY, folder, features, expected)
        composes = all((folder / graph / name).is_file() for name in ("HCLr.fst", "Gr.fst"))
        if not composes and not (folder / graph / "HCLG.fst").is_file():
            raise refusal(KEY, folder, f"HCLr.fst and Gr.fst, nor HCLG.fst, in {graph}", expected)
        return Files(folder / features, composes)
    raise refusal(KEY, folder, "am/final.mdl", "an unpacked Vosk model")


@define
class _Loaded:
    name: str
    model: Any
    rate: int
    composes: bool
    unknown: tuple[str, ...]
    """The word for unknown speech, if the model has it."""
    free: Any = None
    """The recogniser of the free search, once there is one."""

    def knows(self, phrase: str) -> bool:
        return all(self.model.vosk_model_find_word(word) >= 0 for word in phrase.split())


class VoskEngine:
    """An `Engine` of the models in these folders, by language."""

    def __init__(self, folders: Mapping[str, FilePath], report: Callable[[str], None]) -> None:
        """Loads all of them. Raises EngineError."""
        self.languages = tuple(folders)
        self._phrases = PhraseLists()
        self._models = {code: _load(folder, report) for code, folder in folders.items()}

    def prepare(self, request: UtteranceRequest) -> None:
        """Make the list of phrases."""
        self._list(request)

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        """Hypotheses of the list of phrases, then of the model's own words.

        Raises:
            EngineError: no model of the request's language, or Vosk cannot take the audio.
        """
        began = time.process_time()
        loaded = self._model(request)
        audio = samples if loaded.rate == SAMPLE_RATE else soxr.resample(samples, SAMPLE_RATE, loaded.rate)
        wanted = max(ALTERNATIVES, request.n_best)
        phrases = self._list(request)
        free = _search(loaded, audio, "", wanted)
        held = _search(loaded, audio, phrases, wanted) if phrases else []
        return Recognised(
            hypotheses=tuple(_hypotheses(free, held, request.n_best)),
            asr_model=loaded.name,
            cpu_seconds=time.process_time() - began,
        )

    def _model(self, request: UtteranceRequest) -> _Loaded:
        loaded = self._models.get(primary_subtag(request.language))
        if loaded is None:
            expected = ", ".join(self.languages)
            raise EngineError(f"no model for language '{request.language}': expected one of {expected}")
        return loaded

    def _list(self, request: UtteranceRequest) -> str:
        """What Vosk takes as a grammar; empty for none."""
        loaded = self._model(request)
        if not loaded.composes:
            return ""
        known = [phrase for phrase in self._phrases.of(request.grammars) if loaded.knows(phrase)]
        return json.dumps([*known, *loaded.unknown], ensure_ascii=False) if known else ""


def _load(folder: FilePath, report: Callable[[str], None]) -> _Loaded:
    files = locate(folder)
    import vosk

    # Kaldi's log tells every file it opens; its warnings and errors still come.
    vosk.SetLogLevel(-1)
    report(f"loading the Vosk model {folder}")
    try:
        model = vosk.Model(str(folder))
    except Exception as error:
        raise EngineError(f"{KEY}: {folder} cannot be loaded by Vosk: {error}") from error
    unknown = (UNKNOWN,) if model.vosk_model_find_word(UNKNOWN) >= 0 else ()
    return _Loaded(model_name(folder), model, files.rate, files.composes, unknown)


@frozen
class _Heard:
    """One alternative of a search."""

    words: tuple[str, ...]
    log_likelihood: float
    share: float
    """Of the probability of all alternatives of the search, 0..1."""

    @property
    def transcript(self) -> str:
        return normalise(" ".join(word for word in self.words if not _NOISE.fullmatch(word)))

    @property
    def known(self) -> float:
        """The share of words that are words, 0..1."""
        return sum(not _NOISE.fullmatch(word) for word in self.words) / max(1, len(self.words))


def _search(loaded: _Loaded, audio: Samples, phrases: str, wanted: int) -> list[_Heard]:
    """The whole utterance at once: Vosk's own endpointer then has nowhere to cut it. Best first."""
    import vosk

    kept, loaded.free = loaded.free, None
    try:
        if phrases:
            recogniser = vosk.KaldiRecognizer(loaded.model, float(loaded.rate), phrases)
        else:
            recogniser = kept or vosk.KaldiRecognizer(loaded.model, float(loaded.rate))
        recogniser.SetMaxAlternatives(wanted)
        recogniser.AcceptWaveform(audio.tobytes())
        answer = json.loads(recogniser.FinalResult())
    except Exception as error:
        # The package raises no class of its own. What failed is not used again.
        raise EngineError(f"the Vosk model {loaded.name} cannot take the utterance: {error}") from error
    loaded.free = kept if phrases else recogniser
    alternatives = [(str(one["text"]), float(one["confidence"])) for one in answer.get("alternatives", ())]
    return list(_shared_out(alternatives))


def _shared_out(alternatives: Sequence[tuple[str, float]]) -> Iterator[_Heard]:
    """Alternatives with equal words as one, each with its share: `confidence` of Vosk's is a log-likelihood."""
    if not alternatives:
        return
    likeliest = max(score for _, score in alternatives)
    ahead: dict[str, float] = {}
    for text, score in alternatives:
        ahead[text] = ahead.get(text, 0.0) + math.exp(score - likeliest)
    total = sum(ahead.values())
    for text, odds in sorted(ahead.items(), key=lambda item: -item[1]):
        yield _Heard(tuple(text.split()), likeliest + math.log(odds), odds / total)


def _hypotheses(free: Sequence[_Heard], held: Sequence[_Heard], n_best: int) -> Iterator[Hypothesis]:
    likeliest = free[0].log_likelihood if free else 0.0
    for path, alternatives in ((Path.GRAMMAR, held), (Path.FREE, free)):
        spoken = (heard for heard in alternatives if heard.transcript)
        for heard in islice(spoken, n_best):
            behind = likeliest - heard.log_likelihood if path is Path.GRAMMAR else 0.0
            yield Hypothesis(
                transcript=heard.transcript,
                confidence=heard.share * (heard.known * _in_grammar(behind) if path is Path.GRAMMAR else 1.0),
                path=path,
                log_probability=heard.log_likelihood,
                tokens=len(heard.words) + 1,
            )


def _in_grammar(behind_nats: float) -> float:
    """How likely it is that what was said is in the list at all."""
    return 1 / (1 + math.exp(-(HELD_BIAS + HELD_GAP * min(100.0, max(0.0, behind_nats)))))
