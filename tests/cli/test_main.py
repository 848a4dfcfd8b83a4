"""The root of the command line: help, errors in one line, exit codes."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

import h2b
from h2b.cli.main import COMMANDS, Root, Verb, main
from h2b.model.errors import EngineError, NoSuchGrammar
from tests.cli.running import run


def verbs(group: click.Group = main, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)
        yield (*path, name), command


VERBS = dict(verbs())


def test_the_version_is_that_of_the_package():
    assert run("--version").output == f"h2b {h2b.__version__}\n"


def test_no_verb_shows_the_help():
    result = run()
    assert result.exit_code == 0
    assert result.output == run("--help").output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_root_tells_the_purpose_each_verb_gives_itself(name):
    purpose = COMMANDS[name][1]
    command = VERBS[name,]
    assert (command.help or "").splitlines()[0] == purpose


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_every_verb_tells_its_purpose_in_one_line_and_shows_an_example(path):
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert (VERBS[path].help or "").splitlines()[0].endswith(".")
    if isinstance(VERBS[path], Verb):
        assert f"\nExample:\n  h2b {' '.join(path)}" in result.output


def test_help_imports_nothing_heavy():
    look = "import sys, h2b.cli.main; print(*{'numpy', 'trio', 'rich', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_an_unknown_verb_names_the_nearest_one():
    result = run("gramars")
    assert result.exit_code == 2
    assert result.output == "h2b: unknown command 'gramars' (nearest: 'grammars'); see h2b --help\n"


def test_an_unknown_verb_like_no_other_names_them_all():
    assert run("xyz").output == (f"h2b: unknown command 'xyz', expected one of {', '.join(COMMANDS)}; see h2b --help\n")


def test_an_unknown_option_is_refused_in_one_line():
    result = run("grammars", "list", "--foo")
    assert result.exit_code == 2
    assert result.output.startswith("h2b grammars list: no such option")
    assert result.output.endswith("; see h2b grammars list --help\n")
    assert result.output.count("\n") == 1


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "h2b", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"h2b {h2b.__version__}\n"


def raising(error: BaseException) -> Root:
    """A root whose only verb raises."""

    class Raising(Root):
        def get_command(self, ctx: click.Context, name: str) -> click.Command:
            def callback() -> None:
                raise error

            return click.Command(name, callback=callback)

    return Raising("h2b")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (EngineError("no weights"), 1, "h2b: no weights\n"),
        (NoSuchGrammar("builtin:x"), 2, "h2b: unknown grammar 'builtin:x'\n"),
        (ExceptionGroup("", [ExceptionGroup("", [EngineError("no\nweights")])]), 1, "h2b: no weights\n"),
        (KeyboardInterrupt(), 130, "h2b: interrupted\n"),
        (BaseExceptionGroup("", [KeyboardInterrupt(), EngineError("x")]), 130, "h2b: interrupted\n"),
    ],
)
def test_expected_errors_are_one_line_and_an_exit_code(error, code, line, capsys):
    with pytest.raises(SystemExit) as ended:
        raising(error).main(["verb"])
    assert ended.value.code == code
    assert capsys.readouterr().err.lstrip("\n") == line


@pytest.mark.parametrize(
    "error",
    [ValueError("bug"), ExceptionGroup("", [EngineError("expected"), ValueError("bug")])],
    ids=["bare", "group"],
)
def test_a_fault_of_ours_is_not_hidden(error):
    with pytest.raises(type(error)):
        raising(error).main(["verb"])
