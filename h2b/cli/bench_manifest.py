"""Recordings a bench runs on: the manifest, and which grammar asks for what each kind of recording says.

Owns the file's columns and the tables of kinds. Must not know engines.

The manifest has the columns id, file, language, kind, source, transcript: tab separated, files relative to it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from h2b.model.errors import H2BError

COLUMNS = ("id", "file", "language", "kind", "source", "transcript")

COMMANDS = "go|help|stop|start|repeat|erase|enter|rubout|yes|no"
GRAMMAR_OF_KIND: Mapping[str, str] = {
    "digits": "builtin:speech/spelling/digits",
    "phone": "builtin:speech/spelling/phone_number",
    "spell": "builtin:speech/spelling/mixed",
    "alnum": "builtin:speech/spelling/mixed",
    "number": "builtin:speech/text2num",
    "date": "builtin:speech/date?when=past",
    "yesno": "builtin:speech/boolean",
    "keyword": f"builtin:speech/keywords?alternatives={COMMANDS}",
}
"""Kinds that are answers. All other kinds are speech nobody asked for."""

CODES = ("digits", "spell", "alnum")
"""Kinds whose grammar can be told how long the value is."""

OTHER_SPEECH = ("prompt", "free", "yesno", "keyword")
OUT_OF_GRAMMAR: Mapping[str, tuple[str, Sequence[str]]] = {
    "digits": (GRAMMAR_OF_KIND["digits"], OTHER_SPEECH),
    "boolean": (GRAMMAR_OF_KIND["yesno"], ("prompt", "free", "digits", "spell")),
    "number": ("builtin:speech/number", (*OTHER_SPEECH, "spell")),
    "age": ("builtin:speech/age", (*OTHER_SPEECH, "spell", "date")),
    "currency": ("builtin:speech/currency", (*OTHER_SPEECH, "spell", "date", "digits", "number")),
    "time": ("builtin:speech/time", (*OTHER_SPEECH, "spell", "digits")),
    "date": ("builtin:speech/date?when=past", (*OTHER_SPEECH, "spell", "digits")),
    "keywords": (GRAMMAR_OF_KIND["keyword"], ("prompt", "free", "digits", "spell", "number", "date")),
}
"""By grammar, the kinds of recordings that are no answer to it, whatever words they hold: "press three for sales"."""

CARRIERS: Mapping[str, Sequence[str]] = {
    "en": ("vm-num-i-have", "dir-multi3", "confbridge-there-are", "at-tone-time-exactly"),
    "fr": ("is-set-to", "vm-from-phonenumber", "queue-holdtime", "queue-quantity1", "call-waiting"),
}
"""Prompts that sound like the beginning of a sentence that ends with a number, by the end of their id."""


@frozen
class Row:
    """One recording of the manifest."""

    id: str
    file: Path
    language: str
    kind: str
    source: str
    transcript: str


def read_manifest(manifest: Path) -> list[Row]:
    """The recordings of a manifest, in its order.

    Raises:
        H2BError: the file cannot be read, a line is not what it should be, or two have the same id.
    """
    try:
        head, *lines = manifest.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise H2BError(f"{manifest}: cannot be read ({error})") from error
    if tuple(head.split("\t")) != COLUMNS:
        raise H2BError(f"{manifest}, line 1: expected the columns {', '.join(COLUMNS)}, separated by tabs")
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise H2BError(f"{manifest}, line {number}: {len(cells)} columns, expected {len(COLUMNS)}")
        name, file, code, kind, source, transcript = cells
        if name in seen:
            raise H2BError(f"{manifest}, line {number}: the id '{name}' is that of line {seen[name]} already")
        seen[name] = number
        rows.append(Row(name, manifest.parent / file, code, kind, source, transcript))
    return rows


def chosen(rows: Sequence[Row], languages: Sequence[str], kinds: Sequence[str], sources: Sequence[str]) -> list[Row]:
    """The rows of these languages, kinds and sources; of all where none is named."""
    return [
        row
        for row in rows
        if (not languages or row.language in languages)
        and (not kinds or row.kind in kinds)
        and (not sources or row.source in sources)
    ]
