"""How the pools' tests ask: utterances of the fake engine, and the gate that holds it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import trio

from h2b.asr.base import UtteranceRequest
from h2b.asr.pool import Pool, PoolUtterance
from h2b.model.errors import EngineError
from h2b.model.results import Recognised

REQUEST = UtteranceRequest("en")


class Asked:
    """A decode and its answers."""

    def __init__(self, pool: Pool, fate: int, length: int = 160, request: UtteranceRequest = REQUEST) -> None:
        self.answers: list[tuple[int, Recognised | EngineError]] = []
        self._answered = trio.Event()
        self.utterance: PoolUtterance = pool.listen(request, self._take)
        self.utterance.feed(np.array([fate, *[0] * (length - 1)], np.int16))
        self.utterance.decode(1)

    def _take(self, generation: int, answer: Recognised | EngineError) -> None:
        self.answers.append((generation, answer))
        self._answered.set()

    def again(self, generation: int) -> None:
        """Decode once more."""
        self.answers.clear()
        self._answered = trio.Event()
        self.utterance.decode(generation)

    async def answer(self) -> Recognised | EngineError:
        await self._answered.wait()
        assert len(self.answers) == 1
        return self.answers[0][1]

    async def transcript(self) -> str:
        answer = await self.answer()
        assert isinstance(answer, Recognised), answer
        return answer.hypotheses[0].transcript

    async def error(self) -> str:
        answer = await self.answer()
        assert isinstance(answer, EngineError), answer
        return str(answer)


@contextmanager
def the_engine_held_at(gate: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(gate)


async def when_reached(gate: Path) -> int:
    """Wait until the engine stands at the gate; closing the descriptor lets it through."""
    return await trio.to_thread.run_sync(os.open, gate, os.O_WRONLY, abandon_on_cancel=True)


def pid_of(transcript: str) -> int:
    return int(transcript.split()[0])
