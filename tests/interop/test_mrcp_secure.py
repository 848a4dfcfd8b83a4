"""Passwords and encryption of MRCPv2, with our own client against the real server."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from attrs import frozen

from h2b.cli.mrcp_client import Destination, open_client
from h2b.cli.mrcp_recognition import Outcome, Plan, recognise
from h2b.cli.mrcp_session import CallFailed
from h2b.telephony.sip_digest import DigestAnswerer
from h2b.telephony.sip_effects import Transport
from tests.interop.mrcpserver import Served, mrcp_server

HOST = "127.0.0.1"
PLAN = Plan(grammars=("builtin:dtmf/digits?length=4",), keys="1234")
PASSWORD = "a-long-random-secret"
MORE = """
users = {{ ivr = "{password}" }}
sip_tls = "127.0.0.1:{sip_tls}"
mrcp_tls = "127.0.0.1:0"
[tls]
certificate = "cert.pem"
key = "key.pem"
"""


@frozen
class Secured:
    """The server, its port for SIP over TLS, and what believes its certificate."""

    served: Served
    sip_tls: int
    believing: ssl.SSLContext

    async def visit(
        self, *, scheme: str = "sips", tls: ssl.SSLContext | None = None, password: str = PASSWORD
    ) -> Outcome:
        secure = scheme == "sips"
        port = self.sip_tls if secure else self.served.sip_port
        destination = Destination(
            uri=f"{scheme}:{HOST}:{port}",
            host=HOST,
            port=port,
            transport=Transport.TLS if secure else Transport.UDP,
            tls=tls or self.believing if secure else None,
        )
        async with open_client(destination, answerer=DigestAnswerer("ivr", password)) as client:
            return await recognise(client, PLAN)


@pytest.fixture(scope="module")
def secured(tmp_path_factory) -> Iterator[Secured]:
    folder: Path = tmp_path_factory.mktemp("server")
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    believing = ssl.create_default_context()
    authority.configure_trust(believing)
    # The ready line does not tell this port, so it cannot be left to the system.
    with socket.socket() as free:
        free.bind((HOST, 0))
        sip_tls = free.getsockname()[1]
    with mrcp_server(folder, MORE.format(password=PASSWORD, sip_tls=sip_tls)) as served:
        yield Secured(served, sip_tls, believing)


@pytest.mark.parametrize("scheme", ["sip", "sips"])
async def test_a_client_that_knows_the_password_is_served(secured: Secured, scheme: str) -> None:
    outcome = await secured.visit(scheme=scheme)
    assert outcome.cause == "000 success"
    answered = await secured.served.lines_of("call_answered", call_id=outcome.call_id)
    assert answered[0]["user"] == "ivr"


async def test_a_client_that_does_not_is_refused(secured: Secured) -> None:
    with pytest.raises(CallFailed, match="the server refused the call: 401 Unauthorized"):
        await secured.visit(password="guessed")
    (line,) = await secured.served.lines_of("call_refused", status=401)
    assert line["reason"] == "wrong user or password"


async def test_a_client_that_does_not_believe_the_certificate_ends_the_call(secured: Secured) -> None:
    with pytest.raises(CallFailed, match=f"no TLS with {HOST}:{secured.sip_tls}: .*certificate verify failed"):
        await secured.visit(tls=ssl.create_default_context())
