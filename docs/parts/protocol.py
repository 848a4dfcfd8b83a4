"""The JSON wire: tables and frames, made by asking the session machine."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from h2b.model.causes import CompletionCause
from h2b.model.formats import SAMPLE_RATE, AudioFormat
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
from h2b.model.results import Hypothesis
from h2b.protocol.recognition import REASONS
from h2b.protocol.session import State
from h2b.wire.vocabulary import JSON, MRCP_CAUSES
from parts.conversation import DIGITS, SPOKEN, Conversation
from parts.markdown import block, code, table

SHORT_LINE = 200
"""Characters of JSON that stand in one line."""

STATES = {State.NO_SESSION: "no session", State.IDLE: "idle session", State.RECOGNITION: "recognition"}

PLAIN_COMMANDS: Mapping[type[Command], Mapping[str, Any]] = {
    Open: {},
    SetParams: {"changes": {"n_best_list_length": 3}},
    GetParams: {},
    DefineGrammar: {"alias": "pin", "body": DIGITS},
    Recognize: {"grammars": (DIGITS,), "changes": {"speech_language": "en"}},
    StartInputTimers: {},
    Stop: {},
    Close: {},
}

MEANINGS = {
    EventName.OPENED: "A session is open; `channel_id` is its id.",
    EventName.PARAMS_SET: "All parameters of SET-PARAMS hold from now on.",
    EventName.DEFAULT_PARAMS: "`headers` has the value of every parameter.",
    EventName.GRAMMAR_DEFINED: "`session:` and the alias name the grammar from now on.",
    EventName.RECOGNITION_IN_PROGRESS: "The caller is listened to.",
    EventName.INPUT_TIMERS_STARTED: "The no-input timer runs.",
    EventName.STOPPED: "The recognition is over, without a result. Also sent when none was active.",
    EventName.CLOSED: "The session is over. A recognition that was active ended with it, without a result.",
    EventName.START_OF_INPUT: "The caller speaks: stop the prompt. Normal mode only, at most once a request.",
    EventName.RECOGNITION_COMPLETE: "The recognition is over; cause, reason and `body` tell how.",
    EventName.METHOD_NOT_VALID: "The message was no command: not JSON, a wrong envelope, an unknown command.",
    EventName.METHOD_FAILED: "The command was understood and could not be carried out; the cause tells why.",
    EventName.INVALID_PARAM_VALUE: "A header or the body has a value of the wrong type or out of range.",
    EventName.MISSING_PARAM: "A header or the body is missing.",
    EventName.METHOD_NOT_ALLOWED: "The state does not take this command.",
}

BOTH = "`asr`, `nlu`"
WORDS = "`asr`; `nlu` is null"
NOTHING = "both null"
CAUSES: Mapping[CompletionCause, tuple[str, str, str]] = {
    CompletionCause.SUCCESS: (
        "RECOGNITION-COMPLETE",
        BOTH,
        "A grammar matched whole, and `speech_complete_timeout` of silence followed. RECOGNITION-IN-PROGRESS carries "
        "this cause too: the request was taken.",
    ),
    CompletionCause.NO_MATCH: (
        "RECOGNITION-COMPLETE",
        WORDS,
        "No grammar matched, and `speech_nomatch_timeout` of silence followed; or one did with a confidence below "
        "`confidence_threshold`: the reason is then `confidence too low`.",
    ),
    CompletionCause.NO_INPUT_TIMEOUT: (
        "RECOGNITION-COMPLETE",
        NOTHING,
        "Nobody spoke within `no_input_timeout` of the start of the input timers. No START-OF-INPUT came before.",
    ),
    CompletionCause.HOTWORD_MAXTIME: (
        "RECOGNITION-COMPLETE",
        "`asr` or null; `nlu` is null",
        "Hotword mode: `hotword_max_duration` after the first speech nothing had matched.",
    ),
    CompletionCause.GRAMMAR_LOAD_FAILURE: ("METHOD-FAILED", "-", "There is no grammar or alias of that name."),
    CompletionCause.ERROR: (
        "RECOGNITION-COMPLETE",
        "`asr` or null; `nlu` is null",
        "The recogniser failed or was overloaded, or audio came faster than it could follow. The session goes on: "
        "RECOGNIZE again.",
    ),
    CompletionCause.SUCCESS_MAXTIME: (
        "RECOGNITION-COMPLETE",
        BOTH,
        "A grammar matched whole when `recognition_timeout` was reached.",
    ),
    CompletionCause.LANGUAGE_UNSUPPORTED: (
        "METHOD-FAILED",
        "-",
        "The grammar does not know `speech_language`, or its speech model is not on the server.",
    ),
    CompletionCause.PARTIAL_MATCH: (
        "RECOGNITION-COMPLETE",
        BOTH,
        "Normal mode: the beginning of an answer was heard, and `speech_incomplete_timeout` of silence followed.",
    ),
    CompletionCause.PARTIAL_MATCH_MAXTIME: (
        "RECOGNITION-COMPLETE",
        BOTH,
        "The beginning of an answer had been heard when `recognition_timeout` was reached.",
    ),
    CompletionCause.NO_MATCH_MAXTIME: (
        "RECOGNITION-COMPLETE",
        WORDS,
        "Nothing matched when `recognition_timeout` was reached.",
    ),
    CompletionCause.GRAMMAR_DEFINITION_FAILURE: (
        "METHOD-FAILED",
        "-",
        "The grammar exists; its parameters are unknown, missing or wrong.",
    ),
}
"""Cause -> the event that carries it, what the body then has, and when it arises."""


def states(_: str) -> str:
    """What answers each command in each state."""
    rows = [
        (code(JSON.commands[command]), *(_answer(state, command, fields) for state in State))
        for command, fields in PLAIN_COMMANDS.items()
    ]
    return table(("command", *(STATES[state] for state in State)), rows)


def _answer(state: State, command: type[Command], fields: Mapping[str, Any]) -> str:
    call = _in_state(state)
    name = json.loads(call.say(command, **fields))["event"]
    return code(name) if call.state is state else f"{code(name)} → {STATES[call.state]}"


def _in_state(state: State) -> Conversation:
    call = Conversation()
    if state is not State.NO_SESSION:
        call.say(Open)
    if state is State.RECOGNITION:
        call.say(Recognize, **PLAIN_COMMANDS[Recognize])
    return call


def events(_: str) -> str:
    return table(("event", "meaning"), [(code(JSON.events[name]), MEANINGS[name]) for name in EventName])


def causes(_: str) -> str:
    rows = []
    for cause in CompletionCause:
        event, body, when = CAUSES[cause]
        reason = code(REASONS[cause]) if cause in REASONS else "says what and why"
        rows.append((code(JSON.causes[cause]), MRCP_CAUSES[cause][:3], event, when, reason, body))
    return table(("cause", "MRCP", "event", "arises when", "reason", "body"), rows)


def audio_formats(_: str) -> str:
    words = {
        AudioFormat.LINEAR: "16-bit signed integers, little-endian",
        AudioFormat.G711A: "G.711 A-law",
        AudioFormat.G711U: "G.711 µ-law",
    }
    rows = []
    for each in AudioFormat:
        second = SAMPLE_RATE * each.bytes_per_sample
        rows.append((code(JSON.audio_formats[each]), words[each], str(second // 50), str(second)))
    return table(("`audio_codec`", "sound, 8 kHz mono", "bytes in 20 ms", "bytes in a second"), rows)


# What is refused, and how

REFUSED: tuple[tuple[str, State, str], ...] = (
    ("text that is not JSON", State.NO_SESSION, '{"command":"OPEN","request_id":1,'),
    ("an unknown command", State.NO_SESSION, '{"command":"RECOGNISE","request_id":1}'),
    ("no request id", State.NO_SESSION, '{"command":"OPEN"}'),
    ("a key given twice", State.NO_SESSION, '{"command":"OPEN","request_id":1,"request_id":2}'),
    ("a command before OPEN", State.NO_SESSION, '{"command":"GET-PARAMS","request_id":1}'),
    ("OPEN in a session", State.IDLE, '{"command":"OPEN","request_id":2}'),
    ("RECOGNIZE during a recognition", State.RECOGNITION, '{"command":"RECOGNIZE","request_id":3,"body":"session:x"}'),
    (
        "an unknown audio format",
        State.NO_SESSION,
        '{"command":"OPEN","request_id":1,"headers":{"audio_codec":"opus"}}',
    ),
    (
        "a value out of range",
        State.IDLE,
        '{"command":"SET-PARAMS","request_id":2,"headers":{"confidence_threshold":40}}',
    ),
    (
        "a body that is no list of URIs",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"headers":{"content_type":"application/srgs+xml"}}',
    ),
    ("RECOGNIZE without a grammar", State.IDLE, '{"command":"RECOGNIZE","request_id":2}'),
    (
        "DEFINE-GRAMMAR without an alias",
        State.IDLE,
        '{"command":"DEFINE-GRAMMAR","request_id":2,"body":"builtin:speech/boolean"}',
    ),
    (
        "a grammar nobody has",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"body":"builtin:speech/bolean"}',
    ),
    ("an alias nobody defined", State.IDLE, '{"command":"RECOGNIZE","request_id":2,"body":"session:pin"}'),
    (
        "a parameter the grammar does not have",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"body":"builtin:speech/spelling/digits?lenght=4"}',
    ),
    (
        "a regex that is none",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"body":"builtin:speech/spelling/digits?regex=[0-9"}',
    ),
    (
        "a language no grammar has",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"headers":{"speech_language":"it"},"body":"builtin:speech/boolean"}',
    ),
    (
        "a language without a speech model",
        State.IDLE,
        '{"command":"RECOGNIZE","request_id":2,"headers":{"speech_language":"fr"},"body":"builtin:speech/boolean"}',
    ),
)
"""What was sent, in which state, and the frame itself."""


def refusals(_: str) -> str:
    rows = []
    for words, state, text in REFUSED:
        event = json.loads(_in_state(state).write(text))
        rows.append((words, code(event["event"]), code(event["completion_cause"] or ""), event["completion_reason"]))
    return table(("sent", "event", "cause", "reason"), rows)


# Frames


def frame(name: str) -> str:
    """A frame by its command, event, or event and case."""
    message = json.loads(_frames()[name])
    line = json.dumps(message, ensure_ascii=False)
    return block("json", line if len(line) <= SHORT_LINE else json.dumps(message, ensure_ascii=False, indent=2))


@cache
def _frames() -> Mapping[str, str]:
    named: dict[str, str] = {}
    refused = [_in_state(state).write(text) for _, state, text in REFUSED]
    for text in [*_whole_call().frames, *refused]:
        message = json.loads(text)
        named.setdefault(message.get("command") or message["event"], text)
    for case, result in CASES.items():
        named[f"RECOGNITION-COMPLETE {case}"] = result()
    return named


def _whole_call() -> Conversation:
    """Every command and every event that is not an error."""
    call = Conversation()
    call.say(Open, channel_prefix="acme-", custom_id="client-42", session_id="call-7", audio_format=AudioFormat.LINEAR)
    call.say(SetParams, changes={"speech_language": "en", "confidence_threshold": 0.4})
    call.say(GetParams)
    call.say(DefineGrammar, alias="pin", body=DIGITS)
    call.say(Recognize, grammars=("session:pin", "builtin:speech/boolean"), changes={"start_input_timers": False})
    call.say(StartInputTimers)
    call.speak()
    call.wait()
    call.say(Recognize, grammars=("builtin:speech/boolean",))
    call.say(Stop)
    call.say(Close)
    return call


def _result(*hears: tuple[str, float], **changes: Any) -> str:
    """The RECOGNITION-COMPLETE of a caller who says something else, or nothing."""
    call = Conversation(hears=[Hypothesis(transcript=words, confidence=sure) for words, sure in hears])
    call.say(Open, channel_prefix="acme-")
    call.say(Recognize, grammars=(DIGITS,), changes={"speech_language": "en", **changes})
    if hears:
        call.speak()
    return call.wait()


CASES: Mapping[str, Callable[[], str]] = {
    "n-best": lambda: _result(
        (SPOKEN, 0.93), ("hello my code is four seven one three thanks", 0.31), n_best_list_length=3
    ),
    "partial": lambda: _result(("four seven", 0.9)),
    "no match": lambda: _result(("what was the question", 0.88)),
    "confidence too low": lambda: _result((SPOKEN, 0.42)),
    "no input": lambda: _result(),
}
"""Other results, by name."""
