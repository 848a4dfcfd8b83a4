"""Callers of benches: pace, the measure of a delay, trials and the search, on a virtual clock; then real sockets."""

import json
import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing
from attrs import define, field
from trio_websocket import ConnectionRejected

from h2b.asr.scripted import open_scripted
from h2b.cli import bench_latency, bench_load, bench_mrcp, bench_recordings, client
from h2b.cli.bench_caller import (
    SILENCE_S,
    Caller,
    Completion,
    Recording,
    dial_websocket,
    on_the_line,
    pauses_of,
    take_turn,
)
from h2b.cli.bench_latency import account_of, converse
from h2b.cli.bench_load import Plan, Trial, run_trial, search_largest
from h2b.cli.bench_server import Server, Usage, descendants, open_server, used_by
from h2b.cli.client import CallEnded
from h2b.config import Configuration, ServerSettings
from h2b.model.errors import H2BError
from h2b.model.formats import SAMPLE_RATE
from h2b.server.app import make_setting, serve
from tests.cli.running import run, sound
from tests.protocol.line import silence, voice

CHUNK = 480
CHUNK_S = CHUNK / SAMPLE_RATE
WORDS = np.full(SAMPLE_RATE, 1000, np.int16)
ANSWER = Recording(name="answer", language="en", grammar="builtin:x", samples=WORDS, pauses=(SAMPLE_RATE,))


@define
class Listener:
    """A server at the other end, without one: it answers when it has heard the silence, and takes some time more."""

    extra_s: float = 0.0
    cause: str = "Success"
    chunks: list[float] = field(factory=list)
    quiet: int | None = None
    """Samples since the last one of speech; None before it."""
    _asked: bool = False
    _answered: trio.Event = field(factory=trio.Event)

    async def recognize(self, recording: Recording) -> None:
        self._answered, self._asked, self.quiet = trio.Event(), True, None

    async def send(self, samples: np.ndarray) -> None:
        self.chunks.append(trio.current_time())
        # Silence of the line is zero, speech is not.
        spoken = np.flatnonzero(samples)
        if len(spoken):
            self.quiet = len(samples) - 1 - int(spoken[-1])
        elif self.quiet is not None:
            self.quiet += len(samples)
        if self._asked and self.quiet is not None and self.quiet >= SILENCE_S * SAMPLE_RATE:
            self._answered.set()

    async def completion(self) -> Completion:
        await self._answered.wait()
        await trio.sleep(self.extra_s)
        self._asked = False
        return Completion(cause=self.cause, at=trio.current_time(), engine="e", matched=self.cause == "Success")


def dialling(**of_listener):
    @asynccontextmanager
    async def dial() -> AsyncIterator[Caller]:
        yield Listener(**of_listener)

    return dial


async def test_chunks_leave_when_their_last_sample_is_spoken(autojump_clock):
    async with on_the_line(dialling(), CHUNK) as line:
        began = trio.current_time()
        await trio.sleep(10 * CHUNK_S + 0.001)
        assert line.caller.chunks == pytest.approx([began + (n + 1) * CHUNK_S for n in range(10)])
        assert max(line.late_ms) == pytest.approx(0.0, abs=1e-6)


async def test_words_are_spoken_after_the_quiet_in_whole_frames(autojump_clock):
    async with on_the_line(dialling(), CHUNK) as line:
        await trio.sleep(0.1)
        # One chunk has left: the next one begins at 60 ms, and half a second is 25 frames.
        assert line.say(WORDS, 0.505) == pytest.approx(line.began + CHUNK_S + 0.5)
        line.hush()
        await trio.sleep(2)
        assert line.caller.quiet is None


@pytest.mark.parametrize("extra_s", [0.0, 0.3])
async def test_the_delay_counts_from_the_end_of_the_silence(autojump_clock, extra_s):
    async with on_the_line(dialling(extra_s=extra_s), CHUNK) as line:
        turn = await take_turn(line, ANSWER, 0.5)
        # 0.5 + 1 + 0.8 s end 40 ms before a chunk of 60 ms does, the 39th.
        assert turn.added_ms == pytest.approx(40 + 1000 * extra_s)
        assert turn.server_ms == pytest.approx(1000 * extra_s)


async def test_a_result_at_a_pause_is_measured_from_that_pause(autojump_clock):
    halves = Recording(name="two", language="en", grammar="g", samples=WORDS, pauses=(SAMPLE_RATE, 3 * SAMPLE_RATE))
    async with on_the_line(dialling(), CHUNK) as line:
        turn = await take_turn(line, halves, 0.5)
        assert turn.added_ms == pytest.approx(40)


async def test_only_complete_answers_have_a_delay(autojump_clock):
    async with on_the_line(dialling(cause="NoMatch"), CHUNK) as line:
        turn = await take_turn(line, ANSWER, 0.5)
        assert (turn.cause, turn.added_ms, turn.server_ms) == ("NoMatch", None, None)


async def test_a_result_that_never_comes_is_lost(autojump_clock):
    async with on_the_line(dialling(extra_s=math.inf), CHUNK) as line:
        assert (await take_turn(line, ANSWER, 0.5)).cause == "lost: no result"


async def test_recordings_are_shared_among_the_calls(autojump_clock):
    turns, late_ms = await converse(dialling(), [ANSWER] * 5, 2, CHUNK)
    assert len(turns) == 5
    assert max(late_ms) < 0.001
    account = account_of(turns, late_ms)
    (group,) = account["groups"]
    assert (group["language"], group["engine"], group["added_ms"]["count"]) == ("en", "e", 5)
    assert len(group["curve_ms"]) == 101
    assert account["causes"] == {"Success": 5}


def plan(**of_listener) -> Plan:
    return Plan(dial=dialling(**of_listener), recordings=[ANSWER], duty=0.2, seconds=200.0, chunk=CHUNK)


NOBODY = Server("ws://nobody")


async def test_speech_is_so_much_of_the_time(autojump_clock):
    trial = await run_trial(plan(), NOBODY, 3)
    assert trial.seconds == pytest.approx(200.0)
    told = trial.as_json()
    assert told["speech_share"] == pytest.approx(0.2, abs=0.01)
    assert (told["passed"], told["turns"]) == (True, len(trial.turns))
    assert told["memory_mb"] == {}


async def test_late_results_fail_a_trial(autojump_clock):
    trial = await run_trial(plan(extra_s=0.3), NOBODY, 2)
    assert [why.partition(" is ")[0] for why in trial.why_not] == ["p95 of the added delay"]


async def test_errors_fail_a_trial(autojump_clock):
    trial = await run_trial(plan(cause="Error"), NOBODY, 1)
    assert trial.why_not == ["no complete answer came", f"{len(trial.turns)} ended with cause Error"]


async def test_a_call_that_cannot_be_placed_fails_a_trial(autojump_clock):
    @asynccontextmanager
    async def refused() -> AsyncIterator[Caller]:
        raise H2BError("no room")
        yield

    trial = await run_trial(Plan(dial=refused, recordings=[ANSWER], duty=0.2, seconds=5, chunk=CHUNK), NOBODY, 2)
    assert trial.why_not == ["no complete answer came", "no room"]


async def test_callers_that_are_late_themselves_say_nothing_of_the_server():
    trial = Trial(1, late_ms=[31.0] * 20)
    assert trial.why_not[-1].startswith("the callers were late themselves (p95 31 ms)")


@pytest.mark.parametrize(("bound", "found"), [(0, None), (4, None), (5, 5), (37, 35), (64, 60), (5000, 2000)])
async def test_the_search_finds_the_largest_number_to_a_tenth(bound, found):
    async def attempt(number: int) -> bool:
        return number <= bound

    largest = await search_largest(attempt, 5, 2000)
    assert largest == found or (
        found is not None and largest is not None and found * 0.9 <= largest <= min(bound, 2000)
    )


def test_cores_and_memory_are_differences_of_two_looks():
    trial = Trial(2, seconds=10.0, callers_cpu_s=1.0)
    trial.before = {"server": Usage(1.0, 0, 1), "workers": Usage(5.0, 0, 2)}
    trial.after = {"server": Usage(2.0, 100 * 2**20, 1), "workers": Usage(9.0, 500 * 2**20, 2)}
    told = trial.as_json()
    assert told["cores_used"] == {"server": 0.1, "workers": 0.4, "callers": 0.1}
    assert told["memory_mb"] == {"server": 100, "worker": 250}


# What the machine says


def test_the_processes_of_a_process_are_found_and_what_they_use():
    assert used_by([os.getpid()]).memory > 10 * 2**20
    assert used_by([os.getpid()]).cpu_s > 0
    assert used_by([2**22 + 1]) == Usage()
    assert os.getpid() in descendants(os.getppid()) or not Path(f"/proc/{os.getppid()}/task").exists()


def test_pauses_are_where_the_server_hears_them():
    samples = sound(silence(0.2) + voice(1.0) + silence(1.0) + voice(1.0) + silence(0.5))
    first, second = (at / SAMPLE_RATE for at in pauses_of(samples))
    assert first == pytest.approx(1.2, abs=0.15)
    assert second == pytest.approx(3.2, abs=0.15)
    assert pauses_of(sound(silence(1.0))) == ()


# Real sockets


@asynccontextmanager
async def scripted_server() -> AsyncIterator[str]:
    configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0"))
    async with open_scripted(lambda request, samples: "four seven one two") as recogniser, trio.open_nursery() as tasks:
        shutdown = trio.Event()
        setting = make_setting(configuration, recogniser.languages)
        yield await tasks.start(partial(serve, configuration, setting, recogniser, shutdown))
        shutdown.set()


def spoken() -> Recording:
    samples = sound(voice(0.6))
    digits = "builtin:speech/spelling/digits?length=4"
    return Recording(name="a", language="en", grammar=digits, samples=samples, pauses=pauses_of(samples))


async def test_a_call_over_a_real_websocket_is_measured():
    async with scripted_server() as url, on_the_line(partial(dial_websocket, url), CHUNK) as line:
        turn = await take_turn(line, spoken(), 0.3)
    assert (turn.cause, turn.engine) == ("Success", "scripted")
    assert turn.added_ms is not None
    assert -25 < turn.added_ms < 2000


async def test_a_grammar_the_server_does_not_have_is_told():
    async with scripted_server() as url, on_the_line(partial(dial_websocket, url), CHUNK) as line:
        wrong = Recording(name="a", language="en", grammar="builtin:nothing", samples=WORDS, pauses=(1,))
        assert "builtin:nothing" in (await take_turn(line, wrong, 0.3)).cause


async def test_a_server_that_is_not_there_is_told():
    with pytest.raises(H2BError, match=r"ws://127\.0\.0\.1:1"):
        async with dial_websocket("ws://127.0.0.1:1/bots"):
            pass


async def test_a_refused_connection_is_told(monkeypatch):
    @asynccontextmanager
    async def refuse(url):
        raise ConnectionRejected(503, (), b"")
        yield

    monkeypatch.setattr(client, "open_websocket_url", refuse)
    with pytest.raises(CallEnded, match=r"ws://full: the connection was refused .*503"):
        async with dial_websocket("ws://full"):
            pass


async def test_a_server_of_its_own_lives_as_long_as_it_is_called():
    async with open_server(None, languages=("en",), workers=1, configuration_file=None) as server:
        assert server.url.startswith("ws://127.0.0.1:")
        used = server.usage()
        assert used["workers"].processes == 1
        assert used["server"].memory > 0
        assert Path(f"/proc/{server.pid}").exists()
    assert not Path(f"/proc/{server.pid}").exists()


async def test_a_server_that_does_not_start_says_its_last_words(tmp_path):
    wrong = tmp_path / "h2b.toml"
    wrong.write_text("[asr]\nworkers = 'many'\n")
    with pytest.RaisesGroup(pytest.RaisesExc(H2BError, match="the server did not start: h2b: .*workers")):
        async with open_server(None, languages=("en",), workers=1, configuration_file=wrong):
            pass


# The verbs


def answering(monkeypatch, **of_listener) -> None:
    """The verbs call a listener, on a virtual clock."""

    @asynccontextmanager
    async def nobody(url, **settings):
        yield Server("ws://nobody", told="nobody")

    def run_at_once(what):
        return trio.run(what, clock=trio.testing.MockClock(autojump_threshold=0))

    for module in (bench_latency, bench_mrcp):
        monkeypatch.setattr(module, "dial_websocket", lambda url: dialling(**of_listener)())
    monkeypatch.setattr(bench_recordings, "recordings_of", lambda *options: [ANSWER])
    monkeypatch.setattr(bench_recordings, "open_server", nobody)
    for module in (bench_latency, bench_load):
        monkeypatch.setattr(module, "trio", type("Trio", (), {**vars(trio), "run": staticmethod(run_at_once)}))


def test_latency_tells_percentiles_and_writes_them(monkeypatch, tmp_path):
    answering(monkeypatch)
    done = run("bench", "latency", "--rounds", "4", "--json", str(tmp_path / "r.json"))
    assert done.exit_code == 0, done.output
    assert "4 Success" in done.output
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert found["kind"] == "latency"
    assert found["results"]["groups"][0]["server_ms"]["count"] == 4


def test_no_result_at_all_is_a_failure(monkeypatch):
    answering(monkeypatch, cause="NoMatch")
    assert run("bench", "latency").exit_code == 1


def test_load_searches_and_tells_the_largest(monkeypatch, tmp_path):
    answering(monkeypatch)
    monkeypatch.setattr(bench_load, "search_largest", partial(search_largest, most=4))
    options = ("--calls", "2", "--seconds", "100", "--find", "--json", str(tmp_path / "r.json"))
    done = run("bench", "load", *options)
    assert done.exit_code == 0, done.output
    assert "largest  4 calls at once" in done.output
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))["results"]
    assert [trial["calls"] for trial in found["trials"]] == [2, 4]


def test_a_load_that_is_too_much_is_a_failure(monkeypatch):
    answering(monkeypatch, extra_s=1.0)
    done = run("bench", "load", "--calls", "1", "--seconds", "100")
    assert done.exit_code == 1
    assert "failed" in done.output


@pytest.mark.parametrize(
    "options",
    [("-g", "builtin:x"), (str(Path(__file__)),), (str(Path(__file__)), "-g", "x", "--manifest", str(Path(__file__)))],
)
def test_what_is_spoken_must_be_clear(options):
    assert run("bench", "latency", *options).exit_code == 2


@pytest.mark.parametrize("verb", ["load", "latency"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/bots", "127.0.0.1:8080", "ws://", "ws://h:port/"])
def test_a_url_of_no_websocket_is_refused_in_one_line(verb: str, url: str) -> None:
    result = run("bench", verb, "--url", url)
    told = f"h2b bench {verb}: --url: got '{url}', expected one such as ws://127.0.0.1:8080/bots; "
    assert (result.exit_code, result.output) == (2, f"{told}see h2b bench {verb} --help\n")
