"""Rearrangements: diagonals, triangles, Kronecker products, vectorisation, `einsum`."""

from __future__ import annotations

import re

from gradwright.core import build
from gradwright.core.dims import Dim, product
from gradwright.core.nodes import HalfVectorisation, Node
from gradwright.core.primitive import shape_text
from gradwright.core.registry import Call, formula
from gradwright.errors import LanguageError, ShapeError, UnsupportedError
from gradwright.prims.parts import dimension


@formula("diag", "diag(v)", "the diagonal matrix of a vector")
def diag(call: Call) -> Node:
    """The diagonal matrix with a vector on its diagonal."""
    call.expect(1, 1, usage="diag(v)")
    return build.diag(call.node(0))


@formula("diagonal", "diagonal(M)", "the diagonal of a matrix, as a vector")
def diagonal(call: Call) -> Node:
    """The diagonal of a square matrix."""
    call.expect(1, 1, usage="diagonal(M)")
    return build.diagonal(call.node(0))


@formula("outer", "outer(x, y)", "the outer product")
def outer(call: Call) -> Node:
    """The axes of the first tensor, then those of the second."""
    call.expect(2, 2, usage="outer(x, y)")
    return build.outer(call.node(0), call.node(1))


@formula("kron", "kron(A, B)", "the Kronecker product")
def kron(call: Call) -> Node:
    """The Kronecker product of two matrices or two vectors."""
    call.expect(2, 2, usage="kron(A, B)")
    return build.kron(call.node(0), call.node(1))


@formula("vec", "vec(X)", "the columns of a matrix, stacked")
def vec(call: Call) -> Node:
    """The columns one under the other, first column first."""
    call.expect(1, 1, usage="vec(X)")
    return build.vec(call.node(0))


@formula("vech", "vech(X)", "the lower triangle of a matrix, column by column")
def vech(call: Call) -> Node:
    """The lower triangle with its diagonal, column by column."""
    call.expect(1, 1, usage="vech(X)")
    return build.half_vectorise(call.node(0))


@formula("tril", "tril(X)", "the lower triangle; tril(X, -1) without the diagonal")
def tril(call: Call) -> Node:
    """Zeros above the diagonal; with -1 on it too."""
    call.expect(1, 2, ("k",), "tril(X) or tril(X, -1)")
    return _triangle(call, {0: (1, 1, 0), -1: (1, 0, 0)})


@formula("triu", "triu(X)", "the upper triangle; triu(X, 1) without the diagonal")
def triu(call: Call) -> Node:
    """Zeros below the diagonal; with 1 on it too."""
    call.expect(1, 2, ("k",), "triu(X) or triu(X, 1)")
    return _triangle(call, {0: (0, 1, 1), 1: (0, 0, 1)})


def _triangle(call: Call, weights: dict[int, tuple[int, int, int]]) -> Node:
    k = call.integer("k", 1, 0)
    if k not in weights:
        allowed = " or ".join(map(str, weights))
        raise UnsupportedError(
            f"{call.function} cuts at diagonal {allowed}, not at {k}: other diagonals are not in the language"
        )
    return build.masked(call.node(0), *weights[k])


@formula("mask", "mask(X, 1, 1/2, 0)", "a matrix weighed below, on and above the diagonal")
def mask(call: Call) -> Node:
    """Rational weights for the entries below, on and above the diagonal."""
    call.expect(4, 4, usage="mask(X, below, on, above)")
    weights = [build.as_number(node) for node in call.nodes()[1:]]
    if any(weight is None for weight in weights):
        raise LanguageError("mask takes three constant numbers: mask(X, below, on, above)")
    below, on, above = (weight for weight in weights if weight is not None)
    return build.masked(call.node(0), below, on, above)


@formula("reshape", "reshape(x, n, m)", "the entries of a tensor in another shape, last axis fastest")
def reshape(call: Call) -> Node:
    """The same entries, in row-major order, with other dimensions."""
    call.expect(2, 99, usage="reshape(x, n, m)")
    shape = [dimension(call, place) for place in range(1, len(call.positional))]
    node = call.node(0)
    if product(node.shape) != product(shape):
        raise ShapeError(
            f"reshape cannot make {shape_text(tuple(shape))} of {shape_text(node.shape)}: the numbers of entries differ"
        )
    flat = node if node.rank == 1 else build.group_axes(node, [range(node.rank)])
    return build.split_axis(flat, [shape])


@formula("unvech", "unvech(v)", "the lower triangular matrix of a half-vectorised one")
def unvech(call: Call) -> Node:
    """The inverse of vech on lower triangular matrices, and its adjoint."""
    call.expect(1, 1, usage="unvech(v)")
    vector = call.node(0)
    names = vector.shape[0].names if vector.rank == 1 else ()
    for name in names:
        dim = Dim.of(name)
        tensor = HalfVectorisation(dim)
        if tensor.shape[0] == vector.shape[0]:
            return build.product_of([(vector, (0,)), (tensor, (0, 1, 2))], (1, 2))
    raise ShapeError(f"unvech takes a vector of length n(n+1)/2; this is {shape_text(vector.shape)}")


@formula("elimination", "elimination(n)", "the constant tensor E of vech(X) = E · X")
def elimination(call: Call) -> Node:
    """The tensor with axes: place in vech(X), row of X, column of X."""
    call.expect(1, 1, usage="elimination(n)")
    return HalfVectorisation(dimension(call, 0))


@formula("commutation", "commutation(n, m)", "the constant matrix K of vec(X.T) = K vec(X) for an n × m matrix X")
def commutation(call: Call) -> Node:
    """The permutation that takes the columns of a matrix, one below the other, to its rows."""
    call.expect(2, 2, usage="commutation(n, m)")
    rows, columns = dimension(call, 0), dimension(call, 1)
    swapped = build.product_of([(build.identity(rows), (0, 2)), (build.identity(columns), (1, 3))], range(4))
    return build.group_axes(swapped, ((0, 1), (3, 2)))


@formula("transpose", "transpose(X)", "the transpose of a matrix")
def transpose(call: Call) -> Node:
    """The transpose of a matrix, as `X.T`."""
    call.expect(1, 1, usage="transpose(X)")
    return build.transpose(call.node(0))


@formula("einsum", 'einsum("ij,jk->ik", A, B)', "a sum of products of entries")
def einsum(call: Call) -> Node:
    """A product of tensors with a letter on every axis; letters not in the output are summed.

    A letter may repeat in an input (the diagonal) and in the output (a diagonal tensor).
    """
    call.expect(2, 99, usage='einsum("ij,jk->ik", A, B)')
    pattern = call.positional[0]
    if not isinstance(pattern, str):
        raise LanguageError('einsum takes its pattern first: einsum("ij,jk->ik", A, B)')
    inputs, output = _read_pattern(pattern)
    nodes = [call.node(place) for place in range(1, len(call.positional))]
    if len(nodes) != len(inputs):
        raise ShapeError(f'einsum "{pattern}" takes {len(inputs)} tensor(s), and {len(nodes)} are given')
    for letters, node in zip(inputs, nodes, strict=True):
        if len(letters) != node.rank:
            raise ShapeError(
                f"einsum \"{pattern}\": '{letters}' names {len(letters)} axes, and the tensor is "
                f"{shape_text(node.shape)}"
            )
    numbers = {letter: place for place, letter in enumerate(dict.fromkeys("".join(inputs)))}
    factors = [(n, [numbers[x] for x in letters]) for letters, n in zip(inputs, nodes, strict=True)]
    return build.product_of(factors, [numbers[letter] for letter in output])


def _read_pattern(pattern: str) -> tuple[list[str], str]:
    compact = pattern.replace(" ", "")
    if "..." in compact:
        raise UnsupportedError(f'einsum "{pattern}": "..." is not in the language; name every axis')
    if not re.fullmatch(r"[A-Za-z,]*(->[A-Za-z]*)?", compact):
        raise LanguageError(f'einsum "{pattern}" is not a pattern: letters, commas and one "->"')
    left, arrow, output = compact.partition("->")
    inputs = left.split(",")
    if not arrow:
        letters = left.replace(",", "")
        output = "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
    unknown = [letter for letter in output if letter not in left]
    if unknown:
        raise LanguageError(f"einsum \"{pattern}\": '{unknown[0]}' is in the output and in no input")
    return inputs, output
