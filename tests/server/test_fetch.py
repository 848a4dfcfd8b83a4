"""Documents that grammars refer to by http: what may be fetched, from where, and what a client hears of it."""

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trio
import trustme
from attrs import define, evolve, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound import UTTERANCE, silence
from wsclient import a_client

from h2b.asr.base import Recogniser
from h2b.asr.scripted import ScriptedRecogniser, open_scripted
from h2b.config import Configuration, GrammarSettings, ServerSettings
from h2b.configfile import parse_configuration
from h2b.grammar.registry import Registry
from h2b.grammar.srgs.loader import CannotRead
from h2b.model.errors import ConfigurationError, GrammarDefinitionError
from h2b.model.formats import GrammarFormat
from h2b.protocol.session import Setting
from h2b.server.app import serve
from h2b.server.fetch import (
    FAILED_SECONDS,
    MAXIMUM_KEPT,
    TURNS,
    GrammarFetcher,
    in_turn,
    is_public,
    with_fetching,
)

LIMIT_S = 20
HEAD = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en-US" root="r"'
DRINKS = f'{HEAD}><rule id="r" scope="public"><one-of><item>a beer</item><item>a wine</item></one-of></rule></grammar>'


def referring(uri: str) -> str:
    return f'{HEAD}>\n<rule id="r" scope="public">bring <ruleref uri="{uri}"/></rule></grammar>'


Answer = Callable[[BaseHTTPRequestHandler], None]


def sending(body: bytes, **fields: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content_Length": str(len(body)), **fields}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirecting(uri: str, status: int = 302) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", uri)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def failing(status: int) -> Answer:
    return lambda handler: handler.send_error(status)


@define
class Site:
    """A web server in a thread: what it answers by path, and what it was asked."""

    pages: dict[str, Answer] = field(factory=dict)
    asked: list[str] = field(factory=list)
    hosts: list[str] = field(factory=list)
    """The Host fields of the requests."""
    over: threading.Event = field(factory=threading.Event)
    """Set when the test is over: answers that hang wait for it."""
    port: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def uri(self, path: str, host: str = "") -> str:
        return f"http://{host or self.host}{path}"

    def put(self, path: str, text: str) -> str:
        self.pages[path] = sending(text.encode())
        return self.uri(path)

    def hanging(self, begin: bytes, drip: bytes = b"", every: float | None = None) -> Answer:
        """Sends the beginning of an answer and no end; or bytes for ever, one lot after another."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(begin)
            while not self.over.wait(every):
                try:
                    handler.wfile.write(drip)
                except OSError:
                    return

        return answer


def serving(site: Site, context: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.hosts.append(self.headers["Host"])
            site.pages.get(self.path, failing(404))(self)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            # Clients that do not like what they see hang up.
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    return server


def run(site: Site, context: ssl.SSLContext | None = None) -> Iterator[Site]:
    server = serving(site, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from run(Site())


@define
class Clock:
    """A clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fetcher_of(site: Site, clock: Clock | None = None, **changes: Any) -> GrammarFetcher:
    settings = GrammarSettings(fetch_hosts=(site.host,), fetch_private_networks=True)
    given = {"clock": clock} if clock else {}
    return GrammarFetcher(evolve(settings, **changes), **given)


def refusal(fetcher: GrammarFetcher, uri: str) -> str:
    with pytest.raises(CannotRead) as refused:
        fetcher.fetch(uri)
    return str(refused.value)


# Which hosts


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://example.net/a", "host 'example.net' is not in fetch_hosts"),
        ("http://grammars.example.com.example.net/", "host 'grammars.example.com.example.net' is not in fetch_hosts"),
        ("http://sub.grammars.example.com/", "host 'sub.grammars.example.com' is not in fetch_hosts"),
        ("http://grammars.example.com./", "host 'grammars.example.com.' is not in fetch_hosts"),
        ("http://grammars.example.com:22/", "host 'grammars.example.com:22' is not in fetch_hosts"),
        ("http://grammars.example.com:443/", "host 'grammars.example.com:443' is not in fetch_hosts"),
        ("http://[::1]/", "host '[::1]' is not in fetch_hosts"),
        ("http://grammars.example.com@example.net/", "a URI with a user's name is not fetched"),
        ("http://user:word@grammars.example.com/", "a URI with a user's name is not fetched"),
        ("http://grammars.example.com:99999/", "not a URI"),
        ("http://[grammars/", "not a URI"),
        ("http:///etc/passwd", "expected a host in letters, digits, hyphens and dots"),
        ("http://gr%61mmars.example.com/", "expected a host in letters, digits, hyphens and dots"),
        ("http://grámmars.example.com/", "expected a host in letters, digits, hyphens and dots"),
        ("ftp://grammars.example.com/", "expected http or https"),
        ("file:///etc/passwd", "expected http or https"),
    ],
)
def test_only_the_hosts_of_the_list_are_asked_or_even_looked_up(uri: str, reason: str) -> None:
    def looked_up(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    fetcher = GrammarFetcher(GrammarSettings(fetch_hosts=("grammars.example.com",)), resolve=looked_up)
    assert refusal(fetcher, uri) == reason
    with pytest.raises(CannotRead, match=reason.partition("'")[0]):
        fetcher.known(uri)


@given(
    st.text(max_size=30),
    st.sampled_from(["", "http://", "https://grammars.example.com", "http://grammars.example.com/"]),
)
def test_whatever_is_written_it_is_refused_in_words(text: str, before: str) -> None:
    settings = GrammarSettings(fetch_hosts=("grammars.example.com",))
    refusal(GrammarFetcher(settings, resolve=lambda host, port: []), before + text)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 302 x\r\nLocation: ", b"HTTP/1.1 200 x\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_whatever_is_answered_it_is_a_document_or_refused_in_words(site: Site, text: bytes, before: bytes) -> None:
    site.pages["/"] = lambda handler: handler.wfile.write(before + text)
    fetcher = fetcher_of(site)
    try:
        assert isinstance(fetcher.fetch(site.uri("/")), bytes)
    except CannotRead as refused:
        assert str(refused)


def test_by_default_nothing_is_fetched(site: Site) -> None:
    uri = site.put("/drinks", DRINKS)
    assert refusal(GrammarFetcher(GrammarSettings()), uri) == f"host '{site.host}' is not in fetch_hosts"
    assert site.asked == []


@pytest.mark.parametrize("host", ["https://x.example", "x.example/", "*.example", "", "x.example:", "::1", "a b"])
def test_what_is_no_host_is_refused_in_the_configuration(host: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_configuration(f'[grammars]\nfolder = ""\nfetch_hosts = ["x.example", "{host}"]\n', "h2b.toml")
    why = f"fetch_hosts: got '{host}', expected a host such as grammars.example.com"
    assert str(refused.value) == f"h2b.toml:3: [grammars]: {why}"


def test_hosts_of_every_form_are_taken() -> None:
    hosts = ("grammars.example.com", "Menus.example.com:8443", "192.0.2.1", "[2001:db8::1]:80")
    configuration = parse_configuration(f"[grammars]\nfetch_hosts = {list(hosts)}\n", "h2b.toml")
    assert configuration.grammars.fetch_hosts == hosts


# Which addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_of_the_internet_are_never_asked(address: str) -> None:
    assert not is_public(address)
    settings = GrammarSettings(fetch_hosts=("grammars.example.com",))
    for found in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        fetcher = GrammarFetcher(settings, resolve=lambda host, port, found=found: found)
        reason = "host 'grammars.example.com' is in a network that is not public"
        assert refusal(fetcher, "http://grammars.example.com/") == reason


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machine_is_refused_whatever_it_is_called(host: str) -> None:
    fetcher = GrammarFetcher(GrammarSettings(fetch_hosts=(host,)))
    name = host.strip("[]")
    assert refusal(fetcher, f"http://{host}/") == f"host '{name}' is in a network that is not public"


def test_the_address_that_was_judged_is_the_one_that_is_asked(site: Site) -> None:
    lookups: list[str] = []

    def once(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"]

    site.put("/drinks?a=b+c", DRINKS)
    named = f"grammars.example.com:{site.port}"
    fetcher = GrammarFetcher(
        GrammarSettings(fetch_hosts=(named,), fetch_private_networks=True),
        resolve=once,
    )
    assert fetcher.fetch(f"http://Grammars.example.com:{site.port}/drinks?a=b+c") == DRINKS.encode()
    assert lookups == ["grammars.example.com"]
    assert (site.asked, site.hosts) == (["/drinks?a=b+c"], [named])


def test_a_name_without_an_address_is_said_to_be_unknown() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    fetcher = GrammarFetcher(GrammarSettings(fetch_hosts=("grammars.example.com",)), resolve=unknown)
    assert refusal(fetcher, "http://grammars.example.com/") == "host 'grammars.example.com' is not known"


# What a server answers


def test_a_document_is_fetched(site: Site) -> None:
    uri = site.put("/a%20b%C3%A9.grxml?c=d%26e&f", DRINKS)
    assert fetcher_of(site).fetch(uri) == DRINKS.encode()
    assert site.hosts == [site.host]


def test_signs_that_no_uri_has_are_quoted(site: Site) -> None:
    site.put("/a%20b%C3%A9", DRINKS)
    assert fetcher_of(site).fetch(site.uri("/a bé")) == DRINKS.encode()


@pytest.mark.parametrize("status", [204, 304, 401, 404, 500, 302])
def test_any_status_but_200_is_told(site: Site, status: int) -> None:
    site.pages["/"] = failing(status)
    assert refusal(fetcher_of(site), site.uri("/")) == f"its server answers with status {status}"


def test_no_more_is_read_than_allowed(site: Site) -> None:
    text = b"x" * 1000
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    site.pages["/told"] = sending(text)
    site.pages["/endless"] = site.hanging(endless, b"x" * 100, every=0.0)
    site.pages["/chunked"] = site.hanging(
        endless.replace(b"Content-Type: text/plain", b"Transfer-Encoding: chunked"),
        b"64\r\n" + b"x" * 100 + b"\r\n",
        0.0,
    )
    for path in site.pages:
        assert refusal(fetcher_of(site, fetch_bytes=999), site.uri(path)) == "more than 999 bytes"
    assert fetcher_of(site, fetch_bytes=1000).fetch(site.uri("/told")) == text


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
@pytest.mark.parametrize(("drip", "every"), [(b"", None), (b"x", 0.02)])
def test_no_more_time_is_taken_than_allowed_however_the_server_plays_for_it(
    site: Site, begin: bytes, drip: bytes, every: float | None
) -> None:
    site.pages["/"] = site.hanging(begin, drip, every)
    assert refusal(fetcher_of(site, fetch_seconds=0.3), site.uri("/")) == "its server takes too long"


def test_a_document_that_breaks_off_is_none(site: Site) -> None:
    site.pages["/"] = sending(b"<gram", Content_Length="9")
    assert refusal(fetcher_of(site), site.uri("/")) == "its server ends after 5 of 9 bytes"


def test_compressed_documents_are_not_unpacked(site: Site) -> None:
    site.pages["/"] = sending(b"\x1f\x8b", Content_Encoding="gzip")
    assert refusal(fetcher_of(site), site.uri("/")) == "its server sends it with content encoding 'gzip'"


def test_what_is_no_http_is_said_to_be_none(site: Site) -> None:
    site.pages["/"] = lambda handler: handler.wfile.write(b"220 mail.example.com ESMTP\r\n")
    assert refusal(fetcher_of(site), site.uri("/")) == "its server does not answer in HTTP"


def test_a_server_that_is_down_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        fetcher = GrammarFetcher(GrammarSettings(fetch_hosts=(host,), fetch_private_networks=True))
        assert refusal(fetcher, f"http://{host}/") == "no connection to its server: Connection refused"


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, status: int) -> None:
    site.put("/new/drinks", DRINKS)
    site.pages["/old/drinks"] = redirecting("../new/drinks#r", status)
    assert fetcher_of(site).fetch(site.uri("/old/drinks")) == DRINKS.encode()


def test_three_redirects_are_followed_and_no_fourth(site: Site) -> None:
    site.put("/0", DRINKS)
    for number in range(1, 5):
        site.pages[f"/{number}"] = redirecting(f"/{number - 1}")
    site.pages["/loop"] = redirecting("/loop")
    assert fetcher_of(site).fetch(site.uri("/3")) == DRINKS.encode()
    site.asked.clear()
    assert refusal(fetcher_of(site), site.uri("/4")) == "more than 3 redirects"
    assert refusal(fetcher_of(site), site.uri("/loop")) == "more than 3 redirects"
    assert len(site.asked) == 8


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://example.net/a?b=c", "redirected to 'http://example.net/a': host 'example.net' is not in fetch_hosts"),
        ("//169.254.169.254/", "redirected to 'http://169.254.169.254/': host '169.254.169.254' is not in fetch_hosts"),
        ("file:///etc/passwd", "redirected to 'file:///etc/passwd': expected http or https"),
        ("session:drinks", "redirected to 'session:drinks': expected http or https"),
    ],
)
def test_a_redirect_leads_only_where_a_reference_could(site: Site, uri: str, reason: str) -> None:
    site.pages["/"] = redirecting(uri)
    assert refusal(fetcher_of(site), site.uri("/")) == reason


def test_the_address_is_judged_again_after_a_redirect(site: Site) -> None:
    site.pages["/"] = redirecting(f"http://inside.example.com:{site.port}/secret")
    hosts = (site.host, f"inside.example.com:{site.port}")
    found = {"127.0.0.1": ["127.0.0.1"], "inside.example.com": []}
    fetcher = GrammarFetcher(
        GrammarSettings(fetch_hosts=hosts, fetch_private_networks=True), resolve=lambda host, port: found[host]
    )
    assert refusal(fetcher, site.uri("/")) == "no connection to its server: it has no address"
    assert site.asked == ["/"]


# Certificates


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("grammars.example.com").configure_cert(context)
    yield from run(Site(), context)


def secure_fetcher(site: Site, authority: trustme.CA | None) -> GrammarFetcher:
    def context() -> ssl.SSLContext:
        made = ssl.create_default_context()
        if authority is not None:
            authority.configure_trust(made)
        return made

    hosts = tuple(f"{name}.example.com:{site.port}" for name in ("grammars", "other"))
    settings = GrammarSettings(fetch_hosts=hosts, fetch_private_networks=True)
    return GrammarFetcher(settings, resolve=lambda host, port: ["127.0.0.1"], make_context=context)


def test_a_certificate_is_held_against_the_name_and_not_the_address(secure: Site, authority: trustme.CA) -> None:
    secure.put("/drinks", DRINKS)
    fetcher = secure_fetcher(secure, authority)
    assert fetcher.fetch(f"https://grammars.example.com:{secure.port}/drinks") == DRINKS.encode()
    assert secure.hosts == [f"grammars.example.com:{secure.port}"]
    reason = refusal(fetcher, f"https://other.example.com:{secure.port}/drinks")
    assert reason.startswith("no secure connection to its server: Hostname mismatch")


def test_a_certificate_of_nobody_known_is_refused(secure: Site) -> None:
    reason = refusal(secure_fetcher(secure, None), f"https://grammars.example.com:{secure.port}/")
    assert reason.startswith("no secure connection to its server: unable to get local issuer certificate")
    assert secure.asked == []


def test_https_stays_https(secure: Site, authority: trustme.CA) -> None:
    plain = f"http://grammars.example.com:{secure.port}/drinks"
    secure.pages["/"] = redirecting(plain)
    reason = refusal(secure_fetcher(secure, authority), f"https://grammars.example.com:{secure.port}/")
    assert reason == f"redirected to '{plain}': expected https, as before"


# What is kept


def test_a_document_holds_for_a_while(site: Site, clock: Clock) -> None:
    fetcher = fetcher_of(site, clock, fetch_cache_seconds=60.0)
    uri = site.put("/drinks", "old")
    assert fetcher.known(uri) is None
    assert fetcher.fetch(uri) == b"old"
    site.put("/drinks", "new")
    clock.now += 59.9
    assert fetcher.fetch(uri) == fetcher.known(uri) == b"old"
    clock.now += 0.1
    # Who was told a moment ago that it is there still finds it there.
    assert fetcher.known(uri) == b"old"
    assert fetcher.fetch(uri) == fetcher.known(uri) == b"new"
    clock.now += 1000
    assert fetcher.known(uri) is None
    assert site.asked == ["/drinks"] * 2


def test_a_failure_holds_for_a_shorter_while(site: Site, clock: Clock) -> None:
    fetcher = fetcher_of(site, clock)
    uri = site.uri("/drinks")
    missing = "its server answers with status 404"
    assert refusal(fetcher, uri) == missing
    site.put("/drinks", DRINKS)
    clock.now += FAILED_SECONDS / 2
    assert refusal(fetcher, uri) == missing
    with pytest.raises(CannotRead, match=missing):
        fetcher.known(uri)
    clock.now += FAILED_SECONDS
    assert fetcher.fetch(uri) == DRINKS.encode()
    assert site.asked == ["/drinks"] * 2


def test_what_is_kept_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h2b.server.fetch.MAXIMUM_KEPT_BYTES", 100)
    monkeypatch.setattr("h2b.server.fetch.MAXIMUM_KEPT", 5)
    assert MAXIMUM_KEPT > 5
    fetcher = fetcher_of(site)
    uris = [site.put(f"/{number}", "x" * 40) for number in range(3)]
    for uri in uris:
        fetcher.fetch(uri)
    assert [fetcher.known(uri) is None for uri in uris] == [True, False, False]
    small = [site.put(f"/small{number}", "x") for number in range(6)]
    for uri in small:
        fetcher.fetch(uri)
    assert [fetcher.known(uri) is None for uri in small] == [True, *[False] * 5]


# Grammars


@pytest.fixture
def fetching(registry: Registry, site: Site) -> Registry:
    fetcher = fetcher_of(site)
    return evolve(registry, fetched=fetcher.known, fetch=fetcher.fetch)


XML = GrammarFormat.SRGS_XML


def test_a_grammar_that_refers_by_http_is_read_where_waiting_is_allowed(fetching: Registry, site: Site) -> None:
    text = referring(site.put("/menu/a.grxml", referring("../drinks.grxml#r")))
    site.put("/drinks.grxml", DRINKS)
    assert fetching.read_ahead("menu", text, XML) is False
    assert site.asked == []
    assert fetching.read_ahead("menu", text, XML, fetching=True) is True
    assert site.asked == ["/menu/a.grxml", "/drinks.grxml"]
    defined = fetching.define("menu", text, XML)
    assert defined.activate("session:menu", "en").language == "en-US"
    assert len(site.asked) == 2


def test_defining_it_reads_nothing_again(fetching: Registry, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = referring(site.put("/drinks", DRINKS)), referring(site.put("/bad", DRINKS.replace("</rule>", "")))
    for text in (good, bad):
        assert fetching.read_ahead("menu", text, XML, fetching=True)

    def read(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("h2b.grammar.srgs.pack.load", read)
    fetching.define("menu", good, XML)
    with pytest.raises(GrammarDefinitionError, match=r"grammar 'http://.*/bad': line 1: not well-formed XML"):
        fetching.define("menu", bad, XML)


def test_a_document_that_changed_changes_the_grammar(registry: Registry, site: Site, clock: Clock) -> None:
    fetcher = fetcher_of(site, clock)
    fetching = evolve(registry, fetched=fetcher.known, fetch=fetcher.fetch)
    text = referring(site.put("/drinks", DRINKS))
    packed = []
    for drinks in (DRINKS, DRINKS.replace("beer", "milk"), DRINKS):
        site.put("/drinks", drinks)
        clock.now += 60
        assert fetching.read_ahead("menu", text, XML, fetching=True)
        packed.append(fetching.define("menu", text, XML).activate("session:menu", "en").arguments["documents"])
    assert packed[0] == packed[2] != packed[1]


def test_what_was_not_fetched_is_told_with_its_reason(fetching: Registry, registry: Registry, site: Site) -> None:
    for uri, why in [
        (site.uri("/none"), ": its server answers with status 404"),
        ("http://example.net/a", ": host 'example.net' is not in fetch_hosts"),
    ]:
        text = referring(uri)
        assert fetching.read_ahead("menu", text, XML, fetching=True)
        with pytest.raises(GrammarDefinitionError) as refused:
            fetching.define("menu", text, XML)
        assert refused.value.reason == f"grammar 'session:menu': line 2: cannot read '{uri}'{why}"
        with pytest.raises(GrammarDefinitionError) as refused:
            registry.define("menu", text, XML)
        assert refused.value.reason == f"grammar 'session:menu': line 2: cannot read '{uri}'"


def test_a_grammar_of_the_session_may_lead_to_one_by_http(fetching: Registry, site: Site) -> None:
    text = referring(site.put("/drinks", DRINKS))
    assert fetching.read_ahead("menu", text, XML, fetching=True)
    defined = fetching.define("menu", text, XML)
    outer = referring("session:menu#r")
    assert defined.read_ahead("outer", outer, XML) is False
    assert defined.read_ahead("outer", outer, XML, fetching=True)
    assert defined.define("outer", outer, XML).activate("session:outer", "en")


def test_who_waits_for_a_server_keeps_nobody_from_reading(registry: Registry, site: Site) -> None:
    turns: list[bool] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        turns.extend(TURNS.acquire(timeout=LIMIT_S) for _ in range(2))
        TURNS.release(2)
        sending(DRINKS.encode())(handler)

    site.pages["/drinks"] = answer
    settings = GrammarSettings(fetch_hosts=(site.host,), fetch_private_networks=True, fetch_seconds=30.0)
    fetching = with_fetching(registry, settings)
    text = referring(site.uri("/drinks"))
    assert in_turn(partial(fetching.read_ahead, "menu", text, XML, fetching=True))
    assert turns == [True, True]
    assert fetching.define("menu", text, XML)


# Sessions


@asynccontextmanager
async def a_server(setting: Setting, site: Site, recogniser: Recogniser, **settings: Any) -> AsyncIterator[str]:
    """Started, its URL given, and shut down when the block ends."""
    configuration = Configuration(
        server=ServerSettings(websocket="127.0.0.1:0", drain_s=1.0),
        grammars=GrammarSettings(fetch_hosts=(site.host,), fetch_private_networks=True, **settings),
    )
    shutdown = trio.Event()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            yield await nursery.start(serve, configuration, setting, recogniser, shutdown)
            shutdown.set()


SENT = {"content_id": "menu", "content_type": "application/srgs+xml"}


async def test_a_bot_refers_to_a_grammar_by_http(setting: Setting, site: Site) -> None:
    text, late = referring(site.put("/drinks", DRINKS)), referring(site.put("/late", DRINKS))
    async with (
        open_scripted(["bring a wine"]) as recogniser,
        a_server(setting, site, recogniser) as url,
        a_client(url) as client,
    ):
        await client.ask("OPEN", "OPENED", audio_codec="linear")
        await client.ask("DEFINE-GRAMMAR", "GRAMMAR-DEFINED", text, **SENT)
        refused = await client.ask("DEFINE-GRAMMAR", "METHOD-FAILED", referring("http://localhost/"), **SENT)
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "session:menu")
        await client.ask("DEFINE-GRAMMAR", "METHOD-NOT-ALLOWED", late, **SENT)
        await client.websocket.send_message(UTTERANCE + silence(2))
        event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
    assert site.asked == ["/drinks"]
    assert event["completion_cause"] == "Success"
    assert event["body"]["nlu"]["value"] == "a wine"
    assert refused["completion_cause"] == "GramDefinitionFailure"
    assert refused["completion_reason"] == (
        "grammar 'session:menu': line 2: cannot read 'http://localhost/': host 'localhost' is not in fetch_hosts"
    )


async def test_a_slow_server_holds_up_its_own_client_only_and_not_the_end(setting: Setting, site: Site) -> None:
    arrived, free = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        arrived.set()
        free.wait()
        sending(DRINKS.encode())(handler)

    def hanging(handler: BaseHTTPRequestHandler) -> None:
        arrived.set()
        site.over.wait()

    site.pages = {"/slow": answer, "/never": hanging}
    async with (
        a_server(setting, site, ScriptedRecogniser(), fetch_seconds=30.0) as url,
        a_client(url) as slow,
        a_client(url) as quick,
    ):
        for client in (slow, quick):
            await client.ask("OPEN", "OPENED")
        await slow.send("DEFINE-GRAMMAR", referring(site.uri("/slow")), **SENT)
        await trio.to_thread.run_sync(arrived.wait)
        await quick.ask("DEFINE-GRAMMAR", "GRAMMAR-DEFINED", DRINKS, **SENT)
        free.set()
        await slow.expect("GRAMMAR-DEFINED")
        arrived.clear()
        await slow.send("DEFINE-GRAMMAR", referring(site.uri("/never")), **SENT)
        await trio.to_thread.run_sync(arrived.wait)
    assert site.asked == ["/slow", "/never"]
