"""A small MRCPv2 server for tests of the client: real SIP, and MRCP messages that a test writes itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from h2b.telephony.rtp import Packet, parse_packet
from h2b.telephony.sdp import Attributes, Media, Origin, SessionDescription, parse_sdp, write_sdp
from h2b.telephony.sdp_offer import read_offer
from h2b.telephony.sip_effects import CallEnded, CallOffered, Effect, Peer, SendMessage, Transport
from h2b.telephony.sip_server import SipServer
from h2b.telephony.sip_settings import SipSettings
from h2b.wire.mrcptext import Deframer, MrcpMessage, MrcpRequest

HOST = "127.0.0.1"
RESULT = (
    b'<?xml version="1.0"?><result xmlns="urn:ietf:params:xml:ns:mrcpv2"><interpretation grammar="builtin:speech/pin" '
    b'confidence="0.97"><instance>4712</instance><input mode="speech" confidence="0.97">four seven one two</input>'
    b"</interpretation></result>"
)

Answer = Callable[["Peerless", MrcpRequest], list[bytes] | None]


@define
class Peerless:
    """What a test may look at while its answers are asked for."""

    channel: str
    requests: list[MrcpRequest] = field(factory=list)
    packets: list[Packet] = field(factory=list)
    """RTP that came."""


@define
class ScriptedServer:
    """A server whose MRCP messages `answer` writes; None closes the connection."""

    answer: Answer
    port: int = 0
    refusal: int = 0
    """Status that refuses every call; 0 for none."""
    goodbye: bool = True
    """Whether BYE is answered."""
    ended: list[str] = field(factory=list)
    calls: list[Peerless] = field(factory=list)
    connections: int = 0
    _sip: SipServer = field(init=False)
    _mrcp_port: int = 0
    _audio_port: int = 0

    @property
    def uri(self) -> str:
        return f"sip:{HOST}:{self.port}"

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        audio = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
        datagrams = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
        with audio, datagrams:
            await audio.bind((HOST, 0))
            await datagrams.bind((HOST, 0))
            self.port, self._audio_port = datagrams.getsockname()[1], audio.getsockname()[1]
            self._sip = SipServer(SipSettings(host=HOST, port=self.port))
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(trio.serve_tcp, self._converse, 0)
                self._mrcp_port = listeners[0].socket.getsockname()[1]
                nursery.start_soon(self._hear, audio)
                task_status.started()
                while True:
                    octets, (host, port) = await datagrams.recvfrom(65_535)
                    if not self.goodbye and octets.startswith(b"BYE"):
                        continue
                    now = trio.current_time()
                    await self._perform(datagrams, self._sip.receive(octets, Peer(Transport.UDP, host, port), now))

    async def _perform(self, datagrams: trio.socket.SocketType, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendMessage):
                await datagrams.sendto(effect.payload, (effect.destination.host, effect.destination.port))
            elif isinstance(effect, CallEnded):
                self.ended.append(effect.call)
            elif isinstance(effect, CallOffered):
                await self._perform(datagrams, self._decide(effect))

    def _decide(self, offered: CallOffered) -> list[Effect]:
        now = trio.current_time()
        if self.refusal:
            return self._sip.reject(offered.call, self.refusal, "no recognizer left", now)
        channel = f"{len(self.calls):016x}@speechrecog"
        self.calls.append(Peerless(channel))
        return self._sip.accept(offered.call, self._description(offered.offer, channel), now)

    def _description(self, offer: bytes, channel: str) -> bytes:
        wanted = read_offer(parse_sdp(offer))
        control, audio = wanted.control[0], wanted.audio[0]
        attributes = (("setup", "passive"), ("connection", control.connection), ("channel", channel), ("cmid", "1"))
        media = Media("application", self._mrcp_port, control.protocol, ("1",), attributes=Attributes(attributes))
        taken = [audio.formats[0], *(own for own in audio.formats if own.encoding == "telephone-event")]
        maps = tuple(("rtpmap", own.rtpmap) for own in taken)
        sound = Media(
            "audio",
            self._audio_port,
            audio.protocol,
            tuple(str(own.number) for own in taken),
            attributes=Attributes((*maps, ("recvonly", None), ("mid", "1"))),
        )
        return write_sdp(SessionDescription(Origin("-", "1", "1", HOST), HOST, media=(media, sound)))

    async def _hear(self, audio: trio.socket.SocketType) -> None:
        while True:
            packet = parse_packet(await audio.recv(4096))
            if packet is not None:
                self.calls[-1].packets.append(packet)

    async def _converse(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        reader = Deframer()
        async for octets in stream:
            for request in reader.feed(octets):
                assert isinstance(request, MrcpRequest)
                call = next(own for own in self.calls if own.channel == request.headers.get("Channel-Identifier"))
                call.requests.append(request)
                messages = self.answer(call, request)
                if messages is None:
                    await stream.aclose()
                    return
                for message in messages:
                    await stream.send_all(message)


@asynccontextmanager
async def scripted_server(answer: Answer, **attributes: object) -> AsyncIterator[ScriptedServer]:
    """A server as long as the block."""
    server = ScriptedServer(answer, **attributes)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()


def message(start: str, *fields: str, body: bytes = b"", length: int | None = None) -> bytes:
    """Octets of a message by its start line without version and length; `length` is a wrong message-length."""
    lines = [*fields, *([f"Content-Length: {len(body)}"] if body else [])]
    rest = "".join(f"{line}\r\n" for line in (f" {start}", *lines, "")).encode() + body
    size = len("MRCP/2.0 ") + len(rest)
    while len(f"MRCP/2.0 {size}") + len(rest) != size:
        size = len(f"MRCP/2.0 {size}") + len(rest)
    return f"MRCP/2.0 {length or size}".encode() + rest


def told(sent: MrcpMessage) -> str:
    """The start line of a request without version and length."""
    return sent.start
