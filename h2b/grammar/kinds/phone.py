"""Telephone numbers: said as the region says them, answered in E.164.

Owns which strings of digits are numbers of a region, from the metadata of `phonenumbers`. The exact shape of the
region's numbers goes to the decoder; the search also takes numbers of other countries after "+" or its like.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

import phonenumbers
from attrs import evolve
from phonenumbers import PhoneMetadata

from h2b.grammar.best_first import best_readings
from h2b.grammar.kinds.base import Arguments, Found, regional, taking
from h2b.grammar.kinds.evidence import UNSURE, rivalled
from h2b.grammar.kinds.spelling import cheapest_entries, digit_entries, ranked
from h2b.grammar.pattern import PatternError
from h2b.grammar.shape import DIGITS, Shape, ShapeError, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Reading, places_of, steps_from, unmixed
from h2b.language import Language
from h2b.model.errors import InvalidParameter

DEFAULT_REGION = {"fr": "FR", "en": "US", "es": "ES", "de": "DE"}
"""The region of a language whose tag names none that is known."""
NUMBERS = (*range(1000), *range(1000, 10_000, 100))
"""What is said as one number inside a telephone number: pairs, triples, "eighteen hundred"."""
DECODED_NUMBERS = {"fr": 99}
"""The largest number a decoder may write: where everybody speaks in pairs, "cent" would only be misheard."""
SAID_IN_PAIRS = frozenset({"fr"})
"""Languages whose numbers come two digits at a time: "zéro quatre vingt huit" is 04 28 before it is 0 80 8."""
CHARACTERS = DIGITS + "+"
_ABROAD = r"[1-9]\d{6,14}"
NORTH_AMERICA = 1
_NORTH_AMERICAN = r"[2-9]\d{2}[2-9]\d{6}"
"""The form common to its 25 regions; which area codes exist is left to `_Valid`."""
_TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "uan")


class Phone:
    """Numbers that exist in a region's plan; `region` is a reserved argument or the client's."""

    name = "phone"
    takes = taking(regional("two letters, where the language tag names none"))

    def check(self, arguments: Arguments) -> None:
        region = arguments.get("region")
        if region is not None and str(region).upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise InvalidParameter("region", region, "two letters of a country, such as FR")

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        region = region_of(arguments, language)
        words = unmixed(words)
        lexicon = _lexicon(language)

        def readings_of(said: Sequence[str]) -> list[Reading]:
            places = places_of(said, lexicon, frozenset(language.magnitudes))
            shape, valid = _shape(region, True), _Valid(region)
            return best_readings(said, lexicon, shape, language.fillers, valid=valid, places=places)

        readings = readings_of(words)
        if language.code in SAID_IN_PAIRS:
            readings.sort(key=lambda r: (-round(r.score, 3), not _in_pairs(words[r.start : r.end], r.value, lexicon)))
        quality = UNSURE if readings and rivalled(readings[0], words, readings_of) else 1.0
        return list(ranked([_in_e164(reading, region) for reading in readings], quality))

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        return LexiconAcceptor(_lexicon(language), _shape(region_of(arguments, language), False))


def _in_pairs(words: Sequence[str], value: str, lexicon: Lexicon) -> bool:
    """Whether the words say the value with no number across the border of two pairs of digits."""
    reached = {(0, 0)}
    for at in range(len(words)):
        for said in [length for place, length in reached if place == at]:
            for end, digits, *_ in steps_from(words, at, lexicon, ()):
                whole = len(digits) == 1 or said % 2 == 0
                if whole and value.startswith(digits, said):
                    reached.add((end, said + len(digits)))
    return (len(words), len(value)) in reached


def region_of(arguments: Arguments, language: Language) -> str:
    region = str(arguments.get("region", "")).upper()
    return region if region in phonenumbers.SUPPORTED_REGIONS else DEFAULT_REGION[language.code]


class _Valid:
    """Whether digits are a number, in a region."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, digits: str) -> bool:
        return _e164(digits, self._region) is not None


@lru_cache(maxsize=4096)
def _e164(digits: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _in_e164(reading: Reading, region: str) -> Reading:
    """Partial readings stay as they were said: an unfinished number has no international form."""
    return evolve(reading, value=_e164(reading.value, region) or reading.value) if reading.complete else reading


@cache
def _lexicon(language: Language) -> Lexicon:
    decoded = DECODED_NUMBERS.get(language.code, NUMBERS[-1])
    signs = [Entry(name, "+") for name in language.symbols["+"]]
    return Lexicon(cheapest_entries([*digit_entries(language, NUMBERS, decoded), *signs]))


@cache
def _shape(region: str, abroad: bool) -> Shape:
    """How the numbers of a region are dialled from inside it, and from elsewhere with its country code.

    Recognisers drop the sign, so the search takes the bare country code, too, where nothing else looks like it.
    """
    metadata = _plan(region)
    try:
        return of_pattern(CHARACTERS, _dialled(metadata, _national(metadata), abroad))
    except (ShapeError, PatternError):
        # A plan too large for an automaton: the lengths E.164 leaves, and `_Valid` for the rest.
        return of_pattern(CHARACTERS, _dialled(metadata, r"\d{7,14}", abroad))


def _plan(region: str) -> PhoneMetadata:
    plan = PhoneMetadata.metadata_for_region(region)
    assert plan is not None, region
    return plan


def _national(metadata: PhoneMetadata) -> str:
    """The regex of the numbers, without prefix, of all regions that share the country code (Jersey and Britain)."""
    code = metadata.country_code
    assert code is not None, metadata.id
    if code == NORTH_AMERICA:
        return _NORTH_AMERICAN
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    kinds = [getattr(_plan(region), kind) for region in regions for kind in _TYPES]
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
    return "|".join(f"(?:{pattern})" for pattern in dict.fromkeys(patterns))


def _dialled(metadata: PhoneMetadata, national: str, abroad: bool) -> str:
    exit_code = metadata.preferred_international_prefix or metadata.international_prefix or ""
    exit_code = exit_code if exit_code.isdigit() else "00"
    trunk = metadata.national_prefix or ""
    # Callers leave out the 1 of North America, but the 0 of Europe belongs to the number they know.
    prefixes = [trunk if trunk.startswith("0") else f"(?:{trunk})?"] if trunk else [""]
    prefixes.append(rf"(?:\+|{exit_code}){metadata.country_code}")
    if not abroad:
        return f"(?:{'|'.join(prefixes)})(?:{national})"
    prefixes.append(str(metadata.country_code))
    return rf"(?:{'|'.join(prefixes)})(?:{national})|(?:\+|{exit_code}){_ABROAD}"
