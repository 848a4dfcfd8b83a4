"""What a spoken language is to this server: its words for numbers, letters, signs, yes and no.

Owns the record `Language`, the text forms all languages share (`normalise`, `fold_accents`) and the reading
aloud of digit glyphs (`Language.spell_out`). Pure functions over immutable tables: must not know grammars,
wires, engines, any I/O or clock. Every word in a table is in its normal form: `normalise(word) == word`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from attrs import field, fields, frozen

NUMBER_LIMIT: Final = 1_000_000
"""`Language.number_forms` speaks of whole numbers below this."""

LONGEST_NUMBER: Final = 6
"""A run of more digits than this is a reference, not a quantity, and is read digit by digit."""

GROUPED_BY_COMMA: Final = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+"
# Where dots and blanks group thousands, "612.345.678" is still a telephone number and "12 345" may be two
# numbers: past one dot, and with a plain blank, only round figures count.
GROUPED_BY_DOT: Final = r"[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})*\.000|\.[0-9]{3}|(?: 000)+|(?:[\u00a0\u202f'’][0-9]{3})+)"

Writer = Callable[[re.Match[str]], str]
"""From a match in a transcript to the words it is read as."""
Reading = tuple[re.Pattern[str], Writer]

_APOSTROPHES: Final = str.maketrans(dict.fromkeys("‘’‛ʼʹ′`´＇", "'"))
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o"})
_NO_WORD: Final = re.compile(r"(?<!\w)'|'(?!\w)|[^\w']|_")


def normalise(text: str) -> str:
    """The form in which words are compared: NFKC, lower case, punctuation and hyphens to single spaces.

    Apostrophes inside words stay ("d'accord"), accents stay, and so does "ß", which `str.casefold` would make
    "ss": another spelling, and no letter any more. Idempotent.
    """
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    text = unicodedata.normalize("NFKC", text.lower()).translate(_APOSTROPHES)
    return " ".join(_NO_WORD.sub(" ", text).split())


def fold_accents(text: str) -> str:
    """`text` without accents, ligatures opened: "zéro" gives "zero", "cœur" "coeur", "straße" "strasse"."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text.translate(_LIGATURES))
    return unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c)))


def words(text: str) -> tuple[str, ...]:
    """A table of single words from blank-separated text."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """A table of phrases from comma-separated text, which may run over lines."""
    return tuple(" ".join(phrase.split()) for phrase in text.split(","))


def by_initial(text: str) -> dict[str, str]:
    """Code word to letter, for blank-separated words that stand for their first letter, accent left aside."""
    return {word: fold_accents(word)[0] for word in words(text)}


def taken_for(table: Mapping[str, str]) -> dict[str, str]:
    """Word to meaning, from meaning to comma-separated words: {"4": "for, fore"}."""
    return {word: meaning for meaning, text in table.items() for word in phrases(text)}


def unique(forms: Iterable[str]) -> tuple[str, ...]:
    """`forms` without repeats, order kept."""
    return tuple(dict.fromkeys(forms))


def pairs(heads: Iterable[str], tails: Iterable[str]) -> list[str]:
    """Every head followed by a space and every tail, heads in the outer loop."""
    tails = tuple(tails)
    return [f"{head} {tail}" for head in heads for tail in tails]


NATO: Final[Mapping[str, str]] = MappingProxyType(
    {
        **by_initial("alfa alpha bravo charlie delta echo foxtrot golf hotel india juliett juliet juliette kilo"),
        **by_initial("lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey whisky"),
        **by_initial("xray yankee zulu"),
        "x ray": "x",
        "fox trot": "f",
    }
)
"""The radiotelephony alphabet, used in every language: code word to letter."""


@frozen(eq=False, kw_only=True)
class Noun:
    """A thing that is counted: a currency, or millions."""

    one: str
    """One of them: "one dollar"."""
    many: str
    """The word after any other count: "dollars"."""


@frozen(eq=False, kw_only=True)
class Notation:
    """How a language reads digits that stand next to other signs."""

    grouped: str
    """Pattern of a whole number with its thousands marked, such as "1,000"."""
    decimal_words: Mapping[str, str]
    """Decimal sign to its word: {".": "point"}. The first is the only one that follows grouped thousands."""
    decimals_digit_by_digit: bool
    """Yes: "3.14" is "three point one four". No: "3,14" is "trois virgule quatorze"."""
    million: Noun
    percent: str
    currencies: Mapping[str, Noun]
    """By sign: "$", "€", "£"."""
    magnitudes: tuple[str, ...] = ()
    """Words that come between the figure and the currency where the sign comes before both: "$5 million"."""
    before_noun: tuple[tuple[str, str], ...] = ()
    """Endings a number changes before a noun, the first that fits: ("uno", "un")."""
    readings: tuple[Reading, ...] = ()
    """The language's own: clock times, ordinals, dates. They go first, in this order."""


@frozen(eq=False, kw_only=True)
class Language:
    """The spoken forms of one language. Compared by identity, one object a language: it can key a cache."""

    code: str
    """Primary subtag of RFC 5646: "fr"."""
    digits: Mapping[str, tuple[str, ...]]
    """From "0" to "9", the single words that mean the digit wherever digits are read out; canonical first."""
    digit_homophones: Mapping[str, str]
    """What a recogniser may write for a digit: {"for": "4"}. Only for use where digits are expected."""
    letters: Mapping[str, tuple[str, ...]]
    """Each letter to what is written for its name: the bare letter, then names that mean little else."""
    letter_homophones: Mapping[str, str]
    """Words that sound like a letter's name, or like the names of two in a row ("baissé" is "bc"). Risky."""
    symbols: Mapping[str, tuple[str, ...]]
    """A sign to its spoken names, canonical first."""
    alphabets: Mapping[str, str]
    """Code word to the one letter it stands for: NATO and the national alphabets."""
    links: tuple[str, ...]
    """What is said between a letter and its illustration: "b as in bravo"."""
    doubling: Mapping[str, int]
    """Words that repeat the digit or letter after them, to how often it then stands."""
    fillers: frozenset[str]
    """Single words that carry nothing; none of them is a digit, a letter or a homophone of one."""
    yes: tuple[str, ...]
    no: tuple[str, ...]
    negators: tuple[str, ...]
    """Words that turn an affirmation: "not correct"."""
    notation: Notation
    no_digits: tuple[str, ...]
    """Phrases in which a digit's name is none: "no one"."""
    numbers: Callable[[int], tuple[str, ...]]
    """The composition behind `number_forms`, with no check of the range."""
    magnitudes: tuple[str, ...]
    """Words for numbers that `number_forms` does not reach, or only with a count: "million"."""
    transcribed: Mapping[str, str] = field(factory=dict)
    """What an accented letter becomes among plain ones where the accent is not just left out: {"ü": "ue"}."""

    def __attrs_post_init__(self) -> None:
        for attribute in fields(type(self)):
            table = getattr(self, attribute.name)
            if isinstance(table, dict):
                object.__setattr__(self, attribute.name, MappingProxyType(table))

    def number_forms(self, n: int) -> tuple[str, ...]:
        """The common spoken forms of `n`, canonical first: lower-case words, single spaces, no hyphens.

        Raises ValueError unless 0 <= n < NUMBER_LIMIT.
        """
        if not 0 <= n < NUMBER_LIMIT:
            raise ValueError(f"number_forms: got {n}, expected 0 to {NUMBER_LIMIT - 1}")
        return self.numbers(n)

    def names_a_letter(self, phrase: str) -> bool:
        """Whether the phrase is a letter's own name: "double u" is no u said twice."""
        return any(phrase in names for names in self.letters.values())

    def plain(self, text: str) -> str:
        """`text` without accents, as the language writes it where there are none: "müller" is "mueller" in German."""
        return fold_accents("".join(self.transcribed.get(character, character) for character in text))

    def normalise(self, text: str) -> str:
        """The function `normalise`, the same in every language."""
        return normalise(text)

    def spell_out(self, text: str) -> str:
        """`text` with digits turned into words, as H2B transcripts have them (H2B reference, section 2.5).

        A run of at most six digits is a number; a longer one, or one that starts with zero, is read digit by
        digit. Times, decimals, grouped thousands, percentages, amounts of money and ordinals are read as the
        language reads them. All the rest stays; a blank is added only where a word would touch another.
        """
        for pattern, write in _readings(self):
            text = _replace(pattern, write, text)
        return text


def _replace(pattern: re.Pattern[str], write: Writer, text: str) -> str:
    """`text` with every match read aloud, kept apart from letters and digits around it."""

    def spaced(match: re.Match[str]) -> str:
        before = " " if text[max(match.start() - 1, 0) : match.start()].isalnum() else ""
        after = " " if text[match.end() : match.end() + 1].isalnum() else ""
        return before + write(match) + after

    return pattern.sub(spaced, text)


@cache
def _readings(language: Language) -> tuple[Reading, ...]:
    """The language's own readings, then those that differ in words only, last whatever digits are left."""
    notation = language.notation
    signs = "|".join(map(re.escape, notation.currencies))
    points = re.escape("".join(notation.decimal_words))
    point = re.escape(next(iter(notation.decimal_words)))
    figure = rf"(?:{notation.grouped}(?:{point}[0-9]+)?|(?:0|[1-9][0-9]*)(?:[{points}][0-9]+)?)"
    # A dot or comma on either side makes it a piece of something longer, "1.2.3": left to the last reading.
    amount = rf"(?<![0-9.,])(?P<amount>{figure})(?![.,]?[0-9])"
    sign = rf"(?<![0-9])(?<![0-9]\s)(?P<sign>{signs})"
    magnitude = rf"(?P<magnitude>{'|'.join(notation.magnitudes) or '(?!)'})"

    def percentage(match: re.Match[str]) -> str:
        return f"{_say_amount(language, match['amount'])} {notation.percent}"

    def large_price(match: re.Match[str]) -> str:
        amount_words = _say_amount(language, match["amount"])
        return f"{amount_words} {match['magnitude']} {notation.currencies[match['sign']].many}"

    def price(match: re.Match[str]) -> str:
        return _say_price(language, match["amount"], notation.currencies[match["sign"]])

    table: tuple[tuple[str, Writer], ...] = (
        (r"\+(?=[0-9])", lambda match: language.symbols["+"][0]),
        (rf"{amount}\s?%", percentage),
        (rf"{sign}\s?{amount}\s{magnitude}\b", large_price),
        (rf"{sign}\s?{amount}", price),
        (rf"{amount}\s?(?P<sign>{signs})", price),
        (amount, lambda match: _say_amount(language, match["amount"])),
        (r"[0-9]+", lambda match: _say_run(language, match[0])),
    )
    return (*notation.readings, *((re.compile(pattern), write) for pattern, write in table))


def _split(language: Language, amount: str) -> tuple[str, str, str]:
    """Whole part, plain or grouped; decimal sign and decimals, both empty where there are none."""
    match = re.fullmatch(language.notation.grouped, amount)
    sign = "" if match else next((c for c in reversed(amount) if c in language.notation.decimal_words), "")
    whole, _, decimals = amount.rpartition(sign) if sign else (amount, "", "")
    return whole, sign, decimals


def _say_amount(language: Language, amount: str) -> str:
    whole, sign, decimals = _split(language, amount)
    spoken = _say_whole(language, whole)
    if not sign:
        return spoken
    return f"{spoken} {language.notation.decimal_words[sign]} {_say_decimals(language, decimals)}"


def _say_decimals(language: Language, decimals: str) -> str:
    number = decimals.lstrip("0")
    if language.notation.decimals_digit_by_digit or not 0 < len(number) <= 3:
        return _say_digits(language, decimals)
    zeros = _say_digits(language, decimals[: len(decimals) - len(number)])
    return f"{zeros} {_say_run(language, number)}".lstrip()


def _say_price(language: Language, amount: str, currency: Noun) -> str:
    whole, sign, decimals = _split(language, amount)
    if sign and len(decimals) != 2:
        return f"{_say_amount(language, amount)} {currency.many}"
    spoken = _say_count(language, whole, currency)
    return spoken if decimals in ("", "00") else f"{spoken} {_say_run(language, decimals.lstrip('0'))}"


def _say_count(language: Language, whole: str, noun: Noun) -> str:
    if whole == "1":
        return noun.one
    spoken = _say_whole(language, whole)
    for ending, short in language.notation.before_noun:
        if spoken.endswith(ending):
            spoken = spoken.removesuffix(ending) + short
            break
    return f"{spoken} {noun.many}"


def _say_whole(language: Language, whole: str) -> str:
    """Plain digits as a run; with thousands marked, always as a quantity, up to the millions."""
    digits = re.sub(r"[^0-9]", "", whole)
    if digits == whole:
        return _say_run(language, digits)
    if len(digits) > 2 * LONGEST_NUMBER:
        return _say_digits(language, digits)
    millions, rest = divmod(int(digits), NUMBER_LIMIT)
    spoken = [_say_count(language, str(millions), language.notation.million)] if millions else []
    if rest or not millions:
        spoken.append(language.number_forms(rest)[0])
    return " ".join(spoken)


def _say_run(language: Language, digits: str) -> str:
    if len(digits) > LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
        return _say_digits(language, digits)
    return language.number_forms(int(digits))[0]


def _say_digits(language: Language, digits: str) -> str:
    return " ".join(language.digits[digit][0] for digit in digits)
