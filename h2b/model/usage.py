"""The line a recognition leaves behind for those who bill it.

Opening a session and streaming cost nothing; each recognition leaves exactly one record, however it ends
(H2B reference, section 8). No transcript and no value: they are the caller's.
"""

from attrs import frozen

from h2b.model.causes import CompletionCause


@frozen(kw_only=True)
class SessionAttributes:
    """What OPEN said about the session, and the channel id the server made of it."""

    channel_id: str
    custom_id: str = ""
    session_id: str = ""


@frozen(kw_only=True)
class RecognitionRecord:
    """One recognition, from RECOGNIZE to its end."""

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
    """Milliseconds of audio from RECOGNIZE to the end, silence of a stalled client included."""
    asr_model: str
    confidence: float
