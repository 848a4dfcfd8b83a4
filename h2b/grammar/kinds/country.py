"""Countries and territories by their names: codes of ISO 3166-1, or the name of CLDR.

The names are those of CLDR in the language of the call, and those of `h2b.language.countries`. A name said exactly
comes first, the longest before others; else the one most like what was said, as for keywords. Kosovo is XK, which
ISO leaves to users and CLDR gives it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from attrs import frozen
from babel import Locale
from babel.core import get_global
from rapidfuzz import process
from rapidfuzz.distance import OSA

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.evidence import UNSURE
from h2b.grammar.kinds.keywords import MAXIMUM_WORDS, NEAR_ENOUGH
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import Shape, of_length
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor
from h2b.language import Language, fold_accents, normalise
from h2b.language.base import words
from h2b.language.countries import Countries, countries
from h2b.model.errors import InvalidParameter

FORMS = ("alpha2", "alpha3", "name")
SHORTEST_NEAR = 6
"""Letters of a name that may be misheard inside a sentence: shorter ones are like too many words."""
NEAR_TOGETHER = 0.88
"""Similarity for several words that were heard: "turn key" is not Turkey."""
SECOND_MEANING = 0.5
"""What the second country of a name deserves: "congo" is two."""

_NO_COUNTRIES = frozenset(words("AC AQ BV CP CQ DG EA EU EZ HM IC QO TA UM UN XA XB ZZ"))
"""Codes of CLDR's territories that ISO 3166-1 does not list, and places where nobody lives."""
_FORMER = frozenset(words("BUR DDR FXX TMP YMD ZAR"))
"""Codes of three letters that CLDR leads to the code of a successor."""
_KOSOVO = {"XK": "XKX"}

_FIRST_CODE = 0xE000  # private use: each country is one character of a value


class Country:
    """The country named; `form` is what the value is written in."""

    name = "country"
    takes = taking(PresetParameter(name="form", type="choice", choices=FORMS, doc="`alpha2`, `alpha3` or `name`"))

    def check(self, arguments: Arguments) -> None:
        form = arguments.get("form", FORMS[0])
        if form not in FORMS:
            raise InvalidParameter("form", form, "one of " + ", ".join(FORMS))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        known = _gazetteer(language)
        heard = _folded(" ".join(words)).split()[:MAXIMUM_WORDS]
        named = list(known.exact(heard))
        # "From France to Spain": nobody knows which counts.
        sure = UNSURE if sum(quality == 1.0 for _, quality in named) > 1 else 1.0
        codes = named or list(known.near(heard))
        form = str(arguments.get("form", FORMS[0]))
        return [Found(value=_written(code, form, language), quality=sure * quality) for code, quality in codes]

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(*_decoded(language))


def _folded(text: str) -> str:
    """Text to compare: without accents, and French articles apart from their nouns."""
    folded = fold_accents(text)
    return folded.replace("l'", "l' ").replace("d'", "d' ") if "'" in folded else folded


@frozen
class _Gazetteer:
    """The folded names of countries in one language."""

    names: Mapping[tuple[str, ...], tuple[str, ...]]
    """Words of a name to its codes."""
    longest: int
    """Words of the longest name."""
    alone: frozenset[tuple[str, ...]]
    around: frozenset[str]
    by_length: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]]
    """Letters of what was heard to the names that may be near it: without spaces, and the codes."""

    def bare(self, heard: Sequence[str]) -> tuple[str, ...]:
        return tuple(word for word in heard if word not in self.around)

    def exact(self, heard: Sequence[str]) -> Iterator[tuple[str, float]]:
        """Names said word for word: the longest first, of equal ones the first said, none inside another."""
        found: list[tuple[int, int, tuple[str, ...]]] = []
        whole = self.bare(heard)
        at = 0
        while at < len(heard):
            sizes = range(min(self.longest, len(heard) - at), 0, -1)
            names = ((size, tuple(heard[at : at + size])) for size in sizes)
            size, name = next(((size, name) for size, name in names if self._counts(name, whole)), (1, ()))
            if name:
                found.append((-size, at, name))
            at += size
        seen: set[str] = set()
        for _, _, name in sorted(found):
            quality = 1.0
            for code in self.names[name]:
                if code not in seen:
                    yield code, quality
                seen.add(code)
                quality = SECOND_MEANING

    def _counts(self, name: tuple[str, ...], whole: tuple[str, ...]) -> bool:
        return name in self.names and (name not in self.alone or name == whole or self.bare(name) == whole)

    def near(self, heard: Sequence[str]) -> Iterator[tuple[str, float]]:
        """Names almost said, compared without spaces: inside a sentence the longer ones, alone all of them."""
        best: dict[str, float] = {}
        for window, count in self._windows(heard):
            enough = NEAR_TOGETHER if count > 1 else NEAR_ENOUGH
            names, codes = self.by_length.get(len(window), ((), ()))
            hit = process.extractOne(window, names, scorer=OSA.normalized_similarity, score_cutoff=enough)
            if hit is not None:
                code = codes[hit[2]]
                best[code] = max(best.get(code, 0.0), hit[1])
        yield from sorted(best.items(), key=lambda item: -item[1])

    def _windows(self, heard: Sequence[str]) -> Iterator[tuple[str, int]]:
        """What names are compared with: words without spaces, and how many they were."""
        bare = self.bare(heard)
        windows = {("".join(bare), len(bare))} if len("".join(bare)) > 3 else set()
        for size in range(1, 4):
            for at in range(len(heard) - size + 1):
                ends = (heard[at], heard[at + size - 1])
                if not any(word in self.around for word in ends):
                    window = "".join(heard[at : at + size])
                    if len(window) >= SHORTEST_NEAR:
                        windows.add((window, size))
        return iter(sorted(windows))


@cache
def _spoken_names(language: Language) -> Mapping[str, tuple[str, ...]]:
    """Every name as a recogniser writes it, to its codes."""
    spoken: dict[str, tuple[str, ...]] = {}
    table = countries(language)
    known = alpha3_codes()
    for code, name in sorted(Locale(language.code).territories.items()):
        if code in known:
            for form in (*_forms(name, language), *table.aliases.get(code, ())):
                if code not in spoken.get(form, ()):
                    spoken[form] = (*spoken.get(form, ()), code)
    for code, names in table.aliases.items():
        for form in names:  # of two codes the table's order counts
            others = tuple(other for other in spoken[form] if other != code)
            if not any(form in table.aliases.get(other, ()) for other in others):
                spoken[form] = (code, *others)
    spoken.update(_in_order(table, spoken))
    return spoken


def _in_order(table: Countries, spoken: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    order = list(table.aliases)
    for form, codes in spoken.items():
        if len(codes) > 1:
            yield form, tuple(sorted(codes, key=lambda code: order.index(code) if code in order else len(order)))


_AND = {"en": "and", "fr": "et", "es": "y", "de": "und"}
_SAINT = {"en": "saint", "fr": "saint", "es": "san", "de": "sankt"}


def _forms(name: str, language: Language) -> Iterator[str]:
    """ "Myanmar (Burma)" is said as either; "&" and "St." are said in words, or left out."""
    outside, _, inside = name.partition(" (")
    for form in filter(None, (name, outside, inside.rstrip(")") if len(inside) > 5 else "")):
        for joined in dict.fromkeys((form.replace("&", _AND[language.code]), form.replace("&", ""))):
            yield normalise(joined)
            if joined.startswith("St. "):
                yield normalise(joined.replace("St.", _SAINT[language.code]))


@cache
def alpha3_codes() -> Mapping[str, str]:
    """Codes of two letters to codes of three, for every country of ISO 3166-1 that has inhabitants, and Kosovo."""
    aliases = get_global("territory_aliases")
    codes = {
        targets[0]: alpha3
        for alpha3, targets in aliases.items()
        if len(alpha3) == 3 and alpha3.isalpha() and len(targets) == 1 and alpha3 not in _FORMER
    }
    known = {str(code) for code in Locale("en").territories} - _NO_COUNTRIES
    return {code: alpha3 for code, alpha3 in sorted({**codes, **_KOSOVO}.items()) if code in known and len(code) == 2}


def _written(code: str, form: str, language: Language) -> str:
    if form == "name":
        return str(Locale(language.code).territories[code])
    return alpha3_codes()[code] if form == "alpha3" else code


@cache
def _gazetteer(language: Language) -> _Gazetteer:
    table = countries(language)
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name, codes in _spoken_names(language).items():
        names.setdefault(tuple(_folded(name).split()), codes)
    around = frozenset(fold_accents(word) for word in (*table.around, *language.fillers, "l'", "d'"))
    alone = frozenset(tuple(_folded(name).split()) for name in table.alone)
    joined = {"".join(name): codes[0] for name, codes in names.items() if len("".join(name)) > 3 and name not in alone}
    by_length: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for letters in range(4, max(map(len, joined)) + 8):
        # A distance is at least the difference of lengths: others can never be near enough.
        near = [name for name in joined if 1 - abs(len(name) - letters) / max(len(name), letters) >= NEAR_ENOUGH]
        by_length[letters] = tuple(near), tuple(joined[name] for name in near)
    return _Gazetteer(names, max(map(len, names)), alone, around, by_length)


@cache
def _decoded(language: Language) -> tuple[Lexicon, Shape]:
    """What a decoder may write: every name, bare or after an article. The value tells nothing but the country."""
    letters = {code: chr(_FIRST_CODE + index) for index, code in enumerate(alpha3_codes())}
    entries = []
    for name, codes in _spoken_names(language).items():
        entries += [Entry(form, letters[codes[0]]) for form in _with_articles(name, language)]
    return Lexicon(entries), of_length("".join(letters.values()), 1, 1)


def _with_articles(name: str, language: Language) -> Iterator[str]:
    articles = countries(language).articles
    yield name
    yield from (f"{article} {name}" for article in articles if not name.startswith(f"{article} "))
    if language.code == "fr" and fold_accents(name)[0] in "aeiouh":
        yield from (f"l'{name}", f"de l'{name}", f"d'{name}")
