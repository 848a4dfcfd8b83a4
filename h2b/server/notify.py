"""What the service manager is told: ready, stopping, and that we are alive (sd_notify(3)).

Owns the datagrams. Does nothing where no service manager asks for them.
"""

import os
import socket
from collections.abc import Mapping

import structlog
import trio

_log = structlog.get_logger("h2b.server.notify")

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send one datagram to NOTIFY_SOCKET."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
            # A leading @ stands for the zero byte of Linux's abstract names.
            channel.sendto(state.encode("ascii"), b"\0" + address[1:].encode() if address[0] == "@" else address)
    except OSError as error:
        _log.warning("notify_failed", state=state, error=str(error))


async def until_noticed(shutdown: trio.Event, notice_s: float) -> None:
    """Wait for the end, say that it has come, and give balancers time to see it."""
    await shutdown.wait()
    notify(STOPPING)
    _log.info("leaving", drain_notice_s=notice_s)
    await trio.sleep(notice_s)


def watchdog_s(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float:
    """Seconds between two signs of life: half of what the service manager waits; 0 where it does not."""
    own = str(os.getpid() if pid is None else pid)
    if environment.get("WATCHDOG_PID", own) != own or not environment.get("WATCHDOG_USEC", "").isdecimal():
        return 0.0
    return int(environment["WATCHDOG_USEC"]) / 2e6


async def keep_watchdog(seconds: float) -> None:
    """Give signs of life for ever: they stop when the loop that serves calls does."""
    while seconds:
        notify(ALIVE)
        await trio.sleep(seconds)
