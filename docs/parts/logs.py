"""What the server logs: every call of a logger in its sources, read from their syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

from attrs import fields, frozen

import h2b
from h2b.model.usage import RecognitionRecord, SessionAttributes
from parts.markdown import code, table

PLACES = ("server", "asr")
LEVELS = ("debug", "info", "warning", "error", "exception")
MEANINGS = {
    "answer_not_taken": "A session could not take the recogniser's answer; that session ends.",
    "channel_failed": "A fault of ours ended a connection with close code 1011.",
    "client_gone": "A client went away without saying so.",
    "client_too_slow": "A client did not read its events and was disconnected with close code 1008.",
    "connection_failed": "A fault of ours ended a connection before or after its conversation.",
    "draining": "SIGTERM or SIGINT came: so many connections have `drain_s` seconds to end.",
    "engine_loading": "A worker process tells how its start goes on, such as the conversion of weights.",
    "grammars_refused": "A changed grammar file is wrong, which one and why; the grammars from before serve on.",
    "grammars_reloaded": "Grammar files changed: new sessions get these grammars.",
    "recognition_billed": "A recognition is over: its usage record, one line each.",
    "recognition_failed": "A recognition ended with cause Error; the client got the same reason.",
    "record_not_written": "A usage record could not be kept: this line is all that is left of it.",
    "script_failed": "A grammar's script failed or took too long; the recognition ends with cause Error.",
    "signal": "A signal came.",
    "stopped": "The last connection is closed.",
    "worker_died": "A worker process ended or was replaced; a new one is started after `respawn_s` seconds.",
    "worker_ready": "A worker process has loaded its models.",
}


@frozen
class Line:
    """One call of a logger."""

    event: str
    level: str
    fields: tuple[str, ...]


def events(_: str) -> str:
    lines = {line.event: line for line in _lines()}
    assert set(lines) == set(MEANINGS), sorted(set(lines) ^ set(MEANINGS))
    rows = [
        (code(name), line.level, ", ".join(map(code, line.fields)) or "-", MEANINGS[name])
        for name, line in sorted(lines.items())
    ]
    return table(("event", "level", "fields", "meaning"), rows)


def _lines() -> Iterator[Line]:
    package = Path(h2b.__file__).parent
    for path in sorted(path for place in PLACES for path in (package / place).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event))], keywords=keywords):
                    # Other methods are called with one text too; names of events are one word.
                    if level in LEVELS and event.isidentifier():
                        named = tuple(name for keyword in keywords for name in _names(keyword.arg))
                        yield Line(event, "error" if level == "exception" else level, named)


def _names(argument: str | None) -> tuple[str, ...]:
    """A field; where a whole mapping is given, it is a usage record."""
    if argument is not None:
        return (argument,)
    session = [attribute.name for attribute in fields(SessionAttributes)]
    return (*session, *(attribute.name for attribute in fields(RecognitionRecord) if attribute.name != "session"))
