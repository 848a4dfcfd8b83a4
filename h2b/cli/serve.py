"""`h2b serve`: the server in the foreground, until a signal ends it."""

from functools import partial
from pathlib import Path

import click
import trio
from attrs import evolve

from h2b.cli.main import Verb
from h2b.cli.terminal import configuration_option
from h2b.config import Configuration, load_configuration, parse_address
from h2b.server.app import run
from h2b.server.log import configure_log


def _check_address(ctx: click.Context, option: click.Parameter, written: str | None) -> str | None:
    try:
        if written is not None:
            parse_address(written)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return written


@click.command(
    cls=Verb,
    help="""Serve speech recognition to voicebots over WebSocket.

    Prints one line on standard output when clients can connect: ready websocket=ws://HOST:PORT/bots. Logs go to
    standard error. SIGTERM or SIGINT ends it: active recognitions may end first.
    """,
    example="""
    h2b serve --websocket 0.0.0.0:8080 --workers 4
    h2b serve --config h2b.toml
    """,
)
@configuration_option
@click.option(
    "--websocket", callback=_check_address, metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one."
)
@click.option(
    "--workers", type=click.IntRange(0, 1024), metavar="N", help="Recognising processes; 0 for one for each core."
)
def serve(configuration_file: Path | None, websocket: str | None, workers: int | None) -> None:
    configuration = _with_options(load_configuration(configuration_file), websocket, workers)
    configure_log(configuration.log)
    trio.run(partial(run, configuration, click.echo))


def _with_options(configuration: Configuration, websocket: str | None, workers: int | None) -> Configuration:
    """What the command line says counts for more than what the file says."""
    if websocket is not None:
        configuration = evolve(configuration, server=evolve(configuration.server, websocket=websocket))
    if workers is not None:
        configuration = evolve(configuration, asr=evolve(configuration.asr, workers=workers))
    return configuration
