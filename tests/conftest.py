"""Fixtures every layer of the tests may use."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines that are busy with other work are slow: no example has a deadline.
settings.register_profile("h2b", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("h2b")


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where servers under test keep files of their own: never among those of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("state")
    os.environ["XDG_STATE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def speech_folder() -> Path:
    """Folder of real telephone speech with its `manifest.tsv`, named by `H2B_SPEECH`."""
    folder = os.environ.get("H2B_SPEECH", "")
    if not folder:
        pytest.skip("H2B_SPEECH does not name the folder of test speech")
    return Path(folder)
