"""The types of answer a preset may declare, one module each.

A kind is pure: words in, values out; arguments in, an acceptor out. Adding one means a module here with a class
that fits `Kind`, a row in `KINDS`, and presets under grammars/ that name it.
"""

from collections.abc import Mapping

from h2b.grammar.kinds.base import Arguments, Found, Kind, StepsOver
from h2b.grammar.kinds.boolean import Boolean
from h2b.grammar.kinds.free import TextToNumbers, Transcribe
from h2b.grammar.kinds.keywords import Keywords
from h2b.grammar.kinds.spelling import Spelling

__all__ = ["KINDS", "Arguments", "Found", "Kind", "StepsOver"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (Transcribe(), TextToNumbers(), Boolean(), Keywords(), Spelling())
}
"""Every kind by the name that `type = …` of a preset uses."""
