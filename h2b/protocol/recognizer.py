"""The recognizer resource of one MRCPv2 channel: requests to the session machine, its events to messages.

Owns the order of requests, the queue of RECOGNIZE requests, keys typed ahead, and results kept for GET-RESULT. The
session machine below it decides all the rest. Must not know sockets, SIP or RTP; `now` is an argument.

Theory of operation
 1. A channel is one session, from its beginning to its end: OPEN and CLOSE are SIP's.
 2. Each request is answered by one response before the call returns, and events come later, for the same request id.
 3. RECOGNIZE during a recognition is queued (PENDING), or cancels the active one when that said Cancel-If-Queue; it
    overtakes none that waits. When the active one ends, the next starts without a further response; when it fails, the
    queue is cancelled. What comes with a request, grammars and whose bill it is, counts from its start.
 4. The last result is kept until the next RECOGNIZE, DEFINE-GRAMMAR or the end.
 5. Keys between recognitions are typed ahead: the next RECOGNIZE takes them, unless it says Clear-DTMF-Buffer or they
    are older than DTMF-Buffer-Time.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from attrs import define, evolve, field, frozen

from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.registry import Registry
from h2b.grammar.scripts import programs_of, with_values
from h2b.language import language
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, ScriptError
from h2b.model.formats import AudioFormat
from h2b.model.messages import Close, Command, Event, GetParams, Open, Recognize, SetParams, StartInputTimers, Stop
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.model.results import Hypothesis, InputMode, Recognised, Result, Value
from h2b.protocol.answers import (
    FAILURES,
    completed,
    first_event,
    interpretation_failed,
    interpreted,
    refused,
    sends,
    started,
    surer,
)
from h2b.protocol.definitions import extended, look_through, refuse_speech
from h2b.protocol.effects import Effect, Evaluate, Send
from h2b.protocol.grammarnames import Asked, GrammarNames
from h2b.protocol.session import Session, Setting, State
from h2b.wire.mrcp import (
    Refused,
    Status,
    cause_fields,
    flag,
    flavour_of,
    parameter_fields,
    read_given,
    read_request_ids,
    refusal,
    result_body,
)
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpRequest, MrcpResponse, RequestState
from h2b.wire.nlsml import Flavour
from h2b.wire.vocabulary import CANCELLED, Header, Method

MAXIMUM_QUEUE = 10
"""RECOGNIZE requests that wait; one more fails."""
MAXIMUM_TYPED_AHEAD = 50
"""Keys kept for the next recognition: more is no answer."""
OF_KEYS = "dtmfrecog"
"""The resource that hears no speech."""

NORMAL_ENDS = frozenset(CompletionCause) - {CompletionCause.ERROR}
"""Causes after which the queue goes on; after others it is cancelled (RFC 6787 section 9.9)."""


@frozen
class _Request:
    """A RECOGNIZE on its way."""

    request_id: int
    command: Recognize
    grammars: Asked
    attributes: Mapping[str, str]
    """Of the session, from its start on."""
    cancel_if_queue: bool
    clear_keys: bool
    save: bool
    flavour: Flavour


@define
class _Interpretation:
    """An INTERPRET that waits for scripts."""

    request_id: int
    verdict: Verdict
    flavour: Flavour


@define
class Recognizer:
    """The machine of one channel. Every method returns the effects to perform, in order."""

    setting: Setting
    channel: str
    """Channel-Identifier: `17201cd9ef7d4942@speechrecog`."""
    flavour: Flavour = Flavour.RFC
    """Result documents, for requests that do not say which they accept."""
    make_token: Callable[[], str] = lambda: "0"
    """A fresh Proxy-Sync-Id."""
    session: Session = field(init=False)
    _names: GrammarNames = field(init=False)
    _last_id: int = -1
    _queue: deque[_Request] = field(factory=deque)
    _active: _Request | None = None
    _result: tuple[Result, CompletionCause, InputMode] | None = None
    _interpreting: _Interpretation | None = None
    _keys: deque[tuple[float, str]] = field(factory=lambda: deque(maxlen=MAXIMUM_TYPED_AHEAD))
    """Typed ahead, with the time of each."""
    _attributes: dict[str, str] = field(factory=dict)
    _save: bool = False
    """Save-Waveform of the session."""
    _now: float = 0.0
    """Of the latest input that told the time: what waits for an answer of the engines starts then."""

    def __attrs_post_init__(self) -> None:
        self.session = Session(evolve(self.setting, make_channel_id=lambda prefix: self.channel))
        self.session.handle(Open(request_id=0, audio_format=AudioFormat.LINEAR), 0.0)
        self._names = GrammarNames()

    # What the shell asks

    @property
    def channel_id(self) -> str:
        return self.channel

    @property
    def state(self) -> State:
        return self.session.state

    @property
    def recognising(self) -> bool:
        return self.session.state is State.RECOGNITION

    @property
    def holds(self) -> bool:
        return self.session.holds

    @property
    def active(self) -> tuple[int, bool] | None:
        """The request that is recognised at the moment, and whether its client wants the sound kept."""
        return (self._active.request_id, self._active.save) if self._active is not None else None

    @property
    def wake_at(self) -> float:
        return self.session.wake_at

    def grammars_of(self, request: MrcpRequest) -> tuple[tuple[str, ...], str]:
        """The grammars that a request names by URI, and in which language; none where it cannot be carried out."""
        if request.method not in (Method.RECOGNIZE, Method.INTERPRET) or self.state is State.NO_SESSION:
            return (), ""
        try:
            changes = read_given(request.headers).changes
        except ClientError:
            return (), ""
        language = changes.get("speech_language", self.session.parameters.speech_language)
        return self._names.mentioned(request), str(language)

    # Inputs

    def handle(self, request: MrcpRequest, now: float) -> list[Effect]:
        """Carry out a request; its response is among the effects."""
        # What timers fire comes first: the end of a recognition must not be lost among the answers to commands.
        return self.advance(now) + self._answered(request, now)

    def _answered(self, request: MrcpRequest, now: float) -> list[Effect]:
        try:
            if request.request_id <= self._last_id:
                why = f"request-id: got {request.request_id} after {self._last_id}, expected a higher one"
                raise Refused(Status.OUT_OF_ORDER, why)
            self._last_id = request.request_id
            method = _METHODS.get(request.method)
            if method is None:
                raise Refused(
                    Status.METHOD_NOT_ALLOWED, f"method: got {request.method}, expected {', '.join(_METHODS)}"
                )
            return method(self, request, now)
        except ClientError as error:
            return [self._say(refusal(error, request.request_id))]

    def refuse(self, error: ClientError, request_id: int) -> list[Effect]:
        """The response to a message that was no request."""
        return [self._say(refusal(error, request_id))]

    def receive_audio(self, chunk: bytes, now: float) -> list[Effect]:
        """8 kHz, 16-bit linear samples, cut anywhere."""
        self._now = now
        return self._told(self.session.receive_audio(chunk, now), now)

    def receive_silence(self, now: float) -> list[Effect]:
        """20 ms in which no sound came."""
        self._now = now
        return self._told(self.session.receive_silence(now), now)

    def receive_key(self, key: str, now: float, pressed_at: float | None = None) -> list[Effect]:
        """A key of 0 to 9, *, #, A to D; `pressed_at` is for one that was typed ahead."""
        if not self.recognising:
            self._keys.append((now if pressed_at is None else pressed_at, key))
            return []
        return self._told(self.session.receive_key(key, now), now)

    def advance(self, now: float) -> list[Effect]:
        self._now = now
        return self._told(self.session.advance(now), now)

    def heard(self, utterance: int, generation: int, recognised: Recognised) -> list[Effect]:
        return self._told(self.session.heard(utterance, generation, recognised), self._now)

    def failed(self, utterance: int, generation: int, reason: str) -> list[Effect]:
        return self._told(self.session.failed(utterance, generation, reason), self._now)

    def evaluated(self, utterance: int, generation: int, results: Sequence[Value | ScriptError]) -> list[Effect]:
        waiting = self._interpreting
        if utterance == 0 and waiting is not None and generation == waiting.request_id:
            self._interpreting = None
            try:
                verdict = with_values(waiting.verdict, results)
                return [self._say(interpreted(waiting.request_id, verdict, waiting.flavour))]
            except ScriptError as error:
                return [self._say(interpretation_failed(waiting.request_id, str(error)))]
        return self._told(self.session.evaluated(utterance, generation, results), self._now)

    def close(self, now: float) -> list[Effect]:
        """The client ended its call in order: release and bill what was running. Nothing is said any more."""
        self._queue.clear()
        if self.state is State.NO_SESSION:
            return []
        return [e for e in self.session.handle(Close(request_id=0), now) if not isinstance(e, Send)]

    def abandon(self) -> list[Effect]:
        """The channel is gone: release and bill what was running. Nothing is said any more."""
        self._queue.clear()
        self._interpreting = None
        return [effect for effect in self.session.abandon() if not isinstance(effect, Send)]

    # Methods

    def _set_params(self, request: MrcpRequest, now: float) -> list[Effect]:
        save = flag(request.headers, Header.SAVE_WAVEFORM, self._save)
        given = read_given(request.headers, strict=True)
        self._command(SetParams(request_id=request.request_id, changes=given.changes), now)
        self._describe(given.attributes)
        self._save = save
        return [self._success(request)]

    def _get_params(self, request: MrcpRequest, now: float) -> list[Effect]:
        event = self._command(GetParams(request_id=request.request_id), now)
        assert event.parameters is not None
        fields = parameter_fields(event.parameters, self._attributes, self._save, request.headers)
        return [self._success(request, fields)]

    def _define_grammar(self, request: MrcpRequest, now: float) -> list[Effect]:
        if self.recognising:
            raise Refused(Status.METHOD_NOT_VALID, "DEFINE-GRAMMAR during a recognition")
        self._result = None
        defined = self._names.defined(request)
        if isinstance(defined, str):
            self._names.undefine(defined)
            self.session.registry = self.session.registry.without(defined)
        else:
            registry = extended(self.session.registry, defined.definitions)
            look_through(registry, chain(*defined.lists.values()), self._parameters(now).speech_language)
            self._names.keep(defined.lists)
            self._names.forget(defined.definitions)
            self.session.registry = registry.without(*defined.lists)
        return [self._success(request, cause_fields(CompletionCause.SUCCESS))]

    def _recognize(self, request: MrcpRequest, now: float) -> list[Effect]:
        if self._interpreting is not None:
            raise Refused(Status.METHOD_NOT_VALID, "RECOGNIZE during an interpretation")
        asked = self._asked(request)
        made_way: list[Effect] = []
        if self._active is not None and self._active.cancel_if_queue:
            # Those that wait have their turn before the new one.
            made_way = [*self._cancel_active(now), *self._next(now)]
        if self._active is None:
            try:
                return made_way + self._start(asked, now)
            except ClientError as error:
                # What was cancelled is told and billed all the same.
                return [*made_way, self._say(refusal(error, request.request_id))]
        if len(self._queue) == MAXIMUM_QUEUE:
            why = f"{MAXIMUM_QUEUE} requests wait already"
            raise Refused(Status.METHOD_FAILED, why, completion=CompletionCause.ERROR)
        self._queue.append(asked)
        return [*made_way, self._say(MrcpResponse(request.request_id, Status.SUCCESS, RequestState.PENDING))]

    def _asked(self, request: MrcpRequest) -> _Request:
        given = read_given(request.headers)
        grammars = self._names.recognised(request)
        return _Request(
            request.request_id,
            Recognize(request_id=request.request_id, grammars=grammars.uris, changes=given.changes),
            grammars,
            given.attributes,
            flag(request.headers, Header.CANCEL_IF_QUEUE),
            flag(request.headers, Header.CLEAR_DTMF_BUFFER),
            flag(request.headers, Header.SAVE_WAVEFORM, self._save),
            flavour_of(request.headers, self.flavour),
        )

    def _start(self, asked: _Request, now: float) -> list[Effect]:
        """Begin a recognition; its response is the first effect. Raises ClientError, and nothing has changed."""
        before = self.session.registry
        parameters = self._parameters(now).with_changes(asked.command.changes)
        try:
            registry = self.session.registry = extended(before, asked.grammars.definitions)
            if self._of_keys:
                refuse_speech(registry.activate_all(asked.command.grammars, parameters.speech_language))
            effects = self.session.handle(asked.command, now)
            sent = first_event(effects)
            if sent.name is not EventName.RECOGNITION_IN_PROGRESS:
                raise refused(sent)
        except ClientError:
            self.session.registry = before
            raise
        self._adopt(registry, asked.grammars)
        self._describe(asked.attributes)
        self._active = asked
        self._result = None
        response = MrcpResponse(asked.request_id, Status.SUCCESS, RequestState.IN_PROGRESS)
        rest = self._told([effect for effect in effects if not sends(effect, sent)], now)
        keys, oldest = list(self._keys), now - parameters.dtmf_buffer_time / 1000
        self._keys.clear()
        for pressed_at, key in keys:
            if pressed_at > oldest and not asked.clear_keys:
                rest += self.receive_key(key, now, pressed_at)
        return [self._say(response), *rest]

    def _start_input_timers(self, request: MrcpRequest, now: float) -> list[Effect]:
        if not self.recognising:
            raise Refused(Status.METHOD_NOT_VALID, "START-INPUT-TIMERS outside a recognition")
        effects = self.session.handle(StartInputTimers(request_id=request.request_id), now)
        rest = [effect for effect in effects if not sends(effect, first_event(effects))]
        return [self._success(request), *self._told(rest, now)]

    def _stop(self, request: MrcpRequest, now: float) -> list[Effect]:
        wanted = read_request_ids(request.headers)
        stopped: list[int] = []
        effects: list[Effect] = []
        for waiting in [each for each in self._queue if not wanted or each.request_id in wanted]:
            self._queue.remove(waiting)
            stopped.append(waiting.request_id)
        if self._active is not None and (not wanted or self._active.request_id in wanted):
            stopped.insert(0, self._active.request_id)
            self._active = None
            effects = [
                effect
                for effect in self.session.handle(Stop(request_id=request.request_id), now)
                if not isinstance(effect, Send)
            ]
        self._result = None
        listed = ((Header.ACTIVE_REQUESTS, ",".join(map(str, stopped))),) if stopped else ()
        return [*effects, self._success(request, Headers(listed)), *([] if self._active else self._next(now))]

    def _get_result(self, request: MrcpRequest, now: float) -> list[Effect]:
        if self._result is None:
            raise Refused(Status.METHOD_NOT_VALID, "GET-RESULT without a result: expected a recognition that ended")
        result, cause, mode = self._result
        wanted = self._parameters(now).with_changes(read_given(request.headers).changes)
        result, cause = surer(result, cause, wanted.confidence_threshold)
        result = evolve(result, alternatives=result.alternatives[: wanted.n_best_list_length])
        fields, body = result_body(result, cause, flavour_of(request.headers, self.flavour), mode)
        return [self._success(request, Headers((*cause_fields(cause), *fields)), body)]

    def _interpret(self, request: MrcpRequest, now: float) -> list[Effect]:
        if self._active is not None or self._interpreting is not None:
            raise Refused(Status.METHOD_NOT_VALID, "INTERPRET during a recognition or an interpretation")
        text = self._names.interpreted_text(request)
        given = read_given(request.headers)
        asked = self._names.recognised(request)
        parameters = self._parameters(now).with_changes(given.changes)
        registry = extended(self.session.registry, asked.definitions)
        active = registry.activate_all(asked.uris, parameters.speech_language)
        if self._of_keys:
            refuse_speech(active)
        spoken = language(active[0].language)
        heard = Hypothesis(transcript=spoken.normalise(text), confidence=1.0)
        verdict = interpret([heard], active, parameters.n_best_list_length)
        self._adopt(registry, asked)
        flavour = flavour_of(request.headers, self.flavour)
        response = self._say(MrcpResponse(request.request_id, Status.SUCCESS, RequestState.IN_PROGRESS))
        programs = programs_of(verdict)
        if programs:
            self._interpreting = _Interpretation(request.request_id, verdict, flavour)
            return [response, Evaluate(0, request.request_id, programs)]
        return [response, self._say(interpreted(request.request_id, verdict, flavour))]

    # Answers and events

    def _told(self, effects: Sequence[Effect], now: float) -> list[Effect]:
        """The session's events as messages; the end of a recognition starts the next one that waits."""
        told: list[Effect] = []
        for effect in effects:
            if not isinstance(effect, Send) or not isinstance(effect.event, Event):
                told.append(effect)
            elif effect.event.name is EventName.START_OF_INPUT:
                told.append(self._say(started(effect.event, self.make_token())))
            elif effect.event.name is EventName.RECOGNITION_COMPLETE:
                told += self._ended(effect.event, now)
        return told

    def _ended(self, event: Event, now: float) -> list[Effect]:
        asked, self._active = self._active, None
        assert asked is not None
        assert event.cause is not None
        assert event.result is not None
        best = event.result.best
        mode = best.hypothesis.mode if best else InputMode.SPEECH
        self._result = event.result, event.cause, mode
        fields, body = result_body(event.result, event.cause, asked.flavour, mode)
        done = self._say(completed(asked.request_id, event.cause, event.reason, fields, body, save=asked.save))
        if event.cause not in NORMAL_ENDS:
            return [done, *self._cancel_queue()]
        return [done, *self._next(now)]

    def _next(self, now: float) -> list[Effect]:
        """Begin the first of those that wait and can begin: their answers were given when they were queued."""
        failed: list[Effect] = []
        while self._queue:
            asked = self._queue.popleft()
            try:
                _, *rest = self._start(asked, now)
                return failed + rest
            except ClientError as error:
                cause = (error.completion if isinstance(error, Refused) else error.cause) or CompletionCause.ERROR
                failed.append(self._say(completed(asked.request_id, cause, error.reason, save=asked.save)))
        return failed

    def _cancel_active(self, now: float) -> list[Effect]:
        asked, self._active = self._active, None
        assert asked is not None
        ended = self.session.handle(Stop(request_id=asked.request_id), now)
        cancelled = self._say(completed(asked.request_id, CANCELLED, save=asked.save))
        return [*(effect for effect in ended if not isinstance(effect, Send)), cancelled]

    def _cancel_queue(self) -> list[Effect]:
        waiting = list(self._queue)
        self._queue.clear()
        return [self._say(completed(asked.request_id, CANCELLED, save=asked.save)) for asked in waiting]

    # Small things

    def _command(self, command: Command, now: float) -> Event:
        """Carry out a command that is answered at once. Raises Refused when the answer is an error."""
        sent = first_event(self.session.handle(command, now))
        if sent.name in FAILURES:
            raise refused(sent)
        return sent

    def _parameters(self, now: float) -> Parameters:
        parameters = self.session.parameters
        assert parameters is not None
        return parameters

    @property
    def _of_keys(self) -> bool:
        return self.channel.rpartition("@")[2].lower() == OF_KEYS

    def _adopt(self, registry: Registry, asked: Asked) -> None:
        """Keep the grammars that came with a request, but for those that were for it alone: they are in use already."""
        self.session.registry = registry.without(*asked.passing)
        self._names.forget(asked.definitions)

    def _describe(self, attributes: Mapping[str, str]) -> None:
        self._attributes.update(attributes)
        self.session.describe(**attributes)

    def _success(self, request: MrcpRequest, headers: Headers | None = None, body: bytes = b"") -> Effect:
        fields = headers or Headers()
        return self._say(MrcpResponse(request.request_id, Status.SUCCESS, RequestState.COMPLETE, fields, body))

    def _say(self, message: MrcpResponse | MrcpEvent) -> Effect:
        headers = Headers(((Header.CHANNEL.value, self.channel), *message.headers))
        return Send(evolve(message, headers=headers))


_METHODS: Mapping[str, Callable[[Recognizer, MrcpRequest, float], list[Effect]]] = {
    Method.SET_PARAMS: Recognizer._set_params,
    Method.GET_PARAMS: Recognizer._get_params,
    Method.DEFINE_GRAMMAR: Recognizer._define_grammar,
    Method.RECOGNIZE: Recognizer._recognize,
    Method.INTERPRET: Recognizer._interpret,
    Method.GET_RESULT: Recognizer._get_result,
    Method.START_INPUT_TIMERS: Recognizer._start_input_timers,
    Method.STOP: Recognizer._stop,
}
"""RFC 6787 section 9.2, but for enrolment, which is optional and not here."""
