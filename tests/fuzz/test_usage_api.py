"""What a tenant, or whoever has a token or none, may ask about usage records: queries, cursors and headers, damaged.

Each question goes through the whole application, up to a real file. Its answer is one of the known statuses with a body
of JSON, whatever is asked, and there is nobody else's record in it.
"""

import base64
import json
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from h2b.access.store import ClientStore
from h2b.server.access import Access
from h2b.server.http import HttpSide, Readiness
from h2b.server.metrics import Metrics
from h2b.server.usage_api import QUESTIONS, UsageApi
from h2b.usage.sqlite import SqliteReader, SqliteStore
from h2b.usage.store import row_of
from tests.fuzz.damage import BUDGET_S, cases, damaged
from tests.usage.made import NOON_MS, a_recognition, a_session

STATUSES = {200, 400, 401, 403, 404, 405, 503}
PATHS = [question.path for question in QUESTIONS]
READ_S = 5.0
OTHERS = "other"
QUERIES = [
    b"",
    b"limit=2",
    b"from=2026-11-01&to=2026-11-02T08:00:00Z&custom_id=acme&channel_id=test1&limit=1000",
    b"from=2026-11-01T08:00:00.123456%2B02:00&to=9999-12-31T23:59:59-23:59&limit=1",
]
SIGNS = (b"&", b"=", b"%", b"%00", b"%ff", b"%ed%a0%80", b"+", b";", b"from=", b"cursor=", b"limit=", b"custom_id=")
MOMENTS = (b"0000-01-01", b"9999-12-31T23:59:60Z", b"0001-01-01T00:00:00+23:59", b"2026-11-01T24:00:00Z", b"%D9%A1")


@frozen
class Asked:
    """The HTTP side over a file with records of two tenants, and what a token of one of them is."""

    side: HttpSide
    token: str

    def get(self, path: str, query: bytes, authorization: bytes | None = None) -> tuple[int, bytes]:
        """Status and body, as a server would get them for a request of another machine."""
        shown = f"Bearer {self.token}".encode() if authorization is None else authorization
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query,
            "headers": [(b"host", b"h2b.example"), (b"authorization", shown)],
            "client": ("192.0.2.1", 4000),
            "server": ("192.0.2.2", 80),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        began = time.process_time()
        trio.run(partial(self.side.application(), scope, receive, send))
        assert time.process_time() - began < BUDGET_S
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("usage")
    path = folder / "usage.db"
    with closing(SqliteStore(path)) as store:
        for tenant in ("acme", OTHERS):
            store.add([row_of(a_recognition(tenant=tenant, started_ms=NOON_MS + number)) for number in range(5)])
            store.add([row_of(a_session(tenant=tenant, opened_ms=NOON_MS + number)) for number in range(5)])
    clients = ClientStore(folder / "access.db")
    clients.add("bot", "acme")
    return made(clients, path)


def made(clients: ClientStore, path: Path) -> Asked:
    from h2b.access.keys import key_path, signing_key
    from h2b.access.tokens import OwnTokens

    access = Access(store=clients, audience="h2b", required=True)
    side = HttpSide(access, Metrics(), lambda: Readiness((), {}), UsageApi(lambda: SqliteReader(path, READ_S)))
    client = clients.find("bot")
    assert client is not None
    tokens = OwnTokens(clients, signing_key(key_path(clients.path)), "h2b")
    return Asked(side, tokens.issue(client, time.time()))


def judge(status: int, body: bytes) -> None:
    """The rule."""
    assert status in STATUSES, body
    told = json.loads(body)
    if status == 200:
        assert OTHERS not in body.decode()
        assert len(next(iter(told.values()))) <= 1000
    else:
        assert set(told) == {"error", "error_description"}


@cases()
@given(path=st.sampled_from(PATHS), query=damaged(QUERIES, (*SIGNS, *MOMENTS)))
def test_damaged_queries(asked: Asked, path: str, query: bytes) -> None:
    judge(*asked.get(path, query))


@cases()
@given(path=st.sampled_from(PATHS), query=st.binary(max_size=60))
def test_any_octets_as_a_query(asked: Asked, path: str, query: bytes) -> None:
    judge(*asked.get(path, query))


def cursor_fields(asked: Asked, path: str) -> bytes:
    """What a real cursor holds."""
    _, body = asked.get(path, b"limit=1")
    cursor = json.loads(body)["next"] or "W10"
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


@cases()
@given(path=st.sampled_from(PATHS), data=st.data())
def test_damaged_cursors(asked: Asked, path: str, data: st.DataObject) -> None:
    fields = cursor_fields(asked, path)
    signs = (b"null", b"[]", b"{}", b"-1", b"1e400", b"1e15", b"253402300800000", b"true", b'"\\ud800"', b'"\\u0000"')
    inside = data.draw(damaged([fields], signs))
    cursor = base64.urlsafe_b64encode(inside).rstrip(b"=")
    judge(*asked.get(path, b"limit=1&cursor=" + cursor))
    outside = data.draw(damaged([b"limit=1&cursor=" + base64.urlsafe_b64encode(fields)], (b"=", b"-", b"_", b"%3D")))
    judge(*asked.get(path, outside))


@cases()
@given(data=st.data())
def test_damaged_authorization_headers(asked: Asked, data: st.DataObject) -> None:
    good = f"Bearer {asked.token}".encode()
    header = data.draw(damaged([good, b"bearer ", b"Basic Ym90OnNlY3JldA=="], (b" ", b".", b"=", b"Bearer ")))
    judge(*asked.get(PATHS[0], b"limit=1", header))


@pytest.mark.parametrize("path", [f"{PATHS[0]}/", "/metrics/", "//", "/v1/usage"])
def test_a_slash_too_many_leads_nowhere(asked: Asked, path: str) -> None:
    assert asked.get(path, b"")[0] == 404


@cases()
@given(path=damaged([path.encode() for path in PATHS], (b"/", b"..", b"%2e", b"//", b"?")))
def test_damaged_paths(asked: Asked, path: bytes) -> None:
    status, body = asked.get(path.decode("utf-8", "replace"), b"limit=1")
    assert status in STATUSES
    if status != 200:
        assert set(json.loads(body)) == {"error", "error_description"}
