"""Lines of a TOML text, so that an error can name one.

Owns where keys and tables stand in the text; must not know what they mean. Tables and arrays written in one value
count as the key they are written for.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

Keys: TypeAlias = tuple[str | int, ...]
"""The way to a value: `("examples", 2, "say")` is `say` of the third [[examples]]."""

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_ASSIGNED = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_OUTSIDE = re.compile(r"""\"{3}|'{3}|#.*|"(?:\\.|[^"\\])*"|'[^']*'|[\[{}\]]""")
_UNTIL = {'"""': re.compile(r'(?:\\.|(?!""").)*"""'), "'''": re.compile(r"(?:(?!'{3}).)*'{3}")}


def line_of(text: str, keys: Keys) -> int | None:
    """The line of a key, counted from 1; where it is not written, of the table it would stand in; else None."""
    best: tuple[int, int | None] = (0, None)
    for number, found in _keys_of_lines(text):
        if found[: len(keys)] == keys:
            return number
        if keys[: len(found)] == found and len(found) > best[0]:
            best = len(found), number
    return best[1]


def lines_of_tables(text: str, name: str) -> list[int]:
    """The lines that open the tables of a top-level [[name]], in their order."""
    return [
        number for number, way in _keys_of_lines(text) if len(way) == 2 and way[0] == name and isinstance(way[1], int)
    ]


def _keys_of_lines(text: str) -> Iterator[tuple[int, Keys]]:
    """Every line that opens a table or gives a key its value, with the whole way there."""
    table: Keys = ()
    opened: dict[Keys, int] = {}
    quote, depth = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not quote and not depth:
            if header := _HEADER.match(line):
                table = _indexed(_parts(header[2]), opened, header[1] == "[[")
                yield number, table
                continue
            if assigned := _ASSIGNED.match(line):
                yield number, (*table, *_parts(assigned[1]))
        quote, depth = _left_open(line, quote, depth)


def _parts(dotted: str) -> Keys:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _indexed(written: Keys, opened: dict[Keys, int], another: bool) -> Keys:
    """The way to the table of a header: arrays of tables on it by the number of their last one."""
    way: Keys = ()
    for at, key in enumerate(written, start=1):
        way = (*way, key)
        if at == len(written) and another:
            opened[way] = opened.get(way, -1) + 1
        if way in opened:
            way = (*way, opened[way])
    return way


def _left_open(line: str, quote: str, depth: int) -> tuple[str, int]:
    """The quotes and the number of brackets still open after a line, from those before it."""
    at = 0
    while match := (_UNTIL[quote].match if quote else _OUTSIDE.search)(line, at):
        at = match.end()
        if quote:
            quote = ""
        elif match[0] in _UNTIL:
            quote = match[0]
        else:
            depth += (match[0] in "[{") - (match[0] in "]}")
    return quote, depth
