"""Chunks of bytes become frames of samples.

Owns decoding by audio format and the cut into 20 ms frames with their position in the call. Must not know where
chunks come from, nor what frames are for. Chunking leaves no trace: the same bytes in any split give the same frames.
"""

import numpy as np
from attrs import cmp_using, field, frozen
from numpy.typing import NDArray

from h2b.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from h2b.model.formats import FRAME_SAMPLES, AudioFormat

NO_SAMPLES = np.zeros(0, np.int16)
same_samples = cmp_using(eq=np.array_equal)
"""Compares arrays as values, for records that hold samples."""


@frozen
class Frame:
    """20 ms of sound: 160 int16 samples (read-only), and the index of the first one in the call's audio."""

    samples: NDArray[np.int16] = field(eq=same_samples)
    start: int

    @property
    def end(self) -> int:
        """Index of the first sample after this frame."""
        return self.start + FRAME_SAMPLES


def decode_samples(octets: bytes, audio_format: AudioFormat) -> NDArray[np.int16]:
    """Samples coded in `octets`. A linear format takes whole samples: an even number of octets, or ValueError."""
    match audio_format:
        case AudioFormat.LINEAR:
            return np.frombuffer(octets, "<i2").astype(np.int16, copy=False)
        case AudioFormat.G711A:
            return decode_alaw(octets)
        case AudioFormat.G711U:
            return decode_mulaw(octets)


def encode_samples(samples: NDArray[np.int16], audio_format: AudioFormat) -> bytes:
    """The bytes a client sends for these samples: the inverse of `decode_samples`, but for G.711's rounding."""
    match audio_format:
        case AudioFormat.LINEAR:
            return samples.astype("<i2", copy=False).tobytes()
        case AudioFormat.G711A:
            return encode_alaw(samples)
        case AudioFormat.G711U:
            return encode_mulaw(samples)


class Framer:
    """Cuts the audio of one call into frames. Positions start at 0 and count every sample, filled silence included."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._pending = b""
        self._started = NO_SAMPLES
        self._next_frame_start = 0

    @property
    def next_sample(self) -> int:
        """Index in the call's audio of the sample that will be read next."""
        return self._next_frame_start + len(self._started)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Frames that `chunk` completes; the rest is kept, down to half a linear sample. Any chunk is valid."""
        octets = self._pending + chunk if self._pending else chunk
        usable = len(octets) - len(octets) % self._format.bytes_per_sample
        self._pending = bytes(octets[usable:])
        return self._cut(decode_samples(octets[:usable], self._format))

    def fill_silence(self, frames: int) -> list[Frame]:
        """Exactly `frames` frames of digital silence, for the time a client sends nothing.

        The first one begins with the samples of a frame already under way. Half a linear sample stays pending: its
        other half comes first if the client ever sends again.
        """
        missing = frames * FRAME_SAMPLES - len(self._started)
        return self._cut(np.zeros(max(missing, 0), np.int16))

    def _cut(self, samples: NDArray[np.int16]) -> list[Frame]:
        if len(self._started):
            samples = np.concatenate((self._started, samples))
        samples.flags.writeable = False
        whole = len(samples) - len(samples) % FRAME_SAMPLES
        first = self._next_frame_start
        self._next_frame_start += whole
        # a copy, so that the bytes of a large chunk do not live on for a few samples
        self._started = samples[whole:].copy() if whole < len(samples) else NO_SAMPLES
        return [Frame(samples[at : at + FRAME_SAMPLES], first + at) for at in range(0, whole, FRAME_SAMPLES)]
