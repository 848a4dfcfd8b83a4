"""Which share of results was ready: read from the text of a server's metrics."""

from h2b.cli.bench_ready import Waits, read_waits, ready_since, waits_in
from h2b.protocol.effects import Measure
from h2b.server.metrics import Metrics


async def test_results_that_were_ready_are_told_from_those_waited_for():
    metrics = Metrics(now=lambda: 10.0)
    observe = metrics.observer()
    before = waits_in(metrics.text().decode())
    for due in (None, None, 9.75, None):
        observe(Measure(due))
    after = waits_in(metrics.text().decode())
    assert after.since(before) == {"ready": 3, "results": 4, "late_mean_ms": 250.0}
    assert after.since(after) == {"ready": 0, "results": 0, "late_mean_ms": None}


async def test_a_server_that_tells_nothing_is_none():
    assert await read_waits("") is None
    assert await read_waits("http://127.0.0.1:1") is None
    assert await ready_since("", Waits()) is None
    assert Waits().since(None) is None


def test_a_text_without_the_metric_has_no_results():
    assert waits_in("h2b_build 1.0\n") == Waits()
