"""The token endpoint without HTTP: both grants of the SDK, and every refusal."""

import base64

import pytest
from uhlive.auth import build_authentication_request

from h2b.access.grant import Refusal, grant, read_basic, read_form

NOW = 1_700_000_000.0


@pytest.fixture
def secret(store) -> str:
    return store.add("bot", "acme")


def refusal(tokens, **fields: str) -> tuple[str, int]:
    with pytest.raises(Refusal) as refused:
        grant(tokens, fields, NOW)
    return refused.value.error, refused.value.status


def test_the_sdks_client_credentials(tokens, secret):
    _, fields = build_authentication_request("bot", secret)
    answer = grant(tokens, fields, NOW)
    assert set(answer) == {"access_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 300)


def test_the_sdks_user_is_a_client_too(tokens, secret):
    _, fields = build_authentication_request("any-app", "", "bot", secret)
    assert grant(tokens, fields, NOW)["access_token"]
    _, fields = build_authentication_request("bot", secret, "bot", secret)
    assert grant(tokens, fields, NOW)["access_token"]


def test_who_is_not_known_gets_nothing(tokens, secret, store):
    wrong_client, wrong_user = ("invalid_client", 401), ("invalid_grant", 401)
    ours = {"grant_type": "client_credentials", "client_id": "bot"}
    assert refusal(tokens, **ours, client_secret="wrong") == wrong_client
    assert refusal(tokens, **ours) == wrong_client
    assert refusal(tokens, **ours | {"client_id": "nobody"}, client_secret=secret) == wrong_client
    user = {"grant_type": "password", "client_id": "app", "username": "bot"}
    assert refusal(tokens, **user, password="wrong") == wrong_user
    assert refusal(tokens, **user, password=secret, client_secret="wrong") == wrong_client
    store.disable("bot")
    assert refusal(tokens, **ours, client_secret=secret) == wrong_client
    assert refusal(tokens, **user, password=secret) == wrong_user


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "invalid_request"),
        ({"grant_type": "password", "client_id": "bot"}, "invalid_request"),
        ({"grant_type": "refresh_token", "client_id": "bot"}, "unsupported_grant_type"),
    ],
)
def test_half_a_request_is_refused(tokens, fields, error):
    assert refusal(tokens, **fields) == (error, 400)


@pytest.mark.parametrize("body", [b"a", b"a=1&a=2", b"\xff=1", b"&".join(b"f%d=1" % n for n in range(50))])
def test_what_is_no_form_is_refused(body):
    with pytest.raises(Refusal) as refused:
        read_form(body)
    assert refused.value.error == "invalid_request"


def test_values_come_as_they_were_meant():
    assert read_form(b"client_secret=%2Bz%26+%C3%A9&client_id=") == {"client_secret": "+z& é", "client_id": ""}
    assert read_form(b"") == {}


def test_a_client_may_be_told_in_the_header():
    header = "basic " + base64.b64encode(b"bot:s%3Acret").decode()
    assert read_basic(header) == {"client_id": "bot", "client_secret": "s:cret"}
    assert read_basic("Bearer x") == {}
    with pytest.raises(Refusal):
        read_basic("Basic !")
