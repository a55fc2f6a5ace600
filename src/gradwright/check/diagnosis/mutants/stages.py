"""The derivative of one stage left out of the chain rule.

For a stage f(u) whose value has the shape of its argument u, or of something that u is computed from, the
cotangent that arrives at f(u) goes on to that as it is; what reaches the variable past that stage stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradwright.back.render import told
from gradwright.check.diagnosis.mutants.mutant import Mutant, pulled_back
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.nodes import Add, Apply, Contract, Node, Solve, Symbol, field_of, is_apply
from gradwright.core.sums import add
from gradwright.core.walks import depends_on, free_leaves, postorder, substitute
from gradwright.linear.projection import is_structured
from gradwright.prims.piecewise import maximum, minimum, relu, where
from gradwright.prims.reductions import maximum_entry, minimum_entry

MOST = 16
STAGES = (Apply, Solve, Contract, Add)
CHOOSING = (relu, where, maximum, minimum, maximum_entry, minimum_entry)


def stages(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient without the derivative of each stage."""
    variable = truth.signature.symbol(name)
    moving = depends_on((truth.node,), (variable,))
    out = bound_nodes(truth.node)
    found = [n for n in postorder(truth.node) if isinstance(n, STAGES) and n in moving and n not in out]
    for stage in found[-MOST:]:
        for argument in (n for n in postorder(stage) if n != stage and n not in out):
            if argument.shape == stage.shape and argument in moving and argument.real == stage.real:
                several = argument not in stage.children
                words = f"the derivative of {told(stage)} by {told(argument)} is not multiplied in"
                for skipped in _skipped(truth, variable, stage, argument):
                    yield Mutant(skipped, _label(stage, argument), words, 1.12 if several else 1.1)


def _skipped(truth: Truth, variable: Symbol, stage: Node, argument: Node) -> Iterator[Node]:
    """The gradient past one stage; where nothing but the variable is left, also its part in the tangent space."""

    def tangent(cotangent: Node) -> Node:
        return pulled_back(variable, variable, cotangent) or cotangent

    pulls = [lambda cotangent: cotangent]
    pulls += [tangent] if argument == variable and is_structured(variable.facts) else []
    for pull in pulls:
        found = past(truth, variable, stage, argument, pull)
        if found is not None:
            yield found


def _label(stage: Node, argument: Node) -> str:
    """What a missing derivative is called: that of a branch is a mask, that of a multiple a number."""
    if is_apply(stage, *CHOOSING):
        return "missing_mask"
    return "wrong_factor" if _is_multiple(stage, argument) else "missing_chain_factor"


def _is_multiple(stage: Node, argument: Node) -> bool:
    """Whether a stage is its argument times a number."""
    if not isinstance(stage, Contract) or [f.node for f in stage.factors].count(argument) != 1:
        return False
    others = [factor.node for factor in stage.factors if factor.node != argument]
    return not any(isinstance(leaf, Symbol) for node in others for leaf in free_leaves(node))


def past(
    truth: Truth,
    variable: Symbol,
    stage: Node,
    argument: Node,
    pull: Callable[[Node], Node],
) -> Node | None:
    """The gradient where the cotangent of a stage is taken to that of an argument of it in a way of one's own.

    What reaches the variable past the stage stays. None where there is no such gradient.
    """
    mark = Symbol("__stage", stage.shape, field_of(stage))
    rest = substitute(truth.node, {stage: mark})
    arriving = truth.cotangent if stage == truth.node else pulled_back(rest, mark, truth.cotangent)
    if arriving is None:
        return None
    taken = pull(arriving)
    parts = [taken if argument == variable and taken == arriving else pulled_back(argument, variable, taken)]
    if stage != truth.node and variable in postorder(rest):
        parts.append(pulled_back(rest, variable, truth.cotangent))
    kept = [part for part in parts if part is not None]
    return substitute(add(kept), {mark: stage}) if len(kept) == len(parts) else None
