"""Log-mel features: against the definition, and what must hold for any audio."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from h2b.asr.backends.mel import HOP_SAMPLES, MEL_SAMPLE_RATE, filters, log_mel


def tone(hertz: float, seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    times = np.arange(int(seconds * MEL_SAMPLE_RATE)) / MEL_SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def by_definition(samples: NDArray[np.float32], frames: int, mels: int) -> NDArray[np.float64]:
    """In float64, frame by frame, over the whole window."""
    window = np.zeros(frames * HOP_SAMPLES)
    heard = samples[: len(window)]
    window[: len(heard)] = heard
    padded = np.pad(window, 200, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, frames * HOP_SAMPLES, HOP_SAMPLES)
    power = np.array([np.abs(np.fft.rfft(padded[start : start + 400] * hann)) ** 2 for start in starts])
    logarithm = np.log10(np.maximum(filters(mels).astype(np.float64) @ power.T, 1e-10))
    return (np.maximum(logarithm, logarithm.max() - 8) + 4) / 4


@pytest.mark.parametrize("samples", [0, 1, 159, 16_000, 31_700, 31_801, 31_999, 32_000, 40_000])
def test_features_follow_the_definition_for_any_length(samples: int) -> None:
    features = log_mel(noise(samples), 200)
    assert features.dtype == np.float32
    assert features.shape == (80, 200)
    assert np.abs(features - by_definition(noise(samples), 200, 80)).max() < 1e-5


@pytest.mark.parametrize("mels", [80, 128])
def test_filters_have_the_shape_models_expect_and_equal_area(mels: int) -> None:
    bank = filters(mels)
    assert bank.shape == (mels, 201)
    assert bank.min() >= 0
    # Slaney's filters have area 1; bins of 40 Hz sample the wide ones well.
    areas = bank.sum(axis=1) * MEL_SAMPLE_RATE / 400
    assert np.abs(areas[mels // 2 :] - 1).max() < 0.1


def test_the_first_filters_are_those_of_the_published_table() -> None:
    # The first values of the table OpenAI publishes for 80 filters.
    assert filters(80)[0, 1] == pytest.approx(0.02486259, abs=1e-7)
    assert np.count_nonzero(filters(80)[0]) == 1


def test_filters_are_linear_below_a_kilohertz_and_reach_the_top() -> None:
    peaks = filters(80).argmax(axis=1) * 40
    steps = np.diff(peaks[peaks < 1000])
    assert set(steps) <= {0, 40}
    assert np.count_nonzero(filters(80)[-1, 190:]) > 0
    assert filters(80)[-1, 200] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("hertz", [200, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_filter_around_it(hertz: float) -> None:
    loudest = int(log_mel(tone(hertz, 1), 100)[:, 50].argmax())
    around = np.flatnonzero(filters(80)[loudest]) * 40
    assert around.min() - 40 <= hertz <= around.max() + 40


def test_ten_times_the_level_is_half_a_unit_more() -> None:
    quiet, loud = log_mel(noise(8000), 50), log_mel(noise(8000) * np.float32(10), 50)
    assert np.abs(loud - quiet - 0.5).max() < 1e-4


def test_silence_is_flat() -> None:
    assert np.abs(log_mel(np.zeros(1000, np.float32), 30) + 1.5).max() < 1e-6


def test_nothing_is_more_than_eight_decades_below_the_loudest() -> None:
    features = log_mel(tone(440, 1), 200)
    assert features.max() - features.min() == pytest.approx(2.0)


@given(length=st.integers(0, 5000), silence=st.integers(0, 3000), frames=st.integers(2, 40))
def test_silence_added_at_the_end_changes_nothing(length: int, silence: int, frames: int) -> None:
    samples = noise(length)
    longer = np.concatenate([samples, np.zeros(silence, np.float32)])
    assert np.abs(log_mel(samples, frames) - log_mel(longer, frames)).max() < 1e-5


@given(extra=st.integers(1, 1000))
def test_samples_beyond_the_window_are_not_heard(extra: int) -> None:
    inside = noise(20 * HOP_SAMPLES)
    assert np.array_equal(log_mel(inside, 20), log_mel(np.concatenate([inside, noise(extra, 2)]), 20))
