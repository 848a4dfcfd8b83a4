"""What the verbs share when they tell a person something.

Owns the console, the look of tables and a few words. Nothing from outside is read as markup: regexes have
brackets too.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import IO, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from h2b.model.errors import H2BError
from h2b.model.results import MatchClass, Value

SILENCES = {
    MatchClass.COMPLETE: "speech_complete_timeout",
    MatchClass.PARTIAL: "speech_incomplete_timeout",
    MatchClass.NONE: "speech_nomatch_timeout",
}
"""Which parameter's silence ends an utterance of each match class."""

configuration_option = click.option(
    "--config",
    "configuration_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Configuration of the server (TOML).",
)

PLAIN_WIDTH = 110
"""Columns where nobody's terminal says otherwise: a file or a pipe."""


def console(stream: IO[str] | None = None) -> Console:
    """A console on standard output, or on the given stream, as it is now."""
    stream = stream or sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """Text of others without signs that a terminal would obey: each is shown as a sign that stands for none."""
    return _CONTROLS.sub("\ufffd", text)


class _Rows(Table):
    """A table whose cells no terminal obeys."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(visible(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str) -> Table:
    """A table with a line below its head and nothing else drawn."""
    made = _Rows(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # The first one holds what a person copies.
        made.add_column(column, overflow="fold", no_wrap=number == 0)
    return made


def fields() -> Table:
    """Names and values, one pair a line."""
    made = _Rows.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    return made


def shown(value: Value) -> str:
    """A semantic value as JSON: what is a string and what is a number can be seen."""
    return json.dumps(value, ensure_ascii=False)


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises H2BError, naming it, when that is impossible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise H2BError(f"{path}: cannot be written ({error.strerror})") from error
