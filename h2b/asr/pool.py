"""The pool: a recogniser whose engines run in processes of their own.

Owns the queue of utterances that wait for a process, their deadlines, and when a process is replaced. Must not know
sessions, grammars or models, nor where the processes are: here (`open_pool`, niced), or on the machines of a cluster
(`h2b.asr.raypool`). Everything happens in the trio thread, and no call of a session waits.

Theory of operation
 1. N places, each with one process at a time and one task that keeps it: spawn, load, carry out orders, and spawn
    again after a back-off when the process dies, whatever killed it.
 2. An utterance gathers its audio here. Its `decode` waits in one bounded queue, first come first served; the audio
    goes to the shared memory of the process that takes it, so a dead process takes no waiting audio with it.
 3. A free process that has met the request before is preferred: what it compiled is still there.
 4. A `listen` lets a free process compile ahead, as long as that leaves one for those who wait to be recognised. Where
    there is only one, it compiles when nobody waits.
 5. Where servers share their processes, one that is at work for another server is not free. Such a process never keeps
    an utterance waiting: it hands it back, and the utterance is again the first in the queue.
 6. Every decode is answered once: by the process, by its death, by its deadline, or by the queue when it is full or the
    wait was too long. That last rule also holds when no process is alive at all.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from hashlib import blake2b

import numpy as np
import structlog
import trio
from attrs import define, field, frozen

from h2b.asr.background import background_tasks
from h2b.asr.base import Answer, Samples, UtteranceRequest
from h2b.asr.messages import Failed, Heard, Load, Occupied, Prepare, Progress, Ready, Recognise, Refused
from h2b.asr.process import OpenWorker, Worker, WorkerDied, open_worker
from h2b.config import AsrSettings
from h2b.model.errors import EngineError
from h2b.model.formats import SAMPLE_RATE, seconds_to_samples
from h2b.model.results import Recognised
from h2b.protocol.recognition import MAXIMUM_UTTERANCE_S

DEFAULT_ENGINE = "h2b.asr.engines:load_engine"
MAXIMUM_SAMPLES = seconds_to_samples(MAXIMUM_UTTERANCE_S + 5.0)
"""Longest utterance: the protocol's own limit and what one frame of pre-roll or gap may add to it."""
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
"""Pauses before a dead process is replaced: the first, doubled with each failure in a row, up to the last."""
MAXIMUM_PREPARATIONS = 32
"""Requests waiting to be compiled ahead; the oldest are forgotten."""
KNOWN_REQUESTS = 64
"""Requests remembered of each process."""

_log = structlog.get_logger("h2b.asr.pool")


@frozen(kw_only=True)
class PoolStatistics:
    """A look at the pool."""

    workers: int
    alive: int
    """Processes that have loaded their engines."""
    free: int
    """Processes with nothing to do."""
    waiting: int
    """Utterances in the queue."""
    deaths: int
    """Processes that died or were killed since the start."""
    unanswered: int
    """Decodes answered with EngineError because no process was free in time."""
    decode_s: float
    """Time processes spent on utterances."""
    audio_s: float
    """Audio of these utterances: one divided by the other is the real-time factor."""
    waited_s: float = 0.0
    """How long the first utterance in the queue has waited; 0 when there is none."""


class _Asked:
    """A request, and what it is known by: with its grammars it may have a million characters."""

    def __init__(self, request: UtteranceRequest) -> None:
        self.request = request

    @cached_property
    def key(self) -> bytes:
        return blake2b(repr(self.request).encode("utf-8", "backslashreplace"), digest_size=16).digest()


class PoolUtterance:
    """One utterance, from `listen` to `cancel`."""

    def __init__(self, pool: "Pool", asked: _Asked, answer: Answer) -> None:
        self.asked = asked
        self._pool = pool
        self._answer = answer
        self._chunks: list[Samples] = []
        self._sample_count = 0
        self._wanted: int | None = None
        self._cancelled = False

    def feed(self, samples: Samples) -> None:
        """Add speech. Raises OverflowError beyond MAXIMUM_SAMPLES."""
        if self._cancelled:
            return
        if self._sample_count + len(samples) > MAXIMUM_SAMPLES:
            raise OverflowError(f"an utterance longer than {MAXIMUM_SAMPLES} samples")
        self._chunks.append(samples)
        self._sample_count += len(samples)

    def decode(self, generation: int) -> None:
        """Ask for hypotheses of all that was fed so far; an older generation is never answered."""
        if not self._cancelled:
            self._wanted = generation
            self._pool.enqueue(_Decoding(self, generation, self._sample_count))

    def cancel(self) -> None:
        """Forget the utterance."""
        self._cancelled = True
        self._wanted = None
        self._chunks.clear()
        self._pool.forget(self)

    def wants(self, generation: int) -> bool:
        """Whether this decode is still to be answered."""
        return self._wanted == generation

    def samples(self, count: int) -> Samples:
        """The first samples, in one piece."""
        return np.concatenate([np.empty(0, np.int16), *self._chunks])[:count]

    def answer(self, generation: int, outcome: Recognised | EngineError) -> None:
        """Give the answer, unless nobody waits for it any more. A receiver's fault is logged and stays its own."""
        if not self.wants(generation):
            return
        self._wanted = None
        try:
            self._answer(generation, outcome)
        except Exception:
            _log.exception("answer_not_taken", generation=generation)


@frozen(eq=False)
class _Decoding:
    """One decode that waits or is in work."""

    utterance: PoolUtterance
    generation: int
    samples: int
    since: float = field(factory=trio.current_time)

    @property
    def wanted(self) -> bool:
        return self.utterance.wants(self.generation)

    def fail(self, reason: str) -> None:
        self.utterance.answer(self.generation, EngineError(reason))


_Task = _Decoding | _Asked
"""What a process can be given to do: an utterance, or a request to prepare."""


@define(eq=False)
class _Place:
    """One of the N places; its process may be replaced."""

    number: int
    task: _Task | None = None
    waiting: trio.CancelScope | None = None
    """Entered while there is nothing to do; cancelled when there is."""
    known: dict[bytes, None] = field(factory=dict)
    """Requests its process has met, the latest last."""
    worker: Worker | None = None
    has_loaded: bool = False
    has_failed: bool = False
    """Whether its first process has not loaded its engine."""
    alive: bool = False
    """Whether its present process has loaded its engine."""
    has_worked: bool = False
    """Whether its present process has carried out an order: the back-off then starts anew."""

    @property
    def occupied(self) -> bool:
        return self.worker is not None and self.worker.occupied

    def assign(self, task: _Task) -> None:
        self.task = task
        if self.waiting is not None:
            self.waiting.cancel()

    def remember(self, asked: _Asked) -> None:
        self.known.pop(asked.key, None)
        self.known[asked.key] = None
        if len(self.known) > KNOWN_REQUESTS:
            del self.known[next(iter(self.known))]


class Pool:
    """The recogniser over processes; made by `open_pool`, and by `h2b.asr.raypool.open_ray_pool`."""

    def __init__(
        self,
        settings: AsrSettings,
        open_worker: OpenWorker,
        languages: Mapping[str, str],
        tasks: trio.Nursery,
        *,
        needed: int | None = None,
    ) -> None:
        """A pool without places; its tasks live as long as the nursery.

        Args:
            needed: how many processes must have loaded their engines before the pool is ready; by default all.
        """
        self.languages = languages
        self._settings = settings
        self._open_worker = open_worker
        self._tasks = tasks
        self._needed = needed
        self._places: list[_Place] = []
        self._free: list[_Place] = []
        self._queue: deque[_Decoding] = deque()
        self._preparations: deque[_Asked] = deque(maxlen=MAXIMUM_PREPARATIONS)
        self._expiry = trio.CancelScope()
        self._started = trio.Event()
        self._start_error = ""
        self._deaths = 0
        self._unanswered = 0
        self._decode_s = 0.0
        self._audio_s = 0.0
        tasks.start_soon(self._expire)

    def grow(self, count: int) -> None:
        """Have at least so many places, and keep a process in each."""
        while len(self._places) < count:
            place = _Place(len(self._places) + 1)
            self._places.append(place)
            self._tasks.start_soon(self._keep, place)

    def refuse_start(self, reason: str) -> None:
        """There will be no process: `ready` says why, unless it has been answered."""
        if not self._started.is_set():
            self._start_error = reason
            self._started.set()

    # The recogniser

    def listen(self, request: UtteranceRequest, answer: Answer) -> PoolUtterance:
        """Open an utterance."""
        asked = _Asked(request)
        if all(asked.key != other.key for other in self._preparations):
            self._preparations.append(asked)
        self._dispatch()
        return PoolUtterance(self, asked, answer)

    async def ready(self) -> None:
        """Wait until as many processes as are needed have loaded their engines.

        Raises:
            EngineError: they cannot; one clear line.
        """
        await self._started.wait()
        if self._start_error:
            raise EngineError(self._start_error)

    def statistics(self) -> PoolStatistics:
        return PoolStatistics(
            workers=len(self._places),
            alive=sum(place.alive for place in self._places),
            free=len(self._available()),
            waiting=len(self._queue),
            deaths=self._deaths,
            unanswered=self._unanswered,
            decode_s=self._decode_s,
            audio_s=self._audio_s,
            waited_s=trio.current_time() - self._queue[0].since if self._queue else 0.0,
        )

    # The queue

    def enqueue(self, decoding: _Decoding) -> None:
        """A decode was asked for: the first free process takes it."""
        self.forget(decoding.utterance)
        if len(self._queue) >= self._settings.queue_utterances:
            # An answer comes later, never inside the call that asks for it.
            reason = f"the recogniser is overloaded: {len(self._queue)} utterances are waiting"
            self._tasks.start_soon(self._refuse_later, decoding, reason)
            return
        self._queue.append(decoding)
        self._dispatch()

    def forget(self, utterance: PoolUtterance) -> None:
        """Nothing of the utterance waits any more."""
        for decoding in self._queue:
            if decoding.utterance is utterance:
                self._queue.remove(decoding)
                self._set_expiry()
                return

    def _put_back(self, decoding: _Decoding) -> None:
        """A process had no time for it: it is the first in the queue again, unless nobody waits for it any more."""
        if decoding.wanted:
            self._queue.appendleft(decoding)
            self._set_expiry()

    async def _expire(self) -> None:
        """Answer those that have waited too long; runs as long as the pool."""
        while True:
            with trio.CancelScope() as self._expiry:
                self._set_expiry()
                await trio.sleep_forever()
            while self._queue and self._queue[0].since + self._settings.queue_s <= trio.current_time():
                self._unanswered += 1
                self._queue.popleft().fail(
                    f"the recogniser is overloaded: no process was free for {self._settings.queue_s:g} s"
                )

    async def _refuse_later(self, decoding: _Decoding, reason: str) -> None:
        self._unanswered += 1
        decoding.fail(reason)

    def _set_expiry(self) -> None:
        self._expiry.deadline = self._queue[0].since + self._settings.queue_s if self._queue else float("inf")

    def _dispatch(self) -> None:
        """Give free processes what waits: utterances first, preparations only while there is room for utterances."""
        while self._queue and self._available():
            decoding = self._queue.popleft()
            self._take_free(decoding.utterance.asked).assign(decoding)
        self._set_expiry()
        while self._preparations and self._has_room():
            asked = self._preparations.popleft()
            if not any(asked.key in place.known for place in self._places):
                self._take_free(asked).assign(asked)

    def _available(self) -> list[_Place]:
        """Places whose processes work neither for us nor for others; the one that has been free longest is first."""
        return [place for place in self._free if not place.occupied]

    def _has_room(self) -> bool:
        return not self._queue and len(self._available()) >= max(1, min(2, len(self._places)))

    def _take_free(self, asked: _Asked) -> _Place:
        available = self._available()
        place = next((place for place in available if asked.key in place.known), available[0])
        self._free.remove(place)
        for other in self._preparations:
            if other.key == asked.key:
                self._preparations.remove(other)
                break
        return place

    # The places

    async def _keep(self, place: _Place) -> None:
        """Keep a process in this place; runs as long as the pool."""
        failures = 0
        while True:
            place.has_worked = False
            place.known.clear()
            try:
                async with self._open_worker(place.number, self._dispatch) as worker:
                    place.worker = worker
                    await self._load(place, worker)
                    await self._serve(place, worker)
            except WorkerDied as death:
                failures = 1 if place.has_worked else failures + 1
                pause = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** (failures - 1))
                self._bury(place, str(death), pause)
            await trio.sleep(pause)

    def _bury(self, place: _Place, how: str, pause: float) -> None:
        self._deaths += 1
        place.alive = False
        place.worker = None
        _log.warning("worker_died", worker=place.number, reason=how, respawn_s=pause)
        if place in self._free:
            self._free.remove(place)
        task, place.task = place.task, None
        if isinstance(task, _Decoding):
            task.fail(how)
        if not place.has_loaded:
            place.has_failed = True
            self._note_start(how)

    def _note_start(self, failure: str = "") -> None:
        """Whether enough processes have loaded their engines, or too many have failed to."""
        needed = len(self._places) if self._needed is None else self._needed
        if sum(place.has_failed for place in self._places) > len(self._places) - needed:
            self.refuse_start(failure)
        elif sum(place.has_loaded for place in self._places) >= needed:
            self._started.set()

    async def _load(self, place: _Place, worker: Worker) -> None:
        deadline_s = self._settings.load_deadline_s
        with trio.move_on_after(deadline_s):
            await worker.tell(Load(self._settings.engine_options()))
            while isinstance(report := await worker.hear(), Progress):
                _log.info("engine_loading", worker=place.number, progress=report.text)
            if isinstance(report, Refused):
                raise WorkerDied(report.reason)
            if not isinstance(report, Ready):
                raise WorkerDied(f"a starting process answered {type(report).__name__}, expected Ready")
            _log.info("worker_ready", worker=place.number, pid=worker.pid, languages=report.languages)
            place.has_loaded = place.alive = True
            place.has_failed = False
            self._note_start()
            return
        raise WorkerDied(f"loading the recogniser took longer than {deadline_s:g} s")

    async def _serve(self, place: _Place, worker: Worker) -> None:
        while True:
            self._free.append(place)
            self._dispatch()
            with trio.CancelScope() as place.waiting:
                if place.task is None:
                    await worker.watch()
            place.waiting = None
            with trio.move_on_after(self._settings.decode_deadline_s) as scope:
                await self._carry_out(place, worker)
            if scope.cancelled_caught:
                raise WorkerDied(f"the recogniser took longer than {self._settings.decode_deadline_s:g} s")
            place.has_worked = True

    async def _carry_out(self, place: _Place, worker: Worker) -> None:
        """The task at hand, from the order to the report; `task` stays set until it is answered."""
        task = place.task
        try:
            if isinstance(task, _Asked):
                await self._prepare(place, worker, task)
            elif task is not None and task.wanted:
                await self._recognise(place, worker, task)
        except EngineError as error:
            # It cannot even be told to a process. Nobody else's business.
            place.task = None
            if isinstance(task, _Decoding):
                task.fail(str(error))
        place.task = None

    async def _prepare(self, place: _Place, worker: Worker, asked: _Asked) -> None:
        await worker.tell(Prepare(asked.request))
        if not isinstance(await worker.hear(), Occupied):
            place.remember(asked)

    async def _recognise(self, place: _Place, worker: Worker, decoding: _Decoding) -> None:
        samples = decoding.utterance.samples(decoding.samples)
        began = trio.current_time()
        worker.show(samples)
        await worker.tell(Recognise(decoding.utterance.asked.request, len(samples)))
        report = await worker.hear()
        place.task = None
        if isinstance(report, Occupied):
            self._put_back(decoding)
            return
        self._decode_s += trio.current_time() - began
        self._audio_s += len(samples) / SAMPLE_RATE
        place.remember(decoding.utterance.asked)
        if isinstance(report, Heard):
            decoding.utterance.answer(decoding.generation, report.recognised)
        elif isinstance(report, Failed):
            decoding.fail(report.reason)
        else:
            decoding.fail(f"the recogniser answered {type(report).__name__}, expected Heard")


@asynccontextmanager
async def open_pool(
    settings: AsrSettings, *, engine: str = DEFAULT_ENGINE, languages: Mapping[str, str] | None = None
) -> AsyncIterator[Pool]:
    """A pool whose processes live as long as the block. `ready` tells when they have loaded their engines.

    Args:
        engine: `module:function` that gives the engine, called in each process (see `h2b.asr.worker.LoadEngine`).
        languages: what `Recogniser.languages` answers.
    """

    def open_place(number: int, changed: Callable[[], None]) -> AbstractAsyncContextManager[Worker]:
        return open_worker(engine, settings.niceness, MAXIMUM_SAMPLES)

    async with background_tasks() as tasks:
        pool = Pool(settings, open_place, languages or {}, tasks)
        pool.grow(settings.worker_count)
        yield pool
