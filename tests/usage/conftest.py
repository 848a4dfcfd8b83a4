"""A PostgreSQL server for the tests, where the programs of one are installed."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from attrs import define, field

DEBIAN = Path("/usr/lib/postgresql")
LIMIT_S = 60


def programs() -> Path | None:
    """Folder of initdb and pg_ctl: Debian keeps them off the path."""
    found = shutil.which("pg_ctl")
    folders = [*([Path(found).resolve().parent] if found else []), *sorted(DEBIAN.glob("*/bin"), reverse=True)]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@define
class Postgres:
    """A server of our own, which listens on a socket in its folder and nowhere else."""

    programs: Path
    folder: Path
    user: str | None
    """Who runs it: it refuses to be run by root."""
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "cluster"), *arguments]
        with (self.folder / "output").open("ab") as output:
            subprocess.run(
                command, check=True, timeout=LIMIT_S, cwd=self.folder, user=self.user, stdout=output, stderr=output
            )

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        self.run("pg_ctl", "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that all connections come from."""
        os.kill(int((self.folder / "cluster" / "postmaster.pid").read_text().split()[0]), number)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tests@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """URL of an empty database."""
        import psycopg

        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    user = None
    if os.getuid() == 0:
        names = [entry.pw_name for entry in pwd.getpwall()]
        user = "postgres" if "postgres" in names else "nobody"
    with tempfile.TemporaryDirectory(prefix="h2b-postgres-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        server = Postgres(found, folder, user)
        server.run("initdb", "-A", "trust", "-U", "tests", "-E", "UTF8", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop()
