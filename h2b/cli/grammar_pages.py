"""Reference pages of grammars in Markdown, made from presets: for `h2b grammars docs` and for the project's own pages.

Owns what a page tells of a grammar. Must not know which grammars there are.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from h2b.cli.markdown import code, table
from h2b.grammar.preset import Example, Preset
from h2b.grammar.registry import Registry


def listed(registry: Registry) -> list[Preset]:
    """Each preset once, whatever its names, by URI."""
    return sorted({preset.path: preset for preset in registry.presets.values()}.values(), key=lambda p: p.path)


def overview(presets: Iterable[Preset]) -> str:
    """One row a grammar, with its first example."""
    return table(("grammar", "said", "value", "languages"), map(_overview_row, presets))


def chapter(preset: Preset, heading: str = "###") -> str:
    """All there is to know of one grammar."""
    parts = [f"{heading} builtin:{preset.path}", preset.doc]
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
    if preset.examples:
        examples = ((e.language, _said(e), code(e.params), outcome(e)) for e in preset.examples)
        parts.append(table(("language", "said", "parameters", "value"), examples))
    return "\n\n".join(parts)


def pages(presets: Iterable[Preset]) -> Iterator[tuple[PurePosixPath, str]]:
    """A page for each grammar and, last, README.md with all of them: where it belongs, and its text."""
    rows = []
    for preset in presets:
        place = PurePosixPath(f"{preset.path}.md")
        yield place, chapter(preset, "#") + "\n"
        uri, said, value, languages = _overview_row(preset)
        rows.append((f"[{uri}]({place})", said, value, languages))
    yield PurePosixPath("README.md"), f"# Grammars\n\n{table(('grammar', 'said', 'value', 'languages'), rows)}\n"


def outcome(example: Example) -> str:
    """What comes of an example."""
    if example.no_match:
        return "no match"
    value = _json(example.value)
    return f"{value} (partial)" if example.partial else value


def _overview_row(preset: Preset) -> tuple[str, str, str, str]:
    languages = ", ".join(preset.languages)
    # English where it is spoken: the page is in English, too.
    examples = sorted(preset.examples, key=lambda example: example.language != "en")
    if not examples:
        return code(f"builtin:{preset.path}"), "-", "-", languages
    first = examples[0]
    query = f"?{first.params}" if first.params else ""
    return code(f"builtin:{preset.path}{query}"), _said(first), outcome(first), languages


def _said(example: Example) -> str:
    return f"“{example.say}”" if example.say else "(nothing)"


def _json(value: object) -> str:
    return "-" if value is None else code(json.dumps(value, ensure_ascii=False))
