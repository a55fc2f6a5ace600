"""Linear equations in holes, term by term.

A differentiated identity is a sum of products, each with exactly one unknown direction. Here sums are
multiplied out as far as they contain an unknown (and no further), the identities themselves are used
to rewrite what surrounds it, and every term is read as `L H R`, `L Hᵀ R` or `W ∘ H`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from gradwright.core.build import diag, matmul, multiply, transpose
from gradwright.core.canonical import as_product
from gradwright.core.contraction import conjugate, contract, is_simple, is_zero, split_coefficient, with_output
from gradwright.core.nodes import Factor, Hole, Node, is_apply
from gradwright.core.spaces import Space
from gradwright.core.sums import add, scaled, terms_of
from gradwright.core.walks import free_leaves, postorder, transform
from gradwright.diff.identities.diagonals import merge_diagonals
from gradwright.frozen import frozen, replace
from gradwright.linear.chains import chain_of
from gradwright.prims.complex import real, real_part
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify
from gradwright.simplify.relations import Relation, collapse

EXPANSION_LIMIT = 200


@frozen
class Beside:
    """A frame F that was split off an equation, and its dual W, `Wᴴ F = I`."""

    frame: Node
    dual: Node


@frozen
class LinearEquation:
    """`form = right`: a form linear in holes, and a side that does not contain them.

    Both sides lie in `space`; if the equation is `projected`, only their projections on it agree, and with
    `phases` the imaginary parts of their diagonals. Where it is an equation `beside` a frame, it is orthogonal to the
    dual of that frame; a projected one is so only when a multiple of the frame is added.
    """

    form: Node
    right: Node
    space: Space = Space.FREE
    projected: bool = False
    phases: bool = False
    beside: Beside | None = None


@frozen
class Term:
    """A term `scalar · left · H · right` of a form, H possibly transposed or conjugated.

    `left` and `right` are chains of matrices; for a vector H there is no `right`, unless it stands on
    a diagonal: `left · diag(H) · right`.
    """

    hole: Hole
    scalar: Node
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    transposed: bool
    conj: bool
    diagonal: bool = False


def holes_in(node: Node) -> tuple[Hole, ...]:
    """The unknowns that occur, in source order."""
    return tuple(leaf for leaf in free_leaves(node) if isinstance(leaf, Hole))


def parted(form: Node, hole: Hole) -> tuple[list[Node], list[Node]]:
    """The terms of a form with an unknown, and those without."""
    terms = terms_of(form)
    own, rest = ([term for term in terms if (hole in holes_in(term)) is inside] for inside in (True, False))
    return own, rest


def expand_unknowns(form: Node) -> Node:
    """Multiply out the sums that contain an unknown, those in real parts too."""
    if any(is_apply(node, real_part) for node in postorder(form)):
        form = transform(form, _real_parts_apart)
    return expand(form, lambda node: bool(holes_in(node)), EXPANSION_LIMIT)


def _real_parts_apart(node: Node) -> Node:
    if not is_apply(node, real_part) or not holes_in(node):
        return node
    return add(map(real, terms_of(expand_unknowns(node.arguments[0]))))


def without_real_parts(form: Node) -> Node:
    """Real parts with an unknown written `½ (Z + Z*)`."""

    def opened(node: Node) -> Node:
        if not is_apply(node, real_part) or not holes_in(node):
            return node
        (inside,) = node.arguments
        return scaled(Fraction(1, 2), add([inside, conjugate(inside)]))

    if not any(opened(node) is not node for node in postorder(form)):
        return form
    return expand_unknowns(transform(form, opened))


def tidy(equation: LinearEquation, relations: Iterable[Relation]) -> LinearEquation:
    """Expand, simplify and use the identities on both sides; signs are turned where all are negative on the left."""
    known = tuple(relations)
    terms = [merge_diagonals(simplify(term)) for term in terms_of(expand_unknowns(equation.form))]
    form = add(merge_diagonals(collapse(term, known)) for term in terms)
    if all(split_coefficient(term)[0] < 0 for term in terms_of(form)):
        form, equation = scaled(-1, form), replace(equation, right=scaled(-1, equation.right))
    return replace(equation, form=form, right=reduce_terms(equation.right, known))


def unfolded(equation: LinearEquation) -> LinearEquation:
    """`M = C` for an equation `vec(M) = c` between vectors in unknown matrices."""
    if equation.form.rank != 1 or not any(hole.rank == 2 for hole in holes_in(equation.form)):
        return equation
    terms = [as_product(term) for term in terms_of(expand_unknowns(equation.form))]
    shapes = {tuple(term.dims[label] for label in term.output[0]) for term in terms}
    if len(shapes) != 1 or any(len(set(term.output[0])) != 2 for term in terms):
        return equation
    (shape,) = shapes
    groups = [tuple((label,) for label in term.output[0]) for term in terms]
    pairs = zip(terms, groups, strict=True)
    form = add(with_output(term, apart) for term, apart in pairs)
    right = contract(1, [Factor(equation.right, ((0, 1),))], ((0,), (1,)), dict(enumerate(shape)))
    first = read_term(terms_of(form)[0])
    if first is not None and first.transposed:  # vec goes column by column
        form, right = transpose(form), transpose(right)
    return replace(equation, form=form, right=right)


def reduce_terms(node: Node, relations: Iterable[Relation]) -> Node:
    """Simplify a side, term by term, with the identities."""
    known = tuple(relations)
    return add(collapse(term, known) for term in terms_of(simplify(node)))


def read_terms(form: Node) -> list[Term] | None:
    """The terms of a form as chains; None if one of them is no chain."""
    found = [read_term(term) for term in terms_of(form) if not is_zero(term)]
    return None if any(term is None for term in found) else [term for term in found if term is not None]


def read_term(node: Node) -> Term | None:
    """One term as a chain around its unknown."""
    if not is_simple(as_product(node).output):
        return None
    chain = chain_of(node)
    if chain is None:
        return None
    for place, element in enumerate(chain.elements):
        if holes_in(element):
            left, right = chain.elements[:place], chain.elements[place + 1 :]
            if holes_in(chain.scalar) or any(holes_in(e) for e in (*left, *right)):
                return None
            return _around(element, chain.scalar, left, right)
    return None


def _around(element: Node, scalar: Node, left: tuple[Node, ...], right: tuple[Node, ...]) -> Term | None:
    product = as_product(element)
    if len(product.factors) != 1 or not isinstance(product.factors[0].node, Hole):
        return None
    hole, groups, conj = product.factors[0]
    assert isinstance(hole, Hole)
    diagonal = len(product.output) == 2 and product.output[0] == product.output[1]
    transposed = not diagonal and groups != product.output
    if (diagonal and hole.rank != 1) or (transposed and groups != product.output[::-1]):
        return None
    return Term(hole, scalar, left, right, transposed, conj, diagonal)


def orient(term: Term, space: Space) -> Term:
    """Use the symmetry of the unknown itself: `Hᵀ = −H` for a skew one."""
    mirrored = {
        Space.SYMMETRIC: (True, term.conj, 1),
        Space.SKEW: (True, term.conj, -1),
        Space.HERMITIAN: (True, True, 1),
        Space.SKEW_HERMITIAN: (True, True, -1),
    }.get(space)
    if mirrored is None or (term.transposed, term.conj) != mirrored[:2]:
        return term
    kept = term.conj and not space.conjugated
    return replace(term, transposed=False, conj=kept, scalar=scaled(mirrored[2], term.scalar))


def with_tensor(term: Term, tensor: Node) -> Node:
    """The term with a tensor put for its unknown."""
    value = conjugate(tensor) if term.conj else tensor
    value = diag(value) if term.diagonal else value
    value = transpose(value) if term.transposed else value
    for element in reversed(term.left):
        value = matmul(element, value)
    for element in term.right:
        value = matmul(value, element)
    return multiply(term.scalar, value)
