"""A loop over the entries of a stage that is too short by one, or of which one pass is all that is left.

What comes to the variable through the first or the last entry of a stage, or row of it, is left out, or is all that
there is. A sum in the gradient need not show it: two terms of a difference of neighbours belong to one entry.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.back.render import told
from gradwright.check.diagnosis.mutants.mutant import Mutant, pulled_back
from gradwright.check.diagnosis.mutants.sums import summands
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.canonical import as_product
from gradwright.core.nodes import Apply, Node, Symbol, field_of
from gradwright.core.sums import add, subtract
from gradwright.core.walks import depends_on, postorder, substitute

MOST = 6
LABEL = "missing_trace_or_sum_over_batch"


def ranges(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient through all entries of a stage but one, and through one alone."""
    variable = truth.signature.symbol(name)
    moving = depends_on((truth.node,), (variable,))
    out = {variable, *bound_nodes(truth.node)}
    stages = [n for n in postorder(truth.node) if n in moving and n not in out and n.rank and not _is_entrywise(n)]
    for stage in stages[-MOST:]:
        yield from _through(truth, variable, stage)


def _is_entrywise(stage: Node) -> bool:
    """Whether its entries belong to those of one argument, which is a stage itself."""
    return isinstance(stage, Apply) and stage.primitive.elementwise and len(stage.arguments) == 1


def _through(truth: Truth, variable: Symbol, stage: Node) -> Iterator[Mutant]:
    mark = Symbol("__stage", stage.shape, field_of(stage))
    rest = substitute(truth.node, {stage: mark})
    arriving = truth.cotangent if rest == mark else pulled_back(rest, mark, truth.cotangent)
    cotangent = Symbol("__cotangent", stage.shape, field_of(stage))
    taken = pulled_back(stage, variable, cotangent)
    beside = [pulled_back(rest, variable, truth.cotangent)] if variable in postorder(rest) else []
    if arriving is None or taken is None or None in beside:
        return
    back: dict[Node, Node] = {mark: stage}
    product = as_product(substitute(arriving, back))
    for label in dict.fromkeys(product.free_labels):
        for alone, words in summands(product, label):
            for kept, how, cost in ((subtract(product, alone), "is left out", 1.1), (alone, "is used", 1.15)):
                through = substitute(taken, {cotangent: kept})
                others = [substitute(node, back) for node in beside if node is not None]
                said = f"{'only ' if kept is alone else ''}{words}, those of {told(stage)}, {how}"
                yield Mutant(add([through, *others]), LABEL, said, cost)
