"""The value of a parse under `semantics/1.0-literals`, where a tag is a string. Runs no scripts.

Source: W3C Semantic Interpretation for Speech Recognition 1.0, literals and default assignment.
"""

import json

from h2b.grammar.srgs.matcher import ExternalParse, Parse
from h2b.grammar.srgs.model import Tag

LITERALS = "semantics/1.0-literals"


def literal_value(parse: Parse | ExternalParse) -> str:
    """The last tag of the rule; without one, the value of the last rule it refers to; without that, its words.

    A grammar of the server counts as a rule. Its value is given as text: JSON text where it is not one already.
    """
    if isinstance(parse, ExternalParse):
        return parse.value if isinstance(parse.value, str) else json.dumps(parse.value, ensure_ascii=False)
    tags = [child.text for child in parse.children if isinstance(child, Tag)]
    if tags:
        return tags[-1]
    rules = [child for child in parse.children if isinstance(child, Parse | ExternalParse)]
    if rules:
        return literal_value(rules[-1])
    return " ".join(child.text for child in parse.children if not isinstance(child, Parse | Tag))
