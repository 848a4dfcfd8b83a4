"""The types of answer a preset may declare, one module each.

A kind is pure: words in, values out; arguments in, an acceptor out. Adding one means a module here with a class
that fits `Kind`, a row in `KINDS`, and presets under grammars/ that name it.
"""

from collections.abc import Mapping

from h2b.grammar.kinds.amount import Age, Currency, Number
from h2b.grammar.kinds.base import TODAY, Arguments, Found, Kind
from h2b.grammar.kinds.boolean import Boolean
from h2b.grammar.kinds.clock import Time
from h2b.grammar.kinds.date import Date
from h2b.grammar.kinds.free import TextToNumbers, Transcribe
from h2b.grammar.kinds.identifier import Identifier
from h2b.grammar.kinds.keywords import Keywords
from h2b.grammar.kinds.phone import Phone
from h2b.grammar.kinds.spelling import ALPHABETS, Spelling
from h2b.language import Language

__all__ = ["KINDS", "Arguments", "Found", "Kind", "warm_up"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Transcribe(),
        TextToNumbers(),
        Boolean(),
        Keywords(),
        Spelling(),
        Date(),
        Time(),
        Number(),
        Currency(),
        Age(),
        Phone(),
        Identifier(),
    )
}
"""Every kind by the name that `type = …` of a preset uses."""


def warm_up(spoken: Language, for_decoder: bool) -> None:
    """Build the tables of a language now: a second of work that no caller should wait for.

    The server needs what finds values in words, a recogniser also what tells a decoder the grammar.
    """
    usual: list[tuple[str, Arguments]] = [("boolean", {})]
    usual += [("spelling", {"alphabet": alphabet}) for alphabet in ALPHABETS]
    usual += [("date", {TODAY: "2026-01-01"}), ("time", {}), ("number", {}), ("currency", {}), ("age", {})]
    for name, arguments in usual:
        KINDS[name].find(["0"], arguments, spoken)
        if for_decoder:
            KINDS[name].acceptor(arguments, spoken)
