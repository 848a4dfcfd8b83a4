"""Yes and no: closed lists of each language, the last clear answer counting ("non, euh si, oui")."""

from collections.abc import Sequence
from functools import cache

from attrs import frozen

from h2b.grammar.kinds.base import Arguments, Found
from h2b.grammar.kinds.share import LEAST_WEIGHT, strangers
from h2b.grammar.shape import of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Node
from h2b.language import Language
from h2b.model.errors import InvalidParameter

_SHAPE = of_pattern("yn", "y{1,3}|n{1,3}")
"""For the decoder: an answer may be said up to three times, but not its opposite beside it."""


@frozen
class _Answer:
    """A yes or no in words[start:end]."""

    start: int
    end: int
    yes: bool


class Boolean:
    """`true` for yes, `false` for no, as real JSON booleans; `y` and `n` are the keys that say so, too."""

    name = "boolean"

    def check(self, arguments: Arguments) -> None:
        if "n" in arguments and arguments["n"] == arguments.get("y"):
            raise InvalidParameter("n", arguments["n"], "another key than y")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        answers = _answers(words, language)
        return [Found(value=answers[-1].yes, quality=_share(answers, words, language))] if answers else []

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _SHAPE)


def _answers(words: Sequence[str], language: Language) -> list[_Answer]:
    """Every yes and no, in the order said."""
    answers: list[_Answer] = []
    at = said = 0
    while at < len(words):
        entry, end = _longest(words, at, _lexicon(language))
        if entry is None:
            at += 1
            continue
        # "No no" is no, and the "not" of "why not" belongs to that phrase and not to the yes behind it.
        # Nobody negates a plain yes: "nein, ja" is a caller who thinks again.
        plain = words[at] == language.yes[0]
        negated = at > said and words[at - 1] in language.negators and not plain
        answers.append(_Answer(at, end, entry.value == "y" and not negated))
        at = end
        if answers[-1].yes:
            said = end
    return answers


def _share(answers: Sequence[_Answer], words: Sequence[str], language: Language) -> float:
    """Callers who answer first may explain at length; an answer late in a sentence about other things is none."""
    if not strangers(words[: answers[0].start], language):
        return 1.0
    inside = {place for answer in answers for place in range(answer.start, answer.end)}
    around = [word for place, word in enumerate(words) if place not in inside]
    own = max(LEAST_WEIGHT, answers[-1].end - answers[-1].start)
    return own / (own + strangers(around, language))


@cache
def _lexicon(language: Language) -> Lexicon:
    return Lexicon([Entry(phrase, "y") for phrase in language.yes] + [Entry(phrase, "n") for phrase in language.no])


def _longest(words: Sequence[str], at: int, lexicon: Lexicon) -> tuple[Entry | None, int]:
    """The entry with the longest phrase that begins at `at`, and the position after it."""
    node: Node | None = lexicon.words
    best: tuple[Entry | None, int] = (None, at)
    for end in range(at, len(words)):
        node = node.after.get(words[end]) if node else None
        if node is None:
            break
        if node.entries:
            best = (node.entries[0], end + 1)
    return best
