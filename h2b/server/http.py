"""The HTTP side: tokens for clients, health for load balancers, metrics for Prometheus, usage records for tenants.

Owns paths, statuses and bodies. Must not know sessions or the WebSocket: what it tells comes from functions it is
given. Served by anycorn in the same trio program, so a loop that hangs is a health check that fails.
"""

import logging
import math
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

import anycorn
import anyio
import structlog
import trio
from anycorn.tcp_server import tcp_server_handler
from anycorn.typing import ConnectionState
from anycorn.utils import wrap_app
from anycorn.worker_context import WorkerContext
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream
from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import h2b
from h2b.access.grant import MAXIMUM_FORM, Refusal, read_basic, read_form
from h2b.access.keyset import IssuerUnreachable
from h2b.access.tokens import TokenRefused
from h2b.model.errors import ConfigurationError
from h2b.server.access import Access, TooManyGrants, is_loopback
from h2b.server.door import Door
from h2b.server.limits import Handshakes, Place, share
from h2b.server.metrics import Metrics
from h2b.server.openapi import TOKEN_PATH, document
from h2b.server.usage_api import QUESTIONS, Question, UsageApi

_log = structlog.get_logger("h2b.server.http")

FORM_TYPE = "application/x-www-form-urlencoded"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RECEIVE_S = 5.0
"""Time a client may take for a request, and a connection may be idle."""
RETRY_AFTER_S = 5
CONNECTION_S = 60.0
"""Longest life of a connection, whatever is asked on it."""
MAXIMUM_CONNECTIONS = 256
BEGUN_PER_SECOND = 200.0
BASIC, BEARER = 'Basic realm="h2b"', 'Bearer realm="h2b"'
PRIVATE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749, section 5.1."""


@frozen
class Readiness:
    """Whether new calls may come, and what speaks against it."""

    reasons: tuple[str, ...]
    facts: dict[str, int]


@frozen
class HttpSide:
    """What the HTTP side needs of the server."""

    access: Access
    metrics: Metrics
    readiness: Callable[[], Readiness]
    usage: UsageApi | None = None
    """None where no records are kept."""

    def application(self) -> Starlette:
        """The paths. The one for tokens is missing where others give them out."""
        routes = [
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.show_metrics),
            Route("/openapi.json", self.describe),
        ]
        if self.access.grants:
            routes.append(Route(TOKEN_PATH, self.token, methods=["POST"]))
        if self.usage is not None:
            answers = (Route(asked.path, partial(self.show_usage, self.usage, asked)) for asked in QUESTIONS)
            routes.extend(answers)
        application = Starlette(routes=routes, exception_handlers={HTTPException: _no_such})
        # Else a path with a slash too many is answered with an address made of the Host that the client named.
        application.router.redirect_slashes = False
        return application

    async def health(self, request: Request) -> Response:
        """200 as long as the loop turns."""
        return JSONResponse({"alive": True, "version": h2b.__version__, "loop_lag_s": round(self.metrics.lag_s, 4)})

    async def ready(self, request: Request) -> Response:
        """200 when new calls may come, else 503."""
        readiness = self.readiness()
        body = {"ready": not readiness.reasons, "reasons": list(readiness.reasons), **readiness.facts}
        return JSONResponse(body, status_code=503 if readiness.reasons else 200)

    async def show_metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), headers={"Content-Type": METRICS_TYPE})

    async def describe(self, request: Request) -> Response:
        """What can be asked here, for programs."""
        return JSONResponse(document(tokens=self.access.grants, usage=self.usage is not None))

    async def show_usage(self, usage: UsageApi, question: Question, request: Request) -> Response:
        """The caller's own usage records."""
        try:
            tenant = await self._tenant(request)
            body = await usage.answer(question, tenant, request.query_params.multi_items())
        except Refusal as refusal:
            return _refuse(refusal.status, refusal.error, refusal.description, BEARER)
        return Response(body, headers=PRIVATE, media_type="application/json")

    async def _tenant(self, request: Request) -> str:
        """Whose token it is; nobody's, and empty, where nobody needs one. Raises Refusal."""
        shown = request.headers.getlist("authorization")
        try:
            # As for the WebSocket: two of them are none.
            bearer = await self.access.bearer(shown[0] if len(shown) == 1 else "")
        except TokenRefused as error:
            raise Refusal("invalid_token", str(error), 401) from error
        except (IssuerUnreachable, ConfigurationError) as error:
            _log.error("token_not_verified", reason=str(error))
            raise Refusal("temporarily_unavailable", "tokens cannot be verified at the moment", 503) from error
        if bearer is not None:
            return bearer.tenant
        if not _is_local(request):
            raise Refusal(
                "invalid_token", "while there are no clients, usage records are told on this machine only", 401
            )
        return ""

    async def token(self, request: Request) -> Response:
        """A token for a client's id and secret (RFC 6749, sections 4.3 and 4.4)."""
        try:
            fields = await _fields(request)
            answer = await self.access.grant(fields, request.client.host if request.client else "")
        except Refusal as refusal:
            self.metrics.token_request(refusal.error)
            return _refuse(refusal.status, refusal.error, refusal.description)
        except TooManyGrants as error:
            self.metrics.token_request("temporarily_unavailable")
            return _refuse(503, "temporarily_unavailable", str(error))
        except ConfigurationError as error:
            _log.error("token_failed", reason=str(error))
            self.metrics.token_request("server_error")
            return _refuse(500, "server_error", "the server cannot look up clients")
        self.metrics.token_request("granted")
        return JSONResponse(answer, headers=PRIVATE)


async def _fields(request: Request) -> dict[str, str]:
    """The form, and the client of a Basic header. Raises Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Refusal("invalid_request", f"expected a body of type {FORM_TYPE}")
    body = bytearray()
    with trio.move_on_after(RECEIVE_S) as patience:
        try:
            async with aclosing(request.stream()) as parts:
                async for part in parts:
                    body += part
                    if len(body) > MAXIMUM_FORM:
                        raise Refusal("invalid_request", f"the body is longer than {MAXIMUM_FORM} bytes", 413)
        except ClientDisconnect as error:
            raise Refusal("invalid_request", "the body is not complete") from error
    if patience.cancelled_caught:
        raise Refusal("invalid_request", f"the body took longer than {RECEIVE_S:g} s", 408)
    return read_form(bytes(body)) | read_basic(request.headers.get("authorization", ""))


def _is_local(request: Request) -> bool:
    """Whether the client is on this machine and asked for it by such a name: a page from elsewhere, whose own name was
    made to lead here, has its browser send that name."""
    host = request.headers.get("host", "")
    named = host if re.search(r":[0-9]+$", host) else f"{host}:0"
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback and is_loopback(named)
    except ValueError:
        return False


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = "not_found" if error.status_code == 404 else "invalid_request"
    body = {"error": name, "error_description": f"{error.detail}: /openapi.json tells what there is"}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


def _refuse(status: int, error: str, description: str, challenge: str = BASIC) -> Response:
    headers = dict(PRIVATE)
    if status == 401:
        headers["WWW-Authenticate"] = challenge
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse({"error": error, "error_description": description}, status_code=status, headers=headers)


# Serving


def _settings() -> anycorn.Config:
    settings = anycorn.Config()
    settings.errorlog = logging.getLogger("h2b.http")
    settings.loglevel = "WARNING"
    settings.include_server_header = False
    settings.keep_alive_timeout = RECEIVE_S
    settings.read_timeout = math.ceil(RECEIVE_S)
    settings.websocket_max_message_size = 1024
    settings.websocket_permessage_deflate = False
    return settings


async def serve_http(
    side: HttpSide,
    listener: trio.SocketListener,
    context: ssl.SSLContext | None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Whatever goes wrong in here ends one connection.

    Connections are accepted and closed here, not by anycorn: it shields some of its waits from cancellation, so a
    client that reads nothing could hold up the end of the server.
    """
    application = wrap_app(cast(Any, side.application()), MAXIMUM_FORM, "asgi")
    handle = tcp_server_handler(application, _settings(), WorkerContext(None), cast(Any, ConnectionState({})))
    places = Handshakes(MAXIMUM_CONNECTIONS)
    door = Door(
        serve=partial(_serve_one, handle, context, places),
        per_address=share(0, MAXIMUM_CONNECTIONS),
        begun_per_second=BEGUN_PER_SECOND,
        on_refused=partial(side.metrics.refused, "address"),
    )
    async with trio.open_nursery() as connections:
        await door.run([listener], connections, task_status)


async def _serve_one(
    handle: Callable[[Any], Awaitable[None]],
    context: ssl.SSLContext | None,
    places: Handshakes,
    stream: trio.SocketStream,
    place: Place,
) -> None:
    """One connection, for a minute at most; the oldest one goes when there are too many."""
    raw = await _taken_over(stream.socket)
    if raw is None:
        return
    try:
        with trio.CancelScope() as scope, places.place(scope):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_close_in_the_end, raw)
                with trio.move_on_after(RECEIVE_S) as shaking:
                    wrapped: Any = raw
                    if context is not None:
                        wrapped = await TLSStream.wrap(
                            raw, server_side=True, ssl_context=context, standard_compatible=False
                        )
                if not shaking.cancelled_caught:
                    await handle(wrapped)
                nursery.cancel_scope.cancel()
    except* (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError) as gone:
        _log.debug("client_gone", error=repr(gone.exceptions[0]))
    except* Exception:
        _log.exception("http_failed")


async def _taken_over(accepted: trio.socket.SocketType) -> SocketStream | None:
    """The connection as anyio has it; None, and it is closed, when its client has left already."""
    # All that it is made of is given: nothing is asked of the system, which could fail and leave the descriptor open.
    own = socket.socket(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
    try:
        return await SocketStream.from_socket(own)
    except (ValueError, OSError) as error:
        own.close()
        _log.debug("client_gone", error=repr(error))
        return None


async def _close_in_the_end(raw: SocketStream) -> None:
    """Close the socket after its time, or when this is cancelled: whoever waits for the client waits no more."""
    try:
        await trio.sleep(CONNECTION_S)
    finally:
        with trio.CancelScope(shield=True):
            await raw.aclose()
