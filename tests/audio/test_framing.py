"""Chunks to frames: positions, decoding, silence, and that chunking leaves no trace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.audio.framing import Frame, Framer, decode_samples, encode_samples
from h2b.model.formats import AudioFormat

from .signals import cut, noise, vowel

chunk_lengths = st.lists(st.integers(1, 700), min_size=1, max_size=20)


def test_a_linear_chunk_of_60_ms_makes_three_frames() -> None:
    samples = noise(0.06, 1000)
    frames = Framer(AudioFormat.LINEAR).feed(samples.astype("<i2").tobytes())
    assert [frame.start for frame in frames] == [0, 160, 320]
    assert [frame.end for frame in frames] == [160, 320, 480]
    assert np.array_equal(np.concatenate([frame.samples for frame in frames]), samples)


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_samples_survive_the_wire_up_to_the_format_s_own_rounding(audio_format: AudioFormat) -> None:
    once = decode_samples(encode_samples(vowel(0.1), audio_format), audio_format)
    assert np.array_equal(decode_samples(encode_samples(once, audio_format), audio_format), once)
    assert np.abs(once.astype(int) - vowel(0.1)).max() <= (0 if audio_format is AudioFormat.LINEAR else 512)


@pytest.mark.parametrize(
    ("audio_format", "silence_octet"), [(AudioFormat.LINEAR, 0), (AudioFormat.G711A, 0x55), (AudioFormat.G711U, 0xFF)]
)
def test_the_silence_octets_of_every_format_are_near_silence(audio_format: AudioFormat, silence_octet: int) -> None:
    frames = Framer(audio_format).feed(bytes([silence_octet]) * 160 * audio_format.bytes_per_sample)
    assert len(frames) == 1
    assert np.abs(frames[0].samples).max() <= 8


@given(chunk_lengths, st.sampled_from(AudioFormat))
def test_chunking_does_not_change_frames(lengths: list[int], audio_format: AudioFormat) -> None:
    octets = encode_samples(noise(0.5, 3000), audio_format) + b"\x12"
    whole = Framer(audio_format)
    pieces = Framer(audio_format)
    assert [frame for chunk in cut(octets, lengths) for frame in pieces.feed(chunk)] == whole.feed(octets)
    assert pieces.next_sample == whole.next_sample


def test_half_a_linear_sample_waits_for_its_other_half() -> None:
    framer = Framer(AudioFormat.LINEAR)
    assert framer.feed(b"\x01") == []
    assert framer.next_sample == 0
    [frame] = framer.feed(b"\x02" + bytes(318))
    assert frame.samples[0] == 0x0201
    assert framer.next_sample == 160


def test_silence_completes_the_frame_under_way_first() -> None:
    framer = Framer(AudioFormat.G711U)
    framer.feed(b"\x80" * 100)
    first, second = framer.fill_silence(2)
    assert (first.start, second.start) == (0, 160)
    assert first.samples.tolist() == [32124] * 100 + [0] * 60
    assert second.samples.tolist() == [0] * 160
    assert framer.next_sample == 320


def test_silence_between_the_halves_of_a_sample_does_not_shift_the_rest() -> None:
    framer = Framer(AudioFormat.LINEAR)
    framer.feed(b"\x01")
    assert len(framer.fill_silence(1)) == 1
    [frame] = framer.feed(b"\x02" + bytes(318))
    assert (frame.start, frame.samples[0]) == (160, 0x0201)


def test_no_silence_is_no_frame() -> None:
    framer = Framer(AudioFormat.LINEAR)
    framer.feed(bytes(20))
    assert framer.fill_silence(0) == []
    assert framer.next_sample == 10


def test_next_sample_counts_what_has_not_made_a_frame_yet() -> None:
    framer = Framer(AudioFormat.G711A)
    framer.feed(b"\x55" * 170)
    assert framer.next_sample == 170


def test_frames_cannot_be_written_to_and_compare_by_value() -> None:
    [frame] = Framer(AudioFormat.G711A).feed(b"\x55" * 160)
    assert frame == Frame(np.full(160, -8, np.int16), 0)
    assert frame != Frame(np.zeros(160, np.int16), 0)
    with pytest.raises(ValueError):
        frame.samples[0] = 1
