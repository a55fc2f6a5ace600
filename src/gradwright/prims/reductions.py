"""Sums over axes, means, inner products, norms, extrema, running sums, traces."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from gradwright.core import build
from gradwright.core.canonical import as_product
from gradwright.core.contraction import contract, is_zero, plain, simple, with_factors
from gradwright.core.dims import minimum, product
from gradwright.core.inference import is_nonnegative
from gradwright.core.language import divide
from gradwright.core.modular_numbers import objects, shaped
from gradwright.core.modular_spectra import in_order
from gradwright.core.nodes import Apply, Factor, Node, Size, is_apply
from gradwright.core.primitive import Modular, Notation, Primitive, Sample
from gradwright.core.registry import Call, Function, formula, register
from gradwright.core.scalars import shared_number
from gradwright.errors import ShapeError
from gradwright.prims.piecewise import absolute, modulus

if TYPE_CHECKING:
    from gradwright.core.modular import ModularArithmetic


def _norm_of_multiple(node: Apply) -> Node:
    """`‖−2 x‖ = 2 ‖x‖`: the size of the number, and scalars that are not negative, stand in front; `‖|x|‖ = ‖x‖`."""
    (whole,) = node.arguments
    if is_zero(whole):
        return node
    term = as_product(whole)
    entrywise = all(set(term.free_labels).issuperset(factor.labels) for factor in term.factors)
    sizes = [_signed(factor) for factor in term.factors] if entrywise else list(term.factors)
    if sizes != list(term.factors):
        return Apply(norm, (), (with_factors(term, sizes),))
    scalars = [factor for factor in term.factors if not factor.node.rank and is_nonnegative(factor.node)]
    others = [factor for factor in term.factors if factor not in scalars]
    shared = [shared_number(factor.node) for factor in others]
    numbers = [term.coefficient, *(number for number, _ in shared)]
    if not scalars and set(numbers) == {1}:
        return node
    rest = [f.with_node(n) for f, (_, n) in zip(others, shared, strict=True)]
    inner = with_factors(term, rest, 1)
    size = plain(Apply(norm, (), (inner,)), range(node.rank))
    return contract(abs(prod(numbers)), [*scalars, size], simple(range(node.rank)), dict(enumerate(node.shape)))


def _signed(factor: Factor) -> Factor:
    """What a factor is the size of; other factors as they are."""
    return factor.with_node(factor.node.arguments[0]) if is_apply(factor.node, absolute, modulus) else factor


norm = Primitive(
    name="norm",
    signature="x: ... n -> y: ...",
    summary="the Euclidean norm of all entries",
    definition=("sqrt(real(sum(conj(x) * x)))",),
    differential=("real(sum(conj(x) * dx)) / y",),
    conditions=("{x} ≠ 0",),
    simpler=_norm_of_multiple,
    field="real",
    fact_rule=lambda index, parameters, facts: {"nonnegative"},
    numpy="numpy.linalg.norm({0}, axis=-1)",
    torch="torch.linalg.vector_norm({0}, dim=-1)",
    torch_differentiates=True,
    jax="jax.numpy.linalg.norm({0}, axis=-1)",
    notation=Notation(name="norm", text="‖{x}‖", latex=r"\left\lVert {x} \right\rVert"),
    samples=(Sample("x: n"), Sample("x: n complex")),
)


def _largest_modulo_prime(field: ModularArithmetic, x: np.ndarray) -> np.ndarray:
    """One of the entries, the same one of `s x + c` for a positive s; nothing else is known of the largest."""
    rows = x.reshape(-1, x.shape[-1]).tolist()
    return shaped([in_order(field, row, "max")[0] for row in rows], x.shape[:-1])


def _smallest_modulo_prime(field: ModularArithmetic, x: np.ndarray) -> np.ndarray:
    """`min(x) = −max(−x)`."""
    return objects(-_largest_modulo_prime(field, objects(-x % field.prime)) % field.prime)


_EXTREMA = {"max": _largest_modulo_prime, "min": _smallest_modulo_prime}


def _extremum(name: str) -> Primitive:
    return Primitive(
        name=name,
        signature="x: ... n -> y: ...",
        summary=f"the {'largest' if name == 'max' else 'smallest'} of all entries",
        differential=("sum(equal(x, y * ones(n)) * dx) / sum(equal(x, y * ones(n)))",),
        note=f"{name} has a kink where it is attained twice; there the tied entries share equally",
        fact_rule=lambda index, parameters, facts: {"positive", "nonnegative"} & facts[0],
        real_only=True,
        modular=Modular(_EXTREMA[name], exact=False),
        numpy=f"numpy.{name}({{0}}, axis=-1)",
        torch=f"torch.a{name}({{0}}, dim=-1)",
        torch_differentiates=True,
        jax=f"jax.numpy.{name}({{0}}, axis=-1)",
        notation=Notation(name=name),
        samples=(Sample("x: n"),),
    )


maximum_entry = _extremum("max")
minimum_entry = _extremum("min")


def flat(node: Node) -> Node:
    """All entries as one vector, the last axis fastest."""
    return node if node.rank == 1 else build.group_axes(node, [range(node.rank)])


def along(primitive: Primitive, node: Node, axis: int | None) -> Node:
    """A reduction of all entries, or of those along one axis."""
    if axis is None:
        return Apply(primitive, (), (flat(node),))
    order = [place for place in range(node.rank) if place != axis]
    return Apply(primitive, (), (build.permute(node, [*order, axis]),))


def register_reduction(primitive: Primitive) -> Function:
    """The function of a reduction, over all entries or with `axis`."""
    usage = f"{primitive.name}(x) or {primitive.name}(X, axis=0)"

    def reduce_entries(call: Call) -> Node:
        return _reduced(primitive, call, usage)

    return register(Function(primitive.name, reduce_entries, usage, primitive.summary, (primitive,)))


def _reduced(primitive: Primitive, call: Call, usage: str) -> Node:
    call.expect(1, 2, ("axis",), usage)
    node = call.node(0)
    return along(primitive, node, call.axis(node.rank, 1))


NORM = "norm(x) or norm(X, axis=0)"


def euclidean(call: Call) -> Node:
    """The Euclidean norm. In NumPy and PyTorch a second argument is the order of a norm, and no axis."""
    if len(call.positional) == 2 or "ord" in call.keywords:
        raise ShapeError(
            "norm is the Euclidean norm, of a matrix that of Frobenius: write axis= by name, and for other norms "
            "sum(abs(x)), max(abs(x)), max(svdvals(X)) or sum(svdvals(X))"
        )
    return _reduced(norm, call, NORM)


register(Function("norm", euclidean, NORM, norm.summary, (norm,)))
register_reduction(maximum_entry)


def smallest(call: Call) -> Node:
    """The smallest entry; of two dimensions, the length of what is as long as the shorter one: thin factors."""
    dims = [value.dim for value in call.positional if isinstance(value, Size)]
    if len(dims) == len(call.positional) == 2:
        return build.size(minimum(*dims))
    return _reduced(minimum_entry, call, "min(x) or min(X, axis=0)")


register(Function("min", smallest, "min(x) or min(X, axis=0)", minimum_entry.summary, (minimum_entry,)))


@formula("sum", "sum(x) or sum(X, axis=0)", "the sum of all entries, or along an axis")
def total(call: Call) -> Node:
    """The sum of all entries, or of those along one axis."""
    call.expect(1, 2, ("axis",), "sum(x) or sum(X, axis=0)")
    node = call.node(0)
    axis = call.axis(node.rank, 1)
    return build.sum_axes(node, None if axis is None else [axis])


@formula("mean", "mean(x) or mean(X, axis=0)", "the mean of all entries, or along an axis")
def mean(call: Call) -> Node:
    """The sum divided by the number of entries."""
    call.expect(1, 2, ("axis",), "mean(x) or mean(X, axis=0)")
    node = call.node(0)
    axis = call.axis(node.rank, 1)
    axes: Sequence[int] = range(node.rank) if axis is None else [axis]
    count = product(node.shape[place] for place in axes)
    summed = build.sum_axes(node, axes)
    return build.multiply(summed, reciprocal_size(build.size(count)))


def reciprocal_size(count: Node) -> Node:
    """One over a number of entries."""
    return divide(build.number(Fraction(1)), count)


@formula("dot", "dot(x, y)", "the inner product of two vectors")
def dot(call: Call) -> Node:
    """The sum of the products of entries of two vectors."""
    call.expect(2, 2, usage="dot(x, y)")
    left, right = call.node(0), call.node(1)
    if left.rank != 1 or right.rank != 1:
        raise ShapeError("dot takes two vectors; write A @ B for matrices, or sum(A * B)")
    return build.matmul(left, right)


@formula("trace", "trace(X)", "the sum of the diagonal")
def trace(call: Call) -> Node:
    """The sum of the diagonal of a square matrix."""
    call.expect(1, 1, usage="trace(X)")
    return build.trace(call.node(0))


@formula("cumsum", "cumsum(x) or cumsum(X, axis=0)", "running sums along an axis")
def cumsum(call: Call) -> Node:
    """Running sums; a tensor with several axes needs `axis`."""
    call.expect(1, 2, ("axis",), "cumsum(x) or cumsum(X, axis=0)")
    node = call.node(0)
    axis = call.axis(node.rank, 1)
    if axis is None and node.rank != 1:
        raise ShapeError("cumsum of a tensor with several axes needs one: cumsum(X, axis=0)")
    return build.cumulative_sum(node, axis or 0)
