"""The side that calls, by itself: what it says when, and when it gives up."""

import pytest

from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_digest import DigestAnswerer, DigestGuard
from h2b.telephony.sip_effects import (
    CallAnswered,
    CallEnded,
    CallRefused,
    CloseConnection,
    Effect,
    EndReason,
    Peer,
    SendMessage,
    Transport,
)
from h2b.telephony.sip_message import Headers, Message, Request, Response, parse_message, write_message
from h2b.telephony.sip_settings import SipSettings
from tests.telephony.network import OFFER, URI, tokens
from tests.telephony.speaking import request

PEER = Peer(Transport.UDP, "192.0.2.1", 5060)


def client(answerer: DigestAnswerer | None = None) -> SipClient:
    return SipClient(SipSettings("2001:db8::2", session_seconds=0), answerer, tokens("c"))


def messages(effects: list[Effect]) -> list[Message]:
    return [parse_message(own.payload) for own in effects if isinstance(own, SendMessage)]


def reply(asked: Message, status: int, *extra: tuple[str, str], body: bytes = b"") -> bytes:
    kept = [own for own in asked.headers.fields if own[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = ("To", str(asked.recipient.with_tag("server")))
    return write_message(Response(status, "said", Headers((*kept, to, *extra)), body))


def calling(own: SipClient) -> tuple[str, Request]:
    name, effects = own.call(URI, PEER, OFFER, 0.0)
    (invite,) = messages(effects)
    assert isinstance(invite, Request)
    return name, invite


def test_an_answer_that_comes_again_gets_its_ack_again() -> None:
    """Section 13.2.2.4."""
    own = client()
    name, invite = calling(own)
    answer = reply(invite, 200, ("Contact", "<sip:h2b@192.0.2.9>"), ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"))
    first = own.receive(answer, PEER, 1.0)
    assert first[1:] == [CallAnswered(name, b"")]
    assert own.receive(answer, PEER, 2.0) == first[:1]
    (ack,) = messages(first)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.cseq.number) == ("ACK", "sip:h2b@192.0.2.9", 1)
    assert ack.headers.all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert isinstance(first[0], SendMessage)
    assert first[0].destination == Peer(Transport.UDP, "p2", 5060)


def test_a_refusal_is_acknowledged_in_the_transaction_of_its_invite() -> None:
    """Section 17.1.1.3."""
    own = client()
    name, invite = calling(own)
    refusal = reply(invite, 503, ("Retry-After", "5"))
    first = own.receive(refusal, PEER, 1.0)
    (ack,) = messages(first)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.vias, ack.recipient.tag) == ("ACK", invite.uri, invite.vias, "server")
    refused = first[1]
    assert isinstance(refused, CallRefused)
    assert (refused.call, refused.status, refused.reason, refused.headers.get("Retry-After")) == (
        name,
        503,
        "said",
        "5",
    )
    assert own.receive(refusal, PEER, 2.0) == first[:1]
    own.advance(33.0)
    assert own.idle


def test_a_server_that_only_rings_is_given_up_after_three_minutes() -> None:
    own = client()
    name, invite = calling(own)
    assert own.receive(reply(invite, 100), PEER, 1.0) == []
    assert own.next_timer() == 181.0
    (refused,) = own.advance(181.0)
    assert isinstance(refused, CallRefused)
    assert (refused.call, refused.status) == (name, 408)
    assert own.idle


def test_cancel_waits_for_a_provisional_response() -> None:
    """Section 9.1."""
    own = client()
    name, invite = calling(own)
    assert own.hang_up(name, 0.1) == []
    (cancel,) = messages(own.receive(reply(invite, 100), PEER, 0.2))
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.vias, cancel.cseq.number) == ("CANCEL", invite.vias, 1)
    assert own.receive(reply(invite, 180), PEER, 0.3) == []
    assert own.receive(reply(cancel, 200), PEER, 0.4) == []
    effects = own.receive(reply(invite, 487), PEER, 0.5)
    assert effects[1:] == [CallEnded(name, EndReason.CANCELLED)]


def test_an_answer_that_crosses_cancel_is_hung_up() -> None:
    own = client()
    name, invite = calling(own)
    own.hang_up(name, 0.1)
    effects = own.receive(reply(invite, 200), PEER, 0.2)
    assert [own.method for own in messages(effects) if isinstance(own, Request)] == ["ACK", "BYE"]
    assert effects[-1] == CallEnded(name, EndReason.RELEASED)


def test_credentials_are_tried_twice_and_no_more() -> None:
    own = client(DigestAnswerer("bot", "secret"))
    guard = DigestGuard("h2b", {})
    name, invite = calling(own)
    for sequence in (2, 3):
        _, again = messages(own.receive(reply(invite, 401, *guard.challenges(0.0, stale=True)), PEER, 0.1))
        assert isinstance(again, Request)
        assert again.headers.get("CSeq") == f"{sequence} INVITE"
        assert again.headers.get("Authorization")
        assert again.vias != invite.vias
        invite = again
    effects = own.receive(reply(invite, 401, *guard.challenges(0.0)), PEER, 0.2)
    assert isinstance(effects[-1], CallRefused)
    assert (effects[-1].call, effects[-1].status) == (name, 401)


@pytest.mark.parametrize("answerer", [None, DigestAnswerer("bot", "secret")])
def test_a_challenge_that_cannot_be_met_refuses_the_call(answerer: DigestAnswerer | None) -> None:
    own = client(answerer)
    _, invite = calling(own)
    effects = own.receive(reply(invite, 407, ("Proxy-Authenticate", 'Digest realm="x", nonce="y"')), PEER, 0.1)
    assert isinstance(effects[-1], CallRefused)
    assert effects[-1].status == 407


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("INVITE", 488), ("BYE", 200)])
def test_what_a_server_may_ask_inside_a_call(method: str, status: int) -> None:
    own = client()
    name, invite = calling(own)
    own.receive(reply(invite, 200), PEER, 1.0)
    asked = request(method, ("Call-ID", name), to=f"<sip:a>;tag={invite.sender.tag}")
    effects = own.receive(write_message(asked), PEER, 2.0)
    (response,) = messages(effects)
    assert isinstance(response, Response)
    assert response.status == status
    assert own.receive(write_message(asked), PEER, 2.5) == effects[:1]
    assert effects[1:] == ([CallEnded(name, EndReason.HUNG_UP)] if method == "BYE" else [])


def test_bye_for_no_call_is_481() -> None:
    own = client()
    (response,) = messages(own.receive(write_message(request("BYE")), PEER, 0.0))
    assert isinstance(response, Response)
    assert response.status == 481


def test_a_call_the_server_does_not_know_any_more_ends() -> None:
    own = client()
    name, invite = calling(own)
    own.receive(reply(invite, 200), PEER, 1.0)
    (update,) = messages(own.refresh(name, 2.0))
    effects = own.receive(reply(update, 481), PEER, 3.0)
    assert effects[-1] == CallEnded(name, EndReason.NO_RESPONSE)


def test_a_stream_that_cannot_be_read_on_is_closed() -> None:
    stream = Peer(Transport.TCP, "192.0.2.1", 5060, 9)
    own = client()
    assert own.receive(b"SIP/2.0 200 OK\r\nContent-Length: x\r\n\r\n", stream, 0.0) == [CloseConnection(stream)]
    own.connection_lost(9)
    assert own.receive(b"\r\n\r\nnonsense\r\n\r\n", stream, 0.0) == []


def test_what_is_asked_for_a_call_that_is_over_does_nothing() -> None:
    own = client()
    assert own.hang_up("nobody", 0.0) == own.change("nobody", OFFER, 0.0) == own.refresh("nobody", 0.0) == []
