"""Yes and no: closed lists of each language, the first clear answer counting until it is taken back.

The rule. Callers answer first and explain at length, so what stands behind a plain yes or no changes it only if it is
another plain one said at once ("nein, ja") or as an afterthought ("non, euh, si"), or an answer behind a correction
("no wait, that's right"). A bare "not", "never" or "I don't" answers only as a whole phrase: "yes, I never received it"
is yes. Two answers that contradict each other with no correction between them are not sure of themselves, and nor is
one beside a doubt; doubt alone ("I don't know") is no answer. A negation turns the affirmation behind it ("not right").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from attrs import evolve, frozen

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.share import LEAST_WEIGHT, REACH, strangers
from h2b.grammar.shape import of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Node
from h2b.language import Language
from h2b.language.answers import answers
from h2b.language.corrections import corrections
from h2b.model.errors import InvalidParameter

RETHOUGHT = 0.6
"""Quality of a plain answer said right behind its opposite: without a pause it may be hesitation as well."""
CONTRADICTION = 0.4
"""Quality of an answer beside one that denies it, or beside a doubt."""

_SHAPE = of_pattern("yn", "y{1,3}|n{1,3}")
"""For the decoder: an answer may be said up to three times, but not its opposite beside it."""

_YES, _NO, _DOUBT, _NEUTRAL, _CORRECTION, _PAUSE, _NEGATOR, _WORD = "yn?-cp!w"
"""What a part of an utterance is. A pause is a filler or a polite word."""
_ENDS = frozenset({_YES, _NO, _DOUBT, _CORRECTION, _PAUSE, _NEUTRAL})
"""What may follow an answer that stands only alone."""


@frozen
class _Part:
    """words[start:end] and what they are."""

    start: int
    end: int
    said: str
    plain: bool = False
    filler: bool = False

    @property
    def yes(self) -> bool:
        return self.said == _YES


@frozen
class _Answer:
    """What was understood so far, from words[start:] on."""

    start: int
    end: int
    yes: bool
    plain: bool
    quality: float = 1.0
    negated: bool = False
    """Said with a negation ("I don't think so"), which goes for what follows, too."""


class Boolean:
    """`true` for yes, `false` for no, as real JSON booleans; `y` and `n` are the keys that say so, too."""

    name = "boolean"
    takes = taking()

    def check(self, arguments: Arguments) -> None:
        if "n" in arguments and arguments["n"] == arguments.get("y"):
            raise InvalidParameter("n", arguments["n"], "another key than y")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        parts = list(_parts(words, language))
        answer = _Understood(words, parts, language).answer()
        if answer is None:
            return []
        return [Found(value=answer.yes, quality=answer.quality * _share(answer, parts, words, language))]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _SHAPE)


def _parts(words: Sequence[str], language: Language) -> Iterator[_Part]:
    """The words parted into the longest phrases that mean something here, and single others."""
    plain = _plain(language)
    at = 0
    while at < len(words):
        entry, end = _longest(words, at, _phrases(language))
        if entry is None:
            filler = words[at] in language.fillers
            said = _PAUSE if filler else _NEGATOR if words[at] in language.negators else _WORD
            yield _Part(at, at + 1, said, filler=filler)
            at += 1
            continue
        clear = entry.phrase in plain if words[at] in language.negators else _begins(words[at:end], plain)
        yield _Part(at, end, entry.value, clear and entry.value in (_YES, _NO))
        at = end


def _begins(words: Sequence[str], plain: frozenset[str]) -> bool:
    return any(" ".join(words[:size]) in plain for size in range(1, len(words) + 1))


class _Understood:
    """The answer in the parts of one utterance."""

    def __init__(self, words: Sequence[str], parts: Sequence[_Part], language: Language) -> None:
        self._words = words
        self._parts = parts
        self._language = language
        self._table = _Sets.of(language)

    def answer(self) -> _Answer | None:
        """The answer that stands at the end."""
        answer: _Answer | None = None
        doubt = False
        last = -1  # the place of the answer or doubt before, or of a correction
        corrected = False
        for at, part in enumerate(self._parts):
            if part.said == _CORRECTION:
                corrected, last = answer is not None, at
            elif part.said == _DOUBT:
                if answer is None or (self._ends(at) and self._near(last, at)):
                    doubt = True
                    last = at
            elif part.said in (_YES, _NO) and self._counts(at, answer):
                new = self._new(at, last)
                if new is None or (doubt and answer is None and not part.plain):
                    continue
                new = evolve(new, quality=CONTRADICTION if doubt and answer is None else 1.0)
                if answer is None:
                    answer = new
                elif not (corrected and not self._says_more(self._parts[last + 1 : at])):
                    answer = self._together(answer, new, last, at)
                elif not self._content(answer, at):
                    answer, doubt = evolve(new, start=answer.start), False
                last, corrected = at, False
        return evolve(answer, quality=CONTRADICTION) if answer and doubt else answer

    def _counts(self, at: int, answer: _Answer | None) -> bool:
        """Whether a phrase answers where it stands.

        Some do only by themselves. Inside a sentence a "no" may be that of a noun ("no bill came"), or a Spanish "not".
        """
        part = self._parts[at]
        said = self._words[part.start : part.end]
        if " ".join(said) in self._table.alone:
            bare = part.end - part.start > 1 or part.start == 0 or self._parts[at - 1].said in _ENDS
            return bare and self._ends_with_answers(at) and (answer is None or part.plain)
        if " ".join(said) in self._table.wishes:
            return answer is None
        inside = answer is not None or (at > 0 and self._parts[at - 1].said == _WORD)
        if part.said == _NO and inside and (part.plain or answer is not None):
            of_a_noun = part.plain and strangers(self._words[part.end : part.end + 1], self._language)
            return self._ends(at) or not (said[0] in self._language.negators or of_a_noun)
        return True

    def _ends(self, at: int) -> bool:
        """Whether nothing is added to a part but another answer, or thanks."""
        return at + 1 == len(self._parts) or self._parts[at + 1].said in _ENDS

    def _ends_with_answers(self, at: int) -> bool:
        """The same, and the other answer is none of a noun: "I have no questions"."""
        answered = at + 1 < len(self._parts) and self._parts[at + 1].said in (_YES, _NO)
        return self._ends(at) and (not answered or self._ends(at + 1))

    def _near(self, last: int, at: int) -> bool:
        """Whether nothing but pauses stands between two parts."""
        return all(part.said in (_PAUSE, _NEUTRAL, _CORRECTION) for part in self._parts[last + 1 : at])

    def _new(self, at: int, last: int) -> _Answer | None:
        """The answer a part is by itself; None where a negation leaves nothing of it ("not wrong")."""
        part = self._parts[at]
        between = self._parts[last + 1 : at]
        before = next((place for place, other in enumerate(between) if self._negates(other)), None)
        negated = not part.plain and before is not None
        if part.yes and not part.plain and self._taken_back(at):
            return None if negated else _Answer(part.start, part.end, yes=False, plain=False, negated=True)
        if negated and (not part.yes or self._says_more(between[before or 0 :])):
            return None
        words = self._words[part.start : part.end]
        denies = negated or (not part.yes and any(word in self._language.negators for word in words))
        return _Answer(part.start, part.end, part.yes and not negated, part.plain, negated=denies)

    def _negates(self, part: _Part) -> bool:
        """Whether a part that is no answer where it stands holds a negation."""
        return part.said in (_NO, _NEGATOR) and any(
            word in self._language.negators for word in self._words[part.start : part.end]
        )

    def _taken_back(self, at: int) -> bool:
        """Whether a negation ends the utterance that began with an affirmation: "das stimmt leider nicht"."""
        for place in range(at + 1, min(at + REACH, len(self._parts))):
            part = self._parts[place]
            words = self._words[part.start : part.end]
            if self._negates(part) and (len(words) == 1 or " ".join(words) not in self._table.alone):
                return not part.plain and self._ends(place)
            if part.said not in (_WORD, _PAUSE) or self._says_more([part]):
                break
        return False

    def _says_more(self, parts: Sequence[_Part]) -> bool:
        """Whether there is something between a negation and the affirmation behind it that it may be about instead."""
        said = [self._words[part.start] for part in parts if part.said == _WORD]
        return strangers(said, self._language) > 0

    def _together(self, answer: _Answer, new: _Answer, last: int, at: int) -> _Answer:
        """An answer and what is said behind it, with no correction between them."""
        part, near = self._parts[at], self._near(last, at)
        afterthought = self._parts[at - 1].filler and self._ends(at)
        if new.yes is answer.yes:
            return evolve(answer, end=new.end, quality=1.0) if near and answer.quality < 1.0 else answer
        if new.plain and (near or afterthought):
            paused = any(part.filler for part in self._parts[last + 1 : at])
            sure = answer.plain or (part.end - part.start > 1 and part.said == _NO)
            quality = 1.0 if paused else RETHOUGHT if sure else CONTRADICTION
            return evolve(new, start=answer.start, quality=quality)
        if new.plain:
            return evolve(answer, quality=CONTRADICTION) if at + 1 == len(self._parts) else answer
        if answer.negated or self._content(answer, at) or (answer.plain and not near):
            return answer
        return evolve(answer, quality=CONTRADICTION)

    def _content(self, answer: _Answer, at: int) -> bool:
        """Whether a part says that the caller who said no needs nothing more: "no, that's fine"."""
        part = self._parts[at]
        return not answer.yes and " ".join(self._words[part.start : part.end]) in self._table.content


def _share(answer: _Answer, parts: Sequence[_Part], words: Sequence[str], language: Language) -> float:
    """Callers who answer first may explain at length; an answer late in a sentence about other things is none."""
    around = [part for part in parts if part.said in (_WORD, _PAUSE)]
    if not _strangers((part for part in around if part.end <= answer.start), words, language):
        return 1.0
    own = max(LEAST_WEIGHT, answer.end - answer.start)
    return own / (own + _strangers(around, words, language))


def _strangers(parts: Iterable[_Part], words: Sequence[str], language: Language) -> int:
    return sum(strangers(words[part.start : part.end], language) for part in parts)


@frozen
class _Sets:
    """Phrases of a language as sets."""

    alone: frozenset[str]
    wishes: frozenset[str]
    content: frozenset[str]

    @staticmethod
    @cache
    def of(language: Language) -> "_Sets":
        table = answers(language)
        return _Sets(frozenset(table.alone), frozenset(table.wishes), frozenset(table.content))


@cache
def _plain(language: Language) -> frozenset[str]:
    return frozenset(answers(language).plain)


@cache
def _lexicon(language: Language) -> Lexicon:
    return Lexicon([Entry(phrase, _YES) for phrase in language.yes] + [Entry(phrase, _NO) for phrase in language.no])


@cache
def _phrases(language: Language) -> Lexicon:
    """The answers and what surrounds them."""
    table = answers(language)
    named: Mapping[str, Sequence[str]] = {
        _PAUSE: table.polite,
        # "No wait" begins with an answer, and "falsch" is one.
        _CORRECTION: (*table.waits, *(phrase for phrase in corrections(language) if not _answers(phrase, language))),
        _NEUTRAL: table.neutral,
        _DOUBT: table.doubts,
    }
    unique = {phrase: Entry(phrase, said) for said, phrases in named.items() for phrase in phrases}
    return Lexicon({**{entry.phrase: entry for entry in _lexicon(language).entries}, **unique}.values())


def _answers(phrase: str, language: Language) -> bool:
    return phrase in language.no or _begins(phrase.split(), _plain(language))


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
