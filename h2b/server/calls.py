"""Calls: what SIP agrees on becomes channels that listen, and everything is given back at the end.

Owns which channels and ports a call has, and when a call is given up. Must not know sockets, SIP messages or how sound
is coded. Source: RFC 6787 section 4.

Theory of operation
 1. An offer is answered at once, in the same step: channels and ports are there before the client hears of them.
 2. A call ends in one place, `_end`, however it came to its end: channels are unknown, billed and still, ports free.
    SIP says once of every call that it is over; whoever else finds that out hangs up, and so hears it from SIP.
 3. Who is gone is found out by the protocol that notices first: no ACK and no refresh by SIP, a control connection that
    ends or never comes here. That sound stops means nothing: there are clients that send none for minutes.
"""

import secrets
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import count

import structlog
import trio
from attrs import define, evolve, field, frozen

from h2b.model.errors import H2BError
from h2b.model.params import MAXIMUM_TEXT
from h2b.protocol.recognizer import Recognizer
from h2b.protocol.session import Setting
from h2b.server.channel import Channel, ClientTooSlow
from h2b.server.limits import BUSY, Place, Tally, origin
from h2b.server.media import Media, MediaPort, NoPort
from h2b.server.mrcp import ControlChannel, ControlPort
from h2b.server.seldom import Seldom
from h2b.server.sip import News, SipEndpoint
from h2b.server.waveforms import Waveforms
from h2b.telephony.sdp import SdpError, parse_sdp, write_sdp
from h2b.telephony.sdp_answer import (
    Acceptance,
    AgreedAudio,
    Answer,
    AnswerSettings,
    OfferNotAcceptable,
    Srtp,
    accept_offer,
    answer,
)
from h2b.telephony.sdp_crypto import KEY_BYTES
from h2b.telephony.sdp_offer import read_offer
from h2b.telephony.sip_effects import CallChanged, CallConfirmed, CallEnded, CallOffered, EndReason, Transport
from h2b.wire.nlsml import Flavour

_log = structlog.get_logger("h2b.server.calls")

RETRY_AFTER_S = 5
LINGER_S = 1.0
"""A client that leaves closes its control connection and says BYE, in either order: the BYE gets this long."""
UNUSED_S = 600.0
"""A call whose client is connected, but never sends a request, is given up after this time."""
TOKEN_BYTES = 12
"""Of the part of a Channel-Identifier that must be hard to guess: 96 bits, where RFC 6787 section 4.1 wants 64."""


NO_CALLS = (EndReason.REJECTED, EndReason.NO_ANSWER)
"""Ends of what was never answered."""
PACKETS = ("received", "lost", "late")


class Refused(H2BError):
    """An offer that is not taken, with its SIP status."""

    def __init__(self, status: int, why: str, retry_after: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.retry_after = retry_after


@frozen(kw_only=True)
class CallSettings:
    """What is the same for every call."""

    address_towards: Callable[[Transport, str], str]
    """Ours, for a client that calls by this transport from this host."""
    control_port: int
    tls_port: int = 0
    fingerprint: Callable[[], str] = lambda: ""
    """Of our certificate at the moment, for SDP; empty without TLS."""
    flavour: Flavour = Flavour.RFC
    connect_s: float = 10.0
    audio_address: str = ""
    """Where sound is heard, if it is not where clients call."""
    waveforms: Waveforms | None = None
    """Where sound is kept for clients that ask for it."""
    srtp: Srtp = Srtp.OFF
    calls_per_address: int = 500
    may_begin: Callable[[], bool] = lambda: True
    """Whether a call may begin now; those within calls go on."""
    tenant_of: Callable[[str], str] = lambda user: user
    """Whose calls those of a user are; of nobody's where calls need no password."""


@define(eq=False)
class _Call:
    """One call that was answered."""

    name: str
    call_id: str
    token: str
    """First part of every Channel-Identifier."""
    peer: str
    """Address the call came from."""
    address: str
    """Address it reached us at."""
    tenant: str
    """Whose call it is, for usage records."""
    hosts: set[str]
    """Addresses the client's control connection may come from."""
    place: Place
    """Among the calls of its address."""
    description_id: str
    version: int = 1
    channels: dict[str, ControlChannel] = field(factory=dict)
    """By resource."""
    media: dict[int, MediaPort] = field(factory=dict)
    """By the index of the m= line."""
    keys: defaultdict[int, bytes] = field(factory=lambda: defaultdict(_make_key), repr=False)
    """Our SRTP keys, made when they are needed, by the index of the m= line."""
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    nursery: trio.Nursery | None = None
    lost: trio.Event = field(factory=trio.Event)
    """Set when the control connection of a channel ends."""


class Switchboard:
    """All calls of a server."""

    def __init__(
        self,
        settings: CallSettings,
        setting: Setting,
        open_channel: Callable[[Recognizer], Channel],
        control: ControlPort,
        media: Media,
        nursery: trio.Nursery,
    ) -> None:
        """`open_channel` makes what keeps a recognizer resource alive; calls live in `nursery`."""
        self._settings = settings
        self._setting = evolve(setting, wire="mrcp")
        self._open_channel = open_channel
        self._control = control
        self._media = media
        self._nursery = nursery
        self._calls: dict[str, _Call] = {}
        self._hosts = Tally()
        """Calls by address."""
        self._seldom = Seldom()
        nursery.start_soon(self._seldom.run)
        self.ended = Counter({why.name.lower(): 0 for why in EndReason if why not in NO_CALLS})
        """Calls that are over, by how they ended."""
        self.packets: Counter[str] = Counter(dict.fromkeys(PACKETS, 0))
        """RTP of calls that are over, by what became of it."""
        self._described = count(secrets.randbelow(1 << 30))
        self._ended = trio.Event()
        self.endpoint: SipEndpoint
        """Given once it is there: it needs `hear_news`."""

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return len(self._calls)

    async def empty(self) -> None:
        """Wait until no call is left."""
        while self._calls:
            await self._ended.wait()

    def drain(self) -> None:
        """Take no more calls; those that are there go on."""
        self.endpoint.server.retry_after = RETRY_AFTER_S

    def hang_up_all(self) -> None:
        """The end of every call, now."""
        for name in list(self._calls):
            self.endpoint.hang_up(name)

    def release_all(self) -> None:
        """Give back and bill everything, also when SIP cannot say goodbye any more."""
        for name in list(self._calls):
            self._end(name, EndReason.RELEASED)

    # News of SIP

    def hear_news(self, news: News) -> None:
        """What SIP tells of calls. Never raises: a fault of ours costs this call alone."""
        try:
            match news:
                case CallOffered():
                    self._offered(news)
                case CallChanged():
                    self._changed(news)
                case CallEnded():
                    self._end(news.call, news.reason, in_order=news.reason is EndReason.HUNG_UP)
                case CallConfirmed():
                    pass
        except Exception:
            _log.exception("call_failed", call=news.call)
            if not isinstance(news, CallEnded):
                self.endpoint.hang_up(news.call)

    def _offered(self, offered: CallOffered) -> None:
        host = offered.peer.host
        place = Place(self._hosts, origin(host), self._settings.calls_per_address)
        try:
            self._check_room(place)
            call = _Call(
                name=offered.call,
                call_id=offered.call_id,
                token=secrets.token_hex(TOKEN_BYTES),
                peer=host,
                address=self._settings.address_towards(offered.peer.transport, host),
                tenant=self._settings.tenant_of(offered.user),
                hosts={host},
                place=place,
                description_id=str(next(self._described)),
            )
            agreed = self._agree(call, offered.offer)
        except BaseException as error:
            place.leave()
            if not isinstance(error, Refused):
                raise
            self._refuse(offered.call, offered.call_id, host, error)
            return
        self._calls[call.name] = call
        self._nursery.start_soon(self._serve, call)
        channels = [channel.identifier for channel in call.channels.values()]
        _log.info("call_answered", call_id=call.call_id, peer=host, user=offered.user, channels=channels)
        self.endpoint.accept(call.name, write_sdp(agreed.description))

    def _changed(self, changed: CallChanged) -> None:
        call = self._calls[changed.call]
        call.version += 1
        try:
            agreed = self._agree(call, changed.offer)
        except Refused as refused:
            self._refuse(call.name, call.call_id, call.peer, refused)
            return
        channels = [channel.identifier for channel in call.channels.values()]
        _log.info("call_changed", call_id=call.call_id, channels=channels)
        self.endpoint.accept(call.name, write_sdp(agreed.description))

    def _refuse(self, name: str, call_id: str, peer: str, refused: Refused) -> None:
        status, why = refused.status, str(refused)
        self._seldom.tell(_log.warning, "call_refused", status, call_id=call_id, peer=peer, status=status, reason=why)
        self.endpoint.reject(name, refused.status, str(refused), refused.retry_after)

    def _check_room(self, place: Place) -> None:
        if not place.take():
            raise Refused(503, "too many calls from this address", RETRY_AFTER_S)
        if not self._settings.may_begin():
            raise Refused(503, BUSY, RETRY_AFTER_S)

    # What is agreed on

    def _agree(self, call: _Call, offer: bytes) -> Answer:
        """Give a call the channels and ports of an offer. Raises Refused, and leaves the call as it was."""
        settings = self._answer_settings(call)
        try:
            acceptance = accept_offer(read_offer(parse_sdp(offer)), settings)
        except SdpError as error:
            raise Refused(488, str(error)) from None
        except OfferNotAcceptable as error:
            raise Refused(488, str(error)) from None
        opened: dict[int, MediaPort] = {}
        try:
            agreed = self._with_ports(call, acceptance, settings, opened)
            self._take_channels(call, agreed, acceptance)
        except BaseException:
            for port in opened.values():
                self._media.close(port)
            raise
        self._take_media(call, agreed, opened)
        return agreed

    def _answer_settings(self, call: _Call) -> AnswerSettings:
        settings = self._settings
        return AnswerSettings(
            address=call.address,
            channel=call.token,
            control_port=settings.control_port,
            tls_port=settings.tls_port,
            fingerprint=settings.fingerprint(),
            session_id=call.description_id,
            version=call.version,
            reuse_connection=self._control.connected_from(call.hosts),
            established=call.name in self._calls,
            audio_address=settings.audio_address,
            srtp=settings.srtp,
            keys=call.keys,
        )

    def _with_ports(
        self, call: _Call, acceptance: Acceptance, settings: AnswerSettings, opened: dict[int, MediaPort]
    ) -> Answer:
        """The answer, with ports for what has none; these come into `opened`."""
        ports = {index: port.number for index, port in call.media.items()}
        try:
            for own in acceptance.audio:
                index = own.media.index
                if index not in ports:
                    opened[index] = self._media.open(partial(self._agreed_audio, acceptance, settings, index))
                    ports[index] = opened[index].number
        except NoPort as error:
            raise Refused(503, str(error), RETRY_AFTER_S) from None
        return answer(acceptance, settings, ports)

    def _agreed_audio(self, acceptance: Acceptance, settings: AnswerSettings, index: int, port: int) -> AgreedAudio:
        ports = {own.media.index: port for own in acceptance.audio}
        return next(own for own in answer(acceptance, settings, ports).audio if own.index == index)

    def _take_channels(self, call: _Call, agreed: Answer, acceptance: Acceptance) -> None:
        wanted = {own.resource: own.channel for own in agreed.control}
        fresh = {
            resource: self._make_channel(call, identifier)
            for resource, identifier in wanted.items()
            if resource not in call.channels
        }
        for resource in [resource for resource in call.channels if resource not in wanted]:
            self._close_channel(call.channels.pop(resource), in_order=True)
        for control, _ in acceptance.control:
            if control.connection == "new" and control.resource in call.channels:
                # The client is about to connect again for it.
                call.channels[control.resource].let_move()
        for resource, channel in fresh.items():
            call.channels[resource] = channel
            self._control.add(channel)
            if call.nursery is not None:
                call.nursery.start_soon(channel.run)

    def _take_media(self, call: _Call, agreed: Answer, opened: dict[int, MediaPort]) -> None:
        wanted = {own.index: own for own in agreed.audio}
        for index in [index for index in call.media if index not in wanted]:
            self._close_port(call, call.media.pop(index))
        for index, port in call.media.items():
            port.agree(wanted[index], trio.current_time())
        call.media.update(opened)
        call.hosts |= {own.remote_address for own in agreed.audio}
        for index, port in call.media.items():
            port.listeners = tuple(call.channels[own.resource] for own in agreed.control if own.audio == index)

    def _make_channel(self, call: _Call, identifier: str) -> ControlChannel:
        setting = evolve(self._setting, tenant=call.tenant)
        machine = Recognizer(setting, identifier, self._settings.flavour, make_token=lambda: secrets.token_hex(8))
        machine.session.describe(session_id=call.call_id[:MAXIMUM_TEXT])
        waveforms = self._settings.waveforms
        return ControlChannel(identifier, self._open_channel(machine), lambda: call.lost.set(), waveforms)

    # Life and end

    async def _serve(self, call: _Call) -> None:
        """Live until the call is over. Whatever goes wrong ends this call and no other."""
        try:
            with call.scope:
                async with trio.open_nursery() as call.nursery:
                    for channel in call.channels.values():
                        call.nursery.start_soon(channel.run)
                    call.nursery.start_soon(self._expect_connection, call)
                    call.nursery.start_soon(self._notice_loss, call)
        except* ClientTooSlow:
            _log.warning("call_too_slow", call_id=call.call_id)
        except* Exception:
            _log.exception("call_failed", call=call.name)
        finally:
            call.nursery = None
            self.endpoint.hang_up(call.name)

    async def _expect_connection(self, call: _Call) -> None:
        """Give up a client that does not connect, or connects and says nothing (RFC 6787 section 4.2)."""
        give_up_at = trio.current_time() + UNUSED_S
        while not any(channel.bound for channel in call.channels.values()):
            await trio.sleep(self._settings.connect_s)
            if trio.current_time() >= give_up_at or not self._control.connected_from(call.hosts):
                break
        else:
            return
        if call.channels and not any(channel.bound for channel in call.channels.values()):
            self._hang_up(call, "no control connection")

    async def _notice_loss(self, call: _Call) -> None:
        """Hang up when a control connection is lost, unless the client says BYE or comes again (RFC 6787, 4.6)."""
        while True:
            await call.lost.wait()
            call.lost = trio.Event()
            await trio.sleep(LINGER_S)
            if not any(channel.bound for channel in call.channels.values()):
                self._hang_up(call, "the control connection was lost")
                return

    def _hang_up(self, call: _Call, why: str) -> None:
        _log.info("call_given_up", call_id=call.call_id, reason=why)
        self.endpoint.hang_up(call.name)

    def _end(self, name: str, reason: EndReason, *, in_order: bool = False) -> None:
        """A call is over: everything it had is given back. Safe to call again, and for calls that were refused."""
        call = self._calls.pop(name, None)
        if call is None:
            return
        self.ended[reason.name.lower()] += 1
        try:
            for channel in call.channels.values():
                self._close_channel(channel, in_order=in_order)
        finally:
            for port in call.media.values():
                self._close_port(call, port)
            call.place.leave()
            call.scope.cancel()
            self._ended.set()
            self._ended = trio.Event()
            _log.info("call_ended", call_id=call.call_id, reason=reason.value)

    def _close_channel(self, channel: ControlChannel, *, in_order: bool) -> None:
        self._control.remove(channel)
        channel.scope.cancel()
        if in_order:
            channel.channel.leave()
        channel.channel.abandon()

    def _close_port(self, call: _Call, port: MediaPort) -> None:
        counted = port.receiver.statistics
        self.packets.update({kind: getattr(counted, kind) for kind in PACKETS})
        _log.info("rtp_ended", call_id=call.call_id, port=port.number, packets=port.report)
        self._media.close(port)


def _make_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def admitted(host: str, allow: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether an address is in one of the networks; everybody is where none are named."""
    return not allow or any(ip_address(host) in network for network in allow)


def local_address(host: str) -> str:
    """Our address on the way to a host. Nothing is sent for finding it out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        # Of a link's own address without the name of the link, which means nothing elsewhere.
        return str(probe.getsockname()[0]).partition("%")[0]
