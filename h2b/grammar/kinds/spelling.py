"""Codes said digit by digit, letter by letter or in number groups: digits, letters, and both mixed.

A code is never cut out of a longer run: who says five digits of four is asked again. Accented letters are plain ones
in the value ("ü" is "ue" in German), so that none is left out.

Number groups are concatenated ("cent trente-sept cent trente-sept" is 137137), letters may be illustrated
("b as in bravo") or doubled ("double t"), and what a group could mean otherwise is a reading of its own:
"soixante douze" is 72 or 60 12, and the length or the regex chooses (nlu-scale reference, section 2.3).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

from attrs import evolve

from h2b.grammar.best_first import best_readings
from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.evidence import doubt
from h2b.grammar.kinds.share import CHARACTER_WEIGHT, share_of
from h2b.grammar.kinds.spelled import counts
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.shape import DIGITS, LETTERS, MAXIMUM_STATES, Shape, of_length, of_pattern
from h2b.grammar.spoken import Acceptor, Entry, Lexicon, LexiconAcceptor, Places, Reading, places_of
from h2b.language import Language, fold_accents
from h2b.language.base import NATO
from h2b.language.carriers import carriers
from h2b.model.errors import InvalidParameter

ALPHABETS = {"digits": DIGITS, "letters": LETTERS, "mixed": DIGITS + LETTERS}
LONGEST_CODE = 64
HOMOPHONE_COST = 1.2
"""More than the word gained: "for" is a 4 only between digits, or where the shape needs one."""
NAMED_COST = 0.01
"""Less than a change from letters to digits and back costs."""
LETTERS_NAME_DIGITS = frozenset({"en"})
"""Languages that say o for zero. Elsewhere "o neuf" is the letter, though a recogniser may write it for a zero."""
HESITATIONS = {"fr": "e", "es": "e"}
"""The letter that recognisers write for "euh" and "eh"."""
HALTING_COST = 0.2
"""Of "20 5" for 25: 205 is the first reading where the shape takes both."""
DECODED_FORMS = 3
"""Forms of numbers from 100 on that the decoder may write: recognisers spell them one way, callers' words vary."""
SEARCHED_FORMS = 12
"""Forms of numbers from 100 on that are looked for in words: "dix neuf cent quatre vingt quatre" is 1984's ninth."""
SEARCHED_LONG_FORMS = {"de": 8}
"""Instead, from 1000 on, where words run together and apart in so many ways that most of the memory went there."""
PLAIN_COST = 0.001
"""Of a plain letter for an accented one: where a code may hold the accented one, that is meant."""
MASKED = "-"
"""Stands for a word that has no part in a code."""
SECOND_BEST = 0.9
"""Each further reading of the same words deserves this much less confidence."""


def _length(name: str, doc: str) -> PresetParameter:
    return PresetParameter(name=name, type="integer", minimum=1, maximum=MAXIMUM_STATES - 1, doc=doc)


class Spelling:
    """Strings over one alphabet, bounded by `length`, `minlength`, `maxlength` and `regex`."""

    name = "spelling"
    takes = taking(
        PresetParameter(
            name="alphabet",
            type="choice",
            choices=tuple(ALPHABETS),
            required=True,
            doc="`digits`, `letters` or `mixed`",
        ),
        _length("length", "how many characters"),
        _length("minlength", "the fewest"),
        _length("maxlength", "the most"),
        PresetParameter(name="regex", type="string", minimum=1, doc="what the whole value looks like"),
    )

    def check(self, arguments: Arguments) -> None:
        if arguments.get("alphabet") not in ALPHABETS:
            raise InvalidParameter("alphabet", arguments.get("alphabet"), "one of " + ", ".join(ALPHABETS))
        _shape(*_shape_key(arguments))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        alphabet, signs = str(arguments["alphabet"]), _signs(arguments, language)
        lexicon, shape = lexicon_of(language, alphabet, signs), _shape(*_shape_key(arguments))
        # Between letters a number is a part of the code that the alphabet cannot write.
        touching = lexicon if alphabet != "letters" else lexicon_of(language, "mixed", ())
        links = tuple(tuple(link.split()) for link in language.links)

        def readings_of(said: Sequence[str]) -> list[Reading]:
            places = _places(said, touching, alphabet, language)
            if "regex" in arguments:
                places = evolve(places, starts=places.starts.union(_behind_hesitations(said, places, language)))
            return best_readings(said, lexicon, shape, language.fillers, links, places=places)

        heard = _heard(words, lexicon, language)
        readings = readings_of(heard)
        if not readings:
            return []
        best = readings[0]
        around = (*words[: best.start], *words[best.end :])
        quality = doubt(best, heard, around, readings_of, lexicon, shape, language)
        return list(ranked(readings, quality * _share(best, words, language))) if quality else []

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor:
        lexicon = lexicon_of(language, str(arguments["alphabet"]), _signs(arguments, language))
        return LexiconAcceptor(lexicon, _shape(*_shape_key(arguments)))


def _share(best: Reading, words: Sequence[str], language: Language) -> float:
    """What the best reading deserves: a digit in a sentence about other things is no code."""
    return share_of(best, words, language, CHARACTER_WEIGHT * len(best.value))


def _heard(words: Sequence[str], lexicon: Lexicon, language: Language) -> list[str]:
    """The words, letters of other languages without accents, and what is no letter or digit here masked."""
    heard = list(words)
    for at, word in enumerate(words):
        if len(word) == 1 and word.isalpha() and not word.isascii():
            # Elsewhere "à" is a word.
            spelled = word not in carriers(language) or (at > 0 and len(words[at - 1]) == 1)
            heard[at] = (word if word in language.letters else fold_accents(word)) if spelled else MASKED
    for phrase in language.no_digits:
        said = phrase.split()
        for at in range(len(words) - len(said) + 1):
            end = at + len(said)
            # "No, one two three four": a number behind it makes one of the phrase's own.
            if heard[at:end] == said and words[end : end + 1] and words[end] in lexicon.words.after:
                continue
            if heard[at:end] == said:
                heard[at:end] = [MASKED] * len(said)
    return heard


def _places(words: Sequence[str], lexicon: Lexicon, alphabet: str, language: Language) -> Places:
    """Where a code may begin and end: nothing that belongs to it is beyond, hesitations left aside."""
    kept = [at for at, word in enumerate(words) if word not in language.fillers]
    # Beside letters "un" and "ein" are articles.
    articles = carriers(language) if alphabet == "letters" else frozenset[str]()
    spoken = [MASKED if len(words[at]) > 1 and words[at] in articles else words[at] for at in kept]
    unknown = {word for word in words if len(word) == 1 and word.isalpha() and not word.isascii()}
    others = frozenset((*language.magnitudes, *(unknown if alphabet != "digits" else ())))
    halts = frozenset(place for place in range(1, len(kept)) if kept[place] - kept[place - 1] > 1)
    places = places_of(spoken, lexicon, others, halts)
    return Places(
        frozenset(kept[place] for place in places.starts),
        frozenset((len(words), *(kept[place - 1] + 1 for place in places.ends if place))),
    )


def _behind_hesitations(words: Sequence[str], places: Places, language: Language) -> Iterator[int]:
    """Starts behind a letter that may be a hesitation: "e l e 137" is "euh l e 137" where the regex wants that."""
    hesitation = HESITATIONS.get(language.code)
    return (place + 1 for place in places.starts if words[place] == hesitation)


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
    if alphabet == "letters":
        entries += _counted(language)
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
    """Letters by their names, by alphabets and by words they sound like; accented ones also as plain letters."""
    for entry in _own_letter_entries(language):
        yield entry
        plain = language.plain(entry.value)
        if plain != entry.value:
            initial = entry.value if len(entry.value) == 1 else ""
            decoded = entry.decoded and entry.phrase not in carriers(language)
            yield evolve(entry, value=plain, cost=entry.cost + PLAIN_COST, decoded=decoded, initial=initial)


def _own_letter_entries(language: Language) -> Iterator[Entry]:
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
        # "Double v" is w in French, and no v twice; so is "ve doble" in Spanish, where "doble ve doble u" is ww.
        if not language.names_a_letter(f"{word} {phrase}") and not phrase.endswith(f" {word}"):
            yield Entry(f"{word} {phrase}", value * times)


def _counted(language: Language) -> Iterator[Entry]:
    """Letters behind how often they stand: "deux l"."""
    for number, times in counts(language).items():
        for letter, phrases in language.letters.items():
            for phrase in phrases:
                yield Entry(f"{number} {phrase}", language.plain(letter) * times)
