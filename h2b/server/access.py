"""Who may connect: the blocking questions of `h2b.access`, asked in threads.

Owns when a token is needed and how many questions are asked at once. Must not know WebSocket or HTTP.

Theory of operation
 1. Without clients and without an issuer everybody may connect, and the server listens on loopback only: who is on the
    machine can do as much already. `--insecure` lifts the second half.
 2. What takes long keeps nobody waiting but its like: a token of a known key is not behind those for which the issuer
    is asked, and a secret that was right before is not behind those that must be worked out. Of these there is one at
    a time, for each keeps a core busy for 50 ms and calls come first; the addresses they come from take turns.
 3. The file of clients is looked at for each connection: the first client that is added closes the door at once, and
    it stays closed should the file vanish.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

import structlog
import trio
from attrs import define, field

from h2b.access.grant import grant
from h2b.access.hashing import NotRemembered
from h2b.access.keys import key_path, signing_key
from h2b.access.keyset import ForeignTokens, KeySet, NotKnown
from h2b.access.store import ClientStore, client_store
from h2b.access.tokens import Bearer, OwnTokens, TokenRefused
from h2b.config import Configuration, parse_address
from h2b.model.errors import ConfigurationError, H2BError
from h2b.server.limits import Place, Tally, Turns, origin

_log = structlog.get_logger("h2b.server.access")

MAXIMUM_WAITING = 256
"""Requests for tokens whose turn has not come."""
MAXIMUM_WAITING_OF_AN_ADDRESS = 64
QUICK_AT_ONCE = 4
"""Questions that are answered in about a millisecond."""


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
    _verifying: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(QUICK_AT_ONCE), init=False)
    _asking: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), init=False)
    """Tokens of keys we do not know. One at a time: who comes later finds what the issuer has answered."""
    _remembering: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(QUICK_AT_ONCE), init=False)
    _deriving: "_Slot" = field(factory=lambda: _Slot(), init=False)

    @property
    def grants(self) -> bool:
        """Whether tokens can be had here."""
        return self.store is not None

    @property
    def waiting(self) -> int:
        """Requests for tokens whose turn has not come."""
        return self._deriving.waiting

    async def bearer(self, authorization: str) -> Bearer | None:
        """Whose connection it is, by its Authorization header; None where everybody may connect.

        Raises:
            TokenRefused: not welcome.
            IssuerUnreachable, ConfigurationError: nobody can tell at the moment.
        """
        if self.store is None and self.foreign is None:
            return None
        ask = partial(trio.to_thread.run_sync, abandon_on_cancel=True)
        with suppress(NotKnown):
            return await ask(partial(self._bearer, authorization, known=True), limiter=self._verifying)
        return await ask(partial(self._bearer, authorization, known=False), limiter=self._asking)

    async def grant(self, fields: dict[str, str], host: str = "") -> dict[str, Any]:
        """The answer to a request for a token that came from this address.

        Raises:
            Refusal: no token for this.
            TooManyGrants: come back later.
            ConfigurationError: the store cannot be used.
        """
        with suppress(NotRemembered):
            return await trio.to_thread.run_sync(self._grant, fields, True, limiter=self._remembering)
        async with self._deriving.turn(origin(host)):
            return await trio.to_thread.run_sync(self._grant, fields, False)

    def _bearer(self, authorization: str, known: bool) -> Bearer | None:
        if self.foreign is None:
            assert self.store is not None
            self.required = self.required or self.store.exists()
            if not self.required:
                return None
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused("no bearer token in the Authorization header")
        if self.foreign is not None:
            return self.foreign.verify(token.strip(), known=known)
        return self._own_tokens().verify(token.strip())

    def _grant(self, fields: dict[str, str], remembered: bool) -> dict[str, Any]:
        return grant(self._own_tokens(), fields, time.time(), remembered=remembered)

    def _own_tokens(self) -> OwnTokens:
        # Read anew each time, in a fraction of a millisecond: a key that was replaced holds at once.
        assert self.store is not None
        return OwnTokens(self.store, signing_key(key_path(self.store.path)), self.audience)


@define(eq=False)
class _Waiting:
    """One who waits for a turn."""

    place: Place
    turn: trio.Event = field(factory=trio.Event)
    gone: bool = False


@define(eq=False)
class _Slot:
    """A place for one at a time. Those who wait have a bound, and the addresses they come from take turns."""

    _taken: bool = field(default=False, init=False)
    _turns: Turns[_Waiting] = field(factory=Turns, init=False)
    _tally: Tally = field(factory=Tally, init=False)

    @property
    def waiting(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Have the place for the time of the block. Raises TooManyGrants."""
        if self._taken:
            await self._wait(address)
        self._taken = True
        try:
            yield
        finally:
            self._taken = False
            self._let_in()

    async def _wait(self, address: str) -> None:
        own = _Waiting(Place(self._tally, address, MAXIMUM_WAITING_OF_AN_ADDRESS))
        if len(self._turns) >= MAXIMUM_WAITING or not own.place.take():
            raise TooManyGrants("too many requests for tokens")
        self._turns.add(address, own)
        try:
            await own.turn.wait()
        finally:
            # Who gave up stays in the line until then: it has a bound all the same.
            own.gone = not own.turn.is_set()

    def _let_in(self) -> None:
        while self._turns and not self._taken:
            _, first = self._turns.next()
            first.place.leave()
            if not first.gone:
                # Taken from now on: nobody comes in between.
                self._taken = True
                first.turn.set()


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
                f"websocket in [server]: anybody could use {address}, for there are no clients in {store.path}: "
                "add one with h2b clients add, or name an issuer in [access], or listen on 127.0.0.1, or say --insecure"
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
