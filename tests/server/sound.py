"""Sound for the server's tests that counts as speech, linear at 8 kHz."""

import numpy as np

from h2b.model.formats import SAMPLE_RATE

HARMONICS = (0.3, 0.5, 0.6, 0.9, 1.0, 0.9, 0.5, 0.3, 0.3, 0.5, 0.6, 0.4)


def vowel(seconds: float, pitch_hz: float = 120.0) -> bytes:
    """Something the voice activity detector takes for a voice."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(
        loudness * np.sin(2 * np.pi * pitch_hz * number * time) for number, loudness in enumerate(HARMONICS, start=1)
    )
    return (wave / np.abs(wave).max() * 8000).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SAMPLE_RATE))


UTTERANCE = silence(0.5) + vowel(0.6) + silence(0.4)
"""A word in 1.5 s of audio, with the pause after it that asks for a hypothesis."""
