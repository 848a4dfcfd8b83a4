"""What every kind of grammar offers, and the records they share."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import frozen

from h2b.grammar.spoken import Acceptor
from h2b.language import Language
from h2b.model.results import Value

Arguments: TypeAlias = Mapping[str, str | int | float | bool]
"""Values of a preset's parameters and fixed fields, checked against their types."""


@frozen(kw_only=True)
class Found:
    """A value in the words of one hypothesis."""

    value: Value
    quality: float = 1.0
    """0..1: how much of the hypothesis' confidence the value deserves."""
    complete: bool = True


class Kind(Protocol):
    """One type of answer. All methods are pure and quick; `check` comes first."""

    name: str

    def check(self, arguments: Arguments) -> None:
        """Raises ClientError, saying which argument is wrong and why, when no value could ever match."""
        ...

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        """Values in normalised words, best first; complete ones before partial ones; none for no match."""
        ...

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor | None:
        """What a decoder may write for this grammar; None where anything may be said."""
        ...
