"""What operators see of a running server, started and ended with it: the HTTP side, metrics and signs of life.

Owns the lifetimes of these. Must not know connections or sessions: it is given functions that look at them.
"""

import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

from h2b.asr.background import background_tasks
from h2b.asr.base import Recogniser
from h2b.asr.pool import Pool, PoolStatistics
from h2b.config import parse_address
from h2b.model.errors import ConfigurationError
from h2b.server.access import Access
from h2b.server.http import HttpSide, Readiness, serve_http
from h2b.server.limits import BUSY
from h2b.server.metrics import Gauges, Metrics
from h2b.server.notify import keep_watchdog, watchdog_s
from h2b.server.tls import Tls
from h2b.server.usage import OpenReader
from h2b.server.usage_api import UsageApi


def statistics_of(recogniser: Recogniser) -> Callable[[], PoolStatistics | None]:
    """A look at the pool; at nothing where the recogniser is another one."""
    return recogniser.statistics if isinstance(recogniser, Pool) else lambda: None


def readiness(gauges: Gauges, maximum_connections: int) -> Readiness:
    """Whether new calls may come."""
    pool = gauges.pool()
    reasons = []
    if gauges.draining():
        reasons.append("the server is shutting down")
    if gauges.connections() >= maximum_connections:
        reasons.append("too many connections")
    if pool is not None and not pool.alive:
        reasons.append("no recognising process is alive")
    if gauges.busy():
        reasons.append(BUSY)
    facts = {"connections": gauges.connections(), "sessions": gauges.sessions()}
    if pool is not None:
        facts |= {"workers": pool.workers, "workers_alive": pool.alive, "workers_busy": pool.alive - pool.free}
        facts |= {"utterances_waiting": pool.waiting}
    return Readiness(tuple(reasons), facts)


def raise_file_limit() -> None:
    """As many sockets and files as the system allows: the usual first limit of 1024 is less than `[server]` takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft != resource.RLIM_INFINITY else soft, hard))


@asynccontextmanager
async def open_operations(
    address: str,
    access: Access,
    tls: Tls | None,
    metrics: Metrics,
    maximum_connections: int,
    open_reader: OpenReader | None = None,
) -> AsyncIterator[str]:
    """All of it for the time of the block, draining included; gives the URL of the HTTP side, empty for none.

    Args:
        open_reader: opens usage records, where they are kept.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    async with background_tasks() as tasks:
        tasks.start_soon(metrics.measure_lag)
        tasks.start_soon(keep_watchdog, watchdog_s())
        usage = UsageApi(open_reader) if open_reader is not None else None
        side = HttpSide(access, metrics, partial(readiness, metrics.gauges, maximum_connections), usage)
        async with open_http(address, side, tls) as url:
            yield url


@asynccontextmanager
async def open_http(address: str, side: HttpSide, tls: Tls | None) -> AsyncIterator[str]:
    """The HTTP side for the time of the block; gives its URL, empty where there is no address for it.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    if not address:
        yield ""
        return
    async with background_tasks() as tasks:
        listener = await open_listener(address, "http")
        await tasks.start(serve_http, side, listener, tls.context if tls else None)
        yield f"{'https' if tls else 'http'}://{authority(address, listener)}"


async def open_listener(address: str, key: str) -> trio.SocketListener:
    """One socket for an address; `key` names the setting. Raises ConfigurationError."""
    host, port = parse_address(address)
    try:
        first, *others = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigurationError(f"{key} in [server]: cannot listen on {address}: {error}") from error
    for listener in others:
        await listener.aclose()
    return first


def authority(address: str, listener: trio.SocketListener) -> str:
    """Host as it was written, and the port that is listened on."""
    host, _ = parse_address(address)
    return f"{f'[{host}]' if ':' in host else host}:{listener.socket.getsockname()[1]}"
