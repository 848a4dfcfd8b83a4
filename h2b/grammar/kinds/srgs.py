"""Grammars of other people's making: SRGS documents, of a preset file or of a client.

Owns how their tokens are spoken and what a match is worth. The rules, the matching and the scripts are
`h2b.grammar.srgs`' and `h2b.grammar.sisr`'s.
"""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import count

from attrs import define, evolve, field

from h2b.grammar.kinds.base import Arguments, Found, Kind, taking
from h2b.grammar.sisr.program import program_of
from h2b.grammar.spoken import SPACE, Acceptor, Positions
from h2b.grammar.srgs.acceptor import Network, NetworkAcceptor, has_garbage
from h2b.grammar.srgs.matcher import Parse, Progress, match, match_keys
from h2b.grammar.srgs.model import (
    Alternatives,
    External,
    Grammar,
    Node,
    Repeat,
    Special,
    Tag,
    Token,
    parts_of,
)
from h2b.grammar.srgs.model import Sequence as InTurn
from h2b.grammar.srgs.pack import Documents
from h2b.grammar.srgs.semantics import LITERALS, literal_value
from h2b.language import LANGUAGES, Language, fold_accents, normalise
from h2b.model.errors import GrammarDefinitionError, MissingParameter
from h2b.model.results import Value

DOCUMENTS = "documents"
"""The argument with the packed documents."""
ROOT = "root"
"""The argument with the name of the rule that is recognised, empty for the document's root."""
BUILTINS = "builtins"
"""The argument with the builtin grammars that are referred to: a JSON object, URI -> [kind, arguments]."""

MODE = "mode"
"""The argument that says who answers: `voice`, or `dtmf` for keys."""
EXTERNALS = "externals"
"""The argument with their URIs, one a line: the registry makes `BUILTINS` of it."""

SRGS = "srgs"
SCRIPTS = ("semantics/1.0", "semantics/1.0.2006")
MAXIMUM_COMPILED = 100
"""Grammars kept compiled, most recently used."""
MAXIMUM_COMPILED_PARTS = 200_000
"""Of all of them together, at somewhat less than a kilobyte each."""
MAXIMUM_REMEMBERED = 100
"""Characters of a token whose ways to be written are remembered."""
MAXIMUM_WORDS = 500
"""Of an utterance, some minutes of speech. The matcher's budget bounds what shorter ones may cost."""
MAXIMUM_TRIES = 500
"""Of parts of an utterance as answers to builtin grammars: some take milliseconds, and nobody is heard meanwhile."""
MAXIMUM_BUILTIN_WORDS = 30
"""Of such a part, where nothing but trying tells where it can end."""
SMALL_NUMBERS = 100
"""Numbers below it may be written in digits by a recogniser where the grammar has the words."""


@define
class _Compiled:
    """One grammar in one language, ready to match. What a decoder needs is made when first asked for."""

    grammar: Grammar
    root: str
    """Key of the rule that is recognised."""
    scripts: bool
    size: int
    """Parts of the grammar."""
    spoken: Language
    builtins: Mapping[str, tuple[Kind, Arguments]]
    _acceptor: Acceptor | None = None
    _has_acceptor: bool = False
    _others: dict[str, Acceptor | None] = field(factory=dict)

    def acceptor(self) -> Acceptor | None:
        if not self._has_acceptor:
            self._acceptor = self._make_acceptor()
            self._has_acceptor = True
        return self._acceptor

    def _make_acceptor(self) -> Acceptor | None:
        if self.grammar.dtmf:
            return Silence()
        if has_garbage(self.grammar, self.root):
            return None
        others = {uri: self._builtin_acceptor(uri) for uri in self.builtins}
        constrained = {uri: other for uri, other in others.items() if other is not None}
        if len(constrained) < len(others):
            return None
        return NetworkAcceptor(Network(self.grammar, [self.root], self._ways_to_write), self.root, constrained)

    def _ways_to_write(self, token: Token) -> Iterator[str]:
        yield from _ways_to_write(token.text, language_of(token, self.spoken))

    def _builtin_acceptor(self, uri: str) -> Acceptor | None:
        if uri not in self._others:
            kind, arguments = self.builtins[uri]
            self._others[uri] = kind.acceptor(arguments, self.spoken)
        return self._others[uri]

    def find(self, words: Sequence[str]) -> list[Found]:
        if self.grammar.dtmf or not words:
            return []
        if len(words) > MAXIMUM_WORDS:
            raise GrammarDefinitionError(self.grammar.uri, f"more than {MAXIMUM_WORDS} words were said")
        can_continue = False
        tries = count(1)
        for reading in _readings(words, self.spoken):
            found = match(self.grammar, reading, self.root.rpartition("#")[2], partial(self._builtin, tries))
            if found.parse is not None:
                return [self._found(found.parse)]
            can_continue = can_continue or found.progress is Progress.CAN_CONTINUE
        return [Found(value=" ".join(words), complete=False)] if can_continue else []

    def find_keys(self, keys: str) -> tuple[Found | None, bool]:
        found = match_keys(self.grammar, keys, self.root.rpartition("#")[2])
        if found.parse is not None:
            return self._found(found.parse), found.extensible
        can_continue = found.progress is Progress.CAN_CONTINUE
        return Found(value=keys, complete=False) if can_continue else None, can_continue

    def _found(self, parse: Parse) -> Found:
        if self.scripts:
            return Found(value="", script=program_of(parse, self.grammar))
        return Found(value=literal_value(parse))

    def _builtin(self, tries: Iterator[int], uri: str, words: Sequence[str], at: int) -> Iterator[tuple[int, Value]]:
        """Where a builtin grammar that is referred to can end, and its value there; the longest first."""
        kind, arguments = self.builtins[uri]
        acceptor = self._builtin_acceptor(uri)
        furthest = min(at + MAXIMUM_BUILTIN_WORDS, len(words))
        ends = range(at + 1, furthest + 1) if acceptor is None else accepted_ends(acceptor, words, at)
        for end in sorted(ends, reverse=True):
            if next(tries) > MAXIMUM_TRIES:
                why = f"'{uri[:200]}' was tried on more than {MAXIMUM_TRIES} parts of what was said"
                raise GrammarDefinitionError(self.grammar.uri, why)
            found = kind.find(words[at:end], arguments, self.spoken)
            if found and found[0].complete:
                yield end, found[0].value


def _key(arguments: Arguments, language: Language) -> tuple[str, str, str, str]:
    return str(arguments[DOCUMENTS]), str(arguments[ROOT]), str(arguments.get(BUILTINS, "{}")), language.code


class Silence:
    """The acceptor of a grammar for keys: nothing that is said belongs to it."""

    def start(self) -> Positions:
        return frozenset()

    def arcs(self, positions: Positions) -> Mapping[int, Positions]:
        return {}

    def accepts(self, positions: Positions) -> bool:
        return False


class Srgs:
    """What the root rule matches, whole utterances only. The value is what the tags say, else the words."""

    name = SRGS
    takes = taking()

    def __init__(self, kind: Callable[[str], Kind]) -> None:
        self._kind = kind
        self._compiled: OrderedDict[tuple[str, str, str, str], _Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, arguments: Arguments) -> None:
        """Whether there is a grammar; it was read, and found right, when it was packed."""
        if not arguments.get(DOCUMENTS):
            raise MissingParameter(DOCUMENTS, "the srgs grammar", "a *.grxml or *.gram file")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        return self._get(arguments, language).find(words)

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor | None:
        return self._get(arguments, language).acceptor()

    def find_keys(self, keys: str, arguments: Arguments, language: Language) -> tuple[Found | None, bool]:
        """What the keys pressed so far mean to a grammar of mode dtmf, and whether more of them could belong to it."""
        return self._get(arguments, language).find_keys(keys)

    def is_ready(self, arguments: Arguments, language: Language) -> bool:
        """Whether a match would begin at once: a large grammar takes a second or two to compile."""
        with self._lock:
            return _key(arguments, language) in self._compiled

    def _get(self, arguments: Arguments, language: Language) -> _Compiled:
        key = packed, root, builtins, _ = _key(arguments, language)
        with self._lock:
            compiled = self._compiled.get(key)
            alike = compiled or self._with_another_root(packed, language)
        if compiled is None:
            # Outside the lock: a grammar that takes long to read holds up no other thread.
            grammar = alike.grammar if alike else _with_words_of(Documents.unpacked(packed).load(), language)
            compiled = self._compile(grammar, root, builtins, language)
        with self._lock:
            self._compiled[key] = compiled
            self._compiled.move_to_end(key)
            while len(self._compiled) > 1 and self._keeps_too_much():
                self._compiled.popitem(last=False)
        return compiled

    def _keeps_too_much(self) -> bool:
        sizes = {id(compiled.grammar): compiled.size for compiled in self._compiled.values()}
        return len(self._compiled) > MAXIMUM_COMPILED or sum(sizes.values()) > MAXIMUM_COMPILED_PARTS

    def _with_another_root(self, packed: str, language: Language) -> _Compiled | None:
        """The same documents, read before: each rule of a grammar may be recognised, and reading is what takes long."""
        found = (compiled for key, compiled in self._compiled.items() if key[0] == packed and key[-1] == language.code)
        return next(found, None)

    def _compile(self, grammar: Grammar, root: str, builtins: str, spoken: Language) -> _Compiled:
        others = {uri: (self._kind(kind), values) for uri, (kind, values) in json.loads(builtins).items()}
        size = sum(1 for _ in nodes_of(grammar))
        return _Compiled(grammar, roots_of(grammar)[root], has_scripts(grammar), size, spoken, others)


def argument_values(documents: Documents, grammar: Grammar) -> dict[str, str]:
    """The arguments for a grammar: refused here is what could be read and not be recognised.

    Raises GrammarDefinitionError: no root rule, tags of an unknown format, more than a decoder takes.
    """
    has_scripts(grammar)
    # The size does not depend on how tokens are said.
    Network(grammar, roots_of(grammar).values(), lambda token: ())
    return {
        DOCUMENTS: documents.packed(),
        ROOT: "",
        MODE: "dtmf" if grammar.dtmf else "voice",
        EXTERNALS: "\n".join(externals_of(grammar)),
    }


def roots_of(grammar: Grammar) -> dict[str, str]:
    """What can be recognised: names of public rules, and an empty one for the root, each with the rule's key."""
    found = {rule.name: key for key, rule in grammar.rules.items() if rule.public and key.startswith(f"{grammar.uri}#")}
    return found if grammar.root is None else {"": grammar.root, **found}


def has_scripts(grammar: Grammar) -> bool:
    """Whether tags are scripts. Raises GrammarDefinitionError for tags in a format of somebody's own."""
    tagged = bool(grammar.tags) or any(isinstance(node, Tag) for node in nodes_of(grammar))
    if not tagged or grammar.tag_format in ("", LITERALS):
        return False
    if grammar.tag_format not in SCRIPTS:
        expected = " or ".join(f"'{known}'" for known in (LITERALS, *SCRIPTS[:1]))
        raise GrammarDefinitionError(grammar.uri, f"tag-format: got '{grammar.tag_format}', expected {expected}")
    return True


def nodes_of(grammar: Grammar) -> Iterator[Node]:
    """Every node of every rule."""
    pending: list[Node] = [rule.body for rule in grammar.rules.values()]
    while pending:
        node = pending.pop()
        pending += parts_of(node)
        yield node


def externals_of(grammar: Grammar) -> tuple[str, ...]:
    """URIs of the builtin grammars that are referred to."""
    return tuple(dict.fromkeys(node.uri for node in nodes_of(grammar) if isinstance(node, External)))


def language_of(token: Token, otherwise: Language) -> Language:
    """The language a token is in; one that nobody here speaks is read like the words around it."""
    known = {spoken.code: spoken for spoken in LANGUAGES}
    return known.get(token.language.partition("-")[0].lower(), otherwise)


def accepted_ends(acceptor: Acceptor, words: Sequence[str], at: int) -> Iterator[int]:
    """The places after `at` where what an acceptor takes may end."""
    positions = acceptor.start()
    for end in range(at, len(words)):
        for byte in words[end].encode():
            positions = acceptor.arcs(positions).get(byte, frozenset())
            if not positions:
                return
        if acceptor.accepts(positions):
            yield end + 1
        positions = acceptor.arcs(positions).get(SPACE, frozenset())


def _with_words_of(grammar: Grammar, spoken: Language) -> Grammar:
    """The grammar with its tokens in the words that a transcript has for them."""

    def said(node: Node) -> Node:
        if isinstance(node, Token):
            text = fold_accents(_ways_to_write(node.text, language_of(node, spoken))[0])
            return Token(node.text, tuple(text.split()), node.language) if text else Special.NULL
        if isinstance(node, InTurn):
            return InTurn(tuple(map(said, node.parts)))
        if isinstance(node, Alternatives):
            return Alternatives(tuple(map(said, node.choices)), node.weights)
        if isinstance(node, Repeat):
            return Repeat(said(node.part), node.minimum, node.maximum)
        return node

    if grammar.dtmf:
        return grammar
    return evolve(grammar, rules={key: evolve(rule, body=said(rule.body)) for key, rule in grammar.rules.items()})


def _readings(words: Sequence[str], spoken: Language) -> list[list[str]]:
    """The words as they are, numbers in words; and with the digits a recogniser ran together said one by one."""
    text = " ".join(words)
    apart = re.sub("(?<=[0-9])(?=[0-9])", " ", text)
    return [fold_accents(spoken.spell_out(way)).split() for way in dict.fromkeys((text, apart))]


_FIGURES = re.compile("[0-9]")


def _ways_to_write(text: str, spoken: Language) -> tuple[str, ...]:
    """What a recogniser writes for a token: in words first, then as the grammar has it, then a number in digits."""
    return (_known_ways if len(text) <= MAXIMUM_REMEMBERED else _known_ways.__wrapped__)(text, spoken)


@lru_cache(maxsize=50_000)
def _known_ways(text: str, spoken: Language) -> tuple[str, ...]:
    plain = normalise(text)
    # Figures are what there is to read aloud, and few tokens have them.
    said = normalise(spoken.spell_out(text)) if _FIGURES.search(text) else plain
    return tuple(dict.fromkeys((said, plain, _small_numbers(spoken).get(said, said))))


@cache
def _small_numbers(spoken: Language) -> Mapping[str, str]:
    """Words to digits of the numbers that recognisers like to write in digits."""
    return {form: str(n) for n in range(SMALL_NUMBERS) for form in spoken.number_forms(n)}
