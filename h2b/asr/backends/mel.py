"""The log-mel features Whisper listens to, in numpy.

Owns the arithmetic (as OpenAI's `whisper.audio.log_mel_spectrogram`): 16 kHz, a Hann window of 25 ms every 10 ms, the
power spectrum through triangular filters on Slaney's mel scale, log10, clipped to 8 below the loudest, scaled.
Must not know about models or graphs.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

MEL_SAMPLE_RATE = 16_000
HOP_SAMPLES = 160
_FFT_SAMPLES = 400
_BINS = _FFT_SAMPLES // 2 + 1
_FLOOR = 1e-10  # of the power of one filter: -10 after the logarithm
# OpenBLAS spreads larger products over threads, which then spin beside the engine and cost more than they save.
_BATCH_FRAMES = 16
_RANGE = 8.0  # decades kept below the loudest value of the utterance

# Slaney's scale: linear to 1 kHz at 15 mel, from there 27 mel for a factor of 6.4.
_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def log_mel(samples: NDArray[np.float32], frames: int, mels: int = 80) -> NDArray[np.float32]:
    """Features of shape (mels, frames): frame i is centred on sample 160 i, silence follows the end of `samples`.

    `samples` is mono, -1 to 1, at 16 kHz; what lies beyond 160 x frames samples is not heard.
    """
    heard = samples[: frames * HOP_SAMPLES].astype(np.float32, copy=False)
    half = _FFT_SAMPLES // 2
    # Only frames that touch the samples are transformed; the rest of the window is digital silence.
    busy = min(frames, -(-(len(heard) + half) // HOP_SAMPLES))
    padded = np.zeros(busy * HOP_SAMPLES + 2 * _FFT_SAMPLES, np.float32)
    padded[half : half + len(heard)] = heard
    padded[:half] = padded[_FFT_SAMPLES:half:-1]  # mirrored at the start
    if frames * HOP_SAMPLES - len(heard) < half:
        # The samples fill the window, so the end is mirrored like the start.
        end = half + frames * HOP_SAMPLES
        padded[end : end + half] = padded[end - 2 : end - 2 - half : -1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT_SAMPLES)[: busy * HOP_SAMPLES : HOP_SAMPLES]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32).T
    loudness = np.full((mels, frames), _FLOOR, np.float32)
    for first in range(0, busy, _BATCH_FRAMES):
        batch = slice(first, min(first + _BATCH_FRAMES, busy))
        loudness[:, batch] = filters(mels) @ power[:, batch]
    logarithm = np.log10(np.maximum(loudness, _FLOOR))
    np.maximum(logarithm, logarithm.max() - _RANGE, out=logarithm)
    return ((logarithm + 4) / 4).astype(np.float32, copy=False)


@cache
def filters(mels: int) -> NDArray[np.float32]:
    """The triangular filters, shape (mels, 201): rows are filters of equal area over the bins 0 to 8 kHz."""
    edges = _hertz(np.linspace(0, _mel(MEL_SAMPLE_RATE / 2), mels + 2))
    bins = np.linspace(0, MEL_SAMPLE_RATE / 2, _BINS)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (high - low)).astype(np.float32)


def _mel(hertz: float) -> float:
    """Above 1 kHz only: the top of the scale is all that is asked for."""
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(_FFT_SAMPLES + 1)[:-1].astype(np.float32)
