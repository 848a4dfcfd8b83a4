"""Rates and sample types."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from h2b.audio.resample import resample, to_float, to_int16

from .signals import vowel


@given(arrays(np.int16, st.integers(0, 50)))
def test_samples_survive_as_floats(samples) -> None:
    assert np.array_equal(to_int16(to_float(samples)), samples)


def test_floats_are_within_one_and_out_of_range_is_clipped() -> None:
    assert to_float(np.array([-32768, 16384], np.int16)).tolist() == [-1, 0.5]
    assert to_int16(np.array([-2, 1, 2], np.float32)).tolist() == [-32768, 32767, 32767]


def test_twice_the_rate_and_back_is_the_same_sound() -> None:
    sound = to_float(vowel(0.5))
    doubled = resample(sound, 8000, 16000)
    assert (len(doubled), doubled.dtype) == (8000, np.float32)
    assert np.abs(resample(doubled, 16000, 8000) - sound).max() < 0.01


def test_the_same_rate_and_no_samples_need_no_work() -> None:
    sound = to_float(vowel(0.1))
    assert resample(sound, 8000, 8000) is sound
    assert len(resample(sound[:0], 8000, 16000)) == 0
