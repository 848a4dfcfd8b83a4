"""What the SIP machines ask of their owner, and whom they speak with.

Owns these records alone. A shell performs `SendMessage` and `CloseConnection`; the rest is news about calls.
"""

from enum import Enum

from attrs import frozen

from h2b.telephony.sip_headers import Address
from h2b.telephony.sip_message import Headers


class Transport(Enum):
    """How messages travel; the value is what Via says. TLS is TCP to this layer but for that name."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"

    @property
    def reliable(self) -> bool:
        """Whether what is sent arrives, so that nothing need be sent again."""
        return self is not Transport.UDP


@frozen
class Peer:
    """The far end of a datagram or of a connection.

    `connection` is the number, used once, the shell gave a connection (1 and up). With 0 on a reliable transport the
    shell opens one to `host`, which may then be a name, and keeps it for what follows.
    """

    transport: Transport
    host: str
    port: int
    connection: int = 0


class EndReason(Enum):
    """Why a call ended; the value is for people."""

    HUNG_UP = "the client hung up"
    CANCELLED = "the client cancelled before the answer"
    REJECTED = "the server rejected the call"
    RELEASED = "the server hung up"
    NO_ANSWER = "the server did not answer in time"
    NO_ACKNOWLEDGEMENT = "the client never acknowledged the answer"
    SESSION_EXPIRED = "the client did not refresh the session"
    NO_RESPONSE = "the other side did not respond"


@frozen
class SendMessage:
    """Send these octets: one datagram, or the next octets of a connection."""

    destination: Peer
    payload: bytes


@frozen
class CloseConnection:
    """Close this connection: its octets cannot be read as messages any more."""

    connection: Peer


@frozen
class CallOffered:
    """A client calls. To be answered by `accept` or `reject`; `call` names the call from now on.

    Every call that was offered ends with exactly one CallEnded, a rejected one too.
    """

    call: str
    call_id: str
    offer: bytes
    sender: Address
    recipient: Address
    request_uri: str
    user: str
    """Who proved to know the password; empty when no credentials are configured."""
    peer: Peer
    headers: Headers


@frozen
class CallForbidden:
    """A client called that may not: it was refused without a trace, and there is no call."""

    call_id: str
    peer: Peer
    reason: str
    status: int = 403
    """401 where it showed a wrong password."""


@frozen
class CallConfirmed:
    """The client acknowledged the answer: the first one, or that to a changed offer."""

    call: str


@frozen
class CallChanged:
    """The client offers another description.

    To be answered by `accept` or `reject`; a rejection leaves the call as it was.
    """

    call: str
    offer: bytes


@frozen
class CallEnded:
    """Nothing comes for this call any more."""

    call: str
    reason: EndReason


@frozen
class CallAnswered:
    """To a client: 2xx with this SDP, for the first offer or a later one. The ACK is on its way."""

    call: str
    answer: bytes


@frozen
class CallRefused:
    """To a client: the call does not come about. Nothing comes for it any more; 408 if nobody answered."""

    call: str
    status: int
    reason: str
    headers: Headers


@frozen
class ChangeRefused:
    """To a client: the changed offer was not taken; the call stays as it was."""

    call: str
    status: int
    reason: str


Effect = (
    SendMessage
    | CloseConnection
    | CallOffered
    | CallForbidden
    | CallConfirmed
    | CallChanged
    | CallEnded
    | CallAnswered
    | CallRefused
    | ChangeRefused
)
