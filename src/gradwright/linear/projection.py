"""Orthogonal projections: on constant linear spaces, and on the tangent spaces of structured sets.

The projection on a tangent space T at X is symmetric, so it serves directions and cotangents alike:
a gradient is the one element of T that represents the differential on T. For the orthogonal
matrices, T = {X Ω : Ω skew} and the projection of A is X·½(XᵀA − AᵀX) (Edelman, Arias & Smith 1998,
SIAM J. Matrix Anal. Appl. 20, eq. 2.3–2.9).
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import adjoint, masked, matmul, product_of
from gradwright.core.contraction import contract, plain, simple, zero
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of, is_hermitian, is_symmetric
from gradwright.core.nodes import Add, Mask, Node, Symbol
from gradwright.core.spaces import Space, tangent_space
from gradwright.core.sums import add, scaled, subtract, terms_of
from gradwright.core.walks import applications
from gradwright.linear.collect import collect
from gradwright.simplify.equality import proved_equal
from gradwright.simplify.expansion import expand
from gradwright.simplify.inverses import is_inverse
from gradwright.simplify.pipeline import simplify

HALF = Fraction(1, 2)
MOST_TERMS = 16


def project_space(node: Node, space: Space) -> Node:
    """The orthogonal projection on a space, over the first two axes; further axes are kept."""
    if space is Space.FREE:
        return node
    if space.weights is not None:
        return _masked(node, space.weights)
    return mirrored(node, space.mirror_sign, space.conjugated)


def mirrored(node: Node, sign: int, conj: bool = False) -> Node:
    """½(A ± Aᵀ), or ½(A ± Aᴴ); A itself where it is known to be its own mirror image."""
    if node.rank == 2 and _mirror_fact(node, sign, conj) in facts_of(node):
        return node
    swapped = plain(node, (1, 0, *range(2, node.rank)), conj)
    labels = range(node.rank)
    dims = {label: node.shape[place] for place, label in enumerate((1, 0, *range(2, node.rank)))}
    transposed = contract(1, [swapped], simple(labels), dims)
    if node.rank == 2 and _has_inverse_of_sum(node) and proved_equal(node, scaled(sign, transposed)):
        return node
    return add([scaled(HALF, node), scaled(HALF * sign, transposed)])


def _has_inverse_of_sum(node: Node) -> bool:
    """Whether it may be its own mirror image without showing it: `(A + B)⁻¹ A B⁻¹ = B⁻¹ A (A + B)⁻¹`."""
    return any(is_inverse(inner) and isinstance(inner.arguments[0], Add) for inner in applications(node))


def project_tangent(node: Node, variable: Symbol) -> Node:
    """The projection on the tangent space at a structured variable; the node where it is free."""
    space = tangent_space(variable.facts)
    if space is Space.FREE and turns(variable.facts):
        return _orthonormal(node, variable)
    return project_space(node, space)


def turns(facts: Facts) -> bool:
    """Whether the tangent space is another one at every point: of matrices with orthonormal columns."""
    return bool({"unitary", "stiefel"} & facts)


def without_normal_terms(node: Node, variable: Symbol) -> Node:
    """What is left without terms `X S`, S Hermitian, which have no tangent part: −2 q pᵀ of 2 (X p − q) pᵀ."""
    if node.rank != 2:
        return node
    left: list[Node] = []
    for term in terms_of(node):
        parts = terms_of(expand(term, lambda factor: factor.rank > 0, MOST_TERMS))
        kept = [part for part in parts if not _is_normal(part, variable)]
        left += [term] if len(kept) == len(parts) else [collect(add(kept))] if kept else []
    return add(left or [zero(node.shape)])


def normal_coordinates(node: Node, variable: Symbol) -> Node:
    """`½(XᴴA + AᴴX)`: the Hermitian S for which X S is what the projection takes away from A."""
    return mirrored(matmul(adjoint(variable), node), 1, conj=not variable.real)


def is_structured(facts: Facts) -> bool:
    """Whether the set of such matrices is smaller than the whole space, to first order."""
    return tangent_space(facts) is not Space.FREE or turns(facts)


def _mirror_fact(node: Node, sign: int, conj: bool) -> str:
    if conj and not node.real:
        return "hermitian" if sign > 0 else "skew_hermitian"
    return "symmetric" if sign > 0 else "skew"


def _masked(node: Node, weights: tuple[int, int, int]) -> Node:
    if node.rank == 2:
        return masked(node, *weights)
    below, on, above = map(Fraction, weights)
    mask = Mask(below, on, above, (node.shape[0], node.shape[1]))
    labels = range(node.rank)
    return product_of([(mask, (0, 1)), (node, labels)], labels)


def _orthonormal(node: Node, variable: Symbol) -> Node:
    """`A − X·½(XᴴA + AᴴX)`: the part of A along X is made skew.

    For a square X this is `½(A − X Aᴴ X)`.
    """
    node = without_normal_terms(node, variable)
    adjoint = _adjoint_products(node, variable)
    if "unitary" in variable.facts:
        return scaled(HALF, subtract(node, adjoint[1]))
    return subtract(node, scaled(HALF, add(adjoint)))


def _is_normal(term: Node, variable: Symbol) -> bool:
    inner = simplify(matmul(adjoint(variable), term))
    if not is_hermitian(inner) and not (variable.real and is_symmetric(inner)):
        return False
    return "unitary" in variable.facts or simplify(matmul(variable, inner)) == simplify(term)


def _adjoint_products(node: Node, variable: Symbol) -> tuple[Node, Node]:
    """`X Xᴴ A` and `X Aᴴ X`."""
    dims = {0: variable.shape[0], 1: variable.shape[1], 2: variable.shape[0], 3: variable.shape[1]}
    left = [plain(variable, (0, 1)), plain(variable, (2, 1), True), plain(node, (2, 3))]
    right = [plain(variable, (0, 1)), plain(node, (2, 1), True), plain(variable, (2, 3))]
    return contract(1, left, simple((0, 3)), dims), contract(1, right, simple((0, 3)), dims)
