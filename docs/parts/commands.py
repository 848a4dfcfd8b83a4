"""The command line: each verb's usage, options and example, from the command itself."""

import click

from h2b.cli.main import Verb, main
from parts.markdown import block, code, table


def verb(name: str) -> str:
    """A verb with all that its help says; `name` as it is typed after h2b."""
    command, context = _find(name)
    assert isinstance(command, Verb)
    purpose, *more = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    parts = [purpose, block("text", f"h2b {name} {' '.join(command.collect_usage_pieces(context))}"), *more]
    rows = [_row(option) for option in command.params if isinstance(option, click.Option)]
    if rows:
        parts.append(table(("option", "meaning"), rows))
    lines = [line.strip() for line in command.example.strip().splitlines()]
    parts.append(block("sh", "\n".join(lines)))
    return "\n\n".join(parts)


def _find(name: str) -> tuple[click.Command, click.Context]:
    command: click.Command = main
    context = click.Context(command, info_name="h2b")
    for word in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, f"no verb {name}"
        command = found
        context = click.Context(command, info_name=word, parent=context)
    return command, context


def _row(option: click.Option) -> tuple[str, str]:
    takes = option.metavar or (
        "|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.type.name
    )
    written = ", ".join(option.opts) + ("" if option.is_flag else f" {takes}")
    meaning = " ".join((option.help or "").split())
    return code(written), f"{meaning} Required." if option.required else meaning
