"""One parameter: its type, its range, and what the text of a client comes to.

Owns conversion and ranges, both of what presets let clients give and of what kinds take. Must not know kinds.
"""

import math
from typing import Final

from attrs import frozen

from h2b.model.errors import shorten

PARAMETER_TYPES = ("integer", "number", "boolean", "string", "choice")
NUMERIC: Final = ("integer", "number")
MAXIMUM_NUMBER: Final = 30
"""Characters of a number that a client gives: Python converts no integer of more than 4300 digits."""


@frozen(kw_only=True)
class PresetParameter:
    """One parameter of the URI query, or one argument of a kind."""

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
        if self.type not in NUMERIC:
            return raw if self.accepts(raw) else None
        if len(raw) > MAXIMUM_NUMBER:
            return None
        try:
            value = int(raw) if self.type == "integer" else float(raw)
        except ValueError:
            return None
        return value if self.accepts(value) else None

    def accepts(self, value: object) -> bool:
        """Whether a value is of the type and in the range."""
        if self.type == "boolean" or isinstance(value, bool):
            return self.type == "boolean" and isinstance(value, bool)
        if self.type == "choice":
            return value in self.choices
        if self.type == "string":
            return isinstance(value, str) and self._in_range(len(value))
        if isinstance(value, float):
            return self.type == "number" and math.isfinite(value) and self._in_range(value)
        return isinstance(value, int) and self._in_range(value)

    def complaint(self, raw: str) -> str:
        """What is wrong with a raw query text that `parse` takes for none."""
        long = self.type in NUMERIC and len(raw) > MAXIMUM_NUMBER
        return f"{self.name}: got {f'{len(raw)} characters' if long else shorten(raw)}, expected {self.expected}"

    def _in_range(self, size: float) -> bool:
        return (self.minimum is None or size >= self.minimum) and (self.maximum is None or size <= self.maximum)
