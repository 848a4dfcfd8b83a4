"""What the server tells its operator. Owns the shape of log lines and what is left out of them; decides nothing.

Names of events and fields are interface: the reference lists them. What callers say is in no line of ours. It could
come with the text of an error nobody expected: such texts are left out unless the operator wants them, and their places
in the code remain.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from attrs import asdict

from h2b.config import LogSettings
from h2b.model.usage import RecognitionRecord, UsageRecord

SPOKEN = frozenset({"transcript", "value", "hypothesis", "alternatives", "result", "body", "words", "text", "key"})
"""Fields that can hold what a caller said or typed."""
HIDDEN = "hidden"


def configure_log(settings: LogSettings) -> None:
    """From now on log lines go to standard error in the operator's format."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    # Plain tracebacks: the rich ones show local variables, which hold what callers said, and take a second to draw.
    hiding: list[Any] = [hide_speech] if settings.speech == "hidden" else []
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if settings.format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *hiding,
    ]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # In one piece: several processes may write to the same place.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    # Libraries keep to the standard module, and to what an operator must know: in the same form as our own lines.
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, *renderers], foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def hide_speech(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line without what a caller said: values are replaced, and of errors their types and places remain."""
    for key in SPOKEN & entry.keys():
        entry[key] = HIDDEN
    if entry.get("event") == "script_failed":
        # The script may put what it was given into its error; the kind of error comes before the colon.
        entry["reason"] = str(entry.get("reason")).partition(":")[0]
    error = entry.pop("exc_info", None)
    if error is True or isinstance(error, tuple):
        error = sys.exc_info()[1] if error is True else error[1]
    if isinstance(error, BaseException):
        entry["exception"] = "\n".join(_places(error))
    return entry


def _places(error: BaseException, depth: int = 0) -> Iterator[str]:
    """The traceback of an error and of those it comes from, without their texts."""
    indent = "  " * depth
    yield f"{indent}{type(error).__module__}.{type(error).__qualname__}"
    for place in traceback.extract_tb(error.__traceback__):
        yield f"{indent}  {place.filename}:{place.lineno} {place.name}"
    causes = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for cause in [*causes, *([origin] if origin else [])]:
        yield from _places(cause, depth + 1)


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
