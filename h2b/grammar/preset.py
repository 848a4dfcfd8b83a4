"""A preset: one grammar under a builtin URI, its parameters with types and ranges, and its examples.

Owns how a URI query becomes arguments. Files are `h2b.grammar.catalogue`'s.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from h2b.grammar.kinds import KINDS
from h2b.grammar.output import Output
from h2b.grammar.parameter import NUMERIC, PresetParameter
from h2b.grammar.uri import GrammarURI
from h2b.model.errors import ClientError, GrammarDefinitionError, InvalidParameter, MethodFailed, nearest
from h2b.model.results import Value


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
                raise GrammarDefinitionError(uri, parameter.complaint(raw))
            arguments[name] = value
        for parameter in self.parameters.values():
            if parameter.name not in arguments and parameter.default is not None:
                arguments[parameter.name] = parameter.default
            if parameter.required and parameter.name not in arguments:
                raise GrammarDefinitionError(uri, f"{parameter.name} is missing, expected {parameter.expected}")
        try:
            return self.checked({**arguments, **self.fixed})
        except MethodFailed:
            raise
        except ClientError as error:
            raise GrammarDefinitionError(uri, error.reason) from error

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments as the kind takes them, which says that they make sense together.

        Raises ClientError: one is outside what the kind takes, or they contradict one another.
        """
        kind = KINDS[self.type]
        taken = {
            name: _taken(kind.takes[name], value) if name in kind.takes else value for name, value in arguments.items()
        }
        kind.check(taken)
        return taken


def _taken(argument: PresetParameter, value: Any) -> Any:
    """A value as the kind takes it. Raises InvalidParameter."""
    # A choice is text, also one of numbers.
    found = argument.parse(value) if argument.type in NUMERIC and isinstance(value, str) else value
    if found is None or not argument.accepts(found):
        raise InvalidParameter(argument.name, value, argument.expected)
    return found
