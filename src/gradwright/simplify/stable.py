"""Forms that do not overflow: found in the expression, whoever wrote it.

log(1 + eˣ) = softplus(x)     1 / (1 + eˣ) = σ(−x)     eˣ / (1 + eˣ) = σ(x)
log Σ w eˣ = logsumexp(x + log w)   eˣ / Σ eˣ = softmax(x)   log softmax(x) = log_softmax(x)
log det(X) = logdet(X)        log|det(X)| = slogdet(X).logabsdet     log(1 + x) = log1p(x)
tr log(X) = logdet(X), for a positive definite X

Sums of exponentials entry by entry are in `simplify.exponentials`. `log(cosh(u))` stays, since its differential is
`tanh(u) du`: `simplify.accurate` writes it for numbers.
"""

from __future__ import annotations

from collections import Counter

from gradwright.core.build import ones
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, is_simple, scale, simple, subproduct, with_factors
from gradwright.core.inference import facts_of, is_positive
from gradwright.core.nodes import Add, Apply, Contract, Factor, Groups, Node, is_apply
from gradwright.core.sums import add, scaled
from gradwright.prims.determinant import det, logdet, slogdet
from gradwright.prims.exponential import exp, log, log1p
from gradwright.prims.logm import logm
from gradwright.prims.piecewise import absolute
from gradwright.prims.power import base_and_exponent, power, raise_to
from gradwright.prims.sigmoid import sigmoid, softplus
from gradwright.prims.softmax import along_axis, log_softmax, logsumexp, softmax
from gradwright.prims.trigonometric import cosh
from gradwright.simplify.exponentials import (
    exponential_of,
    fold_complements,
    is_of,
    log_of_number,
    log_of_pair,
    merge_exponentials,
    power_of_exponentials,
)


def stabilise(node: Node) -> Node:
    """Replace a form that overflows by the function that does not."""
    if isinstance(node, Apply):
        rewrite = _OF_PRIMITIVE.get(node.primitive)
        return rewrite(node) if rewrite is not None else node
    if isinstance(node, Contract):
        node = _with_log_determinants(node)
        merged = merge_exponentials(node) if isinstance(node, Contract) else node
        return _quotient(merged) if isinstance(merged, Contract) else merged
    return fold_complements(node) if isinstance(node, Add) else node


def _with_log_determinants(node: Contract) -> Node:
    """The trace of the logarithm of a positive definite matrix as its log-determinant."""
    labels = Counter(label for f in node.factors for label in f.labels) + Counter(node.free_labels)
    traces = [
        f
        for f in node.factors
        if is_apply(f.node, logm) and len({*f.labels}) == 1 and labels[f.labels[0]] == 2 and _is_spd(f)
    ]
    if not traces:
        return node
    factors = [Factor(Apply(logdet, (), f.node.children), ()) if f in traces else f for f in node.factors]
    return subproduct(node, factors, node.output, node.coefficient)


def _is_spd(logarithm: Factor) -> bool:
    return "spd" in facts_of(logarithm.node.children[0])


def _logarithm(node: Apply) -> Node:
    inner = node.arguments[0]
    if isinstance(inner, Apply):
        known = _log_of_function(inner)
        return node if known is None else known
    found = log_of_pair(inner)
    if found is not None:
        return found
    rest = _minus_one(inner)
    if rest is not None:
        return _log1p(Apply(log1p, (), (rest,)))
    if isinstance(inner, Contract):
        found = _log_of_product(inner)
    return node if found is None else found


def _log_of_function(inner: Apply) -> Node | None:
    """The logarithm of an application."""
    argument = inner.arguments[0]
    if is_apply(inner, det):
        return Apply(logdet, (), inner.arguments)
    if is_apply(inner, absolute) and is_apply(argument, det) and argument.real:
        return Apply(slogdet, (), argument.arguments, 1)
    if is_of(inner, exp):
        return argument
    if is_apply(inner, sigmoid):
        return scale(-1, Apply(softplus, (), (scaled(-1, argument),)))
    if is_apply(inner, softmax):
        return Apply(log_softmax, (), (argument,))
    if is_apply(inner, power) and is_positive(argument):
        return scale(base_and_exponent(inner)[1], _log_of(argument))
    return None


def _log_of(node: Node) -> Node:
    return _logarithm(Apply(log, (), (node,)))


def _log_of_product(inner: Contract) -> Node | None:
    """`log Σ w eˣ = logsumexp(x + log w)`, and without a sum the sum of the logarithms.

    It holds for positive factors, and is worth writing where one of them is an exponential or the like.
    """
    groups = (*inner.output, *(group for f in inner.factors for group in f.groups))
    proper = is_simple(groups) and all(len(set(f.labels)) == len(f.labels) for f in inner.factors)
    output = [group[0] for group in inner.output if group]
    if not proper or len(set(output)) != len(output) or inner.coefficient <= 0:
        return None
    if not all(f.node.real and is_positive(f.node) for f in inner.factors):
        return None
    if not any(is_apply(base_and_exponent(f.node)[0], exp, cosh, sigmoid, softmax) for f in inner.factors):
        return None
    summed = tuple(label for label in range(len(inner.dims)) if label not in output)
    inside = [f for f in inner.factors if set(f.labels) & set(summed)]
    logs = [_placed_log(f, inner.output, inner) for f in inner.factors if f not in inside]
    if inside:
        kept = tuple(label for label in output if any(label in f.labels for f in inside))
        total = add(_placed_log(f, simple((*kept, *summed)), inner) for f in inside)
        grouped = subproduct(inner, [Factor(total, simple((*kept, *summed)))], (*simple(kept), summed))
        logs.append(subproduct(inner, [Factor(Apply(logsumexp, (), (grouped,)), simple(kept))], inner.output))
    return add([*logs, log_of_number(inner.coefficient, inner)])


def _placed_log(factor: Factor, output: Groups, of: Contract) -> Node:
    return subproduct(of, [Factor(_log_of(factor.node), factor.groups)], output)


def _log1p(node: Apply) -> Node:
    inner = node.arguments[0]
    found = log_of_pair(add([ones(inner.shape), inner]))
    return node if found is None else found


def _exponential(node: Apply) -> Node:
    inner = node.arguments[0]
    if is_apply(inner, log):
        return inner.arguments[0]
    return Apply(softmax, (), inner.arguments) if is_apply(inner, log_softmax) else exponential_of(node)


_OF_PRIMITIVE = {log: _logarithm, log1p: _log1p, exp: _exponential, power: power_of_exponentials}


def _minus_one(node: Node) -> Node | None:
    """`u` for `1 + u`."""
    if not isinstance(node, Add):
        return None
    one = ones(node.shape)
    rest = [term for term in node.terms if term != one]
    return add(rest) if len(rest) == len(node.terms) - 1 else None


def _sum_of_exponentials(node: Node) -> tuple[Node | None, int]:
    """`x` and the summed axis, for `Σ exp(x)` along one axis; all axes as one, last axis fastest."""
    product = as_product(node)
    if len(product.factors) != 1 or product.coefficient != 1 or not isinstance(node, Contract):
        return None, 0
    factor = product.factors[0]
    if not is_apply(factor.node, exp) or not factor.node.real or factor.node.rank == 0:
        return None, 0
    kept = [group[0] for group in product.output if len(group) == 1]
    labels = list(factor.labels)
    if len(set(labels)) != len(labels) or len(kept) != len(product.output):
        return None, 0
    summed = [label for label in labels if label not in kept]
    (exponent,) = factor.node.children
    if not kept and exponent.rank > 1:
        flat = contract(1, [Factor(exponent, factor.groups)], (tuple(labels),), dict(enumerate(product.dims)))
        return flat, 0
    if len(summed) != 1 or [label for label in labels if label in kept] != kept:
        return None, 0
    return exponent, labels.index(summed[0])


def _quotient(node: Contract) -> Node:
    """`eˣ / Σ eˣ` along one axis, or over all."""
    for place, factor in enumerate(node.factors):
        if not is_of(factor.node, exp):
            continue
        for other_place, other in enumerate(node.factors):
            replacements = _over_its_sum(factor, other)
            if replacements is not None:
                factors = node.beside(other_place)
                factors[place - (other_place < place)] = replacements[0]
                return _quotient_again(node, [*factors, *replacements[1:]])
    return node


def _quotient_again(node: Contract, factors: list[Factor]) -> Node:
    rebuilt = with_factors(node, factors)
    return _quotient(rebuilt) if isinstance(rebuilt, Contract) else rebuilt


def _over_its_sum(factor: Factor, other: Factor) -> list[Factor] | None:
    """The softmax that an exponential is with one power of a denominator, and the powers that are left."""
    (exponent,) = factor.node.children
    denominator, times = base_and_exponent(other.node)
    if times > -1 or times.denominator != 1:
        return None
    total, axis = _sum_of_exponentials(denominator)
    if total is None:
        return None
    if total == exponent:
        kept = tuple(group for place, group in enumerate(factor.groups) if place != axis)
        found = Factor(along_axis(softmax, exponent, axis), factor.groups) if other.groups == kept else None
    else:
        found = _over_whole_sum(factor, total) if not other.groups else None
    left = [] if times == -1 else [Factor(raise_to(denominator, times + 1), other.groups)]
    return None if found is None else [found, *left]


def _over_whole_sum(factor: Factor, total: Node) -> Factor | None:
    """The softmax of all entries, where the sum runs over them all."""
    (exponent,) = factor.node.children
    labels = tuple(range(exponent.rank))
    flat = contract(1, [Factor(exponent, simple(labels))], (labels,), dict(enumerate(exponent.shape)))
    return Factor(Apply(softmax, (), (total,)), (factor.labels,)) if flat == total else None
