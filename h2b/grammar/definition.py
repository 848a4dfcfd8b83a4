"""Grammars that clients send: read once, and remembered with all that they refer to.

Owns the memory of what was read. A resolver finds the documents that are referred to, so nothing here opens files or
sockets; while it finds the same ones the answer is the same, be it a grammar or what is wrong with it.
"""

import threading
from collections.abc import Mapping

from attrs import define, field, frozen

from h2b.grammar.kinds.srgs import argument_values, roots_of
from h2b.grammar.srgs.loader import CannotRead, Resolver
from h2b.grammar.srgs.pack import Documents
from h2b.model.errors import GrammarDefinitionError

LEXICON_IGNORED = "the lexicon is not read: words are heard as they are spelled"
MAXIMUM_KEPT = 64
"""Grammars remembered, most recently used. Bots send the same one at the start of every call."""
MAXIMUM_KEPT_BYTES = 100_000_000
"""Of their documents, and of what is made of them."""


@frozen
class Definition:
    """A grammar that a client sent: arguments of the kind `srgs`."""

    arguments: Mapping[str, str]
    language: str
    """Its own, RFC 5646; empty for a grammar of keys."""
    rules: frozenset[str]
    """What may be recognised: public rules, and an empty name for the root."""
    source: bytes
    media_type: str
    notice: str = ""
    """What its author should know of how it is read."""


@frozen
class Refused:
    """What is wrong with a grammar: the parts of its GrammarDefinitionError."""

    uri: str
    why: str


@frozen(eq=False)
class Kept:
    """One grammar as it was read."""

    asked: tuple[bytes, str, str]
    """Its text, URI and media type."""
    others: Mapping[str, bytes | str]
    """What the resolver had for the other documents, in the order they were asked for: texts, or why there are none."""
    outcome: Definition | Refused

    def holds(self, resolve: Resolver) -> bool:
        """Whether everything would be found as it was. Raises what the resolver raises, CannotRead excepted."""
        return all(_found(resolve, uri) == before for uri, before in self.others.items())

    @property
    def size(self) -> int:
        made = self.outcome.arguments.values() if isinstance(self.outcome, Definition) else ()
        return sum(map(len, (*self.asked, *self.others.values(), *made)))


@define
class Readings:
    """Reads grammars, and remembers some of them. Safe in any thread."""

    _kept: list[Kept] = field(factory=list)
    """The one used last is the last."""
    _lock: threading.Lock = field(factory=threading.Lock)

    def read(self, source: bytes, uri: str, media_type: str, resolve: Resolver) -> Definition:
        """The grammar of a document, with all it refers to. Takes no time when it was read before.

        Raises:
            GrammarDefinitionError: it is wrong, or a document it refers to is or cannot be had.
            Exception: whatever else `resolve` raises; nothing is remembered then.
        """
        asked = source, uri, media_type
        with self._lock:
            known = [kept for kept in self._kept if kept.asked == asked]
        # Outside the lock: the resolver may take its time.
        found = next((kept for kept in known if kept.holds(resolve)), None) or _read(asked, resolve)
        self._keep(found)
        if isinstance(found.outcome, Refused):
            raise GrammarDefinitionError(found.outcome.uri, found.outcome.why)
        return found.outcome

    def _keep(self, used: Kept) -> None:
        with self._lock:
            self._kept = [kept for kept in self._kept if kept is not used] + [used]
            size = sum(kept.size for kept in self._kept)
            while len(self._kept) > MAXIMUM_KEPT or (size > MAXIMUM_KEPT_BYTES and len(self._kept) > 1):
                size -= self._kept.pop(0).size


def _read(asked: tuple[bytes, str, str], resolve: Resolver) -> Kept:
    source, uri, media_type = asked
    others: dict[str, bytes | str] = {}

    def remember(other: str) -> bytes | None:
        found = others[other] = _found(resolve, other)
        if isinstance(found, bytes):
            return found
        if found:
            raise CannotRead(found)
        return None

    outcome: Definition | Refused
    try:
        documents, grammar = Documents.read(source, uri, remember, media_type)
        rules = frozenset(roots_of(grammar))
        values = argument_values(documents, grammar)
        notice = LEXICON_IGNORED if grammar.lexicon else ""
        outcome = Definition(values, grammar.language, rules, source, media_type, notice)
    except GrammarDefinitionError as error:
        outcome = Refused(error.uri, error.why)
    return Kept(asked, others, outcome)


def _found(resolve: Resolver, uri: str) -> bytes | str:
    """A document, or why there is none: an empty text where nobody says."""
    try:
        found = resolve(uri)
    except CannotRead as error:
        return str(error)
    return "" if found is None else found
