"""Which grammars a channel of MRCPv2 may use: several defined at once, lists looked through, keys and speech apart.

Owns no state: a registry comes in, and what is refused leaves it as it was. Must not know requests or how they are
answered. Source: RFC 6787 sections 9.4.11 and 9.8.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from h2b.grammar.keys import takes_keys
from h2b.grammar.registry import MAXIMUM_ALIASES, ActiveGrammar, Registry
from h2b.model.causes import CompletionCause
from h2b.model.errors import LanguageUnsupported
from h2b.model.messages import DefineGrammar
from h2b.wire.mrcp import Refused, Status
from h2b.wire.vocabulary import DEFINITION_FAILURE


def extended(registry: Registry, definitions: Iterable[DefineGrammar]) -> Registry:
    """A registry that has these grammars too.

    Raises:
        Refused: there is no room.
        NoSuchGrammar, GrammarDefinitionError, LanguageUnsupported: one of them is wrong.
    """
    for each in definitions:
        if len(registry.aliases) >= MAXIMUM_ALIASES and each.alias not in registry.aliases:
            why = f"the session has {MAXIMUM_ALIASES} grammars already: undefine one"
            raise Refused(Status.METHOD_FAILED, why, completion=DEFINITION_FAILURE)
        registry = registry.define(each.alias, each.body, each.format)
    return registry


def look_through(registry: Registry, uris: Iterable[str], language: str) -> None:
    """See that each URI of a list names a grammar. Raises NoSuchGrammar or GrammarDefinitionError."""
    for uri in uris:
        # The request that uses the list may say another language.
        with suppress(LanguageUnsupported):
            registry.activate(uri, language)


def refuse_speech(grammars: Sequence[ActiveGrammar]) -> None:
    """See that all are grammars of keys: `dtmfrecog` hears nothing else. Raises Refused."""
    for grammar in grammars:
        if not takes_keys(grammar):
            why = f"grammar '{grammar.uri}' is one of speech: dtmfrecog takes grammars of keys"
            raise Refused(Status.METHOD_FAILED, why, completion=CompletionCause.GRAMMAR_DEFINITION_FAILURE)
