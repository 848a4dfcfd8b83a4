"""The session machine of one connection: sessions one after another, at most one recognition in each.

Owns which command is allowed when, parameters and their inheritance, aliases, and the one record each
recognition leaves. Must not know sockets, wires, engines or clocks: `now` (monotonic seconds) and the wall
time are arguments.

Theory of operation
 1. Three states; `ALLOWED` has a row for every (state, command), and a refusal changes nothing.
 2. Every command is answered by exactly one event before the call returns; START-OF-INPUT and
    RECOGNITION-COMPLETE come later, for the request that RECOGNIZE opened.
 3. Parameters and aliases are immutable values, replaced whole: a failed command leaves them as they were,
    and CLOSE forgets them by forgetting the session.
 4. Audio is judged frame by frame: whatever the chunks were, the effects are the same.
 5. A recognition is billed in the one place where it is taken off the session, whoever ended it; the session in the
    one place where it ends.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import count
from typing import Any

from attrs import define, evolve, field, frozen

from h2b.audio.endpoint import (
    EndpointEvent,
    EndpointSettings,
    SpeechAudio,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from h2b.grammar.registry import Registry
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, MethodNotAllowed, MissingParameter, ScriptError, event_of
from h2b.model.formats import SAMPLE_RATE
from h2b.model.messages import (
    Close,
    Command,
    DefineGrammar,
    Event,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.model.names import EventName
from h2b.model.params import Parameters, RecognitionMode
from h2b.model.results import InputMode, Recognised, Result, Span, Value
from h2b.model.usage import SessionAttributes, new_record_id
from h2b.protocol.billing import SessionMeter
from h2b.protocol.effects import Bill, Effect, Feed, Measure, Send
from h2b.protocol.intake import Intake, frame_end
from h2b.protocol.recognition import Recognition


class State(Enum):
    """Where a connection stands; the value completes the sentence "X is not allowed …"."""

    NO_SESSION = "outside a session"
    IDLE = "in an idle session"
    RECOGNITION = "during a recognition"


ALLOWED: dict[type[Command], frozenset[State]] = {
    Open: frozenset({State.NO_SESSION}),
    SetParams: frozenset({State.IDLE}),
    GetParams: frozenset({State.IDLE}),
    DefineGrammar: frozenset({State.IDLE}),
    Recognize: frozenset({State.IDLE}),
    StartInputTimers: frozenset({State.RECOGNITION}),
    Stop: frozenset({State.IDLE, State.RECOGNITION}),
    Close: frozenset({State.IDLE, State.RECOGNITION}),
}
"""The states that take each command (H2B reference, section 2.3). STOP with nothing running is harmless, and
CLOSE ends a recognition: a caller who hangs up must not be refused."""

REMEDY = {
    State.NO_SESSION: "expected OPEN first",
    State.IDLE: "expected RECOGNIZE first",
    State.RECOGNITION: "expected RECOGNITION-COMPLETE or STOP first",
}
REMEDY_OPEN = "expected CLOSE first"


@frozen(kw_only=True)
class Trace:
    """What the endpointer saw of one frame: for timelines, never for decisions."""

    position: float
    voiced: bool
    events: tuple[EndpointEvent, ...]


@frozen(kw_only=True)
class Setting:
    """What the shell gives every session."""

    registry: Registry
    parameters: Parameters = field(factory=Parameters)
    endpointing: EndpointSettings = field(factory=EndpointSettings)
    make_channel_id: Callable[[str], str]
    """From the client's prefix to a unique id."""
    wall_time: Callable[[], float]
    """Seconds since the Unix epoch: only for results and records."""
    version: str = ""
    newest: Callable[[], Registry] | None = None
    """The grammars of a session that opens now, where they change while the server runs; None for `registry`."""
    trace: Callable[[Trace], None] | None = None
    tenant: str = ""
    """Whose client it is, for usage records; empty where the server knows only one."""
    wire: str = "websocket"
    """What it speaks: `websocket` or `mrcp`."""
    make_record_id: Callable[[], str] = new_record_id
    keep_transcripts: bool = False
    """Whether usage records hold what was said and its value."""


@define
class _Active:
    """The recognition at hand and what its events need."""

    request_id: int
    recognition: Recognition
    utterance: int
    """The phrase the endpointer follows; the recognition is ahead of it when it opened a new one."""
    began_wall: float
    record_id: str
    answered: bool = False
    """Whether an answer is being taken: what it ends had waited for it."""


@define
class _Open:
    """One session."""

    attributes: SessionAttributes
    parameters: Parameters
    registry: Registry
    intake: Intake
    meter: SessionMeter
    active: _Active | None = None


class Session:
    """The machine of one connection. Every method returns the effects to perform, in order."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._open: _Open | None = None
        self._utterances = count(1)
        # Not bound: an object that refers to itself is left to the garbage collector.
        self._handlers: dict[type[Command], Callable[..., list[Effect]]] = {
            Open: Session._do_open,
            SetParams: Session._do_set_params,
            GetParams: Session._do_get_params,
            DefineGrammar: Session._do_define_grammar,
            Recognize: Session._do_recognize,
            StartInputTimers: Session._do_start_input_timers,
            Stop: Session._do_stop,
            Close: Session._do_close,
        }

    @property
    def state(self) -> State:
        if self._open is None:
            return State.NO_SESSION
        return State.IDLE if self._open.active is None else State.RECOGNITION

    @property
    def channel_id(self) -> str:
        return self._open.attributes.channel_id if self._open else ""

    @property
    def parameters(self) -> Parameters:
        """Those of the session, for a machine above this one."""
        return self._session.parameters

    @property
    def registry(self) -> Registry:
        """The grammars of the session, its aliases among them; a machine above this one may put others there."""
        return self._session.registry

    @registry.setter
    def registry(self, registry: Registry) -> None:
        self._session.registry = registry

    @property
    def holds(self) -> bool:
        """Whether sound that came waits for an answer of the engine before it is judged."""
        return self.state is State.RECOGNITION and self._active.recognition.holds

    def describe(self, **attributes: str) -> None:
        """Say custom_id or session_id after OPEN, as a wire without OPEN must. Records from now on have them."""
        session = self._session
        session.attributes = evolve(session.attributes, **attributes)

    @property
    def wake_at(self) -> float:
        """Monotonic time at which `advance` must be called if nothing else happens; `inf` for never."""
        session = self._open
        if session is None or session.active is None:
            return float("inf")
        return session.intake.wake_at(session.active.recognition.next_deadline())

    def handle(self, command: Command, now: float) -> list[Effect]:
        """Carry out a command; a refusal is an event like any other and changes nothing."""
        effects = self.advance(now)
        try:
            if self.state not in ALLOWED[type(command)]:
                raise self._not_allowed(command)
            return effects + self._handlers[type(command)](self, command, now)
        except ClientError as error:
            return effects + self.refuse(error, command.request_id)

    def refuse(self, error: ClientError, request_id: int) -> list[Effect]:
        """The answer to a message that could not be carried out, or not even read."""
        return [self._send(event_of(error), request_id, cause=error.cause, reason=error.reason)]

    def receive_audio(self, chunk: bytes, now: float) -> list[Effect]:
        """Bytes of audio, cut anywhere; outside a recognition they are dropped silently."""
        session = self._open
        if session is None:
            return []
        try:
            session.intake.receive(chunk, now)
        except OverflowError:
            return self._fail("audio arrived faster than the recogniser could follow")
        return self._judge_frames()

    def receive_silence(self, now: float) -> list[Effect]:
        """20 ms went by on a wire that keeps the time itself, and the client sent nothing in them."""
        if self._open is None:
            return []
        self._open.intake.receive_silence(now)
        return self._judge_frames()

    def receive_key(self, key: str, now: float) -> list[Effect]:
        """A key of 0 to 9, *, #, A to D was pressed; outside a recognition it is dropped silently."""
        effects = self.advance(now)
        session = self._open
        if session is None or session.active is None:
            return effects
        active = session.active
        told = active.recognition.typed or active.recognition.spoken
        pressed = active.recognition.pressed(key)
        normal = active.recognition.parameters.mode is RecognitionMode.NORMAL
        if active.recognition.typed and not told and normal:
            pressed.insert(0, self._send(EventName.START_OF_INPUT, active.request_id, input_mode=InputMode.DTMF))
        return effects + self._after(pressed)

    def advance(self, now: float) -> list[Effect]:
        """Time passed: fill in the silence of a stalled client and fire the timers that are due."""
        session = self._open
        if session is None or session.active is None:
            return []
        session.intake.catch_up(now)
        return self._judge_frames()

    def heard(self, utterance: int, generation: int, recognised: Recognised) -> list[Effect]:
        """The engine's answer; one that nobody waits for any more is dropped."""
        active = self._active_for(utterance)
        if active is None:
            return []
        return self._answered(active, lambda: active.recognition.heard(generation, recognised))

    def evaluated(self, utterance: int, generation: int, results: Sequence[Value | ScriptError]) -> list[Effect]:
        """The results of an `Evaluate`, in its order; those that nobody waits for any more are dropped."""
        active = self._active_for(utterance)
        if active is None:
            return []
        return self._answered(active, lambda: active.recognition.evaluated(generation, results))

    def failed(self, utterance: int, generation: int, reason: str) -> list[Effect]:
        """The engine's failure for one utterance: cause Error, and the session lives on."""
        active = self._active_for(utterance)
        return [] if active is None else self._after(active.recognition.failed(generation, reason))

    def abandon(self) -> list[Effect]:
        """The connection is gone: release and bill what was running."""
        return self._end_session("disconnect")

    # Commands

    def _do_open(self, command: Open, now: float) -> list[Effect]:
        setting = self._setting
        attributes = SessionAttributes(
            channel_id=setting.make_channel_id(command.channel_prefix),
            custom_id=command.custom_id,
            session_id=command.session_id,
        )
        intake = Intake(command.audio_format, setting.endpointing)
        registry = setting.newest() if setting.newest else setting.registry
        meter = SessionMeter(
            record_id=setting.make_record_id(),
            tenant=setting.tenant,
            wire=setting.wire,
            version=setting.version,
            opened_ms=self._wall_ms(),
            keep_transcripts=setting.keep_transcripts,
        )
        self._open = _Open(attributes, setting.parameters, registry, intake, meter)
        return [self._send(EventName.OPENED, command.request_id)]

    def _do_set_params(self, command: SetParams, now: float) -> list[Effect]:
        session = self._session
        session.parameters = session.parameters.with_changes(command.changes)
        return [self._send(EventName.PARAMS_SET, command.request_id)]

    def _do_get_params(self, command: GetParams, now: float) -> list[Effect]:
        parameters = self._session.parameters
        return [self._send(EventName.DEFAULT_PARAMS, command.request_id, parameters=parameters)]

    def _do_define_grammar(self, command: DefineGrammar, now: float) -> list[Effect]:
        session = self._session
        session.registry = session.registry.define(command.alias, command.body, command.format)
        notice = session.registry.notice(command.alias)
        return [self._send(EventName.GRAMMAR_DEFINED, command.request_id, reason=notice)]

    def _do_recognize(self, command: Recognize, now: float) -> list[Effect]:
        session = self._session
        parameters = session.parameters.with_changes(command.changes)
        if not command.grammars:
            raise MissingParameter("grammars", command.method, "at least one grammar")
        grammars = session.registry.activate_all(command.grammars, parameters.speech_language)
        recognition = Recognition(
            parameters,
            grammars,
            self._utterances,
            timers_started_at=0.0 if parameters.start_input_timers else None,
        )
        session.active = _Active(
            command.request_id,
            recognition,
            recognition.utterance,
            began_wall=self._setting.wall_time(),
            record_id=self._setting.make_record_id(),
        )
        session.intake.start(now)
        in_progress = self._send(EventName.RECOGNITION_IN_PROGRESS, command.request_id, cause=CompletionCause.SUCCESS)
        return [in_progress, *recognition.begin(), *self._after([])]

    def _do_start_input_timers(self, command: StartInputTimers, now: float) -> list[Effect]:
        self._active.recognition.start_timers()
        return [self._send(EventName.INPUT_TIMERS_STARTED, command.request_id), *self._after([])]

    def _do_stop(self, command: Stop, now: float) -> list[Effect]:
        return [*self._take_off("stop"), self._send(EventName.STOPPED, command.request_id)]

    def _do_close(self, command: Close, now: float) -> list[Effect]:
        closed = self._send(EventName.CLOSED, command.request_id)
        return [*self._end_session("close"), closed]

    # Audio and time

    def _judge_frames(self) -> list[Effect]:
        """Judge frames one by one, until none is left, the engine must be waited for, or all is decided."""
        effects: list[Effect] = []
        session = self._open
        while session is not None and session.active is not None and not session.active.recognition.holds:
            judged = session.intake.next_frame()
            if judged is None:
                break
            frame, voiced, events = judged
            position = frame_end(frame)
            if self._setting.trace is not None:
                self._setting.trace(Trace(position=position, voiced=voiced, events=tuple(events)))
            for event in events:
                effects += self._after(self._endpoint_event(event))
            if session.active is not None:
                effects += self._after(session.active.recognition.advance(position, session.intake.may_start))
        return effects

    def _endpoint_event(self, event: EndpointEvent) -> list[Effect]:
        active = self._session.active
        if active is None or not active.recognition.hears:
            return []
        recognition = active.recognition
        match event:
            case SpeechStarted():
                started = recognition.speech_started(event.start_sample / SAMPLE_RATE)
                if recognition.parameters.mode is RecognitionMode.NORMAL:
                    started.append(self._send(EventName.START_OF_INPUT, active.request_id))
                return started
            case SpeechAudio():
                feed = Feed(recognition.utterance, event.samples)
                return recognition.speech_audio(feed, len(event.samples) / SAMPLE_RATE)
            case SpeechPaused():
                return recognition.speech_paused(event.end_sample / SAMPLE_RATE)
            case SpeechResumed():
                return recognition.speech_resumed()
        raise AssertionError(event)

    def _answered(self, active: _Active, take: Callable[[], list[Effect]]) -> list[Effect]:
        """An answer came: frames that were held for it are judged now."""
        active.answered = True
        effects = self._after(take()) + self._judge_frames()
        active.answered = False
        return effects

    def _after(self, effects: list[Effect]) -> list[Effect]:
        """Complete the request if the recognition just ended; follow it to its next phrase."""
        session = self._session
        active = session.active
        if active is None:
            return effects
        recognition = active.recognition
        if recognition.outcome is None:
            if recognition.utterance != active.utterance:
                active.utterance = recognition.utterance
                session.intake.next_phrase()
            return effects
        return effects + self._complete(active)

    # Ends

    def _complete(self, active: _Active) -> list[Effect]:
        outcome = active.recognition.outcome
        assert outcome is not None
        told = {"cause": outcome.cause, "reason": outcome.reason, "result": self._result(active)}
        ended = self._send(EventName.RECOGNITION_COMPLETE, active.request_id, **told)
        due = self._session.intake.time_of(active.recognition.position) if active.answered else None
        measured = [Measure(due)] if active.recognition.decided else []
        return [*self._take_off("result"), *measured, ended]

    def _result(self, active: _Active) -> Result:
        outcome = active.recognition.outcome
        assert outcome is not None
        span = None
        if outcome.speech_start is not None:
            end = outcome.speech_start if outcome.speech_end is None else outcome.speech_end
            span = Span(
                start_ms=round((active.began_wall + outcome.speech_start) * 1000),
                end_ms=round((active.began_wall + end) * 1000),
            )
        length = active.recognition.parameters.n_best_list_length
        return Result(
            alternatives=outcome.alternatives[:length],
            span=span,
            asr_model=outcome.asr_model,
            version=self._setting.version,
            n_best=length > 1,
        )

    def _fail(self, reason: str) -> list[Effect]:
        active = self._session.active
        if active is None:
            return []
        return self._after(active.recognition.abort(reason))

    def _take_off(self, ended_by: str) -> list[Effect]:
        """The one place where a recognition leaves the session, and so the one place that bills it."""
        session = self._open
        if session is None or session.active is None:
            return []
        active = session.active
        session.active = None
        session.intake.stop()
        released = [] if active.recognition.outcome else active.recognition.cancel()
        return [*released, Bill(session.meter.recognition(active, session.attributes, session.intake, ended_by))]

    def _end_session(self, ended_by: str) -> list[Effect]:
        """The one place where a session ends, and so the one place that bills it."""
        session = self._open
        if session is None:
            return []
        effects = self._take_off(ended_by)
        self._open = None
        return [*effects, Bill(session.meter.session(session.attributes, self._wall_ms(), ended_by))]

    # Small things

    def _wall_ms(self) -> int:
        return round(self._setting.wall_time() * 1000)

    @property
    def _session(self) -> _Open:
        assert self._open is not None
        return self._open

    @property
    def _active(self) -> _Active:
        assert self._session.active is not None
        return self._session.active

    def _active_for(self, utterance: int) -> _Active | None:
        active = self._open.active if self._open else None
        return active if active and active.recognition.utterance == utterance else None

    def _send(self, name: EventName, request_id: int, **fields: Any) -> Send:
        return Send(Event(name=name, request_id=request_id, channel_id=self.channel_id, **fields))

    def _not_allowed(self, command: Command) -> MethodNotAllowed:
        remedy = REMEDY_OPEN if isinstance(command, Open) else REMEDY[self.state]
        return MethodNotAllowed(command.method, self.state.value, remedy)
