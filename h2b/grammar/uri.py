"""Grammar URIs: `builtin:speech/spelling/digits?length=4`, `session:alias`.

Values arrive raw (H2B reference, section 5.1): brackets, braces, bars, backslashes, `+`, `#` and accents stand
for themselves, so `urllib.parse` would damage them. `&` separates parameters, and `;` does for VoiceXML's
writers; either is a separator only where a parameter name and `=` follow, so that a regex may hold both.
"""

import re

from attrs import field, frozen

from h2b.model.errors import GrammarDefinitionError, NoSuchGrammar, shorten

MAXIMUM_URI = 4096
"""Characters; a list of keywords is the longest honest use."""

_PARAMETER = re.compile(r"(?:^|[&;])([A-Za-z_][A-Za-z0-9_.-]{0,63})=")
_PATH = re.compile(r"[A-Za-z0-9_./-]{1,200}")
_ALIAS = re.compile(r"[^\s?]{1,200}")


@frozen
class GrammarURI:
    """A URI taken apart. `query` keeps the order and every repeat."""

    scheme: str
    path: str
    query: tuple[tuple[str, str], ...] = field(default=())

    @property
    def without_query(self) -> str:
        return f"{self.scheme}:{self.path}"


def parse_uri(text: str) -> GrammarURI:
    """The parts of one grammar URI.

    Raises:
        NoSuchGrammar: the scheme is neither `builtin:` nor `session:`.
        GrammarDefinitionError: the scheme is known but the rest is not well formed.
    """
    if len(text) > MAXIMUM_URI:
        raise GrammarDefinitionError(text[:40] + "…", f"{len(text)} characters, expected at most {MAXIMUM_URI}")
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in ("builtin", "session"):
        raise NoSuchGrammar(text)
    path, question, query = rest.partition("?")
    if scheme == "builtin" and not is_path(path):
        raise GrammarDefinitionError(text, f"got the path {shorten(path)}, expected letters, digits, / - _ .")
    if scheme == "session" and not _ALIAS.fullmatch(path):
        raise GrammarDefinitionError(text, f"got the alias {shorten(path)}, expected 1 to 200 characters, no blanks")
    if scheme == "session" and question:
        raise GrammarDefinitionError(text, "an alias takes no query: give the parameters in DEFINE-GRAMMAR")
    return GrammarURI(scheme, path, _parse_query(text, query) if question else ())


def is_path(text: str) -> bool:
    """Whether a URI can name it after `builtin:`."""
    return _PATH.fullmatch(text) is not None


def _parse_query(uri: str, query: str) -> tuple[tuple[str, str], ...]:
    names = list(_PARAMETER.finditer(query))
    if not query:
        return ()
    if not names or names[0].start() != 0:
        raise GrammarDefinitionError(uri, f"got the query {shorten(query)}, expected name=value")
    ends = [match.start() for match in names[1:]] + [len(query)]
    return tuple((match[1], query[match.end() : end]) for match, end in zip(names, ends, strict=True))
