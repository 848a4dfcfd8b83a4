"""What happened in the calls of a capture: SIP, MRCP and runs of RTP, sorted by call.

Owns how packets are recognised and which call they belong to. Must not know files, nor how rows are printed. A call
is named by its Call-ID; MRCP whose call the capture does not show is a call by the name of its channel.

SIP is found by its start lines on any port, MRCP likewise, RTP by the addresses in session descriptions.
"""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import define, field

from h2b.cli.mrcp_capture import CapturedPacket
from h2b.cli.mrcp_packets import Address, Stream, Transfer, taken_apart
from h2b.model.params import KEYS
from h2b.telephony.rtp import Packet, parse_packet
from h2b.telephony.rtp_events import parse_event
from h2b.telephony.sdp import SdpError, parse_sdp
from h2b.telephony.sdp_offer import Offer, PayloadFormat, read_offer
from h2b.telephony.sip_framing import Deframer as SipDeframer
from h2b.telephony.sip_message import Message, Request, parse_message
from h2b.telephony.sip_syntax import SipSyntaxError
from h2b.wire.mrcptext import Deframer as MrcpDeframer
from h2b.wire.mrcptext import MrcpMessage, MrcpRequest, UnreadableMessage
from h2b.wire.vocabulary import Header

MAXIMUM_CALLS: Final = 10_000
MAXIMUM_ROWS: Final = 10_000
"""Of one call; further ones are counted only."""
MAXIMUM_STREAMS: Final = 20_000
PAUSE_S: Final = 0.25
"""Silence in RTP after which a new run begins."""

_SIP = re.compile(rb"[A-Z]{2,20} [^\r\n]{1,2000} SIP/2\.0\r?\n|SIP/2\.0 [1-6][0-9]{2}", re.IGNORECASE)
_MRCP = re.compile(rb"[\r\n]*MRCP/[0-9]", re.IGNORECASE)


@define
class Run:
    """RTP of one source without a pause: sound, or keys."""

    at: float
    format: PayloadFormat | None
    last: float = 0.0
    packets: int = 0
    reordered: int = 0
    again: int = 0
    longest_gap_s: float = 0.0
    keys: str = ""
    _lowest: int = 0
    _highest: int = -1
    _seen: set[int] = field(factory=set)
    _presses: set[int] = field(factory=set)

    @property
    def lost(self) -> int:
        """Packets whose numbers are missing."""
        return self._highest - self._lowest + 1 - len(self._seen)

    @property
    def is_keys(self) -> bool:
        return self.format is not None and self.format.encoding.lower() == "telephone-event"

    def take(self, packet: Packet, at: float) -> None:
        """Count a packet in."""
        if self._highest < 0:
            self._lowest = self._highest = packet.sequence + (1 << 16)
        sequence = self._highest + (packet.sequence - self._highest + (1 << 15)) % (1 << 16) - (1 << 15)
        self.again += sequence in self._seen
        self.reordered += sequence < self._highest and sequence not in self._seen
        self._seen.add(sequence)
        self._lowest, self._highest = min(self._lowest, sequence), max(self._highest, sequence)
        self.longest_gap_s = max(self.longest_gap_s, at - self.last if self.packets else 0.0)
        self.packets += 1
        self.last = at
        event = parse_event(packet.payload) if self.is_keys else None
        if event is not None and event.code < len(KEYS) and packet.timestamp not in self._presses:
            self._presses.add(packet.timestamp)
            self.keys += KEYS[event.code]


Item: TypeAlias = Message | MrcpMessage | UnreadableMessage | SipSyntaxError | Run


@define
class Row:
    """Something that went one way at a time; `again` for octets that went before."""

    at: float
    forward: bool
    """From the caller."""
    item: Item
    again: bool = False


@define
class TracedCall:
    """A call by its Call-ID, or by a channel whose call is not in the capture."""

    name: str
    caller: Address
    server: Address
    rows: list[Row] = field(factory=list)
    left_out: int = 0
    """Rows above the limit."""
    lost: int = 0
    """Octets of its connections that the capture does not have."""
    channels: list[str] = field(factory=list)
    _seen: set[bytes] = field(factory=set)

    def add(self, at: float, forward: bool, item: Item, octets: bytes = b"") -> None:
        if len(self.rows) >= MAXIMUM_ROWS:
            self.left_out += 1
            return
        self.rows.append(Row(at, forward, item, octets in self._seen))
        if octets:
            self._seen.add(octets)

    def comes_from_caller(self, source: Address) -> bool:
        """Behind one address, ports tell the ends apart."""
        return source == self.caller or (source[0] == self.caller[0] and source[0] != self.server[0])


@define
class _Direction:
    """One direction of a TCP connection."""

    stream: Stream = field(factory=Stream)
    sip: SipDeframer | None = None
    mrcp: MrcpDeframer | None = None
    call: TracedCall | None = None
    """The latest to have spoken here, for what names none."""


@define
class Watcher:
    """Sorts packets into calls, in the order they come."""

    calls: dict[str, TracedCall] = field(factory=dict)
    packets: int = 0
    _channels: dict[str, TracedCall] = field(factory=dict)
    _sounds: dict[Address, tuple[TracedCall, dict[int, PayloadFormat]]] = field(factory=dict)
    """By where RTP goes to, as session descriptions say."""
    _runs: dict[tuple[Address, Address, int], Run] = field(factory=dict)
    _directions: dict[tuple[Address, Address], _Direction] = field(factory=dict)

    def take(self, packet: CapturedPacket) -> None:
        """Look at a packet."""
        self.packets += 1
        transfer = taken_apart(packet.link, packet.octets)
        if transfer is None:
            return
        if transfer.tcp:
            self._segment(transfer, packet.at)
        elif _SIP.match(transfer.payload):
            self._sip(transfer.payload, transfer, packet.at)
        else:
            self._rtp(transfer, packet.at)

    # SIP

    def _sip(self, octets: bytes, transfer: Transfer, at: float) -> TracedCall | None:
        try:
            message = parse_message(octets)
            call = self._call_of(message, transfer)
        except SipSyntaxError:
            return None
        if call is None:
            return None
        call.add(at, call.comes_from_caller(transfer.source), message, octets)
        if message.body:
            self._description(message.body, call)
        return call

    def _call_of(self, message: Message, transfer: Transfer) -> TracedCall | None:
        known = self.calls.get(message.call_id)
        if known is None and len(self.calls) < MAXIMUM_CALLS:
            caller, server = transfer.source, transfer.destination
            if not isinstance(message, Request):
                caller, server = server, caller
            known = TracedCall(message.call_id, caller, server)
            self.calls[message.call_id] = known
        return known

    def _description(self, body: bytes, call: TracedCall) -> None:
        found = offer_in(body)
        if found is None:
            return
        for media in found.description.media:
            channel = media.attributes.get("channel")
            if channel and channel not in call.channels:
                call.channels.append(channel)
                self._channels[channel] = call
        for audio in found.audio:
            if audio.port:
                formats = {own.number: own for own in audio.formats}
                self._sounds[audio.address, audio.port] = call, formats

    # RTP

    def _rtp(self, transfer: Transfer, at: float) -> None:
        call, formats = self._sounds.get(transfer.destination, (None, {}))
        packet = parse_packet(transfer.payload) if call is not None else None
        if call is None or packet is None:
            return
        key = transfer.source, transfer.destination, packet.ssrc
        payload_format = formats.get(packet.payload_type)
        run = self._runs.get(key)
        if run is None or at - run.last > PAUSE_S or run.format != payload_format:
            run = self._runs[key] = Run(at, payload_format)
            call.add(at, transfer.source[0] == call.caller[0] and transfer.destination[0] == call.server[0], run)
        run.take(packet, at)

    # TCP

    def _segment(self, transfer: Transfer, at: float) -> None:
        key = transfer.source, transfer.destination
        direction = self._directions.get(key)
        if direction is None:
            if len(self._directions) >= MAXIMUM_STREAMS:
                return
            direction = self._directions[key] = _Direction()
        if transfer.opens:
            direction.sip = direction.mrcp = None
        octets = direction.stream.take(transfer)
        if direction.call is not None:
            direction.call.lost += direction.stream.lost
            direction.stream.lost = 0
        if not octets:
            return
        if direction.sip is None and direction.mrcp is None:
            direction.sip = SipDeframer() if _SIP.match(octets) else None
            direction.mrcp = MrcpDeframer() if _MRCP.match(octets) else None
        if direction.sip is not None:
            self._sip_octets(direction, octets, transfer, at)
        elif direction.mrcp is not None:
            self._mrcp_octets(direction, octets, transfer, at)

    def _sip_octets(self, direction: _Direction, octets: bytes, transfer: Transfer, at: float) -> None:
        assert direction.sip is not None
        direction.sip.receive(octets)
        try:
            while (message := direction.sip.next_message()) is not None:
                direction.call = self._sip(message, transfer, at) or direction.call
        except SipSyntaxError as error:
            direction.sip = None
            if direction.call is not None:
                direction.call.add(at, direction.call.comes_from_caller(transfer.source), error)

    def _mrcp_octets(self, direction: _Direction, octets: bytes, transfer: Transfer, at: float) -> None:
        assert direction.mrcp is not None
        for message in direction.mrcp.feed(octets):
            if isinstance(message, UnreadableMessage):
                call = self._channels.get(message.channel) or direction.call
                forward = call is not None and call.comes_from_caller(transfer.source)
            else:
                forward = isinstance(message, MrcpRequest)
                call = self._call_of_channel(message.headers.get(Header.CHANNEL), forward, transfer)
            if call is not None:
                direction.call = call
                call.add(at, forward, message)
        if direction.mrcp.broken:
            direction.mrcp = None

    def _call_of_channel(self, channel: str, forward: bool, transfer: Transfer) -> TracedCall | None:
        """The call of a channel; one of its own when the capture does not have its SIP."""
        known = self._channels.get(channel)
        if known is None and channel and len(self.calls) < MAXIMUM_CALLS:
            caller, server = transfer.source, transfer.destination
            known = TracedCall(channel, caller, server) if forward else TracedCall(channel, server, caller)
            known.channels.append(channel)
            self.calls[channel] = self._channels[channel] = known
        return known


def offer_in(body: bytes) -> Offer | None:
    """The session description of a SIP message, if it is one."""
    try:
        return read_offer(parse_sdp(body))
    except SdpError:
        return None


def watch(packets: Iterable[CapturedPacket]) -> Watcher:
    """The calls among packets."""
    watcher = Watcher()
    for packet in packets:
        watcher.take(packet)
    return watcher
