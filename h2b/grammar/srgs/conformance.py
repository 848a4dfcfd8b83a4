"""The cases SRGS files carry in their own `meta` elements, as the W3C's test set does, run against this package.

`in.N` is what is said, `out.N` the logical parse expected, or REJECT. Reads a folder; knows no more of XML than where
the cases are.
"""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from attrs import frozen

from h2b.grammar.srgs.matcher import Match, Parse, match
from h2b.grammar.srgs.model import Tag
from h2b.grammar.srgs.xml import Resolver, load_xml
from h2b.model.errors import GrammarDefinitionError

META = re.compile(r"<meta\s+name\s*=\s*([\"'])(in|out)\.([0-9]+)\1\s+content\s*=\s*(\"[^\"]*\"|'[^']*')")
REJECT = "REJECT"


@frozen
class Case:
    """One input of one file. `got` is the logical parse, or REJECT and why in `reason`."""

    file: str
    number: int
    said: str
    expected: str
    got: str
    reason: str = ""

    @property
    def right(self) -> bool:
        return "".join(self.got.split()) == "".join(self.expected.split())


def run_folder(folder: Path, supplied: Path | None = None) -> Iterator[Case]:
    """Every case of the *.grxml files of a folder, by file name.

    `supplied` is a folder with documents that a test set refers to and leaves to whoever runs it.
    """
    resolve = inside_folders(*filter(None, (folder, supplied)))
    for path in sorted(folder.glob("*.grxml")):
        source = path.read_bytes()
        metas = {(kind, int(number)): unescape(text[1:-1]) for _, kind, number, text in META.findall(_text(source))}
        for (kind, number), said in metas.items():
            if kind == "in":
                yield _run(path, source, resolve, number, said, metas.get(("out", number), ""))


def logical_parse(parse: Parse) -> str:
    """As SRGS 1.0 appendix H writes it: `$rule["token",$other[{!{tag}!}]]`."""
    inside = (
        logical_parse(child)
        if isinstance(child, Parse)
        else "{!{" + child.text + "}!}"
        if isinstance(child, Tag)
        else f'"{child.text}"'
        for child in parse.children
    )
    return f"${parse.label}[{','.join(inside)}]"


def inside_folders(*folders: Path) -> Resolver:
    """Documents by relative URI, of the first of these folders that has one; of no other place."""

    def resolve(uri: str) -> bytes | None:
        for top in (folder.resolve() for folder in folders):
            try:
                path = (top / uri).resolve()
                if path.is_relative_to(top) and path.is_file():
                    return path.read_bytes()
            except (OSError, ValueError):
                # No name a file can have.
                return None
        return None

    return resolve


def _text(source: bytes) -> str:
    encoding = "utf-16" if source[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    if encoding == "utf-8" and re.match(rb"<\?xml[^>]*iso-8859-1", source, re.IGNORECASE):
        encoding = "latin-1"
    return re.sub(r"<!--.*?-->", "", source.decode(encoding, "replace"), flags=re.DOTALL)


def _run(path: Path, source: bytes, resolve: Resolver, number: int, said: str, expected: str) -> Case:
    try:
        grammar = load_xml(source, path.name, resolve)
        named = re.match(r"\$([^\s\[<]+)\[", expected)
        # A case may be about a rule that is active beside the root rule.
        found: Match = match(grammar, said.split(), named[1] if named else None)
    except GrammarDefinitionError as error:
        return Case(path.name, number, said, expected, REJECT, error.reason)
    return Case(path.name, number, said, expected, logical_parse(found.parse) if found.parse else REJECT)
