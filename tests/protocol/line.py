"""A telephone line for tests of the session machine: audio of tones, time of numbers, answers from a script."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import define, field

from h2b.grammar.catalogue import load_catalogue
from h2b.model.errors import ScriptError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.messages import Close, Event, Open, Recognize, StartInputTimers, Stop
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Hypothesis, Recognised, Value
from h2b.model.usage import RecognitionRecord, SessionRecord
from h2b.protocol.effects import Bill, Cancel, Decode, Effect, Evaluate, Feed, Listen, Send
from h2b.protocol.session import Session, Setting

REGISTRY = load_catalogue()
ENGLISH = Parameters(speech_language="en")


def voice(seconds: float) -> bytes:
    """Something a voice activity detector takes for a voice: a buzz with formants, swelling four times a second."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / (1 + abs(k - 5) / 2) for k in range(1, 20))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    return (buzz * swell * 4000).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


def words(transcript: str, confidence: float = 0.9) -> Recognised:
    return Recognised(hypotheses=(Hypothesis(transcript=transcript, confidence=confidence),), asr_model="script")


@define
class Line:
    """A session, a clock that only this object moves, and an engine that says what it is told."""

    answers: Callable[[float], Recognised | str | None] = lambda seconds: words("one two six")
    """Seconds of audio fed -> answer, or the text of a failure, or None to answer later."""
    parameters: Parameters = ENGLISH
    now: float = 100.0
    events: list[tuple[float, Event]] = field(factory=list)
    records: list[RecognitionRecord] = field(factory=list)
    sessions: list[SessionRecord] = field(factory=list)
    decodes: list[tuple[float, Decode]] = field(factory=list)
    fed: dict[int, float] = field(factory=dict)
    listened: dict[int, Listen] = field(factory=dict)
    cancelled: list[int] = field(factory=list)
    evaluations: list[Evaluate] = field(factory=list)
    """Scripts to run; a test answers them."""
    unanswered: list[Decode] = field(factory=list)
    session: Session = field(init=False)
    setting: dict[str, Any] = field(factory=dict)
    """What differs from the setting of most tests."""
    _requests: int = 0

    def __attrs_post_init__(self) -> None:
        self.session = Session(
            Setting(
                registry=REGISTRY,
                parameters=self.parameters,
                make_channel_id=lambda prefix: f"{prefix}0x1",
                wall_time=lambda: 1_700_000_000.0,
                version="test",
                **self.setting,
            )
        )

    # What the client does

    def command(self, kind: type, **fields: object) -> list[Event]:
        """Send a command; the events it caused at once."""
        self._requests += 1
        before = len(self.events)
        self.perform(self.session.handle(kind(request_id=self._requests, **fields), self.now))
        return [event for _, event in self.events[before:]]

    def open(self, **fields: object) -> Event:
        return self.command(Open, **fields)[0]

    def recognize(self, *grammars: str, **changes: object) -> Event:
        uris = grammars or ("builtin:speech/spelling/digits",)
        return self.command(Recognize, grammars=uris, changes=changes)[0]

    def stop(self) -> Event:
        return self.command(Stop)[-1]

    def close(self) -> Event:
        return self.command(Close)[-1]

    def start_timers(self) -> Event:
        return self.command(StartInputTimers)[0]

    def stream(self, audio: bytes, chunk_ms: int = 60) -> None:
        """Send audio in real time: each chunk when its last sample has been spoken."""
        step = 2 * SAMPLE_RATE * chunk_ms // 1000
        for start in range(0, len(audio), step):
            chunk = audio[start : start + step]
            self.now += len(chunk) / 2 / SAMPLE_RATE
            self.perform(self.session.receive_audio(chunk, self.now))

    def press(self, keys: str, every_s: float = 0.2) -> None:
        """Press keys on a silent line."""
        for key in keys:
            self.stream(silence(every_s), chunk_ms=20)
            self.perform(self.session.receive_key(key, self.now))

    def wait(self, seconds: float) -> None:
        """Send nothing for a while; the machine is woken when it asked to be."""
        until = self.now + seconds
        while self.session.wake_at <= until:
            self.now = max(self.now, self.session.wake_at)
            self.perform(self.session.advance(self.now))
            assert self.session.wake_at > self.now, "the machine asks for the time that is"
        self.now = until

    # What the shell does

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    self.events.append((self.now, event))
                case Bill(SessionRecord() as session):
                    self.sessions.append(session)
                case Bill(RecognitionRecord() as record):
                    self.records.append(record)
                case Listen():
                    self.listened[effect.utterance] = effect
                    self.fed[effect.utterance] = 0.0
                case Feed(utterance, samples):
                    self.fed[utterance] += len(samples) / SAMPLE_RATE
                case Cancel(utterance):
                    self.cancelled.append(utterance)
                case Evaluate():
                    self.evaluations.append(effect)
                case Decode():
                    self.decodes.append((self.now, effect))
                    self.unanswered.append(effect)
        while self.unanswered:
            decode = self.unanswered[-1]
            answer = self.answers(self.fed[decode.utterance])
            if answer is None:
                return
            self.unanswered.clear()
            self.answer(decode, answer)

    def answer(self, decode: Decode, answer: Recognised | str) -> None:
        if isinstance(answer, str):
            self.perform(self.session.failed(decode.utterance, decode.generation, answer))
        else:
            self.perform(self.session.heard(decode.utterance, decode.generation, answer))

    def evaluated(self, evaluate: Evaluate, *results: Value | ScriptError) -> None:
        self.perform(self.session.evaluated(evaluate.utterance, evaluate.generation, results))

    # What the tests ask

    def names(self) -> list[EventName]:
        return [event.name for _, event in self.events]

    @property
    def completion(self) -> Event:
        """The only RECOGNITION-COMPLETE so far."""
        (event,) = [event for _, event in self.events if event.name is EventName.RECOGNITION_COMPLETE]
        return event

    def time_of(self, name: EventName) -> float:
        """When the only event of this name was sent."""
        (at,) = [at for at, event in self.events if event.name is name]
        return at
