"""Names of persons: a first name, a family name, or both.

There is no list of names: a bare answer of a few words, none of them a number, a yes or a word no name has, is one.
That is weak evidence, so quality is below 1 until the name is spelled: "smith s m y t h" is smyth for sure.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from attrs import evolve, frozen

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.spelled import alike, likeness, spelled_runs
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.spoken import Acceptor
from h2b.language import Language, fold_accents
from h2b.language.persons import COMMON_PARTICLES, Persons, persons
from h2b.model.errors import InvalidParameter

PARTS = ("full", "first", "last")
BARE = 0.7
"""Quality of words that are a name because nothing says otherwise."""
INTRODUCED = 0.8
"""After "my name is"."""
SPELLED = 1.0
MAXIMUM_NAMES = 4
"""Names of one person, particles ("de la") not counted."""
LONGEST_NAME = 30
MOST_BEFORE = 4
"""Words before an introduction: "yes hello my name is"."""

_ROLES = ("whole", "first", "last")


class Name:
    """The part of the caller's name that `part` asks for; of a full name, an object with `first` and `last`."""

    name = "name"
    takes = taking(PresetParameter(name="part", type="choice", choices=PARTS, doc="`full`, `first` or `last`"))

    def check(self, arguments: Arguments) -> None:
        part = arguments.get("part", PARTS[0])
        if part not in PARTS:
            raise InvalidParameter("part", part, "one of " + ", ".join(PARTS))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        said = _parts_said(words, language)
        part = str(arguments.get("part", PARTS[0]))
        if not said:
            return []
        found = _full(said, language) if part == "full" else _single(said, part, language)
        return [found] if found is not None else []

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor | None:
        return None


@frozen
class _Piece:
    """One name, or a particle of one."""

    text: str
    spelled: bool = False
    corrected: bool = False
    """Spelled after it was said."""
    unfinished: bool = False
    """Its spelling has only begun."""


@frozen
class _Said:
    """The pieces that followed one introduction."""

    role: str
    pieces: tuple[_Piece, ...]
    introduced: bool


def _parts_said(words: Sequence[str], language: Language) -> list[_Said]:
    """What was said under each heading; nothing when any of it cannot be a name."""
    said: list[_Said] = []
    table = persons(language)
    if " ".join(words) in _answers(language):
        return []
    for role, segment, introduced in _segments(_without_phrases(words, table.spelling), language):
        names = _stripped(segment, table, language)
        pieces = _pieces(names, language) if names else []
        if not pieces or not _all_names(pieces, table, language):
            return []
        said.append(_Said(role, tuple(pieces), introduced))
    return said


def _without_phrases(words: Sequence[str], phrases: Sequence[str]) -> list[str]:
    text = f" {' '.join(words)} "
    for phrase in sorted(phrases, key=len, reverse=True):
        text = text.replace(f" {phrase} ", " ")
    return text.split()


@cache
def _answers(language: Language) -> frozenset[str]:
    """Whole answers that are none: "of course" has no word that gives it away."""
    return frozenset((*language.yes, *language.no))


def _segments(words: Sequence[str], language: Language) -> Iterator[tuple[str, Sequence[str], bool]]:
    """The words after each introduction; all of them where there is none."""
    marks: list[tuple[str, int, int]] = []
    at = 0
    while at < len(words):
        mark = next(
            (m for m in _marks(language).get(words[at], ()) if tuple(words[at : at + len(m[1])]) == m[1]),
            None,
        )
        if mark is not None:
            marks.append((mark[0], at, at + len(mark[1])))
        at += len(mark[1]) if mark is not None else 1
    if marks and marks[0][1] > MOST_BEFORE:
        marks = []  # "it is" within a sentence introduces nobody
    for index, (role, _, end) in enumerate(marks):
        after = marks[index + 1][1] if index + 1 < len(marks) else len(words)
        if after > end:
            yield role, words[end:after], True
    if not marks:
        yield "whole", words, False


@cache
def _marks(language: Language) -> Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """Introductions by their first word, longest first."""
    table = persons(language)
    marks: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for role in _ROLES:
        for phrase in getattr(table, role):
            marks.setdefault(phrase.split()[0], []).append((role, tuple(phrase.split())))
    return {first: tuple(sorted(group, key=lambda mark: -len(mark[1]))) for first, group in marks.items()}


_POLITE: Mapping[str, tuple[str, ...]] = {
    "en": ("please", "thank you", "thanks", "speaking", "here"),
    "fr": ("s'il vous plaît", "s'il te plaît", "merci"),
    "es": ("por favor", "gracias"),
    "de": ("bitte", "danke"),
}
_GREETINGS: Mapping[str, tuple[str, ...]] = {
    "en": ("hello", "hi", "yes", "yeah", "sure", "ok", "okay", "it's"),
    "fr": ("bonjour", "oui", "alors", "d'accord"),
    "es": ("hola", "buenos días", "buenas tardes", "sí", "claro"),
    "de": ("hallo", "guten tag", "ja", "der", "die"),
}


def _stripped(segment: Sequence[str], table: Persons, language: Language) -> list[str]:
    """Without fillers, titles, joins at the ends, greetings before and thanks after."""
    words = [word for word in segment if word not in language.fillers]
    text = f" {' '.join(_without_note(words, table, language))} "
    changed = True
    while changed:
        before = text
        for phrase in (*_GREETINGS[language.code], *table.joins, *table.titles):
            text = f" {text.removeprefix(f' {phrase} ')}" if text.startswith(f" {phrase} ") else text
        for phrase in (*_POLITE[language.code], *table.joins):
            text = f"{text.removesuffix(f' {phrase} ')} " if text.endswith(f" {phrase} ") else text
        changed = text != before
    return text.split()


def _without_note(words: list[str], table: Persons, language: Language) -> list[str]:
    """Without "with a t": the recogniser has heard it, or it has not. A spelling after it stays."""
    note = next((at for at in range(1, len(words)) if words[at] in table.notes), len(words))
    if not any(len(word) == 1 for word in words[note:]):
        return words
    runs = [run for run in spelled_runs(words, language) if run.start > note and len(run.letters) > 2]
    if not runs:
        return words[:note]
    # In "without an h j o n" the first letter belongs to the remark.
    start = runs[0].start + (
        likeness(words[note - 1], runs[0].letters[1:]) > likeness(words[note - 1], runs[0].letters)
    )
    return words[:note] + words[start:]


def _pieces(words: Sequence[str], language: Language) -> list[_Piece]:
    """Names and spellings in order; a spelling takes the place of the words it spells."""
    pieces: list[_Piece] = []
    at = 0
    for run in spelled_runs(words, language, counted=True):
        pieces += [_Piece(word) for word in words[at : run.start]]
        _correct(pieces, run.letters, language)
        at = run.end
    pieces += [_Piece(word) for word in words[at:]]
    if len(pieces) > 1 and len(pieces[-1].text) == 1 and pieces[-2].text.startswith(pieces[-1].text):
        pieces[-2:] = [evolve(pieces[-2], unfinished=True)]
    return _joined(pieces, language)


def _correct(pieces: list[_Piece], letters: str, language: Language) -> None:
    """Add a spelling: instead of the last name or two, if they sound like it.

    Callers leave accents out when they spell, but for German ones, which are letters of their own.
    """
    for count in (1, 2):
        heard = "".join(piece.text for piece in pieces[-count:]) if len(pieces) >= count else ""
        if heard.startswith(letters) and len(letters) < len(heard) - 1:
            pieces[-count:] = [_Piece(heard, unfinished=True)]
            return
        if heard and alike(heard, letters) and not any(piece.spelled for piece in pieces[-count:]):
            accented = language.code != "de" and fold_accents(heard) == fold_accents(letters)
            pieces[-count:] = [_Piece(heard if accented else letters, spelled=True, corrected=True)]
            return
    pieces.append(_Piece(letters, spelled=True))


def _joined(pieces: list[_Piece], language: Language) -> list[_Piece]:
    """Names with a spoken hyphen or apostrophe between them as one."""
    joined: list[_Piece] = []
    signs = {name: sign for sign in "-'" for name in language.symbols[sign]}
    pending = ""
    at = 0
    while at < len(pieces):
        sizes = (2, 1)
        size = next((s for s in sizes if " ".join(p.text for p in pieces[at : at + s]) in signs), 0)
        if size and joined:
            pending = signs[" ".join(p.text for p in pieces[at : at + size])]
        elif pending:
            last = joined.pop()
            spelled = last.spelled and pieces[at].spelled
            joined.append(_Piece(f"{last.text}{pending}{pieces[at].text}", spelled, False, pieces[at].unfinished))
            pending = ""
        else:
            joined.append(pieces[at])
        at += size or 1
    return joined


def _all_names(pieces: Sequence[_Piece], table: Persons, language: Language) -> bool:
    names = [piece for piece in pieces if piece.text not in COMMON_PARTICLES]
    if not 0 < len(names) <= MAXIMUM_NAMES or pieces[-1].text in COMMON_PARTICLES:
        return False
    return all(piece.spelled or _may_be_a_name(piece.text, table, language) for piece in names)


def _may_be_a_name(word: str, table: Persons, language: Language) -> bool:
    letters = word.replace("'", "").replace("-", "")
    if not letters.isalpha() or len(letters) > LONGEST_NAME or len(letters) < 2:
        return len(letters) == 1 and letters.isalpha() and word not in table.never
    return word not in table.never and word not in _number_words(language)


@cache
def _number_words(language: Language) -> frozenset[str]:
    """Words that numbers are made of: no two digits make a name."""
    numbers = (*range(101), 200, 1000, 2000)
    said = {word for number in numbers for form in language.number_forms(number) for word in form.split()}
    said |= {word for names in language.digits.values() for word in names}
    return frozenset(said | set(language.doubling)) - {"y", "et", "and", "und"}


def _single(said: Sequence[_Said], part: str, language: Language) -> Found | None:
    """The name under the heading that was asked for, or under none; a spelling leaves out what came before it."""
    wanted = [s for s in said if s.role == part] or [s for s in said if s.role == "whole"]
    if not wanted:
        return None
    pieces = list(wanted[-1].pieces)
    corrected = next((index for index, piece in enumerate(pieces) if piece.corrected), 0)
    while corrected > 0 and pieces[corrected - 1].text in COMMON_PARTICLES:
        corrected -= 1
    return _found(" ".join(piece.text for piece in pieces[corrected:]), pieces[corrected:], wanted[-1].introduced)


def _full(said: Sequence[_Said], language: Language) -> Found | None:
    """First and family name; one of them alone is an unfinished answer, the other then empty."""
    first = [piece for s in said if s.role == "first" for piece in s.pieces]
    last = [piece for s in said if s.role == "last" for piece in s.pieces]
    whole = [piece for s in said if s.role == "whole" for piece in s.pieces]
    if not first and not last:
        first, last = _split(whole, persons(language))
    elif not last:
        last = whole
    elif not first:
        first = whole
    value = {"first": " ".join(p.text for p in first), "last": " ".join(p.text for p in last)}
    found = _found("", [*first, *last], any(s.introduced for s in said))
    return evolve(found, value=value, complete=found.complete and bool(first) and bool(last))


def _split(pieces: list[_Piece], table: Persons) -> tuple[list[_Piece], list[_Piece]]:
    """Where the family name begins: at a particle, or so many names from the end as the language has."""
    texts = [piece.text for piece in pieces]
    if len(pieces) == 1 or texts[0] in COMMON_PARTICLES:
        return [], pieces
    if table.surnames == 2:
        return _split_two_surnames(pieces, table)
    at = next((i for i in range(1, len(pieces)) if texts[i] in COMMON_PARTICLES), len(pieces) - 1)
    return pieces[:at], pieces[at:]


def _split_two_surnames(pieces: list[_Piece], table: Persons) -> tuple[list[_Piece], list[_Piece]]:
    """Spanish: "maría del carmen garcía lópez", "ana de la torre ruiz", "josé luis garcía"."""
    groups: list[list[_Piece]] = []
    loose = False
    for piece in pieces:
        if groups and (loose or (piece.text == "y" and groups)):
            groups[-1].append(piece)
        else:
            groups.append([piece])
        loose = piece.text in COMMON_PARTICLES or piece.text in ("y", "los", "las")
    compound = groups[0][0].text in table.double_first and len(groups) > 2
    count = 2 if len(groups) > 3 or (compound and (len(groups) > 3 or _second_first(groups, table))) else 1
    return [p for g in groups[:count] for p in g], [p for g in groups[count:] for p in g]


def _second_first(groups: Sequence[Sequence[_Piece]], table: Persons) -> bool:
    """Whether the second name is a first name too: "maría josé", "maría del carmen"."""
    return groups[1][0].text in table.double_first or groups[1][0].text in COMMON_PARTICLES


def _found(value: str, pieces: Sequence[_Piece], introduced: bool) -> Found:
    names = [piece for piece in pieces if piece.text not in COMMON_PARTICLES]
    surest = INTRODUCED if introduced else BARE
    quality = sum(SPELLED if piece.spelled else surest for piece in names) / len(names)
    unfinished = any(piece.unfinished for piece in pieces) or (len(value) == 1 and bool(value))
    return Found(value=value, quality=round(quality, 3), complete=not unfinished)
