"""Usage records and rows for tests."""

from itertools import count

from h2b.model.causes import CompletionCause
from h2b.model.usage import RecognitionRecord, SessionAttributes, SessionRecord, uuid7
from h2b.usage.store import Period, Row, row_of

NOON_MS = 1_793_534_400_000
"""2026-11-01T12:00:00Z."""
ALWAYS = Period(0, 2**60)

_numbers = count(1)


def an_id() -> str:
    return uuid7(NOON_MS, next(_numbers))


def a_recognition(**changes: object) -> RecognitionRecord:
    """A record that differs from the usual one in these attributes; `custom_id` is among them."""
    session = SessionAttributes(channel_id="test1", custom_id=str(changes.pop("custom_id", "acme")), session_id="s1")
    usual = {
        "record_id": an_id(),
        "tenant": "north",
        "wire": "websocket",
        "session": session,
        "request_id": 2**64 - 1,
        "logging_tag": "step-2",
        "language": "en",
        "grammars": ("session:pin", "builtin:speech/boolean"),
        "matched_grammar": "session:pin",
        "cause": CompletionCause.SUCCESS,
        "ended_by": "result",
        "started_ms": NOON_MS,
        "listened_ms": 2520,
        "billed_ms": 2500,
        "asr_model": "scripted",
        "confidence": 0.875,
        "version": "test",
    }
    return RecognitionRecord(**{**usual, **changes})


def a_session(**changes: object) -> SessionRecord:
    usual = {
        "record_id": an_id(),
        "tenant": "north",
        "wire": "mrcp",
        "session": SessionAttributes(channel_id="test1", custom_id="acme", session_id="s1"),
        "opened_ms": NOON_MS,
        "closed_ms": NOON_MS + 60_000,
        "ended_by": "close",
        "recognitions": 2,
        "listened_ms": 5040,
        "billed_ms": 5000,
        "version": "test",
    }
    return SessionRecord(**{**usual, **changes})


def a_row(**changes: object) -> Row:
    return row_of(a_recognition(**changes))
