"""Callers at a call's real pace, and how long each waited for its result.

Owns pacing and the measure of a delay. Must not know servers; wires are known to a `Caller` alone.

Theory of operation
 1. A line streams without end, a chunk at a time, each when its last sample would have been spoken. What is said next
    begins with the next chunk; between words the line is quiet.
 2. Time is told on the line: a sample was spoken at the beginning of the line plus its place in it. No clock but the
    caller's own is asked, so a server may be anywhere.
 3. Where speech ends is heard beforehand, by the ear of the server. The silence that a complete answer asks for begins
    there; what a result comes later than its end is the added delay.
 4. A part of that delay is the caller's: a server hears the end of the silence with the chunk it is in. The delay
    without it counts from when that chunk was due.
 5. A chunk that leaves late says that the caller's machine is too slow: the measure is then of the caller.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import numpy as np
import trio
from attrs import define, field, frozen
from numpy.typing import NDArray

from h2b.asr.base import Samples
from h2b.audio.endpoint import Endpointer, SpeechPaused
from h2b.audio.framing import Framer, encode_samples
from h2b.audio.vad import VoiceActivity
from h2b.cli.client import Client, connect
from h2b.model.causes import CompletionCause
from h2b.model.errors import H2BError
from h2b.model.formats import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, AudioFormat
from h2b.model.messages import Close, Open, Recognize
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.wire.vocabulary import JSON

SILENCE_S = Parameters().speech_complete_timeout / 1000
"""Silence after a complete answer, as every recognition here asks for it."""
PATIENCE_S = 30.0
"""Longest wait for a result after the last word. Then it is lost."""
LOST = "lost"
"""In the place of a cause: no result came."""
TAIL_FRAMES = 50
EARLY_S = 0.005
"""A result that comes this much before its silence is over is still its result: clocks are read twice."""


@frozen(eq=False, kw_only=True)
class Recording:
    """What a caller says, and which grammar asks for it."""

    name: str
    language: str
    grammar: str
    samples: Samples
    pauses: tuple[int, ...]
    """Samples after which it is quiet: the ends of its phrases, the last one included."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@frozen(kw_only=True)
class Completion:
    """The end of a recognition as a caller sees it. `at` is a time of trio's clock."""

    cause: str
    at: float
    engine: str = ""
    matched: bool = False
    """Whether it is the complete answer that the measured silence belongs to."""


class Caller(Protocol):
    """One call over some wire, from its set-up to its end. Raises H2BError when the call breaks off."""

    async def recognize(self, recording: Recording) -> None:
        """Ask for a recognition, without a timer for the silence before speech, and wait until it is in progress."""
        ...

    async def send(self, samples: Samples) -> None:
        """Stream one chunk of 8 kHz samples. Called when it is due; must not wait for anything but the network."""
        ...

    async def completion(self) -> Completion:
        """Wait for the end of the recognition."""
        ...


Dial = Callable[[], AbstractAsyncContextManager[Caller]]
"""Places a call that lasts as long as the block."""


@frozen(kw_only=True)
class Turn:
    """One recognition of one call. Times in milliseconds."""

    recording: str
    language: str
    cause: str
    engine: str = ""
    added_ms: float | None = None
    """From the end of the silence to the result; None where no complete answer came."""
    server_ms: float | None = None
    """The same, from the chunk that held the end of the silence."""


@define
class Line:
    """The sound of one call, paced."""

    caller: Caller
    chunk: int
    """Samples in a chunk."""
    late_ms: list[float] = field(factory=list)
    """Of each chunk: how much later than due it left."""
    began: float = 0.0
    sent: int = 0
    _words: Samples = field(factory=lambda: np.zeros(0, np.int16))

    def say(self, samples: Samples, after_s: float = 0.0) -> float:
        """Speak after some quiet, in the place of what was still to be said. Gives the time of the first sample.

        The quiet is whole frames long, so that the server cuts the words as `pauses_of` does.
        """
        quiet = np.zeros(round(after_s / FRAME_SECONDS) * FRAME_SAMPLES, np.int16)
        self._words = np.concatenate([quiet, samples])
        return self.time_of(self.sent + len(quiet))

    def hush(self) -> None:
        """Forget what was still to be said."""
        self._words = self._words[:0]

    def time_of(self, position: int) -> float:
        """When the sample at a place of the line was spoken."""
        return self.began + position / SAMPLE_RATE

    def due(self, at: float) -> float:
        """When the chunk was due that holds what was spoken at a time."""
        chunks = -(-round((at - self.began) * SAMPLE_RATE) // self.chunk)
        return self.time_of(chunks * self.chunk)

    async def stream(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stream until the call ends."""
        self.began = trio.current_time()
        task_status.started()
        while True:
            due = self.time_of(self.sent + self.chunk)
            await trio.sleep_until(due)
            self.late_ms.append((trio.current_time() - due) * 1000)
            words, self._words = self._words[: self.chunk], self._words[self.chunk :]
            self.sent += self.chunk
            try:
                await self.caller.send(np.concatenate([words, np.zeros(self.chunk - len(words), np.int16)]))
            except H2BError:
                # Who waits for the result meets the same end and tells it.
                return


async def take_turn(line: Line, recording: Recording, quiet_s: float) -> Turn:
    """One recognition: quiet, the recording, and quiet until the result."""
    try:
        await line.caller.recognize(recording)
        start = line.say(recording.samples, quiet_s)
        with trio.move_on_at(start + recording.seconds + PATIENCE_S):
            ended = await line.caller.completion()
            line.hush()
            return judged(line, recording, start, ended)
    except H2BError as error:
        return Turn(recording=recording.name, language=recording.language, cause=f"{LOST}: {error}")
    return Turn(recording=recording.name, language=recording.language, cause=f"{LOST}: no result")


@asynccontextmanager
async def on_the_line(dial: Dial, chunk: int) -> AsyncIterator[Line]:
    """A call whose sound is streamed as long as the block. Raises H2BError when it cannot be placed."""
    async with dial() as caller, trio.open_nursery() as nursery:
        line = Line(caller, chunk)
        await nursery.start(line.stream)
        yield line
        nursery.cancel_scope.cancel()


def judged(line: Line, recording: Recording, start: float, ended: Completion) -> Turn:
    """What came of a recording whose first sample was spoken at `start`."""
    added_ms = server_ms = None
    if ended.matched and recording.pauses:
        over = [start + pause / SAMPLE_RATE + SILENCE_S for pause in recording.pauses]
        # A caller who pauses too long is answered at the pause: the last silence that was over counts.
        silence_end = max((at for at in over if at <= ended.at + EARLY_S), default=over[-1])
        added_ms = (ended.at - silence_end) * 1000
        server_ms = (ended.at - line.due(silence_end)) * 1000
    return Turn(
        recording=recording.name,
        language=recording.language,
        cause=ended.cause,
        engine=ended.engine,
        added_ms=added_ms,
        server_ms=server_ms,
    )


def pauses_of(samples: NDArray[np.int16]) -> tuple[int, ...]:
    """Where it becomes quiet in a recording, by the ear of the server."""
    activity, endpointer, framer = VoiceActivity(), Endpointer(), Framer(AudioFormat.LINEAR)
    # A line that was quiet before, as it is in a call.
    frames = framer.fill_silence(TAIL_FRAMES) + framer.feed(encode_samples(samples, AudioFormat.LINEAR))
    before = TAIL_FRAMES * FRAME_SAMPLES
    return tuple(
        min(event.end_sample - before, len(samples))
        for frame in frames + framer.fill_silence(TAIL_FRAMES)
        for event in endpointer.push(frame, activity.is_voiced(frame), activity.is_pitched)
        if isinstance(event, SpeechPaused)
    )


# The JSON WebSocket


@define
class WebSocketCaller:
    """A caller on the JSON WebSocket."""

    _client: Client

    async def recognize(self, recording: Recording) -> None:
        """See `Caller`."""
        changes = {
            "speech_language": recording.language,
            "start_input_timers": False,
            "speech_complete_timeout": round(SILENCE_S * 1000),
        }
        answer = await self._client.ask(Recognize, grammars=(recording.grammar,), changes=changes)
        if answer.name is not EventName.RECOGNITION_IN_PROGRESS:
            raise H2BError(f"{JSON.events[answer.name]}: {answer.reason}")

    async def send(self, samples: Samples) -> None:
        """See `Caller`."""
        await self._client.send_audio(samples)

    async def completion(self) -> Completion:
        """See `Caller`."""
        while True:
            event = await self._client.next_event()
            if event.name is EventName.RECOGNITION_COMPLETE:
                at = trio.current_time()
                assert event.cause is not None
                return Completion(
                    cause=JSON.causes[event.cause],
                    at=at,
                    engine=event.result.asr_model if event.result else "",
                    matched=event.cause is CompletionCause.SUCCESS,
                )


@asynccontextmanager
async def dial_websocket(url: str) -> AsyncIterator[Caller]:
    """A call to the server at a WebSocket URL. Raises H2BError when it is refused."""
    try:
        async with connect(url) as client:
            opened = await client.ask(Open)
            if opened.name is not EventName.OPENED:
                raise H2BError(f"{JSON.events[opened.name]}: {opened.reason}")
            yield WebSocketCaller(client)
            with trio.move_on_after(1):
                await client.send(Close)
    except (OSError, trio.BrokenResourceError) as error:
        raise H2BError(f"{url}: {error}") from error
