"""Scripts of grammars, for commands: run here and now, in a process that is ended afterwards."""

from collections.abc import Sequence
from contextlib import closing

from h2b.grammar.interpret import Verdict
from h2b.grammar.scripts import programs_of, with_values
from h2b.grammar.sisr.process import ScriptProcess
from h2b.model.errors import ScriptError
from h2b.model.results import Value


def run_programs(programs: Sequence[str]) -> list[Value | ScriptError]:
    """The value of each program, or why it has none."""
    results: list[Value | ScriptError] = []
    with closing(ScriptProcess()) as process:
        for program in programs:
            try:
                results.append(process.evaluate(program))
            except ScriptError as error:
                results.append(error)
    return results


def evaluated(verdict: Verdict) -> Verdict:
    """A verdict with the values that its scripts give. Raises ScriptError."""
    programs = programs_of(verdict)
    return with_values(verdict, run_programs(programs)) if programs else verdict
