"""What `[mrcp]` and the command line say, and who may call."""

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import fields
from click.testing import CliRunner
from mrcpclient import a_phone, until
from mrcpserver import a_server

from h2b.cli.serve import serve
from h2b.config import Configuration, MrcpSettings
from h2b.configfile import parse_configuration
from h2b.model.errors import ConfigurationError
from h2b.protocol.session import Setting
from h2b.server.calls import local_address
from h2b.server.srtp import check_srtp
from h2b.server.telephone import check_callers
from h2b.server.tls import open_tls
from h2b.telephony.sip_effects import Transport

GUIDE = Path(__file__).parents[2] / "docs/howto/secure-mrcp.md"


def test_every_key_is_read() -> None:
    text = """
        [mrcp]
        sip = "10.0.0.5:5060"
        mrcp = "10.0.0.5:1544"
        advertised_address = "192.0.2.1"
        rtp = "10.0.1.5"
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
        rtp="10.0.1.5",
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
        ("rtp = '10.0.0.5:0'", "rtp in [mrcp]: got '10.0.0.5:0', expected an IP address such as 192.0.2.10"),
        ("rtp = 'localhost'", "rtp in [mrcp]: got 'localhost', expected an IP address such as 192.0.2.10"),
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
        MrcpSettings(sip="127.0.0.1:5060", sip_tls="[::1]:5061"),
        MrcpSettings(sip="127.0.0.1:5060", sip_tls="0.0.0.0:5061", allow=("10.0.0.0/24",)),
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
    told = f"srtp in [mrcp]: {srtp!r} needs the package pylibsrtp, run: pip install /path/to/clone[srtp]"
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("settings", "open_to_all"),
    [
        (MrcpSettings(sip="0.0.0.0:5060"), "sip in [mrcp]: anybody could call 0.0.0.0:5060: "),
        (
            MrcpSettings(sip="127.0.0.1:5060", sip_tls="0.0.0.0:5061"),
            "sip_tls in [mrcp]: anybody could call 0.0.0.0:5061: ",
        ),
    ],
)
def test_a_server_that_everybody_could_call_does_not_start(settings: MrcpSettings, open_to_all: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_callers(settings)
    assert str(caught.value).startswith(open_to_all)
    check_callers(settings, insecure=True)


def the_encrypted_example(own: str, certificate: Path, key: Path) -> Configuration:
    """The guide's, on this machine's address and free ports."""
    section = GUIDE.read_text(encoding="utf-8").partition("## Encrypt SIP and MRCP")[2]
    text = section.partition("```toml\n")[2].partition("```")[0]
    text = re.sub(r":[0-9]{4}\"", ':0"', text).replace("192.0.2.10", own).replace("192.0.2.20/32", f"{own}/32")
    text = text.replace("/etc/h2b/cert.pem", str(certificate)).replace("/etc/h2b/key.pem", str(key))
    return parse_configuration(text, "h2b.toml")


@pytest.mark.parametrize("advertised", [False, True])
async def test_the_encrypted_example_of_the_guide_hears_its_callers(
    setting: Setting, tmp_path: Path, advertised: bool
) -> None:
    own = local_address("192.0.2.1")
    if own.startswith("127."):
        pytest.skip("this machine has a loopback address only")
    authority = trustme.CA()
    issued = authority.issue_cert(own)
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    configuration = the_encrypted_example(own, tmp_path / "cert.pem", tmp_path / "key.pem")
    check_callers(configuration.mrcp)
    settings: dict[str, Any] = {key.name: getattr(configuration.mrcp, key.name) for key in fields(MrcpSettings)}
    settings |= {"rtp_ports": "42000-42999"} | ({"advertised_address": own} if advertised else {})
    async with a_server(setting, tls=open_tls(configuration.tls), **settings) as server:
        async with a_phone(server.telephone.addresses["sip_tls"], Transport.TLS, context=theirs) as phone:
            call = await phone.dial(tls=True)
            assert (call.granted.address, call.grant.audio_address) == (own, own)
            await call.recognise()
            call.speak()
            done = await call.expect("START-OF-INPUT", "RECOGNITION-COMPLETE")
            assert done.headers.get("Completion-Cause") == "000 success"
            await call.hang_up()
        await until(lambda: server.telephone.board.calls == 0)
