"""The shipped grammars, from their presets, and the speech models they need."""

from unittest.mock import patch

from h2b.asr.engines import available_languages
from h2b.cli import grammar_pages
from h2b.grammar.catalogue import load_catalogue
from parts.markdown import block


def overview(paths: str) -> str:
    """One row a grammar, with its first English example; only those of `paths` where there are any."""
    chosen = paths.split()
    listed = grammar_pages.listed(load_catalogue())
    return grammar_pages.overview(preset for preset in listed if not chosen or preset.path in chosen)


def reference(_: str) -> str:
    """A chapter for each grammar."""
    return "\n\n".join(map(grammar_pages.chapter, grammar_pages.listed(load_catalogue())))


def missing_weights(language: str) -> str:
    """The line that tells what to install, where there are no packages of weights."""
    with patch("h2b.asr.weights.find_spec", return_value=None):
        return block("text", available_languages({"languages": [language]})[language])
