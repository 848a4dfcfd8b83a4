"""What the server tells its operator. Owns the shape of log lines; decides nothing.

Names of events and fields are interface: the reference lists them.
"""

import logging
import sys
from typing import Any

import structlog
from attrs import asdict

from h2b.config import LogSettings
from h2b.model.usage import RecognitionRecord


def configure_log(settings: LogSettings) -> None:
    """From now on log lines go to standard error in the operator's format."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    # Plain tracebacks: the rich ones show local variables, which hold what callers said, and take a second to draw.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # Libraries keep to the standard module, and to what an operator must know.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def record_fields(record: RecognitionRecord) -> dict[str, Any]:
    """Every field of a usage record, flat, in plain values."""
    fields = asdict(record)
    session = fields.pop("session")
    return {**session, **fields, "cause": record.cause.name if record.cause is not None else None}


def log_record(record: RecognitionRecord) -> None:
    """Bill a recognition with one log line, `recognition_billed`."""
    structlog.get_logger("h2b.usage").info("recognition_billed", **record_fields(record))
