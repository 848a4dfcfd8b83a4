"""Limits as sums: every time is an argument."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from h2b.config import LimitSettings
from h2b.server.limits import (
    BUSY,
    FOREVER,
    Allowance,
    Bucket,
    Digest,
    Handshakes,
    LimitExceeded,
    Place,
    Shared,
    Tally,
    Turns,
    first_of_the_crowd,
    origin,
    share,
)


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


def test_who_takes_what_is_not_there_yet_is_told_how_long_to_wait():
    bucket = Bucket(rate=2.0, capacity=3.0)
    assert [bucket.wait(1, 10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert bucket.wait(1, 11.0) == 0.5
    assert bucket.wait(1, 1000.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 3)), max_size=50))
def test_who_waits_as_told_never_takes_more_than_the_capacity_and_the_rate(takes):
    bucket, now, taken = Bucket(rate=3.0, capacity=7.0), 0.0, 0.0
    for pause, amount in takes:
        now += pause
        now += bucket.wait(amount, now)
        taken += amount
        assert taken <= 7.0 + 3.0 * now + 1e-6


@pytest.mark.parametrize(
    ("host", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("not an address", "not an address"),
    ],
)
def test_connections_are_counted_for_an_address_or_a_network(host: str, whose: str):
    assert origin(host) == whose


def test_the_first_of_the_largest_crowd_makes_room_and_one_network_is_one_crowd() -> None:
    hosts = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"]
    assert first_of_the_crowd(hosts, lambda host: host) == "2001:db8::1"
    assert first_of_the_crowd(hosts[:3], lambda host: host) == "192.0.2.1"


@pytest.mark.parametrize(
    ("limit", "maximum", "found"), [(0, 1000, 750), (0, 1, 1), (0, 2, 2), (0, 3, 3), (0, 4, 3), (20, 1000, 20)]
)
def test_the_share_of_one_address_leaves_a_quarter_to_others(limit: int, maximum: int, found: int):
    assert share(limit, maximum) == found


def test_a_place_is_taken_once_and_left_once():
    tally = Tally()
    one, other = Place(tally, "a", 1), Place(tally, "a", 1)
    assert one.take()
    assert one.take()
    assert not other.take()
    other.leave()
    assert tally.total == 1
    one.leave()
    one.leave()
    assert tally.total == 0
    assert other.take()


def test_keys_take_turns():
    turns = Turns()
    for key, one in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)]:
        turns.add(key, one)
    assert len(turns) == 6
    assert [turns.next() for _ in range(4)] == [("a", 1), ("b", 4), ("c", 5), ("a", 2)]
    turns.add("c", 7)
    assert [turns.next()[1] for _ in range(3)] == [6, 3, 7]
    assert not turns
    with pytest.raises(KeyError):
        turns.next()


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_nobody_waits_for_more_than_one_of_each_other_key(keys):
    turns = Turns()
    for number, key in enumerate(keys):
        turns.add(key, number)
    order = [turns.next() for _ in keys]
    assert sorted(one for _, one in order) == list(range(len(keys)))
    for key in set(keys):
        mine = [one for whose, one in order if whose == key]
        assert mine == sorted(mine)
    first = [key for key, _ in order[: len(set(keys))]]
    assert len(set(first)) == len(first)


def test_what_happens_often_is_told_at_once_and_then_once_a_second_with_a_count():
    digest = Digest()
    assert digest.deadline == FOREVER
    assert digest.add("401", "x", 10.0)
    assert digest.deadline == 11.0
    assert not digest.add("401", "y", 10.2)
    assert not digest.add("401", "z", 10.9)
    assert digest.add("429", "other", 10.9), "kinds do not hide one another"
    assert digest.due(10.99) == []
    assert digest.due(11.0) == [("z", 2)]
    assert digest.due(11.9) == []
    assert digest.deadline == 12.0
    assert digest.due(12.0) == []
    assert digest.deadline == FOREVER
    assert digest.add("401", "again", 12.0)


@given(st.lists(st.floats(0, 0.7), max_size=60))
def test_nothing_is_told_twice_or_not_at_all(pauses):
    digest, now, told, lines = Digest(), 0.0, 0, 0
    for pause in pauses:
        now += pause
        for _, count in digest.due(now):
            told, lines = told + count, lines + 1
        if digest.add("kind", "item", now):
            told, lines = told + 1, lines + 1
    told += sum(count for _, count in digest.due(FOREVER))
    assert told == len(pauses)
    assert lines <= now + 1


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


async def test_when_the_server_leaves_every_handshake_ends():
    handshakes = Handshakes(2)
    before, after = trio.CancelScope(), trio.CancelScope()
    with handshakes.place(before):
        handshakes.close()
        assert before.cancel_called
    with handshakes.place(after):
        assert after.cancel_called


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
    mine = allowance(idle_s=60.0, session_s=0.0)
    mine.follow(True, 16000, 110.0)
    assert str(mine.overdue()) == "nothing was sent for 60 s"


def test_after_a_session_audio_has_the_pace_of_linear_sound_again():
    mine = allowance(audio_ahead_s=1.0)
    mine.follow(True, 8000, 100.0)
    mine.follow(False, 16000, 101.0)
    mine.audio(16_000, 101.0)


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


def test_no_session_begins_while_none_may():
    shared = Shared(LimitSettings(sessions_per_tenant=5))
    busy = Allowance(shared, "acme", 0.0, lambda: False)
    assert busy.may_open() == BUSY
    assert shared.sessions.total == 0
