"""The command line in one process, with an engine that says what it is told."""

from collections.abc import Callable

import numpy as np
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from h2b.asr.base import Samples, UtteranceRequest
from h2b.cli.main import main
from h2b.model.errors import EngineError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, Recognised

DIGITS = "builtin:speech/spelling/digits?length=4"


class TellingEngine:
    """Answers with what `tell` makes of the seconds of speech it is given."""

    languages = ("en",)

    def __init__(self, tell: Callable[[float], str | EngineError]) -> None:
        self._tell = tell
        self.requests: list[UtteranceRequest] = []

    def prepare(self, request: UtteranceRequest) -> None:
        """Nothing to compile."""

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        self.requests.append(request)
        told = self._tell(len(samples) / SAMPLE_RATE)
        if isinstance(told, EngineError):
            raise told
        return Recognised(hypotheses=(Hypothesis(transcript=told, confidence=0.9),), asr_model="telling")


def telling(*answers: str | EngineError) -> TellingEngine:
    """An engine that gives these answers one after the other, and the last one ever after."""
    left = list(answers)
    return TellingEngine(lambda seconds: left.pop(0) if len(left) > 1 else left[0])


def sound(octets: bytes) -> NDArray[np.int16]:
    return np.frombuffer(octets, "<i2").astype(np.int16)


def run(*arguments: str) -> Result:
    """`h2b ARGUMENTS`. An error nobody expected is raised rather than shown."""
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
