"""One output of a decomposition differentiated as if its other outputs stood still.

From `Q R = A` with a constant Q it would follow that `dR = Qᵀ dA`: the other factors of the product are
divided away, and nothing else is left of the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradwright.back.render import told
from gradwright.check.diagnosis.mutants.mutant import Mutant
from gradwright.check.diagnosis.mutants.stages import past
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.build import adjoint
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.templates import formals, identities, instantiate, leaves_at
from gradwright.core.walks import depends_on, postorder
from gradwright.frozen import frozen
from gradwright.linear.chains import chain_of, product_of_chain
from gradwright.prims.inv import inv

Elements = Sequence[Node]


def outputs(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient with each output of a decomposition differentiated alone."""
    variable = truth.signature.symbol(name)
    moving = depends_on((truth.node,), (variable,))
    bound = bound_nodes(truth.node)
    stages = [n for n in postorder(truth.node) if isinstance(n, Apply) and n in moving and n not in bound]
    for stage in stages:
        for alone in _alone(stage) if len(stage.primitive.outputs) > 1 else ():
            found = past(truth, variable, stage, alone.given, alone.pulled_back)
            if found is not None:
                constant = ", ".join(told(other) for other in alone.others)
                words = f"{constant} depends on {variable.name}, and is treated as a constant"
                yield Mutant(found, "detached_dependency", words, 1.0)


@frozen
class _Alone:
    """An identity `P Y S = A` solved for one output: `dY = P⁺ dA S⁺`.

    Attributes:
        given: the A of the identity.
        before, after: the adjoints of `P⁺` and of `S⁺`, factor by factor.
        adjoint: whether the identity has the adjoint of Y.
        others: the outputs that P and S are made of.
    """

    given: Node
    before: Elements
    after: Elements
    adjoint: bool
    others: tuple[Node, ...]

    def pulled_back(self, cotangent: Node) -> Node:
        """The cotangent of A for one of Y."""
        middle = adjoint(cotangent) if self.adjoint else cotangent
        return product_of_chain([*self.before, middle, *self.after], middle)


def _alone(stage: Apply) -> Iterator[_Alone]:
    primitive, scope = stage.primitive, formals(stage.primitive)
    batch, dims = primitive.bind(tuple(argument.shape for argument in stage.arguments))
    if batch or stage.rank != 2:
        return
    unknown = Symbol("__output", stage.shape, facts_of(stage))
    leaves = {**leaves_at(stage), scope.outputs[stage.index]: unknown}
    for left, right in identities(primitive):
        chain = chain_of(instantiate(left, leaves, dims)) if right in scope.inputs else None
        elements = chain.elements if chain is not None else ()
        places = [place for place, element in enumerate(elements) if unknown in postorder(element)]
        if len(places) != 1 or elements[places[0]] not in (unknown, adjoint(unknown)):
            continue
        before, after = _inverted(elements[: places[0]]), _inverted(elements[places[0] + 1 :])
        if before is not None and after is not None:
            others = tuple(output for output in stage.outputs if output in postorder(*elements))
            yield _Alone(leaves[right], before, after, elements[places[0]] != unknown, others)


def _inverted(elements: Elements) -> Elements | None:
    """The adjoints of the pseudo-inverses of some factors; None where a factor has no simple one."""
    found: list[Node] = []
    for element in elements:
        columns = {"stiefel", "unitary"} & (facts_of(element) | facts_of(adjoint(element)))
        if not columns and element.shape[0] != element.shape[1]:
            return None
        found.append(element if columns else adjoint(Apply(inv, (), (element,))))
    return found
