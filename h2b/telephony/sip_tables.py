"""The transactions of one side and their timers: opened, answered, repeated, closed (RFC 3261, section 17).

Owns the tables and the effects that gather until somebody takes them. Must not know what a request wants.
"""

from collections.abc import Hashable

from attrs import define, field

from h2b.telephony.sip_effects import Effect, Peer, SendMessage
from h2b.telephony.sip_headers import DEFAULT_PORT
from h2b.telephony.sip_message import Request, Response, write_message
from h2b.telephony.sip_timers import Timers
from h2b.telephony.sip_transaction import LIFETIME, ClientTransaction, Key, ServerTransaction, State, transaction_key


@define
class Transactions:
    """Server transactions by key, client transactions by method and branch, and all timers, also those of others."""

    timers: Timers = field(factory=Timers)
    servers: dict[Key, ServerTransaction] = field(factory=dict)
    clients: dict[str, ClientTransaction] = field(factory=dict)
    _origins: dict[Key, Key] = field(factory=dict)
    _effects: list[Effect] = field(factory=list)

    @property
    def idle(self) -> bool:
        """Whether nothing is kept."""
        return not (self.servers or self.clients or self._origins or len(self.timers))

    def tell(self, effect: Effect) -> None:
        """Adds an effect for the owner."""
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        """The effects so far, in order; they are handed out once."""
        effects, self._effects = self._effects, []
        return effects

    def send(self, destination: Peer, payload: bytes) -> None:
        """Sends octets, if there are any."""
        if payload:
            self.tell(SendMessage(destination, payload))

    def open(self, request: Request, destination: Peer) -> ServerTransaction:
        """A new server transaction."""
        transaction = ServerTransaction(transaction_key(request), request, destination)
        self.servers[transaction.key] = transaction
        if transaction.invite and not request.recipient.tag:
            self._origins[_origin(request)] = transaction.key
        return transaction

    def merged(self, request: Request) -> bool:
        """Whether the same INVITE has come by another way already (section 8.2.2.2)."""
        return _origin(request) in self._origins

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> bytes:
        """Sends a response and remembers it; gives its octets."""
        payload = write_message(response)
        transaction.respond(response.status, payload, now)
        self.send(transaction.destination, payload)
        self._settle_server(transaction)
        return payload

    def acknowledge(self, transaction: ServerTransaction, now: float) -> None:
        """ACK for a refused INVITE."""
        transaction.acknowledge(now)
        self._settle_server(transaction)

    def start(self, request: Request, destination: Peer, now: float) -> ClientTransaction:
        """Sends a request and waits for its response."""
        transaction = ClientTransaction(request, destination, write_message(request))
        transaction.start(now)
        self.clients[_client_key(request)] = transaction
        self.send(destination, transaction.payload)
        self._settle_client(transaction)
        return transaction

    def matching(self, response: Response) -> ClientTransaction | None:
        """The client transaction a response belongs to (section 17.1.3)."""
        return self.clients.get(f"{response.cseq.method} {response.vias[0].branch}")

    def received(self, transaction: ClientTransaction, status: int, now: float) -> bool:
        """Whether a response with this status is news. A repeated final response to INVITE gets its ACK again."""
        news = transaction.receive(status, now)
        if not news and status >= 200 and transaction.acknowledgement is not None:
            self.send(*transaction.acknowledgement)
        self._settle_client(transaction)
        return news

    def cancel(self, cancel: Request, invite: ClientTransaction, now: float) -> None:
        """Sends CANCEL, which shares the branch of its INVITE, and waits no longer than usual for a final response."""
        invite.give_up(now + LIFETIME)
        self._settle_client(invite)
        self.start(cancel, invite.destination, now)

    def advance(self, now: float) -> tuple[list[ClientTransaction], list[Hashable]]:
        """Repeats and closes what is due; gives the requests nobody answered, and the due names that are others'."""
        unanswered, others = [], []
        for name in self.timers.pop_due(now):
            if isinstance(name, tuple):
                server = self.servers[name]
                self.send(server.destination, server.advance(now))
                self._settle_server(server)
            elif name in self.clients:
                client = self.clients[str(name)]
                self.send(client.destination, client.advance(now))
                self._settle_client(client)
                if client.timed_out:
                    unanswered.append(client)
            else:
                others.append(name)
        return unanswered, others

    def _settle_server(self, transaction: ServerTransaction) -> None:
        if transaction.state is not State.TERMINATED:
            self.timers.set(transaction.key, transaction.next_timer())
            return
        self.timers.set(transaction.key, None)
        self.servers.pop(transaction.key, None)
        origin = _origin(transaction.request)
        if self._origins.get(origin) == transaction.key:
            del self._origins[origin]

    def _settle_client(self, transaction: ClientTransaction) -> None:
        key = _client_key(transaction.request)
        if transaction.state is State.TERMINATED:
            self.timers.set(key, None)
            self.clients.pop(key, None)
        else:
            self.timers.set(key, transaction.next_timer())


def _origin(request: Request) -> Key:
    """What a request keeps when it forks on its way and comes twice."""
    return (request.call_id, request.sender.tag, str(request.cseq.number))


def _client_key(request: Request) -> str:
    """Branch and method: CANCEL has the branch of its INVITE."""
    return f"{request.method} {request.vias[0].branch}"


def response_destination(request: Request, peer: Peer) -> Peer:
    """Where the response to a request from `peer` goes (RFC 3261, section 18.2.2; RFC 3581, section 4).

    Always to the address the request came from, for `maddr` would let anybody aim our responses at others; to the
    port it came from if the client asks by `rport`, else to the one its Via names.
    """
    if peer.transport.reliable:
        return peer
    via = request.vias[0]
    return peer if "rport" in via.params else Peer(peer.transport, peer.host, via.port or DEFAULT_PORT)
