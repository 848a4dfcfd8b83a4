"""The files under deploy/: what they name exists."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from h2b.asr.pool import PoolStatistics
from h2b.configfile import load_configuration
from h2b.server.limits import Allowance, LimitExceeded, Shared
from h2b.server.metrics import Gauges, Metrics
from h2b.server.websocket import TOO_SLOW
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"


def metric_names() -> set[str]:
    """Every name a query can use."""
    pool = PoolStatistics(workers=0, alive=0, free=0, waiting=0, deaths=0, unanswered=0, decode_s=0.0, audio_s=0.0)
    text = Metrics(Gauges(pool=lambda: pool, usage_spool=lambda: 0)).text().decode()
    names = set()
    for family in text_string_to_metric_families(text):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


@pytest.mark.parametrize("name", ["alerts.yml", "grafana/dashboards/h2b.json"])
def test_every_metric_that_is_asked_for_exists(name: str) -> None:
    asked = set(re.findall(r"\bh2b_\w+", (DEPLOY / name).read_text("utf-8")))
    assert asked
    assert asked <= metric_names()


@pytest.mark.parametrize("name", ["h2b.toml", "compose.toml"])
def test_configurations_are_read(name: str) -> None:
    assert load_configuration(DEPLOY / name).server.http == "0.0.0.0:8081"


def test_the_dashboard_is_json_with_a_query_in_every_panel() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "h2b.json").read_text("utf-8"))
    assert dashboard["panels"]
    for panel in dashboard["panels"]:
        assert all(target["expr"] for target in panel["targets"])


def test_files_that_others_mount_are_there() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    mounted = {path for path in re.findall(r"- \./([\w./-]+):", text) if path != "server.pem"}
    assert mounted
    assert all((DEPLOY / path).exists() for path in mounted)


def test_the_page_tells_every_reason_of_a_limit_as_the_server_does() -> None:
    page = (ROOT / "docs" / "reference" / "protocol.md").read_text("utf-8")
    mine = Allowance(Shared(), "acme", 0.0)
    told = [str(mine.overdue())]
    for _ in range(5000):
        mine.command(0.0)
    for excess in (lambda: mine.command(0.0), lambda: mine.audio(301 * 16000, 0.0)):
        with pytest.raises(LimitExceeded) as exceeded:
            excess()
        told.append(str(exceeded.value))
    mine.follow(True, 16000, -20000.0)
    told.append(str(mine.overdue()))
    told.append(TOO_SLOW.reason)
    assert len(set(told)) == 5
    for reason in told:
        assert f"| `{reason}` |" in page
    for _ in range(1000):
        mine.shared.sessions.add("acme", 1000)
    assert mine.may_open() in " ".join(page.split())


def test_the_page_tells_the_refusal_as_the_server_does() -> None:
    page = (ROOT / "docs" / "howto" / "run-in-production.md").read_text("utf-8")
    source = (ROOT / "h2b" / "server" / "access.py").read_text("utf-8")
    assert "or listen on 127.0.0.1, or say --insecure" in page
    assert "or listen on 127.0.0.1, or say --insecure" in source
    assert Path(DEPLOY / "h2b.service").read_text("utf-8").count("Type=notify") == 1
