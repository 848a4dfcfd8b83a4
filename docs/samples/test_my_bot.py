"""Tests of a bot against a server that hears what the test says. Run by pytest."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files

import trio
import websocket
from uhlive.stream.recognition import (
    Closed,
    CompletionCause,
    Opened,
    RecognitionComplete,
    RecognitionInProgress,
    Recognizer,
)

from h2b.asr.scripted import Line, open_scripted
from h2b.config import Configuration, ServerSettings
from h2b.model.errors import EngineError
from h2b.server.app import make_setting, serve

CALLER = (files("h2b") / "demo" / "code.wav").read_bytes()[44:] + bytes(6 * 16000)
"""Any speech does: what is heard in it stands in the test. The silence after it ends what nothing matches."""


# The bot: yours is somewhere else


def ask_for_code(url: str, attempts: int = 2) -> str | None:
    """The code the caller says, or None when it was not understood."""
    client, socket = Recognizer(), websocket.create_connection(url)

    def ask(command: str, answer: type) -> None:
        socket.send(command)
        assert isinstance(event := client.receive(socket.recv()), answer), event

    ask(client.open(), Opened)
    code = None
    while code is None and attempts:
        attempts -= 1
        grammar = "builtin:speech/spelling/digits?length=4"
        ask(client.recognize(grammar, speech_language="en"), RecognitionInProgress)
        socket.send_binary(client.send_audio_chunk(CALLER))
        while not isinstance(event := client.receive(socket.recv()), RecognitionComplete):
            pass
        if event.completion_cause is CompletionCause.Success:
            code = event.body.nlu.value
    ask(client.close(), Closed)
    socket.close()
    return code


# The server, for the time of a test


@contextmanager
def server_that_hears(*lines: Line) -> Iterator[str]:
    """The URL of a server that hears these lines, one for each time the caller speaks."""
    configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0", drain_s=1.0))
    started: queue.SimpleQueue[tuple[str, Callable[[], None]]] = queue.SimpleQueue()

    async def run() -> None:
        shutdown = trio.Event()
        stop = partial(trio.lowlevel.current_trio_token().run_sync_soon, shutdown.set)
        async with open_scripted(lines) as recogniser, trio.open_nursery() as nursery:
            setting = make_setting(configuration, recogniser.languages)
            url = await nursery.start(partial(serve, configuration, setting, recogniser, shutdown))
            started.put((url, stop))

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    url, stop = started.get(timeout=10)
    try:
        yield url
    finally:
        stop()
        thread.join()


# The tests


def test_the_bot_takes_the_code() -> None:
    with server_that_hears("uh my code is four seven one two") as url:
        assert ask_for_code(url) == "4712"


def test_the_bot_asks_again_when_nothing_matches() -> None:
    with server_that_hears("what was the question", "four seven one two") as url:
        assert ask_for_code(url) == "4712"


def test_the_bot_gives_up_after_two_attempts() -> None:
    with server_that_hears("four seven", EngineError("no engine today")) as url:
        assert ask_for_code(url) is None
