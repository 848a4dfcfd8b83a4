"""The smallest pieces of SIP text: tokens, quoted strings, lists, parameters (RFC 3261, section 25.1).

Owns the one error this parser raises and the bounds on what it reads. Must not know any header by name.
"""

import re

from h2b.model.errors import H2BError, shorten

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST = re.compile(r"\[[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9]+)?\]|[A-Za-z0-9](?:[A-Za-z0-9.\-_]{0,254})")
_QUOTED = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n])*"')
_SIGNS = {separator: re.compile(f'["<>{separator}]') for separator in ",;"}
_PARAMETER_VALUE = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9\-.!%*_+`'~:/@\[\]]+")

MAXIMUM_PORT = 65535
MAXIMUM_PARAMETERS = 64
"""More parameters than this on one value serve only to cost time."""

Params = dict[str, str | None]
"""Parameters by lower-case name, in order; values as they were written (quotes kept), None for a name alone."""


class SipSyntaxError(H2BError, ValueError):
    """Octets that are not SIP. `where` is the start line, a header's name or the framing; `why` is for people."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


def is_token(text: str) -> bool:
    """Whether `text` is one token, as methods, tags and header names are."""
    return TOKEN.fullmatch(text) is not None


def split_outside(text: str, separator: str, where: str) -> list[str]:
    """Pieces between separators that stand neither in a quoted string nor in angle brackets, stripped.

    Linear in the length. Raises SipSyntaxError where a quote or a bracket stays open.
    """
    if '"' not in text and "<" not in text:
        return [piece.strip(" \t") for piece in text.split(separator)]
    pieces, start, position, bracketed = [], 0, 0, False
    while (sign := _SIGNS[separator].search(text, position)) is not None:
        position = sign.end()
        if sign.group() == '"' and not bracketed:
            quoted = _QUOTED.match(text, sign.start())
            if quoted is None:
                raise SipSyntaxError(where, f"a quoted string never ends: {shorten(text)}")
            position = quoted.end()
        elif sign.group() == "<":
            bracketed = True
        elif sign.group() == ">":
            bracketed = False
        elif sign.group() == separator and not bracketed:
            pieces.append(text[start : sign.start()].strip(" \t"))
            start = position
    if bracketed:
        raise SipSyntaxError(where, f"an angle bracket never closes: {shorten(text)}")
    return [*pieces, text[start:].strip(" \t")]


def parse_params(text: str, where: str) -> Params:
    """Parameters of `;a=b;c`, with the first semicolon or an empty text.

    Raises SipSyntaxError; twice a name is wrong.
    """
    if not text.strip(" \t"):
        return {}
    before, *written = split_outside(text, ";", where)
    if before:
        raise SipSyntaxError(where, f"expected ';' before {shorten(before)}")
    if len(written) > MAXIMUM_PARAMETERS:
        raise SipSyntaxError(where, f"{len(written)} parameters, expected at most {MAXIMUM_PARAMETERS}")
    found: Params = {}
    for piece in written:
        name, value = parse_assignment(piece, where)
        if name in found:
            raise SipSyntaxError(where, f"parameter {shorten(name)} stands twice")
        found[name] = value
    return found


def parse_assignment(piece: str, where: str) -> tuple[str, str | None]:
    """Name in lower case and value of one `name=value` or `name`; blanks around the sign of equality are allowed."""
    name, equals, value = (part.strip(" \t") for part in piece.partition("="))
    if not is_token(name):
        raise SipSyntaxError(where, f"got {shorten(piece)}, expected a parameter")
    if not equals:
        return name.lower(), None
    if not _PARAMETER_VALUE.fullmatch(value) and not _QUOTED.fullmatch(value):
        raise SipSyntaxError(where, f"parameter {shorten(name)} has the value {shorten(value)}")
    return name.lower(), value


def write_params(params: Params) -> str:
    """The inverse of `parse_params`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def unquote(value: str) -> str:
    """What a quoted string says; any other text as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_number(text: str, largest: int, where: str) -> int:
    """An unsigned decimal number no larger than `largest`. Raises SipSyntaxError; never converts a long text."""
    digits = text.strip(" \t")
    if not (digits.isascii() and digits.isdigit()):
        raise SipSyntaxError(where, f"got {shorten(text)}, expected a number")
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(largest)) or int(significant) > largest:
        raise SipSyntaxError(where, f"got {shorten(text)}, expected at most {largest}")
    return int(significant)


def parse_host_port(text: str, where: str) -> tuple[str, int | None]:
    """Host (an IPv6 address without its brackets) and port of `host[:port]`; blanks around the colon are allowed."""
    host = HOST.match(text)
    if host is None:
        raise SipSyntaxError(where, f"got {shorten(text)}, expected a host")
    rest = text[host.end() :].strip(" \t")
    name = host.group().strip("[]")
    if not rest:
        return name, None
    if rest[0] != ":":
        raise SipSyntaxError(where, f"got {shorten(text)}, expected host:port")
    return name, parse_number(rest[1:], MAXIMUM_PORT, where)


def write_host_port(host: str, port: int | None) -> str:
    """`host:port` with the brackets an IPv6 address needs."""
    written = f"[{host}]" if ":" in host else host
    return written if port is None else f"{written}:{port}"
