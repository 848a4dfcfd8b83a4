"""Codes said digit by digit, letter by letter or in number groups: digits, letters, and both mixed.

Number groups are concatenated ("cent trente-sept cent trente-sept" is 137137), letters may be illustrated
("b as in bravo") or doubled ("double t"), and what a group could mean otherwise is a reading of its own:
"soixante douze" is 72 or 60 12, and the length or the regex chooses (nlu-scale reference, section 2.3).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

from h2b.grammar.best_first import best_readings
from h2b.grammar.kinds.base import Arguments, Found
from h2b.grammar.kinds.share import CHARACTER_WEIGHT, share_of
from h2b.grammar.shape import DIGITS, LETTERS, Shape, of_length, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Reading
from h2b.language import Language
from h2b.language.base import NATO
from h2b.model.errors import InvalidParameter

ALPHABETS = {"digits": DIGITS, "letters": LETTERS, "mixed": DIGITS + LETTERS}
LONGEST_CODE = 64
HOMOPHONE_COST = 1.2
"""More than the word gained: "for" is a 4 only between digits, or where the shape needs one."""
NAMED_COST = 0.01
"""Less than a change from letters to digits and back costs."""
LETTERS_NAME_DIGITS = frozenset({"en"})
"""Languages that say o for zero. Elsewhere "o neuf" is the letter, though a recogniser may write it for a zero."""
HALTING_COST = 0.2
"""Of "20 5" for 25: 205 is the first reading where the shape takes both."""
DECODED_FORMS = 3
"""Forms of numbers from 100 on that the decoder may write: recognisers spell them one way, callers' words vary."""
SEARCHED_FORMS = 12
"""Forms of numbers from 100 on that are looked for in words: "dix neuf cent quatre vingt quatre" is 1984's ninth."""
SEARCHED_LONG_FORMS = {"de": 8}
"""Instead, from 1000 on, where words run together and apart in so many ways that most of the memory went there."""
SECOND_BEST = 0.9
"""Each further reading of the same words deserves this much less confidence."""


class Spelling:
    """Strings over one alphabet, bounded by `length`, `minlength`, `maxlength` and `regex`."""

    name = "spelling"

    def check(self, arguments: Arguments) -> None:
        if arguments.get("alphabet") not in ALPHABETS:
            raise InvalidParameter("alphabet", arguments.get("alphabet"), "one of " + ", ".join(ALPHABETS))
        _shape(*_shape_key(arguments))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        lexicon = lexicon_of(language, str(arguments["alphabet"]), _signs(arguments, language))
        links = tuple(tuple(link.split()) for link in language.links)
        readings = best_readings(words, lexicon, _shape(*_shape_key(arguments)), language.fillers, links)
        return list(ranked(readings, _share(readings, words, language)))

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        lexicon = lexicon_of(language, str(arguments["alphabet"]), _signs(arguments, language))
        return LexiconAcceptor(lexicon, _shape(*_shape_key(arguments)))


def _share(readings: Sequence[Reading], words: Sequence[str], language: Language) -> float:
    """What the best reading deserves: a digit in a sentence about other things is no code."""
    if not readings:
        return 1.0
    return share_of(readings[0], words, language, CHARACTER_WEIGHT * len(readings[0].value))


def ranked(readings: list[Reading], quality: float = 1.0) -> Iterator[Found]:
    """Distinct values; readings of other words than the best one's are no alternatives but left-overs.

    `quality` is what the best one deserves.
    """
    best: Reading | None = None
    seen: set[str] = set()
    for reading in readings:
        if best is None:
            best = reading
        elif reading.value in seen or (reading.start, reading.end, reading.complete) != (
            best.start,
            best.end,
            best.complete,
        ):
            continue
        seen.add(reading.value)
        yield Found(value=reading.value, quality=quality, complete=reading.complete)
        quality *= SECOND_BEST


def _shape_key(arguments: Arguments) -> tuple[str, int, int | None, str]:
    length = arguments.get("length")
    shortest = int(arguments.get("minlength", 1) if length is None else length)
    longest = arguments.get("maxlength") if length is None else length
    if longest is not None and shortest > int(longest):
        raise InvalidParameter("maxlength", longest, f"at least minlength, which is {shortest}")
    return (
        str(arguments["alphabet"]) + "".join(_signs_of(str(arguments.get("regex", "")))),
        shortest,
        None if longest is None else int(longest),
        str(arguments.get("regex", "")),
    )


@lru_cache(maxsize=1024)
def _shape(alphabet: str, shortest: int, longest: int | None, regex: str) -> Shape:
    name, signs = next((name, alphabet[len(name) :]) for name in ALPHABETS if alphabet.startswith(name))
    characters = ALPHABETS[name] + signs
    if not regex:
        return of_length(characters, shortest, longest)
    pattern = of_pattern(characters, regex)
    if shortest == 1 and longest is None:
        return pattern
    return pattern.both(of_length(characters, shortest, longest))


SIGNS = "-_./@+"
"""Signs a regex may ask for; without one they are separators and not part of the value."""


def _signs_of(regex: str) -> tuple[str, ...]:
    """The signs a regex asks for by name: escaped, or where they cannot mean anything else."""
    escaped = {regex[at + 1] for at in range(len(regex) - 1) if regex[at] == "\\"}
    return tuple(sign for sign in SIGNS if sign in escaped or (sign in "_/@" and sign in regex))


def _signs(arguments: Arguments, language: Language) -> tuple[str, ...]:
    """The signs of the lexicon: all or none, as each set is a lexicon of 20 MB. The shape takes only its own."""
    if not _signs_of(str(arguments.get("regex", ""))):
        return ()
    return tuple(sign for sign in SIGNS if sign in language.symbols)


@cache
def lexicon_of(language: Language, alphabet: str, signs: tuple[str, ...]) -> Lexicon:
    """Digits, letters or both, and the names of some signs; built once for each language."""
    entries: list[Entry] = []
    if alphabet != "letters":
        entries += digit_entries(language)
    if alphabet != "digits":
        entries += letter_entries(language)
    entries += [Entry(name, sign) for sign in signs for name in language.symbols[sign]]
    return Lexicon(cheapest_entries(entries))


def cheapest_entries(entries: list[Entry]) -> list[Entry]:
    """One entry for each phrase and value, the cheapest."""
    cheapest: dict[tuple[str, str], Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.cost):
        cheapest.setdefault((entry.phrase, entry.value), entry)
    return list(cheapest.values())


NUMBERS = (*range(10_000), *range(10_000, 100_000, 1000))
"""What is said as one number inside a code."""


def digit_entries(language: Language, numbers: Iterable[int] = NUMBERS, decoded: int = NUMBERS[-1]) -> Iterator[Entry]:
    """Digits and numbers; those above `decoded` are found in free speech only."""
    for number in numbers:
        yield from _number_entries(language, number, number <= decoded)
    yield from _halting(language)
    for digit, phrases in language.digits.items():
        for phrase in phrases:
            yield Entry(phrase, digit)
            yield from _doubled(language, phrase, digit)
    for word, digit in language.digit_homophones.items():
        # A letter that is also a digit's name ("four o six") is no accident: only its neighbours decide.
        named = len(word) == 1 and language.code in LETTERS_NAME_DIGITS
        yield Entry(word, digit, cost=NAMED_COST if named else HOMOPHONE_COST, decoded=len(word) == 1)


@cache
def _number_entries(language: Language, number: int, decoded: bool) -> tuple[Entry, ...]:
    """The forms of one number, the same objects in every lexicon of the language."""
    forms = language.number_forms(number)
    if number >= 100:
        forms = forms[: SEARCHED_LONG_FORMS.get(language.code, SEARCHED_FORMS) if number >= 1000 else SEARCHED_FORMS]
    usual = len(forms) if number < 100 else DECODED_FORMS
    return tuple(Entry(phrase, str(number), decoded=decoded and rank < usual) for rank, phrase in enumerate(forms))


def _halting(language: Language) -> Iterator[Entry]:
    """Numbers as recognisers write them when callers pause inside: 85 as "80 5", "4 20 5" or "4 25"."""
    values = {form: number for number in range(100) for form in language.number_forms(number)}
    for form, number in values.items():
        said = tuple(form.split())
        for parts in _cuts(said, values):
            if len(parts) > 1:
                yield Entry(" ".join(map(str, parts)), str(number), cost=HALTING_COST)


def _cuts(said: tuple[str, ...], values: Mapping[str, int]) -> Iterator[list[int]]:
    """Every way to read words as numbers below 100, one after another."""
    if not said:
        yield []
    for end in range(1, len(said) + 1):
        number = values.get(" ".join(said[:end]))
        if number is not None:
            yield from ([number, *rest] for rest in _cuts(said[end:], values))


def letter_entries(language: Language) -> Iterator[Entry]:
    """Letters by their names, by alphabets and by words they sound like."""
    for letter, phrases in language.letters.items():
        for phrase in phrases:
            yield Entry(phrase, letter)
            yield from _doubled(language, phrase, letter)
    for word, letter in language.alphabets.items():
        # Names of national alphabets are names first: "david" alone is more often d-a-v-i-d than d.
        known_everywhere = word in NATO
        yield Entry(word, letter, cost=0 if known_everywhere else HOMOPHONE_COST, decoded=known_everywhere)
    for word, letters in language.letter_homophones.items():
        yield Entry(word, letters, cost=HOMOPHONE_COST, decoded=False)


def _doubled(language: Language, phrase: str, value: str) -> Iterator[Entry]:
    for word, times in language.doubling.items():
        yield Entry(f"{word} {phrase}", value * times)
