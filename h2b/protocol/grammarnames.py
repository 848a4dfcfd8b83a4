"""The grammars of MRCPv2 requests: bodies of every type to definitions and URIs of the session machine.

Owns the names a client gives to lists of grammars, and the spellings of builtin URIs in use. Must not know whether a
grammar exists. Source: RFC 6787 sections 9.5 and 9.6; MRCP reference sections 4 and 5.8.
"""

import hashlib

from attrs import define, field

from h2b.grammar import voicexml
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, MalformedMessage
from h2b.model.formats import GrammarFormat
from h2b.model.messages import DefineGrammar
from h2b.wire.mrcp import Refused, Status
from h2b.wire.mrcpbody import Part, parse_grammar_list, parse_multipart, parse_uri_list
from h2b.wire.mrcptext import Headers, MrcpRequest
from h2b.wire.vocabulary import URI_FAILURE, Header, MediaType

FORMATS = {
    "application/srgs+xml": GrammarFormat.SRGS_XML,
    "application/xml": GrammarFormat.SRGS_XML,
    "text/xml": GrammarFormat.SRGS_XML,
    "application/srgs": GrammarFormat.SRGS_ABNF,
}
"""Media types of grammars themselves; Asterisk and FreeSWITCH say application/xml too."""
MAXIMUM_GRAMMARS = 16
MAXIMUM_LISTS = 100
MAXIMUM_TEXT = 4096
"""Characters of a text to interpret: more than anybody says at once, and others wait while it is read."""


@define
class GrammarNames:
    """Which URIs each Content-ID of a list stands for."""

    _lists: dict[str, tuple[str, ...]] = field(factory=dict)

    def definitions(self, request: MrcpRequest) -> list[DefineGrammar]:
        """What a DEFINE-GRAMMAR asks the session to define; lists of URIs are kept here. An empty body undefines.

        Raises Refused, or MalformedMessage for a body that cannot be read.
        """
        if not request.body.strip():
            self._lists.pop(_content_id(request.headers), None)
            return []
        return [
            definition
            for part in _parts(request)
            for definition in self._definition(part, request.request_id, _content_id(part.headers))
        ]

    def recognised(self, request: MrcpRequest) -> tuple[list[DefineGrammar], tuple[str, ...]]:
        """What a RECOGNIZE or INTERPRET asks to define first, and the URIs it is about, in order of priority.

        There is one at least. Raises Refused.
        """
        definitions: list[DefineGrammar] = []
        uris: list[str] = []
        for part in _parts(request) if request.body.strip() else ():
            if _media_type(part.headers) == MediaType.PLAIN:
                continue
            if _media_type(part.headers) in FORMATS:
                alias = _alias(part)
                definitions += self._definition(part, request.request_id, alias)
                uris.append(f"session:{alias}")
            else:
                uris += self._uris(part)
        if not uris:
            raise Refused(Status.MISSING_HEADER, "no grammar: expected URIs or a grammar in the body")
        if len(uris) > MAXIMUM_GRAMMARS:
            raise _unusable(f"{len(uris)} grammars, expected at most {MAXIMUM_GRAMMARS}")
        return definitions, tuple(uris)

    def mentioned(self, request: MrcpRequest) -> tuple[str, ...]:
        """The URIs of a RECOGNIZE or INTERPRET, without the grammars in its body; none where it cannot be read."""
        try:
            parts = _parts(request) if request.body.strip() else ()
            lists = (MediaType.URI_LIST, MediaType.GRAMMAR_LIST)
            named = [part for part in parts if _media_type(part.headers) in lists]
            return tuple(uri for part in named for uri in self._uris(part))[:MAXIMUM_GRAMMARS]
        except ClientError:
            return ()

    def interpreted_text(self, request: MrcpRequest) -> str:
        """The text of an INTERPRET: the field's, or of the part of the body it names. Raises Refused."""
        text = request.headers.get(Header.INTERPRET_TEXT)
        if not text:
            raise Refused(Status.MISSING_HEADER, "Interpret-Text is missing: expected text or a Content-ID")
        named = text.strip().strip("<>")
        for part in _parts(request) if request.body.strip() else ():
            if _media_type(part.headers) == MediaType.PLAIN and named == part.headers.get(Header.CONTENT_ID).strip(
                "<> "
            ):
                return _short(_decoded(part.body))
        return _short(text)

    def _definition(self, part: Part, request_id: int, alias: str) -> list[DefineGrammar]:
        written = FORMATS.get(_media_type(part.headers))
        if written is not None:
            self._lists.pop(alias, None)
            return [DefineGrammar(request_id=request_id, alias=alias, body=_decoded(part.body), format=written)]
        uris = self._uris(part)
        if len(uris) == 1 and uris[0].startswith("builtin:"):
            self._lists.pop(alias, None)
            return [DefineGrammar(request_id=request_id, alias=alias, body=uris[0])]
        if not uris:
            raise _unusable("a list without grammars")
        if len(self._lists) == MAXIMUM_LISTS and alias not in self._lists:
            raise _unusable(f"the session has {MAXIMUM_LISTS} lists of grammars already")
        self._lists[alias] = tuple(uris)
        return []

    def _uris(self, part: Part) -> list[str]:
        media_type = _media_type(part.headers)
        try:
            if media_type == MediaType.URI_LIST:
                written = list(parse_uri_list(part.body))
            elif media_type == MediaType.GRAMMAR_LIST:
                # The session has an order and no weights: those that weigh more come first.
                weighted = sorted(parse_grammar_list(part.body), key=lambda each: -each.weight)
                written = [each.uri for each in weighted]
            else:
                expected = "', '".join((MediaType.URI_LIST, MediaType.GRAMMAR_LIST, *FORMATS))
                why = f"Content-Type: got '{media_type[:80]}', expected '{expected}' or 'multipart/mixed'"
                raise Refused(Status.UNSUPPORTED_ENTITY, why)
        except MalformedMessage as error:
            raise _unusable(error.reason) from None
        return [uri for each in written for uri in self._expanded(each)]

    def _expanded(self, uri: str) -> tuple[str, ...]:
        scheme, colon, path = uri.partition(":")
        if not colon or scheme.lower() not in ("builtin", "session"):
            why = f"'{uri[:200]}' is not fetched: expected builtin: or session:"
            headers = Headers().with_field(Header.FAILED_URI, uri[:300])
            raise Refused(Status.METHOD_FAILED, why, headers, URI_FAILURE)
        if scheme.lower() == "session":
            alias = path.strip().strip("<>")
            return self._lists.get(alias, (f"session:{alias}",))
        return (builtin_uri(path),)


def inline_grammars(request: MrcpRequest) -> list[DefineGrammar]:
    """The grammars in the body of a request, by the names they will have; none of those that cannot be read."""
    try:
        return [
            DefineGrammar(
                request_id=request.request_id,
                alias=_alias(part),
                body=_decoded(part.body),
                format=FORMATS[_media_type(part.headers)],
            )
            for part in _parts(request)
            if part.body.strip() and _media_type(part.headers) in FORMATS
        ]
    except ClientError:
        return []


def builtin_uri(path: str) -> str:
    """A builtin URI in full. Every vendor has a prefix of its own: `builtin:digits` is taken, and means VoiceXML's."""
    name, question, query = path.partition("?")
    if "/" not in name:
        known = voicexml.resolve(f"grammar/{name}") is not None
        name = f"grammar/{name}" if known else f"speech/{name}"
    return f"builtin:{name}{question}{query}"


def _unusable(why: str) -> Refused:
    """Clients look for the cause of a request that failed."""
    return Refused(Status.METHOD_FAILED, why, completion=CompletionCause.GRAMMAR_DEFINITION_FAILURE)


def _short(text: str) -> str:
    if len(text) > MAXIMUM_TEXT:
        why = f"the text to interpret: got {len(text)} characters, expected at most {MAXIMUM_TEXT}"
        raise Refused(Status.ILLEGAL_VALUE, why)
    return text


def _parts(request: MrcpRequest) -> tuple[Part, ...]:
    if _media_type(request.headers).startswith("multipart/"):
        return parse_multipart(request.headers.get(Header.CONTENT_TYPE), request.body)
    return (Part(request.headers, request.body),)


def _alias(part: Part) -> str:
    """The name of a grammar. Without a Content-ID it is for one request: its content names it."""
    named = part.headers.get(Header.CONTENT_ID) and _content_id(part.headers)
    return named or f"inline-{hashlib.sha256(part.body).hexdigest()[:16]}"


def _media_type(headers: Headers) -> str:
    return headers.get(Header.CONTENT_TYPE).partition(";")[0].strip().lower()


def _content_id(headers: Headers) -> str:
    name = headers.get(Header.CONTENT_ID).strip().strip("<>")
    if not name:
        raise Refused(Status.MISSING_HEADER, "Content-ID is missing: expected a name for the grammar")
    return name


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unusable("the body is not UTF-8") from None
