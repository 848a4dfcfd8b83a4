"""`h2b serve` as its users run it: a process, a ready line, a WebSocket, a signal."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from h2b.cli.client import connect
from h2b.model.messages import Close, GetParams, Open, Recognize
from h2b.model.names import EventName
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, Period
from tests.cli.running import DIGITS, run

PATIENCE_S = 120
"""The first start on a machine converts weights."""


@asynccontextmanager
async def serving(configuration: Path) -> AsyncIterator[tuple[trio.Process, str]]:
    """A server process and the one line it printed."""
    command = [sys.executable, "-m", "h2b", "serve", "--config", str(configuration), "--websocket", "127.0.0.1:0"]
    process = await trio.lowlevel.open_process(
        [*command, "--workers", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    async with process.stdout:
        try:
            with trio.fail_after(PATIENCE_S):
                line = b""
                while not line.endswith(b"\n"):
                    received = await process.stdout.receive_some()
                    assert received, "the server ended before it was ready"
                    line += received
            yield process, line.decode()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
def english(tmp_path) -> Path:
    """Configuration of a server that starts quickly: one language, the one every installation has."""
    path = tmp_path / "h2b.toml"
    path.write_text('[asr]\nlanguages = ["en"]\n[defaults]\nspeech_language = "en"\nno_input_timeout = 100\n')
    return path


async def test_a_server_serves_from_its_ready_line_to_the_signal(english):
    async with serving(english) as (process, line):
        assert line.startswith("ready websocket=ws://127.0.0.1:")
        assert line.endswith("/bots\n")
        async with connect(line.strip().partition("=")[2]) as client:
            assert (await client.ask(Open)).name is EventName.OPENED
            shown = await client.ask(GetParams)
            assert shown.parameters is not None
            assert shown.parameters.no_input_timeout == 100
            assert (await client.ask(Close)).name is EventName.CLOSED
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(30):
            assert await process.wait() == 0


async def test_a_signal_lets_an_active_recognition_end(english, state_folder):
    async with serving(english) as (process, line):
        async with connect(line.strip().partition("=")[2]) as client:
            await client.ask(Open)
            await client.ask(Recognize, grammars=(DIGITS,), changes={"no_input_timeout": 1000})
            process.send_signal(signal.SIGTERM)
            with trio.fail_after(30):
                assert (await client.next_event()).name is EventName.RECOGNITION_COMPLETE
        with trio.fail_after(30):
            assert await process.wait() == 0
    store = SqliteStore(state_folder / "h2b" / "usage.db", create=False)
    *_, last = store.rows(RECOGNITIONS, Period(0, 2**60))
    store.close()
    assert (last["cause"], last["ended_by"]) == ("NO_INPUT_TIMEOUT", "result")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--websocket", "8080"],
            "h2b serve: invalid value for '--websocket': got '8080', expected host:port such as 127.0.0.1:8080; "
            "see h2b serve --help",
        ),
        (
            ["--workers", "-1"],
            "h2b serve: invalid value for '--workers': -1 is not in the range 0<=x<=1024; see h2b serve --help",
        ),
    ],
)
def test_wrong_options_are_refused_in_one_line(arguments, line):
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert result.output == f"{line}\n"


def test_others_are_not_let_near_without_clients(tmp_path):
    path = tmp_path / "h2b.toml"
    path.write_text('[access]\nstore = "access.db"\n')
    result = run("serve", "--config", str(path), "--websocket", "0.0.0.0:0")
    assert result.exit_code == 1
    assert result.output == (
        f"h2b: websocket in [server]: anybody could use 0.0.0.0:0, for there are no clients in {tmp_path}/access.db: "
        "add one with h2b clients add, or name an issuer in [access], or listen on 127.0.0.1, or say --insecure\n"
    )


def test_a_wrong_configuration_is_refused_in_one_line(tmp_path):
    path = tmp_path / "h2b.toml"
    path.write_text("[server]\ndrain_s = -1\n")
    result = run("serve", "--config", str(path))
    assert result.exit_code == 1
    assert result.output == f"h2b: {path}:2: drain_s in [server]: got -1, expected a number of at least 0\n"
