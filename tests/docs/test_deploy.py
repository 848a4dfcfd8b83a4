"""The files under deploy/: what they name exists, and they fit together."""

import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
import yaml
from click import Context
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route

from h2b.asr.pool import PoolStatistics
from h2b.cli.main import main
from h2b.configfile import load_configuration
from h2b.server.access import Access
from h2b.server.http import HttpSide, Readiness
from h2b.server.limits import Allowance, LimitExceeded, Shared
from h2b.server.metrics import CallStatistics, Gauges, Metrics
from h2b.server.openapi import TOKEN_PATH
from h2b.server.usage_api import UsageApi
from h2b.server.websocket import PATH, TOO_SLOW
from tests.docs.pages import ROOT
from tests.interop.balanced import HAPROXY

DEPLOY = ROOT / "deploy"


def metric_names() -> set[str]:
    """Every name a query can use."""
    pool = PoolStatistics(workers=0, alive=0, free=0, waiting=0, deaths=0, unanswered=0, decode_s=0.0, audio_s=0.0)
    text = (
        Metrics(Gauges(pool=lambda: pool, usage_spool=lambda: 0, usage_copying=lambda: (0, 0.0), calls=CallStatistics))
        .text()
        .decode()
    )
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


# Containers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("./"):
                # The certificate is the operator's.
                assert source == "./server.pem" or (DEPLOY / source).exists(), f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"


def test_services_that_others_name_are_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", ())) <= services.keys()
    assert (DEPLOY / services["h2b"]["build"]["context"] / services["h2b"]["build"]["dockerfile"]).is_file()
    assert "h2b:8080" in (DEPLOY / "haproxy.cfg").read_text("utf-8")
    assert "h2b:8081" in (DEPLOY / "prometheus.yml").read_text("utf-8")
    assert "@postgres/" in load_configuration(DEPLOY / "compose.toml").usage.postgres


def test_the_server_may_do_little_and_only_the_balancer_is_reached_from_outside(compose: dict[str, Any]) -> None:
    server = compose["services"]["h2b"]
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert server["security_opt"] == ["no-new-privileges:true"]
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"haproxy": ["443:8443"], "grafana": ["127.0.0.1:3000:3000"]}


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, with what they are given."""
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", "").splitlines()
    written = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(name, rest) for name, rest in written]


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    told = instructions()
    by_name = dict(told)
    for name, rest in told:
        if name == "COPY" and not rest.startswith("--from"):
            assert (ROOT / rest.split()[0]).exists(), rest
    assert by_name["USER"] == "h2b"
    assert [name for name, _ in told].index("USER") < [name for name, _ in told].index("ENTRYPOINT")
    assert json.loads(by_name["VOLUME"]) == ["/var/lib/h2b", "/var/cache/h2b"]
    assert "XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache" in by_name["ENV"]
    server = load_configuration(DEPLOY / "h2b.toml").server
    assert by_name["EXPOSE"].split() == [address.rpartition(":")[2] for address in (server.websocket, server.http)]


def test_the_image_starts_a_command_there_is_with_the_configuration_that_is_copied() -> None:
    by_name = dict(instructions())
    assert json.loads(by_name["ENTRYPOINT"]) == ["tini", "--", "h2b"]
    verb, option, path = json.loads(by_name["CMD"])
    assert ("COPY", f"deploy/h2b.toml {path}") in instructions()
    command = main.get_command(Context(main), verb)
    assert command is not None
    assert any(option in parameter.opts for parameter in command.params)


def test_the_health_check_of_the_image_tells_a_server_that_lives() -> None:
    options, _, command = dict(instructions())["HEALTHCHECK"].partition(" CMD ")
    assert "--start-period=20m" in options
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    health = "http://127.0.0.1:8081/healthz"
    assert code.count(health) == 1
    run = [sys.executable, flag]
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        alive = code.replace("8081", str(server.server_port))
        assert subprocess.run([*run, alive], check=False).returncode == 0
        dead = alive.replace("/healthz", "/nothing")
        assert subprocess.run([*run, dead], stderr=subprocess.DEVNULL, check=False).returncode == 1
        server.shutdown()


class Healthy(BaseHTTPRequestHandler):
    """Answers as the server does where health is asked for."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


# The end of a server


def seconds(text: str) -> float:
    """A time as systemd and Compose write it."""
    number, unit = re.fullmatch(r"(\d+)(s|m|min)", text).groups()  # type: ignore[union-attr]
    return int(number) * (1 if unit == "s" else 60)


def test_whoever_stops_a_server_waits_until_its_calls_are_over(compose: dict[str, Any]) -> None:
    unit = (DEPLOY / "h2b.service").read_text("utf-8")
    (service_waits,) = re.findall(r"^TimeoutStopSec=(.*)$", unit, re.MULTILINE)
    for name, waits in (("h2b.toml", service_waits), ("compose.toml", compose["services"]["h2b"]["stop_grace_period"])):
        server = load_configuration(DEPLOY / name).server
        assert seconds(waits) > server.drain_notice_s + server.drain_s


def test_the_balancer_notices_in_time_that_a_server_leaves() -> None:
    text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    checks = re.findall(r"inter (\d+)s fall (\d+)", text)
    assert len(checks) == 2
    for name in ("h2b.toml", "compose.toml"):
        notice_s = load_configuration(DEPLOY / name).server.drain_notice_s
        # Twice the time, because a check takes its own as well.
        assert all(2 * int(interval) * int(fall) <= notice_s + 1 for interval, fall in checks)


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
def test_haproxy_takes_its_file(tmp_path: Path) -> None:
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    (tmp_path / "haproxy.cfg").write_text(text.replace("/usr/local/etc/haproxy", str(tmp_path)), "utf-8")
    checked = subprocess.run(
        [HAPROXY, "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    # The name of the server is only known where the containers are.
    warned = [line for line in checked.stderr.splitlines() if "WARNING" in line or "ALERT" in line]
    assert all("could not resolve address 'h2b'" in line for line in warned)


def test_every_path_that_others_may_ask_for_has_its_way_through_the_balancer() -> None:
    text = (DEPLOY / "haproxy.cfg").read_text("utf-8")
    (prefixes,) = re.findall(r"^    acl asks path_beg (.*)$", text, re.MULTILINE)
    (exact,) = re.findall(r"^    acl asks path (/.*)$", text, re.MULTILINE)
    assert f"    acl bots path {PATH}\n" in text
    inside = {"/healthz", "/readyz", "/metrics"}
    application = HttpSide(Access(), Metrics(), lambda: Readiness((), {}), UsageApi(lambda: None)).application()  # type: ignore[arg-type]
    served = {route.path for route in application.routes if isinstance(route, Route)} | {TOKEN_PATH}
    passed = {path for path in served if path.startswith(tuple(prefixes.split())) or path in exact.split()}
    assert served - passed == inside


def test_every_alert_has_a_query_and_says_what_is_wrong() -> None:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]:
        assert rule["alert"].startswith("H2B")
        assert rule["expr"]
        assert rule["annotations"]["summary"]


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
