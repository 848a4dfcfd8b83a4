"""A preset: one grammar under a builtin URI, its parameters with types and ranges, and its examples.

Owns how a URI query becomes arguments. Files are `h2b.grammar.catalogue`'s.
"""

import math
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from h2b.grammar.kinds import KINDS
from h2b.grammar.output import Output
from h2b.grammar.uri import GrammarURI
from h2b.model.errors import ClientError, GrammarDefinitionError, MethodFailed, nearest, shorten
from h2b.model.results import Value

PARAMETER_TYPES = ("integer", "number", "boolean", "string", "choice")


@frozen(kw_only=True)
class PresetParameter:
    """One parameter of the URI query."""

    name: str
    type: str
    """One of PARAMETER_TYPES."""
    doc: str
    required: bool = False
    default: str | int | float | bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    """Of numbers their range, of strings their length."""
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Type and range in words, as error messages and pages tell them."""
        if self.type == "choice":
            return "one of " + ", ".join(self.choices)
        if self.type == "boolean":
            return "true or false"
        noun = {"integer": "an integer", "number": "a number", "string": "text"}[self.type]
        unit = " characters" if self.type == "string" else ""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"{noun} from {low:g} to {high:g}{unit}" if not unit else f"{noun} of {low:g} to {high:g}{unit}"
        if high is not None:
            return f"{noun} of at most {high:g}{unit}"
        return noun if low is None else f"{noun} of at least {low:g}{unit}"

    def parse(self, raw: str) -> str | int | float | bool | None:
        """The value of a raw query text, or None when it is outside type or range."""
        if self.type == "boolean":
            return {"true": True, "false": False}.get(raw.lower())
        if self.type == "choice":
            return raw if raw in self.choices else None
        value: str | int | float = raw
        if self.type in ("integer", "number"):
            try:
                value = int(raw) if self.type == "integer" else float(raw)
            except ValueError:
                return None
            if not math.isfinite(value):
                return None
        size = len(value) if isinstance(value, str) else value
        fits = (self.minimum is None or size >= self.minimum) and (self.maximum is None or size <= self.maximum)
        return value if fits else None


@frozen(kw_only=True)
class Example:
    """Something a caller says and what must come of it: a test and a line of the documentation."""

    language: str
    say: str
    params: str = ""
    """Query of the URI."""
    value: Value | None = None
    no_match: bool = False
    partial: bool = False
    line: int | None = None
    """Where it stands in its file; the loader knows."""


@frozen(kw_only=True)
class Preset:
    """One declared grammar."""

    path: str
    """After `builtin:`, such as `speech/spelling/digits`."""
    type: str
    """Name of its kind."""
    doc: str
    languages: tuple[str, ...]
    """Primary subtags."""
    names: tuple[str, ...] = ()
    """Other paths it answers to."""
    parameters: Mapping[str, PresetParameter] = field(factory=dict)
    fixed: Mapping[str, Any] = field(factory=dict)
    """Arguments of the kind that a client cannot change."""
    output: Output | None = None
    """What comes of the kind's value; None for the value itself."""
    form: str = ""
    """Standard whose value formats replace the kind's; no file says so, see `h2b.grammar.voicexml`."""
    examples: tuple[Example, ...] = ()
    source: str = ""
    """The file it came from."""

    def arguments(self, parsed: GrammarURI, uri: str) -> Mapping[str, Any]:
        """The kind's arguments for a URI.

        Raises:
            GrammarDefinitionError: unknown, missing or wrong parameters; `uri` is named as the client wrote it.
        """
        arguments: dict[str, Any] = {}
        for name, raw in parsed.query:
            parameter = self.parameters.get(name)
            if parameter is None:
                takes = ", ".join(self.parameters) or "none"
                hint = nearest(name, self.parameters)
                raise GrammarDefinitionError(uri, f"unknown parameter '{name}'{hint}, expected: {takes}")
            if name in arguments:
                raise GrammarDefinitionError(uri, f"{name} is given twice")
            value = parameter.parse(raw)
            if value is None:
                raise GrammarDefinitionError(uri, f"{name}: got {shorten(raw)}, expected {parameter.expected}")
            arguments[name] = value
        for parameter in self.parameters.values():
            if parameter.name not in arguments and parameter.default is not None:
                arguments[parameter.name] = parameter.default
            if parameter.required and parameter.name not in arguments:
                raise GrammarDefinitionError(uri, f"{parameter.name} is missing, expected {parameter.expected}")
        arguments.update(self.fixed)
        self._check(arguments, uri)
        return arguments

    def _check(self, arguments: Mapping[str, Any], uri: str) -> None:
        """Ask the kind whether the arguments make sense together."""
        try:
            KINDS[self.type].check(arguments)
        except MethodFailed:
            raise
        except ClientError as error:
            raise GrammarDefinitionError(uri, error.reason) from error
