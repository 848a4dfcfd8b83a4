"""Documents that clients' grammars refer to by http or https: which may be had, from where, and for how long they hold.

Owns the operator's rules. Must not know what a grammar is made of. Blocking: `fetch` belongs in a thread.

Theory of operation
 1. A URI comes from a client, so it is held against the list of hosts before anything else is done with it, and so is
    each place that a server redirects to.
 2. A name is resolved once for each request. Unless all its addresses are public the request is not made; it goes to
    the very addresses that were judged, so a name server that answers differently a moment later changes nothing.
 3. What came of a fetch, a document or a failure, holds for a while: for new fetches, and a little longer for `known`,
    which is asked by those who cannot wait, after somebody waited for them.
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import structlog
from attrs import define, evolve, field, frozen

from h2b.config import GrammarSettings
from h2b.grammar.registry import Registry
from h2b.grammar.srgs.loader import MAXIMUM_DOCUMENTS, CannotRead
from h2b.server.httpget import PORTS, Place, get

_log = structlog.get_logger("h2b.server.fetch")

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""From host and port to IP addresses, best first. Raises OSError."""

MAXIMUM_REDIRECTS = 3
MAXIMUM_KEPT = 1000
MAXIMUM_KEPT_BYTES = 100_000_000
"""Of all documents kept: more than one grammar can refer to."""
FAILED_SECONDS = 5.0
"""How long a failure holds: a server that is down costs one wait in this time, not one for each call."""
AFTERWARDS_SECONDS = 30.0
"""From the last fetch for a grammar to its use."""
UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out for use in the Internet (RFC 4291 section 2.4, IANA's registry)."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for those of IPv4 (RFC 6052)."""
TURNS = threading.Semaphore(2)
"""Grammars that are worked on at once, of all clients."""
UNQUOTED = "%/:=&?~+!$,;'@()*[]-._"


def addresses(host: str, port: int) -> list[str]:
    """What the system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet: not of a private network, this machine, a group, or reserved."""
    judged = _inner(ipaddress.ip_address(address))
    if isinstance(judged, IPv6Address):
        return judged in UNICAST and judged.is_global
    return judged.is_global and not judged.is_multicast and not judged.is_reserved


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it is one of those."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


@frozen
class _Kept:
    """What came of a fetch."""

    outcome: bytes | str
    """The document, or why there is none."""
    fetched_at: float
    """Of the clock."""

    @property
    def size(self) -> int:
        return len(self.outcome)


@define(slots=False)
class GrammarFetcher:
    """Fetches what the operator allows, and keeps it for a while. Safe in any thread."""

    settings: GrammarSettings
    resolve: Resolve = addresses
    clock: Callable[[], float] = time.monotonic
    make_context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """What decides which certificates are good."""
    _kept: OrderedDict[str, _Kept] = field(factory=OrderedDict, init=False)
    """By URI; the one fetched last is the last."""
    _size: int = field(default=0, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Reading the system's certificates takes a while: only where they are needed.
        return self.make_context()

    def fetch(self, uri: str) -> bytes | None:
        """The document of a URI: as it was fetched lately, or now, which may take seconds.

        Raises CannotRead: there is none; says why.
        """
        place = self._allowed(uri)
        kept = self._get(uri, self.settings.fetch_cache_seconds, FAILED_SECONDS)
        if kept is None:
            kept = _Kept(self._outcome(place), self.clock())
            self._keep(uri, kept)
        return _told(kept)

    def known(self, uri: str) -> bytes | None:
        """The document of a URI if it was fetched lately, at once; None where nobody asked for it.

        Raises CannotRead: there is none; says why.
        """
        self._allowed(uri)
        # `fetch` found it fresh, and may then have waited for all the other documents of the same grammar.
        waited = MAXIMUM_DOCUMENTS * self.settings.fetch_seconds + AFTERWARDS_SECONDS
        kept = self._get(uri, self.settings.fetch_cache_seconds + waited, FAILED_SECONDS + waited)
        return None if kept is None else _told(kept)

    # What is kept

    def _get(self, uri: str, seconds: float, failed_seconds: float) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(uri)
        if kept is None:
            return None
        holds = seconds if isinstance(kept.outcome, bytes) else failed_seconds
        return kept if self.clock() - kept.fetched_at < holds else None

    def _keep(self, uri: str, kept: _Kept) -> None:
        with self._lock:
            before = self._kept.pop(uri, None)
            self._size += kept.size - (before.size if before else 0)
            self._kept[uri] = kept
            while len(self._kept) > MAXIMUM_KEPT or self._size > MAXIMUM_KEPT_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._size -= dropped.size

    # What may be fetched

    def _outcome(self, place: Place) -> bytes | str:
        began = self.clock()
        try:
            document = self._follow(place)
        except CannotRead as error:
            _log.warning("grammar_not_fetched", uri=_shown(place.uri), reason=str(error))
            return str(error)
        seconds = round(self.clock() - began, 3)
        _log.debug("grammar_fetched", uri=_shown(place.uri), bytes=len(document), seconds=seconds)
        return document

    def _follow(self, place: Place) -> bytes:
        """The document, wherever allowed servers say it is."""
        deadline = time.monotonic() + self.settings.fetch_seconds
        for _ in range(MAXIMUM_REDIRECTS + 1):
            found = get(place, self._judged(place), self.settings.fetch_bytes, deadline, self._context)
            if isinstance(found, bytes):
                return found
            try:
                further = self._allowed(found.uri)
            except CannotRead as error:
                raise CannotRead(f"redirected to '{_shown(found.uri)}': {error}") from None
            if place.scheme == "https" and further.scheme == "http":
                raise CannotRead(f"redirected to '{_shown(found.uri)}': expected https, as before")
            place = further
        raise CannotRead(f"more than {MAXIMUM_REDIRECTS} redirects")

    def _allowed(self, uri: str) -> Place:
        """The place of a URI that may be asked. Raises CannotRead."""
        place = place_of(uri)
        named = f"[{place.host}]" if ":" in place.host else place.host
        own_port = place.port == PORTS[place.scheme]
        ways = (named, f"{named}:{place.port}") if own_port else (f"{named}:{place.port}",)
        if not any(way in self._hosts for way in ways):
            raise CannotRead(f"host '{ways[0][:200]}' is not in fetch_hosts")
        return place

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in self.settings.fetch_hosts)

    def _judged(self, place: Place) -> list[str]:
        """The addresses of a place, all of them fit to be asked. Raises CannotRead."""
        try:
            found = list(self.resolve(place.host, place.port))
        except (OSError, UnicodeError):
            raise CannotRead(f"host '{place.host}' is not known") from None
        private = [address for address in found if not is_public(address)]
        if private and not self.settings.fetch_private_networks:
            _log.warning("grammar_host_private", host=place.host, address=private[0])
            # The client is not told how things are numbered here.
            raise CannotRead(f"host '{place.host}' is in a network that is not public")
        return found


def with_fetching(registry: Registry, settings: GrammarSettings) -> Registry:
    """A registry whose sessions may refer to documents of other servers, as far as the operator allows it.

    Its `read_ahead` must be called by `in_turn`.
    """
    fetcher = GrammarFetcher(settings)

    def fetch(uri: str) -> bytes | None:
        # Whoever waits for a server leaves the turn to others.
        TURNS.release()
        try:
            return fetcher.fetch(uri)
        finally:
            TURNS.acquire()

    return evolve(registry, fetched=fetcher.known, fetch=fetch)


def in_turn(read: Callable[[], bool]) -> bool:
    """Do what reads a grammar when it is its turn: threads at work take time from all others, waiting ones do not."""
    with TURNS:
        return read()


def place_of(uri: str) -> Place:
    """A URI taken apart. Raises CannotRead for one that is not fetched, whatever its host."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise CannotRead("not a URI") from None
    if parts.scheme not in PORTS:
        raise CannotRead("expected http or https")
    if parts.username is not None or parts.password is not None:
        raise CannotRead("a URI with a user's name is not fetched")
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host):
        raise CannotRead("expected a host in letters, digits, hyphens and dots")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(uri, parts.scheme, host.lower(), port or PORTS[parts.scheme], quote(target, safe=UNQUOTED))


def _told(kept: _Kept) -> bytes:
    if isinstance(kept.outcome, str):
        raise CannotRead(kept.outcome)
    return kept.outcome


def _shown(uri: str) -> str:
    """A URI for people: without its query, which may hold what is nobody's business."""
    return uri.partition("?")[0][:200]
