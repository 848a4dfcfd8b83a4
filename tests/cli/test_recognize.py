"""`h2b recognize`: what it prints, for people and for programs, and its exit codes."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import h2b
from h2b.audio.files import write_wav
from h2b.audio.framing import encode_samples
from h2b.cli import recognize
from h2b.model.errors import EngineError
from h2b.model.formats import AudioFormat
from h2b.wire.json import decode_event
from tests.cli.running import DIGITS, TellingEngine, run, sound, telling
from tests.protocol.line import silence, voice

ANSWER = sound(silence(1.0) + voice(1.0))
DEMO = Path(h2b.__file__).parent / "demo" / "code.wav"


@pytest.fixture
def engine(monkeypatch) -> TellingEngine:
    """An engine that hears a code of four digits, in place of the real ones."""
    told = telling("my code is four seven one two")
    monkeypatch.setattr(recognize, "load_engine", lambda options, report: told)
    monkeypatch.setattr(recognize, "available_languages", lambda options: {"en": "", "fr": "no French model here"})
    return told


@pytest.fixture
def answer(tmp_path) -> str:
    write_wav(tmp_path / "answer.wav", ANSWER)
    return str(tmp_path / "answer.wav")


def fields(output: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition("  ") for line in output.splitlines())}


def test_a_match_is_told_with_its_value_and_what_ended_it(engine, answer):
    result = run("recognize", answer, "-g", DIGITS)
    assert result.exit_code == 0
    told = fields(result.output)
    assert told["cause"] == "Success (success)"
    assert told["value"] == '"4712"'
    assert told["confidence"] == "0.90"
    assert told["grammar"] == DIGITS
    assert told["transcript"] == "my code is four seven one two (0.90)"
    assert told["ended"].endswith(": speech_complete_timeout")
    assert told["decoded"].startswith("once in ")


def test_no_match_ends_with_code_3(engine, answer):
    result = run("recognize", answer, "-g", "builtin:speech/boolean")
    assert result.exit_code == 3
    told = fields(result.output)
    assert told["cause"] == "NoMatch (unable to match grammar)"
    assert told["ended"].endswith("speech_nomatch_timeout")
    assert "value" not in told


def test_json_is_the_frame_of_the_wire(engine, answer):
    result = run("recognize", answer, "-g", DIGITS, "--json")
    (line,) = result.output.splitlines()
    event = decode_event(line)
    assert event.result is not None
    assert event.result.best is not None
    assert event.result.best.grammar_uri == DIGITS
    assert json.loads(line)["completion_cause"] == "Success"
    assert json.loads(line)["body"]["version"] == h2b.__version__


def test_an_n_best_list_becomes_a_table(engine, answer, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    output = run(
        "recognize", answer, "-g", "builtin:speech/spelling/mixed", "-g", DIGITS, "--set", "n_best_list_length=3"
    ).output
    rows = [line.split() for line in output.splitlines() if line[:1].isdigit()]
    assert rows[0][0] == "1"
    assert [DIGITS in row for row in rows].count(True) == 1


def test_settings_reach_the_recognition_in_their_types(engine, answer):
    output = run("recognize", answer, "-g", DIGITS, "--set", "speech_complete_timeout=1200").output
    assert "1200 ms after" in fields(output)["ended"]


def test_hotword_mode_can_be_set(engine, answer):
    result = run("recognize", answer, "-g", DIGITS, "--set", "recognition_mode=hotword")
    assert result.exit_code == 0


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_headerless_sound_is_read_in_the_named_format(engine, tmp_path, audio_format):
    path = tmp_path / "answer.raw"
    path.write_bytes(encode_samples(ANSWER, audio_format))
    result = run("recognize", str(path), "-g", DIGITS, "--codec", audio_format.value)
    assert fields(result.output)["value"] == '"4712"'


def test_a_timeline_is_written(engine, answer, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    picture = tmp_path / "call.svg"
    result = run("recognize", answer, "-g", DIGITS, "--timeline", str(picture))
    assert fields(result.output)["timeline"] == str(picture)
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_json_stays_one_line_when_a_timeline_is_written_too(engine, answer, tmp_path):
    result = run("recognize", answer, "-g", DIGITS, "--json", "--timeline", str(tmp_path / "call.svg"))
    assert result.output.count("\n") == 1
    assert (tmp_path / "call.svg").exists()


def test_the_configuration_gives_the_language_unless_one_is_named(engine, answer, tmp_path):
    configuration = tmp_path / "h2b.toml"
    configuration.write_text('[defaults]\nspeech_language = "en-GB"\nspeech_complete_timeout = 300\n')
    output = run("recognize", answer, "-g", DIGITS, "--config", str(configuration)).output
    assert engine.requests[-1].language == "en-GB"
    assert "300 ms after" in fields(output)["ended"]
    run("recognize", answer, "-g", DIGITS, "--config", str(configuration), "--language", "en-US")
    assert engine.requests[-1].language == "en-US"


def test_an_engine_that_fails_is_cause_error(monkeypatch, engine, answer):
    monkeypatch.setattr(recognize, "load_engine", lambda options, report: telling(EngineError("out of order")))
    result = run("recognize", answer, "-g", DIGITS)
    assert result.exit_code == 3
    assert fields(result.output)["cause"] == "Error (out of order)"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (
            ["-g", "builtin:speech/boolen"],
            2,
            "h2b: unknown grammar 'builtin:speech/boolen' (nearest: 'builtin:speech/boolean')",
        ),
        (
            ["-g", DIGITS, "--language", "fr"],
            2,
            "h2b: speech recognition is not available in 'fr': expected one of en (no French model here)",
        ),
        (
            ["-g", DIGITS, "--set", "no_input_timout=1"],
            2,
            "h2b recognize: invalid value for '--set': unknown parameter 'no_input_timout' "
            "(nearest: 'no_input_timeout'); see h2b recognize --help",
        ),
        (
            ["-g", DIGITS, "--set", "no_input_timeout=-1"],
            2,
            "h2b recognize: invalid value for '--set': no_input_timeout: got '-1', "
            "expected an integer from 0 to 3600000 (milliseconds); see h2b recognize --help",
        ),
        (
            ["-g", DIGITS, "--set", "loud"],
            2,
            "h2b recognize: invalid value for '--set': got 'loud', expected name=value; see h2b recognize --help",
        ),
        ([], 2, "h2b recognize: missing option '-g' / '--grammar'; see h2b recognize --help"),
        (
            ["-g", DIGITS, "--timeline", "/nowhere/x.svg"],
            1,
            "h2b: /nowhere/x.svg: cannot be written (No such file or directory)",
        ),
    ],
)
def test_errors_are_one_clear_line(engine, answer, arguments, code, line):
    result = run("recognize", answer, *arguments)
    assert result.exit_code == code
    assert result.output == f"{line}\n"


def test_a_file_that_is_no_recording_is_told(engine, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    result = run("recognize", str(path), "-g", DIGITS)
    assert result.exit_code == 1
    assert result.output == (
        f"h2b: {path}: not a WAV file; expected a WAV file of PCM 8 or 16 bits, A-law or mu-law, "
        "or headerless sound with its audio format named\n"
    )


def test_a_recording_that_is_not_there_is_told(engine):
    result = run("recognize", "nowhere.wav", "-g", DIGITS)
    assert result.exit_code == 2
    assert "'nowhere.wav' does not exist" in result.output
    assert result.output.count("\n") == 1


def test_the_shipped_recording_is_understood_by_the_real_engine():
    result = run("recognize", str(DEMO), "-g", DIGITS, "--json")
    assert result.exit_code == 0
    assert json.loads(result.output.splitlines()[-1])["body"]["nlu"]["value"] == "4712"


@pytest.mark.parametrize(
    ("grammar", "hint"),
    [
        ("digits", " (nearest: 'builtin:speech/spelling/digits')"),
        ("speech/boolean", " (nearest: 'builtin:speech/boolean')"),
        ("menu.xml", ", expected one of h2b grammars list, or a file"),
    ],
)
def test_a_grammar_without_its_scheme_is_told_with_the_nearest(engine, answer, grammar, hint):
    result = run("recognize", answer, "-g", grammar)
    assert (result.exit_code, result.output) == (2, f"h2b: unknown grammar '{grammar}'{hint}\n")
