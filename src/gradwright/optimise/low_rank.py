"""Inverses of a diagonal matrix plus one of low rank, by an inverse of the low order (Woodbury).

    (D + U V)⁻¹ = D⁻¹ − D⁻¹ U (I + V D⁻¹ U)⁻¹ V D⁻¹        det(D + U V) = det(D) det(I + V D⁻¹ U)
    (D + U V)⁻¹ U = D⁻¹ U (I + V D⁻¹ U)⁻¹

The last, where it applies, is no difference of terms that nearly cancel for a large U. All are used where D is positive
and U V positive semidefinite, so that nothing cancels in the core, and where the sizes are hinted at and say that it
pays. Woodbury 1950; Golub & Van Loan, Matrix Computations (4th ed.), 2.1.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from gradwright.core.build import diagonal, identity, sum_axes
from gradwright.core.contraction import contract, plain, simple, subproduct, with_factor
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, is_apply
from gradwright.core.sums import add, negate
from gradwright.core.walks import transform_all
from gradwright.frozen import frozen
from gradwright.optimise.roots import NO_HINTS, Hints, Roots
from gradwright.prims.determinant import logdet
from gradwright.prims.exponential import log
from gradwright.prims.inv import inv
from gradwright.prims.power import raise_to
from gradwright.prims.solve import SYSTEMS, with_inverse
from gradwright.simplify.inverses import is_inverse
from gradwright.simplify.pipeline import simplify

# How many times smaller the rank has to be than the order.
LOW = 2


@frozen
class _Parts:
    """`diag(d) + U V`."""

    d: Node
    U: Node
    V: Node

    @property
    def reciprocal(self) -> Node:
        """1 / d."""
        return raise_to(self.d, Fraction(-1))

    @property
    def core(self) -> Node:
        """`I + V D⁻¹ U`, of the low order; its eigenvalues are those of a positive definite matrix."""
        labels = [plain(self.V, (0, 1)), plain(self.reciprocal, (1,)), plain(self.U, (1, 2))]
        dims = {0: self.V.shape[0], 1: self.V.shape[1], 2: self.U.shape[1]}
        return add([identity(self.V.shape[0]), contract(1, labels, simple((0, 2)), dims)])


def invert_low_rank(roots: Roots, hints: Hints = NO_HINTS) -> Roots:
    """Products with such an inverse, systems and determinants, by the low order."""
    if not hints:
        return roots
    roots = transform_all(roots, lambda node: _term_by_term(node, hints))
    return _sums_alike(transform_all(roots, lambda node: _rewritten(node, hints)))


def _sums_alike(roots: Roots) -> Roots:
    """Sums that differ in the order of their terms as the first of them: a core may stand beside it as `VᵀV + I`."""
    first = dict[frozenset[Node], Node]()
    return transform_all(
        roots, lambda node: first.setdefault(frozenset(node.terms), node) if isinstance(node, Add) else node
    )


def _term_by_term(node: Node, hints: Mapping[str, int]) -> Node:
    """`((D + U V)⁻¹ − B) U` without the sum, in which the inverse would not meet U."""
    for place, factor in enumerate(node.factors) if isinstance(node, Contract) else ():
        if isinstance(node, Contract) and isinstance(factor.node, Add):
            terms = [with_factor(node, place, term) for term in factor.node.terms]
            if any(_meets_its_factor(term, hints) for term in terms):
                return add(_term_by_term(term, hints) for term in terms)
    return node


def _meets_its_factor(term: Node, hints: Mapping[str, int]) -> bool:
    """Whether a product contains `(D + U V)⁻¹ U`."""
    found = _low_rank_inverses(term, hints) if isinstance(term, Contract) and len(term.factors) > 1 else ()
    return any(isinstance(term, Contract) and _pushed_through(term, place, parts) for place, parts in found)


def _low_rank_inverses(node: Contract, hints: Mapping[str, int]) -> Iterator[tuple[int, _Parts]]:
    """The places of the inverses in a product that are taken at a low order, and what each is the inverse of."""
    for place, factor in enumerate(node.factors):
        if is_inverse(factor.node):
            parts = _diagonal_and_low_rank(factor.node.arguments[0], hints)
            if parts is not None:
                yield place, parts


def _rewritten(node: Node, hints: Mapping[str, int]) -> Node:
    if isinstance(node, Contract):
        return _product(node, hints)
    if is_apply(node, logdet, *SYSTEMS):
        parts = _diagonal_and_low_rank(node.arguments[0], hints)
        if parts is not None and node.primitive is logdet:
            return simplify(add([sum_axes(Apply(log, (), (parts.d,))), Apply(logdet, (), (parts.core,))]))
        if parts is not None:
            return _rewritten(with_inverse(node), hints)
    return node


def _product(node: Contract, hints: Mapping[str, int]) -> Node:
    """A product with the inverse as a factor: the difference of two products."""
    for place, parts in _low_rank_inverses(node, hints) if len(node.factors) > 1 else ():
        pushed = _pushed_through(node, place, parts)
        return _distributed(node, place, parts, hints) if pushed is None else _rewritten(pushed, hints)
    return node


def _pushed_through(node: Contract, place: int, parts: _Parts) -> Node | None:
    """A product that contains `(D + U V)⁻¹ U`, or its transpose, with `D⁻¹ U (I + V D⁻¹ U)⁻¹` for it."""
    ends = node.factors[place].labels
    for p, factor in enumerate(node.factors):
        shared = set(factor.labels) & set(ends)
        if len(set(factor.labels)) != 2 or factor.node.rank != 2 or len(shared) != 1 or len(set(ends)) != 2:
            continue
        (row,), (column,) = shared, set(factor.labels) - shared
        elsewhere = {x for q, f in enumerate(node.factors) if q not in (p, place) for x in f.labels}
        if _arranged([factor], (row, column), node) == parts.U and row not in elsewhere.union(node.free_labels):
            (end,), inner = set(ends) - shared, len(node.dims)
            inverse = Apply(inv, (), (parts.core,))
            new = [plain(parts.reciprocal, (end,)), plain(parts.U, (end, inner)), plain(inverse, (inner, column))]
            rest = node.beside(p, place)
            dims = {x: dim for x, dim in enumerate(node.dims) if x != row} | {inner: node.dims[column]}
            return contract(node.coefficient, [*rest, *new], node.output, dims)
    return None


def _distributed(node: Contract, place: int, parts: _Parts, hints: Mapping[str, int]) -> Node:
    factor = node.factors[place]
    rest = node.beside(place)
    first = contract(1, [plain(parts.reciprocal, (0,))], ((0,), (0,)), {0: parts.d.shape[0]})
    second = _chain(parts)
    dims = dict(enumerate(node.dims))
    terms = [contract(node.coefficient, [*rest, factor.with_node(part)], node.output, dims) for part in (first, second)]
    left, right = (_product(t, hints) if isinstance(t, Contract) else t for t in terms)
    return add([left, negate(right)])


def _chain(parts: _Parts) -> Node:
    """`D⁻¹ U (I + V D⁻¹ U)⁻¹ V D⁻¹` as one product."""
    inverse = Apply(inv, (), (parts.core,))
    factors = [
        plain(parts.reciprocal, (0,)), plain(parts.U, (0, 1)), plain(inverse, (1, 2)), plain(parts.V, (2, 3)),
        plain(parts.reciprocal, (3,)),
    ]  # fmt: skip
    n, k = parts.U.shape
    return contract(1, factors, simple((0, 3)), {0: n, 1: k, 2: k, 3: n})


def _diagonal_and_low_rank(matrix: Node, hints: Mapping[str, int]) -> _Parts | None:
    """The parts of a positive diagonal matrix plus a semidefinite one of low rank."""
    if not isinstance(matrix, Add) or matrix.rank != 2 or not matrix.real:
        return None
    straight = [t for t in matrix.terms if {"diagonal", "spd"} <= facts_of(t)]
    others = [t for t in matrix.terms if t not in straight]
    if not straight or len(others) != 1 or "psd" not in facts_of(others[0]):
        return None
    factors = _two_factors(others[0])
    if factors is None or not _pays(factors[0], hints):
        return None
    return _Parts(diagonal(add(straight)), *factors)


def _two_factors(term: Node) -> tuple[Node, Node] | None:
    """U and V of a product of two matrices; numbers go with V."""
    if not isinstance(term, Contract):
        return None
    tensors = [f for f in term.factors if f.node.rank]
    scalars = [f for f in term.factors if not f.node.rank]
    if len(tensors) != 2 or any(len(f.groups) != 2 or len(set(f.labels)) != 2 for f in tensors):
        return None
    row, column = (group[0] for group in term.output)
    first = next((f for f in tensors if row in f.labels), None)
    if first is None or column in first.labels:
        return None
    second = next(f for f in tensors if f is not first)
    inner = next(x for x in first.labels if x != row)
    if set(second.labels) != {inner, column}:
        return None
    return _arranged([first], (row, inner), term), _arranged(
        [*scalars, second], (inner, column), term, term.coefficient
    )


def _arranged(
    factors: Sequence[Factor], labels: tuple[int, int], term: Contract, scale: Fraction = Fraction(1)
) -> Node:
    return subproduct(term, factors, simple(labels), scale)


def _pays(U: Node, hints: Mapping[str, int]) -> bool:
    """Whether the sizes are known, and the rank is low."""
    n, k = U.shape
    if any(name not in hints for dim in (n, k) for name in dim.names):
        return False
    return LOW * k.evaluate(hints) <= n.evaluate(hints)
