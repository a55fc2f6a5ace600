"""Derivations as JSON: enough to replay them, and the steps to compare the replay with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradwright.api.expression import Expression, parse
from gradwright.core.primitive import Primitive
from gradwright.core.registry import FUNCTIONS
from gradwright.core.walks import applications
from gradwright.errors import DerivationError, GradwrightError

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation

FORMAT = "gradwright derivation 1"


def derivation_to_json(derivation: Derivation, text: str) -> str:
    """What was derived, as a text, with the declarations, the identities of defined functions, and the steps."""
    expression: Expression = derivation.expression
    record = {
        "format": FORMAT,
        "expression": text,
        "variables": _declarations(expression),
        "wrt": list(derivation.wrt),
        "defined": [_definition(p) for p in _defined(expression)],
        "steps": [
            {
                "number": step.number,
                "part": step.part,
                "rule": step.rule,
                "statement": str(step.statement),
                "latex": step.statement.latex,
                "reason": step.reason,
                "where": step.where,
                "passed": step.check.passed,
                "residual": step.check.residual,
                "point": step.check.point,
            }
            for step in derivation.steps
        ],
        "conditions": list(derivation.conditions),
        "notes": list(derivation.notes),
        "results": {result.name: result.told for result in derivation.page().results},
    }
    return json.dumps(record, indent=2, ensure_ascii=False)


def _declarations(expression: Expression) -> dict[str, str]:
    return {d.name: d.after_colon for d in expression.signature}


def readable(expression: Expression) -> tuple[str, Expression]:
    """A text, and the expression that it is read as: as it was written, if that can be.

    The text of an expression that was made by operators may be read with its factors in another order, by which the
    product rule goes.
    """
    for text in (expression.written, expression.text()):
        try:
            found = parse(text, **_declarations(expression))
        except GradwrightError:  # what is written may be more than one expression
            continue
        if found == expression or text == expression.text():
            return text, found
    return expression.text(), expression


def _defined(expression: Expression) -> list[Primitive]:
    """The primitives of the user's own that occur."""
    found = {n.primitive.token: n.primitive for n in applications(expression.node)}
    return [p for p in found.values() if p.of_user]


def _definition(primitive: Primitive) -> dict[str, Any]:
    return {
        "name": primitive.name,
        "identity": list(primitive.identity),
        "unknown": {d.name: d.after_colon for d in primitive.outputs},
        "given": {d.name: d.after_colon for d in primitive.inputs},
    }


def read_json(text: str) -> tuple[Expression, str | Sequence[str], list[str]]:
    """The expression, the variables and the statements of the recorded steps of a derivation."""
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise TypeError(f"it is of type {type(record).__name__}")
        if record["format"] != FORMAT:
            raise DerivationError(f"the text is a '{record['format']}', not a '{FORMAT}'")
        for definition in record["defined"]:
            _require_defined(definition)
        expression = parse(record["expression"], **record["variables"])
        wrt = record["wrt"]
        return expression, wrt[0] if len(wrt) == 1 else wrt, [step["statement"] for step in record["steps"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        told = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DerivationError(f"the text is not the JSON of a derivation: {told}") from error


def _require_defined(definition: dict[str, Any]) -> None:
    """A function of the user's own has to be defined again before a derivation with it is replayed."""
    function = FUNCTIONS.get(definition["name"])
    known = function.primitives[0] if function is not None and function.primitives else None
    if known is None or list(known.identity) != definition["identity"]:
        raise DerivationError(
            f"the derivation uses '{definition['name']}', defined by {' and '.join(definition['identity'])}; "
            f"define it before replaying"
        )


def check_replay(derivation: Derivation, recorded: Sequence[str]) -> None:
    """Compare the steps of a replay with the recorded ones."""
    steps = derivation.steps
    if len(steps) != len(recorded):
        raise DerivationError(f"the replay has {len(steps)} steps, and {len(recorded)} were recorded")
    for step, statement in zip(steps, recorded, strict=True):
        if str(step.statement) != statement:
            raise DerivationError(f"step {step.number} says '{statement}', and the replay '{step.statement}'")
        if not step.check.passed:
            raise DerivationError(f"step {step.number} is not confirmed: residual {step.check.residual:.1e}")
