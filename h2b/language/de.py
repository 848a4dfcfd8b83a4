"""German, of Germany, Austria and Switzerland: numbers, letters, signs, yes and no.

Owns the German tables. Must not know anything but `h2b.language.base`.
"""

import re
from functools import cache
from typing import Final

from attrs import frozen

from h2b.language.base import (
    GROUPED_BY_DOT,
    NATO,
    Language,
    Notation,
    Noun,
    by_initial,
    phrases,
    taken_for,
    words,
)

_UNITS: Final = words(
    """
    null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
    sechzehn siebzehn achtzehn neunzehn
    """
)
_TENS: Final = words("_ _ zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")

_DIGITS: Final = {str(digit): (word,) for digit, word in enumerate(_UNITS[:10])} | {
    "1": ("eins", "ein", "eine"),
    "2": ("zwei", "zwo"),
}


@frozen(eq=False)
class _Spacing:
    """Where a recogniser cuts a number that German writes in one word: each field is empty or one space."""

    multiplier: str
    """Between "zwei" and "hundert" or "tausend"."""
    thousand: str
    """After "tausend"."""
    hundred: str
    """After "hundert"."""
    tens: str
    """Around the "und" of "einundzwanzig"."""


_SPACINGS: Final = (
    _Spacing("", "", "", ""),
    _Spacing("", " ", "", ""),
    _Spacing("", " ", " ", ""),
    _Spacing("", " ", " ", " "),
    _Spacing(" ", " ", " ", ""),
    _Spacing(" ", " ", " ", " "),
)

_FEW: Final = 12
"""Up to this, "hundert" and "tausend" also take an "und": "tausendundeins"."""


@cache
def _below_hundred(n: int, tens_space: str, before_noun: bool) -> str:
    if n == 1 and before_noun:
        return "ein"
    if n < 20:
        return _UNITS[n]
    tens, unit = divmod(n, 10)
    if not unit:
        return _TENS[tens]
    return f"{'ein' if unit == 1 else _UNITS[unit]}{tens_space}und{tens_space}{_TENS[tens]}"


def _after(head: str, space: str, rest: int, tail: str) -> tuple[str, ...]:
    """`tail` behind "hundert" or "tausend", also with "und" where that is said."""
    plain = f"{head}{space}{tail}"
    return (plain, f"{head}{space}und{space}{tail}") if rest <= _FEW else (plain,)


@cache
def _below_thousand(n: int, spacing: _Spacing, before_noun: bool) -> tuple[str, ...]:
    """`before_noun`: "hundertein", as before "tausend", not "hunderteins"."""
    hundreds, rest = divmod(n, 100)
    tail = _below_hundred(rest, spacing.tens, before_noun) if rest or not hundreds else ""
    if not hundreds:
        return (tail,)
    counted = f"{'ein' if hundreds == 1 else _UNITS[hundreds]}{spacing.multiplier}hundert"
    heads = ("hundert", counted) if hundreds == 1 else (counted,)
    if not rest:
        return heads
    return tuple(form for head in heads for form in _after(head, spacing.hundred, rest, tail))


@cache
def _after_thousand(rest: int, spacing: _Spacing) -> tuple[str, ...]:
    """After "tausend", "hundert" is not said without its "ein"."""
    return tuple(form for form in _below_thousand(rest, spacing, False) if not form.startswith("hundert"))


def _spaced_forms(n: int, spacing: _Spacing) -> list[str]:
    if n < 1000:
        return list(_below_thousand(n, spacing, False))
    thousands, rest = divmod(n, 1000)
    heads = [f"{form}{spacing.multiplier}tausend" for form in _below_thousand(thousands, spacing, True)]
    if thousands == 1:
        heads.insert(0, "tausend")
    if not rest:
        forms = heads
    else:
        tails = _after_thousand(rest, spacing)
        forms = [form for head in heads for tail in tails for form in _after(head, spacing.thousand, rest, tail)]
    hundreds, rest = divmod(n, 100)
    if 11 <= hundreds <= 19:  # "neunzehnhundertvierundachtzig"
        head = f"{_UNITS[hundreds]}{spacing.multiplier}hundert"
        tail = _below_hundred(rest, spacing.tens, False)
        forms += _after(head, spacing.hundred, rest, tail) if rest else [head]
    return forms


def _number_forms(n: int) -> tuple[str, ...]:
    if n < 10:
        return _DIGITS[str(n)]
    forms = dict.fromkeys(form for spacing in _SPACINGS for form in _spaced_forms(n, spacing))
    canonical = next(iter(forms))
    if "zwei" in canonical:
        forms.update(dict.fromkeys([form.replace("zwei", "zwo") for form in forms]))
    if "dreißig" in canonical:
        forms.update(dict.fromkeys([form.replace("dreißig", "dreissig") for form in forms]))
    return tuple(forms)


_IRREGULAR_ORDINALS: Final = {"eins": "erst", "drei": "dritt", "sieben": "siebt", "acht": "acht"}
_MONTHS: Final = (
    "januar|jänner|februar|feber|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
)  # fmt: skip


def _day(match: re.Match[str]) -> str:
    """The ordinal of a date, bent as the word before it asks: "der dritte", "am dritten", "dritter"."""
    before, n = match["before"] or "", int(match["day"])
    spoken = _number_forms(n)[0]
    stem = _IRREGULAR_ORDINALS.get(spoken, f"{spoken}{'t' if n < 20 else 'st'}")
    article = before.strip().lower()
    return before + stem + ("er" if not article else "e" if article == "der" else "en")


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    hours = f"{'ein' if hour == 1 else _number_forms(hour)[0]} uhr"
    return f"{hours} {_number_forms(minute)[0]}" if minute else hours


_HOUR: Final = r"(?<![\w:.,])([01]?[0-9]|2[0-4])"

_NOTATION: Final = Notation(
    grouped=GROUPED_BY_DOT,
    decimal_words={",": "komma", ".": "punkt"},
    decimals_digit_by_digit=True,
    million=Noun(one="eine million", many="millionen"),
    percent="prozent",
    currencies={
        "€": Noun(one="ein euro", many="euro"),
        "$": Noun(one="ein dollar", many="dollar"),
        "£": Noun(one="ein pfund", many="pfund"),
    },
    before_noun=(("eins", "ein"),),
    readings=(
        (re.compile(_HOUR + r"[:.]([0-5][0-9])\s?uhr\b", re.I), _clock),
        (re.compile(_HOUR + r":([0-5][0-9])(?![:.,]?[0-9])"), _clock),
        (re.compile(_HOUR + r"()\s?uhr\b", re.I), _clock),
        (
            re.compile(
                rf"(?P<before>\b(?:der|am|dem|den|des|vom|zum|bis)\s+)?\b(?P<day>[0-3]?[0-9])\.(?=\s?(?:{_MONTHS})\b)",
                re.I,
            ),
            _day,
        ),
    ),
)

_LETTERS: Final = {
    "a": ("a",),
    "b": ("b", "be", "beh", "bee"),
    "c": ("c", "ce", "zeh"),
    "d": ("d", "de", "deh"),
    "e": ("e",),
    "f": ("f", "eff", "ef"),
    "g": ("g", "ge", "geh"),
    "h": ("h", "ha", "hah"),
    "i": ("i",),
    "j": ("j", "jot", "jott"),
    "k": ("k", "ka", "kah"),
    "l": ("l", "ell", "el"),
    "m": ("m", "emm", "em"),
    "n": ("n", "enn", "en"),
    "o": ("o",),
    "p": ("p", "pe", "peh"),
    "q": ("q", "ku", "qu"),
    "r": ("r", "err"),
    "s": ("s", "ess"),
    "t": ("t", "te", "teh"),
    "u": ("u",),
    "v": ("v", "vau", "fau"),
    "w": ("w", "we", "weh"),
    "x": ("x", "ix", "iks"),
    "y": ("y", "ypsilon", "üpsilon", "ipsilon"),
    "z": ("z", "zett", "zet"),
    "ä": ("ä", "a umlaut", "umlaut a"),
    "ö": ("ö", "o umlaut", "umlaut o"),
    "ü": ("ü", "u umlaut", "umlaut u"),
    "ß": ("ß", "eszett", "es zett", "scharfes s", "scharfes es"),
}

_LETTER_HOMOPHONES: Final = taken_for(
    {
        "a": "ah",
        "b": "bei",
        "c": "see",
        "e": "eh, ehe",
        "g": "gehe",
        "h": "haar",
        "i": "ich, ihh",
        "k": "kar",
        "l": "hell",
        "o": "oh",
        "q": "kuh",
        "r": "er",
        "s": "es",
        "t": "tee",
        "u": "uh",
        "w": "wee, weg",
        "x": "nix",
        "z": "zelt",
    }
)

_DIGIT_HOMOPHONES: Final = taken_for(
    {
        "0": "o, oh, nul",
        "1": "eis, heinz, einst",
        "2": "zwar",
        "3": "frei, trei",
        "4": "fier, für, wir, hier",
        "5": "fünft",
        "6": "sex",
        "7": "siebend",
        "8": "ach, achte",
        "9": "neu, neuen",
    }
)

_SYMBOLS: Final = {
    "-": ("bindestrich", "minus", "strich"),
    "_": ("unterstrich",),
    ".": ("punkt",),
    ",": ("komma",),
    ":": ("doppelpunkt",),
    "/": ("schrägstrich", "slash"),
    "\\": ("backslash", "umgekehrter schrägstrich"),
    "@": ("at", "at zeichen", "klammeraffe", "ät"),
    "+": ("plus",),
    "#": ("raute", "rautezeichen", "hashtag"),
    "*": ("stern", "sternchen"),
    "&": ("und", "und zeichen", "kaufmännisches und"),
    "'": ("apostroph",),
    " ": ("leerzeichen",),
}

# Neither "schule" (sch) nor "charlotte" (ch) of the old table is here: a code word stands for one letter.
_ALPHABETS: Final = {
    **NATO,
    **by_initial(
        """
        anton berta cäsar dora emil friedrich gustav heinrich ida julius kaufmann konrad ludwig martha
        nordpol otto paula quelle richard samuel siegfried theodor ulrich viktor wilhelm xanthippe xaver
        ypsilon zacharias anna bertha cesar daniel david emile fritz hans isidor jakob josef karl
        kurfürst leopold maria marta nathan niklaus norbert peter paul quasi rosa sophie stefan thomas
        ursula vera walter yverdon zürich zeppelin aachen berlin chemnitz cottbus düsseldorf essen
        frankfurt goslar hamburg ingelheim iserlohn jena köln leipzig münchen nürnberg offenbach potsdam
        quickborn rostock salzwedel tübingen unna völklingen wuppertal xanten zwickau hannover dortmund
        stuttgart bremen bonn wien
        """
    ),
    "ärger": "ä",
    "ökonom": "ö",
    "österreich": "ö",
    "übermut": "ü",
    "übel": "ü",
    "eszett": "ß",
    "umlaut aachen": "ä",
    "umlaut offenbach": "ö",
    "umlaut unna": "ü",
}

_YES: Final = phrases(
    """
    ja, ja ja, jawohl, jawoll, jo, jep, jup, jap, joa, ja bitte, ja gerne, ja gern, ja genau, ja klar, ja
    natürlich, ja sicher, ja richtig, ja das stimmt, ja stimmt, ja das ist richtig, ja danke, ja korrekt, ja das
    ist korrekt, ja auf jeden fall, ach ja, oh ja, na klar, na gut, genau, ganz genau, genau so, klar, natürlich,
    selbstverständlich, sicher, sicherlich, gewiss, freilich, richtig, das ist richtig, korrekt, das ist korrekt,
    stimmt, das stimmt, stimmt genau, exakt, einverstanden, ich bin einverstanden, in ordnung, das ist in ordnung,
    alles klar, ok, okay, o k, gut, sehr gut, gerne, gern, sehr gerne, sehr gern, auf jeden fall, auf alle fälle,
    absolut, definitiv, unbedingt, doch, wahr, perfekt, passt, das passt, so ist es, bestätigt, ich bestätige,
    warum nicht, kein problem, von mir aus, mhm, ich glaube schon, ich denke schon, glaube schon, denke schon,
    glaub schon, ich glaub schon, ich glaube ja, ich denke ja, das glaube ich, das denke ich, schon, klingt gut,
    das klingt gut, hört sich gut an, das hört sich gut an, das wäre gut, das ist gut, das ist okay, ist okay, ist
    in ordnung, das geht, geht klar, das geht klar, geht in ordnung, das geht in ordnung, passt schon, passt so,
    das passt so, passt mir, das passt mir, alles richtig, alles korrekt, ist richtig, ist korrekt, das ist wahr,
    das bin ich, ich bin es, bin ich, habe ich, hab ich, möchte ich, will ich, kann ich, das möchte ich, das will
    ich, aber ja, aber sicher, aber natürlich, aber gerne, na sicher, logisch, logo, super, prima, toll, wunderbar,
    machen wir so, machen wir, machen sie das, kein thema, keine einwände, meinetwegen, ohne zweifel, am apparat,
    eher ja
    """
)

_NO: Final = phrases(
    """
    nein, nein nein, nein nein nein, nee, ne, nö, nä, nein danke, nein gar nicht, nein überhaupt nicht, nein das
    stimmt nicht, nein stimmt nicht, nein das ist falsch, nein das ist nicht richtig, nein leider nicht, nein
    natürlich nicht, ach nein, oh nein, aber nein, nicht, gar nicht, überhaupt nicht, ganz und gar nicht, auf
    keinen fall, auf gar keinen fall, keinesfalls, keineswegs, keine, kein interesse, bestimmt nicht, sicher nicht,
    natürlich nicht, lieber nicht, eher nicht, nicht wirklich, nicht ganz, nicht richtig, das ist nicht richtig,
    nicht korrekt, das ist nicht korrekt, das stimmt nicht, stimmt nicht, falsch, das ist falsch, verkehrt, unwahr,
    negativ, nie, niemals, nicht einverstanden, ich bin nicht einverstanden, jetzt nicht, heute nicht, noch nicht,
    ich möchte nicht, ich will nicht, ich glaube nicht, passt nicht, das passt nicht, ich glaube nein, ich denke
    nein, glaube nicht, glaub nicht, ich glaub nicht, ich denke nicht, denke nicht, das glaube ich nicht, das denke
    ich nicht, ich fürchte nein, wohl nicht, wohl kaum, eher nein, wahrscheinlich nicht, leider nicht, leider nein,
    im moment nicht, momentan nicht, zurzeit nicht, diesmal nicht, nicht jetzt, nicht heute, nicht mehr, nicht
    nötig, das ist nicht nötig, nicht notwendig, brauche ich nicht, das brauche ich nicht, möchte ich nicht, das
    möchte ich nicht, will ich nicht, das will ich nicht, kann ich nicht, das kann ich nicht, habe ich nicht, hab
    ich nicht, das habe ich nicht, habe keine, ich habe keine, ich habe keinen, ich habe keins, bin ich nicht, das
    bin ich nicht, ich bin es nicht, das ist es nicht, das ist nicht wahr, das geht nicht, geht nicht, kein bedarf,
    ich habe kein interesse, nicht interessiert, ich bin nicht interessiert, ist falsch, ist nicht richtig, ist
    nicht korrekt, das ist verkehrt, das ist ein fehler, doch nicht, ungern, gerade nicht, ich möchte das nicht,
    ich will das nicht, stimmt so nicht, das stimmt so nicht, passt mir nicht, das passt mir nicht, ich brauche
    nicht, ich möchte keine, ich möchte keinen, ich will keine, ich will keinen, ich brauche keine, ich brauche
    keinen, eigentlich nicht, auch nicht, ich auch nicht, nicht dass ich wüsste, keine fragen, ich habe keine
    fragen, nichts, nichts mehr
    """
)

GERMAN: Final = Language(
    code="de",
    digits=_DIGITS,
    digit_homophones=_DIGIT_HOMOPHONES,
    letters=_LETTERS,
    letter_homophones=_LETTER_HOMOPHONES,
    symbols=_SYMBOLS,
    alphabets=_ALPHABETS,
    links=("wie", "wie in", "für", "von"),
    doubling={
        "doppel": 2,
        **dict.fromkeys(phrases("zweimal, zwei mal, zweimal die, zwei mal die, zweimal das, zwei mal das"), 2),
        **dict.fromkeys(phrases("dreimal, drei mal, dreimal die, drei mal die, dreimal das, dreifach"), 3),
    },
    fillers=frozenset(words("äh ähm öh öhm hm hmm mm mmm also na naja nun tja halt eben so")),
    yes=_YES,
    no=_NO,
    negators=words("nicht kein keine keinen keinem keiner keinesfalls nie niemals weder"),
    notation=_NOTATION,
    no_digits=phrases("ein moment, einen moment, ein augenblick, eine minute, eine sekunde, ein bisschen, ein paar"),
    numbers=_number_forms,
    magnitudes=words("million millionen milliarde milliarden"),
    transcribed={"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"},
)
