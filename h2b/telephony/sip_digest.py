"""Proof of a password without sending it: digest authentication, both ends (RFC 7616; RFC 3261, 22; RFC 8760).

Owns challenges, nonces and their expiry, and the arithmetic. Must not know sockets or calls. Only `qop=auth` counts:
without it a response could be replayed, and every client of the last twenty years has it.

A nonce says when it was made and carries a seal over that, so the server keeps nothing for those who never come back.
What it keeps is the last count (`nc`) of nonces that proved good, until they expire: a count that does not grow is a
replay.
"""

import hmac
from collections.abc import Callable, Mapping
from enum import Enum, auto
from hashlib import md5, sha256
from secrets import token_bytes, token_hex

from attrs import define, field, frozen

from h2b.telephony.sip_message import Headers, Request
from h2b.telephony.sip_syntax import Params, SipSyntaxError, parse_assignment, quote, split_outside, unquote

NONCE_SECONDS = 300.0
"""How long a nonce may be used; afterwards a client that knows the password gets a new one without asking its user."""

_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda text: sha256(text).hexdigest(),
    "MD5": lambda text: md5(text, usedforsecurity=False).hexdigest(),
}
"""By strength: the order challenges are sent in, for the client to take the first it knows (RFC 8760, section 2.3)."""


class Verdict(Enum):
    """What credentials prove."""

    GOOD = auto()
    STALE = auto()
    """The password is right, the nonce is too old or its count was used: challenge again with `stale=true`."""
    WRONG = auto()
    """Absent, unreadable, an unknown user or a wrong password: nobody is told which."""


@frozen
class Proof:
    """A verdict, and the user it holds for."""

    verdict: Verdict
    user: str = ""


@define
class DigestGuard:
    """Challenges requests and judges their credentials. `passwords` by user name."""

    realm: str
    passwords: Mapping[str, str]
    _secret: bytes = field(factory=lambda: token_bytes(32))
    _counts: dict[str, tuple[float, int]] = field(factory=dict)

    def challenges(self, now: float, stale: bool = False) -> list[tuple[str, str]]:
        """WWW-Authenticate headers, one for each hash, all with one fresh nonce."""
        nonce = self._nonce(round(now * 1000))
        ending = ", stale=true" if stale else ""
        return [
            (
                "WWW-Authenticate",
                f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={name}, qop="auth"{ending}',
            )
            for name in _HASHES
        ]

    def judge(self, request: Request, now: float) -> Proof:
        """What the Authorization headers of a request prove. A good nonce count is used up by this."""
        for value in request.headers.all("Authorization"):
            try:
                params = parse_digest(value, "Authorization")
            except SipSyntaxError:
                continue
            if unquote(params.get("realm") or "") == self.realm:
                return self._judge(params, request.method, now)
        return Proof(Verdict.WRONG)

    def _judge(self, params: Params, method: str, now: float) -> Proof:
        given = {name: unquote(value or "") for name, value in params.items()}
        user, nonce, count = given.get("username", ""), given.get("nonce", ""), given.get("nc", "")
        algorithm = given.get("algorithm", "MD5").upper()
        if (
            algorithm not in _HASHES
            or given.get("qop") != "auth"
            or not nonce
            or not given.get("cnonce")
            or not _is_hexadecimal(count)
        ):
            return Proof(Verdict.WRONG)
        # An unknown user costs the same work as a known one.
        password = self.passwords.get(user, "")
        expected = digest_response(algorithm, (user, self.realm, password), (method, given.get("uri", "")), given)
        right = hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode("utf-8", "replace"))
        if not right or user not in self.passwords:
            return Proof(Verdict.WRONG)
        made = self._made(nonce)
        if (
            made is None
            or not made <= now + 1 <= made + NONCE_SECONDS + 1
            or not self._count(nonce, int(count, 16), now)
        ):
            return Proof(Verdict.STALE, user)
        return Proof(Verdict.GOOD, user)

    def _count(self, nonce: str, count: int, now: float) -> bool:
        """Whether this count of a nonce is new; then it is used up."""
        while self._counts and (oldest := next(iter(self._counts.items())))[1][0] < now:
            del self._counts[oldest[0]]
        expiry, last = self._counts.get(nonce, (now + NONCE_SECONDS, 0))
        if count <= last:
            return False
        self._counts[nonce] = (expiry, count)
        return True

    def _nonce(self, moment_ms: int) -> str:
        opening = f"{moment_ms:x}.{token_hex(6)}"
        return f"{opening}.{hmac.new(self._secret, opening.encode(), 'sha256').hexdigest()[:32]}"

    def _made(self, nonce: str) -> float | None:
        """When this server made the nonce; None if it did not."""
        opening, _, seal = nonce.rpartition(".")
        own = hmac.new(self._secret, opening.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:32]
        if not hmac.compare_digest(own.encode(), seal.encode("utf-8", "surrogateescape")):
            return None
        return int(opening.partition(".")[0], 16) / 1000


@define
class DigestAnswerer:
    """The client's half: a user and a password, and how often each nonce was used."""

    user: str
    password: str
    _counts: dict[str, int] = field(factory=dict)

    def answer(self, headers: Headers, method: str, uri: str, token: str) -> tuple[str, str] | None:
        """The header that answers a 401 or 407, or None if no challenge in it can be met.

        `token` is fresh and random.
        """
        for asking, answering in (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization")):
            for value in headers.all(asking):
                params = parse_digest(value, asking)
                offered = unquote(params.get("qop") or "").replace(" ", "").split(",")
                if (params.get("algorithm") or "MD5").upper() in _HASHES and "auth" in offered:
                    return answering, self._credentials(params, method, uri, token)
        return None

    def _credentials(self, challenge: Params, method: str, uri: str, token: str) -> str:
        realm, nonce = (unquote(challenge.get(name) or "") for name in ("realm", "nonce"))
        algorithm = (challenge.get("algorithm") or "MD5").upper()
        self._counts[nonce] = self._counts.get(nonce, 0) + 1
        given = {"nonce": nonce, "nc": f"{self._counts[nonce]:08x}", "cnonce": token, "qop": "auth"}
        response = digest_response(algorithm, (self.user, realm, self.password), (method, uri), given)
        opaque = f", opaque={challenge['opaque']}" if challenge.get("opaque") else ""
        return (
            f"Digest username={quote(self.user)}, realm={quote(realm)}, nonce={quote(nonce)}, uri={quote(uri)}, "
            f'response="{response}", algorithm={algorithm}, cnonce="{token}", qop=auth, nc={given["nc"]}{opaque}'
        )


def digest_response(
    algorithm: str, owner: tuple[str, str, str], what: tuple[str, str], given: Mapping[str, str]
) -> str:
    """The digest for `qop=auth` (RFC 7616, section 3.4.1).

    `owner` is user, realm, password; `what` is method and URI.
    """
    hashed = _HASHES[algorithm]
    first, second = hashed(_octets(":".join(owner))), hashed(_octets(":".join(what)))
    return hashed(_octets(":".join((first, given["nonce"], given["nc"], given["cnonce"], given["qop"], second))))


def parse_digest(value: str, where: str) -> Params:
    """Parameters of `Digest a=b, c=d`. Raises SipSyntaxError for another scheme or a parameter that stands twice."""
    scheme, _, rest = value.strip(" \t").partition(" ")
    if scheme.lower() != "digest":
        raise SipSyntaxError(where, "expected the scheme Digest")
    found: Params = {}
    for piece in split_outside(rest, ",", where):
        name, own = parse_assignment(piece, where)
        if name in found:
            raise SipSyntaxError(where, f"{name} stands twice")
        found[name] = own
    return found


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_hexadecimal(text: str) -> bool:
    return len(text) == 8 and all(sign in "0123456789abcdefABCDEF" for sign in text)
