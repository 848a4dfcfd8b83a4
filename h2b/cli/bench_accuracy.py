"""`h2b bench accuracy`: a manifest of recordings before the grammars of their kinds, with an engine in this process.

Owns the three questions that are asked of recordings and the engine that answers. Must not know how trials are counted.
"""

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import click
import numpy as np
from attrs import define

from h2b.asr.base import Engine, Samples, UtteranceRequest
from h2b.asr.engines import available_languages, load_engine
from h2b.audio.files import read_audio
from h2b.cli.bench_manifest import (
    CARRIERS,
    CODES,
    GRAMMAR_OF_KIND,
    OUT_OF_GRAMMAR,
    Row,
    chosen,
    read_manifest,
)
from h2b.cli.bench_plot import draw_calibration
from h2b.cli.bench_progress import counted
from h2b.cli.bench_result import conclude, json_option
from h2b.cli.bench_trials import Trial, account_of
from h2b.cli.main import FAILED, Verb
from h2b.cli.offline import recognise_recording
from h2b.cli.terminal import configuration_option, write_text
from h2b.configfile import load_configuration
from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.registry import Registry
from h2b.language import normalise
from h2b.model.causes import CompletionCause
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.params import ParameterValue
from h2b.model.results import Hypothesis, MatchClass
from h2b.model.results import Path as SearchPath
from h2b.protocol.session import Setting
from h2b.server.app import make_setting

GAP_SAMPLES = 2000
"""Quarter of a second between the beginning of a sentence and the answer that ends it."""


Heard: TypeAlias = tuple[Verdict, tuple[Hypothesis, ...], float, float | None]
"""Verdict, what the searches found, CPU seconds, and how long the result was there before its timer fired."""


def comparable(value: object) -> str:
    """A value without the spaces that free text puts between numbers."""
    return str(value).lower().replace(" ", "")


@define
class Question:
    """A recording, the grammar it is put to, and what counts as an answer."""

    row: Row
    uri: str
    subject: str
    """What the trial is counted under."""
    answer: Row | None
    """Whose words hold the value; None where no value is right."""
    prefix: Row | None = None
    """A recording that comes before it."""


@define
class Ear:
    """An engine in this process, and the grammars."""

    engine: Engine
    setting: Setting
    session: bool = False
    """Whether the audio goes through endpoints and timers."""
    length: bool = False
    """Whether grammars of codes are told how long the value is."""

    @property
    def registry(self) -> Registry:
        return self.setting.registry

    def ask(self, question: Question) -> Trial:
        """Put a recording to its grammar."""
        row, uri, expected = question.row, question.uri, None
        if question.answer is not None:
            expected = self.value_said(question.answer, uri)
            if self.length and question.subject in CODES and expected is not None:
                uri += f"{'&' if '?' in uri else '?'}length={len(expected)}"
        samples = read_audio(row.file)
        if question.prefix is not None:
            samples = np.concatenate([read_audio(question.prefix.file), np.zeros(GAP_SAMPLES, np.int16), samples])
        verdict, searches, seconds, spare_s = (self._through_session if self.session else self._heard)(
            samples, row.language, uri
        )
        best = verdict.alternatives[0].hypothesis if verdict.alternatives else next(iter(searches), None)
        said = [part.transcript for part in (question.prefix, row) if part is not None]
        return Trial(
            id=row.id,
            language=row.language,
            kind=question.subject,
            source=row.source,
            said=normalise(" ".join(said)),
            heard=normalise(best.transcript if best else ""),
            searches=tuple(_told(hypothesis) for hypothesis in searches),
            expected=expected,
            found=value_of(verdict),
            confidence=verdict.confidence,
            audio_s=len(samples) / SAMPLE_RATE,
            cpu_s=seconds,
            spare_s=spare_s,
        )

    def value_said(self, row: Row, uri: str) -> str | None:
        """The value the grammar finds in the transcript itself."""
        said = Hypothesis(transcript=normalise(row.transcript), confidence=1.0, path=SearchPath.FREE)
        return value_of(interpret([said], [self.registry.activate(uri, row.language)]))

    def _heard(self, samples: Samples, language: str, uri: str) -> Heard:
        grammar = self.registry.activate(uri, language)
        request = UtteranceRequest(language, (grammar,))
        self.engine.prepare(request)
        began = time.process_time()
        recognised = self.engine.recognise(request, samples)
        verdict = interpret(recognised.hypotheses, [grammar])
        return verdict, recognised.hypotheses, time.process_time() - began, None

    def _through_session(self, samples: Samples, language: str, uri: str) -> Heard:
        """The same as a call: the recording after a second of silence, and silence until the result."""
        samples = np.concatenate([np.zeros(SAMPLE_RATE, np.int16), samples])
        began = time.process_time()
        # The session lets every confidence pass: the threshold is set when trials are counted.
        changes: dict[str, ParameterValue] = {"speech_language": language, "confidence_threshold": 0.0}
        account = recognise_recording(samples, [uri], changes, engine=self.engine, setting=self.setting)
        result = account.completion.result
        assert result is not None
        match = MatchClass.COMPLETE if account.cause is CompletionCause.SUCCESS else MatchClass.NONE
        seconds = time.process_time() - began
        searches = tuple(each.hypothesis for each in result.alternatives)
        return Verdict(match, result.alternatives), searches, seconds, account.spare_seconds


def value_of(verdict: Verdict) -> str | None:
    """The value a client would get, whatever the confidence; None unless the grammar is satisfied."""
    if verdict.match is not MatchClass.COMPLETE or not verdict.alternatives:
        return None
    interpretation = verdict.alternatives[0].interpretation
    return comparable(interpretation.value) if interpretation else None


# The three questions


def answers(rows: Sequence[Row]) -> Iterator[Question]:
    """Each answer before the grammar of its kind."""
    for row in rows:
        if row.kind in GRAMMAR_OF_KIND:
            yield Question(row, GRAMMAR_OF_KIND[row.kind], row.kind, answer=row)


def no_answers(rows: Sequence[Row], ear: Ear) -> Iterator[Question]:
    """Speech that holds no answer to the grammar it is put to; each one accepted is wrong."""
    for name, (uri, kinds) in OUT_OF_GRAMMAR.items():
        for row in rows:
            # A keyword is an answer wherever it is said.
            spotted = name == "keywords" and ear.value_said(row, uri) is not None
            if row.kind in kinds and not spotted:
                yield Question(row, uri, name, answer=None)


def wrapped_answers(rows: Sequence[Row]) -> Iterator[Question]:
    """Answers that end a sentence: prompts and digits of the same voice."""
    for code, endings in CARRIERS.items():
        prompts = [row for row in rows if row.language == code and row.id.endswith(tuple(endings))]
        digits = [r for r in rows if r.language == code and (r.kind, r.source) == ("digits", "asterisk-core")]
        for prompt in prompts:
            for row in digits:
                yield Question(row, GRAMMAR_OF_KIND["digits"], "wrapped", answer=row, prefix=prompt)


@click.command(
    "accuracy",
    cls=Verb,
    help="""Recognise the recordings of a manifest and count what is right.

    MANIFEST has the columns id, file, language, kind, source, transcript, separated by tabs, files relative to it. Each
    recording of a kind that is an answer goes through the grammar of its kind. What counts is the value, whole: a wrong
    value, a partial match, no match and a confidence below the threshold are all wrong. The value that was said is what
    the same grammar finds in the transcript. Exit code 1 when fewer are right than --need.
    """,
    example="""
    h2b bench accuracy speech/manifest.tsv --language en --session --need 0.97
    h2b bench accuracy speech/manifest.tsv --json accuracy.json --plot calibration.svg
    h2b bench accuracy speech/manifest.tsv --out-of-grammar
    """,
)
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", "languages", multiple=True, metavar="TAG", help="Language; again for more.  [default: en]")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of recordings; again for more.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Only this source; again for more.")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Only every Nth recording.")
@click.option("--session", is_flag=True, help="Through endpoints and timers, after a second of silence, as a call.")
@click.option("--length", is_flag=True, help="Tell the grammars of codes how many characters the value has.")
@click.option("--out-of-grammar", is_flag=True, help="Instead: how often other speech passes for an answer.")
@click.option("--carriers", is_flag=True, help="Instead: answers that end a sentence.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="SHARE",
    help="Confidence from which a value is accepted.",
)
@click.option("--need", type=click.FloatRange(0, 1), metavar="SHARE", help="Share that must be right.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg", help="Draw calibration.")
@click.option("--verbose", is_flag=True, help="A line for each recording, with what the searches found.")
@json_option
@configuration_option
def accuracy(
    manifest: Path,
    languages: tuple[str, ...],
    kinds: tuple[str, ...],
    sources: tuple[str, ...],
    every: int,
    threshold: float,
    need: float | None,
    plot: Path | None,
    verbose: bool,
    json_file: Path | None,
    configuration_file: Path | None,
    **asked: bool,
) -> int:
    if asked["out_of_grammar"] and asked["carriers"]:
        raise click.UsageError("--out-of-grammar and --carriers are two questions: ask one of them")
    rows = chosen(read_manifest(manifest), languages or ("en",), kinds, sources)
    ear = _open_ear(languages or ("en",), configuration_file, session=asked["session"], length=asked["length"])
    questions = _questions(rows, ear, every, asked)
    if not questions:
        raise H2BError(f"{manifest}: no recording to ask about is of these languages, kinds and sources")
    trials = []
    with counted("recognising", len(questions)) as step:
        for question in questions:
            trials.append(ear.ask(question))
            step(1)
            if verbose:
                click.echo(_line(trials[-1], threshold))
    found = {**asked, **account_of(trials, threshold), "need": need, "peak_memory_mb": _peak_memory_mb()}
    conclude("accuracy", found, json_file)
    if plot is not None:
        write_text(plot, draw_calibration(found["calibration"]))
    return FAILED if need is not None and found["right"] < need * len(trials) else 0


def _open_ear(languages: Sequence[str], configuration_file: Path | None, *, session: bool, length: bool) -> Ear:
    configuration = load_configuration(configuration_file)
    options = {**configuration.asr.engine_options(), "languages": list(languages)}
    engine = load_engine(options, lambda line: click.echo(line, err=True))
    return Ear(engine, make_setting(configuration, available_languages(options)), session, length)


def _questions(rows: Sequence[Row], ear: Ear, every: int, asked: dict[str, bool]) -> list[Question]:
    if asked["carriers"]:
        return list(wrapped_answers(rows))[::every]
    if asked["out_of_grammar"]:
        return list(no_answers(rows[::every], ear))
    return list(answers([row for row in rows if row.kind in GRAMMAR_OF_KIND][::every]))


def _line(trial: Trial, threshold: float) -> str:
    verdict = "ok " if trial.right(threshold) else "BAD"
    searches = "  ".join(trial.searches)
    return f"{verdict} {trial.id} {trial.said!r} -> {trial.found} ({trial.confidence:.2f}) | {searches}"


def _told(hypothesis: Hypothesis) -> str:
    """Words, their log-probability and tokens, and the confidence, of one search."""
    scores = f"{hypothesis.log_probability:.1f}/{hypothesis.tokens} {hypothesis.confidence:.2f}"
    return f"{hypothesis.path.value}:{hypothesis.transcript!r} {scores}"


def _peak_memory_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024 * 1024))
