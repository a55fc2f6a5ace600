"""Factorisations, linear systems and functions of matrices."""

from __future__ import annotations

import torch

from gradwright.check.tracing.arguments import Arguments, Result
from gradwright.check.tracing.operators.axes import permuted
from gradwright.check.tracing.operators.table import operator
from gradwright.check.tracing.operators.triangles import masked
from gradwright.check.tracing.values import Untraceable, Value, product
from gradwright.core import build
from gradwright.core.contraction import conjugate
from gradwright.core.language import function
from gradwright.core.nodes import Node
from gradwright.core.registry import Call, Outputs, lookup
from gradwright.core.sums import add

SUCCESS = Untraceable("the error code of a factorisation")
PIVOTING = Untraceable("an LU factorisation, whose pivoting depends on the values")


def matrix(given: Arguments, name: str) -> Node:
    """A square matrix, batch axes in front."""
    value = given.tensor(name)
    if value.rank < 2 or value.unit[-1] or value.unit[-2]:
        raise Untraceable(f"{given.operation.name} of a tensor whose matrix axes have length 1")
    return value.straight()


def outputs(name: str, *arguments: Node) -> Outputs:
    """The outputs of a function of the language that has several."""
    found = lookup(name).build(Call(name, arguments, {}))
    assert isinstance(found, Outputs)
    return found


def adjoint(value: Value) -> Value:
    """The conjugate transpose of the last two axes."""
    order = [*range(value.rank - 2), value.rank - 1, value.rank - 2]
    turned = permuted(value, order)
    return Value(conjugate(turned.node), turned.unit, turned.flipped)


def transposed(value: Value) -> Value:
    """The transpose of the last two axes."""
    return permuted(value, [*range(value.rank - 2), value.rank - 1, value.rank - 2])


def times(left: Value, right: Value) -> Value:
    """The product of matrices, or of a matrix and a vector; batch axes are the same or missing."""
    rank = max(left.rank, right.rank + (right.rank == 1))
    row, inner, column = rank, rank + 1, rank + 2
    batch = list(range(rank - 2))
    a = [*batch[len(batch) - (left.rank - 2) :], row, inner]
    if right.rank == 1:
        return product([(left, a), (right, [inner])], [*batch, row])
    b = [*batch[len(batch) - (right.rank - 2) :], inner, column]
    return product([(left, a), (right, b)], [*batch, row, column])


def like(value: Value, node: Node) -> Value:
    """A node of the same shape as a tensor."""
    return Value(node, value.unit)


def inverse(value: Value) -> Value:
    """The inverse of a matrix."""
    return like(value, function("inv", value.straight()))


def solved(matrix_: Value, right: Value) -> Value:
    """`A⁻¹ B`: `solve` of matrices that are no stacks, a product with the inverse else."""
    if matrix_.node.rank == 2 and right.node.rank == 2 and matrix_.rank == right.rank == 2:
        return Value(function("solve", matrix_.straight(), right.straight()), right.unit)
    return times(inverse(matrix_), right)


@operator("linalg_inv_ex")
def _inv(given: Arguments) -> Result:
    matrix(given, "A")
    return inverse(given.tensor("A")), SUCCESS


@operator("linalg_pinv", "linalg_matrix_exp")
def _same_function(given: Arguments) -> Value:
    name = given.operation.name.removeprefix("aten.linalg_")
    value = given.tensor("self")
    return Value(function(name, matrix(given, "self")), value.unit)


@operator("_linalg_solve_ex")
def _solve(given: Arguments) -> Result:
    coefficients, right = given.tensor("A"), given.tensor("B")
    matrix(given, "A")
    return _left_or_right(given, coefficients, right), given.pack(coefficients), PIVOTING, SUCCESS


def _left_or_right(given: Arguments, coefficients: Value, right: Value) -> Value:
    """`A X = B`, or `X A = B` where the schema says `left=False`."""
    if given.operation.arguments.get("left") is not False:
        return solved(coefficients, right)
    return times(right, inverse(coefficients))


@operator("linalg_lu_factor_ex", "_lu_with_info")
def _lu_factor(given: Arguments) -> Result:
    name = "A" if "A" in given else "self"
    matrix(given, name)
    return given.pack(given.tensor(name)), PIVOTING, SUCCESS


@operator("linalg_lu", "lu_unpack", "linalg_ldl_factor_ex")
def _lu(given: Arguments) -> Result:
    raise Untraceable(*PIVOTING.args)


@operator("linalg_lu_solve")
def _lu_solve(given: Arguments) -> Value:
    coefficients = given.unpack("LU")
    if given.flag("adjoint"):
        coefficients = adjoint(coefficients)
    return _left_or_right(given, coefficients, given.tensor("B"))


@operator("linalg_cholesky_ex", "cholesky")
def _cholesky(given: Arguments) -> Result:
    value = given.tensor("self")
    found = like(value, function("cholesky", matrix(given, "self")))
    found = adjoint(found) if given.flag("upper") else found
    return found if given.operation.name == "aten.cholesky" else (found, SUCCESS)


@operator("cholesky_solve", "_cholesky_solve_helper")
def _cholesky_solve(given: Arguments) -> Value:
    right = given.tensor("self")
    factor = _lower_factor(given, "input2" if "input2" in given else "A")
    if factor.node.rank == 2 and right.node.rank == 2:
        return Value(function("cholesky_solve", right.straight(), factor.straight()), right.unit)
    return times(_inverse_of_product(factor), right)


@operator("cholesky_inverse")
def _cholesky_inverse(given: Arguments) -> Value:
    return _inverse_of_product(_lower_factor(given, "self"))


def _lower_factor(given: Arguments, name: str) -> Value:
    """The triangle that is read, as the lower one."""
    value = given.tensor(name)
    if given.flag("upper"):
        return adjoint(masked(value, (0, 1, 1)))
    return masked(value, (1, 1, 0))


def _inverse_of_product(factor: Value) -> Value:
    return inverse(times(factor, adjoint(factor)))


@operator("linalg_solve_triangular", "triangular_solve")
def _solve_triangular(given: Arguments) -> Result:
    older = given.operation.name == "aten.triangular_solve"
    name, other = ("A", "self") if older else ("self", "B")
    coefficients, right = given.tensor(name), given.tensor(other)
    matrix(given, name)
    unit = given.flag("unitriangular")
    kept = (0, 0 if unit else 1, 1) if given.flag("upper") else (1, 0 if unit else 1, 0)
    triangle = masked(coefficients, kept)
    if unit:
        triangle = like(triangle, add([triangle.node, build.identity(_single(given, name).shape[0])]))
    if not older:
        return _left_or_right(given, triangle, right)
    return solved(transposed(triangle) if given.flag("transpose") else triangle, right), triangle


def _factorised(given: Arguments, place: int) -> Value:
    """The matrix whose factors a determinant keeps: PyTorch takes the transpose where that lies better in memory."""
    factors, pivots = given.operation.results[0][place : place + 2]
    permutation, lower, upper = torch.lu_unpack(factors, pivots)
    value = given.tensor("A")
    return value if torch.allclose(permutation @ lower @ upper, given.value("A")) else transposed(value)


@operator("_linalg_det")
def _det(given: Arguments) -> Result:
    node = matrix(given, "A")
    value = given.tensor("A")
    return Value(function("det", node), value.unit[:-2]), given.pack(_factorised(given, 1)), PIVOTING


@operator("_linalg_slogdet")
def _slogdet(given: Arguments) -> Result:
    node = matrix(given, "A")
    unit = given.tensor("A").unit[:-2]
    if not node.real:
        raise Untraceable("slogdet of a complex matrix")
    found = outputs("slogdet", node)
    return Value(found["sign"], unit), Value(found["logabsdet"], unit), given.pack(_factorised(given, 2)), PIVOTING


@operator("_linalg_eigh")
def _eigh(given: Arguments) -> Result:
    if given.text("UPLO").upper() != "L":
        raise Untraceable("eigh of the upper triangle")
    value = given.tensor("A")
    found = outputs("eigh", _single(given, "A"))
    given.know(found["eigenvectors"], 1)
    return Value(found["eigenvalues"], value.unit[:-1]), like(value, found["eigenvectors"])


@operator("linalg_eig", "_linalg_eigvals")
def _eig(given: Arguments) -> Result:
    value = given.tensor("self")
    found = outputs("eig", _single(given, "self"))
    if given.operation.name == "aten.linalg_eig":
        given.know(found["eigenvalues"], 0)
        given.know(found["eigenvectors"], 1)
    values = Value(found["eigenvalues"], value.unit[:-1])
    return values if given.operation.name == "aten._linalg_eigvals" else (values, like(value, found["eigenvectors"]))


def _single(given: Arguments, name: str) -> Node:
    """A matrix that is no stack of several."""
    node = given.tensor(name).straight()
    if node.rank != 2:
        raise Untraceable(f"{given.operation.name} of a stack of matrices")
    return node


@operator("_linalg_svd")
def _svd(given: Arguments) -> Result:
    value = given.tensor("A")
    node = _single(given, "A")
    if given.flag("full_matrices") and given.flag("compute_uv") and node.shape[0] != node.shape[1]:
        raise Untraceable("svd with full_matrices=True")
    found = outputs("svd", node)
    if given.flag("compute_uv"):
        given.know(found["U"], 0)
        given.know(found["V"], 2, adjoint=True)
    batch = value.unit[:-2]
    square = (*batch, False, False)
    return Value(found["U"], square), Value(found["S"], (*batch, False)), Value(found["Vh"], square)


@operator("linalg_qr")
def _qr(given: Arguments) -> Result:
    value, node = given.tensor("A"), _single(given, "A")
    if given.text("mode") != "reduced" and node.shape[0] != node.shape[1]:
        raise Untraceable(f"qr with mode='{given.text('mode')}'")
    found = outputs("qr", node)
    given.know(found["Q"], 0)
    given.know(found["R"], 1)
    square = (*value.unit[:-2], False, False)
    return Value(found["Q"], square), Value(found["R"], square)


@operator("linalg_lstsq")
def _lstsq(given: Arguments) -> Result:
    right = given.tensor("b")
    solution = Value(function("lstsq", _single(given, "self"), right.straight()), right.unit)
    return (solution, *(Untraceable("what lstsq returns beside the solution"),) * 3)
