"""What a server and its link to a Ray cluster say to each other: a line of JSON, then bytes that are passed on.

Owns records, their spelling and the framing. Must not know sockets, processes or Ray. An *attachment* is the time in
which a place of the pool has one actor: numbers of attachments are never used again, so that what comes late from an
actor that was given up is known as such. The audio of an order lies in memory both sides share, at the place's part.
"""

import json
from typing import Any

from attrs import frozen
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from h2b.asr.messages import framed


@frozen
class Attach:
    """Find or make the actor of a place; answered by `Attached` or `Lost`, when the cluster has room for it."""

    attachment: int
    place: int


@frozen
class Give:
    """An order for the actor, in the bytes that follow; answered by `Told` for each report."""

    attachment: int
    load: bool
    """Whether the order is to load the engine."""
    samples: int
    """Length of its audio."""
    deadline_s: float
    """After so long the actor's process ends itself, whatever it is caught in."""


@frozen
class Leave:
    """The server has done with this attachment. Its actor lives on."""

    attachment: int


@frozen
class Connected:
    """The link has found its cluster; said again when the cluster has grown."""

    cpus: int


@frozen
class Unreachable:
    """There is no cluster to talk to, and why. The link ends."""

    reason: str


@frozen
class Attached:
    """The actor is there."""

    attachment: int
    pid: int
    node: str
    """Address of the machine it runs on."""


@frozen
class Waits:
    """The actor is not there yet: the cluster has no room for it, or starts it again."""

    attachment: int


@frozen
class Told:
    """A report of the actor, in the bytes that follow."""

    attachment: int


@frozen
class Taken:
    """Whether the actor is at work for another server, when that has changed."""

    attachment: int
    occupied: bool


@frozen
class Lost:
    """The actor is gone, or cannot be used. Nothing more comes from this attachment."""

    attachment: int
    reason: str


ToLink = Attach | Give | Leave
FromLink = Connected | Unreachable | Attached | Waits | Told | Taken | Lost

_converter = make_converter()
configure_tagged_union(ToLink, _converter, tag_name="to_link")
configure_tagged_union(FromLink, _converter, tag_name="from_link")


def encode_to_link(message: ToLink, passed_on: bytes = b"") -> bytes:
    """The message and what is passed on, with their length before them."""
    return _encoded(_converter.unstructure(message, ToLink), passed_on)


def encode_from_link(message: FromLink, passed_on: bytes = b"") -> bytes:
    """The message and what is passed on, with their length before them."""
    return _encoded(_converter.unstructure(message, FromLink), passed_on)


def decode_to_link(received: bytes) -> tuple[ToLink, bytes]:
    line, _, passed_on = received.partition(b"\n")
    message: ToLink = _converter.structure(json.loads(line), ToLink)  # type: ignore[arg-type]  # a union is no class
    return message, passed_on


def decode_from_link(received: bytes) -> tuple[FromLink, bytes]:
    line, _, passed_on = received.partition(b"\n")
    message: FromLink = _converter.structure(json.loads(line), FromLink)  # type: ignore[arg-type]  # a union is no class
    return message, passed_on


def _encoded(content: Any, passed_on: bytes) -> bytes:
    return framed(json.dumps(content).encode() + b"\n" + passed_on)
