"""Main of the process that links a server to a Ray cluster: it passes orders on to actors and their reports back.

Owns all that is Ray's: the connection, the actors' names and lives, the meaning of Ray's errors. Must not know what
orders and reports say, nor trio. Started by `h2b.asr.raypool`:

    python -m h2b.asr.raylink --control FD --audio FD --address HOST:PORT --namespace NAME --engine MODULE:FUNCTION

It is a process of its own because Ray ends the process of a driver that has lost the head of its cluster for a minute,
and takes its signal handlers: neither may happen to a server with calls.

Theory of operation
 1. Actors are detached and named: the first server that wants one makes it, all others find it, and it outlives them.
    Ray starts them again for ever, wherever there is room.
 2. Each attachment is one task. It greets the actor, which waits until the cluster has room, and then watches it; the
    first error of any call ends the attachment with `Lost`.
 3. The process lives as long as the other end of the socket.
"""

import argparse
import asyncio
import os
import signal
import socket
import threading
from collections.abc import Sequence
from typing import Any

import ray
from attrs import define, field
from ray.exceptions import RayActorError, RayError

from h2b.asr.messages import Deframer
from h2b.asr.rayactor import VERSIONS, RecogniserActor
from h2b.asr.raymessages import (
    Attach,
    Attached,
    Connected,
    FromLink,
    Give,
    Leave,
    Lost,
    Taken,
    Told,
    ToLink,
    Unreachable,
    Waits,
    decode_to_link,
    encode_from_link,
)
from h2b.asr.worker import BYTES_PER_SAMPLE, RECEIVE_BYTES, end_with, one_line

ACTOR_NAME = "h2b-asr-{}"
CONNECT_S = 5.0
"""Longest wait for the head of the cluster to take a connection."""
PATIENCE_S = 5.0
"""An actor that has not answered for so long waits for room."""
CLUSTER_EVERY_S = 10.0
"""How often the cluster is asked how large it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until the server hangs up. Returns the exit status: 1 when there is no cluster."""
    parser = argparse.ArgumentParser(prog="h2b.asr.raylink", description=__doc__.splitlines()[0])
    parser.add_argument("--control", type=int, required=True, help="descriptor of the control socket")
    parser.add_argument("--audio", type=int, required=True, help="descriptor of the shared memory")
    parser.add_argument("--place-bytes", type=int, required=True, help="size of one place's part of it")
    parser.add_argument("--address", required=True, help="head of the cluster, or auto")
    parser.add_argument("--namespace", required=True, help="whose servers share the actors")
    parser.add_argument("--engine", required=True, help="module:function that loads the engine")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=options.control) as control:
        threading.Thread(target=end_with, args=(control,), daemon=True).start()
        try:
            connect(options.address, options.namespace)
        except (OSError, RuntimeError, ValueError, RayError) as error:
            reason = f"no Ray cluster can be used at {options.address}: {one_line(error)}{_advice(error)}"
            control.sendall(encode_from_link(Unreachable(reason)))
            return 1
        # Ray takes SIGTERM for itself; like SIGINT it is the server's business.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        link = Link(control, options.audio, options.place_bytes, options.namespace, options.engine)
        asyncio.run(link.run())
    return 0


def connect(address: str, namespace: str) -> None:
    """Make this process a driver of the cluster.

    Raises:
        OSError, RuntimeError, ValueError: there is none, or it is another version of Ray or of Python.
        RayError: the cluster does not take us.
    """
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        # Ray itself would try for a minute, and say less.
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    ray.init(address=address, namespace=namespace, log_to_driver=False, configure_logging=False)


def _advice(error: Exception) -> str:
    """Ray does not say why a head that can be reached does not take us."""
    if isinstance(error, ConnectionError) and error.errno is None:
        return " (is it the head of a cluster, is RAY_AUTH_MODE the same there and here, and the token?)"
    return ""


def end_actors(address: str, namespace: str) -> list[str]:
    """End the actors of a namespace, for an operator: no server shall be using it, or it would make them again.

    Raises what `connect` raises.
    """
    connect(address, namespace)
    try:
        names = [name for name in ray.util.list_named_actors() if name.startswith(ACTOR_NAME.format(""))]
        for name in names:
            ray.kill(ray.get_actor(name))
    finally:
        ray.shutdown()
    return names


@define(eq=False)
class _Attachment:
    """A place that has an actor, or waits for one."""

    number: int
    place: int
    actor: Any = None
    node: str = ""
    tasks: set[asyncio.Task[None]] = field(factory=set)
    """All that is under way for it."""


class Link:
    """The conversation with the server."""

    def __init__(self, control: socket.socket, audio: int, place_bytes: int, namespace: str, engine: str) -> None:
        self._control = control
        self._audio = audio
        self._place_bytes = place_bytes
        self._namespace = namespace
        self._engine = engine
        self._attachments: dict[int, _Attachment] = {}
        self._server = f"{ray.get_runtime_context().get_job_id()}"

    async def run(self) -> None:
        """Until the server hangs up."""
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        deframer = Deframer()
        # Without a cluster to ask there is nothing to link to: then the process ends, and the server begins anew.
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_size())
            while received := await reader.read(RECEIVE_BYTES):
                for message in deframer.feed(received):
                    self._obey(*decode_to_link(message))
            telling.cancel()

    def _say(self, message: FromLink, passed_on: bytes = b"") -> None:
        self._writer.write(encode_from_link(message, passed_on))

    async def _tell_size(self) -> None:
        known = -1
        while True:
            cpus = int((await asyncio.to_thread(ray.cluster_resources)).get("CPU", 0))
            if cpus > known:
                known = cpus
                self._say(Connected(cpus))
            await asyncio.sleep(CLUSTER_EVERY_S)

    def _obey(self, message: ToLink, passed_on: bytes) -> None:
        match message:
            case Attach(number, place):
                attachment = self._attachments[number] = _Attachment(number, place)
                self._begin(attachment, self._tend(attachment))
            case Give(number) if number in self._attachments:
                attachment = self._attachments[number]
                self._begin(attachment, self._give(attachment, message, passed_on))
            case Leave(number):
                self._end(number)

    def _begin(self, attachment: _Attachment, work: Any) -> None:
        task = asyncio.create_task(self._guard(attachment, work))
        attachment.tasks.add(task)
        task.add_done_callback(attachment.tasks.discard)

    def _end(self, number: int) -> None:
        attachment = self._attachments.pop(number, None)
        for task in [*attachment.tasks] if attachment is not None else ():
            task.cancel()

    async def _guard(self, attachment: _Attachment, work: Any) -> None:
        """Do the work; its failure, whatever it is, is the end of the attachment."""
        try:
            await work
        except Exception as error:
            if attachment.number in self._attachments:
                self._say(Lost(attachment.number, _why(error, attachment)))
                self._end(attachment.number)

    async def _tend(self, attachment: _Attachment) -> None:
        actor = attachment.actor = await asyncio.to_thread(self._find, attachment.place)
        # A greeting does no harm when it comes twice: Ray may wait with it until the actor has been started again.
        greeting = asyncio.ensure_future(_await(actor.hello.options(max_task_retries=-1).remote()))
        done, _ = await asyncio.wait([greeting], timeout=PATIENCE_S)
        if not done:
            self._say(Waits(attachment.number))
        found = await greeting
        attachment.node = found["node"]
        for part, version in VERSIONS.items():
            if found[part] != version:
                raise _OtherVersion(f"{part} {found[part]}, and this server {part} {version}")
        self._say(Attached(attachment.number, int(found["pid"]), attachment.node))
        occupied = False
        while True:
            occupied = await _await(actor.watch.remote(self._server, occupied))
            self._say(Taken(attachment.number, occupied))

    def _find(self, place: int) -> Any:
        """The actor of a place; made where it is not there. Blocks."""
        return (
            ray.remote(RecogniserActor)
            .options(
                name=ACTOR_NAME.format(place),
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                max_restarts=-1,
                max_task_retries=0,
                num_cpus=1,
                scheduling_strategy="SPREAD",
            )
            .remote()
        )

    def _offset(self, attachment: _Attachment) -> int:
        return self._place_bytes * (attachment.place - 1)

    async def _give(self, attachment: _Attachment, message: Give, order: bytes) -> None:
        if message.load:
            reports = await _await(attachment.actor.load.remote(self._engine, order, message.deadline_s))
        else:
            audio = os.pread(self._audio, message.samples * BYTES_PER_SAMPLE, self._offset(attachment))
            work = attachment.actor.carry_out
            reports = [await _await(work.remote(self._server, order, audio, message.deadline_s))]
        for report in reports:
            self._say(Told(attachment.number), report)


class _OtherVersion(Exception):
    """An actor that is not to be used."""


async def _await(reference: Any) -> Any:
    return await reference


def _why(error: Exception, attachment: _Attachment) -> str:
    """Why an attachment ended, fit for a completion reason: Ray's own words are many lines."""
    actor = f"the recogniser's process {ACTOR_NAME.format(attachment.place)}"
    if isinstance(error, _OtherVersion):
        return f"{actor} runs {error}: end it, or give this server another ray_namespace"
    if isinstance(error, RayActorError):
        return f"{actor} was lost{f' on {attachment.node}' if attachment.node else ''}"
    return f"{actor} cannot be used: {type(error).__name__}: {one_line(error)}"


if __name__ == "__main__":
    raise SystemExit(main())
