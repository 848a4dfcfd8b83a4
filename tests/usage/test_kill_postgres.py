"""kill -9 of a real server in the middle of recognitions while the database it copies its records to comes and goes.

When all are up again, each recognition that was seen to end is in the database once; and nobody who called meanwhile
has noticed that there is one.
"""

import random
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import trio
from attrs import define, field

from h2b.server.channel import CONFIRM_S
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import TABLES
from tests.usage.made import ALWAYS
from tests.usage.test_kill import LIMIT_S, RUNS, Observed, a_server, check, recognitions, run_and_kill

ENDS = (20, 60)
"""So many recognitions end between two changes of the database, at least and at most."""
STARTS = 20
"""The processes of a database that was killed need a moment to notice, and it is not started beside them."""


@define
class Outages:
    """A database that goes away and comes back, in three ways, at moments that a seed gives."""

    postgres: Any
    observed: Observed
    choices: random.Random
    seen: list[str] = field(factory=list)

    async def run(self) -> None:
        while True:
            await self.observed.see(self.choices.randint(*ENDS))
            # Each way comes early, whatever the seed.
            way = ("stopped", "killed", "frozen")[len(self.seen) % 3]
            begin, end = self._ways()[way]
            await trio.to_thread.run_sync(begin)
            try:
                self.seen.append(way)
                self.observed.away = True
                await self.observed.see(self.choices.randint(*ENDS))
            finally:
                self.observed.away = False
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(end)

    def _ways(self) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        postgres = self.postgres
        return {
            "stopped": (postgres.stop, postgres.start),
            "killed": (lambda: postgres.signal(signal.SIGKILL), self._start_again),
            # Connections are taken and never answered: the worst that a network can do.
            "frozen": (lambda: postgres.signal(signal.SIGSTOP), lambda: postgres.signal(signal.SIGCONT)),
        }

    def _start_again(self) -> None:
        for attempt in range(STARTS):
            try:
                self.postgres.start()
                return
            except CalledProcessError:
                if attempt == STARTS - 1:
                    raise


def the_longest(waits: list[float]) -> str:
    ordered = sorted(waits)
    return f"{ordered[len(ordered) // 2] * 1000:.0f} ms, {ordered[-1] * 1000:.0f} ms at most"


async def test_who_saw_the_end_of_a_recognition_finds_one_record_in_a_database_that_comes_and_goes(
    postgres: Any, tmp_path: Path
) -> None:
    from h2b.usage.postgres import PostgresStore

    path, url, observed = tmp_path / "usage.db", postgres.new_database(), Observed()
    outages = Outages(postgres, observed, random.Random(7))
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outages.run)
            for seed in range(RUNS):
                await run_and_kill(observed, seed, str(path), url)
            nursery.cancel_scope.cancel()
        with closing(PostgresStore(url)) as database:
            before = len(recognitions(database.rows(TABLES[0], ALWAYS)))
        # Nobody calls: once it says so, all is copied.
        async with a_server(str(path), url) as (_, lines, _):
            assert await lines.next() == "copied"
    with closing(SqliteStore(path)) as file, closing(PostgresStore(url)) as database:
        for table in TABLES:
            assert set(file.rows(table, ALWAYS)) == set(database.rows(table, ALWAYS))
        kept = recognitions(database.rows(TABLES[0], ALWAYS))
    check(observed, kept)
    assert before > 0, "records were copied all the while"
    assert set(outages.seen) == {"stopped", "killed", "frozen"}
    meanwhile, usually = ([waited for away, waited in observed.waits if away is which] for which in (True, False))
    print(
        f"\n{RUNS} kills of the server, {len(outages.seen)} outages of the database; {len(observed.begun)} recognitions"
        f" begun, {len(observed.ended)} seen to end, {len(kept)} records; an end came after {the_longest(usually)},"
        f" and in an outage after {the_longest(meanwhile)}"
    )
    assert len(meanwhile) >= RUNS, "there were calls in the outages"
    # Whoever waited for the database would wait for as long as events ever wait for a record.
    assert sorted(meanwhile)[len(meanwhile) * 9 // 10] < CONFIRM_S / 4
    assert max(meanwhile) < CONFIRM_S
