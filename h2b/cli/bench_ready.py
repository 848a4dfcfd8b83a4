"""How many results were ready when their timer fired, and what the others were waited for: by the server's own metrics.

Owns reading them. A result is ready when the answer of the engine was there at the end of the silence: the decoding was
hidden in it.
"""

import re
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

import trio
from attrs import frozen

METRIC = "h2b_result_wait_seconds"
SAMPLE = re.compile(rf'^{METRIC}_(?:bucket\{{le="0\.0"\}}|(count|sum)) (\S+)$', re.MULTILINE)
PATIENCE_S = 10.0


@frozen
class Waits:
    """Results that an engine decided."""

    ready: int = 0
    results: int = 0
    waited_s: float = 0.0
    """By those that were not ready, together."""

    def since(self, before: "Waits | None") -> dict[str, Any] | None:
        """What came after another reading, as plain values of JSON; None where that one failed."""
        if before is None:
            return None
        late = (self.results - before.results) - (self.ready - before.ready)
        return {
            "ready": self.ready - before.ready,
            "results": self.results - before.results,
            "late_mean_ms": round((self.waited_s - before.waited_s) / late * 1000, 1) if late else None,
        }


async def ready_since(http: str, before: Waits | None) -> dict[str, Any] | None:
    """What came since another reading; None where nobody tells."""
    now = await read_waits(http)
    return now.since(before) if now else None


async def read_waits(http: str) -> Waits | None:
    """Those so far of the server with this HTTP side; None where there is none, or it cannot be read."""
    if not http:
        return None
    fetch = partial(_fetch, f"{http.rstrip('/')}/metrics")
    try:
        return waits_in(await trio.to_thread.run_sync(fetch))
    except (OSError, HTTPException):
        return None


def waits_in(text: str) -> Waits:
    """From the text of metrics."""
    found = {match[1] or "ready": float(match[2]) for match in SAMPLE.finditer(text)}
    return Waits(int(found.get("ready", 0)), int(found.get("count", 0)), found.get("sum", 0.0))


def _fetch(url: str) -> str:
    with urlopen(url, timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())
