"""`h2b bench report`: results of benches as one page that needs nothing else, and as Markdown for pages of one's own.

Owns both texts. What is told of a result is the business of `h2b.cli.bench_view`.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import click

from h2b.cli.bench_parts import Grid, Part
from h2b.cli.bench_result import read_result
from h2b.cli.bench_view import facts_of, parts_of
from h2b.cli.main import Verb
from h2b.cli.markdown import table
from h2b.cli.terminal import write_text

STYLE = """
body { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; line-height: 1.45;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1f2933; background: #ffffff; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #e3e7eb; vertical-align: top; }
th { border-bottom-color: #9aa5b1; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; margin: 0.5rem 0; }
@media (prefers-color-scheme: dark) {
body { color: #e7eaee; background: #14181d; }
th, td { border-bottom-color: #2a3138; }
}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing."""


@click.command(
    "report",
    cls=Verb,
    help="""Make one page of results: tables and pictures.

    RESULT files are what the other benches write with --json. The page needs no other file and runs no script.
    """,
    example="h2b bench report accuracy.json latency.json load.json --output report.html",
)
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="RESULT…"
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE.html",
    help="Where the page goes.",
)
def report(results: tuple[Path, ...], output: Path) -> None:
    write_text(output, html([read_result(path) for path in results]))


def html(results: Sequence[Mapping[str, Any]]) -> str:
    """The page. Raises H2BError for a result that cannot be told."""
    body = "\n".join(_section(result) for result in results)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width">
<title>h2b bench</title>
<style>{STYLE}</style>
</head>
<body>
<h1>h2b bench</h1>
{body}
</body>
</html>
"""


def _section(result: Mapping[str, Any]) -> str:
    parts = parts_of(result)
    shown = "\n".join(_part(part) for part in parts)
    return f"<section>\n{shown}\n<h3>Made by</h3>\n{_facts(facts_of(result))}\n</section>"


def _part(part: Part) -> str:
    pieces = [f"<h2>{escape(part.title)}</h2>", _facts(part.facts)]
    pieces += [f"<h3>{escape(grid.title)}</h3>\n{_grid(grid)}" for grid in part.grids if grid.rows]
    return "\n".join([*pieces, *part.plots])


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    rows = "\n".join(f"<tr><th>{escape(name)}</th><td>{escape(words)}</td></tr>" for name, words in facts)
    return f"<table>\n{rows}\n</table>"


def _grid(grid: Grid) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in grid.head)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows)
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'


def markdown(result: Mapping[str, Any]) -> str:
    """The same tables without pictures, for a page of one's own."""
    pieces = []
    for part in parts_of(result):
        pieces.append(table(("", ""), [*part.facts, *facts_of(result)]))
        pieces += [f"{grid.title}:\n\n{table(grid.head, grid.rows)}" for grid in part.grids if grid.rows]
    return "\n\n".join(pieces)
