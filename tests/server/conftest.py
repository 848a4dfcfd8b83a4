"""What a session is given in the server's tests."""

from itertools import count

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.model.params import Parameters
from h2b.protocol.session import Setting


@pytest.fixture(scope="session")
def registry():
    return load_catalogue()


@pytest.fixture
def setting(registry) -> Setting:
    numbers = count(1)
    return Setting(
        registry=registry,
        parameters=Parameters(speech_language="en"),
        make_channel_id=lambda prefix: f"{prefix}{next(numbers)}",
        wall_time=lambda: 1_700_000_000.0,
        version="test",
    )
