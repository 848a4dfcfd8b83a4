"""The ABNF form of SRGS 1.0, read into a `Document`: a scanner of the text and a reader that descends into it.

Must not know other documents.
Source: W3C Speech Recognition Grammar Specification 1.0, appendix D for the form, section 4.1 for its first line.
"""

import codecs
import re
from bisect import bisect_right

from h2b.grammar.srgs.documents import NUMBER, Document
from h2b.grammar.srgs.model import Alternatives, Node, Repeat, Sequence, Special, Tag, Token
from h2b.model.errors import GrammarDefinitionError

BYTE_ORDER = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
IDENTITY = "#ABNF"
DECLARED = re.compile(rb"#ABNF 1\.0 ([A-Za-z][A-Za-z0-9._:-]{0,40});")
ENCODINGS = re.compile(
    r"ascii|utf-(8|16)(-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|euc_\w+|big5\w*|gb\w+|shift_jis\w*|iso2022_\w+"
)
"""Of text, by the names Python gives them; it has others, which can be slow or give no text."""
NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML does not take either."""

FIRST_LINE = re.compile(r"#ABNF 1\.0(?: [A-Za-z][A-Za-z0-9._:-]*)?;")
BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
COMMENT = re.compile(r"//[^\r\n]*|/\*(.*?)\*/", re.DOTALL)
"""One of those that `BLANK` passes over. Documentation starts with a second asterisk."""
EXAMPLE = re.compile(r"@example[ \t]+(.*?)(?=\r|\n|$)")
KEYWORD = re.compile(r"(?:base|language|mode|root|tag-format|lexicon|meta|http-equiv)(?![\w.:-])")
SCOPE = re.compile(r"(public|private)(?![\w.:-])")
STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
IS = re.compile(r"is(?!\w)")
ANGLES = re.compile(r"<([^<>]*)>")
TYPED = re.compile(r"<([^<>]*?)(?:~(application/srgs(?:\+xml)?))?>(?:~<([^<>]*)>)?")
"""A URI, its media type behind it (appendix D) or, as some write it, inside."""
PLAIN = re.compile(r"[^\s;<>]+")
NAME = re.compile(r"\$([^\s;=|<>()\[\]{}/!$\"]+)")
WEIGHT = re.compile(r"/([^/\r\n]*)/")
WORD = re.compile(r"[^\s;=|<>()\[\]{}/!$\"]+")
QUOTED = re.compile(r'"([^"]*)"')
TAG = re.compile(r"\{!\{(.*?)\}!\}|\{(?!!\{)([^}]*)\}", re.DOTALL)
TIMES = re.compile(rf"<[ \t\r\n]*([0-9][0-9-]*)[ \t\r\n]*(?:/[ \t\r\n]*({NUMBER})[ \t\r\n]*/[ \t\r\n]*)?>")
LANGUAGE = re.compile(r"!([A-Za-z0-9-]+)")


def says_abnf(source: bytes) -> bool:
    """Whether a document identifies itself as ABNF (section 4.1), in any encoding it may have."""
    head, encoding = _unmarked(source[:16])
    return head.startswith(IDENTITY.encode(encoding))


def read_abnf(uri: str, source: bytes) -> Document:
    """The document; its rules are those of the text, not yet linked.

    Raises GrammarDefinitionError, with the line, for what is no SRGS grammar in ABNF or goes beyond a limit.
    """
    document = Document(uri)
    reading = _Reading(document, decoded(document, source))
    reading.header()
    reading.rules()
    return document


def decoded(document: Document, source: bytes) -> str:
    """The text: the byte order mark decides, then the encoding of the first line, then UTF-8."""
    text, encoding = _unmarked(source)
    declared = DECLARED.match(text)
    if declared and text is source:
        name = declared[1].decode("ascii")
        try:
            encoding = codecs.lookup(name).name
        except LookupError:
            encoding = ""
        if not ENCODINGS.fullmatch(encoding):
            raise document.wrong(1, f"encoding '{name}' is not known")
    try:
        return text.decode(encoding)
    except UnicodeError as error:
        raise document.wrong(1, f"not text in {encoding}: {error}") from None


def _unmarked(source: bytes) -> tuple[bytes, str]:
    """The bytes after the mark, the very same object without one, and the encoding they seem to have."""
    for mark, encoding in BYTE_ORDER:
        if source.startswith(mark):
            return source[len(mark) :], encoding
    if source[:2] in (b"#\0", b"\0#"):
        return source, "utf-16-le" if source[1] == 0 else "utf-16-be"
    return source, "utf-8"


class _Scanner:
    """A place in the text. Blanks and comments are passed over."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.text = text
        self.at = 0
        self.passed = ""
        """What was passed over last in this statement: a rule's documentation stands before it."""
        self.lines = [match.end() for match in re.finditer(r"\r\n?|\n", text)]

    @property
    def line(self) -> int:
        return bisect_right(self.lines, self.at) + 1

    def wrong(self, why: str) -> GrammarDefinitionError:
        return self.document.wrong(self.line, why)

    def skip(self) -> None:
        blank = BLANK.match(self.text, self.at)
        assert blank is not None
        if blank.end() > self.at:
            self.passed = blank[0]
            self.at = blank.end()
        if self.text.startswith("/*", self.at):
            raise self.wrong("a comment does not end")

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip()
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def sees(self, sign: str) -> bool:
        self.skip()
        return self.text.startswith(sign, self.at)

    def takes(self, sign: str) -> bool:
        found = self.sees(sign)
        self.at += len(sign) if found else 0
        return found

    def need(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = self.take(pattern)
        if found is None:
            raise self.expected(what)
        return found

    def sign(self, sign: str) -> None:
        if not self.takes(sign):
            raise self.expected(f"'{sign}'")

    def end(self) -> None:
        self.sign(";")
        self.passed = ""

    def expected(self, what: str) -> GrammarDefinitionError:
        self.skip()
        there = self.text[self.at : self.at + 20].partition("\n")[0].strip()
        got = f"'{there}'" if there else "the end"
        hint = "; a tag with } inside is written {!{ … }!}" if there.startswith("}") else ""
        return self.wrong(f"got {got}, expected {what}{hint}")


class _Reading:
    """One document. Depth counts groups inside one another."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.scan = _Scanner(document, text)
        self.seen: dict[str, str] = {}
        self.told: set[Node] = set()
        """Parts whose tokens all have a language: what stands around them does not change it."""

    def header(self) -> None:
        """The first line and the declarations (sections 4.1 to 4.11)."""
        scan = self.scan
        strange = NO_CHARACTER.search(scan.text)
        if strange is not None:
            scan.at = strange.start()
            raise scan.wrong(f"character U+{ord(strange[0]):04X} does not stand in a grammar")
        first = FIRST_LINE.match(scan.text)
        if first is None:
            raise scan.wrong("the first line must be '#ABNF 1.0;' or '#ABNF 1.0 ENCODING;'")
        scan.at = first.end()
        metabase = ""
        while True:
            if scan.sees("{"):
                self.document.tags.append(self.tag().text)
            elif (keyword := scan.take(KEYWORD)) is not None:
                metabase = self.declaration(keyword[0]) or metabase
            else:
                break
            scan.end()
        self.document.begin(scan.line, self.seen.get("mode", "voice"), self.seen.get("language", ""))
        self.document.base = self.seen.get("base") or metabase
        self.document.root = self.seen.get("root", "")
        self.document.tag_format = self.seen.get("tag-format", "")

    def declaration(self, keyword: str) -> str:
        """Reads what follows a keyword. Gives the base URI when a meta declaration names one, else nothing."""
        scan = self.scan
        if keyword in self.seen:
            raise scan.wrong(f"a second '{keyword}'")
        if keyword in ("meta", "http-equiv"):
            name = self.string()
            scan.need(IS, "'is'")
            content = self.string()
            return content if (keyword, name) == ("meta", "base") else ""
        if keyword == "lexicon":
            scan.need(TYPED, "a URI such as <lexicon.pls>")
            self.document.lexicon = True
        elif keyword == "root":
            self.seen[keyword] = self.document.named(scan.line, scan.need(NAME, "a rule such as $name")[1])
        elif keyword in ("mode", "language"):
            self.seen[keyword] = scan.need(PLAIN, f"a {keyword}")[0]
        else:
            # Working drafts had tag formats without brackets, and grammars still do.
            bare = keyword == "tag-format" and not scan.sees("<")
            self.seen[keyword] = (
                scan.need(PLAIN, "a URI")[0] if bare else scan.need(ANGLES, "a URI in < and >")[1].strip()
            )
        return ""

    def string(self) -> str:
        found = self.scan.need(STRING, "a quoted string")
        return str(found[1] if found[1] is not None else found[2])

    def rules(self) -> None:
        scan = self.scan
        while True:
            scan.skip()
            if scan.at == len(scan.text):
                break
            self.rule(scan.passed)
        self.document.end(scan.line)

    def rule(self, comments: str) -> None:
        scan = self.scan
        line = scan.line
        documentation = [found[1] for found in COMMENT.finditer(comments) if (found[1] or "").startswith("*")]
        scope = scan.take(SCOPE)
        if scope is None and KEYWORD.match(scan.text, scan.at):
            raise scan.wrong("declarations stand before the rules")
        name = self.document.named(line, scan.need(NAME, "a rule such as $name = …")[1])
        scan.sign("=")
        body = self.expansion(1)
        scan.end()
        examples = EXAMPLE.findall(documentation[-1]) if documentation else []
        self.document.add(line, name, body, scope is not None and scope[1] == "public", examples)

    def expansion(self, depth: int) -> Node:
        """Alternatives, each with its weight (section 2.4)."""
        self.document.measure(self.scan.line, depth)
        line = self.scan.line
        weighted = self.scan.sees("/")
        choices = [self.alternative(depth)]
        while self.scan.takes("|"):
            choices.append(self.alternative(depth))
        alone = len(choices) == 1 and not weighted
        return choices[0][1] if alone else self.document.alternatives(line, choices)

    def alternative(self, depth: int) -> tuple[str, Node]:
        weight = self.scan.take(WEIGHT)
        parts: list[Node] = []
        while (part := self.element(depth)) is not None:
            parts.append(part)
        if not parts:
            raise self.scan.expected("a token, tag, rule or group")
        return weight[1].strip() if weight else "1", self.document.sequence(parts)

    def element(self, depth: int) -> Node | None:
        """A part with what may follow it: a language (section 2.7), then a repeat (section 2.5)."""
        scan = self.scan
        part = self.part(depth)
        if part is None:
            return None
        line = scan.line
        self.document.measure(line, depth)
        if scan.sees("!"):
            part = self.spoken(part, self.document.spoken(line, scan.need(LANGUAGE, "a language")[1]))
        if scan.sees("<"):
            times = scan.need(TIMES, "a repeat such as <0-1>, <3>, <1-> or <0-1 /0.6/>")
            part = self.document.repeat(line, part, times[1], times[2] or "1")
        return part

    def part(self, depth: int) -> Node | None:
        """A token, tag, reference or group; None where none starts."""
        scan = self.scan
        scan.skip()
        line = scan.line
        sign = scan.text[scan.at : scan.at + 1]
        if sign == '"':
            return self.document.token(line, scan.need(QUOTED, "a quoted token that ends")[1])
        if sign == "{":
            return self.tag()
        if sign == "$":
            return self.reference(line)
        if sign == "(":
            return self.group(depth)
        if sign == "[":
            scan.sign("[")
            part = self.expansion(depth + 1)
            scan.sign("]")
            return Repeat(part, 0, 1)
        word = scan.take(WORD)
        return None if word is None else self.word(line, word[0])

    def word(self, line: int, text: str) -> Node:
        if text[-1] in "*+" and not self.document.dtmf:
            # Of other grammar formats; taken as letters they would never match, and nobody would know why.
            raise self.document.wrong(line, f"'{text[:20]}': repeats are written <0-> and <1->; else quote it")
        return self.document.token(line, text)

    def group(self, depth: int) -> Node:
        self.scan.sign("(")
        if self.scan.takes(")"):
            return Special.NULL
        part = self.expansion(depth + 1)
        self.scan.sign(")")
        return part

    def tag(self) -> Tag:
        found = self.scan.need(TAG, "a tag that ends")
        return Tag(str(found[2] if found[1] is None else found[1]).strip())

    def reference(self, line: int) -> Node:
        scan = self.scan
        if scan.text.startswith("$<", scan.at):
            scan.at += 1
            found = scan.need(TYPED, "a URI in < and >")
            uri = found[1].strip()
            if not uri:
                raise scan.wrong("a reference without a URI")
            if uri.startswith("#"):
                return self.document.local(line, uri[1:])
            return self.document.elsewhere(line, uri, found[3] or found[2] or "")
        name = scan.need(NAME, "a rule such as $name")[1]
        return Special[name] if name in Special.__members__ else self.document.local(line, name)

    def spoken(self, node: Node, language: str) -> Node:
        """The part in a language, but for what has its own."""
        if node in self.told:
            return node
        if isinstance(node, Token):
            return node if node.language else Token(node.text, node.words, language)
        if isinstance(node, Sequence):
            node = Sequence(tuple(self.spoken(part, language) for part in node.parts))
        elif isinstance(node, Alternatives):
            node = Alternatives(tuple(self.spoken(choice, language) for choice in node.choices), node.weights)
        elif isinstance(node, Repeat):
            node = Repeat(self.spoken(node.part, language), node.minimum, node.maximum)
        self.told.add(node)
        return node
