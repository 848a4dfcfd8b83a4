"""Words against a compiled grammar: the parse with its tags, and whether more words could still match.

Memoised over (node, position), so ambiguous grammars cost no more than nodes times words; a budget of steps bounds
what is left. Must not know syntaxes, scripts or wires.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Listed
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import TypeAlias

from attrs import define, frozen

from h2b.grammar.srgs.model import (
    Alternatives,
    External,
    Grammar,
    Node,
    Reference,
    Repeat,
    Sequence,
    Special,
    Tag,
    Token,
    rule_key,
)
from h2b.model.errors import GrammarDefinitionError

MAXIMUM_STEPS = 200_000
MAXIMUM_MOVES = 2_000_000
"""From a position to one after it: repeats inside repeats make many, each a hundredth of a step's cost."""
MAXIMUM_DEPTH = 200
"""Of nodes inside one another while matching: recursive rules stop here, far from the interpreter's own limit."""

ExternalMatcher: TypeAlias = Callable[[str, Listed[str], int], Iterable[tuple[int, object]]]
"""Of the grammars that are not SRGS. Gets the URI as written, all words and a position before the last of them; gives
each position the grammar can end at with its value, the preferred one first. A position past the last word says that
the words to the end are a beginning and more could match."""


class Progress(Enum):
    """What some words are to a grammar."""

    COMPLETE = "complete"
    CAN_CONTINUE = "can continue"
    DEAD = "dead"


@frozen
class Parse:
    """A rule that matched and, left to right, what it matched."""

    label: str
    """As the reference is written; see `Reference.label`."""
    name: str
    """Of the rule, whatever document it is in."""
    children: tuple["Child", ...]


@frozen
class ExternalParse:
    """A grammar of the server that matched, and its value."""

    label: str
    name: str
    """Empty: it has no rules."""
    words: tuple[str, ...]
    """As given to `match`."""
    value: object

    @property
    def text(self) -> str:
        return " ".join(self.words)


Child: TypeAlias = Parse | ExternalParse | Token | Tag


@frozen
class Match:
    progress: Progress
    parse: Parse | None
    """Of all the words; None unless complete."""
    extensible: bool
    """More words could still match, be it complete or not."""


@define
class Budget:
    """What matching has taken so far: of one match, or of several that share it."""

    steps: int = 0
    moves: int = 0


_shared: ContextVar[Budget | None] = ContextVar("shared budget", default=None)


@contextmanager
def one_budget() -> Iterator[None]:
    """Matches inside share one budget: all hypotheses against all grammars may take no longer than one match."""
    token = _shared.set(Budget())
    try:
        yield
    finally:
        _shared.reset(token)


def match(
    grammar: Grammar, words: Listed[str], rule: str | None = None, external: ExternalMatcher | None = None
) -> Match:
    """What the words are to the grammar's root rule, or to one of its rules by name. Words differ by more than case.

    Raises GrammarDefinitionError when there is no such rule, when the grammar refers to one of the server's and
    `external` is None, or when matching exceeds the budget of steps or depth. What `external` raises passes through.
    """
    key = grammar.root if rule is None else rule_key(grammar.uri, rule)
    if key is None or key not in grammar.rules:
        raise GrammarDefinitionError(grammar.uri, "no root rule" if rule is None else f"no rule named '{rule}'")
    return _Matching(grammar, tuple(words), external).run(key)


def match_keys(grammar: Grammar, keys: str, rule: str | None = None) -> Match:
    """What the keys pressed so far (0 to 9, *, #, A to D) are to a DTMF grammar.

    Complete and not extensible: no other key can be part of it, the answer is due at once. Complete and extensible: it
    is due when the inter-digit or termination timer fires. Source: SRGS 1.0 appendix E.
    Raises GrammarDefinitionError as `match` does, and for a grammar of voice mode.
    """
    if not grammar.dtmf:
        raise GrammarDefinitionError(grammar.uri, "its mode is voice: keys are matched by grammars of mode dtmf")
    return match(grammar, tuple(keys), rule)


class _Matching:
    """One match: `ends` finds where nodes can end, `derive` then walks one way through them."""

    def __init__(self, grammar: Grammar, words: tuple[str, ...], external: ExternalMatcher | None) -> None:
        self.grammar = grammar
        self.given = words
        self.words = tuple(word.casefold() for word in words)
        self.external = external
        self.memo: dict[tuple[int, int], tuple[int, ...]] = {}
        self.values: dict[tuple[str, int, int], object] = {}
        self.budget = _shared.get() or Budget()
        self.depth = 0
        self.extensible = False

    def run(self, key: str) -> Match:
        reference = Reference(key, self.grammar.rules[key].name)
        if len(self.words) not in self.ends(reference, 0):
            progress = Progress.CAN_CONTINUE if self.extensible else Progress.DEAD
            return Match(progress, None, self.extensible)
        (parse,) = self.derive(reference, 0, len(self.words))
        assert isinstance(parse, Parse)
        return Match(Progress.COMPLETE, parse, self.extensible)

    def step(self) -> None:
        self.budget.steps += 1
        if self.budget.steps > MAXIMUM_STEPS:
            raise GrammarDefinitionError(self.grammar.uri, f"matching took more than {MAXIMUM_STEPS} steps")

    def move(self, count: int) -> None:
        self.budget.moves += count
        if self.budget.moves > MAXIMUM_MOVES:
            raise GrammarDefinitionError(self.grammar.uri, f"matching took more than {MAXIMUM_MOVES} moves")

    def descend(self) -> None:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise GrammarDefinitionError(self.grammar.uri, f"rules inside one another deeper than {MAXIMUM_DEPTH}")

    def ends(self, node: Node, at: int) -> tuple[int, ...]:
        """Positions after the node when it starts here, the preferred one first."""
        known = self.memo.get((id(node), at))
        if known is not None:
            return known
        self.step()
        self.descend()
        if isinstance(node, Token):
            found = self.token_ends(node, at)
        elif isinstance(node, Sequence):
            found = self.sequence_ends(node, at)
        elif isinstance(node, Alternatives):
            found = self.choice_ends(node, at)
        elif isinstance(node, Repeat):
            found = self.repeat_ends(node, at)
        elif isinstance(node, Reference):
            found = self.ends(self.grammar.rules[node.key].body, at)
        elif isinstance(node, External):
            found = self.external_ends(node, at)
        else:
            found = self.special_ends(node, at)
        self.depth -= 1
        self.memo[id(node), at] = found
        return found

    def token_ends(self, token: Token, at: int) -> tuple[int, ...]:
        end = at + len(token.words)
        there = self.words[at:end]
        if there == token.words:
            return (end,)
        if end > len(self.words) and there == token.words[: len(there)]:
            self.extensible = True
        return ()

    def special_ends(self, node: Tag | Special, at: int) -> tuple[int, ...]:
        if node is Special.VOID:
            return ()
        if node is Special.GARBAGE:
            self.extensible = True
            self.move(len(self.words) - at)
            return tuple(range(at, len(self.words) + 1))
        return (at,)

    def external_ends(self, node: External, at: int) -> tuple[int, ...]:
        if self.external is None:
            raise GrammarDefinitionError(self.grammar.uri, f"'{node.uri[:200]}' is not known here")
        if at == len(self.words):
            # Every grammar of the server takes words.
            self.extensible = True
            return ()
        found: dict[int, None] = {}
        for end, value in self.external(node.uri, self.given, at):
            self.step()
            if end > len(self.words):
                self.extensible = True
            else:
                found[end] = None
                self.values.setdefault((node.uri, at, end), value)
        return tuple(found)

    def after(self, node: Node, starts: Iterable[int]) -> dict[int, None]:
        """Positions after the node when it starts at any of some. Loops rather than generators keep the stack low."""
        found: dict[int, None] = {}
        for start in starts:
            ends = self.ends(node, start)
            self.move(len(ends))
            found.update(dict.fromkeys(ends))
        return found

    def choices(self, node: Alternatives, at: int) -> Iterable[Node]:
        """Those that the word here, or its absence, does not rule out."""
        if at < len(self.words):
            return node.starting_with(self.words[at])
        self.extensible = self.extensible or bool(node.by_word)
        return [node.preferred[index] for index in node.by_anything]

    def choice_ends(self, node: Alternatives, at: int) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for choice in self.choices(node, at):
            found.update(self.after(choice, (at,)))
        return tuple(found)

    def sequence_ends(self, node: Sequence, at: int) -> tuple[int, ...]:
        reached: dict[int, None] = {at: None}
        for part in node.parts:
            reached = self.after(part, reached)
        return tuple(reached)

    def repeat_layers(self, node: Repeat, at: int) -> list[dict[int, None]]:
        """Positions after 0, 1, 2 … times. What adds no words is not repeated beyond the minimum."""
        layers: list[dict[int, None]] = [{at: None}]
        seen = {at}
        while node.maximum is None or len(layers) <= node.maximum:
            self.step()
            after = self.after(node.part, layers[-1])
            if len(layers) > node.minimum:
                after = {end: None for end in after if end not in seen}
            if not after:
                break
            if len(layers) >= node.minimum:
                seen.update(after)
            layers.append(after)
        return layers

    def repeat_ends(self, node: Repeat, at: int) -> tuple[int, ...]:
        layers = self.repeat_layers(node, at)
        # More words first: a repetition takes what it can.
        return tuple(dict.fromkeys(end for layer in reversed(layers[node.minimum :]) for end in layer))

    def derive(self, node: Node, start: int, end: int) -> tuple[Child, ...]:
        """What the node matched between two positions it is known to join."""
        self.step()
        self.descend()
        found = self.derived(node, start, end)
        self.depth -= 1
        return found

    def derived(self, node: Node, start: int, end: int) -> tuple[Child, ...]:
        if isinstance(node, Token | Tag):
            return (node,)
        if isinstance(node, Alternatives):
            choice = next(choice for choice in self.choices(node, start) if end in self.ends(choice, start))
            return self.derive(choice, start, end)
        if isinstance(node, Sequence):
            layers: list[dict[int, None]] = [{start: None}]
            for part in node.parts:
                layers.append(self.after(part, layers[-1]))
            return self.join(node.parts, layers, end)
        if isinstance(node, Repeat):
            layers = self.repeat_layers(node, start)
            times = max(n for n in range(node.minimum, len(layers)) if end in layers[n])
            if start == end:
                # Section 2.5: what adds no words is there once, however often it is repeated.
                return self.derive(node.part, start, end) if times else ()
            return self.join((node.part,) * times, layers, end)
        if isinstance(node, Reference):
            rule = self.grammar.rules[node.key]
            return (Parse(node.label, rule.name, self.derive(rule.body, start, end)),)
        if isinstance(node, External):
            return (ExternalParse(node.label, "", self.given[start:end], self.values[node.uri, start, end]),)
        return ()

    def join(self, parts: Listed[Node], layers: list[dict[int, None]], end: int) -> tuple[Child, ...]:
        """Right to left through the positions reached after each part, so that no choice has to be taken back."""
        spans: list[tuple[Node, int, int]] = []
        for index in range(len(parts) - 1, -1, -1):
            start = next(s for s in layers[index] if end in self.ends(parts[index], s))
            spans.append((parts[index], start, end))
            end = start
        children: list[Child] = []
        for part, first, last in reversed(spans):
            children += self.derive(part, first, last)
        return tuple(children)
