"""`h2b bench compare`: the same recordings for h2b and for other recognisers, in one run.

Owns the verb, the order of the run and the counting. Contestants and their processes are those of
`h2b.cli.bench_compare_contestants` and `h2b.cli.bench_compare_peer`.

Theory of operation
 1. Every contestant runs in a process of its own with one thread, h2b too, and tells the time of the processor it used:
    what else the machine does counts for nobody.
 2. They take turns at each recording, another one first each time: none has the quieter hours of the machine.
 3. Others give words. What a careful integrator would make of them, our own understanding of the kind does: the same
    that reads the free words in h2b. The value that was said is what it finds in the transcript.
 4. No threshold: a value counts whatever its confidence, since most of the others have none.
 5. Who cannot take part is named with the reason.
"""

import random
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
import soxr
from attrs import define, field, frozen

from h2b.asr.decoding import words_of
from h2b.asr.weights import default_cache_folder
from h2b.audio.files import read_audio
from h2b.cli.bench_accuracy import comparable, value_of
from h2b.cli.bench_compare_contestants import CONTESTANTS, Contestant, Materials
from h2b.cli.bench_compare_peer import Peer
from h2b.cli.bench_manifest import GRAMMAR_OF_KIND, Row, chosen, read_manifest
from h2b.cli.bench_progress import counted
from h2b.cli.bench_result import conclude, json_option
from h2b.cli.bench_scores import ErrorRate, word_errors
from h2b.cli.main import FAILED, Verb
from h2b.cli.terminal import configuration_option
from h2b.configfile import load_configuration
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.registry import Registry
from h2b.language import normalise
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis
from h2b.model.results import Path as SearchPath

ORDER = 1
"""Seed of the order of the recordings: any beginning of a run is a fair sample of the whole."""
SENTENCES = ("free",)
"""Kinds without a value, of which the words count."""
ALL = "all"
DECIMALS = 4


@frozen(kw_only=True)
class Question:
    """A recording as it is put to every contestant."""

    row: Row
    grammar: str
    """Empty where only words are asked for."""
    expected: str | None
    """The value that was said."""
    seconds: float


@define(kw_only=True)
class Answer:
    """What a contestant made of a recording, over all rounds."""

    question: Question
    heard: str
    found: str | None
    cpu_s: list[float] = field(factory=list)
    failure: str = ""

    @property
    def right(self) -> bool:
        return not self.failure and self.found == self.question.expected


@define
class Entrant:
    """A contestant in the run."""

    contestant: Contestant
    peer: Peer | None = None
    left_out: str = ""
    """Why it does not take part, or no longer."""
    answers: dict[str, Answer] = field(factory=dict)
    """By the id of the recording."""
    models: dict[str, None] = field(factory=dict)
    peak_memory_mb: int | None = None

    def start(self, materials: Materials) -> None:
        try:
            self.peer = self.contestant.start(materials)
        except H2BError as error:
            self.left_out = str(error)

    def stop(self) -> None:
        if self.peer is not None:
            self.peer.stop()

    def hear(self, question: Question, files: "Files", understand: "Understanding", *, counts: bool) -> None:
        """Put a recording to it, unless it is none for it. The first time is for warming up and does not count."""
        row = question.row
        if self.peer is None or self.left_out or not self.contestant.takes(row.language, row.kind):
            return
        asked = {"language": row.language, "kind": row.kind, "grammar": question.grammar}
        try:
            told = self.peer.ask({**asked, "file": str(files.of(row, self.contestant.rate))})
        except H2BError as error:
            self.left_out = f"after {len(self.answers)} recordings: {error}"
            return
        self.peak_memory_mb = self.peer.peak_memory_mb()
        if counts:
            known = self.answers.setdefault(row.id, understand.answer(question, told))
            known.cpu_s.append(told["cpu_s"])
            self.models.update({str(told["model"]): None} if told.get("model") else {})

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.contestant.name,
            "about": self.contestant.about,
            "left_out": self.left_out,
            "answers": len(self.answers),
            "versions": dict(self.peer.versions) if self.peer else {},
            "models": list(self.models),
            "load_cpu_s": self.peer.load_cpu_s if self.peer else 0.0,
            "peak_memory_mb": self.peak_memory_mb,
        }


@frozen
class Understanding:
    """Words to values, the same for everybody."""

    registry: Registry

    def value(self, words: str, grammar: str, language: str) -> str | None:
        """The value that a kind of answer has in free words; None where it has none."""
        if not grammar:
            return None
        said = Hypothesis(transcript=words, confidence=1.0, path=SearchPath.FREE)
        return value_of(interpret([said], [self.registry.activate(grammar, language)]))

    def answer(self, question: Question, told: Mapping[str, Any]) -> Answer:
        """An answer from the lines of a peer: with a value of its own, or with words to look for one in."""
        words = words_of(str(told.get("text", "")).encode())
        if "value" in told:
            found = None if told["value"] is None else comparable(told["value"])
        else:
            found = self.value(words, question.grammar, question.row.language)
        return Answer(question=question, heard=words, found=found, failure=str(told.get("error", "")))


@define
class Files:
    """Recordings as WAV files of the rates that are asked for; each is made once."""

    folder: Path
    _made: dict[tuple[str, int], Path] = field(factory=dict)

    def of(self, row: Row, rate: int) -> Path:
        key = row.id, rate
        if key not in self._made:
            samples = read_audio(row.file)
            if rate != SAMPLE_RATE:
                samples = soxr.resample(samples, SAMPLE_RATE, rate)
            self._made[key] = self.folder / f"{len(self._made)}.wav"
            with wave.open(str(self._made[key]), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(np.asarray(samples, "<i2").tobytes())
        return self._made[key]


def questions(rows: Sequence[Row], understand: Understanding) -> Iterator[Question]:
    """Each recording that is an answer, with its value, and sentences for their words."""
    for row in rows:
        if row.kind not in GRAMMAR_OF_KIND and row.kind not in SENTENCES:
            continue
        grammar = GRAMMAR_OF_KIND.get(row.kind, "")
        expected = understand.value(normalise(row.transcript), grammar, row.language)
        seconds = len(read_audio(row.file)) / SAMPLE_RATE
        yield Question(row=row, grammar=grammar, expected=expected, seconds=seconds)


@click.command(
    "compare",
    cls=Verb,
    help="""Put the same recordings to h2b and to other recognisers from PyPI, in one run.

    MANIFEST is that of h2b bench accuracy. The others are faster-whisper, sherpa-onnx, pocketsphinx and, with a model
    directory, vosk; each is installed with pip into an environment of its own, the first time. All take turns at each
    recording, with one thread. Their words are turned into values by h2b's own understanding of each kind. Who cannot
    take part is named with the reason. Exit code 1 when h2b itself could not.
    """,
    example="""
    h2b bench compare speech/manifest.tsv --json compare.json
    h2b bench compare speech/manifest.tsv --language fr --contestant h2b --contestant faster-whisper
    """,
)
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", "languages", multiple=True, metavar="TAG", help="Language; again for more.  [default: en]")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of recordings; again for more.")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Only every Nth recording.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="How often each is recognised: more give steadier times.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Ask nothing new after that long: what was asked counts.",
)
@click.option(
    "--contestant",
    "names",
    multiple=True,
    type=click.Choice([contestant.name for contestant in CONTESTANTS]),
    help="Only this one; again for more.",
)
@click.option(
    "--environments",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the others are installed.  [default: peers in the cache folder]",
)
@click.option(
    "--whisper-model",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Model of faster-whisper (CTranslate2).  [default: Whisper base of h2b[multilingual]]",
)
@click.option(
    "--vosk-model", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR", help="Model of vosk."
)
@json_option
@configuration_option
def compare(
    manifest: Path,
    languages: tuple[str, ...],
    kinds: tuple[str, ...],
    every: int,
    rounds: int,
    minutes: float | None,
    names: tuple[str, ...],
    environments: Path | None,
    whisper_model: Path | None,
    vosk_model: Path | None,
    json_file: Path | None,
    configuration_file: Path | None,
) -> int:
    folder = load_configuration(configuration_file).grammars.folder
    understand = Understanding(load_catalogue([Path(folder)] if folder else []))
    rows = chosen(read_manifest(manifest), languages or ("en",), kinds, ())
    asked = list(questions(rows, understand))[::every]
    if not asked:
        raise H2BError(f"{manifest}: no recording to ask about is of these languages and kinds")
    materials = Materials(
        languages=list(dict.fromkeys(question.row.language for question in asked)),
        environments=environments or default_cache_folder() / "peers",
        whisper_model=whisper_model,
        vosk_model=vosk_model,
        configuration_file=configuration_file,
        report=lambda line: click.echo(line, err=True),
    )
    entrants = [Entrant(contestant) for contestant in CONTESTANTS if not names or contestant.name in names]
    count = len(asked)
    asked = run(entrants, asked, materials, understand, rounds, minutes)
    conclude("compare", {**account_of(entrants, asked, rounds), "chosen": count}, json_file)
    return FAILED if any(entrant.left_out for entrant in entrants if not entrant.contestant.requirement) else 0


def run(
    entrants: Sequence[Entrant],
    asked: Sequence[Question],
    materials: Materials,
    understand: Understanding,
    rounds: int = 1,
    minutes: float | None = None,
) -> list[Question]:
    """Put every recording to everybody, as often as there are rounds, until the time is over. Gives those asked."""
    done = []
    with ExitStack() as stack:
        files = Files(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="h2b-compare-"))))
        for entrant in entrants:
            entrant.start(materials)
            stack.callback(entrant.stop)
            told = f"left out, {entrant.left_out}" if entrant.left_out else "ready"
            materials.report(f"{entrant.contestant.name}: {told}")
        firsts = {question.row.language: question for question in reversed(asked)}
        for question in firsts.values():
            for entrant in entrants:
                entrant.hear(question, files, understand, counts=False)
        until = time.monotonic() + 60 * minutes if minutes else float("inf")
        with counted("recognising", len(asked)) as step:
            for number, question in enumerate(random.Random(ORDER).sample(asked, len(asked))):
                if time.monotonic() >= until:
                    break
                turn = number % max(1, len(entrants))
                for entrant in [*entrants[turn:], *entrants[:turn]] * rounds:
                    entrant.hear(question, files, understand, counts=True)
                done.append(question)
                step(1)
    return done


# Counting


def account_of(entrants: Sequence[Entrant], asked: Sequence[Question], rounds: int) -> dict[str, Any]:
    """All of it as plain values of JSON: contestants, groups by language, contestant and kind, and what was wrong."""
    return {
        "recordings": len(asked),
        "audio_s": round(sum(question.seconds for question in asked), 1),
        "rounds": rounds,
        "contestants": [entrant.as_json() for entrant in entrants],
        "groups": [group for language in _each(asked, lambda q: q.row.language) for group in _of(language, entrants)],
        "wrong": [_wrong(entrant, answer) for entrant in entrants for answer in _mistaken(entrant)],
    }


def _of(language: str, entrants: Sequence[Entrant]) -> Iterator[dict[str, Any]]:
    for entrant in entrants:
        answers = [answer for answer in entrant.answers.values() if answer.question.row.language == language]
        name = entrant.contestant.name
        for kind in _each(answers, lambda answer: answer.question.row.kind):
            of_kind = [answer for answer in answers if answer.question.row.kind == kind]
            yield {"language": language, "contestant": name, "kind": kind, **_group(of_kind)}
        with_values = [answer for answer in answers if answer.question.grammar]
        if with_values:
            yield {"language": language, "contestant": name, "kind": ALL, **_group(with_values)}


def _group(answers: Sequence[Answer]) -> dict[str, Any]:
    errors = [word_errors(normalise(answer.question.row.transcript), answer.heard) for answer in answers]
    rate = sum(errors, ErrorRate()).rate
    cpu_s = sum(sum(answer.cpu_s) / len(answer.cpu_s) for answer in answers)
    valued = [answer for answer in answers if answer.question.grammar]
    return {
        "recordings": len(answers),
        "right": sum(answer.right for answer in valued) if valued else None,
        "failed": sum(bool(answer.failure) for answer in answers),
        "wer": None if rate is None else round(rate, DECIMALS),
        "cpu_s": round(cpu_s / len(answers), DECIMALS),
        "rtf": round(cpu_s / sum(answer.question.seconds for answer in answers), DECIMALS),
    }


def _mistaken(entrant: Entrant) -> Iterator[Answer]:
    return (answer for answer in entrant.answers.values() if answer.question.grammar and not answer.right)


def _wrong(entrant: Entrant, answer: Answer) -> dict[str, Any]:
    row = answer.question.row
    told = {"id": row.id, "kind": row.kind, "contestant": entrant.contestant.name, "heard": answer.heard}
    values = {"expected": answer.question.expected, "found": answer.found}
    return {**told, **values, **({"failure": answer.failure} if answer.failure else {})}


def _each(things: Sequence[Any], key: Callable[[Any], str]) -> list[str]:
    """The different keys of some things, in order."""
    return list(dict.fromkeys(sorted(key(thing) for thing in things)))
