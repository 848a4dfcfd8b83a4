"""What a side says of itself in SIP, and the bounds it keeps.

Owns these values and the headers made of them alone. Must not know where they are configured.
"""

from collections.abc import Callable

from attrs import evolve, field, frozen

from h2b.telephony.sip_effects import Transport
from h2b.telephony.sip_headers import DEFAULT_PORT, DEFAULT_TLS_PORT, MAGIC_COOKIE, Via
from h2b.telephony.sip_syntax import write_host_port


@frozen
class SipSettings:
    """What the server says of itself, and its bounds."""

    host: str
    """Address others reach us at, for Contact and Via: behind NAT the outer one."""
    host_towards: Callable[[Transport, str], str] | None = field(default=None, kw_only=True)
    """Where that is not one for everybody: the address at which a host reaches us by this transport."""
    port: int = DEFAULT_PORT
    tls_port: int = DEFAULT_TLS_PORT
    product: str = "h2b"
    """One token, for Server, User-Agent and Warning."""
    clients_behind_nat: bool = False
    """Whether clients may name a Contact nobody reaches: then BYE goes where their last datagram came from."""
    session_seconds: int = 600
    """Longest time between refreshes asked of clients that know session timers; 0 asks for none."""
    answer_seconds: float = 30.0
    """How long an offer waits for `accept` or `reject`."""
    maximum_calls: int = 1000
    maximum_transactions: int = 10_000
    """INVITEs are refused when so many transactions are kept; requests inside calls when twice as many are."""

    def towards(self, transport: Transport, host: str) -> "SipSettings":
        """What is said to this host."""
        if self.host_towards is None:
            return self
        return evolve(self, host=self.host_towards(transport, host), host_towards=None)

    def port_of(self, transport: Transport) -> int:
        return self.tls_port if transport is Transport.TLS else self.port

    def contact(self, transport: Transport, secure: bool) -> str:
        """Our Contact. It is `sips:` if the request was to be secure all the way (section 12.1.1)."""
        place = write_host_port(self.host, self.port_of(Transport.TLS if secure else transport))
        return f"<sips:{place}>" if secure else f"<sip:{place};transport={transport.value.lower()}>"

    def via(self, transport: Transport, token: str) -> Via:
        """The Via of a request of ours."""
        params = {"branch": MAGIC_COOKIE + token, "rport": None}
        return Via(transport.value, self.host, self.port_of(transport), params)
