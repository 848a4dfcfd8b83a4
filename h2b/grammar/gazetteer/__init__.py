"""The communes of France with their postcodes, by postcode, by spelling and by sound.

Owns the tables, which are built once, when first asked for, and kept small: names as one line of text each, keys as
sorted hashes. Must not know what callers say. Source and licence: LICENCE.md beside this file; `build` makes the data.
"""

import gzip
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.language import fold_accents, normalise
from h2b.language.sounds import french_sound, joined_sound

__all__ = ["Commune", "Gazetteer", "gazetteer", "spelling_key"]

LARGE_CITIES = {
    "paris": tuple(f"75{number:03}" for number in range(1, 21)),
    "lyon": tuple(f"69{number:03}" for number in range(1, 10)),
    "marseille": tuple(f"13{number:03}" for number in range(1, 17)),
}
"""Cities whose arrondissements have each a postcode, the first one first."""


@frozen
class Commune:
    """A commune, or a former one."""

    name: str
    """As it is written, in lower case: "saint-étienne"."""
    postcodes: tuple[str, ...]
    magnitude: int
    """Digits of its population; 1 where it is not known."""


def spelling_key(text: str) -> str:
    """The letters and digits alone: "l'haÿ-les-roses" and "l hay les roses" are one."""
    return re.sub("[^a-z0-9\n]", "", fold_accents(text.lower()))


class _Index:
    """Text keys -> rows. Keys are kept as hashes, which hold for this process; no two of them are expected to meet."""

    def __init__(self, keys: Sequence[str]) -> None:
        hashes = np.fromiter(map(hash, keys), np.int64, len(keys))
        self._rows = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._rows]

    def rows(self, keys: Sequence[str]) -> list[list[int]]:
        """The rows of each key, all asked for at once: that is what is quick."""
        hashes: NDArray[np.int64] = np.fromiter(map(hash, keys), np.int64, len(keys))
        first = np.searchsorted(self._hashes, hashes, "left").tolist()
        last = np.searchsorted(self._hashes, hashes, "right").tolist()
        return [self._rows[a:b].tolist() if a < b else [] for a, b in zip(first, last, strict=True)]


class Gazetteer:
    """The communes of the lines that `build` writes."""

    def __init__(self, text: str) -> None:
        self._lines = [line for line in text.splitlines() if not line.startswith("#")]
        names = "\n".join(line.rpartition("|")[2] for line in self._lines)
        pairs = [
            (int(postcode), row)
            for row, line in enumerate(self._lines)
            for postcode in line.partition("|")[0].split(" ")
        ]
        pairs.sort()
        self._postcodes, self._rows = (array("l", column) for column in zip(*pairs, strict=True))
        self._known = frozenset(f"{postcode:05}" for postcode in self._postcodes)
        self._by_spelling = _Index(spelling_key(names).split("\n"))
        self._by_sound = _Index(_sounds(names))

    def exists(self, postcode: str) -> bool:
        """Whether a postcode of five digits serves any commune."""
        return postcode in self._known

    def of_postcode(self, postcode: str) -> tuple[Commune, ...]:
        """The communes that a postcode of five digits serves, the largest first; none where it does not exist."""
        first = bisect_left(self._postcodes, int(postcode))
        last = bisect_right(self._postcodes, int(postcode), first)
        found = [self._commune(row) for row in self._rows[first:last]]
        return tuple(sorted(found, key=lambda commune: -commune.magnitude))

    def spelled(self, keys: Sequence[str]) -> list[list[Commune]]:
        """For each `spelling_key` the communes of that name."""
        return [list(map(self._commune, rows)) for rows in self._by_spelling.rows(keys)]

    def sounding(self, sounds: Sequence[str]) -> list[list[Commune]]:
        """For each key of `french_sound` the communes whose names sound so."""
        return [list(map(self._commune, rows)) for rows in self._by_sound.rows(sounds)]

    def _commune(self, row: int) -> Commune:
        postcodes, magnitude, name = self._lines[row].split("|")
        return Commune(name, tuple(postcodes.split(" ")), int(magnitude))


def _sounds(names: str) -> list[str]:
    """The sound of each line. Most words are those of many names, so each is looked at once."""
    lines = [normalise(line).split(" ") for line in names.split("\n")]
    words = list({word for line in lines for word in line})
    sounds = dict(zip(words, french_sound("\n".join(words)).split("\n"), strict=True))
    return [joined_sound(map(sounds.__getitem__, line)) for line in lines]


@cache
def gazetteer() -> Gazetteer:
    """The one of this process."""
    packed = files("h2b.grammar.gazetteer").joinpath("communes.txt.gz").read_bytes()
    return Gazetteer(gzip.decompress(packed).decode())
