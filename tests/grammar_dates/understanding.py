"""What a grammar makes of words said without doubt, on a day that does not pass."""

import json
from pathlib import Path

from h2b.grammar.catalogue import load_preset, shipped_folder
from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.registry import Registry
from h2b.language import normalise
from h2b.model.results import Hypothesis, MatchClass, Value
from h2b.model.results import Path as SearchPath

NAMES = ("date", "time", "number", "currency", "age")
CODES = ("en", "fr", "es", "de")
VECTORS = Path(__file__).parent / "vectors"
TODAY = "2026-11-21"
"""A Saturday."""

PRESETS = [load_preset(shipped_folder() / "speech" / f"{name}.toml", shipped_folder()) for name in NAMES]
REGISTRY = Registry({preset.path: preset for preset in PRESETS})


def verdict_on(name: str, code: str, said: str, parameters: str = "", n_best: int = 1) -> Verdict:
    """`code` may be any tag of a language."""
    if name == "date" and "today=" not in parameters:
        parameters = "&".join(filter(None, (parameters, f"today={TODAY}")))
    grammar = REGISTRY.activate(f"builtin:speech/{name}" + (f"?{parameters}" if parameters else ""), code)
    heard = Hypothesis(transcript=normalise(said), confidence=1.0, path=SearchPath.FREE)
    return interpret([heard], [grammar], n_best)


def values_of(verdict: Verdict) -> list[Value]:
    """Best first."""
    return [a.interpretation.value for a in verdict.alternatives if a.interpretation]


def outcome(verdict: Verdict) -> str:
    """As the vector files have it: a JSON value, `partial` and one, or `none`."""
    if verdict.match is MatchClass.NONE:
        return "none"
    partial = "partial " if verdict.match is MatchClass.PARTIAL else ""
    return partial + json.dumps(values_of(verdict)[0])
