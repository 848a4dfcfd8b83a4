"""Examples of presets: which ones hold, which ones must be there, and what is told of the others."""

from pathlib import Path

import pytest

from h2b.grammar import catalogue
from h2b.grammar.catalogue import load_folder, load_preset, make_registry
from h2b.grammar.examples import Failure, failures, same
from h2b.model.errors import ConfigurationError

CODE = """\
type = "spelling"
doc = "A code."
languages = ["en"]
[fixed]
alphabet = "digits"
[parameters.length]
type = "integer"
doc = "Its length."
"""
SAYS = '[[examples]]\nlanguage = "en"\nsay = "{}"\n{}\n'
POSITIVE = SAYS.format("one two", 'value = "12"')
NEGATIVE = SAYS.format("hello", "no_match = true")


def check(folder: Path, text: str) -> list[Failure]:
    path = folder / "code.toml"
    path.write_text(text)
    preset = load_preset(path, folder)
    return failures(preset, make_registry([preset]))


def test_examples_that_hold_are_not_told(tmp_path: Path) -> None:
    partial = SAYS.format("one", 'params = "length=2"\npartial = true\nvalue = "1"')
    assert check(tmp_path, CODE + POSITIVE + NEGATIVE + partial) == []


@pytest.mark.parametrize(
    ("example", "said", "expected", "got"),
    [
        (SAYS.format("one two", 'value = "13"'), "one two", '"13"', '"12"'),
        (SAYS.format("one two", "value = 12"), "one two", "12", '"12"'),
        (SAYS.format("one two", "no_match = true"), "one two", "no match", '"12"'),
        (SAYS.format("one two", "partial = true"), "one two", "a match (partial)", '"12"'),
        (SAYS.format("hello", 'value = "12"'), "hello", '"12"', "no match"),
        (
            SAYS.format("one", 'params = "length=2"\nvalue = "1"'),
            "one ?length=2",
            '"1"',
            '"1" (partial)',
        ),
        (
            SAYS.format("one", 'params = "lenght=1"\nvalue = "1"'),
            "one ?lenght=1",
            '"1"',
            "grammar 'builtin:code?lenght=1': unknown parameter 'lenght' (nearest: 'length'), expected: length",
        ),
    ],
)
def test_an_example_that_does_not_hold_is_told_with_its_line(
    tmp_path: Path, example: str, said: str, expected: str, got: str
) -> None:
    (failure,) = check(tmp_path, CODE + POSITIVE + NEGATIVE + example)
    assert failure == Failure(
        where=f"{tmp_path / 'code.toml'}:17", language="en", said=said, expected=expected, got=got
    )


@pytest.mark.parametrize(
    ("examples", "missing"),
    [
        (POSITIVE, ["an example with no_match = true"]),
        (NEGATIVE, ["an example that matches"]),
        ("", ["an example that matches", "an example with no_match = true"]),
        (
            SAYS.format("one", 'params = "length=2"\npartial = true') + NEGATIVE,
            ["an example that matches"],
        ),
    ],
)
def test_each_language_needs_an_example_that_matches_and_one_that_does_not(
    tmp_path: Path, examples: str, missing: list[str]
) -> None:
    assert [failure.expected for failure in check(tmp_path, CODE + examples)] == missing


def test_examples_of_one_language_do_not_count_for_another(tmp_path: Path) -> None:
    found = check(tmp_path, CODE.replace('["en"]', '["en", "fr"]') + POSITIVE + NEGATIVE)
    assert {failure.language for failure in found} == {"fr"}


def test_examples_written_as_one_list_have_the_line_it_begins_on(tmp_path: Path) -> None:
    listed = 'examples = [\n  {language="en", say="one", value="2"},\n  {language="en", say="x", no_match=true},\n]\n'
    (failure,) = check(tmp_path, listed + CODE)
    assert failure.where == f"{tmp_path / 'code.toml'}:1"


def test_no_file_says_where_its_examples_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r":12: unknown key 'line'$"):
        check(tmp_path, CODE + SAYS.format("one", "line = 3"))


def test_copies_that_editors_and_volumes_keep_are_no_grammars(tmp_path: Path) -> None:
    (tmp_path / "..2026_11_21").mkdir()
    (tmp_path / "..2026_11_21" / "code.toml").write_text(CODE)
    (tmp_path / "..data").symlink_to("..2026_11_21")
    (tmp_path / "code.toml").symlink_to("..data/code.toml")
    (tmp_path / ".code.toml").write_text("type = ")
    assert [preset.path for preset in load_folder(tmp_path)] == ["code"]


def test_two_files_with_one_uri_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code.toml").write_text(CODE)
    (tmp_path / "code.TOML").write_text(CODE)
    monkeypatch.setattr(catalogue, "LOADERS", {".toml": catalogue.load_toml, ".TOML": catalogue.load_toml})
    with pytest.raises(ConfigurationError) as refused:
        list(load_folder(tmp_path))
    assert str(refused.value) == f"{tmp_path / 'code.toml'}: builtin:code is also in {tmp_path / 'code.TOML'}"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, 1, False),
        (1, 1.0, True),
        ("1", 1, False),
        ({"a": [True, None]}, {"a": [True, None]}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [1], False),
    ],
)
def test_values_are_compared_as_json(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is same(other, one) is equal


# SRGS files: their examples must match, and nothing has to be denied

SPOKEN = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="menu">
<rule id="menu" scope="public">{}<one-of><item>sales</item><item>support</item></one-of></rule></grammar>
"""
TYPED = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="dtmf" root="menu">
<rule id="menu" scope="public">{}1 2</rule></grammar>
"""


@pytest.mark.parametrize(
    ("document", "examples", "told"),
    [
        (SPOKEN, "<example>sales</example>", []),
        (SPOKEN, "<example>sailors</example>", [("en", "sailors", "a match", "no match")]),
        (SPOKEN, "", [("en", "", "an example that matches", "none")]),
        (TYPED, "<example>1 2</example>", []),
        (TYPED, "<example>1</example>", [("keys", "1", "a match", "a match (partial)")]),
        (TYPED, "<example>3</example>", [("keys", "3", "a match", "no match")]),
        (TYPED, "", [("keys", "", "an example that matches", "none")]),
    ],
)
def test_examples_of_srgs_files_are_run(
    tmp_path: Path, document: str, examples: str, told: list[tuple[str, str, str, str]]
) -> None:
    path = tmp_path / "menu.grxml"
    path.write_text(document.format(examples))
    preset = load_preset(path, tmp_path)
    found = failures(preset, make_registry([preset]))
    assert [(failure.language, failure.said, failure.expected, failure.got) for failure in found] == told
