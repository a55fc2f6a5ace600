"""Comparisons that choose between values, in place of multiplying by zero what may be infinite.

`[x ≤ 0] ∘ exp(x) + [x > 0]` is `where(x > 0, 1, exp(x))`: where x is large, 0 times infinity is no number, and the
slope is 1. What a comparison multiplies becomes a choice between itself and 0 if it may be infinite, or no number,
where the comparison is 0: as it stands, on a diagonal (`diag([x > 0] / x)`), or in a sum (`Σ [x > 0] log(x)`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product

from gradwright.core.build import multiply, ones, zeros
from gradwright.core.connected import connected
from gradwright.core.contraction import ONE, simple, subproduct, with_factors
from gradwright.core.nodes import Add, Apply, Contract, Factor, Node, Selection, Shape, is_apply, relabelled
from gradwright.core.sums import add, coefficient_of, scaled, subtract, terms_of
from gradwright.core.walks import postorder, transform_all
from gradwright.prims.exponential import exp, expm1
from gradwright.prims.piecewise import greater, greater_equal, is_comparison, is_indicator, opposite, sign, where
from gradwright.prims.power import power
from gradwright.prims.trigonometric import cosh, sinh

OVERFLOWING = frozenset((exp, expm1, cosh, sinh))


def choose_branches(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Every sum of opposite cases, and every product with a comparison that may be 0 times infinity, as a choice."""
    if not any(map(is_comparison, postorder(*roots))):
        return roots
    return transform_all(transform_all(transform_all(roots, with_opposite), _of_cases), _of_product)


def choose_inside(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same for code that is differentiated: functions of what is not chosen are taken of ½, `f(where(c, u, ½))`.

    The derivative of a choice is 0 there, and 0 times that of `f` at u is no number if f has no value.
    """
    return transform_all(choose_branches(roots), _of_choice)


def _of_choice(node: Node) -> Node:
    if not is_apply(node, where):
        return node
    condition, first, second = node.arguments
    half = scaled(Fraction(1, 2), ones(node.shape))
    inside = _taken_of(first, lambda u: Apply(where, (), (condition, u, half)))
    return Apply(where, (), (condition, inside, _taken_of(second, lambda u: Apply(where, (), (condition, half, u)))))


def _taken_of(node: Node, chosen: Callable[[Node], Node]) -> Node:
    """A tensor with other arguments of those functions of its entries that may be infinite."""
    if isinstance(node, Add):
        return add([_taken_of(term, chosen) for term in node.terms])
    if isinstance(node, Contract) and node.output == simple(tuple(dict.fromkeys(node.free_labels))):
        aligned = [f.with_node(_taken_of(f.node, chosen)) if f.groups == node.output else f for f in node.factors]
        return with_factors(node, aligned)
    if (
        not isinstance(node, Apply)
        or not node.primitive.elementwise
        or any(a.shape != node.shape for a in node.children)
    ):
        return node
    inner = [_taken_of(argument, chosen) for argument in node.arguments]
    edges = _has_edges(node) and node.real
    return Apply(node.primitive, node.parameters, tuple(map(chosen, inner) if edges else inner), node.index)


def with_opposite(node: Node) -> Node:
    """`[x ≤ 1]` for `1 − [x > 1]`."""
    if not isinstance(node, Add) or len(node.terms) != 2:
        return node
    compared = next((t for t in node.terms if any(map(is_indicator, t.children)) and coefficient_of(t) == -1), None)
    if compared is None or ones(node.shape) not in node.terms:
        return node
    found = opposite(scaled(-1, compared))
    return node if found is None else found


def _of_cases(node: Node) -> Node:
    """A sum in which what holds by a comparison and what holds otherwise are one term."""
    terms = list(terms_of(node))
    cases = {place: found for place, term in enumerate(terms) if (found := list(_cases(term)))}
    for first, second in combinations(cases, 2):
        pairs = product(cases[first], cases[second])
        joined = next(filter(None, (_joined(*case, *other) for case, other in pairs)), None)
        if joined is not None:
            return _of_cases(add([*terms[:first], joined, *terms[first + 1 : second], *terms[second + 1 :]]))
    return node


def _joined(condition: Apply, first: Node, other: Apply, second: Node) -> Node | None:
    """`[c] a + [not c] b` as a choice, `([u > 0] + [u ≥ 0]) a` as `a + sign(u) a`; None of other pairs."""
    if other == opposite(condition):
        return _choice(condition, first, second)
    both = {condition.primitive, other.primitive} == {greater, greater_equal}
    # The difference from a number tells which is larger; that of two infinities does not.
    with_number = any(isinstance(a, Contract) and not a.factors for a in condition.arguments)
    if first != second or not both or condition.arguments != other.arguments or not with_number:
        return None
    return add([first, multiply(Apply(sign, (), (subtract(*condition.arguments),)), first)])


def with_entries_together(node: Contract) -> Contract:
    """`Σᵢ eᵢ [x > 0]ᵢ log(x)ᵢ` for `[x > 0]₀ log(x)₀`: the entries of a comparison and of what it may guard as one."""
    outside = set(node.free_labels)
    picks = {f.labels[0]: f for f in node.factors if _picks_entry(f) and outside.isdisjoint(f.labels)}
    for condition, other in product(filter(_is_case, node.factors), node.factors if picks else ()):
        same = {
            x: y
            for a, b in zip(other.groups, condition.groups, strict=False)
            if a != b
            for x, y in zip(a, b, strict=True)
        }
        if not same or other.node.shape != condition.node.shape or not picks.keys() >= {*same, *same.values()}:
            continue
        if all(picks[x].node == picks[y].node for x, y in same.items()):
            gone = [picks[x] for x in same]
            names = {label: same.get(label, label) for label in range(len(node.dims))}
            rest = [Factor(f.node, relabelled(f.groups, names), f.conj) for f in node.factors if f not in gone]
            joined = subproduct(node, rest, node.output, node.coefficient)
            return with_entries_together(joined) if isinstance(joined, Contract) else node
    return node


def _picks_entry(factor: Factor) -> bool:
    return isinstance(factor.node, Selection) and factor.node.part is None and len(factor.labels) == 1


def _of_product(node: Node) -> Node:
    """A product in which comparisons that may be 0 times infinity choose."""
    if not isinstance(node, Contract) or not _has_no_gaps(node):
        return node
    node = with_entries_together(node)
    for condition in filter(_is_case, node.factors):
        others = [f for f in node.factors if f is not condition]
        beside = _beside(condition, others, set(node.free_labels))
        inside = [f for f in beside if not _picks_entry(f) or f.labels[0] not in condition.labels]
        outside = [f for f in others if f not in inside]
        number = ONE if outside else node.coefficient
        chosen = subproduct(node, inside, condition.groups, number)
        if may_be_infinite(chosen, condition.node.shape):
            assert isinstance(condition.node, Apply)
            choice = _choice(condition.node, _of_product(chosen), zeros(chosen.shape))
            factors = [*outside, Factor(choice, condition.groups)]
            return _of_product(subproduct(node, factors, node.output, node.coefficient / number))
    return node


def _beside(condition: Factor, factors: Sequence[Factor], free: set[int]) -> list[Factor]:
    """The factors that only multiply the entries of a comparison: no other axis of the result is theirs."""
    own = set(condition.labels)
    parts = connected(factors, {label for f in factors for label in f.labels} - own)
    return [f for part in parts if all((free - own).isdisjoint(f.labels) for f in part) for f in part]


def _cases(term: Node) -> Iterator[tuple[Apply, Node]]:
    """The comparisons by which the entries of a term are there or not, and the term without each."""
    if isinstance(term, Apply) and is_comparison(term):
        yield term, ones(term.shape)
    if not isinstance(term, Contract) or not _has_no_gaps(term):
        return
    for factor in filter(_is_case, term.factors):
        if isinstance(factor.node, Apply) and factor.groups == term.output:
            yield factor.node, with_factors(term, [f for f in term.factors if f is not factor])


def _is_case(factor: Factor) -> bool:
    """Whether a factor is a comparison, with an axis of its own for each of the comparison's."""
    return is_comparison(factor.node) and factor.groups == simple(tuple(dict.fromkeys(factor.labels)))


def _has_no_gaps(term: Contract) -> bool:
    """Whether nothing in it divides by gaps between eigenvalues, of which comparisons tell which count."""
    return not any(isinstance(n, Apply) and n.primitive.gauge for n in postorder(term))


def may_be_infinite(node: Node, shape: Shape) -> bool:
    """Whether a function of entries in it overflows, or has no value everywhere."""
    return any(_has_edges(n) for n in postorder(node) if isinstance(n, Apply) and n.shape == shape)


def _has_edges(node: Apply) -> bool:
    if node.primitive is power:
        exponent = node.parameters[0]
        return not isinstance(exponent, Fraction) or exponent < 0 or exponent.denominator != 1
    return node.primitive in OVERFLOWING or (node.primitive.elementwise and bool(node.primitive.conditions))


def _choice(condition: Apply, first: Node, second: Node) -> Node:
    return Apply(where, (), (condition, first, second))
