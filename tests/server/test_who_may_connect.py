"""Tokens at the door: the SDK's own flow over TLS, and everybody who is refused."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
import trustme
from cryptography import x509
from operating import Certificates, Clients, a_server, ask, environment_of, post, some_clients, upgrade
from wsclient import a_client

from h2b.access.keys import SigningKey
from h2b.access.keyset import ForeignTokens, IssuerUnreachable, KeySet
from h2b.access.store import ClientStore
from h2b.access.tokens import OwnTokens
from h2b.asr.scripted import open_scripted
from h2b.config import AccessSettings, Configuration, ServerSettings, TlsSettings
from h2b.model.errors import ConfigurationError
from h2b.model.usage import RecognitionRecord
from h2b.protocol.session import Setting
from h2b.server.access import Access, is_loopback, open_access
from h2b.server.app import _obey_hangups
from h2b.server.tls import open_tls

HERE = Path(__file__).parent


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    return some_clients(tmp_path)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> Certificates:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return Certificates(authority, tmp_path)


# The SDK


@pytest.mark.parametrize("kind", ["client", "user"])
async def test_the_example_of_the_sdk_gets_its_token_and_its_value(
    setting: Setting, clients: Clients, certificates: Certificates, kind: str
) -> None:
    shown = ["bot", clients.secret] if kind == "client" else ["some-app", "", "bot", clients.secret]
    async with (
        open_scripted(["yes"]) as recogniser,
        a_server(setting, recogniser, access=clients.access, tls=certificates.open()) as server,
    ):
        assert server.announced == f"ready websocket={server.websocket} http={server.http}"
        assert server.websocket.startswith("wss://127.0.0.1:")
        assert server.http.startswith("https://127.0.0.1:")
        done = await trio.run_process(
            [sys.executable, str(HERE / "example_bot.py"), *shown],
            env=environment_of(server, certificates.folder / "authority.pem"),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert (done.stdout, done.returncode) == (b"True\n", 0), done.stderr.decode()
    (record,) = [record for record in server.records if isinstance(record, RecognitionRecord)]
    assert record.tenant == "acme"


async def test_the_example_with_a_wrong_secret_is_told_401(
    setting: Setting, clients: Clients, certificates: Certificates
) -> None:
    async with a_server(setting, access=clients.access, tls=certificates.open()) as server:
        done = await trio.run_process(
            [sys.executable, str(HERE / "example_bot.py"), "bot", "wrong"],
            env=environment_of(server, certificates.folder / "authority.pem"),
            capture_stderr=True,
            check=False,
        )
    assert b"HTTPError: 401 Client Error" in done.stderr


# The upgrade


async def test_a_token_opens_a_connection(setting: Setting, clients: Clients) -> None:
    async with a_server(setting, access=clients.access) as server:
        for scheme in ("bearer", "Bearer", "BEARER"):
            async with await trio.open_tcp_stream(*server.address) as stream:
                await stream.send_all(upgrade(Authorization=f"{scheme} {clients.token(time.time())}"))
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")


async def refused(server_address: tuple[str, int], **headers: str) -> str:
    """The text of a 401."""
    answer = await ask(server_address, upgrade(**headers))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="h2b"'
    return answer.body.decode()


async def test_everybody_else_is_told_401_and_why(setting: Setting, clients: Clients, tmp_path: Path) -> None:
    now = time.time()
    good = clients.token(now)
    head, _, signature = good.split(".")
    (tmp_path / "foreign").mkdir()
    foreign = some_clients(tmp_path / "foreign")
    clients.store.add("late", "acme")
    late = clients.token(now, "late")
    clients.store.disable("late")
    changed = "the token is not one of ours, or was changed\n"
    async with a_server(setting, access=clients.access) as server:
        at = server.address
        none = "no bearer token in the Authorization header\n"
        assert await refused(at) == none
        assert await refused(at, Authorization="") == none
        assert await refused(at, Authorization="bearer") == none
        assert await refused(at, Authorization=f"Basic {good}") == none
        assert await refused(at, Authorization=f"bearer {good}\r\nAuthorization: bearer x") == none
        assert await refused(at, Authorization="bearer nonsense") == changed
        assert await refused(at, Authorization=f"bearer {head}.e30.{signature}") == changed
        assert await refused(at, Authorization=f"bearer {foreign.token(now)}") == changed
        assert await refused(at, Authorization=f"bearer {clients.token(now - 400)}") == "the token has expired\n"
        assert await refused(at, Authorization=f"bearer {late}") == "the token's client is disabled\n"
        unsigned = "eyJhbGciOiJub25lIn0.e30."
        assert await refused(at, Authorization=f"bearer {unsigned}") == (
            "the token is signed by 'none', expected EdDSA\n"
        )
        answer = await ask(at, upgrade(Authorization=f"bearer {'x' * 9000}"))
        assert answer.status in (400, 401, 431)
        # And the door still opens.
        async with await trio.open_tcp_stream(*at) as stream:
            await stream.send_all(upgrade(Authorization=f"bearer {good}"))
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")


async def test_the_connection_outlives_its_client(setting: Setting, clients: Clients) -> None:
    headers = [(b"Authorization", f"bearer {clients.token(time.time())}".encode())]
    async with a_server(setting, access=clients.access) as server, a_client(server.websocket, headers) as client:
        clients.store.disable("bot")
        await client.ask("OPEN", "OPENED")
        await client.ask("CLOSE", "CLOSED")


async def test_the_first_client_closes_the_door_and_it_stays_closed(setting: Setting, tmp_path: Path) -> None:
    store = ClientStore(tmp_path / "access.db")
    async with a_server(setting, access=Access(store=store, audience="h2b")) as server:
        async with a_client(server.websocket) as client:
            await client.ask("OPEN", "OPENED")
        store.add("bot", "acme")
        assert await refused(server.address)
        store.path.unlink()
        assert await refused(server.address)


async def test_an_issuer_that_cannot_be_asked_is_nobodys_fault(setting: Setting) -> None:
    def gone(url: str) -> bytes:
        raise IssuerUnreachable(f"{url}: gone")

    keys = KeySet("https://id.example.net", fetch=gone)
    access = Access(foreign=ForeignTokens(keys, "h2b", "tenant"), required=True)
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.AA"
    async with a_server(setting, access=access) as server:
        answer = await ask(server.address, upgrade(Authorization=f"bearer {token}"))
        assert (answer.status, answer.body) == (503, b"tokens cannot be verified at the moment\n")
        assert answer.headers["retry-after"] == "5"
        told = await post(server, "/realms/x/protocol/openid-connect/token", b"")
        assert told.status == 404, "tokens are had from the issuer"


def test_a_key_that_signs_no_more_opens_nothing(clients: Clients) -> None:
    old = clients.token(time.time())
    path = clients.store.path.with_suffix(".key")
    path.unlink()
    with pytest.raises(Exception, match="not one of ours"):
        clients.tokens.verify(old)
    assert isinstance(clients.tokens, OwnTokens)
    assert isinstance(clients.tokens.key, SigningKey)


# Where the server may listen


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"])
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.net:1", "localhost.example.net:1"])
def test_addresses_others_can_reach(address: str) -> None:
    assert not is_loopback(address)


def reachable(store: Path, websocket: str = "0.0.0.0:8080", **access: str) -> Configuration:
    return Configuration(server=ServerSettings(websocket=websocket), access=AccessSettings(store=str(store), **access))


def test_without_clients_nobody_else_is_let_near(tmp_path: Path) -> None:
    store = tmp_path / "access.db"
    with pytest.raises(ConfigurationError) as wrong:
        open_access(reachable(store))
    assert str(wrong.value) == (
        "websocket in [server]: anybody could use 0.0.0.0:8080, for there are no clients: add one with "
        "h2b clients add, or name an issuer in [access], or listen on 127.0.0.1, or say --insecure"
    )
    assert not open_access(reachable(store), insecure=True).required
    assert not open_access(reachable(store, "127.0.0.1:8080")).required
    assert open_access(reachable(store, issuer="https://id.example.net")).required
    ClientStore(store).add("bot", "acme")
    assert open_access(reachable(store)).required


def test_an_issuer_is_asked_over_https_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuer in \[access\]: got 'http://id', expected an https URL$"):
        open_access(reachable(tmp_path / "a", issuer="http://id"))
    with pytest.raises(ConfigurationError, match=r"^jwks in \[access\]: "):
        open_access(reachable(tmp_path / "a", issuer="https://id", jwks="http://id/keys"))


# Certificates


async def test_sighup_reads_a_new_certificate_and_a_wrong_one_changes_nothing(
    setting: Setting, certificates: Certificates
) -> None:
    tls = certificates.open()

    async def serial(at: tuple[str, int]) -> int:
        stream = await trio.open_ssl_over_tcp_stream(*at, ssl_context=certificates.trusting(), https_compatible=True)
        async with stream:
            await stream.do_handshake()
            shown = stream.getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown).serial_number

    async with a_server(setting, tls=tls) as server, trio.open_nursery() as nursery:
        first = await serial(server.address)
        assert await serial(server.http_address) == first
        await nursery.start(_obey_hangups, tls)
        certificates.write()
        signal.raise_signal(signal.SIGHUP)
        while (second := await serial(server.address)) == first:
            pass
        assert await serial(server.http_address) == second
        key = certificates.folder / "key.pem"
        key.write_bytes(b"no key")
        assert not tls.reload()
        assert await serial(server.address) == second
        nursery.cancel_scope.cancel()


def test_a_certificate_and_another_ones_key_stop_the_start(certificates: Certificates) -> None:
    settings = certificates.write()
    old = Path(settings.key).read_bytes()
    certificates.write()
    Path(settings.key).write_bytes(old)
    with pytest.raises(ConfigurationError, match=r"cert\.pem, .*key\.pem: \[tls\]: "):
        open_tls(settings)


def test_no_certificate_means_no_encryption() -> None:
    assert open_tls(TlsSettings()) is None
    with pytest.raises(ValueError, match="'certificate' and 'key' are given together or not at all"):
        TlsSettings(certificate="a.pem")


def test_a_key_with_a_password_is_refused_and_not_asked_for(certificates: Certificates) -> None:
    settings = certificates.write()
    command = ["openssl", "pkey", "-in", settings.key, "-aes256", "-passout", "pass:x", "-out", settings.key + "2"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigurationError):
        open_tls(TlsSettings(certificate=settings.certificate, key=settings.key + "2"))
