"""What was heard and what it means.

A `Hypothesis` is words; an `Interpretation` is a value a grammar found in them; a `Result` is what a
RECOGNITION-COMPLETE carries. Source: H2B reference section 2.5.
"""

from enum import Enum
from typing import Any, TypeAlias

from attrs import field, frozen

Value: TypeAlias = str | bool | int | float | dict[str, Any] | list[Any]
"""A semantic value: anything JSON can say."""


class Path(Enum):
    """Which search a hypothesis came from."""

    FREE = "free"
    """No grammar: the words as the model likes them best."""
    GRAMMAR = "grammar"
    """Held to the grammars of the request."""


class InputMode(Enum):
    """How a caller answers."""

    SPEECH = "speech"
    DTMF = "dtmf"


@frozen(kw_only=True)
class Hypothesis:
    """One reading of an utterance's audio by an engine.

    `log_probability` sums natural logarithms over `tokens` tokens, the end token included: sums of different
    paths over the same audio compare directly.
    """

    transcript: str
    """Lower-case words separated by single spaces; spelled letters are words of one character."""
    confidence: float
    path: Path = Path.FREE
    log_probability: float = 0.0
    tokens: int = 1
    mode: InputMode = InputMode.SPEECH
    """With DTMF the transcript is the keys with spaces between, and they are certain."""


class MatchClass(Enum):
    """How far an utterance satisfies the active grammars: it chooses the silence that ends it."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NONE = "none"


@frozen(kw_only=True)
class Interpretation:
    """A value found in the words of one hypothesis by one grammar."""

    type: str
    """URI of the grammar that gives the value, without query, even if an alias was asked for."""
    value: Value
    confidence: float
    complete: bool = True
    script: str = ""
    """An ECMAScript program that gives the value, which is then empty; without it the value is known."""


@frozen(kw_only=True)
class Alternative:
    """One entry of an n-best list."""

    hypothesis: Hypothesis
    interpretation: Interpretation | None
    grammar_uri: str
    """The grammar as named in RECOGNIZE, alias kept; empty when nothing matched."""


@frozen(kw_only=True)
class Span:
    """When the caller spoke, in milliseconds since the Unix epoch (UTC)."""

    start_ms: int
    end_ms: int


@frozen(kw_only=True)
class Result:
    """Body of RECOGNITION-COMPLETE, best alternative first; `alternatives` is empty when nobody spoke."""

    alternatives: tuple[Alternative, ...] = ()
    span: Span | None = None
    asr_model: str = ""
    version: str = ""
    n_best: bool = False
    """True when the request asked for more than one alternative: the wire then carries a list, even if empty."""

    @property
    def best(self) -> Alternative | None:
        return self.alternatives[0] if self.alternatives else None


@frozen(kw_only=True)
class Recognised:
    """An engine's answer for an utterance: hypotheses, best first, and which model gave them."""

    hypotheses: tuple[Hypothesis, ...] = field(default=())
    asr_model: str = ""
    cpu_seconds: float = 0.0
