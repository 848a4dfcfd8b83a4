"""One client: a session machine, its clock, and the effects it asks for.

Owns the performing of effects and the events that wait for the client. Must not know sockets or wires: commands and
audio come in, events go out. A recogniser and a place to write usage records are given.

Theory of operation
 1. Inputs are plain calls: the machine's effects are performed before the call returns, and nothing waits. Whoever
    reads the network is ready for a STOP at any time, whatever the recogniser is doing.
 2. The machine says when it wants to be woken; `keep_time` sleeps until then, or wakes too early and sleeps again:
    inputs move the alarm forward only.
 3. What goes wrong with an answer of the recogniser goes wrong here, in `keep_time`: never in the recogniser's task.
 4. `abandon` ends it all, however it came to the end. Together with the machine, which gives up a recognition in one
    place only, it sees to it that each recognition is billed once.
 5. What follows a bill waits in `events` until the record is safe: who has seen the end of a recognition can rely on
    its record. It waits `CONFIRM_S` at most, and nothing but the writing of events waits.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import structlog
import trio
from attrs import frozen

from h2b.asr.base import Recogniser, Utterance, UtteranceRequest
from h2b.grammar.registry import compile_grammar
from h2b.model.errors import ClientError, EngineError, ScriptError
from h2b.model.formats import GrammarFormat
from h2b.model.messages import Command, DefineGrammar, Event, Recognize
from h2b.model.results import Recognised
from h2b.model.usage import UsageRecord
from h2b.protocol.effects import Bill, Cancel, Decode, Effect, Evaluate, Feed, Listen, Send
from h2b.protocol.grammarnames import inline_grammars
from h2b.protocol.recognizer import Recognizer
from h2b.protocol.session import Session, Setting, State
from h2b.server.fetch import in_turn
from h2b.server.log import record_fields
from h2b.server.scripts import Results, Scripts
from h2b.wire.mrcptext import MrcpEvent, MrcpRequest, MrcpResponse

_log = structlog.get_logger("h2b.server.channel")

WriteRecord = Callable[[UsageRecord], trio.Event | None]
"""Keeps one usage record for those who bill; must return at once. The event is set when the record is safe; None says
that there is nothing to wait for."""

CONFIRM_S = 2.0
"""Longest time that events wait for a record to be safe: a disk that hangs must not hang up calls."""

Observe: TypeAlias = Callable[[Effect], None]
"""Is shown each effect before it is performed, and never fails: for metrics."""
TellRefusal: TypeAlias = Callable[[str, str, Sequence[Effect]], None]
"""Is shown the channel id, the method and the effects of each request, for those that refuse it."""
Machine: TypeAlias = Session | Recognizer
Message: TypeAlias = Event | MrcpResponse | MrcpEvent

READING = trio.CapacityLimiter(2)
"""Grammars that are read at once, of all clients."""
FETCHING = trio.CapacityLimiter(8)
"""Those that other servers are asked about, beside them."""


class ClientTooSlow(Exception):
    """The client does not read its events."""


@frozen
class Hold:
    """What events wait for, and until when."""

    safe: trio.Event
    until: float


class EventQueue:
    """Events that wait to be written to one client, bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[tuple[Message, Hold | None]] = deque()
        self._closed = False
        self._changed = trio.Event()

    def put(self, event: Message, hold: Hold | None = None) -> None:
        """Add an event, which nobody gets before `hold` lets go of it. Raises ClientTooSlow when the queue is full."""
        if len(self._events) >= self._limit:
            raise ClientTooSlow
        self._events.append((event, hold))
        self._wake()

    def close(self) -> None:
        """No more events come; those that wait can still be had."""
        self._closed = True
        self._wake()

    async def get(self) -> Message | None:
        """The next event; None after the last one."""
        while not self._events:
            if self._closed:
                return None
            await self._changed.wait()
        _, hold = self._events[0]
        if hold is not None and not hold.safe.is_set():
            with trio.move_on_at(hold.until):
                await hold.safe.wait()
            if not hold.safe.is_set():
                _log.warning("record_late", waited_s=CONFIRM_S)
        event, _ = self._events.popleft()
        self._wake()
        return event

    @property
    def crowded(self) -> bool:
        """Whether more than half of the queue is taken."""
        return len(self._events) > self._limit // 2

    async def room(self) -> None:
        """Wait until the queue is not crowded."""
        while self.crowded:
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Channel:
    """The session machine of one connection, alive. Made anew for each connection."""

    def __init__(
        self,
        setting: Setting,
        recogniser: Recogniser,
        scripts: Scripts,
        write_record: WriteRecord,
        event_queue: int,
        machine: Machine | None = None,
        observe: Observe = lambda effect: None,
        tell_refusal: TellRefusal = lambda channel_id, method, effects: None,
    ) -> None:
        """`machine` is the session's of another wire; by default it is one of its own, which speaks in events."""
        self.events = EventQueue(event_queue)
        self._session: Machine = machine or Session(setting)
        self._recogniser = recogniser
        self._scripts = scripts
        self._write_record = write_record
        self._observe = observe
        self._tell_refusal = tell_refusal
        self._hold: Hold | None = None
        self._utterances: dict[int, Utterance] = {}
        self._alarm = trio.CancelScope()
        self._failure: Exception | None = None
        self._draining = False
        self._over = False

    @property
    def id(self) -> str:
        """The channel id of the session at hand, empty between sessions."""
        return self._session.channel_id

    @property
    def recognising(self) -> bool:
        """Whether audio is wanted: at other times it is dropped."""
        return self._session.state is State.RECOGNITION

    @property
    def holds(self) -> bool:
        """Whether audio that came waits for an answer of the recogniser before it is judged."""
        return self._session.holds

    @property
    def active(self) -> tuple[int, bool] | None:
        """The RECOGNIZE of MRCPv2 that listens, and whether its client wants the sound kept; None for none."""
        return self._session.active if isinstance(self._session, Recognizer) else None

    # Inputs

    async def read_ahead(self, command: Command | MrcpRequest) -> None:
        """Read a grammar that a client sends in a thread, where it may take its time: `receive` then finds it read."""
        if self._over:
            return
        await self._compile(command)
        sent = inline_grammars(command) if isinstance(command, MrcpRequest) else [command]
        for each in sent:
            if isinstance(each, DefineGrammar) and each.format is not GrammarFormat.URI_LIST:
                await self._read_grammar(each)

    async def _compile(self, command: Command | MrcpRequest) -> None:
        """Compile what was long unused, or is a file that nobody asked for yet: a result must not wait for that."""
        machine = self._session
        if isinstance(machine, Recognizer) and isinstance(command, MrcpRequest):
            session = machine.session
            grammars, language = machine.grammars_of(command)
        elif isinstance(machine, Session) and isinstance(command, Recognize) and machine.state is State.IDLE:
            session, grammars = machine, command.grammars
            language = str(command.changes.get("speech_language", machine.parameters.speech_language))
        else:
            return
        for grammar in session.registry.unready(grammars, language):
            await trio.to_thread.run_sync(compile_grammar, grammar, limiter=READING)

    async def _read_grammar(self, sent: DefineGrammar) -> None:
        if isinstance(self._session, Recognizer):
            # In a recognition too: the request may wait for its turn, and audio comes by another way.
            session = self._session.session
            if session.state is State.NO_SESSION:
                return
        elif self._session.state is State.IDLE:
            session = self._session
        else:
            # It will be refused, and audio must not wait behind it.
            return
        read = partial(session.registry.read_ahead, sent.alias, sent.body, sent.format)
        if not await trio.to_thread.run_sync(in_turn, read, limiter=READING):
            fetch = partial(read, fetching=True)
            # What a thread still fetches when the client is gone changes nothing.
            await trio.to_thread.run_sync(in_turn, fetch, limiter=FETCHING, abandon_on_cancel=True)

    def receive(self, command: Any) -> None:
        """Carry out a command, of the type that the machine takes. Raises ClientTooSlow."""
        if not self._over:
            effects = self._session.handle(command, trio.current_time())
            self._tell_refusal(self.id, command.method, effects)
            self._perform(effects)

    def refuse(self, error: ClientError, request_id: int, method: str = "") -> None:
        """Answer a message that was no command, or one not carried out for another reason. Raises ClientTooSlow."""
        if not self._over:
            effects = self._session.refuse(error, request_id)
            self._tell_refusal(self.id, method, effects)
            self._perform(effects)

    def receive_audio(self, chunk: bytes) -> None:
        """Take audio, cut anywhere. Raises ClientTooSlow."""
        if not self._over:
            self._perform(self._session.receive_audio(chunk, trio.current_time()))

    def receive_silence(self) -> None:
        """Take 20 ms in which a client sent nothing, on a wire that keeps the time. Raises ClientTooSlow."""
        if not self._over:
            self._perform(self._session.receive_silence(trio.current_time()))

    def receive_key(self, key: str) -> None:
        """Take a key of 0 to 9, *, #, A to D. Raises ClientTooSlow."""
        if not self._over:
            self._perform(self._session.receive_key(key, trio.current_time()))

    def drain(self) -> None:
        """Let the session end, then take no more: `events` closes after its last event."""
        self._draining = True
        self._perform([])

    def leave(self) -> None:
        """A client whose wire has no CLOSE ended its call in order: bill it as that. Safe to call again."""
        self._over = True
        if isinstance(self._session, Recognizer):
            self._perform(self._session.close(trio.current_time()))

    def abandon(self) -> None:
        """The end: release and bill what is still running. Safe to call again."""
        self._over = True
        self._perform(self._session.abandon())

    async def keep_time(self) -> None:
        """Fire the session's timers; runs as long as the connection.

        Raises:
            ClientTooSlow: an event found no room.
            Exception: whatever an answer of the recogniser met in the session.
        """
        while True:
            with trio.CancelScope() as self._alarm:
                self._alarm.deadline = self._session.wake_at
                if self._failure is None:
                    await trio.sleep_forever()
            if self._failure is not None:
                raise self._failure
            now = trio.current_time()
            if self._session.wake_at <= now:
                self._perform(self._session.advance(now))

    # Effects

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Perform the effects in order. Should one fail, the recogniser and the bill still get theirs."""
        waiting = deque(effects)
        try:
            while waiting:
                self._perform_one(waiting.popleft())
        finally:
            for effect in waiting:
                if isinstance(effect, Cancel | Bill):
                    self._perform_one(effect)
        if self._draining and self._session.state is State.NO_SESSION:
            self._over = True
            self.events.close()
        wake_at = self._session.wake_at
        if wake_at < self._alarm.deadline:
            # One that moves away, as it does with each sound, is looked at when the alarm goes off.
            self._alarm.deadline = wake_at

    def _perform_one(self, effect: Effect) -> None:
        self._observe(effect)
        match effect:
            case Send():
                self.events.put(effect.event, self._hold)
            case Feed():
                self._utterances[effect.utterance].feed(effect.samples)
            case Decode():
                self._utterances[effect.utterance].decode(effect.generation)
            case Evaluate():
                answer = partial(self._take_values, effect.utterance, effect.generation)
                self._scripts.evaluate(effect.programs, answer)
            case Listen():
                request = UtteranceRequest(effect.language, effect.grammars, effect.n_best)
                self._utterances[effect.utterance] = self._recogniser.listen(
                    request, partial(self._take_answer, effect.utterance)
                )
            case Cancel():
                # None was opened when the event before it in the same effects found no room.
                utterance = self._utterances.pop(effect.utterance, None)
                if utterance is not None:
                    utterance.cancel()
            case Bill():
                self._bill(effect.record)

    def _bill(self, record: UsageRecord) -> None:
        try:
            safe = self._write_record(record)
            # Records become safe in their order: the last one speaks for all.
            self._hold = Hold(safe, trio.current_time() + CONFIRM_S) if safe is not None else None
        except Exception:
            # The log is then the only place left that knows.
            _log.exception("record_not_written", **record_fields(record))

    def _take_answer(self, utterance: int, generation: int, answer: Recognised | EngineError) -> None:
        if isinstance(answer, EngineError):
            _log.warning("recognition_failed", channel_id=self.id, reason=str(answer))
            self._take(lambda: self._session.failed(utterance, generation, str(answer)))
        else:
            self._take(lambda: self._session.heard(utterance, generation, answer))

    def _take_values(self, utterance: int, generation: int, results: Results) -> None:
        for result in results:
            if isinstance(result, ScriptError):
                _log.warning("script_failed", channel_id=self.id, reason=str(result))
        self._take(lambda: self._session.evaluated(utterance, generation, results))

    def _take(self, answer: Callable[[], list[Effect]]) -> None:
        """Give an answer to the session; what goes wrong with it is raised where the connection is looked after."""
        try:
            self._perform(answer())
        except Exception as error:
            self._failure = error
            self._alarm.cancel()
