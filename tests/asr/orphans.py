"""Opens a pool, prints the process ids of its workers and waits to be killed."""

import sys

import numpy as np
import trio
from fake_engine import Fate

from h2b.asr.base import UtteranceRequest
from h2b.asr.pool import open_pool
from h2b.config import AsrSettings


async def main() -> None:
    async with open_pool(AsrSettings(workers=1), engine="fake_engine:load") as pool:
        await pool.ready()
        heard: list[str] = []
        told = trio.Event()
        idle = pool.listen(
            UtteranceRequest("en"), lambda _, answer: (heard.append(answer.hypotheses[0].transcript), told.set())
        )
        idle.feed(np.array([Fate.PROCESS], np.int16))
        idle.decode(1)
        await told.wait()
        busy = pool.listen(UtteranceRequest("en"), lambda _, answer: None)
        busy.feed(np.array([Fate.BUSY], np.int16))
        busy.decode(1)
        sys.stdout.write(heard[0].split()[0] + "\n")
        sys.stdout.flush()
        await trio.sleep_forever()


trio.run(main)
