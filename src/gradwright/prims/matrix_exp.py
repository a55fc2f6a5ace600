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
from gradwright.prims.exponential import exp

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


# A pair (P, dP) is multiplied as the matrix [P, dP; 0, P] is, with three products in place of eight.
_DIFFERENCE_IN_TORCH = '''
def derivative_of_exponential(X: torch.Tensor, E: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """The divided difference of the matrix exponential; where Y is X, its derivative along E.

    That is scaling and squaring with the derivative carried along (Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl.
    30, 1639-1657), else a block of the exponential of [X, E; 0, Y].
    """
    n = X.shape[-1]
    if not has_numbers(X) or n <= 24 or not X.numel() or not torch.equal(X, Y):
        upper, lower = torch.cat((X, E), -1), torch.nn.functional.pad(Y, (n, 0))
        return torch.linalg.matrix_exp(torch.cat((upper, lower), -2).contiguous())[..., :n, n:]

    def times(P: tuple[torch.Tensor, ...], Q: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return P[0] @ Q[0], P[0] @ Q[1] + P[1] @ Q[0]

    def combined(*weights: float) -> tuple[torch.Tensor, ...]:
        return tuple(a.mul(weights[0]).add_(b, alpha=weights[1]).add_(c, alpha=weights[2]) for a, b, c in powers)

    def plus(P: tuple[torch.Tensor, ...], Q: tuple[torch.Tensor, ...], number: float) -> tuple[torch.Tensor, ...]:
        P[0].diagonal(dim1=-2, dim2=-1).add_(number)
        return P[0].add_(Q[0]), P[1].add_(Q[1])

    norm = torch.linalg.matrix_norm(X, 1).max().item()
    squarings = max(0, math.frexp(norm / 4.74)[1])  # table 6.1
    A = X * 0.5**squarings, E * 0.5**squarings
    A2 = times(A, A)
    A4 = times(A2, A2)
    A6 = times(A4, A2)
    powers = tuple(zip(A2, A4, A6, strict=True))
    low = combined(1187353796428800, 10559470521600, 33522128640)
    odd = times(A, plus(times(A6, combined(40840800, 16380, 1)), low, 32382376266240000))
    low = combined(7771770303897600, 129060195264000, 670442572800)
    even = plus(times(A6, combined(1323241920, 960960, 182)), low, 64764752532480000)
    factors, pivots = torch.linalg.lu_factor(even[0] - odd[0])
    exponential = torch.linalg.lu_solve(factors, pivots, even[0] + odd[0])
    right = even[1] + odd[1] - (even[1] - odd[1]) @ exponential
    found = exponential, torch.linalg.lu_solve(factors, pivots, right)
    for _ in range(squarings):
        found = times(found, found)
    return found[1]
'''
matrix_exp = Primitive(
    name="matrix_exp",
    signature="X: ... n n -> Y: ... n n invertible",
    summary="the exponential of a square matrix",
    differential=("matrix_exp_difference(X, dX, X)",),
    preserves=(*KEPT, "lower", "upper"),
    commutes=True,
    of_entries=lambda x: Apply(exp, (), (x,)),
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


register_differences(
    "matrix_exp",
    exponential,
    "exp",
    r"\exp",
    _taylor,
    first=exponential_difference,
    first_in_torch=_DIFFERENCE_IN_TORCH,
)
register_primitive(matrix_exp)
