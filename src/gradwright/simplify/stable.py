"""Forms that do not overflow: found in the expression, whoever wrote it.

log(1 + eˣ) = softplus(x)     1 / (1 + eˣ) = σ(−x)     eˣ / (1 + eˣ) = σ(x)
log Σ eˣ = logsumexp(x)       eˣ / Σ eˣ = softmax(x)   log softmax(x) = log_softmax(x)
log det(X) = logdet(X)        log(1 + x) = log1p(x)    eˣ − 1 = expm1(x)
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.core.build import ones, permute
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, scale
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add
from gradwright.prims.determinant import det, logdet
from gradwright.prims.exponential import exp, log, log1p
from gradwright.prims.power import power
from gradwright.prims.sigmoid import sigmoid, softplus
from gradwright.prims.softmax import along_axis, log_softmax, logsumexp, softmax


def stabilise(node: Node) -> Node:
    """Replace a form that overflows by the function that does not."""
    if isinstance(node, Apply):
        rewrite = _OF_PRIMITIVE.get(node.primitive.name)
        return rewrite(node) if rewrite is not None else node
    if isinstance(node, Contract):
        return _quotient(node)
    return node


def _is(node: Node, primitive: Primitive) -> bool:
    return isinstance(node, Apply) and node.primitive is primitive


def _argument(node: Node) -> Node:
    assert isinstance(node, Apply)
    return node.arguments[0]


def _logarithm(node: Apply) -> Node:
    inner = node.arguments[0]
    if _is(inner, det):
        return Apply(logdet, (), inner.arguments if isinstance(inner, Apply) else ())
    if _is(inner, exp) and inner.real:
        return _argument(inner)
    if _is(inner, sigmoid):
        return scale(-1, Apply(softplus, (), (scale(-1, _argument(inner)),)))
    if _is(inner, softmax):
        return Apply(log_softmax, (), (_argument(inner),))
    rest = _minus_one(inner)
    if rest is not None:
        return _log1p(Apply(log1p, (), (rest,)))
    exponent, axis = _sum_of_exponentials(inner)
    if exponent is not None:
        order = [place for place in range(exponent.rank) if place != axis] + [axis]
        return Apply(logsumexp, (), (permute(exponent, order),))
    return node


def _log1p(node: Apply) -> Node:
    inner = node.arguments[0]
    return Apply(softplus, (), (_argument(inner),)) if _is(inner, exp) and inner.real else node


def _exponential(node: Apply) -> Node:
    inner = node.arguments[0]
    if _is(inner, log):
        return _argument(inner)
    return Apply(softmax, (), (_argument(inner),)) if _is(inner, log_softmax) else node


def _power(node: Apply) -> Node:
    """`1 / (1 + eˣ)`, and its powers."""
    exponent = node.parameters[0]
    assert isinstance(exponent, Fraction)
    rest = _minus_one(node.arguments[0]) if exponent < 0 else None
    if rest is None or not _is(rest, exp) or not rest.real:
        return node
    base = Apply(sigmoid, (), (scale(-1, _argument(rest)),))
    return base if exponent == -1 else Apply(power, (-exponent,), (base,))


_OF_PRIMITIVE = {"log": _logarithm, "log1p": _log1p, "exp": _exponential, "power": _power}


def _minus_one(node: Node) -> Node | None:
    """`u` for `1 + u`."""
    if not isinstance(node, Add):
        return None
    one = ones(node.shape)
    rest = [term for term in node.terms if term != one]
    return add(rest) if len(rest) == len(node.terms) - 1 else None


def _sum_of_exponentials(node: Node) -> tuple[Node | None, int]:
    """`x` and the summed axis, for `Σ exp(x)` along one axis; all axes as one."""
    product = as_product(node)
    if len(product.factors) != 1 or product.coefficient != 1 or not isinstance(node, Contract):
        return None, 0
    factor = product.factors[0]
    if not _is(factor.node, exp) or not factor.node.real or factor.node.rank == 0:
        return None, 0
    kept = [group[0] for group in product.output if len(group) == 1]
    labels = list(factor.labels)
    if len(set(labels)) != len(labels) or len(kept) != len(product.output):
        return None, 0
    summed = [label for label in labels if label not in kept]
    exponent = _argument(factor.node)
    if not kept and exponent.rank > 1:
        flat = contract(1, [Factor(exponent, factor.groups)], (tuple(labels),), dict(enumerate(product.dims)))
        return flat, 0
    if len(summed) != 1 or [label for label in labels if label in kept] != kept:
        return None, 0
    return exponent, labels.index(summed[0])


def _quotient(node: Contract) -> Node:
    """`eˣ / Σ eˣ` along one axis, and `eˣ σ(−x) = σ(x)`."""
    for place, factor in enumerate(node.factors):
        if not _is(factor.node, exp) or not factor.node.real:
            continue
        for other_place, other in enumerate(node.factors):
            replacement = _matching_denominator(factor, other, node)
            if replacement is not None:
                factors = [f for p, f in enumerate(node.factors) if p != other_place]
                factors[place - (other_place < place)] = replacement
                return _quotient_again(node, factors)
    return node


def _quotient_again(node: Contract, factors: list[Factor]) -> Node:
    rebuilt = contract(node.coefficient, factors, node.output, dict(enumerate(node.dims)))
    return _quotient(rebuilt) if isinstance(rebuilt, Contract) else rebuilt


def _matching_denominator(factor: Factor, other: Factor, node: Contract) -> Factor | None:
    exponent = _argument(factor.node)
    if _is(other.node, sigmoid) and other.groups == factor.groups:
        if _argument(other.node) == scale(-1, exponent):
            return Factor(Apply(sigmoid, (), (exponent,)), factor.groups)
        return None
    if not _is(other.node, power) or not isinstance(other.node, Apply) or other.node.parameters[0] != -1:
        return None
    total, axis = _sum_of_exponentials(_argument(other.node))
    if total is None:
        return None
    if total == exponent:
        kept = tuple(group for place, group in enumerate(factor.groups) if place != axis)
        return Factor(along_axis(softmax, exponent, axis), factor.groups) if other.groups == kept else None
    return None
