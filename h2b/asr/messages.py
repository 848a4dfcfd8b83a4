"""What the pool and its worker processes say to each other: JSON objects, each after its length.

Owns records, their spelling and the framing. Must not know sockets or processes. The pool gives one order at a time;
the worker answers each with one report, and may send `Progress` before its first. Audio does not pass here: it lies in
memory both sides share.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from h2b.asr.base import UtteranceRequest
from h2b.model.errors import EngineError
from h2b.model.results import Recognised

LENGTH_BYTES = 4
MAXIMUM_MESSAGE_BYTES = 16 << 20
"""Far above any honest message: a longer one that arrives means the two sides lost step."""


@frozen
class Load:
    """Load the engine; answered by `Ready` or `Refused`."""

    options: Mapping[str, Any] = field(factory=dict)


@frozen
class Prepare:
    """Compile what a request needs; answered by `Prepared`."""

    request: UtteranceRequest


@frozen
class Recognise:
    """Recognise the first `samples` of the shared memory; answered by `Heard` or `Failed`."""

    request: UtteranceRequest
    samples: int


@frozen
class Progress:
    """A line about a lengthy start, such as the first conversion of the weights."""

    text: str


@frozen
class Ready:
    """The engine is loaded."""

    languages: tuple[str, ...]


@frozen
class Refused:
    """The engine cannot be loaded: one clear line. The process ends."""

    reason: str


@frozen
class Prepared:
    """Done, or found impossible: then the decoding will say why."""


@frozen
class Heard:
    """Hypotheses."""

    recognised: Recognised


@frozen
class Failed:
    """No hypotheses, and why."""

    reason: str


@frozen
class Occupied:
    """Nothing was done, for the engine is at work for another server: the order is to be given again later."""


Order = Load | Prepare | Recognise
Report = Progress | Ready | Refused | Prepared | Heard | Failed | Occupied

_converter = make_converter()
configure_tagged_union(Order, _converter, tag_name="order")
configure_tagged_union(Report, _converter, tag_name="report")


def encode_order(order: Order) -> bytes:
    """The order with its length before it.

    Raises:
        EngineError: no process would take it, for it is too long or holds what cannot be written.
    """
    try:
        message = _framed(_converter.unstructure(order, Order))
    except (TypeError, ValueError) as error:
        raise EngineError(f"the request cannot be given to the recogniser: {type(error).__name__}") from error
    length = len(message) - LENGTH_BYTES
    if length > MAXIMUM_MESSAGE_BYTES:
        limit = f"expected at most {MAXIMUM_MESSAGE_BYTES}"
        raise EngineError(f"the request cannot be given to the recogniser: {length} bytes with its grammars, {limit}")
    return message


def encode_report(report: Report) -> bytes:
    """The report with its length before it. Raises TypeError when an engine's answer is not plain values."""
    return _framed(_converter.unstructure(report, Report))


def decode_order(message: bytes) -> Order:
    order: Order = _converter.structure(json.loads(message), Order)  # type: ignore[arg-type]  # a union is no class
    return order


def decode_report(message: bytes) -> Report:
    report: Report = _converter.structure(json.loads(message), Report)  # type: ignore[arg-type]  # a union is no class
    return report


def framed(message: bytes) -> bytes:
    """The message with its length before it."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def _framed(content: Any) -> bytes:
    return framed(json.dumps(content, ensure_ascii=False).encode())


class Deframer:
    """Bytes as they arrive in, whole messages out."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, received: bytes) -> Iterator[bytes]:
        """The messages that are complete now. Raises EngineError when the length cannot be one."""
        self._received += received
        while len(self._received) >= LENGTH_BYTES:
            length = int.from_bytes(self._received[:LENGTH_BYTES], "big")
            if length > MAXIMUM_MESSAGE_BYTES:
                raise EngineError(f"a control message of {length} bytes, expected at most {MAXIMUM_MESSAGE_BYTES}")
            end = LENGTH_BYTES + length
            if len(self._received) < end:
                return
            message = bytes(self._received[LENGTH_BYTES:end])
            del self._received[:end]
            yield message
