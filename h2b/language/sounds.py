"""How French words sound, as short keys: words that sound alike have the same key, however they are spelled.

Owns the table of spellings. Must not know places, grammars or engines. The key is coarse on purpose: it leaves out
the mute e, silent endings and the space between words, so "le mans", "lements" and "le man" are one.
"""

import re
from collections.abc import Iterable
from typing import Final

_V: Final = "[aàâäeéèêëiîïoôöuùûüyÿœæ]"
_C: Final = "[bcdfghjklmnpqrstvxz]"
_NOT_NASAL: Final = "(?![aàâäeéèêëiîïoôöuùûüyÿœæhnm])"
"""After the n or m of a vowel said through the nose."""
_SOFT: Final = "(?=[eéèêëiîïyÿ])"

_ENDINGS: Final = (
    (r"(?<=\b[cdlmst])es\b", "E"),
    (r"ets?\b|(?<=\w\w)e(?:rs?|z)\b", "E"),
    (r"ie(?=s?\b)", "i"),
    (r"(?<=[nr])[cg]s?\b|(?<=m)bs?\b", ""),
    (r"(?<=\w)(?:es?|[dtpsxz]+)\b", ""),
)
"""What stands at the end of a word and is not heard as it is written."""

_VOWELS: Final = (
    (r"ueil(?:l|(?=s?\b))|[eœ]uil(?:l|(?=s?\b))|œil", "2j"),
    (r"eau|au", "o"),
    (r"œu?|oeu?|eu", "2"),
    (r"ouil(?:l|(?=s?\b))", "Uj"),
    (r"o[uùû]", "U"),
    (rf"oin{_NOT_NASAL}", "w5"),
    (rf"oy(?={_V})", "waj"),
    (r"o[iîy]", "wa"),
    (rf"ien{_NOT_NASAL}", "j5"),
    (rf"(?:[ae]?[iîy]|u)[nm]{_NOT_NASAL}", "5"),
    (rf"[ae][nm]{_NOT_NASAL}", "1"),
    (rf"o[nm]{_NOT_NASAL}", "0"),
    (r"ail(?:l|(?=s?\b))", "aj"),
    (r"eil(?:l|(?=s?\b))", "Ej"),
    (r"(?<=v)ill|(?<=\b[ml])ill|\bill", "il"),
    (r"ill", "ij"),
    (rf"[ae]y(?={_V})", "Ej"),
    (r"[ae][iîy]|æ|[éèêë]", "E"),
    # The mute e: before one consonant, or two that are said as one, and a vowel.
    (rf"(?<=\w)e(?=(?:[bcdfgptv][rl]|ch|gn|ph|qu|(?!x){_C}){_V})|(?<=g)e(?=[aoâô])", ""),
    (r"e", "E"),
    (rf"[iîïyÿ](?={_V})", "j"),
    (r"[iîïyÿ]", "i"),
    (r"[oôö]", "o"),
    (r"[uùûü]", "y"),
    (r"[aàâä]", "a"),
)

_CONSONANTS: Final = (
    (r"ch(?=[rln])", "k"),
    (r"s?ch", "S"),
    (r"ph", "f"),
    (r"gn", "N"),
    (rf"cc{_SOFT}", "ks"),
    (rf"s?c{_SOFT}|ç|ss|t(?=ion)", "s"),
    (r"cqu?|ck|cc|c|qu?|k", "k"),
    (rf"gu{_SOFT}|gg|g(?![eéèêëiîïyÿ])", "g"),
    (r"g|j", "Z"),
    (rf"(?<={_V})s(?={_V})", "z"),
    (r"x", "ks"),
    (r"w", "v"),
    *((f"{letter}{letter}?", letter) for letter in "bdflmnprstvz"),
)

_SPELLINGS: Final = (*_ENDINGS, *_VOWELS, *_CONSONANTS)
"""Spelling -> sound, in the order in which they are tried at each letter. Of the signs, E stands for é and è, 1, 5 and
0 for the vowels of "vent", "vin" and "bon", 2 for "eu", U for "ou", S, Z and N for "ch", "j" and "gn"."""

_SOUNDS: Final = tuple(sound for _, sound in _SPELLINGS)
_ANY: Final = re.compile("|".join(f"({spelling})" for spelling, _ in _SPELLINGS) + r"|[^\n]")
_TWICE: Final = re.compile(r"([a-zA-Z0-9])\1+")


def french_sound(text: str) -> str:
    """The key of the words of a text in normal form; of several lines, a line of keys each. Linear in time."""
    heard = _ANY.sub(lambda match: _SOUNDS[match.lastindex - 1] if match.lastindex else "", text)
    return _TWICE.sub(r"\1", heard)


def joined_sound(sounds: Iterable[str]) -> str:
    """The key of words whose own keys are known."""
    return _TWICE.sub(r"\1", "".join(sounds))
