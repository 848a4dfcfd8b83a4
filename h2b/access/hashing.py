"""Secrets of clients: how they are made and in which form they are kept.

Owns scrypt and its cost. Must not know clients or files.

A bot asks for a token before each call. So a secret that was right is remembered while the process lives, as a keyed
hash that is worth nothing elsewhere, and costs scrypt once: only wrong ones cost it each time.
"""

import hmac
import secrets
import threading
from base64 import b64decode, b64encode
from collections import OrderedDict
from hashlib import scrypt, sha256

SECRET_BYTES = 32
"""A secret of ours has 256 random bits: nobody guesses one, whatever a guess costs."""
MAXIMUM_SECRET = 1024
"""Longest secret that is looked at, in characters."""
COST = 14
"""Logarithm of scrypt's N: 16 MB of memory, about 50 ms."""
BLOCK = 8
PARALLEL = 1
"""r and p of RFC 7914, section 2."""
REMEMBERED = 4096
"""Secrets that are remembered; the one not asked for longest goes first."""
_SALT_BYTES = 16
_SCHEME = "scrypt"


def make_secret() -> str:
    """A new secret, 43 characters that need no escaping anywhere."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> str:
    """The form in which a secret is kept: `scrypt$cost$block$parallel$salt$hash`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _derive(secret, salt, COST, BLOCK, PARALLEL)
    return "$".join([_SCHEME, str(COST), str(BLOCK), str(PARALLEL), _text(salt), _text(digest)])


class NotRemembered(Exception):
    """Whether a secret is the right one costs scrypt."""


def secret_fits(secret: str, kept: str, *, remembered: bool = False) -> bool:
    """Whether a secret is the one that is kept. A wrong one always takes the same time.

    Args:
        remembered: answer only what costs nothing, else raise NotRemembered.
    """
    if len(secret) > MAXIMUM_SECRET:
        return False
    seen = _right.digest(secret, kept)
    if _right.knows(seen):
        return True
    if remembered:
        raise NotRemembered
    scheme, cost, block, parallel, salt, digest = kept.split("$")
    assert scheme == _SCHEME, scheme
    derived = _derive(secret, b64decode(salt), int(cost), int(block), int(parallel))
    fits = hmac.compare_digest(derived, b64decode(digest))
    if fits:
        _right.remember(seen)
    return fits


class _Right:
    """Secrets that were right, each together with the hash it fitted: a new secret forgets the old one."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, secret: str, kept: str) -> bytes:
        return hmac.digest(self._key, f"{kept} {secret}".encode("utf-8", "surrogatepass"), sha256)

    def knows(self, digest: bytes) -> bool:
        with self._lock:
            known = digest in self._seen
            if known:
                self._seen.move_to_end(digest)
            return known

    def remember(self, digest: bytes) -> None:
        with self._lock:
            self._seen[digest] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


_right = _Right()


def _derive(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    # Surrogates of a client that sends no UTF-8 are hashed like anything else that is wrong.
    octets = secret.encode("utf-8", "surrogatepass")
    return scrypt(octets, salt=salt, n=1 << cost, r=block, p=parallel, maxmem=1 << 27, dklen=32)


def _text(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
