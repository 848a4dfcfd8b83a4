"""`h2b bench report` and result files: one page that needs nothing else, and files that can be read again."""

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve

import h2b
from h2b.cli.bench_caller import Turn
from h2b.cli.bench_latency import account_of as latency_account
from h2b.cli.bench_load import Trial as LoadTrial
from h2b.cli.bench_plot import draw_calibration, draw_delays, draw_load, end_of
from h2b.cli.bench_report import html, markdown
from h2b.cli.bench_result import FORMAT, command_line, make_result, read_result
from h2b.cli.bench_trials import account_of
from h2b.model.errors import H2BError
from tests.cli.running import run
from tests.cli.test_bench_scores import trial

ROOT = Path(__file__).parent.parent.parent
RUNS = sorted((ROOT / "docs" / "reference" / "performance").glob("*.json"))
MEANS = "<b>&"


def turns(count: int) -> list[Turn]:
    return [
        Turn(recording=MEANS, language="en", cause="Success", engine="e", added_ms=float(n), server_ms=n / 2)
        for n in range(count)
    ]


def accuracy() -> dict:
    found = account_of([trial("12", "12", 0.7), trial("12", "13"), trial("y", "y", kind=MEANS)], 0.5)
    asked = {"session": True, "out_of_grammar": False, "carriers": False, "length": False}
    return make_result("accuracy", {**asked, **found, "need": 0.9, "peak_memory_mb": 1})


def latency() -> dict:
    found = latency_account(turns(200), [0.1, 0.2])
    ready = {"ready": 3, "results": 4, "late_mean_ms": 12.34}
    return make_result("latency", {**found, "calls": 2, "chunk_ms": 60, "server": MEANS, "ready": ready})


def load() -> dict:
    trials = [LoadTrial(calls, turns(calls * 10), [1.0], 20.0, 10.0).as_json() for calls in (10, 20, 40)]
    return make_result(
        "load",
        {
            "wire": "w",
            "chunk_ms": 60,
            "limit_ms": 200.0,
            "server": "s",
            "duty": 0.15,
            "seconds": 10.0,
            "trials": trials,
            "largest": 10,
        },
    )


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action", "data")]


def test_a_report_is_one_page_without_scripts_and_links(tmp_path):
    files = []
    for result in (accuracy(), latency(), load()):
        files.append(tmp_path / f"{result['kind']}.json")
        files[-1].write_text(json.dumps(result), "utf-8")
    output = tmp_path / "report.html"
    assert run("bench", "report", *map(str, files), "--output", str(output)).exit_code == 0
    text = output.read_text("utf-8")
    page = Page(text)
    assert page.links == []
    assert not {"script", "img", "link", "iframe", "object", "b"} & set(page.tags)
    assert page.tags.count("svg") == 4
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_a_report_tells_machine_versions_and_command():
    result = accuracy()
    for text in (html([result]), markdown(result)):
        assert f"h2b {h2b.__version__}" in text
        assert result["machine"]["python"] in text
        assert "2 of 3, 66.7%" in text
        assert "90.0%: not met" in text


def test_what_is_told_of_answers_that_were_ready_in_recordings():
    result = accuracy()
    assert result["results"]["ready"] is None
    timed = [evolve(trial("12", "12"), spare_s=spare) for spare in (0.4, 0.3, 0.2, -0.05)]
    result["results"] |= account_of([*timed, trial("12", "12")], 0.5)
    told = "3 of 4, 75%, on a core of its own; half of them at least 200 ms before it, the last -50 ms"
    assert f"| ready when the timer fired | {told} |" in markdown(result)


def test_what_is_told_of_results_that_were_ready():
    assert "| ready when the timer fired | 3 of 4, 75%; the others 12 ms late on average |" in markdown(latency())
    older = latency()
    del older["results"]["ready"]
    assert "| ready when the timer fired | - |" in markdown(older)


def test_what_is_told_of_a_load():
    text = markdown(load())
    assert "| 40 calls | p95 of the added delay is 379 ms |" in text
    assert "| largest | 10 calls at once |" in text


@pytest.mark.parametrize(
    "drawn",
    [
        draw_calibration(accuracy()["results"]["calibration"]),
        draw_calibration([]),
        draw_delays({"en": [0.0, 5.0]}),
        draw_delays({}),
        draw_load(load()["results"]["trials"], 200.0),
        draw_load([], 200.0),
    ],
)
def test_pictures_are_well_formed(drawn):
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(("most", "end"), [(1.0, 1.0), (0.9, 1.0), (23, 25), (101, 120), (260, 300), (100, 100)])
def test_axes_end_at_round_numbers(most, end):
    assert end_of(most) == pytest.approx(end)


def test_commands_tell_no_folders():
    assert command_line(["bench", "accuracy", "/home/me/speech/manifest.tsv", "--json", "a b.json"]) == (
        "h2b bench accuracy manifest.tsv --json 'a b.json'"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "no result of h2b bench"),
        ('{"format": "other"}', f"expected a JSON object with format '{FORMAT}'"),
    ],
)
def test_a_file_that_is_no_result_is_told(tmp_path, text, told):
    path = tmp_path / "r.json"
    path.write_text(text, "utf-8")
    with pytest.raises(H2BError, match=told):
        read_result(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "speed"}, "kind 'speed', expected any of accuracy, compare, idle, latency, load"),
        ({"results": {}}, "lacks"),
    ],
)
def test_a_result_that_cannot_be_told_is_refused(change, told):
    with pytest.raises(H2BError, match=told):
        html([{**latency(), **change}])


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_committed_runs_can_be_told(path):
    result = read_result(path)
    assert html([result])
    assert " /" not in result["command"]
