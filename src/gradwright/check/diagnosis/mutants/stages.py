"""The derivative of one stage left out of the chain rule.

For a stage f(u) whose value has the shape of its argument u, the cotangent that arrives at f(u) goes on to
u as it is; what reaches the variable past that stage stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.back.render import unicode_of
from gradwright.check.diagnosis.mutants.mutant import Mutant, pulled_back
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.nodes import Apply, Node, Solve, Symbol
from gradwright.core.sums import add
from gradwright.core.walks import depends_on, postorder, substitute

MOST = 10


def stages(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient without the derivative of each stage."""
    variable = truth.signature.symbol(name)
    moving = depends_on((truth.node,), (variable,))
    out = bound_nodes(truth.node)
    found = [n for n in postorder(truth.node) if isinstance(n, Apply | Solve) and n in moving and n not in out]
    for stage in found[-MOST:]:
        for argument in stage.children:
            if argument.shape == stage.shape and argument in moving and argument.real == stage.real:
                skipped = _skipped(truth, variable, stage, argument)
                if skipped is not None:
                    words = f"the derivative of {unicode_of(stage)} by {unicode_of(argument)} is not multiplied in"
                    yield Mutant(skipped, "missing_chain_factor", words, 1.1)


def _skipped(truth: Truth, variable: Symbol, stage: Node, argument: Node) -> Node | None:
    mark = Symbol("__stage", stage.shape, frozenset() if stage.real else frozenset({"complex"}))
    rest = substitute(truth.node, {stage: mark})
    arriving = truth.cotangent if stage == truth.node else pulled_back(rest, mark, truth.cotangent)
    if arriving is None:
        return None
    parts = [arriving if argument == variable else pulled_back(argument, variable, arriving)]
    if stage != truth.node and variable in postorder(rest):
        parts.append(pulled_back(rest, variable, truth.cotangent))
    kept = [part for part in parts if part is not None]
    return substitute(add(kept), {mark: stage}) if len(kept) == len(parts) else None
