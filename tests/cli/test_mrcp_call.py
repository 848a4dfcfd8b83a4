"""`h2b mrcp call` against a server that a test scripts: what it tells, exit codes, captures and summaries."""

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import trio
from click.testing import Result

from h2b.audio.files import write_wav
from h2b.cli.mrcp_load import Spread
from h2b.cli.mrcp_recognition import parameter_fields, speech_end
from h2b.telephony.rtp_events import parse_event
from h2b.wire.mrcptext import MrcpRequest
from tests.cli.mrcp_peer import RESULT, Peerless, ScriptedServer, message
from tests.cli.running import run, sound
from tests.protocol.line import silence, voice

GRAMMAR = "builtin:speech/pin"


def recognises(call: Peerless, request: MrcpRequest) -> list[bytes] | None:
    """A server that hears four seven one two."""
    own = f"Channel-Identifier: {call.channel}"
    number = request.request_id
    match request.method:
        case "RECOGNIZE":
            return [
                message(f"{number} 200 IN-PROGRESS", own),
                message(f"START-OF-INPUT {number} IN-PROGRESS", own, "Input-Type: speech", "Proxy-Sync-Id: 1"),
                message(
                    f"RECOGNITION-COMPLETE {number} COMPLETE",
                    own,
                    "Completion-Cause: 000 success",
                    "Content-Type: application/nlsml+xml",
                    body=RESULT,
                ),
            ]
        case "GET-PARAMS":
            return [message(f"{number} 200 COMPLETE", own, "Speech-Complete-Timeout: 700")]
    return [message(f"{number} 200 COMPLETE", own, "Completion-Cause: 000 success")]


def ends_with(cause: str) -> Callable[[Peerless, MrcpRequest], list[bytes] | None]:
    def answer(call: Peerless, request: MrcpRequest) -> list[bytes] | None:
        if request.method != "RECOGNIZE":
            return recognises(call, request)
        own = f"Channel-Identifier: {call.channel}"
        first = message(f"{request.request_id} 200 IN-PROGRESS", own)
        last = message(f"RECOGNITION-COMPLETE {request.request_id} COMPLETE", own, f"Completion-Cause: {cause}")
        return [first, last]

    return answer


@contextmanager
def serving(
    answer: Callable[[Peerless, MrcpRequest], list[bytes] | None], **attributes: object
) -> Iterator[ScriptedServer]:
    """A scripted server in a thread: the command under test has the event loop of its own."""
    server = ScriptedServer(answer, **attributes)
    ready, stop = threading.Event(), trio.Event()
    token: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve)
            token.append(trio.lowlevel.current_trio_token())
            ready.set()
            await stop.wait()
            nursery.cancel_scope.cancel()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        token[0].run_sync_soon(stop.set)
        thread.join(10)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    write_wav(tmp_path / "answer.wav", sound(silence(0.1) + voice(0.4)))
    return str(tmp_path / "answer.wav")


def call(server: ScriptedServer, *arguments: str) -> Result:
    return run("mrcp", "call", *arguments, "--server", server.uri)


def told(output: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition("  ") for line in output.splitlines())}


def test_a_match_is_told_with_its_value_and_times(recording):
    with serving(recognises) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert result.exit_code == 0, result.output
    fields = told(result.output)
    assert fields["cause"] == "000 success"
    assert fields["value"] == '"4712"'
    assert fields["confidence"] == "0.97"
    assert fields["grammar"] == GRAMMAR
    assert fields["transcript"] == "four seven one two"
    assert fields["answered"].endswith("ms after INVITE, sound as PCMU")
    assert fields["began"].endswith("s after RECOGNIZE (START-OF-INPUT)")
    assert fields["ended"].startswith("0.0")
    assert fields["channel"] == "0000000000000000@speechrecog"
    assert server.ended


def test_the_call_goes_as_those_of_other_clients_go(recording):
    with serving(recognises) as server:
        call(server, recording, "-g", GRAMMAR, "-g", "builtin:dtmf/digits", "--set", "no_input_timeout=4000")
    (seen,) = server.calls
    assert [request.method for request in seen.requests] == ["GET-PARAMS", "RECOGNIZE"]
    asked = seen.requests[1]
    assert asked.headers.get("Content-Type") == "text/uri-list"
    assert asked.headers.get("Cancel-If-Queue") == "false"
    assert asked.headers.get("No-Input-Timeout") == "4000"
    assert asked.body == f"{GRAMMAR}\r\nbuiltin:dtmf/digits\r\n".encode()


def test_grammars_in_files_are_defined_first(recording, tmp_path):
    menu = tmp_path / "my menu.grxml"
    menu.write_text("<grammar/>")
    with serving(recognises) as server:
        assert call(server, recording, "-g", str(menu)).exit_code == 0
    defined, asked = server.calls[0].requests[1:]
    assert (defined.method, defined.body) == ("DEFINE-GRAMMAR", b"<grammar/>")
    assert defined.headers.get("Content-Type") == "application/srgs+xml"
    assert asked.body == f"session:{defined.headers.get('Content-Id')}\r\n".encode()


@pytest.mark.parametrize(("codec", "number", "octets"), [("pcmu", 0, 160), ("pcma", 8, 160), ("l16", 96, 320)])
def test_sound_goes_in_packets_of_20_ms(recording, codec, number, octets):
    def waits(peer: Peerless, request: MrcpRequest) -> list[bytes] | None:
        answers = recognises(peer, request)
        return answers[:1] if answers else None

    with serving(waits) as server:
        result = call(server, recording, "-g", GRAMMAR, "--codec", codec, "--patience", "0.3")
    assert result.exit_code == 1
    assert result.output == "h2b: no RECOGNITION-COMPLETE within 0.8 s\n"
    packets = server.calls[0].packets
    assert len(packets) == 25
    assert {(packet.payload_type, len(packet.payload)) for packet in packets} == {(number, octets)}
    assert [packet.sequence for packet in packets] == list(range(1, 26))
    assert [packet.marker for packet in packets] == [True] + [False] * 24


def test_keys_go_as_telephone_events():
    def waits(peer: Peerless, request: MrcpRequest) -> list[bytes] | None:
        return (recognises(peer, request) or [])[:1]

    with serving(waits) as server:
        call(server, "-g", "builtin:dtmf/digits", "--keys", "1#", "--patience", "0.1")
    packets = server.calls[0].packets
    assert {packet.payload_type for packet in packets} == {101}
    events = [parse_event(packet.payload) for packet in packets]
    assert [event.code for event in events if event and event.ended] == [1, 1, 1, 11, 11, 11]
    assert len({packet.timestamp for packet in packets}) == 2


def test_json_is_one_object(recording):
    with serving(recognises) as server:
        result = call(server, recording, "-g", GRAMMAR, "--json")
    found = json.loads(result.output)
    assert (found["cause"], found["value"], found["confidence"]) == ("000 success", "4712", 0.97)
    assert found["transcript"] == "four seven one two"
    assert found["seconds"].keys() >= {"answered", "recognize", "start_of_input", "complete"}


@pytest.mark.parametrize("cause", ["001 no-match", "002 no-input-timeout", "006 recognizer-error"])
def test_another_cause_ends_with_code_3(recording, cause):
    with serving(ends_with(cause)) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert (result.exit_code, told(result.output)["cause"]) == (3, cause)


def test_a_violation_fails_the_call_with_its_text(recording):
    with serving(ends_with("success")) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert result.exit_code == 1
    assert result.output == (
        "h2b: RECOGNITION-COMPLETE 2 COMPLETE: Completion-Cause: got 'success', expected a number and a name\n"
    )


def test_a_server_that_closes_the_connection_is_told(recording):
    with serving(lambda peer, request: None) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert (result.exit_code, result.output) == (1, "h2b: the server closed the control connection\n")


def test_a_server_that_refuses_the_call_is_told(recording):
    with serving(recognises, refusal=503) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert result.exit_code == 1
    assert result.output.startswith("h2b: the server refused the call: 503 Service Unavailable (399 ")


def test_a_call_without_the_password_is_told_where_it_goes(recording):
    with serving(recognises, refusal=401) as server:
        result = call(server, recording, "-g", GRAMMAR)
    told = "the server refused the call: 401 Unauthorized (expected --user, and the password in H2B_SIP_PASSWORD)"
    assert (result.exit_code, result.output) == (1, f"h2b: {told}\n")


def test_a_server_is_found_by_its_name(recording):
    with serving(recognises) as server:
        arguments = ["-g", GRAMMAR, "--server", server.uri.replace("127.0.0.1", "localhost")]
        assert run("mrcp", "call", recording, *arguments).exit_code == 0


def test_nobody_at_the_other_end_is_told(recording, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        result = run("mrcp", "call", recording, "-g", GRAMMAR, "--server", f"sip:{place}", "--transport", "tcp")
    assert (result.exit_code, result.output) == (1, f"h2b: nobody listens at {place}\n")
    result = run("mrcp", "call", recording, "-g", GRAMMAR, "--server", "sip:nowhere.invalid")
    assert result.exit_code == 1
    assert result.output.startswith("h2b: nowhere.invalid:5060 cannot be called: ")


def test_a_bye_without_an_answer_is_told(recording, monkeypatch):
    monkeypatch.setattr("h2b.cli.mrcp_client.GOODBYE_S", 0.1)
    with serving(recognises, goodbye=False) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert (result.exit_code, result.output) == (1, "h2b: no answer to BYE within 0.1 s\n")


def test_a_request_without_an_answer_is_told(recording, monkeypatch):
    monkeypatch.setattr("h2b.cli.mrcp_session.RESPONSE_S", 0.1)
    with serving(lambda peer, request: []) as server:
        result = call(server, recording, "-g", GRAMMAR)
    assert (result.exit_code, result.output) == (1, "h2b: no response to GET-PARAMS 1 within 0.1 s\n")


def test_a_refused_grammar_is_told_with_its_cause(recording, tmp_path):
    def refuses(peer: Peerless, request: MrcpRequest) -> list[bytes] | None:
        if request.method != "DEFINE-GRAMMAR":
            return recognises(peer, request)
        own = f"Channel-Identifier: {peer.channel}"
        cause = "Completion-Cause: 005 grammar-compilation-failure"
        return [message(f"{request.request_id} 407 COMPLETE", own, cause, 'Completion-Reason: "line 1"')]

    (tmp_path / "menu.gram").write_text("#ABNF 1.0;")
    with serving(refuses) as server:
        result = call(server, recording, "-g", str(tmp_path / "menu.gram"))
    assert result.exit_code == 1
    assert result.output == (
        'h2b: DEFINE-GRAMMAR menu-1@h2b was refused: 407 (005 grammar-compilation-failure, "line 1")\n'
    )


def test_a_capture_of_the_call_can_be_traced(recording, tmp_path):
    capture = str(tmp_path / "call.pcap")
    with serving(recognises) as server:
        assert call(server, recording, "-g", GRAMMAR, "--capture", capture).exit_code == 0
    lines = run("mrcp", "trace", capture).output.splitlines()
    ladder = [line.split(" s  ")[1] for line in lines if " s  " in line]
    assert ladder[0].startswith("→  SIP   INVITE sip:127.0.0.1:")
    assert "←  SIP   200 OK (INVITE)" in ladder
    assert "→  MRCP  RECOGNIZE 2" in ladder
    assert "←  MRCP  START-OF-INPUT 2 IN-PROGRESS" in ladder
    assert "←  MRCP  RECOGNITION-COMPLETE 2 COMPLETE" in ladder
    assert ladder[-1] == "←  SIP   200 OK (BYE)"
    assert any('value "4712" 0.97, “four seven one two”' in line for line in lines)


def test_many_calls_are_summed_up(recording):
    with serving(recognises) as server:
        result = call(server, recording, "-g", GRAMMAR, "--calls", "6", "--rate", "100")
    assert result.exit_code == 0, result.output
    assert len(server.ended) == 6
    fields = told(result.output)
    assert fields["completed"] == "6"
    assert fields["failed"] == "0"
    assert fields["000 success"] == "6"
    assert fields['"4712"'] == "6"


def test_a_summary_as_json_tells_failures_by_their_text(recording):
    with serving(ends_with("success")) as server:
        result = call(server, recording, "-g", GRAMMAR, "--calls", "3", "--rate", "100", "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["completed"], found["failed"]) == (0, 3)
    ((text, count),) = found["failures"].items()
    assert (count, "Completion-Cause: got 'success'" in text) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-g", "x"], "nothing to say: expected AUDIO, --keys or both"),
        (["-g", "x", "--keys", "12x"], "invalid value for '--keys': got 'X', expected keys of 0123456789*#ABCD"),
        (
            ["-g", "x", "--set", "no_input_timout=1"],
            "unknown parameter 'no_input_timout' (nearest: 'no_input_timeout')",
        ),
        (["-g", "x", "--set", "no_input_timeout=soon"], "no_input_timeout: got 'soon', expected an integer"),
        (["-g", "x", "--set", "loud"], "got 'loud', expected name=value"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments, line):
    result = run("mrcp", "call", *arguments, "--server", "sip:127.0.0.1:1")
    assert result.exit_code == 2
    assert line in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("server", ["127.0.0.1:5060", "tel:123", "http://127.0.0.1"])
def test_a_server_is_named_by_a_sip_uri(server):
    result = run("mrcp", "call", "-g", "x", "--keys", "1", "--server", server)
    assert result.exit_code == 2
    assert result.output.startswith("h2b mrcp call: invalid value for '--server': ")


def test_parameters_become_header_fields():
    fields = parameter_fields({"speech_nomatch_timeout": "900", "n_best_list_length": "3", "Save-Waveform": "true"})
    assert dict(fields) == {
        "N-Best-List-Length": "3",
        "Save-Waveform": "true",
        "Vendor-Specific-Parameters": "Speech-Nomatch-Timeout=900",
    }


def test_the_end_of_speech_is_found_where_it_is():
    samples = sound(silence(0.5) + voice(1.0) + silence(1.0))
    assert speech_end(samples) == pytest.approx(1.5 * 8000, abs=800)
    assert speech_end(sound(silence(1.0))) == 0
    assert speech_end(np.zeros(0, np.int16)) == 0


def test_spreads_are_times_that_were_measured():
    assert Spread.of([]) == Spread()
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0, 1)
    spread = Spread.of([float(time) for time in range(1, 101)])
    assert (spread.p50, spread.p95, spread.longest, spread.count) == (50.0, 95.0, 100.0, 100)
    assert math.isfinite(spread.p50)
