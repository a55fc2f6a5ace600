"""Sums of exponentials, entry by entry, whose logarithms and reciprocals do not overflow.

For a sum Σ wᵢ exp(eᵢ) with positive wᵢ, written with sinh, cosh and constants or not:

    log(eᵃ + eᵇ) = a + softplus(b − a)            1 / (1 + eᵃ) = σ(−a)
    (eᵃ + eᵇ)⁻ᵏ  = exp(−k log(eᵃ + eᵇ))           eᵃ / (eᵃ + eᵇ) = σ(a − b)

and of a difference eᵃ / (eᵃ − eᵇ) = 1 / (1 − eᵇ⁻ᵃ), which does not overflow either. Derivations write so what has two
exponentials: longer sums, as 1 + cosh(u), stay for a reader, and `simplify.long_sums` writes them for numbers.

Numerators meet their denominators in `merge_exponentials`, and what is one minus one of these
functions becomes the function of the opposite argument in `fold_complements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from gradwright.core.build import multiply, number, ones, spread
from gradwright.core.canonical import as_product
from gradwright.core.contraction import (
    contract,
    is_simple,
    is_zero,
    scale,
    split_coefficient,
    with_factor,
    with_factors,
    zero,
)
from gradwright.core.inference import is_positive
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.sums import add, factor_count, scaled, subtract, terms_of
from gradwright.core.walks import written_size
from gradwright.prims.exponential import exp, log
from gradwright.prims.power import base_and_exponent, raise_to
from gradwright.prims.sigmoid import sigmoid, softplus
from gradwright.prims.trigonometric import cosh, sinh, tanh
from gradwright.simplify.expansion import expand

Exponential = tuple[Fraction, Node]
HALF = Fraction(1, 2)
PAIR = 2
LONGEST_DISTRIBUTED = 4
LONGEST_SUM = 300  # nodes of a sum that is multiplied out to see whether it gets shorter


def is_of(node: Node, *primitives: Primitive) -> bool:
    """Whether a node is an application of one of some primitives to real arguments."""
    return is_apply(node, *primitives) and node.arguments[0].real


def exponential_sum(node: Node) -> list[Exponential] | None:
    """The coefficients and exponents of a sum of exponentials and constants; None for anything else.

    What is positive counts as the exponential of its logarithm, but not alone.
    """
    varying = [t for t in terms_of(node) if any(_is_exponential(f.node) for f in as_product(t).factors)]
    weight = add([zero(node.shape), *(term for term in terms_of(node) if term not in varying)])
    is_number = not as_product(weight).factors
    if not varying or not (is_number or (weight.real and is_positive(weight))):
        return None
    found = {zero(node.shape): as_product(weight).coefficient} if is_number else {_log(weight): Fraction(1)}
    for term in varying:
        parts = _exponentials(as_product(term))
        if parts is None:
            return None
        for coefficient, exponent in parts:
            found[exponent] = found.get(exponent, Fraction(0)) + coefficient
    return [(coefficient, exponent) for exponent, coefficient in found.items() if coefficient]


def _is_exponential(node: Node) -> bool:
    return is_of(node, exp, sinh, cosh)


def _is_weight(node: Node) -> bool:
    """Whether a factor is positive, and no exponential in disguise."""
    return node.real and is_positive(node) and not _is_exponential(node)


def _log(node: Node) -> Node:
    return Apply(log, (), (node,))


def _exponentials(term: Contract) -> list[Exponential] | None:
    """A term without sums over labels, all of whose factors are exponentials or positive; or one sinh or cosh."""
    carried = term.free_labels
    plain_output = len(set(carried)) == len(carried) and is_simple(term.output)
    if not plain_output or not term.coefficient or not term.real:
        return None
    if any(label not in carried for f in term.factors for label in f.labels):
        return None
    if all(is_of(f.node, exp) or _is_weight(f.node) for f in term.factors):
        return [(term.coefficient, add([zero(term.shape), *(_placed_exponent(f, term) for f in term.factors)]))]
    if len(term.factors) == 1 and is_of(term.factors[0].node, cosh, sinh):
        exponent = _placed_exponent(term.factors[0], term)
        sign = 1 if is_of(term.factors[0].node, cosh) else -1
        return [(HALF * term.coefficient, exponent), (HALF * sign * term.coefficient, scaled(-1, exponent))]
    return None


def _placed_exponent(factor: Factor, term: Contract) -> Node:
    """The argument of an exponential, or the logarithm of what is positive, spread as the factor is."""
    node = factor.node
    return _placed(node.children[0] if _is_exponential(node) else _log(node), factor, term)


def _placed(node: Node, like: Factor, term: Contract) -> Node:
    """A node spread as a factor of a term is."""
    return with_factors(term, [Factor(node, like.groups)], 1)


def _is_positive_sum(terms: Sequence[Exponential] | None) -> bool:
    return terms is not None and len(terms) > 1 and all(coefficient > 0 for coefficient, _ in terms)


def _constant_first(terms: Sequence[Exponential]) -> list[Exponential]:
    return sorted(terms, key=lambda term: (not is_zero(term[1]), not _is_logarithm(term[1])))


def _is_logarithm(exponent: Node) -> bool:
    """Whether an exponent is zero, or a sum of logarithms, so that its exponential is nothing new."""
    return is_zero(exponent) or _logarithms(exponent) is not None


def _logarithms(exponent: Node) -> list[tuple[Fraction, Factor, Contract]] | None:
    """The logarithms in an exponent, each with its number and its term, if it is a sum of such; else None."""
    terms = [as_product(term) for term in terms_of(exponent)]
    if not all(len(t.factors) == 1 and is_of(t.factors[0].node, log) and _whole_argument(t) for t in terms):
        return None
    return [(term.coefficient, term.factors[0], term) for term in terms]


def _exponential_of_logarithms(exponent: Node) -> list[Node] | None:
    """`exp(Σ q log(u))` as powers of u; None for other exponents."""
    found = [] if is_zero(exponent) else _logarithms(exponent)
    if found is None:
        return None
    return [_placed(raise_to(factor.node.children[0], times), factor, term) for times, factor, term in found]


def log_of_number(value: Fraction, node: Node) -> Node:
    """`log(c)`, in the shape of a node; of a fraction 1 / c as `−log(c)`."""
    if value == 1:
        return zero(node.shape)
    turned = value.numerator == 1
    logarithm = spread(Apply(log, (), (number(1 / value if turned else value),)), node.shape)
    return scaled(-1, logarithm) if turned else logarithm


def log_of_exponentials(node: Node) -> Node | None:
    """`log Σ wᵢ exp(eᵢ)`, adding one term at a time; None if the node is no such sum."""
    terms = exponential_sum(node)
    if terms is None or not _is_positive_sum(terms):
        return None
    (first, total), *rest = _constant_first(terms)
    for coefficient, exponent in rest:
        gap = add([exponent, log_of_number(coefficient / first, node), scaled(-1, total)])
        total = add([total, Apply(softplus, (), (gap,))])
    return add([total, log_of_number(first, node)])


def log_of_pair(node: Node) -> Node | None:
    """`log(v eᵃ + w eᵇ)`; None for other sums, and for `cosh(u)`, since its differential is `tanh(u) du`."""
    terms = exponential_sum(node)
    if terms is None or len(terms) > PAIR or is_of(split_coefficient(node)[1], cosh):
        return None
    return log_of_exponentials(node)


def over_exponential(terms: Sequence[Exponential], exponent: Node) -> Node:
    """A sum of exponentials divided by one of them."""
    return add(scaled(number, _exponential(subtract(other, exponent))) for number, other in terms)


def _exponential(exponent: Node) -> Node:
    return ones(exponent.shape) if is_zero(exponent) else Apply(exp, (), (exponent,))


def power_of_exponentials(node: Apply) -> Node:
    """A negative power of a sum of two exponentials, and any power of one exponential."""
    base, exponent = base_and_exponent(node)
    if is_of(base, exp):
        assert isinstance(base, Apply)
        return Apply(exp, (), (scaled(exponent, base.arguments[0]),))
    terms = exponential_sum(base) if exponent < 0 and isinstance(base, Add) else None
    if terms is None or len(terms) > PAIR or not _is_positive_sum(terms):
        return node
    (first, start), (second, end) = _constant_first(terms)
    constant = _exponential_of_logarithms(start)
    if constant is not None and exponent.denominator == 1:
        gap = add([end, log_of_number(second / first, base), scaled(-1, start)])
        logistic = raise_to(Apply(sigmoid, (), (scaled(-1, gap),)), -exponent)
        weights = [raise_to(weight, exponent) for weight in constant]
        return scale(first ** int(exponent), reduce(multiply, weights, logistic))
    logarithm = log_of_exponentials(base)
    assert logarithm is not None
    return Apply(exp, (), (scaled(exponent, logarithm),))


def exponential_of(node: Apply) -> Node:
    """`exp(−softplus(u)) = σ(−u)`."""
    if not node.real:
        return node
    product = as_product(node.arguments[0])
    if product.coefficient != -1 or len(product.factors) != 1 or not is_of(product.factors[0].node, softplus):
        return node
    argument = _whole_argument(product)
    return node if argument is None else Apply(sigmoid, (), (scaled(-1, argument),))


def merge_exponentials(node: Contract) -> Node:
    """Exponentials on the same axes become one, and meet the logistic functions that they stand over."""
    if not any(_may_merge(factor.node) for factor in node.factors):
        return node
    for place, factor in enumerate(node.factors):
        for other_place in range(place + 1, len(node.factors)):
            other = node.factors[other_place]
            if factor.groups != other.groups:
                continue
            merged = _product(factor.node, other.node) or _product(other.node, factor.node)
            if merged is not None:
                rest = node.beside(place, other_place)
                new = [Factor(part, factor.groups) for part in merged]
                factors = [*rest[:place], *new, *rest[place:]]
                rebuilt = with_factors(node, factors)
                return merge_exponentials(rebuilt) if isinstance(rebuilt, Contract) else rebuilt
    return node


def _may_merge(node: Node) -> bool:
    """Whether a factor is an exponential or a sum, or a power of a hyperbolic sine or cosine."""
    base, _ = _base_and_whole_exponent(node)
    return isinstance(node, Add) or is_of(node, exp) or is_of(base, sinh, cosh)


def _product(left: Node, right: Node) -> list[Node] | None:
    """The product of two factors in fewer or safer ones: `eᵃ eᵇ`, `e²ᵃ σ(−a)²`, `sinh / cosh`, `(eᵃ − eᵇ) σ`."""
    base, exponent = _base_and_whole_exponent(right)
    if is_of(left, exp) and is_of(right, exp):
        assert isinstance(left, Apply) and isinstance(right, Apply)
        return [_exponential(add([left.arguments[0], right.arguments[0]]))]
    if is_of(left, exp) and is_of(base, sigmoid) and exponent > 0:
        return _times_logistic(left.children[0], base, int(exponent))
    if is_of(left, exp) and isinstance(base, Add) and exponent < 0:
        return _over_difference(left.children[0], base, -int(exponent))
    over, upper = _base_and_whole_exponent(left)
    for above, below, sign in ((sinh, cosh, 1), (cosh, sinh, -1)):
        quotient = is_of(over, above) and is_of(base, below) and upper > 0 > exponent
        if quotient and over.children == base.children:
            both = min(upper, -exponent)
            ratio = raise_to(Apply(tanh, (), (over.children[0],)), sign * both)
            return [ratio, *_power(over, upper - both), *_power(base, exponent + both)]
    if isinstance(left, Add) and (is_of(right, exp) or (is_of(base, sigmoid) and exponent > 0)):
        return _distributed(left, right)
    return None


def _times_logistic(exponent: Node, logistic: Node, times: int) -> list[Node] | None:
    """`exp(−j a) σ(a)ᵏ = σ(−a)ʲ σ(a)ᵏ⁻ʲ` for 0 < j ≤ k, `σ(−a)ᵏ exp(−(j − k) a)` for j > k; None otherwise."""
    argument = logistic.children[0]
    opposite = Apply(sigmoid, (), (scaled(-1, argument),))
    for j in _multiples(exponent, argument):
        constant = _exponential_of_logarithms(add([exponent, scaled(j, argument)]))
        if constant is not None and j <= times:
            return [*constant, raise_to(opposite, j), *_power(logistic, times - j)]
        if constant is not None:
            left = terms_of(add([exponent, scaled(times, argument)]))
            logarithms = [term for term in left if _is_logarithm(term)]
            constant = _exponential_of_logarithms(add([zero(exponent.shape), *logarithms]))
            rest = add(term for term in left if term not in logarithms)
            return [*(constant or []), raise_to(opposite, Fraction(times)), _exponential(rest)]
    return None


def _multiples(exponent: Node, argument: Node) -> list[Fraction]:
    """The numbers j > 0 for which a term of the exponent is −j times one of the argument."""
    numbers = {rest: number for number, rest in map(split_coefficient, terms_of(argument))}
    ratios = [-own / numbers[rest] for own, rest in map(split_coefficient, terms_of(exponent)) if rest in numbers]
    return [j for j in dict.fromkeys(ratios) if j > 0]


def _over_difference(exponent: Node, difference: Add, times: int) -> list[Node] | None:
    """`exp(j a) / (eᵃ − eᵇ)ᵏ` with j of the differences over eᵃ, for 0 < j ≤ k; None for other exponents."""
    terms = exponential_sum(difference) if _is_unweighted(difference) else None
    if terms is None or len(terms) != 2:
        return None
    for term in terms:
        for j in range(1, times + 1):
            if not is_zero(term[1]) and is_zero(subtract(exponent, scaled(j, term[1]))):
                over = over_exponential(terms, term[1])
                return [raise_to(over, Fraction(-j)), *_power(difference, Fraction(j - times))]
    return None


def _is_unweighted(total: Add) -> bool:
    """Whether a sum has exponentials, and numbers, alone."""
    return exponential_sum(total) is not None and all(
        _is_exponential(f.node) for term in total.terms for f in as_product(term).factors
    )


def _distributed(total: Add, factor: Node) -> list[Node] | None:
    """A short sum with exponentials is multiplied out where the other factor tames them."""
    if len(total.terms) > LONGEST_DISTRIBUTED or not _is_unweighted(total):
        return None
    labels = tuple((label,) for label in range(total.rank))
    dims = dict(enumerate(total.shape))
    products = [contract(1, [Factor(t, labels), Factor(factor, labels)], labels, dims) for t in total.terms]
    return [add(merge_exponentials(p) if isinstance(p, Contract) else p for p in products)]


def _base_and_whole_exponent(node: Node) -> tuple[Node, Fraction]:
    base, exponent = base_and_exponent(node)
    return (base, exponent) if exponent.denominator == 1 else (node, Fraction(1))


def _power(base: Node, exponent: Fraction) -> list[Node]:
    return [raise_to(base, exponent)] if exponent else []


def fold_complements(node: Add) -> Node:
    """`y − y σ(u) = y σ(−u)`, `y − 2 y σ(u) = −y tanh(u/2)`, `u − softplus(u) = −softplus(−u)`.

    Of two functions: `2 y σ(u) − y tanh(u/2) = y`. Of two opposite arguments: `y σ(−u) − (1 − y) σ(u) = y − σ(u)`.
    """
    joined = _with_opposites_joined(node)
    if joined != node:
        return joined
    for term in node.terms:
        product = as_product(term)
        for place, factor in enumerate(product.factors):
            folded = _fold_logistic(node, term, place) if is_of(factor.node, sigmoid) else None
            if folded is not None:
                return folded
        if len(product.factors) == 1 and is_of(product.factors[0].node, softplus):
            folded = _fold_softplus(node, term, product)
            if folded is not None:
                return folded
    return node


def _fold_logistic(node: Add, term: Node, place: int) -> Node | None:
    """A term with a factor σ(u) and one beside it as one: without σ(u), or with tanh(u/2) in its place."""
    product = as_product(term)
    logistic = product.factors[place].node
    assert isinstance(logistic, Apply)
    argument = logistic.arguments[0]
    rest = with_factors(product, (*product.factors[:place], *product.factors[place + 1 :]))
    sign = -1 if split_coefficient(terms_of(argument)[0])[0] < 0 else 1
    opposite = with_factor(product, place, Apply(sigmoid, (), (scaled(-1, argument),)))
    odd = scaled(sign * HALF, with_factor(product, place, Apply(tanh, (), (scaled(sign * HALF, argument),))))
    sums = ((scaled(-1, rest), scaled(-1, opposite)), (scaled(-HALF, rest), odd), (scaled(-1, odd), scaled(HALF, rest)))
    for beside, total in sums:
        if beside in node.terms:
            return add([*(t for t in node.terms if t not in (term, beside)), total])
    return None


def _fold_softplus(node: Add, term: Node, product: Contract) -> Node | None:
    argument = _whole_argument(product)
    if argument is None or is_zero(argument):
        return None
    others = add(t for t in node.terms if t != term)
    left = subtract(others, scaled(-product.coefficient, argument))
    remaining = 0 if is_zero(left) else len(terms_of(left))
    if remaining + len(terms_of(argument)) != len(node.terms) - 1:
        return None
    return add([left, scaled(product.coefficient, Apply(softplus, (), (scaled(-1, argument),)))])


def _whole_argument(product: Contract) -> Node | None:
    """The argument of the only factor, placed in the shape of the term; None if that is a sum or a diagonal of it."""
    carried = product.free_labels
    if len(set(carried)) != len(carried) or any(x not in carried for x in product.factors[0].labels):
        return None
    factor = product.factors[0]
    return _placed(factor.node.children[0], factor, product)


def _with_opposites_joined(node: Add) -> Node:
    """σ(−u) as 1 − σ(u), or the other way round, where both stand in a sum that is shorter then."""
    factors = [factor.node for term in node.terms for factor in as_product(term).factors]
    logistic = dict.fromkeys(factor for factor in factors if is_of(factor, sigmoid))
    if len(logistic) < 2 or written_size(node) > LONGEST_SUM:
        return node
    forms: list[Node] = [node]
    for function in logistic:
        assert isinstance(function, Apply)
        opposite = Apply(sigmoid, (), (scaled(-1, function.arguments[0]),))
        if opposite in logistic:
            complement = subtract(ones(function.shape), function)
            forms.append(expand(add(_with_factor(term, opposite, complement) for term in node.terms), lambda _: True))
    return min(forms, key=factor_count)


def _with_factor(term: Node, old: Node, new: Node) -> Node:
    """A term with one factor in the place of another."""
    product = as_product(term)
    factors = [f.with_node(new) if f.node == old else f for f in product.factors]
    return with_factors(product, factors)
