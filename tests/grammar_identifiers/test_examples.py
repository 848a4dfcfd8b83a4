"""Every preset's own examples, in each of its languages."""

import pytest

from h2b.grammar.kinds import KINDS
from h2b.grammar.preset import Example, Preset
from h2b.grammar.spoken import Acceptor
from h2b.language import language, normalise
from h2b.model.errors import GrammarDefinitionError
from h2b.model.results import MatchClass
from tests.grammar_identifiers.speech import REGISTRY, understood, values

PATHS = ["spelling/letters", "spelling/phone_number", "zipcode", "iban", "card", "siren", "siret", "nir"]
PRESETS = [REGISTRY.presets[f"speech/{path}"] for path in PATHS]
EXAMPLES = [(preset, example) for preset in PRESETS for example in preset.examples]
NAMES = [f"{preset.path}-{example.language}-{example.say}" for preset, example in EXAMPLES]


def uri_of(preset: Preset, example: Example) -> str:
    return f"builtin:{preset.path}" + (f"?{example.params}" if example.params else "")


@pytest.mark.parametrize(("preset", "example"), EXAMPLES, ids=NAMES)
def test_an_example_comes_out_as_its_preset_says(preset: Preset, example: Example) -> None:
    verdict = understood(uri_of(preset, example), example.language, example.say, 1)
    if example.no_match:
        assert verdict.match is MatchClass.NONE
    else:
        assert verdict.match is (MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE)
        assert values(verdict) == [example.value]


@pytest.mark.parametrize("preset", PRESETS, ids=PATHS)
def test_a_preset_has_examples_of_both_outcomes_in_every_language(preset: Preset) -> None:
    for code in preset.languages:
        examples = [example for example in preset.examples if example.language == code]
        assert any(example.value is not None and not example.partial for example in examples)
        assert any(example.no_match for example in examples)


FREE_ONLY = {"as", "comme", "de", "wie", "euh", "plus"}
"""Illustrations, hesitations and numbers abroad are found in free words; a decoder writes none of them."""
WRITTEN = [
    (preset, example)
    for preset, example in EXAMPLES
    if example.value is not None and not example.partial and not FREE_ONLY & set(example.say.split())
]


@pytest.mark.parametrize(("preset", "example"), WRITTEN, ids=[f"{p.path}-{e.say}" for p, e in WRITTEN])
def test_the_decoder_may_write_the_value_without_the_words_around_it(preset: Preset, example: Example) -> None:
    grammar = REGISTRY.activate(uri_of(preset, example), example.language)
    acceptor = KINDS[grammar.kind].acceptor(grammar.arguments, language(example.language))
    assert acceptor is not None
    words = normalise(example.say).split()
    ends = range(1, len(words) + 1)
    assert any(accepted(acceptor, " ".join(words[start:end])) for end in ends for start in range(end))


def accepted(acceptor: Acceptor, text: str) -> bool:
    positions = acceptor.start()
    for byte in text.encode():
        after = acceptor.arcs(positions).get(byte)
        if after is None:
            return False
        positions = after
    return acceptor.accepts(positions)


def test_a_region_that_has_no_numbers_is_refused_with_its_name() -> None:
    with pytest.raises(GrammarDefinitionError, match="region: got 'ZZ', expected two letters of a country"):
        REGISTRY.activate("builtin:speech/spelling/phone_number?region=ZZ", "fr")
    with pytest.raises(GrammarDefinitionError, match="region: got 'ZZ', expected one of AR, AT, AU"):
        REGISTRY.activate("builtin:speech/zipcode?region=ZZ", "fr")
