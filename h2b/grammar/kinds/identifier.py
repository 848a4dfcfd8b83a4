"""Identifiers whose form is public: postcodes, IBAN, payment cards, French company and social security numbers.

Owns their shapes and checksums. What a small automaton can hold of them (lengths, structure, a Luhn sum) goes to the
decoder too; the rest is decided on whole values, so that of the readings of "soixante douze" the right one wins.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

from attrs import evolve, frozen
from stdnum import iban, numdb

from h2b.grammar.best_first import best_readings
from h2b.grammar.kinds.base import Arguments, Found, regional, taking
from h2b.grammar.kinds.evidence import UNSURE, rivalled
from h2b.grammar.kinds.phone import DEFAULT_REGION
from h2b.grammar.kinds.quantity import uncut_thousands
from h2b.grammar.kinds.spelling import (
    ALPHABETS,
    cheapest_entries,
    digit_entries,
    letter_entries,
    lexicon_of,
    ranked,
)
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import DIGITS, LETTERS, Shape, of_pattern, of_steps
from h2b.grammar.spoken import (
    MAXIMUM_READINGS,
    Acceptor,
    Entry,
    Lexicon,
    LexiconAcceptor,
    Reading,
    places_of,
    unmixed,
)
from h2b.language import Language
from h2b.model.errors import InvalidParameter

KEPT = 64
"""Readings kept where a checksum chooses: among fewer the right one may be missing."""
THOUSANDS = "k"
"""Joins "soixante quinze mille" (75k) and "treize" (k013) in a postcode of digits; never part of a value."""

_FOUR, _ANY_FOUR, _FIVE, _SIX = r"[1-9]\d{3}", r"\d{4}", r"\d{5}", r"\d{6}"
_SHORT = (_FOUR, _ANY_FOUR)
"""Said as one number, too."""
_FR = r"(0[1-9]|[1-8]\d|9[0-57-8])"
"""Departments; 97 and 98 are those and the territories overseas, 98 also Monaco."""
POSTCODES: Mapping[str, str] = {
    "FR": rf"{_FR}(\d{{3}}|kk\d{{3}})",
    "ES": r"(0[1-9]|[1-4]\d|5[0-2])(\d{3}|kk\d{3})",
    "DE": r"(0[1-9]|[1-9]\d)(\d{3}|kk\d{3})",
    "US": r"\d{5}(-?\d{4})?",
    "GB": r"[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}",
    "CA": r"[a-z]\d[a-z]\d[a-z]\d",
    **dict.fromkeys(("BE", "CH", "AT", "LU", "DK", "NO"), _FOUR),
    **dict.fromkeys(("AU", "NZ", "ZA", "AR"), _ANY_FOUR),
    **dict.fromkeys(("MX", "PE", "UY", "IT"), _FIVE),
    **dict.fromkeys(("CO", "IN", "SG"), _SIX),
    "CL": r"\d{7}",
}
"""Countries whose postcodes are known, as regexes over digits, letters and THOUSANDS."""


@frozen(kw_only=True)
class Scheme:
    """One sort of identifier."""

    alphabet: str
    """Of `spelling`."""
    shape: Callable[[], Shape]
    """What a search may find."""
    decoded: Callable[[], Shape]
    """What a decoder may write: narrower where the checksum fits into an automaton."""
    valid: Callable[[str], bool] | None = None
    """Decides on values of the shape."""
    usual: int | None = None
    """Values of this many characters or more that are not right are wrong, not unfinished."""


class Identifier:
    """The identifier named by the fixed argument `scheme`."""

    name = "identifier"
    takes = taking(
        PresetParameter(
            name="scheme",
            type="choice",
            choices=("zipcode", "iban", "card", "siren", "siret", "nir"),
            required=True,
            doc="`zipcode`, `iban`, `card`, `siren`, `siret` or `nir`",
        ),
        regional("two letters, for postcodes where the language tag names none"),
    )

    def check(self, arguments: Arguments) -> None:
        scheme = str(arguments.get("scheme", ""))
        if scheme not in SCHEMES and scheme != "zipcode":
            raise InvalidParameter("scheme", scheme, "one of " + ", ".join([*SCHEMES, "zipcode"]))
        region = arguments.get("region")
        if scheme == "zipcode" and region is not None and str(region).upper() not in POSTCODES:
            raise InvalidParameter("region", region, "one of " + ", ".join(sorted(POSTCODES)))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        words = unmixed(words)
        lexicon, scheme = _parts(arguments, language)
        links = tuple(tuple(link.split()) for link in language.links)
        kept = KEPT if scheme.valid else MAXIMUM_READINGS

        def readings_of(said: Sequence[str]) -> list[Reading]:
            places = places_of(said, lexicon, frozenset(language.magnitudes))
            return best_readings(said, lexicon, scheme.shape(), language.fillers, links, scheme.valid, kept, places)

        readings = readings_of(words)
        hopeful = [r for r in readings if r.complete or scheme.usual is None or len(r.value) < scheme.usual]
        quality = UNSURE if hopeful and rivalled(hopeful[0], words, readings_of) else 1.0
        return list(ranked([_written(reading) for reading in hopeful], quality))

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        lexicon, scheme = _parts(arguments, language)
        return LexiconAcceptor(lexicon, scheme.decoded())


def _parts(arguments: Arguments, language: Language) -> tuple[Lexicon, Scheme]:
    name = str(arguments["scheme"])
    if name == "zipcode":
        country = str(arguments.get("region", "")).upper()
        country = country if country in POSTCODES else DEFAULT_REGION[language.code]
        scheme = _postcode(country)
        return _postcode_lexicon(language, country), scheme
    scheme = SCHEMES[name]
    return lexicon_of(language, scheme.alphabet, ()), scheme


def _written(reading: Reading) -> Reading:
    return evolve(reading, value=reading.value.replace(THOUSANDS * 2, "").removesuffix(THOUSANDS))


# Postcodes


@cache
def _postcode(country: str) -> Scheme:
    regex = POSTCODES[country]
    alphabet = "mixed" if "a-z" in regex else "digits"
    shape = of_pattern(ALPHABETS[alphabet] + "-" + THOUSANDS * (alphabet == "digits"), regex)
    return Scheme(alphabet=alphabet, shape=lambda: shape, decoded=lambda: shape)


@cache
def _postcode_lexicon(language: Language, country: str) -> Lexicon:
    regex = POSTCODES[country]
    entries = [*digit_entries(language, range(10_000 if regex in _SHORT else 1000))]
    entries += [Entry(name, "-") for name in language.symbols["-"]]
    if "a-z" in regex:
        entries += letter_entries(language)
    elif THOUSANDS in regex:
        entries += _thousands(language)
    return Lexicon(cheapest_entries(entries))


def _thousands(language: Language) -> Iterator[Entry]:
    """ "soixante douze mille" is 72000, "six mille" 06000; "soixante quinze mille" may go on with "treize"."""
    for count in range(1, 100):
        for phrase in language.number_forms(count * 1000):
            yield Entry(phrase, f"{count:02}000")
            yield Entry(phrase, f"{count:02}{THOUSANDS}")
            if count < 10:
                for zero in language.digits["0"]:
                    yield Entry(f"{zero} {phrase}", f"0{count}000")
                    yield Entry(f"{zero} {phrase}", f"0{count}{THOUSANDS}")
        for phrase in uncut_thousands(language, count):
            yield Entry(phrase, f"{count:02}000", decoded=False)
            yield Entry(phrase, f"{count:02}{THOUSANDS}", decoded=False)
    for rest in range(1, 1000):
        for phrase in language.number_forms(rest):
            yield Entry(phrase, f"{THOUSANDS}{rest:03}")


# Checksums


_Sum = tuple[int, int, int]
"""Length, digits read, sum modulo 10."""


def _add(state: _Sum, character: str) -> _Sum | None:
    """One digit of a Luhn sum: from the right every second one counts twice, its digits added."""
    length, read, total = state
    if read == length:
        return None
    digit = int(character) * (1 + (length - read + 1) % 2)
    return length, read + 1, (total + digit // 10 + digit % 10) % 10


def _luhn(length: int) -> Shape:
    return of_steps((length, 0, 0), DIGITS, _add, lambda state: state == (length, length, 0))


@cache
def _siren() -> Shape:
    return _luhn(9)


_POST_OFFICE = "356000000"
"""Its establishments have a sum of digits divisible by five instead, but for the head office."""
_HEAD_OFFICE = _POST_OFFICE + "00048"


@frozen
class _Siret:
    """What is known of a SIRET while it is read."""

    siren: _Sum = (9, 0, 0)
    whole: _Sum = (14, 0, 0)
    fifth: int = 0
    """Sum of digits modulo 5, of the post office."""
    post: bool = True
    head: bool = True

    def read(self, character: str) -> "_Siret | None":
        at = self.whole[1]
        whole = _add(self.whole, character)
        siren = _add(self.siren, character) if at < 9 else self.siren
        if whole is None or siren is None or (at == 9 and siren[2]):
            return None
        post = self.post and (at >= 9 or character == _POST_OFFICE[at])
        head = self.head and character == _HEAD_OFFICE[at]
        fifth = (self.fifth + int(character)) % 5 if post else 0
        return _Siret(siren if at < 9 else (9, 9, 0), (14, at + 1, 0) if post and at >= 9 else whole, fifth, post, head)

    @property
    def complete(self) -> bool:
        if self.whole[1] < 14:
            return False
        return self.head or self.fifth == 0 if self.post else self.whole[2] == 0


@cache
def _siret() -> Shape:
    return of_steps(_Siret(), DIGITS, _Siret.read, lambda state: state.complete)


@cache
def _card() -> Shape:
    """13 to 19 digits: which ones count twice is known at the end, so both sums are kept."""

    def step(state: _Sum, character: str) -> _Sum | None:
        read, last_once, last_twice = state
        if read == 19 or (not read and character not in "23456"):
            return None
        digit = int(character)
        twice = digit * 2 // 10 + digit * 2 % 10
        return read + 1, (last_twice + digit) % 10, (last_once + twice) % 10

    return of_steps((0, 0, 0), DIGITS, step, lambda state: state[0] >= 13 and state[1] == 0)


@cache
def _card_decoded() -> Shape:
    """The lengths that nearly all cards have: 15 digits from 3 on, 16 from other digits on."""

    def step(state: _Sum, character: str) -> _Sum | None:
        if state[1]:
            return _add(state, character)
        return _add((15 if character == "3" else 16, 0, 0), character) if character in "23456" else None

    return of_steps((0, 0, 0), DIGITS, step, lambda state: state[1] > 0 and state[1:] == (state[0], 0))


@frozen
class _Nir:
    """What is known of a NIR while it is read: sex, year, month, department, commune, order, key."""

    count: int = 0
    rest: int = 0
    """Of the number so far, modulo 97; at last the digit the key must end with."""
    before: str = ""
    """The first character of the month or of the department."""

    def read(self, character: str) -> "_Nir | None":
        at, digit = self.count, "0123456789ab".index(character)
        if at == 6 and self.before == "2" and digit > 9:
            # Corsica: 2A counts as 19, 2B as 18.
            return _Nir(7, (self.rest * 10 + 9 - digit) % 97)
        if at == 15 or digit > 9 or not self._fits(character):
            return None
        if at == 13:
            return _Nir(14, (97 - self.rest) % 10)
        return _Nir(at + 1, (self.rest * 10 + digit) % 97 if at < 13 else 0, character if at in (3, 5) else "")

    def _fits(self, character: str) -> bool:
        match self.count:
            case 0:
                return character in "123478"
            case 4:  # months, and from 20 on what registries write where they do not know it
                return character in {"0": "123456789", "1": "012"}.get(self.before, DIGITS)
            case 13:
                return int(character) == (97 - self.rest) // 10
            case 14:
                return int(character) == self.rest
        return True


@cache
def _nir() -> Shape:
    return of_steps(_Nir(), DIGITS + "ab", _Nir.read, lambda state: state.count == 15)


_CLASSES = {"n": DIGITS, "a": LETTERS, "c": DIGITS + LETTERS}


@cache
def _iban_structures() -> Mapping[str, tuple[str, ...]]:
    """The characters that each place of an IBAN may have, by country."""
    known = numdb.get("iban")
    structures: dict[str, tuple[str, ...]] = {}
    for country in (first + second for first in LETTERS for second in LETTERS):
        structure = known.info(country.upper())[0][1].get("bban")
        if structure:
            parts = re.findall(r"(\d+)!([nac])", structure)
            account = [_CLASSES[name] for count, name in parts for _ in range(int(count))]
            structures[country] = (*country, DIGITS, DIGITS, *account)
    return structures


@cache
def _iban() -> Shape:
    structures = _iban_structures()

    def step(state: tuple[str, int], character: str) -> tuple[str, int] | None:
        country, read = state
        if read < 2:
            begun = country + character
            return (begun, read + 1) if any(known.startswith(begun) for known in structures) else None
        places = structures[country]
        return (country, read + 1) if read < len(places) and character in places[read] else None

    return of_steps(("", 0), DIGITS + LETTERS, step, lambda state: state[1] == len(structures.get(state[0], ())) > 0)


SCHEMES: Mapping[str, Scheme] = {
    "siren": Scheme(alphabet="digits", shape=_siren, decoded=_siren),
    "siret": Scheme(alphabet="digits", shape=_siret, decoded=_siret),
    "card": Scheme(alphabet="digits", shape=_card, decoded=_card_decoded, usual=16),
    "nir": Scheme(alphabet="mixed", shape=_nir, decoded=_nir),
    "iban": Scheme(alphabet="mixed", shape=_iban, decoded=_iban, valid=partial(iban.is_valid, check_country=False)),
}
"""By the names presets use; `zipcode` is made for a country."""
