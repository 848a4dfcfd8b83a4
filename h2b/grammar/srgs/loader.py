"""SRGS 1.0 grammars read: the one entry for both syntaxes, with all the documents a grammar refers to.

Documents come from a resolver the caller gives, so nothing here opens files or sockets. Must not know how to match.
Source: W3C Speech Recognition Grammar Specification 1.0.
"""

from collections.abc import Callable

from h2b.grammar.srgs.abnf import read_abnf, says_abnf
from h2b.grammar.srgs.documents import ABNF_TYPE, MAXIMUM_BYTES, MAXIMUM_PARTS, XML_TYPE, Document
from h2b.grammar.srgs.linking import link
from h2b.grammar.srgs.model import Grammar
from h2b.grammar.srgs.xml import read_xml
from h2b.model.errors import GrammarDefinitionError

Resolver = Callable[[str], bytes | None]
"""Gives the document of a URI, None where there is none or it must not be read. May raise CannotRead to say why."""


class CannotRead(Exception):
    """Why a resolver has no document, in words that follow a colon."""


MAXIMUM_DOCUMENTS = 20
MAXIMUM_PARTS_TOGETHER = 2 * MAXIMUM_PARTS
"""Of all documents of one grammar."""

READERS: dict[str, Callable[[str, bytes], Document]] = {
    XML_TYPE: read_xml,
    "application/xml": read_xml,
    "text/xml": read_xml,
    ABNF_TYPE: read_abnf,
}
"""By media type."""


def nothing(uri: str) -> bytes | None:
    """The resolver that has no documents."""
    return None


def load(source: bytes, uri: str = "inline", resolve: Resolver = nothing, media_type: str | None = None) -> Grammar:
    """The grammar of a document in either syntax, linked with the documents it refers to, in either syntax too.

    The media type decides the syntax; without one, a document that starts with `#ABNF` is ABNF and any other XML.
    Raises GrammarDefinitionError, with document and line, for whatever is wrong with any of them.
    """
    documents = {uri: _read(uri, source, media_type or "")}
    pending = [documents[uri]]
    size = documents[uri].size
    # In order of reference, nearest first: the order in which their tags run.
    for document in pending:
        for other, (line, other_type) in document.imports.items():
            if other in documents:
                continue
            if len(documents) == MAXIMUM_DOCUMENTS:
                raise document.wrong(line, f"more than {MAXIMUM_DOCUMENTS} documents")
            text = _resolved(document, line, other, resolve)
            documents[other] = _read(other, text, other_type)
            pending.append(documents[other])
            size += documents[other].size
            if size > MAXIMUM_PARTS_TOGETHER:
                raise document.wrong(line, f"more than {MAXIMUM_PARTS_TOGETHER} parts in all documents")
    return link(documents)


def _resolved(document: Document, line: int, other: str, resolve: Resolver) -> bytes:
    why = ""
    try:
        text = resolve(other)
    except CannotRead as error:
        text, why = None, f": {error}"
    if text is None:
        raise document.wrong(line, f"cannot read '{other[:200]}'{why}")
    return text


def _read(uri: str, source: bytes, media_type: str) -> Document:
    if len(source) > MAXIMUM_BYTES:
        raise GrammarDefinitionError(uri, f"line 1: {len(source)} bytes, at most {MAXIMUM_BYTES} are read")
    kind = media_type.partition(";")[0].strip().lower() or (ABNF_TYPE if says_abnf(source) else XML_TYPE)
    reader = READERS.get(kind)
    if reader is None:
        raise GrammarDefinitionError(uri, f"line 1: type '{kind[:60]}' is not read: expected {XML_TYPE} or {ABNF_TYPE}")
    return reader(uri, source)
