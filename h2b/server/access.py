"""Who may connect: the blocking questions of `h2b.access`, asked in threads.

Owns when a token is needed and how many questions are asked at once. Must not know WebSocket or HTTP.

Theory of operation
 1. Without clients and without an issuer everybody may connect, and the server listens on loopback only: who is on the
    machine can do as much already. `--insecure` lifts the second half.
 2. The file of clients is looked at for each connection: the first client that is added closes the door at once, and
    it stays closed should the file vanish.
"""

import time
from ipaddress import ip_address
from typing import Any

import structlog
import trio
from attrs import define, field

from h2b.access.grant import grant
from h2b.access.keys import key_path, signing_key
from h2b.access.keyset import ForeignTokens, KeySet
from h2b.access.store import ClientStore, client_store
from h2b.access.tokens import Bearer, OwnTokens, TokenRefused, Verifier
from h2b.config import Configuration, parse_address
from h2b.model.errors import ConfigurationError, H2BError

_log = structlog.get_logger("h2b.server.access")

GRANTS_AT_ONCE = 1
"""A wrong secret keeps a core busy for 50 ms, and calls come first."""
MAXIMUM_GRANTS_WAITING = 64
VERIFICATIONS_AT_ONCE = 4


class TooManyGrants(H2BError):
    """More clients ask for tokens than can be answered soon."""


@define
class Access:
    """Who may connect. Also a record of nobody asking for tokens: `Access()` lets everybody in."""

    store: ClientStore | None = None
    """None where tokens of ours are not used."""
    foreign: ForeignTokens | None = None
    audience: str = ""
    required: bool = False
    """Whether a token is needed even while there are no clients."""
    _granting: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(GRANTS_AT_ONCE), init=False)
    _verifying: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(VERIFICATIONS_AT_ONCE), init=False)

    @property
    def grants(self) -> bool:
        """Whether tokens can be had here."""
        return self.store is not None

    async def bearer(self, authorization: str) -> Bearer | None:
        """Whose connection it is, by its Authorization header; None where everybody may connect.

        Raises:
            TokenRefused: not welcome.
            IssuerUnreachable, ConfigurationError: nobody can tell at the moment.
        """
        if self.store is None and self.foreign is None:
            return None
        return await trio.to_thread.run_sync(
            self._bearer, authorization, limiter=self._verifying, abandon_on_cancel=True
        )

    async def grant(self, fields: dict[str, str]) -> dict[str, Any]:
        """The answer to a request for a token.

        Raises:
            Refusal: no token for this.
            TooManyGrants: come back later.
            ConfigurationError: the store cannot be used.
        """
        if self._granting.statistics().tasks_waiting >= MAXIMUM_GRANTS_WAITING:
            raise TooManyGrants("too many requests for tokens")
        return await trio.to_thread.run_sync(self._grant, fields, limiter=self._granting)

    def _bearer(self, authorization: str) -> Bearer | None:
        if self.foreign is None:
            assert self.store is not None
            self.required = self.required or self.store.exists()
            if not self.required:
                return None
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused("no bearer token in the Authorization header")
        verifier: Verifier = self.foreign or self._own_tokens()
        return verifier.verify(token.strip())

    def _grant(self, fields: dict[str, str]) -> dict[str, Any]:
        return grant(self._own_tokens(), fields, time.time())

    def _own_tokens(self) -> OwnTokens:
        # Read anew each time, in a fraction of a millisecond: a key that was replaced holds at once.
        assert self.store is not None
        return OwnTokens(self.store, signing_key(key_path(self.store.path)), self.audience)


def open_access(configuration: Configuration, *, insecure: bool = False) -> Access:
    """Who may connect, by the operator's settings.

    Args:
        insecure: everybody may, from anywhere, while there are no clients.

    Raises:
        ConfigurationError: others than this machine could connect, and nobody has been given access; or the settings
            or the store cannot be used.
    """
    settings, address = configuration.access, configuration.server.websocket
    if settings.issuer:
        for name, url in (("issuer", settings.issuer), ("jwks", settings.jwks)):
            if url and not url.startswith("https://"):
                raise ConfigurationError(f"{name} in [access]: got '{url}', expected an https URL")
        keys = KeySet(settings.issuer, settings.jwks)
        return Access(foreign=ForeignTokens(keys, settings.audience, settings.tenant_claim), required=True)
    store = client_store(settings)
    if not store.exists():
        if not insecure and not is_loopback(address):
            raise ConfigurationError(
                f"websocket in [server]: anybody could use {address}, for there are no clients: add one with "
                "h2b clients add, or name an issuer in [access], or listen on 127.0.0.1, or say --insecure"
            )
        _log.warning("access_open", address=address, store=str(store.path))
    return Access(store=store, audience=settings.audience, required=not insecure and not is_loopback(address))


def is_loopback(address: str) -> bool:
    """Whether 'host:port' can be reached from this machine only."""
    host, _ = parse_address(address)
    if host == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
