"""What a log line looks like, in every process of the server: its format, what is left out of it, and where it goes.

Owns the shape of lines and the output they are written to. Must not know what is told: events are named where they
happen, and the reference lists them.

 1. What callers say is in no line of ours. It could come with the text of an error nobody expected: such texts are left
    out unless the operator wants them, and their places in the code remain.
 2. What strangers send is shown so that no terminal obeys it.
 3. A line that cannot be written is lost, and nothing else: calls and bills do not depend on the log. How many were
    lost is told as soon as one can be written.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any, TextIO

import structlog
from attrs import asdict, frozen

from h2b.config import LogSettings

SPOKEN = frozenset({"transcript", "value", "hypothesis", "alternatives", "result", "body", "words", "text", "key"})
"""Fields that can hold what a caller said or typed."""
HIDDEN = "hidden"
ENGINE_FAILED = "the engine failed"
"""Begins the reason of an engine's unexpected error; its type and its text follow, after a colon each."""
IN_LINES = ("exception", "stack")
"""Fields of several lines."""

_log = structlog.get_logger("h2b.log")
_in_use = LogSettings()


def configure_log(settings: LogSettings) -> None:
    """From now on log lines go to standard error in the operator's format."""
    global _in_use
    _in_use = settings
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    hiding: list[Any] = [hide_speech] if settings.speech == "hidden" else []
    # Plain tracebacks: the rich ones show local variables, which hold what callers said, and take a second to draw.
    in_words = structlog.dev.ConsoleRenderer(
        colors=sys.stderr is not None and sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderers: list[Any] = [
        structlog.processors.format_exc_info,
        *(
            [structlog.processors.JSONRenderer(ensure_ascii=False), escape_json]
            if settings.format == "json"
            else [escape, in_words]
        ),
    ]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *hiding,
    ]
    output = Output(sys.stderr)
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(output),
    )
    # Libraries keep to the standard module, and to what an operator must know: in the same form as our own lines.
    handler = logging.StreamHandler(output)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, *renderers], foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def settings_in_use() -> str:
    """The settings of this process as one argument for those it starts."""
    return json.dumps(asdict(_in_use))


def configure_log_as(argument: str) -> None:
    """Log as the process that started this one does: with its `settings_in_use`."""
    configure_log(LogSettings(**json.loads(argument)))


# Where lines go


class Output:
    """A stream as far as it takes lines: those that it does not take are counted. Shared by threads."""

    def __init__(self, stream: TextIO | None) -> None:
        """`stream` is None where the system gave the process none."""
        self._stream = stream
        self._descriptor = _descriptor(stream)
        self._torn = False
        """Whether the last line was written in part."""
        self._lost = 0
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Write a line, with its end, in one piece: several processes may write to the same place. Never fails."""
        with self._lock:
            if not self._take(line):
                self._lost += 1
                return
            lost, self._lost = self._lost, 0
        if lost:
            _log.error("log_lines_lost", lines=lost)
            with self._lock:
                # Should that line be lost too, the next one tells of all.
                self._lost += lost if self._lost else 0

    def flush(self) -> None:
        """Nothing waits here; for those who expect a file."""

    def _take(self, line: str) -> bool:
        try:
            if self._descriptor is None:
                if self._stream is not None:
                    self._stream.write(line)
                    self._stream.flush()
                return self._stream is not None
            return self._take_octets(
                line.encode(self._stream.encoding if self._stream else "utf-8", "backslashreplace")
            )
        except (OSError, ValueError):
            # The disk is full, the reader is gone, or the stream was closed.
            return False

    def _take_octets(self, octets: bytes) -> bool:
        """Past the stream's own buffer: that one would keep what it could not write, and fail with it again."""
        assert self._descriptor is not None
        left = memoryview(b"\n" + octets if self._torn else octets)
        while left:
            written = os.write(self._descriptor, left)
            left = left[written:]
            self._torn = bool(left)
        return True


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        # Text in memory, as in tests.
        return None


@frozen
class _Lines:
    """A logger as structlog wants one: each of its methods takes a line that is ready."""

    output: Output

    def msg(self, line: str) -> None:
        self.output.write(f"{line}\n")

    debug = info = warning = error = critical = exception = msg


# What is left out


def hide_speech(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line without what a caller said: values are replaced, and of errors their types and places remain."""
    for key in SPOKEN & entry.keys():
        entry[key] = HIDDEN
    match entry.get("event"):
        case "script_failed":
            # The script may put what it was given into its error; the kind of error comes before the colon.
            entry["reason"] = str(entry.get("reason")).partition(":")[0]
        case "recognition_failed":
            # So may an engine, into an error that nobody expected.
            entry["reason"] = re.sub(rf"({ENGINE_FAILED}: [^:]*):.*", r"\1", str(entry.get("reason")), flags=re.DOTALL)
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


# What is shown otherwise


@frozen(repr=False)
class _Literal:
    """A text that is shown as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text


def escape(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line for people: what a terminal would obey, or a reader not see, is written as in the source of a program."""
    for key, value in entry.items():
        text = value if isinstance(value, str) else repr(value)
        if text.isprintable():
            continue
        if key in IN_LINES:
            entry[key] = "\n".join(map(_escaped, text.split("\n")))
        else:
            entry[key] = _Literal(repr(text))
    return entry


def _escaped(text: str) -> str:
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def escape_json(logger: Any, method: str, line: str) -> str:
    """A line of JSON without the characters that JSON allows and a terminal or a reader of lines takes for its own:
    DEL, the controls of ISO 6429 with eight bits (C1), and the ends of lines of Unicode."""
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", line)
