"""Runs a server that hears "yes" at once and keeps its records in the file it is told, and in a database if it is told
one; prints the ready line, and "copied" whenever all that was in the file is in the database too."""

import sys
from pathlib import Path

import trio

from h2b.asr.scripted import ALL_LANGUAGES, open_scripted
from h2b.config import Configuration, LogSettings, ServerSettings, UsageSettings
from h2b.loglines import configure_log
from h2b.server import usage
from h2b.server.app import make_setting, serve
from h2b.usage.shipper import ship


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ship_and_tell(*arguments: object) -> int:
    copied = ship(*arguments)
    tell("copied")
    return copied


# A server that lives for a second must come to copying, and again and again.
usage.COPY_EVERY_S = 0.1
usage.LONGEST_PAUSE_S = 0.4
usage.ship = ship_and_tell


async def main(path: Path, postgres: str = "") -> None:
    configuration = Configuration(
        server=ServerSettings(websocket="127.0.0.1:0"), usage=UsageSettings(path=str(path), postgres=postgres)
    )
    setting = make_setting(configuration, ALL_LANGUAGES)
    async with (
        usage.open_usage(configuration.usage) as write,
        open_scripted(lambda request, samples: "yes") as recogniser,
    ):
        await serve(configuration, setting, recogniser, trio.Event(), announce=tell, write_record=write)


# Lines about a database that is away are what the test is about.
configure_log(LogSettings(level="error"))
trio.run(main, Path(sys.argv[1]), *sys.argv[2:])
