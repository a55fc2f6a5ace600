"""The gaps that a derivative divides by: differences of eigenvalues, and singular values.

A gap counts where something is divided by it. Of the Hessian of the largest eigenvalue, `[λᵢ = max λ] / (λᵢ − λⱼ)`,
only the gaps beside the largest one do; where a comparison, a picked entry or a mask is 0, so is the product, whatever
the others are. A gap is lost where it is rounding errors of what it is the difference of.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from gradwright.core.build import ones
from gradwright.core.contraction import contract, with_factors
from gradwright.core.nodes import Add, Apply, Contract, Factor, Groups, Mask, Node, Selection, Solve
from gradwright.core.walks import postorder, transform
from gradwright.frozen import frozen
from gradwright.prims.piecewise import is_indicator, where
from gradwright.prims.power import power

CLOSE = 1e-12  # gaps smaller than this, relative to what they are differences of, leave few correct digits
ROUNDING = 32  # rounding errors of eigenvalues, in units of the precision


@frozen
class Gap:
    """What something is divided by.

    Attributes:
        divisor: the gaps.
        parts: what they are the differences of, or the divisor itself.
        counts: not zero where a gap counts; None where all do.
    """

    divisor: Node
    parts: tuple[Node, ...]
    counts: Node | None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that has to be evaluated."""
        return (self.divisor, *self.parts, *(() if self.counts is None else (self.counts,)))

    def lost(self, values: Sequence[np.ndarray]) -> tuple[float, float] | None:
        """The smallest gap, and what it is beside, from the values of the nodes; None if it has a correct digit."""
        divisor, *parts = (np.abs(value) for value in values)
        counted = np.ones(divisor.shape, bool) if self.counts is None else parts.pop() != 0
        largest = max(float(np.max(part[counted], initial=0.0)) for part in parts)
        smallest = float(np.min(divisor[counted], initial=np.inf))
        precision = float(np.finfo(divisor.dtype).eps)
        return None if smallest > max(CLOSE, ROUNDING * precision) * largest else (smallest, largest)


@lru_cache(maxsize=512)
def divided_gaps(node: Node) -> tuple[Node, tuple[Gap, ...]]:
    """An expression that divides by 1 in the place of gaps that do not count, and the gaps that it divides by."""
    bound = {n for s in postorder(node) if isinstance(s, Solve) for e in s.equations for n in postorder(e.operator)}
    reciprocals = {n for n in postorder(node) if n not in bound and _is_reciprocal_of_gaps(n)}
    if not reciprocals:
        return node, ()
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
    return rewritten, tuple(dict.fromkeys((*found, *others)))


def _is_reciprocal_of_gaps(node: Node) -> bool:
    if not isinstance(node, Apply) or node.primitive is not power or not node.rank:
        return False
    exponent = node.parameters[0]
    return isinstance(exponent, Fraction) and exponent < 0 and _has_gauge(_divisor(node))


def _has_gauge(node: Node) -> bool:
    """Whether a factorisation is in it that has a gauge, as those have whose derivatives divide by gaps."""
    return any(isinstance(n, Apply) and n.primitive.gauge for n in postorder(node))


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
    gap = _gap(divisor, _product(product, selecting, reciprocal.groups))
    choosing = [f for f in selecting if not isinstance(f.node, Mask)]
    if not choosing:
        return gap, reciprocal
    counts = _product(product, choosing, reciprocal.groups)
    regular = Apply(where, (), (counts, divisor, ones(divisor.shape)))
    assert isinstance(reciprocal.node, Apply)
    return gap, reciprocal._replace(node=Apply(power, reciprocal.node.parameters, (regular,)))


def _product(like: Contract, factors: Sequence[Factor], output: Groups) -> Node:
    """The product of some factors of another one."""
    labels = {label for group in (*output, *(f.labels for f in factors)) for label in group}
    return contract(1, factors, output, {label: like.dims[label] for label in labels})


def _selects(factor: Factor, labels: Sequence[int]) -> bool:
    """Whether a factor is there to make entries zero along some labels; along others it has no negative entries."""
    if isinstance(factor.node, Mask):
        return set(factor.labels) <= set(labels)
    selects = isinstance(factor.node, Selection) or is_indicator(factor.node)
    return selects and not set(factor.labels).isdisjoint(labels)
