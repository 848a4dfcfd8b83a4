"""Calls that only stream, on both wires: what they cost a server, and what speaks against a number of them."""

import json
from pathlib import Path

import pytest
import trio

from h2b.asr.scripted import ALL_LANGUAGES, open_scripted
from h2b.cli.bench_caller import on_the_line, take_turn
from h2b.cli.bench_idle import Plan, Trial, run_trial
from h2b.cli.bench_mrcp import MRCP, WEBSOCKET, calling, chunk_of, dialling
from h2b.cli.bench_server import Server, Usage
from h2b.cli.bench_streams import Heard, PacketLog, open_streams
from h2b.config import Configuration, MrcpSettings, ServerSettings
from h2b.model.errors import H2BError
from h2b.server.app import make_setting, serve
from tests.cli.running import run
from tests.cli.test_bench_calls import spoken

ENDED = {"event": "rtp_ended", "packets": {"received": 50, "late": 1, "jitter_seconds": 0.002}}
PACKET = 160


def a_trial(**what) -> Trial:
    trial = Trial(10, Plan(waiting=False, seconds=10, period_s=0.02), seconds=10.0, sent=5000, sent_in_all=6000)
    trial.answers_ms, trial.late_ms = [1.0] * 10, [0.5] * 10
    trial.heard = Heard(received=6000)
    for name, value in what.items():
        setattr(trial, name, value)
    return trial


def test_a_trial_passes_when_all_came_and_answers_are_quick():
    assert a_trial().why_not == []
    assert a_trial(heard=None).why_not == []


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"answers_ms": []}, "no answer came"),
        ({"answers_ms": [80.0] * 9}, "p95 of the time to an answer is 80 ms"),
        ({"heard": Heard(received=5990)}, "10 of 6000 packets were lost"),
        ({"heard": Heard(received=6000, late=7)}, "7 of 6000 packets came too late"),
        ({"broken": ["no places", "no places"]}, "no places"),
        ({"late_ms": [12.0]}, "the callers were late themselves (p95 12 ms): this says nothing of the server"),
    ],
)
def test_a_failed_trial_says_why(what, why):
    assert a_trial(**what).why_not == [why]


def test_the_cost_is_that_of_a_call_and_of_a_message():
    trial = a_trial()
    trial.before = {"server": Usage(1.0, 5000 * 1024, 1), "empty": Usage(0.5, 4000 * 1024, 1)}
    trial.after = {"server": Usage(1.5, 5000 * 1024, 1)}
    told = trial.as_json()
    assert (told["cores"], told["us_each"], told["calls_a_core"], told["kb_a_call"]) == (0.05, 100.0, 200, 100)
    assert (told["lost"], told["passed"]) == (0, True)


async def test_what_the_server_says_is_read_however_it_is_cut(autojump_clock):
    log = PacketLog()
    octets = b"".join(json.dumps(line).encode() + b"\n" for line in (ENDED, {"event": "call_ended"}, ENDED))
    for at in range(len(octets)):
        log.feed(octets[at : at + 1])
    assert await log.take(2) == Heard(100, 2, 0.002, 2)
    with pytest.raises(H2BError, match="the server told of 0 of 1 calls"):
        await log.take(1)


def test_packets_are_of_20_ms():
    assert (chunk_of(MRCP, 480), chunk_of(WEBSOCKET, 480)) == (PACKET, 480)


async def test_what_is_no_sip_uri_cannot_be_called():
    with pytest.raises(H2BError, match="ws://x: expected sip:HOST:PORT"):
        async with calling(Server("ws://x")):
            pass


class Serving:
    """A server in this process, on both wires, that hears "four seven one two"."""

    def __init__(self, tmp_path: Path) -> None:
        self.mrcp = MrcpSettings(sip="127.0.0.1:0", mrcp="127.0.0.1:0", rtp_ports="41000-41999")
        self.urls: dict[str, str] = {}

    async def run(self, shutdown, task_status):
        configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0", drain_s=1), mrcp=self.mrcp)
        setting = make_setting(configuration, ALL_LANGUAGES)

        def announce(line: str) -> None:
            words = dict(word.split("=", 1) for word in line.split()[1:])
            self.urls |= {WEBSOCKET: words["websocket"], MRCP: f"sip:{words['sip']}"}

        async with open_scripted(lambda request, samples: "four seven one two") as recogniser:
            await serve(configuration, setting, recogniser, shutdown, announce=announce, task_status=task_status)


@pytest.mark.parametrize("wire", [WEBSOCKET, MRCP])
@pytest.mark.parametrize("waiting", [False, True])
async def test_calls_stream_on_both_wires(tmp_path, wire, waiting):
    shutdown, serving = trio.Event(), Serving(tmp_path)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(serving.run, shutdown)
            server = Server(serving.urls[wire])
            plan = Plan(waiting=waiting, seconds=1, period_s=0.02)
            async with open_streams(wire, server, PACKET, spoken()) as streams:
                trial = await run_trial(plan, streams, server, 3, None)
            shutdown.set()
    assert not trial.broken
    assert trial.sent > 3 * 25
    assert trial.answers_ms
    told = trial.as_json()
    assert (told["calls"], told["cores"], told["lost"]) == (3, None, None)


async def test_a_call_by_mrcp_is_measured_as_one_by_websocket(tmp_path):
    shutdown, serving = trio.Event(), Serving(tmp_path)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(serving.run, shutdown)
            async with dialling(MRCP, Server(serving.urls[MRCP])) as dial, on_the_line(dial, PACKET) as line:
                turn = await take_turn(line, spoken(), 0.3)
            shutdown.set()
    assert turn.cause == "Success"
    assert turn.added_ms is not None
    assert turn.added_ms > 0


def test_help_names_both_wires():
    outcome = run("bench", "idle", "--help")
    assert "--wire" in outcome.stdout
    assert "[websocket|mrcp]" in outcome.stdout
