"""Whole servers on a Ray cluster of two nodes: real sockets, real time, every wait bounded by LIMIT_S."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from asking import when_reached
from ray_cluster import RayCluster
from ray_engine import YES
from uhlive.stream.recognition import CompletionCause, RecognitionComplete, StartOfInput

from h2b.asr import weights
from h2b.asr.backends import moonshine
from h2b.asr.raypool import open_ray_pool
from h2b.audio.files import read_audio
from h2b.config import AsrSettings, Configuration, ServerSettings, UsageSettings
from h2b.server.app import make_setting, serve
from tests.interop.voicebot import Voicebot
from tests.server.sound import UTTERANCE, silence
from tests.server.wsclient import Client, a_client

LIMIT_S = 180

pytestmark = pytest.mark.usefixtures("ray_namespace")


@asynccontextmanager
async def a_server(cluster: RayCluster) -> AsyncIterator[str]:
    """The URL of a server over four actors, two on each node."""
    asr = AsrSettings(
        pool="ray", workers=4, ray_address=cluster.address, ray_namespace=__name__, decode_deadline_s=60, queue_s=60
    )
    configuration = Configuration(
        server=ServerSettings(websocket="127.0.0.1:0"),
        asr=asr,
        usage=UsageSettings(path=":none:"),
    )
    setting = make_setting(configuration, dict.fromkeys(YES, ""))
    shutdown = trio.Event()
    with trio.fail_after(LIMIT_S):
        async with open_ray_pool(asr, engine="ray_engine:load") as pool, trio.open_nursery() as nursery:
            while pool.statistics().alive != asr.workers:
                await trio.testing.wait_all_tasks_blocked(0.01)

            async def run(task_status: trio.TaskStatus[str]) -> None:
                await serve(configuration, setting, pool, shutdown, task_status=task_status)

            yield await nursery.start(run)
            shutdown.set()


async def ask(client: Client, language: str) -> None:
    """A question whose answer the engine has until the gate of this language is opened."""
    await client.ask("RECOGNIZE", "RECOGNITION-IN-PROGRESS", "builtin:speech/boolean", speech_language=language)
    await client.websocket.send_message(UTTERANCE)
    await client.expect("START-OF-INPUT")


async def test_a_node_that_dies_in_four_calls_costs_its_recognitions_only(ray_cluster: RayCluster) -> None:
    gates = {language: ray_cluster.folder / f"gate-{language}" for language in YES}
    for gate in gates.values():
        os.mkfifo(gate)
    async with a_server(ray_cluster) as url, trio.open_nursery() as calls:
        clients: dict[str, Client] = {}
        held: dict[str, int] = {}
        over = trio.Event()

        async def call(language: str, task_status: trio.TaskStatus[None]) -> None:
            async with a_client(url) as client:
                clients[language] = client
                await client.ask("OPEN", "OPENED")
                await client.ask("SET-PARAMS", "PARAMS-SET", speech_complete_timeout=300)
                await ask(client, language)
                held[language] = await when_reached(gates[language])
                task_status.started()
                await over.wait()

        for language in YES:
            await calls.start(call, language)
        nodes = {}
        for language in YES:
            actor = int((ray_cluster.folder / f"held-{language}").read_text())
            nodes[language] = ray_cluster.node_of(actor)
        assert set(nodes.values()) == {ray_cluster.head, ray_cluster.other}

        ray_cluster.kill(ray_cluster.other)
        for language, node in nodes.items():
            if node == ray_cluster.other:
                event = await clients[language].expect("RECOGNITION-COMPLETE")
                assert event["completion_cause"] == "Error"
                assert "was lost on" in event["completion_reason"]
        for language, node in nodes.items():
            gates[language].unlink()
            os.close(held[language])
            if node == ray_cluster.head:
                await clients[language].websocket.send_message(silence(0.3))
                event = await clients[language].expect("RECOGNITION-COMPLETE")
                assert (event["completion_cause"], event["body"]["nlu"]["value"]) == ("Success", True)

        # All calls go on, and are heard by the node that is left.
        for language, client in clients.items():
            await ask(client, language)
            await client.websocket.send_message(silence(0.3))
            event = await client.expect("RECOGNITION-COMPLETE")
            assert (event["completion_cause"], event["body"]["nlu"]["value"]) == ("Success", True)
        over.set()
    ray_cluster.other = ray_cluster.add()


def test_real_speech_is_heard_through_the_cluster(ray_cluster: RayCluster, speech_folder: Path, tmp_path: Path) -> None:
    try:
        moonshine.locate()
    except weights.WeightsMissing as missing:
        pytest.skip(str(missing))
    configuration = tmp_path / "h2b.toml"
    configuration.write_text(
        f"""
        [server]
        websocket = "127.0.0.1:0"
        [asr]
        pool = "ray"
        workers = 1
        languages = ["en"]
        ray_address = "{ray_cluster.address}"
        ray_namespace = "{__name__}-other"
        [usage]
        path = ":none:"
        """,
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "h2b", "serve", "--config", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = server.stdout.readline()
        assert ready.startswith("ready websocket="), ready
        bot = Voicebot(ready.removeprefix("ready websocket=").split()[0])
        try:
            bot.open()
            bot.say(read_audio(speech_folder / "wav" / "fsdd_george_0.wav"))
            bot.ask(bot.sdk.recognize("builtin:speech/spelling/digits", speech_language="en"))
            assert isinstance(bot.next_event(), StartOfInput)
            event = bot.next_event()
            assert isinstance(event, RecognitionComplete)
            assert event.completion_cause is CompletionCause.Success
            assert event.body.nlu.value == "260181"
            bot.ask(bot.sdk.close())
        finally:
            bot.hang_up()
            server.terminate()
            assert server.wait(timeout=60) == 0
