"""Grammars as people name them at a terminal: by URI, or an SRGS file of theirs.

Owns which file names mean which form, and the aliases that files get. Must not know what is done with a grammar.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from h2b.grammar.registry import Registry
from h2b.model.errors import LONGEST_HINTED, H2BError, MethodFailed
from h2b.model.formats import GrammarFormat

SRGS_FILES = {".grxml": GrammarFormat.SRGS_XML, ".gram": GrammarFormat.SRGS_ABNF}


def with_files(registry: Registry, grammars: Sequence[str]) -> tuple[Registry, tuple[str, ...]]:
    """A registry that knows the grammars given as files, each under an alias, and the URIs of all.

    Raises:
        H2BError: a file that cannot be read, or is no grammar.
    """
    uris = []
    for number, grammar in enumerate(grammars, start=1):
        path = Path(grammar)
        written = SRGS_FILES.get(path.suffix)
        if written is None or ":" in grammar:
            uris.append(grammar)
            continue
        alias = re.sub(r"[\s?#]", "_", path.stem) or f"grammar{number}"
        registry = registry.define(alias, _text(path), written)
        uris.append(f"session:{alias}")
    return registry, tuple(uris)


def check_schemes(registry: Registry, grammars: Sequence[str]) -> None:
    """See that all are URIs, where names alone are none. Raises MethodFailed with the nearest."""
    for grammar in grammars:
        if ":" not in grammar:
            raise MethodFailed(f"unknown grammar '{grammar}'{_hint(grammar, registry)}")


def _hint(name: str, registry: Registry) -> str:
    """The URI that is meant by a name without its scheme: `digits` for `builtin:speech/spelling/digits`."""
    presets = {path.rpartition("/")[2]: path for path in sorted(registry.presets, reverse=True)}
    close = get_close_matches(name[:LONGEST_HINTED].rpartition("/")[2], presets, n=1)
    if not close:
        return ", expected one of h2b grammars list, or a file"
    return f" (nearest: 'builtin:{presets[close[0]]}')"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise H2BError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise H2BError(f"{path}: not UTF-8 at byte {error.start}") from error
