"""Runs a server that hears "yes" at once and keeps its records in the file it is told; prints the ready line."""

import sys
from pathlib import Path

import trio

from h2b.asr.scripted import ALL_LANGUAGES, open_scripted
from h2b.config import Configuration, LogSettings, ServerSettings, UsageSettings
from h2b.server.app import make_setting, serve
from h2b.server.log import configure_log
from h2b.server.usage import open_usage


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(path: Path) -> None:
    configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0"), usage=UsageSettings(path=str(path)))
    setting = make_setting(configuration, ALL_LANGUAGES)
    async with (
        open_usage(configuration.usage) as write,
        open_scripted(lambda request, samples: "yes") as recogniser,
    ):
        await serve(configuration, setting, recogniser, trio.Event(), announce=tell, write_record=write)


configure_log(LogSettings(level="warning"))
trio.run(main, Path(sys.argv[1]))
