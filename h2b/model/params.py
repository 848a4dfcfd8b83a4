"""Recognition parameters: names, types, ranges, defaults and what each one means.

`PARAMETERS` is the one table; validation, GET-PARAMS, the reference page and the inheritance
RECOGNIZE > SET-PARAMS > default are all derived from it. Source: H2B reference section 4.
"""

import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

from attrs import asdict, evolve, fields, frozen

from h2b.model.errors import InvalidParameter

ParameterValue: TypeAlias = str | int | float | bool

MAXIMUM_MS = 3_600_000
"""No timer runs longer than an hour: a larger value is a client's slip."""
MAXIMUM_N_BEST = 20
MAXIMUM_TEXT = 256

KEYS = "0123456789*#ABCD"
"""Of a telephone (RFC 4733, section 3.2)."""

_NUMERIC = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?")


class RecognitionMode(Enum):
    """`normal` judges the utterance; `hotword` ignores speech until it matches."""

    NORMAL = "normal"
    HOTWORD = "hotword"


@frozen(kw_only=True)
class Parameters:
    """The values in force for a session or for one request."""

    speech_language: str = "fr"
    confidence_threshold: float = 0.5
    no_input_timeout: int = 5000
    recognition_timeout: int = 10000
    speech_complete_timeout: int = 800
    speech_incomplete_timeout: int = 1500
    speech_nomatch_timeout: int = 5000
    start_input_timers: bool = True
    recognition_mode: str = RecognitionMode.NORMAL.value
    hotword_max_duration: int = 10000
    hotword_min_duration: int = 0
    n_best_list_length: int = 1
    sensitivity_level: float = 0.5
    dtmf_interdigit_timeout: int = 5000
    dtmf_term_timeout: int = 10000
    dtmf_term_char: str = ""
    dtmf_buffer_time: int = 30000
    logging_tag: str = ""

    def with_changes(self, changes: Mapping[str, ParameterValue]) -> "Parameters":
        """These values with some replaced; `changes` went through `parse_parameters` before."""
        return evolve(self, **changes)  # type: ignore[arg-type]  # a table of names cannot be typed per key

    def as_mapping(self) -> dict[str, ParameterValue]:
        return asdict(self)

    @property
    def mode(self) -> RecognitionMode:
        return RecognitionMode(self.recognition_mode)


@frozen
class Parameter:
    """One row of the table."""

    name: str
    expected: str
    """Type, unit and range in words, as an error message tells them."""
    parse: Callable[[Any], ParameterValue | None]
    """The value in its own type, or None when it is outside type or range."""
    meaning: str
    scope: str = "SET-PARAMS, RECOGNIZE"

    @property
    def default(self) -> ParameterValue:
        value: ParameterValue = getattr(Parameters(), self.name)
        return value


def _number(raw: Any) -> float | None:
    """A finite number; numeric strings count, as the vendor's test runner sends them."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        raw = float(raw) if _NUMERIC.fullmatch(raw) else None
    if isinstance(raw, int) and abs(raw) > MAXIMUM_MS:
        # No parameter is that large, and a float cannot hold every int.
        return None
    return raw if isinstance(raw, int | float) and math.isfinite(raw) else None


def _integer(low: int, high: int) -> Callable[[Any], int | None]:
    def parse(raw: Any) -> int | None:
        number = _number(raw)
        return int(number) if number is not None and low <= number <= high and number == int(number) else None

    return parse


def _fraction(raw: Any) -> float | None:
    number = _number(raw)
    return float(number) if number is not None and 0 <= number <= 1 else None


def _boolean(raw: Any) -> bool | None:
    if isinstance(raw, str):
        return {"true": True, "false": False}.get(raw.lower())
    return raw if isinstance(raw, bool) else None


def _text(raw: Any) -> str | None:
    return raw if isinstance(raw, str) and len(raw) <= MAXIMUM_TEXT else None


def _language(raw: Any) -> str | None:
    """An RFC 5646 tag by its outer form: subtags of 1 to 8 letters or digits, the first of letters."""
    if not isinstance(raw, str) or len(raw) > 35:
        return None
    subtags = raw.split("-")
    well_formed = all(1 <= len(tag) <= 8 and tag.isascii() and tag.isalnum() for tag in subtags)
    return raw if well_formed and subtags[0].isalpha() and len(subtags[0]) >= 2 else None


def _key(raw: Any) -> str | None:
    return raw.upper() if isinstance(raw, str) and len(raw) <= 1 and raw.upper() in KEYS else None


def _mode(raw: Any) -> str | None:
    return raw if raw in (mode.value for mode in RecognitionMode) else None


_MS = f"an integer from 0 to {MAXIMUM_MS} (milliseconds)"
_FRACTION = "a number from 0.0 to 1.0"
_milliseconds = _integer(0, MAXIMUM_MS)

PARAMETERS: Mapping[str, Parameter] = {
    row.name: row
    for row in (
        Parameter(
            "speech_language",
            "an RFC 5646 language tag such as fr, fr-FR or en-US",
            _language,
            "Language of the recogniser and of the grammars; the region matters for phone numbers.",
        ),
        Parameter(
            "confidence_threshold",
            _FRACTION,
            _fraction,
            "A match below it becomes NoMatch with the reason 'confidence too low'.",
        ),
        Parameter(
            "no_input_timeout",
            _MS,
            _milliseconds,
            "Silence from the start of the input timers after which NoInputTimeout ends the recognition.",
        ),
        Parameter(
            "recognition_timeout",
            _MS,
            _milliseconds,
            "Longest speech in normal mode, from its start; then a *Maxtime cause.",
        ),
        Parameter(
            "speech_complete_timeout", _MS, _milliseconds, "Silence that ends an utterance a grammar fully matches."
        ),
        Parameter(
            "speech_incomplete_timeout", _MS, _milliseconds, "Silence that ends an utterance matched only in part."
        ),
        Parameter("speech_nomatch_timeout", _MS, _milliseconds, "Silence that ends an utterance nothing matches."),
        Parameter(
            "start_input_timers",
            "true or false",
            _boolean,
            "false holds the no-input timer until START-INPUT-TIMERS.",
            "RECOGNIZE",
        ),
        Parameter(
            "recognition_mode",
            "'normal' or 'hotword'",
            _mode,
            "normal judges the utterance; hotword ignores speech until it matches.",
            "RECOGNIZE",
        ),
        Parameter(
            "hotword_max_duration",
            _MS,
            _milliseconds,
            "Hotword mode: longest wait for a match from the first speech; then HotwordMaxtime.",
        ),
        Parameter("hotword_min_duration", _MS, _milliseconds, "Hotword mode: speech shorter than this cannot match."),
        Parameter(
            "n_best_list_length",
            f"an integer from 1 to {MAXIMUM_N_BEST}",
            _integer(1, MAXIMUM_N_BEST),
            "Most hypotheses in a result: the best and n - 1 alternatives.",
        ),
        Parameter(
            "sensitivity_level", _FRACTION, _fraction, "Accepted for compatibility; the endpointer adapts by itself."
        ),
        Parameter(
            "dtmf_interdigit_timeout",
            _MS,
            _milliseconds,
            "Keys: wait for one more after a key while the grammar allows it (RFC 6787, section 9.4.22).",
        ),
        Parameter(
            "dtmf_term_timeout",
            _MS,
            _milliseconds,
            "Keys: wait for dtmf_term_char once the grammar allows no more (RFC 6787, section 9.4.23).",
        ),
        Parameter(
            "dtmf_term_char",
            "one key of 0123456789*#ABCD, or nothing",
            _key,
            "Keys: the one that ends the input and is no part of it; without it a whole answer ends it.",
        ),
        Parameter(
            "dtmf_buffer_time",
            _MS,
            _milliseconds,
            "Keys: how long those pressed between recognitions are kept for the next one; 0 for not at all.",
        ),
        Parameter(
            "logging_tag",
            f"a string of at most {MAXIMUM_TEXT} characters",
            _text,
            "Label of the following recognitions in logs and usage records.",
            "SET-PARAMS",
        ),
    )
}
"""Every parameter in the order of the reference page."""

assert tuple(PARAMETERS) == tuple(attribute.name for attribute in fields(Parameters)), "the table lists each field"


def parse_parameter(name: str, raw: Any) -> ParameterValue:
    """The value of one named parameter in its own type.

    Raises:
        InvalidParameter: the value is of another type or outside the range; nothing was applied.
        KeyError: there is no such parameter: unknown names are the caller's to ignore or refuse.
    """
    parameter = PARAMETERS[name]
    value = parameter.parse(raw)
    if value is None:
        raise InvalidParameter(name, raw, parameter.expected)
    return value
