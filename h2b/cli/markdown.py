"""Tables and code blocks of Markdown, for every page that is made from the code."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row([_cell(text) for text in row]) for row in rows)]
    return "\n".join(lines)


def block(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def code(text: object) -> str:
    """Text as code, or a dash for nothing."""
    return f"`{text}`" if str(text) else "-"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """A bar would end the cell, also inside code."""
    return " ".join(text.split()).replace("|", "\\|")
