"""A small writer of SVG: shapes, words, and where words can stand without covering one another.

Owns the text of the file and estimates of how wide words are. Must not know what is drawn.
"""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from attrs import define, evolve, field, frozen

_WIDE = 0.74
_USUAL = 0.60
_NARROW = 0.36
"""Widths of characters in font sizes, of a rather wide sans serif: whose font is narrower sees more room."""


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
"""What XML 1.0 does not take, and the controls that it advises against (section 2.2)."""


def _text(words: str) -> str:
    """Words as the text of an element."""
    return escape(_FORBIDDEN.sub("\ufffd", words))


def words_width(words: str, size: float) -> float:
    """About how wide some words are drawn, in pixels."""
    return size * sum(_WIDE if c.isupper() or c in "mw—%" else _NARROW if c in "ijl.,:;'|! " else _USUAL for c in words)


def cut_to_width(words: str, size: float, width: float) -> str:
    """The words, or their beginning and an ellipsis, so that they fit."""
    if words_width(words, size) <= width:
        return words
    while words and words_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


@define
class Drawing:
    """Elements in the order they are painted. Lengths are pixels, y grows downwards."""

    width: float
    _elements: list[str] = field(factory=list)

    def rect(self, x: float, y: float, width: float, height: float, style: str, tip: str = "") -> None:
        size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
        self._add("rect", f"{size} {_style(style)}", tip)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self._add("line", f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {_style(style)}')

    def polygon(self, points: Iterable[tuple[float, float]], style: str, tip: str = "") -> None:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add("polygon", f'points="{corners}" {_style(style)}', tip)

    def words(self, x: float, y: float, words: str, style: str, size: float, anchor: str = "start") -> None:
        """Words on the line `y`; `anchor` is start, middle or end."""
        attributes = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" {_style(style)}'
        self._elements.append(f"<text {attributes}>{_text(words)}</text>")

    def paint(self, above: "Drawing") -> None:
        """Paint another drawing over this one."""
        self._elements += above._elements

    def finish(self, height: float, style_sheet: str, title: str, description: str) -> str:
        """The file; `title` and `description` are for those who do not see it."""
        w, h = f"{self.width:g}", f"{height:.0f}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img">'
        about = f"<title>{_text(title)}</title>\n<desc>{_text(description)}</desc>"
        paper = f'<rect width="{w}" height="{h}" class="paper"/>'
        body = "\n".join(self._elements)
        return f"{head}\n{about}\n<style>\n{style_sheet.strip()}\n</style>\n{paper}\n{body}\n</svg>\n"

    def _add(self, element: str, attributes: str, tip: str = "") -> None:
        inside = f"><title>{_text(tip)}</title></{element}>" if tip else "/>"
        self._elements.append(f"<{element} {attributes}{inside}")


def _style(name: str) -> str:
    return f"class={quoteattr(name)}"


@frozen(kw_only=True)
class Label:
    """Words beside a mark that covers `left` to `right`; once placed, where they stand and in which row."""

    left: float
    right: float
    words: str
    style: str = ""
    tip: str = ""
    x: float = 0.0
    anchor: str = "start"
    row: int = 0


@frozen
class Ground:
    """Where words of one size can stand: between two lines, with a gap between neighbours."""

    left: float
    right: float
    size: float
    gap: float

    def place(self, labels: Iterable[Label], stems: bool = False) -> list[Label]:
        """The labels with their places: inside the mark, else on its right, else on its left, in the first free row.

        Marks keep their own place in the row free too. With `stems`, words hang from their marks, and no stem crosses
        words that stand on the right of their mark: from right to left, since a stem goes down on the left of its words
        and the next ones stand further left.
        """
        rows: list[list[tuple[float, float]]] = []
        placed = []
        for label in sorted(labels, key=lambda label: -label.left if stems else label.left):
            here, taken = self._beside(label)
            row = next((number for number, others in enumerate(rows) if not self._covers(taken, others)), len(rows))
            if row == len(rows):
                rows.append([])
            rows[row].append(taken)
            for above in rows[:row] if stems else ():
                above.append((label.left, label.right))
            placed.append(evolve(here, row=row))
        return placed

    def _beside(self, label: Label) -> tuple[Label, tuple[float, float]]:
        """The label with its words, and what both cover."""
        width = words_width(label.words, self.size)
        if label.right - label.left >= width + 2 * self.gap:
            return evolve(label, x=label.left + self.gap), (label.left, label.right)
        if label.right + self.gap + width <= self.right or label.left - self.gap - width < self.left:
            return evolve(label, x=label.right + self.gap), (label.left, label.right + self.gap + width)
        return evolve(label, x=label.left - self.gap, anchor="end"), (label.left - self.gap - width, label.right)

    def _covers(self, taken: tuple[float, float], others: Iterable[tuple[float, float]]) -> bool:
        return any(taken[0] < right + self.gap and left < taken[1] + self.gap for left, right in others)
