"""Usage records over HTTP, by hand, from a server that keeps them in a file."""

import json
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio
import trio.testing
from attrs import define
from operating import LIMIT_S, Answer, Clients, Server, a_server, ask, get, post, some_clients
from starlette.requests import Request
from starlette.routing import Route
from structlog.testing import capture_logs

from h2b.access.keyset import ForeignTokens, IssuerUnreachable, KeySet
from h2b.config import UsageSettings
from h2b.protocol.session import Setting
from h2b.server import usage_api
from h2b.server.access import Access
from h2b.server.channel import WriteRecord
from h2b.server.http import HttpSide, Readiness, _is_local
from h2b.server.metrics import Metrics
from h2b.server.openapi import document
from h2b.server.usage import KeptRecords, open_usage
from h2b.server.usage_api import QUESTIONS, UsageApi
from h2b.usage.reading import TooSlow, UsageReader
from h2b.usage.sqlite import SqliteReader
from h2b.usage.store import RECOGNITIONS, SESSIONS, StoreUnavailable
from tests.usage.made import NOON_MS, a_recognition, a_session

RECOGNITIONS_PATH, SESSIONS_PATH, SUMMARY_PATH = (question.path for question in QUESTIONS)
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    """A client of the tenant acme and one of other."""
    made = some_clients(tmp_path)
    made.store.add("second", "other")
    return made


@define
class Keeping:
    """A server, and what adds to its records."""

    server: Server
    write: WriteRecord

    async def add(self, *records: Any) -> None:
        for record in records:
            safe = self.write(record)
            assert safe is not None
            await safe.wait()

    async def ask(self, path: str, token: str = "", host: str = "localhost", **parameters: object) -> Answer:
        named = {"from" if name == "from_" else name: value for name, value in parameters.items()}
        shown = f"Authorization: bearer {token}\r\n" if token else ""
        target = f"{path}?{urlencode(named)}" if named else path
        head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{shown}\r\n"
        return await ask(self.server.http_address, head.encode())

    async def told(self, path: str, token: str = "", **parameters: object) -> Any:
        answer = await self.ask(path, token, **parameters)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        return answer.json

    async def refused(self, path: str, token: str = "", **parameters: object) -> tuple[int, str, str]:
        answer = await self.ask(path, token, **parameters)
        assert set(answer.json) == {"error", "error_description"}
        assert answer.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in answer.headers) is (answer.status == 401)
        return answer.status, answer.json["error"], answer.json["error_description"]


@asynccontextmanager
async def keeping(setting: Setting, folder: Path, access: Access | None = None) -> AsyncIterator[Keeping]:
    async with (
        open_usage(UsageSettings(path=str(folder / "usage.db"))) as write,
        a_server(setting, access=access, write_record=write) as server,
    ):
        yield Keeping(server, write)


def of_acme(**changes: object) -> Any:
    return a_recognition(tenant="acme", **changes)


# Pages


async def test_a_walk_meets_each_record_once_while_new_ones_come(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    token = clients.token(time.time())
    there = [of_acme(started_ms=NOON_MS + number // 4 * 100) for number in range(23)]
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(*there, a_recognition(tenant="other"), a_recognition(tenant=""))
        found, added, parameters = [], [], {"limit": 5}
        while True:
            page = await kept.told(RECOGNITIONS_PATH, token, **parameters)
            assert len(page["records"]) <= 5
            found += [record["record_id"] for record in page["records"]]
            if page["next"] is None:
                break
            parameters["cursor"] = page["next"]
            if len(added) < 6:
                late = of_acme(started_ms=NOON_MS + 10_000 + len(added))
                added.append(late.record_id)
                # One behind the walk, and one that lies before it.
                await kept.add(of_acme(started_ms=NOON_MS - 1), late)
        assert found == [record.record_id for record in there] + added


async def test_a_record_has_the_columns_of_its_table_with_lists_as_json(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    token = clients.token(time.time())
    session = a_session(tenant="acme")
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(of_acme(value={"day": 1}, transcript="“one”"), session)
        (recognition,) = (await kept.told(RECOGNITIONS_PATH, token))["records"]
        told = await kept.told(SESSIONS_PATH, token)
    assert tuple(recognition) == RECOGNITIONS.names
    assert recognition["grammars"] == ["session:pin", "builtin:speech/boolean"]
    assert (recognition["value"], recognition["transcript"]) == ({"day": 1}, "“one”")
    assert (recognition["confidence"], recognition["request_id"]) == (0.875, "18446744073709551615")
    assert tuple(told["records"][0]) == SESSIONS.names
    assert told["records"][0]["record_id"] == session.record_id
    assert told["next"] is None


async def test_time_reference_and_session_select(setting: Setting, clients: Clients, tmp_path: Path) -> None:
    token = clients.token(time.time())
    first, second = of_acme(custom_id="a"), of_acme(custom_id="b", started_ms=NOON_MS + DAY_MS)
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(first, second)

        async def ids(**parameters: str) -> list[str]:
            page = await kept.told(RECOGNITIONS_PATH, token, **parameters)
            return [record["record_id"] for record in page["records"]]

        assert await ids(from_="2026-11-01", to="2026-11-02") == [first.record_id]
        assert await ids(from_="2026-11-01T12:00:00.001Z") == [second.record_id]
        assert await ids(to="2026-11-02T13:00:00+01:00") == [first.record_id]
        assert await ids(to="2026-11-02T13:00:00.001+01:00") == [first.record_id, second.record_id]
        assert await ids(custom_id="b") == [second.record_id]
        assert await ids(custom_id="") == []
        assert await ids(channel_id="test1", limit="1000") == [first.record_id, second.record_id]
        assert await ids(channel_id="\0") == []
        # Not escaped, the sign of an offset comes as a space.
        head = f"GET {RECOGNITIONS_PATH}?from=2026-11-02T13:00:00+01:00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        answer = await ask(kept.server.http_address, f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
        assert [record["record_id"] for record in answer.json["records"]] == [second.record_id]


async def test_sums_come_by_day_and_reference_in_pages(setting: Setting, clients: Clients, tmp_path: Path) -> None:
    token = clients.token(time.time())
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(
            *(of_acme(custom_id=name, started_ms=NOON_MS + day * DAY_MS) for day in (0, 1) for name in "aab")
        )
        await kept.add(a_recognition(tenant="other"))
        lines, cursor = [], {}
        while cursor is not None:
            page = await kept.told(SUMMARY_PATH, token, limit=3, **cursor)
            lines += page["lines"]
            cursor = {"cursor": page["next"]} if page["next"] else None
    assert lines[0] == {
        "day": "2026-11-01",
        "custom_id": "a",
        "recognitions": 2,
        "listened_ms": 5040,
        "billed_ms": 5000,
    }
    names = [(line["day"], line["custom_id"]) for line in lines]
    assert names == [(day, name) for day in ("2026-11-01", "2026-11-02") for name in "ab"]


# Who may ask


async def test_another_tenants_records_and_cursors_are_out_of_reach(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    now = time.time()
    mine, theirs = clients.token(now), clients.token(now, "second")
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(*(of_acme() for _ in range(3)), *(a_session(tenant="acme") for _ in range(3)))
        for path, key in ((RECOGNITIONS_PATH, "records"), (SESSIONS_PATH, "records"), (SUMMARY_PATH, "lines")):
            assert await kept.told(path, theirs) == {key: [], "next": None}
            assert len((await kept.told(path, mine))[key]) == (1 if key == "lines" else 3)
        page = await kept.told(RECOGNITIONS_PATH, mine, limit=1)
        refusal = await kept.refused(RECOGNITIONS_PATH, theirs, limit=1, cursor=page["next"])
        assert refusal == (403, "forbidden", "cursor: it was given to another tenant")
        # Nor does a cursor that is made to measure lead there.
        own = await forged(kept, theirs, page["next"])
        assert own == {"records": [], "next": None}


async def forged(kept: Keeping, theirs: str, cursor: str) -> Any:
    """What a tenant is told for a place among another one's rows, under its own marks."""
    await kept.add(*(a_recognition(tenant="other", started_ms=1) for _ in range(2)))
    owner, asked, _, _ = unpacked((await kept.told(RECOGNITIONS_PATH, theirs, limit=1))["next"])
    *_, moment, name = unpacked(cursor)
    return await kept.told(RECOGNITIONS_PATH, theirs, limit=1, cursor=packed(owner, asked, moment, name))


def unpacked(cursor: str) -> Any:
    return json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def packed(*fields: object) -> str:
    return urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


async def test_a_token_that_opens_no_socket_reads_no_records(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    now = time.time()
    clients.store.add("late", "acme")
    late = clients.token(now, "late")
    clients.store.disable("late")
    async with keeping(setting, tmp_path, clients.access) as kept:
        for path in (RECOGNITIONS_PATH, SESSIONS_PATH, SUMMARY_PATH):
            for token, why in (
                ("", "no bearer token in the Authorization header"),
                ("nonsense", "the token is not one of ours, or was changed"),
                (clients.token(now - 400), "the token has expired"),
                (late, "the token's client is disabled"),
            ):
                assert await kept.refused(path, token) == (401, "invalid_token", why)
        answer = await kept.ask(RECOGNITIONS_PATH)
        assert answer.headers["www-authenticate"] == 'Bearer realm="h2b"'
        # The token is looked at first: what is asked for is nobody else's business.
        assert (await kept.refused(RECOGNITIONS_PATH, cursor="x"))[0] == 401


async def test_tokens_that_nobody_can_verify_are_told_503(setting: Setting, tmp_path: Path) -> None:
    def gone(url: str) -> bytes:
        raise IssuerUnreachable(f"{url}: gone")

    keys = KeySet("https://id.example.net", fetch=gone)
    access = Access(foreign=ForeignTokens(keys, "h2b", "tenant"), required=True)
    async with keeping(setting, tmp_path, access) as kept:
        token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.AA"
        expected = (503, "temporarily_unavailable", "tokens cannot be verified at the moment")
        assert await kept.refused(RECOGNITIONS_PATH, token) == expected


async def test_without_clients_records_are_told_on_this_machine_only(setting: Setting, tmp_path: Path) -> None:
    async with keeping(setting, tmp_path) as kept:
        await kept.add(a_recognition(tenant=""), a_recognition(tenant="acme"))
        for host in ("localhost", "127.0.0.1:8081", "[::1]:8081", "[::1]"):
            answer = await kept.ask(RECOGNITIONS_PATH, host=host)
            assert [record["tenant"] for record in answer.json["records"]] == [""]
        for host in ("example.net", "localhost.example.net:8081", "10.0.0.1", ""):
            refusal = await kept.refused(RECOGNITIONS_PATH, host=host)
            expected = "while there are no clients, usage records are told on this machine only"
            assert refusal == (401, "invalid_token", expected)


@pytest.mark.parametrize(
    ("client", "local"), [(("127.0.0.1", 1), True), (("::1", 1), True), (("10.0.0.1", 1), False), (None, False)]
)
def test_this_machine_is_where_the_connection_comes_from(client: tuple[str, int] | None, local: bool) -> None:
    scope = {"type": "http", "client": client, "headers": [(b"host", b"localhost")]}
    assert _is_local(Request(scope)) is local


# What is refused


CURSOR = "cursor: expected 'next' of a page with the same parameters"
MOMENT = "expected a day or a time such as 2026-11-01 or 2026-11-01T08:00:00Z"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("limit=0", "limit: got '0', expected an integer from 1 to 1000"),
        ("limit=1001", "limit: got '1001', expected an integer from 1 to 1000"),
        ("limit=ten", "limit: got 'ten', expected an integer from 1 to 1000"),
        ("limit=", "limit: got '', expected an integer from 1 to 1000"),
        ("limit=%D9%A1", "limit: got '١', expected an integer from 1 to 1000"),
        ("from=yesterday", f"from: got 'yesterday', {MOMENT}"),
        ("from=2026-02-30", f"from: got '2026-02-30', {MOMENT}"),
        ("to=2026-11-01T08:00:00", f"to: got '2026-11-01T08:00:00', {MOMENT}"),
        ("to=2026-11-01T25:00:00Z", f"to: got '2026-11-01T25:00:00Z', {MOMENT}"),
        ("to=0000-01-01", f"to: got '0000-01-01', {MOMENT}"),
        ("from=2026-11-02&to=2026-11-01", "from: later than to"),
        ("chanel_id=x", "unknown parameter 'chanel_id' (nearest: 'channel_id')"),
        ("tenant=other", "unknown parameter 'tenant'"),
        ("limit=1&limit=2", "limit: given twice"),
        ("cursor=", CURSOR),
        ("cursor=x", CURSOR),
        ("cursor=%C3%A9", CURSOR),
        ("cursor=bnVsbA", CURSOR),
    ],
)
async def test_what_is_wrong_is_told(setting: Setting, clients: Clients, tmp_path: Path, query: str, why: str) -> None:
    async with keeping(setting, tmp_path, clients.access) as kept:
        refusal = await kept.refused(f"{RECOGNITIONS_PATH}?{query}", clients.token(time.time()))
    assert refusal == (400, "invalid_request", why)


async def test_a_cursor_is_good_for_its_own_question_only(setting: Setting, clients: Clients, tmp_path: Path) -> None:
    token = clients.token(time.time())
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(*(of_acme() for _ in range(3)))
        cursor = (await kept.told(RECOGNITIONS_PATH, token, limit=1))["next"]
        assert len((await kept.told(RECOGNITIONS_PATH, token, limit=2, cursor=cursor))["records"]) == 2
        for path, parameters in (
            (SESSIONS_PATH, {}),
            (SUMMARY_PATH, {}),
            (RECOGNITIONS_PATH, {"custom_id": "acme"}),
            (RECOGNITIONS_PATH, {"from_": "2026-11-01"}),
        ):
            assert await kept.refused(path, token, cursor=cursor, **parameters) == (400, "invalid_request", CURSOR)
        owner, asked, moment, name = unpacked(cursor)
        for moment_, name_ in ((-1, name), (2**70, name), (1.5, name), (moment, "x"), (moment, 7), (moment, None)):
            wrong = packed(owner, asked, moment_, name_)
            refusal = await kept.refused(RECOGNITIONS_PATH, token, cursor=wrong)
            assert refusal == (400, "invalid_request", CURSOR)
        assert (await kept.refused(SUMMARY_PATH, token, channel_id="x"))[0] == 400


async def test_paths_that_are_not_there_are_told_as_json(setting: Setting, clients: Clients, tmp_path: Path) -> None:
    async with keeping(setting, tmp_path, clients.access) as kept:
        answer = await kept.ask("/v1/usage")
        assert (answer.status, answer.json) == (
            404,
            {"error": "not_found", "error_description": "Not Found: /openapi.json tells what there is"},
        )
        wrong = await post(kept.server, RECOGNITIONS_PATH, b"")
        assert (wrong.status, wrong.json["error"]) == (405, "invalid_request")
        assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_server_that_keeps_no_records_has_no_paths_for_them(setting: Setting) -> None:
    async with a_server(setting) as server:
        assert (await get(server, RECOGNITIONS_PATH)).status == 404
        assert not any(path.startswith("/v1/") for path in (await get(server, "/openapi.json")).json["paths"])


async def test_records_that_cannot_be_read_are_not_the_askers_fault(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    async with keeping(setting, tmp_path, clients.access) as kept:
        (tmp_path / "usage.db").unlink()
        with capture_logs() as lines:
            refusal = await kept.refused(RECOGNITIONS_PATH, clients.token(time.time()))
    assert refusal == (503, "temporarily_unavailable", "the records cannot be read at the moment")
    assert [line["event"] for line in lines] == ["usage_not_read"]


# Time and numbers


def failing(error: Exception) -> UsageApi:
    def open_reader() -> SqliteReader:
        raise error

    return UsageApi(open_reader)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TooSlow("the question took too long"), "the question took too long: ask for a shorter time"),
        (StoreUnavailable("disk"), "the records cannot be read at the moment"),
    ],
)
async def test_what_cannot_be_read_now_may_be_asked_again(error: Exception, why: str) -> None:
    with pytest.raises(usage_api.Refusal) as refusal, capture_logs():
        await failing(error).answer(QUESTIONS[0], "acme", [])
    assert (refusal.value.status, refusal.value.description) == (503, why)


async def test_a_slow_disk_holds_up_nobody_else(setting: Setting, tmp_path: Path) -> None:
    goes_on = threading.Event()

    async with open_usage(UsageSettings(path=str(tmp_path / "usage.db"))) as write:
        assert isinstance(write, KeptRecords)
        open_file = write.open_reader

        def open_slowly() -> UsageReader:
            assert goes_on.wait(LIMIT_S)
            return open_file()

        write.open_reader = open_slowly
        async with a_server(setting, write_record=write) as server, trio.open_nursery() as nursery:
            kept = Keeping(server, write)
            for _ in range(usage_api.READS_AT_ONCE):
                nursery.start_soon(partial(kept.told, RECOGNITIONS_PATH))
            assert (await get(server, "/healthz")).status == 200
            await kept.add(a_recognition(tenant=""))
            goes_on.set()


async def test_questions_wait_in_a_short_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_api, "MAXIMUM_READS_WAITING", 3)
    api = failing(StoreUnavailable("disk"))
    told: list[str] = []

    async def put() -> None:
        try:
            await api.answer(QUESTIONS[0], "acme", [])
        except usage_api.Refusal as refusal:
            told.append(refusal.description)

    holders = [object() for _ in range(usage_api.READS_AT_ONCE)]
    for holder in holders:
        # As long as these are held nobody reads.
        await api._reading.acquire_on_behalf_of(holder)
    with capture_logs():
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(put)
            await trio.testing.wait_all_tasks_blocked()
            assert told == ["too many questions at once"] * 2
            for holder in holders:
                api._reading.release_on_behalf_of(holder)
    assert len(told) == 5


# The document


def routes(side: HttpSide) -> dict[str, set[str]]:
    """Methods of each path, without those that come with GET."""
    return {
        route.path: {method.lower() for method in (route.methods or ()) if method != "HEAD"}
        for route in side.application().routes
        if isinstance(route, Route)
    }


@pytest.mark.parametrize("grants", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
def test_the_document_has_exactly_the_routes(tmp_path: Path, grants: bool, keeps: bool) -> None:
    api = UsageApi(partial(SqliteReader, tmp_path / "usage.db", 1.0)) if keeps else None
    access = some_clients(tmp_path).access if grants else Access()
    side = HttpSide(access, Metrics(), lambda: Readiness((), {}), api)
    assert {path: set(methods) for path, methods in document(tokens=grants, usage=keeps)["paths"].items()} == routes(
        side
    )


async def test_the_document_has_exactly_the_fields_and_parameters(
    setting: Setting, clients: Clients, tmp_path: Path
) -> None:
    token = clients.token(time.time())
    async with keeping(setting, tmp_path, clients.access) as kept:
        await kept.add(of_acme(), a_session(tenant="acme"))
        told = (await kept.ask("/openapi.json")).json
        answers = {question.path: await kept.told(question.path, token) for question in QUESTIONS}
    assert told == document(tokens=True, usage=True)
    schemas = told["components"]["schemas"]
    for question in QUESTIONS:
        operation = told["paths"][question.path]["get"]
        assert [parameter["name"] for parameter in operation["parameters"]] == [
            parameter.name for parameter in question.parameters
        ]
        page = operation["responses"]["200"]["content"]["application/json"]["schema"]
        answer = answers[question.path]
        assert list(answer) == list(page["properties"]) == page["required"]
        (entry,) = answer[question.entries]
        described = schemas[page["properties"][question.entries]["items"]["$ref"].rpartition("/")[2]]
        assert list(entry) == list(described["properties"]) == described["required"]
        for name, value in entry.items():
            assert fits(value, described["properties"][name]), name


KINDS = {"string": str, "integer": int, "number": float, "array": list, "null": type(None)}


def fits(value: object, schema: dict[str, Any]) -> bool:
    if "type" not in schema:
        return True
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return isinstance(value, tuple(KINDS[name] for name in named))


def test_every_reference_of_the_document_leads_somewhere() -> None:
    whole = document(tokens=True, usage=True)

    def references(part: Any) -> Any:
        if isinstance(part, dict):
            yield from [part["$ref"]] if "$ref" in part else []
            part = list(part.values())
        for child in part if isinstance(part, list) else []:
            yield from references(child)

    found = set(references(whole))
    assert found == {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
