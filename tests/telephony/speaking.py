"""A server spoken to by hand: requests made from a few words, responses read back, time told by numbers."""

from attrs import define, field

from h2b.telephony.sip_digest import DigestGuard
from h2b.telephony.sip_effects import CallOffered, Effect, Peer, SendMessage, Transport
from h2b.telephony.sip_message import Headers, Message, Request, Response, parse_message, write_message
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from tests.telephony.network import OFFER, tokens

PEER = Peer(Transport.UDP, "192.0.2.40", 5070)
STREAM = Peer(Transport.TCP, "192.0.2.40", 41000, 3)
URI = "sip:voice@192.0.2.1"

Fields = tuple[tuple[str, str], ...]


@define
class Line:
    """One client by hand. What the server sends and tells is kept until it is taken."""

    peer: Peer = PEER
    settings: SipSettings = field(factory=lambda: SipSettings("192.0.2.1"))
    guard: DigestGuard | None = None
    capabilities: bytes = b""
    server: SipServer = field(init=False)
    now: float = 0.0
    effects: list[Effect] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.server = SipServer(self.settings, self.capabilities, self.guard, tokens("s"))

    def say(self, message: Message | bytes, peer: Peer | None = None) -> None:
        octets = message if isinstance(message, bytes) else write_message(message)
        self.effects += self.server.receive(octets, peer or self.peer, self.now)

    def do(self, effects: list[Effect]) -> None:
        self.effects += effects

    def wait(self, until: float) -> None:
        """Lets time pass, waking the server exactly when it asks."""
        while (at := self.server.next_timer()) is not None and at <= until:
            assert at >= self.now
            self.now = at
            self.effects += self.server.advance(at)
        self.now = until

    def sent(self) -> list[Message]:
        """The messages since the last time; news stay."""
        messages = [parse_message(own.payload) for own in self.effects if isinstance(own, SendMessage)]
        self.effects = [own for own in self.effects if not isinstance(own, SendMessage)]
        return messages

    def told(self) -> list[Effect]:
        """The news since the last time; messages stay."""
        news = [own for own in self.effects if not isinstance(own, SendMessage)]
        self.effects = [own for own in self.effects if isinstance(own, SendMessage)]
        return news

    def statuses(self) -> list[int]:
        """Statuses of the responses since the last time."""
        return [own.status for own in self.sent() if isinstance(own, Response)]

    def answered_call(self, *extra: tuple[str, str], answer: bytes = b"answer") -> tuple[str, Response]:
        """An INVITE, accepted and acknowledged: the call's name and the 200."""
        self.say(request("INVITE", *extra, body=OFFER))
        offered = self.told()[-1]
        assert isinstance(offered, CallOffered)
        self.do(self.server.accept(offered.call, answer, self.now))
        response = self.sent()[-1]
        assert isinstance(response, Response)
        self.say(inside(response, "ACK", 1))
        self.told()
        return offered.call, response


def request(
    method: str,
    *extra: tuple[str, str],
    uri: str = URI,
    branch: str = "z9hG4bK.1",
    call_id: str = "call-1",
    sequence: int = 1,
    to: str = f"<{URI}>",
    via: str = "192.0.2.40:5070;rport",
    body: bytes = b"",
) -> Request:
    """A request of a client, complete; a later field takes the place of one that is there."""
    headers = Headers(
        (
            ("Via", f"SIP/2.0/UDP {via};branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", "<sip:ada@example.com>;tag=ada"),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", "<sip:ada@192.0.2.40:5070>"),
            *([("Content-Type", "application/sdp")] if body else []),
        )
    )
    for name, value in extra:
        known = headers.get(name) is not None and name not in ("Via", "Record-Route")
        headers = headers.replacing(name, value) if known else headers.adding((name, value))
    return Request(method, uri, headers, body)


def inside(response: Response, method: str, sequence: int, *extra: tuple[str, str], body: bytes = b"") -> Request:
    """A request in the dialog a 2xx made."""
    return request(
        method,
        *extra,
        branch=f"z9hG4bK.{method}.{sequence}",
        call_id=response.call_id,
        sequence=sequence,
        to=str(response.recipient),
        body=body,
    )
