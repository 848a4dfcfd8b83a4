"""Tokens: whose they are, and every way in which one can be wrong."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from h2b.access.keys import SigningKey
from h2b.access.keyset import FRESH_S, PAUSE_S, ForeignTokens, IssuerUnreachable, KeySet, fetch_https
from h2b.access.tokens import LEEWAY_S, TOKEN_S, OwnTokens, TokenRefused

CHANGED = "the token is not one of ours, or was changed"


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
def client(store):
    return store.verify("bot", store.add("bot", "acme"))


def refusal(tokens, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        tokens.verify(token)
    return str(refused.value)


def test_a_token_says_whose_it_is_for_five_minutes(tokens, client):
    token = tokens.issue(client, time.time())
    bearer = tokens.verify(token)
    assert (bearer.tenant, bearer.client) == ("acme", "bot")
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == TOKEN_S == 300
    assert (claims["iss"], claims["aud"], claims["sub"], claims["tenant"]) == ("h2b", "h2b", "bot", "acme")
    assert claims_of(tokens.issue(client, time.time()))["jti"] != claims["jti"]


def test_an_expired_token_is_refused(tokens, client):
    assert refusal(tokens, tokens.issue(client, time.time() - TOKEN_S - LEEWAY_S - 1)) == "the token has expired"
    tokens.verify(tokens.issue(client, time.time() - TOKEN_S + 60))


def test_a_token_of_the_future_is_refused(tokens, client):
    assert refusal(tokens, tokens.issue(client, time.time() + 3600)) == "the token is not valid yet"


def test_a_token_for_another_server_is_refused(tokens, client):
    other = OwnTokens(tokens.store, tokens.key, "another")
    assert refusal(tokens, other.issue(client, time.time())) == (
        "the token was issued by another server, or for another one"
    )


def test_a_token_of_another_key_is_refused(tokens, client):
    forged = OwnTokens(tokens.store, SigningKey(Ed25519PrivateKey.generate()), "h2b")
    assert refusal(tokens, forged.issue(client, time.time())) == CHANGED


def test_a_token_with_a_changed_claim_is_refused(tokens, client):
    head, body, signature = tokens.issue(client, time.time()).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["tenant"] = "umbrella"
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert refusal(tokens, f"{head}.{body}.{signature}") == CHANGED


def test_the_algorithm_is_ours_to_choose(tokens, client):
    claims = claims_of(tokens.issue(client, time.time()))
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert refusal(tokens, unsigned) == "the token is signed by 'none', expected EdDSA"
    # The public key as a shared secret: known to everybody who has seen a key set. PyJWT will not even write it.
    public = tokens.key.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    shared = jwt.encode(claims, public, algorithm="HS256")
    assert refusal(tokens, shared) == "the token is signed by 'HS256', expected EdDSA"
    elliptic = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    assert refusal(tokens, elliptic) == "the token is signed by 'ES256', expected EdDSA"


@pytest.mark.parametrize("missing", ["exp", "iat", "iss", "aud", "sub"])
def test_no_claim_may_be_missing(tokens, client, missing):
    claims = claims_of(tokens.issue(client, time.time()))
    del claims[missing]
    token = jwt.encode(claims, tokens.key.private, algorithm="EdDSA")
    assert refusal(tokens, token)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "x" * 10_000, "\x00", "e30.e30.", "bnVsbA.bnVsbA.x"])
def test_nonsense_is_refused(tokens, token):
    assert refusal(tokens, token)


def test_a_disabled_client_opens_nothing_with_the_tokens_it_has(tokens, client, store):
    token = tokens.issue(client, time.time())
    store.disable("bot")
    assert refusal(tokens, token) == "the token's client is disabled"
    store.rotate("bot")
    tokens.verify(token)


# Of another issuer

ISSUER = "https://id.example.net/realms/voice"


class Issuer:
    """An OpenID Connect issuer without a network."""

    def __init__(self) -> None:
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.asked: list[str] = []
        self.now = 1000.0
        self.gone = False
        self.rotate("one")

    def rotate(self, key_id: str) -> None:
        self.keys = {key_id: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.gone:
            raise IssuerUnreachable(f"{url}: gone")
        if url.endswith("/.well-known/openid-configuration"):
            return json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}).encode()
        shown = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": key_id, "use": "sig"}
            for key_id, key in self.keys.items()
        ]
        shared = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}
        return json.dumps({"keys": [*shown, shared, {"kty": "new"}, 5]}).encode()

    def token(self, key_id: str = "one", **changes: object) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "h2b", "sub": "u-1", "azp": "acme", "iat": now, "exp": now + 60} | changes
        return jwt.encode(claims, self.keys[key_id], algorithm="RS256", headers={"kid": key_id})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def foreign(issuer) -> ForeignTokens:
    return ForeignTokens(KeySet(ISSUER, fetch=issuer.fetch, clock=lambda: issuer.now), "h2b", "azp")


def test_a_foreign_token_is_taken_and_its_keys_asked_for_once(foreign, issuer):
    for _ in range(3):
        bearer = foreign.verify(issuer.token())
        assert (bearer.tenant, bearer.client) == ("acme", "u-1")
    assert issuer.asked == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys"]


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example"}, {"aud": "other"}, {"exp": 1}, {"azp": ""}, {"azp": 5}, {"azp": None}],
)
def test_a_foreign_token_must_be_right_in_all(foreign, issuer, changes):
    assert refusal(foreign, issuer.token(**changes))


def test_a_new_key_is_asked_for_and_an_unknown_one_not_again_and_again(foreign, issuer):
    foreign.verify(issuer.token())
    before = len(issuer.asked)
    issuer.rotate("two")
    assert refusal(foreign, issuer.token("two")) == "the token is signed by a key the issuer does not have"
    assert len(issuer.asked) == before, "asked a moment ago"
    issuer.now += PAUSE_S
    foreign.verify(issuer.token("two"))
    asked = len(issuer.asked)
    issuer.rotate("three")
    for _ in range(100):
        refusal(foreign, issuer.token("three"))
    assert len(issuer.asked) == asked


def test_keys_are_believed_for_a_while_when_the_issuer_is_gone(foreign, issuer):
    foreign.verify(issuer.token())
    issuer.gone = True
    issuer.now += FRESH_S
    foreign.verify(issuer.token())
    issuer.now += 1
    with pytest.raises(IssuerUnreachable):
        foreign.verify(issuer.token())
    issuer.gone = False
    with pytest.raises(IssuerUnreachable, match="asked less than 30 s ago"):
        foreign.verify(issuer.token())
    issuer.now += PAUSE_S
    foreign.verify(issuer.token())


def test_a_shared_secret_among_the_keys_signs_nothing(foreign, issuer):
    claims = claims_of(issuer.token())
    shared = jwt.encode(claims, b"secret" * 8, algorithm="HS256", headers={"kid": "shared"})
    assert refusal(foreign, shared).startswith("the token is signed by 'HS256', expected RS256")
    signed = jwt.encode(claims, issuer.keys["one"], algorithm="RS256", headers={"kid": "shared"})
    assert refusal(foreign, signed) == "the token is signed by a key the issuer does not have"


def test_a_token_without_a_key_id_is_refused(foreign, issuer):
    token = jwt.encode(claims_of(issuer.token()), issuer.keys["one"], algorithm="RS256")
    assert refusal(foreign, token) == "the token does not name its key"


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b"\xff", b'{"issuer": "https://evil.example"}', b"[" * 100_000])
def test_an_issuer_that_answers_nonsense_gives_no_keys(answer):
    with pytest.raises(IssuerUnreachable):
        KeySet(ISSUER, fetch=lambda url: answer).key("one")


@pytest.mark.parametrize(
    "url", ["http://id.example.net/keys", "file:///etc/passwd", "ftp://x/", "", "https://[", "https:///"]
)
def test_only_https_is_asked(url):
    with pytest.raises(IssuerUnreachable):
        fetch_https(url)
