"""Files and runs of `h2b` as the pages show them."""

import shlex
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from h2b.cli.main import main
from parts.markdown import block

ROOT = Path(__file__).parent.parent.parent
LANGUAGES = {".py": "python", ".toml": "toml"}


def file(name: str) -> str:
    """A file of the repository, whole."""
    path = ROOT / name
    return block(LANGUAGES[path.suffix], path.read_text(encoding="utf-8"))


def run(arguments: str) -> str:
    """A command as it is typed from the root of a clone, and all it prints."""
    with chdir(ROOT):
        result = CliRunner(env={"COLUMNS": "100"}).invoke(main, shlex.split(arguments), catch_exceptions=False)
    printed = "\n".join(line.rstrip() for line in result.output.splitlines())
    return block("console", f"$ h2b {arguments}\n{printed}")
