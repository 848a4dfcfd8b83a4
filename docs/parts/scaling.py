"""How many cores and machines so many calls take, reckoned from committed runs of h2b bench."""

from math import ceil
from typing import Any

from h2b.cli.bench_result import read_result
from parts.bench import RUNS
from parts.markdown import table

CALLS = (1_000, 10_000, 100_000)
USED = 0.6
"""Of a core by a front end, on average. Recognising processes are counted as the run bore them: utterances come in
bunches, and with more calls for each process they waited too long, at little more than half of its core."""
RUN_WORKERS = 1
"""Recognising processes of the run of load."""
NODE_CORES = 16
WHISPER_WORKER_MB = 500
"""Of a process with all languages (docs/discussion/decoding.md); the runs here load English only."""


def needs(words: str) -> str:
    """The table; `words` names the runs of load, accuracy in English, and accuracy in other languages."""
    load, english, others = (read_result(RUNS / name)["results"] for name in words.split())
    trial = max((trial for trial in load["trials"] if trial["passed"]), key=lambda trial: trial["calls"])
    # Calls speak for a share of their time, so what counts is the CPU of a second of speech, not of a recording.
    times = _cpu_share(others, "fr") / _cpu_share(english, "en")
    worker_mb = trial["memory_mb"]["worker"]
    rows = [
        [language, *_row(trial, calls, times=times_, worker_mb=megabytes)]
        for language, times_, megabytes in (("English", 1.0, worker_mb), ("French", times, WHISPER_WORKER_MB))
        for calls in CALLS
    ]
    nodes = f"nodes of {NODE_CORES} cores"
    heads = ["language", "calls at once", "front ends", "recognising processes", "cores", nodes, "memory"]
    return table(heads, rows)


def _row(trial: dict[str, Any], calls: int, *, times: float, worker_mb: float) -> list[str]:
    used = trial["cores_used"]
    front_ends = ceil(calls * used["server"] / trial["calls"] / USED)
    workers = ceil(calls * RUN_WORKERS / trial["calls"] * times)
    cores = front_ends + workers
    gigabytes = (front_ends * trial["memory_mb"]["server"] + workers * worker_mb) / 1024
    numbers = (calls, front_ends, workers, cores, ceil(cores / NODE_CORES))
    return [*(f"{number:,}" for number in numbers), f"{gigabytes:,.0f} GB"]


def _cpu_share(results: dict[str, Any], language: str) -> float:
    """CPU of a second of recordings of a language, in seconds."""
    (all_kinds,) = (g for g in results["groups"] if (g["language"], g["kind"]) == (language, "all"))
    return float(all_kinds["cpu_s"] / all_kinds["audio_s"])
