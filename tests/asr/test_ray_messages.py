"""What a server and its link to a Ray cluster say comes through as it is, with the bytes after it."""

from hypothesis import given
from hypothesis import strategies as st

from h2b.asr.messages import Deframer
from h2b.asr.raymessages import (
    Attach,
    Attached,
    Connected,
    FromLink,
    Give,
    Leave,
    Lost,
    Taken,
    Told,
    ToLink,
    Unreachable,
    Waits,
    decode_from_link,
    decode_to_link,
    encode_from_link,
    encode_to_link,
)

NUMBERS = st.integers(0, 2**31)
TO_LINK = st.one_of(
    st.builds(Attach, NUMBERS, NUMBERS),
    st.builds(Give, NUMBERS, st.booleans(), NUMBERS, st.floats(0, 1e6)),
    st.builds(Leave, NUMBERS),
)
FROM_LINK = st.one_of(
    st.builds(Connected, NUMBERS),
    st.builds(Unreachable, st.text()),
    st.builds(Attached, NUMBERS, NUMBERS, st.text()),
    st.builds(Waits, NUMBERS),
    st.builds(Told, NUMBERS),
    st.builds(Taken, NUMBERS, st.booleans()),
    st.builds(Lost, NUMBERS, st.text()),
)


@given(TO_LINK, st.binary())
def test_orders_come_through(message: ToLink, passed_on: bytes) -> None:
    (received,) = Deframer().feed(encode_to_link(message, passed_on))
    assert decode_to_link(received) == (message, passed_on)


@given(FROM_LINK, st.binary())
def test_reports_come_through(message: FromLink, passed_on: bytes) -> None:
    (received,) = Deframer().feed(encode_from_link(message, passed_on))
    assert decode_from_link(received) == (message, passed_on)
