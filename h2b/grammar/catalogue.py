"""Loads presets from files: `grammars/speech/boolean.toml` answers to `builtin:speech/boolean`.

Owns folders and the schema of TOML files; `h2b.grammar.meaning` says what the schema cannot, and
`h2b.grammar.srgs_files` reads SRGS. Both are strict: a wrong key, type, argument or example is refused with file and
line. A folder of the operator's may add presets and replace shipped ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs
import cattrs
from cattrs import AttributeValidationNote, IterableValidationNote
from cattrs.dispatch import StructureHook
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from h2b.grammar import meaning, srgs_files
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.preset import Example, Preset
from h2b.grammar.registry import Registry
from h2b.grammar.toml_lines import Keys, line_of, lines_of_tables
from h2b.model.errors import ConfigurationError, nearest, shorten
from h2b.model.results import Value
from h2b.model.toml import read_toml

MAXIMUM_FILE_BYTES = 1_000_000
PRESET_KEYS = ("type", "doc", "languages", "names", "parameters", "fixed", "output", "examples")

_converter = cattrs.Converter(forbid_extra_keys=True)


def _exactly(raw: Any, kind: type | tuple[type, ...], expected: str) -> Any:
    if not isinstance(raw, kind) or (isinstance(raw, bool) and kind is not bool):
        raise TypeError(f"got {shorten(raw)}, expected {expected}")
    return raw


@_converter.register_structure_hook_factory(attrs.has)
def _record(kind: type) -> StructureHook:
    from_table: StructureHook = make_dict_structure_fn(kind, _converter, _cattrs_forbid_extra_keys=True)
    if kind is Example:
        # No file says on which of its lines an example stands.
        from_table = make_dict_structure_fn(kind, _converter, _cattrs_forbid_extra_keys=True, line=override(omit=True))
    return lambda raw, _: from_table(_exactly(raw, dict, "a table"), kind)


def _container(declared: Any, written: Any, kind: type, expected: str, made: Callable[[Any], Any]) -> None:
    """Attributes of the type `declared` come from `written`, nothing else that could be iterated."""

    def structure(raw: Any, _: Any) -> Any:
        return made(_converter.structure(_exactly(raw, kind, expected), written))

    _converter.register_structure_hook_func(lambda asked: asked == declared, structure)


_container(tuple[str, ...], list[str], list, "a list", tuple)
_container(tuple[Example, ...], list[Example], list, "a list", tuple)
_container(Mapping[str, PresetParameter], dict[str, PresetParameter], dict, "a table", dict)
_container(Mapping[str, Any], dict[str, Any], dict, "a table", dict)
_container(Mapping[str, str], dict[str, str], dict, "a table", dict)
_converter.register_structure_hook(Value | None, lambda raw, _: raw)
_converter.register_structure_hook(str | int | float | bool | None, lambda raw, _: raw)
_converter.register_structure_hook(str, lambda raw, _: _exactly(raw, str, "a string"))
_converter.register_structure_hook(bool, lambda raw, _: _exactly(raw, bool, "true or false"))
_converter.register_structure_hook(float, lambda raw, _: _exactly(raw, (int, float), "a number"))


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
    presets = [preset for folder in (shipped_folder(), *folders) for preset in load_folder(folder)]
    for clash in name_clashes(presets):
        raise clash
    return make_registry(presets, languages)


def make_registry(presets: Iterable[Preset], languages: Mapping[str, str] | None = None) -> Registry:
    """A registry of presets, later ones replacing earlier ones of the same path."""
    by_path = {preset.path: preset for preset in presets}
    by_name = dict(by_path)
    for preset in by_path.values():
        for name in preset.names:
            by_name.setdefault(name, preset)
    return Registry(by_name, languages or {})


def name_clashes(presets: Iterable[Preset]) -> Iterator[ConfigurationError]:
    """Of the other names of presets, those that lead to another preset in a registry of them all."""
    by_path = {preset.path: preset for preset in presets}
    named: dict[str, Preset] = {}
    for preset in by_path.values():
        for name in preset.names:
            # A file of the operator's at the place of a shipped name replaces it, and knows that it does.
            holder = named.setdefault(name, preset) if name not in by_path or _is_shipped(preset) else by_path[name]
            if holder is not preset:
                line = line_of(_read(Path(preset.source)), ("names",))
                yield ConfigurationError(f"names: '{name}' is taken by {holder.source}", preset.source, line)


def _is_shipped(preset: Preset) -> bool:
    return Path(preset.source).is_relative_to(shipped_folder())


def load_folder(folder: Path) -> Iterator[Preset]:
    """The presets of a folder and of those in it.

    Raises:
        ConfigurationError: there is no such folder, a file is wrong, or two files of it have one URI.
    """
    if not folder.is_dir():
        raise ConfigurationError("no such folder of grammars", str(folder))
    sources: dict[str, str] = {}
    for path in preset_files(folder):
        preset = load_preset(path, folder)
        if preset.path in sources:
            raise ConfigurationError(f"builtin:{preset.path} is also in {sources[preset.path]}", str(path))
        sources[preset.path] = preset.source
        yield preset


def preset_files(folder: Path) -> list[Path]:
    """Every file of a folder, and of those in it, that is a preset by its name.

    What begins with a dot is none: editors and container volumes keep second copies there.
    """
    found = (path for path in folder.rglob("*") if path.suffix in LOADERS and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def load_preset(path: Path, folder: Path) -> Preset:
    """One file; its place below `folder` is its URI. Raises ConfigurationError."""
    load = LOADERS.get(path.suffix)
    if load is None:
        raise ConfigurationError(f"expected a grammar: {', '.join('*' + suffix for suffix in LOADERS)}", str(path))
    return load(path, folder)


def load_toml(path: Path, folder: Path) -> Preset:
    """A preset declared in TOML. Raises ConfigurationError."""
    text = _read(path)
    table = read_toml(text, str(path))
    for key in table:
        if key not in PRESET_KEYS:
            message = f"unknown key '{key}'{nearest(key, PRESET_KEYS)}"
            raise ConfigurationError(message, str(path), line_of(text, (key,)))
    name = path.relative_to(folder).with_suffix("").as_posix()
    try:
        preset = _converter.structure({**_named(table), "path": name, "source": str(path)}, Preset)
    except (ClassValidationError, TypeError, ValueError) as error:
        keys, message = _first_problem(error)
        raise ConfigurationError(message, str(path), line_of(text, keys)) from error
    for keys, message in meaning.problems(preset):
        raise ConfigurationError(message, preset.source, line_of(text, keys) if keys else None)
    lines = lines_of_tables(text, "examples")
    if len(lines) != len(preset.examples):
        # Written as one list: the line it begins on is near enough.
        lines = [line_of(text, ("examples",)) or 1] * len(preset.examples)
    examples = (attrs.evolve(example, line=line) for example, line in zip(preset.examples, lines, strict=True))
    return attrs.evolve(preset, examples=tuple(examples))


LOADERS: Mapping[str, Callable[[Path, Path], Preset]] = {
    ".toml": load_toml,
    **dict.fromkeys(srgs_files.SUFFIXES, srgs_files.load_srgs),
}
"""Suffix of a file -> what makes a preset of it: given the file and the folder its URI starts at."""


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAXIMUM_FILE_BYTES:
            raise ConfigurationError(f"larger than {MAXIMUM_FILE_BYTES} bytes", str(path))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", str(path)) from error


def _named(table: dict[str, Any]) -> dict[str, Any]:
    """The table with the name of each parameter in it: what is no table is left for the schema to refuse."""
    parameters = table.get("parameters")
    if not isinstance(parameters, dict):
        return table
    named = {
        name: {"name": name, **fields} if isinstance(fields, dict) else fields for name, fields in parameters.items()
    }
    return {**table, "parameters": named}


def _first_problem(error: BaseException, keys: Keys = ()) -> tuple[Keys, str]:
    """Where the innermost of cattrs' nested errors is, and what it says."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        # A misspelled key says more than that the right one is missing.
        inner = next((e for e in error.exceptions if isinstance(e, ForbiddenExtraKeysError)), error.exceptions[0])
        return _first_problem(inner, (*keys, *_place(inner)))
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = [attribute.name for attribute in attrs.fields(error.cl) if attribute.name != key]
        return (*keys, key), f"unknown key '{key}'{nearest(key, known)}"
    name = next((key for key in reversed(keys) if isinstance(key, str)), "")
    return keys, f"{name} is missing" if isinstance(error, KeyError) else f"{name}: {error}"


def _place(error: BaseException) -> Keys:
    """The keys that cattrs noted on an error, from the outermost."""
    notes = getattr(error, "__notes__", ())
    return tuple(
        note.name if isinstance(note, AttributeValidationNote) else note.index
        for note in notes
        if isinstance(note, AttributeValidationNote | IterableValidationNote)
    )
