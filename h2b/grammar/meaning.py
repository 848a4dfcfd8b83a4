"""What the schema of a preset file cannot say: names that must exist, arguments that the kind takes, ranges that hold.

Owns what is wrong with a preset, and which key of its file to blame. Must not open files. Each problem would
otherwise be silent: an argument without effect, or a grammar that fails when a caller is on the line.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final, TypeAlias

from h2b.grammar import voicexml
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.base import Kind
from h2b.grammar.kinds.srgs import SRGS
from h2b.grammar.output import Output
from h2b.grammar.parameter import NUMERIC, PARAMETER_TYPES, PresetParameter
from h2b.grammar.preset import Example, Preset
from h2b.grammar.toml_lines import Keys
from h2b.grammar.uri import is_path
from h2b.language import LANGUAGES
from h2b.model.errors import ClientError, nearest, shorten

Problem: TypeAlias = tuple[Keys, str]
"""The way to the key to blame, and the complaint."""

_FEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "integer": ("integer", "choice"),
    "number": ("number", "integer", "choice"),
    "string": ("string", "choice"),
    "choice": ("choice", "string"),
}
"""Type of a kind's argument -> types of the parameters that clients may give it with."""


def problems(preset: Preset) -> Iterator[Problem]:
    """What is wrong with a preset, the plainest first."""
    yield from _kind_problems(preset)
    yield from _language_problems(preset.languages)
    yield from _name_problems(preset)
    kind = KINDS[preset.type]
    for name, parameter in preset.parameters.items():
        for where, complaint in _declaration_problems(name, parameter):
            yield ("parameters", name, *where), complaint
        if name in preset.fixed:
            yield ("parameters", name), f"{name} is in [fixed], too: no client can give it"
        for where, complaint in _feeding_problems(parameter, kind):
            yield ("parameters", name, *where), complaint
    yield from _fixed_problems(preset, kind)
    yield from _argument_problems(preset, kind)
    yield from _output_problems(preset.output, preset.type)
    for index, example in enumerate(preset.examples):
        for key, complaint in _example_problems(example, preset.languages):
            yield ("examples", index, key), f"example '{example.say}': {complaint}"


def _kind_problems(preset: Preset) -> Iterator[Problem]:
    if preset.type == SRGS:
        yield (
            ("type",),
            "type 'srgs' is not for TOML files: put the document itself into the folder, as *.grxml or *.gram",
        )
    known = [name for name in KINDS if name != SRGS]
    if preset.type not in known:
        yield ("type",), f"unknown type '{preset.type}'{nearest(preset.type, known)}, expected: {', '.join(known)}"


def _language_problems(languages: tuple[str, ...]) -> Iterator[Problem]:
    known = [language.code for language in LANGUAGES]
    if not languages:
        yield ("languages",), f"languages: got none, expected any of {', '.join(known)}"
    for code in languages:
        if code not in known:
            yield ("languages",), f"unknown language '{code}', expected: {', '.join(known)}"


def _name_problems(preset: Preset) -> Iterator[Problem]:
    if not is_path(preset.path):
        yield (
            (),
            f"nobody can ask for builtin:{preset.path}: expected letters, digits, - _ . in names of files and folders",
        )
    for place, name in enumerate(preset.names):
        if not is_path(name):
            hint = ": leave builtin: out" if name.startswith("builtin:") else ", expected letters, digits, / - _ ."
            yield ("names",), f"names: got '{name}'{hint}"
        elif name == preset.path:
            yield ("names",), f"names: '{name}' is the place of the file already"
        elif name in preset.names[:place]:
            yield ("names",), f"names: '{name}' is there twice"
        elif voicexml.resolve(name):
            yield ("names",), f"names: '{name}' is a grammar of VoiceXML"


def _declaration_problems(name: str, parameter: PresetParameter) -> Iterator[Problem]:
    """Of a parameter by itself."""
    if parameter.name != name:
        yield ("name",), f"name: got '{parameter.name}', expected '{name}' or nothing"
    if parameter.type not in PARAMETER_TYPES:
        hint = nearest(parameter.type, PARAMETER_TYPES)
        yield ("type",), f"unknown type '{parameter.type}'{hint}, expected: {', '.join(PARAMETER_TYPES)}"
    low, high = parameter.minimum, parameter.maximum
    for key, bound in (("minimum", low), ("maximum", high)):
        if bound is not None and parameter.type in ("choice", "boolean"):
            yield (key,), f"{key}: a parameter of type {parameter.type} has none"
        elif bound is not None and not math.isfinite(bound):
            yield (key,), f"{key}: got {bound}, expected a number"
    if low is not None and high is not None and low > high:
        yield ("minimum",), f"minimum: got {low:g}, expected at most maximum, which is {high:g}"
    if parameter.type == "choice" and not parameter.choices:
        yield ("choices",), "choices: got none, expected a list of texts"
    if parameter.type != "choice" and parameter.choices:
        yield ("choices",), f"choices: a parameter of type {parameter.type} has none"
    default = parameter.default
    if default is not None and not parameter.accepts(default):
        yield ("default",), f"default: got {shorten(default)}, expected {parameter.expected}"
    if default is not None and parameter.required:
        yield ("required",), "required: a parameter with a default is never missing"


def _feeding_problems(parameter: PresetParameter, kind: Kind) -> Iterator[Problem]:
    """Of a parameter that gives the kind an argument."""
    argument = kind.takes.get(parameter.name)
    if argument is None:
        yield (), _unknown(parameter.name, kind)
        return
    feeds = _FEEDS[argument.type]
    if parameter.type not in feeds:
        yield (
            ("type",),
            f"type: got '{parameter.type}', expected {' or '.join(feeds)} for {parameter.name} of {kind.name}",
        )
    for choice in parameter.choices:
        if (argument.type in NUMERIC and argument.parse(choice) is None) or not _taken(argument, choice):
            yield ("choices",), f"choices: got '{choice}', expected {argument.expected}"
    if parameter.default is not None and not _taken(argument, parameter.default):
        yield ("default",), f"default: got {shorten(parameter.default)}, expected {argument.expected}"


def _taken(argument: PresetParameter, value: object) -> bool:
    if argument.type in NUMERIC and isinstance(value, str):
        return argument.parse(value) is not None
    return argument.accepts(value)


def _fixed_problems(preset: Preset, kind: Kind) -> Iterator[Problem]:
    for name, value in preset.fixed.items():
        argument = kind.takes.get(name)
        if argument is None:
            yield ("fixed", name), _unknown(name, kind)
        elif not argument.accepts(value):
            yield ("fixed", name), f"{name}: got {shorten(value)}, expected {argument.expected}"
    for name, argument in kind.takes.items():
        if argument.required and name not in preset.fixed and name not in preset.parameters:
            yield ("fixed",), f"{name} is missing: expected {argument.expected}, in [fixed] or [parameters.{name}]"


def _unknown(name: str, kind: Kind) -> str:
    takes = ", ".join(kind.takes) or "none"
    return f"unknown argument '{name}' of {kind.name}{nearest(name, kind.takes)}, expected: {takes}"


def _argument_problems(preset: Preset, kind: Kind) -> Iterator[Problem]:
    """What the kind itself says of the arguments that are known before any client gives some."""
    defaults = {name: row.default for name, row in preset.parameters.items() if row.default is not None}
    usual: dict[str, Any] = {**defaults, **preset.fixed}
    chosen = [{name: choice} for name, row in preset.parameters.items() for choice in row.choices]
    for arguments in ({**usual, **choice} for choice in ({}, *chosen)):
        if any(argument.required and name not in arguments for name, argument in kind.takes.items()):
            continue
        try:
            preset.checked(arguments)
        except ClientError as error:
            yield _blamed(error, preset)
            return


def _blamed(error: ClientError, preset: Preset) -> Problem:
    """The argument that an error of a kind begins with, else the table of the fixed ones."""
    name = re.split(r"\W", error.reason.removeprefix("the "), maxsplit=1)[0]
    if name in preset.fixed or name in preset.parameters:
        return ("fixed" if name in preset.fixed else "parameters", name), error.reason
    return ("fixed",), f"[fixed]: {error.reason}"


def _output_problems(output: Output | None, kind: str) -> Iterator[Problem]:
    for where, complaint in output.problems(kind) if output else ():
        yield ("output", *where), complaint


def _example_problems(example: Example, languages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    outcomes = (example.value is not None) + example.no_match + (example.partial and example.value is None)
    if outcomes != 1:
        yield "say", "expected one of value, no_match or partial"
    if example.language not in languages:
        yield "language", "its language is not one of the preset's"
    if not _is_json(example.value):
        yield (
            "value",
            f"value: got {shorten(example.value)}, expected what JSON has: dates are texts, numbers have an end",
        )


def _is_json(value: object) -> bool:
    if isinstance(value, dict | list):
        return all(map(_is_json, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, date | datetime | time) and not (isinstance(value, float) and not math.isfinite(value))
