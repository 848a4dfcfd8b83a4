"""Two ends and a network between them, in memory, on a clock that is a number."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from attrs import define, field

from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_effects import CloseConnection, Effect, Peer, SendMessage, Transport
from h2b.telephony.sip_server import SipServer

SERVER_HOST, CLIENT_HOST, PORT = "192.0.2.1", "192.0.2.2", 5060
URI = f"sip:h2b@{SERVER_HOST}:{PORT}"
CONNECTION = 7

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\n"
ANSWER = b"v=0\r\no=h2b 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def tokens(seed: str) -> Callable[[], str]:
    """Tokens that are told apart, and the same in every run."""
    numbers = count(1)
    return lambda: f"{seed}{next(numbers)}"


@define
class Network:
    """Carries messages between a server and a client and wakes both in time.

    `fate` gives for each message the delays of its copies: none is a loss, two a duplication. News about calls go to
    `on_server` and `on_client`, whose effects travel in turn, and into `server_news` and `client_news`.
    """

    server: SipServer
    client: SipClient
    transport: Transport = Transport.UDP
    fate: Callable[[], list[float]] = lambda: [0.01]
    on_server: Callable[[Effect, float], list[Effect]] = lambda effect, now: []
    on_client: Callable[[Effect, float], list[Effect]] = lambda effect, now: []
    now: float = 0.0
    server_news: list[Effect] = field(factory=list)
    client_news: list[Effect] = field(factory=list)
    sent: list[tuple[str, bytes]] = field(factory=list)
    _under_way: list[tuple[float, int, str, bytes | Callable[[], list[Effect]]]] = field(factory=list)
    _order: count = field(factory=count)

    def peer(self, host: str) -> Peer:
        return Peer(self.transport, host, PORT, CONNECTION if self.transport.reliable else 0)

    def perform(self, end: str, effects: list[Effect]) -> None:
        """Does what the server or the client asks for."""
        for effect in effects:
            if isinstance(effect, SendMessage):
                self.sent.append((end, effect.payload))
                other = "client" if end == "server" else "server"
                for delay in [0.01] if self.transport.reliable else self.fate():
                    self._push(delay, other, effect.payload)
            elif isinstance(effect, CloseConnection):
                raise AssertionError(f"the {end} closes {effect.connection}")
            else:
                (self.server_news if end == "server" else self.client_news).append(effect)
                handler = self.on_server if end == "server" else self.on_client
                self.perform(end, handler(effect, self.now))

    def later(self, delay: float, end: str, action: Callable[[], list[Effect]]) -> None:
        """An action of an end's owner after this time."""
        self._push(delay, end, action)

    def _push(self, delay: float, end: str, what: bytes | Callable[[], list[Effect]]) -> None:
        heapq.heappush(self._under_way, (self.now + delay, next(self._order), end, what))

    def run(self, until: float = float("inf")) -> None:
        """Lets time pass until then, or until nothing is left to happen."""
        for _ in range(1_000_000):
            moments = [self.server.next_timer(), self.client.next_timer()]
            moments.append(self._under_way[0][0] if self._under_way else None)
            at = min((moment for moment in moments if moment is not None), default=None)
            if at is None or at > until:
                break
            self.now = max(self.now, at)
            if self._under_way and self._under_way[0][0] <= self.now:
                self._deliver(*heapq.heappop(self._under_way)[2:])
            else:
                self.perform("server", self.server.advance(self.now))
                self.perform("client", self.client.advance(self.now))
        else:
            raise AssertionError("the machines never come to rest")
        self.now = until if until != float("inf") else self.now

    def _deliver(self, end: str, what: bytes | Callable[[], list[Effect]]) -> None:
        if callable(what):
            self.perform(end, what())
        elif end == "server":
            self.perform(end, self.server.receive(what, self.peer(CLIENT_HOST), self.now))
        else:
            self.perform(end, self.client.receive(what, self.peer(SERVER_HOST), self.now))

    def first_lines(self, end: str) -> list[str]:
        """Start lines of what an end sent, shortened to what tells messages apart."""
        lines = (payload.split(b"\r\n", 1)[0].decode() for own, payload in self.sent if own == end)
        return [line.removeprefix("SIP/2.0 ") if line.startswith("SIP") else line.split(" ")[0] for line in lines]


def losing(random: Random, loss: float, duplication: float, slowest: float) -> Callable[[], list[float]]:
    """A fate that loses, duplicates and, by uneven delays, reorders."""

    def fate() -> list[float]:
        copies = 0 if random.random() < loss else 2 if random.random() < duplication else 1
        return [random.uniform(0.0, slowest) for _ in range(copies)]

    return fate
