"""The one immutable form of an SRGS grammar, whatever its syntax.

Rules are linked when this form is made: a reference names a rule that exists. Must not know syntaxes or how to match.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias

from attrs import field, frozen


@frozen(eq=False)
class Token:
    """Words said one after another that are one unit of the grammar."""

    text: str
    words: tuple[str, ...]
    """Case-folded."""
    language: str = ""
    """It is said in, where that is not the language of the grammar."""


@frozen(eq=False)
class Sequence:
    parts: tuple["Node", ...]


@frozen(eq=False)
class Alternatives:
    choices: tuple["Node", ...]
    weights: tuple[float, ...]
    """Relative, one for each choice; 1 where the grammar gives none."""
    preferred: tuple["Node", ...] = field(init=False, repr=False)
    """The choices, those of more weight first."""
    by_word: Mapping[str, tuple[int, ...]] = field(init=False, repr=False)
    """Which of `preferred` start with a word and no other way. Lists of thousands of names are why."""
    by_anything: tuple[int, ...] = field(init=False, repr=False)
    """The rest of `preferred`."""

    @preferred.default
    def _preferred(self) -> tuple["Node", ...]:
        if len(set(self.weights)) == 1:
            return self.choices
        order = sorted(range(len(self.choices)), key=lambda index: -self.weights[index])
        return tuple(self.choices[index] for index in order)

    @by_word.default
    def _by_word(self) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for index, choice in enumerate(self.preferred):
            word = first_word(choice)
            if word is not None:
                found.setdefault(word, []).append(index)
        return {word: tuple(indexes) for word, indexes in found.items()}

    @by_anything.default
    def _by_anything(self) -> tuple[int, ...]:
        return tuple(index for index, choice in enumerate(self.preferred) if first_word(choice) is None)

    def starting_with(self, word: str) -> Iterable["Node"]:
        """The choices the word may start, the preferred ones first."""
        known = self.by_word.get(word, ())
        return map(self.preferred.__getitem__, sorted(known + self.by_anything) if known else self.by_anything)


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
class External:
    """A grammar of the server, such as `builtin:speech/date`, whose rules are not written in SRGS."""

    uri: str
    """As written, with its query."""
    label: str
    """`<uri>`."""


@frozen(eq=False)
class Tag:
    text: str


class Special(Enum):
    """NULL matches no words, VOID nothing at all, GARBAGE any words."""

    NULL = "NULL"
    VOID = "VOID"
    GARBAGE = "GARBAGE"


Node: TypeAlias = Token | Sequence | Alternatives | Repeat | Reference | External | Tag | Special


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
    tags: tuple[str, ...] = ()
    """Tags of the headers, in document order, referred documents last: scripts that run once, before any rule's."""
    examples: tuple[str, ...] = ()
    """Of what the root rule takes, as its author wrote them."""
    lexicon: bool = False
    """A document names a lexicon; none is read."""


def rule_key(uri: str, name: str) -> str:
    return f"{uri}#{name}"


def first_word(node: Node) -> str | None:
    """The one word everything the node takes starts with; None where there is no such word or it takes a look."""
    if isinstance(node, Token):
        return node.words[0] if node.words else None
    if isinstance(node, Sequence):
        first = next((part for part in node.parts if not isinstance(part, Tag)), None)
        return None if first is None else first_word(first)
    return first_word(node.part) if isinstance(node, Repeat) and node.minimum else None


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    if isinstance(node, Sequence):
        return node.parts
    if isinstance(node, Alternatives):
        return node.choices
    return (node.part,) if isinstance(node, Repeat) else ()


def left_recursive(rules: Mapping[str, Rule]) -> Rule | None:
    """A rule that can come back to itself before any word is said, if there is one."""
    wordless = _wordless(rules)
    first = {key: sorted(_first_references(rule.body, wordless)) for key, rule in rules.items()}
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


def _wordless(rules: Mapping[str, Rule]) -> set[int | str]:
    """Ids of the nodes, and keys of the rules, that match without a word.

    Found upwards from the leaves, each node once, so that large grammars take no longer than they are large.
    """
    above: dict[int | str, list[int | str]] = {}
    lacking: dict[int | str, int] = {}
    for key, rule in rules.items():
        lacking[key] = 1
        above.setdefault(id(rule.body), []).append(key)
        nodes: list[Node] = [rule.body]
        while nodes:
            node = nodes.pop()
            if id(node) not in lacking:
                lacking[id(node)] = _lacking(node)
                below = [node.key] if isinstance(node, Reference) else [id(part) for part in parts_of(node)]
                for part in below:
                    above.setdefault(part, []).append(id(node))
                nodes += parts_of(node)
    found: set[int | str] = set()
    pending = [node for node, count in lacking.items() if count == 0]
    while pending:
        ready = pending.pop()
        if ready not in found:
            found.add(ready)
            for parent in above.get(ready, ()):
                lacking[parent] -= 1
                if lacking[parent] == 0:
                    pending.append(parent)
    return found


def _lacking(node: Node) -> int:
    """How many of the nodes below must match without a word for this one to; -1 when it never does."""
    if isinstance(node, Sequence):
        return len(node.parts)
    if isinstance(node, Repeat):
        return 1 if node.minimum else 0
    if isinstance(node, Alternatives | Reference):
        return 1
    return -1 if isinstance(node, Token | External) or node is Special.VOID else 0


def _first_references(node: Node, wordless: set[int | str]) -> set[str]:
    if isinstance(node, Reference):
        return {node.key}
    found: set[str] = set()
    for part in parts_of(node):
        found |= _first_references(part, wordless)
        if isinstance(node, Sequence) and id(part) not in wordless:
            break
    return found
