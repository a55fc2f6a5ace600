"""Powers in products: equal bases on equal axes merge, and squares of norms become inner products.

x ∘ x⁻¹ = 1   u^a ∘ u^b = u^(a+b)   Σ u² = u · u   ‖x‖² = x · x   |x|² = x²   z z* / |z|² = 1   √2 √π = √(2 π)
√(x²) = |x|   (W H) ∘ (W H)⁻² = (W H)⁻¹   [x > 0] ∘ relu(x) = relu(x)   u^(a − 1) u = u^a   |x|^p sign(x)² = |x|^p
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction

from gradwright.core.build import number, product_of, spread
from gradwright.core.connected import connected
from gradwright.core.contraction import conjugate, contract, is_zero, scale, simple, split_coefficient, subproduct
from gradwright.core.dims import Dim
from gradwright.core.inference import is_nonnegative
from gradwright.core.nodes import Apply, Constant, Contract, Factor, Groups, Node, is_apply, labels_of
from gradwright.core.sums import add, terms_of, value_key
from gradwright.frozen import replace
from gradwright.prims.complex import real
from gradwright.prims.piecewise import COMPARISONS, absolute, absolute_value, equal, maximum, modulus, relu, sign
from gradwright.prims.power import base_and_exponent, power, raise_to, variable_power
from gradwright.prims.reductions import norm
from gradwright.simplify.broadcasts import repeated_number
from gradwright.simplify.relations import Relation, is_plain, matches

TWO = Fraction(2)
Exponents = dict[tuple[Node, Groups, bool], Fraction]


def merge_powers(node: Node) -> Node:
    """Merge the powers in a product, or open the power of a norm."""
    if is_apply(node, power):
        normal = raise_to(*base_and_exponent(node))
        if normal != node or not isinstance(normal, Apply):
            return normal
        return _power_of_product(_root_of_product(_power_of_size(_root_of_square(normal))))
    if not isinstance(node, Contract) or not node.coefficient:
        return node
    merged = _merged(node)
    return node if merged == list(node.factors) else subproduct(node, merged, node.output, node.coefficient)


def _power_of_product(node: Node) -> Node:
    """A whole power of a product is the product of the powers of what shares no sum: `(xᵀ x / n)⁻¹ = n (xᵀ x)⁻¹`."""
    inner, exponent = base_and_exponent(node)
    if exponent == 1 or not isinstance(inner, Contract) or exponent.denominator != 1 or not inner.coefficient:
        return node
    carried = inner.free_labels
    parts = connected(inner.factors, labels_of(inner.factors) - set(carried))
    if len(set(carried)) != len(carried) or [len(part) for part in parts] == [len(inner.factors)] != [1]:
        return _without_number(inner, exponent)
    factors = [_raised(part, exponent, carried, inner.dims) for part in parts]
    return subproduct(inner, factors, inner.output, inner.coefficient ** int(exponent))


def _root_of_product(node: Node) -> Node:
    """A root of a product with squares in it, beside what is not negative: `√(‖x‖² ‖y‖² / n) = ‖x‖ ‖y‖ / √n`."""
    inner, exponent = base_and_exponent(node)
    if exponent.denominator == 1 or not isinstance(inner, Contract) or inner.coefficient <= 0:
        return node
    carried = inner.free_labels
    parts = connected(inner.factors, labels_of(inner.factors) - set(carried))
    squares = [part for part in parts if _is_square(part, carried)]
    rest = [factor for part in parts if part not in squares for factor in part]
    plain_rest = subproduct(inner, rest, inner.output, inner.coefficient)
    if len(set(carried)) != len(carried) or not squares or len(squares) == len(parts) == 1 == inner.coefficient:
        return node
    if not is_nonnegative(plain_rest):
        return node
    factors = [_raised(part, exponent, carried, inner.dims) for part in squares]
    return subproduct(inner, [Factor(raise_to(plain_rest, exponent), inner.output), *factors], inner.output)


def _is_square(part: Sequence[Factor], carried: Sequence[int]) -> bool:
    """Whether factors are `u · u`, or the even power of a tensor that is read in full, of a real one."""
    first, second = part[0], part[-1]
    if len(part) == 2:
        return first == second and first.node.real and set(carried).isdisjoint(first.labels)
    base, exponent = base_and_exponent(first.node)
    return (
        len(part) == 1
        and base.real
        and exponent.denominator == 1
        and not exponent % 2
        and set(carried).issuperset(first.labels)
    )


def _raised(part: Sequence[Factor], exponent: Fraction, carried: Sequence[int], dims: Sequence[Dim]) -> Factor:
    """The power of the factors that share what is summed over; of one that is read in full, entry by entry."""
    labels = dict.fromkeys(label for f in part for label in f.labels)
    if len(part) == 1 and len(labels) == len(part[0].labels) and set(carried).issuperset(labels):
        return part[0].with_node(raise_to(part[0].node, exponent))
    kept = simple([label for label in labels if label in carried])
    return Factor(raise_to(contract(1, part, kept, {label: dims[label] for label in labels}), exponent), kept)


def _without_number(inner: Contract, exponent: Fraction) -> Node:
    """A power of a multiple: the number's power stands in front, `1 / (−tr A) = −1 / tr A`."""
    multiple, rest = split_coefficient(inner)
    return scale(multiple ** int(exponent), raise_to(rest, exponent))


def _merged(node: Contract) -> list[Factor]:
    exponents: Exponents = {}
    raised = {base_and_exponent(f.node)[0] for f in node.factors if f.node.rank == 1}
    for factor in _with_raised_products(node, _with_closed_numbers(node)):
        diagonal = _diagonal(factor)
        if diagonal in raised:
            factor = Factor(diagonal, factor.groups[:1], factor.conj)
        base, exponent = base_and_exponent(factor.node)
        for part in _constants(base) if exponent.denominator > 1 else (base,):
            key = part, factor.groups, factor.conj
            exponents[key] = exponents.get(key, Fraction(0)) + exponent
    _join_norms(exponents)
    _settle_signs(exponents)
    _cancel_sizes(exponents)
    _settle_indicators(exponents)
    _join_variable_powers(exponents)
    _join_constant_roots(exponents)
    merged: list[Factor] = []
    for (base, groups, conj), exponent in exponents.items():
        if exponent == 2 and base.rank and _is_inner_product(node, base, groups):
            merged += [Factor(base, groups, conj)] * 2
        else:
            merged.append(Factor(raise_to(base, exponent), groups, conj))
    return merged


def _with_closed_numbers(node: Contract) -> Sequence[Factor]:
    """The factors; those that make up a number by themselves as one, where it repeats or a power of it occurs.

    `Σx / (Σx)² = 1 / Σx`, `(xᵀ A x) (xᵀ A x) = (xᵀ A x)²` and `(x · x) / ‖x‖ = ‖x‖`.
    """
    outside = set(node.free_labels)
    parts = connected(node.factors)
    closed = [part for part in parts if part[0].node.rank and outside.isdisjoint(x for f in part for x in f.labels)]
    bases = dict.fromkeys(base_and_exponent(f.node)[0] for f in node.factors if not f.node.rank)
    if len(closed) + len(bases) < 2:
        return node.factors
    numbers = [subproduct(node, part, ()) for part in closed]
    keys = list(map(value_key, numbers))
    known: dict[Hashable, tuple[Node, int]] = {key: (value, 1) for value, key in zip(numbers, keys, strict=True)}
    repeated = {key for key, count in Counter(keys).items() if count > 1}
    for base in bases:
        squared = _power_of_size(Apply(power, (TWO,), (base,)))
        for whole, count in ((base, 1), (squared, 2)):
            if isinstance(whole, Contract):
                known[value_key(whole)] = base, count
                repeated.add(value_key(whole))
    merged: dict[Factor, list[Factor]] = {}
    for part, key in zip(closed, keys, strict=True):
        if key in repeated:
            base, count = known[key]
            merged.update({part[0]: [Factor(base, ())] * count, **{f: [] for f in part[1:] if f != part[0]}})
    # An entry may stand in a part twice: `x · x`.
    done: set[Factor] = set()
    found: list[Factor] = []
    for factor in node.factors:
        found += [factor] if factor not in merged else merged[factor] if factor not in done else []
        done.add(factor)
    return found


def _with_raised_products(node: Contract, factors: Sequence[Factor]) -> Sequence[Factor]:
    """The factors; those that make up a product of which a power stands on the same axes as one.

    `(W H) ∘ (W H)⁻² = (W H)⁻¹`, entry by entry, where `W H` is two of the factors.
    """
    for factor in factors:
        base = base_and_exponent(factor.node)[0]
        if base == factor.node or not base.rank or not isinstance(base, Contract) or not is_plain(base):
            continue
        for labels, used, conj in matches(node, Relation(base, base)):
            whole = Factor(base, simple([labels[label] for group in base.output for label in group]), conj)
            parts = [node.factors[place] for place in used]
            if whole.groups == factor.groups and conj == factor.conj and all(part in factors for part in parts):
                rest = list(factors)
                for part in parts:
                    rest.remove(part)
                left = replace(node, factors=tuple(rest))
                rest.insert(min(map(factors.index, parts)), whole)
                return _with_raised_products(left, rest)
    return factors


def _join_norms(exponents: Exponents) -> None:
    """`‖x‖⁻¹ (x · x)⁻¹ = ‖x‖⁻³`: beside a norm, powers of its square are powers of the norm."""
    for base, groups, conj in list(exponents):
        if not is_apply(base, norm):
            continue
        square = _inner_square(base.arguments[0])
        squared = {value_key(square), value_key(real(square))}
        for other in [key for key in exponents if key[1] == groups and value_key(key[0]) in squared]:
            exponents[base, groups, conj] += 2 * exponents.pop(other)


def _cancel_sizes(exponents: Exponents) -> None:
    """`z z* / |z|² = 1`, `z z* / |z| = |z|`, and `sign(x) / |x| = 1 / x`, `sign(x) x = |x|` as every odd power.

    Even powers are joined, `|x|³ / x² = |x|`.
    """
    for base, groups, conj in list(exponents):
        exponent = exponents.get((base, groups, conj), Fraction(0))  # none where it has been joined with another
        if not isinstance(base, Apply) or not exponent or exponent.denominator > 1:
            continue
        inner = base.arguments[0]
        if base.primitive is sign and exponent == 1 and exponents.get((inner, groups, conj), 0) % 2 == 1:
            del exponents[base, groups, conj]
            size = Apply(absolute, (), (inner,)), groups, conj
            exponents[size] = exponents.get(size, Fraction(0)) + exponents.pop((inner, groups, conj))
        if base.primitive is modulus and exponent < 0:
            pair = [(inner, groups, flag) for flag in (False, True)]
            count = max(min(*(int(exponents.get(key, 0)) for key in pair), int((1 - exponent) / 2)), 0)
            exponents[base, groups, conj] += 2 * count
            exponents.update({key: exponents[key] - count for key in pair if count})
        if base.primitive is not absolute or not exponent % 2:
            continue
        if exponents.get((inner, groups, conj), 1) % 2 == 0:
            exponent = exponents[base, groups, conj] = exponent + exponents.pop((inner, groups, conj))
        signed = Apply(sign, (), (inner,), 0), groups, conj
        if exponents.get(signed) == 1:
            del exponents[base, groups, conj], exponents[signed]
            exponents[inner, groups, conj] = exponents.get((inner, groups, conj), Fraction(0)) + exponent


def _settle_signs(exponents: Exponents) -> None:
    """`sign(x)³ = sign(x)`, and beside a power of x or of its size `|x|^p sign(x)² = |x|^p`."""
    for (base, groups, conj), exponent in list(exponents.items()):
        if not is_apply(base, sign) or exponent < 2 or exponent.denominator > 1:
            continue
        inner = base.arguments[0]
        beside = {_powered(node) for node, *axes in exponents if axes == [groups, conj]}
        odd = exponent % 2
        vanishes = not beside.isdisjoint((inner, absolute_value(inner)))
        exponents[base, groups, conj] = odd if odd or vanishes else TWO


def _powered(node: Node) -> Node:
    """What a variable power is one of."""
    return node.arguments[0] if is_apply(node, variable_power) else node


def _settle_indicators(exponents: Exponents) -> None:
    """`[u > v]² = [u > v]`, `[u > 0] relu(u) = relu(u)` and `([u > 0] + [u ≥ 0]) max(u, 0) = 2 max(u, 0)`."""
    for (base, groups, conj), exponent in list(exponents.items()):
        indicators = [f for f in terms_of(base) if is_apply(f, *COMPARISONS)]
        if exponent <= 0 or exponent.denominator > 1 or len(indicators) < len(terms_of(base)):
            continue
        if len(indicators) == 1:
            exponents[base, groups, conj] = exponent = Fraction(1)
        compared = {() if f.primitive is equal else f.arguments for f in indicators}
        rectified = _rectified(*compared.pop()) if len(compared) == 1 else ()
        if any(exponents.get((node, groups, conj), 0) > 0 for node in rectified):
            del exponents[base, groups, conj]
            value = number(len(indicators) ** int(exponent)), (), False
            exponents[value] = exponents.get(value, Fraction(0)) + 1


def _join_variable_powers(exponents: Exponents) -> None:
    """`u^(a − 1) u = u^a` and `u^a / u = u^(a − 1)`."""
    for (base, groups, conj), exponent in list(exponents.items()):
        if not is_apply(base, variable_power) or exponent != 1:
            continue
        raised, given = base.arguments
        same = repeated_number(given)
        times = given if same is None else same
        whole = exponents.get((raised, groups, conj), Fraction(0))
        joined = add([times, spread(number(whole), times.shape)])
        shorter = whole < 0 or len(terms_of(joined)) < len(terms_of(times))
        if whole and whole.denominator == 1 and shorter:
            del exponents[base, groups, conj], exponents[raised, groups, conj]
            power_of = Apply(variable_power, (), (raised, spread(joined, given.shape)))
            exponents[power_of, groups, conj] = exponents.get((power_of, groups, conj), Fraction(0)) + 1


def _rectified(*compared: Node) -> tuple[Node, ...]:
    """What is zero where a number is not larger than zero: its positive part."""
    if not compared or not is_zero(compared[1]):
        return ()
    larger, smaller = compared
    both = (larger, smaller), (smaller, larger)
    return Apply(relu, (), (larger,)), *(Apply(maximum, (), arguments) for arguments in both)


def _join_constant_roots(exponents: Exponents) -> None:
    """`√2 √π = √(2 π)`: constants under equal roots, which a product takes apart first."""
    roots = [(key, e) for key, e in exponents.items() if e.denominator > 1 and _is_constant(key[0])]
    for size in dict.fromkeys(abs(exponent) for _, exponent in roots):
        equal = [(key, exponent) for key, exponent in roots if abs(exponent) == size]
        if len(equal) < 2:
            continue
        shared = size if any(exponent > 0 for _, exponent in equal) else -size
        parts = [Factor(raise_to(key[0], exponents.pop(key) / shared), ()) for key, _ in equal]
        exponents[contract(1, parts, (), {}), (), False] = shared


def _constants(base: Node) -> tuple[Node, ...]:
    """The number and the constants of a product of them; else the node itself."""
    if not isinstance(base, Contract) or not _is_constant(base) or base.coefficient <= 0:
        return (base,)
    number = contract(base.coefficient, (), (), {})
    return (*([number] if base.coefficient != 1 else []), *(factor.node for factor in base.factors))


def _is_constant(node: Node) -> bool:
    """Whether a node is a positive number, π, or a product of powers of them."""
    match node:
        case Constant(name="pi"):
            return True
        case Contract(output=()):
            return node.coefficient > 0 and all(_is_constant(factor.node) for factor in node.factors)
        case Apply():
            return node.primitive is power and _is_constant(node.arguments[0])
        case _:
            return False


def _diagonal(factor: Factor) -> Node:
    """The diagonal, as a vector, of a matrix of which a product takes it; else the factor's tensor."""
    if factor.node.rank != 2 or len(set(factor.labels)) != 1 or len(factor.labels) != 2:
        return factor.node
    return contract(1, [Factor(factor.node, ((0,), (0,)))], ((0,),), {0: factor.node.shape[0]})


def _is_inner_product(node: Contract, base: Node, groups: Groups) -> bool:
    """Whether the labels are summed and nobody else carries them: then u² is u · u."""
    labels = {label for group in groups for label in group}
    others = [f for f in node.factors if (base_and_exponent(f.node)[0], f.groups) != (base, groups)]
    used = labels_of(others)
    used |= set(node.free_labels)
    return used.isdisjoint(labels)


def _root_of_square(node: Apply) -> Node:
    """`√(x²) = |x|` for a real x, which has digits where the square underflows."""
    inner, exponent = base_and_exponent(node)
    base, squared = base_and_exponent(inner)
    even = base.real and squared.denominator == 1 and not squared % 2
    return raise_to(Apply(absolute, (), (base,)), squared * exponent) if even else node


def _power_of_size(node: Node) -> Node:
    """Even powers of norms and absolute values."""
    inner, exponent = base_and_exponent(node)
    if not isinstance(inner, Apply) or exponent.denominator != 1 or exponent.numerator % 2:
        return node
    argument = inner.arguments[0]
    if inner.primitive is absolute:
        return raise_to(argument, exponent)
    if inner.primitive is norm:
        return raise_to(real(_inner_square(argument)), exponent / 2)
    labels = list(range(argument.rank))
    if inner.primitive is modulus and exponent == TWO:
        return real(product_of([(conjugate(argument), labels), (argument, labels)], labels))
    return node


def _inner_square(node: Node) -> Node:
    """`zᴴ z`, along the last axis."""
    labels = list(range(node.rank))
    return product_of([(conjugate(node), labels), (node, labels)], labels[:-1])
