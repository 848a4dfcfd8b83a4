"""When to wake whom: one moment per name, the earliest first.

Owns nothing but moments. Must not know clocks: a moment is a number of seconds on whatever scale the caller's `now`
has.
"""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count

_SLACK = 64
"""Outdated entries the heap may hold beside as many as there are moments."""


class Timers:
    """Moments by name.

    Setting and dropping cost a logarithm; outdated heap entries are swept when they are too many.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, name: Hashable, at: float | None) -> None:
        """`name` is due at this moment and at no other; at none if it is None."""
        if at is None:
            self._entries.pop(name, None)
            return
        known = self._entries.get(name)
        if known and known[0] == at:
            return
        entry = (at, next(self._order))
        self._entries[name] = entry
        heappush(self._heap, (*entry, name))
        if len(self._heap) > 2 * len(self._entries) + _SLACK:
            self._heap = [(*own, key) for key, own in self._entries.items()]
            heapify(self._heap)

    def next(self) -> float | None:
        """The earliest moment, or None."""
        while self._heap and self._entries.get(self._heap[0][2]) != self._heap[0][:2]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[Hashable]:
        """The names due by `now`, earliest first; they are due no more."""
        due = []
        while (at := self.next()) is not None and at <= now:
            name = heappop(self._heap)[2]
            del self._entries[name]
            due.append(name)
        return due
