"""Powers in products: equal bases on equal axes merge, and squares of norms become inner products.

x ∘ x⁻¹ = 1     u^a ∘ u^b = u^(a+b)     Σ u² = u · u     ‖x‖² = x · x     |x|² = x²     z z* / |z|² = 1
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.build import product_of
from gradwright.core.contraction import conjugate, contract, scale, split_coefficient
from gradwright.core.inference import is_positive
from gradwright.core.nodes import Apply, Contract, Factor, Groups, Node
from gradwright.prims.complex import real
from gradwright.prims.piecewise import absolute, modulus, sign
from gradwright.prims.power import power, raise_to
from gradwright.prims.reductions import norm

TWO = Fraction(2)
Exponents = dict[tuple[Node, Groups, bool], Fraction]


def merge_powers(node: Node) -> Node:
    """Merge the powers in a product, or open the power of a norm."""
    if isinstance(node, Apply) and node.primitive is power:
        exponent = node.parameters[0]
        assert isinstance(exponent, Fraction)
        normal = raise_to(node.arguments[0], exponent)
        if normal != node or not isinstance(normal, Apply):
            return normal
        return _power_of_product(_power_of_size(normal))
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    merged = _merged(node)
    return node if merged == list(node.factors) else _rebuilt(node, merged)


def _power_of_product(node: Node) -> Node:
    """A whole power of an elementwise product is the product of the powers."""
    if not isinstance(node, Apply) or node.primitive is not power:
        return node
    inner, exponent = node.arguments[0], node.parameters[0]
    assert isinstance(exponent, Fraction)
    if not isinstance(inner, Contract) or exponent.denominator != 1 or not inner.coefficient:
        return node
    carried = [label for group in inner.output for label in group]
    summed = any(label not in carried for f in inner.factors for label in f.labels)
    if summed or len(set(carried)) != len(carried) or not inner.factors:
        return _without_number(inner, exponent)
    factors = [Factor(raise_to(f.node, exponent), f.groups, f.conj) for f in inner.factors]
    return contract(inner.coefficient ** int(exponent), factors, inner.output, dict(enumerate(inner.dims)))


def _without_number(inner: Contract, exponent: Fraction) -> Node:
    """A power of a multiple: the number's power stands in front, `1 / (−tr A) = −1 / tr A`."""
    number, rest = split_coefficient(inner)
    return scale(number ** int(exponent), raise_to(rest, exponent))


def _rebuilt(node: Contract, factors: Sequence[Factor]) -> Node:
    return contract(node.coefficient, factors, node.output, dict(enumerate(node.dims)))


def _merged(node: Contract) -> list[Factor]:
    exponents: Exponents = {}
    raised = {base_and_exponent(f.node)[0] for f in node.factors if f.node.rank == 1}
    for factor in node.factors:
        diagonal = _diagonal(factor)
        if diagonal in raised:
            factor = Factor(diagonal, factor.groups[:1], factor.conj)
        base, exponent = base_and_exponent(factor.node)
        key = base, factor.groups, factor.conj
        exponents[key] = exponents.get(key, Fraction(0)) + exponent
    _cancel_sizes(exponents)
    merged: list[Factor] = []
    for (base, groups, conj), exponent in exponents.items():
        if exponent == 2 and base.rank and _is_inner_product(node, base, groups):
            merged += [Factor(base, groups, conj)] * 2
        else:
            merged.append(Factor(raise_to(base, exponent), groups, conj))
    return merged


def _cancel_sizes(exponents: Exponents) -> None:
    """`z z* / |z|² = 1`, and `sign(x) / |x| = 1 / x` as every odd power."""
    for (base, groups, conj), exponent in list(exponents.items()):
        if not isinstance(base, Apply) or exponent.denominator > 1:
            continue
        inner = base.arguments[0]
        if base.primitive is modulus and exponent <= -TWO:
            pair = [(inner, groups, flag) for flag in (False, True)]
            count = max(min(*(int(exponents.get(key, 0)) for key in pair), int(-exponent / 2)), 0)
            exponents[base, groups, conj] += 2 * count
            exponents.update({key: exponents[key] - count for key in pair if count})
        if base.primitive is not absolute or not exponent % 2:
            continue
        signed = Apply(sign, (), (inner,), 0), groups, conj
        if exponents.get(signed) == 1:
            del exponents[base, groups, conj], exponents[signed]
            exponents[inner, groups, conj] = exponents.get((inner, groups, conj), Fraction(0)) + exponent


def _diagonal(factor: Factor) -> Node:
    """The diagonal, as a vector, of a matrix of which a product takes it; else the factor's tensor."""
    if factor.node.rank != 2 or len(set(factor.labels)) != 1 or len(factor.labels) != 2:
        return factor.node
    return contract(1, [Factor(factor.node, ((0,), (0,)))], ((0,),), {0: factor.node.shape[0]})


def base_and_exponent(node: Node) -> tuple[Node, Fraction]:
    """`(u, k)` for `u ** k`; only powers that merge: whole ones, or of positive u, or roots of u."""
    if isinstance(node, Apply) and node.primitive is power:
        exponent = node.parameters[0]
        assert isinstance(exponent, Fraction)
        base = node.arguments[0]
        if exponent.denominator == 1 or is_positive(base) or exponent.denominator == 2:
            return base, exponent
    return node, Fraction(1)


def _is_inner_product(node: Contract, base: Node, groups: Groups) -> bool:
    """Whether the labels are summed and nobody else carries them: then u² is u · u."""
    labels = {label for group in groups for label in group}
    others = [f for f in node.factors if (base_and_exponent(f.node)[0], f.groups) != (base, groups)]
    used = {label for f in others for label in f.labels}
    used |= {label for group in node.output for label in group}
    return used.isdisjoint(labels)


def _power_of_size(node: Apply) -> Node:
    """Even powers of norms and absolute values."""
    inner, exponent = node.arguments[0], node.parameters[0]
    assert isinstance(exponent, Fraction)
    if not isinstance(inner, Apply) or exponent.denominator != 1 or exponent.numerator % 2:
        return node
    argument = inner.arguments[0]
    if inner.primitive is absolute:
        return raise_to(argument, exponent)
    labels = list(range(argument.rank))
    if inner.primitive is norm and exponent == TWO:
        return real(product_of([(conjugate(argument), labels), (argument, labels)], labels[:-1]))
    if inner.primitive is modulus and exponent == TWO:
        return real(product_of([(conjugate(argument), labels), (argument, labels)], labels))
    return node
