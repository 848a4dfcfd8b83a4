"""Commands and states: what is allowed when, what is inherited, what is billed."""

from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.audio.endpoint import EndpointSettings
from h2b.model.causes import CompletionCause
from h2b.model.formats import FRAME_SAMPLES, AudioFormat
from h2b.model.messages import (
    Close,
    Command,
    DefineGrammar,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.model.names import EventName
from h2b.model.usage import RecognitionRecord, SessionAttributes
from h2b.protocol.intake import Intake
from h2b.protocol.session import ALLOWED, State
from tests.protocol.line import Line, silence, voice, words

DIGITS = "builtin:speech/spelling/digits"

COMMANDS: dict[type[Command], dict[str, object]] = {
    Open: {},
    SetParams: {"changes": {"no_input_timeout": 1000}},
    GetParams: {},
    DefineGrammar: {"alias": "pin", "body": DIGITS},
    Recognize: {"grammars": (DIGITS,)},
    StartInputTimers: {},
    Stop: {},
    Close: {},
}

ANSWERS = {
    Open: EventName.OPENED,
    SetParams: EventName.PARAMS_SET,
    GetParams: EventName.DEFAULT_PARAMS,
    DefineGrammar: EventName.GRAMMAR_DEFINED,
    Recognize: EventName.RECOGNITION_IN_PROGRESS,
    StartInputTimers: EventName.INPUT_TIMERS_STARTED,
    Stop: EventName.STOPPED,
    Close: EventName.CLOSED,
}


def line_in(state: State) -> Line:
    line = Line()
    if state is not State.NO_SESSION:
        line.open()
    if state is State.RECOGNITION:
        line.recognize()
    assert line.session.state is state
    return line


def test_the_table_has_a_row_for_every_command() -> None:
    assert set(ALLOWED) == set(COMMANDS) == set(Command.__subclasses__())


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_in_every_state_is_answered_once(state: State, kind: type[Command]) -> None:
    line = line_in(state)
    answers = line.command(kind, **COMMANDS[kind])
    assert len(answers) == 1
    if state in ALLOWED[kind]:
        assert answers[0].name is ANSWERS[kind]
    else:
        assert answers[0].name is EventName.METHOD_NOT_ALLOWED
        assert line.session.state is state


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (State.NO_SESSION, Recognize, "RECOGNIZE is not allowed outside a session: expected OPEN first"),
        (State.IDLE, Open, "OPEN is not allowed in an idle session: expected CLOSE first"),
        (
            State.IDLE,
            StartInputTimers,
            "START-INPUT-TIMERS is not allowed in an idle session: expected RECOGNIZE first",
        ),
        (
            State.RECOGNITION,
            SetParams,
            "SET-PARAMS is not allowed during a recognition: expected RECOGNITION-COMPLETE or STOP first",
        ),
    ],
)
def test_a_refusal_says_what_was_got_where_and_what_was_expected(
    state: State, kind: type[Command], reason: str
) -> None:
    (event,) = line_in(state).command(kind, **COMMANDS[kind])
    assert event.reason == reason


def test_parameters_are_inherited_request_over_session_over_default() -> None:
    line = Line()
    line.open()
    line.command(SetParams, changes={"no_input_timeout": 3000, "speech_complete_timeout": 500})
    line.recognize(no_input_timeout=1000)
    line.stream(silence(2))
    assert line.time_of(EventName.RECOGNITION_COMPLETE) == pytest.approx(101.0, abs=0.06)
    (event,) = line.command(GetParams)
    assert event.parameters is not None
    assert event.parameters.no_input_timeout == 3000
    assert event.parameters.speech_complete_timeout == 500
    assert event.parameters.recognition_timeout == 10000


def test_parameters_and_aliases_end_with_the_session() -> None:
    line = Line()
    line.open()
    line.command(SetParams, changes={"no_input_timeout": 3000})
    line.command(DefineGrammar, alias="pin", body=DIGITS)
    line.close()
    line.open()
    (event,) = line.command(GetParams)
    assert event.parameters is not None
    assert event.parameters.no_input_timeout == 5000
    failed = line.recognize("session:pin")
    assert failed.name is EventName.METHOD_FAILED
    assert failed.cause is CompletionCause.GRAMMAR_LOAD_FAILURE
    assert failed.reason == "unknown grammar 'session:pin'"


def test_an_alias_names_the_result_and_the_builtin_names_the_type() -> None:
    line = Line()
    line.open()
    line.command(DefineGrammar, alias="pin", body=f"{DIGITS}?length=3")
    line.recognize("session:pin")
    line.stream(silence(1) + voice(1) + silence(2))
    assert line.completion.result is not None
    best = line.completion.result.best
    assert best is not None
    assert best.interpretation is not None
    assert (best.grammar_uri, best.interpretation.type) == ("session:pin", DIGITS)


@pytest.mark.parametrize(
    ("uri", "cause", "reason"),
    [
        ("toto", CompletionCause.GRAMMAR_LOAD_FAILURE, "unknown grammar 'toto'"),
        (
            "builtin:speech/spelling/digit",
            CompletionCause.GRAMMAR_LOAD_FAILURE,
            "unknown grammar 'builtin:speech/spelling/digit' (nearest: 'builtin:speech/spelling/digits')",
        ),
        (
            f"{DIGITS}?lenght=4",
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            f"grammar '{DIGITS}?lenght=4': unknown parameter 'lenght' (nearest: 'length'), "
            "expected: length, minlength, maxlength, regex",
        ),
        (
            f"{DIGITS}?length=x",
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            f"grammar '{DIGITS}?length=x': length: got 'x', expected an integer from 1 to 64",
        ),
        (
            f"{DIGITS}?regex=[0-9",
            CompletionCause.GRAMMAR_DEFINITION_FAILURE,
            f"grammar '{DIGITS}?regex=[0-9': regex, position 5: got the end, expected ']'",
        ),
    ],
)
def test_a_grammar_that_cannot_be_used_is_refused_and_the_session_lives(
    uri: str, cause: CompletionCause, reason: str
) -> None:
    line = Line()
    line.open()
    event = line.recognize(uri)
    assert (event.name, event.cause, event.reason) == (EventName.METHOD_FAILED, cause, reason)
    assert line.session.state is State.IDLE
    assert line.recognize().name is EventName.RECOGNITION_IN_PROGRESS


def test_a_language_without_grammar_is_refused() -> None:
    line = Line()
    line.open()
    event = line.recognize(speech_language="it")
    assert event.name is EventName.METHOD_FAILED
    assert event.cause is CompletionCause.LANGUAGE_UNSUPPORTED
    assert event.reason == f"{DIGITS} is not available in 'it': expected one of de, en, es, fr"


def test_sessions_follow_one_another_on_one_connection() -> None:
    line = Line()
    for _ in range(3):
        assert line.open(channel_prefix="acme").name is EventName.OPENED
        line.recognize()
        line.stream(silence(1) + voice(1) + silence(2))
        assert line.close().name is EventName.CLOSED
    assert len(line.records) == 3


def test_audio_outside_a_recognition_is_dropped_silently() -> None:
    line = Line()
    line.stream(voice(1))
    line.open()
    line.stream(voice(1))
    line.close()
    line.stream(voice(1))
    assert line.names() == [EventName.OPENED, EventName.CLOSED]
    assert line.records == []


def test_odd_bytes_before_recognize_do_not_shift_the_samples() -> None:
    line = Line()
    line.open()
    line.perform(line.session.receive_audio(b"\x00" * 41, line.now))
    line.recognize()
    line.perform(line.session.receive_audio(b"\x00", line.now))
    line.stream(silence(1) + voice(1) + silence(2))
    assert line.completion.cause is CompletionCause.SUCCESS


def test_recognitions_that_end_within_a_sample_do_not_shift_those_of_the_next() -> None:
    line = Line()
    line.open()
    audio, odd = (silence(1) + voice(1) + silence(2)) * 3, 321
    for at in range(0, len(audio), odd):
        if line.session.state is State.IDLE:
            line.recognize()
        line.now += odd / 16000
        line.perform(line.session.receive_audio(audio[at : at + odd], line.now))
    assert [record.cause for record in line.records] == [CompletionCause.SUCCESS] * 3


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.one_of(st.integers(0, 700), st.sampled_from(["start", "stop"])), max_size=40))
def test_samples_stay_whole_however_recognitions_and_chunks_are_cut(steps: list[int | str]) -> None:
    sound = np.arange(20_000, dtype="<i2")
    octets, sent = sound.tobytes(), 0
    intake = Intake(AudioFormat.LINEAR, EndpointSettings())
    for step in steps:
        if step == "start":
            intake.start(0.0)
        elif step == "stop":
            intake.stop()
        elif isinstance(step, int):
            intake.receive(octets[sent : sent + step], 0.0)
            sent += step
        while judged := intake.next_frame():
            first = int(judged[0].samples[0])
            assert list(judged[0].samples) == list(range(first, first + FRAME_SAMPLES))


@pytest.mark.parametrize(
    ("how", "ended_by", "cause"),
    [("stop", "stop", None), ("close", "close", None), ("gone", "disconnect", None)],
)
def test_a_recognition_cut_short_is_billed_once(how: str, ended_by: str, cause: None) -> None:
    line = Line()
    line.open(custom_id="acme", session_id="s1")
    line.recognize(logging_tag="step-2")
    line.stream(silence(1))
    if how == "stop":
        line.stop()
    elif how == "close":
        line.close()
    else:
        line.perform(line.session.abandon())
    line.perform(line.session.abandon())
    (record,) = line.records
    assert (record.ended_by, record.cause) == (ended_by, cause)
    assert (record.session.custom_id, record.session.session_id) == ("acme", "s1")
    assert record.logging_tag == "step-2"
    assert record.listened_ms == 1000


def test_stop_ends_without_a_completion() -> None:
    line = line_in(State.RECOGNITION)
    line.stream(silence(1) + voice(1))
    assert line.stop().name is EventName.STOPPED
    line.stream(silence(5))
    assert EventName.RECOGNITION_COMPLETE not in line.names()


def test_open_makes_the_channel_id_of_the_prefix() -> None:
    line = Line()
    assert line.open(channel_prefix="acme").channel_id == "acme0x1"


def a_record(line: Line) -> RecognitionRecord:
    (record,) = line.records
    return record


def test_a_record_tells_whose_recognition_it_was_and_all_that_came_of_it() -> None:
    ids = (f"id{number}" for number in count(1))
    setting = {"tenant": "north", "wire": "mrcp", "make_record_id": lambda: next(ids)}
    line = Line(setting=setting, answers=lambda seconds: words("one two six", 0.75))
    line.open(custom_id="acme", session_id="s1")
    line.command(DefineGrammar, alias="pin", body=f"{DIGITS}?length=3")
    line.recognize("builtin:speech/boolean", "session:pin", logging_tag="step-2")
    line.stream(silence(1) + voice(1) + silence(2))
    line.close()
    assert a_record(line) == RecognitionRecord(
        record_id="id2",
        tenant="north",
        wire="mrcp",
        session=SessionAttributes(channel_id="0x1", custom_id="acme", session_id="s1"),
        request_id=3,
        logging_tag="step-2",
        language="en",
        grammars=("builtin:speech/boolean", "session:pin"),
        matched_grammar="session:pin",
        cause=CompletionCause.SUCCESS,
        ended_by="result",
        started_ms=1_700_000_000_000,
        listened_ms=a_record(line).listened_ms,
        billed_ms=a_record(line).listened_ms,
        asr_model="script",
        confidence=a_record(line).confidence,
        version="test",
    )
    assert a_record(line).listened_ms == pytest.approx(2800, abs=60)


@pytest.mark.parametrize(("keep", "kept"), [(False, (None, None)), (True, ("one two six", "126"))])
def test_what_was_said_is_in_the_record_only_where_it_is_kept(keep: bool, kept: tuple[str | None, str | None]) -> None:
    line = Line(setting={"keep_transcripts": keep})
    line.open()
    line.recognize(f"{DIGITS}?length=3")
    line.stream(silence(0.5) + voice(1) + silence(1.5))
    assert (a_record(line).transcript, a_record(line).value) == kept


def test_silence_for_a_client_that_sends_nothing_is_listened_to_and_not_billed() -> None:
    line = Line()
    line.open()
    line.recognize(no_input_timeout=5000)
    line.stream(silence(1.01))
    line.wait(1.0)
    line.stream(silence(0.5))
    line.wait(5.0)
    assert line.completion.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert (a_record(line).listened_ms, a_record(line).billed_ms) == (5000, 1510)


def test_a_client_that_never_sends_is_not_billed() -> None:
    line = Line()
    line.open()
    line.recognize(no_input_timeout=3000)
    line.wait(4.0)
    assert (a_record(line).listened_ms, a_record(line).billed_ms) == (3000, 0)


@pytest.mark.parametrize(("how", "ended_by"), [("close", "close"), ("gone", "disconnect")])
def test_a_session_is_billed_once_with_the_sums_of_its_recognitions(how: str, ended_by: str) -> None:
    line = Line(setting={"tenant": "north"})
    line.open(custom_id="acme")
    for seconds in (0.5, 1.0):
        line.recognize()
        line.stream(silence(seconds))
        line.stop()
    line.recognize()
    line.stream(silence(0.25))
    assert line.sessions == []
    if how == "close":
        line.close()
    line.perform(line.session.abandon())
    line.perform(line.session.abandon())
    (session,) = line.sessions
    assert (session.ended_by, session.tenant, session.session.custom_id) == (ended_by, "north", "acme")
    assert [record.billed_ms for record in line.records] == [500, 1000, 240]
    assert (session.recognitions, session.listened_ms, session.billed_ms) == (3, 1740, 1740)


def test_a_connection_without_a_session_is_not_billed() -> None:
    line = Line()
    line.perform(line.session.abandon())
    assert (line.records, line.sessions) == ([], [])


AUDIO = {
    AudioFormat.LINEAR: silence(0.6) + voice(0.7) + silence(0.35) + voice(0.5) + silence(1.2) + voice(0.5),
}


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(AUDIO[AudioFormat.LINEAR])), max_size=30))
def test_chunking_does_not_change_the_answer(cuts: list[int]) -> None:
    """Any split of the same audio gives the same events (DESIGN 1.6)."""
    audio = AUDIO[AudioFormat.LINEAR]

    def events(at: list[int]) -> list[object]:
        line = Line(answers=lambda seconds: words("one two" if seconds < 1.5 else "one two three"))
        line.open()
        line.recognize(speech_complete_timeout=600, n_best_list_length=2)
        for start, end in zip([0, *at], [*at, len(audio)], strict=True):
            line.perform(line.session.receive_audio(audio[start:end], line.now))
        return [event for _, event in line.events] + [line.fed, line.decodes]

    assert events(sorted(cuts)) == events([])


def test_a_recognition_needs_a_grammar() -> None:
    line = line_in(State.IDLE)
    (event,) = line.command(Recognize, grammars=())
    assert event.name is EventName.MISSING_PARAM
    assert event.reason == "grammars is missing in RECOGNIZE: expected at least one grammar"
