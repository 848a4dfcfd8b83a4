"""Passwords proved by digest: the arithmetic of the standard's example, and every way to fail."""

import pytest

from h2b.telephony.sip_digest import (
    NONCE_SECONDS,
    DigestAnswerer,
    DigestGuard,
    Proof,
    Verdict,
    digest_response,
    parse_digest,
)
from h2b.telephony.sip_effects import CallForbidden, CallOffered
from h2b.telephony.sip_message import Headers, Request, Response
from h2b.telephony.sip_syntax import SipSyntaxError
from tests.telephony.network import OFFER
from tests.telephony.speaking import PEER, URI, Line, request

GIVEN = {
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard_comes_out(algorithm: str, expected: str) -> None:
    """RFC 7616, section 3.9.1."""
    owner = ("Mufasa", "http-auth@example.org", "Circle of Life")
    assert digest_response(algorithm, owner, ("GET", "/dir/index.html"), GIVEN) == expected


def guard() -> DigestGuard:
    return DigestGuard('the "h2b"', {"bot": "pass: word", "añb": "ñ"}, secret=b"seal")


def proved(
    own: DigestGuard, user: str = "bot", password: str = "pass: word", method: str = "INVITE", made: float = 0.0
) -> Request:
    """A request of a client that was challenged at this time."""
    headers = Headers(tuple(own.challenges(made)))
    answer = DigestAnswerer(user, password).answer(headers, method, URI, "cnonce")
    assert answer is not None
    return request(method, answer)


def test_the_strongest_hash_is_offered_first_and_taken() -> None:
    """RFC 8760, section 2.3."""
    own = guard()
    first, second = (value for _, value in own.challenges(0.0))
    assert parse_digest(first, "x")["algorithm"] == "SHA-256"
    assert parse_digest(second, "x")["algorithm"] == "MD5"
    asked = proved(own).headers.get("Authorization") or ""
    assert parse_digest(asked, "x")["algorithm"] == "SHA-256"


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_a_right_password_is_good_whatever_hash_the_client_knows(algorithm: str) -> None:
    own = guard()
    known = tuple(pair for pair in own.challenges(0.0) if algorithm in pair[1])
    answer = DigestAnswerer("añb", "ñ").answer(Headers(known), "INVITE", URI, "c")
    assert answer is not None
    assert own.judge(request("INVITE", answer), 1.0) == Proof(Verdict.GOOD, "añb")


def test_a_proof_is_good_once() -> None:
    own = guard()
    asked = proved(own)
    assert own.judge(asked, 1.0) == Proof(Verdict.GOOD, "bot")
    assert own.judge(asked, 1.0) == Proof(Verdict.STALE, "bot")


def test_a_nonce_is_good_for_several_counts_until_it_expires() -> None:
    own, answerer = guard(), DigestAnswerer("bot", "pass: word")
    headers = Headers(tuple(own.challenges(0.0)))
    verdicts = []
    for moment in (1.0, 2.0, NONCE_SECONDS, NONCE_SECONDS + 1):
        answer = answerer.answer(headers, "INVITE", URI, "c")
        assert answer is not None
        verdicts.append(own.judge(request("INVITE", answer), moment).verdict)
    assert verdicts == [Verdict.GOOD, Verdict.GOOD, Verdict.GOOD, Verdict.STALE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('username="bot"', 'username="eve"'),
        ("qop=auth", "qop=auth-int"),
        (", qop=auth", ""),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("algorithm=SHA-256", "algorithm=SHA-512"),
        ("algorithm=SHA-256", "algorithm=MD5"),
        ('cnonce="cnonce"', 'cnonce=""'),
        ("realm=", "realm2="),
        ("Digest ", "Basic "),
        ('response="', 'response="0'),
    ],
)
def test_anything_changed_proves_nothing(old: str, new: str) -> None:
    own = guard()
    value = proved(own).headers.get("Authorization") or ""
    assert old in value
    changed = request("INVITE", ("Authorization", value.replace(old, new)))
    assert own.judge(changed, 1.0) == Proof(Verdict.WRONG)


def test_a_proof_for_one_method_proves_nothing_for_another() -> None:
    own = guard()
    value = proved(own).headers.get("Authorization") or ""
    assert own.judge(request("BYE", ("Authorization", value)), 1.0) == Proof(Verdict.WRONG)


def test_an_unknown_user_with_an_empty_password_proves_nothing() -> None:
    own = guard()
    assert own.judge(proved(own, "eve", ""), 1.0) == Proof(Verdict.WRONG)


def test_a_nonce_another_server_made_is_stale() -> None:
    """Another one, or this one before it was started again: the client need not ask its user."""
    other = DigestGuard('the "h2b"', {}, secret=b"another")
    assert guard().judge(proved(other), 1.0) == Proof(Verdict.STALE, "bot")


def test_counts_are_forgotten_with_their_nonces() -> None:
    own = guard()
    for moment in range(0, 3000, 100):
        assert own.judge(proved(own, made=moment), moment).verdict is Verdict.GOOD
    assert len(own._counts) == 4


@pytest.mark.parametrize("value", ["Basic realm=x", "Digest a b", 'Digest realm="x', "Digest a=1, a=2", "Digest"])
def test_a_challenge_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(SipSyntaxError):
        parse_digest(value, "WWW-Authenticate")


def test_a_client_answers_no_challenge_it_does_not_know() -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="x", nonce="y", algorithm=SHA-512-256, qop="auth"')
    assert DigestAnswerer("bot", "x").answer(Headers((challenge,)), "INVITE", URI, "c") is None


def test_a_proxy_is_answered_with_its_own_header_and_opaque_text() -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="x", nonce="y", qop="auth-int,auth", opaque="z z"')
    answer = DigestAnswerer("bot", "x").answer(Headers((challenge,)), "INVITE", URI, "c")
    assert answer is not None
    assert answer[0] == "Proxy-Authorization"
    assert parse_digest(answer[1], "x")["opaque"] == '"z z"'


def test_a_server_asks_again_for_a_stale_proof_and_says_so() -> None:
    own = guard()
    line = Line(guard=own)
    line.say(request("INVITE", body=OFFER))
    (asked,) = line.sent()
    assert isinstance(asked, Response)
    assert asked.status == 401
    assert "stale" not in (asked.headers.get("WWW-Authenticate") or "")
    answer = DigestAnswerer("bot", "pass: word").answer(asked.headers, "INVITE", URI, "c")
    assert answer is not None
    line.now = NONCE_SECONDS + 2
    line.say(request("INVITE", answer, branch="z9hG4bK.2", sequence=2, body=OFFER))
    (again,) = line.sent()
    assert isinstance(again, Response)
    assert all(value.endswith("stale=true") for value in again.headers.all("WWW-Authenticate"))
    answer = DigestAnswerer("bot", "pass: word").answer(again.headers, "INVITE", URI, "c")
    assert answer is not None
    line.say(request("INVITE", answer, branch="z9hG4bK.3", sequence=3, body=OFFER))
    (offered,) = line.told()
    assert isinstance(offered, CallOffered)
    assert offered.user == "bot"


def test_a_question_for_a_password_is_no_refusal_and_a_wrong_one_is_told() -> None:
    own = guard()
    line = Line(guard=own)
    line.say(request("INVITE", body=OFFER))
    (asked,) = line.sent()
    assert isinstance(asked, Response)
    assert (line.told(), line.server.refusals) == ([], {})
    answer = DigestAnswerer("bot", "guessed").answer(asked.headers, "INVITE", URI, "c")
    assert answer is not None
    line.say(wrong := request("INVITE", answer, branch="z9hG4bK.2", sequence=2, body=OFFER))
    assert line.statuses() == [401]
    assert line.told() == [CallForbidden(wrong.call_id, PEER, "wrong user or password", 401)]
    assert line.server.refusals == {401: 1}
