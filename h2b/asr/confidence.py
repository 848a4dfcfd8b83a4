"""From log-probabilities to a confidence between 0 and 1.

Both formulas are calibrated on the whole set of test speech; `docs/discussion/confidence.md` tells how.
"""

import math

FREE_BIAS, FREE_MEAN = 3.18, 3.38
"""Logistic regression of "the words are right" on the mean log-probability of a token."""

HELD_BIAS, HELD_MEAN, HELD_GAP = 5.50, 1.49, -1.42
"""Logistic regression of "in the grammar" on the mean log-probability of a token and on the gap in nats."""


def of_free_words(mean_nats: float) -> float:
    """Of words no grammar held, from the mean log-probability of a token."""
    return _logistic(FREE_BIAS + FREE_MEAN * mean_nats)


def of_grammar_words(mean_nats: float, gap_nats: float) -> float:
    """Of words held to a grammar: how likely a token is on average, less what the free words say better.

    `gap_nats` is the log-probability of the free words less that of the grammar's, over the same audio.
    """
    return _logistic(HELD_BIAS + HELD_MEAN * mean_nats + HELD_GAP * max(0.0, gap_nats))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -500 else 0.0
