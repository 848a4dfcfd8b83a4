"""Signals the audio tests listen to, all repeatable: int16 at 8 kHz, lengths in seconds, loudness as RMS."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from h2b.audio.framing import Frame, Framer, encode_samples
from h2b.model.formats import SAMPLE_RATE, AudioFormat

Samples = NDArray[np.int16]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def noise(seconds: float, rms: float, seed: int = 0) -> Samples:
    return int16(np.random.default_rng(seed).normal(0, rms, round(seconds * SAMPLE_RATE)))


def hum(seconds: float, rms: float, hertz: float = 50) -> Samples:
    """Mains hum: the fundamental and some harmonics."""
    return scaled(sum(np.sin(turns(seconds, hertz * n) + n) / n for n in (1, 2, 3, 5, 7)), rms)


def vowel(seconds: float, rms: float = 3000, hertz: float = 120) -> Samples:
    """A voice's harmonics with an `a`-like spectrum, fading in and out within 20 ms."""
    harmonics = range(1, int(3400 / hertz))
    sound = sum(np.sin(turns(seconds, hertz * n)) * np.exp(-(((hertz * n - 700) / 500) ** 2)) for n in harmonics)
    ramp = np.minimum(1, np.arange(len(sound)) / 160)
    return scaled(sound * ramp * ramp[::-1], rms)


def clicks(seconds: float, every: float, length: float = 0.02, rms: float = 5000) -> Samples:
    """Bursts of noise over a quiet line."""
    sound = noise(seconds, 3).astype(np.float64)
    burst = noise(length, rms, seed=1)
    for second in np.arange(0.1, seconds - length, every):
        start = round(second * SAMPLE_RATE)
        sound[start : start + len(burst)] += burst
    return int16(sound)


def comfort_noise(seconds: float, rms: float) -> Samples:
    """Noise whose level a far end updates now and then."""
    rng = np.random.default_rng(2)
    levels = 10 ** (rng.uniform(-3, 3, int(seconds / 0.3) + 1) / 20)
    return int16(
        noise(seconds, rms, seed=3) * np.repeat(levels, round(0.3 * SAMPLE_RATE))[: round(seconds * SAMPLE_RATE)]
    )


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def frames(samples: Samples) -> list[Frame]:
    return Framer(AudioFormat.LINEAR).feed(encode_samples(samples, AudioFormat.LINEAR))


def cut(octets: bytes, lengths: list[int]) -> Iterator[bytes]:
    """`octets` in chunks of the given lengths, over and over until all is sent."""
    at, turn = 0, 0
    while at < len(octets):
        length = lengths[turn % len(lengths)]
        yield octets[at : at + length]
        at, turn = at + length, turn + 1


def turns(seconds: float, hertz: float) -> NDArray[np.float64]:
    return 2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def scaled(sound: NDArray[np.float64], rms: float) -> Samples:
    return int16(sound / sound.std() * rms)


def int16(sound: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
