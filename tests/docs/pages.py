"""The pages and what stands in them."""

import re
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "docs" / "samples"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@frozen
class Block:
    """One fenced block."""

    page: str
    language: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """Every fenced block of every page, in these languages or in all."""
    found = [Block(name_of(page), *match) for page in PAGES for match in _FENCE.findall(page.read_text("utf-8"))]
    return [block for block in found if not languages or block.language in languages]


def links(page: Path) -> list[str]:
    """Targets inside the repository."""
    return [target for target in _LINK.findall(page.read_text("utf-8")) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What headings of a page can be linked to as."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
