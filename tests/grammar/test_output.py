"""What a preset makes of its kind's value: templates, renamed keys, and what is refused."""

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.asr.base import UtteranceRequest
from h2b.asr.messages import Prepare, decode_order, encode_order
from h2b.grammar.catalogue import load_preset, make_registry
from h2b.grammar.interpret import interpret
from h2b.grammar.output import Output
from h2b.grammar.registry import Registry
from h2b.model.errors import ConfigurationError
from h2b.model.results import Hypothesis, Value

DATE = {"day": 3, "month": 4, "year": 1984, "valid": True}

PRESET = """\
type = "{kind}"
doc = "A test."
languages = ["en"]
[output]
{output}
"""


def load(folder: Path, kind: str, output: str) -> Registry:
    path = folder / "made.toml"
    path.write_text(PRESET.format(kind=kind, output=output))
    return make_registry([load_preset(path, folder)])


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{day}/{month}/{year}", DATE, "3/4/1984"),
        ("{day}/{month}/{year}", {**DATE, "year": None}, "3/4/"),
        ("{valid}", DATE, "true"),
        ("order {value}", "kb1", "order kb1"),
        ("{value} years", 42, "42 years"),
        ("{value}", False, "false"),
        ("{amount} {currency}", {"amount": 12.5, "currency": "EUR"}, "12.5 EUR"),
        ("{value}", "{value.__class__}", "{value.__class__}"),
    ],
)
def test_a_template_puts_parts_into_a_text(template: str, value: Value, text: str) -> None:
    assert Output(template=template).apply(value) == text


@pytest.mark.parametrize(
    ("keys", "value", "made"),
    [
        ({"day": "tag", "year": "jahr"}, DATE, {"tag": 3, "jahr": 1984}),
        ({"day": "day", "gone": "x"}, DATE, {"day": 3, "x": None}),
        ({"value": "code"}, "kb1", {"code": "kb1"}),
    ],
)
def test_keys_choose_and_rename_parts(keys: dict[str, str], value: Value, made: Value) -> None:
    assert Output(keys=keys).apply(value) == made


@given(st.text())
def test_a_text_is_never_read_as_a_template(said: str) -> None:
    assert Output(template="<{value}>").apply(said) == f"<{said}>"


@pytest.mark.parametrize(
    ("kind", "output", "line", "message"),
    [
        ("date", "", 4, "output: expected one of template or keys"),
        ("date", 'template = "{day}"\n[output.keys]\nday = "d"', 4, "output: expected one of template or keys"),
        ("date", 'template = "{dya}"', 5, "unknown part 'dya' of date (nearest: 'day'), expected: day, month, year"),
        ("date", 'template = "{day:02d}"', 5, "template: got '{day:02d}', expected braces only around a name"),
        ("date", 'template = "{day.real}"', 5, "expected braces only around a name"),
        ("date", 'template = "{{day}}"', 5, "expected braces only around a name"),
        ("date", 'template = "today"', 5, "template: got 'today', expected a {name} in it"),
        ("boolean", 'template = "{day}"', 5, "unknown part 'day' of boolean, expected: value"),
        ("date", '[output.keys]\nday = "d"\ndya = "e"', 7, "unknown part 'dya' of date (nearest: 'day')"),
        ("date", '[output.keys]\nday = "d"\nmonth = "d"', 5, "keys: two parts get the same key"),
        ("date", "[output.keys]\nday = 3", 6, "day: got 3, expected a string"),
        ("date", "template = 3", 5, "template: got 3, expected a string"),
        ("date", 'templat = "{day}"', 5, "unknown key 'templat' (nearest: 'template')"),
    ],
)
def test_a_wrong_output_is_refused_with_its_line(
    tmp_path: Path, kind: str, output: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, kind, output)
    assert str(refused.value).startswith(f"{tmp_path / 'made.toml'}:{line}: ")
    assert message in str(refused.value)


def test_clients_get_what_the_output_makes(tmp_path: Path) -> None:
    grammar = load(tmp_path, "boolean", '[output.keys]\nvalue = "agreed"').activate("builtin:made", "en")
    verdict = interpret([Hypothesis(transcript="yes", confidence=0.9)], [grammar])
    interpretation = verdict.alternatives[0].interpretation
    assert interpretation is not None
    assert interpretation.value == {"agreed": True}


def test_an_output_crosses_to_the_engines(tmp_path: Path) -> None:
    for output in ('template = "<{value}>"', '[output.keys]\nvalue = "agreed"'):
        grammar = load(tmp_path, "boolean", output).activate("builtin:made", "en")
        order = Prepare(UtteranceRequest("en", (grammar,), 1))
        assert decode_order(encode_order(order)[4:]) == order
        plain = Prepare(UtteranceRequest("en", (evolve(grammar, output=None),), 1))
        assert decode_order(encode_order(plain)[4:]) == plain
