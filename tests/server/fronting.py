"""Runs a server with two front ends whose engine hears "yes" in English, and prints the ready line; the argument is the
file of usage records."""

import sys
from functools import partial

import trio

from h2b.asr.scripted import ALL_LANGUAGES
from h2b.config import AsrSettings, Configuration, LogSettings, ServerSettings, UsageSettings
from h2b.loglines import configure_log
from h2b.model.params import Parameters
from h2b.server.frontends import supervise


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


log = LogSettings(format="json")
configuration = Configuration(
    server=ServerSettings(websocket="127.0.0.1:0", http="127.0.0.1:0", front_ends=2),
    asr=AsrSettings(workers=2),
    usage=UsageSettings(path=sys.argv[1]),
    defaults=Parameters(speech_language="en"),
    log=log,
)
configure_log(log)
trio.run(partial(supervise, configuration, tell, engine="telling_engine:load", languages=ALL_LANGUAGES))
