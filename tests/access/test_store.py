"""Clients and their secrets: kept as hashes, in a file of their owner's alone."""

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from h2b.access.hashing import hash_secret, make_secret, secret_fits
from h2b.access.keys import key_path, signing_key
from h2b.access.store import AccessError, ClientStore, client_store
from h2b.config import AccessSettings
from h2b.model.errors import ConfigurationError


def test_a_secret_fits_its_own_hash_and_no_other():
    secret = make_secret()
    kept = hash_secret(secret)
    assert secret not in kept
    assert secret_fits(secret, kept)
    assert not secret_fits(secret + "x", kept)
    assert not secret_fits("", kept)
    assert not secret_fits("\ud800", kept)
    assert hash_secret(secret) != kept, "a salt of its own each time"


def test_a_secret_that_was_right_is_known_at_once_and_only_with_its_own_hash(monkeypatch):
    secret = make_secret()
    kept, other = hash_secret(secret), hash_secret(make_secret())
    assert secret_fits(secret, kept)
    monkeypatch.setattr("h2b.access.hashing.scrypt", lambda *_, **__: b"")
    assert secret_fits(secret, kept)
    assert not secret_fits(secret, other)
    assert not secret_fits(secret + "x", kept)


def test_a_secret_of_any_length_is_refused_and_only_its_beginning_hashed():
    assert not secret_fits("x" * 1_000_000, hash_secret("x" * 1024))


def test_no_file_means_no_clients_and_looking_makes_none(store):
    assert not store.exists()
    assert store.list() == []
    assert store.find("a") is None
    assert store.verify("a", "b") is None
    assert not store.path.parent.exists()


def test_a_client_is_found_with_its_secret_only(store):
    secret = store.add("bot", "acme")
    assert store.exists()
    found = store.verify("bot", secret)
    assert found is not None
    assert (found.id, found.tenant, found.enabled) == ("bot", "acme", True)
    assert store.verify("bot", "wrong") is None
    assert store.verify("Bot", secret) is None
    assert store.verify("' OR 1=1 --", secret) is None


def test_secrets_are_not_in_the_file(store):
    secret = store.add("bot", "acme")
    assert secret.encode() not in store.path.read_bytes()


def test_the_files_are_for_their_owner_alone(store):
    store.add("bot", "acme")
    signing_key(key_path(store.path))
    for path in (store.path, key_path(store.path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_a_disabled_client_stays_known_and_is_let_in_no_more(store):
    secret = store.add("bot", "acme")
    store.disable("bot")
    assert store.exists()
    assert store.verify("bot", secret) is None
    assert [client.enabled for client in store.list()] == [False]


def test_a_new_secret_replaces_the_old_one_and_enables_again(store):
    old = store.add("bot", "acme")
    store.disable("bot")
    new = store.rotate("bot")
    assert store.verify("bot", old) is None
    assert store.verify("bot", new) is not None


@pytest.mark.parametrize("change", [ClientStore.rotate, ClientStore.disable])
def test_changing_nobody_names_the_nearest(store, change):
    store.add("acme-bot", "acme")
    with pytest.raises(AccessError) as refused:
        change(store, "acme-bat")
    assert str(refused.value) == f"no client 'acme-bat' in {store.path} (nearest: 'acme-bot')"


def test_the_same_client_twice_is_refused(store):
    store.add("bot", "acme")
    with pytest.raises(AccessError, match=r"^client 'bot' is there already: rotate its secret, or add another$"):
        store.add("bot", "other")


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a" * 65, "é", "a\n", "a/b", 'a"b'])
def test_names_that_would_have_to_be_escaped_are_refused(store, name):
    with pytest.raises(AccessError, match="expected 1 to 64 letters"):
        store.add(name, "acme")
    with pytest.raises(AccessError, match="expected 1 to 64 letters"):
        store.add("bot", name)


def test_what_another_process_adds_is_seen_at_once(store):
    store.add("one", "acme")
    secret = ClientStore(store.path).add("two", "acme")
    assert store.verify("two", secret) is not None
    assert [client.id for client in store.list()] == ["one", "two"]


def test_many_who_add_at_once_make_one_file(store):
    threads = [threading.Thread(target=store.add, args=(f"bot-{number}", "acme")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.list()) == 8
    with sqlite3.connect(store.path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
    database.close()


def test_a_file_that_is_no_store_is_the_operators_to_mend(tmp_path):
    path = tmp_path / "access.db"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(ConfigurationError, match=r"store in \[access\]: file is not a database"):
        ClientStore(path).exists()


def test_the_default_place_follows_the_standard(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert client_store(AccessSettings()).path == Path("/var/state/h2b/access.db")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert client_store(AccessSettings()).path == Path("/home/me/.local/state/h2b/access.db")
    assert client_store(AccessSettings(store="/srv/a.db")).path == Path("/srv/a.db")


# The key


def test_a_key_is_made_once(tmp_path):
    path = tmp_path / "access.key"
    assert signing_key(path).id == signing_key(path).id
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "access.key"
    signing_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others can read this key"):
        signing_key(path)


def test_a_key_that_is_none_is_refused(tmp_path):
    path = tmp_path / "access.key"
    path.touch(0o600)
    with pytest.raises(ConfigurationError, match=r"the key of \[access\]"):
        signing_key(path)
