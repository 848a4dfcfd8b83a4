"""Recordings with what must be heard in them: `*.test` files, in the schema of the `uhlive` SDK's test runner.

Owns the schema and the verdict on one recording. Must not know terminals or where engines come from. Source: the
SDK's examples/recognition/test_runner.py: the same files run against a server with it.

    audio = "order.wav"                       # beside the file
    grammars = ["builtin:speech/order_number"]
    skip = true                               # only where it is not asked for by name
    [params]                                  # of RECOGNIZE; unknown names are ignored, as on the wire
    speech_language = "en"
    [expected]
    completion_cause = "Success"
    [expected.interpretation]                 # left out where there is none
    type = "builtin:speech/order_number"
    value = "kb114622"
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from h2b.asr.base import Engine
from h2b.audio.files import AudioFileError, read_audio
from h2b.cli.offline import RecognitionRefused, recognise_recording
from h2b.cli.terminal import shown
from h2b.grammar.toml_lines import Keys, line_of
from h2b.model.errors import ConfigurationError, InvalidParameter, nearest, shorten
from h2b.model.formats import AudioFormat
from h2b.model.params import PARAMETERS, ParameterValue, parse_parameter
from h2b.model.results import Value
from h2b.model.toml import read_toml
from h2b.protocol.session import Setting
from h2b.wire.vocabulary import JSON, Key

FORMATS: Mapping[str, AudioFormat] = {".pcm": AudioFormat.LINEAR} | {f".{f.value}": f for f in AudioFormat}
"""Suffix of headerless sound -> its format; .wav files tell their own."""

KEYS: Mapping[Keys, tuple[str, ...]] = {
    (): ("audio", "grammars", "params", "expected", "skip"),
    ("expected",): (Key.COMPLETION_CAUSE.value, "interpretation"),
    ("expected", "interpretation"): ("type", "value", "confidence"),
}
"""Table -> the keys it may have."""


@frozen(kw_only=True)
class AudioTest:
    """One file."""

    source: Path
    audio: Path
    grammars: tuple[str, ...]
    changes: Mapping[str, ParameterValue]
    cause: str
    """As the WebSocket spells it."""
    type: str
    """Of the interpretation; empty for none."""
    value: Value | None
    skip: bool
    line: int
    """Of what is expected."""

    @property
    def language(self) -> str | None:
        """The language its parameters name."""
        language = self.changes.get("speech_language")
        return None if language is None else str(language)

    @property
    def expected(self) -> str:
        return in_words(self.cause, self.type, self.value)


def load_test(path: Path) -> AudioTest:
    """The test a file describes. ConfigurationError says what is wrong, with file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", str(path)) from error
    return _test(_Source(path, text, read_toml(text, str(path))))


def _test(source: "_Source") -> AudioTest:
    source.check_keys()
    grammars = source.take(("grammars",), list, "a list of URIs")
    if not grammars or not all(isinstance(uri, str) for uri in grammars):
        raise source.refuse(f"grammars: got {shorten(grammars)}, expected a list of URIs", ("grammars",))
    cause = source.take(("expected", Key.COMPLETION_CAUSE.value), str, "a completion cause")
    if cause not in JSON.causes.values():
        message = f"completion_cause: got '{cause}'{nearest(cause, JSON.causes.values())}"
        raise source.refuse(
            f"{message}, expected: {', '.join(JSON.causes.values())}", ("expected", Key.COMPLETION_CAUSE.value)
        )
    means = ("expected", "interpretation")
    interpreted = bool(source.found(means))
    return AudioTest(
        source=source.path,
        audio=source.path.parent / source.take(("audio",), str, "the name of a file"),
        grammars=tuple(grammars),
        changes=dict(_changes(source)),
        cause=cause,
        type=source.take((*means, "type"), str, "a URI") if interpreted else "",
        value=source.take((*means, "value"), object, "a value") if interpreted else None,
        skip=bool(source.found(("skip",))),
        line=line_of(source.text, ("expected",)) or 1,
    )


def _changes(source: "_Source") -> Iterator[tuple[str, ParameterValue]]:
    for name, raw in source.take(("params",), dict, "a table").items():
        if name in PARAMETERS:
            try:
                yield name, parse_parameter(name, raw)
            except InvalidParameter as error:
                raise source.refuse(error.reason, ("params", name)) from error


@frozen
class _Source:
    """The text being read: finds keys, makes errors."""

    path: Path
    text: str
    content: Mapping[str, Any]

    def refuse(self, message: str, keys: Keys) -> ConfigurationError:
        return ConfigurationError(message, str(self.path), line_of(self.text, keys))

    def found(self, keys: Keys) -> Any:
        """What stands at a place, or None."""
        value: Any = self.content
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def take(self, keys: Keys, kind: type, expected: str) -> Any:
        value = self.found(keys)
        if value is None:
            raise self.refuse(f"{keys[-1]} is missing, expected {expected}", keys)
        if not isinstance(value, kind):
            raise self.refuse(f"{keys[-1]}: got {shorten(value)}, expected {expected}", keys)
        return value

    def check_keys(self) -> None:
        for table, known in KEYS.items():
            for key in self.found(table) if isinstance(self.found(table), dict) else ():
                if key not in known:
                    raise self.refuse(f"unknown key '{key}'{nearest(key, known)}", (*table, key))


def run_test(test: AudioTest, engine: Engine, setting: Setting) -> str:
    """What was recognised instead of what is expected; empty when it is that.

    Raises:
        AudioFileError: the recording cannot be read.
    """
    suffix = test.audio.suffix
    if suffix != ".wav" and suffix not in FORMATS:
        known = ", ".join([".wav", *FORMATS])
        raise AudioFileError(test.audio, f"the suffix '{suffix}' names no audio format", f"expected one of {known}")
    audio_format = FORMATS.get(suffix, AudioFormat.LINEAR)
    samples = read_audio(test.audio, FORMATS.get(suffix))
    try:
        account = recognise_recording(
            samples, test.grammars, test.changes, engine=engine, setting=setting, audio_format=audio_format
        )
    except RecognitionRefused as error:
        return str(error)
    best = account.completion.result.best if account.completion.result else None
    meant = best.interpretation if best else None
    got = (JSON.causes[account.cause], meant.type if meant else "", meant.value if meant else None)
    if got == (test.cause, test.type, test.value):
        return ""
    heard = f"; heard: {best.hypothesis.transcript}" if best else ""
    return in_words(*got) + heard


def in_words(cause: str, type: str, value: Value | None) -> str:
    """An outcome as a person reads it."""
    return f"{cause}, {shown(value)} of {type}" if type and value is not None else cause
