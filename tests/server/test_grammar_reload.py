"""Grammars that change under a running server: new sessions get them, running ones keep theirs."""

import os
from pathlib import Path

import pytest
import structlog
import trio
import trio.testing
from test_websocket import a_server
from wsclient import Client, a_client

from h2b.grammar.catalogue import load_catalogue
from h2b.model.errors import NoSuchGrammar
from h2b.protocol.session import Setting
from h2b.server import app
from h2b.server.grammars import WatchedGrammars

COLOUR = """\
type = "keywords"
doc = "A colour."
languages = ["en"]
[fixed]
alternatives = "red|green"
"""
CODE = """\
type = "spelling"
doc = "A code."
languages = ["en"]
[fixed]
alphabet = "digits"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "colour.toml").write_text(COLOUR)
    return tmp_path


@pytest.fixture
def grammars(folder: Path) -> WatchedGrammars:
    return WatchedGrammars(load_catalogue([folder], {"en": ""}), [folder])


def change(path: Path, text: str) -> None:
    """Write a file and make its time differ from before, however coarse the clock of the file system."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1, before + 1))


def alternatives(grammars: WatchedGrammars) -> str:
    return str(grammars.registry.activate("builtin:colour", "en").arguments["alternatives"])


async def test_nothing_changed_nothing_is_read(grammars: WatchedGrammars) -> None:
    before = grammars.registry
    assert not await grammars.scan()
    assert grammars.registry is before


async def test_a_changed_file_makes_a_new_set_and_leaves_the_old_one_alone(
    grammars: WatchedGrammars, folder: Path
) -> None:
    before = grammars.registry
    change(folder / "colour.toml", COLOUR.replace("green", "amber"))
    assert await grammars.scan()
    assert alternatives(grammars) == "red|amber"
    assert before.activate("builtin:colour", "en").arguments["alternatives"] == "red|green"


async def test_a_new_file_and_one_that_is_gone(grammars: WatchedGrammars, folder: Path) -> None:
    (folder / "speech").mkdir()
    change(folder / "speech" / "shade.toml", COLOUR)
    assert await grammars.scan()
    assert grammars.registry.activate("builtin:speech/shade", "en")
    (folder / "colour.toml").unlink()
    assert await grammars.scan()
    with pytest.raises(NoSuchGrammar):
        grammars.registry.activate("builtin:colour", "en")


async def test_what_is_no_grammar_is_not_looked_at(grammars: WatchedGrammars, folder: Path) -> None:
    (folder / "notes.txt").write_text("type = ")
    assert not await grammars.scan()


async def test_a_wrong_file_is_told_once_and_the_last_good_set_serves_on(
    grammars: WatchedGrammars, folder: Path
) -> None:
    path = folder / "colour.toml"
    with structlog.testing.capture_logs() as logs:
        change(path, COLOUR.replace("keywords", "keyword"))
        assert not await grammars.scan()
        assert not await grammars.scan()
        assert alternatives(grammars) == "red|green"
        change(path, COLOUR.replace("green", "blue"))
        assert await grammars.scan()
        assert alternatives(grammars) == "red|blue"
    assert [line["event"] for line in logs] == ["grammars_refused", "grammars_reloaded"]
    assert logs[0]["reason"].startswith(f"{path}:1: unknown type 'keyword' (nearest: 'keywords'), expected: ")


WRONG = {
    "keywords": (COLOUR.replace("red|green", "red|Red"), "5: alternatives: got 'Red'"),
    "argument": (
        COLOUR + "alternative = 'x'\n",
        "6: unknown argument 'alternative' of keywords (nearest: 'alternatives')",
    ),
    "list": (COLOUR.replace('"red|green"', '["red"]'), "5: alternatives: got ['red'], expected text"),
    "regex": (CODE + "regex = '[0-9'\n", "6: regex, position 5: "),
    "long regex": (CODE + f"regex = '1{{{'9' * 5000}}}'\n", "6: regex, position 2: "),
    "bounds": (CODE + "[parameters.length]\ntype='integer'\ndoc=''\nminimum=inf\n", "9: minimum: got inf"),
    "srgs": (CODE.replace("spelling", "srgs"), "1: type 'srgs' is not for TOML files"),
    "names": (CODE.replace("[fixed]", "names = ['speech/date']\n[fixed]"), "4: names: 'speech/date' is taken by "),
    "languages": (CODE.replace('["en"]', "[]"), "3: languages: got none"),
    "example": (CODE + "[[examples]]\nlanguage='en'\nsay='x'\nvalue=2026-01-01\n", "9: example 'x': value: "),
}


@pytest.mark.parametrize("name", WRONG)
async def test_whatever_is_wrong_with_a_file_the_last_good_set_serves_on(
    grammars: WatchedGrammars, folder: Path, name: str
) -> None:
    text, why = WRONG[name]
    path = folder / "colour.toml"
    with structlog.testing.capture_logs() as logs:
        change(path, text)
        assert not await grammars.scan()
    assert alternatives(grammars) == "red|green"
    assert logs[0]["event"] == "grammars_refused"
    assert logs[0]["reason"].startswith(f"{path}:{why}")
    change(path, COLOUR)
    assert await grammars.scan()


async def test_a_folder_that_is_gone_is_told_and_comes_back(
    grammars: WatchedGrammars, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    aside = tmp_path_factory.mktemp("aside") / "grammars"
    with structlog.testing.capture_logs() as logs:
        folder.rename(aside)
        assert not await grammars.scan()
        assert alternatives(grammars) == "red|green"
        aside.rename(folder)
        change(folder / "colour.toml", COLOUR.replace("green", "blue"))
        assert await grammars.scan()
    assert logs[0]["reason"] == f"{folder}: no such folder of grammars"


async def test_what_engines_can_recognise_stays_as_it_was(grammars: WatchedGrammars, folder: Path) -> None:
    change(folder / "colour.toml", COLOUR.replace("green", "blue"))
    await grammars.scan()
    assert grammars.registry.languages == {"en": ""}


async def test_it_looks_as_often_as_it_is_told(
    grammars: WatchedGrammars, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    looks = []

    async def scan(self: WatchedGrammars) -> bool:
        looks.append(trio.current_time())
        return False

    monkeypatch.setattr(WatchedGrammars, "scan", scan)
    began = trio.current_time()
    with trio.move_on_after(7):
        await grammars.watch(2)
    assert [look - began for look in looks] == [2, 4, 6]


async def test_without_a_folder_or_with_no_seconds_nobody_looks(grammars: WatchedGrammars) -> None:
    await grammars.watch(0)
    await WatchedGrammars(grammars.registry, []).watch(2)


# In the server


async def test_new_sessions_get_the_new_set_and_those_that_are_open_keep_theirs(
    setting: Setting, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def watched(*arguments: object) -> WatchedGrammars:
        made.append(WatchedGrammars(setting.registry, [folder]))
        return made[0]

    async def defines(client: Client, answer: str) -> None:
        await client.ask("DEFINE-GRAMMAR", answer, "builtin:colour", content_id="mine")

    monkeypatch.setattr(app, "WatchedGrammars", watched)
    async with a_server(setting) as server, a_client(server.url) as one, a_client(server.url) as other:
        await one.ask("OPEN", "OPENED")
        change(folder / "colour.toml", COLOUR.replace("green", "blue"))
        assert await made[0].scan()
        await defines(one, "METHOD-FAILED")
        await other.ask("OPEN", "OPENED")
        await defines(other, "GRAMMAR-DEFINED")
        await one.ask("CLOSE", "CLOSED")
        await one.ask("OPEN", "OPENED")
        await defines(one, "GRAMMAR-DEFINED")
