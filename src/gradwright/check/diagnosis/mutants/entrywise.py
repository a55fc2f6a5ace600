"""Functions of a matrix taken entry by entry: `exp(X)` for the exponential of the matrix, in value and derivative."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.check.diagnosis.mutants.mutant import Mutant, pulled_back
from gradwright.check.truth import Truth
from gradwright.core.nodes import Apply, Node, Symbol
from gradwright.core.registry import Call, lookup
from gradwright.core.walks import depends_on, postorder, substitute

LABEL = "elementwise_instead_of_matrix_product"
NAMESAKES = {"matrix_exp": "exp", "logm": "log", "sqrtm": "sqrt", "signm": "sign", "inv": "reciprocal"}


def entrywise(truth: Truth, name: str) -> Iterator[Mutant]:
    """The gradient with each function of a matrix differentiated as its namesake for numbers."""
    variable = truth.signature.symbol(name)
    free = Symbol("__free", variable.shape, variable.facts & {"complex"})
    moving = depends_on((truth.node,), (variable,))
    for node in postorder(truth.node):
        if not isinstance(node, Apply) or node.primitive.name not in NAMESAKES or node not in moving:
            continue
        called = NAMESAKES[node.primitive.name]
        changed = substitute(truth.node, {node: _elementwise(called, node)})
        words = f"{called} is taken entry by entry, where the function of the matrix is due"
        # Who thinks of numbers thinks of no set of matrices either.
        for given in dict.fromkeys((variable, free)):
            found = pulled_back(substitute(changed, {variable: given}), given, truth.cotangent)
            if found is not None:
                yield Mutant(substitute(found, {given: variable}), LABEL, words, 1.0)


def _elementwise(called: str, node: Apply) -> Node:
    found = lookup(called).build(Call(called, node.arguments, {}))
    assert isinstance(found, Node)
    return found
