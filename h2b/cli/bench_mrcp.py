"""Callers of a bench by MRCPv2, and the choice of the wire.

Owns what a `Caller` does in an MRCPv2 call. Must not know pacing or trials; SIP and sockets are those of
`h2b.cli.mrcp_client`.

The sound of such a call goes through the server's playout buffer, which waits for late packets: what it waits is part
of the delay that is measured here, 40 to 80 ms that no WebSocket has.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import click
from attrs import define

from h2b.asr.base import Samples
from h2b.cli.bench_caller import SILENCE_S, Caller, Completion, Dial, Recording, dial_websocket
from h2b.cli.bench_server import Server
from h2b.cli.mrcp_client import Destination, MrcpClient, open_client
from h2b.cli.mrcp_judge import reading
from h2b.cli.mrcp_session import Call
from h2b.model.causes import CompletionCause
from h2b.model.errors import H2BError
from h2b.model.formats import FRAME_SAMPLES
from h2b.telephony.sdp_client import PCMA, PCMU
from h2b.wire.mrcptext import Headers, MrcpEvent, RequestState
from h2b.wire.vocabulary import JSON, Header, MediaType

WEBSOCKET, MRCP = "websocket", "mrcp"
TOLD = {WEBSOCKET: "JSON over WebSocket", MRCP: "MRCPv2, G.711 over RTP"}
"""What the wires are to people."""
SIP_PORT = 5060

wire_option = click.option(
    "--wire",
    type=click.Choice(list(TOLD)),
    default=WEBSOCKET,
    show_default=True,
    help="By which calls are made. Those of mrcp send packets of 20 ms.",
)


def chunk_of(wire: str, chunk: int) -> int:
    """Samples sent at a time: a packet's in MRCPv2."""
    return FRAME_SAMPLES if wire == MRCP else chunk


@asynccontextmanager
async def dialling(wire: str, server: Server) -> AsyncIterator[Dial]:
    """What places calls to a server during the block."""
    if wire == WEBSOCKET:
        yield partial(dial_websocket, server.url)
        return
    async with calling(server) as client:
        yield partial(dial_mrcp, client)


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[MrcpClient]:
    """A user agent for calls to a server by MRCPv2. Raises H2BError for a URL that is no `sip:HOST:PORT`."""
    scheme, _, place = server.url.partition(":")
    host, _, port = place.rpartition("@")[2].partition(":")
    if scheme != "sip" or not host or not (port or str(SIP_PORT)).isdigit():
        raise H2BError(f"{server.url}: expected sip:HOST:PORT for calls by MRCPv2")
    destination = Destination(uri=server.url, host=host, port=int(port or SIP_PORT))
    async with open_client(destination, formats=(PCMU, PCMA)) as client:
        yield client


@asynccontextmanager
async def dial_mrcp(client: MrcpClient) -> AsyncIterator[Caller]:
    """A call with a recognizer. Raises H2BError when it is refused."""
    async with client.call() as call:
        yield MrcpCaller(call)


@define
class MrcpCaller:
    """A caller by MRCPv2."""

    _call: Call

    async def recognize(self, recording: Recording) -> None:
        """See `Caller`."""
        await recognize(self._call, recording)

    async def send(self, samples: Samples) -> None:
        """See `Caller`."""
        await self._call.play(self._call.sound(samples))

    async def completion(self) -> Completion:
        """See `Caller`."""
        _, ended = await self._call.completion(math.inf)
        event = ended.message
        assert isinstance(event, MrcpEvent)
        told = event.headers.get(Header.COMPLETION_CAUSE)
        cause = next((each for each in CompletionCause if each == int(told[:3])), None)
        return Completion(
            cause=JSON.causes[cause] if cause is not None else told,
            at=ended.at,
            engine=reading(event).result.asr_model if event.body else "",
            matched=cause is CompletionCause.SUCCESS,
        )


async def recognize(call: Call, recording: Recording) -> None:
    """Ask for a recognition that waits for speech as long as it takes. Raises H2BError when it is refused."""
    headers = Headers.of(
        Content_Type=MediaType.URI_LIST.value,
        Cancel_If_Queue="false",
        Speech_Language=recording.language,
        Start_Input_Timers="false",
        Speech_Complete_Timeout=str(round(SILENCE_S * 1000)),
    )
    answer = await call.ask("RECOGNIZE", headers, f"{recording.grammar}\r\n".encode())
    if answer.state is not RequestState.IN_PROGRESS:
        raise H2BError(f"RECOGNIZE was refused: {answer.status} {answer.headers.get(Header.COMPLETION_REASON)}")
