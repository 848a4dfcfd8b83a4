"""One MRCPv2 call as its client has it: requests and what comes for them, sound and keys at the pace of a call.

Owns control connections, deadlines and the schedule of RTP. Must not know SIP nor command lines; what the server may
say is `ClientChannel`'s to judge. Like the clients in use it sends sound while there is some, and nothing after it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import getrandbits
from typing import Final, TypeAlias

import numpy as np
import trio
from attrs import define, field, frozen
from numpy.typing import NDArray

from h2b.audio.g711 import encode_alaw, encode_mulaw
from h2b.cli.mrcp_judge import START_OF_INPUT, ClientChannel, StrictReader, Violation
from h2b.model.errors import H2BError
from h2b.model.formats import FRAME_SAMPLES
from h2b.telephony import rtp
from h2b.telephony.rtp import SPAN_SECONDS, Encoding, RtpSender
from h2b.telephony.rtp_events import key_packets
from h2b.telephony.sdp_client import Grant
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpMessage, MrcpResponse
from h2b.wire.vocabulary import Notice

RESPONSE_S: Final = 5.0
"""Longest wait for a response: as long as FreeSWITCH waits."""
KEY_SECONDS: Final = 0.1
KEY_GAP_SECONDS: Final = 0.05
RECEIVE_BYTES: Final = 65_536

Address: TypeAlias = tuple[str, int]
Record: TypeAlias = Callable[[Address, Address, bytes], None]
"""Takes down what went from one address to another."""
Came: TypeAlias = tuple[MrcpMessage, float] | H2BError
"""A message and when it came by trio's clock; or why none comes any more."""
Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Schedule: TypeAlias = list[tuple[float, bytes]]
"""Datagrams, each with the seconds after the first one at which it is due."""


class CallFailed(H2BError):
    """The call did not come about, or broke off: refused, no answer in time, or a connection lost."""


@asynccontextmanager
async def plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery out of which one of our own errors comes as itself, not in a group."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        if group.split((H2BError, trio.Cancelled))[1] is None:
            raise _first(group) from None
        raise


def _first(group: BaseException) -> BaseException:
    """The first error of ours in a group, and in the groups in it."""
    if not isinstance(group, BaseExceptionGroup):
        return group
    own = group.subgroup(H2BError)
    return _first((own or group).exceptions[0])


@frozen
class Arrival:
    """A message and when it came, by trio's clock."""

    message: MrcpResponse | MrcpEvent
    at: float


def socket_of(stream: Stream) -> trio.socket.SocketType:
    """What is under a connection, encrypted or not."""
    return (stream.transport_stream if isinstance(stream, trio.SSLStream) else stream).socket


@define
class Control:
    """A connection that carries the messages of one channel or several."""

    stream: Stream
    near: Address
    far: Address
    record: Record
    channels: dict[str, "trio.MemorySendChannel[Came]"] = field(factory=dict)
    lock: trio.Lock = field(factory=trio.Lock)
    chop: bool = False
    """Send every octet in a segment of its own."""
    lost: H2BError | None = None

    async def send(self, octets: bytes) -> None:
        """Raises CallFailed when the server closed the connection."""
        async with self.lock:
            try:
                for piece in [octets[at : at + 1] for at in range(len(octets))] if self.chop else [octets]:
                    self.record(self.near, self.far, piece)
                    await self.stream.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise CallFailed("the server closed the control connection") from None

    async def listen(self) -> None:
        """Hand out what comes, until the connection ends."""
        reader = StrictReader()
        try:
            while octets := bytes(await self.stream.receive_some(RECEIVE_BYTES)):
                self.record(self.far, self.near, octets)
                for message in reader.feed(octets):
                    self._hand_out(message, trio.current_time())
            torn = ": a message was cut off" if reader.pending else ""
            self._lose(CallFailed(f"the server closed the control connection{torn}"))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose(CallFailed("the control connection broke"))
        except Violation as violation:
            self._lose(violation)

    def _hand_out(self, message: MrcpMessage, at: float) -> None:
        channel = self.channels.get(message.headers.get("Channel-Identifier"))
        if channel is None:
            named = message.headers.get("Channel-Identifier") or "none"
            raise Violation(f"{message.start}: channel {named} is none of this connection's")
        channel.send_nowait((message, at))

    def _lose(self, error: H2BError) -> None:
        self.lost = error
        for channel in self.channels.values():
            channel.send_nowait(error)


@define(kw_only=True)
class Call:
    """One session with a recognizer; made by `h2b.cli.mrcp_client`."""

    name: str
    """Call-ID."""
    grant: Grant
    channel: ClientChannel
    control: Control
    invited_at: float
    answered_at: float
    _arrivals: "trio.MemoryReceiveChannel[Came]"
    _audio: trio.socket.SocketType
    _record: Record
    _events: list[Arrival] = field(factory=list)
    packets: int = 0
    """Datagrams of sound and keys sent."""
    sender: RtpSender | None = None

    async def send(self, method: str, headers: Headers | None = None, body: bytes = b"") -> int:
        """Send a request; its id. The response is `response`'s, or `ask` does both."""
        request_id, octets = self.channel.ask(method, headers, body)
        await self.control.send(octets)
        return request_id

    async def ask(self, method: str, headers: Headers | None = None, body: bytes = b"") -> MrcpResponse:
        """Send a request and wait for its response; events that come before it are kept. Raises Violation."""
        return await self.response(await self.send(method, headers, body))

    async def response(self, request_id: int) -> MrcpResponse:
        """The response to a request."""
        asked = self.channel.asked[request_id]
        with trio.move_on_after(RESPONSE_S):
            while asked.response is None:
                arrival = await self._arrival()
                if isinstance(arrival.message, MrcpEvent):
                    self._events.append(arrival)
            return asked.response
        raise Violation(f"no response to {asked.request.start} within {RESPONSE_S:g} s")

    async def event(self, patience_s: float, name: str = "an event") -> Arrival:
        """The next event. Raises Violation when none comes in time; `name` is for that text."""
        if self._events:
            return self._events.pop(0)
        with trio.move_on_after(patience_s):
            while True:
                arrival = await self._arrival()
                if isinstance(arrival.message, MrcpEvent):
                    return arrival
        raise Violation(f"no {name} within {patience_s:g} s")

    async def completion(self, patience_s: float) -> tuple[Arrival | None, Arrival]:
        """START-OF-INPUT, if it comes, and the event that ends the request."""
        started = None
        arrival = await self.event(patience_s, Notice.RECOGNITION_COMPLETE)
        assert isinstance(arrival.message, MrcpEvent)
        if arrival.message.name == START_OF_INPUT:
            started = arrival
            arrival = await self.event(patience_s, Notice.RECOGNITION_COMPLETE)
        return started, arrival

    async def quiet(self) -> None:
        """Nothing more may have come; call it after a response that ends everything."""
        while True:
            try:
                self._judge(self._arrivals.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return

    async def _arrival(self) -> Arrival:
        return self._judge(await self._arrivals.receive())

    def _judge(self, came: Came) -> Arrival:
        if isinstance(came, H2BError):
            raise came
        return Arrival(self.channel.take(came[0]), came[1])

    # Sound

    @property
    def sound_port(self) -> int:
        """Our port for sound."""
        port: int = self._audio.getsockname()[1]
        return port

    @property
    def sound_file(self) -> int:
        """Descriptor of the socket for sound, for those who pace many calls at once."""
        return self._audio.fileno()

    def sound(self, samples: NDArray[np.int16]) -> Schedule:
        """Packets of 20 ms of these 8 kHz samples, in the format the server chose; the last is filled with silence."""
        sender = self._sender()
        missing = -len(samples) % FRAME_SAMPLES
        whole = np.concatenate((samples, np.zeros(missing, np.int16)))
        coded = _CODERS[sender.audio_format.encoding](whole)
        return [(number * SPAN_SECONDS, packet) for number, packet in enumerate(sender.packets(coded))]

    def keys(self, keys: str) -> Schedule:
        """Packets of these keys, each pressed for a tenth of a second."""
        event = self.grant.event
        if event is None:
            raise CallFailed("the server takes no telephone-events, so no keys")
        sender, schedule, at = self._sender(), [], 0.0
        for key in keys:
            units = round(KEY_SECONDS * event.rate)
            packets = list(key_packets(sender, event.number, key, units))
            # The end is sent three times at once.
            schedule += [(at + min(n * SPAN_SECONDS, KEY_SECONDS), packet) for n, packet in enumerate(packets)]
            sender.pause(round(KEY_GAP_SECONDS * event.rate))
            at += KEY_SECONDS + KEY_GAP_SECONDS
        return schedule

    def _sender(self) -> RtpSender:
        if self.sender is None:
            payload = self.grant.payload
            if payload is None:
                raise CallFailed("the server takes no sound in any of the offered formats")
            audio_format = rtp.PayloadFormat(Encoding(payload.encoding.upper()), payload.rate)
            self.sender = RtpSender(payload.number, audio_format, getrandbits(32), timestamp=FRAME_SAMPLES)
        return self.sender

    async def play(self, schedule: Schedule) -> float:
        """Send packets when they are due; when the first one went."""
        began = trio.current_time()
        near: Address = self._audio.getsockname()[:2]
        far = self.grant.audio_address, self.grant.audio_port
        for at, packet in schedule:
            await trio.sleep_until(began + at)
            self._record(near, far, packet)
            try:
                await self._audio.sendto(packet, far)
            except OSError as error:
                raise CallFailed(f"{far[0]}:{far[1]} cannot be reached: {error.strerror}") from None
            self.packets += 1
        return began


def _linear(samples: NDArray[np.int16]) -> bytes:
    return samples.astype(">i2").tobytes()


_CODERS: Final[dict[Encoding, Callable[[NDArray[np.int16]], bytes]]] = {
    Encoding.PCMU: encode_mulaw,
    Encoding.PCMA: encode_alaw,
    Encoding.L16: _linear,
}
