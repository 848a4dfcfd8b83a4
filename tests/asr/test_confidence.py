"""Confidences: between 0 and 1, never higher for what is less likely, and there for every model that is shipped."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.asr.backends.moonshine import Moonshine
from h2b.asr.backends.whisper import Whisper
from h2b.asr.confidence import CALIBRATIONS, Calibration

CALIBRATION = st.sampled_from([*CALIBRATIONS.values()])
MEAN = st.floats(-1e6, 0.0)
GAP = st.floats(-1e6, 1e6)


@pytest.mark.parametrize("model", [Moonshine, Whisper], ids=lambda model: model.__name__)
def test_every_shipped_model_has_its_calibration(model: type[Moonshine] | type[Whisper]) -> None:
    assert model.family in CALIBRATIONS


def test_no_calibration_is_left_over() -> None:
    assert set(CALIBRATIONS) == {Moonshine.family, Whisper.family}


@given(CALIBRATION, MEAN, GAP)
def test_a_confidence_is_between_0_and_1(calibration: Calibration, mean: float, gap: float) -> None:
    assert 0.0 <= calibration.of_free_words(mean) <= 1.0
    assert 0.0 <= calibration.of_grammar_words(mean, gap) <= 1.0


@given(CALIBRATION, MEAN, MEAN, GAP)
def test_likelier_words_are_no_less_sure(calibration: Calibration, one: float, other: float, gap: float) -> None:
    low, high = sorted((one, other))

    assert calibration.of_free_words(low) <= calibration.of_free_words(high)
    assert calibration.of_grammar_words(low, gap) <= calibration.of_grammar_words(high, gap)


@given(CALIBRATION, MEAN, GAP, GAP)
def test_a_wider_gap_to_the_free_words_is_no_surer(
    calibration: Calibration, mean: float, one: float, other: float
) -> None:
    narrow, wide = sorted((one, other))

    assert calibration.of_grammar_words(mean, wide) <= calibration.of_grammar_words(mean, narrow)


@given(CALIBRATION, MEAN, st.floats(-1e6, 0.0))
def test_a_grammar_likelier_than_the_free_words_gains_nothing_more(
    calibration: Calibration, mean: float, gap: float
) -> None:
    assert calibration.of_grammar_words(mean, gap) == calibration.of_grammar_words(mean, 0.0)


@pytest.mark.parametrize("family", CALIBRATIONS)
def test_certain_words_are_sure_and_words_far_below_the_free_ones_are_not(family: str) -> None:
    calibration = CALIBRATIONS[family]

    assert calibration.of_free_words(0.0) > 0.95
    assert calibration.of_grammar_words(0.0, 0.0) > 0.99
    assert calibration.of_grammar_words(-0.3, 15.0) < 0.1
    assert calibration.of_free_words(-3.0) < 0.01


def test_the_logistic_is_the_textbooks_and_does_not_overflow() -> None:
    plain = Calibration(free_bias=0.0, free_mean=1.0, held_bias=1.0, held_mean=2.0, held_gap=-3.0)

    assert plain.of_free_words(0.0) == 0.5
    assert plain.of_free_words(-2.0) == pytest.approx(1 / (1 + math.exp(2)))
    assert plain.of_grammar_words(-0.5, 1.0) == pytest.approx(1 / (1 + math.exp(3)))
    assert plain.of_free_words(-1e9) == 0.0
