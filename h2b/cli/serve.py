"""`h2b serve`: the server in the foreground, until a signal ends it."""

from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import trio
from attrs import evolve

from h2b.cli.main import Verb
from h2b.cli.terminal import configuration_option
from h2b.config import AsrSettings, MrcpSettings, ServerSettings, parse_address
from h2b.configfile import load_configuration
from h2b.loglines import configure_log
from h2b.server.app import run
from h2b.server.frontends import front_ends, supervise

Settings = TypeVar("Settings", ServerSettings, MrcpSettings, AsrSettings)


def _check_address(ctx: click.Context, option: click.Parameter, written: str | None) -> str | None:
    try:
        if written is not None:
            parse_address(written)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return written


@click.command(
    cls=Verb,
    help="""Serve speech recognition to voicebots over WebSocket, and to telephone systems over MRCPv2.

    Prints one line on standard output when clients can connect: ready websocket=ws://HOST:PORT/bots, and the URL of
    the HTTP side after it, http=http://HOST:PORT, where there is one, and sip=HOST:PORT mrcp=HOST:PORT where MRCPv2 is
    served. Logs go to standard error. SIGTERM or SIGINT ends it: open sessions may end first.

    Without clients (h2b clients add) and without an issuer of tokens everybody may connect, and only to an address of
    this machine: another one is refused unless --insecure is given.
    """,
    example="""
    h2b serve --websocket 0.0.0.0:8080 --http 127.0.0.1:8081 --workers 4
    h2b serve --config h2b.toml
    """,
)
@configuration_option
@click.option(
    "--websocket", callback=_check_address, metavar="HOST:PORT", help="Address to listen on; port 0 takes a free one."
)
@click.option(
    "--http", callback=_check_address, metavar="HOST:PORT", help="Address of the HTTP side: tokens, health, metrics."
)
@click.option("--sip", callback=_check_address, metavar="HOST:PORT", help="Address for MRCPv2 calls by SIP.")
@click.option("--mrcp", callback=_check_address, metavar="HOST:PORT", help="Address of the MRCPv2 control channel.")
@click.option(
    "--workers", type=click.IntRange(0, 1024), metavar="N", help="Recognising processes; 0 for one for each core."
)
@click.option(
    "--front-ends",
    "wanted_front_ends",
    type=click.IntRange(0, 64),
    metavar="N",
    help="Processes that serve calls, on one port; 0 for one for each two cores.",
)
@click.option("--insecure", is_flag=True, help="Let everybody connect from anywhere while there are no clients.")
def serve(
    configuration_file: Path | None,
    websocket: str | None,
    http: str | None,
    sip: str | None,
    mrcp: str | None,
    workers: int | None,
    wanted_front_ends: int | None,
    insecure: bool,
) -> None:
    configuration = load_configuration(configuration_file)
    configuration = evolve(
        configuration,
        server=_with_options(configuration.server, websocket=websocket, http=http, front_ends=wanted_front_ends),
        mrcp=_with_options(configuration.mrcp, sip=sip, mrcp=mrcp),
        asr=_with_options(configuration.asr, workers=workers),
    )
    configure_log(configuration.log)
    serving = run if front_ends(configuration.server) == 1 else supervise
    trio.run(partial(serving, configuration, click.echo, insecure=insecure))


def _with_options(settings: Settings, **options: Any) -> Settings:
    """What the command line says counts for more than what the file says."""
    return evolve(settings, **{key: value for key, value in options.items() if value is not None})
