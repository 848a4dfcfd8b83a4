"""What happens inside calls: answers and their repetition, changed offers, refreshes, both ways to hang up.

Owns the table of calls. Must not know framing, nor what is refused before a call is found: see `sip_server`, which
drives this.
"""

from collections.abc import Callable, Hashable, Iterable

from attrs import define, evolve, field

from h2b.telephony.sip_admission import (
    ALLOW,
    BODY_TYPE,
    SUPPORTED,
    Refusal,
    agreed_session,
    response_to,
    session_fields,
)
from h2b.telephony.sip_call import Call, CallState, Deadline, Description, Repetition
from h2b.telephony.sip_dialog import called_dialog
from h2b.telephony.sip_effects import (
    CallChanged,
    CallConfirmed,
    CallEnded,
    CallOffered,
    EndReason,
    Peer,
    Transport,
)
from h2b.telephony.sip_headers import scheme_of
from h2b.telephony.sip_message import Request, Response
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_tables import Transactions, response_destination
from h2b.telephony.sip_transaction import ServerTransaction, State, transaction_key

GLARE_SECONDS = 2
"""Retry-After when a change comes while another is under way (section 14.2 wants 0 to 10 s)."""


@define
class Calls:
    """The calls of a server by name; the name is our tag, so a request inside a call finds it at once."""

    settings: SipSettings
    _transactions: Transactions
    _capable: Callable[[Request, str], Response]
    """Makes the answer to OPTIONS."""
    _token: Callable[[], str]
    by_name: dict[str, Call] = field(factory=dict)
    _waiting: dict[Hashable, str] = field(factory=dict)
    """Calls by the transaction that waits for `accept` or `reject`."""

    def find(self, request: Request) -> Call | None:
        """The call a request belongs to by its tags (section 12.2.2); none before it is answered."""
        call = self.by_name.get(request.recipient.tag)
        if call is None or call.state is CallState.OFFERED:
            return None
        same = call.dialog.call_id == request.call_id and call.dialog.remote.tag == request.sender.tag
        return call if same else None

    def tag_of(self, invite: ServerTransaction) -> str:
        """Our tag in the dialog an INVITE makes or changes, while it waits."""
        return self._waiting.get(invite.key, "")

    def offer(self, request: Request, peer: Peer, user: str, now: float) -> None:
        """A new call: 100 at once, or the client repeats the INVITE after half a second."""
        transaction = self._transactions.open(request, response_destination(request, peer))
        name = self._token()
        dialog = called_dialog(request, name, peer)
        self.by_name[name] = call = Call(name, dialog, None, b"", None)
        self._wait(call, transaction, now)
        self._transactions.tell(
            CallOffered(
                call=name,
                call_id=request.call_id,
                offer=request.body,
                sender=request.sender,
                recipient=request.recipient,
                request_uri=request.uri,
                user=user,
                peer=peer,
                headers=request.headers,
            )
        )

    def _wait(self, call: Call, transaction: ServerTransaction, now: float) -> None:
        call.pending, call.offered = transaction.key, transaction.request.body
        call.answer_by = now + self.settings.answer_seconds
        self._waiting[transaction.key] = call.name
        if transaction.invite:
            self._respond(transaction, response_to(transaction.request, 100), now)
        self._arm(call)

    def request(self, call: Call, request: Request, peer: Peer, now: float) -> None:
        """A request other than ACK and CANCEL inside a call."""
        transaction = self._transactions.open(request, response_destination(request, peer))
        call.dialog.flow = peer
        if not call.dialog.accept_sequence(request.cseq.number):
            self._respond(transaction, response_to(request, 500), now)
        elif request.method == "BYE":
            self._respond(transaction, response_to(request, 200), now)
            self._refuse_pending(call, Refusal(487), now)
            self._end(call, EndReason.HUNG_UP)
        elif call.released:
            self._respond(transaction, response_to(request, 481), now)
        elif request.method == "OPTIONS":
            self._transactions.respond(transaction, self._capable(request, call.name), now)
        else:
            self._change(call, transaction, now)

    def _change(self, call: Call, transaction: ServerTransaction, now: float) -> None:
        """INVITE or UPDATE inside a call: a refresh is answered here, another offer goes to the owner."""
        request = transaction.request
        if call.repetition is not None and call.pending is None:
            # Who changes what the answer agreed on has it, though the ACK was lost or overtaken (RFC 5407, 3.1.4).
            self._confirm(call)
        if call.pending is not None:
            retry = ("Retry-After", str(GLARE_SECONDS))
            self._respond(transaction, response_to(request, 500, retry), now)
        elif not request.body or request.body == call.agreed.offer:
            self._succeed(call, transaction, call.agreed, now)
        else:
            self._wait(call, transaction, now)
            self._transactions.tell(CallChanged(call.name, request.body))

    def accept(self, name: str, answer: bytes, now: float) -> None:
        """200 with this answer to what waits."""
        call = self.by_name.get(name)
        if call is not None and call.pending is not None:
            transaction = self._transactions.servers[call.pending]
            agreed = Description(call.offered, answer)
            self._settle(call)
            self._succeed(call, transaction, agreed, now)

    def _succeed(self, call: Call, transaction: ServerTransaction, agreed: Description, now: float) -> None:
        request, dialog = transaction.request, call.dialog
        seconds = agreed_session(request, self.settings.session_seconds)
        flow, secure = dialog.flow, scheme_of(request.uri) == "sips"
        settings = self.settings.towards(Transport.TLS if secure else flow.transport, flow.host)
        # A refresh by UPDATE without an offer gets no description (RFC 3311, section 5.2).
        body = agreed.answer if transaction.invite or request.body else b""
        fields = [
            *(("Record-Route", route) for route in request.headers.listed("Record-Route")),
            ("Contact", settings.contact(flow.transport, secure)),
            ALLOW,
            SUPPORTED,
            *session_fields(seconds),
            *([("Content-Type", BODY_TYPE)] if body else []),
        ]
        payload = self._respond(transaction, response_to(request, 200, *fields, tag=call.name, body=body), now)
        dialog.refresh_target(request.contact)
        call.agreed = agreed
        call.refreshed(seconds, now)
        if transaction.invite:
            call.repetition = Repetition.starting(request.cseq.number, transaction.destination, payload, now)
            if call.state is CallState.OFFERED:
                call.state = CallState.ANSWERED
        self._arm(call)

    def acknowledge(self, request: Request, peer: Peer, now: float) -> None:
        """ACK: of a refusal by its branch, of an answer by its dialog and number (section 13.3.1.4)."""
        transaction = self._transactions.servers.get(transaction_key(request))
        if transaction is not None and transaction.state is State.COMPLETED:
            self._transactions.acknowledge(transaction, now)
            return
        call = self.find(request)
        if call is None or call.repetition is None or call.repetition.sequence != request.cseq.number:
            return
        call.dialog.flow = peer
        self._confirm(call)
        if call.released:
            self._say_bye(call, now)
            self._forget(call)

    def _confirm(self, call: Call) -> None:
        """The client has the answer: it is repeated no more."""
        call.repetition, call.state = None, CallState.CONFIRMED
        if not call.released:
            self._transactions.tell(CallConfirmed(call.name))
        self._arm(call)

    def cancel(self, invite: ServerTransaction, now: float) -> None:
        """The client takes an INVITE back. A cancelled change leaves the call as it was."""
        call = self.by_name.get(self.tag_of(invite))
        if call is not None and invite.state is State.PROCEEDING:
            self._refuse_pending(call, Refusal(487), now)
            self._end_unanswered(call, EndReason.CANCELLED)

    def reject(self, name: str, refused: Refusal, now: float) -> None:
        """This status to what waits."""
        call = self.by_name.get(name)
        if call is not None and call.pending is not None:
            self._refuse_pending(call, refused, now)
            self._end_unanswered(call, EndReason.REJECTED)

    def hang_up(self, name: str, now: float) -> None:
        """Ends a call from our side."""
        call = self.by_name.get(name)
        if call is None or call.released:
            return
        if call.state is CallState.ANSWERED:
            call.released, call.refresh_by = True, None
            self._transactions.tell(CallEnded(name, EndReason.RELEASED))
            self._arm(call)
            return
        self._refuse_pending(call, Refusal(480), now)
        if call.state is CallState.OFFERED:
            self._end(call, EndReason.RELEASED)
        else:
            self._release(call, EndReason.RELEASED, now)

    def connection_lost(self, connection: int) -> None:
        """No request of ours goes by this connection any more."""
        for call in self.by_name.values():
            call.dialog.forget_connection(connection)

    def advance(self, names: Iterable[Hashable], now: float) -> None:
        """Does what these calls are due for."""
        for name in names:
            call = self.by_name.get(str(name))
            if call is not None:
                self._advance(call, now)

    def _advance(self, call: Call, now: float) -> None:
        missed = call.missed(now)
        if missed is Deadline.ACKNOWLEDGEMENT:
            self._release(call, EndReason.NO_ACKNOWLEDGEMENT, now)
        elif missed is Deadline.REFRESH:
            self._release(call, EndReason.SESSION_EXPIRED, now)
        elif missed is Deadline.ANSWER:
            self._refuse_pending(call, Refusal(504), now)
            self._end_unanswered(call, EndReason.NO_ANSWER)
        elif call.repetition is not None and call.repetition.repeat(now):
            self._transactions.send(call.repetition.destination, call.repetition.payload)
        if call.name in self.by_name:
            self._arm(call)

    def _refuse_pending(self, call: Call, refused: Refusal, now: float) -> None:
        if call.pending is None:
            return
        transaction = self._transactions.servers[call.pending]
        self._settle(call)
        response = response_to(transaction.request, refused.status, *refused.fields, tag=call.name)
        self._respond(transaction, response, now)
        self._arm(call)

    def _settle(self, call: Call) -> None:
        self._waiting.pop(call.pending, None)
        call.settled()

    def _end_unanswered(self, call: Call, reason: EndReason) -> None:
        if call.state is CallState.OFFERED:
            self._end(call, reason)

    def _release(self, call: Call, reason: EndReason, now: float) -> None:
        self._refuse_pending(call, Refusal(487), now)
        self._say_bye(call, now)
        self._end(call, reason)

    def _say_bye(self, call: Call, now: float) -> None:
        dialog = call.dialog
        unreachable = self.settings.clients_behind_nat and not dialog.flow.transport.reliable and not dialog.routes
        destination = dialog.flow if unreachable else dialog.next_hop()
        settings = self.settings.towards(destination.transport, dialog.flow.host)
        via = settings.via(destination.transport, self._token())
        request = dialog.request("BYE", via, ("User-Agent", self.settings.product))
        self._transactions.start(request, destination, now)

    def _end(self, call: Call, reason: EndReason) -> None:
        self._forget(call)
        if not call.released:
            self._transactions.tell(CallEnded(call.name, reason))

    def _forget(self, call: Call) -> None:
        self._settle(call)
        del self.by_name[call.name]
        self._transactions.timers.set(call.name, None)

    def _arm(self, call: Call) -> None:
        self._transactions.timers.set(call.name, call.next_timer())

    def _respond(self, transaction: ServerTransaction, response: Response, now: float) -> bytes:
        headers = response.headers.adding(("Server", self.settings.product))
        return self._transactions.respond(transaction, evolve(response, headers=headers), now)
