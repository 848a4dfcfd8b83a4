"""A server and a client coupled by a network in memory: whole calls, also over one that loses, doubles and reorders."""

from random import Random
from typing import Any

import pytest

from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_digest import DigestAnswerer, DigestGuard
from h2b.telephony.sip_effects import (
    CallAnswered,
    CallChanged,
    CallConfirmed,
    CallEnded,
    CallForbidden,
    CallOffered,
    CallRefused,
    ChangeRefused,
    Effect,
    EndReason,
    Transport,
)
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from tests.telephony.network import ANSWER, CLIENT_HOST, OFFER, SERVER_HOST, URI, Network, losing, tokens

CHANGED = OFFER.replace(b"1 1", b"1 2")


def network(transport: Transport = Transport.UDP, **server_options: Any) -> Network:
    """A server that accepts all it is offered, and a client."""
    server = SipServer(SipSettings(SERVER_HOST, **server_options), token=tokens("s"))
    client = SipClient(SipSettings(CLIENT_HOST, session_seconds=0), token=tokens("c"))
    net = Network(server, client, transport)
    net.on_server = lambda effect, now: (
        server.accept(effect.call, ANSWER, now) if isinstance(effect, CallOffered | CallChanged) else []
    )
    return net


def call(net: Network, offer: bytes = OFFER) -> str:
    name, effects = net.client.call(URI, net.peer(SERVER_HOST), offer, net.now)
    net.perform("client", effects)
    return name


@pytest.mark.parametrize("transport", Transport)
def test_a_call_is_answered_confirmed_and_hung_up(transport: Transport) -> None:
    net = network(transport)
    name = call(net)
    net.run(until=1.0)
    assert net.client_news == [CallAnswered(name, ANSWER)]
    offered, confirmed = net.server_news
    assert isinstance(offered, CallOffered)
    assert (offered.offer, offered.call_id, offered.request_uri) == (OFFER, name, URI)
    assert confirmed == CallConfirmed(offered.call)
    net.perform("client", net.client.hang_up(name, net.now))
    net.run()
    assert net.client_news[1:] == [CallEnded(name, EndReason.RELEASED)]
    assert net.server_news[2:] == [CallEnded(offered.call, EndReason.HUNG_UP)]
    assert net.first_lines("client") == ["INVITE", "ACK", "BYE"]
    assert net.first_lines("server") == ["100 Trying", "200 OK", "200 OK"]
    assert net.server.idle
    assert net.client.idle


@pytest.mark.parametrize("transport", Transport)
def test_the_server_hangs_up(transport: Transport) -> None:
    net = network(transport)
    name = call(net)
    net.run(until=1.0)
    offered = net.server_news[0]
    assert isinstance(offered, CallOffered)
    net.perform("server", net.server.hang_up(offered.call, net.now))
    net.run()
    assert net.server_news[-1] == CallEnded(offered.call, EndReason.RELEASED)
    assert net.client_news[-1] == CallEnded(name, EndReason.HUNG_UP)
    assert net.server.idle
    assert net.client.idle


def test_a_cancelled_call_ends_on_both_sides() -> None:
    net = network()
    net.on_server = lambda effect, now: []
    name = call(net)
    net.run(until=1.0)
    net.perform("client", net.client.hang_up(name, net.now))
    net.run()
    assert net.client_news == [CallEnded(name, EndReason.CANCELLED)]
    assert net.server_news[1:] == [CallEnded(net.server_news[0].call, EndReason.CANCELLED)]
    assert net.first_lines("server") == ["100 Trying", "200 OK", "487 Request Terminated"]
    assert net.server.idle
    assert net.client.idle


def test_a_changed_offer_is_answered_and_a_rejected_one_changes_nothing() -> None:
    net = network()
    name = call(net)
    net.run(until=1.0)
    net.perform("client", net.client.change(name, CHANGED, net.now))
    net.run(until=2.0)
    offered = net.server_news[0].call
    assert net.server_news[2:] == [CallChanged(offered, CHANGED), CallConfirmed(offered)]
    net.on_server = lambda effect, now: (
        net.server.reject(effect.call, 488, "no audio", now) if isinstance(effect, CallChanged) else []
    )
    net.perform("client", net.client.change(name, CHANGED + b"a=more\r\n", net.now))
    net.run(until=3.0)
    assert net.client_news[1:] == [CallAnswered(name, ANSWER), ChangeRefused(name, 488, "Not Acceptable Here")]
    assert net.server.calls == 1
    net.perform("client", net.client.hang_up(name, net.now))
    net.run()
    assert net.server.idle
    assert net.client.idle


def test_an_unchanged_offer_is_a_refresh_the_owner_does_not_see() -> None:
    net = network()
    name = call(net)
    net.run(until=1.0)
    net.perform("client", net.client.change(name, OFFER, net.now))
    net.run(until=2.0)
    assert net.client_news[1:] == [CallAnswered(name, ANSWER)]
    assert not any(isinstance(news, CallChanged) for news in net.server_news)


@pytest.mark.parametrize("transport", Transport)
def test_a_password_is_asked_for_and_proved(transport: Transport) -> None:
    net = network(transport)
    guard = DigestGuard("h2b", {"bot": "secret"})
    net.server = SipServer(SipSettings(SERVER_HOST), guard=guard, token=tokens("s"))
    net.client = SipClient(SipSettings(CLIENT_HOST), DigestAnswerer("bot", "secret"), tokens("c"))
    name = call(net)
    net.run(until=1.0)
    offered = net.server_news[0]
    assert isinstance(offered, CallOffered)
    assert offered.user == "bot"
    net.perform("server", net.server.accept(offered.call, ANSWER, net.now))
    net.run(until=2.0)
    assert net.client_news == [CallAnswered(name, ANSWER)]
    assert net.first_lines("server") == ["401 Unauthorized", "100 Trying", "200 OK"]


def test_a_wrong_password_is_refused() -> None:
    net = network()
    net.server = SipServer(SipSettings(SERVER_HOST), guard=DigestGuard("h2b", {"bot": "secret"}), token=tokens("s"))
    net.client = SipClient(SipSettings(CLIENT_HOST), DigestAnswerer("bot", "guess"), tokens("c"))
    name = call(net)
    net.run()
    refused = net.client_news[0]
    assert isinstance(refused, CallRefused)
    assert (refused.call, refused.status) == (name, 401)
    assert {type(news) for news in net.server_news} == {CallForbidden}
    assert net.server.idle
    assert net.client.idle


def test_a_client_that_knows_session_timers_keeps_its_call_alive() -> None:
    net = network(session_seconds=600)
    net.client = SipClient(SipSettings(CLIENT_HOST, session_seconds=600), token=tokens("c"))
    name = call(net)
    net.run(until=3000.0)
    assert net.server.calls == 1
    assert net.first_lines("client").count("UPDATE") == 9
    net.perform("client", net.client.hang_up(name, net.now))
    net.run()
    assert net.server.idle
    assert net.client.idle


def test_a_client_that_died_is_found_out_by_the_session_timer() -> None:
    net = network(session_seconds=600)
    net.client = SipClient(SipSettings(CLIENT_HOST, session_seconds=600), token=tokens("c"))
    call(net)
    net.run(until=1.0)
    net.fate = lambda: []
    net.run()
    ended = net.server_news[-1]
    assert isinstance(ended, CallEnded)
    assert ended.reason is EndReason.SESSION_EXPIRED
    assert net.server.idle
    assert net.client.idle


def test_nobody_answers() -> None:
    net = network()
    net.fate = lambda: []
    name = call(net)
    net.run()
    refused = net.client_news[0]
    assert isinstance(refused, CallRefused)
    assert (refused.call, refused.status, net.now) == (name, 408, 32.0)
    assert net.first_lines("client") == ["INVITE"] * 7
    assert net.client.idle


@pytest.mark.parametrize("seed", range(40))
def test_every_call_ends_on_both_sides_whatever_the_network_does(seed: int) -> None:
    """30 % of the datagrams are lost, 20 % doubled, and they overtake one another; the owners do as they please."""
    random = Random(seed)
    net = network(session_seconds=random.choice([0, 120]), answer_seconds=5.0)
    net.client = SipClient(SipSettings(CLIENT_HOST, session_seconds=random.choice([0, 120])), token=tokens("c"))
    net.fate = losing(random, 0.3, 0.2, 0.8)
    server, client = net.server, net.client

    def serve(effect: Effect, now: float) -> list[Effect]:
        if isinstance(effect, CallOffered | CallChanged):
            name, choice = effect.call, random.random()
            if choice < 0.7:
                net.later(random.uniform(0, 2), "server", lambda: server.accept(name, ANSWER, net.now))
            elif choice < 0.9:
                net.later(random.uniform(0, 2), "server", lambda: server.reject(name, 488, "no", net.now))
            if random.random() < 0.3:
                net.later(random.uniform(0, 40), "server", lambda: server.hang_up(name, net.now))
        return []

    def use(effect: Effect, now: float) -> list[Effect]:
        if isinstance(effect, CallAnswered) and random.random() < 0.3:
            name = effect.call
            changed = OFFER + b"a=%d\r\n" % random.randrange(99)
            net.later(random.uniform(0, 5), "client", lambda: client.change(name, changed, net.now))
        return []

    net.on_server, net.on_client = serve, use
    names = []
    for _ in range(25):
        names.append(call(net))
        gone = names[-1]
        net.later(random.uniform(0, 60), "client", lambda gone=gone: client.hang_up(gone, net.now))
        net.run(until=net.now + random.uniform(0, 3))
    net.run()

    offered = [news.call for news in net.server_news if isinstance(news, CallOffered)]
    server_ended = [news.call for news in net.server_news if isinstance(news, CallEnded)]
    client_ended = [news.call for news in net.client_news if isinstance(news, CallEnded | CallRefused)]
    assert sorted(server_ended) == sorted(offered)
    assert sorted(client_ended) == sorted(names)
    assert server.idle
    assert client.idle
