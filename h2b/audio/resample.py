"""Sample rates and sample types.

Owns the change from one rate to another and between 16-bit and floating samples. Must not know files or models.
"""

import numpy as np
import soxr
from numpy.typing import NDArray

FULL_SCALE = 32768
"""The int16 value that 1.0 stands for."""


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Samples in -1..1."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples rounded to 16 bits; what lies outside -1..1 is clipped. Inverse of `to_float`."""
    scaled = np.rint(samples * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def resample(samples: NDArray[np.float32], source_rate: int, target_rate: int) -> NDArray[np.float32]:
    """The same sound at another rate, in samples a second. One-dimensional in and out, with no delay."""
    if source_rate == target_rate or not len(samples):
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples, source_rate, target_rate)
    return resampled


class StreamResampler:
    """Sound that comes in pieces, at another rate: no seam is heard between them. About 30 ms later than it came."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16")

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """What can be told by now, which may be nothing. One-dimensional in and out."""
        resampled: NDArray[np.int16] = self._stream.resample_chunk(samples)
        return resampled
