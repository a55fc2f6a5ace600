"""The exponential of a square matrix; its derivative is a divided difference."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import numpy as np

from gradwright.core.contraction import scale
from gradwright.core.nodes import Apply, Node
from gradwright.core.primitive import KnownRule, Notation, Primitive, Sample
from gradwright.core.registry import register_primitive
from gradwright.prims.divided_differences import KEPT, block_function, register_differences

SMALL = 24  # rows up to which one call for the block matrix is faster than a step by step computation


def exponential(X: np.ndarray) -> np.ndarray:
    """`exp(X)` of a matrix."""
    from scipy.linalg import expm

    return expm(X)


def exponential_difference(X: np.ndarray, E: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """`exp[X, Y](E)`.

    With equal nodes it is the Fréchet derivative, which scaling and squaring with its own derivative carried along
    computes in less than half the time of the exponential of [X, E; 0, X]
    (Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl. 30, 1639-1657).
    """
    if X.shape[-1] <= SMALL or not np.array_equal(X, Y):
        return block_function(exponential)(X, E, Y)
    from scipy.linalg import expm_frechet

    found = np.empty(np.broadcast_shapes(X.shape, E.shape), np.result_type(X, E))
    nodes, directions = (np.broadcast_to(array, found.shape) for array in (X, E))
    for place in np.ndindex(found.shape[:-2]):
        found[place] = expm_frechet(nodes[place], directions[place], compute_expm=False)
    return found


matrix_exp = Primitive(
    name="matrix_exp",
    signature="X: ... n n -> Y: ... n n invertible",
    summary="the exponential of a square matrix",
    differential=("matrix_exp_difference(X, dX, X)",),
    preserves=(*KEPT, "lower", "upper"),
    commutes=True,
    fact_rule=lambda index, parameters, facts: (
        {"spd"}
        if "hermitian" in facts[0]
        else {"unitary"}
        if "skew" in facts[0] and "complex" not in facts[0]
        else set()
    ),
    inverse="logm",
    numpy=exponential,
    torch="torch.linalg.matrix_exp",
    torch_differentiates=True,
    jax="jax.scipy.linalg.expm",
    notation=Notation(name="exp", text="e^{X}", latex="e^{{X}}"),
    known_rules=(
        KnownRule(
            "dY",
            "matrix_exp(block([[X, dX], [zeros(n, n), X]]))[:n, n:]",
            "Van Loan 1978, IEEE Trans. Automat. Control 23, 395-404",
        ),
    ),
    samples=(Sample("X: n n"), Sample("X: n n complex")),
    source="Mathias 1996; Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl. 30, 1639-1657",
)


def _taylor(X: Node, order: int) -> Node:
    """`exp(X) / k!`, the coefficient of Eᵏ in `exp(X + E)` for E that commutes with X."""
    return scale(Fraction(1, factorial(order)), Apply(matrix_exp, (), (X,), 0))


register_differences("matrix_exp", exponential, "exp", r"\exp", first=exponential_difference, taylor=_taylor)
register_primitive(matrix_exp)
