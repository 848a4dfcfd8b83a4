"""`h2b grammars`: what a person learns about grammars at a terminal."""

import pytest

from h2b.grammar.catalogue import load_catalogue
from tests.cli.running import DIGITS, run


def fields(output: str) -> dict[str, str]:
    """The name and value of each line."""
    return {name: value.strip() for name, _, value in (line.partition("  ") for line in output.splitlines())}


def test_the_list_names_every_preset_once_with_its_parameters(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = run("grammars", "list")
    assert result.exit_code == 0
    uris = [line.split()[0] for line in result.output.splitlines() if line.startswith("builtin:")]
    assert uris == sorted({f"builtin:{preset.path}" for preset in load_catalogue().presets.values()})
    (keywords,) = (line for line in result.output.splitlines() if line.startswith("builtin:speech/keywords"))
    _, rest = keywords.split(maxsplit=1)
    assert " ".join(rest.split()) == "en fr es de alternatives* One of the alternatives, as it was declared"


def test_show_tells_parameters_with_their_ranges_and_examples(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    output = run("grammars", "show", "builtin:speech/spelling/digits").output
    (length,) = (line for line in output.splitlines() if line.startswith("length "))
    assert length.split("  ")[0] == "length"
    assert "an integer from 1 to 64" in length
    assert "Exact number of digits." in length
    assert any(line.split() == ["en", "one", "two", "length=4", '"12"', "(partial)"] for line in output.splitlines())
    assert "regex=[0-9]{1,2}" in output, "brackets are no markup"


def test_show_takes_a_uri_without_its_scheme_and_tells_other_names():
    output = run("grammars", "show", "speech/transcribe").output
    assert output.startswith("builtin:speech/transcribe\n")
    assert fields(output)["also called"] == "builtin:speech/none builtin:grammar/none"


def test_an_unknown_grammar_names_the_nearest_one():
    result = run("grammars", "show", "speech/boolen")
    assert result.exit_code == 2
    assert result.output == "h2b: unknown grammar 'builtin:speech/boolen' (nearest: 'builtin:speech/boolean')\n"


def test_a_name_of_voicexml_leads_to_the_grammar_that_answers_to_it():
    result = run("grammars", "show", "grammar/date")
    assert result.exit_code == 1
    assert result.output == (
        "h2b: builtin:grammar/date gives what builtin:speech/date finds, in the format of VoiceXML: see that one\n"
    )
    assert fields(run("grammars", "try", "grammar/date", "July fourth two thousand").output)["value"] == '"20000704"'


def test_try_shows_value_match_and_the_silence_that_would_end_it():
    result = run("grammars", "try", DIGITS, "My code is, uh, four seven double one.")
    assert result.exit_code == 0
    assert fields(result.output) == {
        "match": "complete",
        "value": '"4711"',
        "confidence": "1.00",
        "words": "my code is uh four seven double one",
        "silence": "speech_complete_timeout ends such an utterance",
    }


def test_try_of_a_part_ends_with_code_3():
    result = run("grammars", "try", DIGITS, "four seven")
    assert result.exit_code == 3
    assert fields(result.output)["match"] == "partial"
    assert fields(result.output)["silence"] == "speech_incomplete_timeout ends such an utterance"


def test_try_of_other_words_shows_them_as_they_were_taken():
    result = run("grammars", "try", DIGITS, "Good morning!")
    assert result.exit_code == 3
    assert fields(result.output) == {
        "match": "none",
        "words": "good morning",
        "silence": "speech_nomatch_timeout ends such an utterance",
    }


def test_try_in_another_language():
    result = run("grammars", "try", "speech/boolean", "oui, tout à fait", "--language", "fr-FR")
    assert fields(result.output)["value"] == "true"


def test_a_wrong_parameter_is_told_in_one_line():
    result = run("grammars", "try", "speech/spelling/digits?lenth=4", "four")
    assert result.exit_code == 2
    assert result.output == (
        "h2b: grammar 'builtin:speech/spelling/digits?lenth=4': unknown parameter 'lenth' (nearest: 'length'), "
        "expected: length, minlength, maxlength, regex\n"
    )


def test_a_language_a_grammar_does_not_know_is_told_in_one_line():
    result = run("grammars", "try", "speech/boolean", "si", "--language", "it")
    assert result.exit_code == 2
    assert result.output == "h2b: builtin:speech/boolean is not available in 'it': expected one of de, en, es, fr\n"


def test_an_operators_grammar_is_found_through_the_configuration(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "colour.toml").write_text(
        'type = "keywords"\ndoc = "A colour."\nlanguages = ["en"]\n[fixed]\nalternatives = "red|green"\n'
    )
    configuration = tmp_path / "h2b.toml"
    configuration.write_text('[grammars]\nfolder = "own"\n')
    result = run("grammars", "try", "colour", "the green one", "--config", str(configuration))
    assert fields(result.output)["value"] == '"green"'


MENU = """#ABNF 1.0 UTF-8;
language en;
root $menu;
$menu = the (first | second) [one];
"""


def test_try_takes_a_grammar_file(tmp_path):
    menu = tmp_path / "my menu.gram"
    menu.write_text(MENU)
    result = run("grammars", "try", str(menu), "the second one")
    assert (result.exit_code, fields(result.output)["value"]) == (0, '"the second one"')
    assert run("grammars", "try", str(menu), "the third one").exit_code == 3


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_grammar_file_that_cannot_be_read_is_told(tmp_path, content):
    menu = tmp_path / "menu.grxml"
    if content is not None:
        menu.write_bytes(content)
    result = run("grammars", "try", str(menu), "one")
    assert result.exit_code == 1
    why = "No such file or directory" if content is None else "not UTF-8 at byte 0"
    assert result.output == f"h2b: {menu}: {why}\n"


def test_show_tells_what_clients_get_instead_of_the_value(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "day.toml").write_text(
        'type = "date"\ndoc = "A day."\nlanguages = ["en"]\n[output]\ntemplate = "{day}/{month}"\n'
    )
    configuration = tmp_path / "h2b.toml"
    configuration.write_text('[grammars]\nfolder = "own"\n')
    output = run("grammars", "show", "day", "--config", str(configuration)).output
    assert fields(output)["output"] == "{day}/{month}"


def test_a_wrong_configuration_is_told_with_file_and_line(tmp_path):
    configuration = tmp_path / "h2b.toml"
    configuration.write_text('[grammars]\nfolders = "own"\n')
    result = run("grammars", "list", "--config", str(configuration))
    assert result.exit_code == 1
    assert result.output == f"h2b: {configuration}:2: unknown key 'folders' in [grammars] (nearest: 'folder')\n"
