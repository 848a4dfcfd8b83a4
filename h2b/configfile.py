"""The operator's configuration file: TOML becomes the records of `h2b.config`.

Owns how a value is checked, the texts that refuse a wrong one, and the table of all keys. Must not know what a setting
is for.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, evolve, fields, frozen

from h2b.config import Configuration, parse_address
from h2b.model.errors import ConfigurationError, InvalidParameter, nearest, shorten
from h2b.model.params import PARAMETERS, Parameters, parse_parameter
from h2b.model.toml import read_toml


@frozen(kw_only=True)
class ReferenceRow:
    """One key, as the reference page tells it."""

    table: str
    key: str
    expected: str
    default: Any
    meaning: str


def load_configuration(path: Path | None) -> Configuration:
    """The settings of a file over the defaults; the defaults alone without one.

    Raises:
        ConfigurationError: the file cannot be read, or a key or value is wrong; says file and line.
    """
    if path is None:
        return Configuration()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", str(path)) from error
    return parse_configuration(text, str(path))


def parse_configuration(text: str, path: str) -> Configuration:
    """The settings of a TOML text; `path` names it in errors and is where relative paths start."""
    content = read_toml(text, path)
    source = _Source(text, path)
    configuration = Configuration()
    known = {table.name: table for table in fields(Configuration)}
    for name, table in content.items():
        if name not in known:
            raise source.refuse(f"unknown table [{name}]{nearest(name, known)}", name)
        if not isinstance(table, dict):
            raise source.refuse(f"[{name}]: got {shorten(table)}, expected a table", name)
        current = getattr(configuration, name)
        configuration = evolve(configuration, **{name: _with_table(current, name, table, source)})
    return configuration


@frozen
class _Source:
    """The text being read: finds lines, makes errors."""

    text: str
    path: str

    def refuse(self, message: str, table: str, key: str | None = None) -> ConfigurationError:
        return ConfigurationError(message, self.path, line_of(self.text, table, key))

    def resolve(self, written: str) -> str:
        """A path as the file means it. Raises ValueError."""
        try:
            if "\0" in written:
                raise ValueError(f"got {shorten(written)}, expected a path")
            return str(Path(self.path).parent / Path(written).expanduser()) if written else ""
        except RuntimeError:
            raise ValueError(f"got {shorten(written)}, expected a home folder that exists") from None


def line_of(text: str, table: str, key: str | None = None) -> int | None:
    """Line of a key of a table, counted from 1; of the table where the key cannot be found; else None."""
    in_table = re.compile(rf"""\s*["']?{re.escape(key or "")}["']?\s*[=.]""")
    anywhere = re.compile(rf"""\s*["']?{re.escape(table)}["']?\s*\.\s*["']?{re.escape(key or "")}["']?\s*[=.]""")
    opens = re.compile(rf"""\s*(\[+\s*["']?{re.escape(table)}["']?\s*[\].]|["']?{re.escape(table)}["']?\s*[=.])""")
    header = re.compile(r"\s*\[")
    found = None
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if opens.match(line):
            found = found or number
        if header.match(line):
            inside = opens.match(line) is not None
        if key and ((inside and in_table.match(line)) or anywhere.match(line)):
            return number
    return found


def _with_table(current: Any, name: str, table: Mapping[str, Any], source: _Source) -> Any:
    """The record of a table with the file's values in it."""
    known = {attribute.name: attribute for attribute in fields(type(current))}
    changes = {}
    for key, raw in table.items():
        if key not in known:
            raise source.refuse(f"unknown key '{key}' in [{name}]{nearest(key, known)}", name, key)
        try:
            value = _parameter(key, raw) if isinstance(current, Parameters) else _value(known[key], raw)
            is_path = known[key].metadata.get("path") and value != known[key].metadata.get("verbatim")
            changes[key] = _resolved(value, source) if is_path else value
        except ValueError as error:
            raise source.refuse(f"{key} in [{name}]: {error}", name, key) from error
    try:
        return evolve(current, **changes)
    except ValueError as error:
        raise source.refuse(f"[{name}]: {error}", name, _blamed(str(error), changes)) from error


def _resolved(value: str | Mapping[str, str], source: _Source) -> str | Mapping[str, str]:
    if isinstance(value, str):
        return source.resolve(value)
    return {name: source.resolve(path) for name, path in value.items()}


def _blamed(text: str, changes: Mapping[str, Any]) -> str | None:
    """The key whose value a record refused: the first one its complaint names."""
    named = [key for key in changes if key in text]
    return min(named, key=text.index) if named else None


def _parameter(name: str, raw: Any) -> Any:
    try:
        return parse_parameter(name, raw)
    except InvalidParameter as error:
        raise ValueError(f"got {shorten(raw)}, expected {PARAMETERS[name].expected}") from error


def _value(attribute: "Attribute[Any]", raw: Any) -> Any:
    """The value of a key in its own type. Raises ValueError."""
    kind: Any = attribute.type
    value = raw
    if kind == tuple[str, ...]:
        fits = isinstance(raw, list) and all(isinstance(item, str) for item in raw)
        value = tuple(raw) if fits else raw
    elif kind == Mapping[str, str]:
        fits = isinstance(raw, dict) and all(isinstance(item, str) for item in raw.values())
    elif kind is float:
        fits = isinstance(raw, int | float) and not isinstance(raw, bool) and _in_range(attribute, raw)
        value = float(raw) if fits else raw
    elif kind is bool:
        fits = isinstance(raw, bool)
    elif kind is int:
        fits = isinstance(raw, int) and not isinstance(raw, bool) and _in_range(attribute, raw)
    else:
        assert kind is str, attribute
        choices = attribute.metadata.get("choices")
        fits = isinstance(raw, str) and (not choices or raw in choices)
    if not fits:
        raise ValueError(f"got {shorten(raw)}, expected {_expected(attribute)}")
    if attribute.metadata.get("address") and value != attribute.default:
        parse_address(value)
    if "check" in attribute.metadata:
        attribute.metadata["check"](value)
    return value


def _in_range(attribute: "Attribute[Any]", number: float) -> bool:
    high = attribute.metadata.get("high")
    return number >= attribute.metadata.get("low", 0) and (high is None or number <= high)


def _expected(attribute: "Attribute[Any]") -> str:
    """Type and range of a key in words."""
    metadata = attribute.metadata
    type_: Any = attribute.type
    if type_ == tuple[str, ...]:
        return "a list of strings"
    if type_ == Mapping[str, str]:
        return "a table of paths" if metadata.get("path") else "a table of strings"
    if type_ is bool:
        return "true or false"
    if type_ is str:
        choices = metadata.get("choices")
        kind = "a path" if metadata.get("path") else "'host:port'" if metadata.get("address") else "a string"
        return "one of " + ", ".join(f"'{choice}'" for choice in choices) if choices else kind
    noun = "an integer" if type_ is int else "a number"
    low, high = metadata.get("low", 0), metadata.get("high")
    return f"{noun} of at least {low}" if high is None else f"{noun} from {low} to {high}"


def reference_rows() -> list[ReferenceRow]:
    """Every key of every table, in the order of the file's tables: the reference page is made of these."""
    return [row for table in fields(Configuration) for row in _rows(table.name, getattr(Configuration(), table.name))]


def _rows(table: str, defaults: Any) -> Iterator[ReferenceRow]:
    meanings = attribute_docs(type(defaults))
    for attribute in fields(type(defaults)):
        parameter = PARAMETERS[attribute.name] if isinstance(defaults, Parameters) else None
        yield ReferenceRow(
            table=table,
            key=attribute.name,
            expected=parameter.expected if parameter else _expected(attribute),
            default=getattr(defaults, attribute.name),
            meaning=parameter.meaning if parameter else meanings[attribute.name],
        )


def attribute_docs(record: type) -> dict[str, str]:
    """The text written below each attribute of a class, by name, as one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(record))).body
    assert isinstance(tree, ast.ClassDef)
    docs = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            docs[statement.target.id] = " ".join(str(following.value.value).split())
    return docs
