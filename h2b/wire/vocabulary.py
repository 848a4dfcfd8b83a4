"""Every spelling of the wires, and the only place where they stand.

Owns one `Vocabulary` per wire and the keys of the JSON messages. Must not know how a message is built or read: the
wires' modules do. Sources: H2B reference sections 2.1 to 2.5, 4, 6 and 7.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from h2b.model.causes import CompletionCause
from h2b.model.formats import AudioFormat
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
from h2b.model.params import PARAMETERS


@frozen(kw_only=True)
class Vocabulary:
    """How one wire spells what the model names; each table is one-to-one."""

    commands: Mapping[type[Command], str]
    events: Mapping[EventName, str]
    causes: Mapping[CompletionCause, str]
    audio_formats: Mapping[AudioFormat, str]
    parameters: Mapping[str, str]
    """From the names of `h2b.model.params.PARAMETERS`."""


JSON = Vocabulary(
    commands={
        Open: "OPEN",
        SetParams: "SET-PARAMS",
        GetParams: "GET-PARAMS",
        DefineGrammar: "DEFINE-GRAMMAR",
        Recognize: "RECOGNIZE",
        StartInputTimers: "START-INPUT-TIMERS",
        Stop: "STOP",
        Close: "CLOSE",
    },
    events={
        EventName.OPENED: "OPENED",
        EventName.PARAMS_SET: "PARAMS-SET",
        EventName.DEFAULT_PARAMS: "DEFAULT-PARAMS",
        EventName.GRAMMAR_DEFINED: "GRAMMAR-DEFINED",
        EventName.RECOGNITION_IN_PROGRESS: "RECOGNITION-IN-PROGRESS",
        EventName.INPUT_TIMERS_STARTED: "INPUT-TIMERS-STARTED",
        EventName.STOPPED: "STOPPED",
        EventName.CLOSED: "CLOSED",
        EventName.START_OF_INPUT: "START-OF-INPUT",
        EventName.RECOGNITION_COMPLETE: "RECOGNITION-COMPLETE",
        EventName.METHOD_NOT_VALID: "METHOD-NOT-VALID",
        EventName.METHOD_FAILED: "METHOD-FAILED",
        EventName.INVALID_PARAM_VALUE: "INVALID-PARAM-VALUE",
        EventName.MISSING_PARAM: "MISSING-PARAM",
        EventName.METHOD_NOT_ALLOWED: "METHOD-NOT-ALLOWED",
    },
    causes={
        CompletionCause.SUCCESS: "Success",
        CompletionCause.NO_MATCH: "NoMatch",
        CompletionCause.NO_INPUT_TIMEOUT: "NoInputTimeout",
        CompletionCause.HOTWORD_MAXTIME: "HotwordMaxtime",
        CompletionCause.GRAMMAR_LOAD_FAILURE: "GramLoadFailure",
        CompletionCause.ERROR: "Error",
        CompletionCause.SUCCESS_MAXTIME: "SuccessMaxtime",
        CompletionCause.LANGUAGE_UNSUPPORTED: "LanguageUnsupported",
        CompletionCause.PARTIAL_MATCH: "PartialMatch",
        CompletionCause.PARTIAL_MATCH_MAXTIME: "PartialMatchMaxtime",
        CompletionCause.NO_MATCH_MAXTIME: "NoMatchMaxtime",
        CompletionCause.GRAMMAR_DEFINITION_FAILURE: "GramDefinitionFailure",
    },
    audio_formats={AudioFormat.LINEAR: "linear", AudioFormat.G711A: "g711a", AudioFormat.G711U: "g711u"},
    parameters={name: name for name in PARAMETERS},
)
"""The JSON WebSocket. Parameters are spelled as the model names them."""


class Key(StrEnum):
    """Keys of the JSON messages: envelopes, headers that are no parameters, and the body of a result."""

    COMMAND = "command"
    EVENT = "event"
    REQUEST_ID = "request_id"
    CHANNEL_ID = "channel_id"
    HEADERS = "headers"
    COMPLETION_CAUSE = "completion_cause"
    COMPLETION_REASON = "completion_reason"
    BODY = "body"

    CUSTOM_ID = "custom_id"
    SESSION_ID = "session_id"
    AUDIO_CODEC = "audio_codec"
    CONTENT_ID = "content_id"
    CONTENT_TYPE = "content_type"

    ASR = "asr"
    NLU = "nlu"
    GRAMMAR_URI = "grammar_uri"
    ASR_MODEL = "asr_model"
    VERSION = "version"
    ALTERNATIVES = "alternatives"
    TRANSCRIPT = "transcript"
    CONFIDENCE = "confidence"
    START = "start"
    END = "end"
    TYPE = "type"
    VALUE = "value"


URI_LIST = "text/uri-list"
"""Media type of a body that lists grammars (RFC 2483 section 5)."""
