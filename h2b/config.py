"""The operator's settings as frozen records.

Owns keys, defaults, ranges and meanings. Must not know files, nor who uses a setting. Every key has a default, its unit
in its name, and its meaning below it: the reference page is made of these by `h2b.configfile`.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from attrs import field, frozen

from h2b.audio.endpoint import EndpointSettings
from h2b.model.errors import shorten
from h2b.model.params import Parameters


def _setting(default: Any, low: float = 0, high: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A field with its range. `Any`, because attrs fields take the type of their annotation."""
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


def _folder() -> Any:
    """A path: relative ones start at the folder of the file they are written in."""
    return field(default="", metadata={"path": True})


@frozen(kw_only=True)
class ServerSettings:
    """Where the server listens and what one client may take of it."""

    websocket: str = field(default="127.0.0.1:8080", metadata={"address": True})
    """Address of the JSON WebSocket, 'host:port'; port 0 takes a free one. Clients connect to its path /bots."""
    http: str = field(default="", metadata={"address": True})
    """Address of the HTTP side: tokens, /healthz, /readyz, /metrics; empty for none."""
    front_ends: int = _setting(1)
    """Processes that serve calls, each on a core of its own: they share the WebSocket port, and `workers` between them.
    0 for one for each two cores. The limits of this section and of [limits] count for each of them."""
    drain_notice_s: float = _setting(0.0)
    """After SIGTERM or SIGINT, time in which /readyz already answers 503 and new clients are still taken: balancers
    need it to notice. `drain_s` begins after it."""
    drain_s: float = _setting(30.0)
    """After SIGTERM or SIGINT, time for open sessions to end before they are cut off."""
    maximum_connections: int = _setting(1000, low=1)
    """Clients connected at once; one more is refused with HTTP status 503."""
    maximum_message_bytes: int = _setting(1 << 20, low=1024)
    """Largest message a client may send; a larger one closes its connection with code 1009."""
    message_queue: int = _setting(256, low=1)
    """Messages of one client read ahead."""
    event_queue: int = _setting(256, low=8)
    """Events waiting for one client; one more closes its connection with code 1008."""
    unread_s: float = _setting(10.0, low=0.1)
    """Time a client may leave half an `event_queue` unread before its connection is closed with code 1008."""
    handshake_s: float = _setting(10.0, low=0.1)
    """Time a client may take from connecting to the end of the WebSocket handshake."""


@frozen(kw_only=True)
class AccessSettings:
    """Who may connect. Without clients and without an issuer: everybody, and the server listens on loopback only."""

    store: str = _folder()
    """File of the clients that `h2b clients` keeps, its key beside it; empty for h2b/access.db in $XDG_STATE_HOME."""
    issuer: str = ""
    """URL of an OpenID Connect issuer whose tokens are taken instead of our own; the file of clients is not used."""
    audience: str = "h2b"
    """What a token must name as its audience."""
    jwks: str = ""
    """URL of the issuer's public keys; empty to learn it from the issuer."""
    tenant_claim: str = "tenant"
    """Claim of the issuer's tokens that names the tenant."""


@frozen(kw_only=True)
class TlsSettings:
    """Encryption of the WebSocket, of the HTTP side, and of `sip_tls` and `mrcp_tls`: both files or none."""

    certificate: str = _folder()
    """File of the certificate and those above it (PEM); empty for no encryption."""
    key: str = _folder()
    """File of the certificate's private key (PEM, without a password). SIGHUP reads both files again."""

    def __attrs_post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("'certificate' and 'key' are given together or not at all")


@frozen(kw_only=True)
class LimitSettings:
    """What one client may take beside the limits of [server]; going beyond closes a connection with code 1008."""

    handshakes: int = _setting(256, low=1)
    """Clients in their handshake at once; one more costs the slowest of them its connection."""
    handshakes_per_second: int = _setting(200, low=1)
    """Handshakes begun in a second; clients beyond them wait, and their addresses take turns."""
    connections_per_address: int = _setting(0)
    """Clients connected at once from one IP address (of IPv6: one /64 network); one more is refused with HTTP status
    429, and many more are closed unheard. 0 for three quarters of `maximum_connections`. Behind a proxy, or where all
    calls come from one gateway, as many as `maximum_connections`."""
    calls_per_address: int = _setting(0)
    """Calls by SIP at once from one IP address; one more is refused with SIP status 503. 0 for three quarters of
    `maximum_calls`. Where all calls come from one gateway, as many as `maximum_calls`."""
    busy_s: float = _setting(1.0)
    """While the first utterance in the queue has waited so long for a free process, no session begins: a client is
    refused with HTTP status 503, OPEN with METHOD-FAILED, a call with SIP status 503. 0 to let them begin always."""
    sessions_per_tenant: int = _setting(1000, low=1)
    """Sessions of one tenant at once; one more OPEN is answered with METHOD-FAILED."""
    idle_s: float = _setting(600.0)
    """Time without a command or audio after which a connection is closed; 0 for no limit."""
    session_s: float = _setting(14400.0)
    """Longest session; then its connection is closed. 0 for no limit."""
    commands_per_second: int = _setting(500, low=1)
    """Text messages of one client, measured over ten seconds."""
    audio_ahead_s: float = _setting(300.0, low=1)
    """How far the audio of one client may be ahead of real time."""


@frozen(kw_only=True)
class MrcpSettings:
    """MRCPv2: calls by SIP, sound by RTP, recognition by MRCP. Off unless `sip` has an address."""

    sip: str = field(default="", metadata={"address": True})
    """Address for SIP over UDP and TCP, 'host:port'; empty for no MRCPv2, port 0 takes a free one. Of these addresses
    0.0.0.0 is every one by IPv4, and [::] every one by IPv6: neither is both."""
    sip_tls: str = field(default="", metadata={"address": True})
    """Address for SIP over TLS, with the certificate of [tls]; empty for none."""
    mrcp: str = field(default="", metadata={"address": True})
    """Address for the MRCP control channel over TCP; empty for port 1544 at the host of `sip`."""
    mrcp_tls: str = field(default="", metadata={"address": True})
    """Address for the MRCP control channel over TLS, with the certificate of [tls]; empty for none."""
    advertised_address: str = ""
    """Address of this server that clients reach: the outer one behind NAT or in a container. Empty for the one that a
    client calls at."""
    clients_behind_nat: bool = False
    """Whether clients may name a Contact that nobody reaches: over UDP, BYE then goes where their packets come from."""
    rtp: str = field(default="", metadata={"check": lambda text: check_host(text)})
    """IP address to receive sound at, without a port; empty for the host of `sip`, or of `sip_tls` where `sip` is a
    loopback address and `sip_tls` is none."""
    rtp_ports: str = field(default="20000-20999", metadata={"check": lambda text: parse_ports(text)})
    """UDP ports for sound: each call takes an even one and leaves the odd one after it free."""
    srtp: str = _setting("off", choices=("off", "allowed", "required"))
    """Whether sound may come as SRTP with its key in the SDP (RTP/SAVP), or must; other offers are refused with 488.
    The key is as secret as SIP is: use `sip_tls`. Needs `pip install /path/to/clone[srtp]`."""
    result: str = _setting("rfc", choices=("rfc", "h2b"))
    """Result documents, unless a client's Accept says more: rfc as in RFC 6787, h2b as in the H2B protocol."""
    maximum_calls: int = _setting(500, low=1)
    """Calls at once; one more is refused with SIP status 503."""
    connect_s: float = _setting(10.0, low=1)
    """Time after the answer in which a client must connect to the control channel, or be hung up on."""
    allow: tuple[str, ...] = field(default=(), metadata={"check": lambda texts: parse_networks(texts)})
    """Networks that may call, such as ["10.0.0.0/8"]; others are refused with SIP status 403, and by TCP and TLS they
    are not heard at all. Empty for everybody."""
    realm: str = "h2b"
    """Realm of SIP digest authentication, for `users`."""
    waveform_folder: str = _folder()
    """Folder for the sound of recognitions whose client asks for it by Save-Waveform; empty to keep none. Nothing in
    it is ever deleted by the server."""
    waveform_url: str = ""
    """URL at which another server offers that folder, for Waveform-URI; empty for its file: URL."""
    users: Mapping[str, str] = field(factory=dict)
    """Passwords by user, such as { ivr = "secret" }: calls then need SIP digest authentication. Empty for none."""
    tenant: str = ""
    """Whose calls they are, in usage records; empty for the user who showed a password, or for nobody."""
    tenants: Mapping[str, str] = field(factory=dict)
    """Tenants by user, such as { ivr = "acme" }; `tenant` is that of the others."""

    def tenant_of(self, user: str) -> str:
        """Whose calls those of a user are; of nobody's where calls need no password."""
        return self.tenants.get(user) or self.tenant or user


@frozen(kw_only=True)
class AsrSettings:
    """The processes that recognise speech."""

    pool: str = _setting("local", choices=("local", "ray"))
    """Where the processes are: `local`, or `ray`: on the machines of a Ray cluster, shared by several servers."""
    workers: int = _setting(0, high=1024)
    """Processes, each with its own copy of the models; 0 for as many as there are cores, or CPUs in the cluster."""
    languages: tuple[str, ...] = ()
    """Languages to load, such as ["en", "fr"]; empty for all whose models are installed. A server whose model of one
    that is named cannot be had does not start."""
    whisper_directory: str = _folder()
    """Folder of a Whisper model in CTranslate2 format; empty for the installed package."""
    vosk: Mapping[str, str] = field(factory=dict, metadata={"path": True})
    """Folders of Vosk models by language, such as { fr = "/srv/models/vosk-model-small-fr-0.22" }, each in place of our
    own model. Needs `pip install /path/to/clone[vosk]`."""
    sherpa: Mapping[str, str] = field(factory=dict, metadata={"path": True})
    """Folders of sherpa-onnx models by language, each in place of our own model. Needs
    `pip install /path/to/clone[sherpa]`."""
    decode_deadline_s: float = _setting(20.0, low=0.1)
    """Longest time for one utterance; then its process is replaced and the recognition ends with cause Error."""
    load_deadline_s: float = _setting(900.0, low=1)
    """Longest time for loading the models; the first start converts them once."""
    queue_utterances: int = _setting(64, low=1)
    """Utterances waiting for a free process; one more ends with cause Error."""
    queue_s: float = _setting(10.0, low=0.1)
    """Longest wait of an utterance for a free process; then the recognition ends with cause Error."""
    niceness: int = _setting(10, high=19)
    """Added to the nice value of local processes, so that audio and timers come first."""
    ray_address: str = "auto"
    """The head of the Ray cluster, 'host:port'; `auto` for the cluster this machine is a node of."""
    ray_namespace: str = "h2b"
    """Servers with the same namespace share their processes in the cluster, and must load the same models."""

    @property
    def worker_count(self) -> int:
        """`workers`, or the number of cores this process may use."""
        return self.workers or usable_cores()

    def engine_options(self) -> dict[str, Any]:
        """What `h2b.asr.engines.load_engine` takes: plain JSON values."""
        return {
            "languages": list(self.languages),
            "whisper_directory": self.whisper_directory,
            "vosk": dict(self.vosk),
            "sherpa": dict(self.sherpa),
        }


@frozen(kw_only=True)
class GrammarSettings:
    """Presets beside the shipped ones."""

    folder: str = _folder()
    """Folder of preset files (*.toml) that add to the shipped grammars or replace them; empty for none."""
    reload_seconds: float = _setting(2.0)
    """How often the server looks for changed files in `folder`, for new sessions to get; 0 for never."""
    fetch_hosts: tuple[str, ...] = ()
    """Servers of documents that clients' SRGS grammars may refer to, by exact name: "grammars.example.com" for the
    usual ports, "grammars.example.com:8443" for another. Empty: nothing is fetched."""
    fetch_private_networks: bool = False
    """Whether `fetch_hosts` may be at addresses that are not public. Dangerous: clients then make this server ask
    machines of your network, and whoever answers for those names in DNS says which."""
    fetch_seconds: float = _setting(3.0, low=0.1, high=30)
    """Longest time for one document, its redirects included."""
    fetch_bytes: int = _setting(1_000_000, low=1, high=4_000_000)
    """Largest document that is fetched."""
    fetch_cache_seconds: float = _setting(60.0, low=1)
    """How long a document that was fetched is used again."""

    def __attrs_post_init__(self) -> None:
        for host in self.fetch_hosts:
            if not re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", host):
                raise ValueError(f"fetch_hosts: got {shorten(host)}, expected a host such as grammars.example.com")


NO_RECORDS = ":none:"


@frozen(kw_only=True)
class UsageSettings:
    """Usage records, for those who bill."""

    path: str = field(default="", metadata={"path": True, "verbatim": NO_RECORDS})
    """SQLite file of the records; empty for h2b/usage.db in $XDG_STATE_HOME, ':none:' to keep them in the log only."""
    postgres: str = ""
    """URL of a PostgreSQL database to which the records of all servers are copied; empty for none."""
    keep_transcripts: bool = False
    """Whether records hold what callers said and its value."""
    retention_days: int = _setting(0)
    """Records older than this are deleted from the file, with `postgres` once they are copied; 0 to keep them all."""

    @property
    def file(self) -> Path | None:
        """The SQLite file; None where no records are kept."""
        if self.path == NO_RECORDS:
            return None
        return Path(self.path) if self.path else state_path("usage.db")


@frozen(kw_only=True)
class LogSettings:
    """What is told on standard error."""

    level: str = _setting("info", choices=("debug", "info", "warning", "error"))
    """Least important lines to show."""
    format: str = _setting("text", choices=("text", "json"))
    """text for people, json for one JSON object a line."""
    speech: str = _setting("hidden", choices=("hidden", "shown"))
    """hidden keeps what callers say out of the log, the texts of unexpected errors with it; shown for test systems."""


@frozen(kw_only=True)
class TelemetrySettings:
    """Traces for OpenTelemetry: a span for each session and each recognition. Needs
    `pip install /path/to/clone[telemetry]`."""

    endpoint: str = field(default="", metadata={"check": lambda text: check_collector(text)})
    """URL of a collector that takes OTLP over HTTP, such as "http://127.0.0.1:4318"; empty for no traces."""


@frozen(kw_only=True)
class Configuration:
    """All settings, one attribute for each table of the file."""

    server: ServerSettings = field(factory=ServerSettings)
    access: AccessSettings = field(factory=AccessSettings)
    tls: TlsSettings = field(factory=TlsSettings)
    limits: LimitSettings = field(factory=LimitSettings)
    mrcp: MrcpSettings = field(factory=MrcpSettings)
    asr: AsrSettings = field(factory=AsrSettings)
    grammars: GrammarSettings = field(factory=GrammarSettings)
    defaults: Parameters = field(factory=Parameters)
    endpointing: EndpointSettings = field(factory=EndpointSettings)
    usage: UsageSettings = field(factory=UsageSettings)
    log: LogSettings = field(factory=LogSettings)
    telemetry: TelemetrySettings = field(factory=TelemetrySettings)


def state_path(name: str) -> Path:
    """Where a file of the server's own is kept when the configuration does not say: h2b/NAME in $XDG_STATE_HOME."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home else Path.home() / ".local" / "state") / "h2b" / name


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_collector(text: str) -> None:
    """See that this is a URL of a collector, or nothing. Raises ValueError."""
    if text and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", text):
        raise ValueError(f"got {shorten(text)}, expected a URL such as http://127.0.0.1:4318")


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of 'host:port' or '[IPv6 address]:port'. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})", text)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"got {shorten(text)}, expected host:port such as 127.0.0.1:8080")
    return match[1] or match[2], int(match[3])


def write_address(host: str, port: int) -> str:
    """'host:port' as `parse_address` reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_host(text: str) -> None:
    """See that this is an IP address, or nothing. Raises ValueError."""
    try:
        if text:
            ip_address(text)
    except ValueError:
        raise ValueError(f"got {shorten(text)}, expected an IP address such as 192.0.2.10") from None


def parse_ports(text: str) -> tuple[int, int]:
    """First and last port of 'first-last'. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[1]) < int(match[2]) <= 65535:
        raise ValueError(f"got {shorten(text)}, expected two ports such as 20000-20999")
    return int(match[1]), int(match[2])


def parse_networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """IP networks, an address alone among them. Raises ValueError."""
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise ValueError(f"{error}, expected networks such as 10.0.0.0/8") from error
