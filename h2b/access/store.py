"""The clients that may use the server, in one SQLite file.

Owns the file, its tables and their migrations. Must not know tokens or HTTP. Every call opens the file anew: the server
sees at once what `h2b clients` changed, and no connection is shared between threads.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from attrs import frozen

from h2b.access.hashing import hash_secret, make_secret, secret_fits
from h2b.config import AccessSettings, state_path
from h2b.model.errors import ConfigurationError, H2BError, nearest, shorten

BUSY_S = 5.0
"""Longest wait for another process that writes."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_EXPECTED = "1 to 64 letters, digits, '.', '_', '@' or '-', the first a letter or digit"
_NOBODY = hash_secret(make_secret())
"""What an unknown client's secret is compared with, so that it takes as long as a known one's."""


@frozen(kw_only=True)
class Client:
    """One client, without its secret."""

    id: str
    tenant: str
    """Whose sessions and bills its calls are."""
    enabled: bool
    created_s: int
    """Seconds since the Unix epoch."""


class AccessError(H2BError):
    """A client that cannot be added or found."""


@frozen
class ClientStore:
    """The clients of one file. The file is made when the first client is added."""

    path: Path

    def exists(self) -> bool:
        """Whether there is any client, enabled or not. Raises ConfigurationError."""
        if not self._is_there():
            return False
        with self._open() as database:
            return database.execute("SELECT 1 FROM clients LIMIT 1").fetchone() is not None

    def list(self) -> list[Client]:
        """All clients by name. Raises ConfigurationError."""
        if not self._is_there():
            return []
        with self._open() as database:
            return [_client(row) for row in database.execute(f"{_SELECT} ORDER BY id")]

    def find(self, client_id: str) -> Client | None:
        """One client. Raises ConfigurationError."""
        if not self._is_there():
            return None
        with self._open() as database:
            row = database.execute(f"{_SELECT} WHERE id = ?", (client_id,)).fetchone()
            return _client(row) if row else None

    def verify(self, client_id: str, secret: str, *, remembered: bool = False) -> Client | None:
        """The enabled client with this secret, else None; takes as long either way.

        Args:
            remembered: answer only for a secret that was right before.

        Raises:
            NotRemembered: this one was not.
            ConfigurationError: the file cannot be used.
        """
        row = None
        if self._is_there():
            with self._open() as database:
                row = database.execute(f"{_SELECT} WHERE id = ?", (client_id,)).fetchone()
        fits = secret_fits(secret, row["secret"] if row else _NOBODY, remembered=remembered)
        return _client(row) if row and fits and row["enabled"] else None

    def add(self, client_id: str, tenant: str) -> str:
        """Add an enabled client; its secret is given here and never again.

        Raises:
            AccessError: a name cannot be one, or the client is there already.
            ConfigurationError: the file cannot be used.
        """
        for what, name in (("client", client_id), ("tenant", tenant)):
            if not NAME.fullmatch(name):
                raise AccessError(f"{what}: got {shorten(name)}, expected {NAME_EXPECTED}")
        secret = make_secret()
        with self._open() as database:
            try:
                database.execute(
                    "INSERT INTO clients (id, tenant, secret, created_s) VALUES (?, ?, ?, ?)",
                    (client_id, tenant, hash_secret(secret), int(time.time())),
                )
            except sqlite3.IntegrityError as error:
                raise AccessError(
                    f"client '{client_id}' is there already: rotate its secret, or add another"
                ) from error
        return secret

    def rotate(self, client_id: str) -> str:
        """A new secret; the old one is worth nothing from now on. It also enables the client again.

        Raises:
            AccessError: no such client.
            ConfigurationError: the file cannot be used.
        """
        secret = make_secret()
        self._change("UPDATE clients SET secret = ?, enabled = 1 WHERE id = ?", hash_secret(secret), client_id)
        return secret

    def disable(self, client_id: str) -> None:
        """Give no more tokens to a client, and open no more sockets for those it has.

        Raises:
            AccessError: no such client.
            ConfigurationError: the file cannot be used.
        """
        self._change("UPDATE clients SET enabled = 0 WHERE id = ?", client_id)

    def _change(self, statement: str, *values: str) -> None:
        known = [client.id for client in self.list()]
        client_id = values[-1]
        if client_id not in known:
            raise AccessError(f"no client '{client_id}' in {self.path}{nearest(client_id, known)}")
        with self._open() as database:
            database.execute(statement, values)

    def _is_there(self) -> bool:
        try:
            return self.path.exists()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConfigurationError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, PermissionError):
            why += ", expected the user of the server"
        return ConfigurationError(f"store in [access]: {why}", str(self.path))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, up to date; what was done is kept when the block ends without an error."""
        try:
            make_private_folder(self.path.parent)
            with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as database:
                database.row_factory = sqlite3.Row
                database.execute("PRAGMA synchronous = FULL")
                if _version(database) < len(_MIGRATIONS):
                    self.path.chmod(0o600)
                    _migrate(database)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error


def client_store(settings: AccessSettings) -> ClientStore:
    """The clients of a configuration."""
    return ClientStore(Path(settings.store) if settings.store else state_path("access.db"))


def make_private_folder(folder: Path) -> None:
    """A folder only its owner can read, where it does not exist yet. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


_SELECT = "SELECT id, tenant, secret, enabled, created_s FROM clients"
_MIGRATIONS = sorted(
    (entry for entry in files("h2b.access").joinpath("migrations").iterdir() if entry.name.endswith(".sql")),
    key=lambda entry: entry.name,
)
"""Files of SQL that are run in the order of their numbers, each once: `user_version` counts them."""


def _client(row: sqlite3.Row) -> Client:
    return Client(id=row["id"], tenant=row["tenant"], enabled=bool(row["enabled"]), created_s=row["created_s"])


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _migrate(database: sqlite3.Connection) -> None:
    """Bring the tables up to date: all of it or nothing, and by one process where several start at once."""
    database.execute("BEGIN IMMEDIATE")
    try:
        for number, migration in enumerate(_MIGRATIONS[_version(database) :], start=_version(database) + 1):
            for statement in migration.read_text(encoding="utf-8").split(";\n"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
