"""`h2b recognize`: one recording through the session machine and a real engine, told to a person or to a program."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from attrs import evolve
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from h2b.asr.base import Engine
from h2b.asr.engines import available_languages, load_engine
from h2b.audio.files import read_audio
from h2b.cli.grammar_files import check_schemes, with_files
from h2b.cli.main import NO_MATCH, Verb
from h2b.cli.offline import Account, recognise_recording
from h2b.cli.terminal import configuration_option, console, fields, shown, table, write_text
from h2b.cli.timeline import draw_timeline
from h2b.config import Configuration
from h2b.configfile import load_configuration
from h2b.grammar.registry import primary_subtag
from h2b.model.causes import CompletionCause
from h2b.model.errors import InvalidParameter, nearest
from h2b.model.formats import SAMPLE_RATE, AudioFormat
from h2b.model.params import PARAMETERS, ParameterValue, parse_parameter
from h2b.model.results import Alternative
from h2b.server.app import make_setting
from h2b.wire.json import encode
from h2b.wire.vocabulary import JSON

MATCHES = (CompletionCause.SUCCESS, CompletionCause.SUCCESS_MAXTIME)
"""Causes with exit code 0."""


def _parse_settings(ctx: click.Context, option: click.Parameter, written: tuple[str, ...]) -> dict[str, ParameterValue]:
    """Values of recognition parameters, each in its own type, by name."""
    settings = {}
    for pair in written:
        name, equals, raw = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"got '{pair}', expected name=value")
        if name not in PARAMETERS:
            raise click.BadParameter(f"unknown parameter '{name}'{nearest(name, PARAMETERS)}")
        try:
            settings[name] = parse_parameter(name, raw)
        except InvalidParameter as error:
            raise click.BadParameter(error.reason) from error
    return settings


@click.command(
    cls=Verb,
    help="""Recognise a recording, as the server would recognise the call.

    AUDIO is a WAV file of any rate, or headerless 8 kHz sound with --codec. RECOGNIZE is sent at its beginning; the
    caller is quiet after its end. Exit code 0 for a match, 3 for any other cause.
    """,
    example="""
    h2b recognize call.wav -g "builtin:speech/spelling/digits?length=4" --timeline call.svg
    h2b recognize call.wav -g menu.grxml
    h2b recognize call.wav -g builtin:speech/boolean --set recognition_mode=hotword --json
    """,
)
@click.argument("audio", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-g",
    "--grammar",
    "grammars",
    multiple=True,
    required=True,
    metavar="URI|FILE",
    help="A grammar's URI, or an SRGS file, *.grxml or *.gram. Again for each one more.",
)
@click.option("--language", metavar="TAG", help="Language spoken.  [default: en, or the configuration's]")
@click.option(
    "--set",
    "settings",
    callback=_parse_settings,
    multiple=True,
    metavar="NAME=VALUE",
    help="A recognition parameter; again for more.",
)
@click.option(
    "--codec",
    type=click.Choice([audio_format.value for audio_format in AudioFormat]),
    help="Format of headerless sound, and how the call is coded on its way.  [default: linear]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the RECOGNITION-COMPLETE as the WebSocket would carry it.")
@click.option(
    "--timeline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg", help="Draw what happened when."
)
@configuration_option
def recognize(
    audio: Path,
    grammars: tuple[str, ...],
    language: str | None,
    settings: dict[str, ParameterValue],
    codec: str | None,
    as_json: bool,
    timeline: Path | None,
    configuration_file: Path | None,
) -> int:
    configuration = load_configuration(configuration_file)
    if language is None:
        language = configuration.defaults.speech_language if configuration_file else "en"
    changes = {"speech_language": language, **settings}
    language = str(changes["speech_language"])
    audio_format = AudioFormat(codec) if codec else None
    samples = read_audio(audio, audio_format)
    setting = make_setting(configuration, available_languages(configuration.asr.engine_options()))
    registry, grammars = with_files(setting.registry, grammars)
    check_schemes(registry, grammars)
    setting = evolve(setting, registry=registry)
    # Refused here, before a model is loaded: that takes a second.
    language = registry.activate_all(grammars, language)[0].language
    with _progress() as progress:
        task = progress.add_task("loading the speech model", total=len(samples) / SAMPLE_RATE)
        engine = _load(configuration, language, progress.console.print)
        progress.update(task, description=f"listening to {audio.name}")
        account = recognise_recording(
            samples,
            grammars,
            changes,
            engine=engine,
            setting=setting,
            audio_format=audio_format or AudioFormat.LINEAR,
            progress=lambda position: progress.update(task, completed=position),
        )
    if timeline is not None:
        write_text(timeline, draw_timeline(account))
    if as_json:
        click.echo(encode(account.completion))
    else:
        print_account(account, timeline)
    return 0 if account.cause in MATCHES else NO_MATCH


def _load(configuration: Configuration, language: str, report: Callable[[str], None]) -> Engine:
    """An engine of that language alone."""
    return load_engine({**configuration.asr.engine_options(), "languages": [primary_subtag(language)]}, report)


def _progress() -> Progress:
    """A bar on standard error, as long as a person watches it."""
    watched = console(sys.stderr)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.completed:.1f} s"))
    return Progress(*columns, console=watched, transient=True, disable=not watched.is_terminal)


def print_account(account: Account, timeline: Path | None) -> None:
    """What was recognised, for a person, and where the picture of it is."""
    event = account.completion
    assert event.result is not None
    best = event.result.best
    facts = fields()
    facts.add_row("cause", f"{JSON.causes[account.cause]} ({event.reason})")
    if best is not None:
        if best.interpretation is not None:
            facts.add_row("value", shown(best.interpretation.value))
            facts.add_row("confidence", f"{best.interpretation.confidence:.2f}")
            facts.add_row("grammar", best.grammar_uri)
        facts.add_row("transcript", f"{best.hypothesis.transcript} ({best.hypothesis.confidence:.2f})")
    facts.add_row("ended", _ending(account))
    if account.decodings:
        spent = sum(decoding.spent_seconds for decoding in account.decodings)
        facts.add_row(
            "decoded", f"{_times(len(account.decodings))} in {spent:.2f} s by {event.result.asr_model or '-'}"
        )
    if timeline is not None:
        facts.add_row("timeline", str(timeline))
    out = console()
    out.print(facts)
    if event.result.n_best:
        out.print()
        out.print(_n_best(event.result.alternatives))


def _ending(account: Account) -> str:
    """When, and by which timer."""
    fired = account.fired
    why = f", {fired.limit_ms} ms after {fired.start:.2f} s: {fired.name}" if fired else ""
    return f"{account.position:.2f} s after RECOGNIZE{why}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _n_best(alternatives: Sequence[Alternative]) -> Table:
    listed = table("n-best", "value", "confidence", "transcript", "grammar")
    for number, alternative in enumerate(alternatives, start=1):
        meant, said = alternative.interpretation, alternative.hypothesis
        sure = meant.confidence if meant else said.confidence
        value = shown(meant.value) if meant else "-"
        listed.add_row(str(number), value, f"{sure:.2f}", said.transcript, alternative.grammar_uri or "-")
    return listed
