"""The examples in the preset files are promises: each of them holds."""

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.preset import Example, Preset
from h2b.language import normalise
from h2b.model.results import Hypothesis, MatchClass

REGISTRY = load_catalogue()
PRESETS = {preset.path: preset for preset in REGISTRY.presets.values()}
EXAMPLES = [(preset, example) for preset in PRESETS.values() for example in preset.examples]


@pytest.mark.parametrize(("preset", "example"), EXAMPLES, ids=[f"{p.path} {e.language} {e.say}" for p, e in EXAMPLES])
def test_an_example_means_what_it_says(preset: Preset, example: Example) -> None:
    query = f"?{example.params}" if example.params else ""
    grammar = REGISTRY.activate(f"builtin:{preset.path}{query}", example.language)
    verdict = interpret([Hypothesis(transcript=normalise(example.say), confidence=0.9)], [grammar])
    if example.no_match:
        assert verdict.match is MatchClass.NONE
        return
    assert verdict.match is (MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE)
    interpretation = verdict.alternatives[0].interpretation
    assert interpretation is not None
    if example.value is not None:
        assert interpretation.value == example.value
        assert type(interpretation.value) is type(example.value)


@pytest.mark.parametrize("path", PRESETS)
def test_every_language_of_a_preset_has_a_positive_and_a_negative_example(path: str) -> None:
    preset = PRESETS[path]
    for code in preset.languages:
        outcomes = {example.no_match for example in preset.examples if example.language == code}
        assert outcomes == {True, False}, code
