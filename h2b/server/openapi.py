"""The OpenAPI document of the HTTP side: what can be asked there, for programs.

Owns the document. Must not know the web framework: a test holds it to the routes. Usage records and their parameters
come from the tables the server itself goes by. Source: OpenAPI Specification 3.1.
"""

from collections.abc import Mapping
from typing import Any

import h2b
from h2b.access.grant import GRANTS
from h2b.server.usage_api import QUESTIONS, Parameter, Question
from h2b.usage.store import TABLES, Column, Table

TOKEN_PATH = "/realms/{realm}/protocol/openid-connect/token"
"""Where the SDK asks; any realm will do."""

Json = dict[str, Any]

REFUSALS: Mapping[str, str] = {
    "400": "A parameter is unknown, given twice or wrong: the description says which.",
    "401": "No token, or one that is worth nothing here.",
    "403": "The cursor was given to another tenant.",
    "503": "It cannot be told at the moment, or took too long.",
}
NAMES: Mapping[str, str] = {"recognitions": "Recognition", "sessions": "Session"}
"""Schemas of the tables."""
TYPES: Mapping[str, str] = {"text": "string", "integer": "integer", "real": "number"}
NESTED: Mapping[str, Json] = {
    "grammars": {"type": "array", "items": {"type": "string"}},
    "value": {},
}
"""What columns of JSON hold."""


def document(*, tokens: bool, usage: bool) -> Json:
    """The document of a server: with the path for tokens where it gives them out, and with those of usage records
    where it keeps them."""
    paths: dict[str, Json] = {
        "/healthz": {"get": _told("Whether the loop of the server turns.", {"200": _json("It does.", {})})},
        "/readyz": {
            "get": _told(
                "Whether new calls may come.", {"200": _json("They may.", {}), "503": _json("Not now: `reasons`.", {})}
            )
        },
        "/metrics": {"get": _told("Metrics for Prometheus.", {"200": _body("All of them.", "text/plain", {})})},
        "/openapi.json": {"get": _told("This document.", {"200": _json("It.", {})})},
    }
    if tokens:
        paths[TOKEN_PATH] = {"post": _token()}
    if usage:
        paths |= {question.path: {"get": _question(question)} for question in QUESTIONS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "h2b", "version": h2b.__version__, "summary": "The HTTP side of a speech server."},
        "paths": paths,
        "components": {
            "schemas": {**{NAMES[table.name]: _record(table) for table in TABLES}, "Sum": _SUM, "Refusal": _REFUSAL},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _told(summary: str, responses: Json) -> Json:
    return {"summary": summary, "responses": responses}


def _body(description: str, media_type: str, schema: Json) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _json(description: str, schema: Json) -> Json:
    return _body(description, "application/json", schema)


def _refusals(*statuses: str) -> Json:
    return {status: _json(REFUSALS[status], _reference("Refusal")) for status in statuses}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


# Tokens


def _token() -> Json:
    names = ("client_id", "client_secret", "username", "password")
    form = {
        "type": "object",
        "properties": {"grant_type": {"enum": list(GRANTS)}, **{name: {"type": "string"} for name in names}},
        "required": ["grant_type"],
    }
    granted = {
        "type": "object",
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "description": "Seconds."},
        },
        "required": ["access_token", "token_type", "expires_in"],
    }
    refused = _json("No token for this.", _reference("Refusal"))
    statuses = ("400", "401", "408", "413", "500", "503")
    return {
        "summary": "A token for a client's id and secret (RFC 6749, sections 4.3 and 4.4).",
        "parameters": [{"name": "realm", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {"200": _json("A token.", granted), **dict.fromkeys(statuses, refused)},
    }


# Usage records


def _question(question: Question) -> Json:
    entry = _reference("Sum" if question.daily else NAMES[question.table.name])
    page = {
        "type": "object",
        "properties": {
            question.entries: {"type": "array", "items": entry},
            "next": {"type": ["string", "null"], "description": "`cursor` of the next page; null on the last one."},
        },
        "required": [question.entries, "next"],
    }
    return {
        "summary": question.summary,
        "security": [{"token": []}],
        "parameters": [_parameter(parameter) for parameter in question.parameters],
        "responses": {"200": _json("One page.", page), **_refusals(*REFUSALS)},
    }


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "schema": dict(parameter.schema),
    }


def _record(table: Table) -> Json:
    return _whole({column.name: _column(column) for column in table.columns})


def _column(column: Column) -> Json:
    schema: Json = dict(NESTED[column.name]) if column.kind == "json" else {"type": TYPES[column.kind]}
    if column.null and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema | {"description": column.meaning}


def _whole(properties: Json) -> Json:
    """An object that always has all of them."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_SUM = _whole(
    {
        "day": {"type": "string", "format": "date"},
        "custom_id": {"type": "string"},
        "recognitions": {"type": "integer"},
        "listened_ms": {"type": "integer"},
        "billed_ms": {"type": "integer"},
    }
)
_REFUSAL = _whole({"error": {"type": "string"}, "error_description": {"type": "string"}})
