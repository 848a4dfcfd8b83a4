"""What the server measures: every metric with its labels, read from a registry that has something in it."""

from prometheus_client.parser import text_string_to_metric_families

from h2b.asr.pool import PoolStatistics
from h2b.server.metrics import CallStatistics, Gauges, Metrics
from parts.markdown import code, table

LABELS = {
    "h2b_recognitions": ("grammar", "cause", "ended_by"),
    "h2b_result_delay_seconds": ("grammar",),
    "h2b_refusals": ("why",),
    "h2b_requests_refused": ("method", "cause"),
    "h2b_token_requests": ("outcome",),
    "h2b_build": ("version",),
    "h2b_calls_ended": ("how",),
    "h2b_call_refusals": ("status",),
    "h2b_rtp_packets": ("kind",),
}


def metrics(_: str) -> str:
    idle = PoolStatistics(workers=0, alive=0, free=0, waiting=0, deaths=0, unanswered=0, decode_s=0.0, audio_s=0.0)
    text = (
        Metrics(Gauges(pool=lambda: idle, usage_spool=lambda: 0, usage_copying=lambda: (0, 0.0), calls=CallStatistics))
        .text()
        .decode()
    )
    rows = []
    for family in text_string_to_metric_families(text):
        if family.name.endswith("_created"):
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(map(code, LABELS.get(family.name, ()))) or "-"
        rows.append((code(name), family.type, labels, family.documentation))
    return table(("metric", "type", "labels", "meaning"), sorted(rows))
