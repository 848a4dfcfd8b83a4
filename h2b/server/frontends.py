"""Several front ends as one server: started, watched over, replaced, drained; and the HTTP side for them all.

Owns their lives and their shares. Must not know calls: what a front end does is `h2b.server.app`'s.

Theory of operation
 1. A front end is a process that does all a server does, with its share of the recognising processes; it is full when
    its core is. All listen on one WebSocket port, and the kernel spreads connections over them. A call by MRCPv2
    belongs to the process its first datagram reached, so each front end has ports of its own for them.
 2. This process serves no call. It answers on the HTTP side, from what front ends tell it each second, and it alone
    copies and deletes usage records, which all of them write to one file.
 3. A front end that dies takes its calls with it, and no others; another one starts in its place, sooner or later. One
    that says nothing for `HUNG_S` is taken for dead.
 4. Signals go on to all front ends, which drain as any server does. When this process dies, so do they.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import structlog
import trio
from attrs import define, evolve, field

from h2b.asr.background import background_tasks
from h2b.asr.pool import DEFAULT_ENGINE
from h2b.config import (
    Configuration,
    MrcpSettings,
    ServerSettings,
    parse_address,
    parse_ports,
    usable_cores,
    write_address,
)
from h2b.model.errors import ConfigurationError, H2BError
from h2b.server.access import open_access
from h2b.server.addresses import control_address
from h2b.server.frontend import LONGEST_LINE, NotUnderstood, Order, line_of, report_of, written
from h2b.server.gathered import OF_SHARED_POOL, SAME, Gathered, GatheredMetrics
from h2b.server.http import HttpSide
from h2b.server.notify import READY, STOPPING, keep_watchdog, notify, watchdog_s
from h2b.server.operations import open_http, raise_file_limit
from h2b.server.sharedport import held_port
from h2b.server.telephone import check_callers
from h2b.server.tls import Tls, open_tls
from h2b.server.usage import open_usage, reader_of, uncopied_records
from h2b.server.usage_api import UsageApi

_log = structlog.get_logger("h2b.server.frontends")

PORT_STEP = 10
"""Ports from one front end's to the next one's, in MRCPv2."""
CORES_EACH = 2
"""Where the number is to be chosen: one core for a front end, one for what it has recognised."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Before a front end is replaced."""
HEALTHY_S = 60.0
"""One that lived so long did not die of its start."""
HUNG_S = 30.0
GRACE_S = 10.0
"""Beyond the time for draining, before what is left is killed."""
ORDERED_S = 10.0
NOT_FOR_CHILDREN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""Of the environment: the service manager hears one process."""


def front_ends(settings: ServerSettings) -> int:
    """How many there are to be."""
    return settings.front_ends or max(1, usable_cores() // CORES_EACH)


def share_of(configuration: Configuration, number: int, count: int) -> Configuration:
    """What one of `count` front ends is to serve; they are numbered from 1.

    Raises:
        ConfigurationError: there are not ports enough.
    """
    asr, usage = configuration.asr, configuration.usage
    if asr.pool == "local":
        everyone = asr.workers or usable_cores()
        asr = evolve(asr, workers=max(1, everyone // count + (number <= everyone % count)))
    return evolve(
        configuration,
        server=evolve(configuration.server, http="", front_ends=1),
        asr=asr,
        mrcp=_mrcp_share(configuration.mrcp, number, count),
        usage=evolve(usage, postgres="", retention_days=0),
    )


def _mrcp_share(settings: MrcpSettings, number: int, count: int) -> MrcpSettings:
    if not settings.sip:
        return settings
    first, last = parse_ports(settings.rtp_ports)
    each = (last - first + 1) // count
    if each < 2:
        raise ConfigurationError(f"rtp_ports in [mrcp]: {settings.rtp_ports} is not enough for {count} front ends")
    begin = first + (number - 1) * each
    return evolve(
        settings,
        sip=_moved(settings.sip, number),
        sip_tls=_moved(settings.sip_tls, number),
        mrcp=_moved(control_address(settings), number),
        mrcp_tls=_moved(settings.mrcp_tls, number),
        rtp_ports=f"{begin}-{begin + each - 1}",
    )


def _moved(address: str, number: int) -> str:
    """An address for one front end; port 0 is a free one for each."""
    if not address:
        return ""
    host, port = parse_address(address)
    return write_address(host, port and port + PORT_STEP * (number - 1))


async def supervise(
    configuration: Configuration,
    announce: Callable[[str], None],
    *,
    engine: str = DEFAULT_ENGINE,
    languages: Mapping[str, str] | None = None,
    insecure: bool = False,
) -> None:
    """Serve with several front ends until SIGTERM or SIGINT: `h2b.server.app.run` for more than one process.

    Raises:
        ConfigurationError, EngineError: as `run` does.
        H2BError: a front end did not start.
    """
    count = front_ends(configuration.server)
    check_callers(configuration.mrcp, insecure=insecure)
    access, tls = open_access(configuration, insecure=insecure), open_tls(configuration.tls)
    raise_file_limit()
    with held_port(configuration.server.websocket, "websocket") as address:
        configuration = evolve(configuration, server=evolve(configuration.server, websocket=address))
        orders = [
            Order(
                number=number,
                configuration=share_of(configuration, number, count),
                engine=engine,
                languages=None if languages is None else dict(languages),
                insecure=insecure,
            )
            for number in range(1, count + 1)
        ]
        metrics = GatheredMetrics()
        shared = OF_SHARED_POOL if configuration.asr.pool != "local" else frozenset[str]()
        metrics.gathered = Gathered(metrics.registry, SAME | shared)
        house = House(orders, metrics.gathered)
        async with open_usage(configuration.usage) as write, background_tasks() as tasks:
            await tasks.start(house.obey_signals)
            await tasks.start(house.obey_hangups, tls)
            metrics.gauges.usage_copying = partial(uncopied_records, write)
            tasks.start_soon(metrics.measure_lag)
            tasks.start_soon(keep_watchdog, watchdog_s())
            reader = reader_of(write)
            side = HttpSide(
                access,
                metrics,
                lambda: house.gathered.readiness(house.closing.is_set()),
                UsageApi(reader) if reader is not None else None,
            )
            async with open_http(configuration.server.http, side, tls) as url:
                await house.live(partial(_announce, announce, url))


def _announce(announce: Callable[[str], None], url: str, lines: list[str]) -> None:
    """One ready line of those of all: the first one's, and the addresses that the others have for themselves."""
    first, *others = lines
    words = first.split()
    if url:
        words.insert(2, f"http={url}")
    for number, line in enumerate(others, 2):
        for word in line.split()[2:]:
            name, _, address = word.partition("=")
            words.append(f"{name}{number}={address}")
    announce(" ".join(words))
    notify(READY)


@define(eq=False)
class House:
    """The front ends of one server."""

    orders: list[Order]
    gathered: Gathered
    closing: trio.Event = field(factory=trio.Event)
    """Set when all are to end."""
    _processes: dict[int, trio.Process] = field(factory=dict)
    _ready: dict[int, str] = field(factory=dict)
    """Ready lines, by number."""
    _changed: trio.Event = field(factory=trio.Event)
    """Set when one got ready, and when all are to end."""

    async def live(self, announce: Callable[[list[str]], None]) -> None:
        """Until all have ended because they were to. Raises H2BError when one does not start."""
        async with trio.open_nursery() as nursery:
            for order in self.orders:
                nursery.start_soon(self._keep, order)
            told = False
            while not self.closing.is_set():
                if not told and len(self._ready) == len(self.orders):
                    told = True
                    announce([self._ready[order.number] for order in self.orders])
                await self._changed.wait()
            notify(STOPPING)
            settings = self.orders[0].configuration.server
            nursery.cancel_scope.deadline = trio.current_time() + settings.drain_notice_s + settings.drain_s + GRACE_S
        _log.info("stopped")

    async def _keep(self, order: Order) -> None:
        """Have this front end live, one process after the other."""
        pause = FIRST_PAUSE_S
        while not self.closing.is_set():
            began = trio.current_time()
            ending = await self._live_once(order)
            if self.closing.is_set():
                return
            if order.number not in self._ready:
                raise H2BError(ending or f"front end {order.number} did not start")
            if trio.current_time() - began >= HEALTHY_S:
                pause = FIRST_PAUSE_S
            _log.error("front_end_died", front_end=order.number, reason=ending, retry_s=pause)
            with trio.move_on_after(pause):
                await self.closing.wait()
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _live_once(self, order: Order) -> str:
        """One process from its start to its end; why it ended."""
        ending = ""
        try:
            async with _spawned() as (process, control):
                self._processes[order.number] = process
                if self.closing.is_set():
                    process.terminate()
                with trio.move_on_after(ORDERED_S):
                    await control.send_all(written(order))
                ending = await self._listen(order.number, control)
                return ending or await _status(process)
        except trio.BrokenResourceError:
            return ending or "it ended before it had its order"
        except OSError as error:
            # The system has no process, memory or descriptor for it now.
            return f"it cannot be started: {error}"
        except NotUnderstood as error:
            return str(error)
        finally:
            self._processes.pop(order.number, None)
            self.gathered.leave(order.number)

    async def _listen(self, number: int, control: trio.SocketStream) -> str:
        """Hear what a front end says until it is silent; what it said of its end. Raises NotUnderstood."""
        pending, ending = b"", ""
        while True:
            with trio.move_on_after(HUNG_S if number in self.gathered.reports else float("inf")) as patience:
                try:
                    octets = bytes(await control.receive_some())
                except trio.BrokenResourceError:
                    octets = b""
            if patience.cancelled_caught:
                return f"it said nothing for {HUNG_S:g} s"
            if not octets:
                return ending
            *lines, pending = (pending + octets).split(b"\n")
            for line in lines:
                ending = self._hear(number, line_of(line)) or ending
            if len(pending) > LONGEST_LINE:
                raise NotUnderstood(f"it said a line of more than {LONGEST_LINE} octets")

    def _hear(self, number: int, said: Mapping[str, object]) -> str:
        match said:
            case {"ready": str(line)}:
                self._ready[number] = line
                _log.info("front_end_ready", front_end=number)
                self._change()
            case {"report": dict(report)}:
                self.gathered.reports[number] = report_of(report)
            case {"failed": str(reason)}:
                return reason
            case _:
                raise NotUnderstood("it said what nobody understands")
        return ""

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # Signals

    async def obey_signals(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Pass SIGTERM and SIGINT on, for ever; the first one begins the end."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                _log.info("signal", name=signal.Signals(number).name)
                self.closing.set()
                self._pass_on(signal.SIGTERM)
                self._change()

    async def obey_hangups(
        self, tls: Tls | None, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Read the certificate again at each SIGHUP, and have front ends do so; without one that signal is ignored."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                _log.info("signal", name=signal.Signals(number).name)
                if tls is None:
                    _log.info("hangup_ignored")
                    continue
                tls.reload()
                self._pass_on(signal.SIGHUP)

    def _pass_on(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(number)


@asynccontextmanager
async def _spawned() -> AsyncIterator[tuple[trio.Process, trio.SocketStream]]:
    """A process without an order, and the socket it is at the other end of. At the end of the block it is gone.

    Raises OSError when there can be no process.
    """
    own, theirs = socket.socketpair()
    with ExitStack() as unless_spawned, theirs:
        unless_spawned.enter_context(own)
        # A group of its own: what a terminal sends comes by this process alone.
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "h2b.server.frontend", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN},
        )
        unless_spawned.pop_all()
    try:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(own)) as control:
            yield process, control
    finally:
        with trio.CancelScope(shield=True):
            with trio.move_on_after(GRACE_S / 2 if process.returncode is None else 0):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _status(process: trio.Process) -> str:
    with trio.move_on_after(GRACE_S):
        status = await process.wait()
        return f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"exit status {status}"
    return "it hung up"
