"""Usage records as files: CSV, JSON Lines and Parquet.

Owns the formats. Must not know stores or where files go. Columns are those of the table, in its order. In JSON Lines,
lists and values are JSON; in the other two they are JSON as text.
"""

import csv
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

from h2b.model.errors import H2BError
from h2b.usage.store import Cell, Column, Row, Table

GROUP_ROWS = 10_000
"""Rows of one row group of a Parquet file."""


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these, text begins that a spreadsheet takes for a formula."""


def write_csv(table: Table, rows: Iterable[Row], stream: IO[str], *, for_spreadsheets: bool = False) -> int:
    """A head with the columns' names, then a line for each row; an empty field stands for null. Tells how many rows.

    Args:
        for_spreadsheets: see `harmless`. Otherwise text is what the client sent: who compares it needs it exact.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.names)
    count = 0
    for row in rows:
        writer.writerow([harmless(cell) for cell in row.values] if for_spreadsheets else row.values)
        count += 1
    return count


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet runs: text of a client that looks like a formula gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def write_jsonl(table: Table, rows: Iterable[Row], stream: IO[str]) -> int:
    """One JSON object a line. Tells how many rows."""
    count = 0
    for row in rows:
        stream.write(as_json(row) + "\n")
        count += 1
    return count


def as_json(row: Row) -> str:
    """A JSON object with the columns' names; lists and values are JSON in it."""
    fields: dict[str, Any] = row.fields
    for column in row.table.columns:
        if column.kind == "json" and fields[column.name] is not None:
            fields[column.name] = json.loads(fields[column.name])
    return json.dumps(fields, ensure_ascii=False)


def write_parquet(table: Table, rows: Iterable[Row], path: Path) -> int:
    """A Parquet file. Tells how many rows.

    Raises:
        H2BError: the package pyarrow is not installed.
    """
    arrow, parquet = _arrow("pyarrow"), _arrow("pyarrow.parquet")
    schema = arrow.schema(
        [arrow.field(column.name, _arrow_type(arrow, column), column.null) for column in table.columns]
    )
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        left = iter(rows)
        while group := list(islice(left, GROUP_ROWS)):
            columns = zip(*(row.values for row in group), strict=True)
            arrays = [arrow.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


STREAMED: Mapping[str, Callable[[Table, Iterable[Row], IO[str]], int]] = {"csv": write_csv, "jsonl": write_jsonl}
FORMATS = (*STREAMED, "parquet")


def _arrow(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise H2BError("parquet needs the package pyarrow, run: pip install /path/to/clone[parquet]") from error


def _arrow_type(arrow: Any, column: Column) -> Any:
    return {"text": arrow.string(), "json": arrow.string(), "integer": arrow.int64(), "real": arrow.float64()}[
        column.kind
    ]
