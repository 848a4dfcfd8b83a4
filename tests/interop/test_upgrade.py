"""Two servers behind HAProxy are upgraded one after the other while bots call without pause: nobody notices.

Real processes, real sound, real time, and the files that are shipped.
"""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trio
import trustme

from h2b.access.store import ClientStore
from h2b.audio.files import read_audio
from h2b.usage.store import RECOGNITIONS, SESSIONS
from tests.interop.balanced import (
    HAPROXY,
    Bot,
    Count,
    Node,
    Phrase,
    a_balancer,
    counts,
    ended,
    recognition_keys,
    tried_again,
    until,
)

BOTS = 3
QUESTIONS = 4
LIMIT_S = 600
DIGITS = {"oh": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
DIGITS |= {"seven": "7", "eight": "8", "nine": "9"}

pytestmark = pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")


@pytest.fixture(scope="module")
def phrases(speech_folder: Path) -> list[Phrase]:
    """Callers who say five digits, and callers who say yes or no."""
    with (speech_folder / "manifest.tsv").open(encoding="utf-8") as manifest:
        rows = [row for row in csv.DictReader(manifest, delimiter="\t") if row["source"] == "an4-train"]
    found = []
    for row in rows:
        words = row["transcript"].split()
        if row["kind"] == "digits" and len(words) == 5:
            value: object = "".join(DIGITS[word] for word in words)
            grammar = "builtin:speech/spelling/digits?length=5"
        elif row["kind"] == "yesno" and words in (["yes"], ["no"]):
            value, grammar = words == ["yes"], "builtin:speech/boolean"
        else:
            continue
        found.append(Phrase(read_audio(speech_folder / row["file"]), grammar, value))
    # Turn by turn a long answer and a short one.
    return [each for pair in zip(found[:8], found[-8:], strict=True) for each in pair]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    nodes = [Node(tmp_path / "a"), Node(tmp_path / "b")]
    with ended(lambda: [node.process for node in nodes if node.process is not None]):
        yield nodes


def a_token(port: int, secret: str, authority: Path) -> str:
    """As every bot gets one, by the balancer."""
    form = {"grant_type": "client_credentials", "client_id": "bot", "client_secret": secret}
    url = f"https://127.0.0.1:{port}/realms/uhlive/protocol/openid-connect/token"
    answer = requests.post(url, data=form, verify=str(authority), timeout=10)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def statuses(port: int, token: str, authority: Path) -> dict[str, int]:
    """What the balancer lets through."""
    shown = {"Authorization": f"bearer {token}"}
    asked = ("/v1/usage/summary", "/v1/usage/sessions", "/openapi.json", "/healthz", "/readyz", "/metrics", "/")
    return {
        path: requests.get(
            f"https://127.0.0.1:{port}{path}", headers=shown, verify=str(authority), timeout=30
        ).status_code
        for path in asked
    }


async def test_an_upgrade_of_all_servers_loses_no_call(
    nodes: list[Node], phrases: list[Phrase], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority, count = trustme.CA(), Count()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    secret = ClientStore(tmp_path / "access.db").add("bot", "acme")
    with trio.fail_after(LIMIT_S), figures(count, nodes, tmp_path, capsys):
        async with trio.open_nursery() as starting:
            for node in nodes:
                node.configure(tmp_path / "access.db")
                starting.start_soon(node.start, "1.0")
        async with a_balancer(nodes, tmp_path, authority) as port, trio.open_nursery() as bots:
            token = await trio.to_thread.run_sync(a_token, port, secret, tmp_path / "authority.pem")
            for number in range(BOTS):
                turns = phrases[4 * number :] + phrases[: 4 * number]
                bots.start_soon(Bot(port, authority, token, count).run, turns, QUESTIONS)
            await until(lambda: count.calls >= BOTS)
            for node in nodes:
                # It lasts longer than the balancer has for noticing: there is a call to be lost.
                await node.until_a_call_begins()
                await node.upgrade("2.0")
                # The next one goes when calls come here again.
                await node.until_a_call_begins()
            before = count.calls
            await until(lambda: count.calls >= before + BOTS)
            let_through = await trio.to_thread.run_sync(statuses, port, token, tmp_path / "authority.pem")
            count.hanging_up = True
    check(count, nodes)
    mine = {"/v1/usage/summary": 200, "/v1/usage/sessions": 200, "/openapi.json": 200}
    assert let_through == mine | dict.fromkeys(("/healthz", "/readyz", "/metrics", "/"), 404)


@contextmanager
def figures(count: Count, nodes: list[Node], folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Show at the end how it went, whatever the end is."""
    try:
        yield
    finally:
        drained = [line["connections"] for node in nodes for line in node.lines("draining")]
        begun = [len(node.begun_while_draining()) for node in nodes]
        with capsys.disabled():
            sys.stdout.write(f"\n{count.told}; when the servers stopped accepting: {drained} calls at hand, ")
            sys.stdout.write(f"{begun} recognitions begun later; ")
            sys.stdout.write(f"{tried_again(folder)} connections that the balancer had to try again\n")


def check(count: Count, nodes: list[Node]) -> None:
    """Nothing was lost, neither for the callers nor for those who bill them."""
    assert (count.refused, count.lost, count.wrong) == ([], [], [])
    assert all(node.lines("draining")[0]["connections"] for node in nodes), "no call went on while a server drained"
    for node in nodes:
        assert set(counts(node.records(RECOGNITIONS), "version")) == {"1.0", "2.0"}
    rows = [row for node in nodes for row in node.records(RECOGNITIONS)]
    assert sorted(recognition_keys(rows)) == sorted(count.recognitions)
    assert counts(rows, "ended_by") == {"result": QUESTIONS * count.calls}
    assert counts(rows, "tenant") == {"acme": len(rows)}
    sessions = [row for node in nodes for row in node.records(SESSIONS)]
    assert counts(sessions, "ended_by") == {"close": count.calls}
