"""What somebody without any right may send to get one: tokens, forms, Authorization headers; and an issuer's keys."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from h2b.access.grant import grant, read_basic, read_form
from h2b.access.keys import SigningKey
from h2b.access.keyset import ForeignTokens, KeySet
from h2b.access.store import Client, ClientStore
from h2b.access.tokens import OwnTokens, TokenRefused
from tests.fuzz.damage import cases, damaged, damaged_text, read_or_refused

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
CLIENT = Client(id="bot", tenant="acme", enabled=True, created_s=0)


class _Store:
    """Knows one client."""

    def find(self, client_id: str) -> Client | None:
        return CLIENT if client_id == CLIENT.id else None

    def verify(self, client_id: str, secret: str, *, remembered: bool = False) -> Client | None:
        return self.find(client_id) if secret == "secret" else None


STORE: Any = _Store()
TOKENS = OwnTokens(STORE, KEY, "h2b")
TOKEN = TOKENS.issue(CLIENT, time.time() + 1).encode()


def coded(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")


HEADS = [
    b'{"alg":"EdDSA","typ":"JWT","kid":"a"}',
    b'{"alg":"none"}',
    b"[]",
    b'{"alg":["EdDSA"],"kid":1,"crit":["b64"]}',
]
CLAIMS = [b'{"iss":"h2b","aud":"h2b","sub":"bot","tenant":"acme","iat":1,"exp":99999999999}', b"[]", b"1"]


@cases()
@given(damaged_text([TOKEN], (b".", b"=", coded(b"["), coded(b'{"a":'))))
def test_damaged_tokens(token: str) -> None:
    read_or_refused(lambda: TOKENS.verify(token))


@cases()
@given(damaged(HEADS), damaged(CLAIMS), st.binary(max_size=64))
def test_tokens_of_damaged_parts(head: bytes, claims: bytes, signature: bytes) -> None:
    token = b".".join(map(coded, (head, claims, signature))).decode()
    assert not read_or_refused(lambda: TOKENS.verify(token))


@cases()
@given(damaged(CLAIMS, (b"Infinity", b"-Infinity", b"1e400", b"null", b'["h2b"]', b'"nbf":', b'"jti":[],')))
def test_signed_tokens_with_odd_claims(claims: bytes) -> None:
    signed = coded(b'{"alg":"EdDSA"}') + b"." + coded(claims)
    token = (signed + b"." + coded(KEY.private.sign(signed))).decode()
    read_or_refused(lambda: TOKENS.verify(token))


@pytest.mark.parametrize("text", [b"[" * 6000, b'{"alg":' * 800, b'{"alg":"EdDSA","kid":' + b"[" * 5000])
def test_a_token_of_many_brackets_is_refused(text: bytes) -> None:
    with pytest.raises(TokenRefused):
        TOKENS.verify((coded(text) + b".e30.").decode())


@pytest.mark.parametrize("number", [b"Infinity", b"1e400", b"-1e400"])
def test_a_token_that_is_good_for_ever_is_refused(number: bytes) -> None:
    claims = CLAIMS[0].replace(b"99999999999", number)
    signed = coded(b'{"alg":"EdDSA"}') + b"." + coded(claims)
    with pytest.raises(TokenRefused):
        TOKENS.verify((signed + b"." + coded(KEY.private.sign(signed))).decode())


FORMS = [
    b"grant_type=client_credentials&client_id=bot&client_secret=secret",
    b"grant_type=password&client_id=any&username=bot&password=secret&scope=openid",
]


@cases()
@given(damaged(FORMS, (b"&", b"%", b"%zz", b"%00", b"%ed%a0%80", b"+")))
def test_damaged_forms(body: bytes) -> None:
    read_or_refused(lambda: grant(TOKENS, read_form(body), 1e9))


@cases()
@given(damaged_text([b"Basic " + base64.b64encode(b"bot:secret"), b"basic", b"Bearer x"]) | st.text(max_size=20))
def test_damaged_authorization_headers(header: str) -> None:
    read_or_refused(lambda: read_basic(header))


@cases()
@given(damaged_text([b"bot", b"acme"]) | st.text(max_size=20), st.text(max_size=20))
def test_a_real_store_looks_up_any_text(tmp_path_factory: pytest.TempPathFactory, client_id: str, secret: str) -> None:
    store = ClientStore(tmp_path_factory.getbasetemp() / "fuzz" / "access.db")
    if not store.exists():
        store.add("bot", "acme")
    read_or_refused(lambda: store.find(client_id))


KEYS = [
    json.dumps(
        {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "x": coded(bytes(range(32))).decode(), "kid": "a", "use": "sig"},
                {"kty": "RSA", "n": coded(b"\x01" * 256).decode(), "e": "AQAB", "kid": "b", "alg": "RS256"},
                {"kty": "EC", "crv": "P-256", "x": coded(bytes(32)).decode(), "y": coded(bytes(32)).decode()},
            ]
        }
    ).encode()
]


@cases()
@given(damaged(KEYS, (b"null", b"[]", b"{}", b"1", b'"oct"', b'"P-521"', b'"X25519"', b'"d":"AA",', b'"oth":[],')))
def test_damaged_keys_of_an_issuer(octets: bytes) -> None:
    keys = KeySet("https://issuer", "https://issuer/keys", fetch=lambda url: octets)
    token = b".".join(map(coded, (HEADS[0], CLAIMS[0], bytes(64)))).decode()
    assert not read_or_refused(lambda: ForeignTokens(keys, "h2b", "tenant").verify(token))
    found = KeySet("https://issuer", fetch=lambda url: octets)
    assert not read_or_refused(lambda: found.key("a"))
