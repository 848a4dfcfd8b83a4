"""Orders and reports survive the way between the processes, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.asr.base import UtteranceRequest
from h2b.asr.messages import (
    MAXIMUM_MESSAGE_BYTES,
    Deframer,
    Failed,
    Heard,
    Load,
    Prepare,
    Prepared,
    Progress,
    Ready,
    Recognise,
    Refused,
    decode_order,
    decode_report,
    encode_order,
    encode_report,
)
from h2b.grammar.registry import ActiveGrammar
from h2b.model.errors import EngineError
from h2b.model.results import Hypothesis, Path, Recognised

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
options = st.dictionaries(st.text(), values, max_size=3)
grammars = st.builds(
    ActiveGrammar, uri=st.text(), type=st.text(), kind=st.text(), arguments=options, language=st.sampled_from(["fr-BE"])
)
requests = st.builds(
    UtteranceRequest, st.text(), st.lists(grammars, max_size=2).map(tuple), st.integers(min_value=1, max_value=20)
)
hypotheses = st.builds(
    Hypothesis,
    transcript=st.text(),
    confidence=st.floats(0, 1),
    path=st.sampled_from(Path),
    log_probability=st.floats(allow_nan=False),
    tokens=st.integers(),
)
heard = st.builds(
    Recognised, hypotheses=st.lists(hypotheses).map(tuple), asr_model=st.text(), cpu_seconds=st.floats(0, 9)
)
orders = st.builds(Load, options) | st.builds(Prepare, requests) | st.builds(Recognise, requests, st.integers(0, 10**6))
reports = (
    st.builds(Progress, st.text())
    | st.builds(Ready, st.lists(st.text()).map(tuple))
    | st.builds(Refused, st.text())
    | st.just(Prepared())
    | st.builds(Heard, heard)
    | st.builds(Failed, st.text())
)


def cut(framed: bytes, size: int) -> list[bytes]:
    deframer = Deframer()
    return [message for at in range(0, len(framed), size) for message in deframer.feed(framed[at : at + size])]


@given(st.lists(orders, max_size=3), st.integers(1, 50))
def test_orders_come_back_as_they_were(sent: list[Load | Prepare | Recognise], size: int) -> None:
    framed = b"".join(map(encode_order, sent))
    assert [decode_order(message) for message in cut(framed, size)] == sent


@given(st.lists(reports, max_size=3), st.integers(1, 50))
def test_reports_come_back_as_they_were(sent: list[Failed], size: int) -> None:
    framed = b"".join(map(encode_report, sent))
    assert [decode_report(message) for message in cut(framed, size)] == sent


def test_a_length_no_message_has_means_that_the_sides_lost_step() -> None:
    with pytest.raises(EngineError):
        cut((MAXIMUM_MESSAGE_BYTES + 1).to_bytes(4, "big"), 4)
