"""A recogniser that answers from a script: for our tests and for those of people who build on h2b.

Owns no audio and no engine. It runs in the caller's own loop without threads or processes: a virtual clock stays
exact. Answers come either when the test says so,

    recogniser = ScriptedRecogniser(["oui", EngineError("no engine today")])
    ...
    recogniser.release()          # answers the oldest decode that waits

or by themselves, after a delay on trio's clock:

    async with open_scripted(["oui"], delay_s=0.3) as recogniser:
        ...
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import trio
from attrs import define, field

from h2b.asr.background import background_tasks
from h2b.asr.base import Answer, Samples, UtteranceRequest
from h2b.model.errors import EngineError
from h2b.model.formats import seconds_to_samples
from h2b.model.results import Hypothesis, Recognised
from h2b.protocol.recognition import MAXIMUM_UTTERANCE_S

SCRIPTED_MODEL = "scripted"
ALL_LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "", "fr": "", "es": "", "de": ""})

Line: TypeAlias = str | Hypothesis | Sequence[Hypothesis] | Recognised | EngineError
"""What is heard: a transcript (with confidence 0.9), one or more hypotheses, a whole answer, or a failure."""

Script: TypeAlias = Sequence[Line] | Mapping[int, Line] | Callable[[UtteranceRequest, Samples], Line]
"""A sequence answers the utterances in the order in which they are first decoded; a mapping goes by the number of the
utterance, counted from 1 as they were opened; a callable sees the request and all that was fed."""


@define(eq=False)
class ScriptedUtterance:
    """One utterance, open to the eyes of a test."""

    number: int
    """Counted from 1 in the order of `listen`."""
    request: UtteranceRequest
    chunks: list[Samples] = field(factory=list)
    decodes: list[int] = field(factory=list)
    """Every generation asked for."""
    cancelled: bool = False
    _wanted: int | None = None
    _answer: Answer | None = None
    _when_asked: Callable[["ScriptedUtterance"], None] | None = None

    @property
    def samples(self) -> Samples:
        """All that was fed."""
        return np.concatenate([np.empty(0, np.int16), *self.chunks])

    @property
    def waits(self) -> bool:
        """Whether a decode of it is still to be answered."""
        return self._wanted is not None

    def feed(self, samples: Samples) -> None:
        """Add speech. Raises OverflowError beyond what a real engine takes."""
        fed = sum(map(len, self.chunks)) + len(samples)
        if fed > seconds_to_samples(MAXIMUM_UTTERANCE_S + 5.0):
            raise OverflowError(f"an utterance of {fed} samples")
        if not self.cancelled:
            self.chunks.append(samples)

    def decode(self, generation: int) -> None:
        """Ask for what the script says."""
        self.decodes.append(generation)
        if not self.cancelled and self._when_asked is not None:
            self._wanted = generation
            self._when_asked(self)

    def cancel(self) -> None:
        """Forget the utterance."""
        self.cancelled = True
        self._wanted = None

    def answer(self, outcome: Recognised | EngineError) -> None:
        """Answer the decode that waits."""
        generation, self._wanted = self._wanted, None
        if generation is not None and self._answer is not None:
            self._answer(generation, outcome)


class ScriptedRecogniser:
    """A `Recogniser` whose answers were written beforehand.

    `utterances` holds every utterance ever opened; `waiting` those with a decode to answer, the oldest first. A script
    that has no line for an utterance answers it with EngineError.
    """

    def __init__(self, script: Script = (), languages: Mapping[str, str] = ALL_LANGUAGES) -> None:
        self.languages = languages
        self.utterances: list[ScriptedUtterance] = []
        self.when_asked: Callable[[ScriptedUtterance], None] = lambda utterance: None
        """Called at each decode, inside it: a hook for other ways of timing. It must not answer at once."""
        self._script = script
        self._turns: dict[int, int] = {}
        self._asked: deque[ScriptedUtterance] = deque()

    @property
    def waiting(self) -> list[ScriptedUtterance]:
        """Utterances whose decode is not answered, in the order in which they were asked for."""
        return [utterance for utterance in self._asked if utterance.waits]

    def listen(self, request: UtteranceRequest, answer: Answer) -> ScriptedUtterance:
        """Open an utterance."""
        utterance = ScriptedUtterance(len(self.utterances) + 1, request, answer=answer, when_asked=self._note)
        self.utterances.append(utterance)
        return utterance

    def release(self, count: int = 1) -> None:
        """Answer so many of the decodes that wait, the oldest first.

        Raises:
            IndexError: fewer are waiting; those were answered.
        """
        for _ in range(count):
            self.answer(self.waiting[0])

    def answer(self, utterance: ScriptedUtterance) -> None:
        """Answer this utterance, if a decode of it waits."""
        if utterance in self._asked:
            self._asked.remove(utterance)
        if utterance.waits:
            utterance.answer(self._outcome(utterance))

    def _note(self, utterance: ScriptedUtterance) -> None:
        if utterance in self._asked:
            self._asked.remove(utterance)
        self._asked.append(utterance)
        self._turns.setdefault(utterance.number, len(self._turns))
        self.when_asked(utterance)

    def _outcome(self, utterance: ScriptedUtterance) -> Recognised | EngineError:
        try:
            return _as_outcome(self._line(utterance))
        except LookupError:
            return EngineError(f"the script has no line for utterance {utterance.number}")

    def _line(self, utterance: ScriptedUtterance) -> Line:
        script = self._script
        if callable(script):
            return script(utterance.request, utterance.samples)
        if isinstance(script, Mapping):
            return script[utterance.number]
        return script[self._turns[utterance.number]]


def _as_outcome(line: Line) -> Recognised | EngineError:
    if isinstance(line, Recognised | EngineError):
        return line
    if isinstance(line, str):
        line = Hypothesis(transcript=line, confidence=0.9)
    hypotheses = (line,) if isinstance(line, Hypothesis) else tuple(line)
    return Recognised(hypotheses=hypotheses, asr_model=SCRIPTED_MODEL)


@asynccontextmanager
async def open_scripted(
    script: Script = (), *, delay_s: float = 0.0, languages: Mapping[str, str] = ALL_LANGUAGES
) -> AsyncIterator[ScriptedRecogniser]:
    """A scripted recogniser that answers each decode `delay_s` after it, on trio's clock."""
    async with background_tasks() as nursery:
        recogniser = ScriptedRecogniser(script, languages)

        async def answer_later(utterance: ScriptedUtterance, generation: int) -> None:
            await trio.sleep(delay_s)
            if utterance.decodes[-1] == generation:
                recogniser.answer(utterance)

        recogniser.when_asked = lambda utterance: nursery.start_soon(answer_later, utterance, utterance.decodes[-1])
        yield recogniser
