"""RTP on sockets: the ports of calls, one sweep over all of them every 20 ms, sound and keys to who listens.

Owns sockets, ports and the playout clock. Must not know SIP, channels or what is done with the sound. The order and
the timing of packets are `h2b.telephony.rtp_receiver`'s.

Theory of operation
 1. A task for each socket would cost two to three times as much: one task reads all that has come, then plays out. The
    kernel is asked at once which sockets have something, for to find out of each that it has nothing more costs as much
    as its packet.
 2. The sweep is the clock of the sound too: a span is due every 20 ms whether packets came or not, so a caller who
    stops sending is heard as silent, and every timer of a recognition still fires. Such silence is told apart, for
    nobody is billed for it.
 3. Where nobody listens, sound is not converted.
 4. What is protected is made plain before anything else looks at it: what is forged is no sign of life, and moves no
    address.
"""

import select
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import structlog
import trio
from attrs import asdict, define, field

from h2b.audio.g711 import decode_alaw, decode_mulaw
from h2b.audio.resample import StreamResampler
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.server.srtp import Rejected, Unprotector
from h2b.telephony.rtp import COMFORT_NOISE, MAXIMUM_PACKET, SPAN_SECONDS, Encoding, PayloadFormat
from h2b.telephony.rtp_events import KeyPressed
from h2b.telephony.rtp_receiver import RtpReceiver
from h2b.telephony.sdp_answer import AgreedAudio
from h2b.telephony.sdp_crypto import Crypto

_log = structlog.get_logger("h2b.server.media")

ROUNDS_A_SWEEP = 50
"""Packets of one socket: one second of sound. More is left for the next sweep, so that a flood harms its own call."""
SILENT_S = 0.1
"""After so long without a packet of the caller's sound, silence is none that somebody sent: it is not due to a slow
network."""
STRETCH_S = 0.001
"""After so long, other tasks have their turn."""
PORTS_BETWEEN_LOOKS = 10
"""At the clock."""
COMFORT_NOISE_TYPE = 13
BUFFER_BYTES = 1 << 18
"""Room in the kernel for packets, should a sweep come late."""


class NoPort(H2BError):
    """Every port of the range is taken."""


class Listener(Protocol):
    """Who hears a call's sound."""

    @property
    def listening(self) -> bool:
        """Whether sound is wanted at the moment; keys always are."""
        ...

    def hear(self, sound: bytes) -> None:
        """Take 16-bit linear sound at 8 kHz; empty for 20 ms in which none came."""
        ...

    def press(self, key: str) -> None:
        """Take a key."""
        ...

    def fail(self, error: Exception) -> None:
        """Hear that sound will come no more, for a fault of ours."""
        ...


class MediaPort:
    """One call's sound: a socket, what comes by it, and who listens."""

    def __init__(self, own: socket.socket, agreed: AgreedAudio, now: float) -> None:
        self.socket = own
        self.number: int = own.getsockname()[1]
        self.listeners: tuple[Listener, ...] = ()
        self.receiver = _receiver(agreed, now)
        self.rejected = dict.fromkeys(Rejected, 0)
        """Packets of a protected call that did not count."""
        self._unprotect = _unprotector(agreed.crypto)
        self._agreed = agreed
        self._convert = Converter()
        self._take = own.recvfrom

    def agree(self, agreed: AgreedAudio, now: float) -> None:
        """The caller made another offer: what it changes counts from now on."""
        before, self._agreed = self._agreed, agreed
        if agreed.crypto != before.crypto:
            # With the same key the stream goes on, and with it the count of what came.
            self._unprotect = _unprotector(agreed.crypto)
        if (agreed.payload, agreed.event) != (before.payload, before.event):
            self.receiver = _receiver(agreed, now)
        else:
            self.receiver.announce((agreed.remote_address, agreed.remote_port))

    def read(self, now: float) -> bool:
        """Take in the next packet; False when none has come."""
        try:
            datagram, source = self._take(MAXIMUM_PACKET)
        except OSError:
            # Nothing, or the answer of a host that does not want what was never sent to it: the socket is well.
            return False
        if self._unprotect is not None:
            plain = self._unprotect(datagram)
            if isinstance(plain, Rejected):
                self.rejected[plain] += 1
                return True
            datagram = plain
        self.receiver.receive(datagram, source[:2], now)
        return True

    def play(self, now: float) -> None:
        """Give out the spans that are due, and the keys."""
        receiver = self.receiver
        while True:
            empty = receiver.empty
            span = receiver.pop(now)
            if span is None:
                break
            hearing = [each for each in self.listeners if each.listening]
            if hearing:
                silent = empty and now - receiver.heard > SILENT_S
                sound = b"" if silent else self._convert(receiver.format, span)
                for listener in hearing:
                    listener.hear(sound)
        for event in receiver.keys(now):
            if isinstance(event, KeyPressed):
                for listener in self.listeners:
                    listener.press(event.key)

    @property
    def report(self) -> dict[str, float]:
        """What came, for the log: the counts that are not 0."""
        rejected = {why.name.lower(): count for why, count in self.rejected.items()}
        return {name: count for name, count in (asdict(self.receiver.statistics) | rejected).items() if count}


class Converter:
    """Spans of any format to 16-bit linear sound at 8 kHz, low octet first."""

    def __init__(self) -> None:
        self._format: PayloadFormat | None = None
        self._resampler: StreamResampler | None = None

    def __call__(self, audio_format: PayloadFormat, span: bytes) -> bytes:
        if audio_format is not self._format:
            rate = audio_format.clock_rate
            self._format = audio_format
            self._resampler = StreamResampler(rate, SAMPLE_RATE) if rate != SAMPLE_RATE else None
        if audio_format.encoding is Encoding.PCMU:
            samples = decode_mulaw(span)
        elif audio_format.encoding is Encoding.PCMA:
            samples = decode_alaw(span)
        else:
            samples = np.frombuffer(span, ">i2").astype("<i2")
        if self._resampler is not None:
            samples = self._resampler.feed(samples)
        return samples.tobytes()


class Arrivals:
    """Which of many sockets have something to read, asked at once where the system can tell."""

    def __init__(self) -> None:
        self._watch = select.epoll() if hasattr(select, "epoll") else None
        self._files: set[int] = set()

    def add(self, file: int) -> None:
        """Watch the socket with this descriptor."""
        self._files.add(file)
        if self._watch is not None:
            self._watch.register(file, select.EPOLLIN)

    def remove(self, file: int) -> None:
        """Watch it no more; call it before the socket is closed."""
        self._files.discard(file)
        if self._watch is not None:
            self._watch.unregister(file)

    def waiting(self) -> list[int]:
        """Descriptors of those that have something, or may have."""
        if not self._files:
            return []
        if self._watch is None:
            return list(self._files)
        return [file for file, _ in self._watch.poll(0, len(self._files))]


def _receiver(agreed: AgreedAudio, now: float) -> RtpReceiver:
    payload = PayloadFormat(Encoding(agreed.payload.encoding.upper()), agreed.payload.rate)
    formats = {agreed.payload.number: payload}
    formats.setdefault(COMFORT_NOISE_TYPE, COMFORT_NOISE)
    if agreed.event is not None:
        formats[agreed.event.number] = PayloadFormat(Encoding.TELEPHONE_EVENT, agreed.event.rate)
    return RtpReceiver(formats, now, announced=(agreed.remote_address, agreed.remote_port))


def _unprotector(crypto: Crypto | None) -> Unprotector | None:
    return Unprotector(crypto) if crypto is not None else None


@define
class Ports:
    """The even ports of a range, each given to one call at a time; the odd ones stay free for RTCP (RFC 3550, 11).

    They are given in turn, so that a late packet of a call that is over rarely meets the next one.
    """

    host: str
    first: int
    last: int
    _next: int = field(init=False)
    taken: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.first += self.first % 2
        self._next = self.first

    def open(self) -> socket.socket:
        """A socket on a free port. Raises NoPort."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        for _ in range(self.first, self.last + 1, 2):
            number = self._next
            self._next = number + 2 if number + 2 <= self.last else self.first
            try:
                own = socket.socket(family, socket.SOCK_DGRAM)
            except OSError as error:
                raise NoPort(f"no socket for RTP: {error}") from error
            try:
                own.setblocking(False)
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
                own.bind((self.host, number))
            except OSError:
                own.close()
                continue
            self.taken += 1
            return own
        raise NoPort(f"no free port from {self.first} to {self.last} for RTP")

    def close(self, own: socket.socket) -> None:
        """Give a port back."""
        own.close()
        self.taken -= 1


class Media:
    """All the sound of a server."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._open: dict[MediaPort, None] = {}
        self._by_file: dict[int, MediaPort] = {}
        self._arrivals = Arrivals()
        self._wanted = trio.Event()

    def open(self, agree: Callable[[int], AgreedAudio]) -> MediaPort:
        """A port for what is agreed on once its number is known. Raises NoPort."""
        own = self.ports.open()
        port = MediaPort(own, agree(own.getsockname()[1]), trio.current_time())
        self._open[port] = None
        self._by_file[own.fileno()] = port
        self._arrivals.add(own.fileno())
        self._wanted.set()
        self._wanted = trio.Event()
        return port

    def close(self, port: MediaPort) -> None:
        """The end of a call's sound. Safe to call again."""
        if port in self._open:
            del self._open[port]
            del self._by_file[port.socket.fileno()]
            self._arrivals.remove(port.socket.fileno())
            self.ports.close(port.socket)

    async def run(self) -> None:
        """Sweep until cancelled."""
        due = trio.current_time()
        while True:
            if not self._open:
                await self._wanted.wait()
                due = trio.current_time()
            due = max(due + SPAN_SECONDS, trio.current_time() - SPAN_SECONDS)
            await trio.sleep_until(due)
            await self.sweep()

    async def sweep(self) -> None:
        """Read what has come by all sockets, then play what is due."""
        ready = self._arrivals.waiting()
        for _ in range(ROUNDS_A_SWEEP):
            if not ready:
                break
            await self._in_turn(MediaPort.read, [self._by_file[file] for file in ready])
            ready = self._arrivals.waiting()
        await self._in_turn(MediaPort.play, list(self._open))

    async def _in_turn(self, act: Callable[[MediaPort, float], object], ports: Sequence[MediaPort]) -> None:
        """Do something with all ports that are still open."""
        now = began = trio.current_time()
        for number, port in enumerate(ports, 1):
            if port in self._open:
                try:
                    act(port, now)
                except Exception as error:
                    # It costs this call, and no other its sound.
                    self.close(port)
                    for listener in port.listeners:
                        listener.fail(error)
            if not number % PORTS_BETWEEN_LOOKS:
                now = trio.current_time()
                if now - began >= STRETCH_S:
                    await trio.lowlevel.checkpoint()
                    now = began = trio.current_time()
