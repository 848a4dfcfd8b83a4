"""An engine that first tells its process id through the named pipe H2B_TEST_PIPE, then does what the language says."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from h2b.asr.base import Samples, UtteranceRequest
from h2b.model.results import Hypothesis, Recognised

BUSY_S = 5.0


class TellingEngine:
    """French keeps a core busy for BUSY_S; English hears "yes" at once and tells nothing."""

    languages = ("en", "fr")

    def prepare(self, request: UtteranceRequest) -> None:
        pass

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        if request.language == "fr":
            with open(os.environ["H2B_TEST_PIPE"], "w") as pipe:
                pipe.write(str(os.getpid()))
            end = time.monotonic() + BUSY_S
            while time.monotonic() < end:
                pass
        return Recognised(hypotheses=(Hypothesis(transcript="yes", confidence=0.9),), asr_model="telling")


def load(options: Mapping[str, Any], report: Callable[[str], None]) -> TellingEngine:
    return TellingEngine()


def hang(options: Mapping[str, Any], report: Callable[[str], None]) -> TellingEngine:
    with open(os.environ["H2B_TEST_PIPE"], "w") as pipe:
        pipe.write("loading")
    signal.pause()
    raise AssertionError
