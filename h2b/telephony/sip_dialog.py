"""A dialog: who speaks with whom, by which way, with which numbers (RFC 3261, section 12).

Owns dialog identity, route set, target and sequence numbers, for either side. Must not know calls, transactions or
timers.
"""

from attrs import define, evolve

from h2b.telephony.sip_effects import Peer, Transport
from h2b.telephony.sip_headers import DEFAULT_TLS_PORT, Address, Via, parse_address, parse_uri, scheme_of
from h2b.telephony.sip_message import Headers, Request, Response
from h2b.telephony.sip_syntax import SipSyntaxError, write_host_port

MAXIMUM_FORWARDS = "70"


@define
class Dialog:
    """What both sides agreed on. `target` is the URI the other side is reached at, `routes` the proxies on the way."""

    call_id: str
    local: Address
    remote: Address
    target: str
    routes: tuple[str, ...]
    local_sequence: int
    remote_sequence: int
    flow: Peer
    """Where the last message of the other side came from."""

    def request(self, method: str, via: Via, *fields: tuple[str, str], body: bytes = b"", sequence: int = 0) -> Request:
        """A request inside the dialog (section 12.2.1.1). Takes the next number unless ACK names that of its INVITE."""
        if not sequence:
            self.local_sequence += 1
        uri, routes = self._way()
        headers = (
            ("Via", str(via)),
            ("Max-Forwards", MAXIMUM_FORWARDS),
            *(("Route", route) for route in routes),
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence or self.local_sequence} {method}"),
            *fields,
        )
        return Request(method, uri, Headers(headers), body)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route headers.

        A first proxy without `lr` is an old strict router: it finds itself in the URI.
        """
        if not self.routes:
            return self.target, ()
        first = parse_address(self.routes[0], "Route").uri
        if scheme_of(first) in ("sip", "sips") and "lr" not in parse_uri(first, "Route").params:
            return first, (*self.routes[1:], f"<{self.target}>")
        return self.target, self.routes

    def next_hop(self) -> Peer:
        """Where the next request goes: by the connection the other side uses, else to its first proxy or its target."""
        if self.flow.transport.reliable and self.flow.connection:
            return self.flow
        uri = parse_address(self.routes[0], "Route").uri if self.routes else self.target
        return peer_at(uri, self.flow)

    def accept_sequence(self, number: int) -> bool:
        """Whether a request of the other side with this number is in order; then the number is taken."""
        if number <= self.remote_sequence:
            return False
        self.remote_sequence = number
        return True

    def refresh_target(self, contact: Address | None) -> None:
        """A Contact in INVITE or UPDATE, or in their 2xx, moves the other side (section 12.2.2)."""
        if contact is not None and scheme_of(contact.uri) in ("sip", "sips"):
            self.target = contact.uri

    def forget_connection(self, connection: int) -> None:
        """This connection is gone: the next request opens another."""
        if self.flow.connection == connection:
            self.flow = evolve(self.flow, connection=0)


def peer_at(uri: str, flow: Peer) -> Peer:
    """Where a URI leads; by the transport it names, else by that of `flow`.

    Names of hosts are resolved by the shell.
    """
    try:
        found = parse_uri(uri, "URI")
    except SipSyntaxError:
        return flow
    named = (found.params.get("transport") or "").upper()
    known = named in Transport.__members__
    transport = Transport.TLS if found.scheme == "sips" else Transport[named] if known else flow.transport
    port = found.port or (DEFAULT_TLS_PORT if transport is Transport.TLS else found.default_port)
    return Peer(transport, found.params.get("maddr") or found.host, port)


def called_dialog(request: Request, tag: str, flow: Peer) -> Dialog:
    """The dialog of the side that was called (section 12.1.1).

    A caller without Contact is reached where it sends from.
    """
    dialog = Dialog(
        call_id=request.call_id,
        local=request.recipient.with_tag(tag),
        remote=request.sender,
        target=f"sip:{write_host_port(flow.host, flow.port)}",
        routes=tuple(request.headers.listed("Record-Route")),
        local_sequence=0,
        remote_sequence=request.cseq.number,
        flow=flow,
    )
    dialog.refresh_target(request.contact)
    return dialog


def calling_dialog(request: Request, response: Response, flow: Peer) -> Dialog:
    """The dialog of the side that called, made by a 2xx (section 12.1.2)."""
    dialog = Dialog(
        call_id=request.call_id,
        local=request.sender,
        remote=response.recipient,
        target=request.uri,
        routes=tuple(reversed(response.headers.listed("Record-Route"))),
        local_sequence=request.cseq.number,
        remote_sequence=-1,
        flow=flow,
    )
    dialog.refresh_target(response.contact)
    return dialog
