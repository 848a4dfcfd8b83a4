"""The real server, as an operator starts it, with the real engines and one worker."""

import subprocess
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Address of a server that lives as long as the tests that need it."""
    command = [sys.executable, "-m", "h2b", "serve", "--websocket", "127.0.0.1:0", "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready websocket=ws://"), ready
        try:
            yield ready.removeprefix("ready websocket=").split()[0]
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0
