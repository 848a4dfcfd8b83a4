"""From pressed keys to a verdict: what a caller's DTMF means to the grammars of a request that take keys.

Owns the choice among grammars. Which keys each takes is their own affair: VoiceXML's builtin types and SRGS of mode
dtmf. Knows no time: whoever asks waits, or does not.
"""

from collections.abc import Iterable, Sequence

from attrs import frozen

from h2b.grammar import voicexml
from h2b.grammar.interpret import Verdict
from h2b.grammar.kinds import KINDS, Found
from h2b.grammar.kinds.srgs import MODE, SRGS, Srgs
from h2b.grammar.registry import ActiveGrammar
from h2b.grammar.srgs.matcher import one_budget
from h2b.language import language
from h2b.model.params import KEYS
from h2b.model.results import Alternative, Hypothesis, InputMode, Interpretation, MatchClass


@frozen
class KeysVerdict:
    """What the keys pressed so far are."""

    verdict: Verdict
    extensible: bool
    """More keys could still belong to an answer."""


def takes_keys(grammar: ActiveGrammar) -> bool:
    """Whether a grammar is about keys: it then hears no speech."""
    return grammar.form == voicexml.TYPED or (grammar.kind == SRGS and grammar.arguments.get(MODE) == "dtmf")


def judge_keys(keys: str, grammars: Sequence[ActiveGrammar]) -> KeysVerdict:
    """What keys mean to the first grammar they are a whole answer to, else to the first they may become one of.

    Raises GrammarDefinitionError when a grammar takes too long over them.
    """
    with one_budget():
        judged = [(*_judge(keys, grammar), grammar) for grammar in grammars]
    extensible = any(more for _, more, _ in judged)
    found = [(one, grammar) for one, _, grammar in judged if one is not None]
    for match, wanted in ((MatchClass.COMPLETE, True), (MatchClass.PARTIAL, False)):
        fitting = [_alternative(keys, one, grammar) for one, grammar in found if one.complete is wanted]
        if fitting:
            return KeysVerdict(Verdict(match, tuple(fitting)), extensible)
    return KeysVerdict(
        Verdict(MatchClass.NONE, (Alternative(hypothesis=_typed(keys), interpretation=None, grammar_uri=""),)),
        extensible,
    )


def _judge(keys: str, grammar: ActiveGrammar) -> tuple[Found | None, bool]:
    kind = KINDS[grammar.kind]
    if isinstance(kind, Srgs):
        return kind.find_keys(keys, grammar.arguments, language(grammar.language))
    return voicexml.interpret_keys(keys, grammar), _extensible(keys, grammar)


def _extensible(keys: str, grammar: ActiveGrammar) -> bool:
    return any(voicexml.interpret_keys(keys + key, grammar) is not None for key in KEYS)


def _alternative(keys: str, found: Found, grammar: ActiveGrammar) -> Alternative:
    return Alternative(
        hypothesis=_typed(keys),
        interpretation=Interpretation(
            type=grammar.type, value=found.value, confidence=1.0, complete=found.complete, script=found.script
        ),
        grammar_uri=grammar.uri,
    )


def _typed(keys: Iterable[str]) -> Hypothesis:
    return Hypothesis(transcript=" ".join(keys), confidence=1.0, mode=InputMode.DTMF)
