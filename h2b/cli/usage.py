"""`h2b usage`: what was recognised and for whom, as files, sums and invoices."""

import csv
import io
import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from h2b.cli.main import Verb, Verbs
from h2b.cli.terminal import configuration_option, console, table, visible, write_text
from h2b.cli.usage_plot import draw_usage
from h2b.configfile import load_configuration
from h2b.model.errors import ConfigurationError, H2BError
from h2b.model.usage import new_record_id
from h2b.usage.export import FORMATS, STREAMED, harmless, write_csv, write_parquet
from h2b.usage.invoice import Invoice, make_invoice, period_of
from h2b.usage.sqlite import SqliteStore
from h2b.usage.store import RECOGNITIONS, TABLES, Period, Row, UsageStore, correction
from h2b.usage.store import Table as UsageTable
from h2b.usage.summary import SummaryLine, summarise, whole
from h2b.usage.tariff import load_tariff

FOREVER_MS = 253_402_300_800_000
"""The year 10000."""

usage = Verbs("usage", help="Export, sum up and price what was recognised.")


def _moment(ctx: click.Context, option: click.Parameter, written: str | None) -> int | None:
    """A day or a time as milliseconds since the Unix epoch; UTC unless it says otherwise."""
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        expected = "expected a day or a time such as 2026-11-01 or 2026-11-01T08:00:00+01:00"
        raise click.BadParameter(f"got '{written}', {expected}") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


from_option = click.option("--from", "start_ms", callback=_moment, metavar="TIME", help="First moment (UTC).")
to_option = click.option("--to", "end_ms", callback=_moment, metavar="TIME", help="First moment after the last (UTC).")
tenant_option = click.option("--tenant", metavar="NAME", help="Of this tenant only.")
local_option = click.option("--local", is_flag=True, help="Read this server's file, though there is a database of all.")
spreadsheets_option = click.option(
    "--for-spreadsheets",
    is_flag=True,
    help="In CSV, put an apostrophe before text that a spreadsheet would run as a formula.",
)
output_option = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where it goes; standard output without it.",
)


@usage.command(
    "export",
    cls=Verb,
    example="""
    h2b usage export --from 2026-11-01 --to 2026-12-01 --output november.csv
    h2b usage export --table sessions --format jsonl --tenant acme
    """,
    help="Write usage records, one row each, oldest first.",
)
@from_option
@to_option
@tenant_option
@click.option(
    "--table",
    "table_name",
    type=click.Choice([table.name for table in TABLES]),
    default=RECOGNITIONS.name,
    show_default=True,
    help="Which records.",
)
@click.option("--format", "written_as", type=click.Choice(FORMATS), default="csv", show_default=True, help="How.")
@spreadsheets_option
@output_option
@local_option
@configuration_option
def export(
    start_ms: int | None,
    end_ms: int | None,
    tenant: str | None,
    table_name: str,
    written_as: str,
    for_spreadsheets: bool,
    output: Path | None,
    local: bool,
    configuration_file: Path | None,
) -> None:
    if written_as == "parquet" and output is None:
        raise click.UsageError("--format parquet needs --output")
    exported = next(table for table in TABLES if table.name == table_name)
    period = _period(start_ms, end_ms)
    with _store(configuration_file, local) as store:
        rows = store.rows(exported, period, tenant)
        if output is None:
            count = _stream(exported, rows, written_as, sys.stdout, for_spreadsheets)
        else:
            count = _write(exported, rows, written_as, output, for_spreadsheets)
            console(sys.stderr).print(f"{count} rows in {output}")
    _note_nothing(count, tenant)


@usage.command(
    "summary",
    cls=Verb,
    example="""
    h2b usage summary --from 2026-11-01
    h2b usage summary --tenant acme --plot november.svg
    """,
    help="Sum up recognitions by tenant, custom_id and day (UTC).",
)
@from_option
@to_option
@tenant_option
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the minutes billed each day (SVG).",
)
@local_option
@configuration_option
def summary(
    start_ms: int | None,
    end_ms: int | None,
    tenant: str | None,
    plot: Path | None,
    local: bool,
    configuration_file: Path | None,
) -> None:
    period = _period(start_ms, end_ms)
    with _store(configuration_file, local) as store:
        lines = summarise(store.rows(RECOGNITIONS, period, tenant))
    _print_summary(lines)
    _note_nothing(len(lines), tenant)
    if plot is not None:
        write_text(plot, draw_usage(lines))


@usage.command(
    "invoice",
    cls=Verb,
    example="""
    h2b usage invoice --month 2026-11 --tariff tariff.toml
    h2b usage invoice --month 2026-11 --tariff tariff.toml --tenant acme --format json --output acme.json
    """,
    help="Price the recognitions of a month (UTC), a line for each custom_id.",
)
@click.option("--month", required=True, metavar="YYYY-MM", help="The month.")
@click.option(
    "--tariff",
    "tariff_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    metavar="FILE",
    help="Prices and rules (TOML).",
)
@tenant_option
@click.option(
    "--format",
    "written_as",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="table for people, csv and json for programs.",
)
@spreadsheets_option
@output_option
@local_option
@configuration_option
def invoice(
    month: str,
    tariff_file: Path,
    tenant: str | None,
    written_as: str,
    for_spreadsheets: bool,
    output: Path | None,
    local: bool,
    configuration_file: Path | None,
) -> None:
    tariff, period = load_tariff(tariff_file), period_of(month)
    with _store(configuration_file, local) as store:
        made = make_invoice(month, tariff, lambda: store.rows(RECOGNITIONS, period, tenant))
    if written_as == "csv":
        text = _invoice_csv(made, for_spreadsheets)
    else:
        text = _invoice_json(made) if written_as == "json" else _invoice_table(made)
    if output is None:
        # Not by a library that takes signs out of what it writes.
        sys.stdout.write(text)
    else:
        write_text(output, text)
    _note_nothing(len(made.lines), tenant)


@usage.command(
    "correct",
    cls=Verb,
    example="h2b usage correct 01935c2e-0b7a-7d3e-9c41-2f6a1b8e4d05 --billed-ms 0",
    help="Change what one recognition bills, with a row of its own: nothing is overwritten.",
)
@click.argument("record_id")
@click.option(
    "--billed-ms",
    type=click.IntRange(0, 10**9),
    required=True,
    metavar="N",
    help="Milliseconds that it bills from now on.",
)
@local_option
@configuration_option
def correct(record_id: str, billed_ms: int, local: bool, configuration_file: Path | None) -> None:
    try:
        record_id = str(uuid.UUID(record_id))
    except ValueError as error:
        raise click.UsageError(f"got '{record_id}', expected a record_id of h2b usage export") from error
    with _store(configuration_file, local, read_only=False) as store:
        found = store.find(record_id)
        original = next((row for row in found if row["record_id"] == record_id and not row["corrects"]), None)
        if original is None:
            raise H2BError(f"no recognition has the record_id {record_id}")
        before = sum(whole(row, "billed_ms") for row in found)
        store.add([correction(original, new_record_id(), billed_ms - before)])
    console().print(f"billed_ms of {record_id}: {before} before, {billed_ms} now")


# Records


@contextmanager
def _store(configuration_file: Path | None, local: bool, *, read_only: bool = True) -> Iterator[UsageStore]:
    """The database of all servers where there is one, else the file of this one."""
    settings = load_configuration(configuration_file).usage
    if settings.postgres and not local:
        store = _postgres(settings.postgres)
    elif settings.file is None:
        raise ConfigurationError("path in [usage] is ':none:': no records are kept")
    else:
        store = SqliteStore(settings.file, create=False, read_only=read_only)
    try:
        yield store
    finally:
        store.close()


def _postgres(url: str) -> UsageStore:
    try:
        from h2b.usage.postgres import PostgresStore
    except ModuleNotFoundError as error:
        lacking = "postgres in [usage] needs the package psycopg"
        raise H2BError(f"{lacking}, run: pip install /path/to/clone[postgres]") from error
    return PostgresStore(url)


def _period(start_ms: int | None, end_ms: int | None) -> Period:
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise click.UsageError("--from is later than --to")
    return Period(0 if start_ms is None else start_ms, FOREVER_MS if end_ms is None else end_ms)


def _note_nothing(count: int, tenant: str | None) -> None:
    """Tell that there is nothing of a tenant: its name may be wrong, and a file of no rows does not say so."""
    if tenant is not None and not count:
        click.echo(f"note: there are no records of tenant '{visible(tenant)}' in this time", err=True)


def _stream(exported: UsageTable, rows: Iterator[Row], written_as: str, stream: IO[str], for_spreadsheets: bool) -> int:
    if written_as == "csv":
        return write_csv(exported, rows, stream, for_spreadsheets=for_spreadsheets)
    return STREAMED[written_as](exported, rows, stream)


def _write(exported: UsageTable, rows: Iterator[Row], written_as: str, output: Path, for_spreadsheets: bool) -> int:
    """Write a file whole or not at all: who collects files must not find half of one."""
    part = output.with_name(f"{output.name}.part")
    try:
        if written_as == "parquet":
            count = write_parquet(exported, rows, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as stream:
                count = _stream(exported, rows, written_as, stream, for_spreadsheets)
        part.replace(output)
    except OSError as error:
        raise H2BError(f"{output}: cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
    return count


# What a person sees


def _print_summary(lines: list[SummaryLine]) -> None:
    rows = table("tenant", "custom_id", "day", "recognitions", "listened", "billed")
    for column in rows.columns[3:]:
        column.justify = "right"
    for line in lines:
        names = (line.tenant or "-", line.custom_id or "-", line.day.isoformat())
        rows.add_row(*names, f"{line.recognitions}", clock(line.listened_ms), clock(line.billed_ms))
    out = console()
    out.print(rows)
    total = clock(sum(line.billed_ms for line in lines))
    count = sum(line.recognitions for line in lines)
    out.print(f"\n{count} recognition{'s' * (count != 1)}, {total} billed (h:mm:ss.mmm)")


def clock(milliseconds: int) -> str:
    """Hours, minutes, seconds: 1:02:03.456."""
    seconds, rest = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def _invoice_table(made: Invoice) -> str:
    tariff = made.tariff
    rows = table("tenant", "custom_id", "recognitions", "billed", "units", tariff.currency)
    for column in rows.columns[2:]:
        column.justify = "right"
    for line in made.lines:
        sums = (f"{line.recognitions}", clock(line.billed_ms), f"{line.units}", tariff.shown(line.amount))
        rows.add_row(line.tenant or "-", line.custom_id or "-", *sums)
    stream = io.StringIO()
    out = console(stream)
    out.print(f"{made.month}, tariff {tariff.version}", style="bold")
    out.print(f"{tariff.price_micros} millionths of {tariff.currency} for each {tariff.unit_ms} ms begun\n")
    out.print(rows)
    out.print(f"\ntotal {tariff.shown(made.total)} {tariff.currency}")
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _invoice_csv(made: Invoice, for_spreadsheets: bool) -> str:
    document = made.as_json()
    stream = io.StringIO()
    every = ("month", "tariff", "currency")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*every, "tenant", "custom_id", "recognitions", "billed_ms", "units", "amount"])
    for line in document["lines"]:
        cells = [*(document[name] for name in every), *line.values()]
        writer.writerow([harmless(cell) for cell in cells] if for_spreadsheets else cells)
    return stream.getvalue()


def _invoice_json(made: Invoice) -> str:
    return json.dumps(made.as_json(), ensure_ascii=False, indent=2) + "\n"
