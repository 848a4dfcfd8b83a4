"""English, American and British: numbers, letters, signs, yes and no, as said and as recognisers write them.

Owns the English tables. Must not know anything but `h2b.language.base`.
"""

import re
from functools import cache
from typing import Final

from h2b.language.base import (
    GROUPED_BY_COMMA,
    NATO,
    Language,
    Notation,
    Noun,
    by_initial,
    pairs,
    phrases,
    taken_for,
    words,
)

_UNITS: Final = words(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
    """
)
_TENS: Final = words("_ _ twenty thirty forty fifty sixty seventy eighty ninety")

_DIGITS: Final = {str(digit): (word,) for digit, word in enumerate(_UNITS[:10])} | {
    "0": ("zero", "oh", "nought", "naught", "nil"),
}


@cache
def _below_hundred(n: int) -> str:
    if n < 20:
        return _UNITS[n]
    tens, unit = divmod(n, 10)
    return f"{_TENS[tens]} {_UNITS[unit]}" if unit else _TENS[tens]


def _after_hundred(rest: int) -> tuple[str, str]:
    """American first: "one hundred five", "one hundred and five"."""
    spoken = _below_hundred(rest)
    return spoken, f"and {spoken}"


@cache
def _below_thousand(n: int) -> tuple[str, ...]:
    hundreds, rest = divmod(n, 100)
    if not hundreds:
        return (_below_hundred(rest),)
    heads = ("one hundred", "a hundred") if hundreds == 1 else (f"{_UNITS[hundreds]} hundred",)
    return tuple(pairs(heads, _after_hundred(rest))) if rest else heads


@cache
def _after_thousand(rest: int) -> tuple[str, ...]:
    if rest < 100:
        return _after_hundred(rest)
    return tuple(form for form in _below_thousand(rest) if not form.startswith("a "))


def _number_forms(n: int) -> tuple[str, ...]:
    if n < 10:
        return _DIGITS[str(n)]
    if n < 1000:
        return _below_thousand(n)
    thousands, rest = divmod(n, 1000)
    heads = [f"{form} thousand" for form in _below_thousand(thousands)]
    if thousands == 1:
        heads.append("a thousand")
    forms = pairs(heads, _after_thousand(rest)) if rest else heads
    hundreds, rest = divmod(n, 100)
    if hundreds < 100 and hundreds % 10:  # "nineteen hundred and five"
        head = f"{_below_hundred(hundreds)} hundred"
        forms += pairs([head], _after_hundred(rest)) if rest else [head]
    return tuple(forms)


_IRREGULAR_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def _ordinal(match: re.Match[str]) -> str:
    spoken = _number_forms(int(match[1]))[0]
    *front, last = spoken.split()
    regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*front, _IRREGULAR_ORDINALS.get(last, regular)])


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    said = _below_hundred(hour)
    if minute == 0:
        return said if match[3] is not None else f"{said} o'clock"
    return f"{said} oh {_below_hundred(minute)}" if minute < 10 else f"{said} {_below_hundred(minute)}"


_NOTATION: Final = Notation(
    grouped=GROUPED_BY_COMMA,
    decimal_words={".": "point"},
    decimals_digit_by_digit=True,
    million=Noun(one="one million", many="million"),
    percent="percent",
    currencies={
        "$": Noun(one="one dollar", many="dollars"),
        "€": Noun(one="one euro", many="euros"),
        "£": Noun(one="one pound", many="pounds"),
    },
    magnitudes=("hundred", "thousand", "million", "billion", "trillion"),
    readings=(
        (
            re.compile(r"(?<![0-9:.,])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![:.,]?[0-9])(?=(\s?[ap]\.?m\b)?)", re.I),
            _clock,
        ),
        (re.compile(r"\b([0-9]{1,4})(?:st|nd|rd|th)\b", re.I), _ordinal),
    ),
)

_LETTERS: Final = {
    "a": ("a", "ay"),
    "b": ("b", "bee"),
    "c": ("c", "cee"),
    "d": ("d", "dee"),
    "e": ("e", "ee"),
    "f": ("f", "eff", "ef"),
    "g": ("g", "gee", "jee"),
    "h": ("h", "aitch", "haitch"),
    "i": ("i",),
    "j": ("j", "jay"),
    "k": ("k", "kay"),
    "l": ("l", "el", "ell"),
    "m": ("m", "em"),
    "n": ("n", "en"),
    "o": ("o",),
    "p": ("p", "pee"),
    "q": ("q", "cue", "kew"),
    "r": ("r", "ar"),
    "s": ("s", "ess"),
    "t": ("t", "tee"),
    "u": ("u", "yu"),
    "v": ("v", "vee"),
    "w": ("w", "double u", "double you", "doubleyou"),
    "x": ("x", "ex"),
    "y": ("y", "wye"),
    "z": ("z", "zed", "zee"),
}

_LETTER_HOMOPHONES: Final = taken_for(
    {
        "b": "be, bea",
        "c": "see, sea",
        "i": "eye, aye",
        "k": "kaye",
        "l": "elle, hell",
        "m": "hem",
        "n": "an, end",
        "o": "oh, owe",
        "p": "pea",
        "q": "queue",
        "r": "are",
        "s": "es",
        "t": "tea",
        "u": "you, ewe",
        "x": "axe",
        "y": "why",
        "z": "said",
        "dk": "decay",
        "ez": "easy",
        "nv": "envy",
    }
)

_DIGIT_HOMOPHONES: Final = taken_for(
    {
        "0": "o, owe",
        "1": "won",
        "2": "to, too",
        "3": "tree, free",
        "4": "for, fore",
        "5": "fife",
        "6": "sex, sicks",
        "8": "ate",
        "9": "nein, niner, nigh",
    }
)

_SYMBOLS: Final = {
    "-": ("dash", "hyphen", "minus"),
    "_": ("underscore", "low line"),
    ".": ("dot", "point", "period", "full stop"),
    ",": ("comma",),
    ":": ("colon",),
    "/": ("slash", "forward slash", "stroke"),
    "\\": ("backslash", "back slash"),
    "@": ("at", "at sign"),
    "+": ("plus",),
    "#": ("hash", "pound", "number sign"),
    "*": ("star", "asterisk"),
    "&": ("and", "ampersand"),
    "'": ("apostrophe",),
    " ": ("space", "blank"),
}

_ALPHABETS: Final = {
    **NATO,
    **by_initial(
        """
        adam boy charles david edward frank george henry ida john king lincoln mary nora ocean paul
        queen robert sam tom union victor william young zebra able baker dog easy fox how item jig love
        nan nancy oboe peter roger sugar tare uncle yoke apple orange banana cat echo harry ink
        isaac jack kate larry lucy michael nelly oliver olive tommy thomas umbrella violet walter yellow
        zoe ice xylophone
        """
    ),
}

_YES: Final = phrases(
    """
    yes, yeah, yep, yup, yes please, yes yes, yes sir, yes ma'am, yes indeed, yes it is, yes i do, yes
    that's right, yes of course, oh yes, ok, okay, o k, sure, sure thing, for sure, of course,
    certainly, definitely, absolutely, exactly, precisely, indeed, correct, that's correct, that is
    correct, right, that's right, that is right, that's it, that's fine, all right, alright,
    affirmative, true, it is, i do, i agree, i confirm, agreed, fine, perfect, go ahead, by all means,
    uh huh, mm hmm, mhm, why not, no problem, you bet, aye
    """
)

_NO: Final = phrases(
    """
    no, nope, nah, no no, no no no, no thanks, no thank you, no sir, no ma'am, no way, oh no, not at
    all, no not at all, certainly not, definitely not, absolutely not, of course not, not really, not
    now, not today, not this time, not correct, not right, that's not correct, that's not right, that's
    not it, that is not correct, that is not right, incorrect, that's incorrect, wrong, that's wrong,
    negative, false, never, never mind, it isn't, it is not, i don't, i do not, no it isn't, no it's
    not, no i don't, i don't think so, i disagree, uh uh
    """
)

ENGLISH: Final = Language(
    code="en",
    digits=_DIGITS,
    digit_homophones=_DIGIT_HOMOPHONES,
    letters=_LETTERS,
    letter_homophones=_LETTER_HOMOPHONES,
    symbols=_SYMBOLS,
    alphabets=_ALPHABETS,
    links=("as in", "for", "like", "as", "is for"),
    doubling={"double": 2, "triple": 3, "treble": 3},
    fillers=frozenset(words("uh uhh um umm er erm hm hmm mm mmm ah huh well so actually basically")),
    yes=_YES,
    no=_NO,
    negators=("not", "isn't", "don't", "doesn't", "never"),
    notation=_NOTATION,
    numbers=_number_forms,
)
