"""The side that calls, as small as a test or load client can have it (RFC 3261, UAC core). No sockets and no clock.

Owns outgoing calls: INVITE, ACK, CANCEL, BYE, changed offers, digest answers, session refresh. Must not know SDP
beyond octets. What it leaves out: redirects, early media, and answers of several servers to one INVITE (the first one
counts).
"""

from collections.abc import Callable
from secrets import token_hex

from attrs import define, evolve

from h2b.telephony.sip_admission import ALLOW, BODY_TYPE, SUPPORTED, refresher, response_to, session_seconds
from h2b.telephony.sip_dialog import MAXIMUM_FORWARDS, Dialog, calling_dialog
from h2b.telephony.sip_digest import DigestAnswerer
from h2b.telephony.sip_effects import (
    CallAnswered,
    CallEnded,
    CallRefused,
    ChangeRefused,
    CloseConnection,
    Effect,
    EndReason,
    Peer,
)
from h2b.telephony.sip_framing import Deframer
from h2b.telephony.sip_headers import scheme_of
from h2b.telephony.sip_message import Headers, Request, Response, parse_message, write_message
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_syntax import SipSyntaxError, write_host_port
from h2b.telephony.sip_tables import Transactions, response_destination
from h2b.telephony.sip_transaction import ClientTransaction, State, transaction_key

MAXIMUM_ATTEMPTS = 3
"""INVITEs of one call: one without credentials, one with, one with a fresh nonce."""
GONE = (408, 481)
"""Statuses inside a call that say the other side does not have it (section 12.2.1.2)."""


@define
class _OutgoingCall:
    name: str
    invite: ClientTransaction
    attempts: int = 1
    dialog: Dialog | None = None
    leaving: bool = False
    """The owner hung up before the answer."""
    cancelled: bool = False
    refresh_seconds: int = 0


class SipClient:
    """The client's half of SIP. A call is named by its Call-ID; with an `answerer`, challenges are met."""

    def __init__(
        self,
        settings: SipSettings,
        answerer: DigestAnswerer | None = None,
        token: Callable[[], str] = lambda: token_hex(12),
    ) -> None:
        self.settings = settings
        self._answerer = answerer
        self._token = token
        self._transactions = Transactions()
        self._calls: dict[str, _OutgoingCall] = {}
        self._deframers: dict[int, Deframer] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is kept: no call, no transaction, no timer."""
        return not self._calls and self._transactions.idle

    def next_timer(self) -> float | None:
        """When `advance` wants to be called, or None."""
        return self._transactions.timers.next()

    def call(self, uri: str, peer: Peer, offer: bytes, now: float) -> tuple[str, list[Effect]]:
        """Calls `uri` by way of `peer` with this SDP; gives the name of the call.

        Ends with CallRefused or CallEnded.
        """
        name = f"{self._token()}@{self.settings.host}"
        secure = scheme_of(uri) == "sips"
        own = f"{'sips' if secure else 'sip'}:{write_host_port(self.settings.host, None)}"
        fields = (
            ("Max-Forwards", MAXIMUM_FORWARDS),
            ("From", f"<{own}>;tag={self._token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", name),
            ("CSeq", "1 INVITE"),
            ("Contact", self.settings.contact(peer.transport, secure)),
            ALLOW,
            *((SUPPORTED,) if self.settings.session_seconds else ()),
            ("User-Agent", self.settings.product),
            ("Content-Type", BODY_TYPE),
        )
        request = self._via(Request("INVITE", uri, Headers(fields), offer), peer)
        self._calls[name] = _OutgoingCall(name, self._transactions.start(request, peer, now))
        return name, self._transactions.take()

    def change(self, call: str, offer: bytes, now: float) -> list[Effect]:
        """Offers another SDP in an answered call: CallAnswered or ChangeRefused follows."""
        found = self._calls.get(call)
        if found is not None and found.dialog is not None:
            found.invite = self._request(found, found.dialog, "INVITE", offer, now)
        return self._transactions.take()

    def refresh(self, call: str, now: float) -> list[Effect]:
        """Says by UPDATE that the call still lives (RFC 4028, section 7.4)."""
        found = self._calls.get(call)
        if found is not None and found.dialog is not None:
            self._request(found, found.dialog, "UPDATE", b"", now)
        return self._transactions.take()

    def hang_up(self, call: str, now: float) -> list[Effect]:
        """Ends a call: by BYE, or by CANCEL before its answer."""
        found = self._calls.get(call)
        if found is None or found.leaving:
            return self._transactions.take()
        if found.dialog is not None:
            self._say_bye(found, found.dialog, now)
        else:
            found.leaving = True
            self._cancel(found, now)
        return self._transactions.take()

    def receive(self, octets: bytes, peer: Peer, now: float) -> list[Effect]:
        """Takes one datagram, or what a connection brought. What cannot be read is dropped."""
        if not peer.transport.reliable:
            self._message(octets, peer, now)
            return self._transactions.take()
        deframer = self._deframers.setdefault(peer.connection, Deframer())
        deframer.receive(octets)
        try:
            while (message := deframer.next_message()) is not None:
                self._message(message, peer, now)
        except SipSyntaxError:
            self._transactions.tell(CloseConnection(peer))
        return self._transactions.take()

    def connection_lost(self, connection: int) -> None:
        """Forgets a connection."""
        self._deframers.pop(connection, None)
        for call in self._calls.values():
            if call.dialog is not None:
                call.dialog.forget_connection(connection)

    def advance(self, now: float) -> list[Effect]:
        """Does what is due by `now`."""
        unanswered, names = self._transactions.advance(now)
        for transaction in unanswered:
            self._final(transaction, response_to(transaction.request, 408), now)
        for name in names:
            call = self._calls.get(str(name))
            if call is not None and call.dialog is not None:
                self._schedule(call, 0, now)
                self._request(call, call.dialog, "UPDATE", b"", now)
        return self._transactions.take()

    # What comes in

    def _message(self, octets: bytes, peer: Peer, now: float) -> None:
        try:
            message = parse_message(octets)
            if isinstance(message, Response):
                self._response(message, peer, now)
            else:
                self._answer(message, peer, now)
        except SipSyntaxError:
            return

    def _response(self, response: Response, peer: Peer, now: float) -> None:
        transaction = self._transactions.matching(response)
        if transaction is None or not self._transactions.received(transaction, response.status, now):
            return
        call = self._calls.get(transaction.request.call_id)
        if response.status < 200:
            if call is not None and call.leaving:
                self._cancel(call, now)
        else:
            if peer.transport.reliable:
                transaction.destination = peer
            self._final(transaction, response, now)

    def _final(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The final response to any request of ours; what nobody answered counts as 408."""
        call, method = self._calls.get(transaction.request.call_id), transaction.request.method
        if method == "INVITE" and response.status >= 300 and not transaction.timed_out:
            acknowledgement = (transaction.destination, write_message(_refusal_ack(transaction.request, response)))
            transaction.acknowledgement = acknowledgement
            self._transactions.send(*acknowledgement)
        if call is None or method in ("BYE", "CANCEL"):
            return
        if method == "INVITE" and response.status < 300:
            self._answered(call, transaction, response, now)
        elif call.dialog is None:
            self._refused(call, response, now)
        elif response.status in GONE:
            self._say_bye(call, call.dialog, now, EndReason.NO_RESPONSE)
        elif method == "UPDATE" and response.status < 300:
            self._schedule(call, _refresh_seconds(response), now)
        elif method == "INVITE":
            self._transactions.tell(ChangeRefused(call.name, response.status, response.reason))

    def _answered(self, call: _OutgoingCall, transaction: ClientTransaction, response: Response, now: float) -> None:
        flow = transaction.destination
        if call.dialog is None:
            call.dialog = calling_dialog(transaction.request, response, flow)
        else:
            call.dialog.refresh_target(response.contact)
        sequence = transaction.request.cseq.number
        hop = call.dialog.next_hop()
        ack = call.dialog.request("ACK", self.settings.via(hop.transport, self._token()), sequence=sequence)
        transaction.acknowledgement = (hop, write_message(ack))
        self._transactions.send(*transaction.acknowledgement)
        if call.leaving:
            self._say_bye(call, call.dialog, now)
            return
        self._schedule(call, _refresh_seconds(response), now)
        self._transactions.tell(CallAnswered(call.name, response.body))

    def _refused(self, call: _OutgoingCall, response: Response, now: float) -> None:
        if (
            response.status in (401, 407)
            and not call.leaving
            and call.attempts < MAXIMUM_ATTEMPTS
            and self._retry(call, response, now)
        ):
            return
        del self._calls[call.name]
        if call.leaving:
            self._transactions.tell(CallEnded(call.name, EndReason.CANCELLED))
        else:
            self._transactions.tell(CallRefused(call.name, response.status, response.reason, response.headers))

    def _retry(self, call: _OutgoingCall, response: Response, now: float) -> bool:
        """The INVITE once more with credentials, if the challenge can be met (section 22.2)."""
        request = call.invite.request
        if self._answerer is None:
            return False
        proof = self._answerer.answer(response.headers, "INVITE", request.uri, self._token())
        if proof is None:
            return False
        call.attempts += 1
        headers = request.headers.replacing("CSeq", f"{request.cseq.number + 1} INVITE").replacing(*proof)
        again = self._via(evolve(request, headers=headers), call.invite.destination)
        call.invite = self._transactions.start(again, call.invite.destination, now)
        return True

    def _cancel(self, call: _OutgoingCall, now: float) -> None:
        """CANCEL must wait for a provisional response, or it might overtake its INVITE (section 9.1)."""
        if call.cancelled or call.invite.state is not State.PROCEEDING:
            return
        call.cancelled = True
        request = call.invite.request
        kept = [own for own in request.headers.fields if own[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID")]
        headers = Headers((*kept, ("CSeq", f"{request.cseq.number} CANCEL")))
        cancel = Request("CANCEL", request.uri, headers)
        self._transactions.cancel(cancel, call.invite, now)

    def _answer(self, request: Request, peer: Peer, now: float) -> None:
        """Requests of the server: BYE ends, anything else changes nothing."""
        known = self._transactions.servers.get(transaction_key(request))
        if known is not None:
            self._transactions.send(known.destination, known.repeated())
        if known is not None or request.method == "ACK":
            return
        call = self._calls.get(request.call_id)
        dialog = call.dialog if call is not None else None
        mine = dialog is not None and dialog.local.tag == request.recipient.tag
        status = 200 if request.method in ("BYE", "OPTIONS") else 488
        transaction = self._transactions.open(request, response_destination(request, peer))
        self._transactions.respond(transaction, response_to(request, status if mine else 481, tag=self._token()), now)
        if call is not None and mine and request.method == "BYE":
            self._end(call, EndReason.HUNG_UP)

    # What goes out

    def _via(self, request: Request, peer: Peer) -> Request:
        via = ("Via", str(self.settings.via(peer.transport, self._token())))
        kept = [own for own in request.headers.fields if own[0] != "Via"]
        return evolve(request, headers=Headers((via, *kept)))

    def _request(self, call: _OutgoingCall, dialog: Dialog, method: str, body: bytes, now: float) -> ClientTransaction:
        hop = dialog.next_hop()
        contact = self.settings.contact(hop.transport, scheme_of(dialog.target) == "sips")
        fields = [("Contact", contact), ("User-Agent", self.settings.product)]
        if call.refresh_seconds:
            fields += [SUPPORTED, ("Session-Expires", f"{call.refresh_seconds};refresher=uac")]
        if body:
            fields.append(("Content-Type", BODY_TYPE))
        request = dialog.request(method, self.settings.via(hop.transport, self._token()), *fields, body=body)
        return self._transactions.start(request, hop, now)

    def _say_bye(self, call: _OutgoingCall, dialog: Dialog, now: float, reason: EndReason = EndReason.RELEASED) -> None:
        self._request(call, dialog, "BYE", b"", now)
        self._end(call, reason)

    def _end(self, call: _OutgoingCall, reason: EndReason) -> None:
        self._transactions.timers.set(call.name, None)
        del self._calls[call.name]
        self._transactions.tell(CallEnded(call.name, reason))

    def _schedule(self, call: _OutgoingCall, seconds: int, now: float) -> None:
        """A refresh half way through the session, or none if it lasts for ever (RFC 4028, section 10)."""
        call.refresh_seconds = seconds or call.refresh_seconds
        self._transactions.timers.set(call.name, now + seconds / 2 if seconds else None)


def _refresh_seconds(response: Response) -> int:
    """How long the session lives if the client is to refresh it, else 0; also if nobody can read it."""
    try:
        return (session_seconds(response.headers) or 0) if refresher(response.headers) == "uac" else 0
    except SipSyntaxError:
        return 0


def _refusal_ack(request: Request, response: Response) -> Request:
    """The ACK of a response other than 2xx: part of the INVITE's own transaction (section 17.1.1.3)."""
    kept = [own for own in request.headers.fields if own[0] in ("Via", "Max-Forwards", "Route", "From", "Call-ID")]
    headers = Headers((*kept, ("To", str(response.recipient)), ("CSeq", f"{request.cseq.number} ACK")))
    return Request("ACK", request.uri, headers)
