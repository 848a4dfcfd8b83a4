"""A server of MRCPv2 for tests: started, looked into, and drained when its block ends."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

from h2b.asr.base import Recogniser
from h2b.asr.scripted import open_scripted
from h2b.config import Configuration, LimitSettings, MrcpSettings, ServerSettings, TlsSettings
from h2b.model.usage import RecognitionRecord
from h2b.protocol.session import Setting
from h2b.server.channel import Channel
from h2b.server.scripts import open_scripts
from h2b.server.telephone import Telephone, open_telephone
from h2b.server.tls import Tls

LIMIT_S = 30
EVENT_QUEUE = 256


@define
class Running:
    """A server under test."""

    telephone: Telephone
    shutdown: trio.Event
    records: list[RecognitionRecord] = field(factory=list)

    @property
    def sip(self) -> str:
        return self.telephone.addresses["sip"]

    @property
    def idle(self) -> bool:
        """Whether nothing of any call is left."""
        own = self.telephone
        left = own.board.calls, own.media.ports.taken, len(own.control.channels), own.control.connections
        return not any(left)


def open_files() -> int:
    """How many there are, without those that only the garbage collector would close."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def a_server(
    setting: Setting,
    recogniser: Recogniser | None = None,
    *,
    drain_s: float = 5.0,
    drain_notice_s: float = 0.0,
    tls: Tls | None = None,
    limits: LimitSettings | None = None,
    may_begin: Callable[[], bool] = lambda: True,
    **settings: Any,
) -> AsyncIterator[Running]:
    """By default everything said is "yes"."""
    settings = {"sip": "127.0.0.1:0", "mrcp": "127.0.0.1:0", "rtp_ports": "42000-42999", **settings}
    own = tls.settings if tls else TlsSettings()
    times = ServerSettings(drain_s=drain_s, drain_notice_s=drain_notice_s)
    configuration = Configuration(
        server=times, mrcp=MrcpSettings(**settings), tls=own, limits=limits or LimitSettings()
    )
    records: list[RecognitionRecord] = []
    shutdown = trio.Event()
    with trio.fail_after(LIMIT_S):
        async with open_scripted(lambda request, samples: "yes", delay_s=0.01) as scripted, open_scripts() as scripts:
            engine = recogniser or scripted
            make = partial(Channel, setting, engine, scripts, records.append, EVENT_QUEUE)
            async with open_telephone(configuration, setting, make, shutdown, tls, may_begin) as telephone:
                assert telephone is not None
                yield Running(telephone, shutdown, records)
                shutdown.set()
