"""`h2b bench compare`: lines to peers, peers that fail, counting and what is told of it, with peers of a few lines."""

import json
import subprocess
import sys
import wave
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve

from h2b.audio.files import write_wav
from h2b.cli import bench_compare
from h2b.cli.bench_compare import Entrant, Files, Understanding, account_of, questions
from h2b.cli.bench_compare import run as run_comparison
from h2b.cli.bench_compare_contestants import CONTESTANTS, Contestant, Materials
from h2b.cli.bench_compare_peer import INSTALLED, ONE_THREAD, SCRIPTS, Peer, PeerFailed, environment
from h2b.cli.bench_compare_view import compare, draw_comparison
from h2b.cli.bench_manifest import GRAMMAR_OF_KIND, Row, read_manifest
from h2b.cli.bench_report import markdown
from h2b.cli.bench_result import make_result
from h2b.grammar.catalogue import load_catalogue
from tests.cli.running import run, sound
from tests.protocol.line import silence, voice

UNDERSTAND = Understanding(load_catalogue())
PEER = '''
"""A peer that says what its options tell it to."""
PACKAGES = ("h2b", "not-installed-anywhere")


class Telling:
    def __init__(self, options):
        self.options = options
        self.prepared = ""

    def prepare(self, question):
        self.prepared = question["kind"]

    def hear(self, question, samples, rate):
        print("a library that prints")
        said = self.options.get(question["kind"], "")
        if said == "error":
            raise ValueError("too short")
        told = {"text": said, "rate": rate, "seconds": len(samples) / 2 / rate, "prepared": self.prepared}
        if "value" in self.options:
            told["value"] = self.options["value"]
        return told


def load(options):
    return Telling(options)
'''
ROWS = (
    ("code", "digits", "four seven one two"),
    ("word", "yesno", "yes"),
    ("sentence", "free", "the weather is fine"),
    ("prompt", "prompt", "please hold"),
)


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "telling_peer.py"
    path.write_text(PEER, "utf-8")
    return path


@pytest.fixture
def manifest(tmp_path) -> Path:
    write_wav(tmp_path / "a.wav", sound(silence(0.1) + voice(0.4)))
    path = tmp_path / "manifest.tsv"
    lines = ["id\tfile\tlanguage\tkind\tsource\ttranscript"]
    lines += [f"{name}\ta.wav\ten\t{kind}\ttest\t{said}" for name, kind, said in ROWS]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def started(script) -> Iterator[Callable[..., Peer]]:
    peers = []

    def start(**options: object) -> Peer:
        peers.append(Peer([sys.executable, str(SCRIPTS / "answering.py"), str(script)], options))
        peers[-1].start()
        return peers[-1]

    yield start
    for peer in peers:
        peer.stop()


def saying(*lines: str, code: int = 0) -> Peer:
    """A peer that answers each line with the next of these, and ends after the last."""
    program = (
        "import sys\n"
        f"for answer in {list(lines)!r}:\n"
        "    sys.stdin.readline(); print(answer, flush=True)\n"
        f"print('last words', file=sys.stderr); sys.exit({code})\n"
    )
    return Peer([sys.executable, "-c", program], {})


READY = '{"ready": true, "versions": {}, "load_cpu_s": 0.5}'


# Lines


def test_a_peer_answers_with_words_and_the_time_they_took(started, manifest, tmp_path):
    peer = started(digits="four two")
    file = str(Files(tmp_path).of(read_manifest(manifest)[0], 16000))
    answer = peer.ask({"file": file, "language": "en", "kind": "digits", "grammar": ""})
    assert (answer["text"], answer["rate"], answer["prepared"]) == ("four two", 16000, "digits")
    assert answer["seconds"] == pytest.approx(0.5, abs=0.01)
    assert answer["cpu_s"] >= 0
    assert peer.load_cpu_s >= 0
    assert "not-installed-anywhere" not in peer.versions
    if sys.platform == "linux":
        assert peer.peak_memory_mb() > 1


def test_what_a_peer_cannot_recognise_is_told_and_the_next_is_heard(started, manifest):
    peer = started(digits="error", yesno="yes")
    file = str(read_manifest(manifest)[0].file)
    assert peer.ask({"file": file, "kind": "digits"})["error"] == "ValueError: too short"
    assert peer.ask({"file": file, "kind": "yesno"})["text"] == "yes"


def test_recordings_are_resampled_once(manifest, tmp_path):
    row = read_manifest(manifest)[0]
    files = Files(tmp_path)
    assert files.of(row, 16000) == files.of(row, 16000)
    with wave.open(str(files.of(row, 16000))) as wide, wave.open(str(files.of(row, 8000))) as narrow:
        assert (wide.getframerate(), wide.getnframes()) == (16000, 2 * narrow.getnframes())


def test_libraries_are_told_to_use_one_thread(tmp_path):
    answer = "{'ready': True, 'versions': {'threads': os.environ['OMP_NUM_THREADS']}, 'load_cpu_s': 0}"
    peer = Peer([sys.executable, "-c", f"import os, json; print(json.dumps({answer})); input()"], {})
    peer.start()
    assert peer.versions == {"threads": ONE_THREAD["OMP_NUM_THREADS"]}
    peer.stop()


# Failures


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        (saying(code=3), "it ended with code 3: last words"),
        (saying("nonsense"), "an answer that is no JSON object: 'nonsense'"),
        (saying("[1]"), "an answer that is no JSON object"),
        (saying('{"ready": true}'), "it said something else than that it is ready: 'versions'"),
        (saying("x" * 50_000), "an answer of more than 10000 bytes"),
        (Peer(["/does/not/exist"], {}), "cannot be started: No such file or directory"),
    ],
)
def test_a_peer_that_does_not_start_says_why(peer, told, monkeypatch):
    monkeypatch.setattr("h2b.cli.bench_compare_peer.LONGEST_LINE", 10_000)
    with pytest.raises(PeerFailed, match=told):
        peer.start()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((), "it ended with code 0: last words"),
        (("}",), "an answer that is no JSON object: '}'"),
        (('{"text": 7, "cpu_s": 1}',), "no answer with text and cpu_s"),
        (('{"text": "yes"}',), "no answer with text and cpu_s"),
    ],
)
def test_a_peer_that_answers_nothing_useful_says_why(answers, told):
    peer = saying(READY, *answers)
    peer.start()
    with pytest.raises(PeerFailed, match=told):
        peer.ask({})
    peer.stop()


def test_a_peer_that_says_nothing_is_given_up(monkeypatch):
    peer = Peer([sys.executable, "-c", "input()"], {})
    monkeypatch.setattr("h2b.cli.bench_compare_peer.START_S", 0.0)
    with pytest.raises(PeerFailed, match="it gave no answer in time"):
        peer.start()


def test_what_cannot_be_installed_is_told_with_the_last_line_of_pip(tmp_path, monkeypatch):
    def refuse(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        failed = "pip" in command
        said = b"looking\nERROR: No matching distribution found for nothing==1\n"
        return subprocess.CompletedProcess(command, int(failed), b"", said)

    monkeypatch.setattr(subprocess, "run", refuse)
    told = []
    with pytest.raises(PeerFailed, match="nothing==1 cannot be installed: ERROR: No matching distribution"):
        environment(tmp_path, "nothing==1", told.append)
    assert told == [f"installing nothing==1 in {tmp_path / 'nothing-1'} (once)"]


def test_an_environment_is_made_once(tmp_path, monkeypatch):
    commands = []

    def install(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        place = tmp_path / "thing-2" / "bin"
        place.mkdir(parents=True, exist_ok=True)
        (place / "python").write_text("", "utf-8")
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(subprocess, "run", install)
    first = environment(tmp_path, "thing==2", lambda line: None)
    assert environment(tmp_path, "thing==2", lambda line: None) == first
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    (tmp_path / "thing-2" / INSTALLED).unlink()
    environment(tmp_path, "thing==2", lambda line: None)
    assert len(commands) == 4


# The run


def contestant(script: Path, name: str = "told", **options: object) -> Contestant:
    return Contestant(name=name, about="a test", script=script, options=lambda materials: options)


def compared(entrants: list[Entrant], manifest: Path, rounds: int = 1) -> dict:
    asked = list(questions(read_manifest(manifest), UNDERSTAND))
    materials = Materials(languages=["en"], environments=manifest.parent)
    done = run_comparison(entrants, asked, materials, UNDERSTAND, rounds)
    return {**account_of(entrants, done, rounds), "chosen": len(asked)}


def group(found: dict, name: str, kind: str) -> dict:
    return next(each for each in found["groups"] if (each["contestant"], each["kind"]) == (name, kind))


def test_words_of_others_are_understood_as_our_own_free_words(script, manifest):
    words = {"digits": "My code is 4 7 1 2.", "yesno": "Yeah.", "free": "The weather is fine!"}
    found = compared([Entrant(contestant(script, **words))], manifest)
    assert found["recordings"] == 3
    assert (group(found, "told", "all")["right"], group(found, "told", "all")["recordings"]) == (2, 2)
    assert group(found, "told", "free")["right"] is None
    assert group(found, "told", "free")["wer"] == 0.0
    assert found["wrong"] == []


def test_a_value_of_its_own_counts_as_it_is(script, manifest):
    found = compared([Entrant(contestant(script, digits="noise", value="4712"))], manifest)
    assert group(found, "told", "digits")["right"] == 1
    assert group(found, "told", "yesno")["right"] == 0


def test_what_is_wrong_is_listed_with_what_was_heard(script, manifest):
    found = compared([Entrant(contestant(script, digits="four seven", yesno="error"))], manifest)
    listed = {each["id"]: each for each in found["wrong"]}
    assert (listed["code"]["heard"], listed["code"]["expected"], listed["code"]["found"]) == (
        "four seven",
        "4712",
        "47",
    )
    assert listed["word"]["failure"] == "ValueError: too short"
    assert group(found, "told", "yesno")["failed"] == 1


def test_nobody_is_asked_what_is_not_for_him(script, manifest):
    only = evolve(contestant(script, digits="4712"), kinds=("digits",))
    foreign = evolve(contestant(script, name="foreign"), languages=("fr",))
    found = compared([Entrant(only), Entrant(foreign)], manifest)
    assert [each["kind"] for each in found["groups"]] == ["digits", "all"]
    assert found["contestants"][1]["left_out"] == "it has no model of en"


def test_every_round_is_timed_and_the_first_answer_counts(script, manifest):
    entrant = Entrant(contestant(script, digits="4712"))
    found = compared([entrant], manifest, rounds=3)
    assert [len(answer.cpu_s) for answer in entrant.answers.values()] == [3, 3, 3]
    assert group(found, "told", "all")["recordings"] == 2


def test_who_ends_in_the_run_is_told_with_what_he_had_answered(script, manifest, tmp_path):
    mortal = tmp_path / "mortal_peer.py"
    ending = PEER.replace(
        'print("a library that prints")', 'if self.options["left"] == 0: raise SystemExit("enough")\n'
    )
    ending = ending.replace("        said = self", '        self.options["left"] -= 1\n        said = self')
    mortal.write_text(ending, "utf-8")
    found = compared([Entrant(contestant(mortal, left=2)), Entrant(contestant(script, name="other"))], manifest)
    assert found["contestants"][0]["left_out"] == "after 1 recordings: it ended with code 1: enough"
    assert group(found, "other", "all")["recordings"] == 2


def test_a_run_ends_when_its_time_is_over(script, manifest):
    entrant = Entrant(contestant(script))
    asked = list(questions(read_manifest(manifest), UNDERSTAND))
    materials = Materials(languages=["en"], environments=manifest.parent)
    assert run_comparison([entrant], asked, materials, UNDERSTAND, minutes=1e-9) == []


# The verb and what it tells


def test_the_verb_writes_a_result_that_names_who_is_missing(script, manifest, tmp_path, monkeypatch):
    told = contestant(script, name="told", digits="four seven one two", yesno="no")
    vosk = next(each for each in CONTESTANTS if each.name == "vosk")
    monkeypatch.setattr(bench_compare, "CONTESTANTS", (told, vosk))
    done = run("bench", "compare", str(manifest), "--json", str(tmp_path / "r.json"))
    assert done.exit_code == 0, done.output
    assert "vosk: left out, no model was given (--vosk-model)" in done.output
    result = json.loads((tmp_path / "r.json").read_text("utf-8"))
    text = markdown(result)
    assert "| without vosk | no model was given (--vosk-model) |" in text
    assert "| en | told | 1/2 | 50.0% |" in text
    assert "| asked | 3 recordings of 0.0 minutes |" in text


def test_the_exit_code_says_when_h2b_itself_is_missing(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_compare, "CONTESTANTS", (contestant(tmp_path / "nowhere.py", name="h2b"),))
    assert run("bench", "compare", str(manifest)).exit_code == 1


def test_a_manifest_without_anything_to_ask_is_told(manifest):
    done = run("bench", "compare", str(manifest), "--kind", "prompt")
    assert (done.exit_code, "no recording to ask about" in done.output) == (1, True)


def test_names_in_the_picture_do_not_cover_one_another():
    crowd = [
        {"contestant": f"contestant {n}", "kind": "all", "cpu_s": 0.1 + n / 1000, "right": 9, "recordings": 10}
        for n in range(5)
    ]
    texts = ElementTree.fromstring(draw_comparison("en", crowd)).iter("{http://www.w3.org/2000/svg}text")
    heights = [float(each.get("y", "")) for each in texts if (each.text or "").startswith("contestant ")]
    assert len(heights) == 5
    assert min(b - a for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)) >= 14


def test_a_comparison_of_words_alone_has_no_picture(script, manifest):
    entrant = Entrant(evolve(contestant(script, free="the weather"), kinds=("free",)))
    (part,) = compare(make_result("compare", compared([entrant], manifest))["results"])
    assert part.plots == []


def test_h2b_itself_takes_part(tmp_path, manifest):
    """The real script with the real engine: the grammar's value, and free words."""
    rows = [
        Row(
            "code", Path(str(SCRIPTS.parent.parent / "demo" / "code.wav")), "en", "digits", "demo", "four seven one two"
        )
    ]
    asked = list(questions(rows, UNDERSTAND))
    entrants = [Entrant(each) for each in CONTESTANTS if not each.requirement]
    done = run_comparison(entrants, asked, Materials(languages=["en"], environments=tmp_path), UNDERSTAND)
    found = account_of(entrants, done, 1)
    assert [each["left_out"] for each in found["contestants"]] == ["", ""]
    assert [(each["contestant"], each["right"]) for each in found["groups"] if each["kind"] == "all"] == [
        ("h2b", 1),
        ("h2b free words", 1),
    ]
    assert found["contestants"][0]["models"] == ["moonshine-base-en-int8"]


def test_grammars_of_peers_are_of_kinds_that_are_asked():
    assert all(set(each.kinds) <= set(GRAMMAR_OF_KIND) for each in CONTESTANTS)
