"""Fixtures every layer of the tests may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def speech_folder() -> Path:
    """Folder of real telephone speech with its `manifest.tsv`, named by `H2B_SPEECH`."""
    folder = os.environ.get("H2B_SPEECH", "")
    if not folder:
        pytest.skip("H2B_SPEECH does not name the folder of test speech")
    return Path(folder)
