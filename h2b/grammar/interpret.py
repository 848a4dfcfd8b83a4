"""From hypotheses to a verdict: which grammar of a request matches, with which value, how surely.

The two searches of the decoder arrive together: the words as they are (`Path.FREE`) and the words held to the
grammars (`Path.GRAMMAR`). Both score the same audio under the same model, so their log-probabilities compare
directly (engines reference, section 9): the grammar's reading counts where it lies within MARGIN_NATS of the
free one; otherwise callers wrapped their answer, and the value is looked for in the free words.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, field, frozen

from h2b.grammar.kinds import KINDS
from h2b.grammar.registry import ActiveGrammar
from h2b.language import Language, language
from h2b.model.results import Alternative, Hypothesis, Interpretation, MatchClass, Path

MARGIN_NATS = 8.0
"""How much less likely than the free words the grammar's reading may be."""


@frozen
class Verdict:
    """What an utterance means to the active grammars so far."""

    match: MatchClass
    alternatives: tuple[Alternative, ...] = field(default=())

    @property
    def confidence(self) -> float:
        if not self.alternatives:
            return 0.0
        best = self.alternatives[0]
        return best.interpretation.confidence if best.interpretation else best.hypothesis.confidence

    def refused(self) -> "Verdict":
        """The same words, none of them counted as a match."""
        kept = {alternative.hypothesis.transcript: alternative for alternative in self.alternatives}
        return Verdict(
            MatchClass.NONE,
            tuple(evolve(alternative, interpretation=None, grammar_uri="") for alternative in kept.values()),
        )


def interpret(hypotheses: Sequence[Hypothesis], grammars: Sequence[ActiveGrammar], n_best: int = 1) -> Verdict:
    """The verdict on an utterance. Hypotheses come best first, of each path; grammars in order of priority.

    A complete match of any hypothesis beats a partial one; among equals the better hypothesis, then the earlier
    grammar wins. Without a match the alternatives are the words heard.
    """
    spoken = language(grammars[0].language) if grammars else None
    matches = [match for hypothesis in _credible(hypotheses) for match in _matches(hypothesis, grammars)]
    for wanted, match in ((True, MatchClass.COMPLETE), (False, MatchClass.PARTIAL)):
        found = [entry for entry in matches if entry.interpretation and entry.interpretation.complete is wanted]
        if found:
            return Verdict(match, _distinct(found)[:n_best])
    heard = sorted(hypotheses, key=lambda hypothesis: hypothesis.path is not Path.FREE)
    words = [_spelled_out(h, spoken) for h in heard if h.path is Path.FREE or h.transcript] if spoken else heard
    nothing = [Alternative(hypothesis=h, interpretation=None, grammar_uri="") for h in words if h.transcript]
    return Verdict(MatchClass.NONE, tuple(nothing[:1] if n_best == 1 else nothing[:n_best]))


def _credible(hypotheses: Sequence[Hypothesis]) -> Iterator[Hypothesis]:
    """First the grammars' readings that are nearly as likely as the free words, then the free words."""
    free = [h for h in hypotheses if h.path is Path.FREE]
    held = [h for h in hypotheses if h.path is Path.GRAMMAR]
    likeliest = max((h.log_probability for h in free), default=None)
    yield from (h for h in held if likeliest is None or likeliest - h.log_probability <= MARGIN_NATS)
    yield from free


def _matches(hypothesis: Hypothesis, grammars: Iterable[ActiveGrammar]) -> Iterator[Alternative]:
    for grammar in grammars:
        spoken = language(grammar.language)
        for found in KINDS[grammar.kind].find(hypothesis.transcript.split(), grammar.arguments, spoken):
            yield Alternative(
                hypothesis=_spelled_out(hypothesis, spoken),
                interpretation=Interpretation(
                    type=grammar.type,
                    value=found.value,
                    confidence=hypothesis.confidence * found.quality,
                    complete=found.complete,
                ),
                grammar_uri=grammar.uri,
            )


def _spelled_out(hypothesis: Hypothesis, spoken: Language) -> Hypothesis:
    """The transcript as the wire wants it: numbers in words (H2B reference, section 2.5)."""
    return evolve(hypothesis, transcript=spoken.spell_out(hypothesis.transcript))


def _distinct(alternatives: Iterable[Alternative]) -> tuple[Alternative, ...]:
    """One alternative for each value of each grammar: the first, which is the best."""
    kept: dict[tuple[str, str], Alternative] = {}
    for alternative in alternatives:
        assert alternative.interpretation is not None
        kept.setdefault((alternative.grammar_uri, repr(alternative.interpretation.value)), alternative)
    return tuple(kept.values())
