"""One vote per frame: does it sound like speech?

Owns the voice activity detector, the noise floor and the test for pitch. Must not know what the votes decide: starts
and ends of speech belong to `endpoint`. A frame votes when three opinions agree:

- the WebRTC detector, which knows speech by its spectrum, but at first believes any steady noise and holds on for
  some frames after each burst;
- its level, which must stand out from the noise floor of this line: neither steady noise nor digital silence votes;
- pitch nearby: speech is never without a vowel for long, noise that starts suddenly, breath and rustling are.
"""

import math
from collections import deque

import numpy as np
import webrtcvad
from attrs import field, frozen, validators
from numpy.typing import NDArray

from h2b.audio.framing import Frame
from h2b.model.formats import FRAME_SAMPLES, SAMPLE_RATE

SMOOTHING_FRAMES = 3
"""The floor follows the mean level of this many frames: a single hole in the sound is not the line's noise."""

BLOCK_FRAMES = 10
"""The floor's window slides by this many frames at a time."""

PITCH_SAMPLES = FRAME_SAMPLES * 3 // 2
"""Pitch is looked for in the frame and half of the one before: two periods of the deepest voice and more."""

PITCH_FFT = 512
PITCH_LAGS = slice(SAMPLE_RATE // 400, SAMPLE_RATE // 60)
"""Periods of voices of 60 to 400 Hz, in samples."""


@frozen(kw_only=True)
class VoiceActivitySettings:
    """How sure a frame must be. Levels are dB relative to one unit of the 16-bit scale (full-scale sine: 87 dB)."""

    mode: int = field(default=2, validator=[validators.ge(0), validators.le(3)])
    """Aggressiveness of the WebRTC detector: 0 believes the most, 3 the least."""
    quiet_db: float = 32.0
    """Nothing below this level votes, however quiet the line."""
    margin_db: float = 6.0
    """How far above the noise floor speech stands."""
    unknown_floor_db: float = 38.0
    """Highest floor believed until the line has been heard for a whole window: a call may begin with speech."""
    floor_blocks: int = field(default=20, validator=validators.ge(1))
    """Length of the floor's window, in blocks of 10 frames. Speech has holes far more often than every 4 s."""
    periodicity: float = 0.5
    """Correlation of the sound with itself one period later from which on it has a pitch: noise stays below."""


class VoiceActivity:
    """Votes on the frames of one line, in order; its opinions adapt to the line, so each line has its own."""

    def __init__(self, settings: VoiceActivitySettings | None = None) -> None:
        self.settings = settings or VoiceActivitySettings()
        self._detector = webrtcvad.Vad(self.settings.mode)
        self._floor = NoiseFloor(self.settings.floor_blocks, self.settings.unknown_floor_db)
        self._heard = np.zeros(PITCH_SAMPLES, np.float32)
        self._pitched = False

    @property
    def is_pitched(self) -> bool:
        """Whether the frame last voted on is voiced and has the pitch of a voice: what noise and breath never have."""
        return self._pitched

    def is_voiced(self, frame: Frame) -> bool:
        """The vote on the next frame of the line."""
        samples = frame.samples.astype(np.float32)
        self._heard = np.concatenate((self._heard[FRAME_SAMPLES:], samples))
        level = level_db(samples)
        # floor and detector hear every frame, loud or not
        floor = self._floor.after(level)
        speechlike = self._detector.is_speech(frame.samples.tobytes(), SAMPLE_RATE)
        voiced = speechlike and level >= max(self.settings.quiet_db, floor + self.settings.margin_db)
        self._pitched = voiced and periodicity(self._heard) >= self.settings.periodicity
        return voiced


class NoiseFloor:
    """The quietest the line has been of late: minimum of the smoothed level over a sliding window."""

    def __init__(self, blocks: int, unknown_db: float) -> None:
        self._recent: deque[float] = deque(maxlen=SMOOTHING_FRAMES)
        self._block_minima: deque[float] = deque([unknown_db], maxlen=blocks)
        self._minimum = math.inf
        self._block_frames = 0

    def after(self, level: float) -> float:
        """The floor in dB, once a frame of this level has been heard."""
        self._recent.append(level)
        self._minimum = min(self._minimum, sum(self._recent) / len(self._recent))
        self._block_frames += 1
        if self._block_frames == BLOCK_FRAMES:
            self._block_minima.append(self._minimum)
            self._minimum, self._block_frames = math.inf, 0
        return min(self._minimum, *self._block_minima)


def level_db(samples: NDArray[np.float32]) -> float:
    """Mean power of samples, without their offset, in dB relative to one unit of the 16-bit scale; silence is 0."""
    power = float(samples @ samples) / len(samples) - (float(samples.sum()) / len(samples)) ** 2
    return 10 * math.log10(max(power, 1.0))


def periodicity(samples: NDArray[np.float32]) -> float:
    """Highest peak, at most about 1, of the autocorrelation of PITCH_SAMPLES samples over the periods of voices."""
    centred = samples - samples.mean()
    spectrum = np.fft.rfft(centred, PITCH_FFT)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)
    lags = np.arange(PITCH_LAGS.start, PITCH_LAGS.stop)
    # fewer samples overlap at long lags
    r = correlation[PITCH_LAGS] / (max(correlation[0], 1.0) * (1 - lags / PITCH_SAMPLES))
    peaks = r[1:-1][(r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:])]
    return float(peaks.max()) if len(peaks) else 0.0
