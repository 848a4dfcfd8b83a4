"""Header values with an inner structure: URIs, addresses, Via, CSeq (RFC 3261, sections 19 and 20).

Owns their reading and writing. Must not know messages, transactions or transports. All readers raise SipSyntaxError and
nothing else.
"""

import re

from attrs import evolve, field, frozen

from h2b.model.errors import shorten
from h2b.telephony.sip_syntax import (
    TOKEN,
    Params,
    SipSyntaxError,
    is_token,
    parse_host_port,
    parse_number,
    parse_params,
    split_outside,
    unquote,
    write_host_port,
    write_params,
)

MAGIC_COOKIE = "z9hG4bK"
"""A branch that begins so is unique by itself (RFC 3261, section 8.1.1.7)."""

DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061
MAXIMUM_SEQUENCE = 2**31 - 1

_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"\x00-\x1f\x7f]*")
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+([^;]+)(.*)", re.DOTALL | re.IGNORECASE)
_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t\x80-\U0010ffff]*")


@frozen
class SipUri:
    """A `sip:` or `sips:` URI. Escapes stay as written; `headers` is the text after the question mark."""

    scheme: str
    host: str
    user: str = ""
    port: int | None = None
    params: Params = field(factory=dict)
    headers: str = ""

    @property
    def default_port(self) -> int:
        return DEFAULT_TLS_PORT if self.scheme == "sips" else DEFAULT_PORT

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{write_host_port(self.host, self.port)}{write_params(self.params)}{headers}"


@frozen
class Address:
    """What From, To, Contact and Route carry: a display name, a URI of any scheme, parameters of the header."""

    uri: str
    display: str = ""
    params: Params = field(factory=dict)

    @property
    def tag(self) -> str:
        """The dialog tag, or an empty text: clients of RFC 2543 had none."""
        return self.params.get("tag") or ""

    def __str__(self) -> str:
        display = self.display.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{display}" <{self.uri}>{write_params(self.params)}' if display else self._plain()

    def _plain(self) -> str:
        return f"<{self.uri}>{write_params(self.params)}"

    def with_tag(self, tag: str) -> "Address":
        """The same address with this tag."""
        return evolve(self, params={**self.params, "tag": tag})


@frozen
class Via:
    """One hop of a request: where its response goes (RFC 3261, section 18.2.2; rport: RFC 3581)."""

    transport: str
    host: str
    port: int | None = None
    params: Params = field(factory=dict)

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as one text in lower case, as transactions are told apart by."""
        return write_host_port(self.host, self.port).lower()

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {write_host_port(self.host, self.port)}{write_params(self.params)}"


@frozen
class CSeq:
    """The number of a request in its direction of a dialog, and its method."""

    number: int
    method: str


def parse_uri(text: str, where: str) -> SipUri:
    """A `sip:` or `sips:` URI (RFC 3261, section 19.1.1). Other schemes are refused: ask `scheme_of` first."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise SipSyntaxError(where, f"got {shorten(text)}, expected a sip: URI")
    if not _ABSOLUTE_URI.fullmatch(text):
        raise SipSyntaxError(where, f"URI {shorten(text)} has a sign no URI may have")
    # A semicolon or a question mark may stand in the user part, so the at sign is looked for first.
    user, at, after = rest.partition("@") if "@" in rest else ("", "", rest)
    if "@" in after or (at and not user):
        raise SipSyntaxError(where, f"URI {shorten(text)}: expected user@host")
    rest, _, headers = after.partition("?")
    host_port, semicolon, params = rest.partition(";")
    host, port = parse_host_port(host_port, where)
    return SipUri(scheme.lower(), host, user, port, _uri_params(semicolon + params, where), headers)


def _uri_params(text: str, where: str) -> Params:
    """URI parameters take more signs than those of headers; they are kept, not judged."""
    found: Params = {}
    for piece in text.split(";")[1:]:
        name, equals, value = piece.partition("=")
        if not name:
            raise SipSyntaxError(where, "URI has an empty parameter")
        found[name.lower()] = value if equals else None
    return found


def check_uri(text: str, where: str) -> None:
    """Raises SipSyntaxError unless `text` is an absolute URI, and a well-formed one if it is a SIP URI."""
    if scheme_of(text) in ("sip", "sips"):
        parse_uri(text, where)
    elif not _ABSOLUTE_URI.fullmatch(text):
        raise SipSyntaxError(where, f"got {shorten(text)}, expected a URI")


def scheme_of(uri: str) -> str:
    """The scheme in lower case, or an empty text."""
    scheme, colon, _ = uri.partition(":")
    return scheme.lower() if colon else ""


def parse_address(text: str, where: str) -> Address:
    """`"Name" <uri>;params`, `Name <uri>;params` or `uri;params` (RFC 3261, section 20.10)."""
    before, *rest = split_outside(text, ";", where)
    params = parse_params("".join(f";{piece}" for piece in rest), where)
    if not before.endswith(">"):
        # Without brackets a comma or a question mark would be ambiguous, so neither may stand there.
        if set(before) & set('?,"<>'):
            raise SipSyntaxError(where, f"URI {shorten(before)} must stand in angle brackets")
        check_uri(before, where)
        return Address(before, params=params)
    display, opening, bracketed = before.rpartition("<")
    if not opening:
        raise SipSyntaxError(where, f"got {shorten(before)}, expected '<' before '>'")
    check_uri(bracketed[:-1], where)
    return Address(bracketed[:-1], _display(display.strip(" \t"), where), params)


def _display(text: str, where: str) -> str:
    if text.startswith('"') and text.endswith('"') and len(split_outside(text, ";", where)) == 1 and len(text) > 1:
        return unquote(text)
    if not _DISPLAY.fullmatch(text):
        raise SipSyntaxError(where, f"display name {shorten(text)} must stand in quotes")
    return text


def parse_via(text: str, where: str = "Via") -> Via:
    """One Via value (RFC 3261, section 20.42); blanks around its slashes and colon are allowed."""
    parts = _VIA.fullmatch(text)
    if parts is None:
        raise SipSyntaxError(where, f"got {shorten(text)}, expected SIP/2.0/transport host")
    transport, sent_by, params = parts.groups()
    host, port = parse_host_port(sent_by.strip(" \t"), where)
    return Via(transport.upper(), host, port, parse_params(params, where))


def parse_cseq(text: str, where: str = "CSeq") -> CSeq:
    """`number METHOD`; the number stays below 2**31 (RFC 3261, section 8.1.1.5)."""
    number, *method = text.split()
    if len(method) != 1 or not is_token(method[0]):
        raise SipSyntaxError(where, f"got {shorten(text)}, expected a number and a method")
    return CSeq(parse_number(number, MAXIMUM_SEQUENCE, where), method[0])


def first_token(text: str) -> str:
    """The media type or token a value begins with, in lower case and without parameters; empty if there is none."""
    kind = text.partition(";")[0].replace(" ", "").lower()
    return kind if all(TOKEN.fullmatch(part) for part in kind.split("/")) else ""
