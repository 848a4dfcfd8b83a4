"""The numbered SQL files that make and change the tables of a store.

Owns where they are and their order. Must not know databases.
"""

import re
from importlib.resources import files

from attrs import frozen

from h2b.model.errors import H2BError


@frozen
class Migration:
    """One step from a version of the tables to the next."""

    number: int
    script: str


def migrations(database: str) -> tuple[Migration, ...]:
    """All steps for `sqlite` or `postgres`, in order, numbered from 1 without a gap."""
    found = []
    for path in (files("h2b.usage") / "migrations").iterdir():
        named = re.fullmatch(rf"(\d{{4}})\.{database}\.sql", path.name)
        if named:
            found.append(Migration(int(named[1]), path.read_text(encoding="utf-8")))
    found.sort(key=lambda step: step.number)
    assert [step.number for step in found] == list(range(1, len(found) + 1))
    return tuple(found)


def missing(database: str, version: int, where: str) -> tuple[Migration, ...]:
    """The steps that tables of this version still need. Raises H2BError when a newer h2b has made them."""
    known = migrations(database)
    if version > len(known):
        raise H2BError(f"{where}: its tables have version {version}, expected at most {len(known)}: use a newer h2b")
    return known[version:]
