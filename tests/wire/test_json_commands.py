"""The way in: text frames to commands, and refusals that say why and find their request."""

import json
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.errors import ClientError, InvalidParameter, MalformedMessage, MissingParameter
from h2b.model.formats import AudioFormat, GrammarFormat
from h2b.model.messages import (
    Close,
    Command,
    DefineGrammar,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.wire.json import Unreadable, decode, encode_command
from tests.strategies import commands
from tests.wire.vectors import frame, names

ALL_COMMANDS = "OPEN, SET-PARAMS, GET-PARAMS, DEFINE-GRAMMAR, RECOGNIZE, START-INPUT-TIMERS, STOP, CLOSE"
REQUEST_ID_RANGE = "an integer from 0 to 18446744073709551615"

EXPECTED: dict[str, Command] = {
    "open": Open(
        request_id=1,
        channel_prefix="acme",
        audio_format=AudioFormat.G711A,
        custom_id="client-42",
        session_id="call-7",
    ),
    "open_bare": Open(request_id=0),
    "open_empty": Open(request_id=2**64 - 1),
    "set_params": SetParams(
        request_id=2,
        changes={
            "speech_language": "fr-FR",
            "no_input_timeout": 5000,
            "recognition_timeout": 20000,
            "confidence_threshold": 0.4,
            "start_input_timers": False,
            "n_best_list_length": 3,
            "logging_tag": "étape 2",
        },
    ),
    "get_params": GetParams(request_id=3),
    "define_grammar": DefineGrammar(request_id=4, alias="pin", body="builtin:speech/spelling/digits?regex=[0-9]{4}"),
    "define_grammar_escapes": DefineGrammar(
        request_id=5, alias="mots 😀", body=r"builtin:speech/keywords?alternatives=arrêt|allo\-media"
    ),
    "recognize": Recognize(
        request_id=6,
        grammars=("session:pin", "builtin:speech/boolean"),
        changes={"recognition_mode": "normal", "start_input_timers": True},
    ),
    "recognize_hotword": Recognize(
        request_id=7,
        grammars=("builtin:speech/boolean",),
        changes={"recognition_mode": "hotword", "start_input_timers": False, "hotword_max_duration": 10000},
    ),
    "start_input_timers": StartInputTimers(request_id=8),
    "stop": Stop(request_id=9),
    "close": Close(request_id=10),
}

REFUSED: dict[str, tuple[int, type[ClientError], str]] = {
    "open_invalid": (
        1,
        InvalidParameter,
        "audio_codec: got 'g711', expected one of linear, g711a, g711u (nearest: 'g711u')",
    ),
    "open_truncated": (1, MalformedMessage, "message: got '\"cli' at character 76, expected a JSON object"),
    "set_params_invalid": (
        2,
        InvalidParameter,
        "confidence_threshold: got 40, expected a number from 0.0 to 1.0",
    ),
    "set_params_truncated": (2, MalformedMessage, "message: got the end at character 77, expected a JSON object"),
    "get_params_invalid": (0, MalformedMessage, f"request_id: got '3', expected {REQUEST_ID_RANGE}"),
    "get_params_truncated": (0, MalformedMessage, "message: got the end at character 38, expected a JSON object"),
    "define_grammar_invalid": (
        4,
        InvalidParameter,
        "content_type: got 'application/x-jsgf', "
        "expected 'text/uri-list' or 'application/srgs+xml' or 'application/srgs'",
    ),
    "define_grammar_truncated": (4, MalformedMessage, "message: got the end at character 43, expected a JSON object"),
    "recognize_invalid": (6, InvalidParameter, "recognition_mode: got 'hot', expected 'normal' or 'hotword'"),
    "recognize_truncated": (
        6,
        MalformedMessage,
        "message: got '\"session:pin\\\\' at character 169, expected a JSON object",
    ),
    "start_input_timers_invalid": (
        8,
        MalformedMessage,
        f"command: got 'START_INPUT_TIMERS', expected one of {ALL_COMMANDS} (nearest: 'START-INPUT-TIMERS')",
    ),
    "start_input_timers_truncated": (
        0,
        MalformedMessage,
        "message: got '\"comm' at character 1, expected a JSON object",
    ),
    "stop_invalid": (9, MalformedMessage, "headers: got [], expected an object"),
    "stop_truncated": (9, MalformedMessage, "message: got the end at character 86, expected a JSON object"),
    "close_invalid": (10, MalformedMessage, "body: got {}, expected a string"),
    "close_truncated": (10, MalformedMessage, "message: got the end at character 70, expected a JSON object"),
}


def refusal(text: str) -> tuple[int, type[ClientError], str]:
    with pytest.raises(Unreadable) as caught:
        decode(text)
    unreadable = caught.value
    assert str(unreadable) == unreadable.error.reason
    if isinstance(unreadable.error, MalformedMessage):
        assert unreadable.error.request_id == unreadable.request_id
    return unreadable.request_id, type(unreadable.error), unreadable.error.reason


def command(name: str, headers: Any = None, body: Any = "", **others: Any) -> str:
    return json.dumps({"command": name, "request_id": 5, "headers": headers, "body": body, **others})


def test_every_vector_has_a_row_here() -> None:
    assert names("commands") == EXPECTED.keys() | REFUSED.keys()


def test_every_command_has_vectors_with_both_twins() -> None:
    for spelling in ALL_COMMANDS.split(", "):
        stem = spelling.lower().replace("-", "_")
        assert {stem, f"{stem}_invalid", f"{stem}_truncated"} <= names("commands")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_is_the_command_it_spells(name: str) -> None:
    assert decode(frame("commands", name)) == EXPECTED[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_vector_is_refused_with_its_request_id_and_reason(name: str) -> None:
    assert refusal(frame("commands", name)) == REFUSED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_cut_anywhere_is_malformed_and_never_gives_a_wrong_request_id(name: str) -> None:
    text = frame("commands", name)
    for end in range(len(text)):
        request_id, kind, _ = refusal(text[:end])
        assert kind is MalformedMessage
        assert request_id in (0, EXPECTED[name].request_id)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_with_trailing_text_is_malformed(name: str) -> None:
    text = frame("commands", name)
    expected = (EXPECTED[name].request_id, MalformedMessage)
    assert refusal(text + "}") == (*expected, f"message: got '}}' at character {len(text)}, expected a JSON object")
    assert decode(f" {text}\r\n") == EXPECTED[name]


@given(commands())
def test_a_command_survives_the_way_to_the_server(sent: Command) -> None:
    assert decode(encode_command(sent, "acme-5f2c91")) == sent


@given(st.text())
def test_no_text_at_all_raises_anything_but_unreadable(text: str) -> None:
    refusal(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "command": st.sampled_from(ALL_COMMANDS.split(", ")) | JSON_VALUES,
            "request_id": st.integers(0, 9) | JSON_VALUES,
            "channel_id": JSON_VALUES,
            "headers": st.dictionaries(
                st.sampled_from(["custom_id", "audio_codec", "content_id", "content_type", "no_input_timeout"])
                | st.text(),
                JSON_VALUES,
                max_size=4,
            )
            | JSON_VALUES,
            "body": st.text() | JSON_VALUES,
        },
    )
)
def test_an_object_of_any_content_is_a_command_or_unreadable(message: dict[str, Any]) -> None:
    try:
        read = decode(json.dumps(message))
    except Unreadable as unreadable:
        reason = unreadable.error.reason
        reason.encode()
        assert reason.count("\n") == 0
        assert len(reason) < 500
    else:
        assert read.request_id == message["request_id"]


# Envelope


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "the end at character 0"),
        ("OPEN", "'OPEN' at character 0"),
        ("\ufeff{}", "'\\ufeff{}' at character 0"),
        ("[]", "[]"),
        ("null", "None"),
        ('"OPEN"', "'OPEN'"),
        ("12", "12"),
        ("NaN", "NaN"),
        ("'", '"\'" at character 0'),
    ],
)
def test_what_is_no_object_is_malformed(text: str, got: str) -> None:
    assert refusal(text) == (0, MalformedMessage, f"message: got {got}, expected a JSON object")


@pytest.mark.parametrize(
    ("written", "got"),
    [
        ("null", "None"),
        ("true", "True"),
        ('"7"', "'7'"),
        ("7.0", "7.0"),
        ("-1", "-1"),
        ("18446744073709551616", "18446744073709551616"),
        ("[1]", "[1]"),
    ],
)
def test_a_request_id_is_an_unsigned_64_bit_integer(written: str, got: str) -> None:
    text = f'{{"command":"OPEN","request_id":{written}}}'
    assert refusal(text) == (0, MalformedMessage, f"request_id: got {got}, expected {REQUEST_ID_RANGE}")


def test_a_missing_request_id_is_malformed() -> None:
    assert refusal('{"command":"OPEN"}') == (
        0,
        MalformedMessage,
        f"request_id is missing: expected {REQUEST_ID_RANGE}",
    )


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ('"command":"RECOGNISE"', "command: got 'RECOGNISE', expected one of {all} (nearest: 'RECOGNIZE')"),
        ('"command":"open"', "command: got 'open', expected one of {all} (nearest: 'OPEN')"),
        ('"command":"PING"', "command: got 'PING', expected one of {all}"),
        ('"command":7', "command: got 7, expected one of {all}"),
        ('"event":"OPENED"', "command is missing: expected one of {all}"),
    ],
)
def test_an_unknown_command_names_the_nearest(member: str, says: str) -> None:
    text = f'{{"request_id":5,{member}}}'
    assert refusal(text) == (5, MalformedMessage, says.format(all=ALL_COMMANDS))


def test_wrong_envelope_types_are_malformed() -> None:
    assert refusal(command("GET-PARAMS", headers="")) == (5, MalformedMessage, "headers: got '', expected an object")
    assert refusal(command("GET-PARAMS", body=0)) == (5, MalformedMessage, "body: got 0, expected a string")
    assert refusal(command("OPEN", channel_id=12)) == (5, MalformedMessage, "channel_id: got 12, expected a string")


def test_the_channel_id_matters_only_in_open() -> None:
    assert decode(command("STOP", channel_id=["anything"])) == Stop(request_id=5)


def test_a_long_value_is_cut_in_the_reason() -> None:
    request_id, kind, reason = refusal(command("x" * 1000))
    assert (request_id, kind) == (5, MalformedMessage)
    assert reason == f"command: got '{'x' * 78}…, expected one of {ALL_COMMANDS}"


# Doubtful JSON


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('"no_input_timeout":NaN', "headers.no_input_timeout: got NaN, expected a finite number"),
        ('"no_input_timeout":-Infinity', "headers.no_input_timeout: got -Infinity, expected a finite number"),
        ('"no_input_timeout":1e999', "headers.no_input_timeout: got 1e999, expected a finite number"),
        (
            '"no_input_timeout":' + "9" * 5000,
            f"headers.no_input_timeout: got {'9' * 39}…, expected an integer of at most 20 digits",
        ),
        (
            '"future":[0,{"x":"\\ud800"}]',
            "headers.future[1].x: got '\\ud800', expected text without NUL or lone surrogates",
        ),
        ('"custom_id":"a\\u0000b"', "headers.custom_id: got 'a\\x00b', expected text without NUL or lone surrogates"),
        ('"\\udfff":1', "'headers.\\udfff': got '\\udfff', expected text without NUL or lone surrogates"),
        ('"custom_id":"a","custom_id":"a"', "headers.custom_id: got two values, expected one"),
        ('"a":' + "[" * 40 + "]" * 40, "message: got deeper nesting, expected at most 32 levels"),
        ('"a":' + '{"a":' * 40 + "0" + "}" * 40, "message: got deeper nesting, expected at most 32 levels"),
        ('"a":' + "[" * 100_000 + "]" * 100_000, "message: got deeper nesting, expected at most 32 levels"),
    ],
    ids=lambda text: text[:40],
)
def test_doubtful_json_is_malformed_and_still_answers_its_request(header: str, reason: str) -> None:
    assert refusal(f'{{"command":"OPEN","request_id":5,"headers":{{{header}}}}}') == (5, MalformedMessage, reason)


def test_a_flawed_or_doubled_request_id_is_answered_with_zero() -> None:
    doubled = '{"request_id":5,"command":"OPEN","request_id":6}'
    assert refusal(doubled) == (0, MalformedMessage, "request_id: got two values, expected one")
    infinite = '{"request_id":Infinity,"command":"OPEN"}'
    assert refusal(infinite) == (0, MalformedMessage, "request_id: got Infinity, expected a finite number")


def test_text_that_is_no_json_gives_a_request_id_only_if_one_alone_stands_out() -> None:
    assert refusal('{"request_id": 5 ,"command":OPEN}')[0] == 5
    assert refusal('{"request_id":5,"headers":{"request_id":6},"command":OPEN}')[0] == 0
    assert refusal('{"request_id":99999999999999999999,"command":OPEN}')[0] == 0
    assert refusal('{"body":"\\"request_id\\":5,","command":OPEN}')[0] == 0


def test_nesting_to_the_limit_is_read() -> None:
    assert decode(command("STOP", headers={"future": json.loads("[" * 30 + "]" * 30)})) == Stop(request_id=5)


# Headers and body


@pytest.mark.parametrize("absent", [{}, None, {"custom_id": None, "session_id": "", "audio_codec": ""}])
def test_every_header_of_open_may_be_left_out(absent: Any) -> None:
    assert decode(command("OPEN", headers=absent)) == Open(request_id=5)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"audio_codec": "opus"}, "audio_codec: got 'opus', expected one of linear, g711a, g711u"),
        ({"audio_codec": 0}, "audio_codec: got 0, expected one of linear, g711a, g711u"),
        ({"custom_id": 42}, "custom_id: got 42, expected a string of at most 256 characters"),
        (
            {"session_id": "s" * 257},
            f"session_id: got '{'s' * 78}…, expected a string of at most 256 characters",
        ),
    ],
)
def test_a_bad_header_of_open_is_an_invalid_parameter(headers: Any, reason: str) -> None:
    assert refusal(command("OPEN", headers)) == (5, InvalidParameter, reason)


def test_a_long_channel_prefix_is_an_invalid_parameter() -> None:
    assert refusal(command("OPEN", channel_id="p" * 257)) == (
        5,
        InvalidParameter,
        f"channel_id: got '{'p' * 78}…, expected a string of at most 256 characters",
    )


@pytest.mark.parametrize("name", ["SET-PARAMS", "RECOGNIZE"])
def test_parameters_are_checked_and_unknown_names_ignored(name: str) -> None:
    text = command(name, {"hotword_max_time": "x", "content_length": [], "no_input_timeout": "7000"}, "builtin:x")
    read = decode(text)
    assert isinstance(read, SetParams | Recognize)
    assert read.changes == {"no_input_timeout": 7000}
    assert refusal(command(name, {"no_input_timeout": None}, "builtin:x")) == (
        5,
        InvalidParameter,
        "no_input_timeout: got None, expected an integer from 0 to 3600000 (milliseconds)",
    )


@pytest.mark.parametrize("content_type", [None, "", "text/uri-list", "TEXT/URI-LIST", "text/uri-list ;charset=utf-8"])
def test_a_uri_list_is_the_content_type_and_may_go_without_saying(content_type: Any) -> None:
    headers = {"content_type": content_type, "content_id": "pin"}
    assert decode(command("RECOGNIZE", headers, "builtin:x")) == Recognize(request_id=5, grammars=("builtin:x",))
    assert decode(command("DEFINE-GRAMMAR", headers, "builtin:x")) == DefineGrammar(
        request_id=5, alias="pin", body="builtin:x"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DEFINE-GRAMMAR", "'text/uri-list' or 'application/srgs+xml' or 'application/srgs'"),
        ("RECOGNIZE", "'text/uri-list'"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/uri", "application/x-jsgf", 7, ["text/uri-list"]])
def test_another_content_type_is_an_invalid_parameter(name: str, expected: str, content_type: Any) -> None:
    assert refusal(command(name, {"content_type": content_type, "content_id": "pin"}, "builtin:x")) == (
        5,
        InvalidParameter,
        f"content_type: got {content_type!r}, expected {expected}",
    )


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/srgs+xml", GrammarFormat.SRGS_XML),
        ("Application/SRGS; charset=UTF-8", GrammarFormat.SRGS_ABNF),
    ],
)
def test_a_grammar_is_defined_by_its_text(content_type: str, kind: GrammarFormat) -> None:
    headers = {"content_type": content_type, "content_id": "menu"}
    text = "#ABNF 1.0;\n\n$menu = a | b;\n"
    assert decode(command("DEFINE-GRAMMAR", headers, text)) == DefineGrammar(
        request_id=5, alias="menu", body=text, format=kind
    )
    assert refusal(command("DEFINE-GRAMMAR", headers, " \n")) == (
        5,
        MissingParameter,
        "body is missing in DEFINE-GRAMMAR: expected a grammar",
    )


def test_content_type_means_nothing_elsewhere() -> None:
    assert decode(command("CLOSE", {"content_type": "application/srgs+xml"})) == Close(request_id=5)


@pytest.mark.parametrize("headers", [None, {}, {"content_id": ""}, {"content_id": None}])
def test_an_alias_must_be_given(headers: Any) -> None:
    assert refusal(command("DEFINE-GRAMMAR", headers, "builtin:x")) == (
        5,
        MissingParameter,
        "content_id is missing in DEFINE-GRAMMAR: expected an alias for the grammar",
    )


@pytest.mark.parametrize(("alias", "got"), [(7, "7"), ("a" * 201, f"'{'a' * 78}…")])
def test_an_alias_is_a_string_of_bounded_length(alias: Any, got: str) -> None:
    assert refusal(command("DEFINE-GRAMMAR", {"content_id": alias}, "builtin:x")) == (
        5,
        InvalidParameter,
        f"content_id: got {got}, expected a string of at most 200 characters",
    )


@pytest.mark.parametrize("body", [None, "", "\n", " \r\n\t\r\n# nothing but a comment"])
@pytest.mark.parametrize("name", ["DEFINE-GRAMMAR", "RECOGNIZE"])
def test_a_grammar_must_be_given(name: str, body: str | None) -> None:
    assert refusal(command(name, {"content_id": "pin"}, body)) == (
        5,
        MissingParameter,
        f"body is missing in {name}: expected one grammar URI per line",
    )


def test_the_lines_of_a_recognize_body_are_grammars_in_order() -> None:
    read = decode(command("RECOGNIZE", body="session:b\r\n\r\nbuiltin:x?alternatives=a b|\u2028c#d\n \tsession:a "))
    assert read == Recognize(request_id=5, grammars=("session:b", "builtin:x?alternatives=a b|\u2028c#d", "session:a"))


def test_the_number_of_grammars_is_bounded() -> None:
    sixteen = "\n".join(f"session:{number}" for number in range(16))
    read = decode(command("RECOGNIZE", body=sixteen))
    assert isinstance(read, Recognize)
    assert len(read.grammars) == 16
    assert refusal(command("RECOGNIZE", body=f"{sixteen}\nsession:16")) == (
        5,
        InvalidParameter,
        "body: got 17, expected at most 16 grammar URIs",
    )
    assert refusal(command("DEFINE-GRAMMAR", {"content_id": "pin"}, "builtin:x\nbuiltin:y")) == (
        5,
        InvalidParameter,
        "body: got 2, expected one grammar URI",
    )


def test_a_long_key_over_many_values_takes_no_more_than_its_text() -> None:
    """Written out, the paths of these values would take gigabytes."""
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="text without NUL") as caught:
            decode('{"request_id":7,"' + "k" * 500_000 + '":[' + '"v",' * 40_000 + '"\\u0000"]}')
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.request_id == 7


def test_the_place_of_a_flaw_is_written_with_all_that_it_is_within() -> None:
    with pytest.raises(Unreadable, match=re.escape("headers.future[1].x[0]: got 'a\\x00', expected text without")):
        decode('{"command":"OPEN","request_id":1,"headers":{"future":[0,{"x":["a\\u0000"]}]}}')


def test_no_likely_name_is_looked_for_where_the_name_is_no_slip_of_the_pen() -> None:
    with pytest.raises(Unreadable) as caught:
        decode(json.dumps({"command": "OPENN" * 200_000, "request_id": 1}))
    assert "nearest" not in str(caught.value.error.reason)


def test_a_list_of_grammars_has_a_bound_in_characters() -> None:
    with pytest.raises(Unreadable) as caught:
        decode(json.dumps({"command": "RECOGNIZE", "request_id": 1, "headers": {}, "body": "\n" * 100_001}))
    assert caught.value.error.reason == "body: got 100001, expected at most 100000 characters"
