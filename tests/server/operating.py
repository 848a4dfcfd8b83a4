"""A whole server in the test's own loop, with what operators add to it: clients, certificates, an HTTP side, limits."""

import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trustme
from attrs import define, field, frozen

from h2b.access.keys import key_path, signing_key
from h2b.access.store import ClientStore
from h2b.access.tokens import OwnTokens
from h2b.asr.base import Recogniser
from h2b.asr.scripted import ScriptedRecogniser
from h2b.config import Configuration, LimitSettings, ServerSettings, TelemetrySettings, TlsSettings
from h2b.model.usage import UsageRecord
from h2b.protocol.session import Setting
from h2b.server.access import Access
from h2b.server.app import serve
from h2b.server.channel import WriteRecord
from h2b.server.tls import Tls, open_tls

LIMIT_S = 20


@define
class Server:
    """A server under test."""

    announced: str = ""
    websocket: str = ""
    http: str = ""
    shutdown: trio.Event = field(factory=trio.Event)
    ended: trio.Event = field(factory=trio.Event)
    records: list[UsageRecord] = field(factory=list)

    @property
    def address(self) -> tuple[str, int]:
        return _address(self.websocket)

    @property
    def http_address(self) -> tuple[str, int]:
        return _address(self.http)

    def announce(self, line: str) -> None:
        self.announced = line
        urls = dict(word.split("=", 1) for word in line.split()[1:])
        self.websocket, self.http = urls["websocket"], urls.get("http", "")


def _address(url: str) -> tuple[str, int]:
    host, port = url.partition("://")[2].partition("/")[0].rsplit(":", 1)
    return host, int(port)


@asynccontextmanager
async def a_server(
    setting: Setting,
    recogniser: Recogniser | None = None,
    *,
    access: Access | None = None,
    tls: Tls | None = None,
    limits: Mapping[str, Any] | None = None,
    write_record: WriteRecord | None = None,
    collector: str = "",
    **settings: Any,
) -> AsyncIterator[Server]:
    """Started, and shut down and drained when the block ends."""
    configuration = Configuration(
        server=ServerSettings(**{"websocket": "127.0.0.1:0", "http": "127.0.0.1:0", "drain_s": 1.0} | settings),
        limits=LimitSettings(**limits or {}),
        telemetry=TelemetrySettings(endpoint=collector),
    )
    server = Server()

    async def run(task_status: trio.TaskStatus[str]) -> None:
        await serve(
            configuration,
            setting,
            recogniser or ScriptedRecogniser(),
            server.shutdown,
            announce=server.announce,
            write_record=write_record or server.records.append,
            access=access,
            tls=tls,
            task_status=task_status,
        )
        server.ended.set()

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            yield server
            server.shutdown.set()


# Who may connect


@define
class Clients:
    """A store with one client, and the access it makes."""

    store: ClientStore
    secret: str
    access: Access

    @property
    def tokens(self) -> OwnTokens:
        return OwnTokens(self.store, signing_key(key_path(self.store.path)), "h2b")

    def token(self, now: float, client: str = "bot") -> str:
        found = self.store.find(client)
        assert found is not None
        return self.tokens.issue(found, now)


def some_clients(folder: Path) -> Clients:
    store = ClientStore(folder / "access.db")
    return Clients(store, store.add("bot", "acme"), Access(store=store, audience="h2b"))


@frozen
class Certificates:
    """An authority, and files of a certificate for localhost."""

    authority: trustme.CA
    folder: Path

    def write(self) -> TlsSettings:
        """A new certificate in the same files."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        issued.private_key_pem.write_to_path(self.folder / "key.pem")
        return TlsSettings(certificate=str(self.folder / "cert.pem"), key=str(self.folder / "key.pem"))

    def open(self) -> Tls:
        tls = open_tls(self.write())
        assert tls is not None
        return tls

    def trusting(self) -> ssl.SSLContext:
        """A client's context."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


# HTTP by hand


@frozen
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(address: tuple[str, int], request: bytes) -> Answer:
    """Send a request as it is, and read the response to the end of the connection."""
    async with await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(request)
        return parse(b"".join([part async for part in stream]))


async def get(server: Server, path: str) -> Answer:
    return await ask(server.http_address, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


async def post(server: Server, path: str, body: bytes, **headers: str) -> Answer:
    shown = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    shown |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
    return await ask(server.http_address, head.encode() + body)


def parse(octets: bytes) -> Answer:
    head, _, body = octets.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _dechunked(body)
    return Answer(int(status.split()[1]), headers, body)


def _dechunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
    return whole


def upgrade(path: str = "/bots", **headers: str) -> bytes:
    """The client's half of the WebSocket handshake."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    ).encode()


def environment_of(server: Server, certificate: Path) -> dict[str, str]:
    """What points the SDK and its example at a server of ours."""
    return os.environ | {
        "UHLIVE_AUTH_SERVER": server.http.partition("://")[2],
        "UHLIVE_API_URL": server.websocket.removesuffix("/bots"),
        "REQUESTS_CA_BUNDLE": str(certificate),
        "WEBSOCKET_CLIENT_CA_BUNDLE": str(certificate),
        "PYTHONWARNINGS": "default",
    }
