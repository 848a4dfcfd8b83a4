"""Word and character errors, percentiles, reliability and its error: by numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.cli.bench_scores import (
    ErrorRate,
    calibration_error,
    character_errors,
    edit_distance,
    percentile,
    reliability,
    spread,
    word_errors,
)
from h2b.cli.bench_trials import Trial, account_of

WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@pytest.mark.parametrize(
    ("said", "heard", "edits"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("flaw", "lawn", 2)],
)
def test_the_edit_distance_of_known_pairs(said, heard, edits):
    assert edit_distance(said, heard) == edits


@given(WORDS, WORDS, WORDS)
def test_the_edit_distance_is_a_distance(one, two, three):
    assert edit_distance(one, two) == edit_distance(two, one)
    assert (edit_distance(one, two) == 0) == (one == two)
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)


def test_the_word_error_rate_counts_words():
    # One substitution, one insertion, one deletion.
    errors = word_errors("four seven one two", "for seven one one")
    assert errors == ErrorRate(2, 4)
    assert errors.rate == 0.5


def test_more_may_be_heard_than_was_said():
    assert word_errors("yes", "yes it is so").rate == 3.0


def test_nothing_said_has_no_rate():
    assert word_errors("", "noise").rate is None


def test_the_character_error_rate_ignores_blanks():
    assert character_errors("b b 7", "bb7").rate == 0.0
    assert character_errors("abcd", "abxd").rate == 0.25


def test_rates_add_up_over_recordings():
    assert (word_errors("one two", "one") + word_errors("three four", "three four")).rate == 0.25


def test_percentiles_are_values_that_were_measured():
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0, 1, 50, 95, 99, 100)] == [1, 1, 50, 95, 99, 100]
    assert percentile([7.0], 95) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_a_spread_of_nothing_is_empty():
    assert spread([]) == {}
    assert spread([2, 1]) == {"p50": 1, "p90": 2, "p95": 2, "p99": 2, "max": 2, "count": 2}


def test_reliability_sorts_answers_into_bins():
    bins = reliability([(0.05, False), (0.95, True), (0.97, False), (1.0, True)])
    assert [(each.low, each.high, each.count) for each in bins] == [(0.0, 0.1, 1), (0.9, 1.0, 3)]
    assert bins[1].right == 2 / 3
    assert math.isclose(bins[1].confidence, 2.92 / 3)


def test_the_calibration_error_weighs_bins_by_their_answers():
    # Three answers at 0.9 of which two are right, one at 0.2 that is wrong: (3 * |2/3 - 0.9| + 1 * 0.2) / 4.
    bins = reliability([(0.9, True), (0.9, True), (0.9, False), (0.2, False)])
    assert math.isclose(calibration_error(bins) or 0.0, (3 * (0.9 - 2 / 3) + 0.2) / 4)


def test_answers_as_sure_as_right_have_no_calibration_error():
    answers = [(0.75, True)] * 3 + [(0.75, False)]
    assert calibration_error(reliability(answers)) == 0.0
    assert calibration_error([]) is None


def trial(expected: str | None, found: str | None, confidence: float = 0.9, kind: str = "digits") -> Trial:
    return Trial(
        id="x",
        language="en",
        kind=kind,
        source="s",
        said="one two",
        heard="one two",
        expected=expected,
        found=found,
        confidence=confidence,
        audio_s=2.0,
        cpu_s=0.1,
    )


@pytest.mark.parametrize(
    ("made", "accepted_wrongly", "rejected_wrongly"),
    [
        (trial("12", "12"), False, False),
        (trial("12", "13"), True, False),
        (trial("12", None), False, True),
        (trial("12", "12", 0.4), False, True),
        (trial("12", "13", 0.4), False, True),
        (trial(None, "12"), True, False),
        (trial(None, "12", 0.4), False, False),
        (trial(None, None), False, False),
    ],
)
def test_what_is_right_at_a_threshold(made, accepted_wrongly, rejected_wrongly):
    assert made.false_accept(0.5) is accepted_wrongly
    assert made.false_reject(0.5) is rejected_wrongly
    assert made.right(0.5) is (not accepted_wrongly and not rejected_wrongly)


def test_trials_are_counted_by_group_and_by_threshold():
    account = account_of([trial("12", "12", 0.65), trial("12", "13", 0.35), trial("y", "y", kind="yesno")], 0.5)
    assert (account["recordings"], account["right"]) == (3, 2)
    assert [(g["kind"], g["source"], g["right"]) for g in account["groups"]] == [
        ("digits", "s", 1),
        ("yesno", "s", 1),
        ("all", "all", 2),
    ]
    counts = {
        each["threshold"]: (each["false_accepts"], each["false_rejects"])
        for each in account["thresholds"]
        if each["kind"] == "all"
    }
    assert (counts[0.3], counts[0.4], counts[0.7]) == ((1, 0), (0, 1), (0, 2))
    (calibration,) = account["calibration"]
    assert calibration["answers"] == 3
    assert [wrong["found"] for wrong in account["wrong"]] == ["13"]
