"""The table of parameters: what each takes, what it refuses, and in which words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.errors import InvalidParameter
from h2b.model.params import PARAMETERS, Parameters, RecognitionMode, parse_parameter
from tests.strategies import changes

MS = "an integer from 0 to 3600000 (milliseconds)"
FRACTION = "a number from 0.0 to 1.0"
EXPECTED = {
    "speech_language": "an RFC 5646 language tag such as fr, fr-FR or en-US",
    "confidence_threshold": FRACTION,
    "no_input_timeout": MS,
    "recognition_timeout": MS,
    "speech_complete_timeout": MS,
    "speech_incomplete_timeout": MS,
    "speech_nomatch_timeout": MS,
    "start_input_timers": "true or false",
    "recognition_mode": "'normal' or 'hotword'",
    "hotword_max_duration": MS,
    "hotword_min_duration": MS,
    "n_best_list_length": "an integer from 1 to 20",
    "sensitivity_level": FRACTION,
    "dtmf_interdigit_timeout": MS,
    "dtmf_term_timeout": MS,
    "dtmf_term_char": "one key of 0123456789*#ABCD, or nothing",
    "dtmf_buffer_time": MS,
    "logging_tag": "a string of at most 256 characters",
}
DEFAULTS = {
    "speech_language": "fr",
    "confidence_threshold": 0.5,
    "no_input_timeout": 5000,
    "recognition_timeout": 10000,
    "speech_complete_timeout": 800,
    "speech_incomplete_timeout": 1500,
    "speech_nomatch_timeout": 5000,
    "start_input_timers": True,
    "recognition_mode": "normal",
    "hotword_max_duration": 10000,
    "hotword_min_duration": 0,
    "n_best_list_length": 1,
    "sensitivity_level": 0.5,
    "dtmf_interdigit_timeout": 5000,
    "dtmf_term_timeout": 10000,
    "dtmf_term_char": "",
    "dtmf_buffer_time": 30000,
    "logging_tag": "",
}
TIMERS = [name for name, expected in EXPECTED.items() if expected is MS]
FRACTIONS = [name for name, expected in EXPECTED.items() if expected is FRACTION]


def refusal(name: str, raw: Any) -> str:
    with pytest.raises(InvalidParameter) as caught:
        parse_parameter(name, raw)
    assert caught.value.name == name
    return caught.value.reason


def test_the_table_has_each_parameter_with_its_words_and_its_default() -> None:
    assert {name: row.expected for name, row in PARAMETERS.items()} == EXPECTED
    assert {name: row.default for name, row in PARAMETERS.items()} == DEFAULTS
    assert Parameters().as_mapping() == DEFAULTS


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_default_is_a_valid_value(name: str) -> None:
    assert parse_parameter(name, DEFAULTS[name]) == DEFAULTS[name]


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("raw", [None, [], {}, float("nan"), float("inf"), -1, "\n"])
def test_every_parameter_refuses_what_fits_none(name: str, raw: Any) -> None:
    if name == "logging_tag" and isinstance(raw, str):
        assert parse_parameter(name, raw) == raw
    else:
        assert refusal(name, raw) == f"{name}: got {raw!r}, expected {EXPECTED[name]}"


@pytest.mark.parametrize("name", TIMERS)
@pytest.mark.parametrize(("raw", "value"), [(0, 0), (3_600_000, 3_600_000), ("700", 700), (700.0, 700), ("7e2", 700)])
def test_a_timer_is_whole_milliseconds_up_to_an_hour(name: str, raw: Any, value: int) -> None:
    parsed = parse_parameter(name, raw)
    assert parsed == value
    assert type(parsed) is int


@pytest.mark.parametrize("name", TIMERS)
@pytest.mark.parametrize("raw", [3_600_001, 0.5, "0.5", "", "soon", True, "nan", "1" * 33])
def test_a_timer_refuses_other_numbers_and_words(name: str, raw: Any) -> None:
    assert refusal(name, raw) == f"{name}: got {raw!r}, expected {MS}"


@pytest.mark.parametrize("name", FRACTIONS)
@pytest.mark.parametrize(("raw", "value"), [(0, 0.0), (1, 1.0), (0.35, 0.35), ("0.4", 0.4)])
def test_a_fraction_lies_from_zero_to_one(name: str, raw: Any, value: float) -> None:
    parsed = parse_parameter(name, raw)
    assert parsed == value
    assert type(parsed) is float


@pytest.mark.parametrize("name", FRACTIONS)
@pytest.mark.parametrize("raw", [1.0001, 40, "40%", True, -0.1])
def test_a_fraction_refuses_percentages(name: str, raw: Any) -> None:
    assert refusal(name, raw) == f"{name}: got {raw!r}, expected {FRACTION}"


@pytest.mark.parametrize(("raw", "value"), [(True, True), (False, False), ("true", True), ("False", False)])
def test_a_boolean_may_be_spelled(raw: Any, value: bool) -> None:
    assert parse_parameter("start_input_timers", raw) is value


@pytest.mark.parametrize("raw", [0, 1, "yes", ""])
def test_a_boolean_is_no_number(raw: Any) -> None:
    assert refusal("start_input_timers", raw) == f"start_input_timers: got {raw!r}, expected true or false"


@pytest.mark.parametrize("tag", ["fr", "fr-FR", "de-x-banking", "zh-Hant-TW", "es-419"])
def test_a_language_is_taken_by_its_outer_form(tag: str) -> None:
    assert parse_parameter("speech_language", tag) == tag


@pytest.mark.parametrize("tag", ["", "f", "fr_FR", "fr-", "-FR", "français", "fr FR", "12", "fr-" + "x" * 9, "fr" * 18])
def test_a_language_refuses_what_has_no_such_form(tag: str) -> None:
    expected = EXPECTED["speech_language"]
    assert refusal("speech_language", tag) == f"speech_language: got {tag!r}, expected {expected}"


@pytest.mark.parametrize("raw", [0, 21, 1.5, True])
def test_an_n_best_list_has_one_to_twenty_entries(raw: Any) -> None:
    assert refusal("n_best_list_length", raw) == f"n_best_list_length: got {raw!r}, expected an integer from 1 to 20"


@pytest.mark.parametrize("raw", ["Normal", "hot", "", 1])
def test_a_mode_is_one_of_two(raw: Any) -> None:
    assert refusal("recognition_mode", raw) == f"recognition_mode: got {raw!r}, expected 'normal' or 'hotword'"


def test_a_logging_tag_is_bounded() -> None:
    assert parse_parameter("logging_tag", "t" * 256) == "t" * 256
    expected = f"logging_tag: got '{'t' * 78}…, expected a string of at most 256 characters"
    assert refusal("logging_tag", "t" * 257) == expected


def test_an_unknown_name_is_the_callers_affair() -> None:
    with pytest.raises(KeyError):
        parse_parameter("hotword_max_time", 1)


@given(changes())
def test_a_valid_value_is_its_own_reading(valid: dict[str, Any]) -> None:
    assert {name: parse_parameter(name, value) for name, value in valid.items()} == valid


@given(st.sampled_from(list(PARAMETERS)), st.text() | st.floats() | st.booleans() | st.integers(-(2**64), 2**64))
def test_any_value_is_taken_or_refused_in_one_line(name: str, raw: Any) -> None:
    try:
        value = parse_parameter(name, raw)
    except InvalidParameter as error:
        reason = error.reason
    else:
        assert type(value) is type(DEFAULTS[name])
        return
    assert "\n" not in reason
    assert reason.endswith(f", expected {EXPECTED[name]}")


@given(changes(), changes())
def test_later_changes_win_and_others_stay(first: dict[str, Any], second: dict[str, Any]) -> None:
    changed = Parameters().with_changes(first).with_changes(second)
    assert changed.as_mapping() == DEFAULTS | first | second


@given(changes())
def test_changes_leave_the_original_as_it_was(some: dict[str, Any]) -> None:
    before = Parameters()
    before.with_changes(some)
    assert before == Parameters()


@pytest.mark.parametrize("mode", RecognitionMode)
def test_the_mode_is_also_an_enum(mode: RecognitionMode) -> None:
    assert Parameters(recognition_mode=mode.value).mode is mode
