"""Functions of a Hermitian matrix through its eigenvalues: smooth where the factors are not.

With A = V Λ Vᴴ, the matrix `g(A) = V diag(g(λ)) Vᴴ` and the sum `Σ g(λᵢ) = tr g(A)` are smooth functions
of A although V is not where eigenvalues meet. So they are differentiated as a whole, by divided
differences of g with their confluent limits (Daleckii & Krein 1965; Higham 2008, ch. 3):

    d g(A) = V (g[λᵢ, λⱼ] ∘ Vᴴ dA V) Vᴴ,   g[a, b] = (g(a) − g(b)) / (a − b),   g[a, a] = g′(a),

and in general `g[A; E₁, …, E_k] = V (Σ g[λᵢ, λ_p, …, λⱼ] Ẽ₁ … Ẽ_k) Vᴴ`. These are closed under
differentiation and under adjoints, like those of `prims.divided_differences`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import identity, is_identity, matmul, multiply, number
from gradwright.core.contraction import contract, is_zero, split_coefficient, zero
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of
from gradwright.core.language import translate
from gradwright.core.nodes import Add, Apply, Contract, Node, is_apply
from gradwright.core.primitive import Primitive
from gradwright.core.registry import Call, Function, register
from gradwright.core.sums import add, scaled
from gradwright.core.walks import free_leaves
from gradwright.diff.scalar_functions import ARGUMENT, ScalarFunction, divided_difference
from gradwright.errors import LanguageError, UnsupportedError
from gradwright.prims.divided_differences import adjoint_of_each, upright_transpose
from gradwright.prims.exponential import exp, log, log1p
from gradwright.prims.inv import inv
from gradwright.prims.logm import logm
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.power import base_and_exponent, power
from gradwright.prims.sqrtm import sqrtm
from gradwright.simplify.pipeline import simplify

HIGHEST_ORDER = 4


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
        if is_identity(direction):
            return scaled(number, spectral_map(function.derivative(), A))
    named = None if directions else named_function(function.body, A)
    return named if named is not None else Apply(spectral_primitive(function, len(directions)), (), (A, *directions))


def named_function(body: Node, A: Node) -> Node | None:
    """A function of a matrix that has a name: sums of multiples of powers, and of inverses and exponentials of such.

    Of a positive definite matrix logarithms and roots are such, too. What has no x in it is a number. High powers have
    many terms in their derivatives, divided differences one.
    """
    if body == ARGUMENT:
        return A
    if ARGUMENT not in free_leaves(body):
        return multiply(body, identity(A.shape[-1]))
    if isinstance(body, Add):
        parts = [named_function(term, A) for term in body.terms]
        return None if any(part is None for part in parts) else add(part for part in parts if part is not None)
    if isinstance(body, Contract):
        return _named_product(body, A)
    if is_apply(body, log1p) and ScalarFunction(body).parameters():
        body = Apply(log, (), (add([number(1), *body.arguments]),))
    return _named_application(body, A) if is_apply(body, exp, log, power) else None


def _named_application(body: Apply, A: Node) -> Node | None:
    (inside,) = body.arguments
    matrix = named_function(inside, A)
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
    parts = [named_function(part, A) for part in varying]
    if any(part is None for part in parts):
        return None
    matrix = reduce(matmul, [part for part in parts if part is not None])
    return multiply(contract(body.coefficient, numbers, (), {}), matrix)


def _named_power(body: Apply, matrix: Node) -> Node | None:
    _, exponent = base_and_exponent(body)
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
