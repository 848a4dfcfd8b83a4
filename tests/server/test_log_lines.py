"""Log lines: one JSON object each, and nothing in them that a caller said."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
import structlog
import trio

from h2b.asr.base import UtteranceRequest
from h2b.asr.messages import Failed, Load, Ready, Recognise
from h2b.asr.process import open_worker
from h2b.config import LogSettings
from h2b.loglines import configure_log

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


def test_of_an_engines_unexpected_error_its_type_is_told(lines) -> None:
    log = structlog.get_logger("h2b")

    def say() -> None:
        for reason in (f"the engine failed: ValueError: {SECRET}: {SECRET}\n{SECRET}", "the disk: is full"):
            log.warning("recognition_failed", channel_id="c-1", reason=reason)

    assert [line["reason"] for line in lines(say)] == ["the engine failed: ValueError", "the disk: is full"]


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


# Other processes

ENGINE = """
class Engine:
    languages = ("en",)
    def recognise(self, request, samples):
        raise ValueError("four seven one two")

def load(options, report):
    return Engine()
"""


@pytest.mark.parametrize("speech", ["hidden", "shown"])
async def test_a_worker_logs_as_its_server_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], speech: str
) -> None:
    (tmp_path / "odd_engine.py").write_text(ENGINE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    try:
        configure_log(LogSettings(format="json", speech=speech))
        with trio.fail_after(30):
            async with open_worker("odd_engine:load", 0, 160) as worker:
                await worker.tell(Load())
                assert isinstance(await worker.hear(), Ready)
                worker.show(np.zeros(160, np.int16))
                await worker.tell(Recognise(UtteranceRequest("en"), 160))
                assert await worker.hear() == Failed(f"the engine failed: ValueError: {SECRET}")
                pid = worker.pid
    finally:
        structlog.reset_defaults()
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (line["event"], line["level"], line["pid"]) == ("engine_failed", "error", pid)
    assert "odd_engine.py" in line["exception"]
    assert (SECRET in line["exception"]) == (speech == "shown")


# What strangers send

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u2028\u202e\r\n"


def test_no_terminal_obeys_a_line_for_people(
    lines: Callable[..., list[dict]], capsys: pytest.CaptureFixture[str]
) -> None:
    log = structlog.get_logger("h2b")
    configure_log(LogSettings(speech="shown"))
    log.info("x", plain="né à Paris", bad=ESCAPES, within={"a": ESCAPES}, event_of=Unwritable())
    try:
        raise ValueError(ESCAPES)
    except ValueError:
        log.exception(ESCAPES)
    told = capsys.readouterr().err
    assert "plain='né à Paris'" in told
    assert all(line.isprintable() for line in told.split("\n"))
    assert told.count(r"\x1b[2J\x1b]0;owned\x07\x9b31m\u2028\u202e") == 5
    assert 'test_log_lines.py", line' in told


class Unwritable:
    def __repr__(self) -> str:
        return ESCAPES


def test_no_terminal_obeys_a_line_of_json_and_its_reader_gets_all(
    lines: Callable[..., list[dict]], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_log(LogSettings(format="json"))
    structlog.get_logger("h2b").info("x", bad=ESCAPES, word="né")
    told = capsys.readouterr().err
    assert (json.loads(told)["bad"], json.loads(told)["word"]) == (ESCAPES, "né")
    assert "né" in told
    assert not set(told.rstrip("\n")) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}


# A log that cannot be written


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: object) -> Iterator[TextIO]:
    """A log in a file."""
    with (tmp_path / "log").open("w") as stream:
        logging.getLogger().handlers = []
        monkeypatch.setattr("sys.stderr", stream)
        configure_log(LogSettings(format="json"))
        yield stream


def test_lines_that_cannot_be_written_are_counted_and_nothing_else_happens(log_file: TextIO) -> None:
    log = structlog.get_logger("h2b")
    with open(log_file.name, "a") as kept, open("/dev/full", "w") as full:
        log.info("before")
        os.dup2(full.fileno(), log_file.fileno())
        for number in range(3):
            log.info("lost", number=number)
        logging.getLogger("somebody").warning("lost too")
        os.dup2(kept.fileno(), log_file.fileno())
        log.info("after")
        log.info("later")
    found = [json.loads(line) for line in Path(log_file.name).read_text().splitlines()]
    assert [line["event"] for line in found] == ["before", "after", "log_lines_lost", "later"]
    assert (found[2]["lines"], found[2]["level"]) == (4, "error")


def test_a_line_that_was_written_in_part_takes_no_other_with_it(log_file: TextIO) -> None:
    log = structlog.get_logger("h2b")
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    os.dup2(theirs, log_file.fileno())
    os.close(theirs)
    log.info("torn", long="x" * (1 << 20))
    torn = os.read(ours, 1 << 20)
    log.info("whole")
    told = (torn + os.read(ours, 1 << 20)).decode().splitlines()
    os.close(ours)
    assert told[0].startswith('{"long": "xxx')
    assert [json.loads(line)["event"] for line in told[1:]] == ["whole", "log_lines_lost"]


def test_a_log_whose_reader_is_gone_is_no_end(log_file: TextIO) -> None:
    ours, theirs = os.pipe()
    os.dup2(theirs, log_file.fileno())
    os.close(theirs)
    os.close(ours)
    structlog.get_logger("h2b").info("x")


def test_a_process_without_standard_error_has_no_log(lines: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    configure_log(LogSettings())
    structlog.get_logger("h2b").info("x")
