"""Results as NLSML, the XML of MRCPv2, and the same read back.

Owns both flavours of the document and the only place in the wires that knows lxml. Must not know messages or
sessions. Sources: RFC 6787 sections 6.3 and 9.6 for NLSML; H2B reference section 3.5 for the flavour without namespace.

Each interpretation names its grammar and its confidence, nothing is indented and no prefix is used: widespread
clients inherit neither attribute, cut long texts, and look for bare names. A structured value stands as elements
named like its keys. XML has only text: numbers, booleans and null come back as what was written, a list or an object
without members as an empty text. Characters XML cannot hold are replaced.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import Any, Final

from attrs import frozen
from lxml import etree

from h2b.model.causes import CompletionCause
from h2b.model.errors import MalformedMessage, shorten
from h2b.model.results import Alternative, Hypothesis, InputMode, Interpretation, Result, Span, Value

NAMESPACE: Final = "urn:ietf:params:xml:ns:mrcpv2"
VALUE_NAMESPACE: Final = "urn:x-h2b:value"
"""Of the elements inside `instance` in the RFC's flavour: its schema wants them in another namespace than its own."""
ITEM: Final = "item"
"""Name of the elements a list is made of."""

MAXIMUM_BYTES: Final = 1_000_000
MAXIMUM_DEPTH: Final = 32
"""Of elements inside one another."""
MAXIMUM_ELEMENTS: Final = 20_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTIAL: Final = (CompletionCause.PARTIAL_MATCH, CompletionCause.PARTIAL_MATCH_MAXTIME)
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNNAMEABLE = re.compile("[^A-Za-z0-9_.À-ÖØ-öø-ÿ-]")
_FIRST_UNNAMEABLE = re.compile("[^A-Za-z_À-ÖØ-öø-ÿ]")


class Flavour(Enum):
    """Which of the two documents; the value is its media type."""

    RFC = "application/nlsml+xml"
    """In the namespace of RFC 6787."""
    H2B = "application/x-nlsml"
    """Without namespace; with times, the model's name and the server's version."""


@frozen
class Reading:
    """What a document says: the result, and how the caller answered."""

    result: Result
    mode: InputMode = InputMode.SPEECH


def encode(
    result: Result,
    cause: CompletionCause,
    flavour: Flavour = Flavour.RFC,
    mode: InputMode = InputMode.SPEECH,
    zone: tzinfo = UTC,
) -> bytes:
    """The UTF-8 document of a result; `zone` is that of the times in it. No text can make it fail.

    An alternative without interpretation is no match. A result without alternatives is no match too when the cause
    says so, and no input otherwise.
    """
    writer = _Writer(flavour, mode, zone)
    root = writer.element(None, "result")
    if flavour is Flavour.H2B and result.version:
        root.set("version", _legal(result.version))
    for alternative in result.alternatives:
        writer.write(root, alternative, result)
    if not result.alternatives:
        writer.write_nothing(root, result, "noinput" if cause is CompletionCause.NO_INPUT_TIMEOUT else "nomatch")
    document: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    # Double quotes, as every sample has them: there are clients that read by pattern.
    return document.replace(b"<?xml version='1.0' encoding='UTF-8'?>\n", b'<?xml version="1.0" encoding="UTF-8"?>', 1)


def decode(document: bytes, cause: CompletionCause | None = None) -> Reading:
    """What a document of either flavour says; the cause tells whether its values are complete.

    Only the model's defaults are known of what the document does not hold: the type of a value, search paths. Others'
    documents are read as far as they have this form; what is strange in them is passed over.

    Raises:
        MalformedMessage: no such document, or one that is unreasonably large or deep.
    """
    root = _parsed(document)
    if _name(root) != "result":
        raise MalformedMessage(f"NLSML: got {shorten(_name(root))}, expected 'result'")
    interpretations = [each for each in root if _name(each) == "interpretation"]
    read = [_read(each, cause, root.get("grammar", "")) for each in interpretations]
    # A value may have members of any name: what is called input inside `instance` is none.
    heard = [each for interpretation in interpretations for each in interpretation if _name(each) == "input"]
    inputs = [each for whole in heard for each in whole.iter() if _name(each) == "input"]
    alternatives = tuple(each for each in read if each is not None)
    dtmf = any(each.get("mode") == InputMode.DTMF.value for each in inputs)
    result = Result(
        alternatives=alternatives,
        span=next((span for span in map(_span, inputs) if span), None),
        asr_model=next((each.get("asr-model", "") for each in inputs), ""),
        version=root.get("version", ""),
        n_best=len(alternatives) > 1,
    )
    return Reading(result, InputMode.DTMF if dtmf else InputMode.SPEECH)


# Writing


@frozen
class _Writer:
    flavour: Flavour
    mode: InputMode
    zone: tzinfo

    def element(self, parent: etree._Element | None, name: str) -> etree._Element:
        if self.flavour is Flavour.H2B:
            return etree.Element(name) if parent is None else etree.SubElement(parent, name)
        name = f"{{{NAMESPACE}}}{name}"
        return etree.Element(name, nsmap={None: NAMESPACE}) if parent is None else etree.SubElement(parent, name)

    def write(self, root: etree._Element, alternative: Alternative, result: Result) -> None:
        hypothesis, meant = alternative.hypothesis, alternative.interpretation
        interpretation = self.element(root, "interpretation")
        if alternative.grammar_uri:
            interpretation.set("grammar", _legal(alternative.grammar_uri))
        confidence = hypothesis.confidence if meant is None else meant.confidence
        interpretation.set("confidence", _hundredths(confidence))
        instance = self.element(interpretation, "instance")
        if meant is not None:
            self.write_value(instance, meant.value)
        heard = self.element(interpretation, "input")
        heard.set("mode", self.mode.value)
        self.write_times(heard, result)
        heard.set("confidence", _hundredths(hypothesis.confidence))
        self.write_model(heard, result)
        words = heard if meant is not None else self.element(heard, "nomatch")
        words.text = _legal(self.transcript(hypothesis))

    def write_nothing(self, root: etree._Element, result: Result, outcome: str) -> None:
        interpretation = self.element(root, "interpretation")
        self.element(interpretation, "instance")
        heard = self.element(interpretation, "input")
        if outcome == "nomatch" or self.mode is not InputMode.SPEECH:
            heard.set("mode", self.mode.value)
        self.write_times(heard, result)
        self.write_model(heard, result)
        self.element(heard, outcome)

    def write_times(self, heard: etree._Element, result: Result) -> None:
        if self.flavour is Flavour.H2B and result.span is not None:
            heard.set("timestamp-start", _timestamp(result.span.start_ms, self.zone))
            heard.set("timestamp-end", _timestamp(result.span.end_ms, self.zone))

    def write_model(self, heard: etree._Element, result: Result) -> None:
        if self.flavour is Flavour.H2B and result.asr_model:
            heard.set("asr-model", _legal(result.asr_model))

    def write_value(self, parent: etree._Element, value: Value | None, depth: int = 0) -> None:
        if depth >= MAXIMUM_DEPTH - 4:
            # No grammar goes so deep; what does would not be read back.
            parent.text = _legal(str(value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.write_value(self.child(parent, element_name(str(key))), inner, depth + 1)
        elif isinstance(value, list):
            for inner in value:
                self.write_value(self.child(parent, ITEM), inner, depth + 1)
        else:
            parent.text = _legal(scalar_text(value))

    def child(self, parent: etree._Element, name: str) -> etree._Element:
        if self.flavour is Flavour.H2B:
            return etree.SubElement(parent, name)
        # Declared where it begins, and inherited further in: no prefixes.
        return etree.SubElement(parent, f"{{{VALUE_NAMESPACE}}}{name}", nsmap={None: VALUE_NAMESPACE})

    def transcript(self, hypothesis: Hypothesis) -> str:
        """Keys are written apart from one another (RFC 6787 section 9.6.3)."""
        words = hypothesis.transcript
        return " ".join("".join(words.split())) if self.mode is InputMode.DTMF else words


def element_name(key: str) -> str:
    """A key as the name of an element: signs a name cannot have become `_`, and `item` is kept for lists."""
    name = _UNNAMEABLE.sub("_", key)
    if not name or _FIRST_UNNAMEABLE.match(name):
        name = "_" + name
    return f"_{name}" if name == ITEM else name


def scalar_text(value: Any) -> str:
    """A value that is not structured as text, spelled as JSON has it; nothing for null."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def _hundredths(confidence: float) -> str:
    # Above 1, widespread clients take it for hundredths already.
    return f"{min(max(confidence, 0.0), 1.0):.2f}"


def _timestamp(milliseconds: int, zone: tzinfo) -> str:
    """ISO 8601 with milliseconds and the zone's offset."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone).isoformat(timespec="milliseconds")


# Reading


def _parsed(document: bytes) -> etree._Element:
    if len(document) > MAXIMUM_BYTES:
        raise MalformedMessage(f"NLSML: got {len(document)} octets, expected at most {MAXIMUM_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedMessage(f"NLSML: not well-formed XML: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise MalformedMessage("NLSML: got a document type, expected none")
    for count, depth in enumerate(_depths(root), start=1):
        if depth > MAXIMUM_DEPTH or count > MAXIMUM_ELEMENTS:
            raise MalformedMessage(
                f"NLSML: expected at most {MAXIMUM_ELEMENTS} elements, {MAXIMUM_DEPTH} of them inside one another"
            )
    return root


def _depths(root: etree._Element) -> Iterator[int]:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "start":
            yield depth


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((each for each in element if _name(each) == name), None)


def _read(element: etree._Element, cause: CompletionCause | None, grammar: str) -> Alternative | None:
    """The alternative of an interpretation; None when nothing was heard, or nothing is told of it."""
    heard, instance = _child(element, "input"), _child(element, "instance")
    confidence = _confidence(element.get("confidence"), 1.0)
    nomatch = None if heard is None else _child(heard, "nomatch")
    words = nomatch if nomatch is not None else heard
    if heard is None or words is None or _child(heard, "noinput") is not None:
        return None
    transcript = "".join(words.itertext())
    if nomatch is not None and not transcript and heard.get("confidence") is None:
        return None
    meant = None
    if nomatch is None and instance is not None:
        meant = Interpretation(type="", value=_value(instance), confidence=confidence, complete=cause not in _PARTIAL)
    return Alternative(
        hypothesis=Hypothesis(transcript=transcript, confidence=_confidence(heard.get("confidence"), confidence)),
        interpretation=meant,
        grammar_uri=element.get("grammar", grammar),
    )


def _value(element: etree._Element) -> Value:
    children = [each for each in element if _name(each)]
    if not children:
        return element.text or ""
    if all(_name(each) == ITEM for each in children):
        return [_value(each) for each in children]
    return {_name(each): _value(each) for each in children}


def _confidence(text: str | None, default: float) -> float:
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{0,12})?|\.[0-9]{1,12}", text.strip()):
        raise MalformedMessage(f"confidence: got {shorten(text)}, expected a number from 0.0 to 1.0")
    # Older documents count from 0 to 100.
    return float(text) / 100 if float(text) > 1 else float(text)


def _span(element: etree._Element) -> Span | None:
    start, end = element.get("timestamp-start"), element.get("timestamp-end")
    if start is None or end is None:
        return None
    return Span(start_ms=_milliseconds(start), end_ms=_milliseconds(end))


def _milliseconds(text: str) -> int:
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):
        raise MalformedMessage(
            f"timestamp: got {shorten(text)}, expected a date and time with an offset, of ISO 8601"
        ) from None
