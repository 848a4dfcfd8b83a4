"""Runs a server whose engine is the telling one; prints the ready line, then a usage record a line."""

import sys

import trio

from h2b.config import AsrSettings, Configuration, LogSettings, ServerSettings
from h2b.loglines import configure_log
from h2b.model.usage import RecognitionRecord, UsageRecord
from h2b.server.app import run


def tell(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell_record(record: UsageRecord) -> None:
    if isinstance(record, RecognitionRecord):
        tell(f"billed {record.ended_by}")


configure_log(LogSettings(format="json"))
trio.run(
    lambda: run(
        Configuration(
            server=ServerSettings(
                websocket="127.0.0.1:0", drain_s=float(sys.argv[2]), drain_notice_s=float(sys.argv[3])
            ),
            asr=AsrSettings(workers=1),
        ),
        tell,
        write_record=tell_record,
        engine=sys.argv[1],
        languages={"en": "", "fr": ""},
    )
)
