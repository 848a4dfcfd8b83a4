"""Records as files: what is written can be read back."""

import csv
import io
import json
from pathlib import Path

import pytest

from h2b.model.errors import H2BError
from h2b.usage import export
from h2b.usage.export import write_csv, write_jsonl, write_parquet
from h2b.usage.store import RECOGNITIONS, SESSIONS, row_of
from tests.usage.made import a_recognition, a_row, a_session

ROWS = [a_row(), row_of(a_recognition(custom_id='a "b", c\nd é', transcript="one, two", value={"day": 1}))]


def test_csv_has_a_head_and_a_line_for_each_row() -> None:
    stream = io.StringIO()
    assert write_csv(RECOGNITIONS, ROWS, stream) == 2
    read = list(csv.DictReader(io.StringIO(stream.getvalue())))
    for found, row in zip(read, ROWS, strict=True):
        assert found == {name: "" if cell is None else str(cell) for name, cell in row.fields.items()}


def test_jsonl_has_an_object_for_each_row_with_lists_and_values_as_they_are() -> None:
    stream = io.StringIO()
    assert write_jsonl(RECOGNITIONS, ROWS, stream) == 2
    plain, said = (json.loads(line) for line in stream.getvalue().splitlines())
    assert plain == {**ROWS[0].fields, "grammars": ["session:pin", "builtin:speech/boolean"]}
    assert (said["value"], said["transcript"], plain["value"]) == ({"day": 1}, "one, two", None)


def test_parquet_has_types_and_is_the_same_in_any_grouping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    monkeypatch.setattr(export, "GROUP_ROWS", 3)
    rows = [*ROWS, *(a_row() for _ in range(5))]
    assert write_parquet(RECOGNITIONS, iter(rows), tmp_path / "a.parquet") == 7
    read = parquet.read_table(tmp_path / "a.parquet")
    assert read.to_pylist() == [row.fields for row in rows]
    types = {column.name: str(column.type) for column in read.schema}
    assert (types["started_ms"], types["confidence"], types["record_id"]) == ("int64", "double", "string")


def test_no_rows_are_a_file_of_no_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    assert write_parquet(SESSIONS, [], tmp_path / "a.parquet") == 0
    assert parquet.read_table(tmp_path / "a.parquet").column_names == list(SESSIONS.names)
    stream = io.StringIO()
    assert write_csv(SESSIONS, [], stream) == 0
    assert stream.getvalue() == ",".join(SESSIONS.names) + "\n"
    assert write_jsonl(SESSIONS, [row_of(a_session())], io.StringIO()) == 1


def test_parquet_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    told = r"^parquet needs the package pyarrow, run: pip install /path/to/clone\[parquet\]$"
    with pytest.raises(H2BError, match=told):
        write_parquet(RECOGNITIONS, ROWS, tmp_path / "a.parquet")
