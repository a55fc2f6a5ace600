"""Factors in an order as if they commuted, and adjoint equations solved as the forward ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from gradwright.check.diagnosis.mutants.mutant import Mutant, placed, pulled_back
from gradwright.check.truth import Truth, bound_nodes
from gradwright.core.build import identity, matmul
from gradwright.core.contraction import contract, plain, simple
from gradwright.core.matrix_chains import chained, matrix_of
from gradwright.core.nodes import Apply, Contract, Node, Solve, Symbol
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import depends_on, postorder, substitute
from gradwright.frozen import replace
from gradwright.linear.forms import adjoint_solve
from gradwright.linear.projection import is_structured
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify


def order(truth: Truth, name: str) -> Iterator[Mutant]:
    """The cotangent moved to either end of every product; adjoint systems as they stand in the forward.

    In the gradient as it is, and in that of a variable of which nothing is declared: whoever takes the part in the
    tangent space at the end has made the mistake before.
    """
    variable = truth.signature.symbol(name)
    yield from _in_wrong_order(truth, name, truth.gradients[name])
    free = Symbol("__free", variable.shape, variable.facts & {"complex"})
    root = pulled_back(substitute(truth.node, {variable: free}), free, truth.cotangent)
    for mutant in _in_wrong_order(truth, name, root) if root is not None and is_structured(variable.facts) else ():
        tangent = pulled_back(variable, variable, substitute(mutant.node, {free: variable}))
        if tangent is not None:
            yield replace(mutant, node=tangent)


def _in_wrong_order(truth: Truth, name: str, root: Node) -> Iterator[Mutant]:
    others = set(truth.gradients_of([other for other in truth.signature.names if other != name]).values())
    yield from (mutant for mutant in _commuted(root, truth.cotangent) if simplify(mutant.node) not in others)
    for node in postorder(root):
        if isinstance(node, Solve) and node not in bound_nodes(root):
            yield from _unadjoined(root, node)
        if isinstance(node, Apply) and node.primitive.linear_in and len(node.arguments) == 3:
            yield from _commuting_difference(root, node)


def _commuted(root: Node, cotangent: Node) -> Iterator[Mutant]:
    terms = terms_of(expand(root, lambda node: True))
    moving = depends_on((root,), (cotangent,))
    for first in (True, False):
        moved = [_moved(term, moving, first) for term in terms]
        if all(term is not None for term in moved) and moved != list(terms):
            words = f"the factors are multiplied as if they commuted, the cotangent {'first' if first else 'last'}"
            yield Mutant(add(term for term in moved if term is not None), "swapped_factors", words, 0.95)


def _moved(term: Node, moving: set[Node], first: bool) -> Node | None:
    """A product of square matrices with the factor that holds the cotangent at one end."""
    chain = chained(term) if isinstance(term, Contract) and term.rank == 2 else None
    if chain is None or any(f.node.shape[0] != f.node.shape[1] for f, _ in chain):
        return None
    holding = [link for link in chain if link[0].node in moving]
    others = [link for link in chain if link[0].node not in moving]
    result = reduce(matmul, map(matrix_of, (*holding, *others) if first else (*others, *holding)))
    assert isinstance(term, Contract)
    scalars = [f for f in term.factors if not f.node.rank]
    return contract(term.coefficient, [*scalars, plain(result, (0, 1))], simple((0, 1)), dict(enumerate(term.shape)))


def _unadjoined(root: Node, node: Solve) -> Iterator[Mutant]:
    """The same right sides under the adjoint operator: what solving the forward equation again would be."""
    if [equation.operator.shape for equation in node.equations] != [unknown.shape for unknown in node.unknowns]:
        return  # the adjoint equations have right sides of other shapes
    adjoint = adjoint_solve(node)
    changed = Solve(adjoint.unknowns, adjoint.equations, node.right_sides, node.index)
    words = "the forward equation is solved again, where its adjoint is due"
    yield Mutant(placed(root, node, changed), "missing_transpose", words, 1.0)


def _commuting_difference(root: Node, node: Apply) -> Iterator[Mutant]:
    """The derivative of a function of a matrix as if the direction commuted with it: f′(A) E."""
    left, direction, right = node.arguments
    if direction.rank != 2 or left != right:
        return
    unit = identity(direction.shape[0])
    slope = Apply(node.primitive, node.parameters, (left, unit, right), node.index)
    words = "the cotangent is multiplied by f′ of the matrix, as if the two commuted"
    for product in (matmul(slope, direction), matmul(direction, slope)):
        yield Mutant(substitute(root, {node: product}), "swapped_factors", words, 1.0)
