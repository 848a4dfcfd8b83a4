"""`h2b grammars new`: a file to start a grammar of one's own from, with comments and examples that hold."""

import re
from pathlib import Path

import click

from h2b.cli.main import Verb
from h2b.cli.terminal import configuration_option, console, fields, write_text
from h2b.configfile import load_configuration
from h2b.grammar.catalogue import load_folder, shipped_folder
from h2b.grammar.kinds import KINDS
from h2b.model.errors import H2BError, nearest

DEFAULT_FOLDER = "grammars"
DEFAULT_TYPE = "spelling"

_NAME = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")

STARTING = """\
# {name}: say here what it is for. This file answers to builtin:{name}.

# The kind of answer. `h2b grammars new NAME --type KIND` starts from another one.
type = "spelling"
# What comes back, in one or two sentences: `h2b grammars show` and the reference page tell it.
doc = "An order number: two letters and six digits, in lower case."
# Any of en, fr, es, de. Each one needs an example that matches and one that does not.
languages = ["en"]

# Arguments of the kind that no client changes. Here: letters and digits, and what the whole value looks like.
[fixed]
alphabet = "mixed"
regex = "[a-z]{{2}}[0-9]{{6}}"

# Arguments that clients give in the URI, as builtin:{name}?maxlength=8. Give each one a type and a doc.
# [parameters.maxlength]
# type = "integer"
# minimum = 1
# maximum = 64
# doc = "Most characters."

# What clients get instead of the value itself: a text around it, or an object.
# [output]
# template = "order {{value}}"

# What callers say and what must come of it. `h2b grammars check` runs them all.
[[examples]]
language = "en"
say = "it's k b double one four six two two"
value = "kb114622"

[[examples]]
language = "en"
say = "k b one one four"
value = "kb114"
partial = true

[[examples]]
language = "en"
say = "I don't have it here"
no_match = true
"""


@click.command(
    "new",
    cls=Verb,
    example="""
    h2b grammars new speech/order_number
    h2b grammars new speech/delivery_day --type date --folder /etc/h2b/grammars
    """,
    help="""Write a file to start a grammar of your own from.

    NAME becomes its URI: speech/order_number answers to builtin:speech/order_number. No file is overwritten.
    """,
)
@click.argument("name")
@click.option(
    "--type",
    "kind",
    default=DEFAULT_TYPE,
    show_default=True,
    metavar="KIND",
    help="Kind of answer. All but the default start as a copy of a shipped grammar of that kind.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"Folder of your grammars.  [default: the configuration's, or {DEFAULT_FOLDER}]",
)
@configuration_option
def new_grammar(name: str, kind: str, folder: Path | None, configuration_file: Path | None) -> None:
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"got '{name}', expected a name such as speech/order_number", param_hint="NAME")
    if folder is None:
        folder = Path(load_configuration(configuration_file).grammars.folder or DEFAULT_FOLDER)
    path = folder / f"{name}.toml"
    text = _starting_text(name, kind)
    if path.exists():
        raise H2BError(f"{path}: exists already, and is left as it is")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise H2BError(f"{path.parent}: cannot be made ({error.strerror})") from error
    write_text(path, text)
    _tell(name, path, folder)


def _starting_text(name: str, kind: str) -> str:
    if kind == DEFAULT_TYPE:
        return STARTING.format(name=name)
    shipped = shipped_folder()
    sources = {preset.type: preset.source for preset in load_folder(shipped) if preset.source.endswith(".toml")}
    # The grammar that is named like its kind shows most of it.
    sources |= {p.type: p.source for p in load_folder(shipped) if Path(p.source).name == f"{p.type}.toml"}
    if kind not in sources:
        raise click.BadParameter(
            f"unknown kind '{kind}'{nearest(kind, sources)}, expected: {', '.join(sorted(sources))}",
            param_hint="'--type'",
        )
    source = Path(sources[kind])
    uri = source.relative_to(shipped).with_suffix("").as_posix()
    head = f"# {name}: say here what it is for. It starts as a copy of builtin:{uri}.\n"
    if takes := ", ".join(KINDS[kind].takes):
        head += f"# Arguments of the kind, each in [fixed] or as [parameters.NAME]: {takes}.\n"
    copied = source.read_text(encoding="utf-8")
    # Its other names stay the shipped one's.
    return head + re.sub(r"^names = .*\n", "", copied, flags=re.MULTILINE)


def _tell(name: str, path: Path, folder: Path) -> None:
    steps = fields()
    steps.add_row("written", str(path))
    steps.add_row("edit", "what it is for, its arguments, and examples of what your callers say")
    steps.add_row("check", f"h2b grammars check {folder}")
    steps.add_row("serve", f'[grammars] folder = "{folder}" in the configuration, then builtin:{name} in RECOGNIZE')
    console().print(steps)
