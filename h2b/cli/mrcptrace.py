"""`h2b mrcp trace`: a call in a capture, as a ladder of messages."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from h2b.cli.main import Verb
from h2b.cli.mrcp_capture import read_capture
from h2b.cli.mrcp_ladder import Item, Row, Run, TracedCall, offer_in, watch
from h2b.cli.mrcp_packets import Address
from h2b.cli.terminal import console, shown, table
from h2b.model.errors import H2BError, MalformedMessage
from h2b.telephony.sdp_offer import Offer
from h2b.telephony.sip_message import Request, Response, readable
from h2b.telephony.sip_syntax import write_host_port
from h2b.wire import nlsml
from h2b.wire.mrcptext import MrcpEvent, MrcpMessage, MrcpRequest, MrcpResponse
from h2b.wire.vocabulary import Header, MediaType

SIP_HEADERS = ("Session-Expires", "Warning", "Retry-After", "WWW-Authenticate", "Authorization", "Reason")
"""Headers that tell why something happened."""
MRCP_QUIET = (Header.CHANNEL.lower(), Header.PROXY_SYNC_ID.lower(), "content-length", Header.CONTENT_TYPE.lower())
INDENT = " " * 24
DETAIL_WIDTH = 90
LONGEST_DETAIL = 200


@click.command(
    cls=Verb,
    help="""Print a call of a capture: SIP, MRCP and RTP, message by message.

    FILE is a pcap or pcapng file, of tcpdump, Wireshark or h2b mrcp call --capture. With several calls in it, and no
    --call-id, they are listed. Calls in TLS are not seen; fragments of IP are left out.
    """,
    example="""
    h2b mrcp trace call.pcap
    h2b mrcp trace evening.pcapng --call-id 68c87581
    """,
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--call-id", metavar="ID", help="The call's Call-ID or channel, or how it begins.")
def trace(file: Path, call_id: str | None) -> None:
    watcher = watch(read_capture(file))
    calls = [call for call in watcher.calls.values() if call_id is None or _named(call, call_id)]
    if not calls:
        found = f"no call '{call_id}' among {len(watcher.calls)}" if call_id else "no SIP and no MRCP"
        raise H2BError(f"{file}: {found} in {watcher.packets} packets")
    if len(calls) > 1:
        _print_list(calls)
    else:
        _print_ladder(calls[0])


def _named(call: TracedCall, name: str) -> bool:
    return any(each.startswith(name) for each in (call.name, *call.channels))


def _print_list(calls: list[TracedCall]) -> None:
    listed = table("call", "began", "from", "first", "messages")
    for call in calls:
        first = _headline(call.rows[0].item) if call.rows else ""
        began = f"{_clock(call.rows[0].at)}" if call.rows else ""
        listed.add_row(readable(call.name), began, _place(call.caller), first.partition(" ")[0], str(len(call.rows)))
    console().print(listed)
    click.echo("\nShow one with --call-id.")


def _print_ladder(call: TracedCall) -> None:
    out = console()
    began = call.rows[0].at if call.rows else 0.0
    out.print(Text(f"call     {readable(call.name)}"), soft_wrap=True)
    out.print(Text(f"caller   {_place(call.caller)}  \u2192  server {_place(call.server)}"), soft_wrap=True)
    out.print(Text(f"channel  {', '.join(map(readable, call.channels)) or '-'}"), soft_wrap=True)
    out.print(Text(f"began    {_clock(began)}\n"), soft_wrap=True)
    for row in call.rows:
        for line in _row_lines(row, began):
            out.print(line, soft_wrap=True)
    if call.left_out:
        out.print(Text(f"{call.left_out} more messages are left out"))
    if call.lost:
        out.print(Text(f"{call.lost} octets of its connections are not in the capture"))


def _row_lines(row: Row, began: float) -> Iterator[Text]:
    arrow = "\u2192" if row.forward else "\u2190"
    line = Text(f"{row.at - began:9.3f} s  {arrow}  ", style="dim")
    line.append(f"{_protocol(row.item):<6}", style="dim")
    line.append(_headline(row.item), style="bold")
    line.append("  (again)" if row.again else "", style="dim")
    yield line
    for detail in _details(row.item):
        yield Text(f"{INDENT}{_cut(detail)}", style="dim")


def _protocol(item: Item) -> str:
    match item:
        case Run():
            return "RTP"
        case MrcpRequest() | MrcpResponse() | MrcpEvent() | MalformedMessage():
            return "MRCP"
    return "SIP"


def _headline(item: Item) -> str:
    """The first line of a message, without what every message has in it."""
    match item:
        case Request():
            return readable(f"{item.method} {item.uri}")
        case Response():
            return readable(f"{item.status} {item.reason} ({item.cseq.method})")
        case MrcpRequest() | MrcpResponse() | MrcpEvent():
            return item.start
        case Run():
            return _run_words(item)
    return f"unreadable: {item}"


def _run_words(run: Run) -> str:
    kind = run.format.encoding if run.format else "unknown format"
    words = [f"{kind}, {run.packets} packets in {run.last - run.at:.2f} s"]
    if run.is_keys:
        words.append(f"keys {run.keys or '-'}")
    for number, name in ((run.lost, "lost"), (run.reordered, "late"), (run.again, "twice")):
        if number:
            words.append(f"{number} {name}")
    if run.longest_gap_s > 0.06:
        words.append(f"longest gap {run.longest_gap_s * 1000:.0f} ms")
    return ", ".join(words)


def _details(item: Item) -> Iterator[str]:
    match item:
        case Request() | Response():
            for name in SIP_HEADERS:
                for value in item.headers.all(name):
                    # Proofs of a password are of no use to a reader, but to others.
                    yield f"{name}: {'…' if name == 'Authorization' else readable(value)}"
            found = offer_in(item.body) if item.body else None
            if found is not None:
                yield from _description(found)
        case MrcpRequest() | MrcpResponse() | MrcpEvent():
            fields = [f"{name}: {value}" for name, value in item.headers if name.lower() not in MRCP_QUIET]
            yield from _filled(map(readable, fields))
            if item.body:
                yield readable(_body(item))


def _filled(fields: Iterable[str]) -> Iterator[str]:
    """Header fields, as many on a line as fit."""
    line = ""
    for field in fields:
        if line and len(line) + 2 + len(field) > DETAIL_WIDTH:
            yield line
            line = ""
        line = f"{line}  {field}" if line else field
    if line:
        yield line


def _description(found: Offer) -> Iterator[str]:
    for control in found.control:
        channel = found.description.media[control.index].attributes.get("channel")
        named = channel or control.resource or "?"
        yield f"{control.protocol} port {control.port}, {control.connection} connection, {named}"
    for audio in found.audio:
        formats = " ".join(own.encoding for own in audio.formats) or "no format"
        yield f"{audio.protocol} {audio.address}:{audio.port}, {audio.direction}, {formats}"


def _body(message: MrcpMessage) -> str:
    media_type = message.headers.get(Header.CONTENT_TYPE).partition(";")[0].strip().lower()
    if media_type in (flavour.value for flavour in nlsml.Flavour):
        try:
            best = nlsml.decode(message.body).result.best
        except MalformedMessage as error:
            return f"{media_type}: {error.reason}"
        meant = best.interpretation if best else None
        value = f"value {shown(meant.value)} {meant.confidence:.2f}, " if meant else ""
        return f"{value}\u201c{best.hypothesis.transcript}\u201d" if best else f"{media_type}: nothing heard"
    if media_type in (MediaType.URI_LIST, "text/grammar-ref-list"):
        return "  ".join(message.body.decode("utf-8", "replace").split())
    return f"{media_type or 'body'}, {len(message.body)} octets"


def _cut(text: str) -> str:
    """One line of bounded length."""
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 1] + "…"


def _place(address: Address) -> str:
    return write_host_port(*address)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")
