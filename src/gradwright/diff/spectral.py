"""Functions of a Hermitian matrix through its eigenvalues: smooth where the factors are not.

With A = V Λ Vᴴ, the matrix `g(A) = V diag(g(λ)) Vᴴ` and the sum `Σ g(λᵢ) = tr g(A)` are smooth functions
of A although V is not where eigenvalues meet. So they are differentiated as a whole, by divided
differences of g with their confluent limits (Daleckii & Krein 1965; Higham 2008, ch. 3):

    d g(A) = V (g[λᵢ, λⱼ] ∘ Vᴴ dA V) Vᴴ,   g[a, b] = (g(a) − g(b)) / (a − b),   g[a, a] = g′(a),

and in general `g[A; E₁, …, E_k] = V (Σ g[λᵢ, λ_p, …, λⱼ] Ẽ₁ … Ẽ_k) Vᴴ`. These are closed under
differentiation and under adjoints, like those of `prims.divided_differences`.

Singular values enter through the Gram matrix: if g depends on σ² only, `Σ g(σᵢ)` is a function of AᴴA,
smooth at zero and at equal singular values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from math import factorial

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import adjoint, identity, matmul, multiply, number, size, trace
from gradwright.core.contraction import contract, is_zero, split_coefficient, zero
from gradwright.core.dims import Dim
from gradwright.core.evaluate import evaluate
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of
from gradwright.core.language import translate
from gradwright.core.nodes import Add, Apply, Contract, Direction, Factor, Node, Symbol
from gradwright.core.primitive import Primitive
from gradwright.core.registry import Call, Function, register
from gradwright.core.sums import add, scaled
from gradwright.core.templates import instantiate
from gradwright.core.walks import free_leaves, postorder, substitute, transform
from gradwright.errors import LanguageError, UnsupportedError
from gradwright.frozen import frozen
from gradwright.prims.divided_differences import adjoint_of_each, upright_transpose
from gradwright.prims.eig import eig
from gradwright.prims.eigh import eigh
from gradwright.prims.exponential import exp, log, log1p
from gradwright.prims.inv import inv
from gradwright.prims.logm import logm
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.power import power
from gradwright.prims.sqrtm import sqrtm
from gradwright.prims.svd import svd
from gradwright.simplify.pipeline import simplify

ARGUMENT = Symbol("x", ())
HIGHEST_ORDER = 4
_TWO = Fraction(2)


@frozen
class ScalarFunction:
    """A function of one number, as a node in the symbol x."""

    body: Node

    def parameters(self) -> tuple[Node, ...]:
        """What else it depends on."""
        return tuple(leaf for leaf in free_leaves(self.body) if leaf != ARGUMENT)

    def with_numbers(self) -> ScalarFunction:
        """The function with a number for each parameter."""
        return ScalarFunction(substitute(self.body, {leaf: number(Fraction(7, 10)) for leaf in self.parameters()}))

    def derivative(self) -> ScalarFunction:
        """The derivative, as a function."""
        return _derivative(self.body)

    def __call__(self, values: Array) -> Array:
        """The values at many points at once."""
        flat = np.ravel(np.asarray(values, dtype=float))
        points = Symbol("x_points", (Dim.of("points"),))
        lifted = instantiate(self.body, {ARGUMENT: points}, {}, points.shape)
        found = evaluate(lifted, {points: flat}, {"points": len(flat)})
        return np.broadcast_to(found, flat.shape).reshape(np.shape(values))


@lru_cache(maxsize=256)
def _derivative(body: Node) -> ScalarFunction:
    from gradwright.diff.differential import differential  # the two need one another

    moved = differential(body, {ARGUMENT: Direction("x", ())})
    return ScalarFunction(simplify(substitute(moved, {Direction("x", ()): number(1)})))


def divided_difference(function: ScalarFunction, points: Array) -> Array:
    """`g[x₀, …, x_k]` along the last axis of an array of points; of points that are close by the limit.

    The difference loses digits where they are close, and the limit, `g⁽ᵏ⁾ / k!` at their mean, is one at equal points
    only. How close they may be is a matter of g: 10⁻⁶ and 2·10⁻⁶ are close for exp and not for a root. So each comes
    with an estimate of its error, and the better one is taken.
    """
    derivatives = [function]
    for _ in range(points.shape[-1] - 1):
        derivatives.append(derivatives[-1].derivative())
    return _with_error(derivatives, points)[0]


def _with_error(derivatives: Sequence[ScalarFunction], points: Array) -> tuple[Array, Array]:
    order, precision = points.shape[-1] - 1, float(np.finfo(points.dtype).eps)
    if order == 0:
        value = derivatives[0](points[..., 0])
        return value, precision * np.abs(value)
    ordered = np.sort(points, axis=-1)
    above, error_above = _with_error(derivatives, ordered[..., 1:])
    below, error_below = _with_error(derivatives, ordered[..., :-1])
    places = (ordered[..., 0], np.mean(ordered, axis=-1), ordered[..., -1])
    coefficients: list[Array] = [derivatives[order](place) / factorial(order) for place in places]
    lowest, limit, highest = coefficients
    gap = ordered[..., -1] - ordered[..., 0]
    apart = np.where(gap == 0, 1.0, gap)
    # By the variance of the mean of which the difference is the mean value (Hermite and Genocchi).
    error = np.abs((lowest + highest) / 2 - limit) / (order + 2) + precision * np.abs(limit)
    rounding = (error_above + error_below) / apart
    near = (gap == 0) | (error <= rounding)
    return np.where(near, limit, (above - below) / apart), np.where(near, error, rounding)


def _numeric(function: ScalarFunction, order: int) -> Callable[..., Array]:
    def apply(A: Array, *directions: Array) -> Array:
        values, vectors = np.linalg.eigh(A)
        back = np.conj(np.swapaxes(vectors, -1, -2))
        if order == 0:
            return (vectors * function(values)[..., None, :]) @ back
        inside = [back @ direction @ vectors for direction in directions]
        return vectors @ _weighted(function, values, inside) @ back

    return apply


def _weighted(function: ScalarFunction, values: Array, inside: Sequence[Array]) -> Array:
    """`Σ g[λᵢ, λ_p, …, λⱼ] Ẽ₁[i, p] … Ẽ_k[…, j]`, over leading axes one by one."""
    if values.ndim > 1:
        batch = np.broadcast_shapes(values.shape[:-1], *(e.shape[:-2] for e in inside))
        spread = np.broadcast_to(values, (*batch, values.shape[-1]))
        parts = [np.broadcast_to(e, (*batch, *e.shape[-2:])) for e in inside]
        found = [_weighted(function, spread[b], [e[b] for e in parts]) for b in np.ndindex(*batch)]
        return np.stack(found).reshape(*batch, *found[0].shape)
    n, order = len(values), len(inside)
    grid = np.stack(np.meshgrid(*[values] * (order + 1), indexing="ij"), axis=-1)
    weights = divided_difference(function, grid)
    letters = "abcdefgh"[: order + 1]
    pattern = ",".join([letters, *(letters[k : k + 2] for k in range(order))])
    return np.einsum(f"{pattern}->{letters[0]}{letters[-1]}", weights, *inside, optimize=n > 8)


@lru_cache(maxsize=512)
def spectral_primitive(function: ScalarFunction, order: int) -> Primitive:
    """The record of `g(A)`, or of its divided difference of an order, for one scalar function."""
    inputs = ["A: ... n n hermitian", *(f"E{k}: ... n n" for k in range(1, order + 1))]
    return Primitive(
        name="spectral_map" if order == 0 else "spectral_difference",
        signature=f"{', '.join(inputs)} -> Y: ... n n",
        summary="a function of a Hermitian matrix through its eigenvalues, or its divided difference",
        differential_of=lambda node, moved: _differential(function, node, moved),
        scalar=function.body,
        commutes=order == 0,
        linear_in=tuple(range(1, order + 1)),
        adjoint=_adjoint_in_direction,
        turned=_turned if order else None,
        simpler=lambda node: spectral_map(function, *node.arguments),
        fact_rule=lambda index, parameters, facts: _facts(function, facts),
        numpy=_numeric(function, order),
        source="Daleckii & Krein 1965; Higham 2008, ch. 3",
        origin=f" of {function.body.digest.hex()}",
        maker=(spectral_primitive, (function, order)),
    )


def spectral_map(function: ScalarFunction, A: Node, *directions: Node) -> Node:
    """`g(A)`, or `g[A; E₁, …]`; in a multiple of the identity the difference is a derivative, a power a product."""
    if len(directions) == 1:
        number, direction = split_coefficient(directions[0])
        if direction == identity(A.shape[-1]):
            return scaled(number, spectral_map(function.derivative(), A))
    named = None if directions else _named(function.body, A)
    return named if named is not None else Apply(spectral_primitive(function, len(directions)), (), (A, *directions))


def _named(body: Node, A: Node) -> Node | None:
    """A function of a matrix that has a name: sums of multiples of powers, and of inverses and exponentials of such.

    Of a positive definite matrix logarithms and roots are such, too. What has no x in it is a number. High powers have
    many terms in their derivatives, divided differences one.
    """
    if body == ARGUMENT:
        return A
    if ARGUMENT not in free_leaves(body):
        return multiply(body, identity(A.shape[-1]))
    if isinstance(body, Add):
        parts = [_named(term, A) for term in body.terms]
        return None if any(part is None for part in parts) else add(part for part in parts if part is not None)
    if isinstance(body, Contract):
        return _named_product(body, A)
    if isinstance(body, Apply) and body.primitive is log1p and ScalarFunction(body).parameters():
        body = Apply(log, (), (add([number(1), *body.arguments]),))
    return _named_application(body, A) if isinstance(body, Apply) and body.primitive in (exp, log, power) else None


def _named_application(body: Apply, A: Node) -> Node | None:
    (inside,) = body.arguments
    matrix = _named(inside, A)
    if matrix is None:
        return None
    if body.primitive is power:
        return _named_power(body, matrix)
    if body.primitive is exp:
        return Apply(matrix_exp, (), (matrix,))
    return Apply(logm, (), (matrix,)) if "spd" in facts_of(matrix) else None


def _named_product(body: Contract, A: Node) -> Node | None:
    """Numbers times functions of the matrix, which commute.

    Times one function, unless they are needed for want of a record: of that product it is seen that it is symmetric.
    """
    numbers = [f for f in body.factors if ARGUMENT not in free_leaves(f.node)]
    varying = [f.node for f in body.factors if ARGUMENT in free_leaves(f.node)]
    if len(varying) > (2 if ScalarFunction(body).parameters() else 1):
        return None
    parts = [_named(part, A) for part in varying]
    if any(part is None for part in parts):
        return None
    matrix = reduce(matmul, [part for part in parts if part is not None])
    return multiply(contract(body.coefficient, numbers, (), {}), matrix)


def _named_power(body: Apply, matrix: Node) -> Node | None:
    exponent = body.parameters[0]
    assert isinstance(exponent, Fraction)
    root = exponent.denominator == 2 and "spd" in facts_of(matrix)
    base, times = (Apply(sqrtm, (), (matrix,)), 2 * exponent) if root else (matrix, exponent)
    if times.denominator > 1 or abs(times) > HIGHEST_ORDER:
        return None
    return reduce(matmul, [base if times > 0 else Apply(inv, (), (base,))] * abs(int(times)))


def _differential(function: ScalarFunction, node: Apply, moved: tuple[Node, ...]) -> Node:
    """A direction of A enters between any two of the others; the others move in their places."""
    A, *directions = node.arguments
    dA, *moves = moved
    order = len(directions)
    if order == HIGHEST_ORDER:
        raise UnsupportedError(f"derivatives of a spectral function beyond order {HIGHEST_ORDER} are not provided")
    terms = [
        spectral_map(function, A, *directions[:place], dA, *directions[place:])
        for place in range(order + 1)
        if not is_zero(dA)
    ]
    terms += [
        spectral_map(function, A, *directions[:place], move, *directions[place + 1 :])
        for place, move in enumerate(moves)
        if not is_zero(move)
    ]
    return add(terms) if terms else zero(node.shape)


def _adjoint_in_direction(node: Apply, place: int, cotangent: Node) -> Node:
    """The factors on either side, adjoined, around the cotangent."""
    A, *directions = node.arguments
    before = [adjoint_of_each(e) for e in reversed(directions[: place - 1])]
    behind = [adjoint_of_each(e) for e in reversed(directions[place:])]
    assert node.primitive.scalar is not None
    return spectral_map(ScalarFunction(node.primitive.scalar), A, *before, cotangent, *behind)


def _turned(node: Apply) -> Apply:
    A, *directions = map(upright_transpose, node.arguments)
    return Apply(node.primitive, (), (A, *reversed(directions)))


def _facts(function: ScalarFunction, facts: tuple[Facts, ...]) -> set[str]:
    mirrored = {fact for fact in ("symmetric", "hermitian") if all(fact in known for known in facts)}
    if len(facts) == 1 and mirrored and "positive" in facts_of(function.body):
        mirrored.add("spd")
    return mirrored


def recognise_spectral(root: Node) -> Node:
    """Write what depends on eigenvalues smoothly as a function of the matrix."""
    if not any(isinstance(n, Apply) and _is_decomposition(n) for n in postorder(root)):
        return root
    return transform(root, _recognise)


def _is_decomposition(node: Apply) -> bool:
    return node.primitive in (eigh.primitives[0], svd.primitives[0], eig)


def _recognise(node: Node) -> Node:
    if not isinstance(node, Contract):
        return node
    for label in range(len(node.dims)):
        if any(label in group for group in node.output):
            continue
        found = _function_of_matrix(node, label) or _sum_over_spectrum(node, label)
        if found is not None:
            return _recognise(found)
    return node


def _function_of_matrix(node: Contract, label: int) -> Node | None:
    """`V diag(g(λ)) Vᴴ` around one summed label."""
    around = [f for f in node.factors if label in f.labels]
    frames = [f for f in around if f.node.rank == 2]
    weights = [f for f in around if f.node.rank == 1]
    if len(frames) != 2 or len(frames) + len(weights) != len(around) or not weights:
        return None
    first, second = frames
    if first.node != second.node or not _is_output(first.node, eigh, 1):
        return None
    if first.labels[1] != label or second.labels[1] != label or (not first.node.real and first.conj == second.conj):
        return None
    assert isinstance(first.node, Apply)
    A = first.node.arguments[0]
    values = Apply(first.node.primitive, (), (A,), 0)
    function = _scalar_function([f.node for f in weights], values)
    if function is None:
        return None
    matrix = _function_at(function, A)
    if matrix is None:
        return None
    row, column = (second, first) if first.conj else (first, second)
    return _without(node, around, [Factor(matrix, (row.groups[0], column.groups[0]))], label)


def _sum_over_spectrum(node: Contract, label: int) -> Node | None:
    """`Σ g(λᵢ)`, or `Σ h(σᵢ²)`."""
    around = [f for f in node.factors if label in f.labels]
    if not around or any(f.node.rank != 1 for f in around):
        return None
    for leaf in dict.fromkeys(n for f in around for n in postorder(f.node) if isinstance(n, Apply)):
        if _is_output(leaf, eigh, 0):
            total = _eigenvalue_sum(around, leaf)
        elif leaf.primitive is eig and leaf.index == 0:
            total = _general_eigenvalue_sum(around, leaf)
        elif _is_output(leaf, svd, 1):
            total = _singular_value_sum(around, leaf)
        else:
            continue
        if total is not None:
            return _without(node, around, [Factor(total, ())], label)
    return None


def _eigenvalue_sum(around: Sequence[Factor], values: Apply) -> Node | None:
    function = _scalar_function([f.node for f in around], values)
    matrix = None if function is None else _function_at(function, values.arguments[0])
    return None if matrix is None else trace(matrix)


def _general_eigenvalue_sum(around: Sequence[Factor], values: Apply) -> Node | None:
    """`Σ g(λᵢ) = tr g(A)` for any square A, and functions that have a name."""
    function = _scalar_function([f.node for f in around], values)
    matrix = None if function is None or any(f.conj for f in around) else _named(function.body, values.arguments[0])
    return None if matrix is None else trace(matrix)


def _function_at(function: ScalarFunction, A: Node) -> Node | None:
    """The function of a matrix; one with parameters if it has a name, since the record of another has numbers alone."""
    return _named(function.body, A) if function.parameters() else spectral_map(function, A)


def _singular_value_sum(around: Sequence[Factor], values: Apply) -> Node | None:
    """The sum of h over the eigenvalues of AᴴA, less h(0) for those that are no singular values."""
    squared = Apply(power, (_TWO,), (values,))
    function = _scalar_function([_in_squares(f.node, values, squared) for f in around], squared)
    if function is None:
        return None
    A = values.arguments[0]
    gram = matmul(adjoint(A), A)
    matrix = _function_at(function, gram)
    if matrix is None or any(not isinstance(p, Symbol) or p.rank for p in function.parameters()):
        return None
    if not np.isfinite(function.with_numbers()(np.zeros(1)))[0]:
        return None
    at_zero = substitute(function.body, {ARGUMENT: number(0)})
    surplus = size(A.shape[1] - values.shape[0])
    return add([trace(matrix), scaled(-1, multiply(at_zero, surplus))])


def _in_squares(node: Node, values: Node, squared: Node) -> Node:
    """Even powers of the values as powers of their squares."""

    def rewrite(inner: Node) -> Node:
        if not isinstance(inner, Apply) or inner.primitive is not power or inner.arguments[0] != values:
            return inner
        exponent = inner.parameters[0]
        assert isinstance(exponent, Fraction)
        even = exponent.denominator == 1 and exponent.numerator % 2 == 0 and exponent != _TWO
        return Apply(power, (exponent / 2,), (squared,)) if even else inner

    return transform(node, rewrite)


def _without(node: Contract, used: Sequence[Factor], new: Sequence[Factor], label: int) -> Node:
    rest = [f for f in node.factors if not any(f is u for u in used)]
    dims = {x: dim for x, dim in enumerate(node.dims) if x != label}
    return contract(node.coefficient, [*rest, *new], node.output, dims)


def _is_output(node: Node, function: Function, index: int) -> bool:
    return isinstance(node, Apply) and node.primitive is function.primitives[0] and node.index == index


def _scalar_function(weights: Sequence[Node], values: Node) -> ScalarFunction | None:
    """The product of vectors that are elementwise functions of one vector, as a function of a number."""
    bodies = [_scalarised(weight, values) for weight in weights]
    if any(body is None for body in bodies):
        return None
    factors = [Factor(body, ()) for body in bodies if body is not None]
    return ScalarFunction(simplify(contract(1, factors, (), {})))


def _scalarised(node: Node, values: Node) -> Node | None:
    if node == values:
        return ARGUMENT
    match node:
        case Apply() if node.primitive.elementwise:
            if node.real and not all(argument.real for argument in node.arguments):
                return None  # a real part or an absolute value is no function of λ alone, but of its conjugate too
            parts = [_scalarised(argument, values) for argument in node.arguments]
            if any(part is None for part in parts):
                return None
            return Apply(node.primitive, node.parameters, tuple(p for p in parts if p is not None), node.index)
        case Add():
            parts = [_scalarised(term, values) for term in node.terms]
            return None if any(p is None for p in parts) else add(p for p in parts if p is not None)
        case Contract() if len(node.output) == 1 and len(node.output[0]) == 1:
            return _scalarised_product(node, values)
        case _:
            return None


def _scalarised_product(node: Contract, values: Node) -> Node | None:
    label = node.output[0]
    factors: list[Factor] = []
    for f in node.factors:
        # A variable of the name that the argument has would be taken for it.
        if f.conj or f.groups not in ((label,), ()) or (not f.groups and ARGUMENT in free_leaves(f.node)):
            return None
        body = _scalarised(f.node, values) if f.groups else f.node
        if body is None:
            return None
        factors.append(Factor(body, ()))
    return contract(node.coefficient, factors, (), {})


def _build(name: str, call: Call) -> Node:
    call.expect(2, 2 + HIGHEST_ORDER, usage=f'{name}("exp(x)", A)')
    text = call.positional[0]
    if not isinstance(text, str):
        raise LanguageError(f'{name} takes a function of x as a text first: {name}("exp(x)", A)')
    body = translate(text, {"x": ARGUMENT}, {})
    if not isinstance(body, Node) or body.rank:
        raise LanguageError(f"{name}: '{text}' is not a function of the number x")
    nodes = [call.node(place) for place in range(1, len(call.positional))]
    return spectral_map(ScalarFunction(simplify(body)), *nodes)


_OF_EXP = ScalarFunction(Apply(exp, (), (ARGUMENT,)))
register(
    Function(
        "spectral_map",
        lambda call: _build("spectral_map", call),
        'spectral_map("exp(x)", A)',
        "a function of a Hermitian matrix through its eigenvalues",
        behind=spectral_primitive(_OF_EXP, 0),
    )
)
register(
    Function(
        "spectral_difference",
        lambda call: _build("spectral_difference", call),
        'spectral_difference("exp(x)", A, E)',
        "the divided difference of a function of a Hermitian matrix, linear in E",
        behind=spectral_primitive(_OF_EXP, 1),
    )
)
