"""Log lines about what strangers can make happen as often as they like: one a second of each kind, with a count.

Owns when they are written. Must not know what they tell.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import trio
from attrs import define, field

from h2b.server.limits import Digest

Tell: TypeAlias = Callable[..., None]
"""A method of a logger."""


@define(eq=False)
class Seldom:
    """The first line of a kind is written at once; those of the next second become one, the latest, with `count`."""

    _digest: Digest[tuple[Tell, str, Mapping[str, Any]]] = field(factory=Digest, init=False)
    _alarm: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    def tell(self, tell: Tell, event: str, kind: object = "", **fields: Any) -> None:
        """Write a line, now or soon; `kind` tells apart what must not hide behind one another."""
        if self._digest.add(f"{event} {kind}", (tell, event, fields), trio.current_time()):
            tell(event, **fields)
        self._alarm.deadline = self._digest.deadline

    async def run(self) -> None:
        """Write what waits in its time, and at the end."""
        try:
            while True:
                with trio.CancelScope(deadline=self._digest.deadline) as self._alarm:
                    await trio.sleep_forever()
                self._write(trio.current_time())
        finally:
            self._write(float("inf"))

    def _write(self, now: float) -> None:
        for (tell, event, fields), count in self._digest.due(now):
            tell(event, **fields, count=count)
