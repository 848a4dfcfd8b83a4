"""Usage records: the columns of each table, and what can be asked over HTTP."""

from collections.abc import Mapping
from typing import Any

from h2b.server.usage_api import QUESTIONS, Question
from h2b.usage.store import TABLES
from parts.markdown import code, table


def columns(name: str) -> str:
    """The columns of one table."""
    (found,) = [each for each in TABLES if each.name == name]
    rows = [
        (code(column.name), f"{column.kind}, may be null" if column.null else column.kind, column.meaning)
        for column in found.columns
    ]
    return table(("column", "kind", "meaning"), rows)


def questions(_: str) -> str:
    """The paths, then all their parameters."""
    paths = table(("path", "answer", "parameters"), [_question(asked) for asked in QUESTIONS])
    parameters = {parameter.name: parameter for asked in QUESTIONS for parameter in asked.parameters}
    rows = [(code(name), _takes(parameter.schema), parameter.meaning) for name, parameter in parameters.items()]
    return f"{paths}\n\n{table(('parameter', 'takes', 'meaning'), rows)}"


def _question(asked: Question) -> tuple[str, ...]:
    names = ", ".join(code(parameter.name) for parameter in asked.parameters)
    return code(f"GET {asked.path}"), asked.summary, names


def _takes(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "string":
        return "a string"
    return f"an integer from {schema['minimum']} to {schema['maximum']}; {schema['default']} by default"
