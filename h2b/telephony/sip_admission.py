"""Which requests are answered at once, and how: methods, extensions, bodies, timers (RFC 3261, 8.2; RFC 4028).

Owns these rules and the texts of their answers. Must not know transactions or calls: all here are functions of a
request.
"""

from attrs import frozen

from h2b.telephony.sip_headers import Via, first_token, scheme_of
from h2b.telephony.sip_message import Headers, Request, Response, readable
from h2b.telephony.sip_syntax import SipSyntaxError, parse_number

METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE")
ALLOW = ("Allow", ", ".join(METHODS))
EXTENSIONS = ("timer",)
SUPPORTED = ("Supported", ", ".join(EXTENSIONS))
BODY_TYPE = "application/sdp"
ACCEPT = ("Accept", BODY_TYPE)

MINIMUM_SESSION_SECONDS = 90
"""The least a session may last between refreshes (RFC 4028, section 5)."""
MAXIMUM_DELTA_SECONDS = 2**32 - 1

REASONS = {
    100: "Trying",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
}


@frozen
class Refusal:
    """A final response that is not 2xx."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    reason: str = ""


def response_to(
    request: Request, status: int, *fields: tuple[str, str], tag: str = "", reason: str = "", body: bytes = b""
) -> Response:
    """A response with the headers every one has (RFC 3261, section 8.2.6). `tag` is ours, unless To has one already."""
    own = [field for field in request.headers.fields if field[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    headers = Headers(tuple(own))
    if tag and not request.recipient.tag:
        headers = headers.replacing("To", str(request.recipient.with_tag(tag)))
    text = readable(reason) or REASONS.get(status, "")
    return Response(status, text, headers.adding(*fields), body)


def refusal_of_malformed(request: Request, status: int, why: str) -> Response:
    """The answer to a request whose headers may be unreadable: they go back as they came (RFC 4475, section 3.1.2)."""
    own = [field for field in request.headers.fields if field[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    return Response(status, readable(why) or REASONS[status], Headers(tuple(own)))


def routed(request: Request, host: str, port: int) -> Request:
    """The request with its source address in its first Via, as `received` and `rport` (RFC 3261, 18.2.1; RFC 3581)."""
    first, *others = request.vias
    params = dict(first.params)
    if "rport" in params:
        params["rport"] = str(port)
    if "rport" in params or first.host.lower() != host.lower():
        params["received"] = host
    vias = [Via(first.transport, first.host, first.port, params), *others]
    kept = [field for field in request.headers.fields if field[0] != "Via"]
    lines = [("Via", str(via)) for via in vias]
    return Request(request.method, request.uri, Headers((*lines, *kept)), request.body)


def refusal(request: Request) -> Refusal | None:
    """Why a request is not looked into, whatever it wants, or None (RFC 3261, sections 8.2.1 to 8.2.3)."""
    if request.method not in METHODS:
        return Refusal(405, (ALLOW,))
    if scheme_of(request.uri) not in ("sip", "sips"):
        return Refusal(416)
    unknown = [tag for tag in request.headers.tokens("Require") if tag.lower() not in EXTENSIONS]
    if unknown and request.method not in ("ACK", "CANCEL"):
        return Refusal(420, (("Unsupported", ", ".join(unknown)),))
    return _refusal_of_body(request) or _refusal_of_accept(request) or _refusal_of_timer(request)


def _refusal_of_body(request: Request) -> Refusal | None:
    if not request.body or request.method not in ("INVITE", "UPDATE"):
        return None
    if first_token(request.headers.get("Content-Type") or "") != BODY_TYPE:
        return Refusal(415, (ACCEPT,))
    coding = (request.headers.get("Content-Encoding") or "identity").strip().lower()
    return None if coding == "identity" else Refusal(415, (ACCEPT, ("Accept-Encoding", "identity")))


def _refusal_of_accept(request: Request) -> Refusal | None:
    """An INVITE that wants no SDP back cannot be answered (RFC 4475, section 3.3.15)."""
    if request.method != "INVITE" or request.headers.get("Accept") is None:
        return None
    wanted = {first_token(value) for value in request.headers.listed("Accept")}
    return None if wanted & {BODY_TYPE, "application/*", "*/*"} else Refusal(406, (ACCEPT,))


def _refusal_of_timer(request: Request) -> Refusal | None:
    known = supports_timer(request)
    try:
        asked = session_seconds(request.headers)
        least = minimum_seconds(request.headers)
    except SipSyntaxError as error:
        return Refusal(400, reason=str(error))
    if asked is None or asked >= MINIMUM_SESSION_SECONDS or request.method not in ("INVITE", "UPDATE"):
        return None
    if not known or least > asked:
        return None
    return Refusal(422, (("Min-SE", str(MINIMUM_SESSION_SECONDS)),))


def supports_timer(message: Request | Response) -> bool:
    """Whether the other side knows session timers."""
    named = [*message.headers.tokens("Supported"), *message.headers.tokens("Require")]
    return "timer" in (tag.lower() for tag in named)


def session_seconds(headers: Headers) -> int | None:
    """What Session-Expires says, or None. Raises SipSyntaxError."""
    value = headers.get("Session-Expires")
    return None if value is None else parse_number(value.partition(";")[0], MAXIMUM_DELTA_SECONDS, "Session-Expires")


def minimum_seconds(headers: Headers) -> int:
    """What Min-SE says, or 0. Raises SipSyntaxError."""
    value = headers.get("Min-SE")
    return 0 if value is None else parse_number(value.partition(";")[0], MAXIMUM_DELTA_SECONDS, "Min-SE")


def refresher(headers: Headers) -> str:
    """Who is to refresh, by Session-Expires: `uac`, `uas` or nobody named."""
    value = (headers.get("Session-Expires") or "").replace(" ", "").lower()
    return "uas" if "refresher=uas" in value else "uac" if "refresher=uac" in value else ""


def agreed_session(request: Request, own_seconds: int) -> int:
    """Seconds between refreshes the client will make, or 0 for a session without timer (RFC 4028, section 9).

    A client that wants us to refresh gets no timer: we have nothing to tell it, and its own BYE still ends the call.
    """
    if not own_seconds or not supports_timer(request) or refresher(request.headers) == "uas":
        return 0
    asked = session_seconds(request.headers)
    seconds = own_seconds if asked is None else min(asked, own_seconds)
    return max(seconds, minimum_seconds(request.headers), MINIMUM_SESSION_SECONDS)


def session_fields(seconds: int) -> tuple[tuple[str, str], ...]:
    """What a 2xx says about the timer."""
    if not seconds:
        return ()
    return (("Require", "timer"), ("Session-Expires", f"{seconds};refresher=uac"))


def warning(why: str, agent: str) -> tuple[str, str]:
    """A Warning that says to people what was wrong (RFC 3261, section 20.43; 399 is a reason without a number)."""
    return "Warning", f"399 {agent} {shorten_quoted(why)}"


def shorten_quoted(text: str) -> str:
    """One quoted string of bearable length, whatever signs the text has."""
    plain = readable(text).replace("\\", "/").replace('"', "'")
    return f'"{plain[:200]}"'
