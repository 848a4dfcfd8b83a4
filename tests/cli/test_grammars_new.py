"""`h2b grammars new` and `h2b grammars docs`: files to start from, and pages to read."""

from pathlib import Path

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from tests.cli.running import run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_grammar_passes_its_check_at_once(here: Path) -> None:
    result = run("grammars", "new", "speech/order_number")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.output.splitlines()] == [
        ["written", "grammars/speech/order_number.toml"],
        ["edit", "what"],
        ["check", "h2b"],
        ["serve", "[grammars]"],
    ]
    checked = run("grammars", "check", "grammars")
    assert checked.exit_code == 0
    assert "builtin:speech/order_number" in checked.output


@pytest.mark.parametrize("kind", sorted({preset.type for preset in load_catalogue().presets.values()} & set(KINDS)))
def test_so_does_one_of_every_kind_that_is_shipped(here: Path, kind: str) -> None:
    assert run("grammars", "new", "mine", "--type", kind, "--folder", "own").exit_code == 0
    written = (here / "own" / "mine.toml").read_text("utf-8")
    assert f'type = "{kind}"\n' in written
    assert all(name in written.splitlines()[1] for name in KINDS[kind].takes) or kind == "spelling"
    assert run("grammars", "check", "own").exit_code == 0


def test_the_folder_of_the_configuration_is_taken(here: Path) -> None:
    (here / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    run("grammars", "new", "speech/order_number", "--config", "h2b.toml")
    assert (here / "own" / "speech" / "order_number.toml").exists()


def test_no_file_is_overwritten(here: Path) -> None:
    path = here / "grammars" / "mine.toml"
    path.parent.mkdir()
    path.write_text("precious")
    result = run("grammars", "new", "mine")
    assert result.exit_code == 1
    assert result.output == "h2b: grammars/mine.toml: exists already, and is left as it is\n"
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["../mine", "/tmp/mine", "a//b", "a b", "mine.toml", ""])
def test_a_name_that_is_no_uri_is_refused(here: Path, name: str) -> None:
    result = run("grammars", "new", name)
    assert result.exit_code == 2
    assert f"got '{name}', expected a name such as speech/order_number" in result.output
    assert list(here.iterdir()) == []


def test_an_unknown_kind_names_the_nearest_one() -> None:
    result = run("grammars", "new", "mine", "--type", "dat")
    assert result.exit_code == 2
    assert "unknown kind 'dat' (nearest: 'date'), expected: age, " in result.output


# Pages


def test_every_grammar_gets_a_page_and_a_line_in_the_list(here: Path) -> None:
    result = run("grammars", "docs", "--folder", "out")
    paths = {preset.path for preset in load_catalogue().presets.values()}
    assert result.output == f"{len(paths) + 1} pages in out\n"
    written = {page.relative_to(here / "out").as_posix() for page in (here / "out").rglob("*.md")}
    assert written == {f"{path}.md" for path in paths} | {"README.md"}
    index = (here / "out" / "README.md").read_text("utf-8")
    assert all(f"]({path}.md)" in index for path in paths)


def test_a_page_tells_parameters_and_examples(here: Path) -> None:
    run("grammars", "docs", "--folder", "out")
    page = (here / "out" / "speech" / "spelling" / "digits.md").read_text("utf-8")
    assert page.startswith("# builtin:speech/spelling/digits\n")
    assert "| `length` | an integer from 1 to 64 | - | Exact number of digits. |" in page
    assert '| en | “one two” | `length=4` | `"12"` (partial) |' in page


def test_the_operators_grammars_have_pages_too(here: Path) -> None:
    run("grammars", "new", "speech/order_number", "--folder", "own")
    (here / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    run("grammars", "docs", "--folder", "out", "--config", "h2b.toml")
    assert (here / "out" / "speech" / "order_number.md").exists()


def test_a_grammar_without_examples_has_a_page(here: Path) -> None:
    (here / "own").mkdir()
    (here / "own" / "bare.toml").write_text('type = "boolean"\ndoc = "Bare."\nlanguages = ["fr"]\n')
    (here / "h2b.toml").write_text('[grammars]\nfolder = "own"\n')
    assert run("grammars", "docs", "--folder", "out", "--config", "h2b.toml").exit_code == 0
    assert "| [`builtin:bare`](bare.md) | - | - | fr |" in (here / "out" / "README.md").read_text("utf-8")
