"""A grammar written down again, in ABNF: what turns a grammar of one syntax into its twin in the other."""

from collections.abc import Mapping

from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import Child, ExternalParse, Parse
from h2b.grammar.srgs.model import (
    Alternatives,
    External,
    Grammar,
    Node,
    Reference,
    Repeat,
    Rule,
    Sequence,
    Tag,
    Token,
    parts_of,
)

Tree = tuple[object, ...]


def abnf_documents(grammar: Grammar) -> dict[str, bytes]:
    """One document for each of the grammar's, by the same URI. All rules become public: roots are called by name."""
    texts: dict[str, list[str]] = {
        grammar.uri: [*_header(grammar, grammar.root), *(f"{_tag(t)};" for t in grammar.tags)]
    }
    for key, rule in grammar.rules.items():
        uri = key.rpartition("#")[0]
        texts.setdefault(uri, _header(grammar, None)).append(_rule(rule, uri))
    return {uri: "\n".join(lines).encode() for uri, lines in texts.items()}


def abnf_twin(grammar: Grammar) -> Grammar:
    documents = abnf_documents(grammar)
    return load(documents[grammar.uri], grammar.uri, documents.get, "application/srgs")


def tree(child: Child) -> Tree:
    """A parse by the names of its rules, whatever their documents are called."""
    if isinstance(child, Parse):
        return child.name, *map(tree, child.children)
    if isinstance(child, ExternalParse):
        return child.label, child.words, child.value
    return (child.text, child.language) if isinstance(child, Token) else ("tag", child.text)


def rules_of(grammar: Grammar) -> Mapping[str, Tree]:
    """All rules as plain tuples that can be compared."""
    return {key: _plain(rule.body) for key, rule in grammar.rules.items()}


def token_languages(grammar: Grammar) -> dict[str, str]:
    """Languages by token."""
    nodes: list[Node] = [rule.body for rule in grammar.rules.values()]
    found = {}
    while nodes:
        node = nodes.pop()
        nodes += parts_of(node)
        if isinstance(node, Token):
            found[node.text] = node.language
    return found


def _header(grammar: Grammar, root: str | None) -> list[str]:
    lines = ["#ABNF 1.0 UTF-8;", "mode dtmf;" if grammar.dtmf else f"language {grammar.language};"]
    if root is not None:
        lines.append(f"root ${root.rpartition('#')[2]};")
    return lines + ([f"tag-format <{grammar.tag_format}>;"] if grammar.tag_format else [])


def _rule(rule: Rule, uri: str) -> str:
    return f"public ${rule.name} = {_text(rule.body, uri)};"


def _tag(text: str) -> str:
    return "{!{" + text + "}!}"


def _text(node: Node, uri: str) -> str:
    if isinstance(node, Token):
        return f'"{node.text}"' + (f"!{node.language}" if node.language else "")
    if isinstance(node, Sequence):
        return f"({' '.join(_text(part, uri) for part in node.parts)})"
    if isinstance(node, Alternatives):
        choices = (
            f"/{weight:.9f}/ {_text(part, uri)}" for part, weight in zip(node.choices, node.weights, strict=True)
        )
        return f"({' | '.join(choices)})"
    if isinstance(node, Repeat):
        maximum = "" if node.maximum is None else node.maximum
        return f"({_text(node.part, uri)})<{node.minimum}-{maximum}>"
    if isinstance(node, Reference):
        document, _, name = node.key.rpartition("#")
        return f"${name}" if document == uri else f"$<{node.key}>~<application/srgs>"
    if isinstance(node, External):
        return f"$<{node.uri}>"
    return _tag(node.text) if isinstance(node, Tag) else f"${node.name}"


def _plain(node: Node) -> Tree:
    if isinstance(node, Token):
        return "token", node.text, node.language
    if isinstance(node, Sequence):
        return "sequence", *map(_plain, node.parts)
    if isinstance(node, Alternatives):
        return "alternatives", node.weights, *map(_plain, node.choices)
    if isinstance(node, Repeat):
        return "repeat", node.minimum, node.maximum, _plain(node.part)
    if isinstance(node, Reference):
        return "rule", node.key
    if isinstance(node, External):
        return "external", node.uri
    return ("tag", node.text) if isinstance(node, Tag) else (node.name,)
