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
    "w": ("w", "double u", "double you", "double yu", "doubleyou"),
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
    yes, yeah, yep, yup, yes please, yes yes, yes sir, yes ma'am, yes indeed, yes it is, yes i do, yes that's
    right, yes of course, oh yes, ok, okay, o k, sure, sure thing, for sure, of course, certainly, definitely,
    absolutely, exactly, precisely, indeed, correct, that's correct, that is correct, right, that's right, that is
    right, that's it, that's fine, all right, alright, affirmative, true, it is, i do, i agree, i confirm, agreed,
    fine, perfect, go ahead, by all means, uh huh, mm hmm, mhm, why not, no problem, you bet, aye, yea, ya, it
    does, it's correct, it is correct, it's right, it is right, it's true, that's true, that's the one, that's me,
    that is me, i think so, i believe so, i guess so, i suppose so, think so, sounds good, that sounds good, sounds
    right, that sounds right, sounds great, that sounds great, sounds fine, that works, works for me, that works
    for me, that'll work, that'll do, very good, very well, good, great, that's good, that's great, that's perfect,
    that's ok, that's okay, that's all right, that's alright, it's fine, it's ok, it's okay, it's all right, please
    do, you're right, you got it, i am, i have, i did, i can, i will, i would, you can, you may, i'd like that, i
    would like that, i'd love to, do it, let's do it, no problem at all, not a problem, no worries, no objection,
    no objections, no doubt, without a doubt, totally, obviously, naturally, gladly, go on, carry on, continue,
    proceed, it's me, this is he, this is she, speaking, i'd like to, positive, fine with me, fine by me, i do
    agree, i'm afraid so
    """
)

_NO: Final = phrases(
    """
    no, nope, nah, no no, no no no, no thanks, no thank you, no sir, no ma'am, no way, oh no, not at all, no not at
    all, certainly not, definitely not, absolutely not, of course not, not really, not now, not today, not this
    time, not correct, not right, that's not correct, that's not right, that's not it, that is not correct, that is
    not right, incorrect, that's incorrect, wrong, that's wrong, negative, false, never, never mind, it isn't, it
    is not, i don't, i do not, no it isn't, no it's not, no i don't, i don't think so, i disagree, uh uh, not yet,
    not quite, not exactly, not quite right, not any more, not anymore, not for me, not interested, i'm not
    interested, i am not interested, not necessary, not needed, not at this time, not at the moment, not right now,
    not tonight, i think not, i don't believe so, i do not think so, i do not believe so, don't think so, i guess
    not, i suppose not, i hope not, probably not, i'd rather not, i would rather not, rather not, i'd prefer not
    to, i don't want to, i do not want to, i don't want it, i don't want that, i don't have it, i don't have one, i
    don't have any, i haven't, i have not, i didn't, i did not, i can't, i cannot, i won't, i will not, i wouldn't,
    i'm not, i am not, it's not, it doesn't, it does not, it's wrong, it is wrong, it's incorrect, it's not
    correct, it's not right, it isn't correct, it isn't right, that isn't correct, that isn't right, that isn't it,
    that's not true, that's not me, that's not mine, that's not the one, not true, not me, not mine, that doesn't
    work, that doesn't work for me, doesn't sound right, that doesn't sound right, none, none of them, nothing
    else, out of the question, under no circumstances, by no means, no chance, not a chance, don't, do not, please
    don't, don't bother, unlikely, nuh uh, no need, i don't want, i do not want, i don't need, i do not need, i
    don't need to, i don't need it, i don't need that, i don't agree, i do not agree, i'm afraid not, not that i
    know of, not as far as i know, nothing
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
    negators=words(
        """
        not isn't aren't wasn't weren't don't doesn't didn't won't wouldn't can't cannot couldn't shouldn't haven't
        hasn't hadn't never neither nor
        """
    ),
    notation=_NOTATION,
    no_digits=phrases(
        """
        no one, another one, this one, that one, which one, one of, one moment, one minute, one second, one sec,
        one more, one another
        """
    ),
    numbers=_number_forms,
    magnitudes=words("hundred thousand million millions billion billions trillion"),
)
