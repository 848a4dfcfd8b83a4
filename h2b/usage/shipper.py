"""Copies usage records from the file of one server to the store of all.

Owns the order: what is copied is marked, and only then. Must not know when it is called. A copy may be done twice,
when the end came between the two steps; the store takes the same `record_id` once. An outage of the store loses
nothing: rows stay in the file until they are copied.
"""

from collections.abc import Callable

from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import TABLES, UsageStore

BATCH_ROWS = 500


def ship(spool: SqliteStore, open_destination: Callable[[], UsageStore]) -> int:
    """Copy all that is still to be copied; tells how many rows that were.

    Raises:
        StoreUnavailable: one of the two cannot be used now. What was copied before is marked.
    """
    if not any(spool.unshipped(table, 1)[0] for table in TABLES):
        return 0
    copied = 0
    destination = open_destination()
    try:
        for table in TABLES:
            while (found := spool.unshipped(table, BATCH_ROWS))[0]:
                rows, last = found
                destination.add(rows)
                spool.mark_shipped(table, last)
                copied += len(rows)
    finally:
        destination.close()
    return copied
