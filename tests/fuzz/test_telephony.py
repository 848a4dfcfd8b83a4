"""SIP as the client's end reads it, passwords in it, and sound at the server's open port, damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.rtp import parse_packet
from h2b.telephony.rtp_events import KeyReader
from h2b.telephony.rtp_receiver import RtpReceiver
from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_digest import DigestAnswerer, DigestGuard, parse_digest
from h2b.telephony.sip_effects import Peer, SendMessage, Transport
from h2b.telephony.sip_framing import Deframer
from h2b.telephony.sip_message import Response, parse_message, write_message
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from tests.fuzz.damage import cases, damaged, damaged_text, read_or_refused, vectors
from tests.telephony.network import OFFER, URI, tokens
from tests.telephony.speaking import Line, request
from tests.telephony.test_rtp_receiver import CALLER, FORMATS, OTHER, numbered

SIP = vectors("sip", ".sip")
SIP_SIGNS = (
    b"\r\nVia: ",
    b"\r\nRoute: ",
    b"\r\nContact: ",
    b";tag=",
    b"<sip:a@b>",
    b"sip:",
    b"\r\nv: ",
    b"[::1]",
    b",",
)


@cases()
@given(damaged(SIP, SIP_SIGNS))
def test_damaged_messages(octets: bytes) -> None:
    read_or_refused(lambda: parse_message(octets))


@cases()
@given(damaged(SIP, SIP_SIGNS), st.integers(1, 3000))
def test_damaged_streams_of_sip(stream: bytes, step: int) -> None:
    def read() -> None:
        deframer = Deframer()
        for at in range(0, len(stream), step):
            deframer.receive(stream[at : at + step])
            while deframer.next_message() is not None:
                pass

    read_or_refused(read)


@cases()
@given(st.lists(damaged(SIP, SIP_SIGNS), max_size=4), st.sampled_from(Transport), st.booleans())
def test_a_server_takes_what_it_cannot_read(texts: list[bytes], transport: Transport, guarded: bool) -> None:
    """Nothing at all leaves `receive`, not even an error of ours: one client's octets must not end a listener."""
    guard = DigestGuard("h2b", {"bot": "secret"}) if guarded else None
    server = SipServer(SipSettings("192.0.2.1"), b"v=0\r\n", guard, tokens("s"))
    peer = Peer(transport, "192.0.2.40", 5070, 1 if transport.reliable else 0)
    for text in texts:
        assert read_or_refused(lambda text=text: server.receive(text, peer, 0.0))


CHALLENGE = b'Digest realm="h2b", nonce="abc", algorithm=MD5, qop="auth,auth-int", opaque="x", stale=true'
PROOF = (
    b'Digest username="bot", realm="h2b", nonce="abc", uri="sip:a", response="00112233445566778899aabbccddeeff", '
    b'cnonce="c", nc=00000001, qop=auth, algorithm=MD5'
)


@cases()
@given(damaged_text([CHALLENGE, PROOF], (b"=", b",", b'\\"', b"nc=ffffffff", b"algorithm=SHA-256", b"qop=auth-int")))
def test_damaged_passwords(value: str) -> None:
    read_or_refused(lambda: parse_digest(value, "Authorization"))


@cases()
@given(damaged([PROOF], (b"=", b",", b'\\"', b"nc=ffffffff", b"algorithm=SHA-256")), st.data())
def test_a_guard_takes_damaged_passwords(proof: bytes, data: st.DataObject) -> None:
    server = SipServer(SipSettings("192.0.2.1"), b"", DigestGuard("h2b", {"bot": "secret"}), tokens("s"))
    invite = data.draw(st.sampled_from([text for text in SIP if text.startswith(b"INVITE")]))
    text = invite.replace(b"\r\n", b"\r\nAuthorization: " + proof + b"\r\n", 1)
    assert read_or_refused(lambda: server.receive(text, Peer(Transport.UDP, "192.0.2.40", 5070), 0.0))


@pytest.mark.parametrize(
    "left_out", ["username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop", "algorithm"]
)
def test_a_password_without_one_of_its_parameters_is_wrong(left_out: str) -> None:
    line = Line(guard=DigestGuard("h2b", {"bot": "secret"}))
    proof = PROOF.decode().replace(f"{left_out}=", f"x-{left_out}=")
    line.say(request("INVITE", ("Authorization", proof)))
    assert [message.status for message in line.sent() if isinstance(message, Response)] == [401]


ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: %(via)b\r\nFrom: %(from)b\r\nTo: <sip:a@b>;tag=x\r\nCall-ID: %(call)b\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\nSession-Expires: 90;refresher=uac\r\n%(extra)b"
    b"Content-Length: 0\r\n\r\n"
)


@cases()
@given(st.sampled_from([b"200 OK", b"401 No", b"407 No", b"180 R", b"503 N", b"699 X"]), st.data())
def test_a_client_takes_damaged_answers(status: bytes, data: st.DataObject) -> None:
    client = SipClient(SipSettings("192.0.2.2"), DigestAnswerer("bot", "secret"), tokens("c"))
    peer = Peer(Transport.TCP, "192.0.2.1", 5060, 1)
    _, effects = client.call(URI, peer, OFFER, 0.0)
    sent = next(effect.payload for effect in effects if isinstance(effect, SendMessage))
    asked = parse_message(sent)
    told = {name.encode(): (asked.headers.get(full) or "").encode() for name, full in NAMES.items()}
    answer = ANSWER.replace(b"200 OK", status, 1) % (told | {b"extra": b"WWW-Authenticate: " + CHALLENGE + b"\r\n"})
    for _ in range(2):
        text = data.draw(damaged([answer, sent], SIP_SIGNS))
        for effect in client.receive(text, Peer(Transport.UDP, "192.0.2.1", 5060), 0.1):
            if isinstance(effect, SendMessage):
                write_message(parse_message(effect.payload))


NAMES = {"via": "Via", "from": "From", "call": "Call-ID"}
PACKETS = [datagram for _, datagram in numbered(4)]


@cases()
@given(st.lists(st.tuples(damaged(PACKETS), st.sampled_from([CALLER, OTHER]), st.floats(0, 3)), max_size=12))
def test_damaged_packets_of_sound(packets: list[tuple[bytes, tuple[str, int], float]]) -> None:
    receiver, now = RtpReceiver(FORMATS, 0.0), 0.0
    reader = KeyReader(8000)
    for datagram, source, wait in packets:
        now += wait
        assert read_or_refused(
            lambda datagram=datagram, source=source, now=now: receiver.receive(datagram, source, now)
        )
        while receiver.pop(now) is not None:
            pass
        receiver.keys(now)
        packet = parse_packet(datagram)
        if packet is not None:
            reader.read(packet.timestamp, packet.payload, now, marker=packet.marker)
            reader.keys(now)
