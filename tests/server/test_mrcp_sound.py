"""Sound by RTP to the recogniser: formats, what the network does to packets, ports."""

import random
import socket
from contextlib import closing

import numpy as np
import pytest
from attrs import define, field
from mrcpclient import WORD, Call, a_phone, until
from mrcpserver import a_server
from sound import silence

from h2b.asr.scripted import ScriptedRecogniser
from h2b.model.formats import SAMPLE_RATE
from h2b.protocol.session import Setting
from h2b.server.media import MediaPort
from h2b.telephony.rtp import Encoding, RtpSender
from h2b.telephony.rtp import PayloadFormat as RtpFormat
from h2b.telephony.sdp_answer import AgreedAudio
from h2b.telephony.sdp_client import EVENTS, PCMA, PCMU
from h2b.telephony.sdp_offer import PayloadFormat
from h2b.telephony.sip_effects import CallRefused

L16 = PayloadFormat(96, "L16", 8000)
WIDE = PayloadFormat(97, "L16", 16000)
WIDE_EVENTS = PayloadFormat(102, "telephone-event", 16000)
G722 = PayloadFormat(9, "G722", 8000)


def loudest(samples: np.ndarray) -> float:
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))


async def a_word_heard(call: Call, recogniser: ScriptedRecogniser) -> np.ndarray:
    await until(lambda: bool(recogniser.waiting))
    samples = recogniser.waiting[0].samples
    recogniser.release()
    done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
    assert done.headers.get("Completion-Cause") == "000 success"
    return samples


@pytest.mark.parametrize("formats", [(PCMU, EVENTS), (PCMA, EVENTS), (L16,), (WIDE, WIDE_EVENTS), (G722, PCMA)])
async def test_each_format_is_heard_as_it_was_said(setting: Setting, formats: tuple[PayloadFormat, ...]) -> None:
    recogniser = ScriptedRecogniser(["yes"])
    async with a_server(setting, recogniser) as server, a_phone(server.sip) as phone:
        call = await phone.dial(formats=formats)
        await call.recognise()
        call.speak()
        samples = await a_word_heard(call, recogniser)
        assert loudest(samples) == pytest.approx(600, abs=10)
        assert np.abs(samples).max() == pytest.approx(8000, rel=0.15)


async def test_keys_with_the_clock_of_wide_sound(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial(formats=(WIDE, WIDE_EVENTS))
        assert call.grant.event == WIDE_EVENTS
        await call.recognise("builtin:dtmf/digits?length=2")
        call.press("77")
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert b"77" in done.body


async def test_packets_lost_and_out_of_order_cost_nothing_but_themselves(setting: Setting) -> None:
    chance = random.Random(1)
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        await call.recognise()
        packets = call.packets(WORD)
        kept = [packets[0], *(packet for packet in packets[1:] if chance.random() > 0.2)]
        for at in range(1, len(kept) - 1, 2):
            kept[at], kept[at + 1] = kept[at + 1], kept[at]
        for packet in kept:
            call.put(packet)
            call.put(packet)
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done.headers.get("Completion-Cause") == "000 success"
        (port,) = server.telephone.media._open
        counts = port.receiver.statistics
        assert (counts.lost, counts.duplicates) == (len(packets) - len(kept), len(kept))


async def test_what_is_no_rtp_is_counted_and_nothing_else(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        call.put(b"TEST")
        (port,) = server.telephone.media._open
        await until(lambda: port.receiver.statistics.malformed == 1)
        await call.ask("GET-PARAMS")


@define
class Hearing:
    """Who listens to one line, all the time."""

    listening: bool = True
    sounds: list[bytes] = field(factory=list)

    def hear(self, sound: bytes) -> None:
        self.sounds.append(sound)

    def press(self, key: str) -> None:
        raise AssertionError(key)

    def fail(self, error: Exception) -> None:
        raise error


@pytest.mark.parametrize("what", ["a stranger's sound", "no RTP at all", "RTCP of the caller", "the same again"])
def test_what_is_no_sound_of_the_caller_does_not_make_silence_theirs(what: str) -> None:
    with (
        closing(socket.socket(type=socket.SOCK_DGRAM)) as own,
        closing(socket.socket(type=socket.SOCK_DGRAM)) as caller,
        closing(socket.socket(type=socket.SOCK_DGRAM)) as stranger,
    ):
        own.bind(("127.0.0.1", 0))
        own.settimeout(5)
        caller.bind(("127.0.0.1", 0))
        payload = PayloadFormat(0, "PCMU", 8000)
        port = MediaPort(own, AgreedAudio(0, 0, *caller.getsockname(), payload, None, 20, receiving=True), 0.0)
        line = Hearing()
        port.listeners = (line,)
        first = RtpSender(0, RtpFormat(Encoding.PCMU, 8000), ssrc=1).packets(bytes(160))[0]
        sender, octets = {
            "a stranger's sound": (
                stranger,
                RtpSender(0, RtpFormat(Encoding.PCMU, 8000), ssrc=2).packets(bytes(160))[0],
            ),
            "no RTP at all": (stranger, b"x"),
            "RTCP of the caller": (caller, b"\x80\xc8\x00\x06" + bytes(24)),
            "the same again": (caller, first),
        }[what]
        caller.sendto(first, own.getsockname())
        assert port.read(0.0)
        # Two seconds later anybody may take the caller's place.
        for tick in range(1, 91):
            sender.sendto(octets, own.getsockname())
            assert port.read(tick * 0.02)
            port.play(tick * 0.02)
    assert len(line.sounds) == 90
    # The packet, and the time after it in which a network may be slow.
    assert not any(line.sounds[7:])


async def test_sound_between_recognitions_is_not_heard(setting: Setting) -> None:
    recogniser = ScriptedRecogniser(["yes"])
    async with a_server(setting, recogniser) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        call.speak(silence(0.3))
        (port,) = server.telephone.media._open
        await until(lambda: port.receiver.statistics.received == 15)
        await call.recognise(No_Input_Timeout="100")
        await call.expect("RECOGNITION-COMPLETE")
        assert not any(len(utterance.samples) for utterance in recogniser.utterances)


async def test_an_offer_without_a_format_of_ours_is_refused_with_the_reason(setting: Setting) -> None:
    async with a_server(setting) as server, a_phone(server.sip) as phone:
        refused = await phone.invite(formats=(G722,))
        assert isinstance(refused, CallRefused)
        assert refused.status == 488
        assert "G722/8000" in (refused.headers.get("Warning") or "")
        assert server.idle


async def test_a_call_for_which_no_port_is_left_is_refused(setting: Setting) -> None:
    async with a_server(setting, rtp_ports="42990-42993") as server, a_phone(server.sip) as phone:
        calls = [await phone.dial(), await phone.dial()]
        assert {call.grant.audio_port for call in calls} == {42990, 42992}
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        await calls[0].hang_up()
        again = await phone.dial()
        assert again.grant.audio_port == 42990
