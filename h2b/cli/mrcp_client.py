"""An MRCPv2 client on trio: calls by SIP, and a recognizer for each.

Owns the SIP socket and the control connections of all calls. Must not know command lines; SIP is `SipClient`'s, what
happens in a call is `mrcp_session`'s.
"""

import math
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import trio
from attrs import define, evolve, field, frozen

from h2b.cli.mrcp_capture import Capture
from h2b.cli.mrcp_judge import ClientChannel, Violation
from h2b.cli.mrcp_session import (
    RECEIVE_BYTES,
    Address,
    Call,
    CallFailed,
    Came,
    Control,
    Record,
    Stream,
    plain_nursery,
    socket_of,
)
from h2b.telephony.sdp import SdpError, write_sdp
from h2b.telephony.sdp_client import EVENTS, PCMA, PCMU, Grant, OfferSettings, make_offer, read_grant
from h2b.telephony.sdp_offer import PayloadFormat
from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_digest import DigestAnswerer
from h2b.telephony.sip_effects import (
    CallAnswered,
    CallEnded,
    CallRefused,
    ChangeRefused,
    Effect,
    EndReason,
    Peer,
    SendMessage,
    Transport,
)
from h2b.telephony.sip_framing import Deframer
from h2b.telephony.sip_message import Response, parse_message
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_syntax import SipSyntaxError

L16: Final = PayloadFormat(96, "L16", 8000)
FORMATS: Final = {"pcmu": PCMU, "pcma": PCMA, "l16": L16}
"""Payload formats by their names on the command line."""
ANSWER_S: Final = 32.0
"""Longest wait for the answer to INVITE: SIP's own patience."""
CONNECT_S: Final = 5.0
GOODBYE_S: Final = 5.0
"""Longest wait for the answer to BYE."""
LARGEST_DATAGRAM: Final = 65_535

News: TypeAlias = CallAnswered | CallRefused | CallEnded | ChangeRefused


PASSWORD_WANTED = "expected --user, and the password in H2B_SIP_PASSWORD"


@frozen(kw_only=True)
class Destination:
    """The server: how it is called, and where SIP goes."""

    uri: str
    host: str
    port: int
    transport: Transport = Transport.UDP
    tls: ssl.SSLContext | None = None
    """Which authorities are believed; SIP by TLS then asks for MRCP by TLS too."""

    @property
    def peer(self) -> Peer:
        return Peer(self.transport, self.host, self.port, connection=1 if self.transport.reliable else 0)


@define
class _SipLine:
    """The socket SIP goes by: datagrams, or one connection."""

    near: Address
    datagrams: trio.socket.SocketType | None = None
    stream: Stream | None = None
    _turn: trio.Lock = field(factory=trio.Lock)

    async def send(self, octets: bytes, far: Address) -> None:
        """Raises CallFailed when nothing can be sent any more."""
        try:
            if self.datagrams is not None:
                await self.datagrams.sendto(octets, far)
            elif self.stream is not None:
                async with self._turn:
                    await self.stream.send_all(octets)
        except OSError as error:
            raise CallFailed(f"{far[0]}:{far[1]} cannot be reached: {error.strerror}") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise CallFailed("the server closed the SIP connection") from None

    async def receive(self) -> tuple[bytes, Address]:
        """What came and from where; nothing when the connection is over."""
        if self.datagrams is not None:
            octets, (host, port, *_) = await self.datagrams.recvfrom(LARGEST_DATAGRAM)
            return octets, (host, port)
        assert self.stream is not None
        try:
            return bytes(await self.stream.receive_some(RECEIVE_BYTES)), ("", 0)
        except trio.BrokenResourceError:
            return b"", ("", 0)

    def close(self) -> None:
        if self.datagrams is not None:
            self.datagrams.close()
        elif self.stream is not None:
            socket_of(self.stream).close()


@define
class _Dialogue:
    """What is known of a call besides its messages."""

    send_news: "trio.MemorySendChannel[News]"
    messages: "trio.MemorySendChannel[Came] | None" = None
    goodbye: trio.Event | None = None
    """Set when our BYE is answered; None while there is nothing to end."""


@define(kw_only=True)
class MrcpClient:
    """One user agent for any number of calls; made by `open_client`."""

    destination: Destination
    formats: tuple[PayloadFormat, ...] = (PCMU, PCMA, L16)
    capture: Capture | None = None
    chop: bool = False
    """Send every octet of MRCP in a segment of its own."""
    _line: _SipLine
    _sip: SipClient
    _nursery: trio.Nursery
    _dialogues: dict[str, _Dialogue] = field(factory=dict)
    _controls: dict[Address, Control] = field(factory=dict)
    _deframer: Deframer = field(factory=Deframer)
    _wake: trio.Event = field(factory=trio.Event)

    # Calls

    @asynccontextmanager
    async def call(self, *, reuse: bool = False, resource: str = "speechrecog") -> AsyncIterator[Call]:
        """A call as long as the block; then BYE, whose answer is waited for.

        `reuse` asks for a control connection that is there already. Raises CallFailed when the call does not come
        about, and Violation.
        """
        family = socket.AF_INET6 if ":" in self._line.near[0] else socket.AF_INET
        with trio.socket.socket(family, socket.SOCK_DGRAM) as audio:
            await audio.bind((self._line.near[0], 0))
            invited_at = trio.current_time()
            name, news = await self._invite(audio.getsockname()[1], reuse, resource)
            try:
                grant = await self._answer(name, news)
                answered_at = trio.current_time()
                async with self._channel(name, grant, reuse) as (control, channel, arrivals):
                    yield Call(
                        name=name,
                        grant=grant,
                        channel=channel,
                        control=control,
                        invited_at=invited_at,
                        answered_at=answered_at,
                        arrivals=arrivals,
                        audio=audio,
                        record=self._recording("udp"),
                    )
            except BaseException:
                await self._hang_up(name)
                raise
            if not await self._hang_up(name):
                raise Violation(f"no answer to BYE within {GOODBYE_S:g} s")

    async def change(self, call: Call, offer: bytes) -> bytes:
        """Offer another description in a call; the answer to it. Raises CallFailed when it is refused."""
        dialogue = self._dialogues[call.name]
        dialogue.send_news, news = trio.open_memory_channel[News](math.inf)
        await self._perform(self._sip.change(call.name, offer, trio.current_time()))
        with trio.move_on_after(ANSWER_S + 1):
            match await news.receive():
                case CallAnswered(answer=answer):
                    return answer
                case ChangeRefused(status=status, reason=reason):
                    raise CallFailed(f"the server refused the change: {status} {reason}")
                case _:
                    raise CallFailed("the server hung up")
        raise CallFailed(f"no answer to the changed INVITE within {ANSWER_S:g} s")

    async def _invite(
        self, audio_port: int, reuse: bool, resource: str
    ) -> tuple[str, "trio.MemoryReceiveChannel[News]"]:
        wanted = OfferSettings(
            address=self._line.near[0],
            audio_port=audio_port,
            resources=(resource,),
            formats=(*self.formats, EVENTS),
            reuse_connection=reuse,
            tls=self.destination.tls is not None,
        )
        offer = write_sdp(make_offer(wanted))
        name, effects = self._sip.call(self.destination.uri, self.destination.peer, offer, trio.current_time())
        send, receive = trio.open_memory_channel[News](math.inf)
        self._dialogues[name] = _Dialogue(send)
        await self._perform(effects)
        return name, receive

    async def _answer(self, name: str, news: "trio.MemoryReceiveChannel[News]") -> Grant:
        with trio.move_on_after(ANSWER_S + 1):
            match await news.receive():
                case CallAnswered(answer=answer):
                    self._dialogues[name].goodbye = trio.Event()
                    return _grant(answer)
                case CallRefused(status=408):
                    place = f"{self.destination.host}:{self.destination.port}"
                    raise CallFailed(f"no answer to INVITE from {place} within {ANSWER_S:g} s")
                case CallRefused(status=status, reason=reason, headers=headers):
                    why = PASSWORD_WANTED if status == 401 else headers.get("Warning")
                    raise CallFailed(f"the server refused the call: {status} {reason}{f' ({why})' if why else ''}")
                case _:
                    raise CallFailed("the server hung up before the call began")
        raise CallFailed(f"no answer to INVITE within {ANSWER_S:g} s")

    @asynccontextmanager
    async def _channel(
        self, name: str, grant: Grant, reuse: bool
    ) -> "AsyncIterator[tuple[Control, ClientChannel, trio.MemoryReceiveChannel[Came]]]":
        """The channel of a call on its control connection; the last one to go closes that."""
        channel = grant.resources[0].channel
        send, receive = trio.open_memory_channel[Came](math.inf)
        self._dialogues[name].messages = send
        control = await self._connection(grant, reuse)
        control.channels[channel] = send
        try:
            yield control, ClientChannel(channel), receive
        finally:
            del control.channels[channel]
            if not control.channels:
                await self._close(control)

    async def _connection(self, grant: Grant, reuse: bool) -> Control:
        granted = grant.resources[0]
        far = granted.address, granted.port
        known = self._controls.get(far)
        if reuse and not granted.new_connection and known is not None and known.lost is None:
            return known
        context = self.destination.tls if granted.tls else None
        stream = await _connect(*far, context, self.destination.host, ", where the answer says MRCP is")
        near: Address = socket_of(stream).getsockname()[:2]
        control = Control(stream, near, far, self._recording("tcp"), chop=self.chop)
        self._controls[far] = control
        self._nursery.start_soon(control.listen)
        return control

    async def _close(self, control: Control) -> None:
        if self._controls.get(control.far) is control:
            del self._controls[control.far]
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(control.stream)

    async def _hang_up(self, name: str) -> bool:
        """BYE or CANCEL, as the call is; False when a BYE is not answered."""
        goodbye = self._dialogues[name].goodbye
        with trio.CancelScope(shield=True), trio.move_on_after(GOODBYE_S) as patience:
            await self._perform(self._sip.hang_up(name, trio.current_time()))
            if goodbye is not None:
                await goodbye.wait()
        del self._dialogues[name]
        return not patience.cancelled_caught

    # SIP

    async def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendMessage(destination, payload):
                    far = destination.host, destination.port
                    self._record_sip(self._line.near, far, payload)
                    await self._line.send(payload, far)
                case CallAnswered() | CallRefused() | CallEnded() | ChangeRefused():
                    self._tell(effect)
        self._wake.set()
        self._wake = trio.Event()

    def _tell(self, news: News) -> None:
        dialogue = self._dialogues.get(news.call)
        if dialogue is None:
            return
        dialogue.send_news.send_nowait(news)
        if isinstance(news, CallEnded) and news.reason is EndReason.HUNG_UP:
            if dialogue.goodbye is not None:
                dialogue.goodbye.set()
            if dialogue.messages is not None:
                dialogue.messages.send_nowait(CallFailed("the server hung up"))

    async def listen(self) -> None:
        """Take SIP in, until the socket is closed."""
        while True:
            octets, far = await self._line.receive()
            if not octets and self._line.stream is not None:
                return
            peer = self.destination.peer
            if self._line.datagrams is not None:
                peer = Peer(Transport.UDP, *far)
            far = far if self._line.datagrams is not None else (peer.host, peer.port)
            self._record_sip(far, self._line.near, octets)
            self._note_goodbyes(octets)
            await self._perform(self._sip.receive(octets, peer, trio.current_time()))

    def _note_goodbyes(self, octets: bytes) -> None:
        """Answers to BYE, which `SipClient` keeps to itself: a server that gives none leaves the caller hanging."""
        messages = [octets]
        try:
            if self._line.stream is not None:
                self._deframer.receive(octets)
                messages = list(iter(self._deframer.next_message, None))
            for each in messages:
                message = parse_message(each)
                dialogue = self._dialogues.get(message.call_id)
                answers_bye = isinstance(message, Response) and message.cseq.method == "BYE" and message.status >= 200
                if answers_bye and dialogue is not None and dialogue.goodbye is not None:
                    dialogue.goodbye.set()
        except SipSyntaxError:
            return

    async def keep_time(self) -> None:
        """Do what SIP's timers want when they want it."""
        while True:
            wake, due = self._wake, self._sip.next_timer()
            with trio.move_on_at(math.inf if due is None else due):
                await wake.wait()
                continue
            await self._perform(self._sip.advance(trio.current_time()))

    def _record_sip(self, near: Address, far: Address, octets: bytes) -> None:
        self._recording("tcp" if self._line.stream is not None else "udp")(near, far, octets)

    def _recording(self, protocol: str) -> Record:
        capture = self.capture
        if capture is None:
            return _nowhere
        write = capture.tcp if protocol == "tcp" else capture.udp
        return lambda source, destination, octets: write(time.time(), source, destination, octets)


def _nowhere(source: Address, destination: Address, octets: bytes) -> None:
    """Records nothing."""


def _grant(answer: bytes) -> Grant:
    try:
        grant = read_grant(answer)
    except SdpError as error:
        raise Violation(f"the answer's {error}") from None
    if not grant.resources:
        raise CallFailed("the answer grants no recognizer: its m=application line is missing, or has port 0")
    return grant


@asynccontextmanager
async def open_client(
    destination: Destination,
    *,
    formats: tuple[PayloadFormat, ...] = (PCMU, PCMA, L16),
    answerer: DigestAnswerer | None = None,
    capture: Capture | None = None,
    chop: bool = False,
) -> AsyncIterator[MrcpClient]:
    """A client of one server, as long as the block. Raises CallFailed when SIP over TCP finds nobody there."""
    async with plain_nursery() as nursery:
        line, destination = await _open_line(destination)
        client = MrcpClient(
            destination=destination,
            formats=formats,
            capture=capture,
            chop=chop,
            line=line,
            sip=SipClient(SipSettings(host=line.near[0], port=line.near[1], product="h2b"), answerer),
            nursery=nursery,
        )
        nursery.start_soon(client.listen)
        nursery.start_soon(client.keep_time)
        try:
            yield client
        finally:
            nursery.cancel_scope.cancel()
            line.close()


async def _open_line(destination: Destination) -> tuple[_SipLine, Destination]:
    """The way to a server, and the server with its name resolved where datagrams go."""
    host, port = destination.host, destination.port
    if destination.transport.reliable:
        context = destination.tls if destination.transport is Transport.TLS else None
        stream = await _connect(host, port, context, host)
        return _SipLine(socket_of(stream).getsockname()[:2], stream=stream), destination
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        # Telephone systems live on IPv4, and datagrams do not tell that nobody listens.
        family, _, _, _, address = min(found, key=lambda each: each[0] is not socket.AF_INET)
        # Connected for a moment, to learn which of our addresses the server sees.
        with trio.socket.socket(family, socket.SOCK_DGRAM) as asking:
            await asking.connect(address)
            own = asking.getsockname()[0]
        datagrams = trio.socket.socket(family, socket.SOCK_DGRAM)
        await datagrams.bind((own, 0))
    except OSError as error:
        raise CallFailed(f"{host}:{port} cannot be called: {error.strerror}") from None
    return _SipLine(datagrams.getsockname()[:2], datagrams=datagrams), evolve(destination, host=str(address[0]))


async def _connect(host: str, port: int, context: ssl.SSLContext | None, name: str, where: str = "") -> Stream:
    """A connection; encrypted, and the server known by `name`, with a context. Raises CallFailed."""
    try:
        with trio.fail_after(CONNECT_S):
            stream = await trio.open_tcp_stream(host, port)
    except (OSError, trio.TooSlowError):
        raise CallFailed(f"nobody listens at {host}:{port}{where}") from None
    if context is None:
        return stream
    encrypted = trio.SSLStream(stream, context, server_hostname=name, https_compatible=True)
    try:
        with trio.fail_after(CONNECT_S):
            await encrypted.do_handshake()
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        stream.socket.close()
        raise CallFailed(f"no TLS with {host}:{port}: {error.__cause__ or error}") from None
    return encrypted
