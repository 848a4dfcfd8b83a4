"""Grammars by URI: what is shipped, what a session named, and what a request activates.

A `Registry` is immutable: DEFINE-GRAMMAR derives a new one, and dropping the session drops its aliases.
"""

import datetime
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen

from h2b.grammar.kinds.base import TODAY
from h2b.grammar.preset import Preset
from h2b.grammar.uri import GrammarURI, parse_uri
from h2b.model.errors import GrammarDefinitionError, LanguageUnsupported, NoSuchGrammar

MAXIMUM_ALIASES = 100
"""Aliases of one session: more is a client that forgot to reuse them."""


@frozen(kw_only=True)
class ActiveGrammar:
    """One grammar of one request, with everything its kind needs. Plain values: it crosses to the engines."""

    uri: str
    """As the client named it, alias kept."""
    type: str
    """The builtin URI without query."""
    kind: str
    arguments: Mapping[str, Any]
    language: str
    """RFC 5646 tag."""

    @property
    def primary_language(self) -> str:
        return primary_subtag(self.language)


@frozen
class Registry:
    """Presets by builtin path, their aliases, and one session's names for grammars."""

    presets: Mapping[str, Preset]
    """Path after `builtin:` -> preset; a preset's other names point at it too."""
    languages: Mapping[str, str] = field(factory=dict)
    """Primary subtag the engines know -> "" or why it cannot be used here. Empty: no engine is asked."""
    aliases: Mapping[str, GrammarURI] = field(factory=dict)
    today: Callable[[], datetime.date] = datetime.date.today
    """The day that relative dates count from, asked once for every activated grammar that needs it."""

    def define(self, alias: str, body: str) -> "Registry":
        """A registry in which `session:<alias>` is the builtin grammar of `body` (DEFINE-GRAMMAR).

        Raises:
            NoSuchGrammar, GrammarDefinitionError: the body is not one usable builtin URI; self is unchanged.
        """
        uris = body.split()
        if len(uris) != 1:
            raise GrammarDefinitionError(f"session:{alias}", f"got {len(uris)} URIs, expected one builtin: URI")
        if len(self.aliases) >= MAXIMUM_ALIASES and alias not in self.aliases:
            raise GrammarDefinitionError(
                f"session:{alias}", f"the session has {MAXIMUM_ALIASES} aliases already: use one of them again"
            )
        parsed = parse_uri(uris[0])
        if parsed.scheme != "builtin":
            raise GrammarDefinitionError(uris[0], "an alias names a builtin: grammar, not another alias")
        parse_uri(f"session:{alias}")
        preset = self._preset(parsed, uris[0])
        preset.arguments(parsed, uris[0])
        return evolve(self, aliases=MappingProxyType({**self.aliases, alias: parsed}))

    def activate(self, uri: str, language: str) -> ActiveGrammar:
        """The grammar a RECOGNIZE names, in a language.

        Raises:
            NoSuchGrammar, GrammarDefinitionError: as its name says.
            LanguageUnsupported: the grammar or the engines do not know the language.
        """
        parsed = parse_uri(uri)
        builtin = self._resolve(parsed, uri)
        preset = self._preset(builtin, uri)
        arguments = {**_region_of(language), **preset.arguments(builtin, uri)}
        self._check_language(preset, language)
        if TODAY in preset.parameters and TODAY not in arguments:
            arguments = {**arguments, TODAY: self.today().isoformat()}
        return ActiveGrammar(
            uri=uri, type=f"builtin:{preset.path}", kind=preset.type, arguments=arguments, language=language
        )

    def _resolve(self, parsed: GrammarURI, uri: str) -> GrammarURI:
        if parsed.scheme == "builtin":
            return parsed
        if parsed.path not in self.aliases:
            raise NoSuchGrammar(uri, [f"session:{alias}" for alias in self.aliases])
        return self.aliases[parsed.path]

    def _preset(self, builtin: GrammarURI, uri: str) -> Preset:
        preset = self.presets.get(builtin.path)
        if preset is None:
            raise NoSuchGrammar(uri, [f"builtin:{path}" for path in self.presets])
        return preset

    def _check_language(self, preset: Preset, language: str) -> None:
        primary = primary_subtag(language)
        if primary not in preset.languages:
            raise LanguageUnsupported(f"builtin:{preset.path}", language, preset.languages)
        if not self.languages:
            return
        usable = [code for code, why_not in self.languages.items() if not why_not]
        if primary not in usable:
            raise LanguageUnsupported("speech recognition", language, usable, self.languages.get(primary, ""))


def _region_of(language: str) -> dict[str, str]:
    """The reserved argument `region` of every kind: `BE` of `fr-BE`, none of `fr`."""
    regions = [part.upper() for part in language.split("-")[1:] if len(part) == 2 and part.isalpha()]
    return {"region": regions[0]} if regions else {}


def primary_subtag(language: str) -> str:
    """`fr` of `fr-BE`."""
    return language.split("-")[0].lower()
