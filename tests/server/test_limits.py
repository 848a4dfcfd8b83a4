"""Limits as sums: every time is an argument."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from h2b.config import LimitSettings
from h2b.server.limits import FOREVER, Allowance, Bucket, Handshakes, LimitExceeded, Shared, Tally


def test_a_bucket_gives_its_capacity_at_once_and_then_its_rate():
    bucket = Bucket(rate=2.0, capacity=10.0)
    assert bucket.take(10, 0.0)
    assert not bucket.take(1, 0.0)
    assert not bucket.take(1, 0.4)
    assert bucket.take(1, 0.5)
    assert bucket.take(10, 1000.0)
    assert not bucket.take(0.1, 1000.0), "what is not taken is not kept beyond the capacity"


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), max_size=50))
def test_a_bucket_never_gives_more_than_its_capacity_and_its_rate(takes):
    bucket, now, given_away = Bucket(rate=3.0, capacity=7.0), 0.0, 0.0
    for pause, amount in takes:
        now += pause
        given_away += amount if bucket.take(amount, now) else 0.0
        assert given_away <= 7.0 + 3.0 * now + 1e-6


def test_a_tally_counts_each_key_and_all():
    tally = Tally()
    assert tally.add("a", 1)
    assert tally.add("b", 1)
    assert not tally.add("a", 1)
    assert tally.total == 2
    tally.remove("a")
    assert tally.add("a", 1)
    assert tally.total == 2


async def test_one_handshake_too_many_costs_the_slowest_its_place():
    handshakes = Handshakes(2)
    scopes = [trio.CancelScope() for _ in range(3)]
    with handshakes.place(scopes[0]), handshakes.place(scopes[1]):
        assert not scopes[0].cancel_called
        with handshakes.place(scopes[2]):
            assert [scope.cancel_called for scope in scopes] == [True, False, False]
    with handshakes.place(scopes[1]), handshakes.place(scopes[2]):
        assert not scopes[1].cancel_called
    assert handshakes.driven_out == 1


def allowance(**settings) -> Allowance:
    return Allowance(Shared(LimitSettings(**settings)), "acme", 100.0)


def test_commands_are_counted_over_ten_seconds():
    mine = allowance(commands_per_second=2)
    for _ in range(20):
        mine.command(100.0)
    with pytest.raises(LimitExceeded, match=r"^more than 2 commands a second$"):
        mine.command(100.0)
    mine.command(100.5)


def test_audio_may_be_so_far_ahead():
    mine = allowance(audio_ahead_s=10.0)
    mine.follow(True, 8000, 100.0)
    mine.audio(80_000, 100.0)
    mine.audio(8000, 101.0)
    with pytest.raises(LimitExceeded, match=r"^audio is more than 10 s ahead of real time$"):
        mine.audio(1, 101.0)
    mine.audio(1, 101.001)


def test_a_call_at_its_own_pace_is_never_ahead():
    mine = allowance(audio_ahead_s=1.0)
    for frame in range(100_000):
        mine.audio(320, 100.0 + 0.02 * frame)


def test_an_idle_connection_and_a_long_session_have_their_ends():
    mine = allowance(idle_s=60.0, session_s=600.0)
    assert mine.deadline == 160.0
    assert str(mine.overdue()) == "nothing was sent for 60 s"
    mine.follow(True, 16000, 110.0)
    mine.audio(320, 700.0)
    assert mine.deadline == 710.0
    assert str(mine.overdue()) == "the session is longer than 600 s"
    mine.follow(False, 16000, 705.0)
    assert mine.deadline == 760.0


def test_nought_is_no_limit():
    mine = allowance(idle_s=0.0, session_s=0.0)
    mine.follow(True, 16000, 110.0)
    assert mine.deadline == FOREVER
    mine = allowance(idle_s=0.0, session_s=5.0)
    mine.follow(True, 16000, 110.0)
    assert str(mine.overdue()) == "the session is longer than 5 s"


def test_sessions_of_a_tenant_are_counted_from_open_to_close():
    shared = Shared(LimitSettings(sessions_per_tenant=1))
    one, other, stranger = (Allowance(shared, tenant, 0.0) for tenant in ("acme", "acme", "umbrella"))
    assert one.may_open() == ""
    one.follow(True, 16000, 0.0)
    assert other.may_open() == "1 sessions are open for acme: expected CLOSE of one first"
    assert stranger.may_open() == ""
    one.follow(False, 16000, 1.0)
    assert other.may_open() == ""
    other.leave()
    other.leave()
    stranger.leave()
    assert shared.sessions.total == 0
