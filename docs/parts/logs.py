"""What the server logs: every call of a logger in its sources, read from their syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

from attrs import fields, frozen

import h2b
from h2b.model.usage import RecognitionRecord, SessionAttributes, SessionRecord
from parts.markdown import code, table

PLACES = ("server", "asr", "usage")
LEVELS = ("debug", "info", "warning", "error", "exception")
MEANINGS = {
    "accept_failed": "The system has no socket for a client that wants to connect; the next one is tried soon.",
    "access_open": "Everybody may connect: there are no clients and no issuer of tokens. The first client ends it.",
    "actor_attached": "A process of the Ray cluster was found for this place; it may serve other servers too.",
    "actor_awaited": "The Ray cluster has no room for this process now, or is starting it again.",
    "address_refused": "An address has as many connections as it may; so many more of it were closed unheard.",
    "answer_not_taken": "A session could not take the recogniser's answer; that session ends.",
    "busy": "Utterances wait so long for a free process that no session begins, by `busy_s`.",
    "busy_no_more": "Utterances wait no longer: sessions begin again.",
    "call_answered": "A call was taken, with these channels. `user` is who showed a password.",
    "call_changed": "A client made another offer within its call: these are the channels now.",
    "call_ended": "A call is over, and all it had is given back.",
    "call_failed": "A fault of ours ended a call.",
    "call_given_up": "The server hangs up on a client that is gone or never came, or because it shuts down.",
    "call_refused": "A call, or another offer within one, was refused with this SIP status.",
    "call_too_slow": "A client did not read what its channels said, and was hung up on.",
    "calls_open": "Everybody may call by SIP: neither `allow` nor `users` is set in `[mrcp]`.",
    "certificate_refused": "SIGHUP came, and the files of `[tls]` are wrong; the certificate from before serves on.",
    "certificate_reloaded": "SIGHUP came: new connections get this certificate.",
    "channel_failed": "A fault of ours ended a connection with close code 1011.",
    "client_gone": "A client went away without saying so.",
    "client_over_limit": "A client took more than `[limits]` allows and was disconnected with close code 1008.",
    "client_refused": "The upgrade of a client was refused with this HTTP status.",
    "client_too_slow": "A client did not read its events and was disconnected with close code 1008.",
    "cluster_found": "The Ray cluster is there, or has grown: so many CPUs, and places for so many processes.",
    "cluster_lost": "The link to the Ray cluster ended; it is tried again after `retry_s` seconds.",
    "connection_failed": "A fault of ours ended a connection before or after its conversation.",
    "default_language_unavailable": "Bots that name none are refused: `speech_language` in `[defaults]` is not there.",
    "draining": "No more clients are taken: the sessions of so many connections have `drain_s` seconds to end.",
    "draining_calls": "No more calls are taken: so many have `drain_s` seconds to end.",
    "engine_failed": "An engine met what nobody expected; the recognition ends with cause Error.",
    "engine_loading": "A worker process tells how its start goes on, such as the conversion of weights.",
    "engine_not_loaded": "What nobody expected kept an engine from being loaded; the worker process ends.",
    "front_end_died": "A front end of several ended, with its calls; another one starts after `retry_s` seconds.",
    "front_end_ready": "A front end of several serves: the first one, or one in the place of one that died.",
    "grammar_fetched": "A document that a client's grammar refers to came from its server.",
    "grammar_host_private": "A name in `fetch_hosts` leads to an address that is not public: it is not asked.",
    "grammar_not_fetched": "A document that a client's grammar refers to could not be had; the client was told why.",
    "grammars_refused": "A changed grammar file is wrong, which one and why; the grammars from before serve on.",
    "grammars_reloaded": "Grammar files changed: new sessions get these grammars.",
    "hangup_ignored": "SIGHUP came, and there is no certificate to read again: nothing was done.",
    "http_failed": "A fault of ours ended a connection of the HTTP side.",
    "languages_unavailable": "No models of these languages are installed. `languages` in `[asr]` names those you need.",
    "leaving": "SIGTERM or SIGINT came: /readyz answers 503, and clients are taken for `drain_notice_s` seconds more.",
    "log_lines_lost": "The log can be written again: so many lines before this one could not be.",
    "mrcp_connection_lost": "A control connection broke, or its client did not read.",
    "mrcp_connection_evicted": "All places were taken: a control connection that no call uses was closed for another.",
    "mrcp_connection_refused": "A control connection was closed at once: its address may not call, or all are in use.",
    "mrcp_request": "A request came by a control connection.",
    "mrcp_unreadable": "What came by a control connection was no message of MRCPv2.",
    "notify_failed": "The service manager asked to be told and could not be.",
    "record_late": "A record was not on the disk in time: the client got its event without waiting longer.",
    "recognition_billed": "A recognition is over: its usage record, one line each.",
    "recognition_failed": "A recognition ended with cause Error; the client got the same reason.",
    "record_not_written": "A usage record could not be taken: this line is all that is left of it.",
    "request_refused": "A request of a session was refused, and the client was told the same reason: its bot is wrong.",
    "request_not_prepared": "An engine could not compile ahead what a recognition needs: that will say why.",
    "rtp_ended": "The sound of a call is over: counts of its packets, those that are not 0.",
    "script_failed": "A grammar's script failed or took too long; the recognition ends with cause Error.",
    "session_billed": "A session is over: its usage record, one line each.",
    "signal": "A signal came.",
    "sip_connection_lost": "A SIP connection broke, or its client did not read.",
    "sip_connection_evicted": "All places were taken: a SIP connection that no call uses was closed for another.",
    "sip_connection_refused": "A SIP connection was closed at once: its address may not call, or calls use all places.",
    "sip_failed": "A SIP message that came, or was due, met a fault of ours and was dropped.",
    "sip_not_sent": "A SIP message could not be sent to this address.",
    "spans_not_sent": "The collector of `[telemetry]` cannot be reached: traces are lost until it can be. Told once.",
    "spans_sent_again": "The collector of `[telemetry]` takes traces again.",
    "srtp_keys_in_the_clear": "`srtp` in `[mrcp]` takes keys by SIP without TLS, from other machines: use `sip_tls`.",
    "stopped": "The last connection is closed.",
    "trace_failed": "A fault of ours ended the trace of a connection or call, which goes on without.",
    "token_failed": "A token was asked for, and the file of clients or its key could not be used.",
    "token_not_verified": "A client showed a token, and the issuer's keys or the file of clients could not be had.",
    "usage_copied_again": "The database is back: so many records were copied to it at once.",
    "usage_copy_failed": "A fault of ours in copying records to the database. They stay in the file.",
    "usage_deleted": "Records older than `retention_days` were deleted from the file.",
    "usage_not_copied": "The database of records cannot be used. So many stay in the file, and are copied later.",
    "usage_not_deleted": "The file of records cannot be used to delete old ones; this is tried again later.",
    "usage_not_read": "Usage records were asked for over HTTP, and their file or database cannot be used.",
    "usage_not_written": "The file of records cannot be written. So many wait; none is lost while the server runs.",
    "usage_row_lost": "A record could not be written, or not before the end: this line is all that is left of it.",
    "usage_written_again": "The file of records can be written again.",
    "waveform_not_written": "The sound of a recognition could not be kept; the client gets an empty address.",
    "worker_died": "A worker process ended, was replaced or was lost; another is sought after `respawn_s` seconds.",
    "worker_ready": "A worker process has loaded its models.",
}


@frozen
class Line:
    """One call of a logger."""

    event: str
    level: str
    fields: tuple[str, ...]


def events(_: str) -> str:
    lines = {line.event: line for line in _lines()}
    assert set(lines) == set(MEANINGS), sorted(set(lines) ^ set(MEANINGS))
    rows = [
        (code(name), line.level, ", ".join(map(code, line.fields)) or "-", MEANINGS[name])
        for name, line in sorted(lines.items())
    ]
    return table(("event", "level", "fields", "meaning"), rows)


def _lines() -> Iterator[Line]:
    package = Path(h2b.__file__).parent
    places = (path for place in PLACES for path in (package / place).glob("*.py"))
    for path in sorted([package / "loglines.py", *places]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event))], keywords=keywords):
                    # Other methods are called with one text too; names of events are one word.
                    if level in LEVELS and event.isidentifier():
                        named = tuple(name for keyword in keywords for name in _names(event, keyword.arg))
                        yield Line(event, "error" if level == "exception" else level, named)
                case ast.Call(
                    func=ast.Attribute(attr="tell"),
                    args=[ast.Attribute(attr=level), ast.Constant(value=str(event)), *_],
                    keywords=keywords,
                ):
                    # Once a second at most, with how often it happened.
                    yield Line(event, level, (*(str(keyword.arg) for keyword in keywords), "count"))


def _names(event: str, argument: str | None) -> tuple[str, ...]:
    """A field; where a whole mapping is given, it is a usage record, without what was said."""
    if argument is not None:
        return (argument,)
    session = [attribute.name for attribute in fields(SessionAttributes)]
    record = SessionRecord if event == "session_billed" else RecognitionRecord
    left_out = ("session", "transcript", "value")
    return (*session, *(attribute.name for attribute in fields(record) if attribute.name not in left_out))
