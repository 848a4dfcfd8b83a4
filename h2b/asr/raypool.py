"""A pool whose processes run on the machines of a Ray cluster, shared by several servers.

Owns the link to the cluster, as the server sees it: a process that is started again when it ends. Must not know Ray
itself (`h2b.asr.raylink` does), nor queues and deadlines, which are those of every pool.

Theory of operation
 1. The link tells how many CPUs the cluster has; the pool has a place for each, or as many as the operator says.
 2. A place's process is an actor. It is waited for without a deadline: the cluster may have no room now, and another
    machine later. When the actor is lost, its utterance fails, and the place waits for the actor to be back.
 3. When the link ends, all places lose their processes at once, and wait for the next link. The head of the cluster
    may be gone for a day: calls go on without recognition, and have it again when the head is back.
"""

import importlib.util
import math
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
import trio
from cattrs.errors import BaseValidationError

from h2b.asr.background import background_tasks
from h2b.asr.base import Samples
from h2b.asr.messages import LENGTH_BYTES, Load, Order, Recognise, Report, decode_report, encode_order
from h2b.asr.pool import DEFAULT_ENGINE, LONGEST_PAUSE_S, MAXIMUM_SAMPLES, SHORTEST_PAUSE_S, Pool
from h2b.asr.process import ControlledProcess, WorkerDied, open_process
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
    decode_from_link,
    encode_to_link,
)
from h2b.asr.worker import BYTES_PER_SAMPLE
from h2b.config import AsrSettings
from h2b.model.errors import EngineError

MAXIMUM_PLACES = 1024
PLACE_BYTES = MAXIMUM_SAMPLES * BYTES_PER_SAMPLE

_log = structlog.get_logger("h2b.asr.raypool")


class RayWorker:
    """An actor, for the time a place of the pool is attached to it."""

    def __init__(self, link: "_Link", number: int, place: int, changed: Callable[[], None]) -> None:
        self.pid = 0
        self.occupied = False
        self._link = link
        self._number = number
        self._place = place
        self._changed = changed
        self._samples = 0
        self._reason = ""
        self._heard_send, self._heard = trio.open_memory_channel[bytes](8)
        self._lost = trio.Event()
        self._attached = trio.Event()

    async def attach(self) -> None:
        """Wait until the actor is there."""
        self._link.send(Attach(self._number, self._place))
        await self._attached.wait()
        self._check()

    def show(self, samples: Samples) -> None:
        """Put audio where the link will look for it."""
        os.pwrite(self._link.audio, samples.tobytes(), PLACE_BYTES * (self._place - 1))

    async def tell(self, order: Order) -> None:
        """Give an order."""
        self._check()
        load = isinstance(order, Load)
        samples = order.samples if isinstance(order, Recognise) else 0
        settings = self._link.settings
        deadline_s = settings.load_deadline_s if load else settings.decode_deadline_s
        self._link.send(Give(self._number, load, samples, deadline_s), encode_order(order)[LENGTH_BYTES:])

    async def hear(self) -> Report:
        """The next report."""
        try:
            return decode_report(await self._heard.receive())
        except trio.EndOfChannel:
            raise WorkerDied(self._reason) from None
        except (ValueError, KeyError, TypeError, BaseValidationError) as error:
            raise WorkerDied(f"an actor of the Ray cluster sent nonsense: {error}") from error

    async def watch(self) -> None:
        """Wait for the loss of an idle actor."""
        await self._lost.wait()
        self._check()

    def take(self, message: FromLink, passed_on: bytes) -> None:
        """What the link says of this attachment."""
        match message:
            case Attached(_, pid, node):
                _log.info("actor_attached", worker=self._place, node=node, pid=pid)
                self.pid = pid
                self._attached.set()
            case Waits():
                _log.info("actor_awaited", worker=self._place)
            case Taken(_, occupied):
                self.occupied = occupied
                self._changed()
            case Told():
                self._heard_send.send_nowait(passed_on)
            case Lost(_, reason):
                self.lose(reason)

    def lose(self, reason: str) -> None:
        """The actor is gone, or the link to it."""
        if not self._lost.is_set():
            self._reason = reason
            self._lost.set()
            self._attached.set()
            self._heard_send.close()

    def _check(self) -> None:
        if self._lost.is_set():
            raise WorkerDied(self._reason)


class _Link:
    """One process that links to the cluster, until it ends."""

    def __init__(self, process: ControlledProcess, audio: int, settings: AsrSettings) -> None:
        self.audio = audio
        self.settings = settings
        self._process = process
        self._workers: dict[int, RayWorker] = {}
        self._numbers = 0
        # Nobody waits to send, so no message is ever cut in two. Each place has few under way.
        self._outbox, self._sent = trio.open_memory_channel[bytes](math.inf)

    def send(self, message: ToLink, passed_on: bytes = b"") -> None:
        """Messages go in the order in which they are given."""
        self._outbox.send_nowait(encode_to_link(message, passed_on))

    async def listen(self, connected: Callable[[int], None]) -> None:
        """Hand on what the link says. Ends with WorkerDied only; then all actors are lost too."""
        reason = "the link to the Ray cluster ended"
        try:
            async with background_tasks() as tasks:
                tasks.start_soon(self._write)
                while True:
                    self._hand_on(await self._process.receive(), connected)
        except WorkerDied as death:
            reason = str(death)
            raise
        finally:
            for worker in self._workers.values():
                worker.lose(reason)

    async def _write(self) -> None:
        # Who reads hears how the process ended.
        with suppress(WorkerDied):
            async for message in self._sent:
                await self._process.send(message)

    def _hand_on(self, received: bytes, connected: Callable[[int], None]) -> None:
        try:
            message, passed_on = decode_from_link(received)
        except (ValueError, KeyError, TypeError, BaseValidationError) as error:
            raise self._process.nonsense(error) from error
        match message:
            case Connected(cpus):
                connected(cpus)
            case Unreachable(reason):
                raise WorkerDied(reason)
            case _ if message.attachment in self._workers:
                self._workers[message.attachment].take(message, passed_on)

    @asynccontextmanager
    async def attached(self, place: int, changed: Callable[[], None]) -> AsyncIterator[RayWorker]:
        """An actor for the time of the block. Raises WorkerDied."""
        self._numbers += 1
        number = self._numbers
        worker = self._workers[number] = RayWorker(self, number, place, changed)
        try:
            await worker.attach()
            yield worker
        finally:
            del self._workers[number]
            self.send(Leave(number))


class _Cluster:
    """The cluster, by one link after another."""

    def __init__(self, settings: AsrSettings, engine: str) -> None:
        self._settings = settings
        self._arguments = [
            *("-m", "h2b.asr.raylink", "--address", settings.ray_address, "--namespace", settings.ray_namespace),
            *("--engine", engine, "--place-bytes", str(PLACE_BYTES)),
        ]
        self._link: _Link | None = None
        self._linked = trio.Event()
        self._failures = 0
        """Of links, one after another, to reach the cluster."""

    async def keep(self, pool: Pool) -> None:
        """Keep a link; runs as long as the pool."""
        while True:
            try:
                async with open_process("the link to the Ray cluster", self._arguments, 0) as (process, audio):
                    link = _Link(process, audio, self._settings)
                    try:
                        await link.listen(partial(self._grow, pool, link))
                    finally:
                        # Before its process has ended, which may take a while: nobody would hear those who attach.
                        self._unlink()
            except WorkerDied as death:
                self._failures += 1
                pause = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** (self._failures - 1))
                _log.warning("cluster_lost", reason=str(death), retry_s=pause)
                pool.refuse_start(str(death))
                await trio.sleep(pause)

    def _unlink(self) -> None:
        self._link = None
        if self._linked.is_set():
            # Otherwise places wait for it already.
            self._linked = trio.Event()

    def _grow(self, pool: Pool, link: _Link, cpus: int) -> None:
        places = min(MAXIMUM_PLACES, self._settings.workers or cpus)
        _log.info("cluster_found", address=self._settings.ray_address, cpus=cpus, workers=places)
        os.truncate(link.audio, places * PLACE_BYTES)
        self._failures = 0
        self._link = link
        self._linked.set()
        pool.grow(places)

    @asynccontextmanager
    async def open_worker(self, place: int, changed: Callable[[], None]) -> AsyncIterator[RayWorker]:
        """The actor of a place. Raises WorkerDied."""
        while self._link is None:
            await self._linked.wait()
        async with self._link.attached(place, changed) as worker:
            yield worker


@asynccontextmanager
async def open_ray_pool(
    settings: AsrSettings, *, engine: str = DEFAULT_ENGINE, languages: Mapping[str, str] | None = None
) -> AsyncIterator[Pool]:
    """A pool over the actors of a Ray cluster. They outlive the block, for other servers and the next start.

    `ready` tells when the first of them has loaded its engine: where machines come and go, some are always missing.

    Args:
        engine, languages: see `h2b.asr.pool.open_pool`.

    Raises:
        EngineError: the package ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        lacking = 'pool in [asr] is "ray", and the package ray is not installed'
        raise EngineError(f"{lacking}, run: pip install /path/to/clone[ray]")
    async with background_tasks() as tasks:
        cluster = _Cluster(settings, engine)
        pool = Pool(settings, cluster.open_worker, languages or {}, tasks, needed=1)
        tasks.start_soon(cluster.keep, pool)
        yield pool
