"""Runs a server whose engine is the telling one; prints the ready line, then a usage record a line."""

import sys

import trio

from h2b.config import AsrSettings, Configuration, LogSettings, ServerSettings
from h2b.server.app import run
from h2b.server.log import configure_log


def tell(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


configure_log(LogSettings(format="json"))
trio.run(
    lambda: run(
        Configuration(
            server=ServerSettings(websocket="127.0.0.1:0", drain_s=float(sys.argv[2])), asr=AsrSettings(workers=1)
        ),
        tell,
        write_record=lambda record: tell(f"billed {record.ended_by}"),
        engine=sys.argv[1],
        languages={"en": "", "fr": ""},
    )
)
