"""`h2b clients`: secrets are shown once, and told apart from what is said about them."""

import errno
import json
from pathlib import Path

import pytest

from h2b.access.store import ClientStore
from tests.cli.running import run


@pytest.fixture
def state(tmp_path, monkeypatch) -> ClientStore:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return ClientStore(tmp_path / "h2b" / "access.db")


def test_a_client_is_added_listed_changed_and_disabled(state):
    added = json.loads(run("clients", "add", "bot", "--tenant", "acme", "--json").stdout)
    assert state.verify(added["client_id"], added["client_secret"]) is not None
    (listed,) = json.loads(run("clients", "list", "--json").stdout)["clients"]
    assert (listed["client_id"], listed["tenant"], listed["enabled"]) == ("bot", "acme", True)
    assert "secret" not in json.dumps(listed)
    rotated = json.loads(run("clients", "rotate", "bot", "--json").stdout)
    assert state.verify("bot", added["client_secret"]) is None
    assert state.verify("bot", rotated["client_secret"]) is not None
    assert run("clients", "disable", "bot").stdout == "bot is disabled\n"
    assert "no" in run("clients", "list").stdout


def test_without_a_tenant_a_client_is_its_own(state):
    run("clients", "add", "bot")
    assert [client.tenant for client in state.list()] == ["bot"]


def test_an_empty_tenant_is_none(state):
    assert run("clients", "add", "bot", "--tenant", "").exit_code == 1


def test_the_store_of_the_configuration_is_the_one_that_counts(state, tmp_path):
    path = tmp_path / "h2b.toml"
    path.write_text('[access]\nstore = "own.db"\n')
    run("clients", "add", "bot", "--config", str(path))
    assert not state.exists()
    assert ClientStore(tmp_path / "own.db").exists()


def test_where_a_client_was_added_is_told(state):
    assert run("clients", "add", "bot").stderr.endswith(f"\nadded to {state.path}\n")


def test_a_store_of_another_user_is_told_in_one_line(state, monkeypatch):
    run("clients", "add", "bot")

    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.exists", denied)
    told = f"h2b: {state.path}: store in [access]: Permission denied, expected the user of the server\n"
    for verb in (["list"], ["rotate", "bot"]):
        result = run("clients", *verb)
        assert (result.exit_code, result.output) == (1, told)


def test_errors_are_one_line(state):
    result = run("clients", "rotate", "bot")
    assert (result.exit_code, result.output) == (1, f"h2b: no client 'bot' in {state.path}\n")
