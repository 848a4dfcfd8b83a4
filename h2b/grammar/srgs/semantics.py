"""The value of a parse under `semantics/1.0-literals`, where a tag is a string. Runs no scripts.

Source: W3C Semantic Interpretation for Speech Recognition 1.0, literals and default assignment.
"""

from h2b.grammar.srgs.matcher import Parse
from h2b.grammar.srgs.model import Tag

LITERALS = "semantics/1.0-literals"


def literal_value(parse: Parse) -> str:
    """The last tag of the rule; without one, the value of the last rule it refers to; without that, its words."""
    tags = [child.text for child in parse.children if isinstance(child, Tag)]
    if tags:
        return tags[-1]
    rules = [child for child in parse.children if isinstance(child, Parse)]
    return (
        literal_value(rules[-1])
        if rules
        else " ".join(child.text for child in parse.children if not isinstance(child, Parse | Tag))
    )
