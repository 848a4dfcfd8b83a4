"""Documents that refer to one another made into one `Grammar`: every reference checked and given its rule.

Must not know a syntax, nor where documents come from.
"""

from collections.abc import Mapping

from h2b.grammar.srgs.documents import Document
from h2b.grammar.srgs.model import (
    Alternatives,
    Grammar,
    Node,
    Reference,
    Repeat,
    Rule,
    Sequence,
    Token,
    left_recursive,
    rule_key,
)


def link(documents: Mapping[str, Document]) -> Grammar:
    """The grammar of the first document, with the others as far as it refers to them.

    Raises GrammarDefinitionError for a reference to no rule, to a private one or to one of another mode, and for a rule
    that comes back to itself before a word is said.
    """
    first = next(iter(documents.values()))
    rules = {
        rule_key(document.uri, rule.name): _Links(documents, document, first.language, rule).rule_linked()
        for document in documents.values()
        for rule in document.rules.values()
    }
    looping = left_recursive(rules)
    if looping is not None:
        where = next(key.rpartition("#")[0] for key, rule in rules.items() if rule is looping)
        raise documents[where].wrong(looping.line, f"rule '{looping.name}' is left-recursive")
    return Grammar(
        uri=first.uri,
        rules=rules,
        root=rule_key(first.uri, first.root) if first.root else None,
        language=first.language,
        dtmf=first.dtmf,
        tag_format=first.tag_format,
        tags=tuple(tag for document in documents.values() for tag in document.tags),
        examples=first.examples.get(first.root, ()),
        lexicon=any(document.lexicon for document in documents.values()),
    )


class _Links:
    """One rule of one document."""

    def __init__(self, documents: Mapping[str, Document], own: Document, language: str, rule: Rule) -> None:
        self.documents = documents
        self.own = own
        self.language = language
        self.rule = rule

    def rule_linked(self) -> Rule:
        return Rule(self.rule.name, self.node(self.rule.body), self.rule.public, self.rule.line)

    def node(self, node: Node) -> Node:
        if isinstance(node, Token):
            return self.token(node)
        if isinstance(node, Sequence):
            return Sequence(tuple(map(self.node, node.parts)))
        if isinstance(node, Alternatives):
            return Alternatives(tuple(map(self.node, node.choices)), node.weights)
        if isinstance(node, Repeat):
            return Repeat(self.node(node.part), node.minimum, node.maximum)
        return self.target(node) if isinstance(node, Reference) else node

    def token(self, token: Token) -> Token:
        """With its language where it is not the grammar's, be it the token's own or its document's."""
        language = "" if self.own.dtmf else token.language or self.own.language
        if language.casefold() == self.language.casefold():
            language = ""
        return token if token.language == language else Token(token.text, token.words, language)

    def target(self, node: Reference) -> Reference:
        uri, _, name = node.key.rpartition("#")
        other = self.documents[uri]
        why = self.why_not(other, name)
        if why:
            raise self.own.wrong(self.rule.line, f"rule '{self.rule.name}' refers to '{node.label[:200]}', {why}")
        return Reference(rule_key(uri, name or other.root), node.label)

    def why_not(self, other: Document, name: str) -> str:
        rule = other.rules.get(name or other.root)
        if rule is None:
            return "which is not defined" if name else "which has no root rule"
        if other is not self.own and name and not rule.public:
            return "which is private"
        return "which has another mode" if other.dtmf is not self.own.dtmf else ""
