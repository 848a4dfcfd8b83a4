"""What clients may take: counters and rates, and the words in which more is refused.

Owns the sums. Must not know sockets, messages or clocks: `now` is monotonic seconds.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

import trio
from attrs import define, field, frozen

from h2b.config import LimitSettings

BURST_S = 10.0
"""Commands are counted over this time: a bot that defines its grammars at once is no flood."""
FOREVER = float("inf")
LINEAR_BYTES_PER_SECOND = 16000
"""Pace of audio outside a session."""
HOST_BITS = 64
"""Of an IPv6 address: one network has them all to itself (RFC 4291, section 2.5.1), so they tell nobody apart."""

BUSY = "the recogniser is busy: come back later"
"""Why no session begins, whatever its client has taken."""

T = TypeVar("T")


@lru_cache(maxsize=4096)
def origin(host: str) -> str:
    """Whom connections of this IP address are counted for: the address, of IPv6 its network of 64 bits."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> HOST_BITS << HOST_BITS))


def share(limit: int, maximum: int) -> int:
    """How many of all there may be one address may have; where 0 is configured three quarters, so that others find a
    place whatever one of them does."""
    return limit or maximum - maximum // 4


def first_of_the_crowd(those: Sequence[T], host_of: Callable[[T], str]) -> T:
    """Who makes room for another one: the first of the `origin` that has the most. There is one at least."""
    crowds = Counter(origin(host_of(each)) for each in those)
    largest = max(crowds.values())
    return next(each for each in those if crowds[origin(host_of(each))] == largest)


class LimitExceeded(Exception):
    """A client took more than it may; the text is told to it, and its connection ends."""


@define
class Bucket:
    """An allowance that fills at a rate up to a capacity, full at first (a token bucket)."""

    rate: float
    capacity: float
    _level: float = field(init=False)
    _since: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._level = self.capacity

    def take(self, amount: float, now: float) -> bool:
        """Take an amount. False, and nothing is taken, when there is not so much."""
        self._fill(now)
        if amount > self._level:
            return False
        self._level -= amount
        return True

    def wait(self, amount: float, now: float) -> float:
        """Take an amount that may not be there yet, and tell in how many seconds it is."""
        self._fill(now)
        self._level -= amount
        return max(0.0, -self._level / self.rate)

    def _fill(self, now: float) -> None:
        since = now if self._since is None else self._since
        self._level = min(self.capacity, self._level + (now - since) * self.rate)
        self._since = now


@define
class Tally:
    """How many of something each of many keys has, and all of them."""

    total: int = 0
    _counts: Counter[str] = field(factory=Counter)

    def add(self, key: str, limit: int) -> bool:
        """One more. False, and nothing is added, when the key has so many already."""
        if self._counts[key] >= limit:
            return False
        self._counts[key] += 1
        self.total += 1
        return True

    def remove(self, key: str) -> None:
        """One less."""
        self._counts[key] -= 1
        self.total -= 1
        if not self._counts[key]:
            del self._counts[key]


@define
class Place:
    """A place among those that one key may have, taken or not."""

    tally: Tally
    key: str
    limit: int
    _taken: bool = field(default=False, init=False)

    def take(self) -> bool:
        """Whether it is taken: now, or before."""
        self._taken = self._taken or self.tally.add(self.key, self.limit)
        return self._taken

    def leave(self) -> None:
        """Give it back. Safe to call again, and when it was not taken."""
        if self._taken:
            self._taken = False
            self.tally.remove(self.key)


@define
class Turns(Generic[T]):
    """Those who wait, each with its key: the keys take turns, and whoever came first is the first of its key."""

    _lines: OrderedDict[str, deque[T]] = field(factory=OrderedDict, init=False)
    _count: int = field(default=0, init=False)

    def __len__(self) -> int:
        return self._count

    def add(self, key: str, one: T) -> None:
        self._lines.setdefault(key, deque()).append(one)
        self._count += 1

    def next(self) -> tuple[str, T]:
        """Whose turn it is; they wait no more. Raises KeyError when nobody waits."""
        key, line = self._lines.popitem(last=False)
        one = line.popleft()
        self._count -= 1
        if line:
            self._lines[key] = line
        return key, one


@define
class Digest(Generic[T]):
    """What can happen very often is told at once when it is the first of its kind for a while, and then no more than
    once in so many seconds: the latest of its kind, and how many there were."""

    every_s: float = 1.0
    _kinds: dict[str, "_Kept[T]"] = field(factory=dict, init=False)

    def add(self, kind: str, item: T, now: float) -> bool:
        """It happened. Whether it is to be told at once; else `due` tells it."""
        kept = self._kinds.get(kind)
        if kept is None:
            self._kinds[kind] = _Kept(now + self.every_s)
            return True
        kept.latest = item
        kept.count += 1
        return False

    @property
    def deadline(self) -> float:
        """When `due` is to be called next; FOREVER when nothing has happened."""
        return min((kept.until for kept in self._kinds.values()), default=FOREVER)

    def due(self, now: float) -> list[tuple[T, int]]:
        """What is to be told now, and how often it happened."""
        told = []
        for kind, kept in list(self._kinds.items()):
            if kept.until > now:
                continue
            if kept.latest is None:
                del self._kinds[kind]
            else:
                told.append((kept.latest, kept.count))
                self._kinds[kind] = _Kept(now + self.every_s)
        return told


@define
class _Kept(Generic[T]):
    """What has happened since it was told last."""

    until: float
    latest: T | None = None
    count: int = 0


@define
class Handshakes:
    """Clients in their handshake. When there are too many, the one who has taken longest goes: an honest handshake is
    over in milliseconds, so those who hold sockets half open drive out one another."""

    limit: int
    driven_out: int = 0
    closed: bool = False
    _scopes: OrderedDict[int, trio.CancelScope] = field(factory=OrderedDict)

    @contextmanager
    def place(self, scope: trio.CancelScope) -> Iterator[None]:
        """A place for the time of the block; `scope` is cancelled when another client needs it."""
        if len(self._scopes) >= self.limit:
            _, oldest = self._scopes.popitem(last=False)
            self.driven_out += 1
            oldest.cancel()
        self._scopes[id(scope)] = scope
        if self.closed:
            scope.cancel()
        try:
            yield
        finally:
            self._scopes.pop(id(scope), None)

    def close(self) -> None:
        """The end of every handshake, and of those to come."""
        self.closed = True
        for scope in self._scopes.values():
            scope.cancel()


@frozen
class Shared:
    """The counters of all connections of one server."""

    settings: LimitSettings = field(factory=LimitSettings)
    addresses: Tally = field(factory=Tally)
    """Connections by `origin`."""
    sessions: Tally = field(factory=Tally)
    """Sessions by tenant."""
    handshakes: Handshakes = field()

    @handshakes.default
    def _handshakes(self) -> Handshakes:
        return Handshakes(self.settings.handshakes)


@define
class Allowance:
    """What one connection may still do. `leave` is called at its end."""

    shared: Shared
    tenant: str
    now: float
    """When the connection began."""
    may_begin: Callable[[], bool] = lambda: True
    """Whether any session may begin now."""
    _commands: Bucket = field(init=False)
    _audio: Bucket = field(init=False)
    _heard_at: float = field(init=False)
    _session_began: float = field(default=FOREVER, init=False)
    _in_session: bool = field(default=False, init=False)
    _bytes_per_second: int = field(default=LINEAR_BYTES_PER_SECOND, init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.shared.settings
        self._commands = Bucket(settings.commands_per_second, settings.commands_per_second * BURST_S)
        self._audio = Bucket(1.0, settings.audio_ahead_s)
        self._heard_at = self.now

    @property
    def deadline(self) -> float:
        """When the connection has been idle, or its session open, for too long."""
        settings = self.shared.settings
        idle = self._heard_at + settings.idle_s if settings.idle_s else FOREVER
        return min(idle, self._session_began + settings.session_s if settings.session_s else FOREVER)

    def overdue(self) -> LimitExceeded:
        """What to say when the deadline has passed."""
        settings = self.shared.settings
        idle_since = self._heard_at + settings.idle_s if settings.idle_s else FOREVER
        if settings.session_s and self._session_began + settings.session_s <= idle_since:
            return LimitExceeded(f"the session is longer than {settings.session_s:g} s")
        return LimitExceeded(f"nothing was sent for {settings.idle_s:g} s")

    def command(self, now: float) -> None:
        """A text message came. Raises LimitExceeded."""
        self._heard_at = now
        if not self._commands.take(1, now):
            raise LimitExceeded(f"more than {self.shared.settings.commands_per_second} commands a second")

    def audio(self, octets: int, now: float) -> None:
        """Audio came. Raises LimitExceeded."""
        self._heard_at = now
        if not self._audio.take(octets / self._bytes_per_second, now):
            raise LimitExceeded(f"audio is more than {self.shared.settings.audio_ahead_s:g} s ahead of real time")

    def may_open(self) -> str:
        """Take the place of a session; else the reason why there is none."""
        if not self.may_begin():
            return BUSY
        limit = self.shared.settings.sessions_per_tenant
        if self._in_session or self.shared.sessions.add(self.tenant, limit):
            self._in_session = True
            return ""
        return f"{limit} sessions are open{f' for {self.tenant}' if self.tenant else ''}: expected CLOSE of one first"

    def follow(self, is_open: bool, bytes_per_second: int, now: float) -> None:
        """A command was carried out, and left a session open or none."""
        if is_open and self._session_began == FOREVER:
            self._session_began = now
            self._bytes_per_second = bytes_per_second
        elif not is_open:
            self.leave()

    def leave(self) -> None:
        """No session any more. Safe to call again."""
        self._session_began = FOREVER
        self._bytes_per_second = LINEAR_BYTES_PER_SECOND
        if self._in_session:
            self._in_session = False
            self.shared.sessions.remove(self.tenant)
