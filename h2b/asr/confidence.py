"""From log-probabilities to a confidence between 0 and 1.

They are calibrated on the whole set of test speech; `docs/discussion/confidence.md` tells how.
"""

import math
from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Calibration:
    """Two logistic regressions on log-probabilities in nats, one for each path of the search."""

    free_bias: float
    free_mean: float
    """Of the mean log-probability of a token: are the words right?"""
    held_bias: float
    held_mean: float
    held_gap: float
    """Of the gap between the free words and the grammar's: was it said in the grammar at all?"""
    rivals: int = 0
    """Further answers of the grammar's search to look for, which make the best one less sure."""

    def of_free_words(self, mean_nats: float) -> float:
        """Confidence of words no grammar held, from the mean log-probability of a token."""
        return _logistic(self.free_bias + self.free_mean * mean_nats)

    def of_grammar_words(self, mean_nats: float, gap_nats: float) -> float:
        """Confidence of words held to a grammar: how likely a token is, less what the free words say better.

        `gap_nats` is the log-probability of the free words less that of the grammar's, over the same audio.
        """
        return _logistic(self.held_bias + self.held_mean * mean_nats + self.held_gap * max(0.0, gap_nats))


CALIBRATIONS: Mapping[str, Calibration] = {
    "moonshine": Calibration(free_bias=3.18, free_mean=3.38, held_bias=5.50, held_mean=1.49, held_gap=-1.42),
    "whisper": Calibration(free_bias=3.18, free_mean=3.38, held_bias=7.57, held_mean=6.83, held_gap=-0.79, rivals=3),
}
"""By family of models. Whisper hears words in noise: its mean tells more, and the gap less. Its wrong answers have
the right one near; those of Moonshine have none, so there nothing is looked for."""


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -500 else 0.0
