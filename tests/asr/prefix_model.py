"""A speech model that is a table: from what was written so far to the chances of what comes next."""

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

Chances = Mapping[str, float]
END = ""
"""Stands for the end in a table."""
FLOOR = 1e-6


@define
class PrefixModel:
    """Looks up the text of a row, then the number of its tokens; other rows end.

    What a column leaves of the chances is shared by the pieces it does not name.
    """

    pieces: Sequence[bytes]
    table: Mapping[str | int, Chances]
    otherwise: Chances = field(factory=lambda: {END: 1.0})
    name: str = "prefix-model"
    family: str = "moonshine"
    languages: tuple[str, ...] = ("en", "fr")
    tokens_per_second: float = 6.0
    encoded: list[tuple[int, str, bool]] = field(factory=list)
    """Samples, language and `constrained` of every call."""
    steps: list[list[str]] = field(factory=list)
    """The texts of the rows of every step."""

    @property
    def end_token(self) -> int:
        return len(self.pieces) - 1

    def encode(self, samples: NDArray[np.float32], language: str, constrained: bool) -> None:
        self.encoded.append((len(samples), language, constrained))

    def begin(self, encoding: None) -> tuple[NDArray[np.float32], list[tuple[int, ...]]]:
        return self._logits([()]), [()]

    def step(
        self, cache: list[tuple[int, ...]], tokens: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], list[tuple[int, ...]]]:
        rows = [(*cache[parent], int(token)) for token, parent in zip(tokens, parents, strict=True)]
        self.steps.append([self._text(row) for row in rows])
        return self._logits(rows), rows

    def _text(self, row: tuple[int, ...]) -> str:
        return b"".join(self.pieces[token] for token in row).decode()

    def _logits(self, rows: list[tuple[int, ...]]) -> NDArray[np.float32]:
        chances = np.zeros((len(rows), len(self.pieces)))
        for index, row in enumerate(rows):
            column = self.table.get(self._text(row), self.table.get(len(row), self.otherwise))
            chances[index] = (1 - sum(column.values())) / (len(self.pieces) - len(column))
            for piece, chance in column.items():
                chances[index, self.pieces.index(piece.encode()) if piece else self.end_token] = chance
        logits: NDArray[np.float32] = np.log(np.maximum(chances, FLOOR)).astype(np.float32)
        return logits


def pieces(*texts: str) -> tuple[bytes, ...]:
    """A vocabulary: a token that writes nothing, these texts, and the end."""
    return (b"", *(text.encode() for text in texts), b"")
