"""What the server's tests share: sound that counts as speech, and what a session is given."""

from itertools import count

import numpy as np
import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.model.formats import SAMPLE_RATE
from h2b.model.params import Parameters
from h2b.protocol.session import Setting

HARMONICS = (0.3, 0.5, 0.6, 0.9, 1.0, 0.9, 0.5, 0.3, 0.3, 0.5, 0.6, 0.4)


def vowel(seconds: float, pitch_hz: float = 120.0) -> bytes:
    """Something the voice activity detector takes for a voice, linear at 8 kHz."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(
        loudness * np.sin(2 * np.pi * pitch_hz * number * time) for number, loudness in enumerate(HARMONICS, start=1)
    )
    return (wave / np.abs(wave).max() * 8000).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


UTTERANCE = silence(0.5) + vowel(0.6) + silence(0.4)
"""A word in 1.5 s of audio, with the pause after it that asks for a hypothesis."""


@pytest.fixture(scope="session")
def registry():
    return load_catalogue()


@pytest.fixture
def setting(registry) -> Setting:
    numbers = count(1)
    return Setting(
        registry=registry,
        parameters=Parameters(speech_language="en"),
        make_channel_id=lambda prefix: f"{prefix}{next(numbers)}",
        wall_time=lambda: 1_700_000_000.0,
        version="test",
    )
