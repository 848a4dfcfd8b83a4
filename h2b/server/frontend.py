"""One front end of several: a whole server in a process of its own, at the other end of a socket.

Owns what goes over this socket, at both ends of it. Must not know what a server does.

An order comes first, as its length and a pickle from the process that started this one; then lines of JSON go back: one
when clients can connect, or why they cannot, and a report each second. When the socket closes, the process that started
this one is gone, and this one goes as if it had a signal: nobody is left who could end it.
"""

import json
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
import trio
from attrs import asdict, frozen

from h2b.config import Configuration
from h2b.loglines import configure_log
from h2b.model.errors import H2BError
from h2b.server.gathered import Report, can_be_added, snapshot
from h2b.server.http import Readiness
from h2b.server.metrics import Metrics

REPORT_S = 1.0
SIZE_OCTETS = 4
LONGEST_LINE = 1 << 22
"""Octets of a report: metrics have no label that grows."""
READY, FAILED, REPORT = "ready", "failed", "report"
"""What a line is about."""


@frozen(kw_only=True)
class Order:
    """What a front end is to serve."""

    number: int
    """From 1 on."""
    configuration: Configuration
    """Its share of it."""
    engine: str
    languages: dict[str, str] | None
    insecure: bool


def written(order: Order) -> bytes:
    """An order as it goes over the socket."""
    octets = pickle.dumps(order)
    return len(octets).to_bytes(SIZE_OCTETS, "big") + octets


class NotUnderstood(Exception):
    """What a front end said makes no sense; the text is fit for the reason of its end."""


def line_of(octets: bytes) -> Mapping[str, Any]:
    """What one line says. Raises NotUnderstood."""
    try:
        said = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"it said what is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise NotUnderstood("it said what nobody understands")
    return said


def report_of(said: Mapping[str, Any]) -> Report:
    """A report from its line. Raises NotUnderstood."""
    try:
        report = Report(**said)
    except TypeError as error:
        raise NotUnderstood(f"it reported what nobody understands: {error}") from error
    if not can_be_added(report):
        raise NotUnderstood("it reported what nobody can add up")
    return report


def main() -> None:
    """Serve as the process at the other end of the socket wants it, whose descriptor is the first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        order = _read_order(control)
        configure_log(order.configuration.log)
        structlog.contextvars.bind_contextvars(front_end=order.number)
        failed = trio.run(_serve, order, control)
    sys.exit(1 if failed else 0)


def _read_order(control: socket.socket) -> Order:
    with control.makefile("rb", buffering=0) as stream:
        size = int.from_bytes(_exactly(stream, SIZE_OCTETS), "big")
        order = pickle.loads(_exactly(stream, size))
    assert isinstance(order, Order)
    return order


def _exactly(stream: Any, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = stream.read(size - len(octets))
        if not more:
            raise SystemExit("the process that started this front end is gone")
        octets += more
    return octets


async def _serve(order: Order, control: socket.socket) -> bool:
    """Serve until a signal ends it; whether it failed."""
    # Only here: what watches over front ends does not need all that a server is made of.
    from h2b.server.app import run

    link = trio.SocketStream(trio.socket.from_stdlib_socket(control.dup()))
    lines, waiting = trio.open_memory_channel[bytes](16)
    look: list[Callable[[], Report]] = []

    def say(about: str, said: Any) -> None:
        # Who does not read is told less.
        with suppress(trio.WouldBlock):
            lines.send_nowait(json.dumps({about: said}).encode() + b"\n")

    failure = ""
    async with link, trio.open_nursery() as nursery:
        nursery.start_soon(_write, link, waiting)
        nursery.start_soon(_end_with, link)
        nursery.start_soon(_report, look, say)
        try:
            await run(
                order.configuration,
                partial(say, READY),
                engine=order.engine,
                languages=order.languages,
                insecure=order.insecure,
                front_end=lambda metrics, readiness: look.append(partial(_look, metrics, readiness)),
                tells=order.number == 1,
            )
        except* H2BError as error:
            failure = str(_first(error))
        # What was counted until the end is told, for it is to be kept.
        last = [{REPORT: asdict(each())} for each in look] + ([{FAILED: failure}] if failure else [])
        nursery.cancel_scope.cancel()
        with trio.move_on_after(1, shield=True):
            for line in last:
                await link.send_all(json.dumps(line).encode() + b"\n")
    return bool(failure)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _look(metrics: Metrics, readiness: Callable[[], Readiness]) -> Report:
    found = readiness()
    return Report(snapshot(metrics.registry), found.reasons, found.facts)


async def _write(link: trio.SocketStream, waiting: "trio.MemoryReceiveChannel[bytes]") -> None:
    try:
        async for line in waiting:
            await link.send_all(line)
    except trio.BrokenResourceError:
        # `_end_with` meets the same end.
        await trio.sleep_forever()


async def _report(look: list[Callable[[], Report]], say: Callable[[str, Any], None]) -> None:
    while True:
        for each in look:
            say(REPORT, asdict(each()))
        await trio.sleep(REPORT_S)


async def _end_with(link: trio.SocketStream) -> None:
    """End this process in order when nothing is at the other end any more."""
    try:
        while await link.receive_some():
            pass
    except trio.BrokenResourceError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # The order that comes is one of the module of that name, not of this one.
    from h2b.server import frontend

    frontend.main()
