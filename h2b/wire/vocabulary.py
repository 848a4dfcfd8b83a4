"""Every spelling of the wires, and the only place where they stand.

Owns one `Vocabulary` per wire and the keys of the JSON messages. Must not know how a message is built or read: the
wires' modules do. Sources: H2B reference sections 2.1 to 2.5, 4, 6 and 7.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from h2b.model.causes import CompletionCause
from h2b.model.formats import AudioFormat, GrammarFormat
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
    grammar_formats: Mapping[GrammarFormat, str]
    """As media types."""
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
    grammar_formats={
        GrammarFormat.URI_LIST: "text/uri-list",
        GrammarFormat.SRGS_XML: "application/srgs+xml",
        GrammarFormat.SRGS_ABNF: "application/srgs",
    },
    parameters={name: name for name in PARAMETERS if not name.startswith("dtmf_")},
)
"""The JSON WebSocket. Parameters are spelled as the model names them; it has no keys, so none of theirs."""


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


class Method(StrEnum):
    """Methods of the recognizer resource, but for enrolment (RFC 6787 section 9.2)."""

    SET_PARAMS = "SET-PARAMS"
    GET_PARAMS = "GET-PARAMS"
    DEFINE_GRAMMAR = "DEFINE-GRAMMAR"
    RECOGNIZE = "RECOGNIZE"
    INTERPRET = "INTERPRET"
    GET_RESULT = "GET-RESULT"
    START_INPUT_TIMERS = "START-INPUT-TIMERS"
    STOP = "STOP"


class Notice(StrEnum):
    """Events of the recognizer resource (RFC 6787 section 9.3)."""

    START_OF_INPUT = "START-OF-INPUT"
    RECOGNITION_COMPLETE = "RECOGNITION-COMPLETE"
    INTERPRETATION_COMPLETE = "INTERPRETATION-COMPLETE"


class MediaType(StrEnum):
    """Of bodies (RFC 6787 section 9.5); the grammars' own are in `JSON.grammar_formats`."""

    URI_LIST = "text/uri-list"
    GRAMMAR_LIST = "text/grammar-ref-list"
    MULTIPART = "multipart/mixed"
    PLAIN = "text/plain"


class Header(StrEnum):
    """Header fields of MRCPv2 that are no parameters (RFC 6787 sections 6.2 and 9.4)."""

    CHANNEL = "Channel-Identifier"
    ACTIVE_REQUESTS = "Active-Request-Id-List"
    PROXY_SYNC_ID = "Proxy-Sync-Id"
    ACCEPT = "Accept"
    CONTENT_TYPE = "Content-Type"
    CONTENT_ID = "Content-ID"
    COMPLETION_CAUSE = "Completion-Cause"
    COMPLETION_REASON = "Completion-Reason"
    INPUT_TYPE = "Input-Type"
    WAVEFORM_URI = "Waveform-URI"
    INPUT_WAVEFORM_URI = "Input-Waveform-URI"
    SAVE_WAVEFORM = "Save-Waveform"
    CANCEL_IF_QUEUE = "Cancel-If-Queue"
    CLEAR_DTMF_BUFFER = "Clear-DTMF-Buffer"
    INTERPRET_TEXT = "Interpret-Text"
    VENDOR_SPECIFIC = "Vendor-Specific-Parameters"
    FAILED_URI = "Failed-URI"
    FAILED_URI_CAUSE = "Failed-URI-Cause"


MRCP_PARAMETERS: Mapping[str, str] = {
    "speech_language": "Speech-Language",
    "confidence_threshold": "Confidence-Threshold",
    "sensitivity_level": "Sensitivity-Level",
    "no_input_timeout": "No-Input-Timeout",
    "recognition_timeout": "Recognition-Timeout",
    "speech_complete_timeout": "Speech-Complete-Timeout",
    "speech_incomplete_timeout": "Speech-Incomplete-Timeout",
    "start_input_timers": "Start-Input-Timers",
    "recognition_mode": "Recognition-Mode",
    "hotword_max_duration": "Hotword-Max-Duration",
    "hotword_min_duration": "Hotword-Min-Duration",
    "n_best_list_length": "N-Best-List-Length",
    "dtmf_interdigit_timeout": "DTMF-Interdigit-Timeout",
    "dtmf_term_timeout": "DTMF-Term-Timeout",
    "dtmf_term_char": "DTMF-Term-Char",
    "dtmf_buffer_time": "DTMF-Buffer-Time",
    "logging_tag": "Logging-Tag",
}
"""Parameters that have a header field (RFC 6787 section 9.4)."""

MRCP_VENDOR: Mapping[str, str] = {
    "speech_nomatch_timeout": "Speech-Nomatch-Timeout",
    "custom_id": "Custom-Id",
    "session_id": "Session-Id",
}
"""Parameters, and attributes of the session, among the Vendor-Specific-Parameters (H2B reference section 3.3)."""

MRCP_ACCEPTED: frozenset[str] = frozenset(
    name.lower()
    for name in (
        *("Speed-Vs-Accuracy", "Media-Type", "New-Audio-Channel", "Early-No-Match", "Recognizer-Context-Block"),
        *("Ver-Buffer-Utterance", "Accept-Charset", "Cache-Control", "Fetch-Timeout", "Set-Cookie", "Content-Base"),
        *("Content-Encoding", "Content-Location", "Content-Length"),
    )
)
"""Header fields of the RFC that are read and change nothing here, in lower case."""

MRCP_CAUSES: Mapping[CompletionCause, str] = {
    CompletionCause.SUCCESS: "000 success",
    CompletionCause.NO_MATCH: "001 no-match",
    CompletionCause.NO_INPUT_TIMEOUT: "002 no-input-timeout",
    CompletionCause.HOTWORD_MAXTIME: "003 hotword-maxtime",
    CompletionCause.GRAMMAR_LOAD_FAILURE: "004 grammar-load-failure",
    CompletionCause.ERROR: "006 recognizer-error",
    CompletionCause.SUCCESS_MAXTIME: "008 success-maxtime",
    CompletionCause.LANGUAGE_UNSUPPORTED: "010 language-unsupported",
    CompletionCause.PARTIAL_MATCH: "013 partial-match",
    CompletionCause.PARTIAL_MATCH_MAXTIME: "014 partial-match-maxtime",
    CompletionCause.NO_MATCH_MAXTIME: "015 no-match-maxtime",
    CompletionCause.GRAMMAR_DEFINITION_FAILURE: "005 grammar-compilation-failure",
}
"""Numbers and names of the causes (RFC 6787 section 9.4.11). A grammar that is wrong has a number of its own there."""

CANCELLED = "011 cancelled"
URI_FAILURE = "009 uri-failure"
SEMANTICS_FAILURE = "012 semantics-failure"
DEFINITION_FAILURE = "016 grammar-definition-failure"
"""Completion causes that only MRCPv2 has."""
