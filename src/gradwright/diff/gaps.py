"""The gaps that a derivative divides by: differences of eigenvalues, singular values, and eigenvalues under a root.

A gap counts where something is divided by it. Of the Hessian of the largest eigenvalue, `[λᵢ = max λ] / (λᵢ − λⱼ)`,
only the gaps beside the largest one do; where a comparison, a picked entry or a mask is 0, so is the product, whatever
the others are. A gap is lost where it is rounding errors of what it is the difference of. The eigenvalues of a root are
10⁻⁸ where those of the matrix are the rounding errors of a zero, so that it is these that tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from gradwright.core.build import ones
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import subproduct, with_factors
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Add, Apply, Contract, Factor, Hole, Mask, Node, Selection, Solve, is_apply
from gradwright.core.walks import applications, free_leaves, postorder, transform
from gradwright.frozen import frozen
from gradwright.linear.recognise import sylvester_operands
from gradwright.prims.eigh import standard_eigh
from gradwright.prims.inv import inv
from gradwright.prims.piecewise import is_indicator, where
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.precision import ROUNDING
from gradwright.prims.schur import schur, schur_moduli
from gradwright.prims.solve import SYSTEMS
from gradwright.prims.sqrtm import sqrtm

CLOSE = 1e-12  # gaps smaller than this, relative to what they are differences of, leave few correct digits


@frozen
class Gap:
    """What something is divided by.

    Attributes:
        divisor: the gaps.
        parts: what they are the differences of, or the divisor itself.
        counts: not zero where a gap counts; None where all do.
        close: what leaves few correct digits, relative to the parts.
    """

    divisor: Node
    parts: tuple[Node, ...]
    counts: Node | None
    close: float = CLOSE

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated."""
        return (self.divisor, *self.parts, *(() if self.counts is None else (self.counts,)))

    @property
    def sizes(self) -> tuple[Node, ...]:
        """What a first look takes: all but what counts."""
        return (self.divisor, *self.parts)

    def are_wide(self, values: Sequence[np.ndarray]) -> bool:
        """A first look, from the values of the sizes: whether all gaps, counted or not, have correct digits."""
        divisor, *parts = values
        largest = max(np.max(np.abs(_entries(part)), initial=0.0) for part in parts)
        return bool(np.min(np.abs(divisor), initial=np.inf) > self._limit(divisor) * largest)

    def lost(self, values: Sequence[np.ndarray]) -> tuple[float, float] | None:
        """The smallest gap, and what it is beside, from the values of the nodes; None if it has a correct digit."""
        if self.are_wide(values[: len(self.sizes)]):
            return None
        divisor, *parts = (np.abs(value) for value in values)
        counted = np.ones(divisor.shape, bool) if self.counts is None else parts.pop() != 0
        largest = max(np.max(part[counted], initial=0.0) for part in parts)
        smallest = np.min(divisor[counted], initial=np.inf)
        return None if smallest > self._limit(divisor) * largest else (smallest, largest)

    def _limit(self, divisor: np.ndarray) -> float:
        return max(self.close, ROUNDING * float(np.finfo(divisor.dtype).eps))


def _entries(array: np.ndarray) -> np.ndarray:
    """An array without the repetitions along axes that it is broadcast over."""
    return array[tuple(slice(None) if step else slice(1) for step in array.strides)]


@lru_cache(maxsize=512)
def divided_gaps(node: Node) -> tuple[Node, tuple[Gap, ...]]:
    """An expression that divides by 1 in the place of gaps that do not count, and the gaps that it divides by."""
    bound = {n for s in postorder(node) if isinstance(s, Solve) for e in s.equations for n in postorder(e.operator)}
    reciprocals = {n for n in postorder(node) if n not in bound and _is_reciprocal_of_gaps(n)}
    under_roots = tuple(dict.fromkeys(gap for n in postorder(node) for gap in _under_root(n)))
    if not reciprocals:
        return node, under_roots
    found: dict[Gap, None] = {}

    def rewrite(inner: Node) -> Node:
        if not isinstance(inner, Contract) or reciprocals.isdisjoint(inner.children):
            return inner
        factors = list(inner.factors)
        for place, factor in enumerate(factors):
            if factor.node in reciprocals:
                gap, factors[place] = _in_product(inner, factor)
                found[gap] = None
        return with_factors(inner, factors)

    rewritten = transform(node, rewrite)
    factored = {f.node for n in postorder(node) if isinstance(n, Contract) for f in n.factors}
    others = [_gap(_divisor(n), None) for n in postorder(node) if n in reciprocals - factored]
    return rewritten, tuple(dict.fromkeys((*found, *others, *under_roots)))


def _under_root(node: Node) -> Iterator[Gap]:
    """The eigenvalues of a matrix X whose root Y is inverted, `Y⁻¹`, or by which `Y H + H Y = C` is solved."""
    inverted = _inverted(node)
    bases = {_radicand(matrix) for matrix in inverted}
    if len(bases) != 1 or (base := bases.pop()) is None:
        return
    if base.rank == 2 and not any(isinstance(leaf, Hole) for leaf in free_leaves(base)):
        values = _sizes_of_eigenvalues(base)
        yield Gap(values, (values,), None, close=0.0)


def _inverted(node: Node) -> Sequence[Node]:
    """The matrices whose eigenvalues, or sums of these, a node divides by."""
    if isinstance(node, Solve):
        known = sylvester_operands(node, many=True)
        return known[1][:-1] if known and known[0] in ("sylvester", "lyapunov") else ()
    return node.arguments[:1] if is_apply(node, inv, *SYSTEMS) else ()


def _radicand(matrix: Node) -> Node | None:
    """What a matrix is the square root of, up to its orientation and a number; None if it is none."""
    only = only_matrix(as_product(matrix))
    root = matrix if only is None else only.node
    return root.arguments[0] if is_apply(root, sqrtm) else None


def _sizes_of_eigenvalues(matrix: Node) -> Node:
    """The eigenvalues, or how large they are, from the factorisation that code for the root of the matrix has."""
    if "hermitian" in facts_of(matrix):
        return Apply(standard_eigh, (), (matrix,), 0)
    return Apply(schur_moduli, (), (Apply(schur, (), (matrix,), 0),))


def _is_reciprocal_of_gaps(node: Node) -> bool:
    divisor, exponent = base_and_exponent(node)
    return exponent < 0 and node.rank > 0 and _has_gauge(divisor)


def _has_gauge(node: Node) -> bool:
    """Whether a factorisation is in it that has a gauge, as those have whose derivatives divide by gaps."""
    return any(n.primitive.gauge for n in applications(node))


def _divisor(node: Node) -> Node:
    assert isinstance(node, Apply)
    return node.arguments[0]


def _gap(divisor: Node, counts: Node | None) -> Gap:
    terms = divisor.terms if isinstance(divisor, Add) else (divisor,)
    return Gap(divisor, tuple(term for term in terms if _has_gauge(term)), counts)


def _in_product(product: Contract, reciprocal: Factor) -> tuple[Gap, Factor]:
    """The gaps that a factor of a product is the reciprocal of, and what may stand in its place.

    Other factors make entries of the product zero. Those that masks do are no zeros of what is divided by.
    """
    labels, divisor = reciprocal.labels, _divisor(reciprocal.node)
    selecting = [f for f in product.factors if _selects(f, labels)]
    if not selecting or not len(set(labels)) == len(labels) == len(reciprocal.groups):
        return _gap(divisor, None), reciprocal
    gap = _gap(divisor, subproduct(product, selecting, reciprocal.groups))
    choosing = [f for f in selecting if not isinstance(f.node, Mask)]
    if not choosing:
        return gap, reciprocal
    counts = subproduct(product, choosing, reciprocal.groups)
    regular = Apply(where, (), (counts, divisor, ones(divisor.shape)))
    assert isinstance(reciprocal.node, Apply)
    return gap, reciprocal._replace(node=Apply(power, reciprocal.node.parameters, (regular,)))


def _selects(factor: Factor, labels: Sequence[int]) -> bool:
    """Whether a factor is there to make entries zero along some labels; along others it has no negative entries."""
    if isinstance(factor.node, Mask):
        return set(factor.labels) <= set(labels)
    selects = isinstance(factor.node, Selection) or is_indicator(factor.node)
    return selects and not set(factor.labels).isdisjoint(labels)
