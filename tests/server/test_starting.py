"""What a server looks at before it loads its models: addresses and languages."""

import socket

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from h2b.config import AsrSettings, Configuration, MrcpSettings, ServerSettings
from h2b.model.errors import ConfigurationError
from h2b.model.params import Parameters
from h2b.server.addresses import check_addresses, control_address
from h2b.server.languages import check_languages

FREE = "127.0.0.1:0"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("websocket in [server]", socket.SOCK_STREAM),
        ("http in [server]", socket.SOCK_STREAM),
        ("sip in [mrcp]", socket.SOCK_STREAM),
        ("sip in [mrcp]", socket.SOCK_DGRAM),
        ("mrcp in [mrcp]", socket.SOCK_STREAM),
        ("sip_tls in [mrcp]", socket.SOCK_STREAM),
        ("mrcp_tls in [mrcp]", socket.SOCK_STREAM),
    ],
)
def test_a_port_somebody_else_has_is_told_with_its_key(key: str, kind: socket.SocketKind) -> None:
    name, _, table = key.partition(" in ")
    with socket.socket(type=kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        free = Configuration(server=ServerSettings(websocket=FREE), mrcp=MrcpSettings(sip=FREE, mrcp=FREE))
        table = table.strip("[]")
        with pytest.raises(ConfigurationError) as told:
            check_addresses(evolve(free, **{table: evolve(getattr(free, table), **{name: taken})}))
    assert str(told.value) == f"{key}: cannot listen on {taken}: [Errno 98] Address already in use"
    check_addresses(free)


def test_a_port_that_front_ends_share_is_theirs_already() -> None:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        address = f"127.0.0.1:{own.getsockname()[1]}"
        check_addresses(Configuration(server=ServerSettings(websocket=address)), shared=True)


@pytest.mark.parametrize(
    ("sip", "mrcp", "found"),
    [
        ("10.0.0.5:5060", "", "10.0.0.5:1544"),
        ("[::1]:5060", "", "[::1]:1544"),
        ("10.0.0.5:5060", "10.0.0.6:99", "10.0.0.6:99"),
    ],
)
def test_control_connections_come_to_the_host_of_sip_unless_another_is_named(sip: str, mrcp: str, found: str) -> None:
    assert control_address(MrcpSettings(sip=sip, mrcp=mrcp)) == found


AVAILABLE = {"en": "", "fr": "no such folder", "es": "no such folder"}


def configured(*languages: str, default: str = "en") -> Configuration:
    return Configuration(asr=AsrSettings(languages=languages), defaults=Parameters(speech_language=default))


def test_a_language_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigurationError) as told:
        check_languages(configured("en", "fr"), AVAILABLE)
    assert str(told.value) == "languages in [asr]: 'fr' cannot be recognised: no such folder"


def test_others_that_are_not_are_told_in_the_log() -> None:
    with capture_logs() as lines:
        check_languages(configured(), AVAILABLE)
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("languages_unavailable", "info")
    assert (line["languages"], line["reason"]) == (["fr", "es"], "no such folder")


def test_one_of_several_front_ends_tells_of_languages() -> None:
    with capture_logs() as lines:
        check_languages(configured(default="fr"), AVAILABLE, tells=False)
        with pytest.raises(ConfigurationError):
            check_languages(configured("fr"), AVAILABLE, tells=False)
    assert lines == []


@pytest.mark.parametrize(("default", "told"), [("fr-BE", True), ("it", True), ("en-GB", False)])
def test_a_default_language_that_cannot_be_served_is_told(default: str, told: bool) -> None:
    with capture_logs() as lines:
        check_languages(configured("en", default=default), {"en": ""})
    assert [line["event"] for line in lines] == ["default_language_unavailable"] * told
