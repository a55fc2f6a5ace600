"""What holds for every pattern of signs that numbers can have: `max(a, max(b, c)) = max(max(a, b), c)`.

For a fixed pattern every sign is 1 or −1, the inner ones first, and what is left has none. Patterns that no numbers
have, such as a > b, b > c and c > a, do not count: the inequalities, linear in whatever is not a sum, contradict one
another by the elimination of Fourier and Motzkin. What is not a sum is taken for any number there, or any positive one,
so that a contradiction is one for the numbers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product

from gradwright.core.build import ones
from gradwright.core.canonical import as_product
from gradwright.core.contraction import is_zero, split_coefficient
from gradwright.core.inference import is_nonnegative, is_positive
from gradwright.core.nodes import Add, Apply, Contract, Node, Symbol, is_apply
from gradwright.core.sums import scaled, terms_of
from gradwright.core.walks import postorder, substitute
from gradwright.prims.piecewise import sign
from gradwright.simplify.expansion import expand

MOST_PATTERNS = 256
MOST_INEQUALITIES = 400

Roots = tuple[Node, Node]
Inequality = tuple[Mapping[Node, Fraction], bool]
"""A linear form that is positive, or at least not negative; and whether it is positive."""


class TooMany(Exception):
    """There are too many patterns to look at."""


def holds_for_all_signs(roots: Roots, compare: Callable[[Node, Node], bool]) -> bool:
    """Whether two sides are equal for every pattern of signs; false if that is not found.

    Args:
        roots: the sides, definitions put in.
        compare: whether two sides without signs are equal.
    """
    if not all(map(_is_entry_by_entry, roots)):
        return False
    found: list[Roots] = []
    try:
        _collect_patterns(roots, (), found)
    except TooMany:
        return False
    return bool(found) and all(left == right or compare(left, right) for left, right in dict.fromkeys(found))


def _collect_patterns(roots: Roots, known: tuple[Inequality, ...], found: list[Roots]) -> None:
    """The sides for every pattern that does not contradict what is known."""
    first = next((node for node in postorder(*roots) if is_apply(node, sign)), None)
    if first is None:
        found.append(roots)
        if len(found) > MOST_PATTERNS:
            raise TooMany
        return
    argument = expand(first.children[0], lambda _: True)
    for value in _values(argument):
        forms = _inequalities(argument, value)
        if _is_possible([*known, *forms]):
            left, right = (substitute(root, {first: scaled(value, ones(first.shape))}) for root in roots)
            _collect_patterns((left, right), (*known, *forms), found)


def _values(argument: Node) -> tuple[int, ...]:
    """The signs that are possible away from boundaries: what is no sum of variables may be zero without being seen."""
    if is_zero(argument):
        return (0,)
    rests = [as_product(split_coefficient(term)[1]) for term in terms_of(argument)]
    variables = [factor.node for rest in rests for factor in rest.factors]
    once = len(set(variables)) == len(variables)  # as in no `xᵢ − xⱼ`, which has a diagonal
    return (1, -1) if once and all(map(_is_variable, rests)) else (1, -1, 0)


def _is_variable(term: Contract) -> bool:
    """Whether a term is a number, or a variable whose entries may be any numbers, spread or not."""
    free = (isinstance(f.node, Symbol) and (f.node.rank < 2 or not f.node.facts) for f in term.factors)
    return len(term.factors) < 2 and len(set(term.output)) == len(term.output) and all(free)


def _is_entry_by_entry(root: Node) -> bool:
    """Whether an entry of the result has to do with the same entry of signs alone, so that one pattern is for all."""
    signed: set[Node] = {node for node in postorder(root) if is_apply(node, sign) and node.rank}
    for node in postorder(root):
        if signed.isdisjoint(node.children):
            continue
        signed.add(node)
        if isinstance(node, Contract):
            if any(f.node in signed and f.groups != node.output for f in node.factors):
                return False
        elif not isinstance(node, Add) and not (isinstance(node, Apply) and node.primitive.elementwise):
            return False
    return True


def _inequalities(form: Node, value: int) -> list[Inequality]:
    """That a sum which is multiplied out has a sign, and what is known of the parts of its terms."""
    coefficients: dict[Node, Fraction] = {}
    for term in terms_of(form):
        number, rest = split_coefficient(term)
        coefficients[rest] = coefficients.get(rest, Fraction(0)) + number
    own = [({rest: Fraction(1)}, is_positive(rest)) for rest in coefficients if is_nonnegative(rest)]
    sides = (value,) if value else (1, -1)
    return [*(({rest: side * c for rest, c in coefficients.items()}, bool(value)) for side in sides), *own]


def _is_possible(inequalities: Sequence[Inequality]) -> bool:
    """Whether numbers satisfy the inequalities: the unknowns are eliminated one by one."""
    current = [({k: c for k, c in form.items() if c}, strict) for form, strict in inequalities]
    for unknown in dict.fromkeys(key for form, _ in current for key in form):
        above = [(form, strict) for form, strict in current if form.get(unknown, 0) > 0]
        below = [(form, strict) for form, strict in current if form.get(unknown, 0) < 0]
        current = [(form, strict) for form, strict in current if unknown not in form]
        current += [(_without(unknown, a, b), p or q) for (a, p), (b, q) in product(above, below)]
        if len(current) > MOST_INEQUALITIES:
            return True
    return not any(strict and not form for form, strict in current)


def _without(unknown: Node, above: Mapping[Node, Fraction], below: Mapping[Node, Fraction]) -> dict[Node, Fraction]:
    """The sum of two forms, times positive numbers, in which an unknown cancels."""
    p, q = -below[unknown], above[unknown]
    total = {key: p * above.get(key, Fraction(0)) + q * below.get(key, Fraction(0)) for key in (*above, *below)}
    return {key: value for key, value in total.items() if value}
