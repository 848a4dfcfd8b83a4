"""The one immutable form of an SRGS grammar, whatever its syntax.

Rules are linked when this form is made: a reference names a rule that exists. Must not know XML or how to match.
"""

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from attrs import frozen


@frozen(eq=False)
class Token:
    """Words said one after another that are one unit of the grammar."""

    text: str
    words: tuple[str, ...]
    """Case-folded."""


@frozen(eq=False)
class Sequence:
    parts: tuple["Node", ...]


@frozen(eq=False)
class Alternatives:
    choices: tuple["Node", ...]
    weights: tuple[float, ...]
    """Relative, one for each choice; 1 where the grammar gives none."""


@frozen(eq=False)
class Repeat:
    part: "Node"
    minimum: int
    maximum: int | None
    """None: any number of times."""


@frozen(eq=False)
class Reference:
    key: str
    """Of the rule in `Grammar.rules`."""
    label: str
    """As the grammar wrote it: the rule's name, or `<uri>` for a rule of another document."""


@frozen(eq=False)
class Tag:
    text: str


class Special(Enum):
    """NULL matches no words, VOID nothing at all, GARBAGE any words."""

    NULL = "NULL"
    VOID = "VOID"
    GARBAGE = "GARBAGE"


Node: TypeAlias = Token | Sequence | Alternatives | Repeat | Reference | Tag | Special


@frozen(eq=False)
class Rule:
    name: str
    body: Node
    public: bool
    line: int


@frozen(eq=False)
class Grammar:
    """A document with all it refers to."""

    uri: str
    rules: Mapping[str, Rule]
    """By `uri#name`."""
    root: str | None
    """Key of the root rule; without one, rules are activated by name."""
    language: str
    dtmf: bool
    tag_format: str


def rule_key(uri: str, name: str) -> str:
    return f"{uri}#{name}"


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    if isinstance(node, Sequence):
        return node.parts
    if isinstance(node, Alternatives):
        return node.choices
    return (node.part,) if isinstance(node, Repeat) else ()


def left_recursive(rules: Mapping[str, Rule]) -> Rule | None:
    """A rule that can come back to itself before any word is said, if there is one."""
    empty = _empty_rules(rules)
    first = {key: sorted(_first_references(rule.body, empty)) for key, rule in rules.items()}
    done: set[str] = set()
    for start in rules:
        path = {start: iter(first[start])} if start not in done else {}
        while path:
            key = next(reversed(path))
            reached = next(path[key], None)
            if reached is None:
                done.add(key)
                del path[key]
            elif reached in path:
                return rules[reached]
            elif reached not in done:
                path[reached] = iter(first[reached])
    return None


def _empty_rules(rules: Mapping[str, Rule]) -> set[str]:
    """Keys of the rules that match without a word; a rule is looked at again when one it refers to is found."""
    referring: dict[str, set[str]] = {key: set() for key in rules}
    for key, rule in rules.items():
        nodes: list[Node] = [rule.body]
        while nodes:
            node = nodes.pop()
            nodes += parts_of(node)
            if isinstance(node, Reference):
                referring[node.key].add(key)
    empty: set[str] = set()
    pending = list(rules)
    while pending:
        key = pending.pop()
        if key not in empty and _may_be_empty(rules[key].body, empty):
            empty.add(key)
            pending += referring[key]
    return empty


def _may_be_empty(node: Node, empty: set[str]) -> bool:
    if isinstance(node, Token):
        return False
    if isinstance(node, Sequence):
        return all(_may_be_empty(part, empty) for part in node.parts)
    if isinstance(node, Alternatives):
        return any(_may_be_empty(part, empty) for part in node.choices)
    if isinstance(node, Repeat):
        return node.minimum == 0 or _may_be_empty(node.part, empty)
    if isinstance(node, Reference):
        return node.key in empty
    return node is not Special.VOID


def _first_references(node: Node, empty: set[str]) -> set[str]:
    if isinstance(node, Reference):
        return {node.key}
    found: set[str] = set()
    for part in parts_of(node):
        found |= _first_references(part, empty)
        if isinstance(node, Sequence) and not _may_be_empty(part, empty):
            break
    return found
