"""The server's end of a link to a Ray cluster that is lost, on trio's virtual clock: no Ray, no process."""

import math
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from h2b.asr import raypool
from h2b.asr.messages import LENGTH_BYTES, Ready, encode_report
from h2b.asr.process import WorkerDied
from h2b.asr.raymessages import Attach, Attached, Connected, FromLink, Give, Told, decode_to_link, encode_from_link
from h2b.asr.raypool import open_ray_pool
from h2b.config import AsrSettings


class LinkProcess:
    """Says what a process does that has reached a cluster with room for one engine."""

    pid = 1

    def __init__(self) -> None:
        self._said, self._heard = trio.open_memory_channel[bytes | None](math.inf)
        self._say(Connected(1))

    def break_off(self) -> None:
        self._said.send_nowait(None)

    async def send(self, message: bytes) -> None:
        order, _ = decode_to_link(message[LENGTH_BYTES:])
        if isinstance(order, Attach):
            self._say(Attached(order.attachment, 1, "node"))
        elif isinstance(order, Give) and order.load:
            self._say(Told(order.attachment), encode_report(Ready(("en",)))[LENGTH_BYTES:])

    async def receive(self) -> bytes:
        message = await self._heard.receive()
        if message is None:
            raise WorkerDied("the link hung up")
        return message

    def _say(self, message: FromLink, passed_on: bytes = b"") -> None:
        self._said.send_nowait(encode_from_link(message, passed_on)[LENGTH_BYTES:])


@pytest.mark.parametrize("dying_s", [0.0, 0.05, 0.15, 1.0])
async def test_places_attach_to_the_next_link_however_long_the_process_of_the_lost_one_takes_to_end(
    dying_s: float, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    links: list[LinkProcess] = []

    @asynccontextmanager
    async def spawned(called: str, arguments: Sequence[str], samples: int) -> AsyncIterator[tuple[LinkProcess, int]]:
        links.append(LinkProcess())
        audio = os.memfd_create("audio")
        try:
            yield links[-1], audio
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(dying_s)
            os.close(audio)

    monkeypatch.setattr(raypool, "open_process", spawned)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    async with open_ray_pool(AsrSettings(pool="ray", workers=1), languages={"en": ""}) as pool:
        await pool.ready()
        links[0].break_off()
        await trio.sleep(10)
        assert len(links) == 2
        assert pool.statistics().alive == 1
