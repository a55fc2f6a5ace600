"""Numbers that the terms of a sum share, taken out in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm, prod

from gradwright.core.build import is_identity
from gradwright.core.contraction import ONE, with_factors
from gradwright.core.nodes import Add, Contract, Factor, Node
from gradwright.core.sums import add, coefficient_of, scaled, terms_of


def with_shared_number(multiples: Sequence[tuple[Fraction, Node]]) -> tuple[Fraction, Node]:
    """The number that some multiples share, and the sum behind it.

    The number is negative if all are, or that of the identity is: `−(I − A A⁺)`. The sum begins with a positive term,
    if there is one: `(I − A) B` for `B − A B`, whichever comes first.
    """
    numbers = [number for number, _ in multiples]
    shared = _common_number(numbers)
    if max(numbers) < 0 or any(number < 0 and is_identity(matrix) for number, matrix in multiples):
        shared = -shared
    parts = [scaled(number / shared, tensor) for number, tensor in multiples]
    return shared, add(
        sorted(parts, key=lambda part: coefficient_of(part) < 0) if coefficient_of(parts[0]) < 0 else parts
    )


def with_numbers_in_front(node: Node) -> Node:
    """`U (A + 2 B)` for `½ U (2 A + 4 B)`: the number that the terms of a sum within a product share."""
    if not isinstance(node, Contract) or not any(isinstance(f.node, Add) for f in node.factors):
        return node
    numbers, factors = zip(*map(_without_number, node.factors), strict=True)
    if set(numbers) == {1}:
        return node
    return scaled(prod(numbers), with_factors(node, factors))


def _without_number(factor: Factor) -> tuple[Fraction, Factor]:
    numbers = [coefficient_of(term) for term in terms_of(factor.node)] if isinstance(factor.node, Add) else [ONE]
    shared = _common_number(numbers) if len({number.denominator for number in numbers}) == 1 else ONE
    return shared, factor if shared == 1 else factor.with_node(scaled(1 / shared, factor.node))


def _common_number(numbers: Sequence[Fraction]) -> Fraction:
    """The largest number of which all are whole multiples."""
    return Fraction(gcd(*(n.numerator for n in numbers)), lcm(*(n.denominator for n in numbers)))
