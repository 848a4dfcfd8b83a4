"""Whose day it is: the client's, else the registry's; and what parameters may be."""

import datetime

import pytest
from attrs import evolve

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import interpret
from h2b.grammar.kinds import KINDS
from h2b.language import language
from h2b.model.errors import GrammarDefinitionError
from h2b.model.results import Hypothesis
from h2b.model.results import Path as SearchPath
from tests.grammar_dates.understanding import REGISTRY, outcome, values_of, verdict_on

CHRISTMAS = evolve(REGISTRY, today=lambda: datetime.date(2030, 12, 25))


def tomorrow(uri: str) -> dict[str, object]:
    heard = Hypothesis(transcript="tomorrow", confidence=1.0, path=SearchPath.FREE)
    (value,) = values_of(interpret([heard], [CHRISTMAS.activate(uri, "en")]))
    assert isinstance(value, dict)
    return value


def test_the_registry_tells_the_day_when_a_grammar_is_activated():
    assert CHRISTMAS.activate("builtin:speech/date", "en").arguments["today"] == "2030-12-25"
    assert tomorrow("builtin:speech/date") == {"day": 26, "month": 12, "year": 2030, "valid": True}


def test_the_day_of_the_client_counts_before_the_registrys():
    assert tomorrow("builtin:speech/date?today=2024-02-28") == {"day": 29, "month": 2, "year": 2024, "valid": True}


def test_only_grammars_of_dates_get_a_day():
    assert "today" not in CHRISTMAS.activate("builtin:speech/time", "en").arguments


def test_a_date_whose_preset_says_nothing_of_the_day_gets_it_too(tmp_path):
    (tmp_path / "mine.toml").write_text('type = "date"\ndoc = "A day."\nlanguages = ["en"]\n')
    registry = evolve(load_catalogue([tmp_path]), today=lambda: datetime.date(2026, 11, 21))
    active = registry.activate("builtin:mine", "en")
    assert active.arguments == {"today": "2026-11-21"}
    (found,) = KINDS["date"].find(["tomorrow"], active.arguments, language("en"))
    assert found.value == {"day": 22, "month": 11, "year": 2026, "valid": True}


def test_a_session_alias_gets_the_day_of_its_request():
    named = CHRISTMAS.define("when", "builtin:speech/date?when=future")
    assert named.activate("session:when", "en").arguments == {"when": "future", "today": "2030-12-25"}


@pytest.mark.parametrize("day", ["2026-02-31", "tomorrow!!", "2026-W01-1", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_refused(day):
    with pytest.raises(GrammarDefinitionError, match=r"today: got .* expected a date such as 2026-11-21"):
        REGISTRY.activate(f"builtin:speech/date?today={day}", "en")


def test_the_lowest_number_lies_below_the_highest():
    with pytest.raises(GrammarDefinitionError, match=r"max: got .* expected at least min"):
        REGISTRY.activate("builtin:speech/number?min=3&max=2", "en")


def test_a_number_outside_its_range_is_no_match():
    assert outcome(verdict_on("number", "en", "forty two", "min=43")) == "none"
    assert outcome(verdict_on("number", "en", "forty two", "min=42&max=42")) == "42"


def test_in_british_english_the_day_comes_before_the_month():
    assert values_of(verdict_on("date", "en-US", "03/04/1984"))[0] == {
        "day": 4,
        "month": 3,
        "year": 1984,
        "valid": True,
    }
    british = values_of(verdict_on("date", "en-GB", "03/04/1984", n_best=2))
    assert british[0] == {"day": 3, "month": 4, "year": 1984, "valid": True}
    assert len(british) == 2


def test_the_end_of_a_month_stays_in_the_month():
    assert outcome(verdict_on("date", "en", "in one month", "today=2026-01-31")) == (
        '{"day": 28, "month": 2, "year": 2026, "valid": true}'
    )


def test_the_29th_of_february_waits_for_its_year():
    assert '"year": 2028' in outcome(verdict_on("date", "en", "february twenty ninth", "when=future"))
    assert '"year": 2024' in outcome(verdict_on("date", "en", "february twenty ninth", "when=past"))


def test_an_hour_without_its_half_of_the_day_has_two_readings():
    assert values_of(verdict_on("time", "en", "half past two", n_best=3)) == ["02:30", "14:30"]
    assert values_of(verdict_on("time", "en", "half past two", "earliest=8", n_best=3)) == ["14:30", "02:30"]
    assert values_of(verdict_on("time", "en", "half past two pm", n_best=3)) == ["14:30"]
