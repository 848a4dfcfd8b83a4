"""One port for several processes: each listens on a socket of its own, and the kernel spreads what comes.

Owns the sockets. Must not know what is served. Source: socket(7), SO_REUSEPORT: all sockets must set it before they are
bound, and belong to one user; a connection goes to one of those that listen, by its addresses and ports.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import trio

from h2b.config import parse_address, write_address
from h2b.model.errors import ConfigurationError

WAITING = 1024
"""Connections the kernel keeps for one process until they are accepted."""


@contextmanager
def held_port(address: str, key: str) -> Iterator[str]:
    """Hold a port for the processes that will share it, without listening; gives its address, the port in numbers.

    `key` names the setting. Raises ConfigurationError when somebody else has it.
    """
    host, port = parse_address(address)
    with ExitStack() as held:
        found = _bind(host, port, address, key, held)
        if port == 0:
            # A name with several addresses would get a port for each: one is enough.
            host, port = found[0].getsockname()[:2]
        yield write_address(host, port)


def shared_listeners(address: str, key: str) -> list[trio.SocketListener]:
    """Sockets that listen where others do too. Raises ConfigurationError."""
    host, port = parse_address(address)
    with ExitStack() as opened:
        found = _bind(host, port, address, key, opened)
        for own in found:
            own.listen(WAITING)
            own.setblocking(False)
        opened.pop_all()
    return [trio.SocketListener(trio.socket.from_stdlib_socket(own)) for own in found]


def _bind(host: str, port: int, address: str, key: str, opened: ExitStack) -> list[socket.socket]:
    found = []
    try:
        places = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in dict.fromkeys(places):
            own = opened.enter_context(socket.socket(family, kind, protocol))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            own.bind(place)
            found.append(own)
    except OSError as error:
        raise ConfigurationError(f"{key} in [server]: cannot listen on {address}: {error}") from error
    return found
