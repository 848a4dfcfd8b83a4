"""Recordings on disk, read as the 8 kHz mono samples everything inside works in, and written.

Owns WAV (PCM of 8 and 16 bits, A-law, µ-law, any rate, any number of channels) and headerless sound. Must not know
what the sound is for. The standard library's `wave` reads neither A-law nor µ-law, hence the chunk walk here.
Source: Multimedia Programming Interface and Data Specifications 1.0, and RFC 2361 for the format tags.
"""

import struct
import wave
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.audio.framing import decode_samples
from h2b.audio.g711 import decode_alaw, decode_mulaw
from h2b.audio.resample import resample, to_float, to_int16
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE, AudioFormat

PCM_TAG: Final = 0x0001
ALAW_TAG: Final = 0x0006
MULAW_TAG: Final = 0x0007
EXTENSIBLE_TAG: Final = 0xFFFE
"""The true tag then stands in the first two bytes of the sub-format, 24 bytes into the format chunk."""

UNKNOWN_LENGTH: Final = 0x7FFF0000
"""Programs that write to a pipe cannot know the length and state one at least this large."""

EXPECTED: Final = "expected a WAV file of PCM 8 or 16 bits, A-law or mu-law"


class AudioFileError(H2BError):
    """A recording that cannot be read; the text says which file, what was found and what was expected."""

    def __init__(self, path: str | PathLike[str], found: str, expected: str = EXPECTED) -> None:
        super().__init__(f"{path}: {found}; {expected}")


@frozen
class WaveFormat:
    """What a WAV's format chunk says."""

    tag: int
    channels: int
    rate: int
    bits: int


def read_audio(path: str | PathLike[str], raw_format: AudioFormat | None = None) -> NDArray[np.int16]:
    """Samples of a recording, 8 kHz mono; several channels are averaged.

    A file that does not start as a WAV is read as headerless sound in `raw_format` (8 kHz mono). AudioFileError if
    the file cannot be read, is neither, or is cut short.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise AudioFileError(path, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        # A name with a null character.
        raise AudioFileError(repr(str(path)), f"cannot be read ({error})") from error
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return read_wav(path, content)
    if raw_format is None:
        raise AudioFileError(path, "not a WAV file", f"{EXPECTED}, or headerless sound with its audio format named")
    if len(content) % raw_format.bytes_per_sample:
        found = f"{len(content)} bytes of headerless {raw_format.value} sound"
        raise AudioFileError(path, found, "expected two bytes a sample")
    return decode_samples(content, raw_format)


def write_wav(path: str | PathLike[str], samples: NDArray[np.int16], rate: int = SAMPLE_RATE) -> None:
    """Writes mono 16-bit PCM. AudioFileError if the file cannot be written."""
    try:
        # opened here: `wave` given a name it cannot open complains from its destructor
        with Path(path).open("wb") as opened, wave.open(opened, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(samples.astype("<i2", copy=False).tobytes())
    except OSError as error:
        raise AudioFileError(path, f"cannot be written ({error.strerror})", "expected a writable path") from error


def read_wav(path: str | PathLike[str], content: bytes) -> NDArray[np.int16]:
    """Samples of a whole WAV file, 8 kHz mono. `path` is for error texts."""
    wave_format: WaveFormat | None = None
    for name, stated, body in riff_chunks(content):
        if name == b"fmt ":
            wave_format = read_format(path, body)
        elif name == b"data" and wave_format is not None:
            if len(body) < stated < UNKNOWN_LENGTH:
                raise AudioFileError(path, f"cut short: {len(body)} bytes of sound", f"expected the {stated} stated")
            return telephone_samples(path, body, wave_format)
    missing = "format" if wave_format is None else "data"
    raise AudioFileError(path, f"a WAV file with no {missing} chunk")


def riff_chunks(content: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, stated length and body of each chunk of a RIFF file; the last body may be shorter than stated."""
    at = 12
    while at + 8 <= len(content):
        name, stated = struct.unpack_from("<4sI", content, at)
        yield name, stated, content[at + 8 : at + 8 + stated]
        at += 8 + stated + stated % 2


def read_format(path: str | PathLike[str], body: bytes) -> WaveFormat:
    """The format chunk, refused unless it is one of those this module reads."""
    if len(body) < 16:
        raise AudioFileError(path, f"a format chunk of {len(body)} bytes")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE_TAG and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if (tag, bits) not in {(PCM_TAG, 8), (PCM_TAG, 16), (ALAW_TAG, 8), (MULAW_TAG, 8)}:
        raise AudioFileError(path, f"a WAV file with format tag {tag:#06x} and {bits} bits a sample")
    if not channels or not rate:
        raise AudioFileError(path, f"a WAV file with {channels} channels at {rate} Hz")
    return WaveFormat(tag, channels, rate, bits)


def telephone_samples(path: str | PathLike[str], body: bytes, wave_format: WaveFormat) -> NDArray[np.int16]:
    """The data chunk as 8 kHz mono. Sound already in that shape comes out untouched."""
    block = wave_format.channels * wave_format.bits // 8
    if len(body) % block:
        raise AudioFileError(path, f"{len(body)} bytes of sound", f"expected blocks of {block}")
    samples = wave_samples(body, wave_format)
    if wave_format.channels == 1 and wave_format.rate == SAMPLE_RATE:
        return samples
    mono = to_float(samples).reshape(-1, wave_format.channels).mean(axis=1, dtype=np.float32)
    return to_int16(resample(mono, wave_format.rate, SAMPLE_RATE))


def wave_samples(body: bytes, wave_format: WaveFormat) -> NDArray[np.int16]:
    """Samples of the data chunk, channels interleaved."""
    if wave_format.tag == ALAW_TAG:
        return decode_alaw(body)
    if wave_format.tag == MULAW_TAG:
        return decode_mulaw(body)
    if wave_format.bits == 8:
        # 8-bit PCM is unsigned, its silence 128
        return ((np.frombuffer(body, np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)
    return decode_samples(body, AudioFormat.LINEAR)
