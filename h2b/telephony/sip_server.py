"""The side that is called: SIP messages in, calls and SIP messages out (RFC 3261, UAS core). No sockets and no clock.

Owns the way of a message: framing, transactions, what is refused at first sight, the first INVITE of a call. What
happens inside calls is `sip_calls`. Must not know SDP beyond octets, nor audio, nor MRCP.

Theory of operation
 1. `receive`, `accept`, `reject`, `hang_up` and `advance` take `now` (seconds, monotonic) and return effects in
     order; after each of them `next_timer` says when `advance` wants to be called. Nothing the network sends makes
     any of them raise.
 2. What is refused at first sight (bad syntax, unknown method, an address that may not call, no credentials,
     overload) is answered without keeping anything (section 8.2.7): a flood of such requests costs time, but no
     memory. Their ACKs find nothing, and are dropped.
 3. An INVITE that is offered, and every request inside a dialog, has a transaction, so that its repetitions are
     absorbed.
 4. Each offered call ends with exactly one CallEnded. `accept` and the like for a call that is over do nothing: the
     client may have hung up in the meantime.
 5. Responses go back where the request came from; requests of ours go by route set and target, or by the open
     connection.
"""

import hmac
from collections import Counter
from collections.abc import Callable
from secrets import token_hex

from h2b.telephony.sip_admission import (
    ACCEPT,
    ALLOW,
    BODY_TYPE,
    SUPPORTED,
    Refusal,
    refusal,
    refusal_of_malformed,
    response_to,
    routed,
    warning,
)
from h2b.telephony.sip_calls import Calls
from h2b.telephony.sip_digest import DigestGuard, Verdict
from h2b.telephony.sip_effects import CallForbidden, CloseConnection, Effect, Peer, SendMessage
from h2b.telephony.sip_framing import PONG, Deframer
from h2b.telephony.sip_message import MalformedRequest, Request, Response, parse_message, write_message
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_syntax import SipSyntaxError
from h2b.telephony.sip_tables import Transactions, response_destination
from h2b.telephony.sip_transaction import State, transaction_key

BUSY_SECONDS = 5
"""Retry-After when a table is full."""
FORBIDDEN = "this address may not call"
WRONG_PASSWORD = "wrong user or password"


class SipServer:
    """The server's half of SIP. `capabilities` is the SDP that answers OPTIONS; with a `guard`, calls need a password.

    `token` makes unguessable text of at least 64 bits: tags, branches, names of calls.
    """

    def __init__(
        self,
        settings: SipSettings,
        capabilities: bytes = b"",
        guard: DigestGuard | None = None,
        token: Callable[[], str] = lambda: token_hex(12),
        admits: Callable[[str], bool] = lambda host: True,
    ) -> None:
        """`admits` tells whether a host may call."""
        self.settings = settings
        self.retry_after: int | None = None
        """Seconds; while set, the server is overloaded or drains, and new calls and OPTIONS get 503."""
        self.leaving = False
        """Whether OPTIONS get 503 already, for balancers to notice, while new calls are still taken."""
        self.refusals: Counter[int] = Counter()
        """INVITEs refused, by status: 401 is a wrong user or password, not the question for them."""
        self.unreadable = 0
        """Messages that were no SIP, or no response anybody waits for."""
        self._capabilities = capabilities
        self._guard = guard
        self._admits = admits
        self._token = token
        self._secret = token().encode()
        self._transactions = Transactions()
        self._calls = Calls(settings, self._transactions, self._capable, token)
        self._deframers: dict[int, Deframer] = {}

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return len(self._calls.by_name)

    @property
    def idle(self) -> bool:
        """Whether nothing is kept: no call, no transaction, no timer."""
        return not self._calls.by_name and self._transactions.idle

    @property
    def unanswered(self) -> int:
        """Requests of ours that still wait for their response."""
        waiting = (State.CALLING, State.PROCEEDING)
        return sum(own.state in waiting for own in self._transactions.clients.values())

    @property
    def connections_of_calls(self) -> set[int]:
        """The connections by which clients of calls spoke last."""
        return {call.dialog.flow.connection for call in self._calls.by_name.values()}

    def next_timer(self) -> float | None:
        """When `advance` wants to be called, or None."""
        return self._transactions.timers.next()

    def receive(self, octets: bytes, peer: Peer, now: float) -> list[Effect]:
        """Takes one datagram, or what a connection brought."""
        if not peer.transport.reliable:
            self._message(octets, peer, now)
            return self._transactions.take()
        deframer = self._deframers.setdefault(peer.connection, Deframer())
        deframer.receive(octets)
        try:
            while (message := deframer.next_message()) is not None:
                self._message(message, peer, now)
        except SipSyntaxError as error:
            self._unreadable(error, peer)
            self._transactions.tell(CloseConnection(peer))
        if deframer.pings:
            self._transactions.tell(SendMessage(peer, PONG * deframer.pings))
            deframer.pings = 0
        return self._transactions.take()

    def connection_lost(self, connection: int) -> None:
        """Forgets a connection. Its calls live on: SIP may come by another one."""
        self._deframers.pop(connection, None)
        self._calls.connection_lost(connection)

    def accept(self, call: str, answer: bytes, now: float) -> list[Effect]:
        """Answers a CallOffered or CallChanged with 200 and this SDP."""
        self._calls.accept(call, answer, now)
        return self._transactions.take()

    def reject(self, call: str, status: int, reason: str, now: float, retry_after: int | None = None) -> list[Effect]:
        """Refuses a CallOffered or CallChanged. `reason` is for people and goes into a Warning.

        Raises ValueError unless the status is 300 to 699.
        """
        if not 300 <= status <= 699:
            raise ValueError(f"status {status} rejects nothing, expected 300 to 699")
        fields = [warning(reason, self.settings.product)] if reason else []
        if retry_after is not None:
            fields.append(("Retry-After", str(retry_after)))
        self.refusals[status] += 1
        self._calls.reject(call, Refusal(status, tuple(fields)), now)
        return self._transactions.take()

    def hang_up(self, call: str, now: float) -> list[Effect]:
        """Ends a call, whatever state it is in. BYE waits for the ACK of the answer (section 15)."""
        self._calls.hang_up(call, now)
        return self._transactions.take()

    def advance(self, now: float) -> list[Effect]:
        """Does what is due by `now`: repetitions, and the end of what waited too long."""
        _, names = self._transactions.advance(now)
        self._calls.advance(names, now)
        return self._transactions.take()

    # What comes in

    def _message(self, octets: bytes, peer: Peer, now: float) -> None:
        if not octets.strip(b"\r\n\0 "):
            return
        try:
            message = parse_message(octets)
        except SipSyntaxError as error:
            self._unreadable(error, peer)
            return
        if isinstance(message, Response):
            self._response(message, now)
            return
        try:
            self._request(routed(message, peer.host, peer.port), peer, now)
        except SipSyntaxError as error:
            # A header that only some methods read, such as Supported, is found wrong late.
            self._unreadable(MalformedRequest(error.where, error.why, message), peer)

    def _unreadable(self, error: SipSyntaxError, peer: Peer) -> None:
        self.unreadable += 1
        if isinstance(error, MalformedRequest) and error.request.headers.get("Via"):
            reason = "" if error.status != 400 else str(error)
            self._transactions.send(peer, write_message(refusal_of_malformed(error.request, error.status, reason)))

    def _response(self, response: Response, now: float) -> None:
        transaction = self._transactions.matching(response)
        if transaction is None:
            self.unreadable += 1
        else:
            self._transactions.received(transaction, response.status, now)

    def _request(self, request: Request, peer: Peer, now: float) -> None:
        destination = response_destination(request, peer)
        known = self._transactions.servers.get(transaction_key(request))
        if request.method == "ACK":
            self._calls.acknowledge(request, peer, now)
        elif known is not None:
            self._transactions.send(known.destination, known.repeated())
        elif refused := refusal(request):
            self._refuse(request, destination, refused)
        elif request.method == "CANCEL":
            self._cancel(request, destination, now)
        elif request.recipient.tag:
            self._inside(request, peer, now)
        else:
            self._outside(request, peer, now)

    def _refuse(self, request: Request, destination: Peer, refused: Refusal, *, counted: bool = True) -> None:
        """Answers without keeping anything; the tag is the same whenever the request comes again."""
        fields = (*refused.fields, ("Server", self.settings.product))
        tag = self._stateless_tag(request)
        if counted and request.method == "INVITE":
            self.refusals[refused.status] += 1
        response = response_to(request, refused.status, *fields, tag=tag, reason=refused.reason)
        self._transactions.send(destination, write_message(response))

    def _stateless_tag(self, request: Request) -> str:
        seen = "\n".join((*transaction_key(request), request.call_id)).encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, seen, "sha256").hexdigest()[:24]

    def _cancel(self, request: Request, destination: Peer, now: float) -> None:
        """CANCEL finds its INVITE by the branch; once that is answered it changes nothing (section 9.2)."""
        invite = self._transactions.servers.get(transaction_key(request, "INVITE"))
        if invite is None:
            self._refuse(request, destination, Refusal(481))
            return
        tag = self._calls.tag_of(invite) or self._stateless_tag(request)
        response = response_to(request, 200, ("Server", self.settings.product), tag=tag)
        self._transactions.send(destination, write_message(response))
        self._calls.cancel(invite, now)

    def _inside(self, request: Request, peer: Peer, now: float) -> None:
        destination = response_destination(request, peer)
        call = self._calls.find(request)
        if call is None:
            self._refuse(request, destination, Refusal(481))
        elif len(self._transactions.servers) >= 2 * self.settings.maximum_transactions:
            self._refuse(request, destination, Refusal(503, (("Retry-After", str(BUSY_SECONDS)),)))
        else:
            self._calls.request(call, request, peer, now)

    def _outside(self, request: Request, peer: Peer, now: float) -> None:
        destination = response_destination(request, peer)
        if request.method not in ("INVITE", "OPTIONS"):
            self._refuse(request, destination, Refusal(481))
        elif request.method == "INVITE" and not self._admits(peer.host):
            self._refuse(request, destination, Refusal(403, (warning(FORBIDDEN, self.settings.product),)))
            self._transactions.tell(CallForbidden(request.call_id, peer, FORBIDDEN))
        elif self.retry_after is not None:
            self._refuse(request, destination, Refusal(503, (("Retry-After", str(self.retry_after)),)))
        elif request.method == "OPTIONS" and self.leaving:
            self._refuse(request, destination, Refusal(503, (("Retry-After", str(BUSY_SECONDS)),)))
        elif request.method == "OPTIONS":
            response = self._capable(request, self._stateless_tag(request))
            self._transactions.send(destination, write_message(response))
        elif self._transactions.merged(request):
            self._refuse(request, destination, Refusal(482))
        elif self._full():
            self._refuse(request, destination, Refusal(503, (("Retry-After", str(BUSY_SECONDS)),)))
        else:
            self._invite(request, peer, now)

    def _full(self) -> bool:
        limits = self.settings
        return self.calls >= limits.maximum_calls or len(self._transactions.servers) >= limits.maximum_transactions

    def _capable(self, request: Request, tag: str) -> Response:
        """What OPTIONS gets (section 11.2)."""
        fields = [ALLOW, ACCEPT, SUPPORTED, ("Server", self.settings.product)]
        if self._capabilities:
            fields.append(("Content-Type", BODY_TYPE))
        return response_to(request, 200, *fields, tag=tag, body=self._capabilities)

    def _invite(self, request: Request, peer: Peer, now: float) -> None:
        destination, user = response_destination(request, peer), ""
        if self._guard is not None:
            proof = self._guard.judge(request, now)
            if proof.verdict is not Verdict.GOOD:
                challenges = self._guard.challenges(now, stale=proof.verdict is Verdict.STALE)
                # Every call begins with a challenge: only what was shown in vain is a refusal.
                shown = proof.verdict is Verdict.WRONG and request.headers.get("Authorization") is not None
                self._refuse(request, destination, Refusal(401, tuple(challenges)), counted=shown)
                if shown:
                    self._transactions.tell(CallForbidden(request.call_id, peer, WRONG_PASSWORD, 401))
                return
            user = proof.user
        if request.body:
            self._calls.offer(request, peer, user, now)
        else:
            # Section 13.2.1 lets the server make the offer; with MRCP only the client can (RFC 6787, section 4.2).
            why = warning("no SDP in the INVITE, expected an offer", self.settings.product)
            self._refuse(request, destination, Refusal(488, (why,)))
