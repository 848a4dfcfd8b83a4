"""`h2b bench accuracy`: manifests, questions, exit codes, with an engine that says what it is told."""

import json
import re
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path

import pytest

from h2b.audio.files import write_wav
from h2b.cli import bench_accuracy
from h2b.cli.bench_manifest import read_manifest
from h2b.model.errors import H2BError
from tests.cli.running import TellingEngine, run, sound, telling
from tests.protocol.line import silence, voice

HEAD = "id\tfile\tlanguage\tkind\tsource\ttranscript\n"
ROWS = (
    ("code", "a.wav", "en", "digits", "asterisk-core", "four seven one two"),
    ("second", "a.wav", "en", "digits", "fsdd", "one two"),
    ("vm-num-i-have", "a.wav", "en", "prompt", "asterisk-core", "i have"),
    ("oui", "a.wav", "fr", "yesno", "armelle", "oui"),
)


def hearing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> TellingEngine:
    engine = telling(*answers)
    monkeypatch.setattr(bench_accuracy, "load_engine", lambda options, report: engine)
    monkeypatch.setattr(bench_accuracy, "available_languages", lambda options: {"en": ""})
    return engine


@pytest.fixture
def manifest(tmp_path) -> str:
    write_wav(tmp_path / "a.wav", sound(silence(0.3) + voice(0.6)))
    path = tmp_path / "manifest.tsv"
    path.write_text(HEAD + "".join("\t".join(row) + "\n" for row in ROWS), "utf-8")
    return str(path)


def results(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))["results"]


def test_values_are_counted_whole(manifest, tmp_path, monkeypatch):
    hearing(monkeypatch, "four seven one two", "one three")
    done = run("bench", "accuracy", manifest, "--json", str(tmp_path / "r.json"))
    assert done.exit_code == 0
    assert re.search(r"^en +digits +fsdd +0/1 +0\.0% +1 +0 +50\.0%", done.output, re.MULTILINE), done.output
    found = results(tmp_path / "r.json")
    assert (found["recordings"], found["right"], found["session"]) == (2, 1, False)
    assert [(wrong["id"], wrong["expected"], wrong["found"]) for wrong in found["wrong"]] == [("second", "12", "13")]


@pytest.mark.parametrize(("need", "code"), [("0.5", 0), ("0.51", 1)])
def test_the_exit_code_says_whether_enough_is_right(manifest, monkeypatch, need, code):
    hearing(monkeypatch, "four seven one two", "nothing of this")
    assert run("bench", "accuracy", manifest, "--need", need).exit_code == code


def test_a_whole_call_gives_the_same_value(manifest, tmp_path, monkeypatch):
    hearing(monkeypatch, "four seven one two")
    file = str(tmp_path / "r.json")
    run("bench", "accuracy", manifest, "--session", "--source", "asterisk-core", "--json", file)
    found = results(tmp_path / "r.json")
    assert (found["recordings"], found["right"], found["session"]) == (1, 1, True)


def test_what_is_accepted_out_of_grammar_is_wrong(manifest, tmp_path, monkeypatch):
    hearing(monkeypatch, "four seven one two")
    run("bench", "accuracy", manifest, "--out-of-grammar", "--kind", "prompt", "--json", str(tmp_path / "r.json"))
    found = results(tmp_path / "r.json")
    accepted = {group["kind"]: group["false_accepts"] for group in found["groups"]}
    assert (accepted["digits"], accepted["boolean"]) == (1, 0)
    assert all(group["false_rejects"] == 0 for group in found["groups"])


def test_answers_that_end_a_sentence_come_behind_the_prompts_of_the_same_voice(manifest, tmp_path, monkeypatch):
    engine = hearing(monkeypatch, "i have four seven one two")
    run("bench", "accuracy", manifest, "--carriers", "--json", str(tmp_path / "r.json"))
    found = results(tmp_path / "r.json")
    assert (found["recordings"], found["right"]) == (1, 1)
    assert len(engine.requests) == 1


def test_every_nth_of_them_is_asked_too(manifest, tmp_path, monkeypatch):
    engine = hearing(monkeypatch, "i have four seven one two", "i have four seven one two")
    path = Path(manifest)
    more = [
        ("third", "a.wav", "en", "digits", "asterisk-core", "two"),
        ("4", "a.wav", "en", "digits", "asterisk-core", "six"),
    ]
    path.write_text(path.read_text("utf-8") + "".join("\t".join(row) + "\n" for row in more), "utf-8")
    run("bench", "accuracy", manifest, "--carriers", "--every", "2", "--json", str(tmp_path / "r.json"))
    assert results(tmp_path / "r.json")["recordings"] == len(engine.requests) == 2


def test_two_recordings_with_one_id_are_refused(manifest):
    path = Path(manifest)
    path.write_text(path.read_text("utf-8") + "\t".join(ROWS[0]) + "\n", "utf-8")
    done = run("bench", "accuracy", manifest)
    assert done.exit_code == 1
    assert f"line {len(ROWS) + 2}: the id 'code' is that of line 2 already" in done.stderr


def test_grammars_of_codes_are_told_the_length(manifest, monkeypatch):
    engine = hearing(monkeypatch, "four seven one two")
    run("bench", "accuracy", manifest, "--length", "--source", "asterisk-core")
    assert [request.grammars[0].uri for request in engine.requests] == ["builtin:speech/spelling/digits?length=4"]


def test_verbose_tells_each_recording(manifest, monkeypatch):
    hearing(monkeypatch, "four seven one two")
    output = run("bench", "accuracy", manifest, "--verbose").output
    assert "ok  code 'four seven one two' -> 4712 (0.90) | free:'four seven one two' 0.0/1 0.90" in output
    assert "BAD second 'one two' -> 4712 (0.90)" in output


def test_the_calibration_is_drawn(manifest, tmp_path, monkeypatch):
    hearing(monkeypatch, "four seven one two")
    run("bench", "accuracy", manifest, "--plot", str(tmp_path / "c.svg"))
    assert ElementTree.parse(tmp_path / "c.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_a_choice_that_leaves_nothing_is_told(manifest, monkeypatch):
    hearing(monkeypatch, "yes")
    result = run("bench", "accuracy", manifest, "--kind", "phone")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)


def test_two_questions_at_once_are_refused(manifest, monkeypatch):
    assert run("bench", "accuracy", manifest, "--carriers", "--out-of-grammar").exit_code == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id\tfile\n", "line 1: expected the columns id, file, language, kind, source, transcript"),
        (HEAD + "a\tb\n", "line 2: 2 columns, expected 6"),
        ("", "line 1: expected the columns"),
    ],
)
def test_a_wrong_manifest_is_told_with_its_line(tmp_path, text, told):
    path = tmp_path / "manifest.tsv"
    path.write_text(text, "utf-8")
    with pytest.raises(H2BError, match=told):
        read_manifest(path)


def test_a_manifest_is_measured_with_the_real_engine(tmp_path):
    caller = str(files("h2b") / "demo" / "code.wav")
    row = ("code", caller, "en", "digits", "demo", "hello uh my code is four seven one two thanks")
    (tmp_path / "manifest.tsv").write_text(HEAD + "\t".join(row) + "\n", "utf-8")
    done = run("bench", "accuracy", str(tmp_path / "manifest.tsv"), "--session", "--need", "1")
    assert done.exit_code == 0, done.output
    assert re.search(r"^en +digits +demo +1/1 +100\.0%", done.output, re.MULTILINE), done.output
