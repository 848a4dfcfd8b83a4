"""The strict judge: what it lets pass, and every violation by its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.cli.mrcp_judge import ClientChannel, StrictReader, Violation, reading
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpRequest, MrcpResponse
from tests.cli.mrcp_peer import RESULT, message

CHANNEL = "17201cd9ef7d4942@speechrecog"
ID = f"Channel-Identifier: {CHANNEL}"
STARTED = message("START-OF-INPUT 1 IN-PROGRESS", ID, "Input-Type: speech", "Proxy-Sync-Id: 7")
IN_PROGRESS = message("1 200 IN-PROGRESS", ID)
COMPLETE = message(
    "RECOGNITION-COMPLETE 1 COMPLETE",
    ID,
    "Completion-Cause: 000 success",
    "Content-Type: application/nlsml+xml",
    body=RESULT,
)


def take(channel: ClientChannel, *octets: bytes) -> list[MrcpResponse | MrcpEvent]:
    return [channel.take(each) for each in StrictReader().feed(b"".join(octets))]


def recognizing(**fields: str) -> ClientChannel:
    channel = ClientChannel(CHANNEL)
    channel.ask("RECOGNIZE", Headers.of(**fields))
    return channel


def violation(channel: ClientChannel, *octets: bytes) -> str:
    with pytest.raises(Violation) as caught:
        take(channel, *octets)
    return str(caught.value)


def test_a_recognition_as_it_should_be():
    channel = recognizing()
    told = take(channel, IN_PROGRESS, STARTED, COMPLETE)
    assert [type(each).__name__ for each in told] == ["MrcpResponse", "MrcpEvent", "MrcpEvent"]
    best = reading(told[-1]).result.best
    assert best is not None
    assert best.interpretation is not None
    assert best.interpretation.value == "4712"


def test_requests_count_up_and_carry_the_channel():
    channel = ClientChannel(CHANNEL)
    asked = [channel.ask("GET-PARAMS") for _ in range(3)]
    assert [number for number, _ in asked] == [1, 2, 3]
    (request,) = StrictReader().feed(asked[-1][1])
    assert isinstance(request, MrcpRequest)
    assert request.headers.get("Channel-Identifier") == CHANNEL


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (message("1 200 IN-PROGRESS", ID, length=90), "message-length: got 90, expected 83 (head and Content-Length)"),
        (b"HTTP/1.1 200 OK", "got 'HTTP/1.1 200 OK', expected a message that begins with 'MRCP/2.0'"),
        (b"MRCP/1.0 20 1\r\n\r\n", "start line: got 'MRCP/1.0 20 1', expected 'MRCP/2.0 length …'"),
        (message("1 200 IN-PROGRESS", ID, "Logging-Tag: " + "x" * 990), "a header line of 1003 octets"),
        (
            message("1 200 IN-PROGRESS", ID).replace(b"\r\nChannel", b"\nChannel"),
            "a line ends without CR LF at octet 29 of",
        ),
        (message("1 200 IN-PROGRESS", ID, "A: b\nC: d"), "a line ends without CR LF at octet 85 of"),
        (b"MRCP/2.0 " + b"1" * 70_000, "no end of the header fields within 65536 octets"),
        (message("1 200", ID, "Content-Length: 3", "Content-Length: 3"), "Content-Length stands twice"),
        (message("1 abc IN-PROGRESS", ID), "unreadable message: status"),
    ],
)
def test_octets_that_are_no_message(octets: bytes, text: str):
    assert text in violation(recognizing(), octets)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ([STARTED], "START-OF-INPUT 1 IN-PROGRESS before the response to RECOGNIZE 1"),
        ([message("7 200 COMPLETE", ID)], "7 200 COMPLETE: request-id 7 was never sent"),
        ([IN_PROGRESS, IN_PROGRESS], "1 200 IN-PROGRESS: a second response to RECOGNIZE 1"),
        ([message("1 200 COMPLETE", ID)], "1 200 COMPLETE: no state for the response to RECOGNIZE"),
        ([message("1 407 IN-PROGRESS", ID)], "1 407 IN-PROGRESS: a failed RECOGNIZE is COMPLETE"),
        (
            [message("1 407 COMPLETE", ID)],
            "1 407 COMPLETE: Completion-Cause: got nothing, expected a number and a name",
        ),
        ([message("1 200 IN-PROGRESS")], f"1 200 IN-PROGRESS: Channel-Identifier is missing, not {CHANNEL}"),
        ([message("1 200 IN-PROGRESS", "Channel-Identifier: a@b")], "Channel-Identifier is a@b, not"),
        ([message("SPEAK 1", ID)], "the server sent a request: SPEAK 1"),
        ([IN_PROGRESS, STARTED, STARTED], "a second START-OF-INPUT"),
        ([IN_PROGRESS, message("START-OF-INPUT 1 COMPLETE", ID)], "expected state IN-PROGRESS"),
        ([IN_PROGRESS, message("START-OF-INPUT 1 IN-PROGRESS", ID)], "without Input-Type"),
        (
            [IN_PROGRESS, message("START-OF-INPUT 1 IN-PROGRESS", ID, "Input-Type: speech")],
            "without Proxy-Sync-Id",
        ),
        (
            [IN_PROGRESS, message("RECOGNITION-COMPLETE 1 COMPLETE", ID)],
            "RECOGNITION-COMPLETE 1 COMPLETE: Completion-Cause: got nothing, expected a number and a name",
        ),
        (
            [IN_PROGRESS, message("RECOGNITION-COMPLETE 1 COMPLETE", ID, "Completion-Cause: success")],
            "Completion-Cause: got 'success', expected a number and a name",
        ),
        (
            [IN_PROGRESS, message("RECOGNITION-COMPLETE 1 IN-PROGRESS", ID, "Completion-Cause: 002 no-input-timeout")],
            "expected state COMPLETE",
        ),
        (
            [IN_PROGRESS, message("RECOGNITION-COMPLETE 1 COMPLETE", ID, "Completion-Cause: 000 success")],
            "000 success without a result",
        ),
        ([IN_PROGRESS, COMPLETE, COMPLETE], "RECOGNITION-COMPLETE 1 COMPLETE for RECOGNIZE 1, which was over"),
        ([IN_PROGRESS, message("SPEAK-COMPLETE 1 COMPLETE", ID)], "SPEAK-COMPLETE 1 COMPLETE: no event of RECOGNIZE"),
    ],
)
def test_messages_that_come_wrong(told: list[bytes], text: str):
    assert text in violation(recognizing(), *told)


@pytest.mark.parametrize(
    ("media_type", "body", "text"),
    [
        ("text/plain", RESULT, "Content-Type: got 'text/plain', expected application/nlsml+xml or application/x-nlsml"),
        ("application/x-nlsml", b"<result>", "NLSML: not well-formed XML"),
        (
            "application/x-nlsml",
            RESULT.replace(b'grammar="builtin:speech/pin" ', b""),
            "an interpretation without grammar",
        ),
        ("application/x-nlsml", RESULT.replace(b'" confidence="0.97"><inst', b'"><inst'), "without confidence"),
    ],
)
def test_results_that_clients_cannot_use(media_type: str, body: bytes, text: str):
    event = message(
        "RECOGNITION-COMPLETE 1 COMPLETE",
        ID,
        "Completion-Cause: 000 success",
        f"Content-Type: {media_type}",
        body=body,
    )
    assert text in violation(recognizing(), IN_PROGRESS, event)


def test_the_sound_that_was_to_be_saved_has_a_field():
    channel = recognizing(Save_Waveform="true")
    assert "without Waveform-URI, which Save-Waveform asks for" in violation(channel, IN_PROGRESS, COMPLETE)


def test_hotword_mode_has_no_start_of_input():
    assert "in hotword mode" in violation(recognizing(Recognition_Mode="hotword"), IN_PROGRESS, STARTED)
    channel = ClientChannel(CHANNEL)
    channel.ask("SET-PARAMS", Headers.of(Recognition_Mode="hotword"))
    channel.ask("RECOGNIZE")
    started = message("START-OF-INPUT 2 IN-PROGRESS", ID, "Input-Type: speech", "Proxy-Sync-Id: 7")
    answers = message("1 200 COMPLETE", ID), message("2 200 IN-PROGRESS", ID)
    assert "in hotword mode" in violation(channel, *answers, started)


def test_stop_lists_what_it_ended_and_nothing_comes_after_it():
    channel = recognizing()
    channel.ask("STOP")
    take(channel, IN_PROGRESS, message("2 200 COMPLETE", ID, "Active-Request-Id-List: 1"))
    assert violation(channel, STARTED) == "START-OF-INPUT 1 IN-PROGRESS after the STOP that ended request 1"


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ((), "Active-Request-Id-List holds nothing, expected 1"),
        (("Active-Request-Id-List: 1,3",), "Active-Request-Id-List holds 1, 3, expected 1"),
        (("Active-Request-Id-List: all",), "Active-Request-Id-List: got 'all', expected request-ids"),
    ],
)
def test_stop_lists_no_less_and_no_more(listed: tuple[str, ...], text: str):
    channel = recognizing()
    channel.ask("STOP")
    assert text in violation(channel, IN_PROGRESS, message("2 200 COMPLETE", ID, *listed))


def test_a_recognition_that_ends_just_before_stop_is_in_order():
    channel = recognizing()
    channel.ask("STOP")
    take(channel, IN_PROGRESS, COMPLETE, message("2 200 COMPLETE", ID))


@given(st.lists(st.integers(1, 200), max_size=8))
def test_chunking_changes_nothing(sizes: list[int]):
    octets = IN_PROGRESS + STARTED + COMPLETE
    reader, found, at = StrictReader(), [], 0
    for size in [*sizes, len(octets)]:
        found += reader.feed(octets[at : at + size])
        at += size
    assert found == StrictReader().feed(octets)
    assert reader.pending == 0


@given(st.binary(max_size=300))
def test_any_octets_give_messages_or_a_violation(octets: bytes):
    try:
        StrictReader().feed(octets)
    except Violation as violation:
        assert "\n" not in str(violation)
