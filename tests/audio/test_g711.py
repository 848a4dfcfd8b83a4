"""G.711 against the recommendation's formulas, written out once more in plain arithmetic."""

import numpy as np
import pytest

from h2b.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

EVERY_OCTET = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def alaw_value(octet: int) -> int:
    """G.711 table 1: segments of 16 steps, the first two with the same step, each further one with twice the step."""
    code = octet ^ 0x55
    sign, segment, step = code & 0x80, code >> 4 & 7, code & 15
    middle = step + 0.5 if segment == 0 else (step + 16.5) * 2 ** (segment - 1)
    value = round(2 * middle) * 8  # 13 bits, in 16
    return value if sign else -value


def mulaw_value(octet: int) -> int:
    """G.711 table 2: the biased value of segment s runs from 33 * 2**s, in steps of 2 * 2**s."""
    code = octet ^ 0xFF
    sign, segment, step = code & 0x80, code >> 4 & 7, code & 15
    value = ((33 + 2 * step) * 2**segment - 33) * 4  # 14 bits, in 16
    return -value if sign else value


def test_alaw_octets_stand_for_what_the_recommendation_says() -> None:
    assert decode_alaw(EVERY_OCTET).tolist() == [alaw_value(octet) for octet in range(256)]


def test_mulaw_octets_stand_for_what_the_recommendation_says() -> None:
    assert decode_mulaw(EVERY_OCTET).tolist() == [mulaw_value(octet) for octet in range(256)]


@pytest.mark.parametrize(("octet", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0x80, 5504)])
def test_published_alaw_values(octet: int, sample: int) -> None:
    assert decode_alaw(bytes([octet])).tolist() == [sample]


@pytest.mark.parametrize(("octet", "sample"), [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8)])
def test_published_mulaw_values(octet: int, sample: int) -> None:
    assert decode_mulaw(bytes([octet])).tolist() == [sample]


def test_alaw_codes_survive_the_round_trip() -> None:
    assert encode_alaw(decode_alaw(EVERY_OCTET)) == EVERY_OCTET


def test_mulaw_codes_survive_the_round_trip_but_for_the_second_zero() -> None:
    expected = bytes(0xFF if octet == 0x7F else octet for octet in range(256))
    assert encode_mulaw(decode_mulaw(EVERY_OCTET)) == expected


@pytest.mark.parametrize(
    ("encode", "decode", "loudest"), [(encode_alaw, decode_alaw, 32256), (encode_mulaw, decode_mulaw, 32124)]
)
def test_every_sample_becomes_a_neighbouring_value_and_louder_stays_louder(encode, decode, loudest: int) -> None:
    decoded = decode(encode(EVERY_SAMPLE)).astype(int)
    assert np.all(np.diff(decoded) >= 0)
    samples = np.clip(EVERY_SAMPLE.astype(int), -loudest, loudest)
    values = np.unique(decoded)
    above = values[np.searchsorted(values, samples)]
    below = values[np.searchsorted(values, samples, side="right") - 1]
    assert np.all((decoded == above) | (decoded == below))


def test_sound_is_decoded_in_order_and_nothing_gives_nothing() -> None:
    assert decode_alaw(b"\xd5\x55").dtype == np.int16
    assert decode_alaw(b"").tolist() == []
    assert encode_mulaw(np.array([0, -32768], np.int16)) == b"\xff\x00"
