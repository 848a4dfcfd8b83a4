"""Usage records for their tenants, over HTTP: questions as parameters, pages of answers as JSON.

Owns the paths, their parameters, cursors and the texts of refusals. Must not know web frameworks, nor who may ask: a
question comes with its tenant.

Theory of operation
 1. Reading happens in threads, each question with a connection of its own that can only read, for a limited time and
    number of rows. JSON is made there too. Calls and the writer of records wait for none of it.
 2. A cursor is a place in the order of rows and the marks of its tenant and its question. Nothing in it is trusted:
    whose rows are read says the token alone, so a made-up cursor only begins elsewhere in one's own rows.
"""

import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import structlog
import trio
from attrs import define, field, frozen

from h2b.access.grant import Refusal
from h2b.model.errors import nearest, shorten
from h2b.usage.export import as_json
from h2b.usage.reading import ALWAYS, Place, Selection, TooSlow, UsageReader, unhurried
from h2b.usage.store import RECOGNITIONS, SESSIONS, Period, Row, StoreUnavailable, Table, storable
from h2b.usage.summary import DAY_MS, EPOCH, SummaryLine, whole

_log = structlog.get_logger("h2b.server.usage_api")

MAXIMUM_LIMIT = 1000
DEFAULT_LIMIT = 100
READS_AT_ONCE = 1
"""A summary keeps a core busy, and calls come first."""
MAXIMUM_READS_WAITING = 32
MOMENTS = "a day or a time such as 2026-11-01 or 2026-11-01T08:00:00Z"


@frozen
class Parameter:
    """One parameter of a question, as the OpenAPI document tells it."""

    name: str
    schema: Mapping[str, Any]
    meaning: str


FROM = Parameter("from", {"type": "string"}, "First moment: a day of UTC, or a time as in RFC 3339.")
TO = Parameter("to", {"type": "string"}, "First moment after the last.")
CUSTOM_ID = Parameter("custom_id", {"type": "string"}, "Of this reference only; empty for those without one.")
CHANNEL_ID = Parameter("channel_id", {"type": "string"}, "Of this session only.")
LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT},
    "Most entries of one page.",
)
CURSOR = Parameter("cursor", {"type": "string"}, "`next` of the page before, with the parameters of that page.")


@frozen
class Page:
    """Entries of an answer, each of them as JSON, and where the next page begins."""

    entries: Sequence[str]
    next: Place | None


@frozen(kw_only=True)
class Question:
    """One thing that can be asked."""

    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    entries: str
    """The key of the answer that holds the entries."""
    table: Table
    daily: bool = False
    """Whether sums by day are asked for, and not rows."""

    def read(self, reader: UsageReader, selection: Selection, after: Place | None, limit: int) -> Page:
        """One page."""
        # One entry more tells whether there is a next page.
        if self.daily:
            lines = reader.sums(selection, after, limit + 1)
            return _page(lines, limit, _line, lambda line: Place((line.day - EPOCH).days, line.custom_id))
        rows = reader.page(self.table, selection, after, limit + 1)
        return _page(rows, limit, as_json, _place)


_RECORDS = (FROM, TO, CUSTOM_ID, CHANNEL_ID, LIMIT, CURSOR)
QUESTIONS = (
    Question(
        path="/v1/usage/recognitions",
        summary="Recognitions, oldest first.",
        parameters=_RECORDS,
        entries="records",
        table=RECOGNITIONS,
    ),
    Question(
        path="/v1/usage/sessions",
        summary="Sessions, oldest first.",
        parameters=_RECORDS,
        entries="records",
        table=SESSIONS,
    ),
    Question(
        path="/v1/usage/summary",
        summary="Sums of recognitions by day of UTC and custom_id.",
        parameters=(FROM, TO, CUSTOM_ID, LIMIT, CURSOR),
        entries="lines",
        table=RECOGNITIONS,
        daily=True,
    ),
)


@define
class UsageApi:
    """Answers questions about the records of a store."""

    open_reader: Callable[[], UsageReader]
    _reading: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(READS_AT_ONCE), init=False)

    async def answer(self, question: Question, tenant: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        """A page as JSON: what this tenant asked for, by the names and values of its parameters.

        Raises:
            Refusal: there is no answer.
        """
        values = _values(question, parameters)
        selection, limit = _selection(tenant, values), _limit(values)
        mark = _mark(question.path, selection)
        after = _after(values["cursor"], tenant, mark, question) if "cursor" in values else None
        if self._reading.statistics().tasks_waiting >= MAXIMUM_READS_WAITING:
            raise Refusal("temporarily_unavailable", "too many questions at once", 503)
        read = partial(self._read, question, selection, after, limit, mark)
        try:
            return await trio.to_thread.run_sync(read, limiter=self._reading, abandon_on_cancel=True)
        except TooSlow as error:
            raise Refusal("temporarily_unavailable", f"{error}: ask for a shorter time", 503) from error
        except StoreUnavailable as error:
            _log.error("usage_not_read", error=str(error))
            raise Refusal("temporarily_unavailable", "the records cannot be read at the moment", 503) from error

    def _read(self, question: Question, selection: Selection, after: Place | None, limit: int, mark: str) -> bytes:
        with closing(self.open_reader()) as reader:
            page = question.read(reader, selection, after, limit)
        following = None if page.next is None else _cursor(selection.tenant, mark, page.next)
        # By hand, for each entry alone: the encoder lets nobody else run before it is done.
        return f'{{"{question.entries}":[{",".join(page.entries)}],"next":{json.dumps(following)}}}'.encode()


def _page(found: Sequence[Any], limit: int, show: Callable[[Any], str], place: Callable[[Any], Place]) -> Page:
    shown = [show(entry) for entry in unhurried(found[:limit])]
    return Page(shown, place(found[limit - 1]) if len(found) > limit else None)


def _place(row: Row) -> Place:
    return Place(whole(row, row.table.time), str(row["record_id"]))


def _line(line: SummaryLine) -> str:
    fields = {"day": line.day.isoformat(), "custom_id": line.custom_id, "recognitions": line.recognitions}
    fields |= {"listened_ms": line.listened_ms, "billed_ms": line.billed_ms}
    return json.dumps(fields, ensure_ascii=False)


# Parameters


def _values(question: Question, parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    known = [parameter.name for parameter in question.parameters]
    values: dict[str, str] = {}
    for name, value in parameters:
        if name not in known:
            raise _invalid(f"unknown parameter {shorten(name)}{nearest(name, known)}")
        if name in values:
            raise _invalid(f"{name}: given twice")
        # As records are stored: a text that no database takes finds what it became.
        values[name] = str(storable(value))
    return values


def _selection(tenant: str, values: Mapping[str, str]) -> Selection:
    start_ms = _moment("from", values["from"]) if "from" in values else ALWAYS.start_ms
    end_ms = _moment("to", values["to"]) if "to" in values else ALWAYS.end_ms
    if start_ms > end_ms:
        raise _invalid("from: later than to")
    period = Period(start_ms, end_ms)
    return Selection(
        tenant=tenant, period=period, custom_id=values.get("custom_id"), channel_id=values.get("channel_id")
    )


_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(name: str, written: str) -> int:
    """A day of UTC, or a time (RFC 3339, section 5.6), in milliseconds since the Unix epoch."""
    expected = f"got {shorten(written)}, expected {MOMENTS}"
    # A + that is not escaped comes as a space; there is no other reason for one.
    text = written.upper().replace(" ", "+")
    if not _MOMENT.fullmatch(text):
        raise _invalid(f"{name}: {expected}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid(f"{name}: {expected}") from error
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def _limit(values: Mapping[str, str]) -> int:
    written = values.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,4}", written) or not 1 <= int(written) <= MAXIMUM_LIMIT:
        raise _invalid(f"limit: got {shorten(written)}, expected an integer from 1 to {MAXIMUM_LIMIT}")
    return int(written)


def _invalid(description: str) -> Refusal:
    return Refusal("invalid_request", description)


# Cursors


def _mark(*words: object) -> str:
    """Tells whether two things are the same one."""
    return sha256(repr(words).encode()).hexdigest()[:16]


def _cursor(tenant: str, mark: str, place: Place) -> str:
    fields = [_mark(tenant), mark, place.moment, place.name]
    return urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def _after(cursor: str, tenant: str, mark: str, question: Question) -> Place:
    """Where a page goes on. Raises Refusal."""
    refusal = _invalid("cursor: expected 'next' of a page with the same parameters")
    try:
        fields = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        owner, asked, moment, name = fields
        if type(moment) is not int or not 0 <= moment * (DAY_MS if question.daily else 1) <= ALWAYS.end_ms:
            raise refusal
        name = storable(name) if question.daily else str(uuid.UUID(name))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise refusal from error
    if owner != _mark(tenant):
        raise Refusal("forbidden", "cursor: it was given to another tenant", 403)
    if asked != mark or not isinstance(name, str):
        raise refusal
    return Place(moment, name)
