"""`h2b demo`, whole: the first thing anybody runs."""

import re
import subprocess
import sys

import pytest

from h2b.audio.files import read_audio
from h2b.cli import demo
from h2b.cli.demo import EXPECTED, Outcome
from h2b.cli.terminal import console
from h2b.model.causes import CompletionCause
from h2b.model.errors import H2BError
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.model.results import Result
from tests.cli.running import run
from tests.cli.test_recognize import DEMO


def test_the_demo_understands_its_caller():
    done = subprocess.run(
        [sys.executable, "-m", "h2b", "demo"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    events = re.findall(r"^ *([0-9.]+) s  ([A-Z-]+)", done.stdout, re.MULTILINE)
    assert [name for _, name in events] == [
        "OPENED",
        "RECOGNITION-IN-PROGRESS",
        "START-OF-INPUT",
        "RECOGNITION-COMPLETE",
        "CLOSED",
    ]
    times = [float(at) for at, _ in events]
    assert times == sorted(times)
    assert f'value "{EXPECTED}"' in done.stdout
    (waited,) = re.findall(r"^answered (\d+) ms after the last word", done.stdout, re.MULTILINE)
    assert 800 <= int(waited) < 3000


def test_the_recording_is_small_and_of_a_calls_length():
    assert DEMO.stat().st_size < 100_000
    assert 4 < len(read_audio(DEMO)) / 8000 < 7


def test_a_machine_without_the_model_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(demo, "available_languages", lambda options: {"en": "run: pip install weights"})
    result = run("demo")
    assert result.exit_code == 1
    assert result.output == "h2b: run: pip install weights\n"


def test_a_caller_not_understood_is_a_failure():
    completion = Event(
        name=EventName.RECOGNITION_COMPLETE, request_id=2, cause=CompletionCause.NO_MATCH, result=Result()
    )
    with pytest.raises(H2BError, match='the value is missing, expected "4712"'):
        demo._print_outcome(Outcome(completion, 0.0), console())
