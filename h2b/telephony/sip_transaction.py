"""Transactions: one request, its responses, and their repetition over a transport that loses (RFC 3261, section 17).

Owns the states and timers of server and client transactions, INVITE and other. Must not know dialogs, calls or what a
message is about: server transactions repeat octets, client transactions look at a status.

    server, INVITE   PROCEEDING -300..699-> COMPLETED -ACK-> CONFIRMED -I-> TERMINATED;  COMPLETED -H-> TERMINATED
                     PROCEEDING -2xx-> ACCEPTED -L-> TERMINATED          (RFC 6026: the call repeats the 2xx itself)
    server, other    PROCEEDING -final-> COMPLETED -J-> TERMINATED
    client, INVITE   CALLING -1xx-> PROCEEDING -300..699-> COMPLETED -D-> TERMINATED;  -2xx-> ACCEPTED -M-> TERMINATED
    client, other    CALLING -1xx-> PROCEEDING -final-> COMPLETED -K-> TERMINATED;  both -F-> TERMINATED
"""

from enum import Enum, auto

from attrs import define, field

from h2b.telephony.sip_effects import Peer
from h2b.telephony.sip_headers import MAGIC_COOKIE
from h2b.telephony.sip_message import Request

T1 = 0.5
"""Seconds a round trip may take; the first wait before a repetition."""
T2 = 4.0
"""Seconds, the longest wait between repetitions."""
T4 = 5.0
"""Seconds the network may keep a message."""
LIFETIME = 64 * T1
"""Seconds after which a transaction gives up, or nobody repeats its messages any more (timers B, F, H, J, L, M)."""
PATIENCE = 180.0
"""Seconds an INVITE of ours waits after a provisional response: as long as a proxy would (timer C, section 16.6)."""

Key = tuple[str, ...]


class State(Enum):
    CALLING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


def transaction_key(request: Request, method: str = "") -> Key:
    """What tells transactions apart (RFC 3261, section 17.2.3). ACK belongs to its INVITE; CANCEL asks with `method`.

    A branch without the magic cookie, or with nothing behind it, is no identifier: then the older rules hold.
    """
    via = request.vias[0]
    kind = method or ("INVITE" if request.method == "ACK" else request.method)
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return (via.branch, via.sent_by, kind)
    return ("", request.call_id, request.sender.tag, str(request.cseq.number), via.sent_by, via.branch, kind)


@define
class ServerTransaction:
    """A request that came, and the response it gets however often it comes."""

    key: Key
    request: Request
    destination: Peer
    """Where responses go."""
    state: State = State.PROCEEDING
    status: int = 0
    _response: bytes = b""
    _interval: float = T1
    _repeat_at: float | None = None
    _ends_at: float | None = None

    @property
    def invite(self) -> bool:
        return self.key[-1] == "INVITE"

    def respond(self, status: int, payload: bytes, now: float) -> None:
        """Notes a response that is sent now. A second final one is a mistake of the caller."""
        assert self.state is State.PROCEEDING, f"a response after the final one, in {self.state}"
        self.status, self._response = status, payload
        if status < 200:
            return
        reliable = self.destination.transport.reliable
        if not self.invite:
            self._complete(0.0 if reliable else LIFETIME, now)
        elif status < 300:
            self.state, self._ends_at, self._response = State.ACCEPTED, now + LIFETIME, b""
        else:
            self.state, self._ends_at = State.COMPLETED, now + LIFETIME
            self._repeat_at = None if reliable else now + T1

    def _complete(self, lingering: float, now: float) -> None:
        self.state = State.COMPLETED if lingering else State.TERMINATED
        self._ends_at = now + lingering

    def repeated(self) -> bytes:
        """What the request gets that came once more; nothing if nothing was said yet, or the call repeats it."""
        return self._response if self.state in (State.PROCEEDING, State.COMPLETED) else b""

    def acknowledge(self, now: float) -> None:
        """ACK for a final response other than 2xx; only in COMPLETED."""
        reliable = self.destination.transport.reliable
        self.state, self._repeat_at = State.TERMINATED if reliable else State.CONFIRMED, None
        self._ends_at = now + T4

    def next_timer(self) -> float | None:
        """Moment at which `advance` has something to do."""
        return earliest(self._repeat_at, self._ends_at)

    def advance(self, now: float) -> bytes:
        """What to send again now, if anything (timer G); the end of the transaction shows in its state."""
        if self._ends_at is not None and self._ends_at <= now:
            self.state, self._repeat_at = State.TERMINATED, None
            return b""
        if self._repeat_at is None or self._repeat_at > now:
            return b""
        self._interval = min(2 * self._interval, T2)
        self._repeat_at = now + self._interval
        return self._response


@define
class ClientTransaction:
    """A request that was sent, until its final response or until nobody answers."""

    request: Request
    destination: Peer
    payload: bytes
    state: State = State.CALLING
    acknowledgement: tuple[Peer, bytes] | None = None
    """The ACK for the final response, and where it goes: sent again whenever that response comes again."""
    timed_out: bool = False
    _interval: float = T1
    _repeat_at: float | None = None
    _ends_at: float | None = field(default=None)

    @property
    def invite(self) -> bool:
        return self.request.method == "INVITE"

    def start(self, now: float) -> None:
        """Notes that the request is sent now."""
        self._ends_at = now + LIFETIME
        self._repeat_at = None if self.destination.transport.reliable else now + T1

    def receive(self, status: int, now: float) -> bool:
        """Whether a response with this status is news to the user of the transaction."""
        if self.state in (State.COMPLETED, State.ACCEPTED, State.TERMINATED):
            return False
        if status < 200:
            return self._provisional(now)
        self._repeat_at = None
        if self.invite and status < 300:
            self.state, self._ends_at = State.ACCEPTED, now + LIFETIME
            return True
        # Repetitions of the final response are awaited as long as the network may bring them (timers D and K).
        lingering = 0.0 if self.destination.transport.reliable else LIFETIME if self.invite else T4
        self.state, self._ends_at = State.COMPLETED if lingering else State.TERMINATED, now + lingering
        return True

    def _provisional(self, now: float) -> bool:
        if self.state is State.CALLING:
            self.state = State.PROCEEDING
            if self.invite:
                self._repeat_at, self._ends_at = None, now + PATIENCE
            else:
                self._interval = T2
        return True

    def give_up(self, at: float) -> None:
        """An INVITE that was cancelled waits no longer than this (RFC 3261, section 9.1)."""
        if self.state in (State.CALLING, State.PROCEEDING):
            self._ends_at = at

    def next_timer(self) -> float | None:
        """Moment at which `advance` has something to do."""
        return earliest(self._repeat_at, self._ends_at)

    def advance(self, now: float) -> bytes:
        """What to send again now, if anything (timers A and E); `timed_out` tells an end without a final response."""
        if self._ends_at is not None and self._ends_at <= now:
            self.timed_out = self.state in (State.CALLING, State.PROCEEDING)
            self.state, self._repeat_at = State.TERMINATED, None
            return b""
        if self._repeat_at is None or self._repeat_at > now:
            return b""
        self._interval = 2 * self._interval if self.invite else min(2 * self._interval, T2)
        self._repeat_at = now + self._interval
        return self.payload


def earliest(*moments: float | None) -> float | None:
    """The first of these moments; None are none."""
    return min((moment for moment in moments if moment is not None), default=None)
