"""The HTTP side by hand: health, readiness, metrics, and what the token endpoint refuses."""

import os
import re
import signal
import socket
import struct
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
import trustme
from mrcpserver import open_files
from operating import Certificates, Clients, a_server, ask, get, post, some_clients, upgrade
from prometheus_client.parser import text_string_to_metric_families
from sound import UTTERANCE, silence
from structlog.testing import capture_logs
from wsclient import a_client

from h2b.asr.pool import PoolStatistics, open_pool
from h2b.asr.scripted import open_scripted
from h2b.config import AsrSettings
from h2b.protocol.session import Setting
from h2b.server.http import MAXIMUM_FORM
from h2b.server.metrics import CallStatistics, Gauges, Metrics, grammar_label
from h2b.server.notify import keep_watchdog, notify, watchdog_s
from h2b.server.operations import readiness

TOKEN = "/realms/uhlive/protocol/openid-connect/token"


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    return some_clients(tmp_path)


async def test_health_and_readiness(setting: Setting) -> None:
    async with a_server(setting, maximum_connections=1) as server:
        health = await get(server, "/healthz")
        assert (health.status, health.json["alive"]) == (200, True)
        ready = await get(server, "/readyz")
        assert (ready.status, ready.json) == (200, {"ready": True, "reasons": [], "connections": 0, "sessions": 0})
        async with a_client(server.websocket) as client:
            await client.ask("OPEN", "OPENED")
            full = await get(server, "/readyz")
            assert (full.status, full.json["reasons"], full.json["sessions"]) == (503, ["too many connections"], 1)


async def test_a_server_that_drains_says_so_until_its_last_call_is_over(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.websocket) as client:
        await client.begin(no_input_timeout=600_000)
        server.shutdown.set()
        draining = await get(server, "/readyz")
        assert (draining.status, draining.json["reasons"]) == (503, ["the server is shutting down"])
        assert (await get(server, "/healthz")).status == 200
        assert await client.closed_with() == 1001


def test_without_a_living_process_nothing_is_ready() -> None:
    def pool(alive: int) -> PoolStatistics:
        return PoolStatistics(
            workers=2, alive=alive, free=0, waiting=3, deaths=1, unanswered=0, decode_s=1.0, audio_s=4.0
        )

    assert readiness(Gauges(pool=lambda: pool(1)), 10).reasons == ()
    dead = readiness(Gauges(pool=lambda: pool(0)), 10)
    assert dead.reasons == ("no recognising process is alive",)
    assert dead.facts["utterances_waiting"] == 3


async def test_the_http_side_is_off_unless_it_is_asked_for(setting: Setting) -> None:
    async with a_server(setting, http="") as server:
        assert re.fullmatch(r"ready websocket=ws://127\.0\.0\.1:\d+/bots", server.announced)


# Metrics


def samples(text: bytes) -> dict[str, float]:
    """Every sample, by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def test_metrics_count_recognitions_by_grammar_and_cause_and_name_no_caller(setting: Setting) -> None:
    async with (
        open_scripted(["yes"]) as recogniser,
        a_server(setting, recogniser) as server,
        a_client(server.websocket) as client,
    ):
        await client.ask("OPEN", "OPENED", custom_id="caller-0612345678", session_id="call-77")
        await client.ask("SET-PARAMS", "PARAMS-SET", speech_complete_timeout=300)
        await client.ask("DEFINE-GRAMMAR", "GRAMMAR-DEFINED", "builtin:speech/boolean", content_id="secret")
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", no_input_timeout=20)
        await client.expect("RECOGNITION-COMPLETE")
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "session:secret")
        during = samples((await get(server, "/metrics")).body)
        await client.websocket.send_message(UTTERANCE + silence(0.5))
        await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        answer = await get(server, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    after = samples(answer.body)
    assert during["h2b_recognitions_active{}"] == 1
    assert after["h2b_recognitions_active{}"] == 0
    assert after["h2b_sessions{}"] == after["h2b_connections{}"] == 1
    timeout = "cause=NoInputTimeout,ended_by=result,grammar=builtin:speech/boolean"
    assert after[f"h2b_recognitions_total{{{timeout}}}"] == 1
    assert after["h2b_recognitions_total{cause=Success,ended_by=result,grammar=session}"] == 1
    assert after["h2b_result_delay_seconds_count{grammar=session}"] == 1
    for secret in (b"0612345678", b"call-77", b"secret", b"yes"):
        assert secret not in answer.body


async def test_a_refusal_is_counted_by_its_reason(setting: Setting, clients: Clients) -> None:
    async with a_server(setting, access=clients.access) as server:
        await ask(server.address, upgrade("/nowhere"))
        await ask(server.address, upgrade())
        await post(server, TOKEN, b"grant_type=client_credentials&client_id=bot&client_secret=wrong")
        found = samples((await get(server, "/metrics")).body)
    assert found["h2b_refusals_total{why=path}"] == found["h2b_refusals_total{why=token}"] == 1
    assert found["h2b_token_requests_total{outcome=invalid_client}"] == 1


async def test_a_refused_request_is_told_in_the_log_and_counted(setting: Setting) -> None:
    with capture_logs() as lines:
        async with a_server(setting) as server, a_client(server.websocket) as client:
            await client.ask("OPEN", "OPENED")
            await client.ask("RECOGNIZE", "METHOD-FAILED", "builtin:speech/bolean")
            await client.ask("RECOGNIZE", "METHOD-FAILED", "builtin:speech/bolean")
            await client.ask("SET-PARAMS", "INVALID-PARAM-VALUE", no_input_timeout=-1)
            found = samples((await get(server, "/metrics")).body)
    first, *_ = told = [line for line in lines if line["event"] == "request_refused"]
    assert (first["log_level"], first["method"], first["cause"]) == ("warning", "RECOGNIZE", "GramLoadFailure")
    assert first["reason"].startswith("unknown grammar 'builtin:speech/bolean'")
    assert first["channel_id"]
    # One a second of each kind, and how many it stands for.
    assert [line.get("count") for line in told if line["method"] == "RECOGNIZE"] == [None, 1]
    assert found["h2b_requests_refused_total{cause=GramLoadFailure,method=RECOGNIZE}"] == 2
    assert found["h2b_requests_refused_total{cause=INVALID-PARAM-VALUE,method=SET-PARAMS}"] == 1


def test_what_the_pool_knows_is_shown() -> None:
    pool = PoolStatistics(workers=2, alive=2, free=1, waiting=3, deaths=1, unanswered=4, decode_s=1.5, audio_s=6.0)
    found = samples(Metrics(Gauges(pool=lambda: pool, usage_spool=lambda: 7)).text())
    assert found["h2b_workers_busy{}"] == 1
    assert found["h2b_worker_deaths_total{}"] == 1
    assert found["h2b_decode_seconds_total{}"] / found["h2b_decoded_audio_seconds_total{}"] == 0.25
    assert found["h2b_usage_spool_records{}"] == 7


def test_calls_are_counted_by_how_they_ended_and_name_no_caller() -> None:
    without = samples(Metrics().text())
    assert not [name for name in without if "call" in name or "rtp" in name]
    calls = CallStatistics(
        calls=2,
        connections=1,
        ended={"hung_up": 3, "session_expired": 0},
        refused={503: 4},
        packets={"received": 5, "lost": 6},
    )
    found = samples(Metrics(Gauges(calls=lambda: calls)).text())
    assert (found["h2b_calls{}"], found["h2b_control_connections{}"]) == (2, 1)
    assert found["h2b_calls_ended_total{how=hung_up}"] == 3
    assert found["h2b_calls_ended_total{how=session_expired}"] == 0
    assert found["h2b_call_refusals_total{status=503}"] == 4
    assert found["h2b_rtp_packets_total{kind=lost}"] == 6


@pytest.mark.parametrize(
    ("uri", "label"),
    [
        ("builtin:speech/spelling/digits?regex=[0-9]{4}", "builtin:speech/spelling/digits"),
        ("builtin:grammar/x#rule", "builtin:grammar/x"),
        ("session:0612345678", "session"),
        ("http://x/y", "session"),
        ("", "-"),
    ],
)
def test_labels_are_few(uri: str, label: str) -> None:
    assert grammar_label(uri) == label


# Tokens


def refusal(answer: object) -> tuple[int, str]:
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    return answer.status, answer.json["error"]


async def test_tokens_are_given_and_refused_as_the_standard_says(setting: Setting, clients: Clients) -> None:
    good = f"grant_type=client_credentials&client_id=bot&client_secret={clients.secret}".encode()
    async with a_server(setting, access=clients.access) as server:
        answer = await post(server, TOKEN.replace("uhlive", "any"), good)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json["token_type"] == "Bearer"
        assert answer.json["expires_in"] == 300
        wrong = await post(server, TOKEN, good[:-1])
        assert refusal(wrong) == (401, "invalid_client")
        assert wrong.headers["www-authenticate"] == 'Basic realm="h2b"'
        assert refusal(await post(server, TOKEN, b"")) == (400, "invalid_request")
        assert refusal(await post(server, TOKEN, good, Content_Type="text/plain")) == (400, "invalid_request")
        assert refusal(await post(server, TOKEN, b"x" * (MAXIMUM_FORM + 1))) == (413, "invalid_request")
        assert refusal(await post(server, TOKEN, b"grant_type=x&client_id=y")) == (400, "unsupported_grant_type")
        assert (await get(server, TOKEN)).status == 405


async def test_a_store_that_cannot_be_read_is_not_the_clients_fault(setting: Setting, clients: Clients) -> None:
    clients.store.path.write_bytes(b"no database" * 1000)
    async with a_server(setting, access=clients.access) as server:
        body = b"grant_type=client_credentials&client_id=bot&client_secret=x"
        assert refusal(await post(server, TOKEN, body)) == (500, "server_error")
        answer = await ask(server.address, upgrade(Authorization="bearer x"))
        assert answer.status == 503


async def test_where_everybody_may_connect_there_are_no_tokens(setting: Setting) -> None:
    async with a_server(setting) as server:
        assert (await post(server, TOKEN, b"grant_type=client_credentials")).status == 404


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
        b"POST " + TOKEN.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
        b"GET /bots HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    ],
    ids=["tls", "endless headers", "half a body", "websocket and one byte", "broken http2"],
)
async def test_who_speaks_it_badly_harms_nobody(setting: Setting, clients: Clients, said: bytes) -> None:
    async with a_server(setting, access=clients.access) as server:
        async with await trio.open_tcp_stream(*server.http_address) as stream:
            try:
                await stream.send_all(said)
                await stream.send_eof()
                while await stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        assert (await get(server, "/healthz")).status == 200


async def test_who_resets_the_connection_before_its_turn_harms_nobody(setting: Setting) -> None:
    async with a_server(setting) as server, a_client(server.websocket) as client:
        assert (await get(server, "/healthz")).status == 200
        before = open_files()
        for _ in range(20):
            # Without a checkpoint in between: the server accepts what is gone already.
            with socket.create_connection(server.http_address) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert (await get(server, "/healthz")).status == 200
        await client.ask("OPEN", "OPENED")
        while open_files() > before:
            await trio.lowlevel.checkpoint()


async def test_idle_and_deaf_clients_do_not_hold_up_the_end(setting: Setting, tmp_path: Path) -> None:
    certificates = Certificates(trustme.CA(), tmp_path)
    for tls in (None, certificates.open()):
        async with a_server(setting, tls=tls) as server, AsyncExitStack() as held:
            for said in (b"", b"GET /", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 2000):
                stream = await trio.open_tcp_stream(*server.http_address)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                held.push_async_callback(stream.aclose)
                if tls is not None:
                    own = trio.SSLStream(stream, certificates.trusting(), server_hostname="localhost")
                    await own.do_handshake()
                    with trio.move_on_after(0.3):
                        await own.send_all(said)
                else:
                    with trio.move_on_after(0.3):
                        await stream.send_all(said)
            server.shutdown.set()
            with trio.fail_after(5):
                await server.ended.wait()


async def test_an_idle_client_is_let_go_though_it_says_no_goodbye(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h2b.server.http.RECEIVE_S", 0.3)
    certificates = Certificates(trustme.CA(), tmp_path)
    async with (
        a_server(setting, tls=certificates.open()) as server,
        await trio.open_tcp_stream(*server.http_address) as stream,
    ):
        own = trio.SSLStream(stream, certificates.trusting(), server_hostname="localhost")
        await own.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await own.receive_some()).startswith(b"HTTP/1.1 200 ")
        while await stream.receive_some():
            pass


# The service manager


async def test_the_service_manager_is_told(tmp_path: Path, autojump_clock: object) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        notify("READY=1", {"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"READY=1"
        abstract = f"@h2b-test-{tmp_path.name}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hidden:
            hidden.bind("\0" + abstract[1:])
            notify("STOPPING=1", {"NOTIFY_SOCKET": abstract})
            assert hidden.recv(100) == b"STOPPING=1"
    notify("READY=1", {})
    with trio.move_on_after(60) as forever:
        await keep_watchdog(0.0)
    assert not forever.cancelled_caught, "nobody asked for signs of life"


async def test_signs_of_life_come_as_often_as_asked(
    tmp_path: Path, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    monkeypatch.setattr("h2b.server.notify.notify", lambda state: told.append(trio.current_time()))
    with trio.move_on_after(9):
        await keep_watchdog(watchdog_s({"WATCHDOG_USEC": "10000000"}))
    assert told == [0.0, 5.0]


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert watchdog_s({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, pid=2) == 0.0
    assert watchdog_s({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "2"}, pid=2) == 5.0
    assert watchdog_s({}) == 0.0
    assert watchdog_s({"WATCHDOG_USEC": "soon"}) == 0.0


# With real processes


async def test_a_dead_process_is_seen_and_replaced(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with capture_logs() as lines:
        await watch_a_dying_process(setting, lines)


async def watch_a_dying_process(setting: Setting, lines: list) -> None:
    async with (
        open_pool(AsrSettings(workers=1), engine="telling_engine:load") as pool,
        a_server(setting, pool) as server,
        a_client(server.websocket) as client,
    ):
        await pool.ready()
        ready = await get(server, "/readyz")
        assert (ready.status, ready.json["workers"], ready.json["workers_alive"]) == (200, 1, 1)
        await client.begin(speech_complete_timeout=300)
        await client.websocket.send_message(UTTERANCE + silence(0.5))
        await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        found = samples((await get(server, "/metrics")).body)
        assert found["h2b_decoded_audio_seconds_total{}"] > 0.5
        assert found["h2b_decode_seconds_total{}"] > 0.0
        (ready_line,) = [line for line in lines if line["event"] == "worker_ready"]
        os.kill(ready_line["pid"], signal.SIGKILL)
        while (dead := await get(server, "/readyz")).status == 200:
            pass
        assert dead.json["reasons"] == ["no recognising process is alive"]
        while (await get(server, "/readyz")).status == 503:
            pass
        assert samples((await get(server, "/metrics")).body)["h2b_worker_deaths_total{}"] == 1
