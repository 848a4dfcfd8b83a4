"""The examples in the preset files are promises to whoever reads the documentation: each of them holds."""

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.preset import Example, Preset
from h2b.language import LANGUAGES, normalise
from h2b.model.results import Hypothesis, MatchClass

REGISTRY = load_catalogue()
PRESETS = {preset.path: preset for preset in REGISTRY.presets.values()}
EXAMPLES = [(preset, example) for preset in PRESETS.values() for example in preset.examples]

each_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


@pytest.mark.parametrize(
    ("preset", "example"),
    EXAMPLES,
    ids=[" ".join(filter(None, (p.path, e.language, e.say, e.params))) for p, e in EXAMPLES],
)
def test_an_example_means_what_it_says(preset: Preset, example: Example) -> None:
    uri = f"builtin:{preset.path}" + (f"?{example.params}" if example.params else "")
    heard = Hypothesis(transcript=normalise(example.say), confidence=0.9)
    verdict = interpret([heard], [REGISTRY.activate(uri, example.language)])
    if example.no_match:
        assert verdict.match is MatchClass.NONE
        return
    assert verdict.match is (MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE)
    interpretation = verdict.alternatives[0].interpretation
    assert interpretation is not None
    if example.value is not None:
        assert interpretation.value == example.value
        assert type(interpretation.value) is type(example.value)


@each_preset
def test_every_language_of_a_preset_has_a_positive_and_a_negative_example(preset: Preset) -> None:
    for code in preset.languages:
        examples = [example for example in preset.examples if example.language == code]
        assert any(example.value is not None and not example.partial for example in examples), code
        assert any(example.no_match for example in examples), code


FRENCH_ONLY = ("speech/postal_address", "speech/address")
"""Where only France has an open list of postcodes."""


@each_preset
def test_every_preset_is_documented_and_speaks_every_language(preset: Preset) -> None:
    everywhere = {language.code for language in LANGUAGES}
    assert set(preset.languages) == ({"fr"} if preset.path in FRENCH_ONLY else everywhere)
    assert preset.doc.endswith((".", "`"))
    for parameter in preset.parameters.values():
        assert parameter.doc.endswith("."), parameter.name


def test_the_names_that_clients_know_are_there() -> None:
    """Those of the H2B reference, section 5.2."""
    known = (
        "speech/none",
        "grammar/none",
        "speech/text2num",
        "speech/boolean",
        "speech/keywords",
        "speech/spelling/digits",
    )
    assert [name for name in known if name not in REGISTRY.presets] == []
    assert REGISTRY.presets["speech/none"] is REGISTRY.presets["speech/transcribe"]
