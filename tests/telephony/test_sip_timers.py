"""Moments by name, and the parts of a dialog, by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.telephony.sip_dialog import peer_at
from h2b.telephony.sip_effects import Peer, Transport
from h2b.telephony.sip_timers import Timers
from h2b.telephony.sip_transaction import ServerTransaction, State, transaction_key
from tests.telephony.speaking import PEER, STREAM, request


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 20).map(float)), max_size=300))
def test_timers_keep_the_last_moment_of_each_name(settings: list[tuple[str, float | None]]) -> None:
    timers, expected = Timers(), {}
    for name, at in settings:
        timers.set(name, at)
        expected[name] = at
        alive = {own: moment for own, moment in expected.items() if moment is not None}
        assert timers.next() == min(alive.values(), default=None)
        assert len(timers) == len(alive)
        assert len(timers._heap) <= 2 * len(alive) + 65
    due = timers.pop_due(10.0)
    assert sorted(map(str, due)) == sorted(own for own, moment in alive.items() if moment <= 10.0) if settings else True
    assert timers.pop_due(10.0) == []


def test_moments_set_again_and_again_do_not_pile_up() -> None:
    timers = Timers()
    timers.set("b", 9000.0)
    for moment in range(5000):
        timers.set("a", float(moment))
        assert len(timers._heap) <= 70
    assert (timers.next(), timers.pop_due(9000.0)) == (4999.0, ["a", "b"])


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:h.example.com", Peer(Transport.UDP, "h.example.com", 5060)),
        ("sip:a@192.0.2.9:5070;transport=tcp", Peer(Transport.TCP, "192.0.2.9", 5070)),
        ("sip:192.0.2.9;transport=TLS", Peer(Transport.TLS, "192.0.2.9", 5061)),
        ("sips:a@[2001:db8::9]", Peer(Transport.TLS, "2001:db8::9", 5061)),
        ("sip:192.0.2.9;transport=sctp", Peer(Transport.UDP, "192.0.2.9", 5060)),
        ("sip:h;maddr=192.0.2.8", Peer(Transport.UDP, "192.0.2.8", 5060)),
        ("tel:+33123456789", PEER),
    ],
)
def test_where_a_uri_leads(uri: str, expected: Peer) -> None:
    assert peer_at(uri, PEER) == expected


def test_transactions_are_told_apart_by_branch_sender_and_method() -> None:
    """Section 17.2.3."""
    key = transaction_key(request("INVITE"))
    assert transaction_key(request("ACK")) == key
    assert transaction_key(request("CANCEL"), "INVITE") == key
    assert transaction_key(request("CANCEL")) != key
    assert transaction_key(request("INVITE", via="192.0.2.41:5070;rport")) != key
    older = transaction_key(request("INVITE", branch="z9hG4bK"))
    assert transaction_key(request("INVITE", branch="z9hG4bK", sequence=2)) != older
    assert transaction_key(request("ACK", branch="z9hG4bK")) == older


@pytest.mark.parametrize(("peer", "state"), [(PEER, State.COMPLETED), (STREAM, State.TERMINATED)])
def test_other_transactions_linger_on_datagrams_alone(peer: Peer, state: State) -> None:
    """Timer J."""
    asked = request("BYE")
    transaction = ServerTransaction(transaction_key(asked), asked, peer)
    assert transaction.repeated() == b""
    transaction.respond(200, b"yes", 1.0)
    assert transaction.state is state
    assert transaction.next_timer() == (33.0 if peer is PEER else 1.0)


def test_a_transaction_has_one_final_response() -> None:
    asked = request("BYE")
    transaction = ServerTransaction(transaction_key(asked), asked, PEER)
    transaction.respond(200, b"yes", 0.0)
    with pytest.raises(AssertionError, match="a response after the final one"):
        transaction.respond(481, b"no", 0.0)
