"""What came of many recordings: counted by group and by threshold, as plain values of JSON.

Owns counting. Must not know engines, files or how it is told to people.

A trial is one recording before one grammar. At a threshold its answer is accepted when the grammar is satisfied and the
confidence reaches the threshold. Accepted and wrong is a false accept; a value that was said and is not accepted is a
false reject; everything else is right: nothing accepted where nothing was to be had is right too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from h2b.cli.bench_scores import ErrorRate, calibration_error, character_errors, percentile, reliability, word_errors

THRESHOLDS = tuple(number / 10 for number in range(10))
ALL = "all"


@frozen(kw_only=True)
class Trial:
    """One recording before one grammar. Values are written so that equal ones are equal."""

    id: str
    language: str
    kind: str
    """Of the recording, or what the trial is about."""
    source: str
    said: str
    """The transcript in normal form."""
    heard: str
    """The words the result is made of, in normal form."""
    expected: str | None
    """None where the words hold no value of the grammar."""
    found: str | None
    """None where the grammar is not satisfied, whatever the confidence."""
    confidence: float
    audio_s: float
    """How long the recording is."""
    cpu_s: float
    spare_s: float | None = None
    """How long the result was there before the timer of its silence fired, with a core to itself; below zero, how long
    it was waited for. None where no such timer ended it."""
    searches: tuple[str, ...] = ()
    """What each search found, for people."""

    def accepted(self, threshold: float) -> bool:
        return self.found is not None and self.confidence >= threshold

    def false_accept(self, threshold: float) -> bool:
        return self.accepted(threshold) and self.found != self.expected

    def false_reject(self, threshold: float) -> bool:
        return self.expected is not None and not self.accepted(threshold)

    def right(self, threshold: float) -> bool:
        return not self.false_accept(threshold) and not self.false_reject(threshold)


def account_of(trials: Sequence[Trial], threshold: float) -> dict[str, Any]:
    """All of it: groups, thresholds, calibration, and each trial that is wrong at the threshold."""
    by_source = _grouped(trials, lambda trial: (trial.language, trial.kind, trial.source))
    by_kind = _grouped(trials, lambda trial: (trial.language, trial.kind))
    by_language = _grouped(trials, lambda trial: (trial.language,))
    return {
        "threshold": threshold,
        "recordings": len(trials),
        "right": sum(trial.right(threshold) for trial in trials),
        "ready": _ready([trial.spare_s for trial in trials if trial.spare_s is not None]),
        "groups": [
            *(_group(key, group, threshold) for key, group in by_source.items()),
            *(_group((*key, ALL, ALL), group, threshold) for key, group in by_language.items()),
        ],
        "thresholds": [
            {"language": key[0], "kind": kind, **_counts(group, level)}
            for groups in (by_kind, by_language)
            for key, group in groups.items()
            for kind in ([*key, ALL][1],)
            for level in THRESHOLDS
        ],
        "calibration": [
            _calibration(language, group)
            for language, group in [(key[0], group) for key, group in by_language.items()]
            if any(trial.found is not None for trial in group)
        ],
        "wrong": [_wrong(trial) for trial in trials if not trial.right(threshold)],
    }


def _ready(spare_s: Sequence[float]) -> dict[str, Any] | None:
    """How many results were there when their timer fired, and how long before; None where no call was timed."""
    if not spare_s:
        return None
    return {
        "ready": sum(spare >= 0 for spare in spare_s),
        "results": len(spare_s),
        "least_ms": round(min(spare_s) * 1000),
        "median_ms": round(percentile(spare_s, 50) * 1000),
    }


def _grouped(trials: Sequence[Trial], key: Callable[[Trial], tuple[str, ...]]) -> Mapping[tuple[str, ...], list[Trial]]:
    groups: dict[tuple[str, ...], list[Trial]] = {}
    for trial in sorted(trials, key=key):
        groups.setdefault(key(trial), []).append(trial)
    return groups


def _counts(trials: Sequence[Trial], threshold: float) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "recordings": len(trials),
        "right": sum(trial.right(threshold) for trial in trials),
        "false_accepts": sum(trial.false_accept(threshold) for trial in trials),
        "false_rejects": sum(trial.false_reject(threshold) for trial in trials),
    }


def _group(key: tuple[str, ...], trials: Sequence[Trial], threshold: float) -> dict[str, Any]:
    words = sum((word_errors(trial.said, trial.heard) for trial in trials), ErrorRate())
    characters = sum((character_errors(trial.said, trial.heard) for trial in trials), ErrorRate())
    language, kind, source = key
    return {
        "language": language,
        "kind": kind,
        "source": source,
        **_counts(trials, threshold),
        "wer": _rounded(words.rate),
        "cer": _rounded(characters.rate),
        "audio_s": _rounded(sum(trial.audio_s for trial in trials) / len(trials)),
        "cpu_s": _rounded(sum(trial.cpu_s for trial in trials) / len(trials)),
    }


def _calibration(language: str, trials: Sequence[Trial]) -> dict[str, Any]:
    answers = [(trial.confidence, trial.found == trial.expected) for trial in trials if trial.found is not None]
    bins = reliability(answers)
    return {
        "language": language,
        "answers": len(answers),
        "ece": _rounded(calibration_error(bins)),
        "bins": [{name: round(value, 4) for name, value in asdict(each).items()} for each in bins],
    }


def _wrong(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "kind": trial.kind,
        "said": trial.said,
        "heard": trial.heard,
        "expected": trial.expected,
        "found": trial.found,
        "confidence": round(trial.confidence, 3),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
