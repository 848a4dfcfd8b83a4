"""The token endpoint without HTTP: a form comes in, a token or an error goes out (RFC 6749, sections 4.3, 4.4, 5).

Owns which grants there are and the texts of their errors. Must not know web frameworks.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from h2b.access.store import Client
from h2b.access.tokens import TOKEN_S, OwnTokens
from h2b.model.errors import H2BError, shorten

MAXIMUM_FORM = 8192
"""Bytes; what the SDK sends has some hundred."""
MAXIMUM_FIELDS = 20
GRANTS = ("client_credentials", "password")
"""What the SDK asks for: the second one when it is given a user."""


class Refusal(H2BError):
    """An error of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


def read_form(body: bytes) -> dict[str, str]:
    """The fields of `application/x-www-form-urlencoded`. Raises Refusal."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MAXIMUM_FIELDS
        )
    except ValueError as error:
        raise Refusal("invalid_request", "the body is not application/x-www-form-urlencoded") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Refusal("invalid_request", "a field is given twice")
    return fields


def read_basic(authorization: str) -> dict[str, str]:
    """`client_id` and `client_secret` of a Basic header (RFC 6749, section 2.3.1); none where it is no such header."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError as error:
        raise Refusal("invalid_request", "the Authorization header is not Basic credentials") from error
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}


def grant(tokens: OwnTokens, fields: Mapping[str, str], now: float, *, remembered: bool = False) -> dict[str, Any]:
    """The answer to a request for a token; `now` in seconds since the Unix epoch.

    A secret not yet seen takes about 50 ms of a core.

    With `password` the user is a client of the store too, `username` its id and `password` its secret: the SDK's two
    ways to ask are one. The application that asks for the user must be a client only where it shows a secret.

    Args:
        remembered: answer only what takes no such time.

    Raises:
        Refusal: no token for this.
        NotRemembered: it would take that time.
        ConfigurationError: the store cannot be read.
    """
    kind = _field(fields, "grant_type")
    if kind not in GRANTS:
        raise Refusal("unsupported_grant_type", f"got {shorten(kind)}, expected {' or '.join(GRANTS)}")
    client_id, secret = _field(fields, "client_id"), fields.get("client_secret", "")
    user = kind == "password"
    client: Client | None = None
    if secret or not user:
        client = tokens.store.verify(client_id, secret, remembered=remembered)
        if client is None:
            raise Refusal("invalid_client", "no such client, a wrong secret, or a disabled client", 401)
    if user:
        name, password = _field(fields, "username"), _field(fields, "password")
        client = tokens.store.verify(name, password, remembered=remembered)
        if client is None:
            # 401 where RFC 6749 would do with 400: what clients of Keycloak expect.
            raise Refusal("invalid_grant", "no such user, a wrong password, or a disabled user", 401)
    assert client is not None
    return {"access_token": tokens.issue(client, now), "token_type": "Bearer", "expires_in": TOKEN_S}


def _field(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise Refusal("invalid_request", f"{name} is missing")
    return value
