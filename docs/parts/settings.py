"""What can be set: recognition parameters, the configuration file, and the formulas of confidence."""

import json
from itertools import groupby

from h2b.asr.confidence import CALIBRATIONS, Calibration
from h2b.configfile import reference_rows
from h2b.model.params import PARAMETERS
from parts.markdown import code, table


def parameters(_: str) -> str:
    rows = [
        (code(row.name), row.expected, code(json.dumps(row.default)), row.scope, row.meaning)
        for row in PARAMETERS.values()
    ]
    return table(("parameter", "takes", "default", "set by", "meaning"), rows)


def configuration(_: str) -> str:
    parts = []
    for name, rows in groupby(reference_rows(), key=lambda row: row.table):
        cells = [(code(row.key), row.expected, code(_toml(row.default)), row.meaning) for row in rows]
        parts.append(f"### [{name}]\n\n{table(('key', 'takes', 'default', 'meaning'), cells)}")
    return "\n\n".join(parts)


def _toml(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


MEANS = (-0.02, -0.1, -0.3, -1.0)
GAPS = (0.0, 1.0, 3.0, 5.0, 8.0)


def confidence(_: str) -> str:
    """The formulas of each family of models, and what they give."""
    return "\n\n".join(_calibration(family, formulas) for family, formulas in CALIBRATIONS.items())


def _calibration(family: str, formulas: Calibration) -> str:
    held = f"{formulas.held_bias:g} + {formulas.held_mean:g} × mean - {-formulas.held_gap:g} × gap"
    free = f"{formulas.free_bias:g} + {formulas.free_mean:g} × mean"
    rows = [
        (
            f"{mean:g}",
            *(f"{formulas.of_grammar_words(mean, gap):.2f}" for gap in GAPS),
            f"{formulas.of_free_words(mean):.2f}",
        )
        for mean in MEANS
    ]
    head = ("mean", *(f"gap {gap:g}" for gap in GAPS), "free words")
    return (
        f"### {family.capitalize()}\n\n- words of a grammar: `logistic({held})`\n- free words: `logistic({free})`\n\n"
        f"{table(head, rows)}"
    )
