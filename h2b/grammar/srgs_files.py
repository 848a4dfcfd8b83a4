"""SRGS files as presets: `grammars/speech/menu.grxml` answers to `builtin:speech/menu`.

Owns the way from a file to a preset. A grammar may refer to other files of its folder, by their place from its own.
"""

import re
from pathlib import Path

from h2b.grammar.kinds.srgs import SRGS, argument_values
from h2b.grammar.preset import Example, Preset
from h2b.grammar.srgs.documents import MAXIMUM_BYTES
from h2b.grammar.srgs.loader import Resolver
from h2b.grammar.srgs.pack import Documents
from h2b.language import LANGUAGES
from h2b.model.errors import ClientError, ConfigurationError

SUFFIXES = (".grxml", ".gram")
_PLACE = re.compile(r"grammar '.*?': (?:line ([0-9]+): )?(.*)", re.DOTALL)
"""A GrammarDefinitionError taken apart: it names the document by its URI, an operator knows files."""


def load_srgs(path: Path, folder: Path) -> Preset:
    """One file; its place below `folder` is its URI. Raises ConfigurationError."""
    name = path.relative_to(folder).as_posix()
    try:
        source = _read(path)
        documents, grammar = Documents.read(source, name, _inside(folder))
        fixed = argument_values(documents, grammar)
    except ClientError as error:
        place = _PLACE.fullmatch(error.reason)
        line, why = (place[1], place[2]) if place else (None, error.reason)
        raise ConfigurationError(why, str(path), int(line) if line else None) from error
    primary = grammar.language.partition("-")[0].lower()
    known = [language.code for language in LANGUAGES]
    if not grammar.dtmf and primary not in known:
        raise ConfigurationError(f"language: got '{grammar.language}', expected any of {', '.join(known)}", str(path))
    return Preset(
        path=str(Path(name).with_suffix("").as_posix()),
        type=SRGS,
        doc=f"The {'key' if grammar.dtmf else 'spoken'} answers that the SRGS grammar {path.name} describes.",
        languages=tuple(known) if grammar.dtmf else (primary,),
        fixed=fixed,
        examples=tuple(Example(language=primary, say=example) for example in grammar.examples),
        source=str(path),
    )


def _inside(folder: Path) -> Resolver:
    """Files by their path below a folder, and of no other place."""

    def resolve(uri: str) -> bytes | None:
        path = (folder / uri).resolve()
        inside = path.is_relative_to(folder.resolve()) and path.suffix in SUFFIXES and path.is_file()
        return _read(path) if inside else None

    return resolve


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise ConfigurationError(f"larger than {MAXIMUM_BYTES} bytes", str(path))
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error}", str(path)) from error
