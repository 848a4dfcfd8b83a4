"""`h2b grammars conformance`: SRGS files that carry their own cases, judged."""

from pathlib import Path

import click

from h2b.cli.main import FAILED, Verb
from h2b.cli.terminal import console
from h2b.grammar.srgs.conformance import SUPPLIED, run_folder

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    "conformance",
    cls=Verb,
    example="h2b grammars conformance srgs-xml --need 0.97",
    help="Run the in.N / out.N cases of the SRGS files in a folder. Exit code 0 when enough are right, 1 otherwise.",
)
@click.argument("folder", type=FOLDER)
@click.option("--need", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share that must be right.")
@click.option(
    "--supplied",
    type=FOLDER,
    default=SUPPLIED,
    help="Folder with documents the files refer to and do not bring.  [default: those the W3C's test set asks for]",
)
def conformance(folder: Path, need: float, supplied: Path) -> int:
    out = console()
    right = total = 0
    for case in run_folder(folder, supplied):
        total += 1
        right += case.right
        if not case.right:
            out.print(f"{case.file} {case.number}: '{case.said}'", markup=False)
            out.print(f"  expected {case.expected}\n  got      {case.got} {case.reason}", markup=False)
    out.print(f"{right}/{total}")
    return 0 if total and right >= need * total else FAILED
