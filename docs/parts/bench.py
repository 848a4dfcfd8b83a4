"""Tables of committed runs of h2b bench."""

from pathlib import Path

from h2b.cli.bench_report import markdown
from h2b.cli.bench_result import read_result

RUNS = Path(__file__).parent.parent / "reference" / "performance"


def tables(name: str) -> str:
    """All that is told of a run; `name` is that of its file in docs/reference/performance."""
    return markdown(read_result(RUNS / name))
