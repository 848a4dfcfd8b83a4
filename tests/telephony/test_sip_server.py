"""The rules of RFC 3261 for the side that is called, each by itself, on times that are numbers."""

import pytest
from attrs import evolve

from h2b.telephony.sip_effects import (
    CallChanged,
    CallConfirmed,
    CallEnded,
    CallForbidden,
    CallOffered,
    CloseConnection,
    EndReason,
    Peer,
    SendMessage,
    Transport,
)
from h2b.telephony.sip_message import Request, Response, write_message
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from tests.telephony.network import OFFER, tokens
from tests.telephony.speaking import PEER, STREAM, URI, Line, inside, request
from tests.telephony.vectors import octets

CHANGED = OFFER + b"a=changed\r\n"


def offered(line: Line) -> str:
    (news,) = line.told()
    assert isinstance(news, CallOffered)
    return news.call


# Transactions


def test_trying_is_said_at_once_and_again_when_the_invite_comes_again() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.say(request("INVITE", body=OFFER))
    offered(line)
    assert line.statuses() == [100, 100]


def test_a_busy_answer_is_repeated_until_its_ack_and_the_transaction_lingers_for_t4() -> None:
    """Timers G and I (section 17.2.1)."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.reject(offered(line), 486, "all lines busy", 0.0, retry_after=7))
    line.sent()
    line.wait(10.0)
    assert line.statuses() == [486] * 4
    line.say(request("INVITE", body=OFFER))
    assert line.statuses() == [486]
    line.say(request("ACK", to=f"<{URI}>;tag=any"))
    line.wait(14.9)
    assert not line.server.idle
    line.say(request("INVITE", body=OFFER))
    assert line.statuses() == []
    line.wait(15.0)
    assert line.server.idle


def test_a_refusal_nobody_acknowledges_is_given_up_after_32_seconds() -> None:
    """Timer H; G doubles from 0.5 s to 4 s."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.reject(offered(line), 486, "", 0.0))
    last = line.sent()[-1]
    assert isinstance(last, Response)
    assert last.headers.get("Warning") is None
    times = []
    while (at := line.server.next_timer()) is not None:
        line.wait(at)
        times += [at] * len(line.sent())
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert (line.now, line.server.idle) == (32.0, True)
    assert line.told() == [CallEnded("s2", EndReason.REJECTED)]


def test_over_tcp_nothing_but_the_2xx_is_repeated() -> None:
    """Section 13.3.1.4: a proxy on the way may lose what TCP did not."""
    line = Line(STREAM)
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.reject(offered(line), 486, "", 0.0))
    line.sent()
    line.wait(20.0)
    assert line.statuses() == []
    line.say(request("ACK", to=f"<{URI}>;tag=any"))
    assert line.server.idle
    line.say(request("INVITE", branch="z9hG4bK.2", call_id="call-2", body=OFFER))
    line.told()
    line.do(line.server.accept("s3", b"answer", line.now))
    line.sent()
    line.wait(21.5)
    assert line.statuses() == [200, 200]


def test_an_answer_is_repeated_until_its_ack() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.do(line.server.accept(call, b"answer", 0.0))
    _, first = line.sent()
    line.wait(3.5)
    assert line.sent() == [first] * 3
    assert isinstance(first, Response)
    line.say(inside(first, "ACK", 1))
    assert line.told() == [CallConfirmed(call)]
    line.wait(1000.0)
    assert line.statuses() == []
    assert line.server.calls == 1


def test_an_answer_nobody_acknowledges_is_taken_back_by_bye_after_32_seconds() -> None:
    """Section 13.3.1.4."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.do(line.server.accept(call, b"answer", 0.0))
    line.wait(31.9)
    line.sent()
    line.wait(32.0)
    (bye,) = line.sent()
    assert isinstance(bye, Request)
    assert (bye.method, line.told()) == ("BYE", [CallEnded(call, EndReason.NO_ACKNOWLEDGEMENT)])
    line.wait(100.0)
    assert [own.method for own in line.sent() if isinstance(own, Request)] == ["BYE"] * 10
    assert line.server.idle


def test_the_ack_of_another_number_acknowledges_nothing() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.accept(offered(line), b"answer", 0.0))
    response = line.sent()[-1]
    assert isinstance(response, Response)
    line.say(inside(response, "ACK", 2))
    assert line.told() == []


def test_a_repeated_bye_is_answered_again_and_one_for_no_call_is_481() -> None:
    line = Line()
    call, response = line.answered_call()
    line.say(inside(response, "BYE", 2))
    line.say(inside(response, "BYE", 2))
    assert line.statuses() == [200, 200]
    assert line.told() == [CallEnded(call, EndReason.HUNG_UP)]
    line.wait(33.0)
    assert line.server.idle
    line.say(inside(response, "BYE", 2))
    assert line.statuses() == [481]
    assert line.server.idle


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "BYE", "OPTIONS"])
def test_a_request_in_an_unknown_dialog_is_481(method: str) -> None:
    line = Line()
    line.say(request(method, to=f"<{URI}>;tag=nobody", body=OFFER if method == "INVITE" else b""))
    assert line.statuses() == [481]
    assert line.server.idle


@pytest.mark.parametrize(("name", "value"), [("From", "<sip:ada@example.com>;tag=eve"), ("Call-ID", "other")])
def test_a_dialog_is_found_by_both_tags_and_the_call_id(name: str, value: str) -> None:
    line = Line()
    _, response = line.answered_call()
    line.say(inside(response, "BYE", 2, (name, value)))
    assert (line.statuses(), line.server.calls) == ([481], 1)


def test_a_request_with_an_old_number_is_out_of_order() -> None:
    """Section 12.2.2."""
    line = Line()
    _, response = line.answered_call()
    line.say(inside(response, "OPTIONS", 1))
    assert (line.statuses(), line.server.calls) == ([500], 1)


def test_an_invite_that_comes_by_two_ways_is_a_loop() -> None:
    """Section 8.2.2.2."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    offered(line)
    line.say(request("INVITE", branch="z9hG4bK.2", body=OFFER))
    assert line.statuses() == [100, 482]
    assert line.told() == []


# CANCEL


def test_cancel_ends_what_is_not_answered() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.say(request("CANCEL"))
    _, cancelled, terminated = line.sent()
    assert isinstance(cancelled, Response)
    assert isinstance(terminated, Response)
    assert (cancelled.status, terminated.status) == (200, 487)
    assert cancelled.recipient.tag == terminated.recipient.tag == call
    assert line.told() == [CallEnded(call, EndReason.CANCELLED)]
    line.do(line.server.accept(call, b"too late", 0.0))
    line.do(line.server.hang_up(call, 0.0))
    assert line.sent() == []


def test_cancel_changes_nothing_once_the_call_is_answered() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.accept(offered(line), b"answer", 0.0))
    line.sent()
    line.say(request("CANCEL"))
    assert (line.statuses(), line.server.calls) == ([200], 1)


def test_cancel_of_nothing_is_481() -> None:
    line = Line()
    line.say(request("CANCEL"))
    assert line.statuses() == [481]


# What is refused at first sight


def test_unknown_methods_are_405_with_those_allowed() -> None:
    line = Line()
    line.say(request("SUBSCRIBE"))
    (response,) = line.sent()
    assert isinstance(response, Response)
    assert response.headers.get("Allow") == "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"
    assert response.status == 405


def test_an_extension_the_server_has_not_is_named() -> None:
    line = Line()
    line.say(request("INVITE", ("Require", "timer, 100rel, Replaces"), body=OFFER))
    (response,) = line.sent()
    assert isinstance(response, Response)
    assert (response.status, response.headers.get("Unsupported")) == (420, "100rel, Replaces")


def test_an_invite_without_an_offer_is_488() -> None:
    line = Line()
    line.say(request("INVITE"))
    (response,) = line.sent()
    assert isinstance(response, Response)
    assert response.headers.get("Warning") == '399 h2b "no SDP in the INVITE, expected an offer"'
    assert (response.status, line.server.idle) == (488, True)


def test_a_rejected_offer_says_why() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    line.do(line.server.reject(offered(line), 488, 'got "G729"\r\nonly', 0.0))
    response = line.sent()[-1]
    assert isinstance(response, Response)
    assert response.headers.get("Warning") == "399 h2b \"got 'G729'??only\""


def test_a_status_that_rejects_nothing_is_a_mistake_of_the_owner() -> None:
    with pytest.raises(ValueError, match="status 200 rejects nothing"):
        Line().server.reject("any", 200, "", 0.0)


def test_an_overloaded_server_sends_new_calls_elsewhere_and_keeps_the_others() -> None:
    line = Line()
    _, response = line.answered_call()
    line.server.retry_after = 20
    for method in ("INVITE", "OPTIONS"):
        line.say(request(method, branch="z9hG4bK.o", call_id="call-2", body=OFFER))
        (refused,) = line.sent()
        assert isinstance(refused, Response)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "20")
    line.say(inside(response, "INVITE", 2, body=OFFER))
    assert line.statuses() == [100, 200][1:]


def test_a_server_that_will_leave_tells_balancers_before_callers() -> None:
    line = Line()
    line.server.leaving = True
    line.say(request("OPTIONS", branch="z9hG4bK.o", call_id="ping"))
    (refused,) = line.sent()
    assert isinstance(refused, Response)
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
    line.say(request("INVITE", body=OFFER))
    assert offered(line)


def test_calls_and_transactions_have_bounds() -> None:
    line = Line(settings=SipSettings("192.0.2.1", maximum_calls=2, maximum_transactions=3))
    for number in range(4):
        line.say(request("INVITE", branch=f"z9hG4bK.{number}", call_id=f"call-{number}", body=OFFER))
    assert line.statuses() == [100, 100, 503, 503]
    for news in line.told():
        assert isinstance(news, CallOffered)
        line.do(line.server.reject(news.call, 486, "", 0.0))
    line.sent()
    for number in range(4, 7):
        line.say(request("INVITE", branch=f"z9hG4bK.{number}", call_id=f"call-{number}", body=OFFER))
    assert line.statuses() == [100, 503, 503]


def test_what_is_refused_leaves_nothing_behind_and_has_one_tag() -> None:
    """Section 8.2.7: the same request gets the same answer."""
    line = Line()
    line.server.retry_after = 1
    line.say(request("INVITE", body=OFFER))
    line.say(request("INVITE", body=OFFER))
    first, second = line.sent()
    assert first == second
    assert isinstance(first, Response)
    assert len(first.recipient.tag) == 24
    line.say(request("ACK", to=str(first.recipient)))
    assert line.server.idle


def only_from(host: str, **settings: int) -> Line:
    """A line of a server that only this host may call."""
    line = Line(settings=SipSettings("192.0.2.1", **settings))
    line.server = SipServer(line.settings, token=tokens("s"), admits=lambda caller: caller == host)
    return line


def test_who_may_not_call_is_refused_with_nothing_kept_whoever_else_calls() -> None:
    line = only_from(PEER.host)
    stranger = evolve(PEER, host="198.51.100.9")
    for number in range(3):
        line.say(request("INVITE", branch=f"z9hG4bK.{number}", call_id=f"{number}", body=OFFER), stranger)
        assert line.told() == [CallForbidden(f"{number}", stranger, "this address may not call")]
    refused = line.sent()
    line.wait(40.0)
    assert line.effects == []
    assert line.server.idle
    assert [own.status for own in refused if isinstance(own, Response)] == [403] * 3
    assert refused[0].headers.get("Warning") == '399 h2b "this address may not call"'
    assert line.server.refusals[403] == 3
    line.say(request("INVITE", body=OFFER))
    assert offered(line)


def test_a_flood_of_those_who_may_not_call_takes_no_place() -> None:
    line = only_from(PEER.host, maximum_transactions=2)
    stranger = evolve(PEER, host="198.51.100.9")
    for number in range(5):
        line.say(request("INVITE", branch=f"z9hG4bK.{number}", call_id=f"{number}", body=OFFER), stranger)
    line.told()
    line.say(request("INVITE", branch="z9hG4bK.mine", call_id="mine", body=OFFER))
    assert line.statuses() == [403] * 5 + [100]


def test_who_may_not_call_may_ask_what_there_is() -> None:
    line = only_from("192.0.2.99")
    line.say(request("OPTIONS"))
    assert line.statuses() == [200]


def test_connections_of_calls_are_those_by_which_their_clients_spoke_last() -> None:
    line = Line(STREAM)
    call, response = line.answered_call()
    assert line.server.connections_of_calls == {3}
    line.say(inside(response, "OPTIONS", 2), evolve(STREAM, connection=8))
    assert line.server.connections_of_calls == {8}
    line.do(line.server.hang_up(call, 5.0))
    assert line.server.connections_of_calls == set()


def test_each_client_is_told_the_address_it_reaches_us_at() -> None:
    line = Line(settings=SipSettings("192.0.2.1", host_towards=lambda transport, host: f"to-{host}.{transport.value}"))
    call, response = line.answered_call()
    assert response.headers.get("Contact") == "<sip:to-192.0.2.40.UDP:5060;transport=udp>"
    line.do(line.server.hang_up(call, 5.0))
    bye = line.sent()[-1]
    assert bye.vias[0].host == "to-192.0.2.40.UDP"
    secure = Line(evolve(STREAM, transport=Transport.TLS), settings=line.settings)
    secure.say(request("INVITE", uri="sips:voice@192.0.2.1", body=OFFER))
    secure.do(secure.server.accept(offered(secure), b"answer", 0.0))
    assert secure.sent()[-1].headers.get("Contact") == "<sips:to-192.0.2.40.TLS:5061>"


def test_options_are_answered_with_what_the_server_can_do() -> None:
    line = Line(capabilities=b"v=0\r\n")
    line.say(request("OPTIONS"))
    (response,) = line.sent()
    assert isinstance(response, Response)
    assert (response.status, response.body) == (200, b"v=0\r\n")
    named = [response.headers.get(name) for name in ("Allow", "Accept", "Supported", "Content-Type")]
    assert named == ["INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE", "application/sdp", "timer", "application/sdp"]
    assert line.server.idle


def test_an_offer_nobody_answers_ends_after_a_while() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.sent()
    line.wait(30.0)
    assert (line.statuses(), line.told()) == ([504], [CallEnded(call, EndReason.NO_ANSWER)])


@pytest.mark.parametrize("text", [b"TEST", b"\r\n\r\n", b"\0\0\0\0", b"", b"GET / HTTP/1.1\r\n\r\n"])
def test_datagrams_that_are_no_sip_are_ignored(text: bytes) -> None:
    line = Line()
    line.say(text)
    assert line.effects == []


def test_a_response_nobody_waits_for_is_ignored() -> None:
    line = Line()
    line.say(octets("sip", "answer_with_broadcast_via"))
    assert (line.effects, line.server.unreadable) == ([], 1)


# Where things go


@pytest.mark.parametrize(
    ("via", "destination", "written"),
    [
        ("192.0.2.40:5070", ("192.0.2.40", 5070), "192.0.2.40:5070"),
        ("192.0.2.40", ("192.0.2.40", 5060), "192.0.2.40"),
        ("10.0.0.1:5080", ("192.0.2.40", 5080), "10.0.0.1:5080;received=192.0.2.40"),
        ("pbx.example.com;maddr=203.0.113.1", ("192.0.2.40", 5060), None),
        ("10.0.0.1:5080;rport", ("192.0.2.40", 40123), "10.0.0.1:5080;rport=40123;received=192.0.2.40"),
    ],
)
def test_responses_go_to_where_the_request_came_from(
    via: str, destination: tuple[str, int], written: str | None
) -> None:
    """Section 18.2.2, RFC 3581; never to where a client merely says."""
    line = Line(Peer(Transport.UDP, "192.0.2.40", 40123))
    line.say(request("OPTIONS", via=via))
    (effect,) = line.effects
    assert isinstance(effect, SendMessage)
    assert (effect.destination.host, effect.destination.port) == destination
    (response,) = line.sent()
    first = response.headers.all("Via")[0].replace(";branch=z9hG4bK.1", "")
    assert written is None or first == f"SIP/2.0/UDP {written}"


def test_requests_of_ours_go_by_the_route_to_the_target() -> None:
    """Sections 12.1.1 and 12.2.1.1."""
    line = Line()
    routes = (("Record-Route", "<sip:p1.example.com:5090;lr>"), ("Record-Route", "<sip:p2.example.com;lr>"))
    call, response = line.answered_call(*routes)
    assert response.headers.all("Record-Route") == [value for _, value in routes]
    assert response.headers.get("Contact") == "<sip:192.0.2.1:5060;transport=udp>"
    line.do(line.server.hang_up(call, 5.0))
    (effect,) = (own for own in line.effects if isinstance(own, SendMessage))
    assert effect.destination == Peer(Transport.UDP, "p1.example.com", 5090)
    (bye,) = line.sent()
    assert isinstance(bye, Request)
    assert (bye.uri, bye.headers.all("Route")) == ("sip:ada@192.0.2.40:5070", [value for _, value in routes])
    assert (str(bye.sender), str(bye.recipient)) == (f"<{URI}>;tag={call}", "<sip:ada@example.com>;tag=ada")
    assert bye.headers.get("CSeq") == "1 BYE"


def test_an_old_strict_router_finds_itself_in_the_request_uri() -> None:
    line = Line()
    call, _ = line.answered_call(("Record-Route", "<sip:old.example.com>"), ("Record-Route", "<sip:p2.example.com;lr>"))
    line.do(line.server.hang_up(call, 5.0))
    bye = line.sent()[-1]
    assert isinstance(bye, Request)
    assert bye.uri == "sip:old.example.com"
    assert bye.headers.all("Route") == ["<sip:p2.example.com;lr>", "<sip:ada@192.0.2.40:5070>"]


def test_over_a_connection_requests_go_back_by_it_while_it_lives() -> None:
    line = Line(STREAM)
    call, _ = line.answered_call(("Contact", "<sip:ada@192.0.2.40:5070;transport=tcp>"))
    line.do(line.server.hang_up(call, 5.0))
    bye = line.effects[0]
    assert isinstance(bye, SendMessage)
    assert bye.destination == STREAM

    line = Line(STREAM)
    call, _ = line.answered_call(("Contact", "<sip:ada@192.0.2.40:5070;transport=tcp>"))
    line.server.connection_lost(3)
    line.do(line.server.hang_up(call, 5.0))
    bye = line.effects[0]
    assert isinstance(bye, SendMessage)
    assert bye.destination == Peer(Transport.TCP, "192.0.2.40", 5070, 0)
    assert b"\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;" in bye.payload


@pytest.mark.parametrize(
    ("behind_nat", "expected"), [(False, Peer(Transport.UDP, "10.0.0.5", 5070)), (True, evolve(PEER, port=40123))]
)
def test_clients_behind_nat_are_reached_where_they_send_from(behind_nat: bool, expected: Peer) -> None:
    settings = SipSettings("192.0.2.1", clients_behind_nat=behind_nat)
    line = Line(evolve(PEER, port=40123), settings)
    call, _ = line.answered_call(("Contact", "<sip:ada@10.0.0.5:5070>"))
    line.do(line.server.hang_up(call, 5.0))
    bye = line.effects[0]
    assert isinstance(bye, SendMessage)
    assert bye.destination == expected


def test_a_secure_call_has_a_secure_contact() -> None:
    line = Line(evolve(STREAM, transport=Transport.TLS))
    line.say(request("INVITE", uri="sips:voice@192.0.2.1", body=OFFER))
    line.do(line.server.accept(offered(line), b"answer", 0.0))
    response = line.sent()[-1]
    assert response.headers.get("Contact") == "<sips:192.0.2.1:5061>"


def test_a_change_moves_the_target() -> None:
    """Section 12.2.2."""
    line = Line()
    call, response = line.answered_call()
    line.say(inside(response, "UPDATE", 2, ("Contact", "<sip:ada@192.0.2.41>")))
    line.do(line.server.hang_up(call, 5.0))
    bye = line.sent()[-1]
    assert isinstance(bye, Request)
    assert bye.uri == "sip:ada@192.0.2.41"


# Inside a call


def test_a_change_while_another_waits_is_told_to_come_again() -> None:
    """Section 14.2."""
    line = Line()
    call, response = line.answered_call()
    line.say(inside(response, "INVITE", 2, body=CHANGED))
    assert line.told() == [CallChanged(call, CHANGED)]
    line.say(inside(response, "UPDATE", 3, body=CHANGED))
    _, busy = line.sent()
    assert isinstance(busy, Response)
    assert (busy.status, busy.headers.get("Retry-After")) == (500, "2")
    line.do(line.server.accept(call, b"second", 0.0))
    assert line.statuses() == [200]


def test_a_change_tells_that_the_answer_arrived_though_its_ack_did_not() -> None:
    """RFC 5407, section 3.1.4."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.do(line.server.accept(call, b"answer", 0.0))
    response = line.sent()[-1]
    assert isinstance(response, Response)
    line.say(inside(response, "INVITE", 2, body=CHANGED))
    assert line.told() == [CallConfirmed(call), CallChanged(call, CHANGED)]
    line.say(inside(response, "ACK", 1))
    line.wait(3.0)
    assert line.statuses() == [100]
    line.do(line.server.accept(call, b"second", 3.0))
    line.say(inside(response, "ACK", 2))
    assert line.told() == [CallConfirmed(call)]


def test_an_update_with_an_offer_is_answered_without_ack() -> None:
    line = Line()
    call, response = line.answered_call()
    line.say(inside(response, "UPDATE", 2, body=CHANGED))
    assert line.told() == [CallChanged(call, CHANGED)]
    line.do(line.server.accept(call, b"second", 0.0))
    (changed,) = line.sent()
    assert isinstance(changed, Response)
    assert (changed.status, changed.body) == (200, b"second")
    line.wait(40.0)
    assert line.sent() == []


def test_a_refresh_without_an_offer_gets_what_was_agreed() -> None:
    line = Line()
    _, response = line.answered_call()
    line.say(inside(response, "UPDATE", 2))
    line.say(inside(response, "INVITE", 3))
    updated, invited = line.sent()
    assert (updated.body, invited.body) == (b"", b"answer")
    assert line.told() == []


def test_a_cancelled_change_leaves_the_call_as_it_was() -> None:
    line = Line()
    _, response = line.answered_call()
    changing = inside(response, "INVITE", 2, body=CHANGED)
    line.say(changing)
    line.told()
    line.say(Request("CANCEL", changing.uri, changing.headers.replacing("CSeq", "2 CANCEL")))
    assert line.statuses() == [100, 200, 487]
    assert (line.told(), line.server.calls) == ([], 1)


def test_options_inside_a_call_are_answered() -> None:
    line = Line(capabilities=b"v=0\r\n")
    call, response = line.answered_call()
    line.say(inside(response, "OPTIONS", 2))
    (answer,) = line.sent()
    assert isinstance(answer, Response)
    assert (answer.status, answer.body, answer.recipient.tag) == (200, b"v=0\r\n", call)


def test_requests_inside_calls_have_a_bound_too() -> None:
    line = Line(settings=SipSettings("192.0.2.1", maximum_transactions=1))
    _, response = line.answered_call()
    for number in range(2, 5):
        line.say(inside(response, "OPTIONS", number))
    assert line.statuses() == [200, 503, 503]


def test_a_change_nobody_answers_leaves_the_call_as_it_was() -> None:
    line = Line()
    _, response = line.answered_call()
    line.say(inside(response, "UPDATE", 2, body=CHANGED))
    line.told()
    line.wait(30.0)
    assert (line.statuses(), line.told(), line.server.calls) == ([504], [], 1)


def test_bye_ends_a_change_that_waits() -> None:
    line = Line()
    call, response = line.answered_call()
    line.say(inside(response, "INVITE", 2, body=CHANGED))
    line.told()
    line.say(inside(response, "BYE", 3))
    assert line.statuses() == [100, 200, 487]
    assert line.told() == [CallEnded(call, EndReason.HUNG_UP)]


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    """Section 15: the called side must not send BYE before the ACK."""
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.do(line.server.accept(call, b"answer", 0.0))
    line.do(line.server.hang_up(call, 0.1))
    line.do(line.server.hang_up(call, 0.2))
    response = line.sent()[-1]
    assert isinstance(response, Response)
    assert line.told() == [CallEnded(call, EndReason.RELEASED)]
    line.wait(0.5)
    assert line.statuses() == [200]
    line.say(inside(response, "OPTIONS", 2))
    assert line.statuses() == [481]
    line.say(inside(response, "ACK", 1))
    (bye,) = line.sent()
    assert isinstance(bye, Request)
    assert (bye.method, line.told()) == ("BYE", [])
    line.say(Response(200, "OK", bye.headers))
    line.wait(100.0)
    assert line.server.idle


def test_hanging_up_before_the_answer_is_480() -> None:
    line = Line()
    line.say(request("INVITE", body=OFFER))
    call = offered(line)
    line.do(line.server.hang_up(call, 0.0))
    assert (line.statuses(), line.told()) == ([100, 480], [CallEnded(call, EndReason.RELEASED)])


# Session timers (RFC 4028)


def test_a_client_that_knows_timers_is_asked_to_refresh() -> None:
    line = Line()
    call, response = line.answered_call(("Supported", "timer, 100rel"), ("Session-Expires", "300"))
    assert (response.headers.get("Session-Expires"), response.headers.get("Require")) == ("300;refresher=uac", "timer")
    line.wait(200.0)
    line.say(inside(response, "UPDATE", 2, ("Supported", "timer"), ("Session-Expires", "300;refresher=uac")))
    line.wait(467.9)
    assert line.told() == []
    line.wait(468.0)
    assert line.told() == [CallEnded(call, EndReason.SESSION_EXPIRED)]


@pytest.mark.parametrize(
    ("extra", "agreed"),
    [
        ((), None),
        ((("Supported", "timer"),), "600;refresher=uac"),
        ((("Supported", "timer"), ("Session-Expires", "1800")), "600;refresher=uac"),
        ((("Supported", "timer"), ("x", "90")), "90;refresher=uac"),
        ((("Supported", "timer"), ("Session-Expires", "1800"), ("Min-SE", "900")), "900;refresher=uac"),
        ((("Supported", "timer"), ("Session-Expires", "1800;refresher=uas")), None),
        ((("Session-Expires", "1800"),), None),
    ],
)
def test_how_long_a_session_lives(extra: tuple[tuple[str, str], ...], agreed: str | None) -> None:
    _, response = Line().answered_call(*extra)
    assert response.headers.get("Session-Expires") == agreed


def test_a_session_too_short_is_refused_with_the_least_allowed() -> None:
    line = Line()
    line.say(request("INVITE", ("Supported", "timer"), ("Session-Expires", "30"), body=OFFER))
    (response,) = line.sent()
    assert isinstance(response, Response)
    assert (response.status, response.headers.get("Min-SE")) == (422, "90")


# Streams


def test_several_messages_in_one_chunk_are_all_taken_and_keep_alives_answered() -> None:
    line = Line(STREAM)
    first = write_message(request("OPTIONS"))
    line.say(first + b"\r\n\r\n" + first[:50])
    line.say(first[50:])
    payloads = [own.payload for own in line.effects if isinstance(own, SendMessage)]
    assert [payload[:11] for payload in payloads] == [b"SIP/2.0 200", b"\r\n", b"SIP/2.0 200"]


def test_a_stream_that_cannot_be_read_on_is_answered_and_closed() -> None:
    line = Line(STREAM)
    line.say(octets("sip", "length_negative_invalid"))
    answer, close = line.effects
    assert isinstance(answer, SendMessage)
    assert answer.payload.startswith(b"SIP/2.0 400 Content-Length: got '-999', expected a number\r\n")
    assert close == CloseConnection(STREAM)
    line.effects.clear()
    line.say(request("OPTIONS"))
    assert line.effects == []
    line.server.connection_lost(3)
    line.say(request("OPTIONS"))
    assert line.statuses() == [200]


def test_a_client_without_contact_is_reached_where_it_sends_from() -> None:
    line = Line()
    invite = request("INVITE", body=OFFER)
    kept = tuple(own for own in invite.headers.fields if own[0] != "Contact")
    line.say(evolve(invite, headers=evolve(invite.headers, fields=kept)))
    call = offered(line)
    line.do(line.server.accept(call, b"answer", 0.0))
    response = line.sent()[-1]
    assert isinstance(response, Response)
    line.say(inside(response, "ACK", 1))
    line.do(line.server.hang_up(call, 0.0))
    (bye,) = line.sent()
    assert isinstance(bye, Request)
    assert bye.uri == f"sip:192.0.2.40:{PEER.port}"
