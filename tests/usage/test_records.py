"""Records and their rows."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.model.causes import CompletionCause
from h2b.model.usage import new_record_id, uuid7
from h2b.usage.store import RECOGNITIONS, SESSIONS, TABLES, correction, row_of
from tests.usage.made import NOON_MS, a_recognition, a_row, a_session


@given(milliseconds=st.integers(0, 2**48 - 1), random=st.integers(0, 2**74 - 1))
def test_a_record_id_is_a_uuid_of_version_7(milliseconds: int, random: int) -> None:
    made = uuid.UUID(uuid7(milliseconds, random))
    assert str(made) == uuid7(milliseconds, random)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == random


def test_record_ids_sort_by_time_and_differ() -> None:
    assert uuid7(1, 2**74 - 1) < uuid7(2, 0)
    assert len({new_record_id() for _ in range(1000)}) == 1000


def test_a_row_has_every_attribute_of_its_record() -> None:
    recognition = row_of(a_recognition(transcript="one two", value={"day": 1}))
    assert recognition.table is RECOGNITIONS
    assert recognition.fields == {
        "record_id": recognition["record_id"],
        "corrects": "",
        "tenant": "north",
        "wire": "websocket",
        "custom_id": "acme",
        "channel_id": "test1",
        "session_id": "s1",
        "request_id": "18446744073709551615",
        "logging_tag": "step-2",
        "language": "en",
        "grammars": '["session:pin", "builtin:speech/boolean"]',
        "matched_grammar": "session:pin",
        "cause": "SUCCESS",
        "ended_by": "result",
        "started_ms": NOON_MS,
        "listened_ms": 2520,
        "billed_ms": 2500,
        "asr_model": "scripted",
        "confidence": 0.875,
        "version": "test",
        "transcript": "one two",
        "value": '{"day": 1}',
    }
    session = row_of(a_session())
    assert session.table is SESSIONS
    assert set(session.table.names) == set(session.fields)
    assert (session["opened_ms"], session["recognitions"], session["ended_by"]) == (NOON_MS, 2, "close")


def test_a_recognition_without_result_has_no_cause_and_false_is_a_value() -> None:
    assert a_row(cause=None, ended_by="stop")["cause"] == ""
    assert a_row(cause=CompletionCause.NO_MATCH)["cause"] == "NO_MATCH"
    assert a_row()["value"] is None
    assert json.loads(str(a_row(value=False)["value"])) is False


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\udfffb"])
def test_text_that_no_database_takes_is_replaced(text: str) -> None:
    stored = str(a_row(custom_id=text)["custom_id"])
    assert "\ufffd" in stored
    assert "\x00" not in stored
    stored.encode()


def test_a_correction_is_a_row_of_its_own_at_the_same_time() -> None:
    row = a_row(transcript="one two")
    corrected = correction(row, "id2", -500)
    changed = {name for name in RECOGNITIONS.names if corrected[name] != row[name]}
    assert changed == {"record_id", "corrects", "ended_by", "listened_ms", "billed_ms", "transcript"}
    assert (corrected["corrects"], corrected["billed_ms"], corrected["transcript"]) == (row["record_id"], -500, None)
    assert correction(corrected, "id3", 100)["corrects"] == row["record_id"]


def test_every_table_has_its_time_and_its_id() -> None:
    for table in TABLES:
        assert {"record_id", "tenant", "billed_ms", table.time} <= set(table.names)
        assert len(set(table.names)) == len(table.names)
