"""Cancelling what surrounds an unknown: common factors, `A H B = C`, and `W ∘ H = C`.

A factor that begins (or ends) every term of a form is taken off by multiplying both sides with its
inverse; a matrix with orthonormal columns by multiplying with its adjoint, which is a consequence of
the equation.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction

from gradwright.core.build import adjoint, identity, matmul, multiply, number, ones, transpose
from gradwright.core.canonical import as_product, only_matrix
from gradwright.core.contraction import conjugate, contract, is_zero, split_coefficient, with_factors, zero
from gradwright.core.inference import facts_of
from gradwright.core.nodes import Hole, Node
from gradwright.core.scalars import scalars_of
from gradwright.core.spaces import Space
from gradwright.core.sums import add, coefficient_of, like_key, scaled, subtract, terms_of
from gradwright.diff.identities.state import State, hidden_pivots, inverse_of
from gradwright.diff.identities.terms import (
    LinearEquation,
    Term,
    holes_in,
    reduce_terms,
    with_tensor,
    without_real_parts,
)
from gradwright.errors import DerivationError
from gradwright.frozen import frozen, replace
from gradwright.linear.chains import product_of_chain
from gradwright.linear.forms import jacobian, push
from gradwright.prims.power import raise_to
from gradwright.simplify.expansion import expand
from gradwright.simplify.pipeline import simplify


def strip_common_factors(state: State) -> State | None:
    """Take off a factor that begins or ends every term of an equation."""
    for place, equation in enumerate(state.equations):
        terms = state.terms(equation)
        if not terms:
            continue
        prefix = _common([term.left for term in terms])
        suffix = _common([term.right[::-1] for term in terms])[::-1] if equation.form.rank == 2 else ()
        stripped = _stripped(state, equation, terms, _invertible_run(prefix), _invertible_run(suffix, True))
        if stripped is not None:
            new, taken_off = stripped
            changed = state.replace_equation(place, new).with_pivots(hidden_pivots(taken_off, state))
            words = "take off the factors that all terms share"
            return changed.with_step("multiply by inverses", new.form, new.right, words)
    return None


def _common(chains: Sequence[tuple[Node, ...]]) -> tuple[Node, ...]:
    shared: list[Node] = []
    for elements in zip(*chains, strict=False):
        if any(element != elements[0] for element in elements):
            break
        shared.append(elements[0])
    return tuple(shared)


def _invertible_run(elements: tuple[Node, ...], from_right: bool = False) -> tuple[Node, ...]:
    """The longest run, from the outside, whose product is square, or orthonormal columns outside."""
    ordered = elements[::-1] if from_right else elements
    best = 0
    for length in range(1, len(ordered) + 1):
        run = ordered[:length]
        rows, columns = run[0].shape[1 if from_right else 0], run[-1].shape[0 if from_right else 1]
        if rows == columns:
            best = length
    if not best and ordered and _has_left_inverse(ordered[0], from_right):
        best = 1
    run = ordered[:best]
    return run[::-1] if from_right else run


def _has_left_inverse(element: Node, from_right: bool) -> bool:
    facing = adjoint(element) if from_right else element
    return "stiefel" in facts_of(facing) | _facing_facts(element, from_right)


def _facing_facts(element: Node, from_right: bool) -> frozenset[str]:
    """Facts of the matrix whose orthonormal columns face the unknown."""
    product = as_product(adjoint(element) if from_right else element)
    factor = only_matrix(product)
    if factor is not None and factor.groups == product.output and not factor.conj:
        return facts_of(factor.node)
    return frozenset()


def _stripped(
    state: State, equation: LinearEquation, terms: list[Term], prefix: tuple[Node, ...], suffix: tuple[Node, ...]
) -> tuple[LinearEquation, list[Node]] | None:
    """The equation without common factors, and these factors."""
    if not (prefix or suffix) or (prefix and equation.beside is not None):
        return None
    right, taken_off = equation.right, list[Node]()
    left_inverse = right_inverse = None
    if prefix:
        taken_off.append(product_of_chain(prefix, prefix[0]))
        left_inverse = _one_sided_inverse(taken_off[-1], state)
        right = matmul(left_inverse, right)
    if suffix:
        taken_off.append(product_of_chain(suffix, suffix[0]))
        right_inverse = _one_sided_inverse(taken_off[-1], state)
        right = matmul(right, right_inverse)
    inner = [replace(t, left=t.left[len(prefix) :], right=t.right[: len(t.right) - len(suffix)]) for t in terms]
    form = add(with_tensor(term, term.hole) for term in inner)
    mirrored = left_inverse is not None and right_inverse is not None and adjoint(left_inverse) == right_inverse
    if equation.projected and not mirrored:
        return None
    space = equation.space if mirrored else Space.FREE
    right = reduce_terms(right, state.relations)
    return replace(equation, form=form, right=right, space=space), taken_off


def _one_sided_inverse(matrix: Node, state: State) -> Node:
    """The inverse, or for a matrix with orthonormal columns, which is what else is taken off, its adjoint."""
    if matrix.shape[0] == matrix.shape[1]:
        return inverse_of(matrix, state)
    return adjoint(matrix)


@frozen
class Pair:
    """One `left · H · right` of a form; None stands for the identity."""

    left: Node
    right: Node | None

    @property
    def sides(self) -> tuple[Node, ...]:
        """What is multiplied with the unknown."""
        return (self.left,) if self.right is None else (self.left, self.right)


def grouped(terms: Sequence[Term], rows: Node) -> list[Pair]:
    """The terms in one unknown with as few pairs as possible: equal sides are added up."""
    pairs = [_pair(term, rows) for term in terms]
    while len(pairs) > len(fewer := _merge_left(_merge_right(pairs))):
        pairs = fewer
    return fewer


def _pair(term: Term, rows: Node) -> Pair:
    """A term between its sides; its scalars are on the left, or on the right where nothing else is on the left."""
    left, right = product_of_chain(term.left, rows), product_of_chain(term.right, term.right[0]) if term.right else None
    if right is None or term.left:
        return Pair(multiply(term.scalar, left), right)
    coefficient, scalar = split_coefficient(term.scalar)
    return Pair(scaled(coefficient, left), multiply(scalar, right))


def _merge_right(pairs: list[Pair]) -> list[Pair]:
    """Pairs with one right side, or with opposite ones: their left sides add up."""
    found: dict[Node | None, Node] = {}
    for pair in pairs:
        right, left = pair.right, pair.left
        opposite = next((r for r in found if r is not None and right is not None and _ratio(right, r) == -1), None)
        if opposite is not None:
            right, left = opposite, scaled(-1, left)
        found[right] = add([found[right], left]) if right in found else left
    return [Pair(simplify(left), right) for right, left in found.items()]


def _merge_left(pairs: list[Pair]) -> list[Pair]:
    """Pairs with proportional left sides: their right sides add up."""
    merged: list[Pair] = []
    for pair in pairs:
        for place, other in enumerate(merged):
            ratio = _ratio(pair.left, other.left)
            if ratio is not None:
                right = add([_right(other, pair), scaled(ratio, _right(pair, other))])
                merged[place] = Pair(other.left, simplify(right))
                break
        else:
            merged.append(pair)
    return merged


def _right(pair: Pair, like: Pair) -> Node:
    if pair.right is not None:
        return pair.right
    assert like.right is not None
    return identity(like.right.shape[0])


def _ratio(left: Node, right: Node) -> Fraction | None:
    """1 or −1 if the sides are equal or each other's negatives, multiplied out."""
    if left == right:
        return Fraction(1)
    one, other = (_coefficients(expand(side, lambda _: True)) for side in (left, right))
    if one == other:
        return Fraction(1)
    return Fraction(-1) if one == {key: -number for key, number in other.items()} else None


def _coefficients(total: Node) -> dict[Hashable, Fraction]:
    return {like_key(term): coefficient_of(term) for term in terms_of(total)}


def isolate(state: State) -> State | None:
    """`A H B = C` gives `H = A⁻¹ C B⁻¹`.

    Whatever the unknown's space: the value is the only one that satisfies the equation, so that it lies there.
    """
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1 or equation.projected:
            continue
        hole = holes[0]
        terms = state.terms(equation)
        if not terms or len({(t.transposed, t.conj, t.diagonal) for t in terms}) != 1 or terms[0].diagonal:
            continue
        pairs = grouped(terms, equation.form)
        if len(pairs) != 1 or (hole.rank == 1 and "diagonal" in facts_of(pairs[0].left)):
            continue
        value = isolated(state, equation, pairs[0], terms[0])
        if value is None:
            continue
        changed = state.with_solution(hole, value, place).with_pivots(hidden_pivots(pairs[0].sides, state))
        return changed.with_step("isolate", hole, value, _isolation_words(pairs[0]))
    return None


def divide(state: State) -> State | None:
    """`W ∘ H = C` for an unknown without structure: division entry by entry.

    `W ∘ H + V ∘ H* = C` and its conjugate are two equations for the entries of H and H*.
    """
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1 or state.specs[holes[0]].space is not Space.FREE or equation.projected:
            continue
        weights = _weights(equation)
        if weights is None or (equation.form.real and not holes[0].real):  # one of two equations
            continue
        total, mirrored = weights
        right = equation.right
        if not is_zero(mirrored):
            right = subtract(multiply(conjugate(total), right), multiply(mirrored, conjugate(right)))
            total = simplify(subtract(*(multiply(weight, conjugate(weight)) for weight in weights)))
        if is_zero(total):
            continue
        scalar, entries = _scalar_and_weights(total)
        quotient = multiply(raise_to(scalar, Fraction(-1)), multiply(right, raise_to(entries, Fraction(-1))))
        changed = state.with_solution(holes[0], value := reduce_terms(quotient, state.relations), place)
        if total == ones(total.shape):
            return changed.with_step("substitute", holes[0], value, "put in what is known")
        words = "divide entry by entry" if value.rank else "divide by its factor"
        words += "" if is_zero(mirrored) else ", with the conjugate equation"
        return changed.with_step("divide", holes[0], value, words)
    return None


def _scalar_and_weights(total: Node) -> tuple[Node, Node]:
    """The number by which an equation is divided, and entries by which it is; one of them is 1 as a rule."""
    parts = [scalars_of(term) for term in terms_of(total)]
    if len({rest for _, rest in parts}) > 1:
        return number(1), total
    return add(scalar for scalar, _ in parts), parts[0][1]


def weight_of(equation: LinearEquation) -> Node | None:
    """W of an equation `W ∘ H = C` in one unknown."""
    weights = _weights(equation)
    return weights[0] if weights is not None and is_zero(weights[1]) else None


def _weights(equation: LinearEquation) -> tuple[Node, Node] | None:
    """W and V of an equation `W ∘ H + V ∘ H* = C` in one unknown."""
    sums: dict[bool, list[Node]] = {False: [], True: []}
    for term in terms_of(without_real_parts(equation.form)):
        found = _weight(term)
        if found is None:
            return None
        sums[found[0]].append(found[1])
    plain, mirrored = (simplify(add(sums[conj])) if sums[conj] else zero(equation.form.shape) for conj in sums)
    return plain, mirrored


def _weight(term: Node) -> tuple[bool, Node] | None:
    """Whether a term is `W ∘ H*` and not `W ∘ H`, and W."""
    product = as_product(term)
    own = [f for f in product.factors if isinstance(f.node, Hole)]
    labels = list(product.free_labels)
    if len(own) != 1 or own[0].groups != product.output or len(set(labels)) < len(labels):
        return None
    rest = [f for f in product.factors if f is not own[0]]
    if any(holes_in(f.node) for f in rest):
        return None
    return own[0].conj, with_factors(product, rest)


def isolate_vector(state: State) -> State | None:
    """A vector or scalar unknown under any linear map: `J H = C` with the matrix J of the map."""
    for place, equation in enumerate(state.equations):
        holes = holes_in(equation.form)
        if len(holes) != 1 or holes[0].rank > 1 or equation.form.shape != holes[0].shape:
            continue
        matrix = matrix_of(equation.form, holes[0])
        if matrix is None:
            continue
        inverse = inverse_of(matrix, state) if matrix.rank else raise_to(matrix, Fraction(-1))
        product = matmul(inverse, equation.right) if matrix.rank else multiply(inverse, equation.right)
        value = reduce_terms(product, state.relations)
        pivots = hidden_pivots([matrix], state) if matrix.rank else []
        changed = state.with_solution(holes[0], value, place).with_pivots(pivots)
        return changed.with_step("isolate", holes[0], value, "multiply by the inverse of the matrix of the map")
    return None


def matrix_of(form: Node, hole: Hole) -> Node | None:
    """The matrix of a linear map between vectors or scalars; None if it is linear over the reals only."""
    try:
        return simplify(jacobian(push(form, {hole: hole}), hole))
    except DerivationError:
        return None


def isolated(state: State, equation: LinearEquation, pair: Pair, term: Term) -> Node | None:
    """The unknown of `left · H · right = C`."""
    if equation.form.rank != term.hole.rank:  # such as a row of a matrix
        return None
    value = equation.right
    scalar = scalar_multiple(pair.left)
    if scalar is not None:
        value = multiply(raise_to(scalar, Fraction(-1)), value)
    elif pair.left.shape[0] == pair.left.shape[1]:
        value = matmul(inverse_of(pair.left, state), value)
    elif state.relaxed and pair.left.rank == 2:  # (Aᴴ A)⁻¹ Aᴴ, which is right where A has full column rank
        square = simplify(matmul(adjoint(pair.left), pair.left))
        value = matmul(inverse_of(square, state), matmul(adjoint(pair.left), value))
    else:
        return None
    if pair.right is not None:
        if pair.right.shape[0] == pair.right.shape[1]:
            value = matmul(value, inverse_of(pair.right, state))
        else:
            inverse = _chain_right_inverse(term.right, state)
            if inverse is None:
                return None
            value = matmul(value, inverse)
    value = transpose(value) if term.transposed else value
    value = conjugate(value) if term.conj else value
    return reduce_terms(value, state.relations)


def _chain_right_inverse(chain: tuple[Node, ...], state: State) -> Node | None:
    """Z with `(R₁ R₂ …) Z = I`, from invertible parts and adjoints of orthonormal columns."""
    result: Node | None = None
    for element in reversed(chain):
        if element.shape[0] == element.shape[1]:
            inverse = inverse_of(element, state)
        elif _has_left_inverse(element, True):
            inverse = adjoint(element)
        else:
            return None
        result = inverse if result is None else matmul(result, inverse)
    return result


def scalar_multiple(matrix: Node) -> Node | None:
    """`c` for a matrix `c I`, where c is a number or a scalar expression."""
    if not matrix.is_square:
        return None
    product = as_product(matrix)
    if len(product.output) == 2 and product.output[0] == product.output[1]:
        if all(not f.node.rank for f in product.factors):
            return contract(product.coefficient, product.factors, (), {})
    return None


def _isolation_words(pair: Pair) -> str:
    sides = [side for side in pair.sides if scalar_multiple(side) is None]
    return "multiply by the inverse" + ("s" if len(sides) > 1 else "") if sides else "collect"
