"""What a recognizer resource says: the session's events, and its errors, as messages of MRCPv2.

Owns which header fields each message has. Must not know queues, nor which request is whose: the resource machine
(`h2b.protocol.recognizer`) does. Source: RFC 6787 section 9.
"""

from collections.abc import Mapping, Sequence

from attrs import evolve

from h2b.grammar.interpret import Verdict
from h2b.model.causes import CompletionCause
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.model.results import InputMode, MatchClass, Result
from h2b.protocol.effects import Effect, Send
from h2b.wire.mrcp import Refused, Status, cause_fields, result_body
from h2b.wire.mrcptext import Headers, MrcpEvent, RequestState
from h2b.wire.nlsml import Flavour
from h2b.wire.vocabulary import SEMANTICS_FAILURE, Header, Notice

FAILURES = (
    EventName.METHOD_FAILED,
    EventName.INVALID_PARAM_VALUE,
    EventName.MISSING_PARAM,
    EventName.METHOD_NOT_ALLOWED,
)
"""Events of the session that refuse a command."""

NOT_SURE: Mapping[CompletionCause, CompletionCause] = {
    CompletionCause.SUCCESS: CompletionCause.NO_MATCH,
    CompletionCause.PARTIAL_MATCH: CompletionCause.NO_MATCH,
    CompletionCause.SUCCESS_MAXTIME: CompletionCause.NO_MATCH_MAXTIME,
    CompletionCause.PARTIAL_MATCH_MAXTIME: CompletionCause.NO_MATCH_MAXTIME,
}
"""What a cause becomes when nothing of its result is sure enough."""

UNASKED = (EventName.START_OF_INPUT, EventName.RECOGNITION_COMPLETE)
"""Events of the session that answer no command."""


def started(event: Event, token: str) -> MrcpEvent:
    """START-OF-INPUT; `token` is its Proxy-Sync-Id."""
    fields = Headers().with_field(Header.INPUT_TYPE, event.input_mode.value).with_field(Header.PROXY_SYNC_ID, token)
    return MrcpEvent(Notice.START_OF_INPUT, event.request_id, RequestState.IN_PROGRESS, fields)


def completed(
    request_id: int,
    cause: CompletionCause | str,
    reason: str = "",
    fields: Headers | None = None,
    body: bytes = b"",
    *,
    save: bool = False,
) -> MrcpEvent:
    """RECOGNITION-COMPLETE. `save`: whether the request said Save-Waveform."""
    headers = Headers((*cause_fields(cause, reason), *(fields or ())))
    if save:
        # A client that asked for the sound gets the field, empty where there is none (RFC 6787, section 9.4.13).
        headers = headers.with_field(Header.WAVEFORM_URI, "")
    return MrcpEvent(Notice.RECOGNITION_COMPLETE, request_id, RequestState.COMPLETE, headers, body)


def surer(result: Result, cause: CompletionCause, threshold: float) -> tuple[Result, CompletionCause]:
    """What is left of a result for a client that wants to be surer of it than the request did."""
    kept = tuple(
        each
        for each in result.alternatives
        if each.interpretation is None or each.interpretation.confidence >= threshold
    )
    if kept or not result.alternatives:
        return evolve(result, alternatives=kept), cause
    words = Verdict(MatchClass.NONE, result.alternatives).refused()
    return evolve(result, alternatives=words.alternatives), NOT_SURE.get(cause, cause)


def interpreted(request_id: int, verdict: Verdict, flavour: Flavour) -> MrcpEvent:
    """INTERPRETATION-COMPLETE with what a text means."""
    cause = CompletionCause.SUCCESS if verdict.match is MatchClass.COMPLETE else CompletionCause.NO_MATCH
    if verdict.match is not MatchClass.COMPLETE:
        verdict = verdict.refused()
    fields, body = result_body(Result(alternatives=verdict.alternatives), cause, flavour, InputMode.SPEECH)
    headers = Headers((*cause_fields(cause), *fields))
    return MrcpEvent(Notice.INTERPRETATION_COMPLETE, request_id, RequestState.COMPLETE, headers, body)


def interpretation_failed(request_id: int, reason: str) -> MrcpEvent:
    """INTERPRETATION-COMPLETE after a script that failed."""
    headers = cause_fields(SEMANTICS_FAILURE, reason)
    return MrcpEvent(Notice.INTERPRETATION_COMPLETE, request_id, RequestState.COMPLETE, headers)


def refused(event: Event) -> Refused:
    """An error event of the session as a refusal."""
    status = {
        EventName.METHOD_NOT_ALLOWED: Status.METHOD_NOT_VALID,
        EventName.INVALID_PARAM_VALUE: Status.UNSUPPORTED_VALUE,
        EventName.MISSING_PARAM: Status.MISSING_HEADER,
    }.get(event.name, Status.METHOD_FAILED)
    return Refused(status, event.reason, completion=event.cause)


def first_event(effects: Sequence[Effect]) -> Event:
    """The answer to a command: what timers fired before it comes first, and is no answer."""
    for effect in effects:
        if isinstance(effect, Send) and isinstance(effect.event, Event) and effect.event.name not in UNASKED:
            return effect.event
    raise AssertionError("a command without an answer")


def sends(effect: Effect, event: Event) -> bool:
    """Whether an effect sends just this event."""
    return isinstance(effect, Send) and effect.event is event
