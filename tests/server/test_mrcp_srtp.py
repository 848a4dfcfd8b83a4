"""Calls whose sound is protected (RFC 4568, RFC 3711): heard with the key of the offer, and with no other."""

import socket

import pytest
from mrcpclient import Call, a_phone, until
from mrcpserver import Running, a_server
from sound import silence
from structlog.testing import capture_logs

from h2b.protocol.session import Setting
from h2b.server.media import MediaPort
from h2b.telephony.sdp_client import OfferSettings
from h2b.telephony.sdp_crypto import Crypto, Suite
from h2b.telephony.sip_effects import CallRefused

pylibsrtp = pytest.importorskip("pylibsrtp", reason="the package pylibsrtp is not installed")

PROFILES = {
    Suite.TAG_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.TAG_32: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
FIRST = Crypto(1, Suite.TAG_80, bytes(range(30)))
SECOND = Crypto(1, Suite.TAG_80, bytes(range(30, 60)))


def protect(call: Call, crypto: Crypto) -> None:
    """From now on the client protects what it sends."""
    policy = pylibsrtp.Policy(crypto.key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[crypto.suite])
    call.protect = pylibsrtp.Session(policy).protect


def port_of(server: Running) -> MediaPort:
    (port,) = server.telephone.media._open
    return port


async def a_word_recognised(call: Call) -> None:
    await call.recognise()
    call.speak()
    done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
    assert done.headers.get("Completion-Cause") == "000 success"


@pytest.mark.parametrize("suite", Suite)
@pytest.mark.parametrize("srtp", ["allowed", "required"])
async def test_protected_sound_and_keys_are_recognised(setting: Setting, srtp: str, suite: Suite) -> None:
    crypto = Crypto(4, suite, FIRST.key)
    async with a_server(setting, srtp=srtp) as server, a_phone(server.sip) as phone:
        call = await phone.dial(crypto=(crypto,))
        granted = call.grant.crypto
        assert granted is not None
        assert (granted.tag, granted.suite) == (4, suite)
        assert granted.key != crypto.key
        protect(call, crypto)
        await a_word_recognised(call)
        await call.recognise("builtin:dtmf/digits?length=2")
        call.press("42")
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert b"42" in done.body
        assert set(port_of(server).report) <= {"received", "sources", "jitter_seconds", "held", "cut", "late"}


async def test_what_is_forged_is_dropped_and_counted(setting: Setting) -> None:
    with capture_logs() as lines:
        async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
            call = await phone.dial(crypto=(FIRST,))
            protect(call, FIRST)
            port = port_of(server)
            plain, changed, kept = call.packets(silence(0.06))
            call.put_as_it_is(plain)
            protected = bytearray(call.protect(changed))
            protected[20] ^= 1
            call.put_as_it_is(bytes(protected))
            call.put_as_it_is(b"short")
            call.put_as_it_is(b"\x80" + bytes(2000))
            control = b"\x80\xc8\x00\x06" + bytes(24)
            call.put_as_it_is(control)
            once = call.protect(kept)
            call.put_as_it_is(once)
            call.put_as_it_is(once)
            await until(lambda: port.report.get("replayed") == 1)
            assert port.report == {"received": 1, "sources": 1, "forged": 4, "replayed": 1, "srtcp": 1}
            await a_word_recognised(call)
            await call.hang_up()
    (ended,) = [line for line in lines if line["event"] == "rtp_ended"]
    assert (ended["packets"]["forged"], ended["packets"]["replayed"]) == (4, 1)


async def test_forged_packets_are_no_sign_of_life_and_move_no_address(setting: Setting) -> None:
    async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
        call = await phone.dial(crypto=(FIRST,))
        protect(call, FIRST)
        port = port_of(server)
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            for packet in call.packets(silence(0.06)):
                stranger.sendto(packet, ("127.0.0.1", call.grant.audio_port))
            await until(lambda: bool(port.report.get("forged")))
        assert port.receiver.source is None
        assert port.receiver.heard < 0
        await a_word_recognised(call)


async def test_a_key_lives_until_the_client_offers_another(setting: Setting) -> None:
    async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
        call = await phone.dial(crypto=(FIRST,))
        protect(call, FIRST)
        await a_word_recognised(call)
        granted, own = call.grant.crypto, call.rtp.getsockname()[1]
        refreshed = await call.change(OfferSettings("127.0.0.1", own, crypto=(FIRST,), version=2))
        assert refreshed.crypto == granted
        await a_word_recognised(call)
        await call.change(OfferSettings("127.0.0.1", own, crypto=(SECOND,), version=3))
        port = port_of(server)
        call.put(*call.packets(silence(0.02)))
        await until(lambda: port.report.get("forged") == 1)
        protect(call, SECOND)
        await a_word_recognised(call)
        await call.change(OfferSettings("127.0.0.1", own, version=4))
        call.protect = bytes
        await a_word_recognised(call)


async def test_each_call_has_a_key_of_its_own(setting: Setting) -> None:
    async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
        one, other = [await phone.dial(crypto=(FIRST,)) for _ in range(2)]
        assert one.grant.crypto != other.grant.crypto


async def test_plain_calls_stay_plain_where_protection_is_allowed(setting: Setting) -> None:
    async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        assert call.grant.crypto is None
        await a_word_recognised(call)


@pytest.mark.parametrize(
    ("srtp", "crypto", "why"),
    [
        ("required", (), "got protocol 'RTP/AVP', expected RTP/SAVP"),
        ("off", (FIRST,), "got protocol 'RTP/SAVP', expected RTP/AVP"),
    ],
)
async def test_what_the_operator_does_not_want_is_refused(
    setting: Setting, srtp: str, crypto: tuple[Crypto, ...], why: str
) -> None:
    async with a_server(setting, srtp=srtp) as server, a_phone(server.sip) as phone:
        refused = await phone.invite(crypto=crypto)
        assert isinstance(refused, CallRefused)
        assert refused.status == 488
        assert why in (refused.headers.get("Warning") or "").replace("\\", "")
        assert server.idle


@pytest.mark.parametrize(
    ("sip", "srtp", "warned"),
    [("0.0.0.0:0", "allowed", True), ("0.0.0.0:0", "off", False), ("127.0.0.1:0", "required", False)],
)
async def test_the_operator_is_told_of_keys_in_the_clear(setting: Setting, sip: str, srtp: str, warned: bool) -> None:
    with capture_logs() as lines:
        async with a_server(setting, sip=sip, srtp=srtp):
            pass
    assert any(line["event"] == "srtp_keys_in_the_clear" for line in lines) == warned


async def test_no_key_is_in_the_log(setting: Setting) -> None:
    with capture_logs() as lines:
        async with a_server(setting, srtp="allowed") as server, a_phone(server.sip) as phone:
            call = await phone.dial(crypto=(FIRST,))
            await call.hang_up()
            granted = call.grant.crypto
    assert granted is not None
    assert lines
    for crypto in (FIRST, granted):
        written = str(crypto).partition("inline:")[2]
        assert written not in str(lines)
        assert repr(crypto.key) not in str(lines)
