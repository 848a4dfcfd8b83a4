"""The shipped grammars, from their presets, and the speech models they need."""

import json
from unittest.mock import patch

from h2b.asr.engines import available_languages
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.preset import Example, Preset
from parts.markdown import block, code, table


def overview(_: str) -> str:
    """One row a grammar, with its first English example."""
    rows = []
    for preset in _presets():
        example = next(example for example in preset.examples if example.language == "en")
        query = f"?{example.params}" if example.params else ""
        rows.append(
            (code(f"builtin:{preset.path}{query}"), f"“{example.say}”", _outcome(example), ", ".join(preset.languages))
        )
    return table(("grammar", "said", "value", "languages"), rows)


def reference(_: str) -> str:
    """A chapter for each grammar."""
    return "\n\n".join(map(_chapter, _presets()))


def missing_weights(language: str) -> str:
    """The line that tells what to install, where there are no packages of weights."""
    with patch("h2b.asr.weights.find_spec", return_value=None):
        return block("text", available_languages({"languages": [language]})[language])


def _presets() -> list[Preset]:
    return sorted({preset.path: preset for preset in load_catalogue().presets.values()}.values(), key=lambda p: p.path)


def _chapter(preset: Preset) -> str:
    parts = [f"### builtin:{preset.path}", preset.doc]
    facts = f"Languages: {', '.join(preset.languages)}."
    if preset.names:
        facts += f" Also called {', '.join(code(f'builtin:{name}') for name in preset.names)}."
    parts.append(facts)
    if preset.parameters:
        rows = [
            (code(row.name), row.expected, "required" if row.required else _json(row.default), row.doc)
            for row in preset.parameters.values()
        ]
        parts.append(table(("parameter", "takes", "default", "meaning"), rows))
    examples = [
        (example.language, f"“{example.say}”" if example.say else "(nothing)", code(example.params), _outcome(example))
        for example in preset.examples
    ]
    parts.append(table(("language", "said", "parameters", "value"), examples))
    return "\n\n".join(parts)


def _json(value: object) -> str:
    return "-" if value is None else code(json.dumps(value, ensure_ascii=False))


def _outcome(example: Example) -> str:
    if example.no_match:
        return "no match"
    value = _json(example.value)
    return f"{value} (partial)" if example.partial else value
