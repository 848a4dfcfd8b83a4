"""`h2b grammars`: which grammars there are, what each one takes, and what it makes of some words."""

from pathlib import Path

import click

from h2b.cli.conformance import conformance
from h2b.cli.grammar_files import with_files
from h2b.cli.grammar_pages import listed, pages
from h2b.cli.grammars_check import check_grammars
from h2b.cli.grammars_new import new_grammar
from h2b.cli.main import NO_MATCH, Verb, Verbs
from h2b.cli.scripts import evaluated
from h2b.cli.terminal import SILENCES, configuration_option, console, fields, shown, table, write_text
from h2b.configfile import load_configuration
from h2b.grammar import voicexml
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.preset import Example
from h2b.grammar.registry import Registry
from h2b.grammar.uri import parse_uri
from h2b.language import language as language_of
from h2b.model.errors import H2BError, NoSuchGrammar
from h2b.model.results import Hypothesis, MatchClass

ALTERNATIVES = 10

grammars = Verbs("grammars", help="List, explain, write, check and try the grammars.")
for command in (new_grammar, check_grammars, conformance):
    grammars.add_command(command)


@grammars.command(
    "list",
    cls=Verb,
    example="h2b grammars list",
    help="List every grammar with its languages and parameters.",
)
@configuration_option
def list_grammars(configuration_file: Path | None) -> None:
    rows = table("grammar", "languages", "parameters", "what it gives")
    for preset in listed(_registry(configuration_file)):
        parameters = ", ".join(name + "*" * row.required for name, row in preset.parameters.items())
        gives = preset.doc.partition(". ")[0].rstrip(".")
        rows.add_row(f"builtin:{preset.path}", " ".join(preset.languages), parameters or "-", gives)
    out = console()
    out.print(rows)
    out.print("\n* required. Details and examples: h2b grammars show URI")


@grammars.command(
    "show",
    cls=Verb,
    example="""
    h2b grammars show builtin:speech/spelling/digits
    """,
    help="Explain one grammar: its parameters, languages and examples.",
)
@click.argument("uri")
@configuration_option
def show_grammar(uri: str, configuration_file: Path | None) -> None:
    registry = _registry(configuration_file)
    parsed = parse_uri(_full(uri))
    preset = registry.presets.get(parsed.path)
    if preset is None and (named := voicexml.resolve(parsed.path)):
        raise H2BError(f"{_full(uri)} gives what builtin:{named.preset} finds, in the format of VoiceXML: see that one")
    if preset is None or parsed.scheme != "builtin":
        raise NoSuchGrammar(_full(uri), [f"builtin:{path}" for path in registry.presets])
    out = console()
    out.print(f"builtin:{preset.path}", style="bold")
    out.print(preset.doc)
    facts = fields()
    facts.add_row("languages", " ".join(preset.languages))
    if preset.names:
        facts.add_row("also called", " ".join(f"builtin:{name}" for name in preset.names))
    if preset.output:
        facts.add_row("output", preset.output.template or shown(dict(preset.output.keys)))
    out.print()
    out.print(facts)
    if preset.parameters:
        parameters = table("parameter", "takes", "default", "meaning")
        for row in preset.parameters.values():
            parameters.add_row(row.name, row.expected, _default(row), row.doc)
        out.print()
        out.print(parameters)
    examples = table("language", "said", "parameters", "value")
    for example in preset.examples:
        examples.add_row(example.language, example.say or "(nothing)", example.params or "-", _outcome(example))
    out.print()
    out.print(examples)


@grammars.command(
    "try",
    cls=Verb,
    example="""
    h2b grammars try "builtin:speech/spelling/digits?length=4" "my code is four seven one two"
    h2b grammars try menu.grxml "the second one please"
    """,
    help="""Show what a grammar makes of some words. Exit code 0 for a complete match, 3 otherwise.

    The grammar is a URI, in which builtin: may be left out, or an SRGS file, *.grxml or *.gram.
    """,
)
@click.argument("grammar")
@click.argument("words")
@click.option("--language", default="en", show_default=True, metavar="TAG", help="Language of the words.")
@configuration_option
def try_grammar(grammar: str, words: str, language: str, configuration_file: Path | None) -> int:
    registry, (uri,) = with_files(_registry(configuration_file), [grammar])
    active = registry.activate(_full(uri), language)
    transcript = language_of(language).normalise(words)
    verdict = evaluated(interpret((Hypothesis(transcript=transcript, confidence=1.0),), (active,), ALTERNATIVES))
    _print_verdict(verdict, transcript)
    return 0 if verdict.match is MatchClass.COMPLETE else NO_MATCH


@grammars.command(
    "docs",
    cls=Verb,
    example="h2b grammars docs --folder public/grammars --config h2b.toml",
    help="Write a reference page in Markdown for every grammar, and a README.md that lists them.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("grammar-pages"),
    show_default=True,
    metavar="OUT",
    help="Where they go. Pages that are there are written anew.",
)
@configuration_option
def write_pages(folder: Path, configuration_file: Path | None) -> None:
    written = list(pages(listed(_registry(configuration_file))))
    for place, text in written:
        path = folder / place
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise H2BError(f"{path.parent}: cannot be made ({error.strerror})") from error
        write_text(path, text)
    console().print(f"{len(written)} pages in {folder}")


def _print_verdict(verdict: Verdict, transcript: str) -> None:
    facts = fields()
    facts.add_row("match", verdict.match.value)
    best = verdict.alternatives[0] if verdict.alternatives else None
    if best is not None and best.interpretation is not None:
        facts.add_row("value", shown(best.interpretation.value))
        facts.add_row("confidence", f"{best.interpretation.confidence:.2f}")
    facts.add_row("words", best.hypothesis.transcript if best else transcript)
    facts.add_row("silence", f"{SILENCES[verdict.match]} ends such an utterance")
    out = console()
    out.print(facts)
    others = [other.interpretation for other in verdict.alternatives[1:] if other.interpretation]
    if others:
        alternatives = table("other values", "confidence")
        for interpretation in others:
            alternatives.add_row(shown(interpretation.value), f"{interpretation.confidence:.2f}")
        out.print()
        out.print(alternatives)


def _registry(configuration_file: Path | None) -> Registry:
    folder = load_configuration(configuration_file).grammars.folder
    return load_catalogue([Path(folder)] if folder else [])


def _full(uri: str) -> str:
    """A person at a terminal may leave `builtin:` out."""
    return uri if ":" in uri.partition("?")[0] else f"builtin:{uri}"


def _default(row: PresetParameter) -> str:
    if row.required:
        return "required"
    return "-" if row.default is None else shown(row.default)


def _outcome(example: Example) -> str:
    if example.no_match:
        return "no match"
    value = "" if example.value is None else shown(example.value)
    return f"{value} (partial)".strip() if example.partial else value
