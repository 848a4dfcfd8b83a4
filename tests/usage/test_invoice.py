"""Sums and money: integers, whatever the order of the rows."""

import random
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.causes import CompletionCause
from h2b.model.errors import ConfigurationError, H2BError
from h2b.usage.invoice import make_invoice, period_of
from h2b.usage.store import Row, correction
from h2b.usage.summary import SummaryLine, summarise
from h2b.usage.tariff import MICROS, ROUNDINGS, Tariff, parse_tariff
from tests.usage.made import NOON_MS, a_row, an_id

TARIFF = Tariff(version="t1", currency="EUR", unit_ms=15_000, price_micros=3_500)
DAY_MS = 86_400_000


def invoiced(rows: list[Row], tariff: Tariff = TARIFF) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """What the lines say: recognitions, milliseconds, units, amount."""
    made = make_invoice("2026-11", tariff, lambda: rows)
    assert made.total == sum(line.amount for line in made.lines)
    return {
        (line.tenant, line.custom_id): (line.recognitions, line.billed_ms, line.units, line.amount)
        for line in made.lines
    }


# Money


@given(amount=st.integers(0, 10**15), decimals=st.integers(0, MICROS), rule=st.sampled_from(sorted(ROUNDINGS)))
def test_rounding_is_what_its_name_says(amount: int, decimals: int, rule: str) -> None:
    step = 10 ** (MICROS - decimals)
    exact, got = Fraction(amount, step), ROUNDINGS[rule](amount, step)
    down = amount // step
    half = exact - down == Fraction(1, 2)
    nearest = down + (exact - down > Fraction(1, 2))
    expected = {
        "up": down + (exact > down),
        "down": down,
        "half-up": down + 1 if half else nearest,
        "half-even": down + down % 2 if half else nearest,
    }
    assert got == expected[rule]


@given(billed_ms=st.integers(-(10**6), 10**9), unit_ms=st.integers(1, 10**6))
def test_a_unit_that_was_started_counts_and_no_time_costs_nothing(billed_ms: int, unit_ms: int) -> None:
    units = Tariff(version="t", currency="EUR", unit_ms=unit_ms, price_micros=1).units(billed_ms)
    if billed_ms <= 0:
        assert units == 0
    else:
        assert (units - 1) * unit_ms < billed_ms <= units * unit_ms


@pytest.mark.parametrize(
    ("decimals", "amount", "text"), [(2, 5, "0.05"), (2, 12_345, "123.45"), (0, 7, "7"), (6, 1, "0.000001")]
)
def test_an_amount_is_shown_with_its_decimal_point(decimals: int, amount: int, text: str) -> None:
    tariff = Tariff(version="t", currency="EUR", unit_ms=1, price_micros=1, decimals=decimals)
    assert tariff.shown(amount) == text


# Invoices


def test_started_units_are_counted_in_each_recognition() -> None:
    rows = [a_row(billed_ms=15_000), a_row(billed_ms=15_001), a_row(billed_ms=0)]
    # 3 units of 0.0035 are 0.0105, and that is 0.01.
    assert invoiced(rows) == {("north", "acme"): (3, 30_001, 3, 1)}


def test_or_in_the_sum_of_a_line() -> None:
    tariff = Tariff(version="t", currency="EUR", unit_ms=15_000, price_micros=10_000, units_of="line")
    rows = [a_row(billed_ms=1000) for _ in range(16)]
    assert invoiced(rows, tariff) == {("north", "acme"): (16, 16_000, 2, 2)}


def test_each_reference_of_each_tenant_has_its_line_in_order() -> None:
    rows = [a_row(custom_id="b"), a_row(custom_id=""), a_row(tenant="a", custom_id="b"), a_row(custom_id="b")]
    assert list(invoiced(rows)) == [("a", "b"), ("north", ""), ("north", "b")]


def test_a_cause_that_is_free_is_told_and_costs_nothing() -> None:
    tariff = Tariff(version="t", currency="EUR", unit_ms=1000, price_micros=10_000, free_causes=("ERROR",))
    rows = [a_row(billed_ms=1000), a_row(billed_ms=5000, cause=CompletionCause.ERROR)]
    assert invoiced(rows, tariff) == {("north", "acme"): (2, 1000, 1, 1)}


def test_a_correction_counts_with_what_it_corrects() -> None:
    row = a_row(billed_ms=16_000)
    less = correction(row, an_id(), -1000)
    more = correction(row, an_id(), 200)
    assert invoiced([row])["north", "acme"][2] == 2
    assert invoiced([less, row])["north", "acme"] == (1, 15_000, 1, 0)
    assert invoiced([row, more, less])["north", "acme"] == (1, 15_200, 2, 1)
    nothing = correction(row, an_id(), -20_000)
    assert invoiced([row, nothing])["north", "acme"] == (1, 0, 0, 0)


@given(
    times=st.lists(st.integers(0, 100_000), max_size=30),
    names=st.lists(st.sampled_from(["a", "b", ""]), min_size=30, max_size=30),
    seed=st.integers(0, 1000),
)
def test_the_order_of_rows_changes_nothing_and_no_time_is_lost(times: list[int], names: list[str], seed: int) -> None:
    rows = [a_row(billed_ms=time, custom_id=name) for time, name in zip(times, names, strict=False)]
    shuffled = random.Random(seed).sample(rows, len(rows))
    lines = invoiced(rows)
    assert lines == invoiced(shuffled)
    assert sum(line[1] for line in lines.values()) == sum(times)
    assert sum(line[0] for line in lines.values()) == len(times)


def test_an_invoice_tells_its_tariff() -> None:
    made = make_invoice("2026-11", TARIFF, lambda: [a_row(billed_ms=60_000)]).as_json()
    assert made == {
        "month": "2026-11",
        "tariff": "t1",
        "currency": "EUR",
        "unit_ms": 15_000,
        "price_micros": 3_500,
        "lines": [
            {
                "tenant": "north",
                "custom_id": "acme",
                "recognitions": 1,
                "billed_ms": 60_000,
                "units": 4,
                "amount": "0.01",
            }
        ],
        "total": "0.01",
    }


def test_a_month_begins_and_ends_at_midnight_of_utc() -> None:
    november = period_of("2026-11")
    assert (november.start_ms, november.end_ms) == (1_793_491_200_000, 1_793_491_200_000 + 30 * DAY_MS)
    assert period_of("2026-12").start_ms == november.end_ms
    assert period_of("2026-12").end_ms == period_of("2027-01").start_ms


@pytest.mark.parametrize("month", ["2026", "2026-13", "11-2026", "2026-11-01", ""])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(H2BError, match=rf"^month: got '{month}', expected one such as 2026-11$"):
        period_of(month)


# The tariff's file

GOOD = 'version = "t1"\ncurrency = "EUR"\nunit_ms = 15000\nprice_micros = 3500\n'


def test_a_short_tariff_is_enough() -> None:
    assert parse_tariff(GOOD) == TARIFF


def test_a_whole_tariff_is_read() -> None:
    rest = 'decimals = 3\nrounding = "up"\nunits_of = "line"\nfree_causes = ["ERROR", "NO_INPUT_TIMEOUT"]\n'
    tariff = parse_tariff(GOOD + rest)
    assert (tariff.decimals, tariff.rounding, tariff.units_of) == (3, "up", "line")
    assert tariff.free_causes == ("ERROR", "NO_INPUT_TIMEOUT")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD + "price_micro = 3", "t.toml: unknown key 'price_micro' (nearest: 'price_micros')"),
        (
            GOOD.replace("3500", "0.0035"),
            "t.toml: price_micros: got 0.0035, expected an integer from 0 to 1000000000000",
        ),
        (GOOD.replace("15000", "true"), "t.toml: unit_ms: got True, expected an integer from 1 to 86400000"),
        (GOOD.replace('"EUR"', '""'), "t.toml: currency: got '', expected a string such as 'EUR'"),
        (GOOD.replace('version = "t1"\n', ""), "t.toml: version is missing, expected a string"),
        (GOOD + "rounding = []", "t.toml: rounding: got [], expected one of up, down, half-up, half-even"),
        (GOOD + 'units_of = "x"', "t.toml: units_of: got 'x', expected one of recognition, line"),
        (GOOD + "decimals = 7", "t.toml: decimals: got 7, expected an integer from 0 to 6"),
    ],
)
def test_a_wrong_tariff_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_tariff(text, "t.toml")
    assert str(refused.value) == told


@pytest.mark.parametrize("causes", ['["NONE"]', "[[]]", '"ERROR"', "[1]"])
def test_causes_that_are_none_are_refused(causes: str) -> None:
    with pytest.raises(ConfigurationError, match=r"free_causes: got .* expected a list of SUCCESS, NO_MATCH, "):
        parse_tariff(f"{GOOD}free_causes = {causes}")


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^t\.toml: not TOML: "):
        parse_tariff("version", "t.toml")


# Sums


def test_sums_are_by_tenant_reference_and_day() -> None:
    rows = [
        a_row(billed_ms=100, listened_ms=110),
        a_row(billed_ms=200, listened_ms=210, started_ms=NOON_MS + DAY_MS // 2 - 1),
        a_row(billed_ms=400, listened_ms=400, started_ms=NOON_MS + DAY_MS // 2),
        a_row(billed_ms=800, listened_ms=800, custom_id="z"),
        a_row(billed_ms=1600, listened_ms=1600, tenant=""),
    ]
    first = date(2026, 11, 1)
    assert summarise(rows) == [
        SummaryLine("", "acme", first, 1, 1600, 1600),
        SummaryLine("north", "acme", first, 2, 320, 300),
        SummaryLine("north", "acme", date(2026, 11, 2), 1, 400, 400),
        SummaryLine("north", "z", first, 1, 800, 800),
    ]


def test_a_correction_changes_the_sum_and_not_the_count() -> None:
    row = a_row(billed_ms=500)
    (line,) = summarise([row, correction(row, an_id(), -200)])
    assert (line.recognitions, line.listened_ms, line.billed_ms) == (1, 2520, 300)
