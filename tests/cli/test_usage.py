"""`h2b usage`: records as people and billing systems see them."""

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from datetime import date
from pathlib import Path

import pytest

from h2b.cli.usage import clock
from h2b.cli.usage_plot import MAXIMUM_BARS, draw_usage
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import row_of
from h2b.usage.summary import SummaryLine
from tests.cli.running import run
from tests.usage.made import NOON_MS, a_row, a_session

DAY_MS = 86_400_000
TARIFF = 'version = "2026-a"\ncurrency = "EUR"\nunit_ms = 1000\nprice_micros = 12500\n'


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration with three recognitions and a session on record."""
    store = SqliteStore(tmp_path / "usage.db")
    rows = [
        a_row(billed_ms=2500, custom_id="acme"),
        a_row(billed_ms=61_000, custom_id="bolt", started_ms=NOON_MS + DAY_MS),
        a_row(billed_ms=1000, tenant="south", started_ms=NOON_MS + 31 * DAY_MS),
    ]
    store.add([*rows, row_of(a_session())])
    store.close()
    (tmp_path / "tariff.toml").write_text(TARIFF)
    (tmp_path / "h2b.toml").write_text('[usage]\npath = "usage.db"\n')
    return str(tmp_path / "h2b.toml")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_all_rows_go_to_standard_output_in_order_of_time(config: str) -> None:
    result = run("usage", "export", "--config", config)
    assert result.exit_code == 0
    assert [row["billed_ms"] for row in read(result.output)] == ["2500", "61000", "1000"]


@pytest.mark.parametrize(
    ("options", "billed"),
    [
        (["--from", "2026-11-02"], ["61000", "1000"]),
        (["--from", "2026-11-01T12:00:00Z", "--to", "2026-11-02T12:00:00Z"], ["2500"]),
        (["--from", "2026-11-02T13:00:00+01:00", "--to", "2026-12-01"], ["61000"]),
        (["--tenant", "south"], ["1000"]),
        (["--tenant", "nobody"], []),
        (["--table", "sessions"], ["5000"]),
    ],
)
def test_rows_are_chosen_by_time_tenant_and_table(config: str, options: list[str], billed: list[str]) -> None:
    result = run("usage", "export", "--config", config, *options)
    assert [row["billed_ms"] for row in read(result.stdout)] == billed


def test_a_tenant_without_records_is_noted_for_its_name_may_be_wrong(config: str, tmp_path: Path) -> None:
    tariff = ["--month", "2026-11", "--tariff", str(tmp_path / "tariff.toml")]
    for verb in (["export"], ["summary"], ["invoice", *tariff]):
        result = run("usage", *verb, "--config", config, "--tenant", "nrth")
        assert result.exit_code == 0
        assert result.stderr == "note: there are no records of tenant 'nrth' in this time\n"


def test_a_time_that_ends_before_it_begins_is_refused(config: str) -> None:
    for verb in ("export", "summary"):
        result = run("usage", verb, "--config", config, "--from", "2026-12-01", "--to", "2026-11-01")
        told = f"h2b usage {verb}: --from is later than --to; see h2b usage {verb} --help\n"
        assert (result.exit_code, result.output) == (2, told)


@pytest.mark.parametrize("month", ["9999-12", "2026-9", "2026-13", "2026-11-01", "0000-01"])
def test_a_month_that_is_none_is_refused(config: str, tmp_path: Path, month: str) -> None:
    tariff = ["--tariff", str(tmp_path / "tariff.toml")]
    result = run("usage", "invoice", "--config", config, "--month", month, *tariff)
    assert (result.exit_code, result.output) == (1, f"h2b: month: got '{month}', expected one such as 2026-11\n")


HOSTILE = '=HYPERLINK("http://evil.example","total")\x1b[2Jx\x9b'


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    """A record whose client chose its reference to harm whoever reads it."""
    store = SqliteStore(tmp_path / "usage.db")
    store.add([a_row(billed_ms=2500, custom_id=HOSTILE)])
    store.close()
    (tmp_path / "tariff.toml").write_text(TARIFF)
    (tmp_path / "h2b.toml").write_text('[usage]\npath = "usage.db"\n')
    return str(tmp_path / "h2b.toml")


def test_what_a_client_wrote_is_exact_in_csv_and_harmless_for_spreadsheets(hostile: str, tmp_path: Path) -> None:
    tariff = ["--month", "2026-11", "--tariff", str(tmp_path / "tariff.toml"), "--format", "csv"]
    for verb in (["export"], ["invoice", *tariff]):
        command = ["usage", *verb, "--config", hostile]
        assert [row["custom_id"] for row in read(run(*command).stdout)] == [HOSTILE]
        assert [row["custom_id"] for row in read(run(*command, "--for-spreadsheets").stdout)] == [f"'{HOSTILE}"]


def test_what_a_client_wrote_is_obeyed_by_no_terminal_and_no_picture(hostile: str, tmp_path: Path) -> None:
    tariff = ["--month", "2026-11", "--tariff", str(tmp_path / "tariff.toml")]
    for verb in (["summary"], ["invoice", *tariff]):
        shown = run("usage", *verb, "--config", hostile).output
        assert not [sign for sign in shown if not (sign.isprintable() or sign == "\n")]
        assert "HYPERLINK" in shown
    lines = [SummaryLine(f"a{HOSTILE}\x00", "", date(2026, 11, 1), 1, 60_000, 60_000)]
    ElementTree.fromstring(draw_usage(lines))


def test_files_are_written_whole_in_every_format(config: str, tmp_path: Path) -> None:
    for name, told in (("a.csv", "csv"), ("a.jsonl", "jsonl"), ("a.parquet", "parquet")):
        path = tmp_path / name
        result = run("usage", "export", "--config", config, "--format", told, "--output", str(path))
        assert result.exit_code == 0, result.output
        assert "3 rows in" in result.output
        assert path.stat().st_size > 100
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3
    assert not list(tmp_path.glob("*.part"))


def test_parquet_does_not_go_to_a_terminal(config: str) -> None:
    result = run("usage", "export", "--config", config, "--format", "parquet")
    assert (result.exit_code, result.output) == (
        2,
        "h2b usage export: --format parquet needs --output; see h2b usage export --help\n",
    )


def test_a_time_that_is_none_is_refused(config: str) -> None:
    result = run("usage", "export", "--config", config, "--from", "yesterday")
    assert result.exit_code == 2
    assert "got 'yesterday', expected a day or a time such as 2026-11-01 or" in result.output


def test_a_summary_has_a_line_for_each_tenant_reference_and_day(config: str) -> None:
    result = run("usage", "summary", "--config", config)
    words = [line.split() for line in result.output.splitlines()]
    assert ["north", "acme", "2026-11-01", "1", "0:00:02.520", "0:00:02.500"] in words
    assert ["north", "bolt", "2026-11-02", "1", "0:00:02.520", "0:01:01.000"] in words
    assert ["south", "acme", "2026-12-02", "1", "0:00:02.520", "0:00:01.000"] in words
    assert result.output.endswith("\n3 recognitions, 0:01:04.500 billed (h:mm:ss.mmm)\n")


def test_a_summary_is_drawn(config: str, tmp_path: Path) -> None:
    assert run("usage", "summary", "--config", config, "--plot", str(tmp_path / "a.svg")).exit_code == 0
    drawn = (tmp_path / "a.svg").read_text()
    ElementTree.fromstring(drawn)
    assert "1.1 minutes from 2026-11-01 to 2026-12-02" in drawn
    assert "2026-11-02 north: 1.0 min" in drawn


def test_the_picture_of_many_days_sums_those_it_shows() -> None:
    first = date(2026, 1, 1).toordinal()
    lines = [SummaryLine("north", "", date.fromordinal(first + day), 1, 60_000, 60_000) for day in range(200)]
    drawn = draw_usage(lines)
    assert f"{MAXIMUM_BARS}.0 minutes from {date.fromordinal(first + 80)} to {date.fromordinal(first + 199)}" in drawn


def test_records_are_read_from_a_file_one_may_only_read(config: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    before = path.read_bytes()
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        result = run("usage", "export", "--config", config)
    finally:
        tmp_path.chmod(0o700)
    assert len(read(result.stdout)) == 3
    assert path.read_bytes() == before


def test_an_empty_file_is_no_place_of_records_and_stays_empty(config: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    path.write_bytes(b"")
    result = run("usage", "summary", "--config", config)
    assert (result.exit_code, result.output) == (1, f"h2b: {path}: no usage records there\n")
    assert path.read_bytes() == b""


def test_an_invoice_for_people(config: str, tmp_path: Path) -> None:
    tariff = str(tmp_path / "tariff.toml")
    result = run("usage", "invoice", "--config", config, "--month", "2026-11", "--tariff", tariff)
    lines = result.output.splitlines()
    assert lines[:2] == ["2026-11, tariff 2026-a", "12500 millionths of EUR for each 1000 ms begun"]
    words = [line.split() for line in lines]
    assert ["north", "acme", "1", "0:00:02.500", "3", "0.04"] in words
    assert ["north", "bolt", "1", "0:01:01.000", "61", "0.76"] in words
    assert lines[-1] == "total 0.80 EUR"


def test_an_invoice_for_programs(config: str, tmp_path: Path) -> None:
    common = ["usage", "invoice", "--config", config, "--month", "2026-11", "--tariff", str(tmp_path / "tariff.toml")]
    document = json.loads(run(*common, "--format", "json").output)
    assert (document["total"], document["tariff"], len(document["lines"])) == ("0.80", "2026-a", 2)
    assert run(*common, "--format", "csv", "--output", str(tmp_path / "a.csv")).output == ""
    assert [(row["custom_id"], row["amount"], row["currency"]) for row in read((tmp_path / "a.csv").read_text())] == [
        ("acme", "0.04", "EUR"),
        ("bolt", "0.76", "EUR"),
    ]


def test_a_wrong_tariff_is_refused_in_one_line(config: str, tmp_path: Path) -> None:
    path = tmp_path / "tariff.toml"
    path.write_text(TARIFF.replace("12500", "0.0125"))
    result = run("usage", "invoice", "--config", config, "--month", "2026-11", "--tariff", str(path))
    told = f"h2b: {path}: price_micros: got 0.0125, expected an integer from 0 to 1000000000000\n"
    assert (result.exit_code, result.output) == (1, told)


def test_a_correction_is_a_new_row_and_counts(config: str, tmp_path: Path) -> None:
    first = read(run("usage", "export", "--config", config).output)[0]
    for billed_ms, before in (("1000", "2500"), ("0", "1000")):
        result = run("usage", "correct", first["record_id"], "--billed-ms", billed_ms, "--config", config)
        assert result.output == f"billed_ms of {first['record_id']}: {before} before, {billed_ms} now\n"
    rows = read(run("usage", "export", "--config", config, "--to", "2026-11-02").output)
    assert {row["corrects"] for row in rows} == {"", first["record_id"]}
    assert sorted(int(row["billed_ms"]) for row in rows) == [-1500, -1000, 2500]
    invoice = ["usage", "invoice", "--config", config, "--month", "2026-11", "--tariff", str(tmp_path / "tariff.toml")]
    lines = json.loads(run(*invoice, "--format", "json").output)["lines"]
    assert (lines[0]["recognitions"], lines[0]["units"], lines[0]["amount"]) == (1, 0, "0.00")


@pytest.mark.parametrize(
    ("record_id", "code", "told"),
    [
        ("1", 2, "h2b usage correct: got '1', expected a record_id of h2b usage export; see h2b usage correct --help"),
        (
            "01935c2e-0b7a-7d3e-9c41-2f6a1b8e4d05",
            1,
            "h2b: no recognition has the record_id 01935c2e-0b7a-7d3e-9c41-2f6a1b8e4d05",
        ),
    ],
)
def test_only_what_is_on_record_is_corrected(config: str, record_id: str, code: int, told: str) -> None:
    result = run("usage", "correct", record_id, "--billed-ms", "0", "--config", config)
    assert (result.exit_code, result.output) == (code, told + "\n")


def test_no_records_are_told_and_no_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "h2b.toml"
    path.write_text('[usage]\npath = "usage.db"\n')
    result = run("usage", "summary", "--config", str(path))
    assert (result.exit_code, result.output) == (1, f"h2b: {tmp_path}/usage.db: no usage records there\n")
    path.write_text('[usage]\npath = ":none:"\n')
    result = run("usage", "summary", "--config", str(path))
    assert result.output == "h2b: path in [usage] is ':none:': no records are kept\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0:00:00.000"), (3_723_456, "1:02:03.456"), (-1500, "-0:00:01.500")]
)
def test_a_time_is_shown_by_the_clock(milliseconds: int, text: str) -> None:
    assert clock(milliseconds) == text


@pytest.mark.parametrize("days", [0, 1, 200])
@pytest.mark.parametrize("tenants", [1, 9])
def test_any_usage_can_be_drawn(days: int, tenants: int) -> None:
    lines = [
        SummaryLine(f"<tenant {number}>", "", date.fromordinal(740_000 + day), 1, 60_000, 1000 * (day % 7) ** 5)
        for day in range(days)
        for number in range(tenants)
    ]
    drawn = ElementTree.fromstring(draw_usage(lines))
    bars = [element for element in drawn.iter("{http://www.w3.org/2000/svg}rect") if len(element)]
    assert len(bars) <= MAXIMUM_BARS * 7
    for bar in bars:
        assert float(bar.attrib["y"]) >= 85
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= 381
