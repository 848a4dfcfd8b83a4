"""`h2b grammars check`: what is run, what is told, and its exit codes."""

import shutil
from pathlib import Path

import pytest

from h2b.audio.files import write_wav
from h2b.audio.framing import encode_samples
from h2b.cli import grammars_check
from h2b.grammar.catalogue import load_catalogue
from h2b.model.formats import AudioFormat
from tests.cli.running import TellingEngine, run, sound, telling
from tests.protocol.line import silence, voice

ANSWER = sound(silence(1.0) + voice(1.0))

COLOUR = """\
type = "keywords"
doc = "A colour."
languages = ["en"]
[fixed]
alternatives = "red|green"
[[examples]]
language = "en"
say = "the green one"
value = "green"
[[examples]]
language = "en"
say = "hello"
no_match = true
"""

TEST = """\
audio = "answer.wav"
grammars = ["builtin:speech/spelling/digits?length=4"]
[params]
speech_language = "en"
recognition_mode = "normal"
no_input_timeout = 5000
hotword_max_time = 10000
[expected]
completion_cause = "Success"
[expected.interpretation]
type = "builtin:speech/spelling/digits"
value = "4712"
"""


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of grammars in the folder where the command is typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "speech").mkdir(parents=True)
    (tmp_path / "own" / "speech" / "colour.toml").write_text(COLOUR)
    return tmp_path / "own"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TellingEngine:
    """An engine that hears a code of four digits, in place of the real ones."""
    told = telling("my code is four seven one two")
    monkeypatch.setattr(grammars_check, "load_engine", lambda options, report: told)
    monkeypatch.setattr(grammars_check, "available_languages", lambda options: {"en": "", "fr": "no French model here"})
    return told


@pytest.fixture
def call(folder: Path) -> Path:
    """A recording with its test."""
    write_wav(folder / "answer.wav", ANSWER)
    (folder / "code.test").write_text(TEST)
    return folder / "code.test"


def told(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines() if line.strip()]


# Presets


def test_the_shipped_grammars_keep_their_promises() -> None:
    result = run("grammars", "check", "--no-audio")
    assert result.exit_code == 0, result.output
    presets = {preset.path: preset for preset in load_catalogue().presets.values()}.values()
    examples = sum(len(preset.examples) for preset in presets)
    assert told(result.output)[-1] == f"{len(presets)} files, {examples} examples, none failed".split()


def test_a_folder_of_grammars_is_checked_under_its_uris(folder: Path) -> None:
    result = run("grammars", "check", "own")
    assert result.exit_code == 0
    assert told(result.output)[2:] == [
        ["own/speech/colour.toml", "builtin:speech/colour", "2", "2", "-"],
        ["1", "file,", "2", "examples,", "none", "failed"],
    ]


def test_a_file_alone_is_named_after_its_own_folder(folder: Path) -> None:
    result = run("grammars", "check", "own/speech/colour.toml")
    assert told(result.output)[2][:2] == ["own/speech/colour.toml", "builtin:colour"]


def test_a_file_of_the_configured_folder_has_its_uri_there(folder: Path) -> None:
    (folder.parent / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    result = run("grammars", "check", "own/speech/colour.toml", "--config", "h2b.toml")
    assert told(result.output)[2][:2] == ["own/speech/colour.toml", "builtin:speech/colour"]


def test_the_configured_folder_is_checked_beside_the_shipped_one(folder: Path) -> None:
    (folder.parent / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    result = run("grammars", "check", "--no-audio", "--config", "h2b.toml")
    assert result.exit_code == 0
    assert {"builtin:speech/colour", "builtin:speech/age"} <= {word for words in told(result.output) for word in words}


def test_an_example_that_does_not_hold_is_told_with_file_and_line(folder: Path) -> None:
    (folder / "speech" / "colour.toml").write_text(COLOUR.replace('value = "green"', 'value = "blue"'))
    result = run("grammars", "check", "own")
    assert result.exit_code == 1
    assert told(result.output)[2] == ["own/speech/colour.toml", "builtin:speech/colour", "2", "1", "1"]
    lines = [line.rstrip() for line in result.output.splitlines()]
    at = lines.index("own/speech/colour.toml:6 (en)")
    assert lines[at + 1 : at + 4] == ["  said      the green one", '  expected  "blue"', '  got       "green"']
    assert lines[-1] == "1 file, 2 examples, 1 failed"


def test_a_name_that_another_grammar_has_is_told(folder: Path) -> None:
    (folder / "speech" / "colour.toml").write_text(COLOUR.replace("[fixed]", 'names = ["speech/date"]\n[fixed]'))
    result = run("grammars", "check", "own")
    assert result.exit_code == 2
    told_names = "h2b: own/speech/colour.toml:4: names: 'speech/date' is taken by "
    assert [line for line in result.output.splitlines() if line.startswith(told_names)]


def test_arguments_that_the_kind_does_not_take_stop_every_command(folder: Path) -> None:
    (folder / "speech" / "colour.toml").write_text(COLOUR.replace("[fixed]", "[fixed]\nalternativs = 'x'"))
    (folder.parent / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    why = "own/speech/colour.toml:5: unknown argument 'alternativs' of keywords (nearest: 'alternatives')"
    for command in (
        ["check", "own"],
        ["check", "--no-audio", "--config", "h2b.toml"],
        ["list", "--config", "h2b.toml"],
    ):
        result = run("grammars", *command)
        assert result.exit_code != 0, command
        assert f"h2b: {why}, expected: alternatives\n" in result.output


def test_an_example_that_is_not_there_is_a_failure(folder: Path) -> None:
    (folder / "speech" / "colour.toml").write_text(COLOUR.partition('[[examples]]\nlanguage = "en"\nsay = "hello"')[0])
    result = run("grammars", "check", "own")
    assert result.exit_code == 1
    assert "  expected  an example with no_match = true" in [line.rstrip() for line in result.output.splitlines()]


def test_a_broken_file_is_told_with_line_and_key_and_the_others_are_checked(folder: Path) -> None:
    (folder / "bad.toml").write_text('type = "keywords"\ndoc = "x"\nlanguages = ["en"]\nfixd = 3\n')
    result = run("grammars", "check", "own")
    assert result.exit_code == 2
    assert told(result.output)[2][0] == "own/speech/colour.toml"
    assert result.stderr == "h2b: own/bad.toml:4: unknown key 'fixd' (nearest: 'fixed')\n"


def test_nothing_to_check_is_told(tmp_path: Path) -> None:
    result = run("grammars", "check", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("h2b: nothing to check: no *.toml")


SCRIPTED = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r" tag-format="semantics/1.0">
<rule id="r" scope="public"><example>sales</example>sales<tag>{}</tag></rule></grammar>
"""


@pytest.mark.parametrize(("script", "code"), [("out = 'S';", 0), ("out = nothing.at.all;", 1)])
def test_scripts_of_a_grammar_are_run(folder: Path, script: str, code: int) -> None:
    (folder / "menu.grxml").write_text(SCRIPTED.format(script))
    result = run("grammars", "check", "own/menu.grxml")
    assert result.exit_code == code
    assert ("grammar 'builtin:menu': " in result.output) is bool(code)


# Recordings


def test_a_recording_is_heard_as_a_call_would_be(engine: TellingEngine, call: Path) -> None:
    result = run("grammars", "check", str(call))
    assert result.exit_code == 0, result.output
    assert engine.requests[0].language == "en"
    assert told(result.output)[2][1:] == ["builtin:speech/spelling/digits?length=4", "1", "1", "-"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('"4712"', '"4713"'), 'Success, "4713" of builtin:speech/spelling/digits'),
        (('"Success"', '"NoMatch"'), 'NoMatch, "4712" of builtin:speech/spelling/digits'),
        (('digits"\nvalue', 'mixed"\nvalue'), 'Success, "4712" of builtin:speech/spelling/mixed'),
    ],
)
def test_another_result_is_a_failure(engine: TellingEngine, call: Path, change: tuple[str, str], expected: str) -> None:
    call.write_text(TEST.replace(*change))
    result = run("grammars", "check", str(call))
    assert result.exit_code == 1
    lines = [line.rstrip() for line in result.output.splitlines()]
    at = lines.index("own/code.test:8 (en)")
    assert lines[at + 1 : at + 4] == [
        "  said      recording answer.wav",
        f"  expected  {expected}",
        '  got       Success, "4712" of builtin:speech/spelling/digits; heard: my code is four seven one two',
    ]


def test_a_result_without_a_value_may_be_what_is_expected(engine: TellingEngine, call: Path) -> None:
    grammar = TEST.replace("spelling/digits?length=4", "boolean").partition("[expected.interpretation]")[0]
    call.write_text(grammar.replace('"Success"', '"NoMatch"'))
    assert run("grammars", "check", str(call)).exit_code == 0


def test_a_grammar_of_the_folder_may_be_what_a_recording_is_for(engine: TellingEngine, call: Path) -> None:
    call.write_text(TEST.replace("speech/spelling/digits?length=4", "speech/colour"))
    result = run("grammars", "check", "own")
    assert "NoMatch; heard: my code is four seven one two" in result.output
    assert "unknown grammar" not in result.output


def test_an_unknown_grammar_is_a_failure(engine: TellingEngine, call: Path) -> None:
    call.write_text(TEST.replace("spelling/digits?", "spelling/digit?"))
    result = run("grammars", "check", str(call))
    assert result.exit_code == 1
    assert "unknown grammar 'builtin:speech/spelling/digit?length=4'" in result.output


@pytest.mark.parametrize(
    ("suffix", "audio_format"),
    [(".pcm", AudioFormat.LINEAR), (".g711a", AudioFormat.G711A), (".g711u", AudioFormat.G711U)],
)
def test_headerless_sound_has_the_format_of_its_suffix(
    engine: TellingEngine, call: Path, suffix: str, audio_format: AudioFormat
) -> None:
    (call.parent / f"answer{suffix}").write_bytes(encode_samples(ANSWER, audio_format))
    call.write_text(TEST.replace("answer.wav", f"answer{suffix}"))
    assert run("grammars", "check", str(call)).exit_code == 0


@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        (('"en"', '"fr-FR"'), [], "no French model here"),
        (('"en"', '"it"'), [], "no engine recognises 'it'"),
        (("audio =", "skip = true\naudio ="), [], "skip = true"),
        (("", ""), ["--no-audio"], "--no-audio"),
    ],
)
def test_what_is_not_run_is_told_with_its_reason(
    engine: TellingEngine, call: Path, change: tuple[str, str], options: list[str], reason: str
) -> None:
    call.write_text(TEST.replace(*change))
    result = run("grammars", "check", "own", *options)
    assert result.exit_code == 0
    assert engine.requests == []
    lines = [line.rstrip() for line in result.output.splitlines()]
    at = lines.index(f"skipped: {reason}")
    assert lines[at + 1] == "  own/code.test"
    assert lines[-1] == "1 file, 2 examples, none failed, 1 skipped"


def test_what_is_asked_for_by_name_is_not_skipped(engine: TellingEngine, call: Path) -> None:
    call.write_text("skip = true\n" + TEST)
    assert "none failed" in run("grammars", "check", str(call)).output
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('audio = "answer.wav"', "audio = 3"), "1: audio: got 3, expected the name of a file"),
        (('audio = "answer.wav"', ""), " audio is missing, expected the name of a file"),
        (("completion_cause", "completion_cuse"), "9: unknown key 'completion_cuse' (nearest: 'completion_cause')"),
        (('"Success"', '"Sucess"'), "9: completion_cause: got 'Sucess' (nearest: 'Success'), expected: Success, "),
        (("5000", "-1"), "6: no_input_timeout: got -1, expected"),
        (("value =", "valeu ="), "12: unknown key 'valeu' (nearest: 'value')"),
        (("[params]", "[params"), "3: not TOML: "),
        (('type = "', 'typ = "'), "11: unknown key 'typ' (nearest: 'type')"),
    ],
)
def test_a_wrong_test_is_told_with_its_line(
    engine: TellingEngine, call: Path, change: tuple[str, str], complaint: str
) -> None:
    call.write_text(TEST.replace(*change))
    result = run("grammars", "check", str(call))
    assert result.exit_code == 2
    assert f"code.test:{complaint}" in result.stderr


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gone.wav", "gone.wav: cannot be read (No such file or directory)"),
        ("answer.mp3", "answer.mp3: the suffix '.mp3' names no audio format; expected one of .wav, .pcm, .linear"),
    ],
)
def test_a_recording_that_cannot_be_read_is_a_broken_file(
    engine: TellingEngine, call: Path, name: str, complaint: str
) -> None:
    call.write_text(TEST.replace("answer.wav", name))
    result = run("grammars", "check", str(call))
    assert result.exit_code == 2
    assert complaint in result.stderr


PARCEL = """\
audio = "parcel_number.wav"
grammars = [
    "builtin:speech/spelling/mixed?regex=[a-z]{2}[0-9]{9}[a-z]{2}"
]
[params]
speech_language = "fr"
hotword_max_duration = 10000
no_input_timeout = 5000
recognition_mode = "hotword"
[expected]
completion_cause = "Success"
[expected.interpretation]
type = "builtin:speech/spelling/mixed"
value = "le137137866cn"
"""
"""A test as the SDK has it."""


def test_a_real_call_is_understood(folder: Path, speech_folder: Path) -> None:
    shutil.copy(speech_folder / "wav" / "uhlive_parcel_number.wav", folder / "parcel_number.wav")
    (folder / "parcel.test").write_text(PARCEL)
    result = run("grammars", "check", "own/parcel.test")
    assert result.exit_code == 0, result.output
