"""What `[mrcp]` and the command line say, and who may call."""

from typing import Any

import pytest
from click.testing import CliRunner

from h2b.cli.serve import serve
from h2b.config import Configuration, MrcpSettings
from h2b.configfile import parse_configuration
from h2b.model.errors import ConfigurationError
from h2b.server.srtp import check_srtp
from h2b.server.telephone import check_callers


def test_every_key_is_read() -> None:
    text = """
        [mrcp]
        sip = "10.0.0.5:5060"
        mrcp = "10.0.0.5:1544"
        advertised_address = "192.0.2.1"
        rtp_ports = "30000-30099"
        srtp = "required"
        result = "h2b"
        maximum_calls = 50
        connect_s = 5
        allow = ["10.0.0.0/24", "2001:db8::/32", "192.0.2.9"]
        realm = "voice"
        [mrcp.users]
        ivr = "secret"
    """
    assert parse_configuration(text, "h2b.toml").mrcp == MrcpSettings(
        sip="10.0.0.5:5060",
        mrcp="10.0.0.5:1544",
        advertised_address="192.0.2.1",
        rtp_ports="30000-30099",
        srtp="required",
        result="h2b",
        maximum_calls=50,
        connect_s=5.0,
        allow=("10.0.0.0/24", "2001:db8::/32", "192.0.2.9"),
        realm="voice",
        users={"ivr": "secret"},
    )


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("sip = 'localhost'", "sip in [mrcp]: got 'localhost', expected host:port such as 127.0.0.1:8080"),
        ("rtp_ports = '20000'", "rtp_ports in [mrcp]: got '20000', expected two ports such as 20000-20999"),
        ("rtp_ports = '300-200'", "rtp_ports in [mrcp]: got '300-200', expected two ports such as 20000-20999"),
        ("rtp_ports = '0-70000'", "rtp_ports in [mrcp]: got '0-70000', expected two ports such as 20000-20999"),
        (
            "allow = ['10.0.0.0/33']",
            "allow in [mrcp]: '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network, expected networks such as "
            "10.0.0.0/8",
        ),
        ("result = 'xml'", "result in [mrcp]: got 'xml', expected one of 'rfc', 'h2b'"),
        ("srtp = 'on'", "srtp in [mrcp]: got 'on', expected one of 'off', 'allowed', 'required'"),
        ("users = ['ivr']", "users in [mrcp]: got ['ivr'], expected a table of strings"),
        ("users = { ivr = 1 }", "users in [mrcp]: got {'ivr': 1}, expected a table of strings"),
        ("maximum_calls = 0", "maximum_calls in [mrcp]: got 0, expected an integer of at least 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(line: str, error: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(f"[mrcp]\n{line}", "h2b.toml")
    assert str(caught.value) == f"h2b.toml:2: {error}"


def test_the_command_line_counts_for_more_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Configuration] = []

    async def run(configuration: Configuration, *_: Any, **__: Any) -> None:
        started.append(configuration)

    monkeypatch.setattr("h2b.cli.serve.run", run)
    monkeypatch.setattr("h2b.cli.serve.configure_log", lambda settings: None)
    assert CliRunner().invoke(serve, ["--sip", "127.0.0.1:8060", "--mrcp", "127.0.0.1:0"]).exit_code == 0
    assert (started[0].mrcp.sip, started[0].mrcp.mrcp) == ("127.0.0.1:8060", "127.0.0.1:0")


@pytest.mark.parametrize(
    "settings",
    [
        MrcpSettings(),
        MrcpSettings(sip="127.0.0.1:5060"),
        MrcpSettings(sip="10.0.0.5:5060", allow=("10.0.0.0/24",)),
        MrcpSettings(sip="10.0.0.5:5060", users={"ivr": "secret"}),
    ],
)
def test_somebody_has_said_who_may_call(settings: MrcpSettings) -> None:
    check_callers(settings)


@pytest.mark.parametrize("srtp", ["allowed", "required"])
def test_protected_sound_needs_its_library(monkeypatch: pytest.MonkeyPatch, srtp: str) -> None:
    monkeypatch.setattr("h2b.server.srtp.find_spec", lambda name: None)
    check_srtp("off")
    with pytest.raises(ConfigurationError) as caught:
        check_srtp(srtp)
    assert str(caught.value) == f"srtp in [mrcp]: {srtp!r} needs the package pylibsrtp, run: pip install h2b[srtp]"


def test_a_server_that_everybody_could_call_does_not_start() -> None:
    settings = MrcpSettings(sip="0.0.0.0:5060")
    with pytest.raises(ConfigurationError, match="anybody could call"):
        check_callers(settings)
    check_callers(settings, insecure=True)
