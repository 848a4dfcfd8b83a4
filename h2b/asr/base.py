"""The contracts of speech recognition: models, engines, and the pool the server talks to.

Owns no algorithm. Three layers, each replaceable:

`SpeechModel`  turns audio into token scores (Moonshine, Whisper: `h2b.asr.backends`);
`Engine`       turns an utterance into hypotheses, in a worker process (`h2b.asr.decoding` over a model);
`Recogniser`   takes utterances from many sessions and answers later (`h2b.asr.pool`, `h2b.asr.scripted`).

A recogniser MUST
 1. return from every call at once: the caller reads the network;
 2. answer each `decode` exactly once, later, through the `answer` callback and in the caller's own thread,
    unless the utterance was cancelled or a newer `decode` of it came first;
 3. answer with `EngineError` when it cannot answer with hypotheses: silence is never an answer;
 4. let the failure of one utterance (a dead worker, a bad model) touch no other;
 5. drop all it holds of an utterance on `cancel`, and never answer for it again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError
from h2b.model.results import Recognised

Samples: TypeAlias = NDArray[np.int16]
"""8 kHz mono."""

Answer: TypeAlias = Callable[[int, Recognised | EngineError], None]
"""Called with the generation of the `decode` it answers."""


@frozen
class UtteranceRequest:
    """What an engine must know of an utterance before its audio."""

    language: str
    """RFC 5646 tag."""
    grammars: tuple[ActiveGrammar, ...] = ()
    n_best: int = 1


class SpeechModel(Protocol):
    """One speech model under the beam search: tokens and their scores, nothing of grammars.

    V is the number of logit columns. Caches hold one row per beam.
    """

    name: str
    """Becomes `asr_model` on the wire."""
    family: str
    """Which calibration of confidences fits: a key of `h2b.asr.confidence.CALIBRATIONS`."""
    languages: tuple[str, ...]
    """Primary subtags."""
    pieces: Sequence[bytes]
    """UTF-8 bytes token i writes, a space as b" "; b"" where it never writes text. Length V."""
    end_token: int
    tokens_per_second: float
    """Upper bound of sensible output for free decoding."""

    def encode(self, samples: NDArray[np.float32], language: str, constrained: bool) -> Any:
        """The audio of one utterance, mono float32 in -1..1 at 16 kHz, made ready for decoding."""
        ...

    def begin(self, encoding: Any) -> tuple[NDArray[np.float32], Any]:
        """Logits (1, V) of the first text token, and the cache to go on with."""
        ...

    def step(
        self, cache: Any, tokens: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], Any]:
        """Append tokens[i] to row parents[i] of the cache: logits (b, V) and the new cache of b rows."""
        ...


class Engine(Protocol):
    """What runs in a worker process: one utterance at a time, blocking."""

    languages: tuple[str, ...]

    def prepare(self, request: UtteranceRequest) -> None:
        """Compile what the request's grammars need, ahead of the audio."""
        ...

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        """Hypotheses for the whole utterance, best first. Raises EngineError."""
        ...


class Utterance(Protocol):
    """One utterance with a recogniser, from `listen` to `cancel`."""

    def feed(self, samples: Samples) -> None:
        """Add speech. Raises OverflowError beyond the longest utterance an engine takes."""
        ...

    def decode(self, generation: int) -> None:
        """Ask for hypotheses of all that was fed; older generations still in work become stale."""
        ...

    def cancel(self) -> None:
        """Forget the utterance. Safe to call again."""
        ...


class Recogniser(Protocol):
    """Takes utterances and answers later."""

    @property
    def languages(self) -> Mapping[str, str]:
        """Primary subtag -> "" where it can be recognised, else why not and what to install."""
        ...

    def listen(self, request: UtteranceRequest, answer: Answer) -> Utterance:
        """Open an utterance."""
        ...
