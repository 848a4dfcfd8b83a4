"""From log-probabilities to a confidence between 0 and 1.

Both formulas are calibrated on the whole set of test speech; `docs/discussion/confidence.md` tells how.
"""

import math


def of_free_words(mean_nats: float) -> float:
    """Of words no grammar held: the mean probability of a token."""
    return math.exp(min(0.0, mean_nats))


def of_grammar_words(mean_nats: float, gap_nats: float) -> float:
    """Of words held to a grammar: how likely a token is on average, less what the free words say better.

    `gap_nats` is the log-probability of the free words less that of the grammar's, over the same audio.
    """
    return 1 / (1 + math.exp(-(4.0 + 4.0 * mean_nats - 0.5 * max(0.0, gap_nats))))
