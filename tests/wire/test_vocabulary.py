"""The spellings: complete, one-to-one, and standing in one place only."""

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import fields

import h2b
from h2b.model.causes import CompletionCause
from h2b.model.formats import AudioFormat
from h2b.model.messages import Command
from h2b.model.names import EventName
from h2b.model.params import PARAMETERS
from h2b.wire import vocabulary
from h2b.wire.vocabulary import JSON, Key, Vocabulary

PACKAGE = Path(h2b.__file__).parent

WIRE_ONLY = (
    {spelling for spelling in JSON.events.values() if "-" in spelling}
    | {spelling for spelling in JSON.causes.values() if not spelling.isalpha() or not spelling[1:].islower()}
    | {Key.COMPLETION_CAUSE, Key.COMPLETION_REASON, Key.AUDIO_CODEC, Key.CONTENT_ID, "text/uri-list"}
)
"""Spellings that mean nothing but the wire; the others are also words of the field."""


def test_the_json_tables_leave_nothing_out() -> None:
    # A class that attrs made anew leaves its first form behind until it is collected.
    gc.collect()
    assert JSON.commands.keys() == set(Command.__subclasses__())
    assert JSON.events.keys() == set(EventName)
    assert JSON.causes.keys() == set(CompletionCause)
    assert JSON.audio_formats.keys() == set(AudioFormat)
    assert JSON.parameters.keys() == {name for name in PARAMETERS if not name.startswith("dtmf_")}


@pytest.mark.parametrize("table", [each.name for each in fields(Vocabulary)])
def test_each_json_table_is_one_to_one(table: str) -> None:
    spellings = list(getattr(JSON, table).values())
    assert len(set(spellings)) == len(spellings)


def test_no_parameter_shares_a_key_with_another_header() -> None:
    assert not set(JSON.parameters.values()) & set(Key)


def test_wire_spellings_stand_only_in_the_vocabulary() -> None:
    strays = [
        f"{path.relative_to(PACKAGE)}:{line}: {text!r}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != Path(vocabulary.__file__)
        for line, text in string_constants(path)
        if text in WIRE_ONLY
    ]
    assert strays == []


def string_constants(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
