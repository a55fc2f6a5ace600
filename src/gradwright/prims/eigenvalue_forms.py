"""What functions of Hermitian matrices, and equations with them, are in eigenvectors.

With `A = V diag(λ) Vᴴ` and `B = W diag(μ) Wᴴ`

    f(A) = V diag(f(λ)) Vᴴ
    f[A, B](E) = V (f[λᵢ, μⱼ] ∘ Vᴴ E W) Wᴴ
    A X + X B = C   has the solution   X = V (Vᴴ C W / (λᵢ + μⱼ)) Wᴴ

with the divided differences of f (Daleckii & Krein 1965; Higham 2008, Functions of Matrices, ch. 3), here without
cancellation: for a ≥ b

    exp[a, b] = eᵃ (1 − e⁻⁽ᵃ⁻ᵇ⁾) / (a − b)
    log[a, b] = log(1 + x) / (b x)   with   x = (a − b) / b.

The primitives are for code that is emitted, no functions of the language: `gradwright.optimise.eigenvectors` puts
them. What eigenvalues must not be, negative or not numbers, is refused where there are numbers, which is not while
PyTorch traces, and never in JAX.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradwright.core.primitive import Primitive, Sample
from gradwright.prims.precision import require_separate

Array = np.ndarray


def are_nonnegative(eigenvalues: Array) -> bool:
    """Whether none is negative; those of a matrix of low rank are by some units in the last digit of the largest."""
    return bool(np.all(eigenvalues >= -10 * np.finfo(eigenvalues.dtype).eps * np.abs(eigenvalues).sum()))


def root_of_eigenvalues(eigenvalues: Array) -> Array:
    """The square roots of eigenvalues; a negative rounding error counts as zero."""
    if not are_nonnegative(eigenvalues):
        raise np.linalg.LinAlgError("a matrix whose eigenvalues are not all at least 0 has no Hermitian square root")
    return np.sqrt(np.maximum(eigenvalues, 0))


def log_of_eigenvalues(eigenvalues: Array) -> Array:
    """The logarithms of eigenvalues."""
    if not np.all(eigenvalues > np.finfo(eigenvalues.dtype).eps * np.abs(eigenvalues).sum()):
        raise np.linalg.LinAlgError("a matrix whose eigenvalues are not all positive has no Hermitian logarithm")
    return np.log(eigenvalues)


def reciprocals_of_eigenvalues(eigenvalues: Array) -> Array:
    """The reciprocals of eigenvalues."""
    if np.any(eigenvalues == 0):
        raise np.linalg.LinAlgError("Singular matrix")
    return 1 / eigenvalues


def over_sums(C: Array, a: Array, b: Array) -> Array:
    """The entries `C[i, j] / (a[i] + b[j])`."""
    require_separate(a, b, a.dtype)
    return C / (a[:, None] + b)


def exp_differences(a: Array, b: Array) -> Array:
    """The divided differences `(exp(a[i]) - exp(b[j])) / (a[i] - b[j])`."""
    gaps = np.abs(a[:, None] - b)
    apart = np.where(gaps == 0, 1, gaps)
    return np.exp(np.maximum(a[:, None], b)) * np.where(gaps == 0, 1, -np.expm1(-apart) / apart)


def log_differences(a: Array, b: Array) -> Array:
    """The divided differences `(log(a[i]) - log(b[j])) / (a[i] - b[j])`."""
    high, low = np.maximum(a[:, None], b), np.minimum(a[:, None], b)
    if not np.all(low > np.finfo(low.dtype).eps * high.max(initial=0)):
        raise np.linalg.LinAlgError("a matrix whose eigenvalues are not all positive has no Hermitian logarithm")
    gaps = (high - low) / low
    apart = np.where(gaps == 0, 1, gaps)
    return np.where(gaps == 0, 1, np.log1p(apart) / apart) / low


_ROOT_IN_TORCH = '''
def root_of_eigenvalues(eigenvalues: torch.Tensor) -> torch.Tensor:
    """The square roots of eigenvalues; a negative rounding error counts as zero."""
    error = 10 * torch.finfo(eigenvalues.dtype).eps * eigenvalues.abs().sum(-1, keepdim=True)
    if has_numbers(eigenvalues) and not (eigenvalues >= -error).all():
        raise torch.linalg.LinAlgError("a matrix whose eigenvalues are not all at least 0 has no Hermitian square root")
    return eigenvalues.clamp_min(0).sqrt()
'''
_LOG_IN_TORCH = '''
def log_of_eigenvalues(eigenvalues: torch.Tensor) -> torch.Tensor:
    """The logarithms of eigenvalues."""
    error = torch.finfo(eigenvalues.dtype).eps * eigenvalues.abs().sum(-1, keepdim=True)
    if has_numbers(eigenvalues) and not (eigenvalues > error).all():
        raise torch.linalg.LinAlgError("a matrix whose eigenvalues are not all positive has no Hermitian logarithm")
    return eigenvalues.log()
'''
_RECIPROCALS_IN_TORCH = '''
def reciprocals_of_eigenvalues(eigenvalues: torch.Tensor) -> torch.Tensor:
    """The reciprocals of eigenvalues."""
    if has_numbers(eigenvalues) and (eigenvalues == 0).any():
        raise torch.linalg.LinAlgError("The input matrix is singular")
    return 1 / eigenvalues
'''
_OVER_SUMS_IN_TORCH = '''
def over_sums(C: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The entries C[i, j] / (a[i] + b[j])."""
    a, b = a[..., :, None], b[..., None, :]
    sums = a + b
    if has_numbers(sums) and sums.numel():
        largest = a.abs().amax((-2, -1), True) + b.abs().amax((-2, -1), True)
        if not (sums.abs() > 32 * torch.finfo(sums.dtype).eps * largest).all():
            raise torch.linalg.LinAlgError("an equation has no unique solution: two eigenvalues add up to zero")
    return C / sums
'''
_EXP_DIFFERENCES_IN_TORCH = '''
def exp_differences(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The divided differences (exp(a[i]) - exp(b[j])) / (a[i] - b[j])."""
    a, b = a[..., :, None], b[..., None, :]
    gaps = (a - b).abs()
    return torch.maximum(a, b).exp() * torch.where(gaps == 0, 1, -torch.expm1(-gaps) / gaps)
'''
_LOG_DIFFERENCES_IN_TORCH = '''
def log_differences(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The divided differences (log(a[i]) - log(b[j])) / (a[i] - b[j])."""
    a, b = a[..., :, None], b[..., None, :]
    high, low = torch.maximum(a, b), torch.minimum(a, b)
    if has_numbers(low) and low.numel() and not (low > torch.finfo(low.dtype).eps * high.amax((-2, -1), True)).all():
        raise torch.linalg.LinAlgError("a matrix whose eigenvalues are not all positive has no Hermitian logarithm")
    gaps = (high - low) / low
    return torch.where(gaps == 0, 1, torch.log1p(gaps) / gaps) / low
'''
_ROOT_IN_JAX = '''
def root_of_eigenvalues(eigenvalues):
    """The square roots of eigenvalues; a negative rounding error counts as zero."""
    error = 10 * jnp.finfo(eigenvalues.dtype).eps * jnp.abs(eigenvalues).sum()
    return jnp.sqrt(jnp.where(eigenvalues < -error, jnp.nan, jnp.maximum(eigenvalues, 0)))
'''
_EXP_DIFFERENCES_IN_JAX = '''
def exp_differences(a, b):
    """The divided differences (exp(a[i]) - exp(b[j])) / (a[i] - b[j])."""
    gaps = jnp.abs(a[:, None] - b)
    apart = jnp.where(gaps == 0, 1, gaps)
    return jnp.exp(jnp.maximum(a[:, None], b)) * jnp.where(gaps == 0, 1, -jnp.expm1(-apart) / apart)
'''
_LOG_DIFFERENCES_IN_JAX = '''
def log_differences(a, b):
    """The divided differences (log(a[i]) - log(b[j])) / (a[i] - b[j])."""
    high, low = jnp.maximum(a[:, None], b), jnp.minimum(a[:, None], b)
    gaps = (high - low) / low
    apart = jnp.where(gaps == 0, 1, gaps)
    return jnp.where(gaps == 0, 1, jnp.log1p(apart) / apart) / low
'''

EQUATION_IN_JAX = '''
def hermitian_sylvester(A, B, C):
    """The X with A X + X B = C for Hermitian A and B, differentiated as the solution of the equation."""
    A, B = (A + A.conj().T) / 2, (B + B.conj().T) / 2

    def solve(_, C):
        (a, V), (b, W) = jnp.linalg.eigh(A), jnp.linalg.eigh(B)
        return V @ ((V.conj().T @ C @ W) / (a[:, None] + b)) @ W.conj().T

    C = C.astype(jnp.result_type(A, B, C))
    return jax.lax.custom_linear_solve(
        lambda X: A @ X + X @ B, C, solve, transpose_solve=lambda image, G: solve(image, G.conj()).conj()
    )
'''
_MATRIX_ROOT_IN_JAX = '''
@jax.custom_jvp
def hermitian_root(S):
    """The square root Y of a Hermitian matrix, whose derivative solves Y dY + dY Y = dS."""
    eigenvalues, V = jnp.linalg.eigh(S)
    error = 10 * jnp.finfo(eigenvalues.dtype).eps * jnp.abs(eigenvalues).sum()
    roots = jnp.sqrt(jnp.where(eigenvalues < -error, jnp.nan, jnp.maximum(eigenvalues, 0)))
    return (V * roots) @ V.conj().T


@hermitian_root.defjvp
def _move_root(inputs, directions):
    (S,), (dS,) = inputs, directions
    Y = hermitian_root(S)
    return Y, hermitian_sylvester(Y, Y, (dS + dS.conj().T) / 2)

'''


def _of_eigenvalues(name: str, value_name: str, function: Callable[[Array], Array], torch: str, jax: str) -> Primitive:
    return Primitive(
        name=name,
        signature="eigenvalues: n -> y: n",
        summary=f"{name.partition('_')[0]} of the eigenvalues of a Hermitian matrix",
        value_name=value_name,
        real_only=True,
        numpy=function,
        torch=torch,
        jax=jax,
        samples=(Sample("eigenvalues: n positive"),),
    )


def _of_pairs(name: str, summary: str, function: Callable[[Array, Array], Array], torch: str, jax: str) -> Primitive:
    return Primitive(
        name=name,
        signature="a: n, b: m -> D: n m",
        summary=summary,
        value_name="differences",
        real_only=True,
        numpy=function,
        torch=torch,
        jax=jax,
        samples=(Sample("a: n positive, b: m positive"),),
    )


spectral_root = _of_eigenvalues("root_of_eigenvalues", "roots", root_of_eigenvalues, _ROOT_IN_TORCH, _ROOT_IN_JAX)
spectral_log = _of_eigenvalues(
    "log_of_eigenvalues", "logarithms", log_of_eigenvalues, _LOG_IN_TORCH, "jax.numpy.log({0})"
)
spectral_reciprocals = _of_eigenvalues(
    "reciprocals_of_eigenvalues", "reciprocals", reciprocals_of_eigenvalues, _RECIPROCALS_IN_TORCH, "(1 / {0})"
)
spectral_exp_differences = _of_pairs(
    "exp_differences",
    "the divided differences of the exponential",
    exp_differences,
    _EXP_DIFFERENCES_IN_TORCH,
    _EXP_DIFFERENCES_IN_JAX,
)
spectral_log_differences = _of_pairs(
    "log_differences",
    "the divided differences of the logarithm",
    log_differences,
    _LOG_DIFFERENCES_IN_TORCH,
    _LOG_DIFFERENCES_IN_JAX,
)
spectral_quotient = Primitive(
    name="over_sums",
    signature="C: n m complex, a: n, b: m -> X: n m",
    summary="the solution X of diag(a) X + X diag(b) = C",
    value_name="quotients",
    numpy=over_sums,
    torch=_OVER_SUMS_IN_TORCH,
    jax="({0} / ({1}[:, None] + {2}))",
    samples=(Sample("C: n m, a: n positive, b: m positive"),),
)
# For modules of JAX, which may differentiate their functions again, the root and the equation as a whole.
hermitian_root = Primitive(
    name="hermitian_root",
    signature="S: n n -> Y: n n",
    summary="the square root of a Hermitian matrix",
    value_name="root",
    jax=_MATRIX_ROOT_IN_JAX,
)
hermitian_sylvester = Primitive(
    name="hermitian_sylvester",
    signature="A: n n, B: m m, C: n m -> X: n m",
    summary="the solution X of A X + X B = C for Hermitian A and B",
    value_name="solved",
    jax=EQUATION_IN_JAX,
)
# None of the others is to be differentiated: `V f(λ) Vᴴ` has a derivative where eigenvalues are equal, and V has none.
EIGENVALUE_FORMS = (
    spectral_root,
    spectral_log,
    spectral_reciprocals,
    spectral_exp_differences,
    spectral_log_differences,
    spectral_quotient,
)
