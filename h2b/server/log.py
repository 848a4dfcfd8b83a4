"""Usage records as log lines. Owns which of their fields are told; what lines look like is `h2b.loglines`'s."""

from typing import Any

import structlog
from attrs import asdict

from h2b.model.usage import RecognitionRecord, UsageRecord


def record_fields(record: UsageRecord) -> dict[str, Any]:
    """The fields of a usage record, flat, in plain values; never what a caller said."""
    fields = asdict(record)
    session = fields.pop("session")
    if isinstance(record, RecognitionRecord):
        fields["cause"] = record.cause.name if record.cause is not None else None
        del fields["transcript"], fields["value"]
    return {**session, **fields}


def log_record(record: UsageRecord) -> None:
    """Bill with one log line, `recognition_billed` or `session_billed`."""
    log = structlog.get_logger("h2b.usage")
    if isinstance(record, RecognitionRecord):
        log.info("recognition_billed", **record_fields(record))
    else:
        log.info("session_billed", **record_fields(record))
