"""The pages as text: what they show stands somewhere in the code, and what they name exists."""

import json
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from h2b.cli.main import main
from h2b.configfile import parse_configuration
from h2b.grammar.catalogue import PRESET_KEYS, load_preset
from h2b.grammar.kinds import KINDS
from h2b.model.errors import ConfigurationError
from h2b.usage.tariff import parse_tariff
from tests.docs.pages import PAGES, ROOT, SAMPLES, Block, anchors, blocks, links, name_of

BEGIN, END = "<!-- generated: ", "<!-- end -->"


def test_the_generated_parts_are_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_generated_part_has_an_end_and_something_in_it(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    marks = [(number, line) for number, line in enumerate(lines) if line.startswith((BEGIN, END))]
    for (start, opening), (end, closing) in zip(marks[::2], marks[1::2], strict=True):
        assert opening.startswith(BEGIN), start + 1
        assert closing == END, end + 1
        assert end > start + 1, start + 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / target).resolve() for target in links(index)}
    assert named >= {page for page in PAGES if page.parent.parent == index.parent}


# The front page


def test_the_front_page_begins_with_one_line_for_the_demo_and_one_for_the_tests() -> None:
    first, second = [block.text for block in blocks() if block.page == "README.md"][:2]
    for text, ending in ((first, "/h2b demo\n"), (second, "/tox\n")):
        assert text.count("\n") == 1
        assert text.startswith("python3 -m venv ")
        assert text.endswith(ending)


def test_its_client_has_fewer_than_twenty_lines() -> None:
    (client,) = [block.text for block in blocks("python") if block.page == "README.md"]
    lines = [line for line in client.splitlines() if line and not line.startswith(("import", "from", '"""'))]
    assert len(lines) < 20


def test_it_is_read_in_two_minutes() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len([word for word in text.split() if word.isalpha()]) < 600


# Blocks


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.page)
def test_every_block_of_python_is_a_file(block: Block) -> None:
    assert block.text in {path.read_text("utf-8") for path in SAMPLES.rglob("*.py")}


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.page)
def test_every_block_of_json_is_a_frame_of_the_protocol(block: Block) -> None:
    frame = json.loads(block.text)
    assert "request_id" in frame
    assert ("command" in frame) is not ("event" in frame)


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.page)
def test_every_block_of_toml_is_a_preset_a_tariff_or_a_configuration(block: Block) -> None:
    if "unit_ms" in tomllib.loads(block.text):
        parse_tariff(block.text)
    elif "type" in tomllib.loads(block.text):
        assert block.text in {path.read_text("utf-8") for path in SAMPLES.rglob("*.toml")}
    else:
        parse_configuration(block.text, "h2b.toml")


@pytest.mark.parametrize("block", blocks("sh", "console"), ids=lambda block: block.page)
def test_every_command_shown_has_the_options_shown(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if "h2b " in line else []
        if not words or not words[0].endswith("h2b"):
            continue
        command, rest = _verb_of(words[1:])
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("-")} <= known, line


def _verb_of(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = main
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    return command, words


# Texts written by hand that the code must agree with


def shown(page: str, text: str) -> bool:
    return text in (ROOT / "docs" / page).read_text("utf-8")


def test_a_wrong_configuration_is_told_as_the_page_shows() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_configuration("[server]\ndrain_s = -1\n", "h2b.toml")
    assert shown("reference/configuration.md", f"h2b: {refused.value}\n")


def test_a_wrong_preset_is_told_as_the_page_shows(tmp_path: Path) -> None:
    path = tmp_path / "grammars" / "speech" / "membership.toml"
    path.parent.mkdir(parents=True)
    path.write_text('# A comment\ntype = "speling"\ndoc = ""\nlanguages = ["en"]\n', "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_preset(path, tmp_path / "grammars")
    told = str(refused.value).removeprefix(f"{tmp_path}/")
    assert shown("howto/add-a-grammar.md", f"h2b: {told}\n")


def test_the_page_on_presets_names_every_key_and_kind() -> None:
    keys = {"parameters": "[parameters.NAME]", "fixed": "[fixed]", "output": "[output]", "examples": "[[examples]]"}
    for key in PRESET_KEYS:
        assert shown("howto/add-a-grammar.md", f"| `{keys.get(key, key)}` |"), key
    for kind in KINDS:
        assert shown("howto/add-a-grammar.md", f"`{kind}`"), kind
