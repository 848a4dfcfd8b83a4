"""One HTTP request for one document: bounded in time and bytes, to an address that the caller has judged.

Owns the exchange on the wire. Must not know which servers may be asked, nor what a document means. Blocking: it belongs
in a thread.
Source: RFC 9110 and 9112; certificates after RFC 9525, by the ssl module.
"""

import io
import socket
import ssl
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urljoin

from attrs import frozen

import h2b
from h2b.grammar.srgs.loader import CannotRead

REDIRECTS = (301, 302, 303, 307, 308)
ACCEPT = "application/srgs+xml, application/srgs, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
PORTS = {"http": 80, "https": 443}


@frozen
class Place:
    """Where a document is: a URI taken apart."""

    uri: str
    scheme: str
    """`http` or `https`."""
    host: str
    """In lower case; an IPv6 address without brackets."""
    port: int
    target: str
    """Path and query."""


@frozen
class Redirect:
    """The server says that the document is elsewhere."""

    uri: str


def get(
    place: Place, addresses: list[str], maximum_bytes: int, deadline: float, context: ssl.SSLContext
) -> bytes | Redirect:
    """The document, asked for at the first address that answers; name and certificate are those of `place.host`.

    Args:
        deadline: of `time.monotonic`, for everything together.

    Raises CannotRead: no document; says why.
    """
    try:
        with closing(_connect(place, addresses, deadline)) as plain:
            plain.settimeout(_left(deadline))
            stream = context.wrap_socket(plain, server_hostname=place.host) if place.scheme == "https" else plain
            with closing(stream):
                return _exchange(place, stream, maximum_bytes, deadline)
    except TimeoutError:
        raise CannotRead("its server takes too long") from None
    except ssl.SSLError as error:
        raise CannotRead(f"no secure connection to its server: {_reason(error)}") from None
    except OSError as error:
        raise CannotRead(f"no connection to its server: {error.strerror or error}") from None
    except (HTTPException, ValueError):
        raise CannotRead("its server does not answer in HTTP") from None


class _Connection(HTTPConnection):
    """A connection on a stream of our own making."""

    sock: Any

    def __init__(self, place: Place, timed: "_Timed") -> None:
        super().__init__(place.host, place.port)
        # The Host field names the port unless it is the scheme's own.
        self.default_port = PORTS[place.scheme]
        self.sock = timed


@frozen
class _Timed:
    """A socket on which no wait goes beyond the deadline, however many there are: what http.client needs of one."""

    stream: socket.socket
    deadline: float

    def sendall(self, sent: bytes) -> None:
        self.stream.settimeout(_left(self.deadline))
        self.stream.sendall(sent)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Nothing: who opened the socket closes it, after what came has been read."""


class _TimedReader(io.RawIOBase):
    """Its reading side."""

    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._timed.stream.settimeout(_left(self._timed.deadline))
        return self._timed.stream.recv_into(buffer)


def _connect(place: Place, addresses: list[str], deadline: float) -> socket.socket:
    """A connection to the first address that takes one. Raises OSError."""
    failure = OSError("it has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, place.port), _left(deadline))
        except TimeoutError:
            raise
        except OSError as error:
            failure = error
    raise failure


def _exchange(place: Place, stream: socket.socket, maximum_bytes: int, deadline: float) -> bytes | Redirect:
    connection = _Connection(place, _Timed(stream, deadline))
    fields = {"Accept": ACCEPT, "User-Agent": f"h2b/{h2b.__version__}", "Connection": "close"}
    connection.request("GET", place.target, headers=fields)
    with closing(connection.getresponse()) as response:
        if response.status in REDIRECTS and (location := response.getheader("Location")):
            return Redirect(urljoin(place.uri, location).partition("#")[0])
        if response.status != 200:
            raise CannotRead(f"its server answers with status {response.status}")
        encoding = response.getheader("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise CannotRead(f"its server sends it with content encoding '{encoding[:40]}'")
        return _body(response, maximum_bytes)


def _body(response: HTTPResponse, maximum_bytes: int) -> bytes:
    expected = response.length
    body = b"" if expected is not None and expected > maximum_bytes else response.read(maximum_bytes + 1)
    if len(body) > maximum_bytes or (expected or 0) > maximum_bytes:
        raise CannotRead(f"more than {maximum_bytes} bytes")
    if expected is not None and len(body) < expected:
        raise CannotRead(f"its server ends after {len(body)} of {expected} bytes")
    return body


def _left(deadline: float) -> float:
    """Seconds that are left. Raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: ssl.SSLError) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason or "no TLS"
