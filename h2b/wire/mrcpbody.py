"""Bodies of MRCPv2 messages that hold other things: lists of grammars, and parts with headers of their own.

Owns `text/uri-list`, `text/grammar-ref-list` and `multipart/mixed`. Must not know what a grammar is. Sources:
RFC 2483 section 5, RFC 6787 section 9.5.1, RFC 2046 section 5.1.
"""

import re
from typing import Final

from attrs import field, frozen

from h2b.model.errors import MalformedMessage, shorten
from h2b.wire.mrcptext import Headers, read_fields

MAXIMUM_GRAMMARS: Final = 64
"""Grammars of one list."""
MAXIMUM_PARTS: Final = 32
MAXIMUM_URI: Final = 8192

_LINE_END = re.compile(r"\r?\n")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_FOLD = re.compile(r"\r?\n[ \t]+")
_PART_HEAD_END = re.compile(rb"\r?\n\r?\n")
_REFERENCE = re.compile(r"<([^<>]*)>(.*)")
_WEIGHT = re.compile(r';[ \t]*weight[ \t]*=[ \t]*("?)([0-9]{0,6}\.?[0-9]{0,6})\1', re.IGNORECASE)
_BOUNDARY = re.compile(r';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_BOUNDARY_CHARACTERS = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")


@frozen
class WeightedGrammar:
    """A grammar by its URI. `weight` compares with those of the list's other grammars; 1.0 unless given."""

    uri: str
    weight: float = 1.0


@frozen
class Part:
    """One part of a multipart body."""

    headers: Headers = field(factory=Headers)
    body: bytes = b""


def parse_uri_list(body: bytes) -> tuple[str, ...]:
    """The URIs of a `text/uri-list`, one a line; empty lines and comments are left out.

    Raises:
        MalformedMessage: not UTF-8, or too much of something.
    """
    lines = [line for line in _lines(body) if not line.startswith("#")]
    return tuple(_uri(line) for line in _few(lines))


def parse_grammar_list(body: bytes) -> tuple[WeightedGrammar, ...]:
    """The grammars of a `text/grammar-ref-list`, one a line: `<uri>;weight="0.8"`. A bare URI is taken too.

    Raises:
        MalformedMessage: a line is no such reference, or too much of something.
    """
    return tuple(_reference(line) for line in _few(_lines(body)))


def parse_multipart(content_type: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a `multipart/mixed` body; `content_type` is the header's value, which names the boundary.

    What comes before the first boundary and after the last is for people and is left out. A missing last boundary is
    forgiven: the length of the body says where it ends.

    Raises:
        MalformedMessage: no boundary, no part, or too many; or a part's header fields cannot be read.
    """
    named = _BOUNDARY.search(content_type)
    boundary = (named[1] or named[2]) if named else ""
    if not _BOUNDARY_CHARACTERS.fullmatch(boundary):
        raise MalformedMessage(f"Content-Type: got {shorten(content_type)}, expected multipart/mixed with a boundary")
    line = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = []
    for mark in line.finditer(body):
        marks.append(mark)
        if mark[1]:
            break
        if len(marks) > MAXIMUM_PARTS:
            raise MalformedMessage(f"multipart body: expected at most {MAXIMUM_PARTS} parts")
    starts = [mark.end() for mark in marks if not mark[1]]
    ends = [mark.start() for mark in marks[1:]] + ([] if marks and marks[-1][1] else [len(body)])
    if not starts:
        raise MalformedMessage(f"multipart body: got no line '--{boundary}', expected one before each part")
    return tuple(_part(body[start:end]) for start, end in zip(starts, ends, strict=False))


def encode_multipart(parts: tuple[Part, ...], boundary: str) -> bytes:
    """Inverse of `parse_multipart`, for a boundary no part holds."""
    pieces = []
    for part in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in part.headers)
        pieces.append(f"--{boundary}\r\n{head}\r\n".encode() + part.body + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _part(octets: bytes) -> Part:
    """A part from the end of its boundary: header fields, an empty line, the body. Each may be missing."""
    end = _PART_HEAD_END.search(octets)
    fields, content = (octets[: end.start()], octets[end.end() :]) if end else (octets, b"")
    head = _FOLD.sub(" ", _decoded(fields)).strip("\r\n")
    return Part(read_fields(_LINE_END.split(head)) if head else Headers(), content)


def _reference(line: str) -> WeightedGrammar:
    found = _REFERENCE.fullmatch(line)
    if found is None:
        return WeightedGrammar(_uri(line))
    rest = found[2].strip(" \t,")
    if not rest:
        return WeightedGrammar(_uri(found[1]))
    weight = _WEIGHT.fullmatch(rest)
    if weight is None or not weight[2].strip("."):
        raise MalformedMessage(f'grammar list: got {shorten(rest)}, expected weight="0.8" or the like')
    value = float(weight[2])
    return WeightedGrammar(_uri(found[1]), value)


def _lines(body: bytes) -> list[str]:
    stripped = (line.strip(" \t\r") for line in _decoded(body).split("\n"))
    return [line for line in stripped if line]


def _few(lines: list[str]) -> list[str]:
    if len(lines) > MAXIMUM_GRAMMARS:
        raise MalformedMessage(f"grammar list: got {len(lines)} lines, expected at most {MAXIMUM_GRAMMARS}")
    return lines


def _uri(text: str) -> str:
    uri = text.strip(" \t")
    if not uri or len(uri) > MAXIMUM_URI or _CONTROL.search(uri):
        raise MalformedMessage(f"grammar list: got {shorten(uri)}, expected a URI of at most {MAXIMUM_URI} characters")
    return uri


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"body: got octet {octets[error.start]:#04x}, expected UTF-8") from None
