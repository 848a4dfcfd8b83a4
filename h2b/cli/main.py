"""The root of the command line: which verbs there are, and how the errors of all of them are told.

Owns exit codes and the shape of error lines. Verbs are imported when they are asked for, so that `h2b --help` and shell
completion are quick: this module imports nothing heavy.

Exit codes: 0 done; 1 failed; 2 asked in a way that cannot be carried out; 3 a recording without a match (`recognize`,
`grammars try`); 130 interrupted.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from h2b import __version__
from h2b.model.errors import ClientError, H2BError, nearest

FAILED = 1
USAGE = 2
NO_MATCH = 3
INTERRUPTED = 130

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": (
        "h2b.cli.serve:serve",
        "Serve speech recognition to voicebots over WebSocket, and to telephone systems over MRCPv2.",
    ),
    "demo": ("h2b.cli.demo:demo", "Start a server, call it with a recording, and watch it listen."),
    "recognize": ("h2b.cli.recognize:recognize", "Recognise a recording, as the server would recognise the call."),
    "grammars": ("h2b.cli.grammars:grammars", "List, explain, write, check and try the grammars."),
    "clients": ("h2b.cli.clients:clients", "Say who may use the server, and give them their secrets."),
    "usage": ("h2b.cli.usage:usage", "Export, sum up and price what was recognised."),
    "mrcp": ("h2b.cli.mrcp:mrcp", "Call a speech server by SIP and MRCPv2, and read captures of such calls."),
    "bench": ("h2b.cli.bench:bench", "Measure accuracy, delay and load, and report the results."),
    "models": ("h2b.cli.models:models", "Prepare the speech models and tell which languages can be recognised."),
}
"""Verb -> where it lives as `module:name`, and its purpose, which is also the first line of its own help."""


class Verb(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, name: str | None, example: str, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Example"):
            for line in self.example.strip().splitlines():
                formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")


@click.pass_context
def _help_without_verb(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


class Verbs(click.Group):
    """A group that shows its help when it is called without a verb."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__(name, invoke_without_command=True, callback=_help_without_verb, **attributes)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            hint = nearest(name, known) or f", expected one of {', '.join(known)}"
            raise click.UsageError(f"unknown command '{name}'{hint}", ctx)
        return super().resolve_command(ctx, args)


class Root(Verbs):
    """The verbs of `COMMANDS`, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and end the process with the exit codes of this module."""
        try:
            code = super().main(*args, **{"prog_name": "h2b", **extra, "standalone_mode": False})
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "h2b"
            code = _refuse(f"{path}: {_sentence(error)}; see {path} --help", USAGE)
        except click.ClickException as error:
            code = _refuse(f"h2b: {_sentence(error)}", FAILED)
        except click.Abort:
            code = _refuse("h2b: interrupted", INTERRUPTED)
        except H2BError as error:
            code = _refuse_expected(error)
        except BaseExceptionGroup as group:
            # Where tasks run side by side, the error of one comes wrapped.
            code = _tell_group(group)
        sys.exit(code or 0)


def _refuse(line: str, code: int) -> int:
    click.echo(" ".join(line.split()), err=True)
    return code


def _refuse_expected(error: H2BError) -> int:
    return _refuse(f"h2b: {error}", USAGE if isinstance(error, ClientError) else FAILED)


def _tell_group(group: BaseExceptionGroup[BaseException]) -> int:
    """The first of expected errors in one line; a group that holds anything else is raised again whole."""
    leaves = list(_leaves(group))
    expected = [error for error in leaves if isinstance(error, H2BError)]
    if any(isinstance(error, KeyboardInterrupt) for error in leaves):
        return _refuse("h2b: interrupted", INTERRUPTED)
    if len(expected) < len(leaves):
        raise group
    return _refuse_expected(expected[0])


def _sentence(error: click.ClickException) -> str:
    """The library's message in the style of ours: lower case, no full stop."""
    text = error.format_message().rstrip(".")
    return text[:1].lower() + text[1:]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


main = Root(
    "h2b",
    help="Speech recognition for phone voicebots: it listens for the answer you expect and gives its value.",
    epilog="Start with: h2b demo",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, prog_name="h2b", message="%(prog)s %(version)s")(main)
