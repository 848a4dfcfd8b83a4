"""Dates, times and amounts, as files of things said, parameters and outcomes; and the presets' own examples."""

import pytest

from h2b.model.results import MatchClass
from tests.grammar_dates.understanding import CODES, NAMES, PRESETS, VECTORS, outcome, values_of, verdict_on


def rows(name: str, code: str) -> list[list[str]]:
    return [line.split("\t") for line in (VECTORS / f"{name}_{code}.tsv").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", NAMES)
def test_every_vector_has_its_outcome(name, code):
    got = [
        [said, parameters, outcome(verdict_on(name, code, said, parameters))]
        for said, parameters, _ in rows(name, code)
    ]
    assert got == rows(name, code)


@pytest.mark.parametrize("code", CODES)
def test_there_are_enough_vectors(code):
    assert len(rows("date", code)) >= 25
    assert all(len(rows(name, code)) >= 10 for name in NAMES)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.path)
def test_presets_keep_the_promises_of_their_examples(preset):
    name = preset.path.removeprefix("speech/")
    for example in preset.examples:
        verdict = verdict_on(name, example.language, example.say, example.params)
        expected = (
            MatchClass.NONE if example.no_match else MatchClass.PARTIAL if example.partial else MatchClass.COMPLETE
        )
        assert (example.say, verdict.match) == (example.say, expected)
        if example.value is not None:
            assert values_of(verdict) == [example.value]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.path)
def test_presets_have_a_positive_and_a_negative_example_in_each_language(preset):
    for code in CODES:
        assert any(example.value is not None for example in preset.examples if example.language == code)
        assert any(example.no_match for example in preset.examples if example.language == code)
