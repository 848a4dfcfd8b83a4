"""A store of clients and its key, in a folder of the test's own."""

from pathlib import Path

import pytest

from h2b.access.keys import key_path, signing_key
from h2b.access.store import ClientStore
from h2b.access.tokens import OwnTokens


@pytest.fixture
def store(tmp_path: Path) -> ClientStore:
    return ClientStore(tmp_path / "state" / "access.db")


@pytest.fixture
def tokens(store: ClientStore) -> OwnTokens:
    return OwnTokens(store, signing_key(key_path(store.path)), "h2b")
