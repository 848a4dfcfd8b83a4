"""The server as a whole: it listens, serves, drains and ends.

Owns lifetimes. Must not know messages or engines' insides.

Theory of operation
 1. The longest-lived is outermost: the place of usage records, worker processes, then connections, then accepting.
 2. The first SIGTERM or SIGINT makes /readyz answer 503. When balancers had time to notice, accepting ends, and so do
    connections outside a session. Sessions go on until CLOSE, for they are live calls; at the deadline they are cut off
    and billed. A second signal waits for nothing.
 3. The ready line comes when the first connection can be served: engines loaded, socket listening.
"""

import secrets
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import evolve

import h2b
from h2b.asr.background import background_tasks
from h2b.asr.base import Recogniser
from h2b.asr.engines import available_languages
from h2b.asr.pool import DEFAULT_ENGINE, open_pool
from h2b.asr.raypool import open_ray_pool
from h2b.config import Configuration, LimitSettings, parse_address
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import warm_up
from h2b.language import language
from h2b.model.errors import ConfigurationError
from h2b.protocol.session import Setting
from h2b.server.access import Access, open_access
from h2b.server.addresses import check_addresses
from h2b.server.admission import Admission
from h2b.server.channel import Channel, Machine, WriteRecord
from h2b.server.door import Door
from h2b.server.fetch import with_fetching
from h2b.server.garbage import collect_seldom, settle
from h2b.server.grammars import WatchedGrammars
from h2b.server.http import Readiness
from h2b.server.languages import check_languages
from h2b.server.limits import Shared, share
from h2b.server.log import log_record
from h2b.server.metrics import Gauges, Metrics
from h2b.server.notify import READY, notify, until_noticed
from h2b.server.operations import open_operations, raise_file_limit, readiness, statistics_of
from h2b.server.refusals import open_refusals
from h2b.server.scripts import open_scripts
from h2b.server.sharedport import shared_listeners
from h2b.server.telemetry import open_telemetry
from h2b.server.telephone import Telephone, check_callers, open_telephone
from h2b.server.tls import Tls, open_tls
from h2b.server.usage import open_usage, reader_of, uncopied_records, waiting_records
from h2b.server.websocket import PATH, WebSocketServer

_log = structlog.get_logger("h2b.server.app")

Announce = Callable[[str], None]
"""Takes the ready line, for whoever started the server."""
FrontEnd = Callable[[Metrics, Callable[[], Readiness]], None]
"""Takes what one front end of several is asked about, for the process that answers for them all."""


async def run(
    configuration: Configuration,
    announce: Announce,
    *,
    write_record: WriteRecord | None = None,
    engine: str = DEFAULT_ENGINE,
    languages: Mapping[str, str] | None = None,
    insecure: bool = False,
    front_end: FrontEnd | None = None,
    tells: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT, with worker processes of our own. The main thread's business.

    Args:
        write_record: where usage records go; by default to where the configuration says.
        engine, languages: see `open_pool`; by default the engines of this package, in the languages they can load.
        insecure: see `open_access`.
        front_end: given where this process is one of several that share the WebSocket port.
        tells: whether to log what is so for all of these: one of them does.

    Raises:
        ConfigurationError: a grammar preset, an address to listen on, who may connect, the certificate, the languages
            or the place of usage records are wrong.
        EngineError: the recogniser cannot be loaded.
    """
    if languages is None:
        languages = available_languages(configuration.asr.engine_options())
    check_callers(configuration.mrcp, insecure=insecure)
    access, tls = open_access(configuration, insecure=insecure), open_tls(configuration.tls)
    raise_file_limit()
    check_languages(configuration, languages, tells=tells)
    check_addresses(configuration, shared=front_end is not None)
    setting = make_setting(configuration, languages)
    shutdown = trio.Event()
    usage = open_usage(configuration.usage) if write_record is None else nullcontext(write_record)
    async with usage as write, background_tasks() as tasks:
        loading = trio.CancelScope()
        await tasks.start(_obey_signals, shutdown, loading, tasks.cancel_scope)
        await tasks.start(_obey_hangups, tls)
        opening = open_ray_pool if configuration.asr.pool == "ray" else open_pool
        async with opening(configuration.asr, engine=engine, languages=languages) as pool:
            # While the workers load: no reader will have to build a language's tables between two frames.
            for code in (code for code, why_not in languages.items() if not why_not):
                warm_up(language(code))
            settle()
            tasks.start_soon(collect_seldom)
            with loading:
                await pool.ready()
            if not shutdown.is_set():
                serving = partial(serve, announce=announce, write_record=write, access=access, tls=tls)
                await serving(configuration, setting, pool, shutdown, front_end=front_end)


async def serve(
    configuration: Configuration,
    setting: Setting,
    recogniser: Recogniser,
    shutdown: trio.Event,
    *,
    announce: Announce = lambda line: None,
    write_record: WriteRecord = log_record,
    access: Access | None = None,
    tls: Tls | None = None,
    front_end: FrontEnd | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `shutdown` is set and all is drained. `task_status` gets the URL clients connect to.

    Args:
        access: who may connect; everybody by default.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    settings, queue = configuration.server, configuration.server.event_queue
    grammars = WatchedGrammars(with_fetching(setting.registry, configuration.grammars), _folders(configuration))
    setting = evolve(setting, newest=lambda: grammars.registry)
    access, shared, places = access or Access(), Shared(configuration.limits), settings.maximum_connections
    free = trio.Semaphore(places)
    gauges = _gauges(shared, lambda: places - free.value, shutdown, recogniser, write_record)
    metrics = Metrics(gauges, setting.wall_time)
    admission = Admission(configuration.limits.busy_s, gauges.pool, partial(metrics.refused, "busy"))
    gauges.busy = lambda: admission.busy
    listeners, url = await _listen(settings.websocket, "wss" if tls else "ws", shared=front_end is not None)

    def open_channel(tenant: str, machine: Machine | None = None) -> Channel:
        own = evolve(setting, tenant=tenant)
        traced = trace(recogniser, metrics.observer())
        return Channel(own, traced.recogniser, scripts, write_record, queue, machine, traced.observe, refusals.tell)

    async with (
        open_scripts() as scripts,
        open_refusals(metrics.request_refused) as refusals,
        open_telemetry(configuration.telemetry) as trace,
        open_operations(settings.http, access, tls, metrics, places, reader_of(write_record)) as http_url,
        open_telephone(configuration, setting, partial(open_channel, ""), shutdown, tls, admission.may_begin) as phone,
        trio.open_nursery() as connections,
    ):
        gauges.calls = phone.statistics if phone is not None else gauges.calls
        websocket = WebSocketServer(settings, open_channel, free, access, shared, metrics, tls, admission=admission)
        async with trio.open_nursery() as accepting:
            await accepting.start(_door(websocket, configuration.limits).run, listeners, connections)
            accepting.start_soon(grammars.watch, configuration.grammars.reload_seconds)
            task_status.started(url)
            (front_end or _alone)(metrics, partial(readiness, gauges, places))
            announce(_ready_line(url, http_url, phone))
            notify(READY)
            await until_noticed(shutdown, settings.drain_notice_s)
            accepting.cancel_scope.cancel()
        websocket.drain()
        _log.info("draining", connections=len(connections.child_tasks), drain_s=settings.drain_s)
        connections.cancel_scope.deadline = trio.current_time() + settings.drain_s
    _log.info("stopped")


def _alone(metrics: Metrics, readiness: Callable[[], Readiness]) -> None:
    """For a server that answers for itself."""


def _gauges(
    shared: Shared,
    connections: Callable[[], int],
    shutdown: trio.Event,
    recogniser: Recogniser,
    write_record: WriteRecord,
) -> Gauges:
    return Gauges(
        connections=connections,
        sessions=lambda: shared.sessions.total,
        draining=shutdown.is_set,
        pool=statistics_of(recogniser),
        usage_spool=partial(waiting_records, write_record),
        usage_copying=partial(uncopied_records, write_record),
    )


def _door(websocket: WebSocketServer, limits: LimitSettings) -> Door:
    return Door(
        serve=websocket.serve_stream,
        per_address=share(limits.connections_per_address, websocket.settings.maximum_connections),
        begun_per_second=limits.handshakes_per_second,
        on_refused=partial(websocket.metrics.refused, "address"),
        seldom=websocket.seldom,
        addresses=websocket.shared.addresses,
    )


def _ready_line(websocket: str, http: str, telephone: Telephone | None) -> str:
    addresses = {"websocket": websocket, "http": http, **(telephone.addresses if telephone else {})}
    return " ".join(["ready", *(f"{name}={address}" for name, address in addresses.items() if address)])


def make_setting(configuration: Configuration, languages: Mapping[str, str]) -> Setting:
    """What every session is given: grammars, defaults, ids and the wall clock.

    Raises:
        ConfigurationError: a preset is wrong.
    """
    return Setting(
        registry=load_catalogue(_folders(configuration), languages),
        parameters=configuration.defaults,
        endpointing=configuration.endpointing,
        make_channel_id=lambda prefix: prefix + secrets.token_hex(8),
        wall_time=time.time,
        version=h2b.__version__,
        keep_transcripts=configuration.usage.keep_transcripts,
    )


def _folders(configuration: Configuration) -> list[Path]:
    """The operator's folders of grammars."""
    folder = configuration.grammars.folder
    return [Path(folder)] if folder else []


async def _listen(address: str, scheme: str, *, shared: bool) -> tuple[list[trio.SocketListener], str]:
    """Sockets for an address, which other processes may share, and the URL clients use."""
    host, port = parse_address(address)
    try:
        listeners = shared_listeners(address, "websocket") if shared else await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigurationError(f"websocket in [server]: cannot listen on {address}: {error}") from error
    if port == 0:
        # A name with several addresses got a port for each: one is enough, and one is announced.
        for listener in listeners[1:]:
            await listener.aclose()
        del listeners[1:]
        port = listeners[0].socket.getsockname()[1]
    return listeners, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


async def _obey_signals(
    shutdown: trio.Event,
    loading: trio.CancelScope,
    everything: trio.CancelScope,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            _log.info("signal", name=signal.Signals(number).name)
            if shutdown.is_set():
                everything.cancel()
            shutdown.set()
            loading.cancel()


async def _obey_hangups(tls: Tls | None, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Read the certificate again at each SIGHUP; without one that signal is ignored, which by itself would end us."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            _log.info("signal", name=signal.Signals(number).name)
            if tls is None:
                _log.info("hangup_ignored")
            else:
                tls.reload()
