"""An engine for the pool's tests: the first sample of an utterance says what happens to it."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from h2b.asr.base import Samples, UtteranceRequest
from h2b.model.errors import EngineError
from h2b.model.results import Hypothesis, Recognised


class Fate(IntEnum):
    """Values of the first sample."""

    LENGTH = 0
    """Heard: how many samples there are."""
    PROCESS = 1
    """Heard: process id, nice value, threads allowed, and whether SIGINT and SIGTERM are ignored."""
    PREPARED = 2
    """Heard: how many requests this process has prepared."""
    ENGINE_ERROR = 3
    BUG = 4
    NOT_JSON = 5
    EXIT = 6
    KILL = 7
    BUSY = 8
    """Uses a whole core for BUSY_S."""
    GATE = 9
    """Waits until the test opens the named pipe H2B_TEST_GATE for writing and closes it."""


BUSY_S = 5.0


class FakeEngine:
    languages = ("en", "fr")

    def __init__(self) -> None:
        self.prepared = 0

    def prepare(self, request: UtteranceRequest) -> None:
        self.prepared += 1
        if request.language == "xx":
            raise LookupError("xx")

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        fate = Fate(int(samples[0])) if len(samples) and 0 <= samples[0] <= max(Fate) else Fate.LENGTH
        heard = getattr(self, f"_{fate.name.lower()}")(samples)
        return Recognised(hypotheses=(Hypothesis(transcript=heard, confidence=0.9),), asr_model="fake")

    def _length(self, samples: Samples) -> str:
        return str(len(samples))

    def _process(self, samples: Samples) -> str:
        ignored = [signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)]
        return f"{os.getpid()} {os.nice(0)} {os.environ['OMP_NUM_THREADS']} {all(ignored)}"

    def _prepared(self, samples: Samples) -> str:
        return str(self.prepared)

    def _engine_error(self, samples: Samples) -> str:
        raise EngineError("the model is tired")

    def _bug(self, samples: Samples) -> str:
        raise ValueError("two\nlines")

    def _not_json(self, samples: Samples) -> str:
        return samples  # type: ignore[return-value]  # an engine that breaks the contract

    def _exit(self, samples: Samples) -> str:
        os._exit(3)

    def _kill(self, samples: Samples) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "unreachable"

    def _busy(self, samples: Samples) -> str:
        end = time.monotonic() + BUSY_S
        while time.monotonic() < end:
            pass
        return "busy"

    def _gate(self, samples: Samples) -> str:
        with open(os.environ["H2B_TEST_GATE"], "rb") as gate:
            gate.read()
        return "through the gate"


def load(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    report("converting weights")
    return FakeEngine()


def refuse(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    raise EngineError("weights are missing:\n  install them")


def break_down(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    raise RuntimeError("no such thing")


def vanish(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    os._exit(7)


def hang(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    signal.pause()
    raise AssertionError


def load_once(options: Mapping[str, Any], report: Callable[[str], None]) -> FakeEngine:
    """Loads where no process has loaded before: the file H2B_TEST_LOADED tells."""
    with open(os.environ["H2B_TEST_LOADED"], "x"):
        return FakeEngine()
