"""The whole server with real worker processes: real time, every wait bounded by LIMIT_S."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import evolve
from sound import UTTERANCE, silence
from wsclient import a_client

from h2b.asr.pool import open_pool
from h2b.config import AsrSettings, Configuration, ServerSettings
from h2b.model.causes import CompletionCause
from h2b.model.usage import RecognitionRecord, UsageRecord
from h2b.protocol.session import Setting
from h2b.server.app import serve

LIMIT_S = 60
HERE = Path(__file__).parent


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Through which the engine tells its process id when it begins to work."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setenv("H2B_TEST_PIPE", str(path))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return path


async def busy_process(pipe: Path) -> int:
    """The process id of the engine, once it is in the middle of an utterance."""
    return int(await trio.to_thread.run_sync(pipe.read_text, abandon_on_cancel=True))


@asynccontextmanager
async def a_server(setting: Setting, records: list[RecognitionRecord]) -> AsyncIterator[str]:
    """The URL of a server with one worker process."""
    configuration = Configuration(server=ServerSettings(websocket="127.0.0.1:0"))
    shutdown = trio.Event()

    def keep(record: UsageRecord) -> None:
        if isinstance(record, RecognitionRecord):
            records.append(record)

    with trio.fail_after(LIMIT_S):
        async with (
            open_pool(AsrSettings(workers=1), engine="telling_engine:load") as pool,
            trio.open_nursery() as nursery,
        ):
            await pool.ready()

            async def run(task_status: trio.TaskStatus[str]) -> None:
                await serve(configuration, setting, pool, shutdown, write_record=keep, task_status=task_status)

            yield await nursery.start(run)
            shutdown.set()


async def test_stop_is_answered_at_once_while_the_engine_is_busy(setting: Setting, pipe: Path) -> None:
    took: list[float] = []
    async with a_server(setting, []) as url, a_client(url) as client:
        await client.ask("OPEN", "OPENED")
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_language="fr")
        await client.websocket.send_message(UTTERANCE)
        await client.expect("START-OF-INPUT")
        await busy_process(pipe)
        for _ in range(10):
            asked = trio.current_time()
            await client.ask("STOP", "STOPPED")
            took.append(trio.current_time() - asked)
            await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean")
            await client.websocket.send_message(UTTERANCE)
            await client.expect("START-OF-INPUT")
    # One of ten may meet a machine that is busy with something else.
    assert sorted(took)[8] < 0.1, took


async def test_a_worker_killed_in_an_utterance_costs_that_recognition_only(setting: Setting, pipe: Path) -> None:
    records: list[RecognitionRecord] = []
    async with a_server(setting, records) as url, a_client(url) as client:
        await client.ask("OPEN", "OPENED")
        await client.ask("SET-PARAMS", "PARAMS-SET", speech_complete_timeout=300)
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_language="fr")
        await client.websocket.send_message(UTTERANCE)
        os.kill(await busy_process(pipe), signal.SIGKILL)
        event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert event["completion_cause"] == "Error"
        assert event["completion_reason"] == "the recogniser's process was ended by signal 9 (Killed)"
        await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean")
        await client.websocket.send_message(UTTERANCE + silence(0.3))
        event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
        assert event["completion_cause"] == "Success"
        assert event["body"]["asr_model"] == "telling"
    assert [record.cause for record in records] == [CompletionCause.ERROR, CompletionCause.SUCCESS]


async def test_a_language_no_engine_has_is_refused_with_the_reason(setting: Setting, pipe: Path) -> None:
    registry = evolve(setting.registry, languages={"en": "", "fr": "install the multilingual models"})
    async with a_server(evolve(setting, registry=registry), []) as url, a_client(url) as client:
        await client.ask("OPEN", "OPENED")
        event = await client.ask("RECOGNIZE", "METHOD-FAILED", "builtin:speech/boolean", speech_language="fr")
        assert event["completion_cause"] == "LanguageUnsupported"
        assert "install the multilingual models" in event["completion_reason"]


# As a program


@asynccontextmanager
async def a_program(
    engine: str = "telling_engine:load", drain_s: float = 30.0, drain_notice_s: float = 0.0
) -> AsyncIterator[trio.Process]:
    """`serving.py` as a process; its standard output is a pipe."""
    command = [sys.executable, str(HERE / "serving.py"), engine, str(drain_s), str(drain_notice_s)]
    with trio.fail_after(LIMIT_S):
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr:
            yield process
            process.kill()
            await process.wait()


async def the_line(process: trio.Process) -> str:
    """The next line the program prints."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        received = await process.stdout.receive_some(1)
        assert received, line
        line += received
    return line.decode().strip()


async def test_sigterm_lets_a_recognition_end_and_the_program_ends_well(pipe: Path) -> None:
    async with a_program() as process:
        url = (await the_line(process)).removeprefix("ready websocket=")
        async with a_client(url) as client:
            await client.begin(speech_language="en", speech_complete_timeout=300)
            process.terminate()
            await client.websocket.send_message(UTTERANCE + silence(0.3))
            event = await client.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert event["completion_cause"] == "Success"
            await client.ask("CLOSE", "CLOSED")
            assert await client.closed_with() == 1001
        assert await the_line(process) == "billed result"
        assert await process.wait() == 0


async def test_a_second_signal_does_not_wait_and_still_bills(pipe: Path) -> None:
    async with a_program() as process:
        url = (await the_line(process)).removeprefix("ready websocket=")
        async with a_client(url) as client, a_client(url) as idle, a_client(url) as outside:
            await client.begin(speech_language="fr")
            await client.websocket.send_message(UTTERANCE)
            worker = os.pidfd_open(await busy_process(pipe))
            await idle.ask("OPEN", "OPENED")
            process.terminate()
            assert await outside.closed_with() == 1001
            process.send_signal(signal.SIGINT)
            assert await idle.closed_with() == 1001
            await client.expect("START-OF-INPUT")
            assert await client.closed_with() == 1001
        assert await the_line(process) == "billed disconnect"
        assert await process.wait() == 0
    ended = select.poll()
    ended.register(worker, select.POLLIN)
    assert ended.poll(LIMIT_S * 1000)
    os.close(worker)


async def test_a_second_signal_does_not_wait_for_balancers_either(pipe: Path) -> None:
    async with a_program(drain_notice_s=3600) as process:
        url = (await the_line(process)).removeprefix("ready websocket=")
        async with a_client(url) as client:
            await client.ask("OPEN", "OPENED")
            process.terminate()
            # Two signals that come at once are one.
            assert process.stderr is not None
            told = b""
            while b'"leaving"' not in told:
                told += await process.stderr.receive_some()
            process.terminate()
            assert await client.closed_with() == 1001
        assert await process.wait() == 0


async def test_a_signal_while_loading_ends_the_program(pipe: Path) -> None:
    async with a_program(engine="telling_engine:hang") as process:
        await trio.to_thread.run_sync(pipe.read_text, abandon_on_cancel=True)
        process.terminate()
        assert await process.wait() == 0


async def test_an_engine_that_does_not_load_ends_the_program_with_its_error(pipe: Path) -> None:
    async with a_program(engine="telling_engine:nothing") as process:
        assert await process.wait() == 1
        assert process.stderr is not None
        told = b"".join([part async for part in process.stderr]).decode()
        assert told.strip().endswith("EngineError: no function 'nothing' in module 'telling_engine'")
        assert "ExceptionGroup" not in told
