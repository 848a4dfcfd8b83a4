"""Writes the parts of the pages that are made from the code; with --check only tells which of them are out of date.

    python docs/generate.py
    python docs/generate.py --check

A part stands in a page between `<!-- generated: NAME WORDS -->` and `<!-- end -->`; NAME is a key of `PARTS`.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from parts import bench, commands, grammars, logs, metrics, mrcp, protocol, scaling, settings, shown, usage

ROOT = Path(__file__).parent.parent

PARTS: Mapping[str, Callable[[str], str]] = {
    "parameters": settings.parameters,
    "configuration": settings.configuration,
    "confidence": settings.confidence,
    "grammar-list": grammars.overview,
    "grammars": grammars.reference,
    "kinds": grammars.kinds,
    "missing-weights": grammars.missing_weights,
    "states": protocol.states,
    "events": protocol.events,
    "causes": protocol.causes,
    "refusals": protocol.refusals,
    "audio-formats": protocol.audio_formats,
    "frame": protocol.frame,
    "verb": commands.verb,
    "logs": logs.events,
    "metrics": metrics.metrics,
    "mrcp-parameters": mrcp.parameters,
    "mrcp-causes": mrcp.causes,
    "mrcp-statuses": mrcp.statuses,
    "usage-columns": usage.columns,
    "usage-questions": usage.questions,
    "bench": bench.tables,
    "scaling": scaling.needs,
    "file": shown.file,
    "run": shown.run,
}
"""Name of a part -> what writes it, given the words after the name."""

MARKED = re.compile(r"^(<!-- generated: (\S+)(?: (.+))? -->\n)(?:(?!<!-- ).*\n)*?(<!-- end -->)$", re.MULTILINE)


def pages() -> Iterator[Path]:
    """Every page that may have generated parts."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def renewed(text: str) -> str:
    """A page's text with every generated part as the code has it now. Raises KeyError for an unknown part."""
    return MARKED.sub(lambda match: f"{match[1]}{PARTS[match[2]](match[3] or '').rstrip()}\n{match[4]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes the parts of the pages that are made from the code.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if a page is out of date")
    check = parser.parse_args(arguments).check
    stale = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        now = renewed(text)
        if now != text:
            stale.append(page)
            if not check:
                page.write_text(now, encoding="utf-8")
    for page in stale:
        sys.stdout.write(f"{page.relative_to(ROOT)} {'is out of date' if check else 'written'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
