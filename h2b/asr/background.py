"""Tasks in the background of a block. Owns the way an error leaves such a block; knows nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background_tasks() -> AsyncIterator[trio.Nursery]:
    """A nursery that ends with its block: then its tasks are cancelled.

    An error of the block itself comes out as it is: those who open a pool or a server expect its error, not a group of
    one. An error of a task comes out in a group, as from any nursery.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as error:
            failure = error
        finally:
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
