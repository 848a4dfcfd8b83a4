"""How callers say identifiers, and what a grammar makes of it."""

from collections.abc import Sequence

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.language import language, normalise
from h2b.model.results import Hypothesis, Path, Value

REGISTRY = load_catalogue()
LANGUAGES = ("en", "fr", "es", "de")


def understood(uri: str, tag: str, say: str, n_best: int = 10) -> Verdict:
    heard = Hypothesis(transcript=normalise(say), confidence=1.0, path=Path.FREE)
    return interpret([heard], [REGISTRY.activate(uri, tag)], n_best)


def values(verdict: Verdict) -> list[Value]:
    return [a.interpretation.value for a in verdict.alternatives if a.interpretation is not None]


def spoken(code: str, value: str, sizes: Sequence[int], form: int = 0) -> str:
    """A value in groups: leading zeros one by one, the rest of a group as a number; other characters by name."""
    words = language(code)
    said: list[str] = []
    at = 0
    for size in sizes:
        group = value[at : at + size]
        at += size
        if not group.isdigit():
            said += [words.digits[c][0] if c.isdigit() else c for c in group]
            continue
        number = group.lstrip("0")
        said += [words.digits["0"][0]] * (len(group) - len(number))
        if number:
            forms = words.number_forms(int(number))
            said.append(forms[form % len(forms)])
    assert at >= len(value)
    return " ".join(said)
