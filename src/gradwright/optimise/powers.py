"""Powers of tensors in powers that a library is quick with: `x⁶` is `(x³)²`, and `x^(−3/2)` is `1 / (x ∘ √x)`.

A library has loops of their own for a few exponents, and takes ten times as long for any other. What several powers of
a tensor have in common is computed once: `x ∘ √x` beside `√x`, `x ∘ x²` beside `x²`.

This is no pass of the list, since it depends on the library: where one differentiates, `x ∘ √x` has no derivative at 0,
and `x^(3/2)` has.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from gradwright.core.contraction import ONE, plain, simple
from gradwright.core.nodes import Apply, Contract, Node
from gradwright.core.walks import postorder
from gradwright.optimise.rewriting import rewritten
from gradwright.optimise.roots import Roots
from gradwright.prims.power import base_and_exponent, power

HALF = Fraction(1, 2)
HIGHEST = 16  # beyond it the rounding errors of as many products are worth avoiding


def split_powers(roots: Roots, quick: frozenset[Fraction], given: Collection[Node]) -> Roots:
    """Expressions in which powers of tensors have exponents that are quick, as far as others can be made of these.

    Args:
        roots: expressions.
        quick: the exponents; all of them if there is none.
        given: nodes whose values are there already.
    """
    if not quick:
        return roots
    rooted = {node.children[0] for node in postorder(*roots) if _exponent(node) == HALF}

    def step(node: Node, new: Node) -> Node:
        exponent = _exponent(node)
        if exponent == 1 or abs(exponent) > HIGHEST:
            return new
        return _power(new.children[0], exponent, quick - {-HALF} if node.children[0] in rooted else quick)

    return rewritten(roots, step, dict(zip(given, given, strict=True)))


def _exponent(node: Node) -> Fraction:
    """The exponent of the power of a tensor; 1 for anything else."""
    return base_and_exponent(node)[1] if node.rank else ONE


def _power(base: Node, exponent: Fraction, quick: frozenset[Fraction]) -> Node:
    """A power of a tensor as one of quick powers."""
    if exponent == 1:
        return base
    if exponent in quick or exponent.denominator > 2:
        return Apply(power, (exponent,), (base,))
    if exponent < -HALF and exponent.denominator == 2 and -exponent in quick:
        return _power(_power(base, -HALF, quick), -2 * exponent, quick)
    if exponent < 0:
        return Apply(power, (-ONE,), (_power(base, -exponent, quick),))
    if exponent % 2 == 0:
        return Apply(power, (Fraction(2),), (_power(base, exponent / 2, quick),))
    part = ONE if exponent.denominator == 1 else HALF
    return _product(_power(base, exponent - part, quick), _power(base, part, quick))


def _product(left: Node, right: Node) -> Node:
    axes = range(left.rank)
    return Contract(ONE, (plain(left, axes), plain(right, axes)), left.shape, simple(axes))
