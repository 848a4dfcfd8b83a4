"""Tokens of a foreign issuer (OpenID Connect): its public keys, fetched, kept for a while and fetched again.

Owns how often the issuer is asked and how much of an answer is read. Must not know sockets of ours. Blocks: called in
threads, by several at once.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from typing import Any

import jwt
from attrs import define, field, frozen

from h2b.access.tokens import FOREIGN_ALGORITHMS, Bearer, TokenRefused, read_claims, text_claim
from h2b.model.errors import H2BError

FETCH_S = 5.0
"""Longest wait for the issuer."""
MAXIMUM_ANSWER = 256_000
"""Bytes; a longer answer is none."""
FRESH_S = 3600.0
"""How long keys are believed without asking again: a key the issuer has withdrawn is good no longer than that."""
PAUSE_S = 30.0
"""Shortest time between two questions: nobody makes us ask more often with tokens of unknown keys."""
DISCOVERY = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0, section 4."""

Fetch = Callable[[str], bytes]


class NotKnown(Exception):
    """Only the issuer can tell about a key."""


class IssuerUnreachable(H2BError):
    """The issuer of tokens gives no keys: neither the bearer's fault nor ours."""


def fetch_https(url: str) -> bytes:
    """What is at a URL. Raises IssuerUnreachable; also for a URL, or a redirection to one, that is not https."""
    try:
        if not url.startswith("https://"):
            raise IssuerUnreachable(f"{url}: expected https")
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        with urllib.request.build_opener(_HttpsOnly).open(request, timeout=FETCH_S) as answer:
            body: bytes = answer.read(MAXIMUM_ANSWER + 1)
    except (OSError, ValueError, HTTPException) as error:
        raise IssuerUnreachable(f"{url}: {error}") from error
    if len(body) > MAXIMUM_ANSWER:
        raise IssuerUnreachable(f"{url}: more than {MAXIMUM_ANSWER} bytes")
    return body


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://"):
            raise urllib.error.URLError(f"redirected to {newurl}: expected https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@define
class KeySet:
    """The public keys of an issuer by their ids."""

    issuer: str
    url: str = ""
    """Of the keys (RFC 7517); empty to learn it from the issuer."""
    fetch: Fetch = fetch_https
    clock: Callable[[], float] = time.monotonic
    _known: tuple[Mapping[str, Any], float] = field(default=({}, float("-inf")), init=False)
    """Keys, and when they came: replaced as one."""
    _asked_at: float = field(default=float("-inf"), init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def key(self, key_id: str, *, known: bool = False) -> Any:
        """One key.

        Args:
            known: do not ask the issuer, and wait for nobody who does.

        Raises:
            NotKnown: the issuer would have to be asked.
            TokenRefused: the issuer has none of this id.
            IssuerUnreachable: there are no keys that can still be believed, and none can be had.
        """
        key = self._fresh(key_id)
        if key is not None:
            return key
        if known:
            raise NotKnown
        with self._lock:
            now = self.clock()
            if self._fresh(key_id) is None and now - self._asked_at >= PAUSE_S:
                self._asked_at = now
                self._known = (self._load(), now)
        key = self._fresh(key_id)
        if key is not None:
            return key
        if self.clock() - self._known[1] > FRESH_S:
            raise IssuerUnreachable(f"{self.issuer}: no keys, asked less than {PAUSE_S:g} s ago")
        raise TokenRefused("the token is signed by a key the issuer does not have")

    def _fresh(self, key_id: str) -> Any:
        """A key that can be believed, else None."""
        keys, fetched_at = self._known
        return keys.get(key_id) if self.clock() - fetched_at <= FRESH_S else None

    def _load(self) -> Mapping[str, Any]:
        url = self.url or self._discover()
        keys = {}
        for entry in _object(self.fetch(url), url).get("keys") or []:
            try:
                key = jwt.PyJWK.from_dict(entry)
            except (jwt.PyJWTError, AttributeError, ValueError, TypeError):
                # A kind of key we do not know: its tokens are refused, others are not.
                continue
            # A shared secret among public keys would let whoever reads them sign.
            if key.key_id and entry.get("kty") != "oct" and entry.get("use", "sig") == "sig":
                keys[key.key_id] = key.key
        return keys

    def _discover(self) -> str:
        url = self.issuer.rstrip("/") + DISCOVERY
        found = _object(self.fetch(url), url)
        if found.get("issuer") != self.issuer or not isinstance(found.get("jwks_uri"), str):
            raise IssuerUnreachable(f"{url}: not the configuration of {self.issuer}")
        return str(found["jwks_uri"])


def _object(octets: bytes, url: str) -> dict[str, Any]:
    try:
        read = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise IssuerUnreachable(f"{url}: not JSON") from error
    if not isinstance(read, dict):
        raise IssuerUnreachable(f"{url}: not a JSON object")
    return read


@frozen
class ForeignTokens:
    """Tokens of an OpenID Connect issuer."""

    keys: KeySet
    audience: str
    tenant_claim: str

    def verify(self, token: str, *, known: bool = False) -> Bearer:
        """Whose token it is.

        Args:
            known: without asking the issuer.

        Raises:
            NotKnown: the issuer would have to be asked.
            TokenRefused: the token is not good.
            IssuerUnreachable: the issuer's keys cannot be had.
        """
        key_for = partial(self._key, known)
        claims = read_claims(token, key_for, FOREIGN_ALGORITHMS, self.keys.issuer, self.audience)
        return Bearer(tenant=text_claim(claims, self.tenant_claim), client=text_claim(claims, "sub"))

    def _key(self, known: bool, header: dict[str, Any]) -> Any:
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise TokenRefused("the token does not name its key")
        return self.keys.key(key_id, known=known)
