"""Programs of small grammars, as short as tests want to write them."""

from collections.abc import Sequence

from h2b.grammar.sisr.program import program_of
from h2b.grammar.srgs.loader import load
from h2b.grammar.srgs.matcher import ExternalMatcher, match

HEAD = "#ABNF 1.0;\nlanguage en;\ntag-format <semantics/1.0>;\nroot $r;\n"


def program(rules: str, say: str, header: Sequence[str] = (), external: ExternalMatcher | None = None) -> str:
    """Of what is said to rules in ABNF, whose root is `$r`."""
    tags = "".join(f"{{!{{{tag}}}!}};\n" for tag in header)
    return program_of_document(f"{HEAD}{tags}{rules}".encode(), say, external)


def program_of_document(source: bytes, say: str, external: ExternalMatcher | None = None) -> str:
    grammar = load(source)
    parse = match(grammar, say.split(), external=external).parse
    assert parse is not None, f"{say!r} does not match"
    return program_of(parse, grammar)


def tagged(tag: str, header: Sequence[str] = ()) -> str:
    """The program of one tag."""
    return program(f"$r = x {{!{{{tag}}}!}};", "x", header)
