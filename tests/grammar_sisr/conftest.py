"""One process for all scripts of these tests: what one script does to it, the others would notice."""

from collections.abc import Iterator

import pytest

from h2b.grammar.sisr.process import ScriptProcess


@pytest.fixture(scope="session")
def scripts() -> Iterator[ScriptProcess]:
    # Where time is not what is tested, a busy machine may take its own.
    with ScriptProcess(limit_seconds=10) as process:
        yield process
