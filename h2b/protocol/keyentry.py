"""Keys of one recognition: which belong to the answer, and when it is over.

Owns the two timers of keys. Knows no audio, no commands and no clock: a position is seconds since RECOGNIZE. Source:
RFC 6787 sections 9.4.22 to 9.4.24 for the timers and the terminating key; VoiceXML 2.0 appendix D for their sense.
"""

from collections.abc import Sequence

from attrs import define

from h2b.grammar.keys import KeysVerdict, judge_keys
from h2b.grammar.registry import ActiveGrammar
from h2b.model.params import Parameters
from h2b.model.results import MatchClass

MAXIMUM_KEYS = 200
"""No grammar is answered with more; those that follow are dropped."""


@define
class KeyEntry:
    """What was pressed so far. Nothing is decided before the first key that counts."""

    parameters: Parameters
    grammars: Sequence[ActiveGrammar]
    keys: str = ""
    first_at: float = 0.0
    last_at: float = 0.0
    judged: KeysVerdict | None = None
    _terminated: bool = False

    def press(self, key: str, position: float) -> bool:
        """Take a key. False when no grammar takes it as the first: it is no input then, and interrupts nobody.

        Raises GrammarDefinitionError when a grammar takes too long over the keys.
        """
        if self.over or len(self.keys) == MAXIMUM_KEYS:
            return True
        begun = self.begun
        if key == self.parameters.dtmf_term_char:
            # By itself it is an answer only where nothing is one; that is no grammar's business, so it is no match.
            self.judged = self.judged or judge_keys("", self.grammars)
            self._terminated = True
        else:
            judged = judge_keys(self.keys + key, self.grammars)
            if not self.keys and judged.verdict.match is MatchClass.NONE:
                return False
            self.judged = judged
            self.keys += key
        if not begun:
            self.first_at = position
        self.last_at = position
        return True

    @property
    def begun(self) -> bool:
        return self.judged is not None

    @property
    def over(self) -> bool:
        """Whether no further key and no timer can change anything."""
        if self.judged is None:
            return False
        if self._terminated or self.judged.verdict.match is MatchClass.NONE:
            return True
        return not self.judged.extensible and not self.parameters.dtmf_term_char

    def ends_at(self) -> float:
        """The position at which the input ends unless a key comes; infinite before the first."""
        if self.judged is None:
            return float("inf")
        if self.over:
            return self.last_at
        p = self.parameters
        return self.last_at + (p.dtmf_interdigit_timeout if self.judged.extensible else p.dtmf_term_timeout) / 1000
