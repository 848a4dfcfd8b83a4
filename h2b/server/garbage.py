"""When Python's garbage collector walks over everything: hardly ever, because all calls stand still meanwhile.

Owns that decision for the process. Must not know what the objects are.

 1. A walk takes half a microsecond for each object, and a connection has two hundred of them: with a thousand callers
    100 ms. Python would begin one whenever a quarter more objects have lived for a while, which new calls see to.
 2. Calls leave nothing to it: they end without objects that refer to one another, and tests keep it so. What does so,
    after faults or on the HTTP side, is little, and is found when memory has grown or an hour has passed.
 3. The young generations are collected as ever: those walks are short.

Source: the documentation of the module gc, `set_threshold` and `freeze`.
"""

import gc
from pathlib import Path
from resource import getpagesize

import trio

LOOK_EVERY_S = 10.0
GROWTH_BYTES = 64 << 20
"""So much more memory than after the last walk is worth another one."""
EVERY_S = 3600.0
NEVER = 1 << 30
_STATM = Path("/proc/self/statm")
"""Of Linux: the second number is the pages in memory."""


def settle() -> None:
    """What is there now, tables of millions of entries, is never walked over again; and from now on nobody walks over
    the rest unasked."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)


async def collect_seldom() -> None:
    """Ask for it when it is worth it, for ever."""
    last, walked_at = memory_bytes(), trio.current_time()
    while True:
        await trio.sleep(LOOK_EVERY_S)
        if memory_bytes() - last < GROWTH_BYTES and trio.current_time() - walked_at < EVERY_S:
            continue
        gc.collect()
        last, walked_at = memory_bytes(), trio.current_time()


def memory_bytes() -> int:
    """Memory of this process; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * getpagesize()
    except OSError:
        return 0
