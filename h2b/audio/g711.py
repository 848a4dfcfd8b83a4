"""G.711: the two logarithmic codings of telephone sound, both ways, by tables.

Owns the mapping between octets and 16-bit samples. Must not know frames, sessions or which format a client announced.
The tables are computed once from the formulas of ITU-T G.711 (tables 1 and 2), scaled to 16 bits as in G.191:
A-law's 13-bit values times 8, µ-law's 14-bit values times 4.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

ALAW_EVEN_BITS: Final = 0x55
"""A-law octets travel with their even bits inverted (G.711 table 1, note 2)."""

MULAW_BIAS: Final = 33
"""Added to a 14-bit magnitude so that every µ-law segment starts at a power of two."""

MULAW_CLIP: Final = 0x1FFF
"""Largest biased µ-law magnitude."""


def decode_alaw(octets: bytes) -> NDArray[np.int16]:
    """A-law octets to as many 16-bit samples. Any octet is valid."""
    return alaw_decoding()[np.frombuffer(octets, np.uint8)]


def decode_mulaw(octets: bytes) -> NDArray[np.int16]:
    """µ-law octets to as many 16-bit samples. Any octet is valid."""
    return mulaw_decoding()[np.frombuffer(octets, np.uint8)]


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples to as many A-law octets."""
    return alaw_encoding()[samples.view(np.uint16)].tobytes()


def encode_mulaw(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples to as many µ-law octets; the few loudest values are clipped as G.711 asks."""
    return mulaw_encoding()[samples.view(np.uint16)].tobytes()


@cache
def alaw_decoding() -> NDArray[np.int16]:
    """The sample each of the 256 A-law octets stands for."""
    octets = np.arange(256) ^ ALAW_EVEN_BITS
    segment, step = octets >> 4 & 7, octets & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.where(octets & 0x80, 8 * magnitude, -8 * magnitude).astype(np.int16)


@cache
def mulaw_decoding() -> NDArray[np.int16]:
    """The sample each of the 256 µ-law octets stands for."""
    octets = np.arange(256) ^ 0xFF
    segment, step = octets >> 4 & 7, octets & 15
    magnitude = ((2 * step + MULAW_BIAS) << segment) - MULAW_BIAS
    return np.where(octets & 0x80, -4 * magnitude, 4 * magnitude).astype(np.int16)


@cache
def alaw_encoding() -> NDArray[np.uint8]:
    """The A-law octet of each 16-bit sample, indexed by the sample's bits read as unsigned."""
    samples = every_sample()
    positive = samples >= 0
    # ones' complement: -1 falls in the first negative step, as G.711's decision values have it
    magnitude = np.where(positive, samples, ~samples) >> 4
    segment = np.maximum(bit_length(magnitude) - 4, 0)
    step = magnitude >> np.maximum(segment - 1, 0) & 15
    octets: NDArray[np.int64] = np.where(positive, 0x80, 0) | segment << 4 | step
    return (octets ^ ALAW_EVEN_BITS).astype(np.uint8)


@cache
def mulaw_encoding() -> NDArray[np.uint8]:
    """The µ-law octet of each 16-bit sample, indexed by the sample's bits read as unsigned."""
    samples = every_sample()
    positive = samples >= 0
    magnitude = np.minimum((np.where(positive, samples, ~samples) >> 2) + MULAW_BIAS, MULAW_CLIP)
    segment = bit_length(magnitude) - 6
    step = magnitude >> (segment + 1) & 15
    octets: NDArray[np.int64] = np.where(positive, 0, 0x80) | segment << 4 | step
    return (octets ^ 0xFF).astype(np.uint8)


def every_sample() -> NDArray[np.int64]:
    """All 65,536 samples, in the order of their bits read as unsigned."""
    return np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int64)


def bit_length(magnitudes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bits each whole number below 2**53 needs; 0 for 0."""
    return np.frexp(magnitudes.astype(np.float64))[1].astype(np.int64)
