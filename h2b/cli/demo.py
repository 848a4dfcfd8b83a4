"""`h2b demo`: a real server on a port of its own, a real worker, and a recorded caller over a real WebSocket."""

import time
from collections.abc import Mapping, MutableMapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import structlog
import trio
from attrs import frozen
from rich.console import Console
from rich.text import Text

from h2b import __version__
from h2b.asr.engines import available_languages
from h2b.asr.pool import open_pool
from h2b.audio.files import read_audio
from h2b.cli.client import Client, connect
from h2b.cli.main import Verb
from h2b.cli.terminal import console, shown
from h2b.config import AsrSettings, Configuration, ServerSettings
from h2b.model.errors import EngineError, H2BError
from h2b.model.messages import Close, Event, Open, Recognize
from h2b.model.names import EventName
from h2b.model.params import Parameters
from h2b.server.app import make_setting, serve
from h2b.wire.vocabulary import JSON

LANGUAGE = "en"
RECORDING = "code.wav"
SAID = "Hello, uh, my code is four seven one two, thanks."
GRAMMAR = "builtin:speech/spelling/digits?length=4"
EXPECTED = "4712"
PATIENCE_S = 60.0
"""Longest call: ten times what this one takes."""

NOTES = {
    EventName.OPENED: "a session for this call",
    EventName.RECOGNITION_IN_PROGRESS: "the caller is listened to",
    EventName.START_OF_INPUT: "the caller speaks: a bot stops its prompt now",
    EventName.CLOSED: "the session is over",
}


@click.command(
    cls=Verb,
    help="""Start a server, call it with a recording, and watch it listen.

    Everything is real: the server, its recogniser in a process of its own, the WebSocket, the pace of the call. Exit
    code 0 when the recorded caller was understood.
    """,
    example="h2b demo",
)
def demo() -> None:
    configuration = Configuration(
        server=ServerSettings(websocket="127.0.0.1:0"), asr=AsrSettings(workers=1, languages=(LANGUAGE,))
    )
    languages = available_languages(configuration.asr.engine_options())
    if languages[LANGUAGE]:
        raise EngineError(languages[LANGUAGE])
    out = console()
    _tell_progress(out)
    _print_outcome(trio.run(_call, configuration, languages, out), out)


def _tell_progress(out: Console) -> None:
    """Of what the server logs, show what makes a person wait, and what goes wrong."""

    def show(logger: Any, method: str, entry: MutableMapping[str, Any]) -> str:
        if entry["event"] == "engine_loading":
            out.print(entry["progress"], style="dim", soft_wrap=True)
        elif method not in ("debug", "info"):
            click.echo(" ".join(f"{key}={value}" for key, value in entry.items()), err=True)
        raise structlog.DropEvent

    structlog.configure(processors=[show])


@frozen
class Outcome:
    """How the call ended, and when: seconds since the Unix epoch."""

    completion: Event
    arrived: float


async def _call(configuration: Configuration, languages: Mapping[str, str], out: Console) -> Outcome:
    """The outcome of a call to a server that lives as long as the call."""
    out.print("loading the recogniser: the first time on a machine this converts its weights", style="dim")
    async with open_pool(configuration.asr, languages=languages) as pool:
        await pool.ready()
        shutdown = trio.Event()
        setting = make_setting(configuration, languages)
        async with trio.open_nursery() as nursery:
            url = await nursery.start(partial(serve, configuration, setting, pool, shutdown))
            out.print(f"h2b {__version__} at {url}")
            out.print(f"the bot expects   {GRAMMAR}")
            out.print(f"the caller says   “{SAID}” (a synthetic voice)\n")
            with trio.move_on_after(PATIENCE_S):
                outcome = await _converse(url, out)
                shutdown.set()
                return outcome
            nursery.cancel_scope.cancel()
    raise H2BError(f"the recogniser gave no answer within {PATIENCE_S:g} s")


async def _converse(url: str, out: Console) -> Outcome:
    samples = read_audio(Path(str(files("h2b"))) / "demo" / RECORDING)
    async with connect(url) as client:
        began = trio.current_time()
        _print_event(out, 0.0, await client.ask(Open, custom_id="demo"))
        await client.send(Recognize, grammars=(GRAMMAR,), changes={"speech_language": LANGUAGE})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.speak, samples)
            outcome = Outcome(await _listen(client, out, began), time.time())
            nursery.cancel_scope.cancel()
        _print_event(out, trio.current_time() - began, await client.ask(Close))
    return outcome


async def _listen(client: Client, out: Console, began: float) -> Event:
    """Show events up to the last one of the request, and give that one."""
    while True:
        event = await client.next_event()
        _print_event(out, trio.current_time() - began, event)
        if event.name is EventName.RECOGNITION_COMPLETE:
            return event
        if event.reason:
            raise H2BError(f"{JSON.events[event.name]}: {event.reason}")


def _print_event(out: Console, at: float, event: Event) -> None:
    """Seconds, event, cause, and the words or what the event means."""
    best = event.result.best if event.result else None
    heard = f"“{best.hypothesis.transcript}”" if best else ""
    cause = JSON.causes[event.cause] if event.cause is not None else ""
    line = Text(f"{at:6.2f} s  ", style="dim")
    line.append(f"{JSON.events[event.name]:<25}", style="bold")
    line.append(f"{cause:<10}", style="green")
    line.append(heard or NOTES.get(event.name, ""), style="" if heard else "dim")
    out.print(line, soft_wrap=True)


def _print_outcome(outcome: Outcome, out: Console) -> None:
    """The value and how long the bot waited for it. Raises H2BError when the caller was not understood."""
    result = outcome.completion.result
    best = result.best if result else None
    found = best.interpretation if best else None
    if result is None or result.span is None or found is None or found.value != EXPECTED:
        raise H2BError(f"the value is {shown(found.value) if found else 'missing'}, expected {shown(EXPECTED)}")
    waited_ms = outcome.arrived * 1000 - result.span.end_ms
    silence_ms = Parameters().speech_complete_timeout
    out.print(f"\nvalue {shown(found.value)}   confidence {found.confidence:.2f}", style="bold green")
    asked_for = f"{silence_ms} ms of it the silence asked for (speech_complete_timeout)"
    out.print(f"answered {waited_ms:.0f} ms after the last word, {asked_for}", style="dim", soft_wrap=True)
