"""A grammar document with all it refers to, as one text: what presets keep, sessions define and engines are sent.

Owns the packing. Reads nothing itself: a resolver finds the documents that are referred to, once, when they are
packed, so that a grammar means the same in every process and a file that changes later changes nothing.
"""

import base64
import json
import zlib
from collections.abc import Mapping

from attrs import frozen

from h2b.grammar.srgs.loader import Resolver, load
from h2b.grammar.srgs.model import Grammar


@frozen
class Documents:
    """Documents by URI; the first is the one that was meant."""

    uri: str
    sources: Mapping[str, bytes]
    media_type: str | None = None
    """Of the first, where it was told."""

    @classmethod
    def read(
        cls, source: bytes, uri: str, resolve: Resolver, media_type: str | None = None
    ) -> tuple["Documents", Grammar]:
        """A document with all it refers to, and the grammar it is. Raises GrammarDefinitionError."""
        sources = {uri: source}

        def remember(other: str) -> bytes | None:
            found = resolve(other)
            if found is not None:
                sources[other] = found
            return found

        grammar = load(source, uri, remember, media_type)
        return cls(uri, sources, media_type), grammar

    def load(self) -> Grammar:
        """The grammar once more, from what was packed."""
        return load(self.sources[self.uri], self.uri, self.sources.get, self.media_type)

    def packed(self) -> str:
        """As one text, much shorter than the documents."""
        # Bytes of any encoding become text one by one, and come back the same way.
        sources = {uri: source.decode("latin-1") for uri, source in self.sources.items()}
        plain = json.dumps([self.uri, sources, self.media_type])
        return base64.b85encode(zlib.compress(plain.encode())).decode()

    @classmethod
    def unpacked(cls, packed: str) -> "Documents":
        uri, sources, media_type = json.loads(zlib.decompress(base64.b85decode(packed)))
        return cls(uri, {other: source.encode("latin-1") for other, source in sources.items()}, media_type)
