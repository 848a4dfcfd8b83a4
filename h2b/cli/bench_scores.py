"""Scores by numbers: word and character errors, percentiles, and how far confidences can be believed.

Owns formulas. Must not know recordings, engines or tables.
"""

from collections.abc import Iterable, Sequence

from attrs import frozen

BINS = 10
PERCENTILES = (50, 90, 95, 99)


@frozen
class ErrorRate:
    """Edits that turn what was heard into what was said, and the length of what was said."""

    edits: int = 0
    length: int = 0

    def __add__(self, other: "ErrorRate") -> "ErrorRate":
        return ErrorRate(self.edits + other.edits, self.length + other.length)

    @property
    def rate(self) -> float | None:
        """Edits by length, above 1 where more was heard than said; None where nothing was said."""
        return self.edits / self.length if self.length else None


def edit_distance(said: Sequence[object], heard: Sequence[object]) -> int:
    """The fewest substitutions, deletions and insertions between two sequences (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, one in enumerate(said, start=1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(heard, start=1):
            best = min(diagonal + (one != other), row[column] + 1, row[column - 1] + 1)
            diagonal, row[column] = row[column], best
    return row[-1]


def word_errors(said: str, heard: str) -> ErrorRate:
    """Errors in words, which spaces separate."""
    words = said.split()
    return ErrorRate(edit_distance(words, heard.split()), len(words))


def character_errors(said: str, heard: str) -> ErrorRate:
    """Errors in characters. Spaces do not count: whether "b b" or "bb" is written says nothing of what was heard."""
    characters = "".join(said.split())
    return ErrorRate(edit_distance(characters, "".join(heard.split())), len(characters))


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: a value that was measured, none in between. `share` is of 100.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered), -int(-len(ordered) * share // 100)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Percentiles p50 to p99, the largest value and how many there are; empty of nothing."""
    if not values:
        return {}
    found = {f"p{share}": round(percentile(values, share), 1) for share in PERCENTILES}
    return {**found, "max": round(max(values), 1), "count": len(values)}


@frozen
class Bin:
    """Answers whose confidence lies between two bounds: how sure they were, and how many were right."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean of their confidences."""
    right: float
    """Share of them that was right."""


def reliability(answers: Iterable[tuple[float, bool]], bins: int = BINS) -> list[Bin]:
    """Answers, each a confidence and whether it was right, in bins of equal width; empty bins are left out."""
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, right in answers:
        sorted_in[min(bins - 1, max(0, int(confidence * bins)))].append((confidence, right))
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            count=len(inside),
            confidence=sum(confidence for confidence, _ in inside) / len(inside),
            right=sum(right for _, right in inside) / len(inside),
        )
        for number, inside in enumerate(sorted_in)
        if inside
    ]


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """The expected calibration error (ECE): the gap between confidence and share of right answers, averaged over the
    bins by how many answers each holds. None of nothing.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    count = sum(each.count for each in bins)
    if not count:
        return None
    return sum(each.count * abs(each.right - each.confidence) for each in bins) / count
