"""Whether the configured addresses can be listened on, before models are loaded for nothing.

Owns the question. Must not know what is served: whoever serves binds sockets of its own, when it has something to say.
"""

import errno
import socket
from collections.abc import Iterator

from h2b.config import Configuration, MrcpSettings, parse_address, write_address
from h2b.model.errors import ConfigurationError

CONTROL_PORT = 1544
"""Of the MRCPv2 control channel where the operator names none."""
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


def control_address(settings: MrcpSettings) -> str:
    """Where control connections come to; by default the host of SIP."""
    host, _ = parse_address(settings.sip)
    return settings.mrcp or write_address(host, CONTROL_PORT)


def check_addresses(configuration: Configuration, *, shared: bool = False) -> None:
    """See that nobody else has the ports that this server will listen on. Those that may be any are no question.

    Args:
        shared: the WebSocket port belongs to several processes, and was bound by another one already.

    Raises:
        ConfigurationError: names the setting and its address.
    """
    for key, address, kind in _wanted(configuration):
        host, port = parse_address(address)
        if not port or (shared and key.startswith("websocket")):
            continue
        try:
            _bind(host, port, kind)
        except OSError as error:
            raise ConfigurationError(f"{key}: cannot listen on {address}: {error}") from error


def _wanted(configuration: Configuration) -> Iterator[tuple[str, str, socket.SocketKind]]:
    server, mrcp = configuration.server, configuration.mrcp
    yield "websocket in [server]", server.websocket, STREAM
    if server.http:
        yield "http in [server]", server.http, STREAM
    if not mrcp.sip:
        return
    yield "sip in [mrcp]", mrcp.sip, STREAM
    yield "sip in [mrcp]", mrcp.sip, DATAGRAM
    yield "mrcp in [mrcp]", control_address(mrcp), STREAM
    for key, address in (("sip_tls", mrcp.sip_tls), ("mrcp_tls", mrcp.mrcp_tls)):
        if address:
            yield f"{key} in [mrcp]", address, STREAM


def _bind(host: str, port: int, kind: socket.SocketKind) -> None:
    """Raises OSError when that cannot be done."""
    places = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE)
    for family, _, protocol, _, place in dict.fromkeys(places):
        try:
            tried = socket.socket(family, kind, protocol)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                # A name may have addresses of a family that this machine has not.
                continue
            raise
        with tried:
            if kind is STREAM:
                # As who listens does: connections that are closing keep nobody from it.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            tried.bind(place)
