"""h2b's own engine, as a worker of the server runs it: with the grammar that is asked for, or for free words.

The options have `languages`, `configuration`, a file or null, and `grammars`: false for free words.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2b.asr.base import UtteranceRequest
from h2b.asr.engines import load_engine
from h2b.configfile import load_configuration
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.model.results import MatchClass

PACKAGES = ("h2b", "onnxruntime")
FREE_WORDS = "builtin:speech/transcribe"


class Own:
    """An engine and the grammars."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        configuration = load_configuration(Path(options["configuration"]) if options["configuration"] else None)
        chosen = {**configuration.asr.engine_options(), "languages": options["languages"]}
        self._engine = load_engine(chosen, lambda line: print(line, file=sys.stderr))  # noqa: T201
        folder = configuration.grammars.folder
        self._registry = load_catalogue([Path(folder)] if folder else [])
        self._grammars = bool(options["grammars"])
        self._request = UtteranceRequest("")

    def prepare(self, question: Mapping[str, Any]) -> None:
        """Compile the grammar, as RECOGNIZE has it compiled before anybody speaks."""
        uri = question["grammar"] if self._grammars else FREE_WORDS
        grammar = self._registry.activate(uri, question["language"])
        self._request = UtteranceRequest(question["language"], (grammar,))
        self._engine.prepare(self._request)

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """The words of the result; with a grammar its value too, null unless the grammar is satisfied."""
        recognised = self._engine.recognise(self._request, np.frombuffer(samples, "<i2").astype(np.int16))
        model = recognised.asr_model
        if not self._grammars:
            return {"text": recognised.hypotheses[0].transcript if recognised.hypotheses else "", "model": model}
        verdict = interpret(recognised.hypotheses, self._request.grammars)
        best = verdict.alternatives[0] if verdict.alternatives else None
        found = best.interpretation if best and verdict.match is MatchClass.COMPLETE else None
        value = found.value if found else None
        return {"text": best.hypothesis.transcript if best else "", "value": value, "model": model}


def load(options: Mapping[str, Any]) -> Own:
    """See `answering`."""
    return Own(options)
