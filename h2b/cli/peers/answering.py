"""Puts recordings to the recogniser of one script, as long as somebody asks: `python answering.py SCRIPT`.

Owns the lines between a comparison and a recogniser, and how its time is measured. Must import nothing but the standard
library: it runs in the environment of the recogniser, where h2b is not installed.

One JSON object a line. The first on standard input holds the options of the script; the answer is
`{"ready": true, "versions": {...}, "load_cpu_s": ...}`. Each further one is a question: `file`, a mono 16-bit WAV file,
`language`, `kind` and `grammar`, what is asked for, or `""`. The answer has the words as `text` and the time of the
processor as `cpu_s`, or why there is none as `error`. A recogniser that understands what it hears adds `value`.

The time counts all threads of the process from the samples to the words; reading the file is not in it, nor what a
recogniser prepares before there is sound.
"""

import importlib.util
import json
import os
import sys
import time
import wave
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TextIO

DECIMALS = 6


class Recogniser(Protocol):
    """What `load(options)` of a script gives."""

    def prepare(self, question: Mapping[str, Any]) -> None:
        """Make ready for what is asked for, before there is sound."""
        ...

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """The words of 16-bit little-endian samples as `text`, and `value` where it has one."""
        ...


def main(script: Path) -> None:
    answers = _own_output()
    module = _loaded(script)
    options = json.loads(sys.stdin.readline())
    began = time.process_time()
    recogniser: Recogniser = module.load(options)
    told = {"ready": True, "versions": _versions(module.PACKAGES), "load_cpu_s": _since(began)}
    _tell(answers, told)
    for line in sys.stdin:
        _tell(answers, _answer(recogniser, json.loads(line)))


def _answer(recogniser: Recogniser, question: Mapping[str, Any]) -> Mapping[str, Any]:
    with wave.open(question["file"], "rb") as file:
        samples, rate = file.readframes(file.getnframes()), file.getframerate()
    recogniser.prepare(question)
    began = time.process_time()
    try:
        heard = recogniser.hear(question, samples, rate)
    except (RuntimeError, ValueError) as error:
        # One recording it cannot recognise; the next one may do.
        return {"error": f"{type(error).__name__}: {error}", "cpu_s": _since(began)}
    return {**heard, "cpu_s": _since(began)}


def _own_output() -> TextIO:
    """Standard output for answers alone: libraries that print there print to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _loaded(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _since(began: float) -> float:
    return round(time.process_time() - began, DECIMALS)


def _tell(answers: TextIO, told: Mapping[str, Any]) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
