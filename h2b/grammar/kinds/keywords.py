"""One of a list of words or phrases: `alternatives=agent|allo\\-media|arrêt`.

The list is regex-like: `|` separates, a backslash escapes (H2B reference, section 5.2). The value is the
alternative as it was declared, whatever case or accents were heard.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from rapidfuzz.distance import DamerauLevenshtein

from h2b.grammar.kinds.base import Arguments, Found
from h2b.grammar.shape import of_length
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor
from h2b.language import Language, fold_accents, normalise
from h2b.model.errors import MissingParameter

MAXIMUM_ALTERNATIVES = 500
NEAR_ENOUGH = 0.78
"""Similarity from which a misheard phrase counts (nlu-scale reference, section 2.4)."""
MAXIMUM_WORDS = 80
"""Words of a transcript that near matches are looked for in: their cost grows with words times alternatives."""

_FIRST_CODE = 0xE000  # private use: each alternative is one character of a value


class Keywords:
    """The first alternative said exactly, else the one most like what was said."""

    name = "keywords"

    def check(self, arguments: Arguments) -> None:
        expected = f"1 to {MAXIMUM_ALTERNATIVES} words or phrases separated by '|'"
        alternatives = split_alternatives(str(arguments.get("alternatives", "")))
        if not any(map(normalise, alternatives)):
            raise MissingParameter("alternatives", "the keywords grammar", expected)
        if len(alternatives) > MAXIMUM_ALTERNATIVES:
            raise MissingParameter("alternatives", f"a list of {len(alternatives)}", expected)

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        spoken = _spoken_forms(str(arguments["alternatives"]), language)
        heard = fold_accents(language.spell_out(" ".join(words))).split()[:MAXIMUM_WORDS]
        exact = _exact(heard, spoken)
        return exact or _near(heard, spoken)

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        spoken = _spoken_forms(str(arguments["alternatives"]), language, folded=False)
        codes = {value: chr(_FIRST_CODE + index) for index, value in enumerate(dict.fromkeys(spoken.values()))}
        entries = [Entry(phrase, codes[value]) for phrase, value in spoken.items()]
        return LexiconAcceptor(Lexicon(entries), of_length("".join(codes.values()), 1, 1))


def split_alternatives(text: str) -> list[str]:
    """The phrases of an `alternatives` argument, unescaped, empty ones left out."""
    parts = re.findall(r"(?:\\.|[^|\\])+", text, re.DOTALL)
    return [phrase for part in parts if (phrase := re.sub(r"\\(.)", r"\1", part).strip())]


@lru_cache(maxsize=256)
def _spoken_forms(alternatives: str, language: Language, folded: bool = True) -> Mapping[str, str]:
    """Phrase as a recogniser writes it -> alternative as declared; without accents when folded."""
    spoken: dict[str, str] = {}
    for phrase in split_alternatives(alternatives):
        words = normalise(language.spell_out(phrase))
        spoken.setdefault(fold_accents(words) if folded else words, phrase)
    return {words: phrase for words, phrase in spoken.items() if words}


def _exact(heard: Sequence[str], spoken: Mapping[str, str]) -> list[Found]:
    """Alternatives said word for word: the longest first, of equal ones the first said."""
    found: dict[str, tuple[int, int]] = {}
    for at in range(len(heard)):
        for phrase, value in spoken.items():
            words = phrase.split()
            if list(heard[at : at + len(words)]) == words:
                found.setdefault(value, (-len(words), at))
    return [Found(value=value) for value, _ in sorted(found.items(), key=lambda item: item[1])]


def _near(heard: Sequence[str], spoken: Mapping[str, str]) -> list[Found]:
    """Alternatives almost said: windows one word shorter to one word longer, compared without spaces."""
    best: dict[str, float] = {}
    for phrase, value in spoken.items():
        target = phrase.replace(" ", "")
        length = len(phrase.split())
        for size in range(max(1, length - 1), length + 2):
            for at in range(len(heard) - size + 1):
                window = "".join(heard[at : at + size])
                likeness = DamerauLevenshtein.normalized_similarity(target, window, score_cutoff=NEAR_ENOUGH)
                if likeness >= NEAR_ENOUGH:
                    best[value] = max(best.get(value, 0.0), likeness)
    ranked = sorted(best.items(), key=lambda item: -item[1])
    return [Found(value=value, quality=likeness) for value, likeness in ranked]
