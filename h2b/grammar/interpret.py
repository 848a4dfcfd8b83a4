"""From hypotheses to a verdict: which grammar of a request matches, with which value, how surely.

The two searches of the decoder arrive together: the words as they are (`Path.FREE`) and the words held to the
grammars (`Path.GRAMMAR`). Both score the same audio under the same model, so their log-probabilities compare
directly (engines reference, section 9), and the engine makes the gap between them part of its confidence. So the
grammar's reading counts where it is credible at all; otherwise callers wrapped their answer, and the value is
looked for in the free words.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from h2b.grammar import corrections, denials, voicexml
from h2b.grammar.kinds import KINDS, Found
from h2b.grammar.registry import ActiveGrammar
from h2b.grammar.srgs.matcher import one_budget
from h2b.language import Language, language
from h2b.model.results import Alternative, Hypothesis, Interpretation, MatchClass, Path

CREDIBLE = 0.2
"""Confidence below which words held to a grammar only tell what the grammar would have liked to hear."""

SHARE_POWER = 0.5
"""A value's confidence is what its words deserve times its share of all values near, to this power."""

LIKELY = 0.5
NEAR_NATS = 2.5
"""Words held to a grammar win over what can be found in the free words when they are this likely by themselves and no
further below the free words: bare answers lie within 2.2 nats on the recordings, wrapped ones mostly beyond."""


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

    A complete match of any hypothesis beats a partial one; then a likely one of a grammar's path beats what is found
    in free words; among equals the surer one, then the better hypothesis, then the earlier grammar wins.
    Without a match the alternatives are the words heard.
    """
    credible = [h for h in hypotheses if h.path is Path.FREE or h.confidence >= CREDIBLE]
    likeliest = max((h.log_probability for h in hypotheses if h.path is Path.FREE), default=-math.inf)
    with one_budget():
        by_words = [list(_matches(hypothesis, grammars)) for hypothesis in credible]
    matches = [match for found in _asked_for(by_words, n_best) for match in found]
    share = _shares(by_words)
    for complete, match in ((True, MatchClass.COMPLETE), (False, MatchClass.PARTIAL)):
        found = [m for m in matches if m.interpretation and m.interpretation.complete is complete]
        if found:
            ranked = sorted(found, key=lambda alternative: _rank(alternative, likeliest), reverse=True)
            return Verdict(match, _n_best([_shared(alternative, share) for alternative in ranked], n_best))
    return Verdict(MatchClass.NONE, tuple(_words_heard(hypotheses, grammars))[:n_best])


def _asked_for(by_words: Sequence[list[Alternative]], n_best: int) -> Iterator[list[Alternative]]:
    """Without the grammar's words that come after enough whole answers: those are only rivals.

    Where the likeliest words are no answer (a checksum is wrong), the next ones take their place.
    """
    answers = 0
    for found in by_words:
        if found and found[0].hypothesis.path is Path.GRAMMAR:
            if answers >= n_best:
                continue
            answers += any(each.interpretation and each.interpretation.complete for each in found)
        yield found


def _shares(by_words: Sequence[list[Alternative]]) -> Mapping[tuple[str, str], float]:
    """For each value of the grammar's search, its part of the chances of all that were found.

    The same value in other words ("yes", "yes please") is no rival.
    """
    heard = [found for found in by_words if found and found[0].hypothesis.path is Path.GRAMMAR]
    # An engine that tells no chances gives its own confidence only.
    answers = [found for found in heard if found[0].hypothesis.log_probability < 0]
    best = max((found[0].hypothesis.log_probability for found in answers), default=0.0)
    shares: dict[tuple[str, str], float] = {}
    total = 0.0
    for found in answers:
        chance = math.exp(found[0].hypothesis.log_probability - best)
        total += chance
        for key in {_key(alternative) for alternative in found}:
            shares[key] = shares.get(key, 0.0) + chance
    return {key: chance / total for key, chance in shares.items()}


def _shared(alternative: Alternative, shares: Mapping[tuple[str, str], float]) -> Alternative:
    """An alternative of the grammar's search as sure as its rivals leave it."""
    found = alternative.interpretation
    if found is None or alternative.hypothesis.path is not Path.GRAMMAR:
        return alternative
    share: float = shares.get(_key(alternative), 1.0) ** SHARE_POWER
    return evolve(alternative, interpretation=evolve(found, confidence=found.confidence * share))


def _key(alternative: Alternative) -> tuple[str, str]:
    """Equal for equal values of one grammar."""
    assert alternative.interpretation is not None
    return alternative.grammar_uri, repr(alternative.interpretation.value) + alternative.interpretation.script


def _rank(alternative: Alternative, likeliest: float) -> tuple[bool, float]:
    """The grammar's own reading of all that was said before a value found somewhere in the free words."""
    assert alternative.interpretation is not None
    heard = alternative.hypothesis
    near = heard.confidence >= LIKELY and likeliest - heard.log_probability <= NEAR_NATS
    return heard.path is Path.GRAMMAR and near, alternative.interpretation.confidence


def _words_heard(hypotheses: Sequence[Hypothesis], grammars: Sequence[ActiveGrammar]) -> Iterator[Alternative]:
    """The free words first: they tell best what an utterance was that no grammar matches."""
    for hypothesis in sorted(hypotheses, key=lambda hypothesis: hypothesis.path is not Path.FREE):
        if hypothesis.transcript:
            heard = _spelled_out(hypothesis, language(grammars[0].language))
            yield Alternative(hypothesis=heard, interpretation=None, grammar_uri="")


def _matches(hypothesis: Hypothesis, grammars: Iterable[ActiveGrammar]) -> Iterator[Alternative]:
    for grammar in grammars:
        spoken = language(grammar.language)
        kind, words = KINDS[grammar.kind], hypothesis.transcript.split()
        values = corrections.find(kind, words, grammar.arguments, spoken)
        values = denials.heeded(kind, words, grammar.arguments, spoken, values)
        for found in _as_asked(values, grammar):
            yield Alternative(
                hypothesis=_spelled_out(hypothesis, spoken),
                interpretation=Interpretation(
                    type=grammar.type,
                    value=found.value,
                    confidence=hypothesis.confidence * found.quality,
                    complete=found.complete,
                    script=found.script,
                ),
                grammar_uri=grammar.uri,
            )


def _as_asked(values: list[Found], grammar: ActiveGrammar) -> list[Found]:
    """Values in the form of a standard or of the preset's [output]."""
    if grammar.form:
        return voicexml.formed(values, grammar)
    if grammar.output is None:
        return values
    # What a script will give is not known yet: its author gives it the form it should have.
    return [found if found.script else evolve(found, value=grammar.output.apply(found.value)) for found in values]


def _spelled_out(hypothesis: Hypothesis, spoken: Language) -> Hypothesis:
    """The transcript as the wire wants it: numbers in words (H2B reference, section 2.5)."""
    return evolve(hypothesis, transcript=spoken.spell_out(hypothesis.transcript))


def _n_best(ranked: Sequence[Alternative], length: int) -> tuple[Alternative, ...]:
    """The best, and others by confidence: other values first, then other words for the same values."""
    values: set[tuple[str, str]] = set()
    words: set[tuple[str, str, str]] = set()
    fresh: list[Alternative] = []
    rest: list[Alternative] = []
    for alternative in ranked:
        assert alternative.interpretation is not None
        value = _key(alternative)
        said = (*value, alternative.hypothesis.transcript)
        if value not in values:
            fresh.append(alternative)
        elif said not in words:
            rest.append(alternative)
        values.add(value)
        words.add(said)
    best, *others = (fresh + rest)[:length]
    return (best, *sorted(others, key=_confidence, reverse=True))


def _confidence(alternative: Alternative) -> float:
    assert alternative.interpretation is not None
    return alternative.interpretation.confidence
