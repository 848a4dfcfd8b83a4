"""What the callers of a bench say, from the options that latency and load share.

Owns these options. Must not know calls.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import wraps
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from h2b.audio.files import read_audio
from h2b.cli.bench_caller import Recording, pauses_of
from h2b.cli.bench_manifest import GRAMMAR_OF_KIND, Row, chosen, read_manifest
from h2b.cli.bench_server import Hear, Server, open_server
from h2b.cli.demo import GRAMMAR, LANGUAGE, RECORDING
from h2b.cli.terminal import configuration_option
from h2b.grammar.registry import primary_subtag
from h2b.model.errors import H2BError
from h2b.model.formats import milliseconds_to_samples

_OPTIONS = (
    click.argument("audio", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("-g", "--grammar", metavar="URI", help="Grammar that asks for what the AUDIO files say."),
    click.option(
        "--manifest",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="Take the recordings of a manifest (see h2b bench accuracy) and the grammars of their kinds.",
    ),
    click.option(
        "--language", "languages", multiple=True, metavar="TAG", help="Language; again for more.  [default: en]"
    ),
    click.option(
        "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of the manifest; again for more."
    ),
    click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Only every Nth of the manifest."),
    click.option("--url", metavar="URL", help="Call the server at this WebSocket URL.  [default: one of its own]"),
    click.option(
        "--workers",
        type=click.IntRange(0, 1024),
        default=0,
        metavar="N",
        help="Recognising processes of its own server; 0 for one for each core.",
    ),
    click.option(
        "--chunk",
        "chunk_ms",
        type=click.IntRange(10, 1000),
        default=60,
        show_default=True,
        metavar="MS",
        help="Sound sent at a time.",
    ),
    configuration_option,
)


@frozen(kw_only=True)
class Calling:
    """What the options say: who calls, which server hears them, and in what chunks."""

    recordings: Sequence[Recording]
    chunk: int
    """Samples sent at a time."""
    url: str | None
    """Of a server that is there; None for one of its own."""
    workers: int
    configuration_file: Path | None

    def server(self, *, mrcp: bool = False, hear: Hear | None = None) -> AbstractAsyncContextManager[Server]:
        """The server to call; see `open_server`."""
        return open_server(
            self.url,
            languages=tuple(dict.fromkeys(primary_subtag(recording.language) for recording in self.recordings)),
            workers=self.workers,
            configuration_file=self.configuration_file,
            mrcp=mrcp,
            hear=hear,
        )


def calling_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options, and gives the command what they say as `calling`."""

    @wraps(command)
    def called(
        audio: Sequence[Path],
        grammar: str | None,
        manifest: Path | None,
        languages: Sequence[str],
        kinds: Sequence[str],
        every: int,
        url: str | None,
        workers: int,
        chunk_ms: int,
        configuration_file: Path | None,
        **others: Any,
    ) -> int:
        calling = Calling(
            recordings=recordings_of(audio, grammar, manifest, languages, kinds, every),
            chunk=milliseconds_to_samples(chunk_ms),
            url=url,
            workers=workers,
            configuration_file=configuration_file,
        )
        return command(calling=calling, **others)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def recordings_of(
    audio: Sequence[Path],
    grammar: str | None,
    manifest: Path | None,
    languages: Sequence[str],
    kinds: Sequence[str],
    every: int,
) -> list[Recording]:
    """What is said: the files with their grammar, the rows of the manifest, or the caller of `h2b demo`.

    Raises:
        click.UsageError: the options contradict one another.
        H2BError: a file cannot be read, or nothing is left to say.
    """
    if audio and manifest:
        raise click.UsageError("give AUDIO files or --manifest, not both")
    if bool(audio) != bool(grammar):
        raise click.UsageError("AUDIO files and --grammar belong together")
    if manifest is not None:
        rows = chosen(read_manifest(manifest), languages or (LANGUAGE,), kinds, ())
        found = [_of_row(row) for row in [row for row in rows if row.kind in GRAMMAR_OF_KIND][::every]]
    elif audio and grammar:
        found = [_of_file(path, [*languages, LANGUAGE][0], grammar) for path in audio]
    else:
        found = [_of_file(Path(str(files("h2b"))) / "demo" / RECORDING, LANGUAGE, GRAMMAR)]
    spoken = [recording for recording in found if recording.pauses]
    if not spoken:
        raise H2BError("nobody speaks in these recordings, or there are none")
    return spoken


def _of_row(row: Row) -> Recording:
    return _of_file(row.file, row.language, GRAMMAR_OF_KIND[row.kind], row.id)


def _of_file(path: Path, language: str, grammar: str, name: str = "") -> Recording:
    samples = read_audio(path)
    return Recording(
        name=name or path.name, language=language, grammar=grammar, samples=samples, pauses=pauses_of(samples)
    )
