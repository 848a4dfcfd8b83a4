"""Exact matches on a manifest of recordings, by language and kind, with the CPU each utterance cost.

    python docs/samples/measure_accuracy.py "$H2B_SPEECH/manifest.tsv" --language en

The manifest has the columns id, file, language, kind, source, transcript (tab separated, files relative to it).
Each recording goes through the grammar of its kind; what counts is the value, whole: a wrong value, a partial match,
no match and a confidence below 0.5 are all wrong. The reference value is what the same grammar finds in the
transcript. With `--session` the audio goes through the whole session machine, votes, endpoints and timers included,
after a second of silence; without it the engine gets the recording as it is. `--out-of-grammar` asks the other
question: how often prompts and other speech pass for an answer; `--carriers` wraps answers in sentences; `--length`
tells the grammars of codes how many characters the value has, as a bot that knows its codes does.
"""

import argparse
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen

from h2b.asr.base import Samples, UtteranceRequest
from h2b.asr.decoding import DecodingEngine
from h2b.asr.engines import load_engine
from h2b.audio.files import read_audio
from h2b.cli.offline import recognise_recording
from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.registry import Registry
from h2b.language import normalise
from h2b.model.causes import CompletionCause
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, MatchClass
from h2b.model.results import Path as SearchPath
from h2b.protocol.session import Setting

COMMANDS = "go|help|stop|start|repeat|erase|enter|rubout|yes|no"
GRAMMAR_OF_KIND = {
    "digits": "builtin:speech/spelling/digits",
    "phone": "builtin:speech/spelling/phone_number",
    "spell": "builtin:speech/spelling/mixed",
    "alnum": "builtin:speech/spelling/mixed",
    "number": "builtin:speech/text2num",
    "date": "builtin:speech/date?when=past",
    "yesno": "builtin:speech/boolean",
    "keyword": f"builtin:speech/keywords?alternatives={COMMANDS}",
}
THRESHOLD = 0.5


@frozen
class Row:
    """One recording of the manifest."""

    id: str
    file: Path
    language: str
    kind: str
    source: str
    transcript: str


def rows_of(manifest: Path) -> Iterator[Row]:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        name, file, code, kind, source, transcript = line.split("\t")
        yield Row(name, manifest.parent / file, code, kind, source, transcript)


def comparable(value: object) -> str:
    """Values without the spaces that free text puts between numbers."""
    return str(value).lower().replace(" ", "")


def value_of(verdict: Verdict) -> object:
    """The value a client would get, or None."""
    if verdict.match is not MatchClass.COMPLETE or verdict.confidence < THRESHOLD:
        return None
    interpretation = verdict.alternatives[0].interpretation
    return interpretation.value if interpretation else None


class Bench:
    """An engine in this process and the grammars."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.engine = load_engine({"languages": list(languages)}, lambda line: print(line, file=sys.stderr))
        assert isinstance(self.engine, DecodingEngine)
        self.registry: Registry = load_catalogue()
        self.setting = Setting(
            registry=self.registry, make_channel_id=lambda prefix: prefix + "measure", wall_time=time.time
        )

    def heard(
        self, row: Row, uri: str, samples: Samples | None = None
    ) -> tuple[Verdict, float, tuple[Hypothesis, ...]]:
        grammar = self.registry.activate(uri, row.language)
        request = UtteranceRequest(row.language, (grammar,))
        self.engine.prepare(request)
        samples = read_audio(row.file) if samples is None else samples
        began = time.process_time()
        recognised = self.engine.recognise(request, samples)
        verdict = interpret(recognised.hypotheses, [grammar])
        return verdict, time.process_time() - began, recognised.hypotheses

    def through_session(self, row: Row, uri: str) -> tuple[Verdict, float, tuple[Hypothesis, ...]]:
        """The same, as a call: the recording after a second of silence, and silence until the result."""
        samples = np.concatenate([np.zeros(SAMPLE_RATE, np.int16), read_audio(row.file)])
        began = time.process_time()
        account = recognise_recording(
            samples, [uri], {"speech_language": row.language}, engine=self.engine, setting=self.setting
        )
        result = account.completion.result
        assert result is not None
        complete = account.cause is CompletionCause.SUCCESS
        verdict = Verdict(MatchClass.COMPLETE if complete else MatchClass.NONE, result.alternatives)
        return verdict, time.process_time() - began, tuple(a.hypothesis for a in result.alternatives)

    def expected(self, row: Row, uri: str) -> str:
        said = Hypothesis(transcript=normalise(row.transcript), confidence=1.0, path=SearchPath.FREE)
        return comparable(value_of(interpret([said], [self.registry.activate(uri, row.language)])))


def measure(bench: Bench, rows: Sequence[Row], verbose: bool, session: bool, length: bool) -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    cost: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        uri = GRAMMAR_OF_KIND[row.kind]
        if length and row.kind in ("digits", "spell", "alnum"):
            uri += f"?length={len(bench.expected(row, uri))}"
        verdict, seconds, hypotheses = (bench.through_session if session else bench.heard)(row, uri)
        expected, got = bench.expected(row, uri), comparable(value_of(verdict))
        key = f"{row.language} {row.kind} {row.source}"
        right[key].append(expected == got)
        cost[key].append(seconds)
        if verbose:
            scores = "  ".join(
                f"{h.path.value}:{h.transcript!r} {h.log_probability:.1f}/{h.tokens} {h.confidence:.2f}"
                for h in hypotheses
            )
            print(f"{'ok ' if expected == got else 'BAD'} {row.id} {row.transcript!r} -> {got} | {scores}")
    print(f"\n{'language kind source':32} {'right':>9} {'share':>7} {'CPU s':>7}")
    for key in sorted(right):
        print(
            f"{key:32} {sum(right[key]):>4}/{len(right[key]):<4} {np.mean(right[key]):>7.1%} {np.mean(cost[key]):>7.3f}"
        )
    every = [result for results in right.values() for result in results]
    seconds = [second for some in cost.values() for second in some]
    print(f"{'all':32} {sum(every):>4}/{len(every):<4} {np.mean(every):>7.1%} {np.mean(seconds):>7.3f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


OTHER_SPEECH = ("prompt", "free", "yesno", "keyword")
OUT_OF_GRAMMAR = {
    "digits": (GRAMMAR_OF_KIND["digits"], OTHER_SPEECH),
    "boolean": (GRAMMAR_OF_KIND["yesno"], ("prompt", "free", "digits", "spell")),
    "number": ("builtin:speech/number", (*OTHER_SPEECH, "spell")),
    "age": ("builtin:speech/age", (*OTHER_SPEECH, "spell", "date")),
    "currency": ("builtin:speech/currency", (*OTHER_SPEECH, "spell", "date", "digits", "number")),
    "time": ("builtin:speech/time", (*OTHER_SPEECH, "spell", "digits")),
    "date": ("builtin:speech/date?when=past", (*OTHER_SPEECH, "spell", "digits")),
    "keywords": (GRAMMAR_OF_KIND["keyword"], ("prompt", "free", "digits", "spell", "number", "date")),
}
"""By grammar, the kinds of recordings that are no answer to it, whatever words they hold: "press three for sales"."""


def out_of_grammar(bench: Bench, rows: Sequence[Row], verbose: bool) -> None:
    """Speech that holds no answer to the grammar it is judged by; accepted is wrong."""
    for name, (uri, kinds) in OUT_OF_GRAMMAR.items():
        accepted = tried = 0
        for row in rows:
            # A keyword is an answer wherever it is said.
            spotted = name == "keywords" and bench.expected(row, uri) != comparable(None)
            if row.kind not in kinds or spotted:
                continue
            verdict, _, _ = bench.heard(row, uri)
            tried += 1
            if value_of(verdict) is not None:
                accepted += 1
                if verbose:
                    print(f"accepted {row.id} {row.transcript!r} as {value_of(verdict)} ({verdict.confidence:.2f})")
        print(f"out of grammar, {name}: {accepted} of {tried} accepted")


CARRIERS = {
    "en": ("vm-num-i-have", "dir-multi3", "confbridge-there-are", "at-tone-time-exactly"),
    "fr": ("is-set-to", "vm-from-phonenumber", "queue-holdtime", "queue-quantity1", "call-waiting"),
}
"""Prompts that sound like the beginning of a sentence that ends with a number, by the end of their id."""


def carriers(bench: Bench, rows: Sequence[Row], verbose: bool) -> None:
    """Answers wrapped in a sentence: prompts and digits of the same voice joined by a quarter second of silence."""
    for code, endings in CARRIERS.items():
        prompts = [row for row in rows if row.language == code and row.id.endswith(endings)]
        answers = [r for r in rows if r.language == code and (r.kind, r.source) == ("digits", "asterisk-core")]
        right = []
        for prompt in prompts:
            for answer in answers:
                pause = np.zeros(2000, np.int16)
                samples = np.concatenate([read_audio(prompt.file), pause, read_audio(answer.file)])
                expected = bench.expected(answer, GRAMMAR_OF_KIND["digits"])
                verdict, _, hypotheses = bench.heard(answer, GRAMMAR_OF_KIND["digits"], samples)
                right.append(comparable(value_of(verdict)) == expected)
                if verbose and not right[-1]:
                    heard = [f"{h.path.value} {h.confidence:.2f} {h.transcript}" for h in hypotheses]
                    print(f"BAD {prompt.transcript!r} + {expected} -> {value_of(verdict)} {heard}")
        if right:
            print(f"carrier phrases, {code}: {sum(right)}/{len(right)} {np.mean(right):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact matches on a manifest of recordings, by language and kind.")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--language", action="append", help="only these languages (default en)")
    parser.add_argument("--kind", action="append", help="only these kinds")
    parser.add_argument("--source", action="append", help="only these sources")
    parser.add_argument("--every", type=int, default=1, help="only every n-th recording")
    parser.add_argument("--session", action="store_true", help="through endpoints and timers")
    parser.add_argument("--length", action="store_true", help="tell the grammar how long the value is")
    parser.add_argument("--out-of-grammar", action="store_true")
    parser.add_argument("--carriers", action="store_true", help="answers wrapped in a sentence")
    parser.add_argument("--verbose", action="store_true", help="a line for each recording")
    options = parser.parse_args()
    languages = options.language or ["en"]
    rows = [
        row
        for row in rows_of(options.manifest)
        if row.language in languages
        and (not options.kind or row.kind in options.kind)
        and (not options.source or row.source in options.source)
    ]
    bench = Bench(languages)
    if options.carriers:
        carriers(bench, rows, options.verbose)
    elif options.out_of_grammar:
        out_of_grammar(bench, rows[:: options.every], options.verbose)
    else:
        known = [row for row in rows if row.kind in GRAMMAR_OF_KIND]
        measure(bench, known[:: options.every], options.verbose, options.session, options.length)


if __name__ == "__main__":
    main()
