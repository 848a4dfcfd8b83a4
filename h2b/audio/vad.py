"""One vote per frame: does it sound like speech?

Owns the voice activity detector, the noise floor and the test for pitch. Must not know what the votes decide: starts
and ends of speech belong to `endpoint`. A frame votes when two opinions agree: the WebRTC detector, which knows speech
by its spectrum but at first believes any steady noise and holds on for some frames after each burst; and the level,
which must stand out from the noise floor of this line, so that neither steady noise nor digital silence votes. Of a
voiced frame it also says whether it has pitch: vowels have, sudden noise, breath and rustling have not.
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
SHORTEST_PERIOD, LONGEST_PERIOD = SAMPLE_RATE // 400, SAMPLE_RATE // 60
"""Periods of voices, 400 to 60 Hz, in samples."""

OVERLAP = 1 - np.arange(SHORTEST_PERIOD, LONGEST_PERIOD) / PITCH_SAMPLES
"""Share of the samples that still overlap with themselves, shifted by each of these periods."""


ONES = np.ones(FRAME_SAMPLES)


@frozen(kw_only=True)
class VoiceActivitySettings:
    """How sure a frame must be. Levels are dB relative to one unit of the 16-bit scale (full-scale sine: 87 dB)."""

    mode: int = field(default=2, validator=[validators.ge(0), validators.le(3)])
    """Aggressiveness of the WebRTC detector: 0 believes the most, 3 the least."""
    quiet_db: float = 32.0
    """Nothing below this level votes, however quiet the line."""
    margin_db: float = 6.0
    """How far above the noise floor speech stands."""
    floor_blocks: int = field(default=20, validator=validators.ge(1))
    """Length of the floor's window, in blocks of 10 frames: speech has holes far more often than every 4 s."""
    soon_floor_db: float = 38.0
    """So high a floor is believed sooner: noise this strong is common on a line, and no speech."""
    soon_floor_blocks: int = field(default=3, validator=validators.ge(1))
    """How soon, in blocks of 10 frames."""
    pitch_db: float = 43.0
    """Nothing below this level has pitch: vowels are the loudest sounds, and the noise of a room hums."""
    periodicity: float = 0.5
    """Correlation of the sound with itself one period later that makes a pitch: noise hardly ever gets there."""


class VoiceActivity:
    """Votes on the frames of one line, in order; its opinions adapt to the line, so each line has its own."""

    def __init__(self, settings: VoiceActivitySettings | None = None) -> None:
        self.settings = settings or VoiceActivitySettings()
        self._detector = webrtcvad.Vad(self.settings.mode)
        self._floor = NoiseFloor(self.settings)
        self._before = np.zeros(FRAME_SAMPLES, np.int16)
        self._pitched = False

    @property
    def is_pitched(self) -> bool:
        """Whether the frame last voted on is voiced and has the pitch of a voice, as breath and most noise have not."""
        return self._pitched

    def is_voiced(self, frame: Frame) -> bool:
        """The vote on the next frame of the line."""
        samples = frame.samples
        level = level_db(samples)
        # floor and detector hear every frame, loud or not
        floor = self._floor.after(level)
        speechlike = self._detector.is_speech(samples.tobytes(), SAMPLE_RATE, FRAME_SAMPLES)
        settings = self.settings
        voiced = speechlike and level >= settings.quiet_db and level >= floor + settings.margin_db
        self._pitched = voiced and level >= settings.pitch_db and self._is_periodic(samples)
        self._before = samples
        return voiced

    def _is_periodic(self, samples: NDArray[np.int16]) -> bool:
        heard = np.concatenate((self._before[FRAME_SAMPLES - PITCH_SAMPLES :], samples)).astype(np.float32)
        return periodicity(heard) >= self.settings.periodicity


class NoiseFloor:
    """The quietest a line has been of late: minimum of the smoothed level over a sliding window."""

    def __init__(self, settings: VoiceActivitySettings) -> None:
        self._soon_db = settings.soon_floor_db
        self._soon_blocks = settings.soon_floor_blocks
        self._block_minima: deque[float] = deque(maxlen=settings.floor_blocks)
        self._recent: deque[float] = deque(maxlen=SMOOTHING_FRAMES)
        self._frames = 0
        self._minimum = math.inf
        self._lately = math.inf
        self._window = -math.inf

    def after(self, level: float) -> float:
        """The floor in dB, once a frame of this level has been heard."""
        self._recent.append(level)
        smoothed = sum(self._recent) / len(self._recent)
        if smoothed < self._minimum:
            self._minimum = smoothed
        # no lower than the whole window's minimum, yet up to `soon_db` as high as the last few blocks'
        floor = max(min(self._window, self._minimum), min(self._lately, self._minimum, self._soon_db))
        self._frames += 1
        if self._frames % BLOCK_FRAMES == 0:
            self._end_block()
        return floor

    def _end_block(self) -> None:
        self._block_minima.append(self._minimum)
        self._minimum = math.inf
        self._lately = min(list(self._block_minima)[-self._soon_blocks :])
        if len(self._block_minima) == self._block_minima.maxlen:
            self._window = min(self._block_minima)


def level_db(samples: NDArray[np.int16]) -> float:
    """Mean power of a frame without its offset, in dB relative to one unit of the 16-bit scale; silence is 0."""
    # Whole numbers in floats of 64 bits: the sums are exact, whichever way the library adds them up.
    exact = samples.astype(np.float64)
    mean = float(exact.dot(ONES)) / FRAME_SAMPLES
    power = float(exact.dot(exact)) / FRAME_SAMPLES - mean * mean
    return 10 * math.log10(power) if power > 1.0 else 0.0


def periodicity(samples: NDArray[np.float32]) -> float:
    """Highest peak of the autocorrelation of PITCH_SAMPLES samples over the periods of voices.

    About 1 for a steady vowel, below 0.4 for white noise, 0 where there is no peak at all.
    """
    spectrum = np.fft.rfft(samples - samples.mean(), PITCH_FFT)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)
    periods = correlation[SHORTEST_PERIOD:LONGEST_PERIOD] / OVERLAP
    rising = periods[1:] >= periods[:-1]
    # a peak: rises up to it and not after it; without one, a low hum would score by its slope alone
    peaks = periods[1:-1][rising[:-1] & ~rising[1:]]
    return float(peaks.max()) / max(float(correlation[0]), 1.0) if len(peaks) else 0.0
