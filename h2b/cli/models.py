"""`h2b models`: the speech models of each language, ready or not, and why not."""

from pathlib import Path

import click

from h2b.asr.engines import available_languages, load_engine
from h2b.asr.weights import default_cache_folder
from h2b.cli.main import Verb, Verbs
from h2b.cli.terminal import configuration_option, console, table
from h2b.configfile import load_configuration
from h2b.grammar.registry import primary_subtag
from h2b.model.errors import EngineError

NAMES = {"en": "English", "fr": "French", "es": "Spanish", "de": "German"}

models = Verbs("models", help="Prepare the speech models and tell which languages can be recognised.")


@models.command(
    "list",
    cls=Verb,
    example="h2b models list",
    help="List the languages, which of them can be recognised here, and why not the others.",
)
@configuration_option
def list_models(configuration_file: Path | None) -> None:
    available = available_languages(load_configuration(configuration_file).asr.engine_options())
    listed = table("language", "name", "can be recognised")
    for code, why_not in available.items():
        listed.add_row(code, NAMES.get(code, ""), f"no: {why_not}" if why_not else "yes")
    console().print(listed)


@models.command(
    "prepare",
    cls=Verb,
    example="""
    h2b models prepare
    h2b models prepare --language fr --language en
    """,
    help="Convert and check the weights of speech models, so that the first server starts quickly.",
)
@click.option("--language", "languages", multiple=True, metavar="TAG", help="Only this language; again for more.")
@configuration_option
def prepare_models(languages: tuple[str, ...], configuration_file: Path | None) -> None:
    options = load_configuration(configuration_file).asr.engine_options()
    available = available_languages(options)
    wanted = [primary_subtag(language) for language in languages]
    for code in wanted:
        if code not in available:
            raise click.UsageError(f"no speech model for language '{code}', expected one of {', '.join(available)}")
        if available[code]:
            raise EngineError(available[code])
    if wanted:
        options["languages"] = wanted
    engine = load_engine(options, lambda line: click.echo(line, err=True))
    click.echo(f"ready: {' '.join(engine.languages)}")
    click.echo(f"weights: {default_cache_folder() / 'models'}")
