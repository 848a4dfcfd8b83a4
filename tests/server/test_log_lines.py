"""Log lines: one JSON object each, and nothing in them that a caller said."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from h2b.config import LogSettings
from h2b.server.log import configure_log

SECRET = "four seven one two"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[dict]]]:
    """Configures the log, says something, and gives the lines."""
    root = logging.getLogger()
    before = root.handlers[:]

    def tell(say: Callable[[], None], **settings: str) -> list[dict]:
        root.handlers = []
        configure_log(LogSettings(format="json", **settings))
        say()
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield tell
    root.handlers = before
    structlog.reset_defaults()


def fail() -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise ExceptionGroup(SECRET, [KeyError(SECRET), error]) from error
    except ExceptionGroup:
        structlog.get_logger("h2b").exception("channel_failed", channel_id="c-1")


def test_an_unexpected_error_is_told_without_its_text(lines) -> None:
    (line,) = lines(fail)
    assert (line["event"], line["level"], line["channel_id"]) == ("channel_failed", "error", "c-1")
    assert "builtins.KeyError" in line["exception"]
    assert "test_log_lines.py" in line["exception"]
    assert SECRET not in json.dumps(line)


def test_a_test_system_is_told_all(lines) -> None:
    (line,) = lines(fail, speech="shown")
    assert SECRET in line["exception"]


def test_fields_that_hold_speech_are_hidden(lines) -> None:
    log = structlog.get_logger("h2b")
    (line,) = lines(lambda: log.warning("x", transcript=SECRET, value={"digits": SECRET}, channel_id="c-1"))
    assert (line["transcript"], line["value"], line["channel_id"]) == ("hidden", "hidden", "c-1")


def test_of_a_scripts_error_its_kind_is_told(lines) -> None:
    log = structlog.get_logger("h2b")
    (line,) = lines(lambda: log.warning("script_failed", channel_id="c-1", reason=f"Error: {SECRET}"))
    assert line["reason"] == "Error"


def test_lines_of_libraries_have_the_same_form(lines) -> None:
    def say() -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("somebody").exception("something failed")

    (line,) = lines(say)
    assert (line["event"], line["level"]) == ("something failed", "error")
    assert "builtins.ValueError" in line["exception"]
    assert SECRET not in json.dumps(line)
