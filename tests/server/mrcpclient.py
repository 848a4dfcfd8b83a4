"""A client's end of MRCPv2 over real sockets, for tests: SIP, the control connection, RTP."""

import itertools
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress

import numpy as np
import trio
from attrs import define, field
from sound import silence, vowel

from h2b.asr.background import background_tasks
from h2b.audio.g711 import encode_alaw, encode_mulaw
from h2b.audio.resample import resample, to_float, to_int16
from h2b.telephony.rtp import Encoding, PayloadFormat, RtpSender
from h2b.telephony.rtp_events import key_packets
from h2b.telephony.sdp import write_sdp
from h2b.telephony.sdp_client import EVENTS, PCMU, Grant, Granted, OfferSettings, make_offer, read_grant
from h2b.telephony.sip_client import SipClient
from h2b.telephony.sip_digest import DigestAnswerer
from h2b.telephony.sip_effects import (
    CallAnswered,
    CallEnded,
    CallRefused,
    ChangeRefused,
    CloseConnection,
    Effect,
    EndReason,
    Peer,
    SendMessage,
    Transport,
)
from h2b.telephony.sip_settings import SipSettings
from h2b.telephony.sip_transaction import State
from h2b.wire.mrcptext import Deframer, Headers, MrcpEvent, MrcpMessage, MrcpRequest, MrcpResponse, encode

WORD = silence(0.1) + vowel(0.5)
"""Speech that fits into a playout buffer at once, linear at 8 kHz; the server hears silence after it."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other end does in its own time; the test's limit bounds it."""
    while not condition():
        await trio.sleep(0.002)


class Mailbox:
    """Things that came, in order, and waiting for the next one."""

    def __init__(self) -> None:
        self._came: deque[object] = deque()
        self._changed = trio.Event()

    def put(self, thing: object) -> None:
        self._came.append(thing)
        self._changed.set()
        self._changed = trio.Event()

    def __len__(self) -> int:
        return len(self._came)

    async def get(self) -> object:
        while not self._came:
            await self._changed.wait()
        return self._came.popleft()


class ControlLink:
    """A control connection of the client; its messages by channel."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.closed = trio.Event()
        self._boxes: dict[str, Mailbox] = {}

    def box(self, channel: str) -> Mailbox:
        return self._boxes.setdefault(channel, Mailbox())

    async def read(self) -> None:
        deframer = Deframer()
        try:
            while octets := await self.stream.receive_some():
                for message in deframer.feed(bytes(octets)):
                    assert isinstance(message, MrcpResponse | MrcpEvent), message
                    self.box(message.headers.get("Channel-Identifier")).put(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.closed.set()


@define
class Call:
    """One call of the client, answered."""

    phone: "Phone"
    name: str
    grant: Grant
    rtp: socket.socket
    link: ControlLink | None = None
    sender: RtpSender | None = None
    granted: Granted = field(init=False)
    byte_by_byte: bool = False
    protect: Callable[[bytes], bytes] = lambda packet: packet
    """SRTP, where the call has it."""
    _ids: "itertools.count[int]" = field(factory=lambda: itertools.count(1))

    def __attrs_post_init__(self) -> None:
        self.granted = self.grant.resources[0]

    # MRCP

    async def send(self, method: str, body: bytes | str = b"", request_id: int = 0, **headers: str) -> int:
        number = request_id or next(self._ids)
        fields = Headers((("Channel-Identifier", self.granted.channel), *Headers.of(**headers)))
        octets = encode(MrcpRequest(method, number, fields, body if isinstance(body, bytes) else body.encode()))
        assert self.link is not None
        for piece in (octets[at : at + 1] for at in range(len(octets))) if self.byte_by_byte else (octets,):
            await self.link.stream.send_all(piece)
        return number

    async def message(self, channel: str = "") -> MrcpMessage:
        assert self.link is not None
        message = await self.link.box(channel or self.granted.channel).get()
        assert isinstance(message, MrcpResponse | MrcpEvent)
        return message

    async def ask(self, method: str, body: bytes | str = b"", status: int = 200, **headers: str) -> MrcpResponse:
        number = await self.send(method, body, **headers)
        response = await self.message()
        assert isinstance(response, MrcpResponse), response
        assert (response.request_id, response.status) == (number, status), response
        return response

    async def expect(self, *names: str) -> MrcpEvent:
        event = None
        for name in names:
            event = await self.message()
            assert isinstance(event, MrcpEvent), event
            assert event.name == name, event
        assert event is not None
        return event

    async def recognise(self, grammar: str = "builtin:speech/boolean", **headers: str) -> MrcpResponse:
        headers = {"Speech_Complete_Timeout": "300", "Content_Type": "text/uri-list", **headers}
        response = await self.ask("RECOGNIZE", grammar, **headers)
        assert response.state == "IN-PROGRESS"
        return response

    # Sound

    def speak(self, sound: bytes = WORD) -> None:
        """Send all of it at once: the server plays it out in its time."""
        for packet in self.packets(sound):
            self.put(packet)

    def packets(self, sound: bytes) -> list[bytes]:
        assert self.sender is not None
        return self.sender.packets(coded(np.frombuffer(sound, "<i2"), self.sender.audio_format))

    def press(self, keys: str) -> None:
        """Press keys; each is over before the next, by the time in its packets."""
        assert self.sender is not None
        assert self.grant.event is not None
        for key in keys:
            for packet in key_packets(self.sender, self.grant.event.number, key, 800):
                self.put(packet)
            self.sender.pause(400)

    def put(self, packet: bytes) -> None:
        """Send a packet, protected if the call is."""
        self.put_as_it_is(self.protect(packet))

    def put_as_it_is(self, packet: bytes) -> None:
        self.rtp.sendto(packet, (self.grant.audio_address, self.grant.audio_port))

    # SIP

    async def hang_up(self) -> None:
        self.phone.perform(self.phone.client.hang_up(self.name, trio.current_time()))
        ended = await self.phone.news(self.name)
        assert isinstance(ended, CallEnded), ended
        await until(lambda: not self.phone.unanswered)
        self.rtp.close()

    async def change(self, offer: OfferSettings) -> Grant:
        octets = write_sdp(make_offer(offer))
        self.phone.perform(self.phone.client.change(self.name, octets, trio.current_time()))
        news = await self.phone.news(self.name)
        assert isinstance(news, CallAnswered), news
        self.grant = read_grant(news.answer)
        return self.grant

    async def ended(self) -> EndReason:
        news = await self.phone.news(self.name)
        assert isinstance(news, CallEnded), news
        return news.reason


class Phone:
    """A SIP client on a socket of its own."""

    def __init__(
        self,
        tasks: trio.Nursery,
        server: Peer,
        client: SipClient,
        context: ssl.SSLContext | None,
        opened: ExitStack,
    ) -> None:
        self.client = client
        self._opened = opened
        self.server = server
        self.mute = False
        """Whether what it sends is lost."""
        self.acknowledges = True
        self._tasks = tasks
        self._context = context
        self._news: dict[str, Mailbox] = {}
        self._alarm = trio.CancelScope()
        self._socket: socket.socket | None = None
        self._out: trio.MemorySendChannel[bytes] | None = None

    async def open(self) -> None:
        host, port = self.server.host, self.server.port
        if self.server.transport is Transport.UDP:
            self._socket = socket.socket(type=socket.SOCK_DGRAM)
            self._opened.callback(self._socket.close)
            self._socket.bind(("127.0.0.1", 0))
            self._socket.setblocking(False)
            self.client.settings = SipSettings("127.0.0.1", self._socket.getsockname()[1])
            self._tasks.start_soon(self._read_datagrams, trio.socket.from_stdlib_socket(self._socket))
        else:
            stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
            if self.server.transport is Transport.TLS:
                assert self._context is not None
                stream = trio.SSLStream(stream, self._context, server_hostname=host)
            self._out, waiting = trio.open_memory_channel[bytes](100)
            self._tasks.start_soon(self._write, stream, waiting)
            self._tasks.start_soon(self._read, stream)
        self._tasks.start_soon(self._keep_time)

    @property
    def unanswered(self) -> int:
        """Requests that wait for their response."""
        waiting = (State.CALLING, State.PROCEEDING)
        return sum(own.state in waiting for own in self.client._transactions.clients.values())

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendMessage():
                    self._send(effect)
                case CloseConnection():
                    raise AssertionError("the server's SIP cannot be read")
                case CallAnswered() | CallRefused() | CallEnded() | ChangeRefused():
                    self._news.setdefault(effect.call, Mailbox()).put(effect)
        self._set_alarm()

    async def news(self, call: str) -> object:
        return await self._news.setdefault(call, Mailbox()).get()

    def _send(self, effect: SendMessage) -> None:
        if self.mute or (not self.acknowledges and effect.payload.startswith(b"ACK ")):
            return
        if self._out is not None:
            self._out.send_nowait(effect.payload)
        elif self._socket is not None:
            with suppress(OSError):
                # A server that advertises an address of elsewhere cannot be reached there.
                self._socket.sendto(effect.payload, (effect.destination.host, effect.destination.port))

    async def _read_datagrams(self, own: trio.socket.SocketType) -> None:
        while True:
            octets, (host, port) = await own.recvfrom(65536)
            self.perform(self.client.receive(octets, Peer(Transport.UDP, host, port), trio.current_time()))

    async def _read(self, stream: trio.abc.Stream) -> None:
        async with stream:
            while octets := await stream.receive_some():
                self.perform(self.client.receive(bytes(octets), self.server, trio.current_time()))

    async def _write(self, stream: trio.abc.Stream, waiting: trio.MemoryReceiveChannel[bytes]) -> None:
        async for octets in waiting:
            await stream.send_all(octets)

    async def _keep_time(self) -> None:
        while True:
            with trio.CancelScope() as self._alarm:
                self._set_alarm()
                await trio.sleep_forever()
            self.perform(self.client.advance(trio.current_time()))

    def _set_alarm(self) -> None:
        due = self.client.next_timer()
        self._alarm.deadline = float("inf") if due is None else due

    # Calls

    def leave(self) -> None:
        """Hang up on every call, and wait for nothing."""
        for name in list(self._news):
            self.perform(self.client.hang_up(name, trio.current_time()))

    async def dial(self, offer: OfferSettings | None = None, *, uri: str = "", **settings: object) -> Call:
        """A call that is answered, with its control connection; `link` shares one that is open."""
        link = settings.pop("link", None)
        connect = settings.pop("connect", True)
        call = await self.invite(offer, uri=uri, **{"reuse_connection": link is not None, **settings})
        assert isinstance(call, Call), call
        if connect:
            call.link = link if isinstance(link, ControlLink) else await self.connect(call.granted)
        return call

    async def connect(self, granted: Granted) -> ControlLink:
        stream: trio.abc.Stream = (transport := await trio.open_tcp_stream(granted.address, granted.port))
        if granted.tls:
            assert self._context is not None
            stream = trio.SSLStream(stream, self._context, server_hostname=granted.address)
        link = ControlLink(stream)
        self._opened.callback(transport.socket.close)
        self._tasks.start_soon(link.read)
        return link

    async def invite(
        self, offer: OfferSettings | None = None, *, uri: str = "", octets: bytes = b"", **settings: object
    ) -> Call | CallRefused:
        """A call that is answered, or refused."""
        rtp = socket.socket(type=socket.SOCK_DGRAM)
        self._opened.callback(rtp.close)
        rtp.bind(("127.0.0.1", 0))
        offer = offer or OfferSettings("127.0.0.1", rtp.getsockname()[1], **settings)
        uri = uri or f"sip:h2b@{self.server.host}:{self.server.port}"
        octets = octets or write_sdp(make_offer(offer))
        name, effects = self.client.call(uri, self.server, octets, trio.current_time())
        self.perform(effects)
        news = await self.news(name)
        if isinstance(news, CallRefused):
            rtp.close()
            return news
        assert isinstance(news, CallAnswered), news
        call = Call(self, name, read_grant(news.answer), rtp)
        if call.grant.payload is not None:
            payload = call.grant.payload
            audio_format = PayloadFormat(Encoding(payload.encoding), payload.rate)
            call.sender = RtpSender(payload.number, audio_format, ssrc=7, packet_units=audio_format.span_units)
        return call


@asynccontextmanager
async def a_phone(
    address: str,
    transport: Transport = Transport.UDP,
    *,
    context: ssl.SSLContext | None = None,
    password: tuple[str, str] | None = None,
) -> AsyncIterator[Phone]:
    """A client that is gone, connections and all, when the block ends."""
    host, _, port = address.rpartition(":")
    server = Peer(transport, host, int(port), 1 if transport.reliable else 0)
    answerer = DigestAnswerer(*password) if password else None
    client = SipClient(SipSettings("127.0.0.1"), answerer)
    with ExitStack() as opened:
        async with background_tasks() as tasks:
            phone = Phone(tasks, server, client, context, opened)
            await phone.open()
            yield phone
            phone.leave()


def coded(samples: np.ndarray, audio_format: PayloadFormat) -> bytes:
    """8 kHz samples as a payload holds them."""
    if audio_format.clock_rate != 8000:
        samples = to_int16(resample(to_float(samples), 8000, audio_format.clock_rate))
    match audio_format.encoding:
        case Encoding.PCMU:
            return encode_mulaw(samples.astype(np.int16))
        case Encoding.PCMA:
            return encode_alaw(samples.astype(np.int16))
        case _:
            return samples.astype(">i2").tobytes()


__all__ = ["EVENTS", "PCMU", "WORD", "Call", "ControlLink", "Phone", "a_phone", "coded", "until"]
