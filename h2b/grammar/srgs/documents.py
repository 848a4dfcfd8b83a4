"""One SRGS document while it is read: its header, its rules, and the checks the XML and the ABNF form share.

References are keys that may still lack their rule; `linking` joins documents. Must not know a syntax or open anything.
Source: W3C Speech Recognition Grammar Specification 1.0, sections 2 to 4 and appendix E.
"""

import re
from collections.abc import Sequence as Listed
from urllib.parse import urljoin

from attrs import define, field

from h2b.grammar.srgs.model import (
    Alternatives,
    External,
    Node,
    Reference,
    Repeat,
    Rule,
    Sequence,
    Special,
    Token,
    rule_key,
)
from h2b.model.errors import GrammarDefinitionError

MAXIMUM_BYTES = 4_000_000
MAXIMUM_PARTS = 100_000
"""Of one document: its tokens, tags, references and groups; in XML all elements."""
MAXIMUM_DEPTH = 64
"""Of elements or groups inside one another."""
MAXIMUM_RULES = 2000
"""Of one document."""
MAXIMUM_MINIMUM = 1000
"""Of a repeat: times something must be said."""

XML_TYPE = "application/srgs+xml"
ABNF_TYPE = "application/srgs"
DTMF_NAMES = {"star": "*", "pound": "#"}
KEYS = frozenset("0123456789*#ABCDabcd")
NUMBER = r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
TIMES = re.compile(r"([0-9]{1,9})(-([0-9]{1,9})?)?")
LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_STARTS = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
RULE_NAME = re.compile(f"[{_STARTS}][{_STARTS}0-9\u00b7\u0300-\u036f\u203f-\u2040]*")
"""An XML Name without dot, colon and hyphen (section 3.1)."""


@define(eq=False)
class Document:
    """What one document says. The header is set before the first rule is added."""

    uri: str
    base: str = ""
    """As written, empty when references start from the document itself."""
    language: str = ""
    dtmf: bool = False
    root: str = ""
    tag_format: str = ""
    lexicon: bool = False
    tags: list[str] = field(factory=list)
    rules: dict[str, Rule] = field(factory=dict)
    """By name."""
    examples: dict[str, tuple[str, ...]] = field(factory=dict)
    """By name of the rule."""
    imports: dict[str, tuple[int, str]] = field(factory=dict)
    """URIs of the documents referred to, each with the line that does and its media type or an empty string."""
    size: int = 0

    def wrong(self, line: int, why: str) -> GrammarDefinitionError:
        return GrammarDefinitionError(self.uri, f"line {line}: {why}")

    def measure(self, line: int, depth: int) -> None:
        """One more part, inside that many others."""
        self.size += 1
        if depth > MAXIMUM_DEPTH or self.size > MAXIMUM_PARTS:
            what = f"{MAXIMUM_DEPTH} parts inside one another" if depth > MAXIMUM_DEPTH else f"{MAXIMUM_PARTS} parts"
            raise self.wrong(line, f"more than {what}")

    def begin(self, line: int, mode: str, language: str) -> None:
        """Mode and language (sections 4.5, 4.6); a DTMF grammar has no language."""
        if mode not in ("voice", "dtmf"):
            raise self.wrong(line, f"mode: got '{mode[:20]}', expected voice or dtmf")
        self.dtmf = mode == "dtmf"
        if not self.dtmf:
            if not language:
                raise self.wrong(line, "the language is missing: a voice grammar needs it")
            self.language = self.spoken(line, language)

    def spoken(self, line: int, language: str) -> str:
        if not LANGUAGE.fullmatch(language):
            raise self.wrong(line, f"language: got '{language[:20]}', expected a tag such as en-GB")
        return language

    def token(self, line: int, text: str, language: str = "") -> Node:
        words = text.split()
        if self.dtmf:
            words = [DTMF_NAMES.get(word, word) for word in words]
            strange = next((word for word in words if word not in KEYS), None)
            if strange is not None:
                raise self.wrong(
                    line, f"'{strange[:20]}' is no key: expected 0 to 9, *, #, A to D, with spaces between"
                )
        return Token(" ".join(words), tuple(word.casefold() for word in words), language) if words else Special.NULL

    def sequence(self, parts: Listed[Node]) -> Node:
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def alternatives(self, line: int, choices: Listed[tuple[str, Node]]) -> Node:
        """Choices with their weights as written (section 2.4.1)."""
        weights = []
        for written, _ in choices:
            if not re.fullmatch(NUMBER, written):
                raise self.wrong(line, f"weight: got '{written[:20]}', expected a number")
            weights.append(float(written))
        return Alternatives(tuple(choice for _, choice in choices), tuple(weights))

    def repeat(self, line: int, part: Node, written: str, probability: str) -> Node:
        """Section 2.5. Probabilities are checked and have no say."""
        times = TIMES.fullmatch(written)
        if times is None:
            raise self.wrong(line, f"repeat: got '{written[:20]}', expected n, m-n or m-")
        minimum = int(times[1])
        maximum = minimum if times[2] is None else int(times[3]) if times[3] else None
        if minimum > MAXIMUM_MINIMUM or (maximum is not None and maximum < minimum):
            raise self.wrong(line, f"repeat: got '{written}', expected m-n with m up to {MAXIMUM_MINIMUM} and n >= m")
        if not re.fullmatch(NUMBER, probability) or float(probability) > 1:
            raise self.wrong(line, f"probability: got '{probability[:20]}', expected 0 to 1")
        return Repeat(part, minimum, maximum)

    def local(self, line: int, name: str) -> Reference:
        return Reference(rule_key(self.uri, self.named(line, name)), name)

    def elsewhere(self, line: int, uri: str, media_type: str) -> Node:
        """A rule of another document, or a grammar of the server (section 2.2.2)."""
        if uri.lower().startswith("builtin:"):
            if self.dtmf:
                raise self.wrong(line, f"'{uri[:200]}': a grammar of keys refers to no grammar of the server")
            if uri.splitlines() != [uri]:
                raise self.wrong(line, f"'{' '.join(uri.split())[:200]}': a URI stands on one line")
            return External(uri, f"<{uri}>")
        target, _, name = self._joined(line, self._joined(line, self.uri, self.base), uri).partition("#")
        self.imports.setdefault(target, (line, media_type))
        return Reference(
            rule_key(target, name and self.named(line, name)), f"<{self.base[: self.base.rfind('/') + 1]}{uri}>"
        )

    def _joined(self, line: int, base: str, uri: str) -> str:
        """Both go through urljoin, which raises ValueError for hosts that cannot be."""
        try:
            return urljoin(base, uri)
        except ValueError as error:
            raise self.wrong(line, f"'{uri[:200]}': {error}") from None

    def named(self, line: int, name: str) -> str:
        """The name, when a rule can have it (section 3.1)."""
        if name in Special.__members__ or not RULE_NAME.fullmatch(name):
            raise self.wrong(line, f"'{name[:40]}' cannot be the name of a rule")
        return name

    def add(self, line: int, name: str, body: Node, public: bool, examples: Listed[str]) -> None:
        if len(self.rules) == MAXIMUM_RULES:
            raise self.wrong(line, f"more than {MAXIMUM_RULES} rules")
        if name in self.rules:
            raise self.wrong(line, f"a second rule '{name}'")
        self.rules[name] = Rule(name, body, public, line)
        self.examples[name] = tuple(" ".join(example.split()) for example in examples)

    def end(self, line: int) -> None:
        if not self.rules:
            raise self.wrong(line, "no rules")
        if self.root and self.root not in self.rules:
            raise self.wrong(line, f"the root rule '{self.root[:40]}' is not defined")
