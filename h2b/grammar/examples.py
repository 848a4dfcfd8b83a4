"""Runs the examples of presets: each is a promise of its author's, and a test.

Owns what it means that an example holds, and which examples a preset must have. Must not know terminals or audio.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from attrs import frozen

from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.kinds.srgs import DOCUMENTS, SRGS
from h2b.grammar.preset import Example, Preset
from h2b.grammar.registry import Registry
from h2b.grammar.srgs.matcher import Progress, match_keys
from h2b.grammar.srgs.model import Grammar
from h2b.grammar.srgs.pack import Documents
from h2b.language import language
from h2b.model.errors import ClientError, ScriptError
from h2b.model.results import Hypothesis, MatchClass, Value

DENYING = (".toml",)
"""Suffixes of files that can say what must not match: the others have no word for it, so none is asked for."""

_MATCHES: Mapping[Progress, MatchClass] = {
    Progress.COMPLETE: MatchClass.COMPLETE,
    Progress.CAN_CONTINUE: MatchClass.PARTIAL,
    Progress.DEAD: MatchClass.NONE,
}

Evaluate = Callable[[Verdict], Verdict]
"""Puts the results of scripts into a verdict."""


@frozen(kw_only=True)
class Failure:
    """One example that does not hold, or one that is not there."""

    where: str
    """File and, where it is known, line."""
    language: str
    said: str
    expected: str
    got: str


def failures(preset: Preset, registry: Registry, evaluate: Evaluate = lambda verdict: verdict) -> list[Failure]:
    """Everything that does not hold of a preset's examples. The registry has the preset.

    Without `evaluate` the values that scripts would give are not known.
    """
    return [*_missing(preset), *_broken(preset, registry, evaluate)]


def outcome(example: Example) -> tuple[MatchClass, Value | None]:
    """What an example promises: how far it matches, and the value if that is promised, too."""
    if example.no_match:
        return MatchClass.NONE, None
    return MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE, example.value


def same(expected: object, got: object) -> bool:
    """Whether two JSON values are one: true is no 1, but 50 is 50.0."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(expected[key], got[key]) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    return expected == got


def _missing(preset: Preset) -> Iterator[Failure]:
    if _of_keys(preset):
        if not preset.examples:
            yield _absent(preset, "keys", "an example that matches")
        return
    denying = Path(preset.source).suffix in DENYING
    for code in preset.languages:
        own = [example for example in preset.examples if example.language == code]
        if not any(outcome(example)[0] is MatchClass.COMPLETE for example in own):
            yield _absent(preset, code, "an example that matches")
        if denying and not any(example.no_match for example in own):
            yield _absent(preset, code, "an example with no_match = true")


def _absent(preset: Preset, code: str, what: str) -> Failure:
    return Failure(where=preset.source, language=code, said="", expected=what, got="none")


def _of_keys(preset: Preset) -> bool:
    """Whether it is a grammar of keys: its examples are rows of them, in no language."""
    return preset.type == SRGS and _grammar_of(preset).dtmf


def _grammar_of(preset: Preset) -> Grammar:
    return Documents.unpacked(str(preset.fixed[DOCUMENTS])).load()


def _broken(preset: Preset, registry: Registry, evaluate: Evaluate) -> Iterator[Failure]:
    run = _press if _of_keys(preset) else partial(_say, registry=registry, evaluate=evaluate)
    for example in preset.examples:
        match, value = outcome(example)
        got_match, got = run(preset, example)
        if isinstance(got_match, MatchClass) and got_match is match and (value is None or same(value, got)):
            continue
        yield Failure(
            where=preset.source if example.line is None else f"{preset.source}:{example.line}",
            language=example.language or "keys",
            said=example.say + (f" ?{example.params}" if example.params else ""),
            expected=in_words(match, value),
            got=in_words(got_match, got) if isinstance(got_match, MatchClass) else got_match,
        )


def _press(preset: Preset, example: Example) -> tuple[MatchClass | str, Value | None]:
    """How far keys match, or why they cannot be tried."""
    keys = "".join(example.say.split())
    try:
        progress = match_keys(_grammar_of(preset), keys).progress
    except (ClientError, ScriptError) as error:
        return str(error), None
    return _MATCHES[progress], None


def _say(
    preset: Preset, example: Example, registry: Registry, evaluate: Evaluate
) -> tuple[MatchClass | str, Value | None]:
    """How far the words match and their value, or why they cannot be tried."""
    uri = f"builtin:{preset.path}" + (f"?{example.params}" if example.params else "")
    heard = Hypothesis(transcript=language(example.language).normalise(example.say), confidence=1.0)
    try:
        verdict = evaluate(interpret([heard], [registry.activate(uri, example.language)]))
    except (ClientError, ScriptError) as error:
        return str(error), None
    best = verdict.alternatives[0].interpretation if verdict.alternatives else None
    return verdict.match, best.value if best else None


def in_words(match: MatchClass, value: Value | None) -> str:
    """An outcome as a person reads it."""
    if match is MatchClass.NONE:
        return "no match"
    text = "a match" if value is None else json.dumps(value, ensure_ascii=False)
    return f"{text} (partial)" if match is MatchClass.PARTIAL else text
