"""Verdicts whose values scripts still have to give: which programs they need, and the verdict with their results.

Owns no script engine: whoever has one runs the programs.
"""

from collections.abc import Iterator, Sequence

from attrs import evolve

from h2b.grammar.interpret import Verdict
from h2b.model.errors import ScriptError
from h2b.model.results import Alternative, Value


def programs_of(verdict: Verdict) -> tuple[str, ...]:
    """The programs to run, each once, the best alternative's first; none when every value is known."""
    found = (alternative.interpretation for alternative in verdict.alternatives)
    return tuple(dict.fromkeys(found.script for found in found if found and found.script))


def with_values(verdict: Verdict, results: Sequence[Value | ScriptError]) -> Verdict:
    """The verdict with the results of `programs_of(verdict)`, in its order.

    An alternative whose script failed is left out: others may stand in its place on a list, never in the first.

    Raises:
        ScriptError: the script of the best alternative failed.
    """
    by_program = dict(zip(programs_of(verdict), results, strict=True))

    def known() -> Iterator[Alternative]:
        for alternative in verdict.alternatives:
            interpretation = alternative.interpretation
            if interpretation is None or not interpretation.script:
                yield alternative
                continue
            value = by_program[interpretation.script]
            if not isinstance(value, ScriptError):
                yield evolve(alternative, interpretation=evolve(interpretation, value=value, script=""))
            elif alternative is verdict.alternatives[0]:
                raise ScriptError(f"grammar '{alternative.grammar_uri}': {value}")

    return evolve(verdict, alternatives=tuple(known()))
