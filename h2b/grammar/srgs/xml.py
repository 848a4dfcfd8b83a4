"""SRGS 1.0 in XML: documents read, checked and linked into a `Grammar`.

The only place here that knows lxml, and hardened: no entities, no network, no DTD. Other documents come from a
resolver the caller gives, so this module opens nothing. Must not know how to match.
Source: W3C Speech Recognition Grammar Specification 1.0.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

from attrs import define, field
from lxml import etree

from h2b.grammar.srgs.model import (
    Alternatives,
    Grammar,
    Node,
    Reference,
    Repeat,
    Rule,
    Sequence,
    Special,
    Tag,
    Token,
    left_recursive,
    rule_key,
)
from h2b.model.errors import GrammarDefinitionError

Resolver = Callable[[str], bytes | None]
"""Gives the document of a URI, None where there is none or it must not be read."""

MAXIMUM_BYTES = 4_000_000
MAXIMUM_ELEMENTS = 50_000
MAXIMUM_DEPTH = 64
"""Of elements inside one another."""
MAXIMUM_DOCUMENTS = 20
MAXIMUM_RULES = 2000
"""Of one document."""
MAXIMUM_MINIMUM = 1000
"""Of a repeat: times something must be said."""
XML_TYPE = "application/srgs+xml"
NAMESPACE = "{http://www.w3.org/2001/06/grammar}"
XML = "{http://www.w3.org/XML/1998/namespace}"
DTMF_NAMES = {"star": "*", "pound": "#"}
REPEAT = re.compile(r"([0-9]{1,9})(-([0-9]{1,9})?)?")
WORDS = re.compile(r'"([^"]*)"|([^\s"]+)')


def load_xml(source: bytes, uri: str = "inline", resolve: Resolver = lambda uri: None) -> Grammar:
    """The grammar of an SRGS XML document, linked with the documents it refers to.

    Raises GrammarDefinitionError, with the line where there is one, for whatever is wrong with any of them.
    """
    rules: dict[str, Rule] = {}
    pending = [_Document.read(uri, source)]
    documents = {uri: pending[0]}
    while pending:
        document = pending.pop()
        rules.update(document.compile())
        for other in sorted(document.imports - documents.keys()):
            text = resolve(other)
            if text is None or len(documents) == MAXIMUM_DOCUMENTS:
                why = f"cannot read '{other}'" if text is None else f"more than {MAXIMUM_DOCUMENTS} documents"
                raise GrammarDefinitionError(document.uri, why)
            documents[other] = _Document.read(other, text)
            pending.append(documents[other])
    rules = {key: _linked(rule, key, documents, rules) for key, rule in rules.items()}
    looping = left_recursive(rules)
    if looping is not None:
        raise GrammarDefinitionError(uri, f"line {looping.line}: rule '{looping.name}' is left-recursive")
    first = documents[uri]
    root = rule_key(uri, first.root) if first.root else None
    return Grammar(uri, rules, root, first.language, first.dtmf, first.element.get("tag-format", ""))


@define(eq=False)
class _Document:
    """One document while it is read; references are keys that may still lack their rule."""

    uri: str
    element: etree._Element
    base: str
    """As written, empty when references start from the document itself."""
    language: str
    dtmf: bool
    root: str
    imports: set[str] = field(factory=set)

    @classmethod
    def read(cls, uri: str, source: bytes) -> "_Document":
        if len(source) > MAXIMUM_BYTES:
            raise GrammarDefinitionError(uri, f"{len(source)} bytes, at most {MAXIMUM_BYTES} are read")
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        try:
            element = etree.fromstring(source, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise GrammarDefinitionError(uri, f"not well-formed XML: {error}") from None
        _check_size(uri, element)
        if element.tag != f"{NAMESPACE}grammar":
            raise GrammarDefinitionError(uri, f"line 1: got {element.tag}, expected grammar in the namespace of SRGS")
        mode = element.get("mode", "voice")
        language = element.get(f"{XML}lang", "")
        metabase = next(
            (m.get("content", "") for m in element.findall(f"{NAMESPACE}meta") if m.get("name") == "base"), ""
        )
        written = element.get(f"{XML}base") or metabase
        document = cls(uri, element, written, language, mode == "dtmf", element.get("root", ""))
        if element.get("version") != "1.0":
            raise document.wrong(element, "version must be 1.0")
        if mode not in ("voice", "dtmf"):
            raise document.wrong(element, f"mode: got '{mode}', expected voice or dtmf")
        if mode == "voice" and not language:
            raise document.wrong(element, "xml:lang is missing: a voice grammar needs it")
        return document

    def wrong(self, element: etree._Element, why: str) -> GrammarDefinitionError:
        return GrammarDefinitionError(self.uri, f"line {element.sourceline}: {why}")

    def compile(self) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for element in self.element.findall(f"{NAMESPACE}rule"):
            name = element.get("id", "")
            key = rule_key(self.uri, name)
            if len(rules) == MAXIMUM_RULES:
                raise self.wrong(element, f"more than {MAXIMUM_RULES} rules")
            if not name or name in Special.__members__ or re.search(r"[\s.:#-]", name):
                raise self.wrong(element, f"'{name}' cannot be the id of a rule")
            if key in rules:
                raise self.wrong(element, f"a second rule '{name}'")
            rules[key] = Rule(name, self.sequence(element), element.get("scope") == "public", element.sourceline or 0)
        if not rules:
            raise self.wrong(self.element, "no rules")
        if self.root and rule_key(self.uri, self.root) not in rules:
            raise self.wrong(self.element, f"the root rule '{self.root}' is not defined")
        return rules

    def sequence(self, element: etree._Element) -> Node:
        parts = list(self.tokens(element, element.text))
        for child in element:
            if isinstance(child.tag, str) and child.tag.startswith(NAMESPACE):
                parts.append(self.node(child))
            elif not isinstance(child.tag, str):
                raise self.wrong(element, "entities and processing instructions are not read inside a rule")
            parts += self.tokens(element, child.tail)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def tokens(self, element: etree._Element, text: str | None) -> Iterator[Node]:
        if text and text.count('"') % 2:
            raise self.wrong(element, "a quoted token does not end")
        for quoted, plain in WORDS.findall(text or ""):
            yield self.token(quoted or plain)

    def token(self, text: str) -> Node:
        words = text.split()
        if self.dtmf:
            words = [DTMF_NAMES.get(word, word) for word in words]
        return Token(" ".join(words), tuple(word.casefold() for word in words)) if words else Special.NULL

    def node(self, element: etree._Element) -> Node:
        kind = str(element.tag).removeprefix(NAMESPACE)
        if kind == "token":
            return self.token((element.text or "").replace('"', " "))
        if kind == "tag":
            return Tag("".join(map(str, element.itertext())).strip())
        if kind == "ruleref":
            return self.reference(element)
        if kind == "one-of":
            return self.alternatives(element)
        if kind == "item":
            return self.repeat(element)
        if kind == "example":
            return Special.NULL
        raise self.wrong(element, f"<{kind}> does not stand inside a rule")

    def alternatives(self, element: etree._Element) -> Node:
        items = element.findall(f"{NAMESPACE}item")
        if not items:
            raise self.wrong(element, "one-of without items")
        return Alternatives(tuple(self.repeat(item) for item in items), tuple(self.weight(item) for item in items))

    def weight(self, item: etree._Element) -> float:
        written = item.get("weight", "1")
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", written):
            raise self.wrong(item, f"weight: got '{written[:20]}', expected a number")
        return float(written)

    def repeat(self, item: etree._Element) -> Node:
        part = self.sequence(item)
        written = item.get("repeat")
        if written is None:
            return part
        numbers = REPEAT.fullmatch(written)
        if numbers is None:
            raise self.wrong(item, f"repeat: got '{written[:20]}', expected n, m-n or m-")
        minimum = int(numbers[1])
        maximum = minimum if numbers[2] is None else int(numbers[3]) if numbers[3] else None
        if minimum > MAXIMUM_MINIMUM or (maximum is not None and maximum < minimum):
            raise self.wrong(item, f"repeat: got '{written}', expected m-n with m up to {MAXIMUM_MINIMUM} and n >= m")
        return Repeat(part, minimum, maximum)

    def reference(self, element: etree._Element) -> Node:
        special, uri = element.get("special"), element.get("uri")
        if special in Special.__members__ and uri is None:
            return Special[special]
        if special is not None or not uri:
            raise self.wrong(element, "ruleref: expected a uri, or special NULL, VOID or GARBAGE")
        if uri.startswith("#"):
            return Reference(rule_key(self.uri, uri[1:]), uri[1:])
        if element.get("type", XML_TYPE) != XML_TYPE or uri.partition("#")[0].endswith(".gram"):
            raise self.wrong(element, f"'{uri}' is not read: only documents of type {XML_TYPE} are")
        target, _, name = _joined(self.uri, _joined(self.uri, self.uri, self.base), uri).partition("#")
        self.imports.add(target)
        return Reference(rule_key(target, name), f"<{self.base[: self.base.rfind('/') + 1]}{uri}>")


def _joined(document: str, base: str, uri: str) -> str:
    """Both go through urljoin, which raises ValueError for hosts that cannot be."""
    try:
        return urljoin(base, uri)
    except ValueError as error:
        raise GrammarDefinitionError(document, f"'{uri}': {error}") from None


def _check_size(uri: str, root: etree._Element) -> None:
    depth = count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAXIMUM_DEPTH or count > MAXIMUM_ELEMENTS:
            what = f"{MAXIMUM_DEPTH} elements inside one another" if depth > MAXIMUM_DEPTH else f"{count - 1} elements"
            raise GrammarDefinitionError(uri, f"line {element.sourceline}: more than {what}")


def _linked(rule: Rule, key: str, documents: dict[str, _Document], rules: dict[str, Rule]) -> Rule:
    """The rule with its references to roots named; every reference checked."""
    own = documents[key.rpartition("#")[0]]

    def link(node: Node) -> Node:
        if isinstance(node, Sequence):
            return Sequence(tuple(map(link, node.parts)))
        if isinstance(node, Alternatives):
            return Alternatives(tuple(map(link, node.choices)), node.weights)
        if isinstance(node, Repeat):
            return Repeat(link(node.part), node.minimum, node.maximum)
        return target(node) if isinstance(node, Reference) else node

    def target(node: Reference) -> Reference:
        uri, _, name = node.key.rpartition("#")
        other = documents[uri]
        found = rule_key(uri, name or other.root)
        why = _why_not(other, own, rules.get(found), name)
        if why:
            raise GrammarDefinitionError(
                own.uri, f"line {rule.line}: rule '{rule.name}' refers to '{node.label}', {why}"
            )
        return Reference(found, node.label)

    return Rule(rule.name, link(rule.body), rule.public, rule.line)


def _why_not(other: _Document, own: _Document, rule: Rule | None, name: str) -> str:
    if rule is None:
        return "which is not defined" if name else "which has no root rule"
    if other is not own and name and not rule.public:
        return "which is private"
    return "which has another mode" if other.dtmf is not own.dtmf else ""
