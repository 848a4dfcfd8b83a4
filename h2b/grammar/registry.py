"""Grammars by URI: what is shipped, what a session named, and what a request activates.

A `Registry` is immutable: DEFINE-GRAMMAR derives a new one, and dropping the session drops its aliases. It opens
nothing itself: whoever makes it says how documents by http are had, if at all.
"""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen

from h2b.grammar import voicexml
from h2b.grammar.definition import Definition, Readings
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.base import TODAY
from h2b.grammar.kinds.srgs import BUILTINS, DOCUMENTS, EXTERNALS, MODE, ROOT, SRGS, Srgs
from h2b.grammar.output import Output
from h2b.grammar.preset import Preset
from h2b.grammar.srgs.loader import Resolver, nothing
from h2b.grammar.srgs.pack import Documents
from h2b.grammar.uri import GrammarURI, parse_uri
from h2b.language import LANGUAGES
from h2b.language import language as language_of
from h2b.model.errors import ClientError, GrammarDefinitionError, LanguageUnsupported, NoSuchGrammar
from h2b.model.formats import GrammarFormat

MAXIMUM_ALIASES = 100
"""Aliases of one session: more is a client that forgot to reuse them."""
MAXIMUM_DEFINITION = 256_000
"""Bytes of a grammar that a client may send: it is read while others wait. Larger ones are the operator's files."""
MAXIMUM_TOGETHER = 4_000_000
"""Characters of the grammars of one request, with the documents they refer to: they go to the recogniser with it."""
HTTP = ("http:", "https:")
MEDIA_TYPES = {GrammarFormat.SRGS_XML: "application/srgs+xml", GrammarFormat.SRGS_ABNF: "application/srgs"}


_SPOKEN = tuple(known.code for known in LANGUAGES)


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
    form: str = ""
    """Standard whose value formats replace the kind's: see `h2b.grammar.voicexml`."""
    output: Output | None = None
    """What comes of the kind's value; None for the value itself."""

    @property
    def primary_language(self) -> str:
        return primary_subtag(self.language)

    @property
    def characters(self) -> int:
        """Of its arguments: the documents of an SRGS grammar are among them."""
        return sum(len(value) for value in self.arguments.values() if isinstance(value, str))


@frozen
class Registry:
    """Presets by builtin path, their aliases, and one session's names for grammars."""

    presets: Mapping[str, Preset]
    """Path after `builtin:` -> preset; a preset's other names point at it too."""
    languages: Mapping[str, str] = field(factory=dict)
    """Primary subtag the engines know -> "" or why it cannot be used here. Empty: no engine is asked."""
    aliases: Mapping[str, GrammarURI | Definition] = field(factory=dict)
    today: Callable[[], datetime.date] = datetime.date.today
    """The day that relative dates count from, asked once for every activated grammar that needs it."""
    fetched: Resolver = nothing
    """A document by http or https that is at hand: answers at once."""
    fetch: Resolver = nothing
    """The same from its server: may take seconds. `fetched` has it, or why there is none, for a while after that."""

    def define(self, alias: str, body: str, written: GrammarFormat = GrammarFormat.URI_LIST) -> "Registry":
        """A registry in which `session:<alias>` is what `body` says: a builtin grammar, or SRGS (DEFINE-GRAMMAR).

        Raises:
            NoSuchGrammar, GrammarDefinitionError: no usable grammar; self is unchanged.
            LanguageUnsupported: it is in a language that nobody here speaks.
        """
        if len(self.aliases) >= MAXIMUM_ALIASES and alias not in self.aliases:
            raise GrammarDefinitionError(
                f"session:{alias}", f"the session has {MAXIMUM_ALIASES} aliases already: use one of them again"
            )
        parse_uri(f"session:{alias}")
        if written is GrammarFormat.URI_LIST:
            named: GrammarURI | Definition = self._builtin(alias, body)
        else:
            named = self._definition(f"session:{alias}", body, MEDIA_TYPES[written])
        return evolve(self, aliases=MappingProxyType({**self.aliases, alias: named}))

    def without(self, *aliases: str) -> "Registry":
        """A registry in which these names stand for nothing; those nobody defined are no matter."""
        kept = {alias: named for alias, named in self.aliases.items() if alias not in aliases}
        return evolve(self, aliases=MappingProxyType(kept))

    def notice(self, alias: str) -> str:
        """What the author of a session's grammar should know; empty for nothing."""
        named = self.aliases.get(alias)
        return named.notice if isinstance(named, Definition) else ""

    def read_ahead(self, alias: str, body: str, written: GrammarFormat, fetching: bool = False) -> bool:
        """Do the work of `define` now and remember it, for those who cannot wait later. Safe in any thread.

        False says that it refers to documents by http: call it again with `fetching`, where waiting for other servers
        keeps nobody from having their grammars read. What is wrong with a grammar, `define` will say.
        """
        if written is GrammarFormat.URI_LIST or len(body) > MAXIMUM_DEFINITION:
            return True
        uri = f"session:{alias}"
        resolve = self._documents(self.fetch if fetching else _not_yet)
        try:
            found = _READINGS.read(body.encode(), uri, MEDIA_TYPES[written], resolve)
            if found.language and "" in found.rules and primary_subtag(found.language) in _SPOKEN:
                arguments = self._with_builtins(found.arguments, found.language, uri)
                KINDS[SRGS].find(["0"], arguments, language_of(found.language))
        except _NotYet:
            return False
        except ClientError:
            return True
        return True

    def unready(self, uris: Sequence[str], language: str) -> list[ActiveGrammar]:
        """Of the grammars of a request, those that should be compiled before it; what is wrong, `activate` will say."""
        kind = KINDS[SRGS]
        assert isinstance(kind, Srgs)
        found: list[ActiveGrammar] = []
        with suppress(ClientError):
            for uri in filter(self._is_srgs, uris):
                grammar = self.activate(uri, language)
                if not kind.is_ready(grammar.arguments, language_of(grammar.language)):
                    found.append(grammar)
        return found

    def _is_srgs(self, uri: str) -> bool:
        named, _ = self._resolve(parse_uri(uri), uri)
        return isinstance(named, Definition) or self._preset(named, uri).type == SRGS

    def _builtin(self, alias: str, body: str) -> GrammarURI:
        uris = body.split()
        if len(uris) != 1:
            raise GrammarDefinitionError(f"session:{alias}", f"got {len(uris)} URIs, expected one builtin: URI")
        parsed = parse_uri(uris[0])
        if parsed.scheme != "builtin":
            raise GrammarDefinitionError(uris[0], "an alias names a builtin: grammar, not another alias")
        preset = self._preset(parsed, uris[0])
        preset.arguments(parsed, uris[0])
        return parsed

    def _definition(self, uri: str, body: str, media_type: str) -> Definition:
        source = body.encode()
        if len(source) > MAXIMUM_DEFINITION:
            raise GrammarDefinitionError(uri, f"{len(source)} bytes, expected at most {MAXIMUM_DEFINITION}")
        found = _READINGS.read(source, uri, media_type, self._documents(self.fetched))
        if found.language:
            self._check_engine(f"grammar '{uri}'", found.language, typed=found.arguments.get(MODE) == "dtmf")
            self._with_builtins(found.arguments, found.language, uri)
        return found

    def _documents(self, by_http: Resolver) -> Resolver:
        """What finds the documents that a grammar refers to, given what finds those of other servers."""
        return lambda uri: by_http(uri) if uri.lower().startswith(HTTP) else self._document(uri)

    def _document(self, uri: str) -> bytes | None:
        """Another grammar of the session, or an SRGS file by its path below the grammars."""
        scheme, _, alias = uri.partition(":")
        named = self.aliases.get(alias) if scheme == "session" else None
        if isinstance(named, Definition):
            return named.source
        preset = self.presets.get(uri.rpartition(".")[0])
        if preset is None or preset.type != SRGS:
            return None
        return Documents.unpacked(preset.fixed[DOCUMENTS]).sources.get(uri)

    def activate(self, uri: str, language: str) -> ActiveGrammar:
        """The grammar a RECOGNIZE names, in a language.

        Raises:
            NoSuchGrammar, GrammarDefinitionError: as its name says.
            LanguageUnsupported: the grammar or the engines do not know the language.
        """
        parsed = parse_uri(uri)
        builtin, rule = self._resolve(parsed, uri)
        if isinstance(builtin, Definition):
            return self._activate_definition(builtin, uri, rule, language)
        preset = self._preset(builtin, uri)
        arguments = {**_region_of(language), **preset.arguments(builtin, uri)}
        self._check_language(preset, language)
        if TODAY in KINDS[preset.type].takes and TODAY not in arguments:
            arguments = {**arguments, TODAY: self.today().isoformat()}
        if preset.type == SRGS:
            arguments = self._with_builtins(arguments, language, uri)
        return ActiveGrammar(
            uri=uri,
            type=f"builtin:{preset.path}",
            kind=preset.type,
            arguments=arguments,
            language=language,
            form=preset.form,
            output=preset.output,
        )

    def activate_all(self, uris: Sequence[str], language: str) -> tuple[ActiveGrammar, ...]:
        """The grammars of one request. A grammar in SRGS says its language itself; all must be in the same one.

        Raises:
            NoSuchGrammar, GrammarDefinitionError, LanguageUnsupported: as for one.
        """
        active = tuple(self.activate(uri, language) for uri in uris)
        for grammar in active[1:]:
            if grammar.primary_language != active[0].primary_language:
                why = f"'{active[0].uri}' is in '{active[0].language}': one request hears one language"
                raise LanguageUnsupported(f"grammar '{grammar.uri}'", grammar.language, [active[0].language], why)
        characters = sum(grammar.characters for grammar in active)
        if characters > MAXIMUM_TOGETHER:
            why = f"the request's grammars have {characters} characters together, expected at most {MAXIMUM_TOGETHER}"
            raise GrammarDefinitionError(active[-1].uri, why)
        return active

    def _activate_definition(self, definition: Definition, uri: str, rule: str, language: str) -> ActiveGrammar:
        spoken = definition.language or language
        if rule not in definition.rules:
            why = f"no public rule '{rule}'" if rule else "no root rule: name a rule, as in session:alias#rule"
            raise GrammarDefinitionError(uri, why)
        arguments = {**self._with_builtins(definition.arguments, spoken, uri), ROOT: rule}
        return ActiveGrammar(uri=uri, type=uri.partition("#")[0], kind=SRGS, arguments=arguments, language=spoken)

    def _with_builtins(self, arguments: Mapping[str, Any], language: str, uri: str) -> dict[str, Any]:
        """The arguments of an SRGS grammar with those of the builtin grammars it refers to."""
        others: dict[str, Any] = {}
        for other in str(arguments.get(EXTERNALS, "")).splitlines():
            active = self.activate(other, language)
            if active.kind == SRGS:
                raise GrammarDefinitionError(uri, f"refers to '{other}', which is SRGS too: refer to its file")
            others[other] = [active.kind, dict(active.arguments)]
        return {**arguments, BUILTINS: json.dumps(others, sort_keys=True)} if others else dict(arguments)

    def _resolve(self, parsed: GrammarURI, uri: str) -> tuple[GrammarURI | Definition, str]:
        """What a URI names, and which rule of it: empty for its root."""
        if parsed.scheme == "builtin":
            return parsed, ""
        named = self.aliases.get(parsed.path)
        if named is not None:
            return named, ""
        alias, _, rule = parsed.path.rpartition("#")
        named = self.aliases.get(alias)
        if isinstance(named, Definition):
            return named, rule
        raise NoSuchGrammar(uri, [f"session:{alias}" for alias in self.aliases])

    def _preset(self, builtin: GrammarURI, uri: str) -> Preset:
        preset = self.presets.get(builtin.path)
        if preset is None and (named := voicexml.resolve(builtin.path)) and named.preset in self.presets:
            return named.made_of(self.presets[named.preset])
        if preset is None:
            raise NoSuchGrammar(uri, [f"builtin:{path}" for path in self.presets])
        return preset

    def _check_language(self, preset: Preset, language: str) -> None:
        if primary_subtag(language) not in preset.languages:
            raise LanguageUnsupported(f"builtin:{preset.path}", language, preset.languages)
        typed = preset.form == voicexml.TYPED or preset.fixed.get(MODE) == "dtmf"
        self._check_engine("speech recognition", language, typed=typed)

    def _check_engine(self, what: str, language: str, *, typed: bool) -> None:
        """Whether the language can be recognised here; without engines, whether its words are known.

        What is `typed` asks no engine.
        """
        primary = primary_subtag(language)
        if primary not in _SPOKEN:
            raise LanguageUnsupported(what, language, _SPOKEN)
        if typed or not self.languages:
            return
        usable = [code for code, why_not in self.languages.items() if not why_not]
        if primary not in usable:
            raise LanguageUnsupported(what, language, usable, self.languages.get(primary, ""))


class _NotYet(Exception):
    """A document must be fetched before the grammar can be read."""


def _not_yet(uri: str) -> bytes | None:
    raise _NotYet


_READINGS = Readings()
"""Of all sessions: bots send the same grammars again and again."""


def compile_grammar(grammar: ActiveGrammar) -> None:
    """Make a grammar ready to match. Safe in any thread; what is wrong with it, the match will say."""
    with suppress(ClientError):
        KINDS[grammar.kind].find(["0"], grammar.arguments, language_of(grammar.language))


def _region_of(language: str) -> dict[str, str]:
    """The reserved argument `region` of every kind: `BE` of `fr-BE`, none of `fr`."""
    regions = [part.upper() for part in language.split("-")[1:] if len(part) == 2 and part.isalpha()]
    return {"region": regions[0]} if regions else {}


def primary_subtag(language: str) -> str:
    """`fr` of `fr-BE`."""
    return language.split("-")[0].lower()
