"""Any order of commands, audio, time and answers: what must hold whatever a client does (DESIGN section 6)."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from h2b.model.messages import Close, DefineGrammar, GetParams, Open, Recognize, SetParams, StartInputTimers, Stop
from h2b.model.names import EventName
from h2b.protocol.session import ALLOWED, State, Trace
from tests.protocol.line import Line, silence, voice, words

DIGITS = "builtin:speech/spelling/digits"
ANSWERS = ("one two six", "one two three four", "hello there", "yes", "")
VOICE = voice(1.0)
FRAME_MS = 20
BYTES_PER_MS = 16
TERMINAL = {EventName.RECOGNITION_COMPLETE, EventName.STOPPED, EventName.CLOSED}


class Caller(RuleBasedStateMachine):
    """A client that does anything, an engine that answers when it likes, and a model made of plain values."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(answers=lambda seconds: None, setting={"trace": self.judge})
        self.state = State.NO_SESSION
        self.recognitions = 0
        self.seen = 0
        self.in_request: int | None = None
        self.started: set[int] = set()
        self.completed: set[int] = set()
        self.opened = 0
        self.judged_ms = 0
        """Of the recognition at hand, counted from outside: every frame that was judged."""
        self.listened_ms: list[int] = []
        self.sent_bytes: list[int] = []
        """Audio sent during each recognition."""
        self.stalled: list[bool] = []
        """Whether the client sent nothing for a while in it, so that silence was put in."""

    def judge(self, trace: Trace) -> None:
        self.judged_ms += FRAME_MS

    def follow(self) -> None:
        """Check each new event against the order of events, and follow the client's states by it."""
        for _, event in self.line.events[self.seen :]:
            if event.name is EventName.OPENED:
                self.opened += 1
                self.state = State.IDLE
            elif event.name is EventName.RECOGNITION_IN_PROGRESS:
                assert self.in_request is None, "at most one recognition is active"
                self.in_request = event.request_id
                self.recognitions += 1
                self.sent_bytes.append(0)
                self.stalled.append(False)
                self.state = State.RECOGNITION
            elif event.name is EventName.START_OF_INPUT:
                assert event.request_id == self.in_request, "START-OF-INPUT comes before the completion"
                assert event.request_id not in self.started, "START-OF-INPUT comes at most once"
                self.started.add(event.request_id)
            elif event.name is EventName.RECOGNITION_COMPLETE:
                assert event.request_id == self.in_request
                assert event.result is not None
                self.completed.add(event.request_id)
                self.in_request, self.state = None, State.IDLE
            elif event.name is EventName.STOPPED:
                self.in_request, self.state = None, State.IDLE
            elif event.name is EventName.CLOSED:
                self.in_request, self.state = None, State.NO_SESSION
        self.seen = len(self.line.events)
        self.count_judged()

    def count_judged(self) -> None:
        """Frames are judged in recognitions only: those that were, before a record was made, are its."""
        if len(self.line.records) > len(self.listened_ms):
            self.listened_ms.append(self.judged_ms)
            self.judged_ms = 0

    def send(self, kind: type, **fields: object) -> None:
        before = self.state
        self.line.perform(self.line.session.advance(self.line.now))
        self.follow()
        before = self.state
        answers = self.line.command(kind, **fields)
        direct = [event for event in answers if event.request_id == self.line._requests]
        assert len(direct) == 1, "one response per request"
        refused = direct[0].name is EventName.METHOD_NOT_ALLOWED
        assert refused is (before not in ALLOWED[kind])
        self.follow()

    @rule()
    def open(self) -> None:
        self.send(Open)

    @rule()
    def close(self) -> None:
        self.send(Close)

    @rule()
    def stop(self) -> None:
        self.send(Stop)

    @rule()
    def start_input_timers(self) -> None:
        self.send(StartInputTimers)

    @rule()
    def get_params(self) -> None:
        self.send(GetParams)

    @rule(timeout=st.sampled_from([0, 500, 4000]))
    def set_params(self, timeout: int) -> None:
        self.send(SetParams, changes={"no_input_timeout": timeout, "speech_nomatch_timeout": timeout})

    @rule(body=st.sampled_from([DIGITS, f"{DIGITS}?length=4", "builtin:nothing", f"{DIGITS}?regex=["]))
    def define_grammar(self, body: str) -> None:
        self.send(DefineGrammar, alias="pin", body=body)

    @rule(
        uri=st.sampled_from([DIGITS, f"{DIGITS}?length=4", "session:pin", "builtin:speech/boolean"]),
        mode=st.sampled_from(["normal", "hotword"]),
        timers=st.booleans(),
        cap=st.sampled_from([0, 800, 10000]),
    )
    def recognize(self, uri: str, mode: str, timers: bool, cap: int) -> None:
        changes = {
            "recognition_mode": mode,
            "start_input_timers": timers,
            "recognition_timeout": cap,
            "hotword_max_duration": cap,
        }
        self.send(Recognize, grammars=(uri,), changes=changes)

    @rule(milliseconds=st.sampled_from([20, 130, 400, 1000]), loud=st.booleans())
    def audio(self, milliseconds: int, loud: bool) -> None:
        chunk = VOICE[: 16 * milliseconds] if loud else silence(milliseconds / 1000)
        self.count_sent(chunk)
        self.line.stream(chunk)
        self.follow()

    @rule(cut=st.integers(1, 999))
    def odd_audio(self, cut: int) -> None:
        self.count_sent(VOICE[:cut])
        self.line.perform(self.line.session.receive_audio(VOICE[:cut], self.line.now))
        self.follow()

    def count_sent(self, chunk: bytes) -> None:
        if self.state is State.RECOGNITION:
            self.sent_bytes[-1] += len(chunk)

    @rule(seconds=st.sampled_from([0.1, 0.7, 6.0]))
    def wait(self, seconds: float) -> None:
        if self.state is State.RECOGNITION:
            self.stalled[-1] = True
        self.line.wait(seconds)
        self.follow()

    @precondition(lambda self: self.line.unanswered)
    @rule(transcript=st.sampled_from(ANSWERS), fails=st.booleans(), which=st.integers(0, 5))
    def engine_answers(self, transcript: str, fails: bool, which: int) -> None:
        """Any decode ever asked for may be answered, stale ones too."""
        decode = self.line.unanswered[which % len(self.line.unanswered)]
        self.line.answer(decode, "worker died" if fails else words(transcript))
        self.follow()

    @invariant()
    def the_state_is_the_one_the_client_knows(self) -> None:
        assert self.line.session.state is self.state

    @invariant()
    def every_ended_recognition_is_billed_exactly_once(self) -> None:
        active = self.state is State.RECOGNITION
        assert len(self.line.records) == self.recognitions - active

    def teardown(self) -> None:
        self.line.perform(self.line.session.abandon())
        self.line.perform(self.line.session.abandon())
        self.count_judged()
        assert len(self.line.records) == self.recognitions
        assert len({(r.session.channel_id, r.request_id) for r in self.line.records}) == self.recognitions
        assert [record.listened_ms for record in self.line.records] == self.listened_ms
        for record, sent, stalled in zip(self.line.records, self.sent_bytes, self.stalled, strict=True):
            assert stalled or record.billed_ms == record.listened_ms, "what was listened to is billed"
            assert 0 <= record.billed_ms <= record.listened_ms
            assert record.billed_ms <= sent / BYTES_PER_MS, "nothing is billed that was not sent"
        self.check_sessions()

    def check_sessions(self) -> None:
        sessions, records = self.line.sessions, self.line.records
        assert len(sessions) == self.opened
        assert sum(session.recognitions for session in sessions) == len(records)
        assert sum(session.listened_ms for session in sessions) == sum(record.listened_ms for record in records)
        assert sum(session.billed_ms for session in sessions) == sum(record.billed_ms for record in records)
        ids = [record.record_id for record in (*records, *sessions)]
        assert len(set(ids)) == len(ids)


TestCaller = Caller.TestCase
TestCaller.settings = settings(max_examples=2000, stateful_step_count=20, deadline=None)
