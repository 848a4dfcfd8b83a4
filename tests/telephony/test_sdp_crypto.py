"""SRTP keys in descriptions (RFC 4568): which lines are taken, what is answered, and that no key is shown."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.sdp import parse_sdp, write_sdp
from h2b.telephony.sdp_answer import (
    AgreedAudio,
    Answer,
    AnswerSettings,
    OfferNotAcceptable,
    Srtp,
    accept_offer,
    answer,
    capabilities,
)
from h2b.telephony.sdp_client import OfferSettings, make_offer, read_grant
from h2b.telephony.sdp_crypto import KEY_BYTES, Crypto, Suite, parse_crypto
from h2b.telephony.sdp_offer import PayloadFormat, read_offer
from tests.telephony.vectors import octets

EXAMPLE = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
"""The key of the first example of RFC 4568, section 4."""
KEY = b"wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#"
OURS = bytes(range(KEY_BYTES))
THEIRS = Crypto(1, Suite.TAG_80, KEY)
SETTINGS = AnswerSettings(
    address="192.0.2.1", channel="c0ffee", control_port=1544, session_id="77", srtp=Srtp.ALLOWED, keys={1: OURS}
)
NO_CRYPTO = "no crypto that can be taken: expected AES_CM_128_HMAC_SHA1_80 or AES_CM_128_HMAC_SHA1_32, one inline key"


def answered(offer: bytes, settings: AnswerSettings = SETTINGS) -> Answer:
    return answer(accept_offer(read_offer(parse_sdp(offer)), settings), settings, {1: 5000})


def offered(*lines: Crypto) -> bytes:
    return write_sdp(make_offer(OfferSettings("192.0.2.2", 4000, crypto=lines)))


@pytest.mark.parametrize(
    ("line", "crypto"),
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}", THEIRS),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|2^20", THEIRS),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|1048576", THEIRS),
        (f"  1  AES_CM_128_HMAC_SHA1_80\tINLINE:{EXAMPLE} ", THEIRS),
        (f"7 AES_CM_128_HMAC_SHA1_32 inline:{EXAMPLE} WSH=64 -future", Crypto(7, Suite.TAG_32, KEY)),
    ],
)
def test_a_crypto_line_is_read(line: str, crypto: Crypto) -> None:
    assert parse_crypto(line) == crypto


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}",
        f"0 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}",
        f"1 F8_128_HMAC_SHA1_80 inline:{EXAMPLE}",
        f"1 AEAD_AES_256_GCM inline:{EXAMPLE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE[4:]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}AAAA",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE[:-1]}=",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{EXAMPLE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE};inline:{EXAMPLE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE} KDR=1",
    ],
)
def test_a_line_that_cannot_be_taken_is_none(line: str) -> None:
    assert parse_crypto(line) is None


@given(st.integers(1, 999_999_999), st.sampled_from(Suite), st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_what_is_written_is_read_again(tag: int, suite: Suite, key: bytes) -> None:
    crypto = Crypto(tag, suite, key)
    assert parse_crypto(str(crypto)) == crypto


@given(st.text())
def test_any_text_is_a_line_or_none(text: str) -> None:
    parse_crypto(text)


@pytest.mark.parametrize("srtp", [Srtp.ALLOWED, Srtp.REQUIRED])
def test_a_protected_offer_gets_its_answer(srtp: Srtp) -> None:
    agreed = answered(octets("sdp", "secure_audio_offer"), evolve(SETTINGS, srtp=srtp))
    assert write_sdp(agreed.description) == octets("sdp", "secure_audio_reply")
    (audio,) = agreed.audio
    assert isinstance(audio, AgreedAudio)
    assert audio.crypto == Crypto(2, Suite.TAG_80, KEY)


def test_the_first_line_that_can_be_taken_is() -> None:
    lines = Crypto(3, Suite.TAG_32, KEY), Crypto(4, Suite.TAG_80, KEY)
    grant = read_grant(write_sdp(answered(offered(*lines)).description))
    assert grant.crypto == Crypto(3, Suite.TAG_32, OURS)


@pytest.mark.parametrize(
    ("rate", "wanted", "agreed"), [(8000, 80, 80), (8000, 100, 20), (16000, 40, 40), (16000, 50, 20)]
)
def test_a_protected_packet_is_no_larger_than_ethernet_takes(rate: int, wanted: int, agreed: int) -> None:
    linear = PayloadFormat(96, "L16", rate)
    wish = OfferSettings("192.0.2.2", 4000, formats=(linear,), ptime_ms=wanted, crypto=(THEIRS,))
    assert answered(write_sdp(make_offer(wish))).audio[0].ptime_ms == agreed
    plain = write_sdp(make_offer(evolve(wish, crypto=())))
    assert answered(plain).audio[0].ptime_ms == wanted


def test_plain_offers_stay_plain_where_protection_is_allowed() -> None:
    offer = offered() + f"a=crypto:{THEIRS}\r\n".encode()
    agreed = answered(offer)
    assert agreed.audio[0].crypto is None
    assert b"crypto" not in write_sdp(agreed.description)


@pytest.mark.parametrize(
    ("srtp", "offer", "why"),
    [
        (Srtp.OFF, offered(THEIRS), "got protocol 'RTP/SAVP', expected RTP/AVP"),
        (Srtp.REQUIRED, offered(), "got protocol 'RTP/AVP', expected RTP/SAVP"),
        (Srtp.ALLOWED, offered(THEIRS).replace(b"RTP/SAVP", b"RTP/SAVPF"), "expected RTP/AVP or RTP/SAVP"),
        (Srtp.ALLOWED, octets("sdp", "refused_secure_audio"), NO_CRYPTO),
        (Srtp.REQUIRED, offered(THEIRS).replace(b"_80", b"_81"), NO_CRYPTO),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason_and_without_the_key(srtp: Srtp, offer: bytes, why: str) -> None:
    with pytest.raises(OfferNotAcceptable) as refusal:
        answered(offer, evolve(SETTINGS, srtp=srtp))
    assert why in refusal.value.reasons[1]
    assert EXAMPLE not in str(refusal.value)


def test_keys_are_not_shown() -> None:
    assert EXAMPLE not in repr(THEIRS)
    assert repr(KEY) not in repr(THEIRS)
    assert repr(OURS) not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("srtp", "protocols"),
    [
        (Srtp.OFF, ["RTP/AVP"]),
        (Srtp.ALLOWED, ["RTP/AVP", "RTP/SAVP"]),
        (Srtp.REQUIRED, ["RTP/SAVP"]),
    ],
)
def test_options_are_told_whether_sound_may_be_protected(srtp: Srtp, protocols: list[str]) -> None:
    able = capabilities(evolve(SETTINGS, srtp=srtp))
    assert [media.protocol for media in able.media if media.kind == "audio"] == protocols
