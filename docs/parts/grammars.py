"""The shipped grammars, from their presets, what kinds take, and the speech models they need."""

from unittest.mock import patch

from h2b.asr.engines import available_languages
from h2b.cli import grammar_pages
from h2b.cli.markdown import code, table
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.srgs import SRGS
from h2b.grammar.parameter import PresetParameter
from parts.markdown import block


def overview(paths: str) -> str:
    """One row a grammar, with its first English example; only those of `paths` where there are any."""
    chosen = paths.split()
    listed = grammar_pages.listed(load_catalogue())
    return grammar_pages.overview(preset for preset in listed if not chosen or preset.path in chosen)


def reference(_: str) -> str:
    """A chapter for each grammar."""
    return "\n\n".join(map(grammar_pages.chapter, grammar_pages.listed(load_catalogue())))


def kinds(_: str) -> str:
    """The kinds a preset file may name, with their arguments."""
    rows = [(name, "; ".join(map(_argument, KINDS[name].takes.values()))) for name in KINDS if name != SRGS]
    silent = ", ".join(code(name) for name, takes in rows if not takes)
    told = [(code(name), takes) for name, takes in rows if takes]
    files = (code(SRGS), "an [SRGS file](#srgs-files), not a TOML file")
    return table(("kind", "arguments"), [*told, (silent, "none"), files])


def _argument(row: PresetParameter) -> str:
    return f"{code(row.name)}{' (required)' if row.required else ''}: {row.doc}"


def missing_weights(language: str) -> str:
    """The line that tells what to install, where there are no packages of weights."""
    with patch("h2b.asr.weights.find_spec", return_value=None):
        return block("text", available_languages({"languages": [language]})[language])
