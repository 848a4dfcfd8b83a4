"""What every kind of grammar offers, and the records they share."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

from attrs import frozen

from h2b.grammar.parameter import PresetParameter
from h2b.grammar.spoken import Acceptor
from h2b.language import Language
from h2b.model.results import Value

Arguments: TypeAlias = Mapping[str, str | int | float | bool]
"""Values of a preset's parameters and fixed fields, checked against their types.

`region` is reserved: two letters of the session's language tag ("BE" of fr-BE) unless the client gave the preset's
own parameter of this name; absent where the tag has none."""

TODAY = "today"
"""The argument with the day that relative dates count from, YYYY-MM-DD: kinds read no clock. Where neither the
preset nor the client gives it, it is the registry's day. What a decoder may write never depends on it."""


def taking(*rows: PresetParameter) -> Mapping[str, PresetParameter]:
    """A kind's table of what it takes, by name. A row's `doc` is what the how-to page says of it."""
    return MappingProxyType({row.name: row for row in rows})


def regional(doc: str) -> PresetParameter:
    """The row of the reserved argument, for kinds that ask for it."""
    return PresetParameter(name="region", type="string", minimum=2, maximum=2, doc=doc)


@frozen(kw_only=True)
class Found:
    """A value in the words of one hypothesis."""

    value: Value
    quality: float = 1.0
    """0..1: how much of the hypothesis' confidence the value deserves."""
    complete: bool = True
    script: str = ""
    """An ECMAScript program that gives the value, which is then empty."""


class Kind(Protocol):
    """One type of answer. All methods are pure and quick; `check` comes first."""

    name: str
    takes: Mapping[str, PresetParameter]
    """Its arguments: what a preset may fix or let clients give. The loader refuses any other."""

    def check(self, arguments: Arguments) -> None:
        """Raises ClientError, saying which argument is wrong and why, when no value could ever match."""
        ...

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        """Values in normalised words, best first; complete ones before partial ones; none for no match."""
        ...

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor | None:
        """What a decoder may write for this grammar; None where anything may be said."""
        ...
