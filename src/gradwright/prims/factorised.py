"""Systems and determinants from a factorisation that has been computed already, for code that is emitted.

`P A = L U` with pivoting comes as `lu_factor` returns it: L and U in one matrix, and the row exchanges.
None of these is a function of the language; `gradwright.optimise` puts them where a factorisation is
needed more than once.
"""

from __future__ import annotations

from gradwright.core.primitive import Primitive, Sample
from gradwright.prims.cholesky_solve import cholesky_solve, cholesky_solve_vector
from gradwright.prims.solve import solve, solve_vector, with_vector
from gradwright.prims.solve_triangular import solve_triangular, solve_triangular_vector

_FACTORS = "factors: n n, pivots: n"

# PyTorch reports a zero pivot as a plain RuntimeError about U; `inv` and `solve` say what it means.
_LU_IN_TORCH = '''
def lu_factor(A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The factors L and U of P A in one matrix, and the row exchanges."""
    try:
        factors, pivots = torch.linalg.lu_factor(A)
    except RuntimeError as error:
        if "is zero" in str(error):
            raise torch.linalg.LinAlgError(f"The input matrix is singular ({error})") from error
        raise
    return factors, pivots
'''

# SciPy's function warns of a singular matrix, and divides by zero.
_LU_IN_NUMPY = '''
def lu_factor(A):
    """The factors L and U of P A in one matrix, and the row exchanges."""
    (factorise,) = scipy.linalg.get_lapack_funcs(("getrf",), (np.asarray(A),))
    factors, pivots, zero_pivot = factorise(A)
    if zero_pivot:
        raise np.linalg.LinAlgError("Singular matrix")
    return factors, pivots
'''

# LAPACK computes a triangle of the inverse, in half of the time of a system with the identity.
_INVERSE_IN_NUMPY = '''
def cholesky_inverse(L):
    """The inverse of L Lᴴ."""
    (invert,) = scipy.linalg.get_lapack_funcs(("potri",), (L,))
    lower = invert(L.T)[0].T
    return np.tril(lower) + np.tril(lower, -1).conj().T
'''

lu_factor = Primitive(
    name="lu_factor",
    signature=f"A: n n -> {_FACTORS}",
    summary="the factors L and U of P A in one matrix, and the row exchanges",
    conditions=("{A} is invertible",),
    field=("same", "real"),
    numpy=_LU_IN_NUMPY,
    torch=_LU_IN_TORCH,
    jax="jax.scipy.linalg.lu_factor",
    samples=(Sample("A: n n"),),
)
lu_solve = Primitive(
    name="lu_solve",
    signature=f"B: n m, {_FACTORS} -> Y: n m",
    summary="the solution Y of A Y = B from the factors of A",
    value_name="solved",
    real_only=True,
    numpy="scipy.linalg.lu_solve(({1}, {2}), {0}, check_finite=False)",
    torch="torch.linalg.lu_solve({1}, {2}, {0})",
    jax="jax.scipy.linalg.lu_solve(({1}, {2}), {0})",
)
lu_solve_transposed = Primitive(
    name="lu_solve_transposed",
    signature=f"B: n m, {_FACTORS} -> Y: n m",
    summary="the solution Y of Aᵀ Y = B from the factors of A",
    value_name="solved",
    real_only=True,
    numpy="scipy.linalg.lu_solve(({1}, {2}), {0}, trans=1, check_finite=False)",
    torch="torch.linalg.lu_solve({1}, {2}, {0}, adjoint=True)",
    jax="jax.scipy.linalg.lu_solve(({1}, {2}), {0}, trans=1)",
)
cholesky_inverse = Primitive(
    name="cholesky_inverse",
    signature="L: n n lower -> Y: n n spd",
    summary="the inverse of L Lᴴ",
    value_name="inv",
    numpy=_INVERSE_IN_NUMPY,
    torch="torch.cholesky_inverse({0})",
    jax="jax.scipy.linalg.cho_solve(({0}, True), jax.numpy.eye(len({0}), dtype={0}.dtype))",
    samples=(Sample("L: n n lower"),),
)
product_of_entries = Primitive(
    name="prod",
    signature="x: n -> y: ",
    summary="the product of all entries",
    numpy="numpy.prod({0}, axis=-1)",
    torch="torch.prod({0}, dim=-1)",
    jax="jax.numpy.prod({0}, axis=-1)",
    samples=(Sample("x: n"),),
)
solve_upper = Primitive(
    name="solve_upper",
    signature="U: n n upper, B: n m -> Y: n m",
    summary="the solution Y of U Y = B, U upper triangular",
    value_name="solved",
    numpy="scipy.linalg.solve_triangular({0}, {1}, lower=False, check_finite=False)",
    torch="torch.linalg.solve_triangular({0}, {1}, upper=True)",
    jax="jax.scipy.linalg.solve_triangular({0}, {1}, lower=False)",
    samples=(Sample("U: n n upper, B: n m"),),
)

# The record for a vector on the right, by the one for a matrix.
VECTOR = {
    solve: solve_vector,
    solve_triangular: solve_triangular_vector,
    cholesky_solve: cholesky_solve_vector,
    **{record: with_vector(record) for record in (lu_solve, lu_solve_transposed, solve_upper)},
}
