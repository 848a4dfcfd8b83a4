"""The server as a whole: it listens, serves, drains and ends.

Owns lifetimes. Must not know messages or engines' insides.

Theory of operation
 1. The longest-lived is outermost: worker processes, then connections, then accepting.
 2. The first SIGTERM or SIGINT ends accepting at once. Idle sessions are closed; those in a recognition have until the
    deadline to hear its end, and are then cut off and billed. A second signal does not wait for the deadline.
 3. The ready line comes when the first connection can be served: engines loaded, socket listening.
"""

import gc
import secrets
import signal
import time
from collections.abc import Callable, Mapping
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
from h2b.config import Configuration, parse_address
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import warm_up
from h2b.language import language
from h2b.model.errors import ConfigurationError
from h2b.protocol.session import Setting
from h2b.server.channel import Channel, WriteRecord
from h2b.server.grammars import WatchedGrammars
from h2b.server.log import log_record
from h2b.server.scripts import open_scripts
from h2b.server.websocket import PATH, WebSocketServer

_log = structlog.get_logger("h2b.server.app")

Announce = Callable[[str], None]
"""Takes the ready line, for whoever started the server."""


async def run(
    configuration: Configuration,
    announce: Announce,
    *,
    write_record: WriteRecord = log_record,
    engine: str = DEFAULT_ENGINE,
    languages: Mapping[str, str] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, with worker processes of our own. The main thread's business.

    Args:
        engine, languages: see `open_pool`; by default the engines of this package, in the languages they can load.

    Raises:
        ConfigurationError: a grammar preset or the address to listen on is wrong.
        EngineError: the recogniser cannot be loaded.
    """
    if languages is None:
        languages = available_languages(configuration.asr.engine_options())
    setting = make_setting(configuration, languages)
    shutdown = trio.Event()
    async with background_tasks() as tasks:
        loading = trio.CancelScope()
        await tasks.start(_obey_signals, shutdown, loading, tasks.cancel_scope)
        async with open_pool(configuration.asr, engine=engine, languages=languages) as pool:
            # While the workers load: no reader will have to build a language's tables between two frames.
            for code in (code for code, why_not in languages.items() if not why_not):
                warm_up(language(code))
            # Tables of millions of entries never change: a collector that walked them would stop every call for it.
            gc.collect()
            gc.freeze()
            with loading:
                await pool.ready()
            if not shutdown.is_set():
                await serve(configuration, setting, pool, shutdown, announce=announce, write_record=write_record)


async def serve(
    configuration: Configuration,
    setting: Setting,
    recogniser: Recogniser,
    shutdown: trio.Event,
    *,
    announce: Announce = lambda line: None,
    write_record: WriteRecord = log_record,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `shutdown` is set and all is drained. `task_status` gets the URL clients connect to.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    settings = configuration.server
    grammars = WatchedGrammars(setting.registry, _folders(configuration))
    setting = evolve(setting, newest=lambda: grammars.registry)
    listeners, url = await _listen(settings.websocket)
    async with open_scripts() as scripts, trio.open_nursery() as connections:
        websocket = WebSocketServer(
            settings=settings,
            open_channel=lambda: Channel(setting, recogniser, scripts, write_record, settings.event_queue),
            draining=shutdown,
            places=trio.Semaphore(settings.maximum_connections),
        )
        async with trio.open_nursery() as accepting:
            await accepting.start(
                partial(trio.serve_listeners, websocket.serve_stream, listeners, handler_nursery=connections)
            )
            accepting.start_soon(grammars.watch, configuration.grammars.reload_seconds)
            task_status.started(url)
            announce(f"ready websocket={url}")
            await shutdown.wait()
            accepting.cancel_scope.cancel()
        _log.info("draining", connections=len(connections.child_tasks), drain_s=settings.drain_s)
        connections.cancel_scope.deadline = trio.current_time() + settings.drain_s
    _log.info("stopped")


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
    )


def _folders(configuration: Configuration) -> list[Path]:
    """The operator's folders of grammars."""
    folder = configuration.grammars.folder
    return [Path(folder)] if folder else []


async def _listen(address: str) -> tuple[list[trio.SocketListener], str]:
    """Sockets for an address, and the URL clients use."""
    host, port = parse_address(address)
    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigurationError(f"websocket in [server]: cannot listen on {address}: {error}") from error
    if port == 0:
        # A name with several addresses got a port for each: one is enough, and one is announced.
        for listener in listeners[1:]:
            await listener.aclose()
        del listeners[1:]
        port = listeners[0].socket.getsockname()[1]
    return listeners, f"ws://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


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
