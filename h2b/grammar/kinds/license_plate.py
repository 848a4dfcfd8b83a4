"""Registration plates of vehicles, by the form that a country's law gives them.

Owns those forms. Plates are said in letters and numbers like any code; what is said for the signs between the groups
adds nothing to the value. Letters that a country never gives out are in no form, so that the letter that sounds like
them wins. In Germany the cut between district and letters is not in the value: combinations that are banned after
it ("SS") may be allowed across it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from h2b.grammar.kinds.base import Arguments, Found, regional, taking
from h2b.grammar.kinds.evidence import UNSURE, rivalled
from h2b.grammar.kinds.spelling import lexicon_of, ranked
from h2b.grammar.shape import DIGITS, LETTERS, Shape, of_length, of_pattern, of_steps
from h2b.grammar.spoken import Acceptor, LexiconAcceptor, Reading, places_of, search, unmixed
from h2b.language import Language
from h2b.language.base import taken_for
from h2b.model.errors import InvalidParameter

DEFAULT_REGION = {"fr": "FR", "en": "GB", "es": "ES", "de": "DE"}
"""The country of a language whose tag names none."""
ANYWHERE = "US"
"""Countries whose states, or whose laws over the years, leave no form: letters and digits, at least one of each."""

_FR_PAIR = "([a-hj-np-rtv-z][a-hj-np-tv-z]|s[a-hj-np-rtv-z])"
_ES_PROVINCE = (
    "a|ab|al|av|b|ba|bi|bu|c|ca|cc|ce|co|cr|cs|cu|gc|ge|gi|gr|gu|h|hu|ib|j|l|le|lo|lu|m|ma|ml|mu|na|o|or|ou|p|pm|po|"
    "s|sa|se|sg|sh|so|ss|t|te|tf|to|v|va|vi|z|za"
)
_CH_CANTON = "ag|ai|ar|be|bl|bs|fr|ge|gl|gr|ju|lu|ne|nw|ow|sg|sh|so|sz|tg|ti|ur|vd|vs|zg|zh"
_GB_LETTER = "[a-hj-pr-z]"

PLATES: Mapping[str, tuple[str, ...]] = {
    "FR": (
        # SIV, since 2009: no I, O, U, no SS, no 000.
        rf"{_FR_PAIR}(00[1-9]|0[1-9]\d|[1-9]\d\d){_FR_PAIR}",
        # Before, and still on the road: up to four digits, letters, department.
        r"[1-9]\d{1,3}[a-hj-np-tv-z]{2,3}(0[1-9]|[1-8]\d|9[0-5]|2[ab]|97[1-6])",
    ),
    "ES": (
        # Since 2000: no vowels, no Ñ, no Q.
        r"\d{4}[bcdfghjklmnprstvwxyz]{3}",
        # Before: province, four digits, one or two letters.
        rf"({_ES_PROVINCE})\d{{4}}[a-pr-z]{{1,2}}",
    ),
    # District, one or two letters, up to four digits, E for electric, H for historic: eight places at most.
    "DE": (r"[a-zäöü]{1,3}[a-zäöü]{1,2}[1-9]\d{0,3}[eh]?",),
    "GB": (
        # Since 2001: no I, Q, Z in front, no I, Q behind; the number is the year, or 50 more.
        rf"[a-hj-pr-y]{{2}}(0[2-9]|[1-9]\d){_GB_LETTER}{{3}}",
        # The year's letter in front (1983 to 2001), behind (1963 to 1982), and Northern Ireland with its I or Z.
        r"[a-hj-npr-twxy][1-9]\d{0,2}[a-hj-pr-y]{3}",
        r"[a-hj-pr-y]{3}[1-9]\d{0,2}[a-hj-npr-twxy]",
        r"[a-hj-y]?([a-hj-pr-y]z|i[abgjlw]|[jox]i)[1-9]\d{0,3}",
    ),
    "BE": (r"[1-9][a-z]{3}\d{3}", r"[a-z]{3}\d{3}"),
    "CH": (rf"({_CH_CANTON})[1-9]\d{{0,5}}",),
    "AT": (r"[a-z]{1,2}[1-9]\d{0,4}[a-z]{1,3}", r"[a-z]{2,7}[1-9]\d{0,3}"),
    "IT": (r"[a-hj-npr-tv-z]{2}\d{3}[a-hj-npr-tv-z]{2}",),
    "IE": (r"\d{2}[12]?(c|ce|cn|cw|d|dl|g|ke|kk|ky|l|ld|lh|lk|lm|ls|mh|mn|mo|oy|rn|so|t|tn|ts|w|wd|wh|wx|ww)\d{1,6}",),
    ANYWHERE: (),
}
"""Countries whose plates are known, as regexes over digits and letters; of the others any code of 2 to 8 will do."""
_PLACES = {"DE": (3, 8), "AT": (4, 8)}
"""How many characters a plate may have where the regexes leave more."""

_DISTRICTS: Mapping[str, str] = taken_for(
    {
        "b": "berlin",
        "hh": "hamburg",
        "m": "münchen",
        "k": "köln",
        "f": "frankfurt",
        "s": "stuttgart",
        "d": "düsseldorf",
        "l": "leipzig",
        "do": "dortmund",
        "e": "essen",
        "hb": "bremen",
        "dd": "dresden",
        "h": "hannover",
        "n": "nürnberg",
        "du": "duisburg",
        "bo": "bochum",
        "w": "wuppertal",
        "bi": "bielefeld",
        "bn": "bonn",
        "ms": "münster",
        "ka": "karlsruhe",
        "ma": "mannheim",
        "a": "augsburg",
        "wi": "wiesbaden",
        "bs": "braunschweig",
        "ki": "kiel",
        "ac": "aachen",
        "c": "chemnitz",
        "hal": "halle",
        "md": "magdeburg",
        "fr": "freiburg",
        "kr": "krefeld",
        "mz": "mainz",
        "hl": "lübeck",
        "ef": "erfurt",
        "hro": "rostock",
        "ks": "kassel",
        "p": "potsdam",
        "sb": "saarbrücken",
        "ol": "oldenburg",
        "os": "osnabrück",
        "hd": "heidelberg",
        "r": "regensburg",
        "wü": "würzburg",
        "ul": "ulm",
        "in": "ingolstadt",
        "gö": "göttingen",
        "wob": "wolfsburg",
        "hn": "heilbronn",
        "j": "jena",
        "tr": "trier",
        "ko": "koblenz",
        "kn": "konstanz",
        "tü": "tübingen",
    }
)
"""Codes of large German towns, from the list of districts in annex 1 of the ordinance on vehicle registration."""
_LINKS = frozenset({"wie", "von", "für", "in"})
"""Words before a town that only illustrates a letter."""

_UMLAUTS = "äöü"
_CHARACTERS = DIGITS + LETTERS + _UMLAUTS


class LicensePlate:
    """A plate of the country `region`, a reserved argument or the client's."""

    name = "license_plate"
    takes = taking(regional("two letters, where the language tag names none"))

    def check(self, arguments: Arguments) -> None:
        region = arguments.get("region")
        if region is not None and str(region).upper() not in PLATES:
            raise InvalidParameter("region", region, "one of " + ", ".join(sorted(PLATES)))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        shape = _shape(_region(arguments, language))
        words = _districts_as_letters(unmixed(words), language)
        found = list(_found(words, shape, language))
        apart = _groups_apart(words, language)
        if apart != words and not any(match.complete for match in found):
            found = list(_found(apart, shape, language)) or found
        return found

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(lexicon_of(language, "mixed", ()), _shape(_region(arguments, language)))


def _found(words: Sequence[str], shape: Shape, language: Language) -> Iterator[Found]:
    lexicon = lexicon_of(language, "mixed", ())
    links = tuple(tuple(link.split()) for link in language.links)
    ignored = language.fillers | _signs(language)

    def readings_of(said: Sequence[str]) -> list[Reading]:
        places = places_of(said, lexicon, frozenset(language.magnitudes))
        return search(said, lexicon, shape, ignored, links, places=places)

    readings = readings_of(words)
    quality = UNSURE if readings and rivalled(readings[0], words, readings_of) else 1.0
    for found in ranked(readings, quality):
        # Where a plate has umlauts "ü" is no "ue".
        if found.value == readings[0].value or found.value != language.plain(readings[0].value):
            yield found


def _groups_apart(words: Sequence[str], language: Language) -> list[str]:
    """Letters that a recogniser wrote as a word, next to digits or a sign, one by one: "ab 123 cd"."""
    signs = _signs(language)
    apart: list[str] = []
    for at, word in enumerate(words):
        touches = any(other.isdigit() or other in signs for other in words[max(at - 1, 0) : at + 2])
        written = 1 < len(word) <= 3 and word.isalpha() and word not in language.fillers and word not in signs
        apart += word if touches and written else [word]
    return apart


def _districts_as_letters(words: Sequence[str], language: Language) -> list[str]:
    """German callers name the district: "hamburg a b 12" is h h a b 12, but not in "h wie hamburg"."""
    districts = _DISTRICTS if language.code == "de" else {}
    said: list[str] = []
    for at, word in enumerate(words):
        illustrates = at > 0 and (words[at - 1] in _LINKS or words[at - 1] == word[0])
        said += districts[word] if word in districts and not illustrates else [word]
    return said


def _region(arguments: Arguments, language: Language) -> str:
    region = str(arguments.get("region", "")).upper() or DEFAULT_REGION[language.code]
    return region if region in PLATES else ANYWHERE


@cache
def _signs(language: Language) -> frozenset[str]:
    """The words for what stands between the groups."""
    return frozenset(word for sign in "-. " for name in language.symbols[sign] for word in name.split())


@cache
def _shape(region: str) -> Shape:
    if not PLATES[region]:
        return of_steps((0, False, False), DIGITS + LETTERS, _any_step, lambda state: state[1] and state[2])
    shape = of_pattern(_CHARACTERS, "|".join(f"(?:{regex})" for regex in PLATES[region]))
    return shape.both(of_length(_CHARACTERS, *_PLACES[region])) if region in _PLACES else shape


def _any_step(state: tuple[int, bool, bool], character: str) -> tuple[int, bool, bool] | None:
    """Length, whether there is a letter, whether there is a digit."""
    read, letter, digit = state
    if read == 8:
        return None
    return read + 1, letter or character.isalpha(), digit or character.isdigit()
