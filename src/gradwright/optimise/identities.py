"""Products over sums that contain an identity, multiplied out: no identity is ever filled in.

`(I − Q Qᵀ) G` is `G − Q (Qᵀ G)`, and `diag(s) (I − 1 sᵀ)` is `diag(s) − s sᵀ`: what an identity, a diagonal or a
repeated vector contributes to a product is cheap by itself, and dear once it has been added to a full matrix. Where
that saves nothing, as in `X (Xᵀ X − I)`, the sum stays: it may be needed itself. Differences of neighbours,
`(I[:, 1:] − I[:, :n − 1])ᵀ x`, are differences of slices.

Of several such sums in a product, one is multiplied out at a time, with what it is applied to. The terms of
`‖Xᵀ X − I‖²` cancel where X is nearly orthonormal: a square would become a difference of large numbers. It stays, and
`‖(I − Q Qᵀ) B‖²` is the square of `B − Q (Qᵀ B)`. So is `Bᵀ P B` with a projection, as `P = I − 1 1ᵀ / n`, that of
`P B`, the variance of large numbers, and `Aᵀ P B` is their covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from gradwright.core.build import matmul
from gradwright.core.canonical import as_product
from gradwright.core.contraction import plain, simple, subproduct
from gradwright.core.inference import is_symmetric
from gradwright.core.nodes import Add, Contract, Factor, Node, Selection, labels_of
from gradwright.core.sums import terms_of
from gradwright.core.walks import transform_all
from gradwright.frozen import frozen
from gradwright.optimise.paths import Sizes, Work
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify

MOST_TERMS = 8
FEW_TERMS = 3


def multiply_out_identities(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Every product with a patterned sum as a sum of products, where few terms come of it and less work."""
    work = Work(Sizes(hints, roots))
    return transform_all(roots, lambda node: _opened(node, work))


def _opened(node: Node, work: Work) -> Node:
    if not isinstance(node, Contract) or len([f for f in node.factors if f.node.rank]) < 2:
        return node
    if any(_has_parts_alone(f.node) for f in node.factors):
        return _with_slices(node, work)
    if len([f for f in node.factors if _has_identity(f.node)]) > 1:
        return _opened_one_by_one(node, work)
    squared = _with_projection_on_both_sides(node)
    if squared is not None:
        return _opened_one_by_one(squared, work)
    centred = _centred(node, work)
    if centred is not None:
        return centred
    opened = expand(node, _has_identity, MOST_TERMS)
    return opened if work.of(opened) <= work.of(node) else node


def _with_slices(node: Contract, work: Work) -> Node:
    """Slices of what a sum of parts is applied to, added up, or of the whole product if that is far less work.

    The numbers of the product stay outside.
    """
    whole = expand(node, _has_parts_alone, MOST_TERMS)
    if node.coefficient == 1 and len(node.factors) == 2:
        return whole
    within = _opened_one_by_one(node, work)
    return whole if within == node or 2 * work.of(whole) < work.of(within) else within


def _with_projection_on_both_sides(node: Contract) -> Contract | None:
    """`(P B)ᵀ (P B)` for `Bᵀ P B` with a projection P."""
    whole, pairs = _doubled(node)
    return whole if any(a.value == b.value for a, b in pairs) else None


def _centred(node: Contract, work: Work) -> Node | None:
    """`(P A)ᵀ (P B)` for `Aᵀ P B` if P takes means out; `(P x)ᵀ B` where `P B` would be most of the work."""
    whole, pairs = _doubled(node)
    means = [f for f in node.factors if _has_identity(f.node) and not any(map(_has_tensors, terms_of(f.node)))]
    if not pairs or not means:
        return None
    both = _with_opened(whole, pairs[0], work)
    smallest = min(_applied_sums(node), key=lambda one: work.sizes.entries(one.value.shape))
    once = _with_opened(node, [smallest], work)
    return both if work.of(both) <= 2 * work.of(once) else once


def _doubled(node: Contract) -> tuple[Contract, list[tuple[_AppliedSum, _AppliedSum]]]:
    """`Aᵀ P P B` for `Aᵀ P B` with a symmetric sum P for which `P P = P`, and pairs of what each P is applied to."""
    place = next((place for place, f in enumerate(node.factors) if _has_identity(f.node)), None)
    if place is None or not _is_projection(node.factors[place].node):
        return node, []
    (left,), (right,), new = *node.factors[place].groups, len(node.dims)
    halves = [plain(node.factors[place].node, (new, end)) for end in (left, right)]
    factors = (*halves, *(f for p, f in enumerate(node.factors) if p != place))
    whole = Contract(node.coefficient, factors, (*node.dims, node.dims[left]), node.output)
    first, second = ([one for one in _applied_sums(whole) if one.places[0] == half] for half in (0, 1))
    return whole, [(a, b) for a in first for b in second if a.places[1] != b.places[1]]


def _has_tensors(term: Node) -> bool:
    return any(f.node.rank for f in as_product(term).factors)


@lru_cache(maxsize=1024)
def _is_projection(matrix: Node) -> bool:
    """Whether a real matrix is seen to be symmetric and its own square."""
    return matrix.rank == 2 and is_symmetric(matrix) and matrix.real and simplify(matmul(matrix, matrix)) == matrix


def _with_opened(node: Contract, applied: Sequence[_AppliedSum], work: Work) -> Node:
    """A product with the values of applied sums opened in it."""
    taken = {place for one in applied for place in one.places}
    rest = [f for place, f in enumerate(node.factors) if place not in taken]
    factors = [*rest, *(plain(_opened(one.value, work), one.labels) for one in applied)]
    return subproduct(node, factors, node.output, node.coefficient)


def _opened_one_by_one(node: Contract, work: Work) -> Node:
    """A product in which the sum that is applied to the smallest tensor is opened there, and then the next."""
    applied = sorted(_applied_sums(node), key=lambda one: work.sizes.entries(one.value.shape))
    for one in applied:
        opened = _opened(one.value, work)
        if isinstance(opened, Add):
            taken, joined = set[int](), list[Factor]()
            for same in applied:
                if same.value == one.value and taken.isdisjoint(same.places):
                    taken.update(same.places)
                    joined.append(plain(opened, same.labels))
            rest = [f for place, f in enumerate(node.factors) if place not in taken]
            return _opened(subproduct(node, [*rest, *joined], node.output, node.coefficient), work)
    return node


@frozen
class _AppliedSum:
    """Two factors of a product, a sum with an identity and a tensor; what they give, and the labels of its axes."""

    places: tuple[int, int]
    value: Node
    labels: tuple[int, ...]


def _applied_sums(node: Contract) -> list[_AppliedSum]:
    sums = [place for place, f in enumerate(node.factors) if _has_identity(f.node)]
    others = [place for place in range(len(node.factors)) if place not in sums]
    pairs = ((first, second) for first in sums for second in others)
    return [found for pair in pairs if (found := _applied_sum(node, pair)) is not None]


def _applied_sum(node: Contract, places: tuple[int, int]) -> _AppliedSum | None:
    """The product of two factors, if it sums over what they share."""
    first, second = (node.factors[place] for place in places)
    rest = [f for place, f in enumerate(node.factors) if place not in places]
    outside = labels_of(rest).union(node.free_labels)
    if not set(first.labels) & set(second.labels) - outside:
        return None
    new = [x for x in first.labels if x in outside and x not in second.labels]
    # The new axis in the place of the one that is summed over.
    kept = [x if x in outside else new.pop(0) for x in dict.fromkeys(second.labels) if x in outside or new]
    kept = (*kept, *new)
    return _AppliedSum(places, subproduct(node, (first, second), simple(kept)), kept)


def _has_identity(node: Node) -> bool:
    """Whether a short sum has a term with one index on two axes, or a sum has parts of identities alone."""
    terms = terms_of(node)
    return _has_parts_alone(node) or (1 < len(terms) <= FEW_TERMS and any(map(_is_diagonal, terms)))


def _has_parts_alone(node: Node) -> bool:
    return isinstance(node, Add) and all(map(_is_part, node.terms))


def _is_part(term: Node) -> bool:
    """Whether a matrix is a number times columns of an identity, or the transpose."""
    factors = as_product(term).factors
    return term.rank == 2 and len(factors) == 1 and isinstance(factors[0].node, Selection)


def _is_diagonal(term: Node) -> bool:
    if not isinstance(term, Contract):
        return False
    labels = term.free_labels
    return len(set(labels)) < len(labels)
