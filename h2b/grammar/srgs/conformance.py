"""The cases SRGS files carry in their own `meta` elements, as the W3C's test set does, run against this package.

`in.N` is what is said, `out.N` the logical parse expected, or REJECT. Reads a folder; knows no more of the two syntaxes
than where the cases are.
"""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from attrs import frozen

from h2b.grammar.srgs.documents import ABNF_TYPE, XML_TYPE
from h2b.grammar.srgs.loader import Resolver, load
from h2b.grammar.srgs.matcher import ExternalParse, Match, Parse, match
from h2b.grammar.srgs.model import Tag
from h2b.model.errors import GrammarDefinitionError

SUFFIXES = {".grxml": XML_TYPE, ".gram": ABNF_TYPE}
XML_META = re.compile(
    r"<!--.*?-->|<meta\s+name\s*=\s*([\"'])(in|out)\.([0-9]+)\1\s+content\s*=\s*(\"[^\"]*\"|'[^']*')", re.DOTALL
)
ABNF_META = re.compile(
    r"//[^\r\n]*|/\*.*?\*/|(?:meta\s*([\"'])(in|out)\.([0-9]+)\1\s*is\s*)?(\"[^\"]*\"|'[^']*')", re.DOTALL
)
ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)|#ABNF 1\.0 ([\w.-]+);")
MEDIA_TYPE = re.compile(r"(?<=>)~<[^<>]*>")
REJECT = "REJECT"
SUPPLIED = Path(__file__).parent / "supplied"
"""The documents that the W3C's test set leaves to its tester to write: ours."""


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
        # Which media type a reference asks for is no part of what was parsed.
        return "".join(self.got.split()) == "".join(MEDIA_TYPE.sub("", self.expected).split())


def run_folder(folder: Path, supplied: Path = SUPPLIED) -> Iterator[Case]:
    """Every case of the *.grxml and *.gram files of a folder, by file name.

    `supplied` is a folder with documents that a test set refers to and leaves to whoever runs it.
    """
    resolve = inside_folders(folder, supplied)
    for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES):
        source = path.read_bytes()
        metas = _metas(path, source)
        for (kind, number), said in metas.items():
            if kind == "in":
                yield _run(path, source, resolve, number, said, metas.get(("out", number), ""))


def logical_parse(parse: Parse | ExternalParse) -> str:
    """As SRGS 1.0 appendix H writes it: `$rule["token",$other[{!{tag}!}]]`."""
    if isinstance(parse, ExternalParse):
        return f'${parse.label}["{parse.text}"]'
    inside = (
        logical_parse(child)
        if isinstance(child, Parse | ExternalParse)
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


def _metas(path: Path, source: bytes) -> dict[tuple[str, int], str]:
    """Of files that may be no grammars at all, and are expected to be refused: found by their looks."""
    xml = path.suffix == ".grxml"
    found = (XML_META if xml else ABNF_META).findall(_text(source))
    return {(kind, int(number)): unescape(text[1:-1]) if xml else text[1:-1] for _, kind, number, text in found if kind}


def _text(source: bytes) -> str:
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return source.decode("utf-16", "replace")
    declared = ENCODING.search(source[:200])
    try:
        return source.decode((declared[1] or declared[2]).decode() if declared else "utf-8-sig", "replace")
    except (LookupError, UnicodeError):
        return source.decode("utf-8-sig", "replace")


def _run(path: Path, source: bytes, resolve: Resolver, number: int, said: str, expected: str) -> Case:
    try:
        grammar = load(source, path.name, resolve, SUFFIXES[path.suffix])
        named = re.match(r"\$([^\s\[<]+)\[", expected)
        # A case may be about a rule that is active beside the root rule.
        found: Match = match(grammar, said.split(), named[1] if named else None)
    except GrammarDefinitionError as error:
        return Case(path.name, number, said, expected, REJECT, error.reason)
    return Case(path.name, number, said, expected, logical_parse(found.parse) if found.parse else REJECT)
