"""Whether new sessions may begin: not while the recogniser is so busy that those who talk already wait for it.

Owns that decision. Must not know how sessions begin on any wire, nor how their utterances are recognised.

Theory of operation
 1. What counts is how long the first utterance in the queue has waited for a free process: what callers notice,
    whatever the machine, the models and the grammars are. While that is longer than `busy_s`, no session begins.
 2. What has begun goes on: no utterance is refused for this, and no session ends.
 3. Sessions begin again when waits have been short, half as long, for a while: a server that takes calls for a second
    and refuses them for the next helps neither its callers nor a balancer.
"""

from collections.abc import Callable

import structlog
import trio
from attrs import define, field

from h2b.asr.pool import PoolStatistics

_log = structlog.get_logger("h2b.server.admission")

CALM_S = 5.0
"""Waits must be short for so long before sessions begin again."""


@define(eq=False)
class Admission:
    """Lets sessions begin, or not."""

    busy_s: float = 0.0
    """Longest wait of an utterance; 0 for any."""
    pool: Callable[[], PoolStatistics | None] = lambda: None
    on_refused: Callable[[], None] = lambda: None
    """Called for each session that may not begin."""
    _is_busy: bool = field(default=False, init=False)
    _last_long: float = field(default=0.0, init=False)

    def may_begin(self) -> bool:
        """Whether a session may begin; if not, one that wanted to was refused."""
        if not self.busy:
            return True
        self.on_refused()
        return False

    @property
    def busy(self) -> bool:
        """Whether no session may begin."""
        pool = self.pool() if self.busy_s else None
        if pool is not None:
            self.judge(pool.waited_s, trio.current_time())
        return self._is_busy

    def judge(self, waited_s: float, now: float) -> bool:
        """Decide by how long the first utterance in the queue has waited; 0 when there is none."""
        if waited_s >= self.busy_s or (self._is_busy and waited_s >= self.busy_s / 2):
            self._last_long = now
        if waited_s >= self.busy_s and not self._is_busy:
            self._is_busy = True
            _log.warning("busy", waited_s=round(waited_s, 3))
        elif self._is_busy and now - self._last_long >= CALM_S:
            self._is_busy = False
            _log.info("busy_no_more")
        return self._is_busy
