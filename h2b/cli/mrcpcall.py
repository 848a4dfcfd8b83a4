"""`h2b mrcp call`: a caller who speaks SIP, MRCPv2 and RTP, and who forgives a server nothing."""

import json
import re
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import click
import numpy as np
import trio
from attrs import frozen

from h2b.audio.files import read_audio
from h2b.cli.main import FAILED, NO_MATCH, Verb
from h2b.cli.mrcp_capture import Capture
from h2b.cli.mrcp_client import FORMATS, Destination, MrcpClient, open_client
from h2b.cli.mrcp_load import Summary, place_calls
from h2b.cli.mrcp_recognition import Document, Outcome, Plan, parameter_fields, recognise
from h2b.cli.terminal import console, fields, shown, table
from h2b.model.errors import InvalidParameter, nearest
from h2b.model.params import KEYS, PARAMETERS, parse_parameter
from h2b.model.results import InputMode
from h2b.telephony.sip_digest import DigestAnswerer
from h2b.telephony.sip_effects import Transport
from h2b.telephony.sip_headers import parse_uri
from h2b.telephony.sip_syntax import SipSyntaxError

SRGS_TYPES = {".grxml": "application/srgs+xml", ".gram": "application/srgs"}
MAXIMUM_CALLS = 100_000
MAXIMUM_ROWS = 20
"""Of a table in a summary, the most frequent first."""
_HEADER_NAME = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")


def _parse_server(ctx: click.Context, option: click.Parameter, written: str) -> str:
    try:
        found = parse_uri(written, "--server")
    except SipSyntaxError as error:
        raise click.BadParameter(f"{error.why}, such as sip:127.0.0.1:8060") from error
    if found.scheme not in ("sip", "sips"):
        raise click.BadParameter(f"got '{written}', expected sip:HOST:PORT or sips:HOST:PORT")
    return written


def _parse_settings(ctx: click.Context, option: click.Parameter, written: tuple[str, ...]) -> dict[str, str]:
    """Parameters by their names, or header fields by theirs; values as they are sent."""
    settings = {}
    for pair in written:
        name, equals, raw = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"got '{pair}', expected name=value")
        if name not in PARAMETERS and not _HEADER_NAME.fullmatch(name):
            raise click.BadParameter(f"unknown parameter '{name}'{nearest(name, PARAMETERS)}")
        try:
            if name in PARAMETERS:
                parse_parameter(name, raw)
        except InvalidParameter as error:
            raise click.BadParameter(error.reason) from error
        settings[name] = raw
    return settings


def _parse_keys(ctx: click.Context, option: click.Parameter, written: str) -> str:
    keys = written.upper()
    if strange := [key for key in keys if key not in KEYS]:
        raise click.BadParameter(f"got '{strange[0]}', expected keys of {KEYS}")
    return keys


@frozen(kw_only=True)
class _Way:
    """How the calls go."""

    destination: Destination
    codec: str | None
    answerer: DigestAnswerer | None
    capture: Path | None
    reuse: bool


@click.command(
    cls=Verb,
    help="""Call a speech server by SIP and MRCPv2 with a recording, as a telephone would.

    AUDIO is a WAV file of any rate, sent as RTP at the pace of a call; without one, and with --keys, only keys are
    pressed. The server is judged strictly: a message out of order or incomplete fails the call. Exit code 0 for a
    match, 3 for any other cause, 1 when a call failed. With --calls many calls are placed, and a summary is shown.
    """,
    example="""
    h2b mrcp call call.wav -g "builtin:speech/spelling/digits?length=4" --server sip:127.0.0.1:8060
    h2b mrcp call -g builtin:dtmf/digits --keys 1234 --server sip:127.0.0.1:8060 --capture call.pcap
    h2b mrcp call call.wav -g menu.grxml --server sip:127.0.0.1:8060 --calls 100 --rate 5
    """,
)
@click.argument("audio", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-g",
    "--grammar",
    "grammars",
    multiple=True,
    required=True,
    metavar="URI|FILE",
    help="A grammar's URI, or an SRGS file, *.grxml or *.gram. Again for each one more.",
)
@click.option(
    "--server",
    required=True,
    callback=_parse_server,
    metavar="URI",
    help="Such as sip:127.0.0.1:8060; with sips: SIP and MRCP go by TLS.",
)
@click.option("--transport", type=click.Choice(["udp", "tcp"]), default="udp", help="Of SIP.  [default: udp]")
@click.option(
    "--ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Certificates (PEM) to believe a sips: server by.  [default: the system's]",
)
@click.option("--codec", type=click.Choice(list(FORMATS)), help="The only format offered.  [default: all of them]")
@click.option(
    "--set",
    "settings",
    callback=_parse_settings,
    multiple=True,
    metavar="NAME=VALUE",
    help="A recognition parameter, or a header field such as Save-Waveform; again for more.",
)
@click.option("--keys", callback=_parse_keys, default="", metavar="KEYS", help="Keys pressed after the recording.")
@click.option("--user", metavar="NAME", help="User, when the server asks for a password.")
@click.option("--password", envvar="H2B_SIP_PASSWORD", metavar="TEXT", help="Better in H2B_SIP_PASSWORD.")
@click.option(
    "--patience", default=30.0, metavar="SECONDS", help="Wait for the end after the last sound.  [default: 30]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--capture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.pcap",
    help="Write the call's packets, decrypted.",
)
@click.option("--calls", type=click.IntRange(1, MAXIMUM_CALLS), default=1, metavar="N", help="Place so many calls.")
@click.option("--rate", type=click.FloatRange(0.01, 1000), default=1.0, metavar="R", help="Calls begun in a second.")
@click.option("--reuse", is_flag=True, help="Calls share one control connection.")
def call(
    audio: Path | None,
    grammars: tuple[str, ...],
    server: str,
    transport: str,
    ca: Path | None,
    codec: str | None,
    settings: dict[str, str],
    keys: str,
    user: str | None,
    password: str | None,
    patience: float,
    as_json: bool,
    capture: Path | None,
    calls: int,
    rate: float,
    reuse: bool,
) -> int:
    if audio is None and not keys:
        raise click.UsageError("nothing to say: expected AUDIO, --keys or both")
    plan = Plan(
        grammars=tuple(_grammar(each, number) for number, each in enumerate(grammars, start=1)),
        samples=read_audio(audio) if audio else np.zeros(0, np.int16),
        keys=keys,
        fields=parameter_fields(settings),
        patience_s=patience,
    )
    way = _Way(
        destination=_destination(server, Transport[transport.upper()], ca),
        codec=codec,
        answerer=DigestAnswerer(user, password or "") if user else None,
        capture=capture,
        reuse=reuse,
    )
    if calls > 1:
        return _tell_summary(trio.run(_load, way, plan, calls, rate), as_json)
    return _tell(trio.run(_call, way, plan), as_json, capture)


def _grammar(written: str, number: int) -> str | Document:
    path = Path(written)
    media_type = SRGS_TYPES.get(path.suffix)
    if media_type is None or not path.is_file():
        return written
    name = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)
    return Document(f"{name}-{number}@h2b", media_type, path.read_text(encoding="utf-8"))


def _destination(server: str, transport: Transport, ca: Path | None) -> Destination:
    found = parse_uri(server, "--server")
    secure = found.scheme == "sips"
    try:
        tls = ssl.create_default_context(cafile=ca) if secure else None
    except ssl.SSLError as error:
        raise click.BadParameter(f"{ca}: no certificates ({error.reason})", param_hint="--ca") from error
    return Destination(
        uri=server,
        host=found.host.strip("[]"),
        port=found.port or found.default_port,
        transport=Transport.TLS if secure else transport,
        tls=tls,
    )


async def _call(way: _Way, plan: Plan) -> Outcome:
    with Capture.open(way.capture) if way.capture else nullcontext() as capture:
        async with _client(way, capture) as client:
            return await recognise(client, plan)


async def _load(way: _Way, plan: Plan, calls: int, rate: float) -> Summary:
    with Capture.open(way.capture) if way.capture else nullcontext() as capture:
        async with _client(way, capture) as client:
            return await place_calls(client, plan, calls, rate, reuse=way.reuse)


def _client(way: _Way, capture: Capture | None) -> "AbstractAsyncContextManager[MrcpClient]":
    formats = (FORMATS[way.codec],) if way.codec else tuple(FORMATS.values())
    return open_client(way.destination, formats=formats, answerer=way.answerer, capture=capture)


# Telling


def _tell(outcome: Outcome, as_json: bool, capture: Path | None) -> int:
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        print_outcome(outcome, capture)
    return 0 if outcome.matched else NO_MATCH


def print_outcome(outcome: Outcome, capture: Path | None) -> None:
    """What was recognised, for a person, and how long it took."""
    facts = fields()
    facts.add_row("cause", f"{outcome.cause}{f' ({outcome.reason})' if outcome.reason else ''}")
    if outcome.best is not None:
        meant, said = outcome.best.interpretation, outcome.best.hypothesis
        if meant is not None:
            facts.add_row("value", shown(meant.value))
            facts.add_row("confidence", f"{meant.confidence:.2f}")
            facts.add_row("grammar", outcome.best.grammar_uri)
        facts.add_row("keys" if outcome.mode is InputMode.DTMF else "transcript", said.transcript)
    answered = (outcome.answered_at - outcome.invited_at) * 1000
    facts.add_row("answered", f"{answered:.0f} ms after INVITE, sound as {outcome.encoding or 'none'}")
    if outcome.started_at:
        facts.add_row("began", f"{outcome.started_at - outcome.asked_at:.2f} s after RECOGNIZE (START-OF-INPUT)")
    facts.add_row("ended", _ending(outcome))
    facts.add_row("channel", outcome.channel)
    facts.add_row("call", outcome.call_id)
    if capture is not None:
        facts.add_row("capture", str(capture))
    console().print(facts)


def _ending(outcome: Outcome) -> str:
    text = f"{outcome.ended_at - outcome.asked_at:.2f} s after RECOGNIZE"
    if outcome.waited_ms is not None and outcome.waited_ms > 0:
        text += f", {outcome.waited_ms:.0f} ms after the last speech"
    if outcome.added_ms is not None and outcome.silence is not None:
        text += f": {outcome.silence[1]} ms of {outcome.silence[0]} and {outcome.added_ms:.0f} ms more"
    return text


def _tell_summary(summary: Summary, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(summary.as_json(), ensure_ascii=False))
    else:
        print_summary(summary)
    if summary.failures:
        return FAILED
    return 0 if all(outcome.matched for outcome in summary.outcomes) else NO_MATCH


def print_summary(summary: Summary) -> None:
    """Calls, causes, times and failures of a load, for a person."""
    out = console()
    facts = fields()
    facts.add_row("calls", f"{summary.calls} in {summary.seconds:.1f} s, at most {summary.at_once} at once")
    facts.add_row("completed", str(len(summary.outcomes)))
    facts.add_row("failed", str(sum(summary.failures.values())))
    out.print(facts)
    _print_counts("cause", summary.causes)
    _print_counts("value", summary.values)
    times = table("times", "p50", "p95", "longest", "calls")
    for name, found in summary.times.items():
        if found.count:
            times.add_row(
                name, f"{found.p50:.0f} ms", f"{found.p95:.0f} ms", f"{found.longest:.0f} ms", str(found.count)
            )
    if times.row_count:
        out.print()
        out.print(times)
    _print_counts("failure", summary.failures)


def _print_counts(name: str, counts: Mapping[str, int]) -> None:
    if counts:
        listed = table(name, "calls")
        for text, count in list(counts.items())[:MAXIMUM_ROWS]:
            listed.add_row(text, str(count))
        console().print()
        console().print(listed)
