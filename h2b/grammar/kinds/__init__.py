"""The types of answer a preset may declare, one module each.

A kind is pure: words in, values out; arguments in, an acceptor out. Adding one means a module here with a class
that fits `Kind`, a row in `KINDS`, and presets under grammars/ that name it.
"""

from collections.abc import Mapping

from h2b.grammar.kinds.amount import Age, Currency, Number
from h2b.grammar.kinds.base import TODAY, Arguments, Found, Kind
from h2b.grammar.kinds.boolean import Boolean
from h2b.grammar.kinds.clock import Time
from h2b.grammar.kinds.country import Country
from h2b.grammar.kinds.date import Date
from h2b.grammar.kinds.email import Email
from h2b.grammar.kinds.free import TextToNumbers, Transcribe
from h2b.grammar.kinds.identifier import Identifier
from h2b.grammar.kinds.keywords import Keywords
from h2b.grammar.kinds.license_plate import LicensePlate
from h2b.grammar.kinds.name import Name
from h2b.grammar.kinds.phone import Phone
from h2b.grammar.kinds.postal_address import PostalAddress
from h2b.grammar.kinds.spelling import ALPHABETS, Spelling
from h2b.grammar.kinds.srgs import Srgs
from h2b.language import Language

__all__ = ["KINDS", "Arguments", "Found", "Kind", "warm_up", "warm_up_decoder"]

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
        PostalAddress(),
        LicensePlate(),
        Email(),
        Name(),
        Country(),
        Srgs(lambda name: KINDS[name]),
    )
}
"""Every kind by the name that `type = …` of a preset uses."""


def warm_up(spoken: Language) -> None:
    """Build what finds values in words of a language now: a second or two that no reader should spend later."""
    usual: list[tuple[str, Arguments]] = [("boolean", {})]
    usual += [("spelling", {"alphabet": alphabet}) for alphabet in ALPHABETS]
    usual += [("date", {TODAY: "2026-01-01"}), ("time", {}), ("number", {}), ("currency", {}), ("age", {})]
    usual += [("email", {}), ("name", {}), ("country", {})]
    if spoken.code == "fr":
        usual.append(("postal_address", {}))
    for name, arguments in usual:
        KINDS[name].find(["0"], arguments, spoken)


def warm_up_decoder(spoken: Language) -> None:
    """Build what tells a decoder the commonest grammars of a language now.

    The tables of others are made when a request announces them, while the caller has not spoken yet; each takes
    tens of megabytes, so a process holds those its callers use.
    """
    KINDS["boolean"].acceptor({}, spoken)
    KINDS["spelling"].acceptor({"alphabet": "digits"}, spoken)
