"""No session begins while the recogniser is busy; those that have begun go on, and their utterances are heard."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
import trio
from mrcpclient import a_phone
from mrcpserver import a_server as a_telephone
from operating import a_server, ask, get, upgrade
from sound import UTTERANCE, silence
from structlog.testing import capture_logs
from wsclient import a_client

from h2b.asr.pool import PoolStatistics
from h2b.asr.scripted import open_scripted
from h2b.config import LimitSettings
from h2b.protocol.session import Setting
from h2b.server import app, sip
from h2b.server.admission import CALM_S, Admission
from h2b.telephony.sip_effects import CallRefused

BUSY = "the recogniser is busy: come back later"


def pool(waited_s: float) -> PoolStatistics:
    return PoolStatistics(
        workers=1, alive=1, free=0, waiting=1, deaths=0, unanswered=0, decode_s=0.0, audio_s=0.0, waited_s=waited_s
    )


def test_sessions_begin_while_nobody_waits_long() -> None:
    mine = Admission(busy_s=1.0)
    assert not mine.judge(0.0, 0.0)
    assert not mine.judge(0.999, 1.0)
    assert mine.judge(1.0, 2.0)


def test_they_begin_again_when_waits_have_been_short_for_a_while() -> None:
    mine = Admission(busy_s=1.0)
    assert mine.judge(3.0, 10.0)
    assert mine.judge(0.0, 10.1), "one process was free for a moment"
    assert mine.judge(0.5, 12.0), "half as long is not short"
    assert mine.judge(0.0, 12.0 + CALM_S - 0.01)
    assert not mine.judge(0.0, 12.0 + CALM_S)
    assert not mine.judge(0.9, 12.0 + CALM_S), "the same waits are no reason to refuse again"


def test_who_was_not_asked_for_long_does_not_begin_to_count_then() -> None:
    mine = Admission(busy_s=1.0)
    assert mine.judge(3.0, 10.0)
    assert not mine.judge(0.0, 1000.0)


async def test_nought_lets_sessions_begin_always() -> None:
    assert Admission(busy_s=0.0, pool=lambda: pool(100.0)).may_begin()
    assert Admission(busy_s=1.0, pool=lambda: None).may_begin(), "a recogniser that nobody waits for"


async def test_each_refusal_is_counted_and_each_change_is_told_once(autojump_clock: object) -> None:
    waited, refused = [2.0], []
    mine = Admission(1.0, lambda: pool(waited[0]), lambda: refused.append(1))
    with capture_logs() as lines:
        assert [mine.may_begin() for _ in range(3)] == [False] * 3
        waited[0] = 0.0
        await trio.sleep(CALM_S)
        assert mine.may_begin()
    assert len(refused) == 3
    assert [line["event"] for line in lines] == ["busy", "busy_no_more"]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Says how long the first utterance in the queue has waited, of any recogniser."""
    waited = [0.0]
    monkeypatch.setattr(app, "statistics_of", lambda recogniser: lambda: pool(waited[0]))

    def say(seconds: float) -> None:
        waited[0] = seconds

    return say


async def test_a_busy_server_takes_no_client_and_no_session_and_goes_on_with_those_it_has(
    setting: Setting, wait: Callable[[float], None]
) -> None:
    async with (
        open_scripted(["yes"]) as recogniser,
        a_server(setting, recogniser, limits={"busy_s": 1.0}) as server,
        a_client(server.websocket) as call,
        a_client(server.websocket) as idle,
    ):
        await call.ask("OPEN", "OPENED")
        assert (await get(server, "/readyz")).status == 200
        wait(1.5)
        refused = await ask(server.address, upgrade())
        assert (refused.status, refused.body) == (503, f"{BUSY}\n".encode())
        assert refused.headers["retry-after"] == "5"
        assert (await idle.ask("OPEN", "METHOD-FAILED"))["completion_reason"] == BUSY
        ready = await get(server, "/readyz")
        assert (ready.status, ready.json["reasons"]) == (503, [BUSY])
        metrics = (await get(server, "/metrics")).body
        assert b'h2b_refusals_total{why="busy"} 2.0' in metrics
        assert b"h2b_busy 1.0" in metrics
        await call.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_complete_timeout=300)
        await call.websocket.send_message(UTTERANCE + silence(0.5))
        done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert done["completion_cause"] == "Success"


async def test_calls_by_sip_begin_again_when_the_server_is_no_longer_busy(setting: Setting) -> None:
    busy = [True]
    async with a_telephone(setting, may_begin=lambda: not busy[0]) as server, a_phone(server.sip) as phone:
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        busy[0] = False
        call = await phone.dial()
        busy[0] = True
        await call.recognise()
        call.speak()
        await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        await call.hang_up()


async def test_one_call_too_many_of_an_address_is_refused(setting: Setting) -> None:
    async with a_telephone(setting, limits=LimitSettings(calls_per_address=1)) as server, a_phone(server.sip) as phone:
        call = await phone.dial()
        refused = await phone.invite()
        assert isinstance(refused, CallRefused)
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        await call.hang_up()
        call = await phone.dial()
        await call.hang_up()


async def test_sip_connections_of_one_address_leave_room_for_others(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sip, "MAXIMUM_CONNECTIONS", 4)
    async with a_telephone(setting) as server, AsyncExitStack() as opened:
        host, port = server.sip.rsplit(":", 1)

        async def connect(address: str) -> trio.SocketStream:
            stream = await trio.open_tcp_stream(host, int(port), local_address=address)
            return await opened.enter_async_context(stream)

        oldest, *_ = [await connect("127.0.0.1") for _ in range(3)]
        latest = await connect("127.0.0.1")
        # Three quarters of the places are one address's: the oldest without a call gives way.
        assert await oldest.receive_some() == b""
        for served in (latest, await connect("127.0.0.2")):
            await served.send_all(b"\r\n\r\n")
            assert await served.receive_some() == b"\r\n"
