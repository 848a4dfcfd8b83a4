"""MRCPv2 as a whole: SIP, control connections and sound, from the first socket to the last BYE.

Owns the order of opening and closing. Must not know what any of the three does with what comes.

Theory of operation
 1. All sockets are open before the first call is taken: nobody is given a port that is not listened on.
 2. At shutdown OPTIONS is answered with 503 at once, for balancers to notice; then no more calls are taken (503). Calls
    go on until the client says BYE; at the deadline it hears ours. The machinery is shielded for that: it ends when it
    has said its goodbyes, however the server came to its end.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import structlog
import trio
from attrs import define, evolve, frozen

from h2b.asr.background import background_tasks
from h2b.config import (
    Configuration,
    MrcpSettings,
    ServerSettings,
    parse_address,
    parse_networks,
    parse_ports,
    write_address,
)
from h2b.model.errors import ConfigurationError
from h2b.protocol.recognizer import Recognizer
from h2b.protocol.session import Setting
from h2b.server.access import is_loopback
from h2b.server.addresses import control_address
from h2b.server.calls import CallSettings, Switchboard, admitted, local_address
from h2b.server.channel import Channel
from h2b.server.limits import share
from h2b.server.media import Media, Ports
from h2b.server.metrics import CallStatistics
from h2b.server.mrcp import ControlPort
from h2b.server.sip import SipEndpoint
from h2b.server.srtp import check_srtp
from h2b.server.tls import Tls
from h2b.server.waveforms import Waveforms
from h2b.telephony.sdp import write_sdp
from h2b.telephony.sdp_answer import AnswerSettings, Srtp, capabilities
from h2b.telephony.sip_digest import DigestGuard
from h2b.telephony.sip_effects import Transport
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from h2b.wire.nlsml import Flavour

_log = structlog.get_logger("h2b.server.telephone")

FLAVOURS = {"rfc": Flavour.RFC, "h2b": Flavour.H2B}
SIP_BUFFER_BYTES = 1 << 20
"""Room in the kernel for SIP: some hundred calls that come at once."""
GOODBYE_S = 1.0
"""Time for the last messages, and for clients to answer the last BYE."""
SOMEWHERE = {False: "192.0.2.1", True: "2001:db8::1"}
"""Addresses that are nobody's: the way to them is the way to most clients."""
ATTEMPTS = 20
SPARE_CONNECTIONS = 100
"""Control connections beyond one for each call."""


@define
class Telephone:
    """What MRCPv2 of a running server consists of."""

    board: Switchboard
    control: ControlPort
    media: Media
    endpoint: SipEndpoint
    addresses: Mapping[str, str]
    """What is listened on, each 'host:port': `sip`, `mrcp`, and where there is TLS `sip_tls`, `mrcp_tls`."""

    def statistics(self) -> CallStatistics:
        """What there is to measure."""
        board = self.board
        return CallStatistics(
            calls=board.calls,
            connections=self.control.connections,
            ended=board.ended,
            refused=self.endpoint.server.refusals,
            packets=board.packets,
        )


@frozen
class _Sockets:
    """Everything that listens."""

    datagrams: socket.socket
    sip: list[trio.SocketListener]
    sip_tls: list[trio.SocketListener]
    mrcp: list[trio.SocketListener]
    mrcp_tls: list[trio.SocketListener]


@asynccontextmanager
async def open_telephone(
    configuration: Configuration,
    setting: Setting,
    open_channel: Callable[[Recognizer], Channel],
    shutdown: trio.Event,
    tls: Tls | None = None,
    may_begin: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Telephone | None]:
    """Serve MRCPv2 during the block; None when it is off. The end of the block waits until `shutdown` is drained.

    Raises:
        ConfigurationError: an address cannot be listened on, TLS is asked for without a certificate, or SRTP without
            its library.
    """
    settings = configuration.mrcp
    if not settings.sip:
        yield None
        return
    if not settings.mrcp:
        settings = evolve(settings, mrcp=control_address(settings))
        configuration = evolve(configuration, mrcp=settings)
    if tls is None and (settings.sip_tls or settings.mrcp_tls):
        raise ConfigurationError("[mrcp]: sip_tls and mrcp_tls need the certificate of [tls]")
    check_srtp(settings.srtp)
    if settings.srtp != "off" and not is_loopback(settings.sip):
        _log.warning("srtp_keys_in_the_clear", address=settings.sip)
    with ExitStack() as opened:
        sockets = await _listen(settings, opened)
        closing = trio.Event()
        async with trio.open_nursery() as nursery:
            serving = _Serving(configuration, setting, open_channel, sockets, tls, closing, may_begin)
            try:
                telephone = await nursery.start(serving.run)
                nursery.start_soon(_drain, telephone, shutdown, configuration.server, closing)
                yield telephone
            except BaseException:
                # What is shielded must be told.
                closing.set()
                raise


def check_callers(settings: MrcpSettings, *, insecure: bool = False) -> None:
    """See that somebody has said who may call, where others than this machine can.

    Args:
        insecure: everybody may, from anywhere.

    Raises:
        ConfigurationError: everybody could.
    """
    if not settings.sip or settings.allow or settings.users:
        return
    for key, address in (("sip", settings.sip), ("sip_tls", settings.sip_tls)):
        if not address or is_loopback(address):
            continue
        if not insecure:
            raise ConfigurationError(
                f"{key} in [mrcp]: anybody could call {address}: name networks in 'allow' or passwords in 'users', or "
                "listen on 127.0.0.1, or say --insecure"
            )
        _log.warning("calls_open", address=address)


async def _drain(telephone: Telephone, shutdown: trio.Event, settings: ServerSettings, closing: trio.Event) -> None:
    try:
        await shutdown.wait()
        telephone.endpoint.server.leaving = True
        await trio.sleep(settings.drain_notice_s)
        _log.info("draining_calls", calls=telephone.board.calls, drain_s=settings.drain_s)
        telephone.board.drain()
        with trio.move_on_after(settings.drain_s):
            await telephone.board.empty()
    finally:
        closing.set()


@frozen
class _Serving:
    """The machinery, and what it is made of."""

    configuration: Configuration
    setting: Setting
    open_channel: Callable[[Recognizer], Channel]
    sockets: _Sockets
    tls: Tls | None
    closing: trio.Event
    may_begin: Callable[[], bool]

    async def run(self, task_status: trio.TaskStatus[Telephone]) -> None:
        """Serve until `closing`, then say goodbye."""
        with trio.CancelScope(shield=True):
            async with background_tasks() as tasks:
                telephone = self._assemble(tasks)
                sockets, context = self.sockets, self.tls.context if self.tls is not None else None
                tasks.start_soon(telephone.media.run)
                tasks.start_soon(telephone.control.run, sockets.mrcp, _encrypted(sockets.mrcp_tls, context))
                tasks.start_soon(telephone.endpoint.run, sockets.sip, _encrypted(sockets.sip_tls, context))
                try:
                    task_status.started(telephone)
                    await self.closing.wait()
                    telephone.board.hang_up_all()
                    with trio.move_on_after(GOODBYE_S):
                        await telephone.control.flushed()
                        await telephone.endpoint.settled()
                finally:
                    telephone.board.release_all()

    def _assemble(self, tasks: trio.Nursery) -> Telephone:
        settings, sockets = self.configuration.mrcp, self.sockets
        own = settings.advertised_address or _reachable(parse_address(settings.sip)[0])
        address_towards = _towards(settings)
        admits = partial(admitted, allow=parse_networks(settings.allow))
        most = share(self.configuration.limits.calls_per_address, settings.maximum_calls)
        control = ControlPort(settings.maximum_calls + SPARE_CONNECTIONS, admits, most + SPARE_CONNECTIONS // 2)
        sound_host = _sound_host(settings)
        media = Media(Ports(sound_host, *parse_ports(settings.rtp_ports)))
        call_settings = CallSettings(
            address_towards=address_towards,
            control_port=_port(sockets.mrcp),
            tls_port=_port(sockets.mrcp_tls),
            fingerprint=lambda: self.tls.fingerprint if self.tls is not None else "",
            flavour=FLAVOURS[settings.result],
            connect_s=settings.connect_s,
            audio_address="" if settings.advertised_address or _is_any(sound_host) else _reachable(sound_host),
            waveforms=_waveforms(settings),
            srtp=Srtp(settings.srtp),
            calls_per_address=most,
            may_begin=self.may_begin,
            tenant_of=settings.tenant_of,
        )
        board = Switchboard(call_settings, self.setting, self.open_channel, control, media, tasks)
        port = sockets.datagrams.getsockname()[1]
        sip_settings = SipSettings(
            host=own,
            host_towards=address_towards,
            port=port,
            tls_port=_port(sockets.sip_tls) or 5061,
            clients_behind_nat=settings.clients_behind_nat,
            maximum_calls=settings.maximum_calls,
        )
        able = capabilities(
            AnswerSettings(
                address=own,
                channel="",
                control_port=call_settings.control_port,
                tls_port=call_settings.tls_port,
                srtp=call_settings.srtp,
            )
        )
        guard = DigestGuard(settings.realm, dict(settings.users)) if settings.users else None
        server = SipServer(sip_settings, write_sdp(able), guard, admits=admits)
        board.endpoint = SipEndpoint(server, sockets.datagrams, board.hear_news, admits)
        listening = {
            "sip": (settings.sip, port),
            "mrcp": (settings.mrcp, _port(sockets.mrcp)),
            "sip_tls": (settings.sip_tls, _port(sockets.sip_tls)),
            "mrcp_tls": (settings.mrcp_tls, _port(sockets.mrcp_tls)),
        }
        addresses = {
            name: write_address(parse_address(address)[0], number)
            for name, (address, number) in listening.items()
            if address
        }
        return Telephone(board, control, media, board.endpoint, addresses)


async def _listen(settings: MrcpSettings, opened: ExitStack) -> _Sockets:
    """All sockets, closed with `opened`."""
    host, wanted = parse_address(settings.sip)
    # Datagrams and connections share a port, and a free one of the one kind need not be free for the other.
    for attempt in range(ATTEMPTS):
        sip = await _tcp("sip", settings.sip, opened)
        datagrams = socket.socket(sip[0].socket.family, socket.SOCK_DGRAM)
        opened.callback(datagrams.close)
        datagrams.setblocking(False)
        if datagrams.family == socket.AF_INET6:
            # As connections do: a client by IPv4 would be told addresses it cannot use.
            datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BUFFER_BYTES)
        try:
            datagrams.bind((host, _port(sip)))
            break
        except OSError as error:
            if wanted or attempt == ATTEMPTS - 1:
                raise ConfigurationError(f"sip in [mrcp]: cannot listen on {settings.sip}: {error}") from error
    return _Sockets(
        datagrams=datagrams,
        sip=sip,
        sip_tls=await _tcp("sip_tls", settings.sip_tls, opened),
        mrcp=await _tcp("mrcp", settings.mrcp, opened),
        mrcp_tls=await _tcp("mrcp_tls", settings.mrcp_tls, opened),
    )


async def _tcp(key: str, address: str, opened: ExitStack) -> list[trio.SocketListener]:
    """A listener for an address; none for an empty one."""
    if not address:
        return []
    host, port = parse_address(address)
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigurationError(f"{key} in [mrcp]: cannot listen on {address}: {error}") from error
    for listener in listeners:
        opened.callback(listener.socket.close)
    # A name with several addresses got a port for each: one is enough, and one is announced.
    return listeners[:1]


def _encrypted(
    listeners: list[trio.SocketListener], context: ssl.SSLContext | None
) -> list[trio.SSLListener[trio.SocketStream]]:
    if context is None:
        return []
    return [trio.SSLListener(listener, context, https_compatible=True) for listener in listeners]


def _waveforms(settings: MrcpSettings) -> Waveforms | None:
    if not settings.waveform_folder:
        return None
    folder = Path(settings.waveform_folder)
    if not folder.is_dir():
        raise ConfigurationError(f"waveform_folder in [mrcp]: '{folder}' is no folder")
    return Waveforms(folder, settings.waveform_url or folder.resolve().as_uri())


def _port(listeners: list[trio.SocketListener]) -> int:
    return int(listeners[0].socket.getsockname()[1]) if listeners else 0


def _is_any(host: str) -> bool:
    """Whether an address to listen on means every one of this machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _sound_host(settings: MrcpSettings) -> str:
    """The host whose ports sound comes to."""
    inside_only = settings.sip_tls and is_loopback(settings.sip) and not is_loopback(settings.sip_tls)
    return settings.rtp or parse_address(settings.sip_tls if inside_only else settings.sip)[0]


def _towards(settings: MrcpSettings) -> Callable[[Transport, str], str]:
    """What tells our address for a client that comes by a transport from a host."""
    listening = {Transport.UDP: settings.sip, Transport.TCP: settings.sip, Transport.TLS: settings.sip_tls}
    hosts = {transport: parse_address(address or settings.sip)[0] for transport, address in listening.items()}
    # A name is looked up once: here, and not while calls wait.
    fixed = {transport: "" if _is_any(host) else _reachable(host) for transport, host in hosts.items()}
    return lambda transport, host: settings.advertised_address or fixed[transport] or local_address(host)


def _reachable(host: str) -> str:
    """The address to give to others where the operator said none."""
    if _is_any(host):
        return local_address(SOMEWHERE[":" in host])
    try:
        ip_address(host)
    except ValueError:
        return socket.gethostbyname(host)
    return host
