"""Every sample runs, against a real server where it needs one."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from h2b.audio.files import write_wav
from h2b.configfile import load_configuration
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.preset import Example
from h2b.language import normalise
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, MatchClass
from h2b.usage.tariff import load_tariff
from tests.docs.pages import ROOT, SAMPLES

CALLER = str(files("h2b") / "demo" / "code.wav")
LIMIT_S = 120
"""The first start on a machine converts weights."""

GRAMMARS = SAMPLES / "grammars"
MEMBERSHIP = "builtin:speech/membership"
PRESET = load_catalogue([GRAMMARS]).presets["speech/membership"]


def run(*arguments: str) -> str:
    """What a program prints; it must end well."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with the sample configuration, on a free port."""
    options = ["--config", str(SAMPLES / "h2b.toml"), "--websocket", "127.0.0.1:0", "--workers", "1"]
    command = [sys.executable, "-m", "h2b", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        try:
            assert ready.startswith("ready websocket=ws://"), "the server ended before it was ready"
            yield ready.strip().partition("=")[2]
        finally:
            process.terminate()


def test_every_sample_is_run_here() -> None:
    source = Path(__file__).read_text("utf-8")
    for path in SAMPLES.rglob("*.*"):
        assert "__pycache__" in path.parts or path.name in source, path


def test_the_first_call_prints_what_the_tutorial_shows(url: str) -> None:
    tutorial = (ROOT / "docs" / "tutorial" / "first-call.md").read_text("utf-8")
    (told,) = re.findall(r"<!-- first_call.py prints -->\n```text\n(.*?)```", tutorial, re.DOTALL)
    printed = run("docs/samples/first_call.py", url, CALLER)
    confidence = re.compile(r"\(0\.\d+\)")
    assert confidence.sub("(…)", printed) == confidence.sub("(…)", told)


def test_the_first_call_ends_when_nobody_speaks(url: str, tmp_path: Path) -> None:
    path = tmp_path / "quiet.wav"
    write_wav(path, np.zeros(SAMPLE_RATE, np.int16))
    assert run("docs/samples/first_call.py", url, str(path)) == "NoInputTimeout None\n"


def test_the_tests_of_a_bot_pass() -> None:
    # test_my_bot.py has a place among other people's tests: this repository's settings are not theirs.
    printed = run("-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "docs/samples/test_my_bot.py")
    assert re.search(r"^3 passed", printed, re.MULTILINE), printed


def test_the_configuration_names_the_folder_of_the_grammar() -> None:
    assert load_configuration(SAMPLES / "h2b.toml").grammars.folder == str(GRAMMARS)
    assert PRESET.source == str(GRAMMARS / "speech" / "membership.toml")


def test_the_tariff_prices_started_units() -> None:
    tariff = load_tariff(SAMPLES / "tariff.toml")
    assert [tariff.units(time_ms) for time_ms in (0, 1, 15_000, 15_001)] == [0, 1, 1, 2]
    assert tariff.shown(tariff.amount(1000)) == "4.00"


@pytest.mark.parametrize("example", PRESET.examples, ids=lambda example: example.say)
def test_the_examples_of_the_grammar_hold(example: Example) -> None:
    grammar = load_catalogue([GRAMMARS]).activate(MEMBERSHIP, example.language)
    verdict = interpret([Hypothesis(transcript=normalise(example.say), confidence=1.0)], [grammar])
    if example.no_match:
        assert verdict.match is MatchClass.NONE
        return
    found = verdict.alternatives[0].interpretation
    assert verdict.match is (MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE)
    assert found is not None
    assert found.value == example.value


def test_the_cost_of_interpretation_is_printed_by_grammar_and_language() -> None:
    printed = run("docs/samples/measure_interpretation.py", "--language", "de", "--grammar", "age")
    assert [line.split()[:2] for line in printed.splitlines()[1:]] == [["speech/age", "de"]]
