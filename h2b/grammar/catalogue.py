"""Loads presets from TOML files: `grammars/speech/boolean.toml` answers to `builtin:speech/boolean`.

The schema is strict: a wrong key, type or example is refused with file and line. A folder of the operator's may
add presets and replace shipped ones.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from h2b.grammar.kinds import KINDS
from h2b.grammar.preset import PARAMETER_TYPES, Preset
from h2b.grammar.registry import Registry
from h2b.language import LANGUAGES
from h2b.model.errors import ConfigurationError, nearest
from h2b.model.results import Value

MAXIMUM_FILE_BYTES = 1_000_000
PRESET_KEYS = ("type", "doc", "languages", "names", "parameters", "fixed", "examples")

_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook(Value | None, lambda raw, _: raw)
_converter.register_structure_hook(str | int | float | bool | None, lambda raw, _: raw)
for _strict in (str, bool):

    def _exactly(raw: Any, kind: type) -> Any:
        if not isinstance(raw, kind):
            raise TypeError(f"got {raw!r}, expected {kind.__name__}")
        return raw

    _converter.register_structure_hook(_strict, _exactly)


def shipped_folder() -> Path:
    """The folder of the presets that come with the package, or stand beside it in a checkout."""
    try:
        return Path(str(files("h2b.grammars")))
    except ModuleNotFoundError:
        return Path(str(files("h2b"))).parent / "grammars"


def load_catalogue(folders: Iterable[Path] = (), languages: Mapping[str, str] | None = None) -> Registry:
    """The shipped presets and those of further folders, later ones replacing earlier ones.

    Raises:
        ConfigurationError: a file breaks the schema; says file, line and what was expected.
    """
    presets: dict[str, Preset] = {}
    for folder in (shipped_folder(), *folders):
        if not folder.is_dir():
            raise ConfigurationError("no such folder of grammars", str(folder))
        for path in sorted(folder.rglob("*.toml")):
            preset = load_preset(path, folder)
            presets[preset.path] = preset
    by_name = dict(presets)
    for preset in presets.values():
        for name in preset.names:
            by_name.setdefault(name, preset)
    return Registry(by_name, languages or {})


def load_preset(path: Path, folder: Path) -> Preset:
    """One file; its place below `folder` is its URI. Raises ConfigurationError."""
    if path.stat().st_size > MAXIMUM_FILE_BYTES:
        raise ConfigurationError(f"larger than {MAXIMUM_FILE_BYTES} bytes", str(path))
    text = path.read_text(encoding="utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not TOML: {error}", str(path)) from error
    for key in table:
        if key not in PRESET_KEYS:
            raise ConfigurationError(f"unknown key '{key}'{nearest(key, PRESET_KEYS)}", str(path), _line_of(text, key))
    name = path.relative_to(folder).with_suffix("").as_posix()
    for parameter, fields in table.get("parameters", {}).items():
        if isinstance(fields, dict):
            fields.setdefault("name", parameter)
    try:
        preset = _converter.structure({**table, "path": name, "source": str(path)}, Preset)
    except (ClassValidationError, TypeError, ValueError) as error:
        key, message = _first_problem(error)
        raise ConfigurationError(message, str(path), _line_of(text, key)) from error
    _check_meaning(preset, text)
    return preset


def _check_meaning(preset: Preset, text: str) -> None:
    """What the schema cannot say: names that must exist, ranges that must hold."""

    def refuse(message: str, key: str) -> ConfigurationError:
        return ConfigurationError(message, preset.source, _line_of(text, key))

    if preset.type not in KINDS:
        raise refuse(f"unknown type '{preset.type}'{nearest(preset.type, KINDS)}, expected: {', '.join(KINDS)}", "type")
    known = [language.code for language in LANGUAGES]
    for code in preset.languages:
        if code not in known:
            raise refuse(f"unknown language '{code}', expected: {', '.join(known)}", "languages")
    for parameter in preset.parameters.values():
        if parameter.type not in PARAMETER_TYPES:
            raise refuse(f"unknown type '{parameter.type}', expected: {', '.join(PARAMETER_TYPES)}", parameter.name)
    for example in preset.examples:
        outcomes = (example.value is not None) + example.no_match + (example.partial and example.value is None)
        if outcomes != 1:
            raise refuse(f"example '{example.say}': expected one of value, no_match or partial", example.say)
        if example.language not in preset.languages:
            raise refuse(f"example '{example.say}': its language is not one of the preset's", example.say)


def _first_problem(error: BaseException) -> tuple[str, str]:
    """Key and message of the innermost of cattrs' nested errors."""
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = [attribute.name for attribute in getattr(error.cl, "__attrs_attrs__", ())]
        return key, f"unknown key '{key}'{nearest(key, known)}"
    if isinstance(error, ClassValidationError | IterableValidationError):
        inner = error.exceptions[0]
        notes = " ".join(getattr(inner, "__notes__", ()))
        key, message = _first_problem(inner)
        named = notes.rsplit("attribute ", 1)[-1] if "attribute " in notes else ""
        return (key or named), (message if key else f"{named}: {message}" if named else message)
    if isinstance(error, KeyError):
        return "", f"{error.args[0]} is missing"
    return "", str(error)


def _line_of(text: str, key: str) -> int | None:
    """The first line a key or an example stands in."""
    for number, line in enumerate(text.splitlines(), start=1):
        if key and key in line:
            return number
    return None
