"""Postal addresses of France: number, street, postcode, town, and what completes them, in any order.

Owns how the parts make one address. A postcode and a town are chosen first, since both are known from the gazetteer;
the street is what lies between them and a word such as "rue", and of all choices the one that leaves the fewest words
over wins. No grammar is given to a decoder: streets have any name.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from attrs import evolve, frozen

from h2b.grammar.gazetteer import gazetteer, spelling_key
from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.places import SOUNDED, SPELLED, Numbers, Postcode, Town, Towns, postcodes
from h2b.grammar.kinds.streets import LONGEST_NAME, Layout, Outline, Part
from h2b.grammar.parameter import PresetParameter
from h2b.language import Language, normalise
from h2b.language.streets import ABBREVIATIONS, ARTICLES, CARRYING, NAMING, POLITE, SUFFIXES
from h2b.model.errors import InvalidParameter

FORMS: Final = ("parts", "text")
COVERED: Final = 0.1
"""What a word of a postcode or town is worth, in a third of a part."""
LEFT_OVER: Final = 0.35
"""What a word costs that lies between the parts and belongs to none of them."""
CARRIER: Final = 0.02
"""The same of a word before the first part, or of one that people put between them."""
CUT: Final = 0.8
"""What a number costs that goes on beyond the part it is in."""
UNSAID_ZERO: Final = 3.6
"""What a postcode costs that no town confirms, if its zero was not said: "mille neuf cent" may be much else."""
LARGE: Final = 5
"""Digits of the population from which a town is believed without a postcode."""
LONG_NAME: Final = 11
"""Letters from which the name of a smaller one is."""
DEDUCED: Final = 0.9
"""Quality of an address whose postcode follows from its town."""
UNHEARD: Final = 0.8
"""Quality of an address whose town follows from its postcode."""
CONFLICTING: Final = 0.5
"""Quality of an address whose postcode is not one of its town's."""
PARTIAL: Final = 0.7
MAXIMUM_TOWNS: Final = 12
"""Towns looked at with each postcode, the surest first."""
MAXIMUM_POSTCODES: Final = 6
"""Readings of the postcode looked at, the longest first."""
MAXIMUM_WORDS: Final = 60
"""Words of a transcript that are looked at, from the last one on: a long story before it tells no address."""


@frozen
class _Choice:
    """One way to read the words, and how much speaks for it."""

    postcode: Postcode | None
    town: Town | None
    layout: Layout
    score: float


class PostalAddress:
    """`{"number": "12", "street": "rue des lilas", "zipcode": "75020", "city": "paris", "complement": ""}`.

    Texts in lower case, "" for what was not said. Complete with street, postcode and town (H2B reference, section
    5.2); a town with one postcode implies it. With the fixed argument `form = "text"` the value is the words of the
    address as they were said.
    """

    name = "postal_address"
    takes = taking(
        PresetParameter(
            name="form", type="choice", choices=FORMS, doc="`parts`, or `text` for the words as they were said"
        ),
    )

    def check(self, arguments: Arguments) -> None:
        if arguments.get("form", "parts") not in FORMS:
            raise InvalidParameter("form", arguments["form"], "one of " + ", ".join(FORMS))

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        tokens = _tokens(words, language)
        choice = max(_choices(tokens, language), key=lambda choice: choice.score, default=None) if tokens else None
        if choice is None or not _usable(choice, tokens):
            return []
        found = _found(choice, tokens)
        if arguments.get("form") == "text":
            return [evolve(found, value=_as_said(choice, tokens, language))]
        return [found]

    def acceptor(self, arguments: Arguments, language: Language) -> None:
        return None


# Words


_HESITATIONS: Final = frozenset(["euh", "heu", "hum", "hem", "hmm", "mm", "bah", "ben"])
_MIXED: Final = re.compile(r"(\d+)([a-z]+)")


def _tokens(words: Sequence[str], language: Language) -> list[str]:
    """Words without hesitations, abbreviations in full, "12bis" in two, "20e" as it is said. Figures stay."""
    tokens: list[str] = []
    for word in words:
        mixed = _MIXED.fullmatch(word)
        if word in _HESITATIONS:
            continue
        if mixed and (mixed[2] in SUFFIXES or mixed[2] in "abcdfgh"):
            tokens += mixed.groups()
        elif word.isalnum() and not word.isalpha() and not word.isdecimal():
            tokens += normalise(language.spell_out(word)).split()
        else:
            tokens.append(ABBREVIATIONS.get(word, word))
    return tokens[-MAXIMUM_WORDS:]


# Choosing


def _choices(words: Sequence[str], language: Language) -> Iterator[_Choice]:
    """Every postcode with every town that goes with it, each with what lies around them."""
    numbers = Numbers(words, language)
    outlined = Outline(words, numbers, language)
    towns = Towns(words, numbers)
    everywhere = [town for town in towns.everywhere() if not _in_a_name(town, words)]
    longest = sorted(postcodes(words, numbers), key=lambda postcode: postcode.start - postcode.end)
    for postcode in (*longest[:MAXIMUM_POSTCODES], None):
        if postcode is None:
            fitting = [town for town in everywhere if _by_itself(town, words)]
        else:
            fitting = _fitting(postcode, everywhere)
            if not any(_whole(town, postcode, words) for town in fitting):
                near = [town for town in towns.near(postcode) if not _in_a_name(town, words)]
                fitting += _fitting(postcode, near)
        fitting.sort(key=lambda town: (town.strength, town.end - town.start, town.commune.magnitude), reverse=True)
        for town in (*fitting[:MAXIMUM_TOWNS], None):
            taken = (range(part.start, part.end) for part in (postcode, town) if part)
            layout = outlined.layout(frozenset(chain.from_iterable(taken)))
            yield _Choice(postcode, town, layout, _score(words, numbers, postcode, town, layout))


def _in_a_name(town: Town, words: Sequence[str]) -> bool:
    """Whether it is no town but the end of a name: "route de bordeaux"."""
    if words[town.start] in ("de", "du", "des"):
        return True
    before = words[max(town.start - 2, 0) : town.start]
    return bool(before) and before[-1] in NAMING and before[0] not in ("ville", "commune")


def _by_itself(town: Town, words: Sequence[str]) -> bool:
    """Whether a town is sure without its postcode: people, trees and saints bear the names of villages."""
    if town.arrondissement:
        return True
    if town.led:
        return town.strength == SPELLED or town.commune.magnitude >= LARGE
    long = len(spelling_key(town.commune.name)) >= LONG_NAME
    last = all(word in POLITE for word in words[town.end :])
    return town.strength == SPELLED and (last or town.start == 0) and (long or town.commune.magnitude >= LARGE)


def _fitting(postcode: Postcode, towns: Sequence[Town]) -> list[Town]:
    """The towns of a postcode; others where they are surely said, since callers err in the postcode."""
    apart = [town for town in towns if town.end <= postcode.start or postcode.end <= town.start]
    return [town for town in apart if _agree(postcode, town) or _surely_said(town, postcode)]


def _agree(postcode: Postcode, town: Town) -> bool:
    return postcode.code in town.postcodes or _served(postcode, town)


def _surely_said(town: Town, postcode: Postcode) -> bool:
    large = town.strength == SPELLED and town.commune.magnitude >= LARGE
    return large and (town.led or _beside(town, postcode))


def _beside(town: Town, postcode: Postcode) -> bool:
    return town.start == postcode.end or town.end == postcode.start


def _whole(town: Town, postcode: Postcode, words: Sequence[str]) -> bool:
    """Whether a town beside its postcode is surely no piece of a longer name."""
    ends = town.end in (len(words), postcode.start) or words[town.end] in POLITE
    return ends and town.strength >= SOUNDED and _beside(town, postcode)


def _served(postcode: Postcode, town: Town) -> bool:
    """Whether a postcode of an office, one with a "cedex", can be in a town."""
    known = gazetteer().exists(postcode.code)
    return not known and any(code[:2] == postcode.code[:2] for code in town.postcodes)


def _score(
    words: Sequence[str], numbers: Numbers, postcode: Postcode | None, town: Town | None, layout: Layout
) -> float:
    """In parts of an address, each part about three; words that belong to none cost."""
    score = 0.5 * layout.number_first + 0.2 * len(layout.complements)
    if postcode:
        score += _score_of_postcode(words, numbers, postcode, town, layout)
    if town:
        score += COVERED * (town.end - town.start) + 0.2 * town.led + 0.01 * town.commune.magnitude
        if postcode is None:
            score += 2.5 * town.strength
        elif _agree(postcode, town):
            score += 3.0 * town.strength + 0.3 * _beside(town, postcode)
        else:
            score += 0.5
    if layout.street:
        long = layout.street.end - layout.street.start - LONGEST_NAME
        score += 3.0 - LEFT_OVER * max(0, long) - CUT * layout.cut
    return score - _cost_of_the_rest(words, [part for part in (postcode, town, *layout.parts) if part])


def _score_of_postcode(
    words: Sequence[str], numbers: Numbers, postcode: Postcode, town: Town | None, layout: Layout
) -> float:
    cut = numbers.before(postcode.start) is not None
    goes_on = bool(numbers.at(postcode.end)) and (layout.number is None or layout.number.start != postcode.end)
    in_town = town is not None and town.start <= postcode.end < town.end
    unsaid = postcode.code[0] == "0" and not words[postcode.start].startswith(("0", "zéro"))
    confirmed = town is not None and _agree(postcode, town)
    score = 3.0 + COVERED * (postcode.end - postcode.start)
    return score - CUT * (cut + (goes_on and not in_town)) - UNSAID_ZERO * (unsaid and not confirmed)


def _cost_of_the_rest(words: Sequence[str], parts: Sequence[Postcode | Town | Part]) -> float:
    covered = {at for part in parts for at in range(part.start, part.end)}
    first = min(covered, default=len(words))
    return sum(
        CARRIER if at < first or word in POLITE or word in ARTICLES or word in CARRYING else LEFT_OVER
        for at, word in enumerate(words)
        if at not in covered
    )


# Answering


def _usable(choice: _Choice, words: Sequence[str]) -> bool:
    """Whether anything of an address was said. A town or a postcode alone is one only where nothing else was: names of
    villages and five digits lie in many an answer."""
    if choice.layout.street or (choice.postcode and choice.town):
        return True
    part = choice.town or choice.postcode
    if part is None:
        return False
    around = [*words[: part.start], *words[part.end :]]
    return (choice.town is not None and choice.town.led) or all(word in POLITE or word in CARRYING for word in around)


def _found(choice: _Choice, words: Sequence[str]) -> Found:
    layout, postcode, town = choice.layout, choice.postcode, choice.town
    code, city = postcode.code if postcode else "", town.commune.name if town else ""
    quality = town.strength if town else 1.0
    if town and not postcode and len(town.postcodes) == 1 and (town.arrondissement or not town.namesakes):
        code = town.postcodes[0]
        quality *= 1.0 if town.arrondissement else DEDUCED
    if town and postcode and not _agree(postcode, town):
        quality *= CONFLICTING
    if postcode and not town:
        served = gazetteer().of_postcode(postcode.code)
        city = served[0].name if len(served) == 1 else ""
        quality = UNHEARD
    # A town that was said, whatever was heard, is the only one of its postcode.
    complete = bool(layout.street and code and (town or (city and _more_said(choice, words))))
    value = {
        "number": layout.number.text if layout.number else "",
        "street": layout.street.text if layout.street else "",
        "zipcode": code,
        "city": city,
        "complement": layout.complement,
    }
    return Found(value=value, quality=quality if complete else quality * PARTIAL, complete=complete)


def _more_said(choice: _Choice, words: Sequence[str]) -> bool:
    """Whether words that belong to nothing follow the postcode."""
    assert choice.postcode is not None
    at = choice.postcode.end
    covered = any(part.start <= at < part.end for part in choice.layout.parts)
    return at < len(words) and not covered and words[at] not in POLITE | CARRYING | ARTICLES


def _as_said(choice: _Choice, words: Sequence[str], language: Language) -> str:
    """The words from the first part of the address to the last."""
    parts = [part for part in (choice.postcode, choice.town, *choice.layout.parts) if part]
    said = words[min(part.start for part in parts) : max(part.end for part in parts)]
    return language.spell_out(" ".join(said))
