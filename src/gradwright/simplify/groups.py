"""Sines, cosines, exponentials of matrices: elements of groups, in which a sum of terms is a product of powers.

The argument is a sum of terms `c t`, c a rational number; with q the common denominator of all c that occur, t / q has
an opaque image, and `c t` its power c q. A number has a rotation for image, of which the tangent is opaque and odd; a
matrix an even polynomial in it plus an odd one, divided by their difference: so −t has the inverse, and what commutes
with t commutes with its image. Where the exponentials of all eigenvalues are known, the polynomial that has these
values is taken. Terms that do not commute are one. π is the rotation that it is (see `turned`).

The logarithm of a positive definite matrix turns powers of it into multiples, and a number into a summand; roots and
logarithms of Kronecker products are made of those of the factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import lcm

import numpy as np

from gradwright.core.arithmetic import Array
from gradwright.core.build import as_number, identity, is_identity, kron, number
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, scale, split_coefficient, subproduct, zero
from gradwright.core.dims import Dim
from gradwright.core.inference import facts_of, is_hermitian, matrix_chain
from gradwright.core.kronecker import kronecker_parts
from gradwright.core.modular import ModularArithmetic
from gradwright.core.modular_numbers import Complex, each, objects, shaped, turned
from gradwright.core.modular_spectra import function_of_matrix, square_root
from gradwright.core.nodes import Apply, Constant, Contract, Factor, Node, is_apply
from gradwright.core.sums import add, terms_of
from gradwright.core.walks import transform
from gradwright.frozen import frozen
from gradwright.prims.determinant import det
from gradwright.prims.exponential import log
from gradwright.prims.inv import inv
from gradwright.prims.logm import logm
from gradwright.prims.matrix_exp import matrix_exp
from gradwright.prims.sqrtm import sqrtm
from gradwright.prims.trigonometric import arctan
from gradwright.simplify.expansion import expand

Evaluate = Callable[[tuple[Node, ...]], tuple[Array, ...]]
Multiple = tuple[Fraction, Array, Node]
"""A number, and the matrix that it multiplies, by value and as a node."""
EXPONENTS = {inv: Fraction(-1), sqrtm: Fraction(1, 2)}


@frozen
class _Term:
    """A number times a node."""

    coefficient: Fraction
    node: Node


def multiples(argument: Node) -> tuple[_Term, ...]:
    """The terms of a sum, multiplied out, each as a number times the rest."""
    split = (split_coefficient(term) for term in terms_of(expand(argument, lambda node: True)))
    return tuple(_Term(c, rest) for c, rest in split if c)


def _split(arguments: Iterable[Node], evaluate: Evaluate) -> tuple[list[tuple[_Term, ...]], dict[Node, Array], int]:
    """The terms of all arguments, the values of what they are multiples of, and the common denominator."""
    split = [multiples(argument) for argument in arguments]
    nodes = tuple(dict.fromkeys(term.node for terms in split for term in terms))
    denominators = (t.coefficient.denominator for terms in split for t in terms if not _is_half_turn(t.node))
    return split, dict(zip(nodes, evaluate(nodes), strict=True)), lcm(*denominators)


def rotations(field: ModularArithmetic, arguments: Sequence[Node], evaluate: Evaluate) -> list[Array]:
    """`cos θ + i sin θ` for every entry of every argument; of a complex one, θ is the imaginary part."""
    split, values, q = _split(arguments, evaluate)

    def rotation(term: _Term, imaginary: bool) -> Array:
        value = values[term.node]
        if _is_half_turn(term.node) and (turn := turned(term.coefficient, field.prime)) is not None:
            return shaped([turn] * value.size, value.shape)
        if is_apply(term.node, arctan) and q == 1:
            (tangents,) = evaluate(term.node.arguments)
            image = each(lambda t: _of_tangent(t, field) * field.inverse(field.root(1 + t * t)), tangents)
        else:
            angles = each(lambda x: x.im if isinstance(x, Complex) else 0, value) if imaginary else value
            image = each(lambda t: _of_half_tangent(t, field), field.odd("half tangent", angles))
        return each(lambda z: field.raised(z, term.coefficient * q), image)

    found: list[Array] = []
    for argument, terms in zip(arguments, split, strict=True):
        factors = [rotation(term, not argument.real) for term in terms]
        found.append(reduce(lambda a, b: objects(a * b), factors) if factors else objects(Complex(1, 0, field.prime)))
    return found


def _is_half_turn(node: Node) -> bool:
    """Whether it is π, or π i."""
    factors = [factor.node for factor in as_product(node).factors]
    return {f.name for f in factors if isinstance(f, Constant)} in ({"pi"}, {"i", "pi"}) and len(factors) <= 2


def _of_tangent(tangent: int, field: ModularArithmetic) -> Complex:
    return Complex(1, tangent, field.prime)


def _of_half_tangent(tangent: int, field: ModularArithmetic) -> Complex:
    square = tangent * tangent
    return Complex(1 - square, 2 * tangent, field.prime) * field.inverse(1 + square)


def matrix_exponentials(
    field: ModularArithmetic, arguments: Sequence[Node], evaluate: Evaluate, known: Mapping[int, int]
) -> list[Array]:
    """`exp` of every matrix.

    Args:
        field: the numbers.
        arguments: the matrices.
        evaluate: gives values.
        known: the exponentials of some numbers.
    """
    split, values, q = _split(arguments, evaluate)
    found: list[Array] = []
    for argument, terms in zip(arguments, split, strict=True):
        product = objects(np.eye(evaluate((argument,))[0].shape[0], dtype=int))
        ordered = sorted(terms, key=lambda term: term.node.digest)
        for block in _commuting(field, [(t.coefficient, values[t.node], t.node) for t in ordered]):
            first, _, node = block[0]
            image = _image_by_structure(field, node, evaluate, q, known) if len(block) == 1 else None
            if image is None:
                whole = field.add([objects(matrix * field.number(c / first) % field.prime) for c, matrix, _ in block])
                image = _image(field, whole, q, known)
            product = objects(product @ _matrix_power(field, image, int(first * q)) % field.prime)
        found.append(product)
    return found


def _image_by_structure(
    field: ModularArithmetic, node: Node, evaluate: Evaluate, q: int, known: Mapping[int, int]
) -> Array | None:
    """The image of a logarithm, and of A ⊗ I or I ⊗ A; None of any other matrix."""
    if is_apply(node, logm) and q <= 2:
        (inner,) = evaluate(node.arguments)
        return inner if q == 1 else square_root(field, inner)
    parts = kronecker_parts(node) if isinstance(node, Contract) else ()
    if sum(map(is_identity, parts)) != len(parts) - 1:
        return None
    images = (
        value if is_identity(part) else _image(field, value, q, known)
        for part, value in zip(parts, evaluate(parts), strict=True)
    )
    return objects(reduce(np.kron, images) % field.prime)


def _commuting(field: ModularArithmetic, terms: Iterable[Multiple]) -> list[list[Multiple]]:
    """The terms in groups, of which every one commutes with all others of other groups."""
    groups: list[list[Multiple]] = []
    for term in terms:
        others = [group for group in groups if any(not _commute(field, term[1], matrix) for _, matrix, _ in group)]
        groups = [group for group in groups if group not in others]
        groups.append([*(member for group in others for member in group), term])
    return groups


def _commute(field: ModularArithmetic, left: Array, right: Array) -> bool:
    return bool(np.all((left @ right - right @ left) % field.prime == 0))


def _image(field: ModularArithmetic, matrix: Array, q: int, known: Mapping[int, int]) -> Array:
    """The exponential of a matrix divided by q."""
    try:
        found = function_of_matrix(field, matrix, lambda value: _number_root(field, known[value], q)) if known else None
    except KeyError:
        found = None
    if found is not None:
        return found
    square = objects(matrix @ matrix % field.prime)
    even, odd = (field.polynomial((matrix_exp.token, part), square) for part in ("even", "odd"))
    odd = objects(matrix @ odd % field.prime)
    return field.solve((even - odd) % field.prime, (even + odd) % field.prime)


def _number_root(field: ModularArithmetic, value: int, degree: int) -> int:
    root = field.raised(value, Fraction(1, degree))
    assert isinstance(root, int)
    return root


def _matrix_power(field: ModularArithmetic, matrix: Array, exponent: int) -> Array:
    unit = objects(np.eye(len(matrix), dtype=int))
    base, result = (field.solve(matrix, unit), unit) if exponent < 0 else (matrix, unit)
    for bit in bin(abs(exponent))[2:]:
        result = objects(result @ result % field.prime)
        result = objects(result @ base % field.prime) if bit == "1" else result
    return result


def spread(root: Node) -> Node:
    """Without logarithms of powers of a positive definite matrix and of Kronecker products, and roots of these.

    Traces of logarithms are logarithms of determinants.
    """
    return transform(root, _spread)


def _spread(node: Node) -> Node:
    if isinstance(node, Contract):
        return _traces_of_logarithms(node)
    if not is_apply(node, logm, sqrtm) or node.rank != 2:
        return node
    argument = node.arguments[0]
    parts = kronecker_parts(argument) if isinstance(argument, Contract) and argument.coefficient == 1 else ()
    if parts and all("spd" in facts_of(part) for part in parts):
        images = [_spread(Apply(node.primitive, (), (part,))) for part in parts]
        return reduce(kron, images) if node.primitive is sqrtm else _kronecker_sum(images)
    return _logarithm(node, argument) if node.primitive is logm else _root(node, argument)


def _traces_of_logarithms(product: Contract) -> Node:
    """`tr(log X) = log(det X)` of real matrices, whose eigenvalues that are not real come in pairs."""
    held = [*(label for factor in product.factors for label in factor.labels), *product.free_labels]
    traces = {factor: trace for factor in product.factors if (trace := _trace_of_logarithm(factor, held))}
    if not traces:
        return product
    factors = [traces.get(factor, factor) for factor in product.factors]
    return subproduct(product, factors, product.output, product.coefficient)


def _trace_of_logarithm(factor: Factor, held: Sequence[int]) -> Factor | None:
    node = factor.node
    if not is_apply(node, logm) or not node.real:
        return None
    (row, *_), (column, *_) = factor.groups
    if row != column or held.count(row) != 2:
        return None
    return Factor(Apply(log, (), (Apply(det, (), node.arguments),)), ())


def _kronecker_sum(matrices: Sequence[Node]) -> Node:
    """`A ⊗ I + I ⊗ B`."""
    units = [identity(matrix.shape[0]) for matrix in matrices]
    terms = ([*units[:place], matrix, *units[place + 1 :]] for place, matrix in enumerate(matrices))
    return add([reduce(kron, term) for term in terms])


def _logarithm(node: Node, argument: Node) -> Node:
    base, exponent, scalars = _as_power(argument)
    if "spd" not in facts_of(base):
        return node
    inner = _exponent(base)
    logarithm = Apply(logm, (), (base,)) if inner is None else inner
    return add([scale(exponent, logarithm), *(_multiple_of_identity(s, node.shape[0]) for s in scalars)])


def _root(node: Node, argument: Node) -> Node:
    """`sqrtm(exp(H)) = exp(H / 2)` for a Hermitian H."""
    base, exponent, scalars = _as_power(argument)
    inner = None if scalars else _exponent(base)
    return node if inner is None else Apply(matrix_exp, (), (scale(exponent / 2, inner),))


def _exponent(node: Node) -> Node | None:
    """The Hermitian matrix of which it is the exponential; None if it is none."""
    inner = node.arguments[0] if is_apply(node, matrix_exp) else None
    return inner if inner is not None and is_hermitian(inner) else None


def _multiple_of_identity(positive: Node, rows: Dim) -> Node:
    """`log(s) I`; that of a fraction is a difference."""
    ratio = as_number(positive)
    parts = [(positive, 1)] if ratio is None else [(number(ratio.numerator), 1), (number(ratio.denominator), -1)]
    logarithms = ((sign, Factor(Apply(log, (), (part,)), ())) for part, sign in parts if as_number(part) != 1)
    return add([zero((rows, rows)), *(contract(sign, [f], ((0,), (0,)), {0: rows}) for sign, f in logarithms)])


def _as_power(node: Node) -> tuple[Node, Fraction, list[Node]]:
    """A matrix as the power of another, times positive numbers."""
    if is_apply(node, *EXPONENTS):
        base, exponent, scalars = _as_power(node.arguments[0])
        if not scalars:
            return base, exponent * EXPONENTS[node.primitive], []
    chain = matrix_chain(node) if isinstance(node, Contract) and node.coefficient > 0 else None
    if not isinstance(node, Contract) or chain is None or len({factor.node for factor, _ in chain}) != 1:
        return node, Fraction(1), []
    base, exponent, inner = _as_power(chain[0][0].node)
    if inner or "symmetric" not in facts_of(base):
        return node, Fraction(1), []
    coefficient = [number(node.coefficient)] if node.coefficient != 1 else []
    return base, len(chain) * exponent, [*coefficient, *(f.node for f in node.factors if not f.node.rank)]
