"""The lines that recognitions and sessions leave behind for those who bill them.

Opening a session and streaming cost nothing; each recognition leaves exactly one record, however it ends
(H2B reference, section 8), and so does each session. No transcript and no value unless the operator keeps them: they
are the caller's.
"""

import secrets
import time
from typing import TypeAlias

from attrs import frozen

from h2b.model.causes import CompletionCause
from h2b.model.results import Value


@frozen(kw_only=True)
class SessionAttributes:
    """What OPEN said about the session, and the channel id the server made of it."""

    channel_id: str
    custom_id: str = ""
    session_id: str = ""


@frozen(kw_only=True)
class RecognitionRecord:
    """One recognition, from RECOGNIZE to its end."""

    record_id: str
    """UUIDv7, made at RECOGNIZE: a record that is written twice is still one."""
    tenant: str
    """Whose client it was; empty where the server knows only one."""
    wire: str
    """`websocket` or `mrcp`."""
    session: SessionAttributes
    request_id: int
    logging_tag: str
    language: str
    grammars: tuple[str, ...]
    matched_grammar: str
    """As named in RECOGNIZE; empty when nothing matched."""
    cause: CompletionCause | None
    """None when the client stopped, closed or vanished: `ended_by` says which."""
    ended_by: str
    """`result`, `stop`, `close` or `disconnect`."""
    started_ms: int
    """Milliseconds since the Unix epoch."""
    listened_ms: int
    """Milliseconds of the call from RECOGNIZE to the end, silence of a stalled client included: timers run on it."""
    billed_ms: int
    """Milliseconds of the client's own audio that were listened to: `listened_ms` without the silence h2b put in."""
    asr_model: str
    confidence: float
    version: str
    """Of the server."""
    transcript: str | None = None
    """Only where `keep_transcripts` is set, and something was heard."""
    value: Value | None = None
    """Only where `keep_transcripts` is set, and something matched."""


@frozen(kw_only=True)
class SessionRecord:
    """One session, from OPEN to its end, with the sums of its recognitions."""

    record_id: str
    """UUIDv7, made at OPEN."""
    tenant: str
    wire: str
    session: SessionAttributes
    opened_ms: int
    """Milliseconds since the Unix epoch."""
    closed_ms: int
    ended_by: str
    """`close` or `disconnect`."""
    recognitions: int
    listened_ms: int
    billed_ms: int
    version: str


UsageRecord: TypeAlias = RecognitionRecord | SessionRecord


def uuid7(milliseconds: int, random: int) -> str:
    """A UUID that sorts by time: 48 bits of milliseconds since the Unix epoch, 74 random bits (RFC 9562, section 5.7).

    Other bits of the arguments are cut off.
    """
    high, low = random >> 62 & 0xFFF, random & (1 << 62) - 1
    bits = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | high << 64 | 2 << 62 | low
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def new_record_id() -> str:
    """A record id of this moment."""
    return uuid7(time.time_ns() // 1_000_000, secrets.randbits(74))
