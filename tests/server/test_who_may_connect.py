"""Tokens at the door: the SDK's own flow over TLS, and everybody who is refused."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import trio
import trustme
from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from operating import Certificates, Clients, a_server, ask, environment_of, post, some_clients, upgrade
from structlog.testing import capture_logs
from wsclient import a_client

from h2b.access.grant import Refusal
from h2b.access.keys import SigningKey
from h2b.access.keyset import ForeignTokens, IssuerUnreachable, KeySet
from h2b.access.store import ClientStore
from h2b.access.tokens import OwnTokens, TokenRefused
from h2b.asr.scripted import open_scripted
from h2b.config import AccessSettings, Configuration, ServerSettings, TlsSettings
from h2b.model.errors import ConfigurationError
from h2b.model.usage import RecognitionRecord
from h2b.protocol.session import Setting
from h2b.server.access import Access, TooManyGrants, is_loopback, open_access
from h2b.server.app import _obey_hangups
from h2b.server.tls import open_tls

HERE = Path(__file__).parent
LIMIT_S = 30
ISSUER = "https://id.example.net"


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


# Who waits for whom


@define
class Scrypt:
    """Stands for what takes long: tells which secrets it was asked about, and goes on when it is let."""

    asked: list[str] = field(factory=list)
    go_on: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def __call__(self, secret: str, *_: object) -> bytes:
        self.asked.append(secret)
        self.go_on.acquire()
        return b""

    async def until_asked(self, count: int) -> None:
        while len(self.asked) < count:
            await trio.sleep(0.001)


@pytest.fixture
def scrypt(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scrypt]:
    """In place of the real one, once the client's own secret was right."""
    assert clients.store.verify("bot", clients.secret) is not None
    slow = Scrypt()
    monkeypatch.setattr("h2b.access.hashing._derive", slow)
    yield slow
    slow.go_on.release(1000)


def form(secret: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": "bot", "client_secret": secret}


async def refused_grant(access: Access, secret: str, host: str) -> None:
    with pytest.raises(Refusal):
        await access.grant(form(secret), host)


async def test_a_secret_that_was_right_waits_for_no_wrong_one(clients: Clients, scrypt: Scrypt) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(refused_grant, clients.access, f"wrong-{number}", "192.0.2.1")
            await scrypt.until_asked(1)
            assert (await clients.access.grant(form(clients.secret), "192.0.2.1"))["token_type"] == "Bearer"
            assert len(scrypt.asked) == 1, "one at a time"
            scrypt.go_on.release(10)


async def test_addresses_take_turns_with_secrets_that_must_be_worked_out(clients: Clients, scrypt: Scrypt) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(refused_grant, clients.access, f"crowd-{number}", f"2001:db8::{number}")
                await until_waiting(clients.access, number)
            nursery.start_soon(refused_grant, clients.access, "other", "192.0.2.2")
            await until_waiting(clients.access, 5)
            scrypt.go_on.release(6)
    assert len(scrypt.asked) == 6
    assert scrypt.asked.index("other") == 2


async def until_waiting(access: Access, count: int) -> None:
    while access.waiting < count:
        await trio.sleep(0.001)


async def test_a_crowd_of_one_address_keeps_nobody_else_out(
    clients: Clients, scrypt: Scrypt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h2b.server.access.MAXIMUM_WAITING_OF_AN_ADDRESS", 2)
    monkeypatch.setattr("h2b.server.access.MAXIMUM_WAITING", 3)
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for number, host in enumerate(("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")):
                if number == 3:
                    with pytest.raises(TooManyGrants):
                        await clients.access.grant(form("wrong"), "192.0.2.1")
                nursery.start_soon(refused_grant, clients.access, str(number), host)
                await until_waiting(clients.access, number)
            with pytest.raises(TooManyGrants):
                await clients.access.grant(form("wrong"), "192.0.2.3")
            scrypt.go_on.release(4)
    assert len(scrypt.asked) == 4
    scrypt.go_on.release()
    await refused_grant(clients.access, "later", "192.0.2.1")


async def test_who_gave_up_waiting_has_no_turn(clients: Clients, scrypt: Scrypt) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refused_grant, clients.access, "first", "192.0.2.1")
            await scrypt.until_asked(1)
            async with trio.open_nursery() as impatient:
                impatient.start_soon(refused_grant, clients.access, "gone", "192.0.2.1")
                await until_waiting(clients.access, 1)
                impatient.cancel_scope.cancel()
            nursery.start_soon(refused_grant, clients.access, "last", "192.0.2.1")
            await until_waiting(clients.access, 2)
            scrypt.go_on.release(2)
    assert scrypt.asked == ["first", "last"]


async def test_a_token_of_a_known_key_waits_for_no_issuer() -> None:
    key, asked, answer = Ed25519PrivateKey.generate(), threading.Event(), threading.Event()
    shown = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(key.public_key())) | {"kid": "known", "use": "sig"}
    now = 0.0

    def fetch(url: str) -> bytes:
        if now:
            asked.set()
            answer.wait()
        return json.dumps({"keys": [shown]}).encode()

    def token(key_id: str) -> str:
        moment = int(time.time())
        claims = {"iss": ISSUER, "aud": "h2b", "sub": "u-1", "tenant": "acme", "iat": moment, "exp": moment + 60}
        return "Bearer " + jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": key_id})

    async def refused_bearer() -> None:
        with pytest.raises(TokenRefused):
            await access.bearer(token("unknown"))

    keys = KeySet(ISSUER, f"{ISSUER}/keys", fetch=fetch, clock=lambda: now)
    access = Access(foreign=ForeignTokens(keys, "h2b", "tenant"), required=True)
    await access.bearer(token("known"))
    now = 60.0
    try:
        with trio.fail_after(LIMIT_S):
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(refused_bearer)
                while not asked.is_set():
                    await trio.sleep(0.001)
                bearer = await access.bearer(token("known"))
                assert bearer is not None
                assert bearer.tenant == "acme"
                answer.set()
    finally:
        answer.set()


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
        f"websocket in [server]: anybody could use 0.0.0.0:8080, for there are no clients in {store}: "
        "add one with h2b clients add, or name an issuer in [access], or listen on 127.0.0.1, or say --insecure"
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
    told = r"/key\.pem: key in \[tls\]: it does not belong to the certificate .*/cert\.pem$"
    with pytest.raises(ConfigurationError, match=told):
        open_tls(settings)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("certificate", None, "cert.pem: certificate in [tls]: cannot be read: No such file or directory"),
        ("key", None, "key.pem: key in [tls]: cannot be read: No such file or directory"),
        ("certificate", "nothing", "cert.pem: certificate in [tls]: expected a certificate in PEM"),
        ("key", "nothing", "key.pem: key in [tls]: expected a key in PEM"),
        (
            "certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cert.pem: certificate in [tls]: ",
        ),
        ("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.pem: key in [tls]: "),
    ],
)
def test_of_the_two_files_of_a_certificate_the_wrong_one_is_named(
    certificates: Certificates, name: str, content: str | None, told: str
) -> None:
    settings = certificates.write()
    path = Path(getattr(settings, name))
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(ConfigurationError) as refused:
        open_tls(settings)
    assert str(refused.value).startswith(f"{certificates.folder}/{told}")


async def test_a_hangup_without_a_certificate_ends_nothing() -> None:
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            await nursery.start(_obey_hangups, None)
            signal.raise_signal(signal.SIGHUP)
            while not lines or lines[-1]["event"] != "hangup_ignored":
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


def test_no_certificate_means_no_encryption() -> None:
    assert open_tls(TlsSettings()) is None
    with pytest.raises(ValueError, match="'certificate' and 'key' are given together or not at all"):
        TlsSettings(certificate="a.pem")


def test_a_key_with_a_password_is_refused_and_not_asked_for(certificates: Certificates) -> None:
    settings = certificates.write()
    command = ["openssl", "pkey", "-in", settings.key, "-aes256", "-passout", "pass:x", "-out", settings.key + "2"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(ConfigurationError, match=r"key in \[tls\]: it has a passphrase, expected one without$"):
        open_tls(TlsSettings(certificate=settings.certificate, key=settings.key + "2"))
