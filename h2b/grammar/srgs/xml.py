"""The XML form of SRGS 1.0, read into a `Document`.

The only place here that knows lxml, and hardened: no entities, no network, no DTD. Must not know other documents.
Source: W3C Speech Recognition Grammar Specification 1.0, appendix C for the form.
"""

import re
from collections.abc import Iterator

from lxml import etree

from h2b.grammar.srgs.documents import Document
from h2b.grammar.srgs.model import Node, Special, Tag
from h2b.model.errors import GrammarDefinitionError

NAMESPACE = "{http://www.w3.org/2001/06/grammar}"
XML = "{http://www.w3.org/XML/1998/namespace}"
WORDS = re.compile(r'"([^"]*)"|([^\s"]+)')
HEADER = ("lexicon", "meta", "metadata", "tag")
"""What stands beside the rules."""


def read_xml(uri: str, source: bytes) -> Document:
    """The document; its rules are those of the text, not yet linked.

    Raises GrammarDefinitionError, with the line, for what is no SRGS grammar in XML or goes beyond a limit.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(source, parser)
    except etree.XMLSyntaxError as error:
        why = str(error.msg).partition(", line ")[0]
        raise GrammarDefinitionError(uri, f"line {error.lineno or 1}: not well-formed XML: {why}") from None
    except ValueError as error:
        raise GrammarDefinitionError(uri, f"line 1: not well-formed XML: {error}") from None
    document = Document(uri)
    _measure(document, root)
    _Reading(document).grammar(root)
    return document


def _measure(document: Document, root: etree._Element) -> None:
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "start":
            document.measure(_line(element), depth)


def _line(element: etree._Element) -> int:
    return int(element.sourceline or 1)


def _kind(element: etree._Element) -> str:
    """Its name, when it is one of SRGS; elements of other namespaces are ignored (section 5.4)."""
    tag = element.tag
    return tag.removeprefix(NAMESPACE) if isinstance(tag, str) and tag.startswith(NAMESPACE) else ""


class _Reading:
    """One document; languages are handed down from element to element."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def wrong(self, element: etree._Element, why: str) -> GrammarDefinitionError:
        return self.document.wrong(_line(element), why)

    def grammar(self, root: etree._Element) -> None:
        if root.tag != f"{NAMESPACE}grammar":
            raise self.wrong(root, f"got {str(root.tag)[:80]}, expected grammar in the namespace of SRGS")
        if root.get("version") != "1.0":
            raise self.wrong(root, "version must be 1.0")
        document = self.document
        document.begin(_line(root), root.get("mode", "voice"), root.get(f"{XML}lang", ""))
        document.root = root.get("root", "")
        document.tag_format = root.get("tag-format", "")
        metabase = (meta.get("content", "") for meta in root.findall(f"{NAMESPACE}meta") if meta.get("name") == "base")
        document.base = root.get(f"{XML}base") or next(metabase, "")
        for child in root:
            self.beside(child, _kind(child))
        document.end(_line(root))

    def beside(self, element: etree._Element, kind: str) -> None:
        """What the grammar element holds."""
        document = self.document
        if kind == "rule":
            self.rule(element)
        elif kind == "tag":
            document.tags.append(self.text(element))
        elif kind == "lexicon":
            document.lexicon = True
        elif kind and kind not in HEADER:
            raise self.wrong(element, f"<{kind[:40]}> does not stand beside rules")

    def rule(self, element: etree._Element) -> None:
        line = _line(element)
        name = self.document.named(line, element.get("id", ""))
        scope = element.get("scope", "private")
        if scope not in ("public", "private"):
            raise self.wrong(element, f"scope: got '{scope[:20]}', expected public or private")
        examples = [self.text(example) for example in element.findall(f"{NAMESPACE}example")]
        parts = self.parts(element, self.language(element, ""))
        if not parts:
            # Section 3.1: what takes no words says so with NULL, a tag or an empty item.
            raise self.wrong(element, f"rule '{name}' is empty")
        self.document.add(line, name, self.document.sequence(parts), scope == "public", examples)

    def language(self, element: etree._Element, around: str) -> str:
        written = element.get(f"{XML}lang")
        return around if written is None else written and self.document.spoken(_line(element), written)

    def parts(self, element: etree._Element, language: str) -> list[Node]:
        parts = list(self.tokens(element, element.text, language))
        for child in element:
            if not isinstance(child.tag, str):
                raise self.wrong(element, "entities and processing instructions are not read inside a rule")
            kind = _kind(child)
            if kind and kind != "example":
                parts.append(self.node(child, kind, language))
            parts += self.tokens(element, child.tail, language)
        return parts

    def tokens(self, element: etree._Element, text: str | None, language: str) -> Iterator[Node]:
        if text and text.count('"') % 2:
            raise self.wrong(element, "a quoted token does not end")
        for quoted, plain in WORDS.findall(text or ""):
            self.document.measure(_line(element), 0)
            yield self.document.token(_line(element), quoted or plain, language)

    def node(self, element: etree._Element, kind: str, around: str) -> Node:
        language = self.language(element, around)
        if kind == "token":
            return self.document.token(_line(element), self.text(element).replace('"', " "), language)
        if kind == "tag":
            return Tag(self.text(element))
        if kind == "ruleref":
            return self.reference(element)
        if kind == "one-of":
            return self.alternatives(element, language)
        if kind == "item":
            return self.item(element, language)
        raise self.wrong(element, f"<{kind[:40]}> does not stand inside a rule")

    def text(self, element: etree._Element) -> str:
        if len(element):
            raise self.wrong(element, f"<{_kind(element)}> holds text alone")
        return (element.text or "").strip()

    def alternatives(self, element: etree._Element, language: str) -> Node:
        items = [child for child in element if _kind(child)]
        stray = next((item for item in items if _kind(item) != "item"), None)
        if stray is not None or (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            raise self.wrong(element if stray is None else stray, "one-of holds items alone")
        if not items:
            raise self.wrong(element, "one-of without items")
        choices = [(item.get("weight", "1"), self.item(item, self.language(item, language))) for item in items]
        return self.document.alternatives(_line(element), choices)

    def item(self, element: etree._Element, language: str) -> Node:
        part = self.document.sequence(self.parts(element, language))
        written = element.get("repeat")
        if written is None:
            return part
        return self.document.repeat(_line(element), part, written, element.get("repeat-prob", "1"))

    def reference(self, element: etree._Element) -> Node:
        special, uri = element.get("special"), element.get("uri")
        if self.text(element):
            raise self.wrong(element, "ruleref: expected nothing inside")
        if special in Special.__members__ and uri is None:
            return Special[special]
        if special is not None or not uri:
            raise self.wrong(element, "ruleref: expected a uri, or special NULL, VOID or GARBAGE")
        if uri.startswith("#"):
            return self.document.local(_line(element), uri[1:])
        return self.document.elsewhere(_line(element), uri, element.get("type", ""))
