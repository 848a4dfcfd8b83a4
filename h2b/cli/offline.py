"""A recording through the real session machine, as fast as the engine can: what happened, and when in the recording.

Owns the shell that performs the session's effects in one process, on the clock of the audio. Must not know files,
terminals or pictures. The caller is quiet after the recording and stays on the line, as callers do.

Theory of operation
 1. Audio goes in frame by frame, and each effect is performed before the next frame: an effect's place in the audio is
    the end of the frame that caused it. Chunking changes no answer, so neither does this one.
 2. Decoding happens at once and takes no time of the call; what it took of the processor's is written down, which is
    what it takes on a free core: engines have one thread.
 3. Timers are the session's own. Which one ended the recognition is read off afterwards, from the same positions the
    session decides by.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray

from h2b.asr.base import Engine, UtteranceRequest
from h2b.audio.endpoint import SpeechAudio, SpeechPaused, SpeechResumed, SpeechStarted
from h2b.audio.framing import encode_samples
from h2b.cli.scripts import run_programs
from h2b.cli.terminal import SILENCES
from h2b.grammar.interpret import Verdict, interpret
from h2b.model.causes import CompletionCause
from h2b.model.errors import EngineError, H2BError
from h2b.model.formats import FRAME_SAMPLES, SAMPLE_RATE, AudioFormat
from h2b.model.messages import Command, Event, Open, Recognize
from h2b.model.names import EventName
from h2b.model.params import Parameters, ParameterValue, RecognitionMode
from h2b.model.results import MatchClass
from h2b.protocol.effects import Cancel, Decode, Effect, Evaluate, Feed, Listen, Send
from h2b.protocol.recognition import MAXIMUM_UTTERANCE_S
from h2b.protocol.session import Session, Setting, Trace

MAXTIME = (
    CompletionCause.SUCCESS_MAXTIME,
    CompletionCause.PARTIAL_MATCH_MAXTIME,
    CompletionCause.NO_MATCH_MAXTIME,
    CompletionCause.HOTWORD_MAXTIME,
)

Endpoint = SpeechStarted | SpeechPaused | SpeechResumed


class RecognitionRefused(H2BError):
    """The session answered RECOGNIZE with an error event."""


@frozen(kw_only=True)
class Decoding:
    """One hypothesis asked for. Positions are seconds in the recording."""

    position: float
    utterance: int
    fed_seconds: float
    """Speech it was made of."""
    spent_seconds: float
    """Time of the processor it took."""
    verdict: Verdict | None
    """What the grammars made of it; None when the engine failed."""
    failure: str = ""

    @property
    def ready(self) -> float:
        """Position at which its answer is there in a call, with a core to itself."""
        return self.position + self.spent_seconds


@frozen(kw_only=True)
class TimerRun:
    """One timer from its start to its end. Positions are seconds in the recording."""

    name: str
    limit_ms: int
    start: float
    end: float
    fired: bool
    """False when something else happened first."""


@define(kw_only=True)
class Account:
    """All that happened in one recognition. Positions are seconds in the recording; it begins with RECOGNIZE."""

    samples: NDArray[np.int16]
    """The recording, 8 kHz."""
    parameters: Parameters
    """Those of the request."""
    grammars: tuple[str, ...]
    position: float = 0.0
    """How far the session listened."""
    votes: list[bool] = field(factory=list)
    """Of each frame."""
    endpoints: list[Endpoint] = field(factory=list)
    decodings: list[Decoding] = field(factory=list)
    forgotten: list[tuple[float, int]] = field(factory=list)
    """Where utterances were given up, or over."""
    events: list[tuple[float, Event]] = field(factory=list)

    @property
    def completion(self) -> Event:
        """The RECOGNITION-COMPLETE."""
        return next(event for _, event in self.events if event.name is EventName.RECOGNITION_COMPLETE)

    @property
    def cause(self) -> CompletionCause:
        cause = self.completion.cause
        assert cause is not None
        return cause

    @property
    def timers(self) -> list[TimerRun]:
        """Every timer that ran, in order of its start; at most one fired."""
        found = [*_no_input_timers(self), *_silence_timers(self), *_caps(self)]
        return sorted(found, key=lambda timer: timer.start)

    @property
    def fired(self) -> TimerRun | None:
        """The timer that ended the recognition; None when an error did."""
        return next((timer for timer in self.timers if timer.fired and timer.end == self.position), None)

    @property
    def decisive(self) -> Decoding | None:
        """The decoding whose answer a timer of silence waited with; None where no such timer ended it."""
        fired = self.fired
        if fired is None or fired.name not in SILENCES.values():
            return None
        return next((decoding for decoding in reversed(self.decodings) if decoding.position > fired.start), None)

    @property
    def spare_seconds(self) -> float | None:
        """How long the result was there before its timer fired; below zero, how long the caller waited for it."""
        return None if self.decisive is None else self.position - self.decisive.ready


@define
class _Call:
    """The shell around one session."""

    account: Account
    engine: Engine
    session: Session = field(init=False)
    _requests: dict[int, Listen] = field(factory=dict)
    _speech: dict[int, list[NDArray[np.int16]]] = field(factory=dict)

    def trace(self, trace: Trace) -> None:
        self.account.position = trace.position
        self.account.votes.append(trace.voiced)
        self.account.endpoints += [event for event in trace.events if not isinstance(event, SpeechAudio)]

    def command(self, command: Command) -> None:
        self.perform(self.session.handle(command, 0.0))
        _, answer = self.account.events[-1]
        if answer.name not in (EventName.OPENED, EventName.RECOGNITION_IN_PROGRESS):
            raise RecognitionRefused(answer.reason)

    def hear(self, octets: bytes, now: float) -> None:
        self.perform(self.session.receive_audio(octets, now))

    @property
    def over(self) -> bool:
        return self.account.events[-1][1].name is EventName.RECOGNITION_COMPLETE

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(Event() as event):
                    self.account.events.append((self.account.position, event))
                case Listen():
                    self._requests[effect.utterance] = effect
                    self._speech[effect.utterance] = []
                    # As a worker does, which has the time until somebody speaks.
                    self.engine.prepare(UtteranceRequest(effect.language, effect.grammars, effect.n_best))
                case Feed(utterance, samples):
                    self._speech[utterance].append(samples)
                case Cancel(utterance):
                    self.account.forgotten.append((self.account.position, utterance))
                    self._speech.pop(utterance, None)
                case Decode():
                    self.perform(self._decode(effect))
                case Evaluate(utterance, generation, programs):
                    self.perform(self.session.evaluated(utterance, generation, run_programs(programs)))

    def _decode(self, decode: Decode) -> list[Effect]:
        listen = self._requests[decode.utterance]
        samples = np.concatenate([np.zeros(0, np.int16), *self._speech[decode.utterance]])
        request = UtteranceRequest(listen.language, listen.grammars, listen.n_best)
        began = time.process_time()
        verdict, failure = None, ""
        try:
            recognised = self.engine.recognise(request, samples)
        except EngineError as error:
            spent = time.process_time() - began
            failure = str(error)
            answered = self.session.failed(decode.utterance, decode.generation, failure)
        else:
            spent = time.process_time() - began
            verdict = interpret(recognised.hypotheses, listen.grammars, listen.n_best)
            answered = self.session.heard(decode.utterance, decode.generation, recognised)
        self.account.decodings.append(
            Decoding(
                position=self.account.position,
                utterance=decode.utterance,
                fed_seconds=len(samples) / SAMPLE_RATE,
                spent_seconds=spent,
                verdict=verdict,
                failure=failure,
            )
        )
        return answered


def recognise_recording(
    samples: NDArray[np.int16],
    grammars: Sequence[str],
    changes: Mapping[str, ParameterValue],
    *,
    engine: Engine,
    setting: Setting,
    audio_format: AudioFormat = AudioFormat.LINEAR,
    progress: Callable[[float], None] = lambda position: None,
) -> Account:
    """Recognise a recording of 8 kHz samples and tell all that happened.

    `changes` are the parameters RECOGNIZE carries, each in its own type. `progress` is told the position, in seconds,
    after each frame.

    Raises:
        RecognitionRefused: the session refused the request: an unknown grammar or a language nobody recognises.
        H2BError: the recognition would never end.
    """
    parameters = setting.parameters.with_changes(changes)
    account = Account(samples=samples, parameters=parameters, grammars=tuple(grammars))
    call = _Call(account, engine)
    call.session = Session(evolve(setting, trace=call.trace))
    call.command(Open(request_id=1, audio_format=audio_format))
    call.command(Recognize(request_id=2, grammars=tuple(grammars), changes=changes))
    for number, frame in enumerate(_frames(samples)):
        if call.over:
            break
        if number * FRAME_SAMPLES >= len(samples) and call.session.wake_at == float("inf"):
            raise H2BError("nothing ends this recognition: nobody speaks, and start_input_timers=false holds the timer")
        now = (number + 1) * FRAME_SAMPLES / SAMPLE_RATE
        call.hear(encode_samples(frame, audio_format), now)
        progress(now)
    return account


def _frames(samples: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    """The recording in frames, then silence without end."""
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    for start in range(0, len(samples), FRAME_SAMPLES):
        frame = samples[start : start + FRAME_SAMPLES]
        yield np.concatenate((frame, silence[len(frame) :]))
    while True:
        yield silence


# Which timers ran


def _no_input_timers(account: Account) -> Iterator[TimerRun]:
    if not account.parameters.start_input_timers:
        return
    first = next((event for event in account.endpoints if isinstance(event, SpeechStarted)), None)
    end = first.at_sample / SAMPLE_RATE if first else account.position
    limit_ms = account.parameters.no_input_timeout
    fired = account.cause is CompletionCause.NO_INPUT_TIMEOUT
    yield TimerRun(name="no_input_timeout", limit_ms=limit_ms, start=0.0, end=end, fired=fired)


def _silence_timers(account: Account) -> Iterator[TimerRun]:
    """One for each pause: until speech resumed, or the phrase was over."""
    for pause in (event for event in account.endpoints if isinstance(event, SpeechPaused)):
        declared = pause.at_sample / SAMPLE_RATE
        decoding = next((d for d in account.decodings if d.position >= declared), None)
        if decoding is None or decoding.verdict is None:
            continue
        ends = [at for at, utterance in account.forgotten if utterance == decoding.utterance and at >= declared]
        ends += [e.at_sample / SAMPLE_RATE for e in account.endpoints if _resumes(e, pause)]
        start, end = pause.end_sample / SAMPLE_RATE, min(ends, default=account.position)
        name = SILENCES[_decisive_match(account, decoding.verdict, pause)]
        limit_ms = getattr(account.parameters, name)
        fired = not any(_resumes(e, pause) and e.at_sample / SAMPLE_RATE == end for e in account.endpoints)
        yield TimerRun(
            name=name, limit_ms=limit_ms, start=start, end=end, fired=fired and _reached(start, end, limit_ms)
        )


def _resumes(event: Endpoint, pause: SpeechPaused) -> bool:
    return isinstance(event, SpeechResumed) and event.at_sample > pause.at_sample


def _decisive_match(account: Account, verdict: Verdict, pause: SpeechPaused) -> MatchClass:
    """The match class whose silence ends the phrase."""
    wanted = account.parameters
    if wanted.mode is RecognitionMode.NORMAL:
        return verdict.match
    # A hotword is one or it is not: every other phrase has the same silence.
    starts = [
        e.start_sample for e in account.endpoints if isinstance(e, SpeechStarted) and e.at_sample <= pause.at_sample
    ]
    lasted = (pause.end_sample - starts[-1]) / SAMPLE_RATE
    accepted = verdict.confidence >= wanted.confidence_threshold and lasted >= wanted.hotword_min_duration / 1000
    complete = verdict.match is MatchClass.COMPLETE and accepted
    return MatchClass.COMPLETE if complete else MatchClass.PARTIAL


def _caps(account: Account) -> Iterator[TimerRun]:
    started = next((event for event in account.endpoints if isinstance(event, SpeechStarted)), None)
    if started is None:
        return
    hotword = account.parameters.mode is RecognitionMode.HOTWORD
    name = "hotword_max_duration" if hotword else "recognition_timeout"
    limit_ms = getattr(account.parameters, name)
    start, end = started.start_sample / SAMPLE_RATE, account.position
    fired = _reached(start, end, limit_ms) and account.cause is not CompletionCause.ERROR
    yield TimerRun(name=name, limit_ms=limit_ms, start=start, end=end, fired=fired)
    if account.cause in MAXTIME and not fired:
        limit_ms = round(MAXIMUM_UTTERANCE_S * 1000)
        yield TimerRun(name="longest utterance", limit_ms=limit_ms, start=start, end=end, fired=True)


def _reached(start: float, end: float, limit_ms: int) -> bool:
    return end - start >= limit_ms / 1000 - 1e-9
