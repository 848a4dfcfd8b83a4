"""Requests of clients that are refused: a log line and a count of each, so that a bot whose calls all go wrong is seen.

Owns what is told of a refusal, and how often. Must not know wires' octets nor connections.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import structlog
from attrs import field, frozen

from h2b.asr.background import background_tasks
from h2b.model.errors import EVENT_OF_ERROR
from h2b.model.messages import Event
from h2b.protocol.effects import Effect, Send
from h2b.server.seldom import Seldom
from h2b.wire.mrcptext import MrcpResponse
from h2b.wire.vocabulary import JSON, MRCP_CAUSES, Header, Method

_log = structlog.get_logger("h2b.server.refusals")

REFUSED_FROM = 400
"""Statuses of MRCPv2 that refuse (RFC 6787 section 5.4)."""
OTHER = "other"
"""Label of what is no method: clients may write what they like."""
METHODS = frozenset(JSON.commands.values()) | frozenset(str(method) for method in Method)
REFUSING = frozenset(event for _, event in EVENT_OF_ERROR)
CAUSES = {spelled: JSON.causes[cause] for cause, spelled in MRCP_CAUSES.items()}


@frozen
class Refused:
    """Why a request was refused."""

    cause: str
    """The completion cause as the WebSocket spells it; where there is none, the event or the status of the answer."""
    reason: str


@frozen
class Refusals:
    """Tells of the refusals of all channels."""

    count: Callable[[str, str], None] = lambda method, cause: None
    """Takes one more, by method and cause: a metric."""
    seldom: Seldom = field(factory=Seldom)

    def tell(self, channel_id: str, method: str, effects: Iterable[Effect]) -> None:
        """See whether a request was refused; `effects` are what followed from it."""
        refused = refusal_in(effects)
        if refused is None:
            return
        named = method if method in METHODS else OTHER
        self.count(named, refused.cause)
        cause, reason = refused.cause, refused.reason
        kind = f"{named} {cause}"
        self.seldom.tell(
            _log.warning, "request_refused", kind, channel_id=channel_id, method=named, cause=cause, reason=reason
        )


@asynccontextmanager
async def open_refusals(count: Callable[[str, str], None]) -> AsyncIterator[Refusals]:
    """Tell of refusals during the block."""
    refusals = Refusals(count)
    async with background_tasks() as tasks:
        tasks.start_soon(refusals.seldom.run)
        yield refusals


def refusal_in(effects: Iterable[Effect]) -> Refused | None:
    """The refusal among the effects of a request; None for one that was carried out."""
    for effect in effects:
        match effect:
            case Send(event=Event() as event) if event.name in REFUSING:
                return Refused(JSON.causes[event.cause] if event.cause else JSON.events[event.name], event.reason)
            case Send(event=MrcpResponse() as response) if response.status >= REFUSED_FROM:
                cause = response.headers.get(Header.COMPLETION_CAUSE)
                reason = response.headers.get(Header.COMPLETION_REASON).strip('"')
                return Refused(CAUSES.get(cause, cause or str(int(response.status))), reason)
    return None
