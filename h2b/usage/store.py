"""Tables of usage and the contract of the stores that keep them.

Owns the columns, and how a record becomes a row. Must not know any database, clock or configuration.

What every store keeps to
 1. Rows are added and never changed. A row whose `record_id` is there already changes nothing: adding again is safe.
 2. All rows of one `add` become safe together, or none does.
 3. `StoreUnavailable` means that the same call may succeed later; any other error is the row's own fault.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeAlias

from attrs import frozen

from h2b.model.errors import H2BError
from h2b.model.usage import RecognitionRecord, SessionRecord, UsageRecord

Cell: TypeAlias = str | int | float | None


class StoreUnavailable(H2BError):
    """A store cannot be reached or written at the moment: locked, full, no connection."""


@frozen
class Column:
    """One column; `kind` is `text`, `integer`, `real` or `json`, and `null` tells whether it may be empty."""

    name: str
    kind: str
    meaning: str
    null: bool = False


@frozen(eq=False)
class Table:
    """One table; `time` names the column that says when."""

    name: str
    time: str
    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def place(self) -> dict[str, int]:
        """Where each column stands in a row."""
        return {name: place for place, name in enumerate(self.names)}


_ID = Column("record_id", "text", "UUIDv7, unique for ever. The same id is the same record, however often it comes.")
_WHO = (
    Column("tenant", "text", "Whose client it was; empty where the server knows only one."),
    Column("wire", "text", "`websocket` or `mrcp`."),
    Column("custom_id", "text", "The client's own reference, from OPEN: one line of an invoice."),
    Column("channel_id", "text", "The session, as the server named it."),
    Column("session_id", "text", "The client's second reference, from OPEN."),
)
_LISTENED = Column("listened_ms", "integer", "Milliseconds of the call that were listened to.")
_VERSION = Column("version", "text", "Of the server.")

RECOGNITIONS = Table(
    "recognitions",
    "started_ms",
    (
        _ID,
        Column("corrects", "text", "In a correction, the `record_id` of the row it corrects; else empty."),
        *_WHO,
        Column("request_id", "text", "Of the RECOGNIZE; as text, since it may have 64 bits without a sign."),
        Column("logging_tag", "text", "The parameter `logging_tag`."),
        Column("language", "text", "Of the recognition."),
        Column("grammars", "json", "Grammars of the request, a list in order of priority."),
        Column("matched_grammar", "text", "The one that matched, as the request named it; else empty."),
        Column("cause", "text", "Completion cause, such as `SUCCESS`; empty without a result: `ended_by` says why."),
        Column("ended_by", "text", "`result`, `stop`, `close` or `disconnect`; `correction` in a correction."),
        Column("started_ms", "integer", "When RECOGNIZE came, in milliseconds since the Unix epoch."),
        _LISTENED,
        Column("billed_ms", "integer", "Milliseconds to bill. In a correction, the difference: it may be negative."),
        Column("asr_model", "text", "The speech model; empty where none was asked."),
        Column("confidence", "real", "Of the value, 0 to 1; 0 without one."),
        _VERSION,
        Column("transcript", "text", "What was heard: only with `keep_transcripts`.", null=True),
        Column("value", "json", "What it meant: only with `keep_transcripts`.", null=True),
    ),
)
SESSIONS = Table(
    "sessions",
    "opened_ms",
    (
        _ID,
        *_WHO,
        Column("opened_ms", "integer", "When OPEN came, in milliseconds since the Unix epoch."),
        Column("closed_ms", "integer", "When the session ended."),
        Column("ended_by", "text", "`close` or `disconnect`."),
        Column("recognitions", "integer", "How many there were."),
        _LISTENED,
        Column("billed_ms", "integer", "Sum of its recognitions: for checks, not for invoices."),
        _VERSION,
    ),
)
TABLES = (RECOGNITIONS, SESSIONS)


@frozen
class Row:
    """One row: values in the order of the table's columns."""

    table: Table
    values: tuple[Cell, ...]

    def __getitem__(self, name: str) -> Cell:
        return self.values[self.table.place[name]]

    @property
    def fields(self) -> dict[str, Cell]:
        return dict(zip(self.table.names, self.values, strict=True))


@frozen
class Period:
    """From a moment up to another, which is not part of it: milliseconds since the Unix epoch."""

    start_ms: int
    end_ms: int


class UsageStore(Protocol):
    """A place for usage records. Its calls wait for disks and networks: they belong in threads."""

    def add(self, rows: Sequence[Row]) -> None:
        """Make these rows safe. Raises StoreUnavailable."""

    def rows(self, table: Table, period: Period, tenant: str | None = None) -> Iterator[Row]:
        """The rows of a time, oldest first, of one tenant or of all. Raises StoreUnavailable."""

    def find(self, record_id: str) -> list[Row]:
        """The recognition of this id and the rows that correct it. Raises StoreUnavailable."""

    def close(self) -> None:
        """Let go of it."""


def row_of(record: UsageRecord) -> Row:
    """A record as the stores keep it."""
    if isinstance(record, SessionRecord):
        return make_row(SESSIONS, _common(record) | _session_cells(record))
    return make_row(RECOGNITIONS, _common(record) | _recognition_cells(record))


def correction(row: Row, record_id: str, billed_ms_change: int) -> Row:
    """A new recognition row that changes what another one bills: the sum of both is right. It stands at the same time,
    so that both fall on the same invoice."""
    what = {
        "record_id": record_id,
        "corrects": row["corrects"] or row["record_id"],
        "ended_by": "correction",
        "listened_ms": 0,
        "billed_ms": billed_ms_change,
        "transcript": None,
        "value": None,
    }
    return make_row(row.table, row.fields | what)


def make_row(table: Table, cells: Mapping[str, Cell]) -> Row:
    return Row(table, tuple(storable(cells[name]) for name in table.names))


def _common(record: UsageRecord) -> dict[str, Cell]:
    return {
        "record_id": record.record_id,
        "tenant": record.tenant,
        "wire": record.wire,
        "custom_id": record.session.custom_id,
        "channel_id": record.session.channel_id,
        "session_id": record.session.session_id,
        "ended_by": record.ended_by,
        "listened_ms": record.listened_ms,
        "billed_ms": record.billed_ms,
        "version": record.version,
    }


def _recognition_cells(record: RecognitionRecord) -> dict[str, Cell]:
    return {
        "corrects": "",
        "request_id": str(record.request_id),
        "logging_tag": record.logging_tag,
        "language": record.language,
        "grammars": _json(record.grammars),
        "matched_grammar": record.matched_grammar,
        "cause": "" if record.cause is None else record.cause.name,
        "started_ms": record.started_ms,
        "asr_model": record.asr_model,
        "confidence": record.confidence,
        "transcript": record.transcript,
        "value": None if record.value is None else _json(record.value),
    }


def _session_cells(record: SessionRecord) -> dict[str, Cell]:
    return {"opened_ms": record.opened_ms, "closed_ms": record.closed_ms, "recognitions": record.recognitions}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def storable(cell: Cell) -> Cell:
    """Clients may send text that no database takes: zeros, and halves of surrogate pairs."""
    return _UNSTORABLE.sub("\ufffd", cell) if isinstance(cell, str) else cell
