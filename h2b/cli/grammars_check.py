"""`h2b grammars check`: every example of presets and every recording beside them, and what does not hold."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from attrs import Factory, define, evolve, field, frozen

from h2b.asr.base import Engine
from h2b.asr.engines import available_languages, load_engine
from h2b.audio.files import AudioFileError
from h2b.cli.audio_tests import AudioTest, load_test, run_test
from h2b.cli.main import FAILED, USAGE, Verb
from h2b.cli.scripts import evaluated
from h2b.cli.terminal import configuration_option, console, fields, table
from h2b.config import Configuration
from h2b.configfile import load_configuration
from h2b.grammar.catalogue import LOADERS, load_preset, make_registry, name_clashes, preset_files, shipped_folder
from h2b.grammar.examples import Failure, failures
from h2b.grammar.preset import Preset
from h2b.grammar.registry import Registry, primary_subtag
from h2b.model.errors import ConfigurationError, H2BError
from h2b.protocol.session import Setting
from h2b.server.app import make_setting

TEST_SUFFIX = ".test"


@frozen(kw_only=True)
class Row:
    """One file that was checked."""

    file: str
    grammar: str
    examples: int
    failures: tuple[Failure, ...] = ()
    skipped: str = ""
    """Why it was not run."""


@define
class Checked:
    """What was asked for, and what came of it."""

    presets: list[Preset] = Factory(list)
    tests: list[AudioTest] = Factory(list)
    broken: list[ConfigurationError | AudioFileError] = Factory(list)
    rows: list[Row] = Factory(list)


@click.command(
    "check",
    cls=Verb,
    example="""
    h2b grammars check
    h2b grammars check grammars/speech/order_number.toml
    h2b grammars check tests/calls --config h2b.toml
    """,
    help="""Run the examples of grammars, and the recordings with a *.test file.

    PATH is a grammar, a *.test file, or a folder of both; without it the shipped grammars and those of the
    configuration are checked. Each language of a grammar needs an example that matches and one that does not. Exit
    code 1 when anything fails, 2 when a file is wrong.
    """,
)
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--no-audio", is_flag=True, help="Leave out the recordings.")
@configuration_option
def check_grammars(path: Path | None, no_audio: bool, configuration_file: Path | None) -> int:
    configuration = load_configuration(configuration_file)
    checked, registry = _collect(path, configuration)
    for preset in checked.presets:
        checked.rows.append(_check_preset(preset, registry))
    if checked.tests:
        _Recordings(configuration, registry, no_audio, by_name=path is not None and path.is_file()).run(checked)
    _print(checked)
    for error in checked.broken:
        click.echo(f"h2b: {error}", err=True)
    if checked.broken:
        return USAGE
    return FAILED if any(row.failures for row in checked.rows) else 0


# What there is to check


def _collect(path: Path | None, configuration: Configuration) -> tuple[Checked, Registry]:
    """What PATH names, and a registry of it over the shipped and the configured grammars."""
    roots = [shipped_folder(), *filter(None, [_configured(configuration)])]
    checked = Checked()
    known = [preset for root in roots for preset in _presets(preset_files(root), root, checked if not path else None)]
    if path is None:
        checked.presets = known
        wanted = [file for root in roots for file in _tests(root)]
    else:
        root = next((root for root in reversed(roots) if _inside(path, root)), path if path.is_dir() else path.parent)
        files = preset_files(path) if path.is_dir() else [path]
        checked.presets = _presets([file for file in files if file.suffix != TEST_SUFFIX], root, checked)
        wanted = _tests(path)
    for file in wanted:
        try:
            checked.tests.append(load_test(file))
        except ConfigurationError as error:
            checked.broken.append(error)
    sources = {preset.source for preset in checked.presets}
    everything = [*known, *checked.presets]
    checked.broken += [clash for clash in name_clashes(everything) if clash.path in sources]
    return checked, make_registry(everything)


def _configured(configuration: Configuration) -> Path | None:
    folder = configuration.grammars.folder
    if folder and not Path(folder).is_dir():
        raise ConfigurationError("no such folder of grammars", folder)
    return Path(folder) if folder else None


def _presets(files: Sequence[Path], root: Path, checked: Checked | None) -> list[Preset]:
    """The presets of files that are right; what is wrong is noted where it is asked for."""
    presets: dict[str, Preset] = {}
    for file in files:
        try:
            preset = load_preset(file, root)
            if preset.path in presets:
                message = f"builtin:{preset.path} is also in {presets[preset.path].source}"
                raise ConfigurationError(message, str(file))
            presets[preset.path] = preset
        except ConfigurationError as error:
            if checked is not None:
                checked.broken.append(error)
    return list(presets.values())


def _tests(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == TEST_SUFFIX else []
    return sorted(path.rglob(f"*{TEST_SUFFIX}"))


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


# Running it


def _check_preset(preset: Preset, registry: Registry) -> Row:
    # A shipped grammar that the operator replaced is checked, too, as what it is.
    own = evolve(registry, presets={**registry.presets, preset.path: preset})
    return Row(
        file=_shown(Path(preset.source)),
        grammar=f"builtin:{preset.path}",
        examples=len(preset.examples),
        failures=tuple(
            evolve(failure, where=_shown_place(failure.where)) for failure in failures(preset, own, evaluated)
        ),
    )


@define
class _Recordings:
    """Runs recordings; loads an engine when the first one needs it."""

    configuration: Configuration
    registry: Registry
    no_audio: bool
    by_name: bool
    _engine: Engine | None = None
    _setting: Setting | None = None
    _languages: dict[str, str] = field(factory=dict)

    def run(self, checked: Checked) -> None:
        options = self.configuration.asr.engine_options()
        self._languages = {} if self.no_audio else dict(available_languages(options))
        wanted = {self._language(test) for test in checked.tests if not self._why_not(test)}
        for test in checked.tests:
            try:
                checked.rows.append(self._row(test, sorted(wanted)))
            except AudioFileError as error:
                checked.broken.append(error)

    def _row(self, test: AudioTest, wanted: Sequence[str]) -> Row:
        why_not = self._why_not(test)
        got = "" if why_not else run_test(test, *self._loaded(wanted))
        where = f"{_shown(test.source)}:{test.line}"
        failure = Failure(
            where=where,
            language=self._language(test),
            said=f"recording {test.audio.name}",
            expected=test.expected,
            got=got,
        )
        return Row(
            file=_shown(test.source),
            grammar=" ".join(test.grammars),
            examples=1,
            failures=(failure,) if got else (),
            skipped=why_not,
        )

    def _language(self, test: AudioTest) -> str:
        return primary_subtag(test.language or self.configuration.defaults.speech_language)

    def _why_not(self, test: AudioTest) -> str:
        """Why a recording is not run; empty when it is."""
        if self.no_audio:
            return "--no-audio"
        if test.skip and not self.by_name:
            return "skip = true"
        language = self._language(test)
        return self._languages.get(language, f"no engine recognises '{language}'")

    def _loaded(self, wanted: Sequence[str]) -> tuple[Engine, Setting]:
        if self._engine is None or self._setting is None:
            told = console(sys.stderr)
            options = {**self.configuration.asr.engine_options(), "languages": list(wanted)}
            self._engine = load_engine(options, told.print)
            setting = make_setting(self.configuration, self._languages)
            self._setting = evolve(setting, registry=evolve(self.registry, languages=self._languages))
        return self._engine, self._setting


# Telling it


def _print(checked: Checked) -> None:
    out = console()
    if not checked.rows:
        if not checked.broken:
            raise H2BError(f"nothing to check: no {', '.join('*' + s for s in (*LOADERS, TEST_SUFFIX))} file here")
        return
    listed = table("file", "grammar", "tests", "passed", "failed")
    for row in checked.rows:
        failed = len(row.failures)
        passed = "skipped" if row.skipped else str(max(0, row.examples - failed))
        listed.add_row(row.file, row.grammar, str(row.examples), passed, str(failed) if failed else "-")
    out.print(listed)
    for reason, files in _skipped(checked.rows):
        out.print(f"\nskipped: {reason}")
        for file in files:
            out.print(f"  {file}")
    for failure in (failure for row in checked.rows for failure in row.failures):
        told = fields()
        if failure.said:
            told.add_row("  said", failure.said)
        told.add_row("  expected", failure.expected)
        told.add_row("  got", failure.got)
        out.print(f"\n{failure.where} ({failure.language})", style="bold", soft_wrap=True)
        out.print(told)
    out.print(f"\n{_summary(checked.rows)}")


def _skipped(rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    for reason in dict.fromkeys(row.skipped for row in rows if row.skipped):
        yield reason, [row.file for row in rows if row.skipped == reason]


def _summary(rows: Sequence[Row]) -> str:
    run = [row for row in rows if not row.skipped]
    examples = sum(row.examples for row in run)
    failed = sum(len(row.failures) for row in run)
    skipped = f", {len(rows) - len(run)} skipped" if len(run) < len(rows) else ""
    return f"{_count(len(run), 'file')}, {_count(examples, 'example')}, {failed or 'none'} failed{skipped}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(path: Path) -> str:
    """A path as short as it can be typed here."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if _inside(path, here) else str(path)


def _shown_place(place: str) -> str:
    """A path with its line."""
    path, colon, line = place.rpartition(":")
    return f"{_shown(Path(path))}:{line}" if colon and line.isdigit() else _shown(Path(place))
