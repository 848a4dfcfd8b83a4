"""Recordings on disk: every kind that is read, and the text of every refusal."""

import struct
from pathlib import Path

import numpy as np
import pytest

from h2b.audio.files import AudioFileError, read_audio, write_wav
from h2b.audio.framing import encode_samples
from h2b.audio.resample import resample, to_float, to_int16
from h2b.model.errors import H2BError
from h2b.model.formats import AudioFormat

from .signals import vowel


def wav(
    octets: bytes, tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, stated: int | None = None
) -> bytes:
    """A WAV with an unknown chunk of odd length before its sound."""
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    if tag == 0xFFFE:
        head += struct.pack("<HHIH", 22, bits, 0, 1) + bytes(14)
    parts = b"fmt " + struct.pack("<I", len(head)) + head + b"LIST\x03\0\0\0odd\0"
    parts += b"data" + struct.pack("<I", len(octets) if stated is None else stated) + octets
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.wav"


def test_what_is_written_is_read_back(path: Path) -> None:
    write_wav(path, vowel(0.3))
    assert np.array_equal(read_audio(path), vowel(0.3))


def test_sound_at_another_rate_is_resampled(path: Path) -> None:
    write_wav(path, to_int16(resample(to_float(vowel(0.5)), 8000, 16000)), rate=16000)
    samples = read_audio(path)
    assert len(samples) == 4000
    assert np.abs(samples.astype(int) - vowel(0.5)).max() < 300


@pytest.mark.parametrize(("tag", "audio_format"), [(6, AudioFormat.G711A), (7, AudioFormat.G711U)])
def test_g711_in_a_wav_is_decoded(path: Path, tag: int, audio_format: AudioFormat) -> None:
    path.write_bytes(wav(encode_samples(vowel(0.1), audio_format), tag=tag, bits=8))
    headerless = path.with_suffix(".raw")
    headerless.write_bytes(encode_samples(vowel(0.1), audio_format))
    assert np.array_equal(read_audio(path), read_audio(headerless, audio_format))


def test_eight_bit_pcm_is_unsigned(path: Path) -> None:
    path.write_bytes(wav(b"\x00\x80\xff", bits=8))
    assert read_audio(path).tolist() == [-32768, 0, 32512]


def test_channels_are_averaged(path: Path) -> None:
    path.write_bytes(wav(np.array([1000, 3000, -500, -700], "<i2").tobytes(), channels=2))
    assert read_audio(path).tolist() == [2000, -600]


def test_an_extensible_format_is_what_its_sub_format_says(path: Path) -> None:
    path.write_bytes(wav(b"\x01\x02", tag=0xFFFE))
    assert read_audio(path).tolist() == [0x0201]


@pytest.mark.parametrize("stated", [0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_ends_where_the_file_ends(path: Path, stated: int) -> None:
    path.write_bytes(wav(b"\x01\x02", stated=stated))
    assert read_audio(path).tolist() == [0x0201]


def test_headerless_sound_needs_its_format_named(path: Path) -> None:
    path.write_bytes(b"\x01\x02\x03\x04")
    assert read_audio(path, AudioFormat.LINEAR).tolist() == [0x0201, 0x0403]
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    assert str(caught.value) == (
        f"{path}: not a WAV file; expected a WAV file of PCM 8 or 16 bits, A-law or mu-law, "
        "or headerless sound with its audio format named"
    )


ACCEPTED = "expected a WAV file of PCM 8 or 16 bits, A-law or mu-law"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (wav(b"", tag=3, bits=32), f"a WAV file with format tag 0x0003 and 32 bits a sample; {ACCEPTED}"),
        (wav(b"", bits=24), f"a WAV file with format tag 0x0001 and 24 bits a sample; {ACCEPTED}"),
        (wav(b"", channels=0), f"a WAV file with 0 channels at 8000 Hz; {ACCEPTED}"),
        (wav(b"\0\0\0"), "3 bytes of sound; expected blocks of 2"),
        (wav(b"\0\0", stated=9000), "cut short: 2 bytes of sound; expected the 9000 stated"),
        (b"RIFF\0\0\0\0WAVE", f"a WAV file with no format chunk; {ACCEPTED}"),
        (wav(b"")[:44], f"a WAV file with no data chunk; {ACCEPTED}"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\0\0", f"a format chunk of 2 bytes; {ACCEPTED}"),
    ],
)
def test_a_wav_that_cannot_be_read_says_what_was_found(path: Path, content: bytes, text: str) -> None:
    path.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    assert str(caught.value) == f"{path}: {text}"


def test_half_a_headerless_sample_is_refused(path: Path) -> None:
    path.write_bytes(b"\0\0\0")
    with pytest.raises(AudioFileError) as caught:
        read_audio(path, AudioFormat.LINEAR)
    assert str(caught.value) == f"{path}: 3 bytes of headerless linear sound; expected two bytes a sample"


def test_a_missing_file_and_an_unwritable_path_say_so(path: Path) -> None:
    with pytest.raises(H2BError) as caught:
        read_audio(path)
    assert str(caught.value) == f"{path}: cannot be read (No such file or directory); {ACCEPTED}"
    nowhere = path / "deep" / "call.wav"
    with pytest.raises(H2BError) as caught:
        write_wav(nowhere, vowel(0.1))
    assert str(caught.value) == f"{nowhere}: cannot be written (No such file or directory); expected a writable path"
