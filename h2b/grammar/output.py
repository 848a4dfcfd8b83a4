"""What a preset makes of its kind's value before a client gets it: a text, or an object with names of its own.

Owns templates and renaming. Must not know kinds beyond the names of their values' parts. A template is no format
string: `{name}` stands for a part and nothing else has a meaning, so no file can reach into Python.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from h2b.model.errors import nearest
from h2b.model.results import Value

WHOLE = "value"
"""The name of a value that has no parts."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "date": ("day", "month", "year", "valid"),
    "currency": ("amount", "currency"),
    "postal_address": ("number", "street", "zipcode", "city", "complement"),
    **dict.fromkeys(("transcribe", "text2num", "boolean", "keywords", "spelling", "time", "number", "age"), (WHOLE,)),
    **dict.fromkeys(("phone", "identifier", "license_plate", "email", "country"), (WHOLE,)),
}
"""Kind -> names a template or a map of keys may use. A kind that is not here has the parts its grammar gives it."""

Place: TypeAlias = tuple[str, ...]
"""Keys below [output]."""

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@frozen(kw_only=True)
class Output:
    """The table [output] of a preset: one of the two."""

    template: str = ""
    """A text with `{name}` for each part."""
    keys: Mapping[str, str] = field(factory=dict)
    """Part -> its key in the object that comes out; parts that are not named stay behind."""

    def apply(self, value: Value) -> Value:
        """The value as the client gets it. Parts that were not said are empty in a text and null in an object."""
        parts = value if isinstance(value, dict) else {WHOLE: value}
        if self.template:
            return _FIELD.sub(lambda match: _text(parts.get(match[1])), self.template)
        return {key: parts.get(part) for part, key in self.keys.items()}

    def problems(self, kind: str) -> Iterator[tuple[Place, str]]:
        """What is wrong with it for a kind: the place in the table to blame, and the complaint."""
        if bool(self.template) == bool(self.keys):
            yield (), "output: expected one of template or keys"
            return
        if self.template:
            left = _FIELD.sub("", self.template)
            if "{" in left or "}" in left:
                yield (
                    ("template",),
                    f"template: got '{self.template}', expected braces only around a name, as in {{value}}",
                )
            elif not _FIELD.search(self.template):
                yield ("template",), f"template: got '{self.template}', expected a {{name}} in it"
        known = PARTS.get(kind)
        for where, part in self._named():
            if known is not None and part not in known:
                expected = ", ".join(known)
                yield where, f"output: unknown part '{part}' of {kind}{nearest(part, known)}, expected: {expected}"
        if len(set(self.keys.values())) < len(self.keys):
            yield ("keys",), "keys: two parts get the same key"

    def _named(self) -> Iterator[tuple[Place, str]]:
        yield from ((("template",), match[1]) for match in _FIELD.finditer(self.template))
        yield from ((("keys", part), part) for part in self.keys)


def _text(part: Any) -> str:
    if part is None:
        return ""
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
