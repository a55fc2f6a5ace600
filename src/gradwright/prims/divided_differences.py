"""Divided differences of functions of matrices, which are their derivatives of all orders.

The derivative of a function f of a matrix is its divided difference with matrix nodes,

    f[X₀, …, X_k](E₁, …, E_k) = the upper right block of f of the block matrix with X₀ … X_k on its
    diagonal and E₁ … E_k above it,

which is linear in every E (Mathias 1996, SIAM J. Matrix Anal. Appl. 17, 610-620; Higham, Functions of
Matrices (2008), ch. 3). These functions are closed under differentiation,

    d f[X₀, X₁](E) = f[X₀, X₀, X₁](dX₀, E) + f[X₀, X₁](dE) + f[X₀, X₁, X₁](E, dX₁),

so that all orders need one rule; and the adjoint in one E is a divided difference again, at the
adjoint nodes in the order in which they surround it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import reduce

import numpy as np

from gradwright.core.build import matmul, permute, transpose
from gradwright.core.commuting import commute
from gradwright.core.contraction import conjugate
from gradwright.core.facts import Facts
from gradwright.core.inference import facts_of, is_symmetric
from gradwright.core.nodes import Apply, Node, Parameter
from gradwright.core.primitive import Notation, Primitive, Sample
from gradwright.core.registry import FUNCTIONS, register_primitive
from gradwright.errors import UnsupportedError
from gradwright.prims.precision import in_precision_of, require_finite

HIGHEST_ORDER = 4
Matrix = np.ndarray
Regular = Callable[[tuple[Matrix, ...], tuple[Matrix, ...]], bool]
_FUNCTIONS: dict[Primitive, str] = {}  # the names of the functions whose divided differences are registered


def block_function(function: Callable[[Matrix], Matrix]) -> Callable[..., Matrix]:
    """The divided difference of a matrix function, by the function of the block matrix."""

    def difference(*arguments: Matrix) -> Matrix:
        nodes, directions = arguments[::2], arguments[1::2]
        n, blocks = nodes[0].shape[-1], len(nodes)
        batch = np.broadcast_shapes(*(a.shape[:-2] for a in arguments))
        kind = np.result_type(*arguments)
        whole = np.zeros((*batch, blocks * n, blocks * n), dtype=kind)
        for k, node in enumerate(nodes):
            whole[..., k * n : (k + 1) * n, k * n : (k + 1) * n] = node
        for k, direction in enumerate(directions):
            whole[..., k * n : (k + 1) * n, (k + 1) * n : (k + 2) * n] = direction
        flat = whole.reshape(-1, blocks * n, blocks * n)
        values = np.stack([function(part)[:n, -n:] for part in flat])
        return values.reshape(*batch, n, n)

    return difference


def adjoint_of_each(node: Node) -> Node:
    """The conjugate transpose of a matrix, or of each in a stack of matrices."""
    return conjugate(permute(node, [*range(node.rank - 2), node.rank - 1, node.rank - 2]))


def difference_adjoint(node: Apply, place: int, cotangent: Node) -> Node:
    """The cotangent of `E_j`: the factors on either side, adjoined, around the cotangent."""
    left = [adjoint_of_each(a) for a in reversed(node.arguments[:place])]
    right = [adjoint_of_each(a) for a in reversed(node.arguments[place + 1 :])]
    return Apply(node.primitive, (), (*left, cotangent, *right))


def _turned(node: Apply) -> Apply:
    """`f[X, Y](E)ᵀ = f[Yᵀ, Xᵀ](Eᵀ)`, and so for every order."""
    return Apply(node.primitive, (), tuple(map(upright_transpose, reversed(node.arguments))))


def upright_transpose(matrix: Node) -> Node:
    """The transpose; of a symmetric matrix the matrix itself."""
    return matrix if is_symmetric(matrix) else transpose(matrix)


def difference_name(function: str, order: int) -> str:
    """The name of the divided difference of a matrix function."""
    return f"{function}_difference" if order == 1 else f"{function}_difference{order}"


def _signature(order: int) -> str:
    inputs = ["X0: ... n n"]
    for k in range(1, order + 1):
        inputs += [f"E{k}: ... n n", f"X{k}: ... n n"]
    return f"{', '.join(inputs)} -> Y: ... n n"


def _difference_differential(function: str, order: int) -> tuple[str, ...]:
    if order == HIGHEST_ORDER:
        raise UnsupportedError(f"derivatives of {function} beyond order {HIGHEST_ORDER} are not provided")
    names = ["X0"] + [name for k in range(1, order + 1) for name in (f"E{k}", f"X{k}")]
    terms: list[str] = []
    for place, name in enumerate(names):
        if name.startswith("X"):
            inside = [*names[:place], name, f"d{name}", name, *names[place + 1 :]]
            terms.append(f"{difference_name(function, order + 1)}({', '.join(inside)})")
        else:
            inside = [*names[:place], f"d{name}", *names[place + 1 :]]
            terms.append(f"{difference_name(function, order)}({', '.join(inside)})")
    return (" + ".join(terms),)


def _difference_facts(index: int, parameters: tuple[Parameter, ...], facts: tuple[Facts, ...]) -> set[str]:
    if len(facts) == 3:
        return {fact for fact in ("symmetric", "hermitian") if all(fact in known for known in facts)}
    return set()


def _notation(shown: str, latex: str, order: int) -> Notation:
    """`exp[X₀, X₁](E₁)`: the nodes in brackets, then what the difference is linear in."""
    nodes = ", ".join(f"{{X{k}}}" for k in range(order + 1))
    linear = ", ".join(f"{{E{k}}}" for k in range(1, order + 1))
    return Notation(f"{shown}[{nodes}]({linear})", rf"{latex}\left[{nodes}\right]\left({linear}\right)")


def register_differences(
    function: str,
    evaluate: Callable[[Matrix], Matrix],
    shown: str,
    latex: str,
    taylor: Callable[[Node, int], Node],
    regular: Regular | None = None,
    conditions: tuple[str, ...] = (),
    first: Callable[[Matrix, Matrix, Matrix], Matrix] | None = None,
    first_in_torch: str | None = None,
) -> None:
    """Register the divided differences of a matrix function, `shown` and in LaTeX `latex` in formulas.

    `taylor` is the function's Taylor coefficient f⁽ᵏ⁾(X) / k!. `first` evaluates the one of first order, where that can
    be done faster than by the block matrix; `first_in_torch` is the text of a function of PyTorch's tensors that does.
    """
    for order in range(1, HIGHEST_ORDER + 1):
        difference = Primitive(
            name=difference_name(function, order),
            signature=_signature(order),
            summary=f"the divided difference of order {order} of {function}, linear in every E",
            differential=lambda *, f=function, k=order: _difference_differential(f, k),
            linear_in=tuple(range(1, 2 * order, 2)),
            adjoint=difference_adjoint,
            turned=_turned,
            fact_rule=_difference_facts,
            simpler=lambda node: _along_its_node(node, taylor),
            numpy=first if first is not None and order == 1 else block_function(evaluate),
            torch=first_in_torch if order == 1 else None,
            regular=regular,
            conditions=conditions,
            notation=_notation(shown, latex, order),
            samples=(Sample(_signature(order).partition("->")[0].replace("... ", "")),),
            source="Mathias 1996; Higham 2008, ch. 3",
        )
        register_primitive(difference)
        _FUNCTIONS[difference] = function


def _along_its_node(node: Apply, taylor: Callable[[Node, int], Node]) -> Node:
    """`f[X, …, X](E₁, …, E_k) = E₁ … E_k f⁽ᵏ⁾(X) / k!` for matrices E that commute with X."""
    (X, *others), directions = node.arguments[::2], node.arguments[1::2]
    if X.rank != 2 or any(other != X for other in others):
        return node
    if not all(commute(X, E, facts_of) for E in directions):
        return node
    return reduce(matmul, (*directions, taylor(X, len(directions))))


def first_difference(function: str) -> Primitive:
    """The first divided difference of a matrix function: its Fréchet derivative."""
    return FUNCTIONS[difference_name(function, 1)].primitives[0]


def function_of(difference: Primitive) -> Primitive | None:
    """The matrix function whose divided difference a primitive is; None if it is none."""
    name = _FUNCTIONS.get(difference)
    return None if name is None else FUNCTIONS[name].primitives[0]


def principal(function: Callable[[Matrix], Matrix], X: Matrix) -> Matrix:
    """A function of matrices that SciPy computes in double precision, one at a time; real for a real matrix.

    SciPy has a complex result where a real matrix has no real one, as at an eigenvalue on the negative real axis.
    """
    if X.ndim > 2:
        return np.stack([principal(function, part) for part in X])
    require_finite(X)
    with warnings.catch_warnings():
        # SciPy warns of rounding errors from a thousandth of a billionth on, and of matrices that are refused below.
        warnings.simplefilter("ignore")
        result = np.asarray(function(X.astype(np.result_type(X, float))))
    if np.iscomplexobj(X):
        return in_precision_of(result, X)
    if not np.allclose(np.imag(result), 0, atol=1e-9 * max(1.0, np.abs(result).max())):
        raise np.linalg.LinAlgError("a real matrix has an eigenvalue at which its function is not real")
    return in_precision_of(np.real(result), X)


# What a function of a matrix keeps of its argument.
KEPT = ("symmetric", "hermitian", "diagonal")
