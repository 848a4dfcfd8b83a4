"""Bearer tokens: signed JSON (RFC 7519) that says whose a connection is.

Owns which claims a token has and which are believed. Must not know HTTP, sockets or where keys come from. A token opens
connections for five minutes; a connection outlives it (H2B reference, section 1.2).
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from attrs import frozen

from h2b.access.keys import SigningKey
from h2b.access.store import Client, ClientStore
from h2b.model.errors import H2BError, shorten

TOKEN_S = 300
"""How long a token opens connections."""
LEEWAY_S = 10
"""By how much the clock of another machine may differ."""
MAXIMUM_TOKEN = 8192
"""Longest token that is looked at, in characters."""
OWN_ALGORITHMS = ("EdDSA",)
FOREIGN_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""What may have signed a token. Constants, never taken from the token; none of them works with a shared secret."""
OWN_ISSUER = "h2b"
_REQUIRED = ("exp", "iat", "iss", "aud")


class TokenRefused(H2BError):
    """A token that opens nothing; says why, in words that may be told to its bearer."""


@frozen(kw_only=True)
class Bearer:
    """Who shows a token."""

    tenant: str
    client: str


@frozen
class OwnTokens:
    """Tokens of our own making, for the clients of a store."""

    store: ClientStore
    key: SigningKey
    audience: str

    def issue(self, client: Client, now: float) -> str:
        """A token; `now` in seconds since the Unix epoch."""
        claims = {
            "iss": OWN_ISSUER,
            "aud": self.audience,
            "sub": client.id,
            "tenant": client.tenant,
            "iat": int(now),
            "exp": int(now) + TOKEN_S,
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self.key.private, algorithm=OWN_ALGORITHMS[0], headers={"kid": self.key.id})

    def verify(self, token: str) -> Bearer:
        """Whose token it is; the client must still be enabled, and still belong to that tenant.

        Raises:
            TokenRefused: the token or its client is not good.
            ConfigurationError: the store cannot be read.
        """
        claims = read_claims(token, lambda header: self.key.public, OWN_ALGORITHMS, OWN_ISSUER, self.audience)
        client = self.store.find(text_claim(claims, "sub"))
        if client is None or not client.enabled or client.tenant != claims.get("tenant"):
            raise TokenRefused("the token's client is disabled")
        return Bearer(tenant=client.tenant, client=client.id)


def read_claims(
    token: str,
    key_for: Callable[[dict[str, Any]], Any],
    algorithms: Sequence[str],
    issuer: str,
    audience: str,
) -> dict[str, Any]:
    """The claims of a token that is signed by the right key, in time, and meant for us.

    Args:
        key_for: gives the public key for a token's header; may raise TokenRefused.

    Raises:
        TokenRefused: it is not.
    """
    if len(token) > MAXIMUM_TOKEN:
        raise TokenRefused(f"the token has more than {MAXIMUM_TOKEN} characters")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in algorithms:
            raise TokenRefused(f"the token is signed by {shorten(header.get('alg'))}, expected {', '.join(algorithms)}")
        claims: dict[str, Any] = jwt.decode(
            token,
            key_for(header),
            algorithms=list(algorithms),
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused("the token has expired") from error
    except jwt.ImmatureSignatureError as error:
        raise TokenRefused("the token is not valid yet") from error
    except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as error:
        raise TokenRefused("the token was issued by another server, or for another one") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        # The last two for claims such as 1e400 and headers of many brackets, which not every PyJWT catches.
        raise TokenRefused("the token is not one of ours, or was changed") from error
    return claims


def text_claim(claims: dict[str, Any], name: str) -> str:
    """A claim that must be a text with something in it. Raises TokenRefused."""
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise TokenRefused(f"the token's claim '{name}' is {shorten(value)}, expected 1 to 256 characters")
    return value
