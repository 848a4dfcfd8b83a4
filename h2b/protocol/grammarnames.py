"""The grammars of MRCPv2 requests: bodies of every type to definitions and URIs of the session machine.

Owns the names a client gives to lists of grammars, and the spellings of builtin URIs in use. Must not know whether a
grammar exists. Source: RFC 6787 sections 9.5 and 9.6; MRCP reference sections 4 and 5.8.
"""

import hashlib
from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from h2b.grammar import voicexml
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, MalformedMessage
from h2b.model.formats import GrammarFormat
from h2b.model.messages import DefineGrammar
from h2b.wire.mrcp import Refused, Status
from h2b.wire.mrcpbody import Part, parse_grammar_list, parse_multipart, parse_uri_list
from h2b.wire.mrcptext import Headers, MrcpRequest
from h2b.wire.vocabulary import DEFINITION_FAILURE, URI_FAILURE, Header, MediaType

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


@frozen
class Defined:
    """What a DEFINE-GRAMMAR asks for."""

    definitions: tuple[DefineGrammar, ...]
    """For the session."""
    lists: Mapping[str, tuple[str, ...]]
    """URIs by the name that stands for them: kept here."""


@frozen
class Asked:
    """The grammars of a RECOGNIZE or INTERPRET."""

    definitions: tuple[DefineGrammar, ...]
    """To be defined first."""
    uris: tuple[str, ...]
    """In order of priority."""
    passing: tuple[str, ...]
    """Names of those that are for this request alone."""


@define
class GrammarNames:
    """Which URIs each Content-ID of a list stands for. Reading a request changes nothing."""

    _lists: dict[str, tuple[str, ...]] = field(factory=dict)

    def keep(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        """Let names stand for URIs. Raises Refused when there is no room; nothing is kept then."""
        kept = {**self._lists, **lists}
        if len(kept) > MAXIMUM_LISTS:
            why = f"the session has {MAXIMUM_LISTS} lists of grammars already"
            raise Refused(Status.METHOD_FAILED, why, completion=DEFINITION_FAILURE)
        self._lists = kept

    def forget(self, definitions: Iterable[DefineGrammar]) -> None:
        """These names stand for grammars of the session now, and for no list."""
        for each in definitions:
            self._lists.pop(each.alias, None)

    def undefine(self, name: str) -> None:
        """Let a name stand for no list."""
        self._lists.pop(name, None)

    def defined(self, request: MrcpRequest) -> Defined | str:
        """What a DEFINE-GRAMMAR asks for; the name to undefine where its body is empty. Raises Refused."""
        if not request.body.strip():
            return _content_id(request.headers)
        definitions: list[DefineGrammar] = []
        lists: dict[str, tuple[str, ...]] = {}
        for part in _parts(request):
            name = _content_id(part.headers)
            if _media_type(part.headers) in FORMATS:
                definitions.append(_definition(part, request.request_id, name))
                continue
            uris = self._uris(part)
            if not uris:
                raise _unusable("a list without grammars")
            if len(uris) == 1 and uris[0].startswith("builtin:"):
                definitions.append(DefineGrammar(request_id=request.request_id, alias=name, body=uris[0]))
            else:
                lists[name] = tuple(uris)
        return Defined(tuple(definitions), lists)

    def recognised(self, request: MrcpRequest) -> Asked:
        """The grammars of a RECOGNIZE or INTERPRET: there is one at least. Raises Refused."""
        definitions: list[DefineGrammar] = []
        uris: list[str] = []
        passing: list[str] = []
        for part in _parts(request) if request.body.strip() else ():
            if _media_type(part.headers) == MediaType.PLAIN:
                continue
            if _media_type(part.headers) in FORMATS:
                alias = _alias(part)
                definitions.append(_definition(part, request.request_id, alias))
                uris.append(f"session:{alias}")
                if not part.headers.get(Header.CONTENT_ID):
                    passing.append(alias)
            else:
                uris += self._uris(part)
        if not uris:
            raise Refused(Status.MISSING_HEADER, "no grammar: expected URIs or a grammar in the body")
        if len(uris) > MAXIMUM_GRAMMARS:
            raise _unusable(f"{len(uris)} grammars, expected at most {MAXIMUM_GRAMMARS}")
        return Asked(tuple(definitions), tuple(uris), tuple(passing))

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
            _definition(part, request.request_id, _alias(part))
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


def _definition(part: Part, request_id: int, alias: str) -> DefineGrammar:
    """A grammar of one of FORMATS."""
    written = FORMATS[_media_type(part.headers)]
    return DefineGrammar(request_id=request_id, alias=alias, body=_decoded(part.body), format=written)


def _short(text: str) -> str:
    if len(text) > MAXIMUM_TEXT:
        why = f"the text to interpret: got {len(text)} characters, expected at most {MAXIMUM_TEXT}"
        raise Refused(Status.ILLEGAL_VALUE, why)
    return text


def _parts(request: MrcpRequest) -> tuple[Part, ...]:
    if _media_type(request.headers).startswith("multipart/"):
        try:
            return parse_multipart(request.headers.get(Header.CONTENT_TYPE), request.body)
        except MalformedMessage as error:
            raise _unusable(error.reason) from None
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
